"""Every instrument on one GAN of a run, as one dictionary of numbers."""

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gan_jax.assembly.compatibility import dataset
from gan_jax.config import Config
from gan_jax.diagnostics import (
    critic_gradient_norms,
    dead_units,
    ema_gap,
    gradient_flow,
    gradient_quantiles,
    late_spread,
    logit_gap,
    singular_values,
    snapshots,
    update_cosines,
)
from gan_jax.diagnostics.report.case import (
    Case,
    batches,
    by_depth,
    finite,
    has_decayed,
    in_a_row,
    kernels,
    numbers_of,
    one_batch,
    opened,
)
from gan_jax.diagnostics.report.game import MINUTES, measured_game, measured_path
from gan_jax.diagnostics.report.outcome import measured_losses, measured_samples
from gan_jax.evaluate.gan_metrics import (
    JUDGING_BATCHES,
    RESPONSE_UPDATES,
    collect_real_logits,
    estimate_duality_gap,
    last_learning_rates,
)
from gan_jax.evaluate.reference import (
    comparison_batches,
    comparison_indices,
    unseen_dataset,
)
from gan_jax.evaluate.sample_quality import mode_count
from gan_jax.gan import packed
from gan_jax.metrics import sliced_wasserstein
from gan_jax.run.monitor import coarse, measurer
from gan_jax.run_files.health import RULES
from gan_jax.run_files.history import record_of, verdict
from gan_jax.sampling import sample
from gan_jax.step import train_step

PLAYERS = ("generator", "discriminator")
POINTS = 200
"""Steps of a log that a plot shows, at most."""
EXAMPLES = 1000
"""Reals of each kind on which D is judged; samples of which a distance is taken."""
FRESH = 12
"""Steps made from the final state, to see how updates follow each other."""


def diagnose(
    run: str | Path,
    *,
    index: int = 0,
    data_name: str | None = None,
    count: int | None = 10,
    minutes: float = MINUTES,
    tell: Callable[[str], None] = lambda section: None,
) -> dict[str, Any]:
    """All numbers of a run's final state, by section; see docs/diagnostics.md.

    data_name: the data set that holds the run's data by now; None: that of its Config.
    count: eigenvalues of the game; None: none. minutes: for how long they are looked
    for. tell: called with each section's name. A section that cannot be has
    `{"skipped": why}`. Raises ValueError for what is no run.
    """
    if not minutes > 0:
        raise ValueError(f"minutes {minutes}: must be over 0")
    if count is not None and not 1 <= count <= 100:
        raise ValueError(f"count {count}: must be 1 to 100 eigenvalues")
    case = opened(run, index, data_name)
    found = about(case) | {"run": str(run), "index": index}
    sound = found["finite"]
    for name, section in SECTIONS.items():
        tell(name)
        if name == "game":
            section = partial(section, count=count, minutes=minutes)
        if name in OF_ROWS or sound:
            found[name] = attempted(partial(section, case))
        else:
            found[name] = {"skipped": "the state is not finite"}
    return found


