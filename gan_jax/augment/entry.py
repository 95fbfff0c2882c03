"""An entry of AUGMENTS: a change of images, and what it asks of data and strength."""

from dataclasses import dataclass
from typing import Any

from gan_jax.types import Array, Augment


@dataclass(frozen=True)
class Augmentation:
    """Everything about an augmentation, in one place. It is called as its `change` is.

    change: Maps `(images [B, ...], keys [B])` to `[B, ...]`. Its keyword-only arguments
        are the fields of the config's `augment` group that it reads.
    images_only: Whether it needs images, `[B, H, W, C]`, and means nothing for points.
    strength_is_probability: Whether its option `strength` is one, so at most 1.
    """

    change: Augment
    images_only: bool = False
    strength_is_probability: bool = False

    def __call__(self, images: Array, keys: Array, /, **options: Any) -> Array:
        return self.change(images, keys, **options)

    def __post_init__(self) -> None:
        object.__setattr__(self, "__doc__", self.change.__doc__)


def as_augmentation(entry: Augment | Augmentation) -> Augmentation:
    """Return an entry of AUGMENTS as an Augmentation: a plain function asks nothing."""
    return entry if isinstance(entry, Augmentation) else Augmentation(entry)


def require_images(name: str, images: Array) -> None:
    """Raise a ValueError for points."""
    if images.ndim != 4:
        raise ValueError(
            f"augment.name {name!r} needs images [B, H, W, C], got {images.shape}; "
            "for points use none or instance_noise"
        )
