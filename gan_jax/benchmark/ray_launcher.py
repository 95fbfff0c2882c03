"""Cells on the workers of a Ray cluster: `python -m benchmarks.compare --launcher ray`.

Ray places each cell on a free core. If its worker dies, Ray places it again, and the
cell goes on from its newest checkpoint. All workers have to share the results folder.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gan_jax.benchmark.plan import Json, plan_plugins
from gan_jax.benchmark.run_cell import make_error_rows, run_cell
from gan_jax.parallel.compiler import cache_compilations
from gan_jax.plugins.load import load_copies

CELL_RETRIES = 3
"""How often a cell is placed again after its worker died."""


def import_ray() -> Any:
    """Return the package Ray, or raise a ValueError that says how to install it."""
    try:
        import ray  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise ValueError(
            "launcher 'ray': Ray is not installed; pip install -e '.[ray]'"
        ) from None
    return ray


@contextmanager
def ray_cluster() -> Iterator[int]:
    """Connect to the cluster at RAY_ADDRESS, or start one here; yield its cores."""
    ray = import_ray()
    ray.init(log_to_driver=False, include_dashboard=False)
    try:
        yield max(1, int(ray.cluster_resources().get("CPU", 1)))
    finally:
        ray.shutdown()


def run_on_worker(plan: Json, cell: Json, out: str) -> list[Json]:
    """Run a cell on a worker and return its rows."""
    cache_compilations()
    load_copies(Path(out), plan_plugins(plan))
    return run_cell(plan, cell, Path(out), lambda row: None)


def run_cells_on_ray(
    plan: Json, cells: list[Json], out: Path, note_step: Callable[[str, int], None]
) -> Iterator[tuple[Json, list[Json]]]:
    """Run the cells on the cluster, and yield each with its rows as it finishes.

    note_step: called with a cell's name and 0 when the cell is submitted.
    """
    ray = import_ray()
    gpus = 1 if ray.cluster_resources().get("GPU") else 0
    place = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=CELL_RETRIES)(
        run_on_worker
    )
    shared = ray.put(plan)
    waiting = {place.remote(shared, cell, str(out.resolve())): cell for cell in cells}
    for cell in cells:
        note_step(cell["id"], 0)
    while waiting:
        (done,), _ = ray.wait(list(waiting), num_returns=1)
        cell = waiting.pop(done)
        try:
            rows = ray.get(done)
        except ray.exceptions.RayError as error:
            rows = make_error_rows(plan, cell, error)
        yield cell, rows
