"""Runs that an earlier commit made go on exactly.

`runs.zip` holds three small runs, each as an error left it after the checkpoint of step
20, and what the same commit made of it by step 40 (`record_kept_runs.py` writes it).
Whoever changes the order of the examples, or the numbers that are drawn, makes them
anew: then runs of earlier commits are refused (`gan_jax.data.batch_order`).
"""

import json
import zipfile

import numpy as np
import pytest
from record_kept_runs import (
    ARCHIVE,
    RUNS,
    describe_compilation,
    flatten_state,
    read_metrics,
)

from gan_jax import train
from gan_jax.config.serialization import from_file

pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(folder)
    return folder


def tolerances(recorded):
    """No tolerance where XLA compiles the same instructions, else that of rounding.

    Another version of XLA, other flags, or a CPU with other vector instructions adds
    the same numbers in another order. Each sum then differs in its last bits, about
    1e-7 of its size, and the steps of training add such differences up. A change of
    the method, of its keys or of the data is larger by orders of magnitude.
    """
    made_with = json.loads((recorded / "made_with.json").read_text("utf-8"))
    if made_with["compilation"] == describe_compilation():
        return {"rtol": 0, "atol": 0}
    return {"rtol": 1e-5, "atol": 1e-6}


@pytest.mark.parametrize("name", RUNS)
def test_kept_run_resumes_exactly(name, recorded):
    run = recorded / name / "run"
    state, summary = train(from_file(run / "config.json"), run, resume=True)
    assert (summary["verdict"], summary["steps"]) == ("completed", 40)

    found = flatten_state(state)
    with np.load(recorded / name / "state.npz") as expected:
        assert found.keys() == set(expected.files)
        for path, array in found.items():
            np.testing.assert_allclose(
                array, expected[path], **tolerances(recorded), err_msg=path
            )

    rows = read_metrics(run)
    expected_rows = json.loads((recorded / name / "metrics.json").read_text("utf-8"))
    assert [list(row) for row in rows] == [list(row) for row in expected_rows]
    for row, expected_row in zip(rows, expected_rows, strict=True):
        np.testing.assert_allclose(
            list(row.values()), list(expected_row.values()), **tolerances(recorded)
        )


def test_recorded_states_hold_arrays_of_rules_and_running_averages(recorded):
    for name in RUNS:
        with np.load(recorded / name / "state.npz") as arrays:
            assert any(path.startswith(".aux") for path in arrays.files), name
