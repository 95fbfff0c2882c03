"""Names beside the rows of a grid of images."""

import math
from collections.abc import Sequence
from pathlib import Path

from gan_jax.logs.files import write_atomically


def name_rows(path: Path, names: Sequence[str]) -> None:
    """Add a white margin to the left of a picture of as many equal rows as names.

    Each part of a name that ends in a comma has a line of its own.
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
