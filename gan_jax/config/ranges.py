"""Types and ranges of the Config's fields, and messages for values outside them."""

import json
from typing import Annotated, Any

from pydantic import AfterValidator, Field

LARGEST_INT = 2**31 - 1
"""The largest int32, in which steps are counted."""
LARGEST_FLOAT = 3e38
"""About the largest float32."""
LONGEST_TEXT = 500
"""The most characters of a name or a path."""

Count = Annotated[int, Field(ge=1, le=LARGEST_INT)]
CountOrZero = Annotated[int, Field(ge=0, le=LARGEST_INT)]
Positive = Annotated[float, Field(gt=0, le=LARGEST_FLOAT)]
NonNegative = Annotated[float, Field(ge=0, le=LARGEST_FLOAT)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(gt=0, le=1)]
Alpha = Annotated[float, Field(ge=0.2, le=LARGEST_FLOAT)]
Scale = Annotated[float, Field(ge=1e-15, le=1e15)]
"""A factor whose square is a float32."""


def require_usable_path(text: str) -> str:
    """Return the path, or raise a ValueError if no file system can have it."""
    parts = text.split("/")
    if not text or min(text) < " " or max(len(part.encode()) for part in parts) > 255:
        raise ValueError("must be a path, its parts at most 255 bytes each")
    return text


FolderName = Annotated[str, AfterValidator(require_usable_path)]
Duration = Annotated[str, Field(pattern=r"^[1-9][0-9]*[smh]$")]


def describe_fault(fault: Any) -> str:
    """Return a fault that pydantic found as one line: `penalty.weight: ..., got -1`."""
    place = ".".join(map(str, fault["loc"])) or "the whole"
    place = place if place.isprintable() else ascii(place)[1:-1]
    what = fault["msg"].removeprefix("Value error, ")
    return f"{place:.100}: {what:.300}, got {fault['input']!r:.100}"


def require_json_value(name: str, value: Any) -> None:
    """Raise a ValueError for a value that JSON has no text for."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError):
        kind = f"a {type(value).__module__}.{type(value).__qualname__}"
        if isinstance(value, str):
            raise ValueError(
                f"{name}: {ascii(value)[:100]} holds bytes that are no Unicode text; "
                "choose or make another name"
            ) from None
        raise ValueError(
            f"{name}: JSON has no text for {kind}; give a plain number (of NumPy's: "
            ".item()), text, True, False or None"
        ) from None
