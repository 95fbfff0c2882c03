"""The sets of examples that `gan-jax evaluate` takes: files, data sets and runs."""

from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from gan_jax.assembly.datasets import find_dataset
from gan_jax.assembly.registry import suggest_nearest
from gan_jax.config import Config, DatasetConfig
from gan_jax.config.serialization import validate
from gan_jax.data import (
    DATASETS,
    PREFIXES,
    Dataset,
    Spec,
    dataset_entry,
    dataset_fields,
)
from gan_jax.data.core import ENDLESS, hash_arrays, hash_texts
from gan_jax.evaluate.evaluator import NamedSet
from gan_jax.evaluate.picture_files import read_file_set
from gan_jax.evaluate.reference import choose_count
from gan_jax.features import suggest_extractor
from gan_jax.run_files.data_facts import label_shares_of_run
from gan_jax.run_files.load_run import load_run
from gan_jax.sampling import sample
from gan_jax.terminal.command_name import name_command
from gan_jax.types import Array, Batch

Shape = tuple[int, ...]


class FoundSet(NamedTuple):
    """A set of examples that a command names.

    name: what the user called it. data: its examples. config: its own config if it is
    a registered data set; of a run the config of the data that it was trained on; None
    for files.
    """

    name: str
    data: Dataset
    config: DatasetConfig | None
    is_registered: bool

    @property
    def named(self) -> NamedSet | None:
        """The set by its name; None for a registered data set."""
        return None if self.is_registered else NamedSet(self.name, self.data)


def find_two_sets(samples: str, against: str, seed: int) -> tuple[FoundSet, FoundSet]:
    """Return the two sets that are compared; a data set takes the shape of the other.

    Raises ValueError for sets that are not there, or of different shapes.
    """
    unregistered = None if is_registered(against) else find_set(against, None, seed)
    ours = find_set(samples, unregistered and unregistered.data.spec.shape, seed)
    theirs = unregistered or find_set(against, ours.data.spec.shape, seed)
    require_same_shape(samples, ours.data.spec.shape, theirs)
    return ours, theirs


def find_set(
    text: str, shape: Shape | None, seed: int, *, rgb: bool = False
) -> FoundSet:
    """Return the set of this name or at this path.

    It is a registered data set, a run's folder, a folder of pictures or an .npz file,
    in this order. shape: that of the other set; a data set that can be of this shape
    is. seed: the root of a run's latents. rgb: see `match_shape`. Raises ValueError if
    there is no such set.
    """
    path = Path(text).expanduser()
    if is_registered(text):
        config = match_shape(text, shape, rgb)
        data = find_dataset(config_of(config))
        return FoundSet(text, data, config, True)
    if is_run(path):
        return FoundSet(text, *read_run(path, seed), False)
    if path.exists() or path.suffix == ".npz":
        return FoundSet(text, read_file_set(path), None, False)
    nearest = "" if "/" in text else suggest_nearest(text, DATASETS)
    raise ValueError(
        f"{text!r:.200}: there is no such file, folder, run or data set; "
        f"{nearest}`{name_command('list')} datasets` names the data sets"
    )


def is_registered(name: str) -> bool:
    """Return whether a data set has this name, or a family of them its prefix."""
    prefix, colon, _ = name.partition(":")
    return name in DATASETS or (bool(colon) and prefix in PREFIXES)


def is_run(path: Path) -> bool:
    """Return whether a path is the folder of a run."""
    return (path / "config.json").is_file()


def read_run(path: Path, seed: int) -> tuple[Dataset, DatasetConfig]:
    """Return the endless samples of a run, and the config of the data it saw.

    They are of the averaged generator of its first GAN.
    """
    gan, state, config = load_run(path)
    shares, key = label_shares_of_run(path, config), jax.random.key(seed)

    @jax.jit
    def draw(index: Array) -> Array:
        return sample(gan, state, key, 1, first=index, shares=shares)[0]

    data = Dataset(
        Spec(gan.data_shape, None, ENDLESS),
        lambda: state.ema,
        gather=lambda stored, indices: Batch(jax.vmap(draw)(indices), None),
        hash_content=lambda stored: hash_texts(hash_arrays(stored), str(seed)),
    )
    return data, config.dataset


def match_shape(name: str, shape: Shape | None, rgb: bool) -> DatasetConfig:
    """Return the data set of this name with images of this shape, where it can.

    rgb: whether grey images may be made RGB to this end.
    """
    plain = DatasetConfig(name)
    if shape is None or len(shape) != 3 or has_shape(plain, shape):
        return plain
    wanted = {"resolution": shape[0], "rgb": rgb and shape[2] == 3}
    read = dataset_fields(name)
    known = {field: value for field, value in wanted.items() if field in read}
    return DatasetConfig(name, **known)  # pyright: ignore


def has_shape(config: DatasetConfig, shape: Shape) -> bool:
    """Return whether the examples of a data set have this shape; not if they have none.

    A set whose images are of several sizes has no shape without a resolution.
    """
    try:
        return find_dataset(config_of(config)).spec.shape == shape
    except ValueError:
        return False


def config_of(dataset: DatasetConfig) -> Config:
    """Return the checked Config of a data set."""
    return validate(Config(dataset=dataset))


def require_same_shape(samples: str, shape: Shape, against: FoundSet) -> None:
    """Raise ValueError unless the examples of a set have the shape of the samples."""
    if (other := against.data.spec.shape) != shape:
        raise ValueError(
            f"against {against.name!r}: its examples are of shape {other}, the samples "
            f"of {samples} of shape {shape}; choose another, or bring both to one "
            "shape"
        )


def feature_config(against: FoundSet, samples: DatasetConfig | None) -> DatasetConfig:
    """Return the config of the data set that chooses the features and the metrics.

    It is that of the set compared with, else that of the samples. samples: their
    config, or that of the data they imitate. Files that are compared with files, or
    with a toy, have none: a config of their name says so.
    """
    if against.is_registered and against.config is not None:
        return against.config
    for config in (against.config, samples):
        if config is not None and dataset_entry(config.name).mixture is None:
            return config
    return DatasetConfig(against.name)


def choose_extractor(config: DatasetConfig, other_set: NamedSet | None) -> str:
    """Return the name of the extractor where the command names none.

    config: that of `feature_config`. other_set: the set compared with; None: it is the
    config's data set.
    """
    named = other_set is None
    data = find_dataset(Config(dataset=config)) if named else other_set.data
    return suggest_extractor(config, data.spec.shape)


def choose_common_count(
    n: int | None, config: DatasetConfig, ours: FoundSet, theirs: FoundSet
) -> int:
    """Return how many examples of each side are compared; n: the number asked for.

    Raises ValueError for fewer than 2 and for more than the samples are.
    """
    size = ours.data.spec.size
    if size < 2:
        raise ValueError(
            f"samples {ours.name}: holds {size} example, and a comparison needs 2 at "
            "least; give more"
        )
    if n is None:
        return min(choose_count(config, theirs.data.spec.size, None), size)
    if n > size:
        raise ValueError(f"n {n}: must be 2 to {size}, the examples of {ours.name}")
    return n


def describe_shared(ours: FoundSet, real: np.ndarray, fake: np.ndarray) -> list[str]:
    """Return a warning of samples that are examples of the other side, if there are.

    real, fake: the features of both sides `[N, F]`; equal ones count as one example.
    """
    known = {row.tobytes() for row in real}
    count = sum(row.tobytes() in known for row in fake)
    if not count:
        return []
    return [
        f"{count} of the {len(fake)} examples of {ours.name} are among those that they "
        "are compared with: distances are lower than between separate sets"
    ]
