"""SyGuS-IF files: both versions, answers that the grammar derives, errors with their line; cvc5 as a second opinion."""

import os
import random

import pytest

from phloem.corpora import bustle_tasks, sygus_pbe
from phloem.errors import PhloemError
from phloem.synthesis import sygus
from phloem.synthesis.base import Budget, Grammar
from phloem.synthesis.languages import sygus_strings
from phloem.synthesis.program import INTEGER, STRING, Call, Constant, Input, Program, Value, run
from phloem.synthesis.sexpressions import quoted, read, unquoted
from phloem.synthesis.solve import solve

EXAMPLES = """
(declare-var name String)
(constraint (= (f "Ada Lovelace") "Lovelace"))
(constraint (= "Turing" (f "Alan Turing")))
(constraint (and (= (f "Alan Turing") "Turing") (= (f "Grace Hopper") "Hopper")))
(check-synth)
"""
VERSION_1 = """; a comment
(set-logic SLIA)
(synth-fun f ((name String)) String
    ((Start String (ntString))
     (ntString String (name " " (str.++ ntString ntString) (str.substr ntString ntInt ntInt)))
     (ntInt Int (0 1 -1 (+ ntInt ntInt) (str.len ntString) (str.indexof ntString ntString ntInt)))))
"""
VERSION_2 = """(set-logic SLIA)
(synth-fun f ((name String)) String ((S String) (I Int))
    ((S String ((Variable String) " " (str.++ S S) (str.substr S I I)))
     (I Int (0 1 (- 1) (+ I I) (str.len S) (str.indexof S " " I)))))
"""


ONE = '(constraint (= (f "a") "b"))'


def derives(grammar: Grammar, head: str, program: Program) -> bool:
    for rule in grammar.of(head):
        if rule.leaf is not None and rule.leaf == program:
            return True
        if isinstance(program, Call) and rule.operator == program.operator:
            pairs = zip(rule.arguments, program.arguments, strict=True)
            if all(derives(grammar, argument, part) for argument, part in pairs):
                return True
    return False


@pytest.mark.parametrize("text", [VERSION_1, VERSION_2], ids=["version 1", "version 2"])
def test_an_answer_is_legal_and_right(text: str) -> None:
    problem = sygus.parse(text + EXAMPLES, "file.sl")
    assert problem.spec.names == ("name",)
    assert len(problem.spec.inputs) == 3
    candidate = next(solve(problem.spec, problem.language, Budget(20)))
    assert candidate.solved
    assert derives(problem.spec.grammar, problem.spec.grammar.start, candidate.program)
    answer = sygus.answer(problem, candidate.program)
    assert answer.startswith("(define-fun f ((name String)) String (")
    again = sygus.parse("(set-logic SLIA)" + answer + "(synth-fun g ((x String)) String ((S String ((f x)))))"
                        '(constraint (= (g "Barbara Liskov") "Liskov"))')  # fmt: skip
    solved = next(solve(again.spec, again.language, Budget(5)))
    assert solved.solved


def test_bit_vectors_with_functions_of_the_file() -> None:
    text = """(set-logic BV)
(define-fun half ((x (BitVec 64))) (BitVec 64) (bvlshr x #x0000000000000001))
(synth-fun f ((x (BitVec 64))) (BitVec 64)
    ((Start (BitVec 64) (#x0000000000000000 x (bvnot Start) (half Start) (bvxor Start Start)))))
(constraint (= (f #x0000000000000008) #xfffffffffffffffb))
(constraint (= (f #x0000000000000011) #xfffffffffffffff7))
"""
    problem = sygus.parse(text)
    candidate = next(solve(problem.spec, problem.language, Budget(10)))
    assert candidate.solved
    assert sygus.answer(problem, candidate.program) == "(define-fun f ((x (BitVec 64))) (BitVec 64) (bvnot (half x)))"


