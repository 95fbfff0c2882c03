"""List what there is to choose from: `gan-jax list [KIND]`.

Without a kind it lists methods, data sets and models with one line each, and the names
of everything else. With a kind, such as `losses`, it lists each entry with its formula,
its source, its options and their defaults. Exit codes: 0 done, 2 bad input.
"""

import argparse
import textwrap
from collections.abc import Iterable, Iterator
from functools import partial

from gan_jax.catalogue import CHOICE_KINDS, CatalogueEntry, describe_entries
from gan_jax.catalogue.markdown import format_value
from gan_jax.command_line.user_errors import catch_user_errors
from gan_jax.terminal.command_name import name_command, name_commands_in

WIDTH, INDENT = 80, 17
FIRST_KINDS = ("methods", "data-sets", "models")
"""The kinds whose entries have a line each in the list of everything."""


def listing(kind: str | None = None) -> str:
    """Return the list of one kind with all it says, or of everything in short.

    Raises:
        ValueError: There is no such kind; the message names the nearest.
    """
    return list_everything() if kind is None else list_kind(kind)


def list_everything() -> str:
    """Return methods, data sets and models with a line each, and the other names."""
    lines: list[str] = []
    for kind in FIRST_KINDS:
        lines.append(format_title(kind))
        for entry in describe_entries(kind).values():
            lines += format_entry(entry.name, [" ".join(entry.about.splitlines())])
    lines.append("OTHER NAMES")
    others = [kind for kind in CHOICE_KINDS if kind not in FIRST_KINDS]
    lines += [
        line
        for kind in others
        for line in wrap_text(f"{kind}: {', '.join(describe_entries(kind))}", "  ", 4)
    ]
    hint = "`gan-jax list KIND` lists the entries of a kind with their formulas."
    return "\n".join([*lines, name_commands_in(hint)])


def list_kind(kind: str) -> str:
    """Return each entry of a kind with its formula, source and options."""
    found = describe_entries(kind)
    flag = CHOICE_KINDS[kind].flag
    lines = [f"{format_title(kind)}{f' ({flag} NAME)' if flag else ''}"]
    for entry in found.values():
        lines += format_entry(entry.name, list(list_facts(entry)))
    return "\n".join(lines)


def format_title(kind: str) -> str:
    """Return the heading of a kind."""
    return kind.replace("-", " ").upper()


def list_facts(entry: CatalogueEntry) -> Iterator[str]:
    """Yield what there is to say of an entry, one fact a paragraph."""
    yield from entry.about.splitlines()
    further = [one for one in entry.formulas if f"`{one}`" not in entry.about]
    if further:
        yield f"Formula: {'; '.join(f'`{one}`' for one in further)}"
    if entry.sources:
        yield f"Source: {'; '.join(entry.sources)}"
    if entry.options:
        options = (f"{k} {format_value(v)}".rstrip() for k, v in entry.options.items())
        yield f"Options: {', '.join(options)}"


def format_entry(name: str, paragraphs: Iterable[str]) -> Iterator[str]:
    """Yield lines with a name at the left and paragraphs at its right."""
    first = f"  {name:{INDENT - 3}} "
    for paragraph in paragraphs:
        yield from wrap_text(paragraph, first, INDENT)
        first = " " * INDENT


def wrap_text(text: str, first: str, indent: int) -> list[str]:
    """Return a text as lines, the first after `first`, the others indented."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
        break_long_words=False,
    )


def main(arguments: list[str]) -> int:
    """Run `gan-jax list`, and return its exit code."""
    return catch_user_errors(partial(run_with_flags, arguments))


def run_with_flags(arguments: list[str]) -> None:
    """Read the kind, and print what there is to choose from."""
    parser = argparse.ArgumentParser(
        prog=name_command("list"),
        description=name_commands_in(__doc__),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("kind", nargs="*", help=f"one of {', '.join(CHOICE_KINDS)}")
    words = parser.parse_args(arguments).kind
    print(listing("-".join(words).replace(" ", "-") or None))
