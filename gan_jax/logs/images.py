"""Images and points as files: PNG and NumPy arrays."""

from pathlib import Path

import numpy as np

from gan_jax.logs.files import write_atomically


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Return images in [-1, 1] as rounded values in 0 to 255; NaN is black."""
    return np.nan_to_num(np.clip((images + 1) * 127.5, 0, 255)).round().astype(np.uint8)


def write_array(path: Path, samples: np.ndarray) -> None:
    """Write a .npz with one array `arr_0`: images as uint8, points as they are."""
    array = to_uint8(samples) if samples.ndim == 4 else samples

    def save(part: Path) -> None:
        with part.open("wb") as file:  # NumPy changes the names of files.
            np.savez(file, array)

    write_atomically(path, save)


def write_images(folder: Path, images: np.ndarray) -> None:
    """Write each of the images `[N, H, W, C]`, C 1 or 3, as `000000.png` and so on."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for i, image in enumerate(to_uint8(images)):
        plain = image[..., 0] if image.shape[2] == 1 else image
        write_atomically(folder / f"{i:06d}.png", Image.fromarray(plain).save)
