"""Train one GAN: `python -m experiments.train METHOD [--flags]`.

METHOD is a name of METHODS (`--list` shows them); `--config FILE` may stand in its
place. Every field of the Config is a flag. Exit codes: 0 the run completed, 1 it
diverged, 2 bad input, 130 interrupted by Ctrl-C.
"""

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from experiments.names import listing, printed
from gan_jax.build import build, method, refuse_unread
from gan_jax.config import Config, from_json, validate
from gan_jax.methods import METHODS
from gan_jax.run import train

USAGE = "python -m experiments.train"
EXIT_CODES = {"completed": 0, "diverged": 1, "interrupted": 130}


@dataclass(frozen=True)
class Flags:
    run: Annotated[Config, tyro.conf.arg(name="")]
    overwrite: bool = False
    """Replace the run that is in the out folder."""
    print_config: bool = False
    """Print the Config, with the fields its choices do not read, and stop."""


def start(arguments: list[str]) -> tuple[Config, str, list[str]]:
    """The Config to begin from, its name, and the flags that change it."""
    match arguments:
        case [word, *rest] if not word.startswith("-"):
            return method(word), word, rest
        case ["--config", path, *rest]:
            try:
                config = from_json(Path(path).read_text(), path)
            except UnicodeDecodeError:
                raise ValueError(f"{path}: is not text, so no config.json") from None
            return config, Path(path).parent.name or "run", rest
        case _ if {"-h", "--help"} & set(arguments):
            return Config(), "METHOD", arguments
    raise ValueError(
        f"METHOD is missing: {USAGE} METHOD [--flags], or --config FILE first; "
        f"METHOD is one of {', '.join(METHODS)}"
    )


def main(arguments: list[str]) -> int:
    if "--list" in arguments:
        print(listing())
        return 0
    try:
        base, name, rest = start(arguments)
        flags = tyro.cli(
            Flags,
            default=Flags(base),
            args=rest,
            prog=f"{USAGE} {name}",
            description=__doc__,
        )
        config = validate(flags.run)
        build(config)
        refuse_unread(base, config)
        out = config.out or f"runs/{name}"
        if flags.print_config:
            print(printed(dataclasses.replace(config, out=out)))
            return 0
        config = dataclasses.replace(config, out=out)
        _, summary = train(config, out, overwrite=flags.overwrite, progress=True)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted at once: nothing more was written", file=sys.stderr)
        return EXIT_CODES["interrupted"]
    report(out, summary)
    return EXIT_CODES[summary["verdict"]]


def report(out: str, summary: dict) -> None:
    last = summary["last_row"]
    print(
        f"{summary['verdict']}: {summary['steps']} steps in "
        f"{summary['wall_seconds']:.0f} s ({summary['steps_per_second']:.0f} steps/s); "
        f"D loss {last['d_loss']}, G loss {last['g_loss']}\n"
        f"look at  {out}/samples.png  and  {out}/curves.png\n"
        f"numbers  {out}/metrics.jsonl  and  {out}/summary.json\n"
        f"repeat   {USAGE} --config {out}/config.json --out {out}-again"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
