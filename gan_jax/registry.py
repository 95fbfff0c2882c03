"""Names to functions, and functions to the config fields they read.

A registered function's keyword-only arguments are the fields of its config group that
it reads. Those it does not read are ignored.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple


def choose(registry: Mapping[str, Any], name: str, field: str) -> Any:
    """The registry's entry, or a ValueError with the allowed names and the nearest."""
    if name in registry:
        return registry[name]
    near = difflib.get_close_matches(name, registry, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}? " if near else ""
    allowed = ", ".join(registry)
    raise ValueError(f"{field} {name!r:.100} is unknown; {hint}allowed: {allowed}")


def options(function: Callable) -> frozenset[str]:
    """The config fields a registered function reads: its keyword-only arguments."""
    if isinstance(function, partial):
        return options(function.func) - set(function.keywords)
    return frozenset(getattr(function, "__kwdefaults__", None) or ())


def bind(function: Callable, group: Any, **extra: Any) -> Callable:
    """The function with its options filled in from a config group (None: its own)."""
    values = {**vars(group), **extra}
    chosen = {name: values[name] for name in options(function)}
    return partial(function, **{k: v for k, v in chosen.items() if v is not None})


class Plugin(NamedTuple):
    """A Python file of a user's own that was executed, and what it registered.

    pin: `NAME.py@SHA-256`, as a Config records it. names: registry and name of each
    entry.
    """

    path: str
    text: bytes
    pin: str
    names: tuple[tuple[str, str], ...]


PLUGINS: dict[str, Plugin] = {}
"""The plugins of this process by file name; `gan_jax.plugins` loads them."""


def require_plugins(pins: Iterable[str]) -> None:
    """A ValueError for a plugin that this process has not loaded."""
    loaded = {plugin.pin for plugin in PLUGINS.values()}
    for pin in pins:
        if pin not in loaded:
            raise ValueError(
                f"plugin {pin!r:.200}: is not loaded; gan_jax.load_plugin(FILE) loads "
                "a file and returns what this field holds, as --plugin FILE does"
            )
