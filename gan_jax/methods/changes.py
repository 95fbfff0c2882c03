"""Changes of a Config by the dotted names of its fields, for methods and suites."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gan_jax.config import Config

Changes = Mapping[str, Any]
"""Dotted names of a Config's fields, with their values."""

PLAYERS = ("g_optimizer", "d_optimizer")
"""The groups of a Config that hold the players' optimizers."""
ADAM = ("adam", "optimistic_adam")
"""The optimizers whose learning rate `change_rates` changes."""


def change_fields(config: Config, changes: Changes) -> Config:
    """Return the Config with the fields of these dotted names replaced."""
    for name, value in changes.items():
        group, _, option = name.rpartition(".")
        if group:
            value = replace(getattr(config, group), **{option: value})
        config = replace(config, **{group or option: value})
    return config


def change_rates(config: Config, adam_rate: float | None, decay: bool) -> Config:
    """Return the Config with other learning rates.

    adam_rate: the rate of the faster player where Adam is used; the ratio of the two
    players' rates stays. None: the rates stay. decay: whether rates go linearly to 0.
    """
    adams = [p for p in PLAYERS if getattr(config, p).name in ADAM]
    fastest = max((getattr(config, p).learning_rate for p in adams), default=0.0)
    for player in PLAYERS:
        group = getattr(config, player)
        if player in adams and adam_rate is not None:
            rate = group.learning_rate / fastest * adam_rate
            group = replace(group, learning_rate=rate)
        if decay:
            group = replace(group, schedule="linear")
        config = replace(config, **{player: group})
    return config
