"""Join the results of several machines: `python -m benchmarks.merge A B --out C`.

All folders must hold results of one plan (shares of it: `benchmarks.compare --part
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
from gan_jax.command_line.flags import parse
from gan_jax.command_line.user_errors import exit_code, expand_home, with_own_flags


@dataclass(frozen=True)
class Flags:
    results: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Folders of benchmarks.compare."""
    out: Path
    """A new folder for all of them."""


def start(arguments: list[str]) -> None:
    """Merge the folders and print how many GANs of the plan have results."""
    flags = parse(
        Flags, arguments, prog="python -m benchmarks.merge", description=__doc__
    )
    flags = expand_home(flags, "results", "out")
    merged, planned = merge_results(flags.results, flags.out)
    print(f"{merged} of {planned} GANs in {flags.out / ROWS_FILE}")


def main(arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    return exit_code(partial(start, arguments), with_own_flags(Flags))
