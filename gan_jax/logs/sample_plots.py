"""Pictures of what the generators of a run make."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import jax
import numpy as np

from gan_jax.data import Dataset, batch_indices, label_shares
from gan_jax.gan import Gan, net_variables
from gan_jax.logs.grids import image_grid, label_rows, name_classes
from gan_jax.logs.point_plots import draw_histogram, draw_point_panels, draw_scatter
from gan_jax.parallel.ensemble import split_members
from gan_jax.parallel.multihost import to_local_arrays
from gan_jax.sampling import sample
from gan_jax.types import Array, TrainState

PICTURE_SEED = 4_000_000_009
"""The seed of the pictures' latents, which are the same at every step of every run."""
IMAGES_PER_MEMBER = 10
SHOWN_MEMBERS = 64
"""In the picture of a run of many GANs: the images of each, and the most GANs."""


def make_sample_painter(
    gan: Gan, data: Dataset, names: list[str] | None
) -> Callable[[TrainState, Path], None]:
    """Return a function that draws the samples of a state into a file.

    names: the names of the GANs whose states are stacked, or None for a single GAN. At
    most 64 of many GANs are shown.

    Images: the picture is a grid of 100 fakes, or a named row of 10 for each of many
    GANs. The classes of a conditional GAN come in turn, with their names.

    Points: the picture shows 1,000 real and 1,000 generated ones over D's logit, in a
    named panel for each of many GANs. Classes have the data's shares.
    """
    points, shown = len(gan.data_shape) == 1, (names or [])[:SHOWN_MEMBERS]
    count = 1000 if points else 100 if names is None else IMAGES_PER_MEMBER
    draw = make_sampler(gan, count, label_shares(data) if points else None)

    def paint(state: TrainState, path: Path) -> None:
        state = to_local_arrays(state.replace(key=()))  # pyright: ignore
        states = [state] if names is None else split_members(state, len(shown))
        fakes = [np.asarray(draw(state)) for state in states]
        if not points:
            columns = None if names is None else IMAGES_PER_MEMBER
            classes = class_captions(gan, data, count) * len(fakes)
            image_grid(path, np.concatenate(fakes), 64, columns, classes)
            return label_rows(path, shown) if shown else None
        chosen = batch_indices(len(data), min(count, len(data)), 1, 0, 0)[0]
        critics = [make_critic(gan, state) for state in states]
        real_points = np.asarray(data.get(chosen).image)
        draw_point_panels(
            path, choose_point_panel(gan), real_points, fakes, critics, names=shown
        )

    return paint


def choose_point_panel(gan: Gan) -> Callable[..., None]:
    """Return the function that draws points of the GAN's dimension."""
    return draw_histogram if gan.data_shape == (1,) else draw_scatter


def draw_generated_points(
    path: Path, gan: Gan, state: TrainState, points: np.ndarray
) -> None:
    """Write a picture of points that a GAN made, over its D's logit."""
    height = make_critic(gan, state)
    draw_point_panels(path, choose_point_panel(gan), points[:0], [points], [height])


def class_captions(gan: Gan, data: Dataset, count: int) -> list[str]:
    """Return the names of the classes in turn, or nothing for a GAN without classes."""
    if gan.label_count is None:
        return []
    return name_classes(np.arange(count) % gan.label_count, data.spec.class_names)


def make_sampler(
    gan: Gan, count: int, shares: np.ndarray | None = None
) -> Callable[..., Array]:
    """Return a function that draws so many fakes of a state.

    Its arguments are the state and `first`, the number of the first fake. shares: the
    shares of the labels of a conditional GAN, or None for its classes in turn.
    """
    key = jax.random.key(PICTURE_SEED)
    draw = partial(sample, gan, key=key, n=count, shares=shares)
    return jax.jit(lambda state, first=0: draw(state, first=first))


def make_critic(gan: Gan, state: TrainState) -> Callable[[np.ndarray], np.ndarray]:
    """Return D of a state as a function of examples `[N, ...]` to logits `[N]`.

    Each example is judged by itself. The logit of a conditional D is a mean over the
    classes, and that of a D that judges packs is of a pack of copies.
    """
    judge = partial(
        gan.discriminator.apply, net_variables(state.discriminator), train=False
    )
    # A batch of one, on one device: a D with a minibatch layer sees no others.
    alone = jax.vmap(
        jax.vmap(judge, (0, None), axis_name=gan.axis_name), in_axes=(0, None)
    )

    def height(x: np.ndarray) -> np.ndarray:
        apart = np.concatenate([x[:, None, None]] * gan.pack, axis=-1)
        if gan.label_count is None:
            return np.asarray(alone(apart, None)).ravel()
        classes = (np.full(1, k) for k in range(gan.label_count))
        return np.mean([np.asarray(alone(apart, k)) for k in classes], axis=0).ravel()

    return height
