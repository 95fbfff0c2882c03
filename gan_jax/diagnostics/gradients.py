"""Instruments that show how gradients reach the layers of both players."""

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
from gan_jax.precision import at_highest_precision
from gan_jax.types import Array, Batch, NetState, TrainState

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
"""The quantiles that `gradient_quantiles` takes."""


class Flow(NamedTuple):
    """The norms of a parameter tensor, of its gradient and of its next update.

    ratio: `|update| / |weight|`, 0 where both are 0, infinite for a weight of 0.
    """

    gradient: float
    weight: float
    update: float
    ratio: float


def gradient_flow(gan: Gan, state: TrainState, batch: Batch, keys: Array) -> Players:
    """Return a Flow by name for every parameter tensor of G and of D, at the state.

    batch `[B, ...]` and `keys [B]` are as in `field`. The update is that of the
    player's Optax chain with its memory, each player's from the present point.
    """

    def make_flows(norms: dict[str, tuple]) -> dict[str, Flow]:
        return {name: make_flow(*map(float, n)) for name, n in norms.items()}

    return Players(
        *map(make_flows, jax.device_get(flow_norms(gan, state, batch, keys)))
    )


def make_flow(gradient: float, weight: float, update: float) -> Flow:
    """Return a Flow of these norms, with their ratio."""
    ratio = update / weight if weight else (np.inf if update else 0.0)
    return Flow(gradient, weight, update, ratio)


@partial(jax.jit, static_argnums=0)
def flow_norms(gan: Gan, state: TrainState, batch: Batch, keys: Array) -> Players:
    """Return `(|gradient|, |weight|, |update|)` of each player by name."""
    descent = field(gan, state, batch, keys, params_of(state))
    players = (
        (gan.g_optimizer, state.generator, descent.generator, "g_lr"),
        (gan.d_optimizer, state.discriminator, descent.discriminator, "d_lr"),
    )
    return Players(
        *(
            tensor_norms(optimizer, net, down, state.scales[scale])
            for optimizer, net, down, scale in players
        )
    )


def tensor_norms(
    optimizer: optax.GradientTransformation, net: NetState, descent: Any, scale: Array
) -> dict[str, tuple]:
    """Return one player's norms; `scale` multiplies its learning rate."""
    gradient = jax.tree.map(jnp.negative, descent)
    step = optax.with_extra_args_support(optimizer).update
    update, _ = step(gradient, net.opt_state, net.params, scale=scale)
    columns = [dict(named_arrays(tree)) for tree in (gradient, net.params, update)]
    return {
        name: tuple(jnp.linalg.norm(column[name].ravel()) for column in columns)
        for name in columns[0]
    }


