"""How fast batches reach the step: `python -m benchmarks.supply`.

Prints the time of an on-device gather beside one of a whole DCGAN step on the same
data, and how long a consumer of 2,000 images a second waits for streamed batches.
"""

import dataclasses
import json
import sys
import time
from dataclasses import dataclass, field
from functools import partial

import jax
import numpy as np

from gan_jax import METHODS, Config, build, init_state, train_step
from gan_jax.assembly.datasets import find_dataset
from gan_jax.command_line.flags import parse
from gan_jax.command_line.user_errors import catch_user_errors
from gan_jax.config import DatasetConfig, ModelConfig
from gan_jax.config.serialization import validate
from gan_jax.data import (
    Dataset,
    batch_indices,
    make_batch_source,
    step_indices,
    stream_batches,
)

CONFIG = dataclasses.replace(
    METHODS["ns_gan"],
    dataset=DatasetConfig("cifar10"),
    model=ModelConfig("dcgan", g_norm="batch"),
)
CONSUMER = 2000
"""Images per second."""


@dataclass(frozen=True)
class Flags:
    batch_size: int = CONFIG.batch_size
    """Examples per update."""
    dataset: DatasetConfig = field(default_factory=lambda: CONFIG.dataset)


def median_seconds(function, repeats: int) -> float:
    """Return the median time of a call, after one that is not counted."""
    jax.block_until_ready(function())
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(function())
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def time_gather_and_step(config: Config, data: Dataset) -> tuple[float, float]:
    """Return the median seconds of a jitted gather, and of a jitted training step."""
    gan = build(config)
    state = init_state(gan, jax.random.key(0))
    held = make_batch_source(data, np.inf)
    shared = jax.device_put(held.shared)
    indices = batch_indices(len(data), config.batch_size, 1, 0, 0)
    gather = jax.jit(held.gather)
    step = jax.jit(partial(train_step, gan))
    batch = gather(shared, indices)
    return (
        median_seconds(partial(gather, shared, indices), 200),
        median_seconds(partial(step, state, batch), 10),
    )


def measure_waiting_share(data: Dataset, batch_size: int, batches: int = 200) -> float:
    """Return the share of time that a consumer of 2,000 images/s waits for batches."""
    order = partial(step_indices, data, batch_size, 1, [0])
    stream = stream_batches(make_batch_source(data, 0), order, np.arange(batches + 2))
    next(stream)
    waited, started = 0.0, time.perf_counter()
    for _ in range(batches):
        request_time = time.perf_counter()
        jax.block_until_ready(jax.device_put(next(stream)))
        waited += time.perf_counter() - request_time
        time.sleep(batch_size / CONSUMER)
    return waited / (time.perf_counter() - started)


def start(arguments: list[str]) -> None:
    """Measure the supply and print it."""
    flags = parse(
        Flags, arguments, prog="python -m benchmarks.supply", description=__doc__
    )
    config = validate(dataclasses.replace(CONFIG, **vars(flags)))
    data = find_dataset(config)
    _ = data.on_host
    started = time.perf_counter()
    _ = find_dataset(config).on_host
    cached = time.perf_counter() - started
    gather, step = time_gather_and_step(config, data)
    facts = {
        "dataset": config.dataset.name,
        "batch_size": config.batch_size,
        "load_from_cache_seconds": round(cached, 3),
        "gather_ms": round(1e3 * gather, 3),
        "step_ms": round(1e3 * step, 1),
        "gather_share_of_step": round(gather / step, 4),
        "consumer_images_per_second": CONSUMER,
        "waiting_share": round(measure_waiting_share(data, config.batch_size), 4),
        "device": jax.devices()[0].device_kind,
    }
    print(json.dumps(facts, indent=2))


def main(arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    return catch_user_errors(partial(start, arguments))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
