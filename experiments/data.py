"""`python -m experiments.data`: the command of `gan_jax.commands.data`."""

from gan_jax.commands import run_command

if __name__ == "__main__":
    run_command("data")
