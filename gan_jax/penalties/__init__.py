"""Terms that players pay beside the loss, on values and derivatives (`jax.grad`).

Critic penalties map `(critic, real, fake, keys)` to `[B]`, unweighted. `critic` is D as
a function of its input alone and must treat examples independently (no batch norm in
D): only then are the rows of `grad sum_i D(x_i)` the per-example gradients. Norms run
over all axes but the batch's: n(x) = |grad_x D(x)|_2, not a mean over pixels.

Keyword-only arguments are the fields of the config's penalty group that a penalty
reads, or what follows the run: a running statistic (`gan_jax.running_statistics`),
`generator` and `g_params`. `mean` is the batch mean, which spans devices inside a
placed step. `keys [B]` are one per example.
"""

from gan_jax.penalties import consistency, generator, gradients
from gan_jax.penalties.examples import per_example, split_each, sum_square
from gan_jax.penalties.gradients import (
    input_gradient_norm,
    input_gradient_sq,
    interpolate,
)
from gan_jax.penalties.info import returns_info, value_and_info
from gan_jax.types import GeneratorPenalty, Penalty

__all__ = [
    "GENERATOR_PENALTIES",
    "PENALTIES",
    "input_gradient_norm",
    "input_gradient_sq",
    "interpolate",
    "per_example",
    "returns_info",
    "split_each",
    "sum_square",
    "value_and_info",
]

PENALTIES: dict[str, Penalty] = gradients.PENALTIES | consistency.PENALTIES
GENERATOR_PENALTIES: dict[str, GeneratorPenalty] = generator.GENERATOR_PENALTIES
