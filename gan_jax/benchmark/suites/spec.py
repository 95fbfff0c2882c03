"""The parts of a suite: tasks, methods and points of axes, each a complete Config."""

import dataclasses
from collections import ChainMap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gan_jax.assembly.registry import PLUGINS
from gan_jax.benchmark.outcome import Goal
from gan_jax.config import Config, DatasetConfig, MetricsConfig, SweepConfig
from gan_jax.methods import METHODS
from gan_jax.methods.changes import Changes, change_fields, change_rates


@dataclass(frozen=True)
class Cost:
    """Seconds that one GAN takes on 2 CPU cores.

    update: of a player's update. penalized: of an update of D with a penalty.
    evaluation: of an evaluation. The numbers are measured, and only serve to say
    beforehand what a plan will take.
    """

    update: float
    penalized: float
    evaluation: float


@dataclass(frozen=True)
class Task:
    """What is learned, and when that has succeeded.

    about: one line. goal: None where diagnostics.phase.verdict decides. metrics: names
    of gan_jax.evaluate.metric_registry, taken of n samples. changes: made to every
    Config. cost: None where the suite's holds.
    """

    about: str
    dataset: DatasetConfig
    goal: Goal | None
    metrics: tuple[str, ...] = ()
    n: int = 1000
    changes: Changes = field(default_factory=dict)
    cost: Cost | None = None


@dataclass(frozen=True)
class Suite:
    """A factorial plan of tasks, methods and axes.

    network: changes to the model of each method that does not bring its own. changes:
    made to every Config. adam_rate: the learning rate of the faster player where Adam
    is used (the ratio of the two stays); None keeps each as published. decay: whether
    learning rates go linearly to 0. methods: those compared by default; () stands for
    all that apply. axes: name -> value -> changes. sweep: axes within one program,
    which are factors on both learning rates. catalogue: the methods there are to choose
    from. rates: learning rates of both players in a suite that is played exactly
    (`gan_jax.benchmark.exact_games`) and has no seeds. round_seeds: the seeds that are
    trained before all cells get further ones; None stands for all. seeds: how many
    there are by default. first_seed: the seeds are this and the numbers after it.
    evaluations: about how often the
    samples of a run are measured. The steps between are equal, and the evaluations of
    the last quarter decide on success.
    """

    about: str
    tasks: dict[str, Task]
    network: Changes
    steps: int
    cost: Cost
    methods: tuple[str, ...] = ()
    changes: Changes = field(default_factory=dict)
    adam_rate: float | None = None
    decay: bool = True
    axes: Mapping[str, Mapping[Any, Changes]] = field(default_factory=dict)
    sweep: SweepConfig = field(default_factory=SweepConfig)
    catalogue: Mapping[str, Config] = field(default_factory=lambda: BENCHMARK_METHODS)
    rates: tuple[float, ...] = ()
    round_seeds: int | None = None
    seeds: int = 10
    first_seed: int = 0
    evaluations: int = 20


@dataclass(frozen=True)
class MethodVariant:
    """A method that is another one with changes."""

    base: str
    changes: Changes


METHOD_VARIANTS: dict[str, MethodVariant] = {
    "r1_weak": MethodVariant("r1", {"penalty.weight": 0.1}),
    "r1_r2_weak": MethodVariant("r1_r2", {"penalty.weight": 0.1}),
    "wgan_gp_weak": MethodVariant("wgan_gp", {"penalty.weight": 0.1, "d_steps": 1}),
    "dragan_weak": MethodVariant("dragan", {"penalty.weight": 0.1}),
    "r3gan_weak": MethodVariant(
        "r3gan", {"penalty.weight": 0.1, "penalty.weight_end": None}
    ),
    "pacgan3": MethodVariant("pacgan2", {"model.pack": 3}),
    "pacgan4": MethodVariant("pacgan2", {"model.pack": 4}),
}
"""Methods that only the benchmark has: its questions ask for them."""


BENCHMARK_METHODS: Mapping[str, Config] = ChainMap(
    {
        name: change_fields(METHODS[variant.base], variant.changes)
        for name, variant in METHOD_VARIANTS.items()
    },
    METHODS,
)
"""All of METHODS, also those that a plugin registers later, and the variants."""


def refuse_variant_names() -> None:
    """Raise a ValueError if a plugin's method has the name of a variant."""
    for plugin in PLUGINS.values():
        for kind, name in plugin.names:
            if kind == "method" and name in METHOD_VARIANTS:
                raise ValueError(
                    f"plugin {plugin.path}: registers the method {name!r}, which the "
                    "benchmark has already; choose another name"
                )


def set_network(config: Config, network: Changes) -> Config:
    """Return the Config with the suite's model, unless the method brings its own."""
    own = config.model.name
    if own not in (None, network["model.name"]):
        return config
    return change_fields(config, network)


def make_config(
    suite: Suite, task: Task, method: str, point: Changes, steps: int, seeds: int
) -> Config:
    """Return the Config of a method on a task at a point of the axes.

    It is one run of all seeds and factors. A method whose D judges packs sees as many
    packs as others see examples.
    """
    config = set_network(suite.catalogue[method], suite.network)
    config = change_rates(config, suite.adam_rate, suite.decay)
    config = change_fields(config, {**suite.changes, **task.changes, **point})
    every, log_every = evaluation_intervals(steps, suite.evaluations)
    return replace(
        config,
        steps=steps,
        seeds=seeds,
        batch_size=config.batch_size * config.model.pack,
        dataset=point_dataset(task, point),
        metrics=MetricsConfig(every, task.metrics, task.n),
        log=replace(config.log, every=log_every),
        sweep=suite.sweep,
    )


def evaluation_intervals(steps: int, evaluations: int) -> tuple[int, int]:
    """Return the steps between so many evaluations, and between rows.

    The first is a multiple of the second, so that all dispatches are equally long and
    are compiled once.
    """
    row = 20 if steps <= 20_000 else 100
    every = max(1, steps // evaluations)
    return (every, every) if every < row else (every - every % row, row)


def point_dataset(task: Task, point: Changes) -> DatasetConfig:
    """Return the task's data with the changes that a point of the axes makes."""
    return change_fields(
        Config(dataset=task.dataset), select_group(point, "dataset")
    ).dataset


def select_group(changes: Changes, group: str) -> Changes:
    """Return the changes to one group of the Config."""
    return {k: v for k, v in changes.items() if k.startswith(f"{group}.")}


def make_axis(*fields: str, values: Iterable[Any]) -> dict[Any, Changes]:
    """Return an axis along which these fields take these values."""
    return {value: dict.fromkeys(fields, value) for value in values}


def sweep_factors(sweep: SweepConfig) -> dict[str, list[float]]:
    """Return the axes within one program that have values."""
    names = (f.name for f in dataclasses.fields(sweep))
    return {name: list(getattr(sweep, name)) for name in names if getattr(sweep, name)}
