"""Join the results of several machines: `gan-jax merge A B --out C`.

All folders must hold results of one plan (shares of it: `gan-jax compare --part
1/2`), measured in one way and judged by the same thresholds. If several folders have
the same GAN, their rows must agree. The runs themselves (cells/, and so samples) stay
where they are.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import tyro

from gan_jax.benchmark.merge import merge_results
from gan_jax.benchmark.results_io import ROWS_FILE
from gan_jax.command_line.flag_sources import make_flag_rewriter
from gan_jax.command_line.flags import parse
from gan_jax.command_line.paths import expand_home
from gan_jax.command_line.user_errors import catch_user_errors
from gan_jax.terminal.command_name import name_command


@dataclass(frozen=True)
class Flags:
    results: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Folders that `gan-jax compare` has written."""
    out: Path
    """A new folder for all of them."""


def start(arguments: list[str]) -> None:
    """Merge the folders and print how many GANs of the plan have results."""
    flags = parse(Flags, arguments, prog=name_command("merge"), description=__doc__)
    flags = expand_home(flags, "results", "out")
    merged, planned = merge_results(flags.results, flags.out)
    print(f"{merged} of {planned} GANs in {flags.out / ROWS_FILE}")


def main(arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    return catch_user_errors(partial(start, arguments), make_flag_rewriter(Flags))
