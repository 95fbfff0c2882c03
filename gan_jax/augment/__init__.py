"""Differentiable changes of everything D sees, real and fake alike.

Each maps `(images [B, ...], keys [B])` to `[B, ...]`. Its keyword-only arguments are
the fields of the config's `augment` group that it reads, of which `strength` may follow
a schedule, or D's confidence (`gan_jax.augment.adaptive`).
"""

from gan_jax.augment import ada_pipeline, adaptive, diffaugment, flips, noise
from gan_jax.augment.entry import Augmentation, as_augmentation
from gan_jax.augment.noise import no_augmentation
from gan_jax.types import Augment

__all__ = [
    "AUGMENTS",
    "STATISTICS",
    "Augmentation",
    "as_augmentation",
    "no_augmentation",
]

AUGMENTS: dict[str, Augment | Augmentation] = {
    **noise.AUGMENTS,
    **flips.AUGMENTS,
    **diffaugment.AUGMENTS,
    **ada_pipeline.AUGMENTS,
}
STATISTICS = adaptive.STATISTICS
