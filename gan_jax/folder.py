"""The folder of a run: what lies in it, and who may write to it."""

import shutil
from pathlib import Path

from gan_jax.config import Config, to_json

FILES = (
    "config.json",
    "metrics.jsonl",
    "members.jsonl",
    "samples.png",
    "curves.png",
    "summary.json",
)
"""What a run writes beside its checkpoint; members.jsonl for several GANs only."""
CHECKPOINT = "checkpoint"


def refuse_used(folder: Path, overwrite: bool) -> None:
    """FileExistsError for a folder that this run must not write to."""
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"out {folder}: is a file; choose another --out")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    if not overwrite:
        raise FileExistsError(
            f"out {folder}: exists and is not empty; choose another --out, or "
            "--overwrite to replace the run in it"
        )
    if not (folder / "config.json").exists():
        raise FileExistsError(
            f"out {folder}: holds no run (no config.json), so --overwrite leaves "
            "it alone; choose another --out"
        )


def claim(folder: Path, config: Config) -> None:
    """Make the folder, without an earlier run's files, and write config.json."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            (folder / name).unlink(missing_ok=True)
        shutil.rmtree(folder / CHECKPOINT, ignore_errors=True)
        (folder / "config.json").write_text(to_json(config))
    except OSError as error:
        raise OSError(
            f"out {folder}: cannot be written ({error.strerror}); choose another --out"
        ) from None
