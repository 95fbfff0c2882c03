"""The catalogue: every registered name, with its formula, source and options."""

from gan_jax.catalogue.entries import (
    CHOICE_KINDS,
    CatalogueEntry,
    ChoiceKind,
    describe_entries,
)

__all__ = ["CHOICE_KINDS", "CatalogueEntry", "ChoiceKind", "describe_entries"]
