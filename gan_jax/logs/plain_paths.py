"""Paths for libraries that read more into a path than the name of a file."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

PLAIN_PATH = re.compile(r"(?!/(gs|s3|az|hf)/)[\w/ .,~%+=@-]*")
"""Paths that Orbax takes as they are: `[`, `*` and `?` are patterns to it, a backslash
is a slash, `gs:` and `/gs/` are a bucket, and bytes that are not UTF-8 are an error."""


@contextmanager
def plain_path(folder: Path) -> Iterator[Path]:
    """A path of the folder that Orbax takes as it is: its own, or that of a link.

    Raises OSError where a link is needed and cannot be made.
    """
    whole = folder.absolute()
    if is_plain(whole):
        yield whole
        return
    with ExitStack() as stack:
        try:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            if not is_plain(place):
                raise OSError(f"the path of {place} is not plain either")
            link = place / "link"
            link.symlink_to(whole, target_is_directory=True)
        except OSError as error:
            raise OSError(
                f"out {folder}: checkpoints need a link where a path has other "
                f"characters than letters, digits and . , ~ % + = @ - _, and it cannot "
                f"be made ({error.strerror or error}); choose another --out, or set "
                "TMPDIR to a folder with a plain path"
            ) from None
        yield link


def is_plain(path: Path) -> bool:
    return PLAIN_PATH.fullmatch(path.as_posix().removeprefix(path.drive)) is not None
