"""Functions that compile alone, out of ones that do not."""

from pathlib import Path

import pytest

pytest.importorskip("llvmlite")
pytest.importorskip("ziglang")

from phloem.corpora.examples import examples_of
from phloem.corpora.llvm_ir import parse_ir
from phloem.corpora.llvm_ir_functions import compile_fragments, fragments, read_functions, write_functions
from phloem.languages import by_name

SOURCE = b"""
static inline uint32_t rotate(uint32_t x, int k) { return (x << k) | (x >> (32 - k)); }
int missing(int x) { return x + NOT_DEFINED; }
void calls(char *text) { strip_it(text); rotate(1, 2); }
struct thing *unknown(struct thing *t) { return t->next; }
foo_t typed(foo_t x) { return x; }
int guarded(int x) {
#ifdef A
  x++;
#endif
  return x;
}
size_t length(const char *s) { size_t n = 0; while (*s++) n++; return n; }
"""


def test_those_that_compile_are_kept(tmp_path: Path) -> None:
    examples = examples_of(SOURCE, by_name("c"), "a.c", "project")
    assert [example.name for example, _ in fragments(examples)] == ["rotate", "missing", "calls", "length"]
    found = list(compile_fragments(examples))
    assert [function.name for function in found] == ["rotate", "calls", "length"]
    for function in found:
        module = parse_ir(function.ir)
        assert [each.name for each in module.functions if not each.is_declaration] == [function.name]
        assert function.project == "project"
    write_functions(found, tmp_path / "functions.jsonl.gz")
    assert read_functions(tmp_path / "functions.jsonl.gz") == found


def test_nothing_compiles_to_nothing() -> None:
    assert list(compile_fragments(examples_of(b"int f(int x) { return NO; }", by_name("c")))) == []
    assert list(compile_fragments([])) == []
