"""`python -m experiments.train`: the command of `gan_jax.commands.train`."""

from gan_jax.commands import run

if __name__ == "__main__":
    run("train")
