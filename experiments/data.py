"""`python -m experiments.data`, which is `gan-jax data`."""

import sys

from gan_jax.commands import run_command

if __name__ == "__main__":
    run_command("data", sys.argv[1:])
