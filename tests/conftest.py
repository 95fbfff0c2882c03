"""Eight CPU devices, strict shapes, fast compilation, and one cache of it for all.

Tests begin as on a fresh machine (`needs.py`) and leave no process (`processes.py`).
"""

import os
import signal
import tempfile
from importlib.metadata import version

import pytest

FLAGS = [
    "--xla_force_host_platform_device_count=8",
    "--xla_backend_optimization_level=0",  # Most of the tests' time is compilation.
]
if version("jaxlib").startswith("0.10."):  # An unknown flag ends the process.
    FLAGS += [
        "--xla_cpu_use_fusion_emitters=false",
        "--xla_cpu_parallel_codegen_split_count=1",
    ]
os.environ["XLA_FLAGS"] = " ".join([os.environ.get("XLA_FLAGS", ""), *FLAGS])
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "Agg")

import jax  # noqa: E402

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update(
    "jax_compilation_cache_dir", os.path.join(tempfile.gettempdir(), "gan_jax_tests")
)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
jax.config.update("jax_traceback_in_locations_limit", 0)  # Operations need no lines.

import needs  # noqa: E402
import processes  # noqa: E402
from undrawn import without_pictures  # noqa: E402

from gan_jax.features import extractors  # noqa: E402
from gan_jax.parallel.shared_program import find_program  # noqa: E402

os.environ[needs.VARIABLE] = needs.NOWHERE
# A shell starts what runs in its background with Ctrl-C ignored, and processes inherit
# that; tests send the signal all the same.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers():
        if why := needs.missing(mark):
            pytest.skip(why)


@pytest.fixture(autouse=True)
def prepared_data(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The data sets of this machine, for the tests that are marked with one."""
    if request.node.get_closest_marker("data"):
        monkeypatch.setenv(needs.VARIABLE, str(needs.PREPARED))


@pytest.fixture(autouse=True)
def default_extractors(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its mark no test has lite0 as the default extractor."""
    if not request.node.get_closest_marker("embedding"):
        monkeypatch.setattr(extractors, "find_weights", lambda name: None)


@pytest.fixture(autouse=True)
def own_programs():
    """No test finds the program of another one, which may have changed the step."""
    yield
    find_program.cache_clear()


@pytest.fixture
def undrawn():
    """For tests that look at no picture of the runs they train."""
    with without_pictures():
        yield


@pytest.fixture(autouse=True, scope="session")
def no_process_is_left():
    yield
    assert not (left := processes.children()), f"still running: {left}"
