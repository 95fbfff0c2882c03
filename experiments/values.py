"""The page that compares METHODS with their sources: `python -m experiments.values`.

Prints docs/method_values.md.
"""

from typing import Any

from gan_jax.config.serialization import flat
from gan_jax.methods import DEVIATIONS, METHODS

HEAD = """# Values of the methods, beside their sources'

Every entry of METHODS was read against what the first table names: released code or
a paper. "Not checked" means that no source could be opened. The second table lists
every field whose value differs, with the reason. The page is made from
`gan_jax/methods/deviations.py` by `python -m experiments.values >
docs/method_values.md`, and a test holds both.

What all methods share is not repeated:

- Networks are the `resize` pair for images and `mlp` for points, with He
  initialization (the founding configurations have their own).
- Data are the embedded digits without labels, and a run has 5,000 steps; some sources
  are conditional.
- G is averaged with decay 0.999; not in the founding configurations, and with 0.9999
  in `extra_adam`.
- Latents are normal; many sources draw them uniformly.
"""


def shown(value: Any) -> str:
    """A value in a cell of the table."""
    if value is None:
        return "default"
    return f"{value:g}" if isinstance(value, float) else str(value)


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def page() -> str:
    """The whole page."""
    sources, rows = [], []
    for name, source in DEVIATIONS.items():
        sources.append([f"`{name}`", source.read, str(len(source.differs))])
        here = flat(METHODS[name])
        for field, (there, why) in source.differs.items():
            cells = [shown(here[field]), shown(there), why]
            rows.append([f"`{name}`", f"`{field}`", *cells])
    first = table(["method", "compared with", "fields that differ"], sources)
    second = table(["method", "field", "here", "there", "why"], rows)
    return f"{HEAD}\n{first}\n{second}"


if __name__ == "__main__":
    print(page(), end="")
