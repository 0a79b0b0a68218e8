"""Pass lists as language (Cummins et al. 2023): normaliser, tuner, answers, constrained writing."""

from collections.abc import Sequence
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite")
pytest.importorskip("ziglang")

from phloem.corpora import datasets
from phloem.corpora.llvm_ir import compile_c, parse_ir
from phloem.corpora.llvm_ir_functions import split_functions
from phloem.corpora.llvm_ir_generated import random_functions, wasteful_functions
from phloem.errors import PhloemError
from phloem.execute.llvm_passes import count, run_passes
from phloem.learn.objectives.auxiliary_targets import PartsLoss
from phloem.nn.models.decoder_lm import DecoderLM
from phloem.represent.byte_pairs import BytePairs
from phloem.represent.llvm_module import read_module
from phloem.represent.llvm_normaliser import normalise
from phloem.tasks.pass_ordering_autotuner import VOCABULARY, autotuned, best_fixed, counter, minimised, searched
from phloem.tasks.pass_ordering_lm import (
    PARTS,
    AnsweredProgram,
    Answers,
    answered,
    fit_units,
    row,
    write_counts,
    write_list,
)

MOST = 5
REAL = """
#include <stdio.h>
#include <string.h>
struct point { double x; double y; char name[8]; };
static const char *names[] = {"a ; b", "c #1 noundef"};
double length(struct point p) { return p.x * p.x + p.y * p.y; }
int find(const struct point *all, int n, const char *name) {
  for (int i = 0; i < n; i++) if (strcmp(all[i].name, name) == 0) return i;
  return -1;
}
void show(const struct point *p) { printf("%s: %f %s\\n", p->name, length(*p), names[p->x > 0]); }
int pick(int k) { switch (k) { case 1: return 5; case 2: return 9; case 7: return 1; default: return k; } }
"""


@pytest.fixture(scope="module")
def sources() -> list[str]:
    generated = split_functions(compile_c(random_functions(2, 12, statements=(1, 4))))
    return [compile_c(REAL), *split_functions(compile_c(REAL)).values(), *generated.values()]


@pytest.fixture(scope="module")
def programs() -> list[str]:
    """Small ones, variables in registers."""
    found = split_functions(compile_c(wasteful_functions(0, 8, lengths=(2, 3)))).values()
    return [normalise(str(run_passes(ir, ["sroa"])[0])) for ir in found]


def facts(ir: str) -> tuple[int, int, int]:
    module = read_module(ir)
    return (
        len(module.functions),
        sum(len(each.blocks) - 1 for each in module.functions),
        sum(len(each.instructions) for each in module.functions),
    )


@pytest.mark.row("S166", 1)
def test_normalised_programs_are_the_same_programs(sources: list[str]) -> None:
    for ir in sources:
        text = normalise(ir)
        parse_ir(text)
        assert normalise(text) == text
        assert facts(text) == facts(ir)
        assert "!" not in text.replace("!=", "")
        assert len(text) < len(ir)


@pytest.mark.row("S166", 1)
def test_published_modules_of_an_old_llvm() -> None:
    if datasets.folder() is None:
        pytest.skip("PHLOEM_DATA names no data sets")
    for example in islice(datasets.load("llvm_ir", "modules"), 20):
        text = normalise(example["ir"])
        assert normalise(text) == text
        assert facts(text) == facts(example["ir"])


@pytest.mark.row("S166", 1)
def test_comments_attributes_and_blanks_make_no_difference() -> None:
    plain = """
define i32 @f(i32 %x, ptr %p) {
  %y = load i32, ptr %p
  %z = call i32 @g(i32 %y, ptr %p)
  ret i32 %z
}
declare i32 @g(i32, ptr)
"""
    dressed = """
    ; a comment
    define   noundef i32 @f(i32 noundef  %x, ptr nocapture align 8 dereferenceable(4) %p)   local_unnamed_addr #0 {
        %y = load i32,   ptr %p , !range !1   ; loaded
      %z = call noundef i32 @g(i32 signext %y, ptr nonnull captures(none) %p) #1
      ret i32 %z
    }
    declare i32 @g(i32 noundef, ptr) #1
    attributes #0 = { nounwind "target-cpu"="generic" }
    attributes #1 = { readnone }
    !1 = !{i32 0, i32 5}
    """
    assert normalise(dressed) == normalise(plain)


def test_debug_information_is_not_counted() -> None:
    ir = """define void @f() {
      call void @llvm.dbg.label(metadata !1), !dbg !2
        #dbg_value(i32 0, !3, !DIExpression(), !4)
      ret void
    }
    declare void @llvm.dbg.label(metadata)
    """
    assert normalise(ir) == "define void @f() {\nret void\n}\n"
    taking = (
        "define void @f() {\n  call void @llvm.foo(metadata !{})\n  ret void\n}\ndeclare void @llvm.foo(metadata)\n"
    )
    with pytest.raises(PhloemError):
        normalise(taking)


@pytest.mark.row("S166", 2)
def test_minimal_lists_of_programs(programs: list[str]) -> None:
    rng = np.random.default_rng(0)
    for ir in programs:
        left = counter(ir)
        full = searched(left, rng, 6, 6)
        minimal = minimised(full, left)
        assert left(minimal) == left(full)
        assert all(left(minimal[:k] + minimal[k + 1 :]) > left(minimal) for k in range(len(minimal)))
        assert minimised(minimal, left) == minimal


