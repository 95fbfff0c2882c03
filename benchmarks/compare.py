"""`python -m benchmarks.compare`: the command of `gan_jax.commands.compare`."""

from gan_jax.commands import run_command

if __name__ == "__main__":
    run_command("compare")
