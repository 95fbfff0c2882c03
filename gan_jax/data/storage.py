"""The cache folder: where it is, what lies in it, and how it keeps to its size limit.

Everything in it can be made again, but for downloaded weights, which are never removed
unasked. Only what this project writes counts as an entry: other files are left alone.
"""

import os
import re
import shutil
import tempfile
import time
import weakref
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from gan_jax.terminal.command_name import name_command

try:
    import fcntl
except ImportError:  # Windows, where an open file cannot be removed in any case
    fcntl = None

DEFAULT_GIGABYTES = 50.0
ABANDONED_SECONDS = 24 * 3600
"""A temporary folder untouched for so long was left by a process that died."""
COMPILED = "compiled"
"""The folder of compiled programs, which JAX fills."""
FOLDERS = {"key.json": "data set", "facts.json": "classifier"}
"""The file by which a folder is known for an entry, and what it then is."""
FILES = {
    r"features-[0-9a-f]{8}\.npz": "features",
    r"pt_inception-.*\.pth": "weights",
    r"\.features-[0-9a-f]{8}\.npz\.\d+\.part\.npz": "temporary",
}
PARTS = {"images.npy", "labels.npy", "key.json", "weights.npz", "facts.json"}
"""What a temporary folder may hold."""


class Entry(NamedTuple):
    """One thing in the cache. used: when it was last used, in seconds since 1970."""

    path: Path
    kind: str
    size: int
    used: float


def cache_folder() -> Path:
    """GAN_JAX_CACHE, or gan_jax in the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    place = os.environ.get("GAN_JAX_CACHE") or Path(home) / "gan_jax"
    return Path(place).expanduser()


def limit_bytes() -> float:
    """GAN_JAX_CACHE_GB (default 50) in bytes; ValueError if it is no such number."""
    text = os.environ.get("GAN_JAX_CACHE_GB") or str(DEFAULT_GIGABYTES)
    try:
        gigabytes = float(text)
    except ValueError:
        gigabytes = -1.0
    if not gigabytes >= 0:
        raise ValueError(
            f"GAN_JAX_CACHE_GB {text!r}: must be a number of gigabytes, at least 0"
        )
    return gigabytes * 1e9


def cannot_write(error: OSError) -> OSError:
    return OSError(
        f"cache {cache_folder()}: cannot be written ({error.strerror}); free space "
        f"({name_command('cache')} shows and clears it), or set GAN_JAX_CACHE to "
        "another folder"
    )


def mark_used(path: Path) -> None:
    """Record that an entry is used now."""
    with suppress(OSError):  # a cache that may only be read
        os.utime(path)


def hold(path: Path, reader: Any) -> None:
    """Lock the entry of this file against removal for as long as `reader` lives."""
    if fcntl is None:
        return
    descriptor = os.open(path, os.O_RDONLY)
    weakref.finalize(reader, os.close, descriptor)
    with suppress(OSError):  # a file system without locks
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)


def entries() -> list[Entry]:
    """Everything in the cache that this project wrote, the longest unused first."""
    found = []
    with suppress(OSError):
        for path in cache_folder().iterdir():
            found += entries_at(path)
    return sorted(found, key=lambda entry: (entry.used, entry.path))


def entries_at(path: Path) -> Iterator[Entry]:
    """The entry at a path of the cache folder, if there is one; each program's file."""
    with suppress(OSError):  # removed meanwhile
        if path.is_symlink():
            return
        if path.name == COMPILED and path.is_dir():
            for file in path.glob("*-cache"):
                about = file.stat()
                used = max(about.st_atime, about.st_mtime)
                yield Entry(file, COMPILED, about.st_size, used)
        elif (kind := kind_of(path)) is not None:
            files = [path, *path.iterdir()] if path.is_dir() else [path]
            size = sum(file.stat().st_size for file in files if file.is_file())
            newest = max(file.stat().st_mtime for file in files)
            yield Entry(path, kind, size, newest)


def kind_of(path: Path) -> str | None:
    """What an entry is; None for a file or folder of someone else."""
    if not path.is_dir():
        kinds = (kind for name, kind in FILES.items() if re.fullmatch(name, path.name))
        return next(kinds, None)
    if path.name.startswith(".part-"):
        names = {file.name for file in path.iterdir()}
        return (
            "temporary"
            if all(n in PARTS or n.endswith(".pth") for n in names)
            else None
        )
    if not re.fullmatch(r"(?s).+-[0-9a-f]{8}", path.name):
        return None
    return next(
        (kind for name, kind in FOLDERS.items() if (path / name).exists()), None
    )


def files_of(entry: Entry) -> list[os.stat_result]:
    """What is known of the entry's files; none if it was removed meanwhile."""
    with suppress(OSError):
        inner = entry.path.iterdir() if entry.path.is_dir() else [entry.path]
        return [file.stat() for file in inner]
    return []


def total_bytes(found: list[Entry]) -> int:
    """Their bytes on disk; a file under several names counts once."""
    files = (about for entry in found for about in files_of(entry))
    return sum({(x.st_dev, x.st_ino): x.st_size for x in files}.values())


def keep_to_limit(new: Path | None = None) -> None:
    """Remove the longest unused entries until the cache keeps to its limit.

    new: what was just written, if anything, which stays. Downloaded weights and data
    sets that a running process reads stay too. What a process that died left behind is
    removed.
    """
    found = entries()
    temporary = [entry for entry in found if entry.kind == "temporary"]
    for entry in temporary:
        if time.time() - entry.used > ABANDONED_SECONDS:
            remove(entry)
    limit, size = limit_bytes(), total_bytes(found)
    for entry in found:
        if size <= limit:
            return
        if entry.path == new or entry.kind in ("weights", "temporary"):
            continue
        freed = sum(x.st_size for x in files_of(entry) if x.st_nlink == 1)
        if not remove(entry):
            continue
        size -= freed
        if entry.kind != COMPILED:
            print(
                f"cache: removed {entry.path.name} ({in_words(entry.size)}), unused "
                f"the longest, to keep to GAN_JAX_CACHE_GB {limit / 1e9:g}"
            )


def in_words(size: int) -> str:
    """A number of bytes as people read it."""
    return f"{size / 1e9:.2f} GB" if size >= 1e8 else f"{size / 1e6:.2f} MB"


def remove(entry: Entry) -> bool:
    """Remove an entry; False if a running process uses it.

    A folder is renamed first, so that nobody meets half of it. Where locks do not work,
    a process that maps its file goes on reading it on Linux and macOS, and Windows
    refuses to rename it.
    """
    key, descriptor = entry.path / "key.json", None
    try:
        if entry.path.is_file():
            entry.path.unlink()
            return True
        if fcntl is not None and key.exists():
            descriptor = os.open(key, os.O_RDONLY)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        part = Path(tempfile.mkdtemp(prefix=".part-", dir=entry.path.parent))
        os.replace(entry.path, part)
        shutil.rmtree(part, ignore_errors=True)
    except FileNotFoundError:  # another process was first
        return True
    except OSError:
        return False
    finally:
        if descriptor is not None:
            os.close(descriptor)
    return True
