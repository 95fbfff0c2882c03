"""The animation of a run's sample pictures, as a GIF."""

from pathlib import Path
from typing import Any

import numpy as np

from gan_jax.logs.files import write_atomically


def list_frames(folder: Path) -> list[Path]:
    """The pictures of a folder that are named by a step, in order."""
    found = folder.glob("[0-9]*.png")
    return sorted(path for path in found if path.stem.isdecimal())


def is_readable_image(picture: Path) -> bool:
    from PIL import Image

    try:
        with Image.open(picture) as opened:
            opened.load()
    except (OSError, ValueError, SyntaxError):  # Pillow has all three for damaged PNGs
        return False
    return True


def write_animation(path: Path, folder: Path) -> None:
    """Write a GIF of the pictures in a folder, each below its step; none, no GIF.

    It has 100 frames at most, of about 400 pixels a side, and shows at most ten a
    second, few ones for longer, and the last for two seconds more. A damaged picture is
    left out.
    """
    found = list_frames(folder)
    chosen = np.linspace(0, len(found) - 1, min(len(found), 100)).round().astype(int)
    whole = [found[i] for i in chosen if is_readable_image(found[i])]
    if not whole:
        return
    images = [make_frame(picture) for picture in whole]
    each = max(100, min(500, 5000 // len(images)))
    duration = [each] * (len(images) - 1) + [each + 2000]

    def save(part: Path) -> None:
        images[0].save(
            part, save_all=True, append_images=images[1:], duration=duration, loop=0
        )

    write_atomically(path, save)


CAPTION = 24
"""Pixels above a frame, for its step."""


def make_frame(picture: Path) -> Any:
    """A small copy of a picture, below a line with the step that its name says."""
    from PIL import Image, ImageDraw, ImageFont

    with Image.open(picture) as opened:
        image = opened.convert("RGB")
    image.thumbnail((400, 400))
    width = max(image.width, 120)
    frame = Image.new("RGB", (width, image.height + CAPTION), "white")
    frame.paste(image, ((width - image.width) // 2, CAPTION))
    text = ImageDraw.Draw(frame)
    text.text(
        (6, 3), f"step {int(picture.stem):,}", "black", ImageFont.load_default(15)
    )
    return frame
