"""Checks of the shapes and styles that a pair of networks accepts."""

from collections.abc import Callable

import flax.linen as nn

from gan_jax.layers.basic import Array, Style
from gan_jax.layers.norms import instance_norm

Shape = tuple[int, ...]
Output = Callable[[Array], Array]
Pair = tuple[nn.Module, nn.Module]
"""A generator and a discriminator."""


def count_halvings(shape: Shape) -> int:
    """Return how often an image's side is halved to reach a base of 4 to 7 pixels.

    Raises ValueError for a side that is not 4, 5, 6 or 7 times a power of two.
    """
    side, count = require_image(shape), 0
    while side > 7 and side % 2 == 0:
        side, count = side // 2, count + 1
    if not (4 <= side <= 7 and count):
        raise ValueError(
            f"dataset.resolution {shape[0]}: convolutional pairs make 4, 5, 6 or 7 "
            "times a power of two (8, 10, 12, 14, 16, 20, 24, 28, 32, ..., 64, ...)"
        )
    return count


def require_image(shape: Shape) -> int:
    """Return the side of a square image; raise ValueError for another shape."""
    if len(shape) != 3 or shape[0] != shape[1]:
        raise ValueError(
            f"model.name: this pair makes square images, the data have shape {shape}; "
            "use model.name mlp"
        )
    return shape[0]


def require_side(shape: Shape, allowed: Shape) -> None:
    """Raise ValueError for an image whose side is none of the allowed ones."""
    if require_image(shape) not in allowed:
        names = " or ".join(map(str, allowed))
        raise ValueError(
            f"dataset.resolution {shape[0]}: this pair makes {names}; "
            f"set dataset.resolution {allowed[0]}"
        )


def require_space(field: str, style: Style) -> None:
    """Raise ValueError if a network of dense layers has a norm that needs images."""
    if style.norm is instance_norm:
        raise ValueError(
            f"{field} 'instance' normalizes over space, which dense layers have not; "
            "use layer, group or none"
        )
