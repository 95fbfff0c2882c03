"""`python -m experiments.evaluate`: the command of `gan_jax.commands.evaluate`."""

from gan_jax.commands import run_command

if __name__ == "__main__":
    run_command("evaluate")
