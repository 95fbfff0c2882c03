"""A data set of the pictures in a folder, of any size and of several formats."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path

import numpy as np
from PIL import Image

from gan_jax.config import DatasetConfig
from gan_jax.data.cache import DecodedSet, cached_set, list_source_files
from gan_jax.data.core import Dataset, Spec, Stored, hash_arrays, hash_texts
from gan_jax.data.entry import DatasetEntry
from gan_jax.data.images import (
    FORMATS,
    crop_to_square,
    ignore_pillow_warnings,
    read_picture,
)
from gan_jax.data.listing import (
    BESIDE,
    BROKEN,
    EMPTY,
    Classes,
    Listing,
    describe_ignored,
    escape_text,
    find_classes,
    find_empty_folders,
    list_pictures,
)


def folder_set(path: str, config: DatasetConfig) -> Dataset:
    """Pictures of a folder and its subfolders, sorted by path, as RGB images.

    The labels are the subfolders, as `find_classes` chooses them. The side of the
    images is dataset.resolution, or the shorter side of the first picture.
    """
    root = find_folder(path)
    files, folders, ignored = find_pictures(root)
    chosen = choose_classes(root, files, config.labels)
    ignored[BESIDE] = chosen.beside
    first = read_first_picture(root, chosen.files, config.skip_bad)
    side = config.resolution or min(first.size)
    decode = partial(read_pictures, root, chosen.files, side, config.skip_bad)
    entry, broken = cache(decode), []
    if config.skip_bad:  # only decoding tells which pictures are whole
        index = entry().stored.label
        assert index is not None
        whole = [chosen.files[i] for i in index]
        broken = sorted(set(chosen.files) - set(whole))
        chosen = choose_classes(root, whole, config.labels)
    names = chosen.names
    ignored[EMPTY] = find_empty_folders(folders, chosen.files)
    label = np.array(chosen.labels, np.int32) if names else None
    return Dataset(
        Spec((side, side, 3), len(names) or None, len(chosen.files), names or None),
        lambda: Stored(entry().stored.image, label),
        flip=config.flip,
        streams=True,
        hash_content=lambda stored: hash_texts(entry().sha256, hash_arrays(label)),
        note=describe_classes(root, chosen),
        ignored=relative_names(root, ignored) | describe_broken(root, broken, side),
    )


def find_folder(path: str) -> Path:
    """Return the folder of a path; raise ValueError if there is none."""
    try:
        root = Path(path).expanduser()
        if path and root.is_dir():
            return root
    except (OSError, RuntimeError):  # too long a name; nobody's home
        pass
    raise ValueError(f"dataset.name {'folder:' + path!r}: there is no such folder")


def find_pictures(root: Path) -> Listing:
    """Return what lies in the folder; raise ValueError if it holds no picture."""
    found = list_pictures(root)
    if not found.files:
        formats = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        what = [
            f"holds no {formats} pictures",
            *describe_ignored(relative_names(root, found.ignored)),
        ]
        raise ValueError(
            f"dataset.name 'folder:{shorten_path(root)}': {'; '.join(what)}"
        )
    return found


def shorten_path(path: Path) -> str:
    """Return a path for a message; of a very long one only the end."""
    return escape_text(str(path), 300)


def choose_classes(root: Path, files: list[Path], labelled: bool) -> Classes:
    """Return the classes of the pictures.

    Raises ValueError if `labelled` and there are none.
    """
    chosen = find_classes(root, files, labelled)
    if labelled and not chosen.names:
        raise ValueError(
            f"dataset.labels: {shorten_path(root)} has no classes ({chosen.why}); "
            "name a folder whose folders are the classes, or leave labels out"
        )
    return chosen


def describe_classes(root: Path, chosen: Classes) -> str:
    """Return what a user has to know about how the classes are chosen, or ""."""
    if chosen.names and chosen.base != root:
        return f"the classes are the folders in {shorten_path(chosen.base)}"
    if chosen.why and any(file.parent != root for file in chosen.files):
        return f"no classes: {chosen.why}"
    return ""


def relative_names(root: Path, ignored: dict[str, list[Path]]) -> dict[str, list[str]]:
    """Return the sorted names of ignored files, without reasons that do not occur."""
    return {
        reason: [str(path.relative_to(root)) for path in sorted(paths)]
        for reason, paths in ignored.items()
        if paths
    }


def describe_broken(root: Path, files: list[Path], side: int) -> dict[str, list[str]]:
    """Return the names of broken pictures, each with why it cannot be read."""
    with ignore_pillow_warnings():
        errors = [str(decode_picture(side, file)) for file in files]
    lines = [
        f"{file.relative_to(root)} ({escape_text(error, 200)})"
        for file, error in zip(files, errors, strict=True)
    ]
    return {BROKEN: lines} if lines else {}


def read_first_picture(root: Path, files: list[Path], skip_bad: bool) -> Image.Image:
    """Return the first picture, or with `skip_bad` the first that can be read.

    Raises ValueError if there is none.
    """
    reasons = []
    with ignore_pillow_warnings():
        for file in files:
            try:
                return read_picture(file)
            except ValueError as error:
                if not skip_bad:
                    raise unreadable_error(file, error) from None
                reasons.append(str(error))
    raise ValueError(
        f"dataset.name 'folder:{shorten_path(root)}': none of its {len(files)} "
        f"pictures can be read; the first is {shorten_path(files[0])} "
        f"({escape_text(reasons[0], 200)})"
    )


def read_pictures(
    root: Path, files: list[Path], side: int, skip_bad: bool
) -> DecodedSet:
    """Return all pictures, uint8 `[N, side, side, 3]`, from the cache if possible.

    The label of each picture is its index in `files`, because some may be left out.
    """
    plain = "".join(letter for letter in root.resolve().name if letter.isalnum())
    key = {
        "name": f"folder-{plain[:32]}",
        "root": str(root.resolve()),
        "resolution": side,
        "skip_bad": skip_bad,
    }
    examples = decode_all(files, side, skip_bad)
    sources = list_source_files(root, files)
    return cached_set(key, sources, (side, side, 3), examples, len(files))


def decode_all(
    files: list[Path], side: int, skip_bad: bool
) -> Iterator[tuple[np.ndarray, int]]:
    """Yield each picture and its index in `files`."""
    with ignore_pillow_warnings(), ThreadPoolExecutor(2) as pool:
        images = pool.map(partial(decode_picture, side), files)
        try:
            for index, (file, image) in enumerate(zip(files, images, strict=True)):
                if not isinstance(image, ValueError):
                    yield image, index
                elif not skip_bad:
                    raise unreadable_error(file, image)
        finally:
            pool.shutdown(cancel_futures=True)  # or the rest would be decoded first


def decode_picture(side: int, file: Path) -> np.ndarray | ValueError:
    """Return the picture, uint8 `[side, side, 3]`, or the error that it raises."""
    try:
        return crop_to_square(read_picture(file), side, 3)
    except ValueError as error:
        return error


def unreadable_error(file: Path, error: Exception) -> ValueError:
    """Return an error that says which picture cannot be read, and what to do."""
    reason = escape_text(str(error), 200)
    return ValueError(
        f"picture {shorten_path(file)}: cannot be read ({reason}); "
        "mend or remove it, or set --dataset.skip-bad"
    )


PREFIXES: dict[str, DatasetEntry] = {
    "folder": DatasetEntry(
        folder_set, reads=("resolution", "flip", "skip_bad", "device_limit")
    ),
}
