"""Train a GAN, or many: `python -m experiments.train METHOD [--flags]`.

METHOD is a name of METHODS (`--list` shows them); `--config FILE` may stand in its
place. A METHOD begins from the values that suit the data set; a FILE is taken as it
is. Every field of the Config is a flag; `--help` shows those that matter for the
method, `--help-all` all of them. Exit codes: 0 the run completed (of several
GANs at least one), 1 it diverged (a metric was not finite), 3 it collapsed (its samples
stayed far less diverse than the data), 4 it did not learn (its samples are no nearer to
the data than noise is), 2 bad input or files that cannot be written, 130 and 143
stopped by Ctrl-C and SIGTERM (everything is saved; --resume goes on), 134 another
process of the run died.
"""

import dataclasses
import os
import shlex
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import jax
import tyro

from gan_jax.assembly.assemble import build
from gan_jax.assembly.unused_fields import refuse_unread
from gan_jax.command_line import plugin_flag as plugins
from gan_jax.command_line.early_signals import SIGNAL_WORDS
from gan_jax.command_line.flag_sources import make_flag_rewriter
from gan_jax.command_line.flags import (
    HELP,
    HELP_ALL,
    find_given_fields,
    parse,
    refuse_unread_flags,
    set_both_optimizers,
    split_lists,
)
from gan_jax.command_line.help import format_short_help
from gan_jax.command_line.interruption import exit_code_of, interrupt_on_signals
from gan_jax.command_line.named_method import (
    find_base_config,
    print_changed_values,
    set_named_data,
)
from gan_jax.command_line.paths import expand_tilde
from gan_jax.command_line.user_errors import catch_user_errors, error_line
from gan_jax.commands.list import listing, printed
from gan_jax.config import Config, Schedule
from gan_jax.config.serialization import from_file, validate
from gan_jax.methods import METHODS
from gan_jax.parallel.compiler import cache_compilations, keep_memory
from gan_jax.parallel.execution import members_of
from gan_jax.parallel.multihost import HEARTBEAT_SECONDS, agreed, cores_as_devices, join
from gan_jax.run.train_run import train
from gan_jax.run_files.checkpoint import FOLDER
from gan_jax.run_files.health import samples_in_words
from gan_jax.run_files.sweeps import table
from gan_jax.terminal.command_name import name_command
from gan_jax.terminal.output import accept_all_text, working
from gan_jax.terminal.text_tables import print_table

EXIT_CODES = {
    "completed": 0,
    "diverged": 1,
    "collapsed": 3,
    "not_learned": 4,
    "SIGINT": 130,
    "abandoned": 134,
    "SIGTERM": 143,
}
WORDS = {"--metrics": "--metrics.names", "--n": "--metrics.n"}
"""What experiments.evaluate calls otherwise."""


@dataclass(frozen=True)
class Flags:
    run: Annotated[Config, tyro.conf.arg(name="")]
    overwrite: bool = False
    """Replace the run that is in the out folder."""
    resume: bool = False
    """Go on from the newest intact checkpoint in the out folder, or begin if none."""
    allow_changes: bool = False
    """Resume even with another model, loss, batch, ..."""
    print_config: bool = False
    """Print the Config, with the fields its choices do not read, and stop."""
    coordinator: str | None = None
    """Several processes: host:port of the first; None: as Slurm, Kubernetes, Open MPI
    or a TPU pod say, if they do."""
    num_processes: int | None = None
    """How many processes there are, with coordinator."""
    process_id: int | None = None
    """Which of them this is, from 0, with coordinator."""
    lr: float | None = None
    """Learning rate of both players; a flag of one player's own wins."""
    lr_schedule: Schedule | None = None
    """Schedule of both learning rates; a flag of one player's own wins."""


def start(arguments: list[str]) -> tuple[Config, str, list[str]]:
    """The Config to begin from, its name, and the flags that change it."""
    match arguments:
        case [word, *rest] if not word.startswith("-"):
            return find_base_config(word, rest), word, rest
        case ["--config", path, *rest]:
            path = expand_tilde(path)
            return from_file(Path(path)), Path(path).parent.name or "run", rest
        case _ if {*HELP, HELP_ALL} & set(arguments):
            return Config(), "METHOD", arguments
    raise ValueError(
        f"METHOD is missing: {name_command('train')} METHOD [--flags], or --config "
        f"FILE first; METHOD is one of {', '.join(METHODS)}"
    )


def read(
    words: list[str], name: str, base: Config, rest: list[str]
) -> tuple[Flags, frozenset[str]]:
    """The flags that follow the first words of a command, and which fields they set.

    What they set of both players is in their Config.
    """
    command = f"{name_command('train')} {shlex.join(words)}"
    flags = parse(
        Flags,
        split_lists(rest),
        prog=command,
        description=f"{__doc__}{plugins.describe_plugins()}",
        short_help=lambda: format_short_help(
            command, name, set_named_data(base, rest), Flags
        ),
        default=Flags(base),
    )
    given = find_given_fields(Flags, rest)
    if flags.resume:
        refuse_unread_flags(given, {"overwrite": "with --resume"})
    else:
        refuse_unread_flags(given, {"allow_changes": "without --resume"})
    both = {"lr": flags.lr, "lr_schedule": flags.lr_schedule}
    return dataclasses.replace(
        flags, run=set_both_optimizers(flags.run, both, given)
    ), given


