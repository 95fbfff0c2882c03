"""Reads the tensors of a PyTorch weight file without PyTorch and without running it.

`torch.save` writes a pickle, and a pickle is a program. Here it may name only what a
state_dict needs: OrderedDict, our own function in place of the rebuilder of tensors,
and the two storage types. Any other name is refused before it is looked up, so no code
of the file runs.

Both formats of `torch.save` are read: the zip archive (PyTorch 1.6 and later) and the
older stream of pickles followed by the raw storages.
"""

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001
STORAGES = {"FloatStorage": "<f4", "LongStorage": "<i8"}
"""The storage types that are read, and their NumPy types."""


class Storage(NamedTuple):
    """A block of numbers, by its key in the file."""

    key: str
    dtype: str
    length: int


class Tensor(NamedTuple):
    """A strided view of a storage; its offset and strides count elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class StateDictUnpickler(pickle.Unpickler):
    """An unpickler that only describes tensors; other names raise ValueError."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            # A new function each time: a pickle may set attributes of what it is given.
            return lambda storage, offset, shape, strides, *_: Tensor(
                Storage(*storage), offset, tuple(shape), tuple(strides)
            )
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        raise ValueError(f"it names {module}.{name}, which a state_dict does not need")

    def persistent_load(self, pid: Any) -> tuple[str, str, int]:
        kind, dtype, key, _device, length, *view = pid
        if kind != "storage" or dtype not in STORAGES.values() or any(view):
            raise ValueError(f"it refers to {kind!r}, not to a plain storage")
        return (str(key), dtype, int(length))


def read_state_dict(data: bytes, source: str) -> dict[str, np.ndarray]:
    """Return the tensors of a file of `torch.save(module.state_dict(), ...)`, by name.

    data: the whole file. source: its name, for the message. Returns read-only float32
    and int64 arrays. Raises ValueError for anything else: another format, another
    dtype, a pickle with other names, a damaged file.
    """
    try:
        read = read_zip if data.startswith(b"PK") else read_legacy
        described, storages = read(data)
        if not isinstance(described, Mapping):
            raise ValueError(f"it holds a {type(described).__name__}, not a state_dict")
        return {
            str(name): view_tensor(tensor, storages)
            for name, tensor in described.items()
        }
    except Exception as error:  # Foreign bytes break pickle and zipfile in many ways.
        why = f"{type(error).__name__}: {error}".replace("\n", " ")
        raise ValueError(
            f"weights {source}: not a state_dict of float32 and int64 tensors written "
            f"by torch.save ({why})"
        ) from error


def read_zip(data: bytes) -> tuple[Any, dict[str, bytes]]:
    """Return the description and the storages: `NAME/data.pkl` and `NAME/data/KEY`."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        (top,) = (n.removesuffix("data.pkl") for n in names if n.endswith("/data.pkl"))
        order = f"{top}byteorder"
        if order in names and archive.read(order) != b"little":
            raise ValueError("its numbers are not little-endian")
        program = io.BytesIO(archive.read(f"{top}data.pkl"))
        described = StateDictUnpickler(program).load()
        inside = f"{top}data/"
        return described, {
            name.removeprefix(inside): archive.read(name)
            for name in names
            if name.startswith(inside)
        }


def read_legacy(data: bytes) -> tuple[Any, dict[str, bytes]]:
    """Return the description and the storages of the older format.

    It is five pickles (magic number, protocol, system, description, storage keys), and
    then for each key an int64 count and as many elements.
    """
    file = io.BytesIO(data)
    magic, protocol, system = (StateDictUnpickler(file).load() for _ in range(3))
    if (magic, protocol) != (LEGACY_MAGIC, LEGACY_PROTOCOL):
        raise ValueError("it begins with another magic number or protocol")
    if not system["little_endian"]:
        raise ValueError("its numbers are not little-endian")
    described = StateDictUnpickler(file).load()
    sizes = {t.storage.key: item_bytes(t.storage) for t in described.values()}
    storages = {}
    for key in StateDictUnpickler(file).load():
        count = int.from_bytes(file.read(8), "little", signed=True)
        storages[key] = file.read(count * sizes[key])
    return described, storages


def view_tensor(tensor: Tensor, storages: dict[str, bytes]) -> np.ndarray:
    """Return a tensor as a view of its storage.

    Raises ValueError for a storage of the wrong size; NumPy itself refuses a view that
    leaves its buffer.
    """
    key, dtype, length = tensor.storage
    size = item_bytes(tensor.storage)
    raw = storages[key]
    if len(raw) != length * size:
        raise ValueError(f"storage {key} has {len(raw)} bytes, not {length * size}")
    strides = [stride * size for stride in tensor.strides]
    return np.ndarray(tensor.shape, dtype, raw, tensor.offset * size, strides)


def item_bytes(storage: Storage) -> int:
    """Return the bytes of one element."""
    return np.dtype(storage.dtype).itemsize
