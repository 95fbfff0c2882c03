"""The choices of a Config: names become the functions that they stand for."""

import dataclasses

from gan_jax.assembly.registry import choose, options
from gan_jax.config import Config, DynamicsConfig
from gan_jax.data import Spec
from gan_jax.dynamics import DYNAMICS, Rule, as_rule
from gan_jax.penalties import PENALTIES


def complete_config(config: Config, spec: Spec) -> Config:
    """The Config with the choices made that depend on the data's shape."""
    image = len(spec.shape) == 3
    name, output = config.model.name, config.model.output
    if name is None:
        name = "resize" if image else "mlp"
    if output is None:
        output = "tanh" if image else "linear"
    model = dataclasses.replace(config.model, name=name, output=output)
    penalty = config.penalty
    reads = options(choose(PENALTIES, penalty.name, "penalty.name"))
    if "transform" in reads and penalty.transform is None:
        transform = "shift_flip" if image else "instance_noise"
        penalty = dataclasses.replace(penalty, transform=transform)
    return dataclasses.replace(config, model=model, penalty=penalty)


def choose_rule(group: DynamicsConfig) -> Rule:
    """The rule of play that is chosen."""
    return as_rule(choose(DYNAMICS, group.name, "dynamics.name"))


def choose_update_rule(group: DynamicsConfig) -> Rule:
    """The rule that updates the players: the chosen one, or the base that it names."""
    rule = choose_rule(group)
    if group.base is None or "base" not in options(rule.step):
        return rule
    return as_rule(DYNAMICS[group.base])
