"""Wheels for a host without network: `python -m benchmarks.accelerator pack OUT`."""


def main(arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    raise NotImplementedError
