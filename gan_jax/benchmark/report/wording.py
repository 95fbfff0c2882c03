"""Words that sentences of the report are made of: lists, counts, intervals."""

from collections.abc import Sequence

from gan_jax.benchmark.report.stats import Interval


def spoken_name(name: str) -> str:
    """A method's name within a sentence: `r1 with b1 0.9` of `r1, b1 0.9`."""
    return name.replace(", ", " with ", 1)


def join_names(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *first, last = map(spoken_name, names)
    return f"{', '.join(first)} and {last}" if first else last


def count_noun(number: int, noun: str) -> str:
    """`1 run`, `10 runs`."""
    return f"{number} {noun if number == 1 else noun + 's'}"


def name_some(names: Sequence[str], every: int, noun: str, most: int = 3) -> str:
    """The names, or, where they are many, how many they are: `5 of the 10 methods`."""
    if len(names) <= most:
        return join_names(names)
    return f"{len(names)} of the {count_noun(every, noun)}"


def make_sentence(words: str) -> str:
    """With a capital letter and a full stop."""
    return words[:1].upper() + words[1:] + ("" if words.endswith(".") else ".")


def describe_interval(interval: Interval) -> str:
    """`95% interval 20% to 52%`."""
    return f"95% interval {interval.low:.0%} to {interval.high:.0%}"


def explain_not_drawn(names: Sequence[str]) -> str:
    """Why methods have no line in a chart; nothing where all have one."""
    if not names:
        return ""
    are, their = ("is", "its") if len(names) == 1 else ("are", "their")
    return (
        f"{join_names(names)} {are} not drawn: too many of {their} runs diverged, or no "
        "number of them is known."
    )
