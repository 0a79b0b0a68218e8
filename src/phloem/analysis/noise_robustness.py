"""What noise in the weights of a compiled recurrent program does.

Petrov et al. (NeurIPS 2024, section 5 and the released study): normal noise is added to all parameters; each step
starts from the states that the clean network has, so that errors do not pile up over time. With such states only the
step in which the answer is written feels the noise of the condition, so that the output is read at that step: behind
it every clean state holds the answer already, whatever the noise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

from phloem.synthesis.lsrl.compile import Layer, Path
from phloem.synthesis.lsrl.programs import continuous_input


def noisy(path: Path, size: float, rng: np.random.Generator) -> Path:
    """The path in float64 with noise of this standard deviation on each parameter."""

    def shaken(arrays: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        return tuple(array + rng.normal(scale=size, size=array.shape) for array in arrays)

    clean = path.floats()
    weights, bias = shaken(clean.readout)
    return Path(clean.inputs, tuple(Layer(one.kind, shaken(one.arrays)) for one in clean.layers), (weights, bias))


def random_function(rng: np.random.Generator, inputs: int) -> Callable[[np.ndarray], np.ndarray]:
    """A smooth function from [0, 1]^inputs to [0, 1]: a wave in a random direction."""
    direction, phase = rng.normal(size=inputs), rng.uniform(0, 2 * np.pi)
    direction *= 2.0 / np.linalg.norm(direction)  # the Lipschitz constant is 1
    return lambda x: np.atleast_1d(0.5 + 0.5 * np.sin(x @ direction + phase))


def continuous_errors(
    path: Path, size: float, *, functions: int, queries: int, cells: int, inputs: int, seed: int
) -> Float[np.ndarray, " functions"]:
    """The mean absolute error over queries for each of several functions, with fresh noise for each."""
    rng, clean = np.random.default_rng(seed), path.floats()
    errors = []
    for _ in range(functions):
        function, net = random_function(rng, inputs), noisy(path, size, rng)
        found = []
        for x in rng.uniform(0, 1, (queries, inputs)):
            written = 1 + int(np.ravel_multi_index(tuple((x * cells).astype(int)), (cells,) * inputs))
            steps = continuous_input(x, function, cells, 1)[: written + 1]
            answer = net.run(steps, clean=clean)[-1]
            found.append(float(np.abs(answer - function(x)).mean()))
        errors.append(np.mean(found))
    return np.array(errors)
