"""The choices of a Config: each name in it becomes the function that it stands for."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from gan_jax.assembly.registry import choose, options
from gan_jax.augment import AUGMENTS, Augmentation, as_augmentation, no_augmentation
from gan_jax.config import Config, DynamicsConfig
from gan_jax.data import Spec
from gan_jax.dynamics import DYNAMICS, Rule, as_rule
from gan_jax.layers import ACTIVATIONS, INITIALIZERS, NORMS, OUTPUTS
from gan_jax.layers.basic import no_minibatch_layer
from gan_jax.layers.minibatch import MINIBATCH
from gan_jax.losses import LOSSES
from gan_jax.models import MODELS
from gan_jax.optimizers import OPTIMIZERS
from gan_jax.penalties import GENERATOR_PENALTIES, PENALTIES, no_penalty
from gan_jax.running_statistics import RUNNING
from gan_jax.types import GeneratorPenalty, Loss, Penalty


class Choices(NamedTuple):
    """What the names in a Config stand for, looked up once and not yet bound to it.

    config: The Config, with the values filled in that depend on the data.
    transform: The change under which a consistency penalty compares.
    rule: The rule of play.
    update_rule: The rule that updates the players: `rule`, or the base that it names.
    activation: None stands for the networks' own.
    The other fields are what the config's fields of their names stand for.
    """

    config: Config
    loss: Loss
    penalty: Penalty
    generator_penalty: GeneratorPenalty
    augment: Augmentation
    transform: Augmentation
    rule: Rule
    update_rule: Rule
    g_optimizer: Callable
    d_optimizer: Callable
    model: Callable
    activation: Callable | None
    output: Callable
    g_norm: Callable
    d_norm: Callable
    g_init: Callable
    d_init: Callable
    minibatch: Callable

    @property
    def is_penalized(self) -> bool:
        """Whether D pays a penalty."""
        return self.penalty is not no_penalty

    @property
    def couples_examples(self) -> bool:
        """Whether D has a layer by which its examples see each other."""
        return self.minibatch is not no_minibatch_layer

    @property
    def has_strength(self) -> bool:
        """Whether the augmentation has a strength."""
        return "strength" in options(self.augment.change)

    @property
    def adapts_strength(self) -> bool:
        """Whether the strength of the augmentation follows D."""
        return self.config.augment.schedule == "adaptive" and self.has_strength

    @property
    def differentiates_augment(self) -> bool:
        """Whether there is an augmentation that the critic penalty can act through."""
        augments = self.augment.change is not no_augmentation
        return augments and "pullbacks" in options(self.penalty)

    @property
    def statistics(self) -> dict[str, str]:
        """The running statistics that are read, each with the group that reads it."""
        readers = {
            "penalty": self.penalty,
            "generator_penalty": self.generator_penalty,
        }
        found = {
            name: group
            for group, function in readers.items()
            for name in sorted(options(function) & RUNNING.keys())
        }
        if self.adapts_strength:
            found["adaptive_strength"] = "augment"
        return found


def resolve_choices(config: Config, spec: Spec) -> Choices:
    """Look up every name in a Config for data of this shape.

    Raises ValueError for a name that is unknown, with its field and the allowed names.
    """
    config = fill_in_defaults(config, spec)
    model, augment = config.model, config.augment.name
    g_penalty = config.generator_penalty.name
    transform = config.penalty.transform or "none"
    return Choices(
        config,
        loss=choose(LOSSES, config.loss.name, "loss.name"),
        penalty=choose(PENALTIES, config.penalty.name, "penalty.name"),
        generator_penalty=choose(
            GENERATOR_PENALTIES, g_penalty, "generator_penalty.name"
        ),
        augment=as_augmentation(choose(AUGMENTS, augment, "augment.name")),
        transform=as_augmentation(choose(AUGMENTS, transform, "penalty.transform")),
        rule=choose_rule(config.dynamics),
        update_rule=choose_update_rule(config.dynamics),
        g_optimizer=choose(OPTIMIZERS, config.g_optimizer.name, "g_optimizer.name"),
        d_optimizer=choose(OPTIMIZERS, config.d_optimizer.name, "d_optimizer.name"),
        model=choose(MODELS, model.name or "", "model.name"),
        activation=choose_activation(model.activation),
        output=choose(OUTPUTS, model.output or "", "model.output"),
        g_norm=choose(NORMS, model.g_norm, "model.g_norm"),
        d_norm=choose(NORMS, model.d_norm, "model.d_norm"),
        g_init=choose(INITIALIZERS, model.g_init, "model.g_init"),
        d_init=choose(INITIALIZERS, model.d_init, "model.d_init"),
        minibatch=choose(MINIBATCH, model.d_minibatch, "model.d_minibatch"),
    )


def fill_in_defaults(config: Config, spec: Spec) -> Config:
    """Fill in the fields whose None stands for what suits the shape of the data."""
    image = len(spec.shape) == 3
    model, penalty = config.model, config.penalty
    if model.name is None:
        model = replace(model, name="resize" if image else "mlp")
    if model.output is None:
        model = replace(model, output="tanh" if image else "linear")
    read = options(choose(PENALTIES, penalty.name, "penalty.name"))
    if "transform" in read and penalty.transform is None:
        transform = "shift_flip" if image else "instance_noise"
        penalty = replace(penalty, transform=transform)
    return replace(config, model=model, penalty=penalty)


def choose_activation(name: str | None) -> Callable | None:
    """Return the chosen activation, or None if the networks keep their own."""
    return None if name is None else choose(ACTIVATIONS, name, "model.activation")


def choose_rule(group: DynamicsConfig) -> Rule:
    """Return the chosen rule of play."""
    return as_rule(choose(DYNAMICS, group.name, "dynamics.name"))


def choose_update_rule(group: DynamicsConfig) -> Rule:
    """Return the rule that updates the players: the chosen one, or its base."""
    rule = choose_rule(group)
    if group.base is None or "base" not in options(rule.step):
        return rule
    return as_rule(DYNAMICS[group.base])
