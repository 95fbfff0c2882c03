"""Grids of images as one picture."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gan_jax.data.listing import escape_text
from gan_jax.logs.files import write_atomically
from gan_jax.logs.metric_log import pixels_of

CAPTION = 14
"""Pixels of height that a caption takes."""
FONT_SIZE = 10


def image_grid(
    path: Path,
    images: np.ndarray,
    side: int = 64,
    columns: int | None = None,
    captions: Sequence[str] | None = None,
) -> None:
    """A grid of images `[N, H, W, C]` in [-1, 1]; columns None: near-square.

    Small images are enlarged to about `side` pixels, bicubic. captions: a short text
    below each image, such as the name of its class.
    """
    from PIL import Image, ImageDraw

    count, height, width, channels = images.shape
    zoom = max(1, round(side / height))
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    below = (0, CAPTION if captions else 0)
    cell = np.array([width, height]) * zoom + max(1, zoom // 4) + below
    size = int(cell[0] * columns), int(cell[1] * rows)
    sheet = Image.new("L" if channels == 1 else "RGB", size, "dimgray")
    pen, font = ImageDraw.Draw(sheet), caption_font()
    for index, tile in enumerate(pixels_of(images)):
        picture = Image.fromarray(tile[..., 0] if channels == 1 else tile)
        picture = picture.resize(
            (width * zoom, height * zoom), Image.Resampling.BICUBIC
        )
        row, column = divmod(index, columns)
        x, y = int(column * cell[0]), int(row * cell[1])
        sheet.paste(picture, (x, y))
        if captions:
            text = shorten(captions[index], width * zoom, font.getlength)
            pen.text((x + 1, y + height * zoom), text, "white", font)
    write_atomically(path, sheet.save)


def caption_font() -> Any:
    """DejaVu Sans, which Matplotlib brings: Pillow's own font has ASCII alone."""
    from matplotlib import get_data_path
    from PIL import ImageFont

    path = Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    return ImageFont.truetype(str(path), FONT_SIZE)


def shorten(text: str, width: float, length: Callable[[str], float]) -> str:
    """The text on one line; where its length exceeds the width, its beginning and
    "..", as much as fits."""
    text = escape_text(text)
    if length(text) <= width:
        return text
    fits = [cut for cut in range(len(text)) if length(text[:cut] + "..") <= width]
    return text[: max(fits, default=0)] + ".."


def name_classes(labels: np.ndarray, names: Sequence[str] | None) -> list[str]:
    """The name of each label's class `[N]`; its number if classes have no names."""
    if names is None:
        return [str(label) for label in labels]
    return [names[int(label)] for label in labels]
