"""The tables of docs, made from the registries.

A page names a table between two comments, `<!-- table: losses -->` and `<!-- end -->`.
`python -m experiments.tables` writes what stands between them.
"""

import re
from collections.abc import Callable
from typing import Any

from gan_jax.catalogue.entries import CHOICE_KINDS, CatalogueEntry, describe_entries
from gan_jax.config.serialization import flat
from gan_jax.dynamics import DYNAMICS, Rule, as_rule
from gan_jax.methods import DEVIATIONS, METHODS

MARKED = re.compile(r"(<!-- table: ([\w-]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
Rows = list[list[str]]


def fill_tables(page: str) -> str:
    """Return a page with each of its marked tables as the registries have it.

    Raises:
        ValueError: A mark names no table.
    """

    def fill_table(found: re.Match[str]) -> str:
        return f"{found[1]}{format_table(make_rows(found[2]))}{found[4]}"

    return MARKED.sub(fill_table, page)


def make_rows(table: str) -> Rows:
    """Return the head and the rows of a table of docs."""
    if table in DEVIATION_TABLES:
        return DEVIATION_TABLES[table]()
    return make_kind_rows(table)


def format_table(rows: Rows) -> str:
    """Return Markdown of a head and rows, without the columns that are empty."""
    head, *body = rows
    kept = [i for i in range(len(head)) if any(row[i] for row in body)]
    lines = [[row[i].replace("|", "\\|") for i in kept] for row in rows]
    lines.insert(1, ["---"] * len(kept))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def make_kind_rows(kind: str) -> Rows:
    """Return one row for each entry of a kind: name, meaning, source and options."""
    options = "what it sets" if kind == "methods" else "options"
    rows = [
        [
            f"`{entry.name}`",
            format_meaning(entry),
            format_sources(entry),
            format_options(entry),
        ]
        for entry in describe_entries(kind).values()
    ]
    head = [CHOICE_KINDS[kind].registries[0], "what it is", "source"]
    table = [[*head, options], *rows]
    if kind == "rules":
        costs = [
            "gradients",
            *(count_gradients(as_rule(rule)) for rule in DYNAMICS.values()),
        ]
        table = [[*row, each] for row, each in zip(table, costs, strict=True)]
    return table


def format_meaning(entry: CatalogueEntry) -> str:
    """Return an entry's sentence, and its formulas that the sentence does not have."""
    further = [f"`{one}`" for one in entry.formulas if f"`{one}`" not in entry.about]
    return " ".join(["<br>".join(entry.about.splitlines()), *further])


def format_sources(entry: CatalogueEntry) -> str:
    """Return the cell of an entry's sources."""
    return "; ".join(work for work in entry.sources if work != "none")


def format_options(entry: CatalogueEntry) -> str:
    """Return the cell of an entry's options, such as `` `k` 5, `alpha` 0.5``."""
    cells = (f"`{k}` {format_value(v)}".rstrip() for k, v in entry.options.items())
    return ", ".join(cells)


def format_value(value: Any) -> str:
    """Return a default as text; of None and of a function nothing."""
    if value is None or callable(value):
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def count_gradients(rule: Rule) -> str:
    """Return how many gradients one step of a rule takes."""
    total = rule.updates + rule.evaluations
    each = rule.evaluations_per_k
    return f"{total} + {each if each > 1 else ''}k" if each else str(total)


def make_source_rows() -> Rows:
    """Return what each method was compared with, and how many fields differ."""
    return [
        ["method", "compared with", "fields that differ"],
        *(
            [f"`{name}`", found.read, str(len(found.differs))]
            for name, found in DEVIATIONS.items()
        ),
    ]


def make_deviation_rows() -> Rows:
    """Return every field of a method whose value is another than in its source."""
    rows = [["method", "field", "here", "there", "why"]]
    for name, found in DEVIATIONS.items():
        here = flat(METHODS[name])
        for field, (there, why) in found.differs.items():
            values = [format_value(here[field]), format_value(there)]
            values = [value or "default" for value in values]
            rows.append([f"`{name}`", f"`{field}`", *values, why])
    return rows


DEVIATION_TABLES: dict[str, Callable[[], Rows]] = {
    "sources": make_source_rows,
    "deviations": make_deviation_rows,
}
"""The tables of docs/method_values.md."""
