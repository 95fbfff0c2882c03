"""`python -m benchmarks.report`: the command of `gan_jax.commands.report`."""

from gan_jax.commands import run_command

if __name__ == "__main__":
    run_command("report")
