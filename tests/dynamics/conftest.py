"""Fixtures of the tests of rules of play."""

import jax
import pytest


@pytest.fixture
def float64():
    with jax.enable_x64(True):
        yield
