"""Loads plugins: Python files of a user's own that register losses, networks and more.

A plugin is one file. It is executed once, and the entries that it adds to the
registries can then be named in a Config, as the built-in entries can. A Config records
each plugin by file name and SHA-256, and a run's folder keeps a copy that is loaded
with the run. A later version of a file with the same name takes the place of the
earlier one.
"""

import dataclasses
import hashlib
import os
import re
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from gan_jax.assembly.registry import PLUGINS, Plugin
from gan_jax.config import Config
from gan_jax.config.serialization import flat
from gan_jax.logs.files import write_atomically
from gan_jax.plugins.local_imports import refuse_local_imports
from gan_jax.plugins.registries import find_added, restore, snapshot, unregister

FOLDER = "plugins"
"""The folder in a run's folder that keeps the copies of its plugins."""
PIN = re.compile(r"[^/\\]+\.py@[0-9a-f]{64}")
"""How a Config records a plugin: its file name and the SHA-256 of its text."""


def load_plugin(path: str | Path) -> str:
    """Execute a plugin file, and return what `Config.plugin` holds of it.

    A file that was loaded already, by name and content, is not executed again.

    Args:
        path: The plugin, a file whose name ends in `.py`.

    Returns:
        `NAME.py@SHA-256`.

    Raises:
        ValueError: The file cannot be read, it fails, it changes an entry of a
            registry, or it imports a file beside it. The registries are then as before.
    """
    place = Path(os.path.abspath(os.path.expanduser(path)))
    if place.suffix != ".py":
        raise ValueError(
            f"plugin {str(path)!r:.200}: must be a Python file, NAME.py; give its path"
        )
    try:
        text = place.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(
            f"plugin {str(path)!r:.200}: cannot be read ({reason}); check the path"
        ) from None
    pin = f"{place.name}@{hashlib.sha256(text).hexdigest()}"
    known = PLUGINS.get(place.name)
    if known is None or known.pin != pin:
        execute_plugin(place, text, pin)
    return pin


def load_plugins(files: Sequence[str]) -> tuple[str, ...]:
    """Load several plugins, and return what `Config.plugin` holds of them.

    A file that is recorded already (`NAME.py@SHA-256`) must have been loaded, which
    `build` checks. Raises ValueError as `load_plugin` does, and for two files of one
    name.
    """
    pins: dict[str, str] = {}
    for file in files:
        pin = file if PIN.fullmatch(file) else load_plugin(file)
        name = pin_file_name(pin)
        if pins.setdefault(name, pin) != pin:
            raise ValueError(
                f"plugin {file!r:.200}: another file named {name} is given; rename one"
            )
    return tuple(pins.values())


def with_plugins(config: Config) -> Config:
    """Return the Config with its plugins loaded, and recorded by their content.

    A loaded plugin that the Config does not list is added if the Config names one of
    its entries.
    """
    pins = load_plugins(config.plugin)
    named = config_texts(config)
    used = tuple(
        plugin.pin
        for file, plugin in PLUGINS.items()
        if file not in map(pin_file_name, pins)
        and any(entry in named for _, entry in plugin.names)
    )
    return dataclasses.replace(config, plugin=pins + used)


def config_texts(config: Config) -> set[str]:
    """Return every text in a Config that may be the name of an entry."""
    found: set[str] = set()
    for value in flat(config).values():
        texts = value if isinstance(value, tuple) else (value,)
        found |= {text.partition(":")[0] for text in texts if isinstance(text, str)}
    return found


def pin_file_name(pin: str) -> str:
    """Return `NAME.py` of `NAME.py@SHA-256`."""
    return pin.rpartition("@")[0]


def load_copies(folder: Path, pins: Sequence[str]) -> tuple[str, ...]:
    """Load the plugins that a Config in `folder` records, from the copies beside it.

    Files that are not recorded by their content are loaded from their own paths. Raises
    ValueError for a copy that is missing or was changed.
    """
    for pin in pins:
        loaded = any(plugin.pin == pin for plugin in PLUGINS.values())
        if PIN.fullmatch(pin) and not loaded:
            load_copy(folder / FOLDER / pin_file_name(pin), pin)
    return load_plugins(pins)


def load_copy(path: Path, pin: str) -> None:
    """Load a run's copy; raise ValueError if it is missing or was changed."""
    if not path.is_file():
        raise ValueError(
            f"plugin {pin_file_name(pin)}: the run's copy {path} is missing; put the "
            "file back, or give it with --plugin"
        )
    if hashlib.sha256(path.read_bytes()).hexdigest() != pin.rpartition("@")[2]:
        raise ValueError(
            f"plugin {path}: is not the file that the run was trained with (its "
            "SHA-256 is not the one in config.json); put that file back"
        )
    load_plugin(path)


def write_copies(folder: Path, pins: Sequence[str]) -> None:
    """Write the loaded plugins into a run's folder, and remove other copies there."""
    place = folder / FOLDER
    texts = {pin_file_name(pin): PLUGINS[pin_file_name(pin)].text for pin in pins}
    if texts:
        place.mkdir(exist_ok=True)
    for name, text in texts.items():
        write_atomically(place / name, lambda part, text=text: part.write_bytes(text))
    for path in place.glob("*.py"):
        if path.name not in texts:
            path.unlink()


def execute_plugin(path: Path, text: bytes, pin: str) -> None:
    """Execute the file in a module of its own, and record what it registers.

    Raises ValueError for a file that fails; the registries are then as before.
    """
    before = snapshot()
    unregister(path.name)
    rest = snapshot()
    module = ModuleType(f"gan_jax_plugin_{pin[-64:][:16]}_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    try:
        refuse_local_imports(path, text)
        exec(compile(text, str(path), "exec", dont_inherit=True), vars(module))
        names = find_added(path, rest)
    except BaseException as error:
        restore(before)
        del sys.modules[module.__name__]
        if isinstance(error, KeyboardInterrupt) or str(error).startswith("plugin "):
            raise
        raise ValueError(describe_fault(path, error)) from error
    PLUGINS[path.name] = Plugin(str(path), text, pin, names)


def describe_fault(path: Path, error: BaseException) -> str:
    """Return an error that a plugin raised, in one line with its place."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        line, what = error.lineno, error.msg
    else:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == str(path)]
        line, what = (lines or [None])[-1], " ".join(str(error).split())
    place = "" if line is None else f", line {line}"
    hint = (
        "; a plugin is one file, and what it imports must be installed"
        if isinstance(error, ImportError)
        else ""
    )
    return f"plugin {path}{place}: {type(error).__name__}: {what:.300}{hint}"


def describe_plugins() -> list[str]:
    """Return a line for each loaded plugin: its path and what it has registered."""
    return [
        f"{plugin.path}: " + (", ".join(map(" ".join, plugin.names)) or "no names")
        for plugin in PLUGINS.values()
    ]
