"""Fixtures of the tests of traced metrics."""

import pytest

from gan_jax.traced_metrics import mixtures, moments, pairs


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    """Several tiles and blocks, the last of them partial, also of small sets."""
    monkeypatch.setattr(pairs, "TILE", 128)
    monkeypatch.setattr(pairs, "BLOCK_ENTRIES", 30_000)
    monkeypatch.setattr(mixtures, "ROWS", 100)
    monkeypatch.setattr(moments, "ROWS", 100)
