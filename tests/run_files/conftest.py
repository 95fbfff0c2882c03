"""The run that several test files of this folder stop, resume and damage."""

import pytest
from resumed_runs import SMALL
from undrawn import without_pictures

from gan_jax import train


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory):
    """The folder, last state and summary of a run that was never interrupted."""
    run = tmp_path_factory.mktemp("uninterrupted") / "run"
    with without_pictures():
        state, summary = train(SMALL, run)
    return run, state, summary
