"""Optimizers: Optax chains for either player.

A chain clips the gradient, then applies the optimizer proper and the run's traced
multiplier of the learning rate, then clips the weights. The keyword-only arguments of
an optimizer are the fields of the config's optimizer group that it reads.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jax import lax

from gan_jax.config import OptimizerConfig
from gan_jax.types import Array

Schedule = optax.Schedule


def sgd(learning_rate: Schedule) -> optax.GradientTransformation:
    """`w - lr g`: gradient descent. Robbins and Monro 1951."""
    return optax.sgd(learning_rate)


def momentum(
    learning_rate: Schedule, *, momentum: float = 0.9
) -> optax.GradientTransformation:
    """`m' = momentum m + g; w - lr m'`: heavy ball, no dampening. Polyak 1964."""
    return optax.sgd(learning_rate, momentum=momentum)


def adam(
    learning_rate: Schedule, *, b1: float = 0.5, b2: float = 0.999, eps: float = 1e-8
) -> optax.GradientTransformation:
    """`w - lr m^ / (sqrt(v^ + 1e-20) + eps)`, m^ and v^ corrected for bias.

    Kingma and Ba 2014, arXiv 1412.6980. The constant inside the root gives the update a
    derivative where v^ is 0, which unrolled play needs. It changes nothing where |g| is
    over 1e-9.
    """
    return optax.adam(learning_rate, b1=b1, b2=b2, eps=eps, eps_root=1e-20)


def rmsprop(
    learning_rate: Schedule, *, b2: float = 0.99, eps: float = 1e-8
) -> optax.GradientTransformation:
    """`v' = b2 v + (1 - b2) g^2; w - lr g / (sqrt(v') + eps)`, v from 0.

    Tieleman and Hinton 2012. eps is outside the root, as in PyTorch.
    """
    return optax.rmsprop(learning_rate, decay=b2, eps=eps, eps_in_sqrt=False)


def optimistic_adam(
    learning_rate: Schedule, *, b1: float = 0.5, b2: float = 0.999, eps: float = 1e-8
) -> optax.GradientTransformation:
    """`w - lr (2 u_t - u_(t-1))`, u the direction of `adam`.

    Daskalakis et al. 2017, arXiv 1711.00141. The first update takes u_(-1) = u_0.
    """
    return optax.optimistic_adam_v2(
        learning_rate, b1=b1, b2=b2, eps=eps, eps_root=1e-20, nesterov=False
    )


def init_nothing(params: optax.Params) -> optax.EmptyState:
    return optax.EmptyState()


def scale_by_traced() -> optax.GradientTransformationExtraArgs:
    """Return a transformation that multiplies updates by a traced number.

    Returns:
        A transformation whose `update` has the extra argument `scale` (1.0). A training
        step passes the multiplier of the learning rate, `g_lr` or `d_lr` in
        `state.scales`.
    """

    def update(updates, state, params=None, *, scale: Array | float = 1.0, **_):
        return jax.tree.map(lambda u: scale * u, updates), state

    return optax.GradientTransformationExtraArgs(init_nothing, update)


def clip_params(bound: float) -> optax.GradientTransformation:
    """Return a transformation after which every weight lies in [-bound, bound].

    It has to be the last of a chain. It leaves scales of normalizations alone (leaves
    named `scale`). An update whose sum with its weight rounds to outside the bound is
    made smaller by one unit in the last place. Arjovsky et al. 2017, arXiv 1701.07875.
    """

    def clip(path, update, param):
        if path[-1] == jax.tree_util.DictKey("scale"):
            return update
        change = jnp.clip(param + update, -bound, bound) - param
        moved = param + change
        towards_zero = -jnp.sign(moved) * jnp.inf
        smaller = jnp.nextafter(lax.stop_gradient(change), towards_zero)
        return jnp.where(jnp.abs(moved) > bound, smaller, change)

    def update(updates, state, params=None):
        return jax.tree_util.tree_map_with_path(clip, updates, params), state

    return optax.GradientTransformation(init_nothing, update)


def constant(start: float, end: float, steps: int) -> Schedule:
    """`start`."""
    return optax.constant_schedule(start)


def linear(start: float, end: float, steps: int) -> Schedule:
    """`start + (end - start) t / steps`."""
    return optax.linear_schedule(start, end, steps)


def cosine(start: float, end: float, steps: int) -> Schedule:
    """`end + (start - end) (1 + cos(pi t / steps)) / 2`."""
    unit = optax.cosine_decay_schedule(1.0, steps)
    return lambda step: end + (start - end) * unit(step)


def learning_rate(
    config: OptimizerConfig, steps: int, updates_per_step: int
) -> Schedule:
    """Return the learning rate at an update count: warm-up times the schedule.

    The schedule goes from the peak to 0 over `steps`, unless it is constant.
    """
    decay = SCHEDULES[config.schedule](config.learning_rate, 0.0, steps)

    def rate(count):
        step = count / updates_per_step
        warmup = jnp.minimum(1.0, (step + 1) / config.warmup_steps)
        return decay(step) * warmup

    if config.warmup_steps == 0:
        return lambda count: decay(count / updates_per_step)
    return rate


def chain(
    config: OptimizerConfig, optimizer: optax.GradientTransformation
) -> optax.GradientTransformationExtraArgs:
    """Chain clip_value, clip_norm, an optimizer, the multiplier and clip_params."""
    parts = [optimizer, scale_by_traced()]
    if config.clip_norm is not None:
        parts.insert(0, optax.clip_by_global_norm(config.clip_norm))
    if config.clip_value is not None:
        parts.insert(0, optax.clip(config.clip_value))
    if config.clip_params is not None:
        parts.append(clip_params(config.clip_params))
    return optax.chain(*parts)


SCHEDULES: dict[str, Callable[[float, float, int], Schedule]] = {
    "constant": constant,
    "linear": linear,
    "cosine": cosine,
}

OPTIMIZERS: dict[str, Callable[..., optax.GradientTransformation]] = {
    "sgd": sgd,
    "momentum": momentum,
    "adam": adam,
    "rmsprop": rmsprop,
    "optimistic_adam": optimistic_adam,
}
