"""Every method has one look: apart for all readers, the same wherever it is drawn."""

import itertools

import numpy as np
import pytest

from gan_jax.benchmark.report.html.markers import MARKER_SHAPES
from gan_jax.benchmark.report.method_styles import (
    DASHES,
    MARKERS,
    PALETTE,
    MethodStyle,
    assign_styles,
)
from gan_jax.benchmark.suites import SUITES
from gan_jax.benchmark.suites.spec import BENCHMARK_METHODS

# Linear RGB as protanopes, deuteranopes and tritanopes see it: Machado et al. 2009,
# severity 1.
SIGHT = {
    "normal": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
# Ottosson 2020, Oklab: linear RGB to cone responses, and those to L, a, b.
CONES = [
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
]
OKLAB = [
    [0.2104542553, 0.7936177850, -0.0040720468],
    [1.9779984951, -2.4285922050, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.8086757660],
]


def oklab(colour, sight):
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(SIGHT[sight] @ linear, 0, 1)
    return np.array(OKLAB) @ np.cbrt(np.array(CONES) @ seen)


def test_colours_are_matplotlibs_petroff10():
    from matplotlib import color_sequences
    from matplotlib.colors import to_hex

    assert tuple(map(to_hex, color_sequences["petroff10"])) == PALETTE


@pytest.mark.parametrize("sight", SIGHT)
def test_colours_are_apart_for_every_reader(sight):
    """Two colours side by side are told apart at a distance of .02 in Oklab."""
    seen = [oklab(colour, sight) for colour in PALETTE]
    gaps = [np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)]
    assert min(gaps) > 2 * 0.02


def test_no_two_known_methods_look_alike():
    known = assign_styles(BENCHMARK_METHODS)
    assert len(set(known.values())) == len(BENCHMARK_METHODS) > 40
    for one, other in itertools.combinations(known.values(), 2):
        if one.colour == other.colour:
            assert (one.dash, one.marker) != (other.dash, other.marker)


@pytest.mark.parametrize("name", SUITES)
def test_the_methods_of_a_suite_differ_in_more_than_colour(name):
    methods = SUITES[name].methods or tuple(SUITES[name].catalogue)
    drawn = list(assign_styles(methods).values())
    assert len({(one.colour, one.dash) for one in drawn}) == len(drawn)


def test_a_known_method_looks_the_same_whatever_stands_beside_it():
    alone, beside = (
        assign_styles(["r1"]),
        assign_styles(["a plugin", "ns_gan", "lsgan", "r1"]),
    )
    assert alone["r1"] == beside["r1"]
    assert assign_styles(["r1", "ns_gan"])["ns_gan"] == beside["ns_gan"]


def test_twenty_unknown_names_are_apart_and_take_free_colours():
    names = [f"mine_{n}" for n in range(20)]
    drawn = assign_styles([*names, "ns_gan"])
    assert len(set(drawn.values())) == 21
    assert drawn["ns_gan"].colour not in {drawn[name].colour for name in names[:9]}
    assert assign_styles([*names, "ns_gan"]) == drawn


def test_every_look_can_be_drawn():
    assert tuple(MARKER_SHAPES) == MARKERS
    for one in assign_styles(BENCHMARK_METHODS).values():
        assert isinstance(one, MethodStyle)
        assert one.colour in PALETTE and one.dash in DASHES and one.marker in MARKERS