def test_a_function_of_the_file_may_be_a_conditional() -> None:
    text = """(set-logic BV)
(define-fun im ((x (BitVec 64)) (y (BitVec 64)) (z (BitVec 64))) (BitVec 64) (ite (= x #x0000000000000001) y z))
(synth-fun f ((x (BitVec 64))) (BitVec 64)
    ((Start (BitVec 64) (#x0000000000000001 x (bvnot Start) (bvand Start Start) (bvadd Start Start)
                         (im Start Start Start)))))
(constraint (= (f #x0000000000000008) #xfffffffffffffff7))
(constraint (= (f #x0000000000000011) #x0000000000000022))
(constraint (= (f #x00000000000000f3) #x00000000000001e6))
(constraint (= (f #x00000000000000f4) #xffffffffffffff0b))
"""
    problem = sygus.parse(text)
    candidate = next(solve(problem.spec, problem.language, Budget(20)))
    assert candidate.solved
    assert "(im (bvand" in sygus.answer(problem, candidate.program)


@pytest.mark.skipif("PHLOEM_DATA" not in os.environ, reason="no data sets here")
def test_the_published_tasks_are_read() -> None:
    strings, bits = list(sygus_pbe.tasks("strings")), list(sygus_pbe.tasks("bits"))
    assert len(strings) == 107
    assert len(bits) == 100
    refused = []
    for task in (*strings, *bits):
        try:
            problem = sygus.parse(task["sl"], task["name"])
        except PhloemError as error:
            refused.append(str(error))
            continue
        assert problem.spec.grammar is not None
        assert len(problem.spec.inputs) == len(problem.spec.outputs) > 0
    assert len(refused) == 1
    assert refused[0].startswith("max3.sl:10: not an example")
    assert len(list(bustle_tasks.tasks())) == 19
    with pytest.raises(PhloemError, match="no kind"):
        next(sygus_pbe.tasks("trees"))


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("(set-logic SLIA)\n(synth-fun f ((x String)) String ((S String (x (str.rev S)))))\n" + ONE, 2, "'str.rev'"),
        ("(set-logic SLIA)\n(synth-fun f ((x String)) String\n((S String ((str.++ S S)))))\n"
         '(constraint (= (f "a") "b"))', 3, "derives nothing"),
        ("(set-logic SLIA)\n(synth-fun f ((x Int)) Int)\n(declare-var y Int)\n(constraint (>= (f y) y))", 4, "example"),
        ("(set-logic SLIA)\n(synth-fun f ((x Int)) Int)\n(declare-var y Int)\n(constraint (= (f y) 1))", 4, "example"),
        ("(set-logic NRA)", 1, "'NRA'"),
        ("(set-logic SLIA)\n\n(synth-fun f ((x Real)) String)", 3, "Real"),
        ("(set-logic SLIA)\n(synth-inv f)", 2, "synth-inv"),
        ("(set-logic SLIA)\n(synth-fun f ((x Int)) Int", 2, "never closed"),
        ("(set-logic SLIA))", 1, "closing"),
        ('(set-logic SLIA)\n\n(synth-fun f ((x Int)) Int)\n(constraint (= (f "a") 1))', 4, "type integer"),
        ("(set-logic SLIA)\n(synth-fun f ((x Int)) Int)\n(constraint (= (f 1 2) 1))", 3, "takes 1"),
        ("(set-logic SLIA)\n(synth-fun f ((x String)) String ((S String (x (str.++ S 1)))))\n" + ONE, 2, "not take"),
        ("(set-logic SLIA)\n(synth-fun f ((x String)) String ((S String (x T))))\n" + ONE, 2, "unknown name 'T'"),
    ],
)  # fmt: skip
def test_errors_name_the_line(text: str, line: int, says: str) -> None:
    with pytest.raises(PhloemError) as caught:
        sygus.parse(text, "file.sl")
    assert str(caught.value).startswith(f"file.sl:{line}: ")
    assert says in str(caught.value)


def test_without_anything_to_do() -> None:
    with pytest.raises(PhloemError, match="no synth-fun"):
        sygus.parse("(set-logic SLIA)")
    with pytest.raises(PhloemError, match="no constraint"):
        sygus.parse("(synth-fun f ((x Int)) Int)")


def test_contradicting_examples_are_named() -> None:
    text = VERSION_1 + '(constraint (= (f "a") "b"))(constraint (= (f "c") "d"))(constraint (= (f "a") "e"))'
    problem = sygus.parse(text)
    with pytest.raises(PhloemError, match="examples 1 and 3"):
        next(solve(problem.spec, problem.language, Budget(1)))


