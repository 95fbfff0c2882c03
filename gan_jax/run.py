"""A whole run on the host: data, steps, logs, pictures, the final state."""

import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gan_jax import logs
from gan_jax.build import build, dataset
from gan_jax.checkpoint import load_state, save_state
from gan_jax.config import Config, from_json, to_json
from gan_jax.data import Dataset, batch_indices, supply
from gan_jax.data.cache import cache_folder
from gan_jax.data.supply import streamed
from gan_jax.gan import Gan, init_state, net_variables
from gan_jax.train import sample, train_step
from gan_jax.types import Array, Batch, Metrics, TrainState

FILES = ("config.json", "metrics.jsonl", "samples.png", "curves.png", "summary.json")
CHECKPOINT = "checkpoint"
PICTURE_SEED = 4_000_000_009
"""The pictures' latents are the same at every step of every run."""
Row = dict[str, Any]


def train(
    config: Config,
    out: str | Path,
    *,
    callback: Callable[[Row], None] | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> tuple[TrainState, Row]:
    """Train to the end and write the folder `out`; returns the state and the summary.

    callback: called with each logged row (step, wall_seconds and the step's metrics).
    overwrite: replace the files of an earlier run in `out`. progress: show a bar.

    The run ends with a verdict: "completed", "diverged" (a metric was not finite) or
    "interrupted" (Ctrl-C; the step is finished and everything is written). Raises
    ValueError for a Config that cannot be built and FileExistsError for a folder that
    is in use.
    """
    gan, data, folder = build(config), dataset(config), Path(out)
    refuse_used(folder, overwrite)
    how = placed(config, data)  # reads the data before anything is written
    with stop_request() as stopped, logs.progress_bar(progress) as bar:
        state = jax.jit(partial(init_state, gan))(jax.random.key(config.seed))
        claim(folder, config)
        rows: list[Row] = []
        if progress:
            bar.console.print(f"data: {how}")
        task = bar.add_task(
            "", total=config.steps, rate=0, d_loss=np.nan, g_loss=np.nan
        )

        def show(row: Row) -> None:
            logs.append_line(folder / "metrics.jsonl", row)
            rows.append(row)
            losses = {name: row[name] for name in ("d_loss", "g_loss")}
            rate = steps_per_second(rows)
            bar.update(task, completed=row["step"], rate=rate, **losses)
            if callback:
                callback(row)

        draw = partial(write_samples, folder / "samples.png", gan, data, sampler(gan))
        started = time.perf_counter()
        state, verdict = loop(config, gan, data, state, show, draw, stopped)
        wall_seconds = time.perf_counter() - started
        draw(state)
        logs.curves(folder / "curves.png", rows)
        save_state(folder / CHECKPOINT, state)
        summary = summarize(verdict, state, rows, wall_seconds) | {"data": how}
        logs.write_json(folder / "summary.json", summary)
    return state, summary


def loop(
    config: Config,
    gan: Gan,
    data: Dataset,
    state: TrainState,
    show: Callable[[Row], None],
    draw: Callable[[TrainState], None],
    stopped: Callable[[], bool],
) -> tuple[TrainState, str]:
    """The steps themselves; metrics are fetched every `config.log.every` steps."""
    step = jax.jit(partial(gather_and_step, gan, data.gather), donate_argnums=0)
    batches = supply(
        data,
        config.batch_size,
        config.d_steps,
        config.seed,
        range(config.steps),
        device_limit=config.dataset.device_limit,
    )
    started = time.perf_counter()
    unseen: list[Metrics] = []
    for number, (stored, indices) in enumerate(batches, start=1):
        state, metrics = step(state, stored, indices)
        unseen.append(metrics)
        last = number == config.steps or stopped()
        if number % config.log.every == 0 or number == 1 or last:
            seen, unseen = jax.device_get(unseen), []
            bad = (i for i, metrics in enumerate(seen) if not metrics["finite"])
            index = next(bad, len(seen) - 1)
            row = {name: value.item() for name, value in seen[index].items()}
            row |= lazy_metrics(config, seen[: index + 1], number - len(seen))
            at = number - len(seen) + 1 + index
            show({"step": at, "wall_seconds": time.perf_counter() - started} | row)
            if not row["finite"]:
                return state, "diverged"
            if last:
                return state, "completed" if number == config.steps else "interrupted"
        if config.log.samples_every and number % config.log.samples_every == 0:
            draw(state)
    raise AssertionError("unreachable: the last step returns")


def lazy_metrics(config: Config, seen: list[Metrics], first: int) -> Row:
    """The penalties' metrics at the last of these steps at which they were due.

    first: how many steps came before. Nothing where none was due.
    """
    every = {
        "d_penalty": config.penalty.every,
        "critic_grad_norm": config.penalty.every,
        "g_penalty": config.generator_penalty.every,
    }
    return {
        name: metrics[name].item()
        for number, metrics in enumerate(seen, start=first)
        for name, interval in every.items()
        if name in metrics and number % interval == 0
    }


def gather_and_step(
    gan: Gan,
    gather: Callable[[Any, Array], Batch],
    state: TrainState,
    stored: Any,
    indices: Array,
) -> tuple[TrainState, Metrics]:
    return train_step(gan, state, gather(stored, indices))


def placed(config: Config, data: Dataset) -> str:
    """Read the data; where they lie, in words."""
    size = f"{config.dataset.name}, {data.nbytes / 1e9:.3f} GB"
    limit = config.dataset.device_limit
    if streamed(data, limit):
        return f"{size}: streamed from {cache_folder()} (over device_limit {limit} GB)"
    jax.block_until_ready(data.on_device)
    return f"{size}: on the device"


def refuse_used(folder: Path, overwrite: bool) -> None:
    """FileExistsError for a folder that this run must not write to."""
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"out {folder}: is a file; choose another --out")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    if not overwrite:
        raise FileExistsError(
            f"out {folder}: exists and is not empty; choose another --out, or "
            "--overwrite to replace the run in it"
        )
    if not (folder / "config.json").exists():
        raise FileExistsError(
            f"out {folder}: holds no run (no config.json), so --overwrite leaves "
            "it alone; choose another --out"
        )


