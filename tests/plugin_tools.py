"""What tests of plugins share: registries put back, an example, refusals."""

from contextlib import contextmanager
from pathlib import Path

from gan_jax.assembly.registry import PLUGINS
from gan_jax.plugins import registries

EACH_KIND = (Path(__file__).parent / "each_kind.py").read_text()
KINDS = {
    "loss": "own_loss",
    "penalty": "own_penalty",
    "model": "own_model",
    "augmentation": "own_augment",
    "rule of play": "own_rule",
    "data set": "own_data",
    "metric": "own_metric",
    "method": "own_method",
}
LOSS = """
from gan_jax.losses import LOSSES
from gan_jax.types import Loss
LOSSES[{name!r}] = Loss(lambda real, fake: {slope} * (fake - real), lambda r, f: -f)
"""


@contextmanager
def fresh():
    """As in a process of its own: no plugin is loaded before, none stays."""
    before = registries.snapshot()
    for name in list(PLUGINS):
        registries.unregister(name)
    try:
        yield
    finally:
        registries.restore(before)


def loss_file(path, name="steep", slope=2.0):
    """A plugin with one loss."""
    path.write_text(LOSS.format(name=name, slope=slope))
    return path


def refused(command, arguments, capsys):
    """The one line of a command that refuses its input."""
    assert command.main([str(word) for word in arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1
    return said
