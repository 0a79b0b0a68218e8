"""LLVM's passes, run one after the other on a module in this process, and the instructions that are left.

Passes are those of LLVM's new pass manager that llvmlite names; each is run alone, the next on what it left. Of
llvmlite's 61 the ones that only print, view, strip symbols or serve another compiler are no choice here. The standard
pipelines are there by speed level; llvmlite has no size levels, so that a true -Oz is not to be had in this way.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from phloem.corpora.llvm_ir import llvm, parse_ir
from phloem.errors import PhloemError

PASSES = (
    *("aggressive_dce", "aggressive_instcombine", "argument_promotion", "break_critical_edges", "constant_merge"),
    *("dead_arg_elimination", "dead_code_elimination", "dead_store_elimination", "global_dead_code_eliminate"),
    *("global_opt", "instruction_combine", "ipsccp", "jump_threading", "lcssa", "loop_deletion", "loop_rotate"),
    *("loop_simplify", "loop_strength_reduce", "loop_unroll", "loop_unroll_and_jam", "lower_switch", "mem_copy_opt"),
    *("merge_functions", "new_gvn", "partial_inliner", "post_order_function_attributes", "reassociate"),
    *("register_to_memory", "rpo_function_attrs", "sccp", "simplify_cfg", "sinking", "sroa", "tail_call_elimination"),
    "unify_function_exit_nodes",
)
_INSTRUCTION = re.compile(r"^  [^\s\]]", re.MULTILINE)


class Run(NamedTuple):
    """What a sequence of passes did: the instructions before it and after each pass."""

    counts: tuple[int, ...]

    @property
    def best(self) -> int:
        """The length of the shortest prefix with the fewest instructions; 0 is the module as it was."""
        return self.counts.index(min(self.counts))


@cache
def _machine() -> Any:
    binding = llvm()
    binding.initialize_native_target()
    return (
        binding.Target.from_default_triple().create_target_machine()
    )  # the module's own attributes name the processor


def _builder(**tuning: bool | int) -> tuple[Any, Any]:
    binding = llvm()
    options = binding.create_pipeline_tuning_options()
    for name, value in tuning.items():
        setattr(options, name, value)
    return binding.create_pass_builder(_machine(), options), options


def check_passes(names: Sequence[str]) -> None:
    """Raises PhloemError for a pass that is not one of PASSES."""
    if unknown := sorted(set(names) - set(PASSES)):
        raise PhloemError(f"unknown pass {unknown[0]!r}; known: {', '.join(PASSES)}")


def apply_pass(module: Any, name: str) -> None:
    """One pass on an llvmlite module, in place."""
    manager = llvm().create_new_module_pass_manager()
    getattr(manager, f"add_{name}_pass")()
    builder, _ = _builder()
    manager.run(module, builder)


def count(module: Any) -> int:
    """Instructions of a module, from its text: faster than by llvmlite's handles, and equal."""
    return len(_INSTRUCTION.findall(_bodies(str(module))))


def _bodies(text: str) -> str:
    """The text between the braces of functions."""
    return "\n".join(part.partition("\n}")[0] for part in text.split("\ndefine ")[1:])


def run_passes(ir: str, names: Sequence[str], *, verify: bool = False) -> tuple[Any, Run]:
    """The module after a sequence of passes, and its counts. With `verify`, LLVM checks it in the end."""
    check_passes(names)
    module = parse_ir(ir)
    counts = [count(module)]
    for name in names:
        apply_pass(module, name)
        counts.append(count(module))
    if verify:
        module.verify()
    return module, Run(tuple(counts))


def optimised(ir: str, level: int = 2, *, loops: bool = True) -> Any:
    """The module after the standard pipeline of a speed level; without `loops`, nothing is unrolled or vectorised."""
    module = parse_ir(ir)
    tuning: dict[str, bool | int] = {"speed_level": level}
    if not loops:
        names = ("loop_unrolling", "loop_vectorization", "loop_interleaving", "slp_vectorization")
        tuning |= dict.fromkeys(names, False)
    builder, _ = _builder(**tuning)
    builder.getModulePassManager().run(module, builder)
    return module


def reference_count(ir: str) -> int:
    """Instructions after O2 without unrolling and vectorising."""
    return count(optimised(ir, loops=False))
