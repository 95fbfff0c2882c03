"""Layers: dense and convolutional, spectral normalization, norms, activations.

A network is given a `Style`: which norm, activation, initializer and whether its
kernels are spectrally normalized. Kernels are `[..., in, out]`, images channels last.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.layers.convolution import (
    convolution,
    pooled_convolution,
    transposed_convolution,
    upsampled_convolution,
)

Array = jax.Array
SPECTRAL = "spectral"
WARMUP_ITERATIONS = 15


def normalize(x: Array) -> Array:
    """`x / max(|x|_2, 1e-12)`, as in PyTorch."""
    return x / jnp.maximum(jnp.linalg.norm(x), 1e-12)


def power_iteration(matrix: Array, u: Array) -> tuple[Array, Array]:
    """One step towards the leading singular vectors of `matrix [m, n]`, from `u [n]`.

    `v = normalize(M u) [m]`, then `u = normalize(M^T v) [n]`; sigma is `v . M u`.
    """
    v = normalize(matrix @ u)
    return normalize(v @ matrix), v


def spectral_normalize(module: nn.Module, kernel: Array) -> Array:
    """`W / sigma(W)`, W the kernel as a matrix `[-1, out]`, sigma = v^T W u.

    u and v live in the collection "spectral" and are constants to differentiation. One
    power iteration runs whenever that collection is mutable; otherwise the stored
    vectors serve, so that all passes of a step can share one sigma. They start with 15
    iterations. Miyato et al. 2018, arXiv 1802.05957: the reshaped kernel's norm, which
    does not bound the convolution's.
    """
    matrix = kernel.reshape(-1, kernel.shape[-1])
    frozen = lax.stop_gradient(matrix)

    def warm_up() -> tuple[Array, Array]:
        start = jax.random.normal(module.make_rng("params"), (matrix.shape[1],))
        u, v = power_iteration(frozen, normalize(start))
        return lax.fori_loop(
            1, WARMUP_ITERATIONS, lambda _, uv: power_iteration(frozen, uv[0]), (u, v)
        )

    vectors = module.variable(SPECTRAL, "uv", warm_up)
    if module.is_mutable_collection(SPECTRAL) and not module.is_initializing():
        vectors.value = power_iteration(frozen, vectors.value[0])
    u, v = vectors.value
    return kernel / (v @ (matrix @ u))


def independent(features: Array, style: "Style") -> Array:
    """`features`."""
    return features


class Style(NamedTuple):
    """What the layers of one network are made of.

    dtype: of the layers' arithmetic, but for float64 inputs and parameters, which stay
    float64; parameters, sigma and norms' statistics stay float32. minibatch:
    `(features [B, F], style) -> [B, F + n]`, before D's logits.
    """

    norm: Callable[..., Array]
    activation: Callable[[Array], Array] | None
    kernel_init: jax.nn.initializers.Initializer
    spectral: bool = False
    axis_name: str | None = None
    label_count: int | None = None
    dtype: Any = jnp.float32
    minibatch: Callable[[Array, "Style"], Array] = independent

    def or_activation(self, activation: Callable[[Array], Array]) -> "Style":
        """This style, with `activation` where none was chosen."""
        return self._replace(activation=self.activation or activation)

    def normalized(self, x: Array, train: bool) -> Array:
        return self.norm(x, train=train, axis_name=self.axis_name).astype(x.dtype)

    def act(self, x: Array) -> Array:
        assert self.activation is not None
        return self.activation(x)


class Dense(nn.Module):
    """`x W + b`, `[B, in] -> [B, features]`."""

    features: int
    style: Style
    bias: bool = True

    @nn.compact
    def __call__(self, x: Array) -> Array:
        shape = (x.shape[-1], self.features)
        return add_bias(self, cast(x, self.style.dtype) @ kernel(self, shape))


class Maxout(nn.Module):
    """`max_k (x W_k + b_k)`, k over `pieces`, `[B, in] -> [B, features]`.

    Goodfellow et al. 2013, arXiv 1302.4389. One kernel holds all pieces, side by side
    for each unit.
    """

    features: int
    pieces: int
    style: Style

    @nn.compact
    def __call__(self, x: Array) -> Array:
        x = Dense(self.features * self.pieces, self.style)(x)
        return x.reshape(-1, self.features, self.pieces).max(axis=-1)


class Conv(nn.Module):
    """Convolution, SAME, `[B, H, W, in] -> [B, H/stride, W/stride, out]`.

    form: of `(x, kernel, stride)`; `upsampled_convolution` gives `[B, sH, sW, out]`.
    """

    features: int
    size: int
    style: Style
    stride: int = 1
    bias: bool = True
    form: Callable[[Array, Array, int], Array] = convolution

    @nn.compact
    def __call__(self, x: Array) -> Array:
        weights = kernel(self, (self.size, self.size, x.shape[-1], self.features))
        x = x.astype(weights.dtype)
        return add_bias(self, self.form(x, weights, self.stride))


class ConvTranspose(nn.Module):
    """Transposed convolution, SAME, `[B, H, W, in] -> [B, sH, sW, out]`."""

    features: int
    size: int
    style: Style
    stride: int = 2
    bias: bool = True

    @nn.compact
    def __call__(self, x: Array) -> Array:
        weights = kernel(self, (self.size, self.size, x.shape[-1], self.features))
        x = x.astype(weights.dtype)
        return add_bias(self, transposed_convolution(x, weights, self.stride))


same_conv = partial(Conv, size=3)
up_conv = partial(Conv, size=3, stride=2, form=upsampled_convolution)
down_conv = partial(Conv, size=3, stride=2, form=pooled_convolution)
"""`(features, style=style)`: 3x3; of the upsampled image; with means of 2x2 after."""


def kernel(module: Dense | Conv | ConvTranspose, shape: tuple[int, ...]) -> Array:
    weights = module.param("kernel", module.style.kernel_init, shape)
    if module.style.spectral:
        weights = spectral_normalize(module, weights)
    return cast(weights, module.style.dtype)


def cast(x: Array, dtype: Any) -> Array:
    """x in `dtype`; float64 stays float64, for diagnostics that need its digits."""
    return x if x.dtype == jnp.float64 else x.astype(dtype)


def add_bias(module: Dense | Conv | ConvTranspose, y: Array) -> Array:
    if not module.bias:
        return y
    bias = module.param("bias", nn.initializers.zeros, (module.features,))
    return y + bias.astype(y.dtype).reshape((1,) * (y.ndim - 1) + (-1,))


def upsample(x: Array) -> Array:
    """Nearest neighbour, `[B, H, W, C] -> [B, 2H, 2W, C]`."""
    return x.repeat(2, axis=1).repeat(2, axis=2)


def downsample(x: Array) -> Array:
    """Mean of 2x2 squares, `[B, H, W, C] -> [B, H/2, W/2, C]`."""
    b, h, w, c = x.shape
    return x.reshape(b, h // 2, 2, w // 2, 2, c).mean(axis=(2, 4))


def no_norm(x: Array, *, train: bool, axis_name: str | None) -> Array:
    return x


def batch_norm(x: Array, *, train: bool, axis_name: str | None) -> Array:
    """Over batch and space, across devices; running statistics decay by 0.9."""
    return nn.BatchNorm(
        use_running_average=not train, momentum=0.9, axis_name=axis_name
    )(x)


def layer_norm(x: Array, *, train: bool, axis_name: str | None) -> Array:
    """Over space and channels of each example; scale and bias per channel."""
    return nn.LayerNorm(reduction_axes=tuple(range(1, x.ndim)))(x)


def group_norm(x: Array, *, train: bool, axis_name: str | None) -> Array:
    """Over space and each group of 16 channels (or the next divisor of their number).

    Wu and He 2018, arXiv 1803.08494, table 3.
    """
    channels = x.shape[-1]
    sizes = range(min(16, channels), channels + 1)
    size = next(size for size in sizes if channels % size == 0)
    return nn.GroupNorm(num_groups=channels // size)(x)


def instance_norm(x: Array, *, train: bool, axis_name: str | None) -> Array:
    """Over space of each example and channel; images only."""
    if x.ndim != 4:
        raise ValueError("norm 'instance' needs images: a dense layer has no space")
    return nn.InstanceNorm()(x)


def leaky_relu(x: Array, *, slope: float = 0.2) -> Array:
    return nn.leaky_relu(x, slope)


def prelu(x: Array, *, slope: float = 0.2) -> Array:
    """`max(0, x) + a min(0, x)`, a learned, one per layer."""
    return nn.PReLU(negative_slope_init=slope)(x)


def sigmoid_output(x: Array) -> Array:
    """`2 sigmoid(x) - 1`: images in [0, 1], mapped to [-1, 1] once, here."""
    return 2 * nn.sigmoid(x) - 1


def identity(x: Array) -> Array:
    return x


def normal_init(scale: float) -> jax.nn.initializers.Initializer:
    return nn.initializers.normal(0.02 * scale)


def scaled_init(
    factor: float, mode: Literal["fan_in", "fan_avg"], scale: float
) -> jax.nn.initializers.Initializer:
    """Normal with variance `scale^2 factor / fan`."""
    return nn.initializers.variance_scaling(factor * scale**2, mode, "normal")


NORMS: dict[str, Callable[..., Array]] = {
    "none": no_norm,
    "batch": batch_norm,
    "layer": layer_norm,
    "group": group_norm,
    "instance": instance_norm,
}

BATCH_COUPLED = {batch_norm}
"""Norms by which one example's output depends on another's input."""

ACTIVATIONS: dict[str, Callable[..., Array]] = {
    "relu": jax.nn.relu,
    "leaky_relu": leaky_relu,
    "prelu": prelu,
    "silu": jax.nn.silu,
}

INITIALIZERS: dict[str, Callable[[float], jax.nn.initializers.Initializer]] = {
    "normal": normal_init,
    "xavier": partial(scaled_init, 1.0, "fan_avg"),
    "he": partial(scaled_init, 2.0, "fan_in"),
    "orthogonal": nn.initializers.orthogonal,
}

OUTPUTS: dict[str, Callable[[Array], Array]] = {
    "tanh": jnp.tanh,
    "sigmoid": sigmoid_output,
    "linear": identity,
}
