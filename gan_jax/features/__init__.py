"""Examples to features: `EXTRACTORS[name](config.dataset, path) -> Extractor`."""

from gan_jax.features.extractor import (
    Extractor,
    ExtractorEntry,
    FeatureSet,
    as_extractor_entry,
    extract_features,
)
from gan_jax.features.extractors import EXTRACTORS, default_extractor, suggest_extractor

__all__ = [
    "EXTRACTORS",
    "Extractor",
    "ExtractorEntry",
    "FeatureSet",
    "as_extractor_entry",
    "default_extractor",
    "extract_features",
    "suggest_extractor",
]
