"""`python -m benchmarks.report`, which is `gan-jax report`."""

import sys

from gan_jax.commands import run_command

if __name__ == "__main__":
    run_command("report", sys.argv[1:])
