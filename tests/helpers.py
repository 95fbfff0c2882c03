"""What several test files share: small networks, and closeness of arrays."""

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

# Players of small games, and closeness (area: diagnostics, layers).


class Point(nn.Module):
    """The generator `G(z) = theta`, `[B, Z] -> [B, D]`; theta begins at `start`."""

    start: tuple[float, ...] = (0.0,)

    @nn.compact
    def __call__(self, z, label=None, *, train):
        theta = self.param("theta", lambda key: jnp.asarray(self.start))
        return jnp.broadcast_to(theta, (len(z), len(self.start)))


class Slope(nn.Module):
    """The discriminator `D(x) = psi x`, `[B, 1] -> [B]`; psi begins at 0."""

    @nn.compact
    def __call__(self, x, label=None, *, train):
        psi = self.param("psi", nn.initializers.zeros, (1,))
        return x[:, 0] * psi[0]


def assert_close(actual, expected):
    """Two arrays differ by at most 1e-5 of the largest entry of the expected one."""
    scale = np.abs(expected).max()
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 * scale)
