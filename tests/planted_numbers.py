"""Numbers of a healthy run as `diagnose` finds them, and of one ill run for each rule.

The numbers of the healthy run lie just within their limits.
"""

import math

from gan_jax.run_files.health import UNEVEN

HEALTHY = {
    "finite": True,
    "decayed": False,
    "fault": None,
    "verdict": "completed",
    "signs": [],
    "layers": {
        player: {
            "A/kernel": {"gradient": 0.1, "ratio": 1e-3},
            "A/bias": {"gradient": 1e-9, "ratio": math.inf},
            "B/kernel": {"gradient": 1.0, "ratio": 1e-3},
        }
        for player in ("generator", "discriminator")
    },
    "units": {"generator": [0.5], "discriminator": [0.0]},
    "critic": {"quantiles": {"real": {0.5: 0.1}, "fake": {0.5: 1.0}}, "deviation": 2.0},
    "overfitting": {"gap": {"deviations": 0.9}},
    "game": {
        "dynamics": "alternating",
        "largest_real_part": 0.09,
        "overshoot": 3.9,
        "reach": 2.0,
        "leading_imaginary_ratio": 0.9,
        "leading_magnitude": 3.9,
        "rotation_index": 0.9,
    },
    "motion": {
        "cosines": {"generator": [-0.4, -0.5]},
        "ema": {"raw": 0.19, "averaged": 0.1, "gap": 0.09},
    },
    "quality": {
        "diversity": 0.51,
        "sample_distance": 0.49,
        "sample_modes": 8,
        "sample_precision": 0.51,
        "mode_count": 8,
    },
}


def changed(section, **numbers):
    return HEALTHY | {section: HEALTHY[section] | numbers}


def with_kernel(name, **numbers):
    layers = HEALTHY["layers"]["generator"]
    return changed("layers", generator=layers | {name: layers[name] | numbers})


ILL = {
    "diverged": HEALTHY | {"fault": {"step": 3, "term": "d_loss"}},
    "collapsed": HEALTHY | {"verdict": "collapsed"},
    "not_learned": changed("quality", sample_modes=0),
    "low_precision": changed("quality", sample_precision=0.49),
    "missing_modes": changed("quality", sample_modes=7),
    "far_from_data": changed("quality", sample_distance=0.51),
    "low_diversity": changed("quality", diversity=0.49),
    "unstable": changed("game", largest_real_part=0.11),
    "rotation": changed("game", leading_imaginary_ratio=1.1),
    "overshoot": changed("game", overshoot=4.1),
    "updates_undone": changed("motion", cosines={"discriminator": [-0.51, -0.5]}),
    "circling": changed("motion", ema={"raw": 0.21, "averaged": 0.1, "gap": 0.11}),
    "steep_critic": changed("critic", deviation=10.1),
    "flat_critic": changed("critic", quantiles={"fake": {0.5: 4.9e-4}}),
    "overfitting": changed("overfitting", gap={"deviations": 1.1}),
    "vanishing_over_depth": with_kernel("A/kernel", gradient=0.9 / UNEVEN),
    "exploding_over_depth": with_kernel("A/kernel", gradient=1.1 * UNEVEN),
    "large_updates": with_kernel("B/kernel", ratio=0.11),
    "standing_still": with_kernel("A/kernel", ratio=0.0),
    "dead_units": changed("units", discriminator=[0.0, 0.51]),
}
ILL["standing_still"]["layers"]["generator"]["B/kernel"] = {
    "gradient": 1.0,
    "ratio": 1.9e-6,
}
