"""Fixtures of the tests of commands."""

import pytest


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty working directory, with a home and a cache of its own."""
    for name in ("home", "here"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GAN_JAX_CACHE", "~/cache")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"
