"""Every registered name has a formula and a source, and is listed and documented."""

import re
from pathlib import Path

import pytest

from gan_jax.catalogue import CHOICE_KINDS, describe_entries
from gan_jax.catalogue.markdown import fill_tables, make_rows
from gan_jax.commands.list import listing, main
from gan_jax.plugins.registries import REGISTRIES

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").glob("*.md"))
WITH_FORMULA = [
    "losses",
    "penalties",
    "generator-penalties",
    "rules",
    "metrics",
    "optimizers",
    "running-statistics",
]
WITH_SOURCE = [
    "losses",
    "penalties",
    "generator-penalties",
    "rules",
    "metrics",
    "optimizers",
    "augmentations",
    "minibatch-layers",
]


def each(kinds):
    return [
        pytest.param(kind, name, id=f"{kind}-{name}")
        for kind in kinds
        for name in describe_entries(kind)
    ]


def test_every_registry_is_a_kind_of_the_catalogue():
    """But for tables of facts, and functions that are chosen by other names."""
    listed = {
        registry for kind in CHOICE_KINDS.values() for registry in kind.registries
    }
    assert listed <= REGISTRIES.keys()
    assert REGISTRIES.keys() - listed <= {
        "toy",
        "schedule",
        "output",
        "fields of a data set",
        "least examples of a metric",
    }


@pytest.mark.parametrize(("kind", "name"), each(CHOICE_KINDS))
def test_an_entry_says_what_it_is(kind, name):
    about = describe_entries(kind)[name].about
    assert about and "Registered by" not in about, f"give {name} a docstring"


@pytest.mark.parametrize(("kind", "name"), each(WITH_FORMULA))
def test_an_entry_has_a_formula(kind, name):
    assert describe_entries(kind)[name].formulas, (
        f"write {name}'s formula between backticks"
    )


@pytest.mark.parametrize(("kind", "name"), each(WITH_SOURCE))
def test_an_entry_has_a_source_or_says_that_it_has_none(kind, name):
    assert name == "none" or describe_entries(kind)[name].sources, (
        f"end {name}'s docstring with its authors, year and arXiv number, or with "
        '"Source: none."'
    )


def test_a_loss_has_a_formula_of_each_player():
    assert all(
        len(entry.formulas) == 2 for entry in describe_entries("losses").values()
    )


@pytest.mark.parametrize("kind", CHOICE_KINDS)
def test_a_kind_is_listed_with_all_it_says(kind, capsys):
    assert main([kind]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    flat = " ".join(text.split())
    for name, entry in describe_entries(kind).items():
        assert f"  {entry.name} " in text or f"  {entry.name}\n" in text, name
        for fact in (entry.about, *entry.formulas, *entry.sources):
            assert " ".join(fact.split()) in flat
        assert all(f" {option}" in flat for option in entry.options)


def test_the_list_of_everything_has_every_name_in_80_columns():
    text = listing()
    assert max(map(len, text.splitlines())) <= 80
    words = set(re.split(r"[\s,]+", text))
    for kind in CHOICE_KINDS:
        assert {entry.name for entry in describe_entries(kind).values()} <= words


@pytest.mark.parametrize(
    ("typed", "near"), [("loss", "losses"), ("penalty", "penalties"), ("rule", "rules")]
)
def test_a_wrong_kind_is_answered_with_the_nearest(typed, near, capsys):
    assert main([typed]) == 2
    assert f"did you mean {near!r}?" in capsys.readouterr().err


def test_a_kind_of_several_words_may_be_typed_as_such(capsys):
    assert main(["generator", "penalties"]) == main(["generator-penalties"]) == 0


def marked_tables():
    return [
        name
        for page in DOCS
        for name in re.findall(r"<!-- table: ([\w-]+) -->", page.read_text("utf-8"))
    ]


def test_every_kind_has_one_table_in_the_docs():
    marked = marked_tables()
    assert len(marked) == len(set(marked)) and CHOICE_KINDS.keys() <= set(marked)


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.stem)
def test_tables_of_a_page_are_what_the_code_says(page):
    text = page.read_text("utf-8")
    assert text == fill_tables(text), "run python -m experiments.tables"


def test_a_table_has_a_row_for_each_entry():
    for kind in CHOICE_KINDS:
        assert len(make_rows(kind)) == 1 + len(describe_entries(kind))


def test_a_mark_of_an_unknown_table_is_refused():
    with pytest.raises(ValueError, match="did you mean 'losses'"):
        fill_tables("<!-- table: losess -->\n<!-- end -->\n")
