"""Turns picture files into square uint8 arrays."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
SUFFIXES = frozenset(
    suffix
    for suffix, name in Image.registered_extensions().items()
    if name in FORMATS and name in Image.OPEN
)
"""The file name suffixes, in lower case, of the formats that Pillow reads here."""
UPRIGHT_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The turn that undoes each orientation of EXIF."""
WIDENED = {
    "L;2": lambda level: (level & 3) * 85,
    "L;4": lambda level: (level & 15) * 17,
    "RGB;16B": lambda levels: tuple(level >> 8 for level in levels),
}
"""How Pillow brings the pixels of a PNG to 8 bits, by its name for their layout. Pillow
leaves the transparent colour as the file has it."""


def read_picture(path: Path) -> Image.Image:
    """Read a file's picture, upright, as 8-bit L or RGB.

    Of an animation the first frame is read. Raises ValueError that says why the picture
    cannot be read, without the file's name.
    """
    try:
        with Image.open(path, formats=FORMATS) as picture:
            widen_transparent_colour(picture)
            picture.load()
            if min(picture.size) == 0:
                raise ValueError("it has no pixels")
            return to_eight_bit(turn_upright(picture))
    # Pillow's decoders raise nearly any exception at bytes that they do not expect:
    # OSError, SyntaxError, struct.error, RuntimeError, MemoryError, KeyError, ...
    except Exception as error:
        raise ValueError(describe_error(error)) from None


def describe_error(error: Exception) -> str:
    """Return why a picture cannot be read, in one line."""
    if isinstance(error, Image.DecompressionBombError):
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        return f"it has more than {most:,} pixels, the most that are read: shrink it"
    if isinstance(error, UnidentifiedImageError):
        return f"it holds no {', '.join(FORMATS[:-1])} or {FORMATS[-1]} picture"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


@contextmanager
def ignore_pillow_warnings() -> Iterator[None]:
    """Silence Pillow's warnings of odd metadata and of large pictures.

    Such pictures are read all the same. The main thread must enter this context,
    because the filter holds for all threads.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        yield


def widen_transparent_colour(picture: Image.Image) -> None:
    """Bring a PNG's transparent colour to the bit depth of the pixels in Pillow."""
    colour = picture.info.get("transparency")
    layouts = [tile.args for tile in getattr(picture, "tile", ())]
    if picture.format == "PNG" and colour is not None and layouts:
        widen = WIDENED.get(layouts[0])
        picture.info["transparency"] = widen(colour) if widen else colour


def turn_upright(picture: Image.Image) -> Image.Image:
    """Turn the picture as its EXIF says; leave it if the EXIF cannot be read."""
    try:
        orientation = picture.getexif().get(ExifTags.Base.Orientation)
        turn = UPRIGHT_TURNS.get(orientation)  # pyright: ignore[reportArgumentType]
    except Exception:  # damaged EXIF raises nearly anything, and the pixels are whole
        turn = None
    return picture if turn is None else picture.transpose(turn)


def to_eight_bit(picture: Image.Image) -> Image.Image:
    """Convert a picture of any mode to 8-bit L or RGB.

    Palettes and CMYK are converted, and integers of more than 8 bits are divided by
    257. Transparent pixels, by an alpha channel or by a transparent colour, are laid
    over white. Raises ValueError for samples that are floats.
    """
    if picture.mode == "F":
        raise ValueError("its samples are floats, which have no fixed white")
    if picture.mode.startswith("I"):
        values = np.asarray(picture, np.float64)
        clear = values == picture.info.get("transparency", np.nan)
        levels = np.where(clear, 255, (values / 257).round().clip(0, 255))
        return Image.fromarray(levels.astype("u1"))
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return convert_mode(picture, "L" if picture.mode in ("L", "1") else "RGB")


def convert_mode(picture: Image.Image, mode: str) -> Image.Image:
    """Return the picture in a mode; it is not copied if it has that mode."""
    return picture if picture.mode == mode else picture.convert(mode)


def crop_to_square(picture: Image.Image, side: int, channels: int) -> np.ndarray:
    """Return the largest centred square, resized to uint8 `[side, side, channels]`.

    It is resized by Pillow's bicubic filter, which is antialiased when it shrinks a
    picture.
    """
    picture = convert_mode(to_eight_bit(picture), "L" if channels == 1 else "RGB")
    edge = min(picture.size)
    left, top = ((length - edge) // 2 for length in picture.size)
    if edge != side or picture.size != (side, side):
        box = (left, top, left + edge, top + edge)
        picture = picture.resize((side, side), Image.Resampling.BICUBIC, box)
    return np.asarray(picture).reshape(side, side, channels)
