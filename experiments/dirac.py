"""`python -m experiments.dirac`, which is `gan-jax dirac`."""

import sys

from gan_jax.commands import run_command

if __name__ == "__main__":
    run_command("dirac", sys.argv[1:])
