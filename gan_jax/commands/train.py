"""Train a GAN, or many: `gan-jax train METHOD [--flags]`.

METHOD is a name of METHODS (`--list` shows them); `--config FILE` may stand in its
place. A METHOD begins from the values that suit the data set; a FILE is taken as it
is. Every field of the Config is a flag; `--help` shows those that matter for the
method, `--help-all` all of them. Exit codes: 0 the run completed (of several GANs at
least one), 1 it diverged (a metric was not finite), 3 it collapsed (its samples stayed
far less diverse than the data), 4 it did not learn (its samples are no nearer to the
data than noise is), 2 bad input or files that cannot be written, 130 and 143 stopped by
Ctrl-C and SIGTERM (everything is saved; --resume goes on), 134 another process of the
run died.
"""

import os
import shlex
import signal
import sys
import time
from dataclasses import dataclass, replace
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any

import jax
import tyro

from gan_jax.assembly.assemble import build
from gan_jax.assembly.unused_fields import refuse_unused_fields, used_fields
from gan_jax.command_line import plugin_flag, training_end
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
from gan_jax.commands import list as list_command
from gan_jax.config import Config, Schedule
from gan_jax.config.serialization import flat, from_file, validate
from gan_jax.methods import METHODS
from gan_jax.parallel.compiler import cache_compilations, keep_memory
from gan_jax.parallel.execution import members_of
from gan_jax.parallel.multihost import (
    HEARTBEAT_SECONDS,
    fail_together,
    join_processes,
    use_cores_as_devices,
)
from gan_jax.run.train_run import train
from gan_jax.terminal.command_name import name_command
from gan_jax.terminal.console import accept_all_text
from gan_jax.terminal.progress import show_progress

EXIT_CODES = {
    "completed": 0,
    "diverged": 1,
    "collapsed": 3,
    "not_learned": 4,
    "SIGINT": 130,
    "abandoned": 134,
    "SIGTERM": 143,
}
"""The exit code by a run's verdict, or by what has ended it."""
EVALUATE_FLAGS = {"--metrics": "--metrics.names", "--n": "--metrics.n"}
"""Flags of `gan-jax evaluate`, which messages name, and those of this command."""


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


@dataclass(frozen=True)
class Request:
    """The training that a command asks for.

    word: its first argument. base: the Config that its flags change. config: the Config
    that they make of it, with the run's folder `out`. given: the fields that they set.
    """

    word: str
    base: Config
    flags: Flags
    config: Config
    out: str
    given: frozenset[str]


def main(arguments: list[str]) -> int:
    """Run `gan-jax train`, and return its exit code."""
    accept_all_text()
    out = ""
    try:
        arguments, plugin = plugin_flag.load_for_training(arguments)
        if "--list" in arguments:
            return list_names(arguments)
        request = read_request(arguments, plugin)
        out = request.out
        if request.flags.print_config:
            return print_config(request)
        start_jax(request)
        summary = run_training(request)
    except (ValueError, OSError) as error:
        rewrite = make_flag_rewriter(Flags, EVALUATE_FLAGS)
        print(error_line(error, rewrite), file=sys.stderr)
        return 2
    except (jax.errors.JaxRuntimeError, MemoryError) as error:
        return end_failed_process(error)
    except KeyboardInterrupt as error:
        code = exit_code_of(error)
        word = SIGNAL_WORDS[signal.Signals(code - 128)]
        print(
            f"{word} at once; {training_end.advise_after_interrupt(out)}",
            file=sys.stderr,
        )
        return code
    if jax.process_index() == 0:
        training_end.print_result(out, summary)
    if summary["verdict"] == "interrupted":
        return EXIT_CODES[summary["stopped_by"] or "SIGINT"]  # None: another process's
    return EXIT_CODES[summary["verdict"]]


def list_names(arguments: list[str]) -> int:
    """Run `gan-jax list` with the words after `--list`, and return its exit code."""
    after = arguments[arguments.index("--list") + 1 :]
    return list_command.main([*takewhile(lambda word: word[:1] != "-", after)])


