"""Paths for libraries to which some characters of a path mean something else."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

PLAIN_PATH = re.compile(r"(?!/(gs|s3|az|hf)/)[\w/ .,~%+=@-]*")
"""The paths that Orbax takes as they are. To it `[`, `*` and `?` are patterns, a
backslash is a slash, `gs:` and `/gs/` are buckets, and bytes that are not UTF-8 are
errors."""


@contextmanager
def plain_path(folder: Path) -> Iterator[Path]:
    """Yield a path of the folder that Orbax takes as it is: its own, or a link's.

    Raises OSError where a link is needed and cannot be made.
    """
    absolute = folder.absolute()
    if is_plain(absolute):
        yield absolute
        return
    with ExitStack() as stack:
        try:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            if not is_plain(place):
                raise OSError(f"the path of {place} is not plain either")
            link = place / "link"
            link.symlink_to(absolute, target_is_directory=True)
        except OSError as error:
            raise OSError(
                f"out {folder}: checkpoints need a link where a path has other "
                f"characters than letters, digits and . , ~ % + = @ - _, and it cannot "
                f"be made ({error.strerror or error}); choose another --out, or set "
                "TMPDIR to a folder with a plain path"
            ) from None
        yield link


def is_plain(path: Path) -> bool:
    """Whether Orbax takes a path as it is."""
    return PLAIN_PATH.fullmatch(path.as_posix().removeprefix(path.drive)) is not None
