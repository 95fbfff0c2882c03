"""All measurements of one GAN of a run, as one dictionary of numbers by section.

`diagnose` calls the function of each section. Those of this module look at the steps
after the final state.
"""

import dataclasses
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gan_jax.config import Config
from gan_jax.diagnostics import ema_gap, late_spread, snapshots, update_cosines
from gan_jax.diagnostics.report import measure_networks, measure_outcome
from gan_jax.diagnostics.report.diagnosed_run import (
    DiagnosedRun,
    Diagnosis,
    batches_of_step,
    has_decayed,
    is_state_finite,
    load_diagnosed_run,
    successive_batches,
)
from gan_jax.diagnostics.report.measure_game import MINUTES, measure_game, measure_path
from gan_jax.evaluate.gan_metrics import (
    JUDGING_BATCHES,
    RESPONSE_UPDATES,
    estimate_duality_gap,
    last_learning_rates,
)
from gan_jax.evaluate.reference import comparison_indices
from gan_jax.metrics import sliced_wasserstein
from gan_jax.run.monitor import shrink_images
from gan_jax.run_files.health import TROUBLE_SIGNS
from gan_jax.run_files.history import make_record
from gan_jax.run_files.summary import decide_verdict
from gan_jax.sampling import sample
from gan_jax.step import train_step
from gan_jax.types import TrainState

EXAMPLES = 1000
"""The number of samples of which a distance to the data is taken."""
FRESH_STEPS = 12
"""Steps made from the final state, to see how updates follow each other."""


def diagnose(
    run: str | Path,
    *,
    index: int = 0,
    data_name: str | None = None,
    count: int | None = 10,
    minutes: float = MINUTES,
    tell: Callable[[str], None] = lambda section: None,
) -> Diagnosis:
    """Return all numbers of a run's final state, by section; see docs/diagnostics.md.

    run: the run's folder. index: which GAN of a run of several. data_name: the data set
    that holds the run's data by now; None: that of its Config. count: the number of
    eigenvalues of the game to look for; None: none. minutes: for how long they are
    looked for. tell: called with each section's name before it is measured. A section
    that cannot be measured is `{"skipped": why}`. Raises ValueError for a folder that
    holds no run.
    """
    if not minutes > 0:
        raise ValueError(f"minutes {minutes}: must be over 0")
    if count is not None and not 1 <= count <= 100:
        raise ValueError(f"count {count}: must be 1 to 100 eigenvalues")
    diagnosed = load_diagnosed_run(run, index, data_name)
    diagnosis = describe_run(diagnosed) | {"run": str(run), "index": index}
    for name, measure in SECTIONS.items():
        tell(name)
        if name == "game":
            measure = partial(measure, count=count, minutes=minutes)
        if name in SECTIONS_OF_ROWS or diagnosis["finite"]:
            diagnosis[name] = measure_or_skip(partial(measure, diagnosed))
        else:
            diagnosis[name] = {"skipped": "the state is not finite"}
    return diagnosis