def read_request(arguments: list[str], plugin: tuple[str, ...]) -> Request:
    """Return the training that the arguments ask for.

    plugin: what `Config.plugin` holds. Raises ValueError for wrong arguments.
    """
    base, name, rest = choose_base(arguments)
    base = replace(base, plugin=plugin)
    words = arguments[: len(arguments) - len(rest)] or ["METHOD"]
    words = [*words, *plugin_flag.plugin_words(plugin)]
    flags, given = read_flags(words, name, base, rest)
    config = validate(flags.run)
    out = expand_tilde(config.out or f"runs/{name}")
    return Request(words[0], base, flags, replace(config, out=out), out, given)


def choose_base(arguments: list[str]) -> tuple[Config, str, list[str]]:
    """Return the Config to begin from, its name, and the flags that change it."""
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


def read_flags(
    words: list[str], name: str, base: Config, rest: list[str]
) -> tuple[Flags, frozenset[str]]:
    """Return the flags that follow the first words of a command, and their fields.

    The values that --lr and --lr-schedule give to both players are in the Config.
    """
    command = f"{name_command('train')} {shlex.join(words)}"

    def short_help() -> str:
        return format_short_help(command, name, set_named_data(base, rest), Flags)

    flags = parse(
        Flags,
        split_lists(rest),
        prog=command,
        description=f"{__doc__}{plugin_flag.format_plugin_help()}",
        short_help=short_help,
        default=Flags(base),
    )
    given = find_given_fields(Flags, rest)
    if flags.resume:
        refuse_unread_flags(given, {"overwrite": "with --resume"})
    else:
        refuse_unread_flags(given, {"allow_changes": "without --resume"})
    both = {"lr": flags.lr, "lr_schedule": flags.lr_schedule}
    config = set_both_optimizers(flags.run, both, given)
    return replace(flags, run=config), given


def print_config(request: Request) -> int:
    """Print every field of the Config by its dotted name, and return the exit code.

    Fields that have no effect are marked. Raises ValueError as a training would.
    """
    config = request.config
    build(config)
    refuse_unused_fields(request.base, config, request.given)
    read = used_fields(config)
    text = "\n".join(
        f"{name} = {value}{'' if name in read else '   (unused)'}"
        for name, value in flat(config).items()
    )
    return catch_user_errors(lambda: print(text))


def start_jax(request: Request) -> None:
    """Join the processes of the run, and set up devices, memory and compilation."""
    flags, config = request.flags, request.config
    join_processes(flags.coordinator, flags.num_processes, flags.process_id)
    if config.placement != "jit" or members_of(config):
        use_cores_as_devices()
    cache_compilations()
    keep_memory()


def run_training(request: Request) -> dict[str, Any]:
    """Train, and return the summary of the run. Signals interrupt it."""
    config, flags = request.config, request.flags
    with interrupt_on_signals():
        first = jax.process_index() == 0
        with show_progress("reading the data", enabled=first, stderr=False):
            fail_together(
                partial(refuse_unused_fields, request.base, config, request.given)
            )
        if first:
            print_changed_values(request.word, config)
        _, summary = train(
            config,
            request.out,
            overwrite=flags.overwrite,
            resume=flags.resume,
            allow_changes=flags.allow_changes,
        )
    return summary


def end_failed_process(error: Exception) -> int:
    """Print why the device has failed, and return the exit code.

    A process of several ends at once, when JAX has had time to say which one failed.
    Raises the error where one process fails for another reason than its memory.
    """
    if jax.process_count() == 1:
        if not training_end.is_out_of_memory(error):
            raise error
        print(f"error: {training_end.describe_out_of_memory(error)}", file=sys.stderr)
        return 2
    print(
        f"error: {training_end.describe_lost_contact(error)}",
        file=sys.stderr,
        flush=True,
    )
    time.sleep(3 * HEARTBEAT_SECONDS)
    os._exit(EXIT_CODES["abandoned"])
