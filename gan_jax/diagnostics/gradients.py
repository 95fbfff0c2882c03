"""How gradients reach the layers of both players, and what they find there."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from gan_jax.diagnostics.field import field, flat
from gan_jax.gan import Gan, Players, named_arrays, params_of
from gan_jax.layers import Style
from gan_jax.objectives import as_function, draw, example_keys, forward, prepare_inputs
from gan_jax.penalties import input_gradient_sq, interpolate
from gan_jax.types import Array, Batch, NetState, TrainState

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


class Flow(NamedTuple):
    """Norms of one parameter tensor: its gradient, itself, its next update.

    ratio: `|update| / |weight|`; 0 where both are 0, infinite for a weight of 0.
    """

    gradient: float
    weight: float
    update: float
    ratio: float


def gradient_flow(gan: Gan, state: TrainState, batch: Batch, keys: Array) -> Players:
    """A Flow by name for every parameter tensor of G and of D, at the state.

    batch `[B, ...]` and `keys [B]` as in `field`. The update is that of the player's
    Optax chain with its memory, each player's from the present point.
    """

    def flows(norms: dict[str, tuple]) -> dict[str, Flow]:
        return {name: flow(*map(float, n)) for name, n in norms.items()}

    return Players(*map(flows, jax.device_get(flow_norms(gan, state, batch, keys))))


def flow(gradient: float, weight: float, update: float) -> Flow:
    ratio = update / weight if weight else (np.inf if update else 0.0)
    return Flow(gradient, weight, update, ratio)


@partial(jax.jit, static_argnums=0)
def flow_norms(gan: Gan, state: TrainState, batch: Batch, keys: Array) -> Players:
    """`(|gradient|, |weight|, |update|)` by name, of each player."""
    descent = field(gan, state, batch, keys, params_of(state))
    sides = (
        (gan.g_optimizer, state.generator, descent.generator, "g_lr"),
        (gan.d_optimizer, state.discriminator, descent.discriminator, "d_lr"),
    )
    return Players(
        *(
            tensor_norms(optimizer, net, down, state.scales[scale])
            for optimizer, net, down, scale in sides
        )
    )


def tensor_norms(
    optimizer: optax.GradientTransformation, net: NetState, descent: Any, scale: Array
) -> dict[str, tuple]:
    """One player's norms; `scale` multiplies its learning rate."""
    gradient = jax.tree.map(jnp.negative, descent)
    step = optax.with_extra_args_support(optimizer).update
    update, _ = step(gradient, net.opt_state, net.params, scale=scale)
    columns = [dict(named_arrays(tree)) for tree in (gradient, net.params, update)]
    return {
        name: tuple(jnp.linalg.norm(column[name].ravel()) for column in columns)
        for name in columns[0]
    }


def singular_values(params: Any) -> dict[str, np.ndarray]:
    """Singular values, the largest (the spectral norm) first, of every kernel by name.

    A kernel `[..., out]` is the matrix `[-1, out]`, as in spectral normalization; of a
    convolution this is not the operator's. The kernel as stored: a spectrally
    normalized layer divides it by its leading value.
    """
    kernels = {
        name: np.asarray(leaf, np.float64)
        for name, leaf in named_arrays(params)
        if name.rpartition("/")[2] == "kernel" and leaf.ndim > 1
    }
    return {
        name: np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)
        for name, kernel in kernels.items()
    }


def dead_units(gan: Gan, state: TrainState, batch: Batch, keys: Array) -> Players:
    """For each activation in turn, the share of units never positive on the batch.

    A unit is an entry of the last axis; it is dead if what enters its activation is <=
    0 for every example and place (in D: of reals and fakes). With ReLU its output is
    then always 0 and it learns nothing; with a leaky activation the share counts units
    negative on all of the batch, which act linearly; of others it says little. `[L]`
    arrays, in the order of the layers, of training passes. Raises ValueError for a
    network that takes its activation from elsewhere than a Style.
    """
    return jax.device_get(dead_shares(gan, state, batch, keys))


