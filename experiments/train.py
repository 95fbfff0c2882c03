"""`python -m experiments.train`: the command of `gan_jax.commands.train`."""

from gan_jax.commands import run_command

if __name__ == "__main__":
    run_command("train")
