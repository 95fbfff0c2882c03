"""How well an extractor's features tell classes: `python -m benchmarks.neighbours`.

Each test image gets the class that most of its k nearest training images have, by the
cosine of their features; the nearest class of equal counts wins. The images are the
first ones of a fixed permutation of each split. The numbers of lite0 say whether its
weights, its resize and its normalization fit together: a wrong one costs much accuracy.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from gan_jax.assembly.datasets import find_dataset
from gan_jax.assembly.registry import choose
from gan_jax.command_line.flags import parse
from gan_jax.command_line.user_errors import catch_user_errors
from gan_jax.config import Config, DatasetConfig
from gan_jax.evaluate.reference import comparison_indices, real_features
from gan_jax.features import EXTRACTORS, Extractor


@dataclass(frozen=True)
class Flags:
    dataset: str = "cifar10"
    """A labelled set with a training and a test split."""
    extractor: str = "lite0"
    """The extractor of the features."""
    train: int = 10_000
    """Training images."""
    test: int = 5_000
    """Test images."""
    k: int = 10
    """Nearest training images that vote."""


def labelled_features(
    extractor: Extractor, name: str, split: str, n: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the features `[n, F]` and the labels `[n]` of a split's images."""
    config = DatasetConfig(name, split=split)
    features = real_features(extractor, config, n, 0)[0].features
    data = find_dataset(Config(dataset=config))
    labels = data.get(comparison_indices(data, n, 0)).label
    if labels is None:
        raise ValueError(f"dataset {name!r}: has no labels; choose one with classes")
    return features, np.asarray(labels)


def vote(labels: Sequence[int]) -> int:
    """Return the most frequent label; of equally frequent ones, the first."""
    return max(labels, key=list(labels).count)


def nearest_accuracy(
    train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray], k: int
) -> float:
    """Return the share of test examples whose k nearest training ones vote rightly."""
    directions = [
        x / np.linalg.norm(x, axis=1, keepdims=True) for x, _ in (train, test)
    ]
    nearness = directions[1] @ directions[0].T
    nearest = np.argsort(-nearness, axis=1, kind="stable")[:, :k]
    votes = [vote(labels) for labels in train[1][nearest].tolist()]
    return float(np.mean(votes == test[1]))


def start(arguments: list[str]) -> None:
    """Measure the accuracy and print it."""
    flags = parse(
        Flags, arguments, prog="python -m benchmarks.neighbours", description=__doc__
    )
    make = choose(EXTRACTORS, flags.extractor, "extractor")
    extractor = make(DatasetConfig(flags.dataset), None)
    train = labelled_features(extractor, flags.dataset, "train", flags.train)
    test = labelled_features(extractor, flags.dataset, "test", flags.test)
    accuracy = nearest_accuracy(train, test, flags.k)
    error = (accuracy * (1 - accuracy) / flags.test) ** 0.5
    print(
        f"{flags.dataset}, {flags.extractor} {extractor.weights[:8]}: {accuracy:.2%} "
        f"(standard error {error:.2%}) of {flags.test:,} test images by the {flags.k} "
        f"nearest of {flags.train:,} training images"
    )


def main(arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    return catch_user_errors(partial(start, arguments))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
