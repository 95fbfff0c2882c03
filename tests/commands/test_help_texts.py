"""Help texts list the names of the registries beside the flags that take them."""

import dataclasses
import re

import pytest
from command_tools import WITH_FLAGS

from gan_jax.command_line.field_texts import CONFIG_KINDS, describe_field
from gan_jax.command_line.flag_sources import flag_sources
from gan_jax.commands import evaluate, train
from gan_jax.config import LossConfig, ModelConfig
from gan_jax.evaluate.metric_registry import METRICS
from gan_jax.features import EXTRACTORS
from gan_jax.layers.minibatch import MINIBATCH
from gan_jax.losses import LOSSES
from gan_jax.plugins.registries import REGISTRIES


def texts_by_flag(command, words, monkeypatch, capsys):
    """What a command's long help says of each flag, in one line."""
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        command.main(words)
    words = capsys.readouterr().out.replace("│", "").split()
    found = re.split(r" (--[a-z][\w.-]*)", " ".join(words))
    return dict(zip(found[1::2], found[2::2], strict=True))


def test_every_flag_of_a_registered_name_lists_the_registry(monkeypatch, capsys):
    texts = texts_by_flag(train, ["r1", "--help-all"], monkeypatch, capsys)
    checked = set()
    for flag, source in flag_sources(train.Flags).items():
        kinds = CONFIG_KINDS.get((source.kind, source.field), ())
        names = [name for kind in kinds for name in REGISTRIES[kind]]
        if names:
            assert f"Names: {', '.join(names)}. (default: " in texts[flag], flag
            checked.add((source.kind, source.field))
    assert checked == CONFIG_KINDS.keys()


def test_evaluate_lists_the_metrics_and_extractors(monkeypatch, capsys):
    texts = texts_by_flag(evaluate, ["--help"], monkeypatch, capsys)
    assert f"Names: {', '.join(METRICS)}." in texts["--metrics"]
    assert f"Names: {', '.join(EXTRACTORS)}." in texts["--extractor"]


def test_an_entry_that_is_registered_later_is_listed(monkeypatch):
    monkeypatch.setitem(LOSSES, "own_loss", LOSSES["hinge"])
    assert describe_field(LossConfig, "name").endswith(", own_loss.")


def test_short_help_lists_the_names_that_a_field_of_the_method_takes(capsys):
    with pytest.raises(SystemExit):
        train.main(["minibatch_stddev", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert f"sees a batch together. Names: {', '.join(MINIBATCH)}." in text
    assert describe_field(ModelConfig, "name") not in text  # --list shows them


@pytest.mark.parametrize("name", WITH_FLAGS)
def test_every_flag_has_a_text(name):
    for flag, source in flag_sources(WITH_FLAGS[name].Flags).items():
        assert dataclasses.is_dataclass(source.kind)
        assert describe_field(source.kind, source.field).endswith("."), flag
