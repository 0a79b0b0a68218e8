"""Autophase: a function or module of LLVM IR as 56 counts.

Huang et al., "AutoPhase: Juggling HLS Phase Orderings in Random Forests with Deep Reinforcement Learning" (MLSys 2020,
table 1), with the names and the reading of CompilerGym (Cummins et al. 2022), where a count's name leaves room: edges
are counted by block and successor, "binary" instructions are all with two operands of the same type, a block with 15 to
500 instructions is of middle size.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np
from jaxtyping import Int64

from phloem.represent.llvm_module import Function, Instruction, Module

OPCODES = {
    **{"NumAShrInst": "ashr", "NumAddInst": "add", "NumAllocaInst": "alloca", "NumAndInst": "and"},
    **{"NumBitCastInst": "bitcast", "NumBrInst": "br", "NumCallInst": "call", "NumGetElementPtrInst": "getelementptr"},
    **{"NumICmpInst": "icmp", "NumLShrInst": "lshr", "NumLoadInst": "load", "NumMulInst": "mul", "NumOrInst": "or"},
    **{"NumPHIInst": "phi", "NumRetInst": "ret", "NumSExtInst": "sext", "NumSelectInst": "select", "NumShlInst": "shl"},
    **{"NumStoreInst": "store", "NumSubInst": "sub", "NumTruncInst": "trunc", "NumXorInst": "xor"},
    "NumZExtInst": "zext",
}
SHAPES = (
    *("BBNumArgsHi", "BBNumArgsLo", "onePred", "onePredOneSuc", "onePredTwoSuc", "oneSuccessor", "twoPred"),
    *("twoPredOneSuc", "twoEach", "twoSuccessor", "morePreds", "BB03Phi", "BBHiPhi", "BBNoPhi", "BeginPhi"),
    *("BlockMid", "BlockLow", "NumEdges", "CriticalCount", "TotalBlocks"),
)
OTHERS = (
    *("BranchCount", "UncondBranches", "returnInt", "const32Bit", "const64Bit", "numConstZeroes", "numConstOnes"),
    *("binaryConstArg", "testUnary", "ArgsPhi", "TotalInsts", "TotalMemInst", "TotalFuncs"),
)
FEATURES = (*SHAPES, *OTHERS, *OPCODES)
MEMORY = frozenset({"alloca", "getelementptr", "load", "store", "call", "fence", "atomicrmw", "cmpxchg"})
UNARY = frozenset(
    {"load", "alloca", "va_arg", "extractvalue", "fneg", "freeze", "trunc", "zext", "sext", "bitcast"}
) | {*("fptoui", "fptosi", "uitofp", "sitofp", "fptrunc", "fpext", "ptrtoint", "inttoptr", "addrspacecast")}
BINARY = frozenset(
    {
        *("add", "fadd", "sub", "fsub", "mul", "fmul", "udiv", "sdiv", "fdiv", "urem", "srem", "frem"),
        *("shl", "lshr", "ashr", "and", "or", "xor"),
    }
)


def autophase(module: Module) -> Int64[np.ndarray, " features"]:
    """The counts of FEATURES over all functions with a body."""
    counts: Counter[str] = Counter()
    for function in module.functions:
        if not function.is_declaration:
            counts["TotalFuncs"] += 1
            counts.update(_block_features(function))
            for instruction in function.instructions:
                counts.update(_instruction_features(instruction, module))
    return np.array([counts[name] for name in FEATURES], np.int64)


def _block_features(function: Function) -> Iterator[str]:
    blocks = [
        function.instructions[start:stop] for start, stop in zip(function.blocks, function.blocks[1:], strict=False)
    ]
    before: dict[int, int] = defaultdict(int)
    for block in blocks:
        for successor in block[-1].successors:
            before[successor] += 1
    for number, block in enumerate(blocks):
        after = block[-1].successors
        yield from _shape(before[number], len(after))
        yield from ("NumEdges" for _ in after)
        if len(after) > 1:
            yield from ("CriticalCount" for successor in after if before[successor] > 1)
        phis = [each for each in block if each.opcode == "phi"]
        incoming = sum(len(phi.operands) for phi in phis)
        if incoming:
            yield "BBNumArgsHi" if incoming > 5 else "BBNumArgsLo"
            yield "BeginPhi"
        yield "BBNoPhi" if not phis else "BB03Phi" if len(phis) <= 3 else "BBHiPhi"
        if len(block) <= 500:
            yield "BlockMid" if len(block) >= 15 else "BlockLow"
        yield "TotalBlocks"


def _shape(before: int, after: int) -> Iterator[str]:
    """How many ways lead into a block and out of it."""
    numbers = {1: "one", 2: "two"}
    if before in numbers:
        yield f"{numbers[before]}Pred"
    if before > 2:
        yield "morePreds"
    if after in numbers:
        yield {1: "oneSuccessor", 2: "twoSuccessor"}[after]
    name = {(1, 1): "onePredOneSuc", (1, 2): "onePredTwoSuc", (2, 1): "twoPredOneSuc", (2, 2): "twoEach"}
    if (before, after) in name:
        yield name[before, after]


def _instruction_features(instruction: Instruction, module: Module) -> Iterator[str]:
    opcode = instruction.opcode
    yield "TotalInsts"
    if opcode in _BY_OPCODE:
        yield _BY_OPCODE[opcode]
    if opcode == "br":
        yield "BranchCount"
        if len(instruction.successors) == 1:
            yield "UncondBranches"
    if opcode == "ret" and any(operand.type.startswith("i") for operand in instruction.operands):
        yield "returnInt"
    if opcode == "phi":
        yield from ("ArgsPhi" for _ in instruction.operands)
    if opcode in MEMORY:
        yield "TotalMemInst"
    if opcode in UNARY:
        yield "testUnary"
    constants = [operand for operand in instruction.operands if operand.kind == "constant"]
    if opcode in BINARY and constants:
        yield "binaryConstArg"
    for operand in constants:
        kind, text = module.constants[operand.number]
        if kind in ("i32", "i64"):
            yield f"const{kind[1:]}Bit"
        if kind.startswith("i") and text.split()[-1] in ("0", "1"):
            yield "numConstZeroes" if text.split()[-1] == "0" else "numConstOnes"


_BY_OPCODE = {opcode: name for name, opcode in OPCODES.items()}
