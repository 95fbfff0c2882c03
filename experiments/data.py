"""`python -m experiments.data`: the command of `gan_jax.commands.data`."""

from gan_jax.commands import run

if __name__ == "__main__":
    run("data")
