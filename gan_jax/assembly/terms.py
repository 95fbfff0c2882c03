"""The terms of the objectives, bound to a Config: losses, penalties, augmentation."""

from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from gan_jax.assembly.choices import Choices
from gan_jax.assembly.registry import bind, default_of, options, require_defaults
from gan_jax.gan import Memory, Schedule, StateDependent, Term
from gan_jax.losses import is_zero_sum, top_k
from gan_jax.objectives import as_function
from gan_jax.optimizers import SCHEDULES
from gan_jax.penalties import NO_PULLBACKS, no_generator_penalty
from gan_jax.running_statistics import RUNNING
from gan_jax.types import Array, Loss, NetState, TrainState


def make_loss(choices: Choices, mean: Callable, gather: Callable) -> Loss:
    """Bind the pair of losses; a target and a share of the fakes follow the step."""
    config, group, loss = choices.config, choices.config.loss, choices.loss
    discriminator = bind(loss.discriminator, config, "loss", mean=mean)
    generator = bind(loss.generator, config, "loss", mean=mean)
    zero_sum = loss.zero_sum and is_zero_sum(Loss(discriminator, generator))
    change = SCHEDULES[group.schedule]
    has_target = "real_target" in options(loss.discriminator)
    if group.real_target_end is not None and has_target:
        target = change(group.real_target, group.real_target_end, config.steps)
        discriminator = follow_step(discriminator, real_target=target)
    if group.top_k is not None:
        first = group.top_k if group.schedule == "constant" else 1.0
        best = partial(top_k, generator=generator, gather=gather)
        share = change(first, group.top_k, config.steps)
        generator = follow_step(best, share=share)
        zero_sum = False
    correct = loss.correct and bind(loss.correct, config, "loss", mean=mean)
    return Loss(discriminator, generator, loss.boundary, zero_sum, correct)


def follow_step(function: Callable, **schedules: Schedule) -> Any:
    """Return the function with arguments that are schedules of the step."""

    def read_schedule(schedule: Schedule, state: TrainState) -> Any:
        return schedule(state.step)

    values = {name: partial(read_schedule, s) for name, s in schedules.items()}
    return StateDependent(function, values)


def read_statistic(name: str, state: TrainState) -> Array:
    """Return a running statistic as it is at a state."""
    return state.aux[name]


def make_augment(choices: Choices) -> Callable | StateDependent:
    """Bind the augmentation; its strength may follow the step, or D's confidence."""
    config, group = choices.config, choices.config.augment
    augment = bind(choices.augment.change, config, "augment")
    if not choices.has_strength:
        return augment
    if choices.adapts_strength:
        most = start_strength(choices)
        share = partial(read_statistic, "adaptive_strength")
        return StateDependent(augment, {"strength": lambda state: most * share(state)})
    if group.strength_end is None:
        return augment
    schedule = SCHEDULES[group.schedule]
    strength = schedule(start_strength(choices), group.strength_end, config.steps)
    return follow_step(augment, strength=strength)


def start_strength(choices: Choices) -> float:
    """Return the strength in the Config, or the augmentation's own."""
    strength = choices.config.augment.strength
    if strength is None:
        return default_of(choices.augment.change, "strength")
    return strength


def make_penalties(
    choices: Choices, mean: Callable, generator: nn.Module
) -> tuple[Term, ...]:
    """Bind the critic penalty, if there is one."""
    config, group = choices.config, choices.config.penalty
    if not choices.is_penalized:
        return ()
    transform = choices.transform.change
    require_defaults(transform, "penalty.transform")
    values = values_in_state(generator)
    penalty = bind(
        choices.penalty,
        config,
        "penalty",
        **dict.fromkeys(values),
        pullbacks=NO_PULLBACKS,
        mean=mean,
        transform=transform,
        z_dim=config.model.z_dim,
    )
    end = group.weight if group.weight_end is None else group.weight_end
    weight = SCHEDULES[group.schedule](group.weight, end, config.steps)
    through = group.through_augment and choices.differentiates_augment
    return (Term(follow_state(penalty, values), weight, group.every, through),)


def make_generator_penalties(
    choices: Choices, generator: nn.Module
) -> tuple[Term, ...]:
    """Bind the generator penalty, if there is one."""
    config, group = choices.config, choices.config.generator_penalty
    if choices.generator_penalty is no_generator_penalty:
        return ()
    values = values_in_state(generator)
    given = dict.fromkeys(values)
    penalty = bind(choices.generator_penalty, config, "generator_penalty", **given)
    penalty = follow_state(penalty, values)
    return (Term(penalty, lambda step: group.weight, group.every),)


def values_in_state(generator: nn.Module) -> dict[str, Callable[[TrainState], Any]]:
    """Return the options of penalties that are filled in at each step, from the state.

    They are the running statistics, G as it is now, and its parameters.
    """

    def current_generator(state: TrainState) -> Callable[[Array], Array]:
        net = state.generator
        return as_function(generator, net.params, net.model_state, None)

    return {name: partial(read_statistic, name) for name in RUNNING} | {
        "generator": current_generator,
        "g_params": lambda state: state.generator.params,
    }


def follow_state(
    penalty: Callable, values: dict[str, Callable[[TrainState], Any]]
) -> Callable | StateDependent:
    """Return the penalty, with those values that it reads filled in at each step."""
    read = {name: value for name, value in values.items() if name in options(penalty)}
    return StateDependent(penalty, read) if read else penalty


def make_memories(choices: Choices) -> tuple[Memory, ...]:
    """Return what the choices remember: running statistics, and the rule's own memory.

    A statistic reads its options from the group of what reads it.
    """
    config = choices.config
    shown = config.batch_size * config.d_steps
    statistics = (
        Memory(
            name, zero_at_start, bind(RUNNING[name], config, group, batch_size=shown)
        )
        for name, group in choices.statistics.items()
    )
    return (*statistics, *choices.rule.memory)


def zero_at_start(generator: NetState, discriminator: NetState) -> Array:
    return jnp.zeros(())
