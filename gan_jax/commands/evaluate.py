"""Measure samples: `gan-jax evaluate RUN`, or any two sets, `--samples A --against B`.

A set is a run's folder, a folder of pictures, an .npz with one array (as `gan-jax
sample` writes it), or the name of a data set. RUN is the same as `--samples RUN`, and a
run is compared with the data that it was trained on unless `--against` says otherwise.
Prints each number with its 95 % interval, whether lower or higher is better, and the
same metric of the data against held-out data of the same kind (toys: fresh points;
TFDS: the test split; else other examples, or one half against the other), which a
perfect generator would reach. That is the floor of a distance, the ceiling of a
precision. A conditional generator draws each class as often as the data have it. The
numbers of a run are appended, with the fingerprint that says what they may be compared
with, to RUN/evaluations.jsonl. With `--against` alone it prints the floor of that set.
Exit codes: 0 measured, 2 bad input, 130 Ctrl-C.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import jax
import tyro

from gan_jax.command_line.compared_sets import (
    choose_common_count,
    choose_extractor,
    describe_shared,
    feature_config,
    find_set,
    find_two_sets,
    is_registered,
    is_run,
    require_same_shape,
)
from gan_jax.command_line.field_texts import CONFIG_KINDS, Kinds
from gan_jax.command_line.flag_sources import make_flag_rewriter
from gan_jax.command_line.flags import find_given_fields, parse, refuse_unread_flags
from gan_jax.command_line.member_table import evaluate_members, print_members
from gan_jax.command_line.number_table import print_numbers
from gan_jax.command_line.paths import expand_home
from gan_jax.command_line.plugin_flag import gather_plugin_flags, load_beside_run
from gan_jax.command_line.user_errors import catch_user_errors
from gan_jax.config import Config, DatasetConfig
from gan_jax.config.serialization import from_file, validate
from gan_jax.evaluate.evaluation import evaluate
from gan_jax.evaluate.evaluator import (
    Evaluator,
    NamedSet,
    Sampler,
    make_evaluator,
)
from gan_jax.evaluate.reference import set_features
from gan_jax.gan import Gan
from gan_jax.logs.row_files import append_rows
from gan_jax.run_files.data_facts import label_shares_of_run, load_data_of_run
from gan_jax.run_files.load_run import load_members, load_run
from gan_jax.sampling import sample
from gan_jax.terminal.command_name import name_command
from gan_jax.terminal.progress import ProgressDisplay, show_progress
from gan_jax.types import Array, TrainState


@dataclass(frozen=True)
class Flags:
    run: Annotated[str | None, tyro.conf.Positional] = None
    """Folder of the run."""
    samples: str | None = None
    """The samples, where they are no run's: a folder of pictures, an .npz file or a
    data set."""
    against: str | None = None
    """What to compare with: a data set, a folder of pictures, an .npz file or a run;
    None: the data that the run was trained on."""
    reference: str | None = None
    """The older name of against."""
    metrics: str | None = None
    """What to measure, a,b; None: what suits the data."""
    n: int | None = None
    """Examples of each side; None: 2,500 of toys, else 10,000 or all that the smaller
    side has."""
    extractor: str | None = None
    """What features are taken with; None: cnn where the data have a classifier, else
    lite0 for images (where it is installed), else pixels."""
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
    json: bool = False
    """Print the numbers as JSON, one object a line."""
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
    flags = expand_home(flags, "run", "samples", "against", "reference", "weights")
    flags = resolve_sides(flags)
    refuse_flags(flags, find_given_fields(Flags, arguments))
    load_beside_run(flags.run, flags.plugin)
    with show_progress("opening the sets") as work:
        rows = measure_rows(flags, work)
    if flags.json:
        for row in rows:
            print(json.dumps(row))
    elif flags.run is not None and len(rows) > 1:
        print_members(from_file(Path(flags.run) / "config.json"), rows)
    else:
        print_numbers(rows[0])
    if flags.run is not None:
        kept = [row for row in rows if row["metrics"] is not None]
        path = Path(flags.run) / "evaluations.jsonl"
        append_rows(path, kept, "the numbers above are not kept")


def resolve_sides(flags: Flags) -> Flags:
    """Return the flags with `against` for its older name, and a run in `run`.

    Raises ValueError if a side is named twice.
    """
    for one, other in (("against", "reference"), ("run", "samples")):
        if getattr(flags, one) is not None and getattr(flags, other) is not None:
            raise ValueError(f"{other}: is given beside {one}; give one of them")
    flags = replace(flags, against=flags.against or flags.reference, reference=None)
    if flags.samples is None or not is_run(Path(flags.samples)):
        return flags
    return replace(flags, run=flags.samples, samples=None)


def refuse_flags(flags: Flags, given: frozenset[str]) -> None:
    """Raise ValueError for flags that do not go together or are out of range.

    given: the fields that the user's flags have set.
    """
    if flags.run is None and flags.against is not None:
        unread = ["ema", "index"]
        unread += [] if is_run(Path(flags.against)) else ["seed"]
        reason = "without the folder of a run"
        refuse_unread_flags(given, dict.fromkeys(unread, reason))
    if flags.extractor != "inception":
        refuse_unread_flags(given, {"weights": "without --extractor inception"})
    if flags.against is not None and not is_registered(flags.against):
        refuse_unread_flags(given, {"split": f"with {flags.against}"})
    if flags.samples is not None and flags.against is None:
        raise ValueError("against: say what the samples are compared with")
    if flags.run is None and flags.against is None:
        raise ValueError("RUN: give the folder of a run, or --against SET, or both")
    if not 0 <= flags.seed < 2**32:
        raise ValueError(f"seed {flags.seed}: must be 0 to 2^32 - 1")
    if flags.all and (flags.run is None or flags.index):
        raise ValueError(
            "all: measures every GAN of a run; give RUN, and leave out --index"
        )


def measure_rows(flags: Flags, work: ProgressDisplay) -> list[dict[str, Any]]:
    """Return a row of `evaluate` for each GAN, or one of two sets or of a floor."""
    if flags.run is None:
        return [measure_sets(flags, work)]
    if flags.all:
        gan, states, config = load_members(flags.run)
    else:
        gan, state, config = load_run(flags.run, index=flags.index)
        states = [state]
    shares = label_shares_of_run(flags.run, config)
    about = {"ema": flags.ema, "seed": flags.seed}
    about |= {} if shares is None else {"labels": "the data's shares"}
    config, own_set = choose_reference(flags, gan, config)
    measure = prepare_evaluator(flags, config, own_set, flags.n, work)
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


def measure_sets(flags: Flags, work: ProgressDisplay) -> dict[str, Any]:
    """Return the row of two sets of examples, or of the floor of one.

    Both sides have as many examples: n, or as many as the smaller set has.
    """
    assert flags.against is not None
    if flags.samples is None:
        theirs = find_set(flags.against, None, flags.seed)
        config = Config(dataset=feature_config(theirs, None))
        measure = prepare_evaluator(flags, config, theirs.named, flags.n, work)
        return evaluate(measure, None, {})
    ours, theirs = find_two_sets(flags.samples, flags.against, flags.seed)
    own = feature_config(theirs, ours.config)
    n = choose_common_count(flags.n, own, ours, theirs)
    config = Config(dataset=own)
    measure = prepare_evaluator(flags, config, theirs.named, n, work)
    work.begin("taking the features of the samples", n)
    label = ours.config or DatasetConfig(ours.name)
    fake = set_features(measure.extractor, label, ours.data, n, 0, work.advance)
    work.begin("computing the metrics")
    about = {"samples": ours.name, "samples_content": ours.data.fingerprint[:16]}
    row = evaluate(measure, fake, about)
    row["warnings"] += describe_shared(ours, measure.real.features, fake.features)
    return row


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


def prepare_evaluator(
    flags: Flags,
    config: Config,
    other_set: NamedSet | None,
    n: int | None,
    work: ProgressDisplay,
) -> Evaluator:
    """Return what measures samples against a set or a Config's data, as flags say."""
    work.begin("taking the features of the data")
    return make_evaluator(
        validate(config),
        tuple(flags.metrics.split(",")) if flags.metrics else None,
        n,
        flags.extractor or choose_extractor(config.dataset, other_set),
        flags.weights,
        split=flags.split,
        other_set=other_set,
        tick=work.advance,
    )


def choose_reference(
    flags: Flags, gan: Gan, config: Config
) -> tuple[Config, NamedSet | None]:
    """Return the run's Config with the data that its samples are compared with.

    The set is None if that is the Config's data set. Raises ValueError if the run's own
    data set holds other data by now, or if the other set has another shape.
    """
    folder = Path(str(flags.run))
    if flags.against is None:
        load_data_of_run(
            folder, config, "give --against NAME to compare with another data set"
        )
        return config, None
    found = find_set(flags.against, gan.data_shape, flags.seed, rgb=True)
    require_same_shape(str(folder), gan.data_shape, found)
    dataset = feature_config(found, config.dataset)
    return replace(config, dataset=dataset), found.named
