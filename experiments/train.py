"""Train a GAN, or many: `python -m experiments.train METHOD [--flags]`.

METHOD is a name of METHODS (`--list` shows them); `--config FILE` may stand in its
place. Every field of the Config is a flag. Exit codes: 0 the run completed (of several
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

from experiments.edge import exit_code, in_home, in_words, with_own_flags
from experiments.names import listing, printed
from gan_jax.build import build, method
from gan_jax.compiler import keep_memory
from gan_jax.config import (
    Config,
    SweepConfig,
)
from gan_jax.config_json import (
    from_file,
    validate,
)
from gan_jax.data.storage import cache_folder, keep_to_limit
from gan_jax.fields import refuse_unread
from gan_jax.health import samples_in_words
from gan_jax.hosts import HEARTBEAT_SECONDS, agreed, cores_as_devices, join
from gan_jax.methods import METHODS
from gan_jax.program import members_of
from gan_jax.run import train
from gan_jax.terminal import accept_all_text

USAGE = "python -m experiments.train"
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


def start(arguments: list[str]) -> tuple[Config, str, list[str]]:
    """The Config to begin from, its name, and the flags that change it."""
    match arguments:
        case [word, *rest] if not word.startswith("-"):
            return method(word), word, rest
        case ["--config", path, *rest]:
            path = in_home(path)
            return from_file(Path(path)), Path(path).parent.name or "run", rest
        case _ if {"-h", "--help"} & set(arguments):
            return Config(), "METHOD", arguments
    raise ValueError(
        f"METHOD is missing: {USAGE} METHOD [--flags], or --config FILE first; "
        f"METHOD is one of {', '.join(METHODS)}"
    )


def listed(arguments: list[str]) -> list[str]:
    """`--sweep.penalty 0.1,1,10` and `--metrics.names a,b` with words of their own.

    Raises ValueError for a sweep over a field that is no traced factor.
    """
    words, several = [], False
    for word in arguments:
        if word.startswith("--"):
            flag, equals, value = word.partition("=")
            sweeping = flag.startswith("--sweep.")
            field = flag.removeprefix("--sweep.").replace("-", "_")
            if sweeping and field not in vars(SweepConfig()):
                raise ValueError(
                    f"sweep.{field}: cannot vary within one program; traced factors "
                    f"are {', '.join(vars(SweepConfig()))}; run once for each value"
                )
            several = sweeping or flag == "--metrics.names"
            words += [flag, *value.split(",")] if several and equals else [word]
        else:
            words += word.split(",") if several else [word]
    return words


def cache_compilations() -> None:
    """Keep compiled programs under the cache folder, unless told where.

    Raises ValueError for a size limit of the cache that is no number.
    """
    if jax.config.jax_compilation_cache_dir is None:
        jax.config.update("jax_compilation_cache_dir", str(cache_folder() / "compiled"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
        keep_to_limit()


def lost_contact(error: Exception) -> str:
    return (
        f"process {jax.process_index()} of {jax.process_count()} lost contact with "
        f"another ({error}); JAX says below which one, within a minute, and ends this "
        "one; start all of them again"
    )


def out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)


def out_of_memory_told(error: Exception) -> str:
    reason = (str(error).splitlines() or ["MemoryError"])[0]
    return (
        f"out of memory ({reason:.200}); lower batch_size or model.width, or raise "
        "microbatches"
    )


def main(arguments: list[str]) -> int:
    accept_all_text()
    if "--list" in arguments:
        return exit_code(lambda: print(listing()))
    try:
        base, name, rest = start(arguments)
        flags = tyro.cli(
            Flags,
            default=Flags(base),
            args=listed(rest),
            prog=f"{USAGE} {name}",
            description=__doc__,
        )
        config = validate(flags.run)
        out = in_home(config.out or f"runs/{name}")
        if flags.print_config:
            build(config)
            refuse_unread(base, config)
            shown = printed(dataclasses.replace(config, out=out))
            return exit_code(lambda: print(shown))
        join(flags.coordinator, flags.num_processes, flags.process_id)
        if config.placement != "jit" or members_of(config):
            cores_as_devices()
        cache_compilations()
        keep_memory()
        agreed(partial(refuse_unread, base, config))
        config = dataclasses.replace(config, out=out)
        _, summary = train(
            config,
            out,
            overwrite=flags.overwrite,
            resume=flags.resume,
            allow_changes=flags.allow_changes,
            progress=True,
        )
    except (ValueError, OSError) as error:
        said = with_own_flags(Flags, WORDS)
        print(f"error: {said(in_words(error))}", file=sys.stderr)
        return 2
    except (jax.errors.JaxRuntimeError, MemoryError) as error:
        if jax.process_count() == 1:
            if not out_of_memory(error):
                raise
            print(f"error: {out_of_memory_told(error)}", file=sys.stderr)
            return 2
        print(f"error: {lost_contact(error)}", file=sys.stderr, flush=True)
        time.sleep(3 * HEARTBEAT_SECONDS)
        os._exit(EXIT_CODES["abandoned"])
    except KeyboardInterrupt:
        print(
            "interrupted at once; --resume goes on from the newest checkpoint",
            file=sys.stderr,
        )
        return EXIT_CODES["SIGINT"]
    if jax.process_index() == 0:
        report(out, summary)
    if summary["verdict"] == "interrupted":
        return EXIT_CODES[summary["stopped_by"] or "SIGINT"]  # None: another process's
    return EXIT_CODES[summary["verdict"]]


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
    config, again = shlex.quote(f"{out}/config.json"), shlex.quote(f"{out}-again")
    rows = f"  and  {out}/members.jsonl" if "members" in summary else ""
    print(
        f"{summary['verdict']}: {summary['steps']} steps in "
        f"{summary['wall_seconds']:.0f} s ({summary['steps_per_second']:.0f} steps/s); "
        f"{outcome}\n"
        f"{judged(summary)}"
        f"look at  {out}/samples.png  and  {out}/curves.png\n"
        f"numbers  {out}/metrics.jsonl  and  {out}/summary.json{rows}\n"
        f"repeat   {USAGE} --config {config} --out {again}"
    )
    if summary["verdict"] == "interrupted":
        place = shlex.quote(out)
        print(f"resume   {USAGE} --config {config} --out {place} --resume")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
