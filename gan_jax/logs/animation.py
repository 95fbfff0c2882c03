"""The animation of a run's sample pictures, as a GIF."""

from pathlib import Path
from typing import Any

import numpy as np

from gan_jax.logs.files import write_atomically


def list_frames(folder: Path) -> list[Path]:
    """Return the pictures of a folder that are named by a step, in order."""
    found = folder.glob("[0-9]*.png")
    return sorted(path for path in found if path.stem.isdecimal())


def is_readable_image(picture: Path) -> bool:
    """Whether a picture is undamaged."""
    from PIL import Image

    try:
        with Image.open(picture) as opened:
            opened.load()
    except (OSError, ValueError, SyntaxError):  # Damaged PNGs cause all three.
        return False
    return True


def write_animation(path: Path, folder: Path) -> None:
    """Write a GIF of the pictures in a folder, each below its step.

    It has at most 100 frames, of about 400 pixels a side. It shows at most ten of them
    a second, few of them for longer, and the last one for two seconds more. A damaged
    picture is left out. Without pictures no GIF is written.
    """
    found = list_frames(folder)
    chosen = np.linspace(0, len(found) - 1, min(len(found), 100)).round().astype(int)
    readable = [found[i] for i in chosen if is_readable_image(found[i])]
    if not readable:
        return
    images = [make_frame(picture) for picture in readable]
    each = max(100, min(500, 5000 // len(images)))
    duration = [each] * (len(images) - 1) + [each + 2000]

    def save(part: Path) -> None:
        images[0].save(
            part, save_all=True, append_images=images[1:], duration=duration, loop=0
        )

    write_atomically(path, save)


FRAME_CAPTION = 24
"""The height of the line above a frame, in pixels."""


def make_frame(picture: Path) -> Any:
    """Return a small copy of a picture, below a line with the step of its name."""
    from PIL import Image, ImageDraw, ImageFont

    with Image.open(picture) as opened:
        image = opened.convert("RGB")
    image.thumbnail((400, 400))
    width = max(image.width, 120)
    frame = Image.new("RGB", (width, image.height + FRAME_CAPTION), "white")
    frame.paste(image, ((width - image.width) // 2, FRAME_CAPTION))
    text = ImageDraw.Draw(frame)
    text.text(
        (6, 3), f"step {int(picture.stem):,}", "black", ImageFont.load_default(15)
    )
    return frame
