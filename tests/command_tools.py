"""What tests of commands share: the table of commands, their doors, and refusals."""

import importlib
import re
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from gan_jax.commands import COMMANDS, main
from gan_jax.terminal.command_name import IN_BENCHMARKS

MODULES = {
    name: importlib.import_module(f"gan_jax.commands.{name}") for name in COMMANDS
}
"""The modules of the commands, by name."""
WITH_FLAGS = {name: m for name, m in MODULES.items() if hasattr(m, "Flags")}
"""The commands whose flags are the fields of a dataclass."""
DOORS = {
    "console": "gan-jax {name}",
    "package": "python -m gan_jax {name}",
    "launcher": "python -m {folder}.{name}",
}
"""The ways to start a command, and what a user types."""
FLAG = re.compile(r"(?<![\w-])--[a-z](?:[a-z0-9.-]*[a-z0-9])?")


def typed_command(door: str, name: str) -> str:
    """Return what a user types to start a command through a door."""
    folder = "benchmarks" if name in IN_BENCHMARKS else "experiments"
    return DOORS[door].format(name=name, folder=folder)


def enter(door: str, words: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """Start a command in this process as through a door, and return its exit code."""
    with monkeypatch.context() as patch, pytest.raises(SystemExit) as stop:
        match door:
            case "console":
                patch.setattr(sys, "argv", ["/usr/bin/gan-jax", *words])
                main()
            case "package":
                patch.setattr(sys, "argv", ["gan_jax", *words])
                runpy.run_module("gan_jax", run_name="__main__", alter_sys=True)
            case "launcher":
                patch.setattr(sys, "argv", list(words))
                module = typed_command(door, words[0]).split()[-1]
                runpy.run_module(module, run_name="__main__", alter_sys=True)
    return stop.value.code or 0  # pyright: ignore


def refused(
    command: ModuleType, arguments: Sequence[object], capsys: pytest.CaptureFixture
) -> str:
    """Return the one line of a command that refuses its input."""
    assert command.main([str(word) for word in arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    return error


def with_negatives(flags: frozenset[str]) -> frozenset[str]:
    """Return the flags, and those that switch one off."""
    return flags | {re.sub(r"(--|\.)(?=[^.]*$)", r"\1no-", flag) for flag in flags}


def paint(folder: Path, count: int = 6) -> Path:
    """Write pictures of 8 x 8 pixels to a folder, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        pixels = np.random.default_rng(i).integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return folder
