"""Runs of which no picture is drawn, for tests that look at none.

Drawing takes half of the time of a small run. What pictures show is held by the tests
of `test_run.py`, `test_trackers.py`, `test_damaged_pictures.py` and `test_program.py`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gan_jax.logs import sample_plots
from gan_jax.run import results


def pixel(path: Path, *_: Any, **__: Any) -> None:
    Image.new("L", (1, 1)).save(path)


@contextmanager
def without_pictures() -> Iterator[None]:
    """Curves and panels of points are files of one pixel."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(results, "draw_curves", pixel)
        patch.setattr(sample_plots, "draw_point_panels", pixel)
        patch.setattr(results, "draw_members", pixel)
        yield
