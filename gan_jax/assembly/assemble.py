"""From a Config to a Gan: `build`."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from gan_jax.assembly.choices import Choices, resolve_choices
from gan_jax.assembly.compatibility import refuse_mismatches
from gan_jax.assembly.datasets import find_dataset, require_enough_examples
from gan_jax.assembly.registry import bind, choose, require_plugins
from gan_jax.assembly.terms import (
    make_augment,
    make_generator_penalties,
    make_loss,
    make_memories,
    make_penalties,
)
from gan_jax.config import Config, EmaConfig
from gan_jax.config.serialization import validate
from gan_jax.data import Spec
from gan_jax.dynamics import DYNAMICS, as_rule
from gan_jax.gan import Dynamics, Gan, Schedule
from gan_jax.layers.basic import Style, cast_below_float64
from gan_jax.methods import METHODS
from gan_jax.optimizers import chain, learning_rate
from gan_jax.types import Array

PRECISIONS: dict[str, tuple[Any, str | None]] = {
    "highest": (jnp.float32, "highest"),
    "tf32": (jnp.float32, "tensorfloat32"),
    "float32": (jnp.float32, None),
    "bf16": (jnp.bfloat16, "bfloat16"),
}
"""The dtype of the layers and the precision of products (`Gan.precision`), by
`Config.precision`."""


def build(
    config: Config, *, axis_name: str | None = None, spec: Spec | None = None
) -> Gan:
    """Build the Gan that a Config describes.

    Args:
        config: The description of the run.
        axis_name: The device axis of pmap or shard_map that the step will run under.
        spec: The shape and labels of the data where they are known, so that the data
            set itself need not be there. None: those of the data set in the Config.

    Returns:
        The networks and the rules of their game.

    Raises:
        ValueError: A field has a value that is not allowed, or does not go together
            with others. The message names the field and says what to do.
    """
    choices, spec = check_choices(config, spec)
    return assemble(choices, spec, axis_name)


def check_choices(config: Config, spec: Spec | None) -> tuple[Choices, Spec]:
    """Return the choices of a Config, which are allowed and go together, and the spec.

    Takes a spec, and raises ValueError, as `build` does.
    """
    config = validate(config)
    require_plugins(config.plugin)
    if spec is None:
        data = find_dataset(config)
        require_enough_examples(config, data)
        spec = data.spec
    choices = resolve_choices(config, spec)
    refuse_mismatches(choices, spec)
    return choices, spec


def assemble(choices: Choices, spec: Spec, axis_name: str | None) -> Gan:
    """Bind compatible choices to their Config and put them together.

    The numbers of the Config that `numbers.find_numbers` lists may be tracers.
    """
    config, updates = choices.config, choices.update_rule.updates
    mean = global_mean(axis_name)
    label_count = spec.label_count if config.dataset.labels else None
    generator, discriminator = make_networks(choices, spec, axis_name, label_count)
    return Gan(
        generator=generator,
        discriminator=discriminator,
        loss=make_loss(choices, mean, global_gather(axis_name)),
        z_dim=config.model.z_dim,
        data_shape=spec.shape,
        g_optimizer=make_optimizer(choices, "g_optimizer", updates),
        d_optimizer=make_optimizer(
            choices, "d_optimizer", config.d_steps - 1 + updates
        ),
        dynamics=make_dynamics(choices),
        penalties=make_penalties(choices, mean, generator),
        generator_penalties=make_generator_penalties(choices, generator),
        augment=make_augment(choices),
        pack=config.model.pack,
        memory=make_memories(choices),
        ema_decay=make_ema_decay(config.ema),
        g_first=config.g_first,
        label_count=label_count,
        microbatches=config.microbatches,
        watch_layers=config.log.layers,
        axis_name=axis_name,
        precision=PRECISIONS[config.precision][1],
    )


def global_mean(axis_name: str | None) -> Callable[[Array], Array]:
    """Return the function that takes the mean over the global batch."""
    if axis_name is None:
        return jnp.mean
    return lambda x: lax.pmean(jnp.mean(x), axis_name)


def global_gather(axis_name: str | None) -> Callable[[Array], Array]:
    """Return the function from a device's share of the global batch to all of it."""
    if axis_name is None:
        return lambda x: x
    return lambda x: lax.all_gather(x, axis_name, tiled=True)


def make_networks(
    choices: Choices, spec: Spec, axis_name: str | None, label_count: int | None
) -> Any:
    """Make the generator and the discriminator, each with its Style."""
    config, model = choices.config, choices.config.model
    activation = choices.activation
    if activation is not None:
        activation = bind(activation, config, "model")
    make_style = partial(
        Style,
        activation=activation,
        axis_name=axis_name,
        label_count=label_count,
        dtype=PRECISIONS[config.precision][0],
    )
    g_style = make_style(
        norm=choices.g_norm,
        kernel_init=choices.g_init(model.init_scale),
        spectral=model.g_spectral,
    )
    d_style = make_style(
        norm=choices.d_norm,
        kernel_init=choices.d_init(model.init_scale),
        spectral=model.d_spectral,
        minibatch=choices.minibatch,
    )

    def activate_output(x: Array) -> Array:
        return choices.output(cast_below_float64(x, jnp.float32))

    return bind(choices.model, config, "model")(
        spec.shape, g_style, d_style, activate_output
    )


def make_dynamics(choices: Choices) -> Dynamics:
    """Bind the rule of play, whose options are fields and the learning rate of G."""
    config = choices.config
    base = config.dynamics.base and as_rule(DYNAMICS[config.dynamics.base]).step
    eta = config.g_optimizer.learning_rate
    return bind(choices.rule.step, config, "dynamics", base=base, eta=eta)


def make_optimizer(choices: Choices, player: str, updates_per_step: int) -> Any:
    """Make the Optax chain of a player, `g_optimizer` or `d_optimizer`."""
    config, group = choices.config, getattr(choices.config, player)
    rate = learning_rate(group, config.steps, updates_per_step)
    return chain(group, bind(getattr(choices, player), config, player)(rate))


def make_ema_decay(group: EmaConfig) -> Schedule:
    """Return the decay at a step: 0 before `start`, then `decay`.

    With warm-up it is at most `(1 + t) / (10 + t)`, t steps after `start`.
    """

    def decay(step: ArrayLike) -> Array:
        since = jnp.asarray(step) - group.start
        limit = (1 + since) / (10 + since) if group.warmup else 1.0
        return jnp.where(since < 0, 0.0, jnp.minimum(group.decay, limit))

    return decay


def find_method(name: str) -> Config:
    """Return METHODS[name], or raise a ValueError with the nearest name."""
    return choose(METHODS, name, "method")
