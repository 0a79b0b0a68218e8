"""Functions as the released JavaExtractor sees them (Alon et al., ICLR 2019): labels, child indices and values.

Labels are JavaParser's class names, most of them shortened (`NameExpr` -> `Nm`), operators folded in (`BinaryExpr:plus`
-> `Plus`). A child's index is that of the first sibling with the same position, so that children without one share
theirs. Indices (saturated at 3) stand at both ends of a path and at nodes under assignments, array accesses, field
accesses and calls; on the way DOWN a path the extractor asks the node's own type instead of its parent's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from phloem.languages import by_name
from phloem.languages.example import Example
from phloem.languages.tree import ERROR, MISSING
from phloem.represent.forest import MOST_CHILD_INDEX, Forest
from phloem.represent.java_comments import attribute_comments
from phloem.represent.java_parser import java_method
from phloem.represent.java_translation import JavaNode
from phloem.represent.labels import Labels
from phloem.represent.preset import PathPreset
from phloem.represent.values import KEPT_NUMBERS, NUMBER

_INDEXED = frozenset({"AssignExpr", "ArrayAccessExpr", "FieldAccessExpr", "MethodCallExpr"})

# Abbreviations of the released data's node vocabulary; other classes keep their names.
_ABBREVIATIONS = """
    ArrayAccessExpr=ArAc ArrayBracketPair=ArBr ArrayCreationExpr=ArCr ArrayCreationLevel=ArCrLvl
    ArrayInitializerExpr=ArIn ArrayType=ArTy AssertStmt=Asrt AssignExpr:and=AsAn AssignExpr:assign=As
    AssignExpr:lShift=AsLS AssignExpr:minus=AsMi AssignExpr:or=AsOr AssignExpr:plus=AsP AssignExpr:rem=AsRe
    AssignExpr:rSignedShift=AsRSS AssignExpr:rUnsignedShift=AsRUS AssignExpr:slash=AsSl AssignExpr:star=AsSt
    AssignExpr:xor=AsX BinaryExpr:and=And BinaryExpr:binAnd=BinAnd BinaryExpr:binOr=BinOr BinaryExpr:divide=Div
    BinaryExpr:equals=Eq BinaryExpr:greater=Gt BinaryExpr:greaterEquals=Geq BinaryExpr:less=Ls
    BinaryExpr:lessEquals=Leq BinaryExpr:lShift=LS BinaryExpr:minus=Minus BinaryExpr:notEquals=Neq BinaryExpr:or=Or
    BinaryExpr:plus=Plus BinaryExpr:remainder=Mod BinaryExpr:rSignedShift=RSS BinaryExpr:rUnsignedShift=RUS
    BinaryExpr:times=Mul BinaryExpr:xor=Xor BlockStmt=Bk BooleanLiteralExpr=BoolEx CastExpr=Cast CatchClause=Catch
    CharLiteralExpr=CharEx ClassExpr=ClsEx ClassOrInterfaceDeclaration=ClsD ClassOrInterfaceType=Cls
    ConditionalExpr=Cond ConstructorDeclaration=Ctor DoStmt=Do DoubleLiteralExpr=Dbl EmptyMemberDeclaration=Emp
    EnclosedExpr=Enc ExplicitConstructorInvocationStmt=ExpCtor ExpressionStmt=Ex FieldAccessExpr=Fld
    FieldDeclaration=FldDec ForeachStmt=Foreach ForStmt=For IfStmt=If InitializerDeclaration=Init
    InstanceOfExpr=InstanceOf IntegerLiteralExpr=IntEx IntegerLiteralMinValueExpr=IntMinEx LabeledStmt=Labeled
    LambdaExpr=Lambda LongLiteralExpr=LongEx MarkerAnnotationExpr=MarkerExpr MemberValuePair=Mvp MethodCallExpr=Cal
    MethodDeclaration=Mth MethodReferenceExpr=MethRef NameExpr=Nm NormalAnnotationExpr=NormEx NullLiteralExpr=Null
    ObjectCreationExpr=ObjEx Parameter=Prm PrimitiveType=Prim QualifiedNameExpr=Qua ReturnStmt=Ret
    SingleMemberAnnotationExpr=SMEx StringLiteralExpr=StrEx SuperExpr=SupEx SwitchEntryStmt=SwiEnt SwitchStmt=Switch
    SynchronizedStmt=Sync ThisExpr=This ThrowStmt=Thro TryStmt=Try TypeDeclarationStmt=TypeDec TypeExpr=Type
    TypeParameter=TypePar UnaryExpr:inverse=Inverse UnaryExpr:negative=Neg UnaryExpr:not=Not
    UnaryExpr:posDecrement=PosDec UnaryExpr:posIncrement=PosInc UnaryExpr:positive=Pos UnaryExpr:preDecrement=PreDec
    UnaryExpr:preIncrement=PreInc UnionType=Unio VariableDeclarationExpr=VDE VariableDeclarator=VD
    VariableDeclaratorId=VDID VoidType=Void WhileStmt=While WildcardType=Wild
