"""`python -m experiments.runs`, which is `gan-jax runs`."""

import sys

from gan_jax.commands import run_command

if __name__ == "__main__":
    run_command("runs", sys.argv[1:])
