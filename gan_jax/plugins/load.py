"""Plugins: Python files of a user's own that register losses, networks and the like.

A plugin is one file. It is executed once, and what it adds to the registries can then
be named in a Config, as the built-in entries can. A Config records each plugin by file
name and SHA-256, and a run's folder keeps a copy that is loaded with the run. A later
version of a file with the same name takes the place of the earlier one.
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
from typing import Any

from gan_jax.assembly.registry import PLUGINS, Plugin
from gan_jax.augment import AUGMENTS
from gan_jax.config import Config
from gan_jax.config.serialization import flat
from gan_jax.data import DATASETS, PREFIXES, READS, TOYS
from gan_jax.dynamics import DYNAMICS
from gan_jax.evaluate.gan_metrics import PROBES
from gan_jax.evaluate.metric_registry import METRICS
from gan_jax.features import EXTRACTORS
from gan_jax.layers.basic import ACTIVATIONS, INITIALIZERS, NORMS, OUTPUTS
from gan_jax.layers.minibatch import MINIBATCH
from gan_jax.logs.files import write_atomically
from gan_jax.losses import LOSSES
from gan_jax.methods import METHODS
from gan_jax.models import MODELS
from gan_jax.optimizers import OPTIMIZERS, SCHEDULES
from gan_jax.penalties import GENERATOR_PENALTIES, PENALTIES
from gan_jax.plugins.local_imports import refuse_local_imports
from gan_jax.running_statistics import RUNNING
from gan_jax.types import Loss

FOLDER = "plugins"
"""Of a run's folder: the copies of its plugins."""
PIN = re.compile(r"[^/\\]+\.py@[0-9a-f]{64}")
CALLABLES: dict[str, dict[str, Any]] = {
    "penalty": PENALTIES,
    "generator penalty": GENERATOR_PENALTIES,
    "model": MODELS,
    "augmentation": AUGMENTS,
    "rule of play": DYNAMICS,
    "data set": DATASETS,
    "data set prefix": PREFIXES,
    "toy": TOYS,
    "metric": METRICS,
    "probe": PROBES,
    "extractor": EXTRACTORS,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "norm": NORMS,
    "minibatch layer": MINIBATCH,
    "activation": ACTIVATIONS,
    "initializer": INITIALIZERS,
    "output": OUTPUTS,
    "running statistic": RUNNING,
}
"""Registries of functions."""
VALUES: dict[str, tuple[dict[str, Any], type]] = {
    "method": (METHODS, Config),
    "loss": (LOSSES, Loss),
    "fields of a data set": (READS, tuple),
}
"""Registries of other things, with the type of their entries."""
REGISTRIES = CALLABLES | {kind: registry for kind, (registry, _) in VALUES.items()}
Snapshot = dict[str, dict[str, Any]]


def snapshot() -> Snapshot:
    """Copies of all registries, and of the table of plugins."""
    return {kind: dict(r) for kind, r in (REGISTRIES | {"plugin": PLUGINS}).items()}


def restore(before: Snapshot) -> None:
    """Restore what `snapshot` copied."""
    for kind, registry in (REGISTRIES | {"plugin": PLUGINS}).items():
        registry.clear()
        registry.update(before[kind])


def load_plugin(path: str | Path) -> str:
    """Execute a plugin file; returns what `Config.plugin` holds: `NAME.py@SHA-256`.

    A file that was loaded already, by name and content, is not executed again. Raises
    ValueError for a file that cannot be read or fails, that changes an entry of a
    registry, or that imports a file beside it; the registries are then as before.
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
        execute(place, text, pin)
    return pin


def load_plugins(files: Sequence[str]) -> tuple[str, ...]:
    """Load several plugins; returns what `Config.plugin` holds.

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
    """The Config with its plugins loaded and recorded by their content.

    Loaded plugins that it does not list, but of which it names an entry, are added.
    """
    pins = load_plugins(config.plugin)
    named = names_in(config)
    used = tuple(
        plugin.pin
        for file, plugin in PLUGINS.items()
        if file not in map(pin_file_name, pins)
        and any(entry in named for _, entry in plugin.names)
    )
    return dataclasses.replace(config, plugin=pins + used)


def names_in(config: Config) -> set[str]:
    """Every text in a Config that may be the name of an entry."""
    found: set[str] = set()
    for value in flat(config).values():
        texts = value if isinstance(value, tuple) else (value,)
        found |= {text.partition(":")[0] for text in texts if isinstance(text, str)}
    return found


def pin_file_name(pin: str) -> str:
    """`NAME.py` of `NAME.py@SHA-256`."""
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


def execute(path: Path, text: bytes, pin: str) -> None:
    """Run the file in a module of its own, and note what it registers."""
    before = snapshot()
    unregister(path.name)
    rest = snapshot()
    module = ModuleType(f"gan_jax_plugin_{pin[-64:][:16]}_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    try:
        refuse_local_imports(path, text)
        exec(compile(text, str(path), "exec", dont_inherit=True), vars(module))
        names = registered(path, rest)
    except BaseException as error:
        restore(before)
        del sys.modules[module.__name__]
        if isinstance(error, KeyboardInterrupt) or str(error).startswith("plugin "):
            raise
        raise ValueError(fault_told(path, error)) from error
    PLUGINS[path.name] = Plugin(str(path), text, pin, names)


def unregister(name: str) -> None:
    """Take back what an earlier version of a file has registered."""
    if name in PLUGINS:
        for kind, entry in PLUGINS.pop(name).names:
            REGISTRIES[kind].pop(entry, None)


def registered(path: Path, before: Snapshot) -> tuple[tuple[str, str], ...]:
    """What was added to the registries.

    Raises ValueError for an entry that was changed, or cannot be what it is called.
    """
    added = []
    for kind, registry in REGISTRIES.items():
        for name, old in before[kind].items():
            if name not in registry or registry[name] is not old:
                raise ValueError(
                    f"plugin {path}: changes the {kind} {name!r}, which "
                    f"{find_owner(kind, name)} has registered; choose another name"
                )
        for name in registry.keys() - before[kind].keys():
            require_kind(path, kind, name, registry[name])
            added.append((kind, name))
    return tuple(sorted(added))


def find_owner(kind: str, name: str) -> str:
    """Who has registered an entry: the path of a plugin, else the package."""
    found = [p.path for p in PLUGINS.values() if (kind, name) in p.names]
    return found[0] if found else "gan_jax or this program"


def require_kind(path: Path, kind: str, name: Any, value: Any) -> None:
    """A ValueError for an entry that is not of its registry's type."""
    if not isinstance(name, str):
        raise ValueError(f"plugin {path}: the {kind} {name!r}: its name must be a text")
    expected = VALUES[kind][1] if kind in VALUES else None
    right = callable(value) if expected is None else isinstance(value, expected)
    if not right:
        article = "a function" if expected is None else f"a {expected.__name__}"
        raise ValueError(
            f"plugin {path}: the {kind} {name!r} must be {article}, "
            f"got {value!r:.100}; see docs/plugins.md"
        )


def fault_told(path: Path, error: BaseException) -> str:
    """An error that a plugin raised, in one line with its place."""
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
    """A line for each loaded plugin: what it has registered."""
    return [
        f"{plugin.path}: " + (", ".join(map(" ".join, plugin.names)) or "no names")
        for plugin in PLUGINS.values()
    ]