"""
SHORT: dict[str, str] = dict(re.findall(r"(\S+)=(\S+)", _ABBREVIATIONS))


def java_parser_forest(examples: Sequence[Example], preset: PathPreset, labels: Labels) -> Forest:
    """The forest of Java methods with JavaParser's trees and the extractor's labels (`preset.OFFICIAL_JAVA`)."""
    rows = _Rows(labels, preset)
    offsets = [0]
    for example in examples:
        if not (example.tree.flags & (ERROR | MISSING)).any():  # JavaParser reads no broken code
            method, comments = java_method(example, by_name(example.language))
            attribute_comments(method, comments, example.tree.source)
            rows.add(method, example)
        offsets.append(len(rows.leaves))
    return Forest(
        parent=np.array(rows.parent, np.int32),
        stop=np.array(rows.stop, np.int32),
        up=np.array(rows.up, np.int32),
        down=np.array(rows.down, np.int32),
        end=np.array(rows.end, np.int32),
        leaves=np.array(rows.leaves, np.int32),
        text=np.array(rows.text, np.int32),
        values=list(rows.values),
        leaf_offsets=np.array(offsets, np.int64),
        span=np.array(rows.span, np.int32).reshape(-1, 2),
        child_number=np.array(rows.index, np.int32),
    )


class _Rows:
    """The arrays of a forest while they grow."""

    def __init__(self, labels: Labels, preset: PathPreset) -> None:
        self.labels = labels
        self.preset = preset
        self.known: dict[str, int] = {}
        self.parent: list[int] = []
        self.stop: list[int] = []
        self.up: list[int] = []
        self.down: list[int] = []
        self.end: list[int] = []
        self.index: list[int] = []
        self.leaves: list[int] = []
        self.text: list[int] = []
        self.span: list[tuple[int, int]] = []
        self.values: dict[str, int] = {}

    def label(self, short: str, index: int | None) -> int:
        name = short if index is None else f"{short}{min(index, MOST_CHILD_INDEX)}"
        known = self.known.get(name)
        if known is None:
            known = self.known[name] = self.labels.id(name)
        return known

    def add(self, method: JavaNode, example: Example) -> None:
        """One method's nodes in preorder; a node's `stop` is set when the walk leaves it."""
        stack: list[tuple[JavaNode | None, int, int]] = [(method, -1, 0)]
        while stack:
            node, parent, index = stack.pop()
            if node is None:
                self.stop[parent] = len(self.parent)
                continue
            number = len(self.parent)
            self.parent.append(parent)
            self.stop.append(0)
            self.index.append(index)
            self._labels(node, index)
            if not node.children:
                self._leaf(node, number, example)
            stack.append((None, number, 0))
            first: dict[tuple[int, int], int] = {}
            indices = [first.setdefault((child.begin, child.end), i) for i, child in enumerate(node.children)]
            stack.extend(
                (child, number, i) for child, i in zip(reversed(node.children), reversed(indices), strict=True)
            )

    def _labels(self, node: JavaNode, index: int) -> None:
        type_ = node.label_type
        short = SHORT.get(type_, type_)
        above = node.parent.type if node.parent is not None else ""
        self.up.append(self.label(short, index if above in _INDEXED else None))
        self.down.append(self.label(short, index if node.type in _INDEXED else None))
        self.end.append(self.label(short, index) if not node.children else 0)

    def _leaf(self, node: JavaNode, number: int, example: Example) -> None:
        if not node.text or node.type.endswith("Stmt"):
            return
        is_name = node.type == "NameExpr" and node.parent is not None and node.parent.type == "MethodDeclaration"
        masked = self.preset.mask_recursion and node.text == example.name
        value = self.preset.method_name if is_name or masked else java_value(node)
        self.leaves.append(number)
        self.text.append(self.values.setdefault(value, len(self.values)))
        self.span.append((node.begin, node.end + 1))


_SPLIT = re.compile(r"(?<=[a-z])(?=[A-Z])|_|[0-9]|(?<=[A-Z])(?=[A-Z][a-z])|\s+")
_UNICODE = re.compile(r"\\u+([0-9a-fA-F]{4})")
_BLANK = "BLANK"


def java_value(node: JavaNode) -> str:
    """The value that the extractor writes for a terminal, its comment included."""
    text = node.comment + _UNICODE.sub(lambda code: chr(int(code[1], 16)), node.text)
    parts = [_normal(part, "") for part in _SPLIT.split(text.replace("|", " ").strip()) if part]
    value = "|".join(part for part in parts if part)
    if value:
        return value
    value = _normal(text, _BLANK)
    return NUMBER if node.type == "IntegerLiteralExpr" and value not in KEPT_NUMBERS else value


def _normal(text: str, default: str) -> str:
    """Letters only; a text without letters stays, printable and without quotes and commas."""
    text = re.sub(r"\\n|//s+|[\"',]|[^\x20-\x7e]", "", text.lower())
    return re.sub("[^a-z]", "", text) or text.replace(" ", "_") or default
