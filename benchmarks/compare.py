"""`python -m benchmarks.compare`, which is `gan-jax compare`."""

import sys

from gan_jax.commands import run_command

if __name__ == "__main__":
    run_command("compare", sys.argv[1:])
