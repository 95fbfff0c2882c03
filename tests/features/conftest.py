"""Fixtures of the tests of features."""

import pytest
from inception_in_torch import random_tensors


@pytest.fixture(scope="module")
def tensors():
    return random_tensors()
