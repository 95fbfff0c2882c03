"""A run opened for diagnosis: its final state, an earlier one, its log, its data."""

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
from gan_jax.gan import Gan, Players, init_state, packed, params_of
from gan_jax.objectives import example_keys
from gan_jax.parallel.execution import Member
from gan_jax.run_files.checkpoint import FOLDER, checkpoints, fault, is_finite
from gan_jax.run_files.folder import ROWS, damage, kept_rows
from gan_jax.run_files.load import data_of_run, newest_of, stored
from gan_jax.types import Array, Batch, Row, TrainState


class Case(NamedTuple):
    """One GAN of a run.

    state: of its newest checkpoint. start: of its oldest, if it kept two, else its
    first. label: which of several. rows, events: its part of the log. data: what it was
    trained on. damage: what is wrong with the files of rows.
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


def opened(run: str | Path, index: int, data_name: str | None = None) -> Case:
    """Raises ValueError as `gan_jax.run_files.load.load_run` does.

    data_name: the data set that holds the run's data by now; None: that of its Config.
    """
    folder = Path(run)
    found = stored(folder, index=index)
    config = found.config
    if data_name is not None:
        group = dataclasses.replace(config.dataset, name=data_name)
        config = dataclasses.replace(config, dataset=group)
    last = newest_of(folder)
    step = int(last.name)
    kept = [path for path in checkpoints(folder / FOLDER) if fault(path) is None]
    if kept[-1] != last:
        start = found.read(kept[-1])
    else:
        key = jax.random.key(found.label.get("seed", config.seed))
        start = init_state(found.gan, key)
    rows, events = (
        [
            row
            for row in kept_rows(folder, name, step)
            if found.label.items() <= row.items()
        ]
        for name in ROWS
    )
    data = data_of_run(folder, config, "name the data set that holds them now")
    about = found.label, rows, events, data, damage(folder, step)
    return Case(found.gan, config, found.read(last), start, *about)


def finite(state: TrainState) -> bool:
    return is_finite(jax.device_get(state.replace(key=())))  # pyright: ignore


def batches(case: Case, ahead: int = 0) -> Batch:
    """The data of the step so many steps ahead of the state, `[d_steps, B, ...]`."""
    config, step = case.config, int(case.state.step) + ahead
    seed = case.label.get("seed", config.seed)
    size, count = config.batch_size, config.d_steps
    chosen = batch_indices(len(case.data), size, count, seed, step)
    return jax.tree.map(jnp.asarray, case.data.get(chosen))


def one_batch(case: Case) -> tuple[Batch, Array]:
    """The next D step's examples `[B, ...]`, and a key for each."""
    batch = jax.tree.map(lambda x: x[0], batches(case))
    return batch, example_keys(case.gan, jax.random.key(0), len(batch.image))


def in_a_row(case: Case, count: int) -> Batch:
    """`[count, B, ...]`: the first D batch of each of the steps to come."""
    each = [jax.tree.map(lambda x: x[0], batches(case, i)) for i in range(count)]
    return jax.tree.map(lambda *parts: jnp.stack(parts), *each)


def has_decayed(case: Case) -> bool:
    """Whether a learning rate is under a hundredth of the highest of its schedule."""
    peaks = peak_learning_rates(case.config, case.state)
    now = last_learning_rates(case.config, case.state)
    return any(r < p / 100 for r, p in zip(now, peaks, strict=True))


def by_depth(gan: Gan) -> Players:
    """The paths of both players' parameters, in the order in which a pass meets them.

    A tree forgets it: its keys are sorted.
    """
    met: list[list[str]] = []
    label = None if gan.label_count is None else jnp.zeros(1, jnp.int32)
    data = packed(gan.pack, jnp.zeros((gan.pack, *gan.data_shape)))
    inputs = (gan.generator, jnp.zeros((1, gan.z_dim))), (gan.discriminator, data)

    def meet(key: Array) -> None:
        for module, x in inputs:
            variables = module.init(key, x, label, train=True)
            met.append(list(walked(dict(variables["params"]))))

    jax.eval_shape(meet, jax.random.key(0))
    return Players(*met)


def walked(tree: dict[str, Any], above: str = "") -> Iterator[str]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from walked(value, f"{above}{name}/")
        else:
            yield above + name


def kernels(paths: list[str]) -> list[str]:
    """The paths that end in `kernel`; all, if none do."""
    return [path for path in paths if path.endswith("kernel")] or paths


def size_of(case: Case) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(params_of(case.state)))


def numbers_of(rows: list[Row], name: str) -> np.ndarray:
    return np.array([row.get(name, np.nan) for row in rows], float)
