"""Rows of stability maps that were never run: success is planted by a level.

A run succeeds if `level + heat + e > 0`, where heat falls with both learning rates and
e is normal, of the seed and of the run in equal parts. `level` is of the method; inf
succeeds always, -inf never.
"""

import numpy as np
import synthetic_rows as synthetic

FACTORS = (0.04, 0.2, 1.0, 5.0, 25.0)
RATES = {"g_optimizer.learning_rate": 1e-3, "d_optimizer.learning_rate": 1e-3}
CONFIG = synthetic.METHODS["ns_gan"]


def planted(levels, seeds=4, tasks=("ring",), factors=FACTORS, noise=0):
    """`(rows, plan)` of a map of each method in `levels` on each task."""
    axes = {"g_lr": list(factors), "d_lr": list(factors)}
    plan = synthetic.plan_of(tasks, levels, seeds, "map", axes)
    rng = np.random.default_rng(noise)
    rows = []
    for task in tasks:
        for method, level in levels.items():
            known = synthetic.METHODS.get(method, CONFIG)
            for seed in range(seeds):
                shared = rng.standard_normal()
                for g in factors:
                    for d in factors:
                        point = {"g_lr": g, "d_lr": d}
                        heat = -np.log(g * d) / 2 + (shared + rng.standard_normal()) / 2
                        rows.append(
                            make_row(
                                plan, task, method, seed, point, known, level + heat
                            )
                        )
    return rows, plan


def make_row(plan, task, method, seed, point, known, level):
    """A run that succeeds if its level is above 0."""
    template = "r3gan" if level > 0 else "ns_gan"
    row = synthetic.row(plan, task, template, seed)
    won = bool(level > 0)
    ends = {
        "outcome": "converged" if won else "not_reached",
        "success": won,
        "success_step": 3000 if won else None,
        "gradient_evaluations": synthetic.STEPS * (1 + known.get("d_steps", 1)),
    }
    config = row["config"] | known | RATES
    names = {"method": method, "cell": f"{task}--{method}"}
    return row | ends | names | {"axes": point, "config": config}
