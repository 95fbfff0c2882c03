"""Fixtures of the report's tests: result folders of runs that were never made."""

import pytest
import synthetic_rows as synthetic

from gan_jax.benchmark.report.findings import collect_findings
from gan_jax.benchmark.report.results import read_results


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    """A results folder of six methods on two tasks."""
    return synthetic.write(tmp_path_factory.mktemp("toy"), *synthetic.toy())


@pytest.fixture(scope="session")
def mapped(tmp_path_factory):
    """A results folder of a stability map."""
    return synthetic.write(tmp_path_factory.mktemp("map"), *synthetic.stability_map())


@pytest.fixture(scope="session")
def findings(toy):
    """The findings of the folder `toy`."""
    return collect_findings(read_results(toy))
