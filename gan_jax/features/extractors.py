"""The extractors by name: `EXTRACTORS[name](config.dataset, path) -> Extractor`.

To add one, write `(DatasetConfig, path) -> Extractor` and a line in EXTRACTORS.
"""

from collections.abc import Callable
from functools import partial

import jax

from gan_jax.config import DatasetConfig
from gan_jax.data import dataset_entry
from gan_jax.data.storage import cache_folder
from gan_jax.features.classifier import (
    Classifier,
    classify,
    convolve_small_images,
    trained_classifier,
)
from gan_jax.features.efficientnet_lite import VARIANTS, extract_lite
from gan_jax.features.extractor import Extractor, ExtractorEntry
from gan_jax.features.inception import extract_inception
from gan_jax.features.lite_weights import PUBLISHED, find_weights, load_lite
from gan_jax.features.weights import SHA256, inception_weights_path, load_inception
from gan_jax.types import Array


def pixels(config: DatasetConfig, path: str | None) -> Extractor:
    """The examples themselves, flattened: pixels in [-1, 1], or coordinates."""

    def flatten(x: Array) -> tuple[Array, None]:
        return x.reshape(len(x), -1), None

    return Extractor("pixels", "", "none", "the examples as they are", 1000, flatten)


def cnn(config: DatasetConfig, path: str | None) -> Extractor:
    """The project's classifier of this data set, which is trained on first use.

    Examples made of parts (Stacked MNIST: three digits of MNIST) are classified part by
    part, by the classifier of the parts.
    """
    parts = dataset_entry(config.name).parts
    own = config if parts is None else parts.config(config)
    trained = trained_classifier(own)
    net = Classifier(trained.classes, convolve_small_images)

    def extract_whole(x: Array) -> tuple[Array, Array]:
        features, logits = classify(net, trained.params, x)
        return features, jax.nn.softmax(logits)

    def extract_parts(x: Array) -> tuple[Array, Array]:
        assert parts is not None
        x = parts.separate(config, x)
        features, p = extract_whole(x.reshape(-1, *x.shape[2:]))
        return features.reshape(len(x), -1), p.reshape(*x.shape[:2], -1)

    accuracy = f"{trained.test_accuracy:.2%} right on its test set"
    about = f"classifier of {own.name}, {accuracy}"
    extract_all = extract_whole if parts is None else extract_parts
    return Extractor("cnn", trained.weights, "none", about, 500, jax.jit(extract_all))


def inception(config: DatasetConfig, path: str | None) -> Extractor:
    """Inception-v3 of the FID community.

    path: its weight file; None: the one in the cache. Heusel et al. 2017, arXiv
    1706.08500.
    """
    variables = load_inception(path or inception_weights_path(cache_folder()))
    about = "Inception-v3 (TensorFlow, 2015-12-05)"
    return Extractor(
        "inception",
        SHA256,
        "TensorFlow 1 bilinear to 299",
        about,
        50,
        jax.jit(partial(extract_inception, variables)),
    )


def efficientnet(name: str) -> Extractor:
    """Return the EfficientNet-Lite of this name, with the weights of its package."""
    size = VARIANTS[name].size
    return Extractor(
        name,
        PUBLISHED[name].sha256,
        f"antialiased bicubic to {size}",
        f"EfficientNet-{name.capitalize()} (ImageNet)",
        10,  # On 2 CPU cores as fast an image as larger batches, or faster.
        jax.jit(partial(extract_lite, name, load_lite(name))),
    )


def lite0(config: DatasetConfig, path: str | None) -> Extractor:
    """EfficientNet-Lite0: 1,280 features of an ImageNet classifier.

    Google 2020, after Tan and Le 2019, arXiv 1905.11946.
    """
    return efficientnet("lite0")


def lite2(config: DatasetConfig, path: str | None) -> Extractor:
    """EfficientNet-Lite2, larger and slower than lite0, with as many features.

    Google 2020, after Tan and Le 2019, arXiv 1905.11946.
    """
    return efficientnet("lite2")


def default_extractor(config: DatasetConfig) -> str:
    """Return the name of a data set's extractor where a run chooses none.

    It depends on the data alone. The rows of a run do not name the extractor, and they
    would mix the numbers of two if a resume found other packages installed.
    """
    entry = dataset_entry(config.name)
    has_classifier = entry.train_test is not None or entry.parts is not None
    return "cnn" if has_classifier else "pixels"


def suggest_extractor(config: DatasetConfig, shape: tuple[int, ...]) -> str:
    """Return the name of the extractor where an evaluation chooses none.

    It is lite0 for images `[H, W, C]` of 1 or 3 channels that have no classifier of
    their own, where its weights are installed; else it is `default_extractor`.
    """
    name = default_extractor(config)
    if name != "pixels" or len(shape) != 3 or shape[-1] not in (1, 3):
        return name
    return name if find_weights("lite0") is None else "lite0"


EXTRACTORS: dict[
    str, ExtractorEntry | Callable[[DatasetConfig, str | None], Extractor]
] = {
    "pixels": ExtractorEntry(pixels, metrics=lambda data: ("kid", "prdc")),
    "cnn": ExtractorEntry(cnn),
    "lite0": ExtractorEntry(lite0, metrics=lambda data: ("fid", "kid", "prdc")),
    "lite2": ExtractorEntry(lite2, metrics=lambda data: ("fid", "kid", "prdc")),
    "inception": ExtractorEntry(
        inception, metrics=lambda data: ("fid", "kid", "prdc", "is")
    ),
}
