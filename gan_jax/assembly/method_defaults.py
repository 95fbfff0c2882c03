"""Methods, with the values that suit the data that they learn."""

from dataclasses import replace

from gan_jax.assembly.assemble import find_method
from gan_jax.assembly.datasets import find_dataset
from gan_jax.assembly.unused_fields import used_fields
from gan_jax.config import Config, DatasetConfig
from gan_jax.config.serialization import flat
from gan_jax.methods import CATALOGUE
from gan_jax.methods.changes import PLAYERS
from gan_jax.methods.data_kinds import adapt_to_data, name_kind


def method_for(
    name: str, data: str | DatasetConfig, penalty: str | None = None
) -> Config:
    """Return METHODS[name] for a data set, with the values that suit its kind.

    The kinds of data, their values and the reasons are in `gan_jax.methods.data_kinds`;
    METHODS[name] has the values of the method's source. A method of a plugin, or of the
    caller's own program, keeps all its values. No examples are read.

    Args:
        name: The name of a method.
        data: The name of a data set, or all its options.
        penalty: The name of a critic penalty that takes the place of the method's own,
            with a weight that suits.

    Returns:
        The Config.

    Raises:
        ValueError: The method or the data set is unknown, or the data are not there.
    """
    own = find_method(name)
    if isinstance(data, str):
        data = replace(own.dataset, name=data)
    config = replace(own, dataset=data)
    if penalty is not None:
        config = replace(config, penalty=replace(own.penalty, name=penalty))
    if name not in CATALOGUE:
        return config
    return adapt_to_data(name, config, find_dataset(config).spec.shape)


def describe_changed_values(name: str, config: Config) -> str:
    """Return one line that names the values of a run that suit its data.

    These are the fields that the run reads whose value is that of `method_for`, and
    differs from METHODS[name], which stands in brackets. The line is empty if there are
    none.
    """
    own = replace(find_method(name), dataset=config.dataset)
    suits = method_for(name, config.dataset, config.penalty.name)
    of_source, here, suiting = flat(own), flat(config), flat(suits)
    read = used_fields(config)
    texts = {
        field: f"{value} ({of_source[field]})"
        for field, value in here.items()
        if field in read and value == suiting[field] != of_source[field]
    }
    if not texts:
        return ""
    words = ", ".join(f"{field} {text}" for field, text in merge_players(texts).items())
    kind = name_kind(find_dataset(config).spec.shape)
    return f"values that suit {kind}, the paper's in brackets: {words}"


def merge_players(texts: dict[str, str]) -> dict[str, str]:
    """Return the texts by field, with one for what both optimizers share."""
    g, d = PLAYERS
    shared = {}
    for field, text in texts.items():
        group, _, option = field.rpartition(".")
        if group == g and texts.get(f"{d}.{option}") == text:
            shared[f"both optimizers' {option}"] = text
        elif group != d or texts.get(f"{g}.{option}") != text:
            shared[field] = text
    return shared
