"""What is told to the C library."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import resource
from statistics import median
from gan_jax.parallel.compiler import keep_memory
if {keep}:
    keep_memory()
import jax, jax.numpy as jnp

@jax.jit
def step(x):
    return (x @ x.T) @ x

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    step(x).block_until_ready()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

x = jnp.ones((5000, 8))
print(step.lower(x).compile().memory_analysis().temp_size_in_bytes)
print(int(median(faults() for _ in range(40))))
"""


HUGE = Path("/sys/kernel/mm/transparent_hugepage/enabled")


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
@pytest.mark.skipif(
    HUGE.exists() and "[always]" in HUGE.read_text(), reason="huge pages fault rarely"
)
def test_temporaries_of_a_step_are_those_of_the_last_one():
    """They are 100 MB, which glibc gives back to the system unless it is told not to.

    The heap first grows to what a step needs, which takes a few calls. So the median
    of the page faults of 40 calls is compared.
    """

    def run(keep):
        program = PROGRAM.format(keep=keep)
        words = [sys.executable, "-c", program]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        return map(int, done.stdout.split())

    size, usual = run(keep=False)
    assert size > 64 * 2**20
    same_size, kept = run(keep=True)
    assert same_size == size
    assert kept < usual / 10
