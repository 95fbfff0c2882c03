"""What each registry offers, read from the registries and their functions.

Nothing here is a list kept by hand: an entry's sentence, formula and sources come from
its docstring, its options and their defaults from its signature.
"""

import dataclasses
import functools
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from gan_jax.assembly.registry import PLUGINS, choose, parameters
from gan_jax.catalogue import docstrings
from gan_jax.config import Config
from gan_jax.config.serialization import flat
from gan_jax.methods import CATALOGUE, DEVIATIONS, IDEAS, UNREAD
from gan_jax.plugins.registries import REGISTRIES

PACKAGE = Path(__file__).parents[1]


class ChoiceKind(NamedTuple):
    """One kind of choice.

    registries: The names in REGISTRIES of the registries that hold its entries.
    flag: The flag that chooses an entry, or "" if no flag does.
    groups: The config groups whose fields are the entries' options.
    """

    registries: tuple[str, ...]
    flag: str = ""
    groups: tuple[str, ...] = ()


class CatalogueEntry(NamedTuple):
    """One entry of a registry.

    about: What it is or does, in one sentence; of a loss a line for each player.
    formulas: Its formula; of a loss D's and G's. Empty if its docstring has none.
    sources: The works it comes from, as `docstrings.read_sources` gives them.
    options: The config fields that it reads, with their defaults.
    file: The file that defines it, from the folder above the package.
    """

    name: str
    about: str
    formulas: tuple[str, ...]
    sources: tuple[str, ...]
    options: dict[str, Any]
    file: str


CHOICE_KINDS: dict[str, ChoiceKind] = {
    "methods": ChoiceKind(("method",)),
    "losses": ChoiceKind(("loss",), "--loss.name", ("loss",)),
    "penalties": ChoiceKind(("penalty",), "--penalty.name", ("penalty",)),
    "generator-penalties": ChoiceKind(
        ("generator penalty",), "--generator-penalty.name", ("generator_penalty",)
    ),
    "augmentations": ChoiceKind(("augmentation",), "--augment.name", ("augment",)),
    "rules": ChoiceKind(("rule of play",), "--dynamics.name", ("dynamics",)),
    "optimizers": ChoiceKind(("optimizer",), "--g-optimizer.name", ("g_optimizer",)),
    "models": ChoiceKind(("model",), "--model.name", ("model",)),
    "norms": ChoiceKind(("norm",), "--model.g-norm", ("model",)),
    "minibatch-layers": ChoiceKind(
        ("minibatch layer",), "--model.d-minibatch", ("model",)
    ),
    "activations": ChoiceKind(("activation",), "--model.activation", ("model",)),
    "initializers": ChoiceKind(("initializer",), "--model.g-init", ("model",)),
    "data-sets": ChoiceKind(
        ("data set", "data set prefix"), "--dataset.name", ("dataset",)
    ),
    "metrics": ChoiceKind(("metric", "probe"), "--metrics.names"),
    "extractors": ChoiceKind(("extractor",), "--metrics.extractor"),
    "running-statistics": ChoiceKind(
        ("running statistic",), "", ("penalty", "augment")
    ),
}
"""Every kind of choice, by the name that `gan-jax list` takes."""


def describe_entries(kind: str) -> dict[str, CatalogueEntry]:
    """Return the entries of a kind by name.

    Raises:
        ValueError: There is no such kind; the message names the nearest.
    """
    chosen = choose(CHOICE_KINDS, kind, "kind")
    describe = DESCRIBED_OTHERWISE.get(kind, describe_function)
    return {
        name: describe(chosen, name, value)
        for registry in chosen.registries
        for name, value in REGISTRIES[registry].items()
    }


def describe_function(kind: ChoiceKind, name: str, value: Any) -> CatalogueEntry:
    """Return the entry of a registered function."""
    text = read_docstring(value)
    found = docstrings.read_formula(text)
    return CatalogueEntry(
        name,
        docstrings.read_sentence(text) or name_origin(kind, name),
        (found,) if found else (),
        docstrings.read_sources(text),
        read_options(value, kind.groups),
        find_file(find_documented_function(value)),
    )


def describe_loss(kind: ChoiceKind, name: str, loss: Any) -> CatalogueEntry:
    """Return the entry of a loss, which has one function for each player."""
    players = loss.discriminator, loss.generator
    texts = [player.__doc__ for player in players]
    sentences = [docstrings.read_sentence(text) for text in texts]
    works = [work for text in texts for work in docstrings.read_sources(text)]
    options = {}
    for player in players:
        options |= read_options(player, kind.groups)
    return CatalogueEntry(
        name,
        "\n".join(
            f"{player}: {sentence}"
            for player, sentence in zip("DG", sentences, strict=True)
            if sentence
        )
        or name_origin(kind, name),
        tuple(filter(None, map(docstrings.read_formula, texts))),
        tuple(dict.fromkeys(works)),
        options,
        find_file(loss.discriminator),
    )


