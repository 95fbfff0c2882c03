"""The commands, one file each, and the console command `gan-jax NAME` over them."""

import importlib
import sys
from functools import partial
from typing import NoReturn

from gan_jax.assembly.registry import choose
from gan_jax.command_line.user_errors import catch_user_errors, exit_process
from gan_jax.terminal.command_name import name_command
from gan_jax.version import __version__

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
"""What each command does, by its name and its module's."""


def main() -> NoReturn:
    """Run `gan-jax NAME ...`: the console command."""
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in COMMANDS:
        run_command(name, arguments)
    exit_process(catch_user_errors(partial(answer_first_word, name)))


def run_command(name: str, arguments: list[str]) -> NoReturn:
    """Run a command on the words that follow its name, and end the process."""
    module = importlib.import_module(f"gan_jax.commands.{name}")
    exit_process(module.main(arguments))


def answer_first_word(word: str) -> None:
    """Print the usage or the version; raise ValueError for an unknown command."""
    if word in ("-h", "--help"):
        print(format_usage())
    elif word == "--version":
        print(__version__)
    else:
        choose(COMMANDS, word, "command")


def format_usage() -> str:
    """Return what `gan-jax --help` prints."""
    command = name_command("COMMAND")
    return "\n".join(
        [
            f"usage: {command} [...]",
            "",
            *(f"  {name:10} {about}" for name, about in COMMANDS.items()),
            "",
            f"`{command} --help` shows what a command takes.",
        ]
    )
