"""The interface of all data sets: size, shape, labels and `get(indices) -> Batch`."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.types import Array, Batch

ENDLESS = 2**31 - 1
"""The size of a data set that draws an example afresh for every index."""


class Spec(NamedTuple):
    """The facts of a data set that are known without reading its pixels.

    shape: the shape of one example, `(H, W, C)` or `(D,)`.
    label_count: the number of labels; None for a set without labels.
    size: how many examples there are, before mirror images are added.
    class_names: the name of each label; None for labels without names.
    """

    shape: tuple[int, ...]
    label_count: int | None
    size: int
    class_names: tuple[str, ...] | None = None


class Stored(NamedTuple):
    """All stored examples: uint8 images or float32 values, and labels or None."""

    image: np.ndarray | Array
    label: np.ndarray | Array | None


def gather(stored: Stored, indices: Array) -> Batch:
    """Return the examples at `indices [...]`; index n + i is image i of n, mirrored."""
    count = len(stored.image)
    image = to_float(jnp.asarray(stored.image)[indices % count])
    if stored.image.ndim == 4:
        mirrored = (indices >= count)[..., None, None, None]
        image = jnp.where(mirrored, image[..., ::-1, :], image)
    label = None if stored.label is None else jnp.asarray(stored.label)[indices % count]
    return Batch(image, label)


def hash_arrays(tree: Any) -> str:
    """Return the SHA-256 of the types, shapes and bytes of all arrays of a tree."""
    digest = hashlib.sha256()
    for leaf in map(np.asarray, jax.tree.leaves(tree)):
        digest.update(f"{leaf.dtype}{leaf.shape}".encode())
        digest.update(np.ascontiguousarray(leaf).data)
    return digest.hexdigest()


def hash_texts(*texts: str) -> str:
    """Return the SHA-256 of several texts, such as the hashes of parts."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def stored_labels(stored: Any) -> np.ndarray | Array | None:
    """Return the labels of all stored examples `[N]`, or None."""
    return stored.label if isinstance(stored, Stored) else None


@dataclass(frozen=True)
class Dataset:
    """A data set: its facts, how it is read, and how batches are made of it.

    read: Returns the stored data: arrays in memory or memory-mapped ones. It is called
        once, when the data are first needed.
    gather: `(stored, indices [...]) -> Batch`, a pure function that runs inside jit.
    labels: `stored -> [K]`, the labels of parts of equal probability (examples, or the
        components of a mixture); None if there are no labels.
    flip: Whether indices n to 2n - 1 are the mirror images of 0 to n - 1.
    streams: Whether batches may be gathered on the host, if the data do not fit the
        device.
    hash_content: `stored -> text`, a hash of all examples and labels.
    note: What a user has to know about how the classes are chosen.
    ignored: The names of files and folders that are not read, by the reason.
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
        """The stored data on the host."""
        return self.read()

    @cached_property
    def on_device(self) -> Any:
        """The stored data on the default device."""
        return jax.tree.map(jnp.asarray, self.on_host)

    @cached_property
    def fingerprint(self) -> str:
        """The SHA-256 of all examples and labels; it reads the data."""
        return self.hash_content(self.on_host)

    @property
    def nbytes(self) -> int:
        """The number of bytes of the stored data."""
        return sum(leaf.nbytes for leaf in jax.tree.leaves(self.on_host))

    def get(self, indices: Array | np.ndarray) -> Batch:
        """Return examples `[..., *shape]` in float32; images lie in [-1, 1].

        Raises ValueError for an index outside the data set.
        """
        indices = np.asarray(indices)
        if indices.size and not 0 <= indices.min() <= indices.max() < len(self):
            raise ValueError(f"indices must be in [0, {len(self)}), got {indices}")
        if self.streams:
            return rows_to_batch((), read_rows(self.on_host, indices))
        return self.gather(self.on_device, jnp.asarray(indices))


def read_rows(stored: Stored, indices: np.ndarray) -> Stored:
    """Read the examples at `indices [...]` on the host: `[..., H, W, C]` as stored.

    `rows_to_batch((), read_rows(stored, i))` equals `gather(stored, i)` bit for bit.
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


def rows_to_batch(shared: tuple[()], read: Stored) -> Batch:
    """Return the batch of examples that `read_rows` read on the host."""
    label = None if read.label is None else jnp.asarray(read.label)
    return Batch(to_float(jnp.asarray(read.image)), label)


def to_float(image: Array) -> Array:
    """Map uint8 0..255 to float32 in [-1, 1], and leave floats as they are."""
    return image / 127.5 - 1 if image.dtype == jnp.uint8 else image
