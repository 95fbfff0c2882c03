"""Paths as users type them: `~` for the home folder, and the names of pictures."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif")
"""How the name of a file of images may end; Pillow writes it."""
FIGURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".pdf", ".svg")
"""How the name of a file of a figure may end; Matplotlib writes it."""


def expand_home(flags: T, *names: str) -> T:
    """Return the flags with the home folder for a leading `~` in the named paths."""
    given = {name: getattr(flags, name) for name in names}
    expanded = {k: expand_tilde(v) for k, v in given.items() if v is not None}
    return dataclasses.replace(flags, **expanded)  # pyright: ignore


def expand_tilde(path: Any) -> Any:
    """Return a path, or a tuple of paths, with the home folder for a leading `~`."""
    if isinstance(path, tuple):
        return tuple(map(expand_tilde, path))
    return type(path)(os.path.expanduser(path))


def require_picture(field: str, path: Path, suffixes: Sequence[str]) -> None:
    """Raise ValueError unless a picture can be written to this path."""
    if path.suffix.lower() not in suffixes:
        raise ValueError(
            f"{field} {path}: must be the name of a picture, which ends in "
            f"{', '.join(suffixes)}"
        )
    if path.is_dir():
        raise ValueError(f"{field} {path}: is a folder; give the name of a picture")
    if not path.absolute().parent.is_dir():
        raise ValueError(f"{field} {path}: its folder does not exist; make it")
