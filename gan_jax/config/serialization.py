"""Reads and writes a Config as JSON text, and checks its types, ranges and names."""

import dataclasses
import json
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from gan_jax.config import Config
from gan_jax.config.ranges import LONGEST_TEXT, describe_fault, require_json_value


@cache
def type_adapter() -> TypeAdapter:
    """Return pydantic's strict check: no unknown names, no text for a number."""
    strict = ConfigDict(
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        str_max_length=LONGEST_TEXT,
    )
    for f in dataclasses.fields(Config):
        if dataclasses.is_dataclass(f.default_factory):
            f.default_factory.__pydantic_config__ = strict  # pyright: ignore
    Config.__pydantic_config__ = strict  # pyright: ignore
    return TypeAdapter(Config)


def from_json(text: str, source: str = "config") -> Config:
    """Return the Config in the text of `to_json`; absent fields keep their defaults.

    Raises ValueError that names the wrong fields (three at most), their values and what
    is allowed. source: What the message calls the text.
    """
    try:
        return type_adapter().validate_json(text)
    except ValidationError as error:
        faults = error.errors()
    except UnicodeEncodeError:
        raise ValueError(f"{source}: is no JSON text: it holds a surrogate") from None
    first = "; ".join(map(describe_fault, faults[:3]))
    more = f"; and {len(faults) - 3} more" if len(faults) > 3 else ""
    raise ValueError(f"{source}: {first}{more}")


def from_file(path: Path) -> Config:
    """Return the Config in a file, which may begin with a byte order mark.

    Raises ValueError as `from_json` does.
    """
    try:
        return from_json(path.read_text("utf-8-sig"), str(path))
    except UnicodeDecodeError:
        raise ValueError(f"{path}: is not UTF-8 text, so no config.json") from None


def to_json(config: Config) -> str:
    """Return the Config as indented JSON text that ends with a newline."""
    return json.dumps(dataclasses.asdict(config), indent=2) + "\n"


def validate(config: Config) -> Config:
    """Return the same Config, or raise a ValueError for a wrong type or range."""
    for name, value in flat(config).items():
        require_json_value(name, value)
    checked = from_json(to_json(config))
    # JSON has one text for a list and a tuple, and one for a dict and a group.
    expected, given = ({**flat(c), **vars(c)} for c in (checked, config))
    for name, value in expected.items():
        if name in given and given[name] != value:
            raise ValueError(
                f"{name}: must be {value!r:.100}, got {given[name]!r:.100}"
            )
    return checked


def flat(config: Any, prefix: str = "") -> dict[str, Any]:
    """Return every field by its dotted name: `{"penalty.weight": 10.0, ...}`."""
    names: dict[str, Any] = {}
    for f in dataclasses.fields(config):
        value = getattr(config, f.name)
        if dataclasses.is_dataclass(value):
            names |= flat(value, f"{prefix}{f.name}.")
        else:
            names[prefix + f.name] = value
    return names
