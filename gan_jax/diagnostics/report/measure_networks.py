"""Measurements of the networks: their gradients, units and kernels, and D as a critic.

Each `measure_*` returns the numbers of one section of a diagnosis, and raises
ValueError where they cannot be had.
"""

from typing import Any

import numpy as np

from gan_jax.assembly.datasets import find_dataset
from gan_jax.config import Config
from gan_jax.diagnostics import (
    critic_gradient_norms,
    dead_units,
    gradient_flow,
    gradient_quantiles,
    logit_gap,
    singular_values,
)
from gan_jax.diagnostics.report.diagnosed_run import (
    DiagnosedRun,
    column,
    kernel_paths,
    next_batch,
    paths_by_depth,
)
from gan_jax.diagnostics.report.measure_outcome import spread_rows
from gan_jax.evaluate.gan_metrics import collect_real_logits
from gan_jax.evaluate.reference import comparison_batches, unseen_dataset
from gan_jax.gan import pack_examples

PLAYERS = ("generator", "discriminator")
MOST_STEPS = 200
"""The largest number of steps of a log that the chart of gradients shows."""
EXAMPLES = 1000
"""The number of reals of each kind on which D is judged."""


def measure_layers(run: DiagnosedRun) -> dict[str, Any]:
    """Return gradient, weight, update and their ratio of each array, by depth."""
    flows = gradient_flow(run.gan, run.state, *next_batch(run))
    return {
        player: {path: flow[path]._asdict() for path in paths}
        for player, paths, flow in zip(
            PLAYERS, paths_by_depth(run.gan), flows, strict=True
        )
    }


def measure_course(run: DiagnosedRun) -> dict[str, Any]:
    """Return the kernels' gradient norms over time, if they were logged."""
    logged = [
        row for row in run.rows if any(name.startswith("g_grad_norm/") for name in row)
    ]
    if not logged:
        raise ValueError("the run did not log its layers; train with --log.layers")
    rows = spread_rows(logged, MOST_STEPS)
    course: dict[str, Any] = {"steps": [row["step"] for row in rows]}
    for player, paths in zip(PLAYERS, paths_by_depth(run.gan), strict=True):
        course[f"{player}_grad_norm"] = {
            path: column(rows, f"{player[0]}_grad_norm/{path}").tolist()
            for path in kernel_paths(paths)
        }
    return course


def measure_units(run: DiagnosedRun) -> dict[str, Any]:
    """Return the share of dead units of each activation."""
    shares = dead_units(run.gan, run.state, *next_batch(run))
    return {
        player: share.tolist() for player, share in zip(PLAYERS, shares, strict=True)
    }


def measure_kernels(run: DiagnosedRun) -> dict[str, Any]:
    """Return the singular values of every kernel, in order of depth."""
    nets = run.state.generator, run.state.discriminator
    kernels = {}
    for player, paths, net in zip(PLAYERS, paths_by_depth(run.gan), nets, strict=True):
        values = singular_values(net.params)
        kernels[player] = {
            path: values[path].tolist() for path in paths if path in values
        }
    if not any(kernels.values()):
        raise ValueError("the networks have no kernels")
    return kernels


def measure_critic(run: DiagnosedRun) -> dict[str, Any]:
    """Return D's input gradients, and the data's deviation to compare them with.

    `deviation` is the root mean square of |input - mean| over the inputs of D.
    """
    batch, keys = next_batch(run)
    norms = critic_gradient_norms(run.gan, run.state, batch, keys)
    inputs = pack_examples(run.gan.pack, batch.image)
    x = np.asarray(inputs, np.float64).reshape(len(inputs), -1)
    return {
        "norms": {place: np.asarray(norm).tolist() for place, norm in norms.items()},
        "quantiles": gradient_quantiles(norms),
        "deviation": float(np.sqrt(((x - x.mean(0)) ** 2).sum(axis=1).mean())),
    }


def measure_overfitting(run: DiagnosedRun) -> dict[str, Any]:
    """Return D's logits of the training's reals and of reals that it has not met."""
    other = unseen_dataset(run.config.dataset)
    if other is None:
        raise ValueError("the data have no held-out examples")
    held_out = find_dataset(Config(dataset=other))
    size = run.config.batch_size
    training, others = (
        collect_real_logits(
            run.gan, run.state, comparison_batches(data, EXAMPLES, size, turn)
        )
        for turn, data in enumerate((run.data, held_out))
    )
    gap = logit_gap(training, others, boundary=run.gan.loss.boundary)
    return {
        "gap": gap._asdict(),
        "logits": {"training": training.tolist(), "held_out": others.tolist()},
    }
