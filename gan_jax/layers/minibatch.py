"""Layers that let D see the examples of a batch together, before its logits.

They are chosen with `model.d_minibatch`. Each maps `(features [B, F], style)` to
`[B, F + n]`, float32. A D with one of them is not a function of one example: critic
penalties then take the gradient of the logits' sum over all examples that see each
other.
"""

from collections.abc import Callable

import flax.linen as nn
import jax.numpy as jnp
from jax import lax

from gan_jax.layers.basic import Array, Dense, Style, no_minibatch_layer

GROUP = 4
"""The number of examples in a group of `minibatch_stddev`."""
KERNELS, DIMENSIONS = 100, 5
"""The sizes of T in `minibatch_discrimination`."""


def minibatch_stddev(features: Array, style: Style) -> Array:
    """`s = mean_f sqrt(var_g(x_gf) + 1e-8)` of groups g of 4, one feature more.

    var_g is the population variance; s is the same for the examples 4i .. 4i + 3 of a
    batch, and a batch of less than 4 is one group. Karras et al. 2017, arXiv
    1710.10196, in StyleGAN2's form (1912.04958). Deviations: groups are neighbours
    (released code: every B/4-th example), so that they do not change when devices share
    a batch; s is one number beside the flattened features, not a channel before a last
    convolution. Raises ValueError for a batch, or on several devices a share of it,
    that 4 does not divide.
    """
    return MinibatchStddev(style)(features)


def minibatch_discrimination(features: Array, style: Style) -> Array:
    """`o_ib = mean_{j != i} exp(-|M_ib - M_jb|_1)`, M = x T, 100 features more.

    M is `[B, 100, 5]`, T a kernel of D; j runs over the global batch. Salimans et al.
    2016, arXiv 1606.03498, section 3.2, with the released code's sizes and its j != i
    (paper: j = i too, a constant 1). Deviations: T is initialized and normalized as D's
    other kernels, and o is a mean over j, so that it starts no louder than the features
    at any batch size (released code: a sum, T rescaled and o centred on the first
    batch); there is no bias, since the logit has one.
    """
    return MinibatchDiscrimination(style)(features)


class MinibatchStddev(nn.Module):
    """The module of `minibatch_stddev`."""

    style: Style

    @nn.compact
    def __call__(self, x: Array) -> Array:
        count, axis = len(x), self.style.axis_name
        has_axis = axis is not None and not self.is_initializing()
        is_split = has_axis and lax.axis_size(axis) > 1
        size = GROUP if is_split else min(GROUP, count)
        if count % size:
            where = "each device's share" if is_split else "the batch"
            raise ValueError(
                f"batch_size: model.d_minibatch 'stddev' needs {where} to be a "
                f"multiple of {GROUP}, got {count}; change it, or use discrimination"
            )
        groups = x.reshape(count // size, size, -1)
        deviation = jnp.sqrt(groups.var(axis=1) + 1e-8).mean(axis=1)
        return jnp.concatenate([x, deviation.repeat(size)[:, None]], axis=1)


class MinibatchDiscrimination(nn.Module):
    """The module of `minibatch_discrimination`."""

    style: Style

    @nn.compact
    def __call__(self, x: Array) -> Array:
        own = Dense(KERNELS * DIMENSIONS, self.style, bias=False)(x)
        own = own.reshape(-1, KERNELS, DIMENSIONS)
        index, everyone = jnp.arange(len(x)), own
        axis = self.style.axis_name
        if axis is not None and not self.is_initializing():
            everyone = lax.all_gather(own, axis, tiled=True)
            index += lax.axis_index(axis) * len(x)
        # Not one array [B, B, 100, 5]: on CPU its gradient takes 12 times as long.
        differences = (
            own[:, None, :, i] - everyone[None, :, :, i] for i in range(DIMENSIONS)
        )
        distance = sum(map(jnp.abs, differences), start=jnp.zeros(()))
        is_other = index[:, None] != jnp.arange(len(everyone))[None, :]
        closeness = jnp.where(is_other[..., None], jnp.exp(-distance), 0.0)
        mean = closeness.sum(axis=1) / max(len(everyone) - 1, 1)
        return jnp.concatenate([x, mean], axis=1)


MINIBATCH: dict[str, Callable[[Array, Style], Array]] = {
    "none": no_minibatch_layer,
    "stddev": minibatch_stddev,
    "discrimination": minibatch_discrimination,
}

GROUP_SIZES = {minibatch_stddev: GROUP}
"""The sizes of the groups into which some of these layers split a batch."""
