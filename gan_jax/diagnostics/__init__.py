"""Instruments that show why the training of a GAN fails; see docs/diagnostics.md.

All of them take any `Gan` and a `TrainState`, and change neither.
"""

from gan_jax.diagnostics.duality import DualityGap, duality_gap
from gan_jax.diagnostics.field import (
    Game,
    adam_scales,
    balanced,
    block_product,
    field,
    flat,
    gan_game,
    to_float64,
    vector_game,
)
from gan_jax.diagnostics.gradients import (
    Flow,
    Signal,
    critic_gradient_norms,
    dead_units,
    gradient_flow,
    gradient_quantiles,
    gradient_snr,
    singular_values,
)
from gan_jax.diagnostics.motion import (
    detour,
    ema_gap,
    late_spread,
    snapshots,
    update_cosines,
)
from gan_jax.diagnostics.overfitting import LogitGap, logit_gap, real_logits
from gan_jax.diagnostics.rotation import PathAngle, path_angle, rotation_index
from gan_jax.diagnostics.spectrum import (
    Curvature,
    Spectrum,
    curvature,
    dense_jacobian,
    spectrum,
)
from gan_jax.diagnostics.stability import (
    alternating_jacobian,
    alternating_limit,
    alternating_product,
    alternating_values,
    imaginary_ratio,
    largest_real_part,
    simultaneous_limit,
    step_radius,
)
from gan_jax.gan import Players, params_of

__all__ = [
    "Curvature",
    "DualityGap",
    "Flow",
    "Game",
    "LogitGap",
    "PathAngle",
    "Players",
    "Signal",
    "Spectrum",
    "adam_scales",
    "alternating_jacobian",
    "alternating_limit",
    "alternating_product",
    "alternating_values",
    "balanced",
    "block_product",
    "critic_gradient_norms",
    "curvature",
    "dead_units",
    "dense_jacobian",
    "detour",
    "duality_gap",
    "ema_gap",
    "field",
    "flat",
    "gan_game",
    "gradient_flow",
    "gradient_quantiles",
    "gradient_snr",
    "imaginary_ratio",
    "largest_real_part",
    "late_spread",
    "logit_gap",
    "path_angle",
    "params_of",
    "real_logits",
    "rotation_index",
    "simultaneous_limit",
    "singular_values",
    "snapshots",
    "spectrum",
    "step_radius",
    "to_float64",
    "update_cosines",
    "vector_game",
]
