"""LSRL: a language of recurrences that compiles to linear and gated recurrent networks.

Petrov et al., "Universal In-Context Approximation By Prompting Fully Recurrent Models" (NeurIPS 2024). `variables` are
the language, `sugar` what programs are written with, `programs` the two universal ones, `compile` makes one path of
layers of a program, which `nn.handset_rnn` holds as the weights of networks.
"""

from phloem.synthesis.lsrl.compile import Path, compile_path
from phloem.synthesis.lsrl.variables import (
    Concat,
    Input,
    Linear,
    LinState,
    LsrlError,
    Multiplicative,
    ReLU,
    Slice,
    Variable,
    run,
)

__all__ = [
    "Concat",
    "Input",
    "LinState",
    "Linear",
    "LsrlError",
    "Multiplicative",
    "Path",
    "ReLU",
    "Slice",
    "Variable",
    "compile_path",
    "run",
]
