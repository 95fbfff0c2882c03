"""Grids of images as one picture, with names below the images or beside the rows."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gan_jax.data.listing import escape_text
from gan_jax.logs.files import write_atomically
from gan_jax.logs.images import to_uint8

GRID_CAPTION = 14
"""The height of a caption in pixels."""
FONT_SIZE = 10


def image_grid(
    path: Path,
    images: np.ndarray,
    side: int = 64,
    columns: int | None = None,
    captions: Sequence[str] | None = None,
) -> None:
    """Write a grid of images `[N, H, W, C]` in [-1, 1].

    side: the size in pixels to which small images are enlarged, about, bicubic.
    columns: None for a grid that is nearly square. captions: a short text below each
    image, such as the name of its class.
    """
    from PIL import Image, ImageDraw

    count, height, width, channels = images.shape
    zoom = max(1, round(side / height))
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    below = (0, GRID_CAPTION if captions else 0)
    cell = np.array([width, height]) * zoom + max(1, zoom // 4) + below
    size = int(cell[0] * columns), int(cell[1] * rows)
    sheet = Image.new("L" if channels == 1 else "RGB", size, "dimgray")
    pen, font = ImageDraw.Draw(sheet), load_caption_font()
    for index, tile in enumerate(to_uint8(images)):
        picture = Image.fromarray(tile[..., 0] if channels == 1 else tile)
        picture = picture.resize(
            (width * zoom, height * zoom), Image.Resampling.BICUBIC
        )
        row, column = divmod(index, columns)
        x, y = int(column * cell[0]), int(row * cell[1])
        sheet.paste(picture, (x, y))
        if captions:
            text = shorten_caption(captions[index], width * zoom, font.getlength)
            pen.text((x + 1, y + height * zoom), text, "white", font)
    write_atomically(path, sheet.save)


def tile_pixels(tiles: np.ndarray) -> np.ndarray:
    """Return pixels `[N, H, W, C]` as one near-square array, a white line between two.

    The result is `[R, S]` for one channel and `[R, S, C]` for more, uint8.
    """
    count, height, width, channels = tiles.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    sheet = np.full((rows, height + 1, columns, width + 1, channels), 255, np.uint8)
    for index, tile in enumerate(tiles):
        row, column = divmod(index, columns)
        sheet[row, :height, column, :width] = tile
    whole = sheet.reshape(rows * (height + 1), columns * (width + 1), channels)
    whole = whole[:-1, :-1]
    return whole[..., 0] if channels == 1 else whole


def load_caption_font() -> Any:
    """Return DejaVu Sans of Matplotlib, as Pillow's own font has ASCII alone."""
    from matplotlib import get_data_path
    from PIL import ImageFont

    path = Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    return ImageFont.truetype(str(path), FONT_SIZE)


def shorten_caption(text: str, width: float, length: Callable[[str], float]) -> str:
    """Return the text on one line, and no longer than the width.

    Of a longer text as much of the beginning as fits is left, with "..".
    """
    text = escape_text(text)
    if length(text) <= width:
        return text
    fits = [cut for cut in range(len(text)) if length(text[:cut] + "..") <= width]
    return text[: max(fits, default=0)] + ".."


def name_classes(labels: np.ndarray, names: Sequence[str] | None) -> list[str]:
    """Return the class of each label `[N]` by name, or by number if it has none."""
    if names is None:
        return [str(label) for label in labels]
    return [names[int(label)] for label in labels]


def label_rows(path: Path, names: Sequence[str]) -> None:
    """Add a white margin with a name for each row to the left of a picture.

    The picture consists of as many equal rows as there are names. Each part of a name
    that ends in a comma has a line of its own.
    """
    from PIL import Image, ImageDraw, ImageFont

    with Image.open(path) as opened:
        grid = opened.convert("RGB")
    height = grid.height / len(names)
    font = ImageFont.load_default(max(10, min(16, height / 4)))
    texts = [name.replace(", ", "\n") for name in names]
    pen = ImageDraw.Draw(grid)
    widths = [pen.multiline_textbbox((0, 0), text, font)[2] for text in texts]
    margin = 16 + math.ceil(max(widths))
    sheet = Image.new("RGB", (margin + grid.width, grid.height), "white")
    sheet.paste(grid, (margin, 0))
    pen = ImageDraw.Draw(sheet)
    for row, text in enumerate(texts):
        middle = 8, (row + 0.5) * height
        pen.multiline_text(middle, text, "black", font, anchor="lm")
    write_atomically(path, sheet.save)
