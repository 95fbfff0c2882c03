"""The launcher of `gan_jax.commands.report`: `python -m benchmarks.report`."""

from gan_jax.commands import run

if __name__ == "__main__":
    run("report")
