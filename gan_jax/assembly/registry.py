"""Names to functions, and functions to the config fields they read.

A registered function's keyword-only arguments are its options: the fields of its config
group that it reads, each with a default. Fields that it does not read are ignored. An
option that is no field, or that has no default, is a ValueError.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple


def choose(registry: Mapping[str, Any], name: str, field: str) -> Any:
    """The registry's entry, or a ValueError with the allowed names and the nearest."""
    if name in registry:
        return registry[name]
    allowed = ", ".join(registry)
    raise ValueError(
        f"{field} {name!r:.100} is unknown; {meant(name, registry)}allowed: {allowed}"
    )


def meant(name: str, known: Iterable[str]) -> str:
    """The nearest name as a question; "" where none is near."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    return f"did you mean {near[0]!r}? " if near else ""


def options(function: Callable) -> frozenset[str]:
    """The config fields a registered function reads: its keyword-only arguments."""
    if isinstance(function, partial):
        return options(function.func) - set(function.keywords)
    return frozenset(getattr(function, "__kwdefaults__", None) or ())


def default_of(function: Callable, option: str) -> Any:
    """The default of one of a function's options."""
    if isinstance(function, partial):
        return default_of(function.func, option)
    return (function.__kwdefaults__ or {})[option]


def bind(function: Callable, group: Any, **extra: Any) -> Callable:
    """The function with its options filled in from a config group (None: its own).

    extra: further options that a function may have, which are no fields. Raises
    ValueError for an option that is neither.
    """
    require_defaults(function)
    values = {**vars(group), **extra}
    for name in sorted(options(function) - values.keys()):
        fields = [field for field in vars(group) if field != "name"]
        further = f", or of what a run gives: {', '.join(extra)}" if extra else ""
        raise ValueError(
            f"option {name!r} of {name_of(function)} is no field of "
            f"{type(group).__name__}; {meant(name, values)}it has to be one of "
            f"{', '.join(fields)}{further}"
        )
    chosen = {name: values[name] for name in options(function)}
    return partial(function, **{k: v for k, v in chosen.items() if v is not None})


def require_defaults(function: Any) -> None:
    """A ValueError for a function with a keyword-only argument without a default."""
    if isinstance(function, partial):
        missing = set(without_default(function.func)) - set(function.keywords)
    else:
        missing = set(without_default(function))
    for name in sorted(missing):
        raise ValueError(
            f"option {name!r} of {name_of(function)} has no default; a field that is "
            f"None stands for the default, so give it one: {name}=..."
        )


def without_default(function: Any) -> list[str]:
    """The keyword-only arguments of a Python function that have no default."""
    code = getattr(function, "__code__", None)
    if code is None:  # a class, or a function that is not written in Python
        return []
    end = code.co_argcount + code.co_kwonlyargcount
    names = code.co_varnames[code.co_argcount : end]
    return [name for name in names if name not in (function.__kwdefaults__ or ())]


def name_of(function: Any) -> str:
    """How a function is called where it is defined."""
    if isinstance(function, partial):
        return name_of(function.func)
    return getattr(function, "__qualname__", repr(function))


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