@partial(jax.jit, static_argnums=0)
def dead_shares(gan: Gan, state: TrainState, batch: Batch, keys: Array) -> Players:
    g, d = state.generator, state.discriminator
    draws = draw(gan, keys)
    seen = prepare_inputs(gan, state, batch, draws)
    made = fired(gan.generator, g, draws.z, seen.label)
    on_real = fired(gan.discriminator, d, seen.real, seen.label)
    on_fake = fired(gan.discriminator, d, seen.fake, seen.label)
    judged = [jnp.logical_or(*pair) for pair in zip(on_real, on_fake, strict=True)]
    return Players(share(made), share(judged))


def share(fired: list[Array]) -> Array:
    """`[L]`: of each layer, the part of units that did not fire."""
    return 1 - jnp.array([alive.mean() for alive in fired])


def fired(
    module: nn.Module, net: NetState, x: Array, label: Array | None
) -> list[Array]:
    """For each activation, which units `[C]` were positive anywhere in a pass."""
    style = getattr(module, "style", None)
    if not isinstance(style, Style) or style.activation is None:
        raise ValueError(
            f"{type(module).__name__}: dead units are counted in networks whose "
            "`style` (gan_jax.layers.Style) holds their activation"
        )
    alive: list[Array] = []

    def watched(act: Callable[[Array], Array], x: Array) -> Array:
        alive.append(jnp.any(x > 0, axis=tuple(range(x.ndim - 1))))
        return act(x)

    spied = style._replace(activation=partial(watched, style.activation))
    forward(module.clone(style=spied), net.params, net.model_state, x, label)  # pyright: ignore
    return alive


@partial(jax.jit, static_argnums=0)
def critic_gradient_norms(
    gan: Gan, state: TrainState, batch: Batch, keys: Array
) -> dict[str, Array]:
    """`|grad_x D(x)|_2`, `[B]` each, at real, fake and points between them.

    Augmented, as D sees them; "between" is `u x + (1 - u) G(z)`, u ~ U[0, 1). D has
    frozen statistics, as in penalties.
    """
    draws = draw(gan, keys)
    seen = prepare_inputs(gan, state, batch, draws)
    d = state.discriminator
    critic = as_function(gan.discriminator, d.params, d.model_state, seen.label)
    points = {
        "real": seen.real,
        "fake": seen.fake,
        "between": interpolate(seen.real, seen.fake, draws.penalty_keys[:: gan.pack]),
    }
    return {k: jnp.sqrt(input_gradient_sq(critic, x)) for k, x in points.items()}


def gradient_quantiles(norms: dict[str, Array]) -> dict[str, dict[float, float]]:
    """The quantiles QUANTILES of `critic_gradient_norms`."""
    return {
        name: {q: float(np.quantile(np.asarray(values), q)) for q in QUANTILES}
        for name, values in norms.items()
    }


class Signal(NamedTuple):
    """`|E g|^2 / tr Cov g` of each player's gradient g over fresh batches."""

    generator: float
    discriminator: float


def gradient_snr(gan: Gan, state: TrainState, batches: Batch, key: Array) -> Signal:
    """The gradients' signal to noise, from batches `[n, B, ...]`, n about 8, fresh
    latents for each.

    Mean and (n - 1) covariance over the batches, so that pure noise reads about 1/n.
    """
    count = len(batches.image)
    if count < 2:
        raise ValueError(f"batches: {count} of them have no spread; give about 8")
    rows = []
    for index in range(count):
        batch = jax.tree.map(lambda x, i=index: x[i], batches)
        batch_key = jax.random.fold_in(key, index)
        rows.append(flat_gradients(gan, state, batch, batch_key))
    g, d = (np.stack(side).astype(np.float64) for side in zip(*rows, strict=True))
    return Signal(signal_to_noise(g), signal_to_noise(d))


@partial(jax.jit, static_argnums=0)
def flat_gradients(
    gan: Gan, state: TrainState, batch: Batch, key: Array
) -> tuple[Array, Array]:
    """G's and D's descent direction as vectors."""
    keys = example_keys(gan, key, len(batch.image))
    descent = field(gan, state, batch, keys, params_of(state))
    return flat(descent.generator), flat(descent.discriminator)


def signal_to_noise(gradients: np.ndarray) -> float:
    """`|mean|^2 / tr Cov` of rows `[n, P]`; infinite without noise."""
    noise = gradients.var(axis=0, ddof=1).sum()
    signal = (gradients.mean(axis=0) ** 2).sum()
    return float(signal / noise) if noise else np.inf
