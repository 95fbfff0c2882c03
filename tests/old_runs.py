"""Runs as earlier versions left them, and checkpoints changed without a trace."""

import json

from gan_jax.run_files.checkpoint import (
    CHECKPOINT_FOLDER,
    checksum,
    list_checkpoints,
    list_files,
)
from gan_jax.run_files.stored_rows import ROW_FILES


def without_copies(run):
    """Take the copies of the rows out of a run's checkpoints."""
    for path in list_checkpoints(run / CHECKPOINT_FOLDER):
        for name in ROW_FILES:
            (path / name).unlink(missing_ok=True)
        note = json.loads((path / "note.json").read_text())
        del note["rows"]
        (path / "note.json").write_text(json.dumps(note))
        sum_again(path)


def sum_again(path):
    """Write a checkpoint's manifest for its files as they are now."""
    sums = {name: checksum(path / name) for name in list_files(path)}
    (path / "manifest.json").write_text(json.dumps(sums))


def without_checksums(path):
    """Take the checksums out of a file of rows."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        del row["crc32"]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
