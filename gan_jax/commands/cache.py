"""Show or clear the cache: `gan-jax cache [--clear [NAME ...]]`.

Lists decoded data sets, features, classifiers and compiled programs, with their sizes
and when they were last used; the one that is unused for the longest time stands first.
`--clear` removes all of them but downloaded weights, and `--clear NAME ...` what is
named. Everything but the weights is made again when it is needed. The folder is
GAN_JAX_CACHE. It holds at most GAN_JAX_CACHE_GB (50) gigabytes: beyond that, the
entries unused for the longest time are removed, never one that a running process reads.
Exit codes: 0 done, 2 bad input or something in use.
"""

import argparse
import time
from functools import partial

from rich.table import Column, Table

from gan_jax.command_line.user_errors import catch_user_errors
from gan_jax.data.storage import (
    COMPILED,
    CacheEntry,
    cache_folder,
    format_bytes,
    limit_bytes,
    list_entries,
    remove_entry,
    total_bytes,
)
from gan_jax.terminal.command_name import name_command, name_commands_in
from gan_jax.terminal.console import plain_console


def main(arguments: list[str]) -> int:
    """Run `gan-jax cache`, and return its exit code."""
    return catch_user_errors(partial(run_with_flags, arguments))


def run_with_flags(arguments: list[str]) -> None:
    """Read the flags, and show or clear the cache."""
    parser = argparse.ArgumentParser(
        prog=name_command("cache"),
        description=name_commands_in(__doc__),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--clear", nargs="*", metavar="NAME", help="remove these entries, or all"
    )
    names = parser.parse_args(arguments).clear
    if names is None:
        print_entries()
    else:
        clear_entries(names)


def group_by_name() -> dict[str, list[CacheEntry]]:
    """Return the entries by the names they are shown with, the longest unused first.

    All compiled programs have one name.
    """
    groups: dict[str, list[CacheEntry]] = {}
    for entry in list_entries():
        name = COMPILED if entry.kind == COMPILED else entry.path.name
        groups.setdefault(name, []).append(entry)
    return dict(sorted(groups.items(), key=lambda item: max(e.used for e in item[1])))


def print_entries() -> None:
    """Print a table of the entries, and the sum of their sizes below it."""
    groups = group_by_name()
    limit = limit_bytes()
    name = Column("name", overflow="fold")  # --clear takes whole names
    table = Table(name, "what", Column("size", justify="right"), "last used")
    for name, own in groups.items():
        used = time.localtime(max(entry.used for entry in own))
        size = format_bytes(sum(entry.size for entry in own))
        table.add_row(name, own[0].kind, size, time.strftime("%Y-%m-%d %H:%M", used))
    if groups:
        plain_console().print(table)
    size = total_bytes([entry for own in groups.values() for entry in own])
    print(f"{cache_folder()}: {format_bytes(size)} of at most {limit / 1e9:g} GB")


def clear_entries(names: list[str]) -> None:
    """Remove the named entries; with no names, all but downloaded weights.

    Raises ValueError for an unknown name, and at the end for entries in use.
    """
    groups = group_by_name()
    for name in names:
        if name not in groups:
            raise ValueError(
                f"clear {name!r}: is not in {cache_folder()}; there are "
                f"{', '.join(groups) or 'no entries'}"
            )
    weights = {name for name, own in groups.items() if own[0].kind == "weights"}
    chosen = names or [name for name in groups if name not in weights]
    removed = {name: all(map(remove_entry, groups[name])) for name in chosen}
    for name in removed:
        print(f"removed {name}" if removed[name] else f"kept {name}: it is in use")
    for name in weights - set(chosen):
        print(f"kept {name}: it was downloaded; --clear {name} removes it")
    if not all(removed.values()):
        raise ValueError("clear: a running process uses what was kept; end it first")
