"""The benchmarks, which are commands too: `python -m benchmarks.NAME`."""

import experiments  # noqa: F401  Ctrl-C is answered from now on.
