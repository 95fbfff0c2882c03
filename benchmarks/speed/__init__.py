"""The time of a training step: `python -m benchmarks.speed`."""