def lost_contact(error: Exception) -> str:
    return (
        f"process {jax.process_index()} of {jax.process_count()} lost contact with "
        f"another ({error}); JAX says below which one, within a minute, and ends this "
        "one; start all of them again"
    )


def out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)


def describe_out_of_memory(error: Exception) -> str:
    reason = (str(error).splitlines() or ["MemoryError"])[0]
    return (
        f"out of memory ({reason:.200}); lower batch_size or model.width, or raise "
        "microbatches"
    )


def main(arguments: list[str]) -> int:
    accept_all_text()
    out = ""
    try:
        arguments, plugin = plugins.load_for_training(arguments)
        if "--list" in arguments:
            return catch_user_errors(lambda: print(listing()))
        base, name, rest = start(arguments)
        words = arguments[: len(arguments) - len(rest)] or ["METHOD"]
        words = [*words, *plugins.plugin_words(plugin)]
        base = dataclasses.replace(base, plugin=plugin)
        flags, given = read(words, name, base, rest)
        config = validate(flags.run)
        out = expand_tilde(config.out or f"runs/{name}")
        if flags.print_config:
            build(config)
            refuse_unread(base, config, given)
            shown = printed(dataclasses.replace(config, out=out))
            return catch_user_errors(lambda: print(shown))
        join(flags.coordinator, flags.num_processes, flags.process_id)
        if config.placement != "jit" or members_of(config):
            cores_as_devices()
        cache_compilations()
        keep_memory()
        config = dataclasses.replace(config, out=out)
        with interrupt_on_signals():
            first = jax.process_index() == 0
            with working("reading the data", enabled=first, stderr=False):
                agreed(partial(refuse_unread, base, config, given))
            if first:
                print_changed_values(arguments[0], config)
            _, summary = train(
                config,
                out,
                overwrite=flags.overwrite,
                resume=flags.resume,
                allow_changes=flags.allow_changes,
            )
    except (ValueError, OSError) as error:
        print(error_line(error, make_flag_rewriter(Flags, WORDS)), file=sys.stderr)
        return 2
    except (jax.errors.JaxRuntimeError, MemoryError) as error:
        if jax.process_count() == 1:
            if not out_of_memory(error):
                raise
            print(f"error: {describe_out_of_memory(error)}", file=sys.stderr)
            return 2
        print(f"error: {lost_contact(error)}", file=sys.stderr, flush=True)
        time.sleep(3 * HEARTBEAT_SECONDS)
        os._exit(EXIT_CODES["abandoned"])
    except KeyboardInterrupt as error:
        print(
            f"{SIGNAL_WORDS[exit_code_of(error) - 128]} at once; {go_on(out)}",
            file=sys.stderr,
        )
        return exit_code_of(error)
    if jax.process_index() == 0:
        report(out, summary)
    if summary["verdict"] == "interrupted":
        return EXIT_CODES[summary["stopped_by"] or "SIGINT"]  # None: another process's
    return EXIT_CODES[summary["verdict"]]


def go_on(out: str) -> str:
    """What to do after a run was ended at once."""
    if out and any(Path(out, FOLDER).glob("[0-9]*")):
        return "--resume goes on from the newest checkpoint"
    return "nothing was trained, so start it again"


def print_by_value(summary: dict) -> None:
    """A table of the GANs by each factor of a sweep."""
    if len(found := summary.get("by_value", [])) > 1:
        print_table(table(found))


def judged(summary: dict) -> str:
    """Lines: what the samples are like; of a failure why, and what to try."""
    samples, words = summary.get("samples"), []
    if samples is not None:
        words.append(f"samples  {samples_in_words(samples)}")
    if "why" in summary:
        words.append(f"why      {summary['why']}")
        words.append(f"try      {'; '.join(summary['try'])}")
    return "".join(f"{line}\n" for line in words)


def report(out: str, summary: dict) -> None:
    if "members" in summary:
        ends = ", ".join(f"{n} {verdict}" for verdict, n in summary["members"].items())
        outcome = f"GANs: {ends}"
    else:
        last = summary["last_row"]
        outcome = f"D loss {last['d_loss']}, G loss {last['g_loss']}"
    print_by_value(summary)
    command = name_command("train")
    config, again = shlex.quote(f"{out}/config.json"), shlex.quote(f"{out}-again")
    rows = f"  and  {out}/members.jsonl" if "members" in summary else ""
    print(
        f"{summary['verdict']}: {summary['steps']} steps in "
        f"{summary['wall_seconds']:.0f} s ({summary['steps_per_second']:.0f} steps/s); "
        f"{outcome}\n"
        f"{judged(summary)}"
        f"look at  {out}/samples.png  and  {out}/curves.png\n"
        f"numbers  {out}/metrics.jsonl  and  {out}/summary.json{rows}\n"
        f"repeat   {command} --config {config} --out {again}"
    )
    if summary["verdict"] == "interrupted":
        place = shlex.quote(out)
        print(f"resume   {command} --config {config} --out {place} --resume")
