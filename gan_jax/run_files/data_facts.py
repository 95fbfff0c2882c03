"""The facts of its data that a run records in data.json.

They are all that a trained generator needs, so its training data need not be there. A
run goes on, or is measured, only with the data that have the same facts.
"""

import dataclasses
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from gan_jax.assembly.datasets import find_dataset
from gan_jax.config import Config
from gan_jax.data import Dataset, Spec, label_shares
from gan_jax.logs.files import write_json

FILE = "data.json"


@dataclasses.dataclass(frozen=True)
class DataFacts:
    """The facts of a data set that its generator and its run depend on.

    shape, label_count, size, class_names: as in Spec. value_range: the least and the
    greatest value an example can have, None if there is no bound. fingerprint: SHA-256
    of all examples and labels. label_shares: see `gan_jax.data.label_shares`.
    """

    shape: tuple[int, ...]
    label_count: int | None
    size: int
    class_names: tuple[str, ...] | None
    value_range: tuple[float, float] | None
    fingerprint: str
    label_shares: tuple[float, ...] | None = None

    @property
    def spec(self) -> Spec:
        return Spec(self.shape, self.label_count, self.size, self.class_names)


def collect_facts(data: Dataset) -> DataFacts:
    """Read a data set, and return its facts."""
    spec, shares = data.spec, label_shares(data)
    return DataFacts(
        spec.shape,
        spec.label_count,
        spec.size,
        spec.class_names and tuple(map(replace_undecodable, spec.class_names)),
        (-1.0, 1.0) if len(spec.shape) == 3 else None,
        data.fingerprint,
        None if shares is None else tuple(shares.tolist()),
    )


def replace_undecodable(name: str) -> str:
    """Return the name of a folder, with bytes replaced that are no text."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def write_facts(folder: Path, facts: DataFacts) -> None:
    """Write the facts to data.json in a run's folder."""
    known = dataclasses.asdict(facts)
    write_json(folder / FILE, known | {"crc32": facts_checksum(known)})


def facts_checksum(known: dict[str, Any]) -> int:
    """Return the CRC-32 of the facts as JSON on one line."""
    return zlib.crc32(json.dumps(known).encode())


def read_facts(folder: Path) -> DataFacts | None:
    """Return the facts in a run's folder; None if it is from before 0.2.

    Raises ValueError for a damaged file.
    """
    path = folder / FILE
    try:
        known = json.loads(path.read_bytes())
        expected = known.pop("crc32") if isinstance(known, dict) else None
        if expected != facts_checksum(known):
            raise ValueError("its checksum differs")
        return TypeAdapter(DataFacts).validate_python(known)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, RecursionError):
        raise ValueError(
            f"{path}: is damaged; remove it, and what it says is taken from the data "
            "set itself"
        ) from None


def describe_differences(recorded: DataFacts, found: DataFacts) -> list[str]:
    """Say in what the data found differ from those recorded; nothing if they agree."""
    differences = [
        f"{name} {getattr(found, name)} (was {getattr(recorded, name)})"
        for name in ("shape", "size", "label_count")
        if getattr(found, name) != getattr(recorded, name)
    ]
    if not differences and found.fingerprint != recorded.fingerprint:
        differences = [
            "as many examples, but others, or in another order, or other labels"
        ]
    return differences


def refuse_other_data(
    folder: Path | None, config: Config, data: Dataset, remedy: str
) -> DataFacts:
    """Return the facts of the data; raise ValueError if a run records others.

    folder: the run's folder, or None if there is no run to compare with. remedy: what
    to do other than to restore the data. The data are read.
    """
    recorded, found = folder and read_facts(folder), collect_facts(data)
    if recorded and (differences := describe_differences(recorded, found)):
        raise ValueError(
            f"dataset.name {config.dataset.name!r}: holds other data than the run in "
            f"{folder} was trained on: {', '.join(differences)}; restore them, or "
            f"{remedy}"
        )
    return found


def recorded_shares(run: str | Path) -> np.ndarray | None:
    """Return the shares of the labels `[label_count]` in a run's data.json.

    None: it has none, or there is no such file, as in the folders of older runs.
    """
    facts = read_facts(Path(run))
    if facts is None or facts.label_shares is None:
        return None
    return np.array(facts.label_shares)


def label_shares_of_run(run: str | Path, config: Config) -> np.ndarray | None:
    """Return the shares of the labels in the data of a conditional run; else None.

    Reads the data set if the run's folder does not have them.
    """
    if not config.dataset.labels:
        return None
    known = recorded_shares(run)
    return label_shares(find_dataset(config)) if known is None else known


def load_data_of_run(run: str | Path, config: Config, remedy: str) -> Dataset:
    """Return the data that a run was trained on.

    config: it names the data set. Raises ValueError, which ends with the remedy, if the
    data set is not there, or holds other data than data.json records.
    """
    try:
        data = find_dataset(config)
    except ValueError as error:
        raise ValueError(f"{error}; mend that, or {remedy}") from None
    refuse_other_data(Path(run), config, data, remedy)
    return data
