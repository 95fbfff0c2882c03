"""A folder of pictures: PNG, JPEG, WebP of any size and mode."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from gan_jax.config import DatasetConfig
from gan_jax.data.cache import cached, sources_of
from gan_jax.data.core import Dataset, Spec, Stored
from gan_jax.data.images import square

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp"}


def folder_set(path: str, config: DatasetConfig) -> Dataset:
    """Pictures of a folder and its subfolders, sorted by path, as RGB.

    Labels are the top subfolders in sorted order, when every picture lies in one. Side:
    dataset.resolution, or the shorter side of the first picture.
    """
    root = existing(path)
    files = sorted(f for f in root.rglob("*") if f.suffix.lower() in SUFFIXES)
    if not files:
        raise ValueError(
            f"dataset.name 'folder:{path}': holds no PNG, JPEG or WebP files"
        )
    tops = [file.relative_to(root).parts[0] for file in files]
    classes = sorted(set(tops)) if all((root / top).is_dir() for top in tops) else None
    side = config.resolution or min(first_size(files, config.skip_bad))
    spec = Spec(
        (side, side, 3),
        len(classes) if classes else None,
        len(files),
        tuple(classes) if classes else None,
    )

    def examples() -> Iterator[tuple[np.ndarray, int | None]]:
        with ThreadPoolExecutor(2) as pool:
            images = pool.map(partial(decoded, side, config.skip_bad), files)
            for top, image in zip(tops, images, strict=True):
                if image is not None:
                    yield image, classes.index(top) if classes else None

    def read() -> Stored:
        key = {
            "name": f"folder-{root.resolve().name}",
            "root": str(root.resolve()),
            "resolution": side,
            "skip_bad": config.skip_bad,
        }
        sources = sources_of(root, files)
        stored = cached(key, sources, (side, side, 3), examples(), len(files))
        broken_count = len(files) - len(stored.image)
        if broken_count:
            print(f"dataset.skip_bad: left out {broken_count} broken pictures")
        return stored

    made = Dataset(spec, read, flip=config.flip, streams=True)
    if not config.skip_bad:
        return made
    stored = made.on_host  # only decoding tells how many pictures are whole
    counted = spec._replace(size=len(stored.image))
    return Dataset(counted, lambda: stored, flip=config.flip, streams=True)


def existing(path: str) -> Path:
    """The folder, or a ValueError."""
    try:
        root = Path(path).expanduser()
        if path and root.is_dir():
            return root
    except (OSError, RuntimeError):  # too long a name; nobody's home
        pass
    raise ValueError(f"dataset.name {'folder:' + path!r}: there is no such folder")


def first_size(files: list[Path], skip_bad: bool) -> tuple[int, int]:
    """(width, height) of the first picture, or of the first whole one."""
    for file in files:
        try:
            with Image.open(file) as picture:
                return picture.size
        except OSError as error:
            if not skip_bad:
                raise broken(file, error) from None
    raise ValueError(
        f"folder {files[0].parent}: none of {len(files)} pictures is whole"
    )


def decoded(side: int, skip_bad: bool, file: Path) -> np.ndarray | None:
    """The picture, uint8 `[side, side, 3]`; None if broken and to be left out."""
    try:
        with Image.open(file) as picture:
            return square(picture, side, 3)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if skip_bad:
            return None
        raise broken(file, error) from None


def broken(file: Path, error: Exception) -> ValueError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return ValueError(
        f"picture {file}: cannot be read ({reason}); mend or remove it, or set "
        "--dataset.skip-bad"
    )
