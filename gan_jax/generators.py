"""The generator of a run's folder."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import jax

from gan_jax.build import build
from gan_jax.checkpoint import FOLDER, newest, restore
from gan_jax.config import Config, from_file
from gan_jax.gan import init_state
from gan_jax.parallel import init_states, member
from gan_jax.program import members_of
from gan_jax.train import sample
from gan_jax.types import Array


def load_generator(
    run: str | Path, *, index: int = 0
) -> tuple[Callable[..., Array], Config]:
    """`(sample, config)` of a run; `sample(key, n, ema=True, label=None, first=0)`.

    index: which GAN of a run of several, as in members.jsonl. key: typed
    (`jax.random.key(0)`). Returns images `[n, H, W, C]` in [-1, 1], or points `[n, 2]`;
    label and first as in `gan_jax.sample`. Reads only config.json and arrays: nothing in the
    folder runs.
    """
    folder = Path(run)
    path = folder / "config.json"
    if not path.is_file():
        raise ValueError(f"run {folder}: holds no config.json; is it a run's folder?")
    config = from_file(path)
    gan, members = build(config), members_of(config)
    count = len(members or [None])
    if not 0 <= index < count:
        raise ValueError(f"index {index}: the run has {count} GAN(s), counted from 0")
    found = newest(folder / FOLDER)
    if found is None:
        raise ValueError(f"run {folder}: has no checkpoint yet")
    keys = jax.random.split(jax.random.key(0), count)
    if members is None:
        state = restore(found[0], jax.eval_shape(partial(init_state, gan), keys[0]))
    else:
        like = jax.eval_shape(partial(init_states, gan), keys)
        state = member(restore(found[0], like), index)

    def draw(
        key: Array,
        n: int,
        *,
        ema: bool = True,
        label: Array | None = None,
        first: int = 0,
    ) -> Array:
        return jitted(state, key, n=n, ema=ema, label=label, first=first)

    jitted = jax.jit(partial(sample, gan), static_argnames=("n", "ema"))
    return draw, config
