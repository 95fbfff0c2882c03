"""Methods with the values that suit the data they are to learn."""

from dataclasses import replace

from gan_jax.assembly.assemble import find_method
from gan_jax.assembly.datasets import find_dataset
from gan_jax.assembly.unused_fields import used_fields
from gan_jax.config import Config, DatasetConfig
from gan_jax.config.serialization import flat
from gan_jax.methods import CATALOGUE
from gan_jax.methods.changes import PLAYERS
from gan_jax.methods.data_kinds import name_kind, suit_to_data


def method_for(
    name: str, data: str | DatasetConfig, penalty: str | None = None
) -> Config:
    """METHODS[name] for these data, with the values that suit their kind.

    data: the name of a data set, or all its options. penalty: the name of a critic
    penalty in place of the method's own, with a weight that suits. The kinds, their
    values and the reasons are in `gan_jax.methods.data_kinds`; METHODS[name] has the
    source's own values.
    A method that is not of CATALOGUE, but of a plugin or of the caller's own program,
    keeps all its values. Reads no pixels. Raises ValueError for an unknown name, or
    data that are not there.
    """
    own = find_method(name)
    if isinstance(data, str):
        data = replace(own.dataset, name=data)
    config = replace(own, dataset=data)
    if penalty is not None:
        config = replace(config, penalty=replace(own.penalty, name=penalty))
    if name not in CATALOGUE:
        return config
    return suit_to_data(name, config, find_dataset(config).spec.shape)


def describe_changed_values(name: str, config: Config) -> str:
    """One line that says which values of a run suit its data rather than the source.

    Of the fields that the run reads, those that have the value of `method_for` and
    another in METHODS[name], in brackets the latter. Empty if there are none.
    """
    own = replace(find_method(name), dataset=config.dataset)
    suits = method_for(name, config.dataset, config.penalty.name)
    there, here, meant = flat(own), flat(config), flat(suits)
    read = used_fields(config)
    fields = [f for f in here if f in read and here[f] == meant[f] != there[f]]
    if not fields:
        return ""
    told = {field: f"{here[field]} ({there[field]})" for field in fields}
    words = ", ".join(f"{field} {value}" for field, value in merged(told).items())
    kind = name_kind(find_dataset(config).spec.shape)
    return f"values that suit {kind}, the paper's in brackets: {words}"


def merged(told: dict[str, str]) -> dict[str, str]:
    """The values by field, those that both optimizers share said once."""
    g, d = PLAYERS
    shared = {}
    for field, value in told.items():
        group, _, option = field.rpartition(".")
        if group == g and told.get(f"{d}.{option}") == value:
            shared[f"both optimizers' {option}"] = value
        elif group != d or told.get(f"{g}.{option}") != value:
            shared[field] = value
    return shared
