"""From a Config to a Gan: where names become functions and every user error is raised.

Which choices go together is checked by `gan_jax.assembly.compatibility`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from gan_jax.assembly.compatibility import (
    adapts,
    dataset,
    differentiates_augment,
    moving_rule,
    refuse_mismatches,
    require_enough,
    resolve,
    rule_of,
)
from gan_jax.assembly.registry import (
    bind,
    choose,
    default_of,
    options,
    require_defaults,
    require_plugins,
)
from gan_jax.augment import AUGMENTS
from gan_jax.config import Config, ModelConfig
from gan_jax.config.serialization import validate
from gan_jax.data import Spec
from gan_jax.dynamics import DYNAMICS, as_rule
from gan_jax.gan import Dynamics, Gan, Live, Memory, Schedule, Term
from gan_jax.layers import ACTIVATIONS, INITIALIZERS, MINIBATCH, NORMS, OUTPUTS, Style
from gan_jax.layers.basic import cast_below_float64
from gan_jax.losses import LOSSES, is_zero_sum, top_k
from gan_jax.methods import METHODS
from gan_jax.models import MODELS
from gan_jax.objectives import as_function
from gan_jax.optimizers import OPTIMIZERS, SCHEDULES, chain, learning_rate
from gan_jax.penalties import GENERATOR_PENALTIES, PENALTIES
from gan_jax.running_statistics import RUNNING
from gan_jax.types import Array, Loss, NetState, TrainState

PRECISIONS = {"float32": jnp.float32, "bf16": jnp.bfloat16}


def global_mean(axis_name: str | None) -> Callable[[Array], Array]:
    """The mean over the global batch."""
    if axis_name is None:
        return jnp.mean
    return lambda x: lax.pmean(jnp.mean(x), axis_name)


def global_gather(axis_name: str | None) -> Callable[[Array], Array]:
    """The whole global batch of one's share of it."""
    if axis_name is None:
        return lambda x: x
    return lambda x: lax.all_gather(x, axis_name, tiled=True)


def build(
    config: Config, *, axis_name: str | None = None, spec: Spec | None = None
) -> Gan:
    """The Gan a Config describes. Raises ValueError, naming the field, before any work.

    axis_name: the device axis of pmap or shard_map that the step will run under. spec:
    the shape and labels of the data where they are known, so that the data set itself
    need not be there; None: those of the data set that the Config names.
    """
    config = validate(config)
    require_plugins(config.plugin)
    if spec is None:
        data = dataset(config)
        require_enough(config, data)
        spec = data.spec
    config = resolve(config, spec)
    refuse_mismatches(config, spec)
    mean = global_mean(axis_name)
    label_count = spec.label_count if config.dataset.labels else None
    generator, discriminator = networks(
        config.model,
        config.precision,
        spec,
        axis_name=axis_name,
        label_count=label_count,
    )
    updates = moving_rule(config.dynamics).updates
    return Gan(
        generator=generator,
        discriminator=discriminator,
        loss=adversarial(config, mean, global_gather(axis_name)),
        z_dim=config.model.z_dim,
        data_shape=spec.shape,
        g_optimizer=optimizer(config, "g_optimizer", updates),
        d_optimizer=optimizer(config, "d_optimizer", config.d_steps - 1 + updates),
        dynamics=play(config),
        penalties=critic_terms(config, mean, generator),
        generator_penalties=generator_terms(config, generator),
        augment=augmentation(config),
        pack=config.model.pack,
        memory=memories(config),
        ema_decay=ema_decay(config),
        g_first=config.g_first,
        label_count=label_count,
        microbatches=config.microbatches,
        watch_layers=config.log.layers,
        axis_name=axis_name,
    )


def networks(
    config: ModelConfig,
    precision: str,
    spec: Spec,
    *,
    axis_name: str | None,
    label_count: int | None,
) -> Any:
    """The pair of modules, each with its Style."""
    activation = None
    if config.activation is not None:
        function = choose(ACTIVATIONS, config.activation, "model.activation")
        activation = bind(function, config)

    def style(norm: str, init: str, spectral: bool, side: str) -> Style:
        return Style(
            choose(NORMS, norm, f"model.{side}_norm"),
            activation,
            choose(INITIALIZERS, init, f"model.{side}_init")(config.init_scale),
            spectral,
            axis_name,
            label_count,
            PRECISIONS[precision],
        )

    minibatch = choose(MINIBATCH, config.d_minibatch, "model.d_minibatch")
    d_style = style(config.d_norm, config.d_init, config.d_spectral, "d")
    last = choose(OUTPUTS, config.output or "", "model.output")
    make = bind(choose(MODELS, config.name or "", "model.name"), config)
    return make(
        spec.shape,
        style(config.g_norm, config.g_init, config.g_spectral, "g"),
        d_style._replace(minibatch=minibatch),
        lambda x: last(cast_below_float64(x, jnp.float32)),
    )


def play(config: Config) -> Dynamics:
    """The rule of play, with its options filled in."""
    group = config.dynamics
    base = None if group.base is None else as_rule(DYNAMICS[group.base]).step
    eta = config.g_optimizer.learning_rate
    return bind(rule_of(group).step, group, base=base, eta=eta)


def optimizer(config: Config, player: str, updates_per_step: int) -> Any:
    group = getattr(config, player)
    make = choose(OPTIMIZERS, group.name, f"{player}.name")
    rate = learning_rate(group, config.steps, updates_per_step)
    return chain(group, bind(make, group)(rate))


