"""Good pass lists for single programs: random search, then no pass too many, then what helped others.

Cummins et al., "Large Language Models for Compiler Optimization" (2023, section 3.2). A list here is run whole; what
counts is the number of instructions at its end. A list is minimal if every pass of it is needed: without any single one
the count would be larger. Lists that helped often are tried on every program (broadcast), and where several end equally
small the shortest is kept, then the one that is best for most programs, so that labels are few and learnable.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from phloem.execute.llvm_passes import run_passes
from phloem.tasks.pass_ordering import PassSequence

VOCABULARY = (
    *("sroa", "instruction_combine", "simplify_cfg", "new_gvn", "dead_store_elimination", "aggressive_dce", "sccp"),
    *("reassociate", "jump_threading", "loop_rotate", "loop_deletion", "mem_copy_opt"),
)
Count = Callable[[Sequence[str]], int]  # of instructions after a list


def counter(ir: str) -> Count:
    """Instructions of a module after a list of passes; lists that were asked for are remembered."""
    known: dict[PassSequence, int] = {}

    def count(passes: Sequence[str]) -> int:
        asked = tuple(passes)
        if asked not in known:
            known[asked] = run_passes(ir, asked)[1].counts[-1]
        return known[asked]

    return count


def minimised(passes: Sequence[str], count: Count) -> PassSequence:
    """The list without passes whose removal does not raise the count, the later ones looked at first, until each
    removal does. A removal that lowers the count is welcome, too: the result is never larger than the list's."""
    kept, best = tuple(passes), count(passes)
    while True:
        for place in reversed(range(len(kept))):
            shorter = kept[:place] + kept[place + 1 :]
            if (less := count(shorter)) <= best:
                kept, best = shorter, less
                break
        else:
            return kept


def searched(count: Count, rng: np.random.Generator, tries: int, longest: int) -> PassSequence:
    """The best of random lists, the empty one too; of equals the first."""
    best: PassSequence = ()
    for _ in range(tries):
        length = int(rng.integers(1, longest + 1))
        drawn = tuple(VOCABULARY[int(one)] for one in rng.integers(len(VOCABULARY), size=length))
        if count(drawn) < count(best):
            best = drawn
    return best


def autotuned(
    programs: Sequence[str],
    *,
    seed: int,
    tries: int,
    longest: int,
    broadcast: int,
    progress: Callable[[float], None] = lambda done: None,
) -> list[PassSequence]:
    """A minimal list for each program: searched for it, or one of the `broadcast` most frequent ones of all."""
    rng = np.random.default_rng(seed)
    counts = [counter(ir) for ir in programs]
    own = []
    for number, count in enumerate(counts):
        own.append(minimised(searched(count, rng, tries, longest), count))
        progress(0.6 * (number + 1) / len(programs))
    frequent = [passes for passes, _ in Counter(own).most_common(broadcast)]
    better = []
    for number, (count, mine) in enumerate(zip(counts, own, strict=True)):
        better.append([minimised(passes, count) for passes in (mine, *frequent)])
        progress(0.6 + 0.4 * (number + 1) / len(programs))
    votes = Counter(passes for many, count in zip(better, counts, strict=True) for passes in _smallest(many, count))
    return [
        min(_smallest(many, count), key=lambda passes: (len(passes), -votes[passes], passes))
        for many, count in zip(better, counts, strict=True)
    ]


def _smallest(many: Sequence[PassSequence], count: Count) -> set[PassSequence]:
    """The lists that end smallest."""
    least = min(count(passes) for passes in many)
    return {passes for passes in many if count(passes) == least}


def best_fixed(candidates: Sequence[PassSequence], programs: Sequence[str]) -> PassSequence:
    """The one list that leaves the fewest instructions in all programs together; of equals the first."""
    return min(
        dict.fromkeys(candidates), key=lambda passes: sum(run_passes(ir, passes)[1].counts[-1] for ir in programs)
    )
