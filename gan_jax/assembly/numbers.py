"""The numbers of a Config that a compiled step takes as arguments.

Two Configs that differ in these alone describe the same program with other inputs, so
that one compilation serves both.
"""

import dataclasses
import inspect
from collections.abc import Mapping
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp

from gan_jax.assembly.choices import Choices
from gan_jax.assembly.registry import bind
from gan_jax.config import Config, DatasetConfig, LogConfig
from gan_jax.config.serialization import flat
from gan_jax.losses import is_zero_sum
from gan_jax.types import Loss

NUMBERS_OF_STEP = (
    "penalty.weight",
    "penalty.weight_end",
    "generator_penalty.weight",
    "g_optimizer.learning_rate",
    "d_optimizer.learning_rate",
    "ema.decay",
)
"""Fields that the penalties, the rule of play and the optimizers may read."""
NUMBERS_OF_LOSS = ("loss.real_target", "loss.real_target_end", "loss.fake_weight")
"""Fields that a loss reads; a loss may decide by them in Python (`takes_numbers`)."""


def find_numbers(choices: Choices) -> dict[str, float]:
    """Return the numbers that the step takes as arguments, by their dotted field names.

    A field that is None is left out: it stands for the absence of what it describes, so
    it is part of the program. There are none of NUMBERS_OF_STEP if a function that may
    read them is not of this library: it may decide by a number in Python.
    """
    names = NUMBERS_OF_STEP if all(map(is_own, readers_of_numbers(choices))) else ()
    names += NUMBERS_OF_LOSS if takes_numbers(choices) else ()
    fields = flat(choices.config)
    return {name: fields[name] for name in names if fields[name] is not None}


def readers_of_numbers(choices: Choices) -> list[Any]:
    """Return the functions that may read NUMBERS_OF_STEP."""
    rules = choices.rule.step, choices.update_rule.step
    optimizers = choices.g_optimizer, choices.d_optimizer
    return [choices.penalty, choices.generator_penalty, *rules, *optimizers]


def is_own(function: Any) -> bool:
    """Whether a function, or the one that it wraps, is defined in this library."""
    module = getattr(inspect.unwrap(function), "__module__", None) or ""
    return module.split(".")[0] == "gan_jax"


def takes_numbers(choices: Choices) -> bool:
    """Whether both losses can be traced with abstract numbers in place of their fields.

    A loss that decides by a number in Python cannot. Neither can one that is zero-sum
    for some numbers only, as a rule of play may need to know whether it is.
    """

    def evaluate(numbers: dict[str, Any], logits: jax.Array) -> Any:
        config = with_numbers(choices.config, numbers)
        pair = choices.loss.discriminator, choices.loss.generator
        of_d, of_g = (bind(loss, config, "loss", mean=jnp.mean) for loss in pair)
        if choices.loss.zero_sum:
            is_zero_sum(Loss(of_d, of_g))
        return of_d(logits, logits), of_g(logits, logits)

    fields = flat(choices.config)
    numbers = {n: fields[n] for n in NUMBERS_OF_LOSS if fields[n] is not None}
    try:
        jax.eval_shape(evaluate, numbers, jnp.zeros(2))
    except jax.errors.JAXTypeError:  # It made a Python or NumPy number of a tracer.
        return False
    return True


def with_numbers(config: Config, numbers: Mapping[str, Any]) -> Config:
    """Return the Config with other numbers, which may be tracers."""

    def change(config: Config, entry: tuple[str, Any]) -> Config:
        (group, field), value = entry[0].split("."), entry[1]
        changed = dataclasses.replace(getattr(config, group), **{field: value})
        return dataclasses.replace(config, **{group: changed})

    return reduce(change, numbers.items(), config)


def without_numbers(choices: Choices) -> Choices:
    """Return the choices with what is compiled into the step, and nothing else.

    The numbers that the step takes are 0. The fields that `assemble` does not read have
    their defaults. So equal results mean equal programs, up to the data and the
    devices.
    """
    config = choices.config
    kept = {
        f.name: getattr(config, f.name)
        for f in dataclasses.fields(Config)
        if f.name not in FIELDS_OF_RUN
    }
    stripped = Config(
        **kept,
        dataset=DatasetConfig(labels=config.dataset.labels),
        log=LogConfig(layers=config.log.layers),
    )
    zeros = dict.fromkeys(find_numbers(choices), 0.0)
    return choices._replace(config=with_numbers(stripped, zeros))


FIELDS_OF_RUN = frozenset(
    {
        "seed",
        "out",
        "plugin",
        "devices",
        "seeds",
        "steps_per_call",
        "on_divergence",
        "sweep",
        "metrics",
        "checkpoint",
        "dataset",
        "log",
    }
)
"""Fields of a Config that do not change the step. Of `dataset` and `log`, one each
does: `dataset.labels` and `log.layers`."""
