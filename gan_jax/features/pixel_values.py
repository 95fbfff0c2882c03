"""The pixel values that networks trained on 8-bit images are given."""

import jax.numpy as jnp

from gan_jax.types import Array


def round_to_8_bits(images: Array, network: str) -> Array:
    """Return the 8-bit values 0..255 that a PNG of images in [-1, 1] would hold.

    They are `clip(round((x + 1) 127.5), 0, 255)`, in float32.

    Args:
        images: `[B, H, W, C]`, C 1 or 3, floats.
        network: What the values are for, as error messages name it.

    Raises:
        ValueError: The images have another shape or type.
    """
    floating = jnp.issubdtype(images.dtype, jnp.floating)
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or not floating:
        raise ValueError(
            f"images: {images.dtype} {list(images.shape)}; {network} takes floats "
            "[B, H, W, C] in [-1, 1] with 1 or 3 channels"
        )
    return jnp.clip(jnp.round((images.astype(jnp.float32) + 1) * 127.5), 0, 255)