def measure_or_skip(measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return a section's numbers, or `{"skipped": why}` if it raises ValueError.

    What overflows in a state that is about to diverge is infinite or NaN, and null in
    the file, without a warning.
    """
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            return measure()
    except ValueError as error:
        return {"skipped": str(error)}


def to_json_value(value: Any) -> Any:
    """Return a value as JSON has it: null for what is not finite, keys as text.

    Arrays in dictionaries (the samples that the page shows) are left out.
    """
    if isinstance(value, dict):
        kept = {k: v for k, v in value.items() if not isinstance(v, np.ndarray)}
        return {str(k): to_json_value(v) for k, v in kept.items()}
    if isinstance(value, list | tuple):
        return [to_json_value(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    is_number = not isinstance(value, float) or math.isfinite(value)
    return value if is_number else None


def describe_run(run: DiagnosedRun) -> dict[str, Any]:
    """Return which run it is, how far it got, how it ended and what its log reports."""
    config, step = run.config, int(run.state.step)
    record = make_record(run.label, run.rows, {}, run.events)
    signs = [
        {"step": event["step"], "sign": event["sign"]}
        for event in run.events
        if event.get("sign") in TROUBLE_SIGNS
    ]
    rate = last_learning_rates(config, run.state)
    return {
        "label": run.label,
        "step": step,
        "steps": config.steps,
        "verdict": decide_verdict(config, record, step) if run.rows else "interrupted",
        "fault": record.faults[0] if record.faults else None,
        "finite": is_state_finite(run.state),
        "signs": signs,
        "damage": list(run.damage),
        "method": describe_method(config),
        "g_rate": rate.generator,
        "d_rate": rate.discriminator,
        "decayed": has_decayed(run),
        "config": dataclasses.asdict(config),
    }


def describe_method(config: Config) -> str:
    """Return a line such as `ring, minimax + r1, mlp, alternating, adam 0.0002`."""
    penalty = "" if config.penalty.name == "none" else f" + {config.penalty.name}"
    groups = config.g_optimizer, config.d_optimizer
    optimizers = {f"{group.name} {group.learning_rate:g}" for group in groups}
    return ", ".join(
        [
            config.dataset.name,
            f"{config.loss.name}{penalty}",
            config.model.name or "natural pair",
            config.dynamics.name,
            " and ".join(sorted(optimizers)),
        ]
    )


def measure_motion(run: DiagnosedRun) -> dict[str, Any]:
    """Return how updates follow each other, how metrics wander, and raw against EMA.

    The cosines are those of the updates up to the first state that is not finite; of
    fewer than two updates there are none.
    """
    states = steps_ahead(run, FRESH_STEPS)
    cosines = {}
    for player in measure_networks.PLAYERS:
        points = snapshots([getattr(state, player).params for state in states])
        cosines[player] = update_cosines(points).tolist() if len(points) > 2 else []
    return {
        "cosines": cosines,
        "spread": late_values(run),
        "ema": distances_to_data(run),
    }


def steps_ahead(run: DiagnosedRun, steps: int) -> list[TrainState]:
    """Return the final state and the finite states of up to `steps` steps after it."""
    states = [run.state]
    step = jax.jit(lambda state, batch: train_step(run.gan, state, batch)[0])
    for ahead in range(steps):
        state = step(states[-1], batches_of_step(run, ahead))
        if not is_state_finite(state):
            break
        states.append(state)
    return states


def late_values(run: DiagnosedRun) -> dict[str, dict[str, float]]:
    """Return mean and deviation of each logged number in the last quarter of the run.

    These are losses, logits and metrics of which at least 8 values are finite.
    """
    names = {k for row in run.rows for k in row if "@" in k or k == "diversity"}
    late_numbers = {}
    for name in (*measure_outcome.LOGGED, *sorted(names)):
        values = [row[name] for row in run.rows if np.isfinite(row.get(name, np.nan))]
        if len(values) >= 8:
            late = values[-max(2, round(len(values) / 4)) :]
            late_numbers[name] = {
                "spread": late_spread(values),
                "mean": float(np.mean(late)),
            }
    return late_numbers


def distances_to_data(run: DiagnosedRun) -> dict[str, float]:
    """Return sliced Wasserstein distances to the data of raw and averaged samples."""
    indices = comparison_indices(run.data, min(EXAMPLES, run.data.spec.size), 0)
    real = shrink_images(np.asarray(run.data.get(indices).image))
    key, size = jax.random.key(0), run.config.batch_size
    draw = jax.jit(partial(sample, run.gan), static_argnames=("n", "ema"))

    def distance(ema: bool) -> float:
        starts = range(0, len(real), size)
        parts = [draw(run.state, key, n=size, ema=ema, first=i) for i in starts]
        fakes = shrink_images(np.concatenate(parts)[: len(real)])
        return float(sliced_wasserstein(real, fakes))

    raw, averaged = distance(False), distance(True)
    return {"raw": raw, "averaged": averaged, "gap": ema_gap(raw, averaged)}


def measure_duality(run: DiagnosedRun) -> dict[str, Any]:
    """Return the duality gap of zero-sum losses, by few steps of best response."""
    batches = successive_batches(run, RESPONSE_UPDATES + JUDGING_BATCHES)
    return estimate_duality_gap(run.gan, run.state, batches)._asdict()


SECTIONS: dict[str, Callable[..., dict[str, Any]]] = {
    "samples": measure_outcome.measure_samples,
    "quality": measure_outcome.measure_quality,
    "losses": measure_outcome.measure_losses,
    "layers": measure_networks.measure_layers,
    "course": measure_networks.measure_course,
    "units": measure_networks.measure_units,
    "kernels": measure_networks.measure_kernels,
    "critic": measure_networks.measure_critic,
    "overfitting": measure_networks.measure_overfitting,
    "game": measure_game,
    "path": measure_path,
    "motion": measure_motion,
    "duality": measure_duality,
}
"""The function that measures each section, in the order of measurement."""
SECTIONS_OF_ROWS = ("losses", "course")
"""The sections that need the log alone, and so no finite state."""
