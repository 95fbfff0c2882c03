"""What lies in the cache: `python -m experiments.cache [--clear [NAME ...]]`.

Lists decoded data sets, features, classifiers and compiled programs, with their sizes
and when they were last used, the longest unused first. `--clear` removes all of them
but downloaded weights, `--clear NAME ...` what is named. Everything else is made again
when it is needed. The folder is GAN_JAX_CACHE. It holds at most GAN_JAX_CACHE_GB (50)
gigabytes: the longest unused go first, never what a running process reads. Exit codes:
0 done, 2 bad input or something in use.
"""

import argparse
import time
from functools import partial

from rich.table import Column, Table

from gan_jax.command_line.user_errors import catch_user_errors
from gan_jax.data.storage import (
    COMPILED,
    Entry,
    cache_folder,
    entries,
    in_words,
    limit_bytes,
    remove,
    total_bytes,
)
from gan_jax.terminal.command_name import name_command
from gan_jax.terminal.output import plain_console


def by_name() -> dict[str, list[Entry]]:
    """The entries by the names they are shown with: compiled programs have one."""
    found: dict[str, list[Entry]] = {}
    for entry in entries():
        name = COMPILED if entry.kind == COMPILED else entry.path.name
        found.setdefault(name, []).append(entry)
    return dict(sorted(found.items(), key=lambda item: max(e.used for e in item[1])))


def show() -> None:
    """The table, and the sum below it."""
    found = by_name()
    limit = limit_bytes()
    name = Column("name", overflow="fold")  # --clear takes whole names
    table = Table(name, "what", Column("size", justify="right"), "last used")
    for name, own in found.items():
        used = time.localtime(max(entry.used for entry in own))
        size = in_words(sum(entry.size for entry in own))
        table.add_row(name, own[0].kind, size, time.strftime("%Y-%m-%d %H:%M", used))
    if found:
        plain_console().print(table)
    size = total_bytes([entry for own in found.values() for entry in own])
    print(f"{cache_folder()}: {in_words(size)} of at most {limit / 1e9:g} GB")


def clear(names: list[str]) -> None:
    """Remove the named entries; with no names, all but downloaded weights."""
    found = by_name()
    for name in names:
        if name not in found:
            raise ValueError(
                f"clear {name!r}: is not in {cache_folder()}; there are "
                f"{', '.join(found) or 'no entries'}"
            )
    kept = {name for name, own in found.items() if own[0].kind == "weights"}
    chosen = names or [name for name in found if name not in kept]
    gone = {name: all(map(remove, found[name])) for name in chosen}
    for name in gone:
        print(f"removed {name}" if gone[name] else f"kept {name}: it is in use")
    for name in kept - set(chosen):
        print(f"kept {name}: it was downloaded; --clear {name} removes it")
    if not all(gone.values()):
        raise ValueError("clear: a running process uses what was kept; end it first")


def start(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog=name_command("cache"),
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--clear", nargs="*", metavar="NAME", help="remove these entries, or all"
    )
    names = parser.parse_args(arguments).clear
    show() if names is None else clear(names)


def main(arguments: list[str]) -> int:
    return catch_user_errors(partial(start, arguments))
