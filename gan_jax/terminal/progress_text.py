"""A part of the work that goes on, and its progress in words."""

import math
import time
from dataclasses import dataclass, field

PAUSES = ((300, 10), (1800, 30), (7200, 60), (math.inf, 300))
"""Until work has gone on for so many seconds, the seconds between two of its lines."""
SMALL_SHARE = 1 / 50
"""Of a part: what is done first and is less says nothing of the time that is left."""


def format_duration(seconds: float) -> str:
    """`40 s`, `12 min`, `3 h 20 min`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return (
        f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
    )


@dataclass(eq=False)
class Part:
    """A part of the work that is shown.

    total: how much of it there is; None: not known. first, done: how much of it was
    done when it began, and is done. note: what else is known of it. unit: what is
    counted, for a rate; "": no rate is shown. since: what was done, and when, at its
    first change.
    """

    description: str
    total: float | None = None
    first: float = 0.0
    unit: str = ""
    note: str = ""
    done: float = field(init=False)
    began: float = field(default_factory=time.monotonic)
    since: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        self.done = self.first


def record_progress(part: Part, done: float, now: float) -> None:
    """Note that so much of the part is done.

    The first of many may hold a compilation: the rate counts from its end on. A part
    that counts a `unit` begins when that is over.
    """
    few = SMALL_SHARE * (part.total or 0.0)
    if part.since is None and not part.unit and done - part.first < few:
        part.since = done, now
    part.done = done


def current_rate(part: Part, now: float) -> float | None:
    """How much of the part is done in a second; None: not known yet."""
    first, since = part.since or (part.first, part.began)
    made, seconds = part.done - first, now - since
    return made / seconds if made > 0 and seconds > 0 else None


def progress_head(part: Part) -> str:
    """What is done: `reading mnist`, `step 400 of 12,000`."""
    if part.total is None:
        return part.description
    return f"{part.description} {part.done:,.0f} of {part.total:,.0f}"


def progress_details(part: Part, now: float) -> str:
    """What else is known: the time left or so far, the rate, and the note.

    The time comes first: a narrow terminal cuts off the end.
    """
    speed, spent = current_rate(part, now), format_duration(now - part.began)
    if part.total is None:
        return "  ".join(filter(None, [spent, part.note]))
    pace = format_rate(speed, part.unit) if speed and part.unit else ""
    ahead = part.total - part.done
    left = f"{format_duration(ahead / speed)} left" if speed and ahead else spent
    return "  ".join(filter(None, [left, pace, part.note]))


def format_rate(speed: float, unit: str) -> str:
    """`41.2 steps/s`, `1,234 steps/s`."""
    return f"{speed:,.0f} {unit}/s" if speed >= 100 else f"{speed:.3g} {unit}/s"


def progress_line(part: Part, now: float) -> str:
    """The part in a line of a log."""
    if part.total is None:
        return f"still {part.description}  {progress_details(part, now)}"
    share = part.done / part.total if part.total else 1.0
    return f"{progress_head(part)} ({share:.0%})  {progress_details(part, now)}"


def pause_between_lines(seconds: float) -> float:
    """Seconds until the next line of work that has gone on for so long."""
    return next(pause for until, pause in PAUSES if seconds < until)
