"""The cache folder: where it is, what lies in it, and how its size is limited.

Everything in it can be made again, except downloaded weights, which are removed only on
request. Only what this project writes counts as an entry; other files are left alone.
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
"""The age at which a temporary folder is taken for that of a process that died."""
COMPILED = "compiled"
"""The folder of compiled programs, which JAX fills."""
FOLDERS = {"key.json": "data set", "facts.json": "classifier"}
"""The kinds of entries that are folders, by the file that identifies them."""
FILES = {
    r"features-[0-9a-f]{8}\.npz": "features",
    r"pt_inception-.*\.pth": "weights",
    r"\.features-[0-9a-f]{8}\.npz\.\d+\.part\.npz": "temporary",
}
"""The kinds of entries that are files, by the pattern of their names."""
PART_FILES = {"images.npy", "labels.npy", "key.json", "weights.npz", "facts.json"}
"""The files that a temporary folder may hold."""


class CacheEntry(NamedTuple):
    """One thing in the cache, and when it was last used, in seconds since 1970."""

    path: Path
    kind: str
    size: int
    used: float


def cache_folder() -> Path:
    """Return GAN_JAX_CACHE, or gan_jax in the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    place = os.environ.get("GAN_JAX_CACHE") or Path(home) / "gan_jax"
    return Path(place).expanduser()


def limit_bytes() -> float:
    """Return GAN_JAX_CACHE_GB (default 50) in bytes.

    Raises ValueError if it is not a number, or negative.
    """
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


def cache_write_error(error: OSError) -> OSError:
    """Return an error that says why the cache cannot be written, and what to do."""
    return OSError(
        f"cache {cache_folder()}: cannot be written ({error.strerror}); free space "
        f"({name_command('cache')} shows and clears it), or set GAN_JAX_CACHE to "
        "another folder"
    )


def mark_used(path: Path) -> None:
    """Record that an entry is used now."""
    with suppress(OSError):  # a cache that may only be read
        os.utime(path)


def lock_for_reader(path: Path, reader: Any) -> None:
    """Lock the entry of this file against removal for as long as `reader` lives."""
    if fcntl is None:
        return
    descriptor = os.open(path, os.O_RDONLY)
    weakref.finalize(reader, os.close, descriptor)
    with suppress(OSError):  # a file system without locks
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)


def list_entries() -> list[CacheEntry]:
    """Return what this project wrote into the cache, the longest unused first."""
    found = []
    with suppress(OSError):
        for path in cache_folder().iterdir():
            found += find_entries_at(path)
    return sorted(found, key=lambda entry: (entry.used, entry.path))


def find_entries_at(path: Path) -> Iterator[CacheEntry]:
    """Yield the entry at a path of the cache, or one for each compiled program."""
    with suppress(OSError):  # removed meanwhile
        if path.is_symlink():
            return
        if path.name == COMPILED and path.is_dir():
            for file in path.glob("*-cache"):
                about = file.stat()
                used = max(about.st_atime, about.st_mtime)
                yield CacheEntry(file, COMPILED, about.st_size, used)
        elif (kind := entry_kind(path)) is not None:
            files = [path, *path.iterdir()] if path.is_dir() else [path]
            size = sum(file.stat().st_size for file in files if file.is_file())
            newest = max(file.stat().st_mtime for file in files)
            yield CacheEntry(path, kind, size, newest)


def entry_kind(path: Path) -> str | None:
    """Return the kind of an entry; None for a file or folder of someone else."""
    if not path.is_dir():
        kinds = (kind for name, kind in FILES.items() if re.fullmatch(name, path.name))
        return next(kinds, None)
    if path.name.startswith(".part-"):
        names = {file.name for file in path.iterdir()}
        return (
            "temporary"
            if all(n in PART_FILES or n.endswith(".pth") for n in names)
            else None
        )
    if not re.fullmatch(r"(?s).+-[0-9a-f]{8}", path.name):
        return None
    return next(
        (kind for name, kind in FOLDERS.items() if (path / name).exists()), None
    )


def entry_files(entry: CacheEntry) -> list[os.stat_result]:
    """Return the status of the entry's files; none if it was removed meanwhile."""
    with suppress(OSError):
        inner = entry.path.iterdir() if entry.path.is_dir() else [entry.path]
        return [file.stat() for file in inner]
    return []


def total_bytes(found: list[CacheEntry]) -> int:
    """Return the entries' bytes on disk; a file under several names counts once."""
    files = (about for entry in found for about in entry_files(entry))
    return sum({(x.st_dev, x.st_ino): x.st_size for x in files}.values())


def enforce_limit(new: Path | None = None) -> None:
    """Remove the longest unused entries until the cache is within its limit.

    new: the entry that was just written, if any; it stays. Downloaded weights stay too,
    and so do data sets that a running process reads. Temporary folders that were left
    by a process that died are removed.
    """
    found = list_entries()
    temporary = [entry for entry in found if entry.kind == "temporary"]
    for entry in temporary:
        if time.time() - entry.used > ABANDONED_SECONDS:
            remove_entry(entry)
    limit, size = limit_bytes(), total_bytes(found)
    for entry in found:
        if size <= limit:
            return
        if entry.path == new or entry.kind in ("weights", "temporary"):
            continue
        freed = sum(x.st_size for x in entry_files(entry) if x.st_nlink == 1)
        if not remove_entry(entry):
            continue
        size -= freed
        if entry.kind != COMPILED:
            print(
                f"cache: removed {entry.path.name} ({format_bytes(entry.size)}), "
                f"unused the longest, to keep to GAN_JAX_CACHE_GB {limit / 1e9:g}"
            )


def format_bytes(size: int) -> str:
    """Return a number of bytes in MB or GB."""
    return f"{size / 1e9:.2f} GB" if size >= 1e8 else f"{size / 1e6:.2f} MB"


def remove_entry(entry: CacheEntry) -> bool:
    """Remove an entry; return False if a running process uses it.

    A folder is renamed first, so that no process sees half of it. If locks do not work,
    a process that maps a file of the entry can go on reading it on Linux and macOS, and
    Windows refuses to rename the folder.
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
