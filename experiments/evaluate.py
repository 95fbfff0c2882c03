"""`python -m experiments.evaluate`, which is `gan-jax evaluate`."""

import sys

from gan_jax.commands import run_command

if __name__ == "__main__":
    run_command("evaluate", sys.argv[1:])
