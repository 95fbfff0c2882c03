"""The catalogue: every registered name, with its formula, source and options."""

from gan_jax.catalogue.entries import KINDS, Entry, Kind, describe_entries

__all__ = ["KINDS", "Entry", "Kind", "describe_entries"]
