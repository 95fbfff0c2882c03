"""`python -m benchmarks.report`: the command of `gan_jax.commands.report`."""

from gan_jax.commands import run

if __name__ == "__main__":
    run("report")
