"""LLVM's passes in process: counts, validity, and meaning (Liang et al. 2023)."""

import numpy as np
import pytest

pytest.importorskip("llvmlite")
pytest.importorskip("ziglang")

from phloem.corpora.llvm_ir import compile_c, instruction_count, parse_ir, try_compile
from phloem.corpora.llvm_ir_functions import split_functions
from phloem.corpora.llvm_ir_generated import CELLS, random_functions
from phloem.errors import PhloemError
from phloem.execute.llvm_passes import PASSES, count, optimised, run_passes
from phloem.execute.llvm_run import Call, run_functions

SUM = "int sum(int n,int*a){int s=0;for(int i=0;i<n;i++){if(a[i]>3)s+=a[i]*2;else s+=a[i]*2;}return s;}"
FUNCTIONS = 200


@pytest.fixture(scope="module")
def functions() -> dict[str, str]:
    return split_functions(compile_c(random_functions(5, FUNCTIONS, statements=(1, 3))))


@pytest.mark.row("S116", 3)
def test_the_counts_of_a_known_function() -> None:
    ir = compile_c(SUM)
    assert run_passes(ir, ["sroa", "instruction_combine", "simplify_cfg"])[1].counts[0] == 52
    assert run_passes(ir, ["sroa"])[1].counts == (52, 28)
    assert run_passes(ir, ["sroa", "instruction_combine", "simplify_cfg"])[1].counts[-1] == 13
    assert count(optimised(ir, 2)) == count(optimised(ir, 3)) == 73
    assert count(optimised(ir, 2, loops=False)) < 73


@pytest.mark.row("S116", 2)
def test_modules_stay_valid_and_functions_mean_the_same(functions: dict[str, str]) -> None:
    assert len(functions) == FUNCTIONS
    rng = np.random.default_rng(0)
    calls = [
        Call(
            tuple(int(one) for one in rng.integers(2**32, size=3)),
            tuple(int(one) for one in rng.integers(2**32, size=CELLS)),
        )
        for _ in range(3)
    ]
    after = []
    for ir in functions.values():
        sequence = [PASSES[int(one)] for one in rng.integers(len(PASSES), size=6)]
        module, run = run_passes(ir, sequence, verify=True)
        assert run.counts[-1] == instruction_count(module)
        after.append(str(module))
    before = run_functions([(ir, name, calls) for name, ir in functions.items()])
    assert run_functions([(ir, name, calls) for name, ir in zip(functions, after, strict=True)]) == before
    assert len({answer.value for answers in before for answer in answers}) > FUNCTIONS  # they compute something


def test_functions_apart_are_those_of_the_file(functions: dict[str, str]) -> None:
    source = random_functions(5, 20, statements=(1, 3))
    together = parse_ir(compile_c(source))
    own = {
        function.name: sum(1 for block in function.blocks for _ in block.instructions)
        for function in together.functions
    }
    for name, ir in split_functions(compile_c(source)).items():
        assert count(parse_ir(ir)) == own[name]
    assert source.startswith(random_functions(5, 20, statements=(1, 3)))


def test_a_function_that_calls_another_keeps_its_declaration() -> None:
    source = "static int g(int x) { return x + 1; }\nint f(int x) { return g(x) + 2; }\n"
    source += 'const char *h(void) { return "ab"; }\n'
    found = split_functions(compile_c(source))
    assert set(found) == {"f", "g", "h"}
    assert "declare i32 @g(" in found["f"]
    assert 'c"ab\\00"' in found["h"]
    for ir in found.values():
        parse_ir(ir)


def test_what_does_not_compile_is_told() -> None:
    ir, complaints = try_compile("int f(void) { return 1; }\nint g(void) { return unknown; }\n")
    assert ir is None
    assert complaints[0].line == 2
    with pytest.raises(PhloemError, match="line 2: use of undeclared identifier 'unknown'"):
        compile_c("int f(void) { return 1; }\nint g(void) { return unknown; }\n")
    with pytest.raises(PhloemError, match="does not read this IR"):
        parse_ir("define i32 @f( {")
    with pytest.raises(PhloemError, match="unknown pass 'magic'"):
        run_passes(compile_c(SUM), ["magic"])


def test_what_calls_the_system_is_not_run() -> None:
    ir = compile_c('#include <stdio.h>\nunsigned f(unsigned *m) { puts("x"); return 0; }')
    with pytest.raises(PhloemError, match="calls other functions"):
        run_functions([(ir, "f", [Call((), (0,))])])


def test_an_endless_loop_ends() -> None:
    ir = "define i32 @f(ptr %m) {\nstart:\n  br label %start\n}\n"
    with pytest.raises(PhloemError, match="after 0 of 1"):
        run_functions([(ir, "f", [Call((), (0,))])], seconds=2)
