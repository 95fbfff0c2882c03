"""Rows of a benchmark that was never run: realistic curves from closed formulas.

Six methods on two tasks, ten seeds: `wgan_gp` diverges on every fourth seed, `lsgan`
oscillates on most, `ns_gan` loses modes of the grid, the others converge. The map has
success where d_lr and g_lr are small enough for the method.
"""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from gan_jax.benchmark.outcome import Thresholds
from gan_jax.benchmark.plan import plan_hash

STEPS = 10_000
EVALUATIONS = np.arange(500, STEPS + 1, 500)
MODES = {"ring": 8, "grid": 25}
FLOORS = {
    "ring": {
        "sliced_wasserstein": 0.021,
        "reverse_kl": 0.0014,
        "robust_modes": 8,
        "high_quality": 0.9889,
    },
    "grid": {
        "sliced_wasserstein": 0.06,
        "reverse_kl": 0.0048,
        "robust_modes": 25,
        "high_quality": 0.9889,
    },
}
NOISE = 1.7
METHODS = {
    "ns_gan": {"loss.name": "non_saturating", "penalty.name": "none"},
    "lsgan": {"loss.name": "lsgan", "penalty.name": "none"},
    "wgan_gp": {"loss.name": "wasserstein", "penalty.name": "wgan_gp", "d_steps": 5},
    "r1": {"loss.name": "non_saturating", "penalty.name": "r1"},
    "r3gan": {"loss.name": "relativistic", "penalty.name": "r1_r2"},
    "pacgan2": {"loss.name": "non_saturating", "penalty.name": "none", "model.pack": 2}
    | {"batch_size": 128},
}
EXCESS = {
    "ns_gan": 4.0,
    "lsgan": 3.0,
    "wgan_gp": 0.4,
    "r1": 0.6,
    "r3gan": 0.3,
    "pacgan2": 1.2,
}
TOLERANCE = {"ns_gan": 0, "r1": 1, "r3gan": 2, "wgan_gp": 1}
FACTORS = (0.1, 1.0, 10.0)
FINGERPRINT = {"extractor": "pixels", "n_real": 2500, "versions": {"jax": "0.10.2"}}


