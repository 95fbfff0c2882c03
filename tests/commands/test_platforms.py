"""Machines that lack what Linux has."""

import os
import runpy
import sys

import numpy as np

from benchmarks.speed import interleave
from gan_jax.config import Config, DatasetConfig
from gan_jax.data import storage
from gan_jax.parallel import memory_check
from gan_jax.run.preparation import prepare_run

RING = Config(dataset=DatasetConfig("ring"))


def test_machine_that_hides_its_memory_trains(monkeypatch):
    monkeypatch.delattr(os, "sysconf")  # Windows
    assert memory_check.machine_memory() is None
    prepare_run(RING, lambda: None)


def test_machine_without_posix_modules_has_the_cache_and_the_timings(
    place, monkeypatch
):
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "resource", None)
    own = runpy.run_path(storage.__file__)
    entry = place.parent / "home" / "cache" / "set-0123abcd"
    entry.mkdir(parents=True)
    (entry / "key.json").write_text("{}")
    own["lock_for_reader"](entry / "key.json", np.zeros(1))
    (found,) = own["list_entries"]()
    assert own["remove_entry"](found) and not entry.exists()
    assert runpy.run_path(interleave.__file__)["peak_bytes"]() >= 0
