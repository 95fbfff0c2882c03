"""How often each label occurs in a data set."""

import numpy as np

from gan_jax.data.core import Dataset


def label_shares(data: Dataset) -> np.ndarray | None:
    """Return the share of each label, `[label_count]` float64 that sums to 1.

    It is None if the set has no labels, or an example whose label is unknown. Shares of
    stored examples are counted. Those of a toy are the mixture's own, even if
    `dataset.size` fixes how many points are drawn. The function reads the data set.
    """
    count = data.spec.label_count
    if count is None:
        return None
    labels = data.labels(data.on_host)
    if labels is None:
        return None
    labels = np.asarray(labels)
    if labels.min() < 0 or labels.max() >= count:
        return None
    return np.bincount(labels, minlength=count) / len(labels)