def adversarial(config: Config, mean: Callable, gather: Callable) -> Loss:
    """The pair of losses, with what of them follows the step."""
    group = config.loss
    loss = choose(LOSSES, group.name, "loss.name")
    discriminator = bind(loss.discriminator, group, mean=mean)
    generator = bind(loss.generator, group, mean=mean)
    zero_sum = loss.zero_sum and is_zero_sum(Loss(discriminator, generator))
    change = SCHEDULES[group.schedule]
    aims = "real_target" in options(loss.discriminator)
    if group.real_target_end is not None and aims:
        target = change(group.real_target, group.real_target_end, config.steps)
        discriminator = by_step(discriminator, real_target=target)
    if group.top_k is not None:
        first = group.top_k if group.schedule == "constant" else 1.0
        best = partial(top_k, generator=generator, gather=gather)
        generator = by_step(best, share=change(first, group.top_k, config.steps))
        zero_sum = False
    correct = loss.correct and bind(loss.correct, group, mean=mean)
    return Loss(discriminator, generator, loss.boundary, zero_sum, correct)


def by_step(function: Callable, **schedules: Schedule) -> Any:
    """The function with arguments that are schedules of the step."""

    def now(schedule: Schedule, state: TrainState) -> Any:
        return schedule(state.step)

    return Live(function, {k: partial(now, v) for k, v in schedules.items()})


def augmentation(config: Config) -> Callable | Live:
    """The augmentation, with its strength as the step or D's confidence has it."""
    group = config.augment
    function = choose(AUGMENTS, group.name, "augment.name")
    augment = bind(function, group)
    if "strength" not in options(function):
        return augment
    if group.schedule == "adaptive":
        strength = default_of(function, "strength")
        most = strength if group.strength is None else group.strength
        return Live(
            augment, {"strength": lambda state: most * state.aux["adaptive_strength"]}
        )
    if group.strength_end is None:
        return augment
    start, end = group.strength, group.strength_end
    start = default_of(function, "strength") if start is None else start
    change = SCHEDULES[group.schedule]
    return by_step(augment, strength=change(start, end, config.steps))


def critic_terms(
    config: Config, mean: Callable, generator: nn.Module
) -> tuple[Term, ...]:
    group = config.penalty
    penalty = choose(PENALTIES, group.name, "penalty.name")
    if group.name == "none":
        return ()
    end = group.weight if group.weight_end is None else group.weight_end
    weight = SCHEDULES[group.schedule](group.weight, end, config.steps)
    transform = partial(
        choose(AUGMENTS, group.transform or "none", "penalty.transform")
    )
    require_defaults(transform)
    extra = {"mean": mean, "transform": transform, "z_dim": config.model.z_dim}
    later = followed() | {"pullbacks": None}
    penalty = bind(penalty, group, **later | extra)
    through = group.through_augment and differentiates_augment(config)
    return (Term(following(penalty, generator), weight, group.every, through),)


def generator_terms(config: Config, generator: nn.Module) -> tuple[Term, ...]:
    group = config.generator_penalty
    penalty = choose(GENERATOR_PENALTIES, group.name, "generator_penalty.name")
    if group.name == "none":
        return ()
    penalty = following(bind(penalty, group, **followed()), generator)
    return (Term(penalty, lambda step: group.weight, group.every),)


def followed() -> dict[str, None]:
    """Options of penalties that are filled in at each step, from the run's state."""
    return dict.fromkeys(("generator", "g_params", *RUNNING))


def following(penalty: Callable, generator: nn.Module) -> Callable | Live:
    """The penalty, with what it reads of the run filled in at each step."""

    def as_it_is(state: TrainState) -> Callable[[Array], Array]:
        net = state.generator
        return as_function(generator, net.params, net.model_state, None)

    sights = {name: partial(running, name) for name in RUNNING} | {
        "generator": as_it_is,
        "g_params": lambda state: state.generator.params,
    }
    values = {name: sights[name] for name in options(penalty) & followed().keys()}
    return Live(penalty, values) if values else penalty


def running(name: str, state: TrainState) -> Array:
    return state.aux[name]


def memories(config: Config) -> tuple[Memory, ...]:
    """What this Config's choices remember: running statistics, and the dynamics' own.

    A statistic reads its options from the group of what reads it.
    """
    readers = [
        (PENALTIES[config.penalty.name], config.penalty),
        (GENERATOR_PENALTIES[config.generator_penalty.name], config.generator_penalty),
    ]
    wanted = {
        name: group
        for function, group in readers
        for name in sorted(options(function) & RUNNING.keys())
    }
    if adapts(config):
        wanted["adaptive_strength"] = config.augment
    shown = config.batch_size * config.d_steps
    statistics = [
        Memory(name, zero, bind(RUNNING[name], group, batch_size=shown))
        for name, group in wanted.items()
    ]
    return (*statistics, *rule_of(config.dynamics).memory)


def zero(generator: NetState, discriminator: NetState) -> Array:
    return jnp.zeros(())


def ema_decay(config: Config) -> Schedule:
    """0 before `start`, then `decay`, with warm-up at most `(1 + t) / (10 + t)`."""
    group = config.ema

    def decay(step: ArrayLike) -> Array:
        since = jnp.asarray(step) - group.start
        limit = (1 + since) / (10 + since) if group.warmup else 1.0
        return jnp.where(since < 0, 0.0, jnp.minimum(group.decay, limit))

    return decay


def method(name: str) -> Config:
    """METHODS[name], or a ValueError with the nearest name."""
    return choose(METHODS, name, "method")
