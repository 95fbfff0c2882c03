"""The lines of a comparison: a run each, or each GAN of a run of several."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from gan_jax.comparison.read_runs import Run
from gan_jax.config.serialization import flat
from gan_jax.methods import METHODS
from gan_jax.parallel.execution import Member
from gan_jax.run_files.folder import HARMLESS_FIELDS
from gan_jax.run_files.sweeps import real_values
from gan_jax.types import Row

ELSEWHERE = {"out", "seeds", "sweep", "steps"} | HARMLESS_FIELDS
"""Fields and groups that say how a run was made, or that have a column of their own."""
OWN = {"seed", "batch_size", "dataset", "model"} | ELSEWHERE
"""Fields and groups that do not make a method."""


SWITCHED = ("penalty", "generator_penalty", "augment")
"""Groups of which no field is read where their name is none."""


class Entry(NamedTuple):
    """A line of a comparison: one run, and those of its GANs that it is of."""

    name: str
    run: Run
    indices: list[int]

    @property
    def members(self) -> list[Member]:
        return [self.run.members[i] for i in self.indices]

    @property
    def rows(self) -> list[list[Row]]:
        return [self.run.rows[i] for i in self.indices]

    @property
    def verdicts(self) -> list[str]:
        return [self.run.verdicts[i] for i in self.indices]


def make_entries(runs: Sequence[Run], members: bool = False) -> list[Entry]:
    """An entry for each run; members: for each GAN of a run of several."""
    found = []
    for run in runs:
        count = len(run.members)
        if members and count > 1:
            found += [Entry(f"{run.name}[{i}]", run, [i]) for i in range(count)]
        else:
            found.append(Entry(run.name, run, list(range(count))))
    return found


def of_group(name: str, groups: set[str]) -> bool:
    return bool({name, name.partition(".")[0]} & groups)


def fields_of(entry: Entry) -> dict[str, list[Any]]:
    """The values of each field among an entry's GANs, with a sweep's real values."""
    config = entry.run.config
    found = {name: [value] for name, value in flat(config).items()}
    for group in SWITCHED:
        if found[f"{group}.name"] == ["none"]:
            found |= {n: [] for n in found if n.startswith(group) and n[-5:] != ".name"}
    if entry.run.members != [{}]:
        own = [
            {"seed": member["seed"], **real_values(config, member)}
            for member in entry.members
        ]
        found |= {name: list(dict.fromkeys(m[name] for m in own)) for name in own[0]}
    return found


def differing(entries: Sequence[Entry]) -> dict[str, list[list[Any]]]:
    """The fields that tell the entries apart, and the values of each entry.

    Left out are those that change no result (`out`, `log.every`) or have a column of
    their own (`steps`). A field that a run does not read has no values there.
    """
    found = [fields_of(entry) for entry in entries]
    columns = {name: [own[name] for own in found] for name in found[0]}
    return {
        name: values
        for name, values in columns.items()
        if not of_group(name, ELSEWHERE) and not alike(values)
    }


def alike(values: list[list[Any]]) -> bool:
    read = [own for own in values if own]
    return all(own == read[0] for own in read)


def nearest_method(run: Run) -> str:
    """The name in METHODS that makes the same choices, the nearest by other fields.

    Where none does, the loss and the penalty.
    """
    own = flat(run.config)
    fields = [name for name in own if not of_group(name, OWN)]
    choices = [
        name
        for name in fields
        if name.endswith(".name") and not name.endswith("optimizer.name")
    ]

    def distance(method: str) -> int:
        other = flat(METHODS[method])
        far = any(own[name] != other[name] for name in choices)
        model = sum(own[n] != other[n] for n in own if n.startswith("model."))
        return far * 10**6 + 10 * sum(own[n] != other[n] for n in fields) + model

    best = min(METHODS, key=distance)
    if distance(best) < 10**6:
        return best
    penalty = run.config.penalty.name
    return run.config.loss.name + ("" if penalty == "none" else f" + {penalty}")
