"""How image distances react to known damage: `python -m benchmarks.damage`.

The reference and the damaged images are disjoint parts of a data set's training split,
n images each, in several draws of images that no other draw has. The row `none` is the
floor: other images of the set, unharmed. A distance that people can believe grows with
each kind of damage, and lies at the floor where the damage is none. Of several
extractors it prints how alike they order the kinds of damage.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import jax.numpy as jnp
import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr

from gan_jax.assembly.datasets import find_dataset
from gan_jax.assembly.registry import choose
from gan_jax.command_line.flags import parse
from gan_jax.command_line.user_errors import catch_user_errors
from gan_jax.config import Config, DatasetConfig
from gan_jax.evaluate.reference import comparison_indices
from gan_jax.features import EXTRACTORS, Extractor, extract_features
from gan_jax.metrics import frechet_distance, kernel_distance

Distances = dict[str, list[list[float]]]
"""The Frechet and the kernel distance of each kind of damage, for each draw."""

SPARE = 2.2
"""Images to be damaged, in multiples of n: of these, half of the classes must still
hold n."""


@dataclass(frozen=True)
class Flags:
    dataset: str = "cifar10"
    """A labelled image set with a training split."""
    extractors: tuple[str, ...] = ("lite0", "cnn")
    """The extractors of the features."""
    n: int = 1500
    """Images on each side of a distance."""
    draws: int = 2
    """Pairs of sets."""


def blur(pixels: np.ndarray, sigma: float) -> np.ndarray:
    """Convolve with a Gaussian of so many pixels; edges are repeated."""
    return gaussian_filter(pixels, (0, sigma, sigma, 0), mode="nearest")


def add_noise(pixels: np.ndarray, deviation: float) -> np.ndarray:
    """Add independent Gaussian noise of so many of the 255 grey levels."""
    rng = np.random.default_rng(0)
    return pixels + rng.normal(size=pixels.shape) * deviation


def shift(pixels: np.ndarray) -> np.ndarray:
    """Move one pixel to the right; the left column is repeated."""
    return np.concatenate([pixels[:, :, :1], pixels[:, :, :-1]], axis=2)


DAMAGE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "none": lambda pixels: pixels,
    "blur, sigma 0.5": partial(blur, sigma=0.5),
    "blur, sigma 1": partial(blur, sigma=1.0),
    "noise, sd 5": partial(add_noise, deviation=5.0),
    "noise, sd 20": partial(add_noise, deviation=20.0),
    "shift, 1 pixel": shift,
}
"""What is done to images `[N, H, W, C]` in 0..255; the result is rounded to 8 bits."""


def damage_images(
    images: np.ndarray, change: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Return damaged images; both are in [-1, 1]."""
    pixels = np.round((images.astype(np.float64) + 1) * 127.5)
    changed = np.round(np.clip(change(pixels), 0, 255))
    return (changed / 127.5 - 1).astype(np.float32)


def take_features(extractor: Extractor, images: np.ndarray) -> np.ndarray:
    """Return the features `[N, F]` of images, in batches of the extractor's size."""
    starts = range(0, len(images), extractor.batch)
    batches = (images[start : start + extractor.batch] for start in starts)
    return extract_features(extractor, batches).features


def keep_classes(labels: np.ndarray, dropped: int, n: int) -> np.ndarray:
    """Return the first n indices whose class is not among the first `dropped` ones.

    Raises ValueError if there are fewer.
    """
    kept = np.flatnonzero(labels >= dropped)[:n]
    if len(kept) < n:
        raise ValueError(f"n {n}: {len(kept)} images are left of the kept classes")
    return kept


def repeat_some(n: int, share: float) -> np.ndarray:
    """Return n indices, of which the last share repeats the first ones."""
    count = round(n * share)
    return np.concatenate([np.arange(n - count), np.arange(count)])


def damaged_features(
    extractor: Extractor, images: np.ndarray, labels: np.ndarray, n: int
) -> dict[str, np.ndarray]:
    """Return the features `[n, F]` of each kind of damage.

    images: those of a draw, of which all damage to single images takes the first n.
    """
    found = {
        name: take_features(extractor, damage_images(images[:n], change))
        for name, change in DAMAGE.items()
    }
    rest = take_features(extractor, images[n:])
    plain = np.concatenate([found["none"], rest])
    found["1 of 10 classes dropped"] = plain[keep_classes(labels, 1, n)]
    found["5 of 10 classes dropped"] = plain[keep_classes(labels, 5, n)]
    found["1 % repeated"] = plain[repeat_some(n, 0.01)]
    return found


def measure_draws(flags: Flags, extractor: Extractor) -> Distances:
    """Return the two distances of each kind of damage, for each draw."""
    data = find_dataset(Config(dataset=DatasetConfig(flags.dataset)))
    each = flags.n + int(SPARE * flags.n)
    if each * flags.draws > len(data):
        raise ValueError(
            f"n {flags.n}, draws {flags.draws}: need {each * flags.draws} images, and "
            f"{flags.dataset} has {len(data)}; lower one of them"
        )
    order = comparison_indices(data, each * flags.draws, 0).reshape(flags.draws, each)
    found: Distances = {}
    for indices in order:
        batch = data.get(indices)
        images, labels = np.asarray(batch.image), np.asarray(batch.label)
        real = take_features(extractor, images[: flags.n])
        rest, classes = images[flags.n :], labels[flags.n :]
        damaged = damaged_features(extractor, rest, classes, flags.n)
        for name, fake in damaged.items():
            distances = [
                frechet_distance(real, fake),
                float(kernel_distance(jnp.asarray(real), jnp.asarray(fake))),
            ]
            found.setdefault(name, []).append(distances)
    return found


def order_agreement(one: Distances, other: Distances) -> float:
    """Return Spearman's rho of the mean Frechet distances of two extractors.

    The row `none` does not count, as it is no damage.
    """
    kinds = [name for name in one if name != "none"]
    ours, theirs = (
        [float(np.mean(side[name], axis=0)[0]) for name in kinds]
        for side in (one, other)
    )
    return float(spearmanr(ours, theirs).statistic)  # pyright: ignore


def start(arguments: list[str]) -> None:
    """Measure, and print a table for each extractor as it is done."""
    flags = parse(
        Flags, arguments, prog="python -m benchmarks.damage", description=__doc__
    )
    measured: dict[str, Distances] = {}
    for name in flags.extractors:
        make = choose(EXTRACTORS, name, "extractor")
        extractor = make(DatasetConfig(flags.dataset), None)
        found = measured[name] = measure_draws(flags, extractor)
        print(f"\n{flags.dataset}, {name} {extractor.weights[:8]}: {extractor.about}")
        print(f"n = {flags.n}, {flags.draws} draws: mean (least to most)\n")
        print("| damage | `frechet_distance` | `kernel_distance` |\n|---|---|---|")
        for damage, rows in found.items():
            columns = np.asarray(rows).T
            cells = (
                f"{c.mean():.4g} ({c.min():.4g} to {c.max():.4g})" for c in columns
            )
            print(f"| {damage} | {' | '.join(cells)} |", flush=True)
    for one, other in combinations(measured, 2):
        rho = order_agreement(measured[one], measured[other])
        print(
            f"\nSpearman's rho of the Frechet distances, {one} and {other}: {rho:.2f}"
        )


def main(arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    return catch_user_errors(partial(start, arguments))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
