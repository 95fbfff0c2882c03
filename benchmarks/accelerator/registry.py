"""The stages of `benchmarks.accelerator` in their order."""

from benchmarks.accelerator import (
    precision,
    profile,
    repeatable,
    right,
    science,
    seeds,
    speed,
)
from benchmarks.accelerator.stage import Stage

STAGES: dict[str, Stage] = {
    "right": right.STAGE,
    "repeatable": repeatable.STAGE,
    "precision": precision.STAGE,
    "speed": speed.STAGE,
    "seeds": seeds.STAGE,
    "profile": profile.STAGE,
    "science": science.STAGE,
}
