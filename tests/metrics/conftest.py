"""Fixtures of the tests of metrics."""

import pytest

from gan_jax.metrics import blocks


@pytest.fixture
def small_blocks(monkeypatch):
    """Many blocks, the last of them partial, also of small sets."""
    monkeypatch.setattr(blocks, "HOST_ENTRIES", 700)
    monkeypatch.setattr(blocks, "DEVICE_ENTRIES", 700)
