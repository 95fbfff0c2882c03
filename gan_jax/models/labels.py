"""Where labels enter the networks: beside G's latents and at D's logits."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from gan_jax.layers.basic import Array, Dense, Style, cast

normal_rows = nn.initializers.normal(1.0)


def with_label(z: Array, label: Array | None, style: Style) -> Array:
    """z beside a learned embedding of the label, as many numbers as z has.

    The embedding's rows start as N(0, I), as z is, for any number of classes and any
    initializer: StyleGAN2-ADA normalizes both to a second moment of 1. Spectral
    normalization divides all rows by one number, about sqrt(Z) + sqrt(classes)
    (BigGAN's code leaves the embedding out of it).
    """
    if style.label_count is None:
        return z
    row = embedded(label, z.shape[1], style._replace(kernel_init=normal_rows))
    return jnp.concatenate([z, row], axis=1)


def logits(features: Array, label: Array | None, style: Style) -> Array:
    """`w . f + b`, `[B, F] -> [B]`; conditional: `+ e(label) . f`.

    f: the features and what the style's minibatch layer adds. The projection
    discriminator of Miyato and Koyama 2018, arXiv 1802.05637. Each row e of the
    embedding starts as w does, as a kernel of F inputs (He: deviation sqrt(2 / F)), so
    the logit's variance doubles, for any number of classes. (StyleGAN2-ADA and R3GAN
    divide the product by sqrt(F); mimicry's rows start with deviation
    sqrt(2 / (F + classes)).) Spectral normalization divides all rows by one number, as
    in mimicry. In float32 at any precision.
    """
    style, features = style._replace(dtype=jnp.float32), cast(features, jnp.float32)
    features = style.minibatch(features, style)
    score = Dense(1, style)(features)[:, 0]
    if style.label_count is None:
        return score
    rows = style._replace(kernel_init=transposed(style.kernel_init))
    return score + (embedded(label, features.shape[1], rows) * features).sum(axis=1)


def embedded(label: Array | None, width: int, style: Style) -> Array:
    """`[B] -> [B, width]`: one learned row a class."""
    if label is None or style.label_count is None:
        raise ValueError("label: a conditional network needs one; this data has none")
    one_hot = jax.nn.one_hot(label, style.label_count)
    return Dense(width, style, bias=False)(one_hot)


def transposed(init: nn.initializers.Initializer) -> nn.initializers.Initializer:
    """The initializer by which the columns of a matrix are its outputs' inputs."""

    def transposed_init(key: Array, shape: Any, dtype: Any = jnp.float32) -> Array:
        return init(key, shape[::-1], dtype).T

    return transposed_init