def test_literals() -> None:
    for text in ('a "quoted" word', "\\u{41}", "\\u", "é\n\0", "\U0001f600", "\\x41", ""):
        assert unquoted(quoted(text)) == text
        assert quoted(text).isascii()
    assert unquoted('"\\u{48}\\u0069"') == "Hi"
    (group,) = read('(a "b ; c""" ; d\n e)')
    assert [item.text for item in group.items] == ["a", 'b ; c"', "e"]


def cvc5_value(solver: object, sorts: dict, program: Program, values: tuple[Value, ...]) -> Value:
    """What cvc5 makes of a term with constants for its inputs."""
    import cvc5

    kinds = {name: getattr(cvc5.Kind, kind) for name, kind in KINDS.items()}

    def constant(value: Value) -> object:
        if isinstance(value, bool):
            return solver.mkBoolean(value)
        if isinstance(value, int):
            return solver.mkInteger(value)
        return solver.mkString(
            "".join(c if " " <= c <= "~" and c != "\\" else f"\\u{{{ord(c):x}}}" for c in value), True
        )

    def term(part: Program) -> object:
        if isinstance(part, Input):
            return constant(values[part.index])
        if isinstance(part, Constant):
            return constant(part.value)
        arguments = [term(each) for each in part.arguments]
        name = "neg" if part.operator.name == "-" and len(arguments) == 1 else part.operator.name
        if name in (">", ">=", "<", "<="):
            return solver.mkTerm(kinds[name], *arguments)
        return solver.mkTerm(kinds[name], *arguments)

    found = solver.simplify(term(program))
    if found.isBooleanValue():
        return bool(found.getBooleanValue())
    if found.isIntegerValue():
        return int(found.getIntegerValue())
    return str(found.toPythonObj())


KINDS = {
    "str.++": "STRING_CONCAT",
    "str.replace": "STRING_REPLACE",
    "str.replace_all": "STRING_REPLACE_ALL",
    "str.at": "STRING_CHARAT",
    "str.substr": "STRING_SUBSTR",
    "str.from_int": "STRING_FROM_INT",
    "str.from_code": "STRING_FROM_CODE",
    "ite": "ITE",
    "str.len": "STRING_LENGTH",
    "str.to_int": "STRING_TO_INT",
    "str.to_code": "STRING_TO_CODE",
    "str.indexof": "STRING_INDEXOF",
    "+": "ADD",
    "-": "SUB",
    "neg": "NEG",
    "*": "MULT",
    "div": "INTS_DIVISION",
    "mod": "INTS_MODULUS",
    "abs": "ABS",
    "str.prefixof": "STRING_PREFIX",
    "str.suffixof": "STRING_SUFFIX",
    "str.contains": "STRING_CONTAINS",
    "str.<": "STRING_LT",
    "str.<=": "STRING_LEQ",
    "str.is_digit": "STRING_IS_DIGIT",
    "=": "EQUAL",
    "distinct": "DISTINCT",
    "<": "LT",
    "<=": "LEQ",
    ">": "GT",
    ">=": "GEQ",
    "not": "NOT",
    "and": "AND",
    "or": "OR",
    "xor": "XOR",
    "=>": "IMPLIES",
}


def test_cvc5_gives_random_terms_the_same_values() -> None:
    cvc5 = pytest.importorskip("cvc5")
    solver = cvc5.Solver()
    rng = random.Random(1)
    names, types = ("a", "b", "n"), (STRING, STRING, INTEGER)
    texts = ("", "a", "ab", "aab-12", "007", "-5", "a b c", "12", '"', "ba", "é")
    compared = 0
    for _ in range(3_000):
        program = sygus_strings.sample(rng, names, types, rng.choice((STRING, INTEGER, "boolean")), rng.randint(2, 12))
        values = (rng.choice(texts), rng.choice(texts), rng.randint(-3, 5))
        ours = run(program, values)
        if ours is None or (isinstance(ours, int) and abs(ours) > 10**9):
            continue
        assert cvc5_value(solver, {}, program, values) == ours, sygus_strings.print(program)
        compared += 1
    assert compared > 2_000
