"""Measure the samples of a run: `gan-jax evaluate RUN [--metrics fid,kid,prdc]`.

Prints each number, whether lower or higher is better, and the same metric of the data
against held-out data of the same kind (toys: fresh points; TFDS: the test split), which
a perfect generator would reach. That is the floor of a distance, the ceiling of a
precision. A conditional generator draws each class as often as the data have it.
Appends the numbers, with the fingerprint that says what they may be compared with, to
RUN/evaluations.jsonl. `--reference NAME` compares with another data set than the run
was trained on (because its pictures were moved, say); without a RUN it prints the floor
of that data set alone. Exit codes: 0 measured, 2 bad input, 130 Ctrl-C.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import jax
import tyro
from rich.table import Column, Table

from gan_jax.assembly.datasets import find_dataset
from gan_jax.command_line.field_texts import CONFIG_KINDS, Kinds
from gan_jax.command_line.flag_sources import make_flag_rewriter
from gan_jax.command_line.flags import find_given_fields, parse, refuse_unread_flags
from gan_jax.command_line.member_table import evaluate_members, print_members
from gan_jax.command_line.paths import expand_home
from gan_jax.command_line.plugin_flag import gather_plugin_flags, load_beside_run
from gan_jax.command_line.user_errors import catch_user_errors
from gan_jax.config import Config, DatasetConfig
from gan_jax.config.serialization import from_file, validate
from gan_jax.data import dataset_fields
from gan_jax.evaluate.evaluator import Evaluator, Sampler, evaluate, make_evaluator
from gan_jax.evaluate.metric_registry import better_side, bound_name
from gan_jax.features import suggest_extractor
from gan_jax.gan import Gan
from gan_jax.logs.row_files import append_rows
from gan_jax.run_files.data_facts import label_shares_of_run, load_data_of_run
from gan_jax.run_files.load_run import load_members, load_run
from gan_jax.sampling import sample
from gan_jax.terminal.command_name import name_command
from gan_jax.terminal.console import plain_console
from gan_jax.terminal.progress import ProgressDisplay, show_progress
from gan_jax.types import Array, TrainState


@dataclass(frozen=True)
class Flags:
    run: Annotated[str | None, tyro.conf.Positional] = None
    """Folder of the run."""
    reference: str | None = None
    """The data set to compare with; None: the one that the run was trained on."""
    metrics: str | None = None
    """What to measure, a,b; None: what suits the data."""
    n: int | None = None
    """Examples of each side; None: 2,500 of toys, else 10,000 or all there are."""
    extractor: str | None = None
    """What features are taken with; None: cnn (the project's classifier) where the data
    have one, else lite0 for images where its weights are installed, else pixels."""
    weights: str | None = None
    """Inception's weight file; None: the one that `gan-jax prepare inception` has
    downloaded."""
    split: str | None = None
    """Part of a TFDS set to compare with; None: that of the run."""
    ema: bool = True
    """Measure the samples of the averaged generator."""
    index: int = 0
    """Which GAN of a run of several."""
    all: bool = False
    """Measure every GAN of a run of several: a row for each, and a table by swept
    value."""
    seed: int = 0
    """Root of the latents."""
    plugin: tuple[str, ...] = ()
    """Python files of one's own that register names: docs/plugins.md."""


def main(arguments: list[str]) -> int:
    """Run `gan-jax evaluate`, and return its exit code."""
    action = partial(run_with_flags, arguments)
    return catch_user_errors(action, make_flag_rewriter(Flags))


def run_with_flags(arguments: list[str]) -> None:
    """Read the flags, and measure what they name."""
    own_kinds: Kinds = {
        (Flags, "metrics"): ("metric",),
        (Flags, "extractor"): ("extractor",),
    }
    flags = parse(
        Flags,
        gather_plugin_flags(arguments),
        prog=name_command("evaluate"),
        description=__doc__,
        kinds=CONFIG_KINDS | own_kinds,
    )
    refuse_flags(flags, find_given_fields(Flags, arguments))
    flags = expand_home(flags, "run", "weights")
    load_beside_run(flags.run, flags.plugin)
    with show_progress("opening the run") as work:
        rows = measure_rows(flags, work)
    if flags.run is not None and len(rows) > 1:
        print_members(from_file(Path(flags.run) / "config.json"), rows)
    else:
        print_numbers(rows[0])
    if flags.run is not None:
        kept = [row for row in rows if row["metrics"] is not None]
        path = Path(flags.run) / "evaluations.jsonl"
        append_rows(path, kept, "the numbers above are not kept")


def refuse_flags(flags: Flags, given: frozenset[str]) -> None:
    """Raise ValueError for flags that do not go together or are out of range.

    given: the fields that the user's flags have set.
    """
    if flags.run is None and flags.reference is not None:
        reason = "without the folder of a run"
        refuse_unread_flags(given, dict.fromkeys(("ema", "index", "seed"), reason))
    if flags.extractor != "inception":
        refuse_unread_flags(given, {"weights": "without --extractor inception"})
    if flags.run is None and flags.reference is None:
        raise ValueError("RUN: give the folder of a run, or --reference NAME, or both")
    if not 0 <= flags.seed < 2**32:
        raise ValueError(f"seed {flags.seed}: must be 0 to 2^32 - 1")
    if flags.all and (flags.run is None or flags.index):
        raise ValueError(
            "all: measures every GAN of a run; give RUN, and leave out --index"
        )


def measure_rows(flags: Flags, work: ProgressDisplay) -> list[dict[str, Any]]:
    """Return a row of `evaluate` for each GAN, or one of the floor without a run."""
    if flags.run is None:
        config = Config(dataset=DatasetConfig(str(flags.reference)))
        return [evaluate(prepare_evaluator(flags, config, work), None, {})]
    if flags.all:
        gan, states, config = load_members(flags.run)
    else:
        gan, state, config = load_run(flags.run, index=flags.index)
        states = [state]
    shares = label_shares_of_run(flags.run, config)
    about = {"ema": flags.ema, "seed": flags.seed}
    about |= {} if shares is None else {"labels": "the data's shares"}
    measure = prepare_evaluator(flags, choose_reference(flags, gan, config), work)
    draw = jax.jit(partial(sample, gan, shares=shares), static_argnames=("n", "ema"))
    sampler_of = partial(make_sampler, flags, draw, measure.n, work)
    if not flags.all:
        work.begin("taking the features of the samples", measure.n)
        row = {"index": flags.index, "step": int(states[0].step)}
        return [row | evaluate(measure, sampler_of(states[0]), about)]

    def begin_member(index: int) -> None:
        what = f"taking the features of GAN {index + 1} of {len(states)}"
        work.begin(what, measure.n)

    return evaluate_members(
        config, measure, states, sampler_of=sampler_of, about=about, tell=begin_member
    )


def make_sampler(
    flags: Flags,
    draw: Callable[..., Array],
    n: int,
    work: ProgressDisplay,
    state: TrainState,
) -> Sampler:
    """Return what draws the n samples of one GAN, as the flags say.

    draw: `gan_jax.sample`, compiled once for the states of all GANs of a run. After the
    last sample the work goes on to the metrics.
    """
    key = jax.random.key(flags.seed)

    def draw_counted(first: int, count: int) -> Array:
        work.advance(count)
        if first + count == n:
            work.begin("computing the metrics")
        return draw(state, key, n=count, ema=flags.ema, first=first)

    return draw_counted


def prepare_evaluator(flags: Flags, config: Config, work: ProgressDisplay) -> Evaluator:
    """Return what measures samples against a Config's data, as the flags say."""
    config = validate(config)
    shape = find_dataset(config).spec.shape
    work.begin("taking the features of the data")
    return make_evaluator(
        config,
        tuple(flags.metrics.split(",")) if flags.metrics else None,
        flags.n,
        flags.extractor or suggest_extractor(config.dataset, shape),
        flags.weights,
        split=flags.split,
        tick=work.advance,
    )


def choose_reference(flags: Flags, gan: Gan, config: Config) -> Config:
    """Return the run's Config with the data set that its samples are compared with.

    Raises ValueError if the run's own data set holds other data by now, or if the
    reference has another shape.
    """
    folder = Path(str(flags.run))
    if flags.reference is None:
        load_data_of_run(
            folder, config, "give --reference NAME to compare with another data set"
        )
        return config
    group = match_shape(flags.reference, gan.data_shape)
    config = replace(config, dataset=group)
    if (shape := find_dataset(validate(config)).spec.shape) != gan.data_shape:
        raise ValueError(
            f"reference {flags.reference!r}: its examples are of shape {shape}, the "
            f"samples of {folder} of shape {gan.data_shape}; choose another"
        )
    return config


def match_shape(name: str, shape: tuple[int, ...]) -> DatasetConfig:
    """Return the data set of this name with images of this shape, where it can."""
    plain = DatasetConfig(name)
    if len(shape) != 3:
        return plain
    wanted = {"resolution": shape[0], "rgb": shape[2] == 3}
    read = dataset_fields(name)
    return replace(plain, **{k: v for k, v in wanted.items() if k in read})


def print_numbers(row: dict[str, Any]) -> None:
    """Print a table of the numbers, which way is better, and their floor or ceiling."""
    mark, floor, samples = row["fingerprint"], row["floor"], row["metrics"]
    heads = ["real data"] if samples is None else ["samples", "real data"]
    table = Table("metric", "better", *(Column(h, justify="right") for h in heads))
    for name in floor if samples is None else samples:
        if name != "n":
            own = [] if samples is None else [f"{samples[name]:.5g}"]
            bound = f"{bound_name(name)} {floor[name]:.5g}" if name in floor else ""
            table.add_row(name, better_side(name), *own, bound.strip())
    tool = f"{mark['extractor']} {mark['weights'][:8]}".strip()
    print(f"{mark['dataset']} ({mark['split']}), extractor {tool}: {mark['about']}")
    if samples is not None:
        print(f"samples (n = {mark['n_fake']}) against as many examples")
    print(f"real data (n = {floor['n']}) against as many other examples")
    plain_console().print(table)
    for warning in row["warnings"]:
        print(f"warning: {warning}")
