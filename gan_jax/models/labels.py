"""Where labels enter the networks: beside G's latents and at D's logits."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.layers.basic import Array, Dense, Style, cast_below_float64

standard_normal = nn.initializers.normal(1.0)


def append_label_embedding(z: Array, label: Array | None, style: Style) -> Array:
    """Return z beside a learned embedding of the label, which has as many numbers.

    z is returned alone by a network without labels. The embedding's rows start as N(0,
    I), as z is, for any number of classes and any initializer: StyleGAN2-ADA normalizes
    both to a second moment of 1. Spectral normalization divides all rows by one number,
    about sqrt(Z) + sqrt(classes) (BigGAN's code leaves the embedding out of it).
    """
    if style.label_count is None:
        return z
    style = style._replace(kernel_init=standard_normal)
    return jnp.concatenate([z, embed(label, z.shape[1], style)], axis=1)


def score(features: Array, label: Array | None, style: Style) -> Array:
    """Return D's logits `w . f + b`, `[B, F] -> [B]`; conditional: `+ e(label) . f`.

    f is the features with what the style's minibatch layer adds. The projection is that
    of Miyato and Koyama 2018, arXiv 1802.05637. Each row e of the embedding starts as w
    does, as a kernel of F inputs (He: deviation sqrt(2 / F)), so the logit's variance
    doubles, for any number of classes. (StyleGAN2-ADA and R3GAN divide the product by
    sqrt(F); mimicry's rows start with deviation sqrt(2 / (F + classes)).) Spectral
    normalization divides all rows by one number, as in mimicry. The logits are float32
    at any precision.
    """
    style = style._replace(dtype=jnp.float32)
    features = cast_below_float64(features, jnp.float32)
    features = style.minibatch(features, style)
    logits = Dense(1, style)(features)[:, 0]
    if style.label_count is None:
        return logits
    style = style._replace(kernel_init=transpose_initializer(style.kernel_init))
    return logits + (embed(label, features.shape[1], style) * features).sum(axis=1)


def embed(label: Array | None, width: int, style: Style) -> Array:
    """Return each label's row of a learned table, `[B] -> [B, width]`."""
    if label is None or style.label_count is None:
        raise ValueError("label: a conditional network needs one; this data has none")
    one_hot = jax.nn.one_hot(label, style.label_count)
    return Dense(width, style, bias=False)(one_hot)


def transpose_initializer(
    initializer: nn.initializers.Initializer,
) -> nn.initializers.Initializer:
    """Return an initializer for which a matrix's columns are its outputs' inputs."""

    def transposed(key: Array, shape: Any, dtype: Any = jnp.float32) -> Array:
        return initializer(key, shape[::-1], dtype).T

    return transposed
