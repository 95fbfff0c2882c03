"""Penalties: terms of the two objectives beside the losses.

Critic penalties map `(critic, real, fake, keys)` to `[B]`, unweighted. `critic` is D as
a function of its input alone and must treat examples independently (no batch norm in
D): only then are the rows of `grad sum_i D(x_i)` the per-example gradients. Norms run
over all axes but the batch's: n(x) = |grad_x D(x)|_2, not a mean over pixels. Generator
penalties map `(generator, z, keys)` to `[B]`. `keys [B]` are one per example.

The keyword-only arguments of a penalty are the fields of its config group that it
reads, or what a run gives: a running statistic by its name (an entry of a `STATISTICS`,
which stands in the file of its penalty), `generator` and `g_params` as they are now,
`pullbacks` through the augmentation, the augmentation `transform`, the size `z_dim` of
latents, and `mean`, the mean over the batch on all devices.
"""

from gan_jax.penalties import consistency, generator, gradients
from gan_jax.penalties.examples import draw_each, split_each, sum_square
from gan_jax.penalties.generator import no_generator_penalty
from gan_jax.penalties.gradients import (
    NO_PULLBACKS,
    input_gradient_norm,
    input_gradient_sq,
    interpolate,
    no_penalty,
)
from gan_jax.penalties.info import returns_info, value_and_info
from gan_jax.types import GeneratorPenalty, Penalty

__all__ = [
    "GENERATOR_PENALTIES",
    "NO_PULLBACKS",
    "PENALTIES",
    "STATISTICS",
    "input_gradient_norm",
    "input_gradient_sq",
    "interpolate",
    "no_generator_penalty",
    "no_penalty",
    "draw_each",
    "returns_info",
    "split_each",
    "sum_square",
    "value_and_info",
]

PENALTIES: dict[str, Penalty] = gradients.PENALTIES | consistency.PENALTIES
GENERATOR_PENALTIES: dict[str, GeneratorPenalty] = generator.GENERATOR_PENALTIES
STATISTICS = consistency.STATISTICS | generator.STATISTICS
