"""A run opened for diagnosis: its final state, an earlier one, its log and its data."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.config import Config
from gan_jax.data import Dataset, batch_indices
from gan_jax.evaluate.gan_metrics import last_learning_rates, peak_learning_rates
from gan_jax.gan import Gan, Players, init_state, pack_examples, params_of
from gan_jax.objectives import example_keys
from gan_jax.parallel.execution import Member
from gan_jax.run_files.checkpoint import (
    CHECKPOINT_FOLDER,
    find_fault,
    is_finite,
    list_checkpoints,
)
from gan_jax.run_files.data_facts import load_data_of_run
from gan_jax.run_files.load_run import newest_checkpoint, open_run
from gan_jax.run_files.stored_rows import (
    ROW_FILES,
    describe_row_damage,
    read_intact_rows,
)
from gan_jax.types import Array, Batch, Row, TrainState

Diagnosis = dict[str, Any]
"""All numbers of a run by section, as `diagnose` returns them."""


class DiagnosedRun(NamedTuple):
    """One GAN of a run, with everything that the instruments look at.

    state: that of the newest checkpoint. start: that of the oldest checkpoint if the
    run kept two, else the initial state. label: which GAN it is of a run of several.
    rows, events: its part of the log. data: what it was trained on. damage: what is
    wrong with the files of the log, a line each.
    """

    gan: Gan
    config: Config
    state: TrainState
    start: TrainState
    label: Member
    rows: list[Row]
    events: list[Row]
    data: Dataset
    damage: Sequence[str] = ()


def load_diagnosed_run(
    folder: str | Path, index: int, data_name: str | None = None
) -> DiagnosedRun:
    """Load a GAN of the run in a folder, by its index.

    data_name: the data set that holds the run's data by now; None: that of its Config.
    Raises ValueError as `gan_jax.run_files.load_run.load_run` does.
    """
    folder = Path(folder)
    member = open_run(folder, index=index)
    config = member.config
    if data_name is not None:
        group = dataclasses.replace(config.dataset, name=data_name)
        config = dataclasses.replace(config, dataset=group)
    newest = newest_checkpoint(folder)
    step = int(newest.name)
    sound = [
        path
        for path in list_checkpoints(folder / CHECKPOINT_FOLDER)
        if find_fault(path) is None
    ]
    if sound[-1] != newest:
        start = member.read(sound[-1])
    else:
        key = jax.random.key(member.label.get("seed", config.seed))
        start = init_state(member.gan, key)
    rows, events = (
        [
            row
            for row in read_intact_rows(folder, name, step)
            if member.label.items() <= row.items()
        ]
        for name in ROW_FILES
    )
    data = load_data_of_run(folder, config, "name the data set that holds them now")
    return DiagnosedRun(
        gan=member.gan,
        config=config,
        state=member.read(newest),
        start=start,
        label=member.label,
        rows=rows,
        events=events,
        data=data,
        damage=describe_row_damage(folder, step),
    )


def is_state_finite(state: TrainState) -> bool:
    """Return whether all numbers of a state are finite."""
    return is_finite(jax.device_get(state.replace(key=())))  # pyright: ignore


def batches_of_step(run: DiagnosedRun, ahead: int = 0) -> Batch:
    """Return the data `[d_steps, B, ...]` of the step `ahead` steps after the state."""
    config, step = run.config, int(run.state.step) + ahead
    seed = run.label.get("seed", config.seed)
    size, count = config.batch_size, config.d_steps
    indices = batch_indices(len(run.data), size, count, seed, step)
    return jax.tree.map(jnp.asarray, run.data.get(indices))


def next_batch(run: DiagnosedRun) -> tuple[Batch, Array]:
    """Return the next D step's examples `[B, ...]`, and a key for each."""
    batch = jax.tree.map(lambda x: x[0], batches_of_step(run))
    return batch, example_keys(run.gan, jax.random.key(0), len(batch.image))


def successive_batches(run: DiagnosedRun, count: int) -> Batch:
    """Return the first D batch of each of the next steps, `[count, B, ...]`."""
    batches = [
        jax.tree.map(lambda x: x[0], batches_of_step(run, ahead))
        for ahead in range(count)
    ]
    return jax.tree.map(lambda *parts: jnp.stack(parts), *batches)


def has_decayed(run: DiagnosedRun) -> bool:
    """Return whether a learning rate is under a hundredth of its schedule's highest."""
    peaks = peak_learning_rates(run.config, run.state)
    present = last_learning_rates(run.config, run.state)
    return any(rate < peak / 100 for rate, peak in zip(present, peaks, strict=True))


def paths_by_depth(gan: Gan) -> Players:
    """Return the paths of both players' parameters, in the order of a forward pass.

    The order comes from tracing the networks' initialization, since the keys of a tree
    of parameters are sorted by name.
    """
    paths: list[list[str]] = []
    label = None if gan.label_count is None else jnp.zeros(1, jnp.int32)
    data = pack_examples(gan.pack, jnp.zeros((gan.pack, *gan.data_shape)))
    inputs = (gan.generator, jnp.zeros((1, gan.z_dim))), (gan.discriminator, data)

    def initialize(key: Array) -> None:
        for module, x in inputs:
            variables = module.init(key, x, label, train=True)
            paths.append(list(iterate_paths(dict(variables["params"]))))

    jax.eval_shape(initialize, jax.random.key(0))
    return Players(*paths)


def iterate_paths(tree: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the path of each leaf of nested dictionaries, as `a/b/c`."""
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from iterate_paths(value, f"{prefix}{name}/")
        else:
            yield prefix + name


def kernel_paths(paths: list[str]) -> list[str]:
    """Return the paths that end in `kernel`, or all paths if none do."""
    return [path for path in paths if path.endswith("kernel")] or paths


def count_parameters(run: DiagnosedRun) -> int:
    """Return the number of parameters of both players."""
    return sum(leaf.size for leaf in jax.tree.leaves(params_of(run.state)))


def column(rows: list[Row], name: str) -> np.ndarray:
    """Return one column of logged rows as floats, NaN where a row lacks it."""
    return np.array([row.get(name, np.nan) for row in rows], float)
