"""The contenders of `benchmarks.speed`: a GAN's step in gan_jax and in PyTorch."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.speed.flops import count_flops
from gan_jax import METHODS, Batch, Config, TrainState, build, init_state, train_step
from gan_jax.assembly.datasets import find_dataset
from gan_jax.config import DatasetConfig, EmaConfig, ModelConfig, PenaltyConfig
from gan_jax.parallel.compiler import compiler_options
from gan_jax.parallel.execution import make_program

RunUnits = Callable[[int], None]
"""A function that makes so many units of steps and waits for them."""
Compiled = Literal["", "networks", "step"]
"""What torch.compile is given: nothing, both networks, or the whole step."""
MANY_CALLS = 10**6
"""Calls for which indices of batches are prepared: more than are ever timed."""


class Contender(NamedTuple):
    """A step that is timed.

    run_units: makes steps. unit: the steps of its smallest call. flops: of a step.
    bytes: what a step holds at once, if a compiler has planned it.
    """

    run_units: RunUnits
    unit: int
    flops: int
    bytes: int | None = None


def digits_dataset(side: int) -> DatasetConfig:
    """Return the scanned digits as colour images: real data that needs no download."""
    return DatasetConfig("digits", resolution=side, rgb=True)


CASES: dict[str, tuple[int, DatasetConfig, ModelConfig]] = {
    "ring": (256, DatasetConfig("ring"), ModelConfig("mlp", width=128)),
    "digits": (64, DatasetConfig("digits"), ModelConfig("dcgan", width=64)),
    "dcgan32": (64, digits_dataset(32), ModelConfig("dcgan", width=64)),
    "dcgan64": (64, digits_dataset(64), ModelConfig("dcgan", width=64)),
    "resnet32": (16, digits_dataset(32), ModelConfig("resnet", width=128)),
    "resize32": (64, digits_dataset(32), ModelConfig("resize", width=32)),
}
"""Batch size, data and networks of each case."""

VARIANTS: dict[str, tuple[str, bool]] = {
    "none": ("ns_gan", False),
    "r1": ("r1", False),
    "wgan_gp": ("wgan_gp", False),
    "spectral": ("ns_gan", True),
}
"""An entry of METHODS, at one D step, and whether D is spectrally normalized."""


def case_config(case: str, variant: str, batch: int | None = None) -> Config:
    """Return the Config of a case; batch: another batch size."""
    size, data, model = CASES[case]
    name, spectral = VARIANTS[variant]
    return replace(
        METHODS[name],
        batch_size=batch or size,
        d_steps=1,
        dataset=data,
        model=replace(model, d_spectral=spectral),
        ema=EmaConfig(decay=0.999, warmup=False),
    )


def our_contender(config: Config) -> Contender:
    """Return a run of gan_jax as `train` makes it, batches gathered on the device."""
    return Contender(
        *make_runner(config),
        count_flops(*trace_arguments(config)),
        planned_bytes(config),
    )


def make_runner(config: Config) -> tuple[RunUnits, int]:
    """Return `run_units` and `unit` of `our_contender`."""
    data = find_dataset(config)
    work = make_program(config, data)
    unit = work.steps_per_call
    splits: Iterator[Any] = iter(work.splits(np.arange(0, MANY_CALLS * unit, unit)))
    held = [work.init()]

    def run_units(units: int) -> None:
        metrics: Any = ()
        for _ in range(units):
            held[0], metrics = work.advance(held[0], next(splits))
        jax.block_until_ready(metrics)

    return run_units, unit


def trace_arguments(config: Config) -> tuple[Callable, TrainState, Batch]:
    """Return a step and the shapes of its arguments; nothing is computed."""
    gan = build(config)
    state = jax.eval_shape(partial(init_state, gan), jax.random.key(0))
    shape = (config.d_steps, config.batch_size, *gan.data_shape)
    batch = jax.eval_shape(lambda: Batch(jnp.zeros(shape)))
    return partial(train_step, gan), state, batch


def planned_bytes(config: Config) -> int:
    """Return the bytes of a step's arguments and of what XLA plans to hold at once."""
    step, *arguments = trace_arguments(config)
    options = compiler_options()
    jitted = jax.jit(step, donate_argnums=0, compiler_options=options)
    plan = jitted.lower(*arguments).compile().memory_analysis()
    assert plan is not None, "CPU, GPU and TPU have one"
    return plan.argument_size_in_bytes + plan.temp_size_in_bytes


