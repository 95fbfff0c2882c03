"""The commands: `gan-jax NAME`, one file each."""

import importlib
import sys
from typing import NoReturn

COMMANDS = {
    "train": "train a GAN, or many at once",
    "sample": "draw samples of a trained GAN",
    "evaluate": "measure the samples of a run: FID, KID, coverage and more",
    "diagnose": "find out why a run trains, or does not: one page",
    "runs": "compare runs in one table and one picture",
    "data": "look at a data set before training on it",
    "prepare": "download a data set, or the Inception weights",
    "cache": "show or clear the decoded data sets",
    "dirac": "draw every rule of play on a game that can be solved",
    "list": "list methods, data sets, models, losses, penalties and more",
    "compare": "train many methods over many seeds",
    "report": "make the page, tables and figures of a comparison",
    "merge": "merge the results of several comparisons",
}


def usage() -> str:
    """Return what `gan-jax --help` prints."""
    lines = [f"  {name:10} {about}" for name, about in COMMANDS.items()]
    return "\n".join(
        [
            "usage: gan-jax COMMAND ...",
            "",
            *lines,
            "",
            "`gan-jax COMMAND --help` shows what a command takes.",
        ]
    )


def run_command(name: str) -> NoReturn:
    """Run a command on the words of the command line, and end the process."""
    module = importlib.import_module(f"gan_jax.commands.{name}")
    from gan_jax.command_line.user_errors import leave

    leave(module.main(sys.argv[1:]))


def main() -> None:
    """Run `gan-jax COMMAND ...`: the console command."""
    name, *words = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help"):
        print(usage())
    elif name == "--version":
        from gan_jax.version import __version__

        print(__version__)
    elif name not in COMMANDS:
        from gan_jax.assembly.registry import meant

        near = meant(name, COMMANDS)
        allowed = ", ".join(COMMANDS)
        print(
            f"error: command {name!r:.100}: {near}allowed: {allowed}", file=sys.stderr
        )
        sys.exit(2)
    else:
        sys.argv = [f"{sys.argv[0]} {name}", *words]
        run_command(name)
