"""Terms that players pay beside the loss, on values and derivatives (`jax.grad`).

Critic penalties map `(critic, real, fake, keys)` to `[B]`, unweighted. `critic` is D as
a function of its input alone and must treat examples independently (no batch norm in
D): only then are the rows of `grad sum_i D(x_i)` the per-example gradients. Norms run
over all axes but the batch's: n(x) = |grad_x D(x)|_2, not a mean over pixels.

Keyword-only arguments are the fields of the config's penalty group that a penalty
reads, or what follows the run: a running statistic (`gan_jax.running_statistics`), `generator` and
`g_params`. `mean` is the batch mean, which spans devices inside a placed step. `keys
[B]` are one per example.
"""

from gan_jax.penalties.consistency import bcr, cr, lecam, zcr
from gan_jax.penalties.examples import per_example, split_each, sum_square
from gan_jax.penalties.generator import (
    jacobian_difference,
    no_generator_penalty,
    orthogonal,
    path_length,
    zcr_reward,
)
from gan_jax.penalties.gradients import (
    ar1,
    ar1_ar2,
    dragan,
    gp_zero,
    input_gradient_norm,
    input_gradient_sq,
    interpolate,
    none,
    r1,
    r1_r2,
    r2,
    roth,
    wgan_gp,
    wgan_lp,
)
from gan_jax.types import GeneratorPenalty, Penalty

__all__ = [
    "GENERATOR_PENALTIES",
    "PENALTIES",
    "input_gradient_norm",
    "input_gradient_sq",
    "interpolate",
    "per_example",
    "split_each",
    "sum_square",
]

PENALTIES: dict[str, Penalty] = {
    "none": none,
    "wgan_gp": wgan_gp,
    "wgan_lp": wgan_lp,
    "gp_zero": gp_zero,
    "r1": r1,
    "r2": r2,
    "r1_r2": r1_r2,
    "ar1": ar1,
    "ar1_ar2": ar1_ar2,
    "roth": roth,
    "dragan": dragan,
    "lecam": lecam,
    "cr": cr,
    "bcr": bcr,
    "zcr": zcr,
}

GENERATOR_PENALTIES: dict[str, GeneratorPenalty] = {
    "none": no_generator_penalty,
    "jacobian_difference": jacobian_difference,
    "zcr": zcr_reward,
    "path_length": path_length,
    "orthogonal": orthogonal,
}
