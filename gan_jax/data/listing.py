"""Finds which files of a folder are pictures, and which of its folders are classes."""

import os
from pathlib import Path
from typing import NamedTuple

from gan_jax.data.images import SUFFIXES

SPLITS = frozenset(
    ("train", "training", "test", "testing", "val", "valid", "validation", "dev")
)
"""The names, in lower case, of folders that are parts of a data set, not classes."""
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
"""The reasons to ignore a file or folder whatever lies beside it."""
EXAMPLES = 3
"""How many names a message gives."""
LONGEST = 60
"""The most characters of such a name."""


class Listing(NamedTuple):
    """The contents of a folder and its subfolders.

    files: the pictures, sorted by path.
    folders: all folders that were searched.
    ignored: the other files and folders, by the reason why they are not read.
    """

    files: list[Path]
    folders: list[Path]
    ignored: dict[str, list[Path]]


class Classes(NamedTuple):
    """Pictures and their classes.

    beside: pictures that are left out because they have no class.
    base: the folder whose folders are the classes.
    names: the names of the classes, sorted; empty if there are none.
    labels: the index in `names` of each file.
    why: why there are no classes; "" if there are some.
    """

    files: list[Path]
    beside: list[Path]
    base: Path
    names: tuple[str, ...]
    labels: list[int]
    why: str


def list_pictures(root: Path) -> Listing:
    """Find the pictures of a folder and its subfolders by their suffixes.

    Links are followed after all real folders, and each folder is read once, so that
    links in a circle come to an end.
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
                places[classify_entry(entry)].append(Path(entry.path))
        seen.add(place)
    return Listing(sorted(files), folders, ignored)


def classify_entry(entry: os.DirEntry[str]) -> str:
    """Return "file" (a picture), "folder", "link" (to one), or why it is ignored."""
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
    """Return whether a folder with files of these names is the folder of a run."""
    return "config.json" in names and not names.isdisjoint(
        ("metrics.jsonl", "checkpoints")
    )


def find_classes(root: Path, files: list[Path], labelled: bool) -> Classes:
    """Find the classes: the folders in `root` that hold pictures, at any depth.

    If all pictures lie in folders of a single folder, these folders are the classes.
    There are no classes if there are fewer than two such folders, if they have the
    names of splits, or if pictures lie beside them; `labelled` leaves such pictures
    out.
    """
    beside = [file for file in files if file.parent == root]
    if not labelled or len(beside) == len(files):
        beside = []
    left_out = set(beside)
    files = [file for file in files if file not in left_out]
    parts = [file.relative_to(root).parts for file in files]
    depth = class_depth(parts)
    base = root.joinpath(*parts[0][:depth])
    names = tuple(sorted({part[depth] for part in parts if len(part) > depth + 1}))
    outside = [file for file in files if file.parent == base]
    if why := why_no_classes(base, names, outside):
        return Classes(files, beside, base, (), [], why)
    number = {name: index for index, name in enumerate(names)}
    labels = [number[part[depth]] for part in parts]
    return Classes(files, beside, base, names, labels, "")


def why_no_classes(base: Path, names: tuple[str, ...], outside: list[Path]) -> str:
    """Return why these folders in `base` are no classes; "" if they are."""
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


def class_depth(parts: list[tuple[str, ...]]) -> int:
    """Return how many folders, each alone in the one before, hold the classes."""
    depth = 0
    while len({part[depth] for part in parts}) == 1 and all(
        len(part) > depth + 2 for part in parts
    ):
        depth += 1
    return depth


def find_empty_folders(folders: list[Path], files: list[Path]) -> list[Path]:
    """Return the folders without any picture in them; of nested ones the outermost."""
    parents = {file.parent for file in files}
    holding = {folder for parent in parents for folder in (parent, *parent.parents)}
    return [
        folder
        for folder in folders
        if folder not in holding and folder.parent in holding
    ]


def describe_ignored(ignored: dict[str, list[str]]) -> list[str]:
    """Return a line for each reason to ignore files and for each broken picture."""
    whole = {reason: names for reason, names in ignored.items() if reason != BROKEN}
    lines = [
        f"ignored {reason}: {summarize_names(names)}" for reason, names in whole.items()
    ]
    broken = ignored.get(BROKEN, [])
    return lines + [f"left out {escape_text(name, 300)}" for name in broken]


def summarize_names(names: list[str]) -> str:
    """Return the number of names and the first: "5 (a.png, b.png, c.png, ...)"."""
    first = [escape_text(name) for name in names[:EXAMPLES]]
    more = ["..."] if len(names) > EXAMPLES else []
    return f"{len(names):,} ({', '.join(first + more)})"


def escape_text(text: str, most: int = LONGEST) -> str:
    """Return a text for one line: unprintable letters escaped, a long one shortened."""
    text = "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )
    return text if len(text) <= most else f"...{text[-most:]}"
