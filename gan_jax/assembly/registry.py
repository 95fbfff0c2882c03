"""Names to functions, and functions to the config fields they read.

A registered function's keyword-only arguments are its options: the fields of its config
group that it reads, each with a default. Fields that it does not read are ignored. An
option that is no field, or that has no default, is a ValueError.
"""

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple


def choose(registry: Mapping[str, Any], name: str, field: str) -> Any:
    """The registry's entry, or a ValueError with the allowed names and the nearest."""
    if name in registry:
        return registry[name]
    allowed = ", ".join(registry)
    raise ValueError(
        f"{field} {name!r:.100} is unknown; {suggest_nearest(name, registry)}"
        f"allowed: {allowed}"
    )


def suggest_nearest(name: str, known: Iterable[str]) -> str:
    """The nearest name as a question; "" where none is near."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    return f"did you mean {near[0]!r}? " if near else ""


def parameters(function: Any) -> dict[str, inspect.Parameter]:
    """Return the keyword-only parameters of a registered function, by name.

    Those that a `functools.partial` has filled in are left out.
    """
    if isinstance(function, partial):
        inner = parameters(function.func)
        return {k: v for k, v in inner.items() if k not in function.keywords}
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # a class, or a function not written in Python
        return {}
    only = inspect.Parameter.KEYWORD_ONLY
    return {k: v for k, v in signature.parameters.items() if v.kind is only}


def options(function: Any) -> frozenset[str]:
    """Return the names of the config fields that a registered function reads."""
    return frozenset(parameters(function))


def default_of(function: Any, option: str) -> Any:
    """Return the default of one of a function's options."""
    return parameters(function)[option].default


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
            f"{type(group).__name__}; {suggest_nearest(name, values)}it has to be one "
            f"of {', '.join(fields)}{further}"
        )
    chosen = {name: values[name] for name in options(function)}
    return partial(function, **{k: v for k, v in chosen.items() if v is not None})


def require_defaults(function: Any) -> None:
    """A ValueError for a function with a keyword-only argument without a default."""
    for name, parameter in sorted(parameters(function).items()):
        if parameter.default is parameter.empty:
            raise ValueError(
                f"option {name!r} of {name_of(function)} has no default; a field that "
                f"is None stands for the default, so give it one: {name}=..."
            )


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
