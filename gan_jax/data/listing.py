"""Which files of a folder are its pictures, and which of its folders are classes."""

import os
from pathlib import Path
from typing import NamedTuple

from gan_jax.data.images import SUFFIXES

SPLITS = frozenset(
    ("train", "training", "test", "testing", "val", "valid", "validation", "dev")
)
"""Names of folders, in lower case, that are parts of a data set and not classes."""
HIDDEN = "hidden files or folders"
MACOS = "folders of the macOS archiver"
RUN = "folders of gan_jax runs"
REPEATED = "links to folders that are read already"
CLOSED = "folders that cannot be opened"
DANGLING = "links that lead nowhere"
SPECIAL = "pipes, sockets and devices"
OTHER = "files of other formats"
EMPTY = "folders without pictures"
BESIDE = "pictures beside the classes' folders"
BROKEN = "broken pictures"
REASONS = (HIDDEN, MACOS, RUN, REPEATED, CLOSED, DANGLING, SPECIAL, OTHER)
"""Why a file or folder is ignored whatever lies beside it."""
EXAMPLES = 3
"""Names in a message."""
LONGEST = 60
"""Characters of such a name."""


class Listing(NamedTuple):
    """What lies in a folder and its subfolders.

    files: the pictures, sorted by path. folders: all that were looked into. ignored:
    the other files and folders by the reason why they are not read.
    """

    files: list[Path]
    folders: list[Path]
    ignored: dict[str, list[Path]]


class Classes(NamedTuple):
    """Pictures and their classes.

    beside: pictures left out because they have no class. base: the folder whose folders
    are the classes. names: the classes, sorted; none of them: `why` says the reason.
    labels: the index in `names` of each file.
    """

    files: list[Path]
    beside: list[Path]
    base: Path
    names: tuple[str, ...]
    labels: list[int]
    why: str


def list_pictures(root: Path) -> Listing:
    """The pictures of a folder and its subfolders, found by their suffixes.

    Links are followed. Each folder is read once, and rather where it lies than where a
    link leads to it, so that links in a circle come to an end.
    """
    files, folders, waiting, links = [], [], [root], []
    ignored: dict[str, list[Path]] = {reason: [] for reason in REASONS}
    places = ignored | {"file": files, "folder": waiting, "link": links}
    seen: set[str] = set()
    while waiting or links:
        folder = waiting.pop() if waiting else links.pop(0)
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            ignored[CLOSED].append(folder)
            continue
        if (place := os.path.realpath(folder)) in seen:
            ignored[REPEATED].append(folder)
        elif folder != root and is_run({entry.name for entry in entries}):
            ignored[RUN].append(folder)
        else:
            folders.append(folder)
            for entry in entries:
                places[kind_of(entry)].append(Path(entry.path))
        seen.add(place)
    return Listing(sorted(files), folders, ignored)


def kind_of(entry: os.DirEntry[str]) -> str:
    """ "file" (a picture), "folder", "link" (to a folder), or why it is ignored."""
    if entry.name.startswith("."):
        return HIDDEN
    if entry.name == "__MACOSX":
        return MACOS
    link = entry.is_symlink()
    if os.path.isdir(entry.path) if link else entry.is_dir():
        return "link" if link else "folder"
    if os.path.isfile(entry.path) if link else entry.is_file():
        return "file" if Path(entry.name).suffix.lower() in SUFFIXES else OTHER
    return DANGLING if link else SPECIAL


def is_run(names: set[str]) -> bool:
    """Whether a folder that holds these names is a run's."""
    return "config.json" in names and not names.isdisjoint(
        ("metrics.jsonl", "checkpoints")
    )


def find_classes(root: Path, files: list[Path], labelled: bool) -> Classes:
    """The classes: the folders in `root` that hold pictures, at any depth.

    Where all pictures lie in folders of a single folder, these are the classes. There
    are none if there are fewer than two, if their names are those of splits, or if
    pictures lie beside them; `labelled` leaves such pictures out.
    """
    beside = [file for file in files if file.parent == root]
    if not labelled or len(beside) == len(files):
        beside = []
    left_out = set(beside)
    files = [file for file in files if file not in left_out]
    parts = [file.relative_to(root).parts for file in files]
    depth = depth_of_classes(parts)
    base = root.joinpath(*parts[0][:depth])
    names = tuple(sorted({part[depth] for part in parts if len(part) > depth + 1}))
    outside = [file for file in files if file.parent == base]
    if why := reason_against(base, names, outside):
        return Classes(files, beside, base, (), [], why)
    number = {name: index for index, name in enumerate(names)}
    labels = [number[part[depth]] for part in parts]
    return Classes(files, beside, base, names, labels, "")


def reason_against(base: Path, names: tuple[str, ...], outside: list[Path]) -> str:
    """Why the folders of these names in `base` are no classes; "" if they are."""
    if len(names) < 2:
        return "the pictures do not lie in two or more folders"
    if all(name.lower() in SPLITS for name in names):
        one = max(names, key=lambda name: "train" in name.lower())
        path = escape_text(str(base / one), 200)
        return f"{' and '.join(names)} are splits; folder:{path} is one of them"
    if outside:
        shown = summarize_names([file.name for file in outside])
        return (
            f"pictures lie beside the folders: {shown}; with dataset.labels they are "
            "left out"
        )
    return ""


def depth_of_classes(parts: list[tuple[str, ...]]) -> int:
    """How many folders, each alone in the one before, hold the classes' folders."""
    depth = 0
    while len({part[depth] for part in parts}) == 1 and all(
        len(part) > depth + 2 for part in parts
    ):
        depth += 1
    return depth


def without_pictures(folders: list[Path], files: list[Path]) -> list[Path]:
    """The folders that hold no picture at any depth, of nested ones the outermost."""
    parents = {file.parent for file in files}
    holding = {folder for parent in parents for folder in (parent, *parent.parents)}
    return [
        folder
        for folder in folders
        if folder not in holding and folder.parent in holding
    ]


def describe_ignored(ignored: dict[str, list[str]]) -> list[str]:
    """What is ignored, a line for each reason, and one for each broken picture."""
    whole = {reason: names for reason, names in ignored.items() if reason != BROKEN}
    lines = [
        f"ignored {reason}: {summarize_names(names)}" for reason, names in whole.items()
    ]
    broken = ignored.get(BROKEN, [])
    return lines + [f"left out {escape_text(name, 300)}" for name in broken]


def summarize_names(names: list[str]) -> str:
    """How many there are, and the first few: "5 (a.png, b.png, c.png, ...)"."""
    first = [escape_text(name) for name in names[:EXAMPLES]]
    more = ["..."] if len(names) > EXAMPLES else []
    return f"{len(names):,} ({', '.join(first + more)})"


def escape_text(text: str, most: int = LONGEST) -> str:
    """A text for a message of one line: odd letters escaped, the end of a long one."""
    text = "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )
    return text if len(text) <= most else f"...{text[-most:]}"
