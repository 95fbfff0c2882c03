"""The smallest game: each player has one parameter for each coordinate of the data.

With data at 0 everything about it is known in closed form: it is the Dirac-GAN of
Mescheder et al. 2018, arXiv 1801.04406, and with the Wasserstein loss the bilinear game
`min_theta max_psi theta . psi`.
"""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.layers.basic import Style, no_minibatch_layer
from gan_jax.layers.norms import no_norm
from gan_jax.models.shapes import Output, Pair, Shape

Array = jax.Array


class PointGenerator(nn.Module):
    """`G(z) = theta`, `[B, Z] -> [B, D]`, whatever z is; theta starts at `start`."""

    shape: Shape
    start: float

    @nn.compact
    def __call__(self, z: Array, label: Array | None = None, *, train: bool) -> Array:
        theta = self.param("theta", nn.initializers.constant(self.start), self.shape)
        return jnp.broadcast_to(theta, (len(z), *self.shape))


class LinearDiscriminator(nn.Module):
    """`D(x) = psi . x`, `[B, D] -> [B]`, without bias; psi starts at `start`."""

    start: float

    @nn.compact
    def __call__(self, x: Array, label: Array | None = None, *, train: bool) -> Array:
        start = nn.initializers.constant(self.start)
        return x @ self.param("psi", start, x.shape[1:])


def dirac(
    shape: Shape, g: Style, d: Style, output: Output, *, init_scale: float = 1.0
) -> Pair:
    """The players of the Dirac-GAN, one number a coordinate each; points only.

    `G(z) = theta`, `D(x) = psi . x` without bias. Play starts at theta = init_scale and
    psi = -init_scale in every coordinate. That is (1, 1) in the code of Mescheder et
    al. 2018, arXiv 1801.04406, where D is higher for fakes. The numbers are not rounded
    at any precision, like every pair's logits.
    """
    require_points(shape)
    refuse_layers("g", g)
    refuse_layers("d", d)
    return PointGenerator(shape, init_scale), LinearDiscriminator(-init_scale)


def require_points(shape: Shape) -> None:
    """Raise ValueError for data that are not points."""
    if len(shape) != 1:
        raise ValueError(
            "model.name 'dirac': its generator is a single point [D], the data have "
            f"shape {shape}; use dataset.name dirac or bilinear, or another model.name"
        )


def refuse_layers(player: str, style: Style) -> None:
    """Raise ValueError for any choice of layers: the players have none."""
    chosen = {
        f"model.{player}_norm": style.norm is not no_norm,
        f"model.{player}_spectral": style.spectral,
        f"model.{player}_minibatch": style.minibatch is not no_minibatch_layer,
        "model.activation": style.activation is not None,
        "dataset.labels": style.label_count is not None,
    }
    for field, is_set in chosen.items():
        if is_set:
            raise ValueError(
                f"{field}: model.name 'dirac' has one parameter a coordinate and no "
                "layers to apply it to; leave it out, or use model.name mlp"
            )


MODELS: dict[str, Callable[..., Pair]] = {"dirac": dirac}

WITHOUT_LAYERS = {dirac}
"""Models that read no latents and have no kernels to initialize."""
