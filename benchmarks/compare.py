"""The launcher of `gan_jax.commands.compare`: `python -m benchmarks.compare`."""

from gan_jax.commands import run

if __name__ == "__main__":
    run("compare")