def describe_data_set(kind: ChoiceKind, name: str, value: Any) -> CatalogueEntry:
    """Return the entry of a data set; its options are the fields that it reads."""
    entry = describe_function(kind, name, value)
    defaults = vars(Config().dataset)
    listed = REGISTRIES["fields of a data set"]
    read = getattr(value, "reads", None) or listed.get(name, ())
    options = {field: defaults[field] for field in read}
    shown = f"{name}:{PREFIXED[name]}" if name in PREFIXED else name
    return entry._replace(name=shown, formulas=(), options=options)


def describe_method(kind: ChoiceKind, name: str, config: Config) -> CatalogueEntry:
    """Return the entry of a method.

    Its options are the fields that it sets otherwise than a Config does by itself, but
    for its optimizers' numbers.
    """
    text = CATALOGUE[name].about if name in CATALOGUE else ""
    works = docstrings.read_sources(text)
    if not works and name in DEVIATIONS and DEVIATIONS[name].read != UNREAD:
        works = (DEVIATIONS[name].read,)
    common = flat(Config())
    changed = {k: v for k, v in flat(config).items() if v != common[k]}
    numbers = {k for k in changed if "_optimizer." in k and not k.endswith(".name")}
    return CatalogueEntry(
        name,
        IDEAS.get(name) or name_origin(kind, name),
        (),
        works,
        {k: v for k, v in changed.items() if k not in numbers},
        "gan_jax/methods" if name in CATALOGUE else "",
    )


DESCRIBED_OTHERWISE: dict[str, Callable[[ChoiceKind, str, Any], CatalogueEntry]] = {
    "losses": describe_loss,
    "data-sets": describe_data_set,
    "methods": describe_method,
}
"""The kinds whose entries are not plain functions."""
PREFIXED = {"tfds": "NAME", "folder": "PATH"}
"""What stands behind the colon of a data set that is named by a prefix."""


def take_function(value: Any) -> Any:
    """Return the function of a registered value.

    An entry that holds more than a function, such as a Rule, holds it first.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return getattr(value, dataclasses.fields(value)[0].name)
    return value


def find_documented_function(value: Any) -> Any:
    """Return the function whose docstring describes a registered value.

    A `functools.partial` is described by the function that it is given, if it is given
    one (a toy by that which makes its mixture), and else by its own function.
    """
    function = take_function(value)
    if isinstance(function, functools.partial):
        given = [argument for argument in function.args if inspect.isfunction(argument)]
        return find_documented_function(given[0] if given else function.func)
    return inspect.unwrap(function)


def read_docstring(value: Any) -> str | None:
    """Return the docstring that describes a registered value: its own, if any."""
    own = getattr(value, "__dict__", {}).get("__doc__")
    return own or find_documented_function(value).__doc__


def read_options(function: Any, groups: tuple[str, ...]) -> dict[str, Any]:
    """Return the fields of config groups that a function reads, with their defaults.

    A field that is None in the Config stands for the function's own default. The fields
    of the running statistics that the function reads are among them.
    """
    common = Config()
    fields = {k: v for group in groups for k, v in vars(getattr(common, group)).items()}
    found: dict[str, Any] = {}
    for name, parameter in parameters(take_function(function)).items():
        if name in fields:
            value = fields[name]
            found[name] = parameter.default if value is None else value
        elif name in REGISTRIES["running statistic"]:
            found |= read_options(REGISTRIES["running statistic"][name], groups)
    return found


def find_file(function: Any) -> str:
    """Return the file that defines a function, such as `gan_jax/losses.py`.

    Of a function of another library this is the library's name, and of a function
    without a module "".
    """
    module = getattr(function, "__module__", None) or ""
    path = Path(getattr(sys.modules.get(module), "__file__", None) or "")
    if path.is_relative_to(PACKAGE):
        return path.relative_to(PACKAGE.parent).as_posix()
    return str(path) if module.startswith("gan_jax_plugin") else module.split(".")[0]


def name_origin(kind: ChoiceKind, name: str) -> str:
    """Return the sentence on an entry that says nothing of itself."""
    added = {(registry, name) for registry in kind.registries}
    files = [plugin.path for plugin in PLUGINS.values() if added & {*plugin.names}]
    return f"Registered by {', '.join(files) or 'gan_jax or this program'}."
