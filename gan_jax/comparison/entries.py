"""The lines of a comparison, each a run or one GAN of a run of several.

An `Entry` says which GANs a line stands for. The functions here find the fields in
which entries differ, and the method that an entry is nearest to.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from gan_jax.comparison.read_runs import Run
from gan_jax.config.serialization import flat
from gan_jax.methods import METHODS
from gan_jax.parallel.execution import Member
from gan_jax.run_files.folder import HARMLESS_FIELDS
from gan_jax.run_files.sweeps import real_values
from gan_jax.types import Row

NOT_COMPARED = {"out", "seeds", "sweep", "steps"} | HARMLESS_FIELDS
"""Fields and groups that say how a run was made, or that have a column of their own."""
NOT_OF_METHOD = {"seed", "batch_size", "dataset", "model"} | NOT_COMPARED
"""Fields and groups that are no choice of a method."""
OPTIONAL_GROUPS = ("penalty", "generator_penalty", "augment")
"""Groups whose other fields are not read where their name is none."""


class ComparedEntry(NamedTuple):
    """A line of a comparison: a run, and the indices of the GANs it stands for."""

    name: str
    run: Run
    indices: list[int]

    @property
    def members(self) -> list[Member]:
        """The labels of the GANs."""
        return [self.run.members[i] for i in self.indices]

    @property
    def rows(self) -> list[list[Row]]:
        """The logged rows of each GAN."""
        return [self.run.rows[i] for i in self.indices]

    @property
    def verdicts(self) -> list[str]:
        """How each GAN ended."""
        return [self.run.verdicts[i] for i in self.indices]


def make_entries(runs: Sequence[Run], members: bool = False) -> list[ComparedEntry]:
    """Return an entry for each run, or with `members` for each GAN of every run."""
    entries = []
    for run in runs:
        count = len(run.members)
        if members and count > 1:
            entries += [
                ComparedEntry(f"{run.name}[{i}]", run, [i]) for i in range(count)
            ]
        else:
            entries.append(ComparedEntry(run.name, run, list(range(count))))
    return entries


def belongs_to(name: str, groups: set[str]) -> bool:
    """Return whether a dotted field, or its group, is among fields and groups."""
    return bool({name, name.partition(".")[0]} & groups)


def field_values(entry: ComparedEntry) -> dict[str, list[Any]]:
    """Return each field's values among an entry's GANs, with a sweep's real values.

    A field that the run does not read, as of a penalty of none, has no values.
    """
    config = entry.run.config
    fields = {name: [value] for name, value in flat(config).items()}
    for group in OPTIONAL_GROUPS:
        if fields[f"{group}.name"] == ["none"]:
            fields |= {
                n: [] for n in fields if n.startswith(group) and n[-5:] != ".name"
            }
    if entry.run.members != [{}]:
        own = [
            {"seed": member["seed"], **real_values(config, member)}
            for member in entry.members
        ]
        fields |= {name: list(dict.fromkeys(m[name] for m in own)) for name in own[0]}
    return fields


def differing_fields(entries: Sequence[ComparedEntry]) -> dict[str, list[list[Any]]]:
    """Return the fields that tell entries apart, with the values of each entry.

    Fields that change no result (`out`, `log.every`) or have a column of their own
    (`steps`) are left out. A field that a run does not read has no values there.
    """
    fields = [field_values(entry) for entry in entries]
    columns = {name: [own[name] for own in fields] for name in fields[0]}
    return {
        name: values
        for name, values in columns.items()
        if not belongs_to(name, NOT_COMPARED) and not are_alike(values)
    }


def are_alike(values: list[list[Any]]) -> bool:
    """Return whether a field has the same values in all entries that read it."""
    read = [own for own in values if own]
    return all(own == read[0] for own in read)


def nearest_method(run: Run) -> str:
    """Return the name in METHODS that makes the same choices as a run.

    Of several the one with the fewest other fields that differ is taken. Where none
    makes the same choices, the result is the loss and the penalty.
    """
    own = flat(run.config)
    fields = [name for name in own if not belongs_to(name, NOT_OF_METHOD)]
    choices = [
        name
        for name in fields
        if name.endswith(".name") and not name.endswith("optimizer.name")
    ]

    def distance(method: str) -> int:
        other = flat(METHODS[method])
        differs = any(own[name] != other[name] for name in choices)
        model = sum(own[n] != other[n] for n in own if n.startswith("model."))
        return differs * 10**6 + 10 * sum(own[n] != other[n] for n in fields) + model

    best = min(METHODS, key=distance)
    if distance(best) < 10**6:
        return best
    penalty = run.config.penalty.name
    return run.config.loss.name + ("" if penalty == "none" else f" + {penalty}")
