"""Measure a run: `python -m experiments.evaluate RUN [--metrics fid,kid,prdc]`.

Prints each number beside its floor, which is the same metric of the data against
held-out data of the same kind (toys: fresh points; TFDS: the test split): a perfect
generator would reach it. A conditional generator is asked for each class as often as
the data have it. Appends the numbers, with the fingerprint that says what they may be
compared with, to RUN/evaluations.jsonl. `--reference NAME` compares with another data
set than the run was trained on (its pictures moved, say); without a RUN it prints the
floor of that data set alone. Exit codes: 0 measured, 2 bad input, 130 Ctrl-C.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import jax
import tyro
from rich.progress import Progress
from rich.table import Column, Table

from experiments.all_members import evaluate_all, show_all
from experiments.edge import (
    exit_code,
    expand_home,
    interruptible,
    leave,
    with_own_flags,
)
from gan_jax import logs
from gan_jax.checks import dataset
from gan_jax.config import Config, DatasetConfig
from gan_jax.config_json import from_file, validate
from gan_jax.data import READS
from gan_jax.evaluate import Sampler, Yardstick, evaluate, yardstick
from gan_jax.gan import Gan
from gan_jax.generators import data_of_run, load_members, load_run, shares_of
from gan_jax.terminal import plain_console, progress
from gan_jax.train import sample
from gan_jax.types import Array, TrainState


@dataclass(frozen=True)
class Flags:
    run: Annotated[str | None, tyro.conf.Positional] = None
    """Folder of the run."""
    reference: str | None = None
    """The data set to compare with; None: the one that the run was trained on."""
    metrics: str | None = None
    """Names with commas: fid, kid, prdc, is, modes, swd, mmd, memorization; None: those
    that suit the data."""
    n: int | None = None
    """Examples of each side; None: 2,500 of toys, else 10,000 or all there are."""
    extractor: str | None = None
    """pixels, cnn (the project's classifier) or inception; None: cnn where the data
    have one, else pixels."""
    weights: str | None = None
    """Inception's weight file; None: where experiments.prepare puts it."""
    split: str | None = None
    """Part of a TFDS set to compare with; None: that of the run."""
    ema: bool = True
    """Of the averaged generator."""
    index: int = 0
    """Which GAN of a run of several."""
    all: bool = False
    """Every GAN of a run of several: one row each, and a table by swept value."""
    seed: int = 0
    """Root of the latents."""


def look(flags: Flags) -> None:
    if flags.run is None and flags.reference is None:
        raise ValueError("RUN: give the folder of a run, or --reference NAME, or both")
    if not 0 <= flags.seed < 2**32:
        raise ValueError(f"seed {flags.seed}: must be 0 to 2^32 - 1")
    if flags.all and (flags.run is None or flags.index):
        raise ValueError(
            "all: measures every GAN of a run; give RUN, and leave out --index"
        )
    with progress(transient=True, disable=not sys.stdout.isatty()) as bar:
        rows = interruptible(partial(measured, flags, bar))
    if flags.run is None:
        return show(rows[0])
    path = Path(flags.run)
    if len(rows) > 1:
        show_all(from_file(path / "config.json"), rows)
    else:
        show(rows[0])
    kept = [row for row in rows if row["metrics"] is not None]
    logs.append_lines(
        path / "evaluations.jsonl", kept, "the numbers above are not kept"
    )


def measured(flags: Flags, bar: Progress) -> list[dict[str, Any]]:
    """A row for each GAN that is asked for, or one of the floor alone."""
    task = bar.add_task("examples", total=None)
    tick = partial(bar.advance, task)
    if flags.run is None:
        config = Config(dataset=DatasetConfig(str(flags.reference)))
        return [evaluate(measure_of(flags, config, tick), None, {})]
    if flags.all:
        gan, states, config = load_members(flags.run)
    else:
        gan, state, config = load_run(flags.run, index=flags.index)
        states = [state]
    shares = shares_of(flags.run, config)
    about = {"ema": flags.ema, "seed": flags.seed}
    about |= {} if shares is None else {"labels": "the data's shares"}
    sampler_of = partial(samples_of, flags, drawer(gan, shares), tick)
    measure = measure_of(flags, compared_with(flags, gan, config), tick)
    if not flags.all:
        bar.update(task, description="samples", completed=0, total=measure.n)
        row = {"index": flags.index, "step": int(states[0].step)}
        return [row | evaluate(measure, sampler_of(states[0]), about)]

    def tell(index: int) -> None:
        what = f"samples of GAN {index + 1} of {len(states)}"
        bar.update(task, description=what, completed=0, total=measure.n)

    return evaluate_all(
        config, measure, states, sampler_of=sampler_of, about=about, tell=tell
    )


def drawer(gan: Gan, shares: Any) -> Callable[..., Array]:
    """`gan_jax.sample`, compiled once for the states of all GANs of a run."""
    return jax.jit(partial(sample, gan, shares=shares), static_argnames=("n", "ema"))


def samples_of(
    flags: Flags,
    draw: Callable[..., Array],
    tick: Callable[[int], None],
    state: TrainState,
) -> Sampler:
    """The samples of one GAN, as the flags say."""
    key = jax.random.key(flags.seed)

    def take(first: int, count: int) -> Array:
        tick(count)
        return draw(state, key, n=count, ema=flags.ema, first=first)

    return take


def measure_of(flags: Flags, config: Config, tick: Callable[[int], None]) -> Yardstick:
    """What samples are compared with, as the flags say."""
    return yardstick(
        validate(config),
        tuple(flags.metrics.split(",")) if flags.metrics else None,
        flags.n,
        flags.extractor,
        flags.weights,
        split=flags.split,
        tick=tick,
    )


def compared_with(flags: Flags, gan: Gan, config: Config) -> Config:
    """The run's Config with the data set that its samples are compared with.

    Raises ValueError if the run's own data set holds other data by now, or if the
    reference has another shape.
    """
    folder = Path(str(flags.run))
    if flags.reference is None:
        data_of_run(
            folder, config, "give --reference NAME to compare with another data set"
        )
        return config
    group = in_shape(flags.reference, gan.data_shape)
    config = replace(config, dataset=group)
    if (shape := dataset(validate(config)).spec.shape) != gan.data_shape:
        raise ValueError(
            f"reference {flags.reference!r}: its examples are of shape {shape}, the "
            f"samples of {folder} of shape {gan.data_shape}; choose another"
        )
    return config


def in_shape(name: str, shape: tuple[int, ...]) -> DatasetConfig:
    """The data set of this name, its images in the shape asked for where it can."""
    plain = DatasetConfig(name)
    if len(shape) != 3:
        return plain
    asked = {"resolution": shape[0], "rgb": shape[2] == 3}
    read = READS.get(name.partition(":")[0], ())
    return replace(plain, **{k: v for k, v in asked.items() if k in read})


def show(found: dict[str, Any]) -> None:
    """A table of the numbers beside their floor."""
    mark, least = found["fingerprint"], found["floor"]
    columns = {f"floor (n = {least['n']})": least}
    if found["metrics"] is not None:
        columns = {f"samples (n = {mark['n_fake']})": found["metrics"]} | columns
    table = Table("metric", *(Column(title, justify="right") for title in columns))
    for name in next(iter(columns.values())):
        if name != "n":
            values = (column.get(name) for column in columns.values())
            table.add_row(name, *("" if v is None else f"{v:.5g}" for v in values))
    tool = f"{mark['extractor']} {mark['weights'][:8]}".strip()
    print(f"{mark['dataset']} ({mark['split']}), extractor {tool}: {mark['about']}")
    plain_console().print(table)
    for warning in found["warnings"]:
        print(f"warning: {warning}")


def start(arguments: list[str]) -> None:
    flags = tyro.cli(
        Flags,
        args=arguments,
        prog="python -m experiments.evaluate",
        description=__doc__,
    )
    look(expand_home(flags, "run", "weights"))


def main(arguments: list[str]) -> int:
    return exit_code(partial(start, arguments), with_own_flags(Flags))


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