def singular_values(params: Any) -> dict[str, np.ndarray]:
    """Return the singular values of every kernel by name, the largest first.

    A kernel `[..., out]` is the matrix `[-1, out]`, as in spectral normalization, so
    that the first value is its spectral norm; of a convolution this is not the
    operator's. The kernel is taken as stored: a spectrally normalized layer divides it
    by its leading value.
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
    """Return the share of units never positive on the batch, for each activation.

    The result is an array `[L]` a player, in the order of the layers of a training
    pass. A unit is an entry of the last axis; it is dead if what enters its activation
    is <= 0 for every example and place (in D: of reals and fakes). With ReLU its output
    is then always 0 and it learns nothing; with a leaky activation the share counts
    units negative on all of the batch, which act linearly; of others it says little.
    Raises ValueError for a network that takes its activation from elsewhere than a
    Style.
    """
    return jax.device_get(traced_dead_units(gan, state, batch, keys))


@partial(jax.jit, static_argnums=0)
@at_highest_precision
def traced_dead_units(
    gan: Gan, state: TrainState, batch: Batch, keys: Array
) -> Players:
    """Return what `dead_units` does, as one compiled program."""
    g, d = state.generator, state.discriminator
    draws = draw(gan, keys)
    inputs = prepare_inputs(gan, state, batch, draws)
    of_g = active_units(gan.generator, g, draws.z, inputs.label)
    on_real = active_units(gan.discriminator, d, inputs.real, inputs.label)
    on_fake = active_units(gan.discriminator, d, inputs.fake, inputs.label)
    of_d = [jnp.logical_or(*pair) for pair in zip(on_real, on_fake, strict=True)]
    return Players(inactive_shares(of_g), inactive_shares(of_d))


def inactive_shares(active: list[Array]) -> Array:
    """Return the share of units that are not active, of each layer, `[L]`."""
    return 1 - jnp.array([units.mean() for units in active])


def active_units(
    module: nn.Module, net: NetState, x: Array, label: Array | None
) -> list[Array]:
    """Return which units `[C]` are positive anywhere in a pass, for each activation."""
    style = getattr(module, "style", None)
    if not isinstance(style, Style) or style.activation is None:
        raise ValueError(
            f"{type(module).__name__}: dead units are counted in networks whose "
            "`style` (gan_jax.layers.Style) holds their activation"
        )
    active: list[Array] = []

    def record_and_activate(activation: Callable[[Array], Array], x: Array) -> Array:
        active.append(jnp.any(x > 0, axis=tuple(range(x.ndim - 1))))
        return activation(x)

    style = style._replace(activation=partial(record_and_activate, style.activation))
    recorder = module.clone(style=style)  # pyright: ignore
    forward(recorder, net.params, net.model_state, x, label)
    return active


@partial(jax.jit, static_argnums=0)
@at_highest_precision
def critic_gradient_norms(
    gan: Gan, state: TrainState, batch: Batch, keys: Array
) -> dict[str, Array]:
    """Return `|grad_x D(x)|_2`, `[B]` each, at reals, fakes and points between them.

    Reals x and fakes G(z) are augmented, as D sees them; "between" is
    `u x + (1 - u) G(z)`, u ~ U[0, 1). D has frozen statistics, as in penalties.
    """
    draws = draw(gan, keys)
    inputs = prepare_inputs(gan, state, batch, draws)
    d = state.discriminator
    critic = as_function(gan.discriminator, d.params, d.model_state, inputs.label)
    points = {
        "real": inputs.real,
        "fake": inputs.fake,
        "between": interpolate(
            inputs.real, inputs.fake, draws.penalty_keys[:: gan.pack]
        ),
    }
    return {k: jnp.sqrt(input_gradient_sq(critic, x)) for k, x in points.items()}


def gradient_quantiles(norms: dict[str, Array]) -> dict[str, dict[float, float]]:
    """Return the quantiles QUANTILES of what `critic_gradient_norms` returns."""
    return {
        name: {q: float(np.quantile(np.asarray(values), q)) for q in QUANTILES}
        for name, values in norms.items()
    }


class Signal(NamedTuple):
    """`|E g|^2 / tr Cov g` of each player's gradient g over fresh batches."""

    generator: float
    discriminator: float


def gradient_snr(gan: Gan, state: TrainState, batches: Batch, key: Array) -> Signal:
    """Return the gradients' signal to noise over batches `[n, B, ...]`, n about 8.

    Each batch has fresh latents. Mean and (n - 1) covariance are over the batches, so
    that pure noise reads about 1/n. Raises ValueError for a single batch.
    """
    count = len(batches.image)
    if count < 2:
        raise ValueError(f"batches: {count} of them have no spread; give about 8")
    rows = []
    for index in range(count):
        batch = jax.tree.map(lambda x, i=index: x[i], batches)
        batch_key = jax.random.fold_in(key, index)
        rows.append(flat_gradients(gan, state, batch, batch_key))
    g, d = (np.stack(player).astype(np.float64) for player in zip(*rows, strict=True))
    return Signal(signal_to_noise(g), signal_to_noise(d))


@partial(jax.jit, static_argnums=0)
def flat_gradients(
    gan: Gan, state: TrainState, batch: Batch, key: Array
) -> tuple[Array, Array]:
    """Return G's and D's descent direction as vectors."""
    keys = example_keys(gan, key, len(batch.image))
    descent = field(gan, state, batch, keys, params_of(state))
    return flat(descent.generator), flat(descent.discriminator)


def signal_to_noise(gradients: np.ndarray) -> float:
    """Return `|mean|^2 / tr Cov` of rows `[n, P]`, infinite without noise."""
    noise = gradients.var(axis=0, ddof=1).sum()
    signal = (gradients.mean(axis=0) ** 2).sum()
    return float(signal / noise) if noise else np.inf
