"""One small interface for all data: count, shape, labels, `get(indices) -> Batch`."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.types import Array, Batch

ENDLESS = 2**31 - 1
"""The size of a set whose every index is a fresh draw."""


class Spec(NamedTuple):
    """What is known of a data set without reading its pixels.

    shape: of one example, `(H, W, C)` or `(D,)`. label_count: None if it has no labels.
    size: how many examples there are, before flips. class_names: the name of each
    label, None where labels have no names.
    """

    shape: tuple[int, ...]
    label_count: int | None
    size: int
    class_names: tuple[str, ...] | None = None


class Stored(NamedTuple):
    """All examples: uint8 images or final float32 values; labels or None."""

    image: np.ndarray | Array
    label: np.ndarray | Array | None


def gather(stored: Stored, indices: Array) -> Batch:
    """The examples at `indices [...]`; n + i mirrors image i of n."""
    count = len(stored.image)
    image = to_float(jnp.asarray(stored.image)[indices % count])
    if stored.image.ndim == 4:
        mirrored = (indices >= count)[..., None, None, None]
        image = jnp.where(mirrored, image[..., ::-1, :], image)
    label = None if stored.label is None else jnp.asarray(stored.label)[indices % count]
    return Batch(image, label)


def hash_arrays(tree: Any) -> str:
    """SHA-256 (hexadecimal) of all arrays of a tree: their types, shapes and bytes."""
    digest = hashlib.sha256()
    for leaf in map(np.asarray, jax.tree.leaves(tree)):
        digest.update(f"{leaf.dtype}{leaf.shape}".encode())
        digest.update(np.ascontiguousarray(leaf).data)
    return digest.hexdigest()


def hash_texts(*texts: str) -> str:
    """SHA-256 (hexadecimal) of several texts, such as the hashes of parts."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def stored_labels(stored: Any) -> np.ndarray | Array | None:
    """The labels of all examples `[N]`, or None."""
    return stored.label if isinstance(stored, Stored) else None


@dataclass(frozen=True)
class Dataset:
    """A data set: what it is, how it is read, how a batch is made of what was read.

    read: called once, when first needed; arrays in memory or memory-mapped.
    gather: `(what was read, indices [...]) -> Batch`, pure, runs inside jit.
    labels: `what was read -> [K]`, the labels of parts of equal probability (examples,
    or a mixture's components); None if there are none.
    flip: indices n to 2n - 1 are the mirror images of 0 to n - 1.
    streams: batches may be gathered on the host when the whole does not fit the device.
    hash_content: of what was read, a hash of all examples and labels.
    note: what a user has to know of how the classes are chosen. ignored: the names of
    files and folders that are not read, by the reason.
    """

    spec: Spec
    read: Callable[[], Any]
    gather: Callable[[Any, Array], Batch] = gather
    labels: Callable[[Any], np.ndarray | Array | None] = stored_labels
    flip: bool = False
    streams: bool = False
    hash_content: Callable[[Any], str] = hash_arrays
    note: str = ""
    ignored: dict[str, list[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.spec.size * (2 if self.flip else 1)

    @cached_property
    def on_host(self) -> Any:
        """What was read."""
        return self.read()

    @cached_property
    def on_device(self) -> Any:
        """What was read, on the default device."""
        return jax.tree.map(jnp.asarray, self.on_host)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 that all examples and labels go into; it reads the set."""
        return self.hash_content(self.on_host)

    @property
    def nbytes(self) -> int:
        """Bytes of what was read."""
        return sum(leaf.nbytes for leaf in jax.tree.leaves(self.on_host))

    def get(self, indices: Array | np.ndarray) -> Batch:
        """Examples `[..., *shape]` float32, images in [-1, 1]."""
        indices = np.asarray(indices)
        if indices.size and not 0 <= indices.min() <= indices.max() < len(self):
            raise ValueError(f"indices must be in [0, {len(self)}), got {indices}")
        if self.streams:
            return from_rows((), rows(self.on_host, indices))
        return self.gather(self.on_device, jnp.asarray(indices))


def rows(stored: Stored, indices: np.ndarray) -> Stored:
    """The examples at `indices [...]`, read on the host: `[..., H, W, C]` as stored.

    `from_rows((), rows(stored, i))` equals `gather(stored, i)` bit for bit.
    """
    count = len(stored.image)
    flat = indices.reshape(-1) % count
    image = np.asarray(stored.image[flat]).reshape(
        *indices.shape, *stored.image.shape[1:]
    )
    mirrored = indices >= count
    if mirrored.any():
        image[mirrored] = image[mirrored][..., ::-1, :]
    label = None if stored.label is None else stored.label[flat].reshape(indices.shape)
    return Stored(image, label)


def from_rows(shared: tuple[()], read: Stored) -> Batch:
    """A batch of rows that the host read."""
    label = None if read.label is None else jnp.asarray(read.label)
    return Batch(to_float(jnp.asarray(read.image)), label)


def to_float(image: Array) -> Array:
    """uint8 0..255 to float32 -1..1; floats are left alone."""
    return image / 127.5 - 1 if image.dtype == jnp.uint8 else image


def batch_indices(
    size: int, batch_size: int, d_steps: int, seed: int, step: int
) -> np.ndarray:
    """Indices `[d_steps, batch_size]` of a step: a pure function of (seed, step).

    Epoch e is `default_rng((seed, e)).permutation(size)`; its steps take
    d_steps * batch_size in turn, and its remainder is dropped. An endless set is taken
    in order, from a start that depends on the seed.
    """
    per_step = d_steps * batch_size
    if size == ENDLESS:
        chosen = (endless_start(seed) + step * per_step + np.arange(per_step)) % ENDLESS
        return chosen.reshape(d_steps, batch_size).astype(np.int32)
    epoch, turn = divmod(step, size // per_step)
    chosen = permutation(size, seed, epoch)[turn * per_step : (turn + 1) * per_step]
    return chosen.reshape(d_steps, batch_size)


@lru_cache(maxsize=64)
def endless_start(seed: int) -> int:
    return int(np.random.default_rng((seed, 0)).integers(ENDLESS))


@lru_cache(maxsize=64)
def permutation(size: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng((seed, epoch)).permutation(size).astype(np.int32)
