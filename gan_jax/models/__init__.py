"""Pairs of networks: generator and discriminator as Flax modules.

`generator.apply(variables, z [B, Z], label, train=...)` gives images `[B, H, W, C]` or
points `[B, D]`; `discriminator.apply(variables, x, label, train=...)` gives logits
`[B]`. A pair is made by `MODELS[name](shape, g_style, d_style, output, width=...)`,
which raises ValueError for shapes that it cannot make. With a style's `label_count` a
pair is conditional: G reads z beside an embedding of the label, and D adds the label's
projection to its logit.
"""

from collections.abc import Callable

from gan_jax.models import dense, games, resize, resnet, strided
from gan_jax.models.games import WITHOUT_LAYERS
from gan_jax.models.shapes import Pair

MODELS: dict[str, Callable[..., Pair]] = (
    dense.MODELS | strided.MODELS | resize.MODELS | resnet.MODELS | games.MODELS
)

__all__ = ["MODELS", "WITHOUT_LAYERS"]
