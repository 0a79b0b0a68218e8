"""The 160 functions of the ARC language with their types, and its constants, as CodeIt names them (Butt et al. 2024).

    add: Num Num -> Num

A type is a name of `arc_values` or one that several fit: Num (Int or IntPair), Patch (Object, Indices), Piece (Patch,
Grid), Element (Object, Grid), Set, Cont (any tuple or frozenset), ContCont, Fn (any function), Any.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple

from phloem.synthesis.languages import arc_containers, arc_grids, arc_patches
from phloem.synthesis.languages.arc_values import Function, Value

_TABLE = """
add subtract multiply divide: Num Num -> Num
invert double halve increment decrement crement sign: Num -> Num
even positive: Int -> Bool
greater: Int Int -> Bool
maximum minimum: IntSet -> Int
toivec tojvec: Int -> IntPair
astuple: Int Int -> IntPair
interval: Int Int Int -> Tuple
flip: Bool -> Bool
both either: Bool Bool -> Bool
equality: Any Any -> Bool
contained: Any Cont -> Bool
branch: Bool Any Any -> Any
identity: Any -> Any
combine: Cont Cont -> Cont
intersection difference: Set Set -> Set
dedupe: Tuple -> Tuple
order: Cont Fn -> Tuple
repeat: Any Int -> Tuple
size: Cont -> Int
merge: ContCont -> Cont
valmax valmin: Cont Fn -> Int
argmax argmin extract: Cont Fn -> Any
mostcommon leastcommon first last: Cont -> Any
initset: Any -> Set
insert: Any Set -> Set
remove: Any Cont -> Cont
other: Cont Any -> Any
totuple: Set -> Tuple
sfilter: Cont Fn -> Cont
mfilter: Cont Fn -> Set
sizefilter: Cont Int -> Set
product: Cont Cont -> Set
pair: Tuple Tuple -> Tuple
compose: Fn Fn -> Fn
chain fork: Fn Fn Fn -> Fn
matcher rbind lbind: Fn Any -> Fn
power: Fn Int -> Fn
apply: Fn Cont -> Cont
rapply: Cont Any -> Cont
mapply: Fn ContCont -> Set
papply mpapply: Fn Tuple Tuple -> Tuple
prapply: Fn Cont Cont -> Set
mostcolor leastcolor: Element -> Int
palette: Element -> IntSet
numcolors: Element -> Int
colorcount: Element Int -> Int
color: Object -> Int
colorfilter: Objects Int -> Objects
index: Grid IntPair -> Int
height width: Piece -> Int
shape: Piece -> IntPair
portrait square: Piece -> Bool
vline hline: Patch -> Bool
uppermost lowermost leftmost rightmost: Patch -> Int
ulcorner urcorner llcorner lrcorner center centerofmass: Patch -> IntPair
hmatching vmatching adjacent: Patch Patch -> Bool
manhattan: Patch Patch -> Int
bordering: Patch Grid -> Bool
position gravitate: Patch Patch -> IntPair
hperiod vperiod: Object -> Int
asindices: Grid -> Indices
ofcolor: Grid Int -> Indices
toindices corners backdrop delta box inbox outbox: Patch -> Indices
dneighbors ineighbors neighbors hfrontier vfrontier: IntPair -> Indices
connect shoot: IntPair IntPair -> Indices
occurrences: Grid Object -> Indices
objects: Grid Bool Bool Bool -> Objects
partition fgpartition frontiers: Grid -> Objects
asobject: Grid -> Object
toobject: Patch Grid -> Object
recolor: Int Patch -> Object
shift: Patch IntPair -> Patch
normalize: Patch -> Patch
crop: Grid IntPair IntPair -> Grid
subgrid: Patch Grid -> Grid
canvas: Int IntPair -> Grid
fill underfill: Grid Int Patch -> Grid
paint underpaint: Grid Object -> Grid
cover: Grid Patch -> Grid
move: Grid Object IntPair -> Grid
replace switch: Grid Int Int -> Grid
trim rot90 rot180 rot270 tophalf bottomhalf lefthalf righthalf compress: Grid -> Grid
hmirror vmirror dmirror cmirror: Piece -> Piece
hupscale vupscale downscale: Grid Int -> Grid
upscale: Element Int -> Element
hconcat vconcat: Grid Grid -> Grid
hsplit vsplit: Grid Int -> Tuple
cellwise: Grid Grid Int -> Grid
"""


class Signature(NamedTuple):
    """A function of the language."""

    name: str
    arguments: tuple[str, ...]
    result: str
    function: Function


_BUILT_IN: dict[str, Callable[..., Value]] = {
    "even": lambda x: x % 2 == 0,
    "positive": lambda x: x > 0,
    "greater": operator.gt,
    "maximum": lambda numbers: max(numbers, default=0),
    "minimum": lambda numbers: min(numbers, default=0),
    "toivec": lambda i: (i, 0),
    "tojvec": lambda j: (0, j),
    "astuple": lambda i, j: (i, j),
    "flip": operator.not_,
    "both": lambda x, y: x and y,
    "either": lambda x, y: x or y,
    "equality": operator.eq,
    "contained": lambda item, items: item in items,
    "branch": lambda test, then, otherwise: then if test else otherwise,
    "identity": lambda x: x,
    "intersection": operator.and_,
    "size": len,
    "initset": lambda item: frozenset({item}),
    "totuple": tuple,
}
_MODULES: tuple[ModuleType, ...] = (arc_containers, arc_patches, arc_grids)


def _function(name: str, arity: int) -> Function:
    found = _BUILT_IN.get(name)
    for module in _MODULES:
        if found is None:
            found = getattr(module, name, None)
    assert found is not None, name
    return Function(found, arity)


def _signatures() -> dict[str, Signature]:
    found = {}
    for line in _TABLE.strip().splitlines():
        names, _, types = line.partition(":")
        arguments, _, result = types.partition("->")
        taken = tuple(arguments.split())
        for name in names.split():
            found[name] = Signature(name, taken, result.strip(), _function(name, len(taken)))
    return found


SIGNATURES = _signatures()

_NUMBERS = ("ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE", "TEN")
CONSTANTS: dict[str, Value] = {
    "F": False,
    "T": True,
    **{name: number for number, name in enumerate(_NUMBERS)},
    "NEG_ONE": -1,
    "NEG_TWO": -2,
    "DOWN": (1, 0),
    "RIGHT": (0, 1),
    "UP": (-1, 0),
    "LEFT": (0, -1),
    "ORIGIN": (0, 0),
    "UNITY": (1, 1),
    "NEG_UNITY": (-1, -1),
    "UP_RIGHT": (-1, 1),
    "DOWN_LEFT": (1, -1),
    "ZERO_BY_TWO": (0, 2),
    "TWO_BY_ZERO": (2, 0),
    "TWO_BY_TWO": (2, 2),
    "THREE_BY_THREE": (3, 3),
}

_PATCHES = ("Object", "Indices", "Empty")
FITS: dict[str, tuple[str, ...]] = {
    "Num": ("Int", "IntPair"),
    "Patch": _PATCHES,
    "Object": ("Object", "Empty"),
    "Indices": ("Indices", "Empty"),
    "Objects": ("Objects", "Empty"),
    "IntSet": ("IntSet", "Empty"),
    "Piece": ("Grid", *_PATCHES),
    "Element": ("Grid", "Object", "Empty"),
    "Set": ("Set", "IntSet", "Objects", *_PATCHES),
    "Tuple": ("Tuple", "IntPair", "Cell", "Grid"),
    "Cont": ("Set", "IntSet", "Objects", "Tuple", "IntPair", "Cell", "Grid", *_PATCHES),
    "ContCont": ("Set", "Objects", "Tuple", "Grid", "Indices", "Empty"),
    "Fn": ("Fn1", "Fn2", "Fn3", "Fn4"),
}


def fits(wanted: str, type: str) -> bool:
    """Whether a value of a type (of `type_of`) may stand where a type is wanted."""
    return wanted == "Any" or type == wanted or type in FITS.get(wanted, ())
