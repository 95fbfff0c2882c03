"""Dense and convolutional layers, and the Style that a network's layers share.

A `Style` says which norm and activation a network has, how its kernels are initialized
and whether they are spectrally normalized. Kernels are `[..., in, out]`, images have
their channels last.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.layers.convolution import (
    convolution,
    pooled_convolution,
    transposed_convolution,
    upsampled_convolution,
)
from gan_jax.layers.spectral_norm import spectral_normalize
from gan_jax.precision import is_highest_asked

Array = jax.Array


def no_minibatch_layer(features: Array, style: "Style") -> Array:
    """`f`: D judges each example alone."""
    return features


class Style(NamedTuple):
    """The choices that all layers of one network share.

    activation: None where the pair of networks chooses its own. axis_name: the device
    axis over which a batch is split. label_count: the number of classes, None for a
    network without labels. dtype: that of the layers' arithmetic; float64 inputs and
    parameters stay float64, and parameters, sigma and norms' statistics stay float32.
    Where the highest precision is asked for, it is float32 at least.
    minibatch: the layer before D's logits, `(features [B, F], style) -> [B, F + n]`.
    """

    norm: Callable[..., Array]
    activation: Callable[[Array], Array] | None
    kernel_init: jax.nn.initializers.Initializer
    spectral: bool = False
    axis_name: str | None = None
    label_count: int | None = None
    dtype: Any = jnp.float32
    minibatch: Callable[[Array, "Style"], Array] = no_minibatch_layer

    def or_activation(self, activation: Callable[[Array], Array]) -> "Style":
        """Return this style, with `activation` where none was chosen."""
        return self._replace(activation=self.activation or activation)

    def cast(self, x: Array) -> Array:
        """Return x in the dtype of the layers' arithmetic."""
        dtype = jnp.float32 if is_highest_asked() else self.dtype
        return cast_below_float64(x, dtype)

    def normalize(self, x: Array, train: bool) -> Array:
        """Return x through the style's norm, in the dtype of x."""
        return self.norm(x, train=train, axis_name=self.axis_name).astype(x.dtype)

    def activate(self, x: Array) -> Array:
        """Return x through the style's activation, which must be chosen by now."""
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
        x = self.style.cast(x)
        return add_bias(self, x @ make_kernel(self, shape))


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
    """A convolution, SAME, `[B, H, W, in] -> [B, H/stride, W/stride, out]`.

    form: the function of `(x, kernel, stride)` that computes it. With
    `upsampled_convolution` the result is `[B, sH, sW, out]`.
    """

    features: int
    size: int
    style: Style
    stride: int = 1
    bias: bool = True
    form: Callable[[Array, Array, int], Array] = convolution

    @nn.compact
    def __call__(self, x: Array) -> Array:
        weights = make_kernel(self, (self.size, self.size, x.shape[-1], self.features))
        x = x.astype(weights.dtype)
        return add_bias(self, self.form(x, weights, self.stride))


class ConvTranspose(nn.Module):
    """A transposed convolution, SAME, `[B, H, W, in] -> [B, sH, sW, out]`."""

    features: int
    size: int
    style: Style
    stride: int = 2
    bias: bool = True

    @nn.compact
    def __call__(self, x: Array) -> Array:
        weights = make_kernel(self, (self.size, self.size, x.shape[-1], self.features))
        x = x.astype(weights.dtype)
        return add_bias(self, transposed_convolution(x, weights, self.stride))


same_conv = partial(Conv, size=3)
"""A 3x3 convolution, called as `same_conv(features, style=style)`."""
up_conv = partial(Conv, size=3, stride=2, form=upsampled_convolution)
"""A 3x3 convolution of the image enlarged twice, called as `same_conv` is."""
down_conv = partial(Conv, size=3, stride=2, form=pooled_convolution)
"""A 3x3 convolution, then means of 2x2 pixels, called as `same_conv` is."""


def make_kernel(module: Dense | Conv | ConvTranspose, shape: tuple[int, ...]) -> Array:
    """Return the module's parameter "kernel", normalized and cast as its style says."""
    weights = module.param("kernel", module.style.kernel_init, shape)
    if module.style.spectral:
        weights = spectral_normalize(module, weights)
    return module.style.cast(weights)


def cast_below_float64(x: Array, dtype: Any) -> Array:
    """Return x in `dtype`; float64 stays, for diagnostics that need its digits."""
    return x if x.dtype == jnp.float64 else x.astype(dtype)


def add_bias(module: Dense | Conv | ConvTranspose, y: Array) -> Array:
    """Return y with the module's parameter "bias" added, if it has one."""
    if not module.bias:
        return y
    bias = module.param("bias", nn.initializers.zeros, (module.features,))
    return y + bias.astype(y.dtype).reshape((1,) * (y.ndim - 1) + (-1,))


def upsample(x: Array) -> Array:
    """Return the nearest-neighbour enlargement, `[B, H, W, C] -> [B, 2H, 2W, C]`."""
    return x.repeat(2, axis=1).repeat(2, axis=2)


def downsample(x: Array) -> Array:
    """Return means of 2x2 squares, `[B, H, W, C] -> [B, H/2, W/2, C]`."""
    b, h, w, c = x.shape
    return x.reshape(b, h // 2, 2, w // 2, 2, c).mean(axis=(2, 4))
