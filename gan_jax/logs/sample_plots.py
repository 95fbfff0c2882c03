"""The pictures of a run: what its generators make, the curves of its metrics."""

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
"""The pictures' latents are the same at every step of every run."""
IMAGES_PER_MEMBER = 10
SHOWN_MEMBERS = 64
"""Of a run of many GANs: images of each, and GANs shown."""


def make_sample_painter(
    gan: Gan, data: Dataset, names: list[str] | None
) -> Callable[[TrainState, Path], None]:
    """A function that draws a state (of many GANs, their states) into a file.

    Images: a grid of 100 fakes, or a named row of 10 for each of many GANs; the classes
    of a conditional GAN are shown in turn, with their names. Points: 1,000 real and
    fake ones over D's logit, a panel with a name for each of many GANs, of which at
    most 64 are shown; classes have the data's shares.
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
    """How points of its dimension are drawn."""
    return draw_histogram if gan.data_shape == (1,) else draw_scatter


def draw_generated_points(
    path: Path, gan: Gan, state: TrainState, points: np.ndarray
) -> None:
    """Writes a picture of points that a GAN made, over its D's logit."""
    height = make_critic(gan, state)
    draw_point_panels(path, choose_point_panel(gan), points[:0], [points], [height])


def class_captions(gan: Gan, data: Dataset, count: int) -> list[str]:
    """The names of the classes in turn, as `sampler` draws them; empty without."""
    if gan.label_count is None:
        return []
    return name_classes(np.arange(count) % gan.label_count, data.spec.class_names)


def make_sampler(
    gan: Gan, count: int, shares: np.ndarray | None = None
) -> Callable[..., Array]:
    """A function of a state, and the number of the first, to so many fakes.

    shares: of the labels of a conditional GAN; None: its classes in turn.
    """
    key = jax.random.key(PICTURE_SEED)
    draw = partial(sample, gan, key=key, n=count, shares=shares)
    return jax.jit(lambda state, first=0: draw(state, first=first))


def make_critic(gan: Gan, state: TrainState) -> Callable[[np.ndarray], np.ndarray]:
    """D's logit of each example by itself; of a conditional D, averaged over the
    classes; of a D that judges packs, of a pack of copies."""
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
