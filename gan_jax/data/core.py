"""One small interface for all data: count, shape, labels, `get(indices) -> Batch`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.types import Array, Batch


class Spec(NamedTuple):
    """What is known of a data set without reading it.

    shape: of one example, (H, W, C) or (2,). label_count: None where there are none.
    size: how many examples are stored.
    """

    shape: tuple[int, ...]
    label_count: int | None
    size: int


class Stored(NamedTuple):
    """All examples: uint8 images or final float32 values; labels or None."""

    image: np.ndarray | Array
    label: np.ndarray | Array | None


@dataclass(frozen=True)
class Dataset:
    """A data set that fits in memory; `read` is called once, when first needed."""

    spec: Spec
    read: Callable[[], Stored]
    flip: bool = False

    def __len__(self) -> int:
        return self.spec.size * (2 if self.flip else 1)

    @cached_property
    def stored(self) -> Stored:
        """The data on the default device."""
        return jax.tree.map(jnp.asarray, self.read())

    def get(self, indices: Array | np.ndarray) -> Batch:
        """Examples `[..., *shape]` float32, images in [-1, 1]; see `gather`."""
        return gather(self.stored, jnp.asarray(indices))


def gather(stored: Stored, indices: Array) -> Batch:
    """The examples at `indices [...]`; n + i mirrors image i of n."""
    count = len(stored.image)
    image = to_float(jnp.asarray(stored.image)[indices % count])
    if stored.image.ndim == 4:
        mirrored = (indices >= count)[..., None, None, None]
        image = jnp.where(mirrored, image[..., ::-1, :], image)
    label = None if stored.label is None else jnp.asarray(stored.label)[indices % count]
    return Batch(image, label)


def to_float(image: Array) -> Array:
    """uint8 0..255 to float32 -1..1; floats are left alone."""
    return image / 127.5 - 1 if image.dtype == jnp.uint8 else image


def resized(images: np.ndarray, resolution: int) -> np.ndarray:
    """float32 `[N, H, W, C] -> [N, R, R, C]`, bilinear, antialiased."""
    shape = (len(images), resolution, resolution, images.shape[-1])
    return np.asarray(jax.image.resize(images, shape, "linear", antialias=True))


def batch_indices(
    size: int, batch_size: int, d_steps: int, seed: int, step: int
) -> np.ndarray:
    """Indices `[d_steps, batch_size]` of a step: a pure function of (seed, step).

    Epoch e is `default_rng((seed, e)).permutation(size)`; its steps take
    d_steps * batch_size in turn, and its remainder is dropped.
    """
    per_step = d_steps * batch_size
    epoch, turn = divmod(step, size // per_step)
    chosen = permutation(size, seed, epoch)[turn * per_step : (turn + 1) * per_step]
    return chosen.reshape(d_steps, batch_size)


@lru_cache(maxsize=2)
def permutation(size: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng((seed, epoch)).permutation(size).astype(np.int32)