@pytest.mark.row("S166", 2)
@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from("abcdef"), max_size=8), st.sets(st.sets(st.sampled_from("abcdef")).map(frozenset)))
def test_minimal_lists_where_more_passes_never_hurt(passes: list[str], wishes: set[frozenset[str]]) -> None:
    def left(some: Sequence[str]) -> int:
        return sum(not wish <= set(some) for wish in wishes)

    minimal = minimised(passes, left)
    assert left(minimal) == left(passes)
    assert all(left(minimal[:k] + minimal[k + 1 :]) > left(minimal) for k in range(len(minimal)))
    assert minimised(minimal, left) == minimal


def test_the_tuner_finds_and_shares_lists(programs: list[str]) -> None:
    lists = autotuned(programs, seed=0, tries=8, longest=3, broadcast=4)
    for ir, passes in zip(programs, lists, strict=True):
        assert counter(ir)(passes) <= counter(ir)(())
        assert minimised(passes, counter(ir)) == passes
    assert sum(counter(ir)(passes) for ir, passes in zip(programs, lists, strict=True)) < sum(
        counter(ir)(()) for ir in programs
    )
    assert autotuned(programs, seed=0, tries=8, longest=3, broadcast=4) == lists
    fixed = best_fixed([(), *lists], programs)
    assert all(sum(counter(ir)(fixed) for ir in programs) <= sum(counter(ir)(one) for ir in programs) for one in lists)


@pytest.fixture(scope="module")
def units(programs: list[str]) -> BytePairs:
    return fit_units(programs, 500)


def model(units: BytePairs, seed: int = 0) -> DecoderLM:
    torch.manual_seed(seed)
    return DecoderLM(units.size, width=16, layers=1, heads=2).eval()


@pytest.mark.row("S166", 3)
def test_whatever_is_written_is_a_list_that_runs(programs: list[str], units: BytePairs) -> None:
    lists = []
    for prompt in range(100):
        ir = programs[prompt % len(programs)]
        net = model(units, seed=prompt)
        torch.nn.init.normal_(net.table.weight, std=1.0)
        example = row(AnsweredProgram(ir, (), 0, 0, ""), units)
        ids = example.units[example.part == 0].tolist()
        passes = write_list(net, ids, units, MOST)
        assert len(passes) <= MOST
        assert set(passes) <= set(VOCABULARY)
        module, run = run_passes(ir, passes, verify=True)
        assert run.counts[-1] == count(module)
        lists.append(passes)
    assert len(set(lists)) > 10


@pytest.mark.row("S166", 4)
def test_where_the_loss_is(programs: list[str], units: BytePairs) -> None:
    net = model(units)
    example = row(answered(programs[0], ("new_gvn", "sccp")), units)
    batch = Answers([example], 10_000).batch(np.array([0]), None)
    whole = PartsLoss(tuple((name, PARTS.index(name)) for name in ("list", "counts", "code")))
    alone = PartsLoss((("list", PARTS.index("list")),))
    assert set(whole(net, batch).logs) == {"list", "counts", "code"}

    def changed(part: str) -> tuple[bool, bool]:
        """Whether another last unit of a part changes the whole loss and that of the list alone."""
        tokens = batch.tokens.clone()
        place = int((batch.part[0] == PARTS.index(part)).nonzero()[-1])
        tokens[0, place] = (tokens[0, place] + 1) % units.size
        other = batch._replace(tokens=tokens)
        return (
            bool(whole(net, other).value != whole(net, batch).value),
            bool(alone(net, other).value != alone(net, batch).value),
        )

    assert changed("code") == (True, False)
    assert changed("counts") == (True, False)
    assert changed("list") == (True, True)
    wrong = batch._replace(part=torch.where(batch.part == 0, 9, batch.part))
    assert whole(net, wrong).value == whole(net, batch).value  # prompts carry no loss
    logits = net(batch.tokens[:, :-1])[0].log_softmax(-1)
    places = (batch.part[0, 1:] == PARTS.index("list")).nonzero()[:, 0]
    by_hand = -torch.stack([logits[t, batch.tokens[0, t + 1]] for t in places]).mean()
    torch.testing.assert_close(alone(net, batch).value, by_hand)


@pytest.mark.row("S166", 4)
def test_both_arms_see_the_same_prompts(programs: list[str], units: BytePairs) -> None:
    example = row(answered(programs[1], ("sccp",)), units)
    long, short = (Answers([example], longest).batch(np.array([0]), None) for longest in (10_000, 0))
    assert short.tokens.shape[1] == int((example.part < PARTS.index("code")).sum())
    assert torch.equal(long.tokens[:, : short.tokens.shape[1]], short.tokens)
    text = units.decode(example.units.tolist(), marks=True)
    assert text.startswith(programs[1] + "<passes><-sccp><from>")
    assert text.endswith("</s>")


def test_counts_are_read_from_what_is_written(programs: list[str], units: BytePairs) -> None:
    example = row(AnsweredProgram(programs[0], ("sccp",), 12, 7, ""), units)
    prompt = example.units[example.part == 0].tolist()

    class Perfect(torch.nn.Module):
        """Says what the example says."""

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            following = torch.from_numpy(example.units)[1 : tokens.shape[1] + 1]
            return torch.nn.functional.one_hot(following, units.size).float()[None]

    assert write_list(Perfect(), prompt, units, MOST) == ("sccp",)
    said = write_counts(Perfect(), prompt, ("sccp",), units)
    assert said == (12, 7)
    true = run_passes(programs[0], ("sccp",))[1].counts
    assert said != (true[0], true[-1])  # whatever it says, the compiler counts
    net = model(units)
    assert write_counts(net, prompt, ("sccp",), units) is None
