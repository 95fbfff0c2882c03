"""The GANs and the generator that a run's folder holds."""

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax

from gan_jax.assembly.assemble import build
from gan_jax.config import Config
from gan_jax.config.serialization import from_file
from gan_jax.gan import Gan, init_state
from gan_jax.parallel.ensemble import init_states, member_state
from gan_jax.parallel.execution import Member, members_of
from gan_jax.plugins.load import load_copies
from gan_jax.run_files.checkpoint import CHECKPOINT_FOLDER, newest_intact, restore_state
from gan_jax.run_files.data_facts import read_facts, recorded_shares
from gan_jax.sampling import sample
from gan_jax.types import Array, TrainState


class TrainedRun(NamedTuple):
    """A run that is read from its folder.

    label: the seed and the sweep factors of one of its GANs, or nothing if it has a
    single one. read: returns the state of that GAN from the path of a checkpoint.
    read_all: returns the states of all GANs.
    """

    gan: Gan
    config: Config
    label: Member
    read: Callable[[Path], TrainState]
    read_all: Callable[[Path], list[TrainState]]


def open_run(run: str | Path, *, index: int = 0) -> TrainedRun:
    """Open the folder of a run; raise ValueError as `load_run` does."""
    folder = Path(run)
    path = folder / "config.json"
    if not path.is_file():
        raise ValueError(f"run {folder}: holds no config.json; is it a run's folder?")
    config, facts = from_file(path), read_facts(folder)
    config = dataclasses.replace(config, plugin=load_copies(folder, config.plugin))
    gan = build(config, spec=facts and facts.spec)
    members = members_of(config)
    count = len(members or [None])
    if not 0 <= index < count:
        raise ValueError(f"index {index}: the run has {count} GAN(s), counted from 0")
    keys = jax.random.split(jax.random.key(0), count)

    def read(path: Path, indices: Sequence[int] = (index,)) -> list[TrainState]:
        if members is None:
            return [
                restore_state(path, jax.eval_shape(partial(init_state, gan), keys[0]))
            ]
        like = jax.eval_shape(partial(init_states, gan), keys)
        states = restore_state(path, like)
        return [member_state(states, i) for i in indices]

    return TrainedRun(
        gan,
        config,
        members[index] if members else {},
        lambda path: read(path)[0],
        lambda path: read(path, range(count)),
    )


def load_run(run: str | Path, *, index: int = 0) -> tuple[Gan, TrainState, Config]:
    """Return what a run trained, from its newest intact checkpoint.

    index: the place of the GAN in members.jsonl, for a run of several. The function
    reads config.json, data.json and arrays. It also executes the copies of the run's
    plugins, if there are any, so a stranger's run with plugins is a program. The
    training data need not be there, but for runs from before 0.2, which have no
    data.json. Raises ValueError for a folder without a run, without a checkpoint, or
    without that GAN.
    """
    found = open_run(run, index=index)
    return found.gan, found.read(newest_checkpoint(run)), found.config


def load_members(run: str | Path) -> tuple[Gan, list[TrainState], Config]:
    """Return what `load_run` does, with the states of all GANs in their order."""
    found = open_run(run)
    return found.gan, found.read_all(newest_checkpoint(run)), found.config


def newest_checkpoint(run: str | Path) -> Path:
    """Return a run's newest intact checkpoint; raise ValueError if it has none."""
    found = newest_intact(Path(run) / CHECKPOINT_FOLDER)
    if found is None:
        raise ValueError(f"run {Path(run)}: has no checkpoint yet")
    return found[0]


def load_generator(
    run: str | Path, *, index: int = 0
) -> tuple[Callable[..., Array], Config]:
    """Load the generator of a run from its newest intact checkpoint.

    The training data need not be there, but for runs from before 0.2, which have no
    data.json. The copies of the run's plugins are executed, if it has any, so a
    stranger's run with plugins is a program.

    Args:
        run: The folder of the run.
        index: The place of the GAN in members.jsonl, for a run of several.

    Returns:
        A function `sample(key, n, *, ema=True, label=None, first=0)` and the Config of
        the run. The function returns images `[n, H, W, C]` in [-1, 1], or points
        `[n, 2]`. Its key is typed (`jax.random.key(0)`), and the other arguments are
        those of `gan_jax.sample`. Labels have the shares of the run's own data
        (`recorded_shares`).

    Raises:
        ValueError: The folder holds no run, no intact checkpoint, or not that GAN.
    """
    gan, state, config = load_run(run, index=index)
    shares = recorded_shares(run)

    def draw(
        key: Array,
        n: int,
        *,
        ema: bool = True,
        label: Array | None = None,
        first: int = 0,
    ) -> Array:
        return jitted(state, key, n=n, ema=ema, label=label, first=first)

    own = partial(sample, gan, shares=shares)
    jitted = jax.jit(own, static_argnames=("n", "ema"))
    return draw, config
