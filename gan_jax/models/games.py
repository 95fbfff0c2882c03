"""The smallest game: one parameter a player for each coordinate of the data.

With data at 0 all of it can be said in closed form: the Dirac-GAN of Mescheder et al.
2018, arXiv 1801.04406, and with the Wasserstein loss the bilinear game `min_theta
max_psi theta . psi`.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.layers.basic import Style, independent, no_norm

Array = jax.Array
Shape = tuple[int, ...]


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


def require_points(shape: Shape) -> None:
    if len(shape) != 1:
        raise ValueError(
            "model.name 'dirac': its generator is a single point [D], the data have "
            f"shape {shape}; use dataset.name dirac or bilinear, or another model.name"
        )


def refuse_layers(player: str, style: Style) -> None:
    """A ValueError for a choice of style: the players are parameters, not layers."""
    chosen = {
        f"model.{player}_norm": style.norm is not no_norm,
        f"model.{player}_spectral": style.spectral,
        f"model.{player}_minibatch": style.minibatch is not independent,
        "model.activation": style.activation is not None,
        "dataset.labels": style.label_count is not None,
    }
    for field, is_set in chosen.items():
        if is_set:
            raise ValueError(
                f"{field}: model.name 'dirac' has one parameter a coordinate and no "
                "layers to apply it to; leave it out, or use model.name mlp"
            )
