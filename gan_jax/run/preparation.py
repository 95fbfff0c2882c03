"""What a run needs before it writes anything: its data, its program, its metrics."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax

from gan_jax.assembly.assemble import build
from gan_jax.assembly.datasets import find_dataset, require_enough_examples
from gan_jax.config import Config
from gan_jax.config.serialization import validate
from gan_jax.data import Dataset, with_absolute_path
from gan_jax.evaluate.evaluator import Evaluator
from gan_jax.parallel.execution import Program, make_program, members_of
from gan_jax.parallel.multihost import fail_together
from gan_jax.plugins.load import with_plugins
from gan_jax.run.callbacks import opening_line
from gan_jax.run.monitor import requested_evaluator
from gan_jax.run.resume import require_same_data
from gan_jax.run.trackers import require_wandb
from gan_jax.run_files.data_facts import DataFacts
from gan_jax.terminal.progress import ProgressDisplay


class Run(NamedTuple):
    """A run that is prepared, and nothing of it is written yet.

    path: the folder to write to, or None in a process that does not write.
    evaluator: it measures the sample metrics, or None if none are requested.
    """

    config: Config
    path: Path | None
    data: Dataset
    program: Program
    evaluator: Evaluator | None
    display: ProgressDisplay


def validate_with_plugins(config: Config) -> Config:
    """Return the valid Config with absolute paths and the content of its plugins."""
    return with_plugins(with_absolute_path(validate(config)))


def make_run(
    config: Config, folder: Path, display: ProgressDisplay, refuse: Callable[[], None]
) -> Run:
    """Prepare the run in every process, and print its first line."""
    first = jax.process_index() == 0
    prepare = partial(prepare_run, config, refuse if first else skip_action)
    data, work, evaluator = fail_together(prepare)
    display.print_line(opening_line(config, folder, len(work.members or [None])))
    return Run(config, folder if first else None, data, work, evaluator, display)


def prepare_run(
    config: Config, refuse: Callable[[], None]
) -> tuple[Dataset, Program, Evaluator | None]:
    """Return the data, the program and the evaluator of the sample metrics.

    Raises ValueError for what cannot be trained or measured, and what `refuse` raises.
    """
    data = find_dataset(config)
    build(config, spec=data.spec)
    require_enough_examples(config, data)
    require_wandb(config)
    if config.on_divergence == "restore" and members_of(config):
        raise ValueError(
            "on_divergence 'restore': goes back with the whole run, and there are "
            "several GANs; choose stop or continue, or one seed and no sweep"
        )
    refuse()
    return data, make_program(config, data), requested_evaluator(config)


def skip_action(*arguments: object) -> None:
    """Stand in for an action that the first process alone takes."""


def compare_data(run: Run, recorded: Path | None) -> DataFacts:
    """Return the facts of the data, and refuse other data than the run had.

    recorded: the folder of the run to compare with, or None.
    """
    run.display.begin("comparing the data with the facts of the run")
    print_line = run.display.print_line
    compare = partial(require_same_data, recorded, run.config, run.data, print_line)
    return fail_together(compare)