def attempted(section: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return section()
    except ValueError as error:
        return {"skipped": str(error)}


def about(case: Case) -> dict[str, Any]:
    """Which run, how far it got, how it ended, and what its log said of it."""
    config, step = case.config, int(case.state.step)
    record = record_of(case.label, case.rows, {}, case.events)
    signs = [
        {"step": e["step"], "sign": e["sign"]}
        for e in case.events
        if e.get("sign") in RULES
    ]
    rate = last_learning_rates(config, case.state)
    return {
        "label": case.label,
        "step": step,
        "steps": config.steps,
        "verdict": verdict(config, record, step) if case.rows else "interrupted",
        "fault": record.faults[0] if record.faults else None,
        "finite": finite(case.state),
        "signs": signs,
        "damage": list(case.damage),
        "method": described(config),
        "g_rate": rate.generator,
        "d_rate": rate.discriminator,
        "decayed": has_decayed(case),
        "config": dataclasses.asdict(config),
    }


def described(config: Config) -> str:
    """`ring, non_saturating + r1, mlp, alternating, adam 0.0002`."""
    penalty = "" if config.penalty.name == "none" else f" + {config.penalty.name}"
    g, d = config.g_optimizer, config.d_optimizer
    rates = sorted({f"{o.name} {o.learning_rate:g}" for o in (g, d)})
    return ", ".join(
        [
            config.dataset.name,
            f"{config.loss.name}{penalty}",
            config.model.name or "natural pair",
            config.dynamics.name,
            " and ".join(rates),
        ]
    )


def measured_layers(case: Case) -> dict[str, Any]:
    """Gradient, weight, update and their ratio of each array, in order of depth."""
    order, flow = (
        by_depth(case.gan),
        gradient_flow(case.gan, case.state, *one_batch(case)),
    )
    return {
        player: {path: flows[path]._asdict() for path in paths}
        for player, paths, flows in zip(PLAYERS, order, flow, strict=True)
    }


def measured_course(case: Case) -> dict[str, Any]:
    """The kernels' gradient norms over time, if logged."""
    order = by_depth(case.gan)
    logged = [r for r in case.rows if any(k.startswith("g_grad_norm/") for k in r)]
    if not logged:
        raise ValueError("the run did not log its layers; train with --log.layers")
    some = np.unique(np.linspace(0, len(logged) - 1, POINTS).round().astype(int))
    rows = [logged[i] for i in some]
    found: dict[str, Any] = {"steps": [row["step"] for row in rows]}
    for player, paths in zip(PLAYERS, order, strict=True):
        columns = {p: f"{player[0]}_grad_norm/{p}" for p in kernels(paths)}
        series = {p: numbers_of(rows, c).tolist() for p, c in columns.items()}
        found[f"{player}_grad_norm"] = series
    return found


def measured_units(case: Case) -> dict[str, Any]:
    """The share of dead units of each activation."""
    shares = dead_units(case.gan, case.state, *one_batch(case))
    return {k: v.tolist() for k, v in zip(PLAYERS, shares, strict=True)}


def measured_kernels(case: Case) -> dict[str, Any]:
    """Singular values of every kernel, in order of depth."""
    states = case.state.generator, case.state.discriminator
    found = {}
    for player, paths, net in zip(PLAYERS, by_depth(case.gan), states, strict=True):
        values = singular_values(net.params)
        found[player] = {p: values[p].tolist() for p in paths if p in values}
    if not any(found.values()):
        raise ValueError("the networks have no kernels")
    return found


def measured_critic(case: Case) -> dict[str, Any]:
    """D's input gradients; `deviation`: root mean square of its |input - mean|."""
    batch, keys = one_batch(case)
    norms = critic_gradient_norms(case.gan, case.state, batch, keys)
    seen = packed(case.gan.pack, batch.image)
    x = np.asarray(seen, np.float64).reshape(len(seen), -1)
    return {
        "norms": {place: np.asarray(v).tolist() for place, v in norms.items()},
        "quantiles": gradient_quantiles(norms),
        "deviation": float(np.sqrt(((x - x.mean(0)) ** 2).sum(axis=1).mean())),
    }


def measured_overfitting(case: Case) -> dict[str, Any]:
    """D's logits of training reals against reals that it has not met."""
    other = unseen_dataset(case.config.dataset)
    if other is None:
        raise ValueError("the data have no held-out examples")
    held_out = dataset(Config(dataset=other))
    size = case.config.batch_size
    training, others = (
        collect_real_logits(
            case.gan, case.state, comparison_batches(data, EXAMPLES, size, turn)
        )
        for turn, data in enumerate((case.data, held_out))
    )
    found = logit_gap(training, others, boundary=case.gan.loss.boundary)
    shown = {"training": training.tolist(), "held_out": others.tolist()}
    return {"gap": found._asdict(), "logits": shown}


def measured_motion(case: Case) -> dict[str, Any]:
    """How updates follow each other, how metrics wander, raw against averaged G."""
    state, places = case.state, [case.state]
    step = jax.jit(lambda state, batch: train_step(case.gan, state, batch)[0])
    for ahead in range(FRESH):
        state = step(state, batches(case, ahead))
        places.append(state)
    cosines = {}
    for player in PLAYERS:
        points = snapshots([getattr(place, player).params for place in places])
        cosines[player] = update_cosines(points).tolist()
    return {"cosines": cosines, "spread": spreads(case), "ema": averaging(case)}


def spreads(case: Case) -> dict[str, dict[str, float]]:
    """Mean and deviation of the last quarter of each loss and metric of the log."""
    names = {k for row in case.rows for k in row if "@" in k or k == "diversity"}
    found = {}
    for name in ("d_loss", "g_loss", "real_logits", "fake_logits", *sorted(names)):
        values = [row[name] for row in case.rows if np.isfinite(row.get(name, np.nan))]
        if len(values) >= 8:
            late = values[-max(2, round(len(values) / 4)) :]
            spread, mean = late_spread(values), float(np.mean(late))
            found[name] = {"spread": spread, "mean": mean}
    return found


def averaging(case: Case) -> dict[str, float]:
    """Sliced Wasserstein distance of raw and averaged samples to the data."""
    indices = comparison_indices(case.data, min(EXAMPLES, case.data.spec.size), 0)
    real = coarse(np.asarray(case.data.get(indices).image))
    key, size = jax.random.key(0), case.config.batch_size
    draw = jax.jit(partial(sample, case.gan), static_argnames=("n", "ema"))

    def distance(ema: bool) -> float:
        starts = range(0, len(real), size)
        parts = [draw(case.state, key, n=size, ema=ema, first=i) for i in starts]
        fakes = coarse(np.concatenate(parts)[: len(real)])
        return float(sliced_wasserstein(real, fakes))

    raw, averaged = distance(False), distance(True)
    return {"raw": raw, "averaged": averaged, "gap": ema_gap(raw, averaged)}


def measured_duality(case: Case) -> dict[str, Any]:
    """The duality gap of zero-sum losses, by few steps of best response."""
    ahead = in_a_row(case, RESPONSE_UPDATES + JUDGING_BATCHES)
    return estimate_duality_gap(case.gan, case.state, ahead)._asdict()


def measured_quality(case: Case) -> dict[str, Any]:
    """The diversity and the quality of samples, as a run logs them."""
    plain = dataclasses.replace(case.config.metrics, names=())
    config = dataclasses.replace(case.config, metrics=plain)
    (found,) = measurer(config, case.gan, case.data, None, None)(case.state)
    return found | {"mode_count": mode_count(config.dataset)}


SECTIONS: dict[str, Callable[..., dict[str, Any]]] = {
    "samples": measured_samples,
    "quality": measured_quality,
    "losses": measured_losses,
    "layers": measured_layers,
    "course": measured_course,
    "units": measured_units,
    "kernels": measured_kernels,
    "critic": measured_critic,
    "overfitting": measured_overfitting,
    "game": measured_game,
    "path": measured_path,
    "motion": measured_motion,
    "duality": measured_duality,
}
OF_ROWS = ("losses", "course")
"""Sections that need no state."""
