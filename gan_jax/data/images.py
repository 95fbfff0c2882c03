"""Pictures to square uint8 arrays."""

import numpy as np
from PIL import Image, ImageOps


def eight_bit(picture: Image.Image) -> Image.Image:
    """Any mode as 8-bit L or RGB: palettes and CMYK converted, 16 bits scaled, alpha
    laid over white, the camera's rotation applied."""
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith(("I", "F")):
        values = np.asarray(picture, np.float64)
        return Image.fromarray((values / 65535 * 255).round().clip(0, 255).astype("u1"))
    if picture.mode in ("L", "1"):
        return picture.convert("L")
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return picture.convert("RGB")


def square(picture: Image.Image, side: int, channels: int) -> np.ndarray:
    """uint8 `[side, side, channels]`: the largest centred square, resized by Pillow's
    bicubic filter, which is antialiased when it shrinks (its support grows)."""
    picture = eight_bit(picture).convert("L" if channels == 1 else "RGB")
    edge = min(picture.size)
    left, top = ((length - edge) // 2 for length in picture.size)
    if edge != side or picture.size != (side, side):
        box = (left, top, left + edge, top + edge)
        picture = picture.resize((side, side), Image.Resampling.BICUBIC, box)
    return np.asarray(picture).reshape(side, side, channels)