def write(folder, rows, plan):
    """A results folder of these rows; the plan's hash goes into every row."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plan.json").write_text(json.dumps(plan))
    (folder / "rows.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    return folder


def rewrite(folder, path, change):
    """Write a copy of a results folder to `path`, with its rows changed."""
    lines = (folder / "rows.jsonl").read_text().splitlines()
    rows = change([json.loads(line) for line in lines])
    return write(path, rows, json.loads((folder / "plan.json").read_text()))


def find_entry(findings, task, method):
    """Return the summary of a method on a task."""
    entries = findings.entries
    return next(e for e in entries if (e.task, e.method) == (task, method))


def plan_of(tasks, methods, seeds, suite="toy", axes=None):
    plan = {
        "suite": suite,
        "command": f"python -m benchmarks.compare --suite {suite} --seeds {seeds}",
        "tasks": list(tasks),
        "methods": list(methods),
        "seeds": seeds,
        "axes": axes or {},
        "cells": [
            {"id": f"{task}-{method}", "task": task, "method": method, "members": seeds}
            for task in tasks
            for method in methods
        ],
        "thresholds": {task: thresholds(task) for task in tasks},
        "floors": {task: FLOORS[task] for task in tasks},
        "noise": {task: {"sliced_wasserstein": NOISE} for task in tasks},
    }
    return plan | {"hash": plan_hash(plan)}


def thresholds(task):
    alive = {"metric": "modes", "at_least": MODES[task] / 2, "at_most": None}
    return {"success": bounds(task), "alive": alive} | asdict(Thresholds())


def bounds(task):
    return [
        {"metric": "robust_modes", "at_least": MODES[task], "at_most": None},
        {"metric": "reverse_kl", "at_least": None, "at_most": 0.05},
        {
            "metric": "sliced_wasserstein",
            "at_least": None,
            "at_most": 3 * FLOORS[task]["sliced_wasserstein"],
        },
    ]


def toy(seeds=10, tasks=("ring", "grid"), methods=tuple(METHODS)):
    """`(rows, plan)` of the toy suite."""
    plan = plan_of(tasks, methods, seeds)
    rows = [
        row(plan, task, method, seed)
        for task in tasks
        for method in methods
        for seed in range(seeds)
    ]
    return rows, plan


def stability_map(seeds=5, methods=tuple(TOLERANCE), task="ring"):
    """`(rows, plan)` of a 3x3 map of learning rates."""
    axes = {"g_lr": list(FACTORS), "d_lr": list(FACTORS)}
    plan = plan_of((task,), methods, seeds, "map", axes)
    rows = [
        row(plan, task, method, seed, {"g_lr": g, "d_lr": d})
        for method in methods
        for g in FACTORS
        for d in FACTORS
        for seed in range(seeds)
    ]
    return rows, plan


def outcome_of(method, task, seed, axes):
    if axes:
        heat = np.log10(axes["g_lr"]) + np.log10(axes["d_lr"])
        worse = heat + (seed % 3 == 0)
        return "converged" if worse < TOLERANCE[method] else "not_reached"
    if method == "wgan_gp" and seed % 4 == 3:
        return "nonfinite"
    if method == "lsgan":
        return "oscillating" if seed % 5 else "converged"
    if method == "ns_gan":
        return "collapsed" if task == "grid" or seed % 3 == 0 else "not_reached"
    if method == "pacgan2":
        return "not_reached" if seed % 3 == 0 else "converged"
    return "not_reached" if method == "r1" and seed == 7 else "converged"


def curves(method, task, seed, outcome):
    """Values at every evaluation: a decay to the floor, noise, and what goes wrong."""
    rng = np.random.default_rng([len(method), len(task), seed])
    floor, modes = FLOORS[task], MODES[task]
    time = EVALUATIONS / STEPS
    good = outcome == "converged"
    level = EXCESS[method] * (0.5 if good else 1.5)
    noise = np.exp(0.12 * rng.standard_normal(len(time)))
    excess = (level * 0.4 + 14 * np.exp(-7 * time)) * noise
    if outcome == "oscillating":
        excess *= 1 + 4 * np.sin(12 * np.pi * time + seed) ** 2 * time
    swd = floor["sliced_wasserstein"] * (1 + excess)
    found = np.round(modes * np.clip(1.08 - 0.06 * excess, 0.1, 1))
    if outcome == "collapsed":
        found = np.minimum(found, 1 + seed % max(1, modes // 3))
    kl = floor["reverse_kl"] * (1 + 9 * excess) + np.log(modes / found)
    hq = np.clip(0.985 - 0.05 * excess, 0.02, 0.99)
    one_hit = np.minimum(found + rng.integers(0, 2, len(time)), modes)
    series = {
        "robust_modes": found,
        "modes": one_hit,
        "high_quality": hq,
        "reverse_kl": kl,
        "sliced_wasserstein": swd,
    }
    return {name: np.round(values, 5).tolist() for name, values in series.items()}


def row(plan, task, method, seed, axes=None):
    outcome = outcome_of(method, task, seed, axes or {})
    series = curves(method, task, seed, outcome)
    steps = EVALUATIONS.tolist()
    lower = ("reverse_kl", "sliced_wasserstein")
    if outcome == "nonfinite":
        end = 8 + seed % 5
        steps = steps[:end]
        series = {name: values[: end - 1] + [None] for name, values in series.items()}
    known = {k: [v for v in values if v is not None] for k, values in series.items()}
    best = {k: (min if k in lower else max)(values) for k, values in known.items()}
    d_steps = METHODS[method].get("d_steps", 1)
    seconds = 7e-4 * (0.6 + 0.4 * d_steps) * (1.8 if "r" in method[:2] else 1.0)
    return {
        "schema": 1,
        "plan": plan["hash"],
        "suite": plan["suite"],
        "task": task,
        "method": method,
        "cell": f"{task}--{method}",
        "axes": axes or {},
        "seed": seed,
        "config": {"dataset.name": task, "dataset.size": None, "steps": STEPS}
        | {"batch_size": 64, "d_steps": 1}
        | METHODS[method],
        "verdict": "diverged" if outcome == "nonfinite" else "completed",
        "outcome": outcome,
        "error": None,
        "success": outcome == "converged",
        "success_step": 3000 + 500 * (seed % 4) if outcome == "converged" else None,
        "series": {"step": steps} | series,
        "final": {} if outcome == "nonfinite" else {k: v[-1] for k, v in known.items()},
        "best": best,
        "gradients": {"max_g_grad_norm": 10.0 + seed, "max_d_grad_norm": 3.0},
        "gradient_evaluations": STEPS * (1 + d_steps),
        "wall_seconds": seconds * steps[-1],
        "step_seconds": seconds,
        "device": "cpu",
        "versions": {"jax": "0.10.2"},
        "commit": "0" * 40,
        "fingerprint": FINGERPRINT | {"dataset": task},
    }
