"""`python -m benchmarks.merge`, which is `gan-jax merge`."""

import sys

from gan_jax.commands import run_command

if __name__ == "__main__":
    run_command("merge", sys.argv[1:])
