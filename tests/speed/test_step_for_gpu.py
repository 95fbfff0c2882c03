"""What XLA is given for a GPU, counted in the program; no GPU is needed for that."""

import re
from collections import Counter
from dataclasses import replace
from functools import cache

import jax
import pytest

from benchmarks.speed.contenders import case_config, trace_arguments
from benchmarks.speed.flops import count_products
from gan_jax.config import DatasetConfig

CASES = ("dcgan32", "resnet32")


def small(case, variant, precision):
    """The Config of a case with narrow networks, on 16 pixels."""
    config = case_config(case, variant, 8)
    return replace(
        config,
        precision=precision,
        dataset=DatasetConfig("digits", resolution=16, rgb=True),
        model=replace(config.model, width=8),
    )


@cache
def program_for_gpu(case, variant, precision):
    """The step in StableHLO, lowered for CUDA."""
    step, *arguments = trace_arguments(small(case, variant, precision))
    return jax.jit(step).trace(*arguments).lower(lowering_platforms=("cuda",)).as_text()


def operand_types(program, name):
    """The number of operations of this name by the types of their operands."""
    found = re.findall(rf"stablehlo\.{name}\b.*: \((.*)\) ->", program)
    return Counter(tuple(re.findall(r"x([a-z]+\d+)>", types)) for types in found)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("variant", ["r1", "wgan_gp"])
def test_every_convolution_of_a_bf16_step_takes_bf16_operands(case, variant):
    program = program_for_gpu(case, variant, "bf16")
    types = operand_types(program, "convolution")
    assert types.keys() == {("bf16", "bf16")}
    needed = count_products(*trace_arguments(small(case, variant, "bf16")))
    forms = sum(needed[name] for name in ("convolve", "spread", "correlate"))
    # R1 differentiates the loss's own forward pass, written a second time, which XLA
    # joins with the first.
    assert forms <= types.total() <= forms + needed["convolve"]


def test_the_types_are_those_of_the_precision():
    program = program_for_gpu("dcgan32", "r1", "float32")
    assert operand_types(program, "convolution").keys() == {("f32", "f32")}


def test_only_products_of_the_logits_are_in_float32_at_bf16():
    """D's last layer: 3 forward, D's update 2 for its kernel, 3 for its features."""
    types = operand_types(program_for_gpu("dcgan32", "none", "bf16"), "dot_general")
    # G's dense layer: 2 forward, 1 for its kernel.
    assert types == {("f32", "f32"): 8, ("bf16", "bf16"): 3}
