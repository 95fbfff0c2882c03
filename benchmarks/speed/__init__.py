"""How fast the step is: `python -m benchmarks.speed`."""
