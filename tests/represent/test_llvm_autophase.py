"""Autophase's counts of a function, against a count by hand (Huang et al. 2020)."""

import pytest

pytest.importorskip("llvmlite")

from phloem.represent.llvm_autophase import FEATURES, autophase
from phloem.represent.llvm_module import read_module

FUNCTION = """
define i32 @f(i32 %n, ptr %p) {
entry:
  %v = load i32, ptr %p
  br label %loop
loop:
  %i = phi i32 [ 0, %entry ], [ %j, %next ]
  %c = icmp slt i32 %i, %n
  br i1 %c, label %next, label %done
next:
  %j = add i32 %i, 1
  br label %loop
done:
  %s = sub i32 %n, %v
  ret i32 %s
}
"""


def test_there_are_56_features() -> None:
    assert len(FEATURES) == len(set(FEATURES)) == 56


def test_the_counts_of_a_loop() -> None:
    found = dict(zip(FEATURES, autophase(read_module(FUNCTION)).tolist(), strict=True))
    expected = {
        **{"TotalInsts": 9, "TotalBlocks": 4, "TotalFuncs": 1, "TotalMemInst": 1, "NumEdges": 4, "CriticalCount": 0},
        **{"BranchCount": 3, "UncondBranches": 2, "NumBrInst": 3, "NumPHIInst": 1, "ArgsPhi": 2, "BeginPhi": 1},
        **{"BBNumArgsLo": 1, "BBNumArgsHi": 0, "BBNoPhi": 3, "BB03Phi": 1, "BlockLow": 4, "BlockMid": 0},
        **{"onePred": 2, "twoPred": 1, "morePreds": 0, "oneSuccessor": 2, "twoSuccessor": 1, "onePredOneSuc": 1},
        **{"twoEach": 1, "returnInt": 1, "const32Bit": 2, "numConstZeroes": 1, "numConstOnes": 1, "testUnary": 1},
        **{"binaryConstArg": 1, "NumAddInst": 1, "NumSubInst": 1, "NumLoadInst": 1, "NumICmpInst": 1, "NumRetInst": 1},
    }
    assert {name: found[name] for name in expected} == expected
    assert sum(found.values()) == sum(expected.values())
