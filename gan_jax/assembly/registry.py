"""Names become functions, and functions are bound to the config fields they read.

The keyword-only arguments of a registered function are its options: the fields of its
config group that it reads. A field that is None stands for the option's default. An
option without a default is required: its field must have a value.
"""

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

from gan_jax.config import Config


def choose(registry: Mapping[str, Any], name: str, field: str) -> Any:
    """Return an entry, or raise a ValueError with the allowed names and the nearest."""
    if name in registry:
        return registry[name]
    allowed = ", ".join(registry)
    raise ValueError(
        f"{field} {name!r:.100} is unknown; {suggest_nearest(name, registry)}"
        f"allowed: {allowed}"
    )


def suggest_nearest(name: str, known: Iterable[str]) -> str:
    """Return the nearest name as a question, or "" if none is near."""
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
    except (TypeError, ValueError):  # a function that is not written in Python
        return {}
    only = inspect.Parameter.KEYWORD_ONLY
    return {k: v for k, v in signature.parameters.items() if v.kind is only}


def options(function: Any) -> frozenset[str]:
    """Return the names of the config fields that a registered function reads."""
    return frozenset(parameters(function))


def default_of(function: Any, option: str) -> Any:
    """Return the default of one of a function's options.

    Raises ValueError if the function has no such option, or the option no default.
    """
    known = parameters(function)
    if option not in known:
        raise ValueError(
            f"{name_of(function)} has no option {option!r}; "
            f"{suggest_nearest(option, known)}it has: {', '.join(known) or 'none'}"
        )
    refuse_required(function, known[option], "its default is needed")
    return known[option].default


def bind(function: Callable, config: Config, group: str, **given: Any) -> Callable:
    """Return a function with its options filled in from a group of the config.

    Args:
        function: A registered function.
        config: The Config.
        group: The name of the function's group in it, such as `penalty`.
        given: Further options that the function may have, which are no fields. Those
            that are None are filled in later.

    Raises:
        ValueError: An option is neither a field nor given, or it has no default and
            its field is None.
    """
    fields = vars(getattr(config, group))
    values = {**fields, **given}
    for name, parameter in sorted(parameters(function).items()):
        if name not in values:
            refuse_unknown_option(function, name, getattr(config, group), given)
        if name in fields and values[name] is None:
            refuse_required(function, parameter, f"{group}.{name} is None; set it")
    chosen = {name: values[name] for name in options(function)}
    return partial(function, **{k: v for k, v in chosen.items() if v is not None})


def refuse_unknown_option(
    function: Any, option: str, group: Any, given: Mapping[str, Any]
) -> None:
    """Raise a ValueError for an option that is neither a field nor given."""
    fields = [field for field in vars(group) if field != "name"]
    further = f", or of what a run gives: {', '.join(given)}" if given else ""
    raise ValueError(
        f"option {option!r} of {name_of(function)} is no field of "
        f"{type(group).__name__}; {suggest_nearest(option, [*fields, *given])}"
        f"it has to be one of {', '.join(fields)}{further}"
    )


def refuse_required(function: Any, parameter: inspect.Parameter, reason: str) -> None:
    """Raise a ValueError with the reason if a parameter has no default."""
    if parameter.default is parameter.empty:
        raise ValueError(
            f"option {parameter.name!r} of {name_of(function)} has no default, and "
            f"{reason}, or give it a default: {parameter.name}=..."
        )


def require_defaults(function: Any, field: str) -> None:
    """Raise a ValueError if a function that is called without options requires one."""
    for _, parameter in sorted(parameters(function).items()):
        refuse_required(function, parameter, f"{field} sets none; choose another")


def name_of(function: Any) -> str:
    """Return the name of a function where it is defined."""
    if isinstance(function, partial):
        return name_of(function.func)
    return getattr(function, "__qualname__", repr(function))


class Plugin(NamedTuple):
    """A Python file of a user's own that was executed, and what it registered.

    path: Where the file is.
    text: Its content.
    pin: `NAME.py@SHA-256`, as a Config records it.
    names: The registry and the name of each entry.
    """

    path: str
    text: bytes
    pin: str
    names: tuple[tuple[str, str], ...]


PLUGINS: dict[str, Plugin] = {}
"""The plugins of this process by file name; `gan_jax.plugins` loads them."""


def require_plugins(pins: Iterable[str]) -> None:
    """Raise a ValueError for a plugin that this process has not loaded."""
    loaded = {plugin.pin for plugin in PLUGINS.values()}
    for pin in pins:
        if pin not in loaded:
            raise ValueError(
                f"plugin {pin!r:.200}: is not loaded; gan_jax.load_plugin(FILE) loads "
                "a file and returns what this field holds, as --plugin FILE does"
            )
