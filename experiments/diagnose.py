"""`python -m experiments.diagnose`: the command of `gan_jax.commands.diagnose`."""

from gan_jax.commands import run_command

if __name__ == "__main__":
    run_command("diagnose")