def flagged_contender(flags: str, config: Config) -> Contender:
    """Return `our_contender`, in a process whose XLA has further flags."""
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}"
    return our_contender(config)


def torch_contender(
    config: Config, compiled: Compiled = "", tuned: bool = False
) -> Contender:
    """Return PyTorch's step on one fixed batch.

    compiled: what torch.compile is given. tuned: whether PyTorch has its fastest
    settings, as `tune_torch` makes them. See `benchmarks.speed.torch_step`.
    """
    import torch

    from benchmarks.speed.torch_step import tune_torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    if tuned:
        tune_torch()
    step = make_torch_step(config, device, compiled, tuned)

    def run_units(units: int) -> None:
        for _ in range(units):
            step()
        if device == "cuda":
            torch.cuda.synchronize()

    abstract = make_torch_step(config, "meta")
    return Contender(run_units, 1, count_torch_flops(abstract))


def make_torch_step(
    config: Config, device: str, compiled: Compiled = "", tuned: bool = False
) -> Callable[[], Any]:
    """Return a function that makes one step of PyTorch's GAN.

    On the device "meta" it computes nothing. compiled: what torch.compile is given.
    tuned: whether images and kernels have their channels last. At the Config's
    precision bf16 the step runs under autocast.
    """
    import torch

    from benchmarks.speed import torch_step

    gan, group = build(config), config.d_optimizer
    *space, channels = gan.data_shape
    shape = (channels, *space) if space else (channels,)
    pair = torch_step.NETWORKS[config.model.name or "mlp"](
        gan.data_shape, config.model.width or 0, gan.z_dim
    )
    if config.model.d_spectral:
        pair = pair[0], torch_step.add_spectral_norms(pair[1])
    real = torch.rand(config.batch_size, *shape, device=device) * 2 - 1
    if tuned and space:
        real = real.to(memory_format=torch.channels_last)
        for net in pair:
            net.to(memory_format=torch.channels_last)  # pyright: ignore
    step = torch_step.make_step_function(
        pair,
        real,
        gan.z_dim,
        config.loss.name,
        config.penalty.name,
        config.penalty.weight,
        torch_step.Adam(group.learning_rate, (group.b1, group.b2 or 0.999)),
        config.ema.decay,
        compiled=compiled == "networks",
    )
    if config.precision == "bf16" and device != "meta":
        step = torch_step.with_autocast(step, device)
    return torch.compile(step) if compiled == "step" else step


def count_torch_flops(step: Callable[[], Any]) -> int:
    """Return a step's FLOPs by PyTorch's own formulas.

    PyTorch's own counter cannot follow a penalty.
    """
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils.flop_counter import flop_registry

    class Counter(TorchDispatchMode):
        total = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            found = func(*args, **(kwargs or {}))
            price = flop_registry.get(func.overloadpacket)
            if price is not None:
                self.total += price(*args, **(kwargs or {}), out_val=found)
            return found

    with Counter() as counter:
        step()
    return counter.total


def product_contender(n: int = 2048, precision: str = "float32") -> Contender:
    """Return matrix products, the rate that a step is held against.

    precision: bf16, or any other of the Config's, which are float32 arrays whose
    products are those of the backend's default.
    """
    a = jnp.ones((n, n), jnp.bfloat16 if precision == "bf16" else jnp.float32)
    product = jax.jit(jnp.matmul)

    def run_units(units: int) -> None:
        found = a
        for _ in range(units):
            found = product(a, a)
        jax.block_until_ready(found)

    return Contender(run_units, 1, 2 * n**3)


def penalty_config(name: str) -> Config:
    """Return the plain GAN on `dcgan32` with a penalty of PENALTIES (weight 10)."""
    return replace(case_config("dcgan32", "none"), penalty=PenaltyConfig(name))
