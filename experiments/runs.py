"""`python -m experiments.runs`: the command of `gan_jax.commands.runs`."""

from gan_jax.commands import run

if __name__ == "__main__":
    run("runs")
