"""Checks and measurements on an accelerator: `python -m benchmarks.accelerator`."""
