"""Names to functions, and functions to the config fields they read.

A registered function's keyword-only arguments are the fields of its config group that
it reads. Those it does not read are ignored.
"""

import difflib
from collections.abc import Callable
from functools import partial
from typing import Any


def choose(registry: dict[str, Any], name: str, field: str) -> Any:
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