def claim(folder: Path, config: Config) -> None:
    """Make the folder, without an earlier run's files, and write config.json."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            (folder / name).unlink(missing_ok=True)
        shutil.rmtree(folder / CHECKPOINT, ignore_errors=True)
        (folder / "config.json").write_text(to_json(config))
    except OSError as error:
        raise OSError(
            f"out {folder}: cannot be written ({error.strerror}); choose another --out"
        ) from None


@contextmanager
def stop_request() -> Iterator[Callable[[], bool]]:
    """A function that tells whether Ctrl-C was pressed; a second one interrupts."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    previous = signal.getsignal(signal.SIGINT)

    def ask(signum, frame):
        asked.set()
        signal.signal(signal.SIGINT, previous)

    signal.signal(signal.SIGINT, ask)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, previous)


def sampler(gan: Gan) -> Callable[[TrainState], Array]:
    """The fakes of a run's pictures: 1,000 points or 100 images."""
    count = 1000 if len(gan.data_shape) == 1 else 100
    key = jax.random.key(PICTURE_SEED)
    return jax.jit(lambda state: sample(gan, state, key, count))


def write_samples(
    path: Path,
    gan: Gan,
    data: Dataset,
    draw: Callable[[TrainState], Array],
    state: TrainState,
) -> None:
    """Images: a grid of fakes. Points: real and fake ones over D's logit.

    A conditional D's logit is averaged over the classes.
    """
    fake = np.asarray(draw(state))
    points = len(gan.data_shape) == 1
    if not points:
        return logs.image_grid(path, fake)

    def critic(x: np.ndarray) -> np.ndarray:
        judge = partial(gan.discriminator.apply, net_variables(state.discriminator), x)
        if gan.label_count is None:
            return np.asarray(judge(None, train=False))
        classes = (np.full(len(x), k) for k in range(gan.label_count))
        return np.mean([np.asarray(judge(k, train=False)) for k in classes], axis=0)

    chosen = batch_indices(len(data), min(len(fake), len(data)), 1, 0, 0)[0]
    picture = logs.line if gan.data_shape == (1,) else logs.scatter
    picture(path, np.asarray(data.get(chosen).image), fake, critic)


def summarize(
    verdict: str, state: TrainState, rows: list[Row], wall_seconds: float
) -> Row:
    """The run in one small dictionary."""
    last = rows[-1]
    return {
        "verdict": verdict,
        "steps": last["step"],
        "wall_seconds": round(wall_seconds, 2),
        "first_step_seconds": round(rows[0]["wall_seconds"], 2),
        "steps_per_second": round(steps_per_second(rows), 2),
        "parameters": {
            "generator": parameter_count(state.generator.params),
            "discriminator": parameter_count(state.discriminator.params),
        },
        "last_row": {
            k: round(v, 6) if np.isfinite(v) else None
            for k, v in last.items()
            if k != "wall_seconds"
        },
        "device": f"{jax.device_count()} x {jax.devices()[0].device_kind}",
        "versions": {
            name: version(name) for name in ("gan_jax", "jax", "flax", "optax")
        },
    }


def steps_per_second(rows: list[Row]) -> float:
    """The rate after the first row, which holds the compilation."""
    steps = rows[-1]["step"] - rows[0]["step"]
    return steps / max(rows[-1]["wall_seconds"] - rows[0]["wall_seconds"], 1e-9)


def parameter_count(params: Any) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(params))


def load_generator(run: str | Path) -> tuple[Callable[..., Array], Config]:
    """`(sample, config)` of a finished run; `sample(key, n, ema=True, label=None)`.

    key: typed (`jax.random.key(0)`). Returns images `[n, H, W, C]` in [-1, 1], or
    points `[n, 2]`; label as in `gan_jax.sample`. Reads only config.json and arrays:
    nothing in the folder runs.
    """
    folder = Path(run)
    path = folder / "config.json"
    if not path.is_file():
        raise ValueError(f"run {folder}: holds no config.json; is it a run's folder?")
    config = from_json(path.read_text(), str(path))
    gan = build(config)
    like = jax.eval_shape(partial(init_state, gan), jax.random.key(0))
    state = load_state(folder / CHECKPOINT, like)

    def draw(
        key: Array, n: int, *, ema: bool = True, label: Array | None = None
    ) -> Array:
        return jitted(state, key, n=n, ema=ema, label=label)

    jitted = jax.jit(partial(sample, gan), static_argnames=("n", "ema"))
    return draw, config
