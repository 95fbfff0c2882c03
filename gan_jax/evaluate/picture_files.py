"""Sets of examples in files, as they are: the pictures of a folder, or one array.

They are compared as other tools left them: nothing is cropped, resized or made RGB. The
data set `folder:PATH` does all that, for training and for pictures of several sizes.
"""

import hashlib
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from PIL import ExifTags, Image

from gan_jax.data import Dataset, Spec, Stored
from gan_jax.data.core import hash_texts, to_float
from gan_jax.data.images import (
    FORMATS,
    describe_error,
    ignore_pillow_warnings,
    read_picture,
)
from gan_jax.data.listing import escape_text, list_pictures
from gan_jax.types import Array, Batch

THREADS = 4
"""How many pictures are read at a time."""
DAMAGED = (zipfile.BadZipFile, zlib.error)
"""What reading a damaged .npz raises, beside plain errors."""
SIDEWAYS = (5, 6, 7, 8)
"""The orientations of EXIF that exchange width and height."""


class PictureFacts(NamedTuple):
    """A file's SHA-256, and its picture's shape `(H, W, C)`, C 1 or 3."""

    sha256: str
    shape: tuple[int, int, int]


def read_file_set(path: Path) -> Dataset:
    """Return the examples of a folder of pictures or of an .npz file.

    Raises ValueError for a file or folder that holds no examples to compare.
    """
    return read_folder(path) if path.is_dir() else read_array_file(path)


def read_folder(root: Path) -> Dataset:
    """Return the pictures of a folder and its subfolders, sorted by path.

    All must be of one size. They are grey if all are grey, else RGB. Every file is read
    once for the hash of the content, and pictures are decoded when they are asked for.
    """
    files = list_pictures(root).files
    name = escape_text(str(root), 200)
    if not files:
        raise ValueError(f"{name}: holds no {', '.join(FORMATS)} pictures")
    with ignore_pillow_warnings(), ThreadPoolExecutor(THREADS) as pool:
        facts = list(pool.map(read_facts, files))
    sizes = {one.shape[:2]: file for one, file in zip(facts, files, strict=True)}
    if len(sizes) > 1:
        (size, one), (other_size, other), *_ = sizes.items()
        raise ValueError(
            f"{name}: holds pictures of several sizes, such as {one.name} "
            f"({size[1]} x {size[0]}) and {other.name} ({other_size[1]} x "
            f"{other_size[0]}); folder:{name} cuts each to a square and resizes it"
        )
    shape = max(one.shape for one in facts)
    return Dataset(
        Spec(shape, None, len(files)),
        lambda: (),
        gather=lambda stored, indices: decode_batch(files, shape[2], indices),
        hash_content=lambda stored: hash_texts(*(one.sha256 for one in facts)),
    )


def read_facts(file: Path) -> PictureFacts:
    """Return the facts of a file without decoding its pixels.

    Raises ValueError, with the file's name, if it holds no picture.
    """
    try:
        content = file.read_bytes()
        with Image.open(BytesIO(content), formats=FORMATS) as picture:
            sideways = picture.getexif().get(ExifTags.Base.Orientation) in SIDEWAYS
            width, height = picture.size[::-1] if sideways else picture.size
            plain = picture.mode in ("1", "L") or picture.mode.startswith("I")
            grey = plain and not picture.has_transparency_data
    except Exception as error:  # damaged pictures raise nearly anything
        raise unreadable(file, describe_error(error)) from None
    digest = hashlib.sha256(content).hexdigest()
    return PictureFacts(digest, (height, width, 1 if grey else 3))


def unreadable(file: Path, reason: str) -> ValueError:
    """Return an error that says which picture cannot be read."""
    return ValueError(
        f"picture {escape_text(str(file), 200)}: cannot be read "
        f"({escape_text(reason, 200)}); mend or remove it"
    )


def decode_batch(files: list[Path], channels: int, indices: Array) -> Batch:
    """Return the pictures at `indices [B]`, float32 `[B, H, W, C]` in [-1, 1]."""
    chosen = [files[index] for index in np.asarray(indices)]
    with ignore_pillow_warnings(), ThreadPoolExecutor(THREADS) as pool:
        images = list(pool.map(partial(decode_picture, channels), chosen))
    return Batch(to_float(jnp.asarray(np.stack(images))), None)


def decode_picture(channels: int, file: Path) -> np.ndarray:
    """Return a picture, uint8 `[H, W, C]`."""
    try:
        picture = read_picture(file)
    except ValueError as error:
        raise unreadable(file, str(error)) from None
    pixels = np.asarray(picture if channels == 1 else picture.convert("RGB"))
    return pixels.reshape(*pixels.shape[:2], channels)


def read_array_file(path: Path) -> Dataset:
    """Return the examples of an .npz: of `arr_0`, or of the only array in it.

    Images are `[N, H, W, C]`, C 1 or 3, uint8 or floats in [-1, 1]; points are floats
    `[N, D]`.
    """
    name = escape_text(str(path), 200)
    if path.is_file() and not zipfile.is_zipfile(path):
        raise ValueError(f"{name}: is no .npz file; np.savez writes one")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            names = stored.files
            only = names[0] if len(names) == 1 else "arr_0"
            array = stored[only] if only in names else None
    except FileNotFoundError:
        raise ValueError(f"{name}: there is no such file") from None
    except (OSError, EOFError, TypeError, ValueError, *DAMAGED) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(f"{name}: cannot be read as an .npz ({reason})") from None
    if array is None:
        found = escape_text(", ".join(names) or "no array", 200)
        raise ValueError(
            f"{name}: holds {found}; keep one array, or name the examples arr_0"
        )
    array = check_array(f"{name}: {only}", array)
    return Dataset(
        Spec(array.shape[1:], None, len(array)),
        lambda: Stored(array, None),
        streams=True,
    )


def check_array(name: str, array: np.ndarray) -> np.ndarray:
    """Return the examples as uint8 or float32; raise ValueError if they are none."""
    shape, floats = array.shape, np.issubdtype(array.dtype, np.floating)
    images = len(shape) == 4 and shape[3] in (1, 3)
    if 0 in shape or not (images or (len(shape) == 2 and floats)):
        raise ValueError(
            f"{name} is {array.dtype} {shape}; images [N, H, W, C] with C 1 or 3, or "
            "floats [N, D], can be compared"
        )
    if not floats and array.dtype != np.uint8:
        raise ValueError(
            f"{name} is {array.dtype}; give uint8 in 0 to 255, or floats in [-1, 1]"
        )
    if not floats:
        return array
    whole = np.isfinite(array).reshape(len(array), -1).all(axis=1)
    if not whole.all():
        raise ValueError(
            f"{name} has NaN or infinity in {len(array) - whole.sum()} of {len(array)} "
            "examples; all must be finite"
        )
    low, high = array.min(), array.max()
    if images and not (-1 <= low and high <= 1):
        raise ValueError(
            f"{name} has values of {low:.4g} to {high:.4g}; give floats in [-1, 1], or "
            "uint8 in 0 to 255"
        )
    if images and low >= 0:
        raise ValueError(
            f"{name} has no value under 0, so it seems to be in [0, 1]; give floats in "
            "[-1, 1] (2 x - 1), or uint8 in 0 to 255"
        )
    return array.astype(np.float32)
