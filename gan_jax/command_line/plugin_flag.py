"""`--plugin FILE.py`: a user's own files, loaded before names are looked up."""

from pathlib import Path

from gan_jax.assembly.registry import PLUGINS
from gan_jax.config.serialization import from_file
from gan_jax.plugins.load import (
    describe_plugins,
    load_copies,
    load_plugins,
    pin_file_name,
)

FLAG = "--plugin"


def split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """The other arguments, and the files of all `--plugin` flags.

    `--plugin` takes the next word, and of the words after it those that end in `.py`.
    Raises ValueError for a flag without a file.
    """
    rest: list[str] = []
    files: list[str] = []
    words = list(arguments)
    while words:
        word = words.pop(0)
        if word != FLAG and not word.startswith(f"{FLAG}="):
            rest.append(word)
            continue
        if word != FLAG:
            words.insert(0, word.partition("=")[2])
        if not words or words[0] in ("", FLAG) or words[0].startswith("--"):
            raise ValueError("plugin: no file is given; write --plugin FILE.py")
        files.append(words.pop(0))
        while words and words[0].endswith(".py") and not words[0].startswith("-"):
            files.append(words.pop(0))
    return rest, files


def gathered(arguments: list[str]) -> list[str]:
    """The arguments with one `--plugin`, of all files, at the end."""
    rest, files = split(arguments)
    return [*rest, FLAG, *files] if files else rest


def loaded(arguments: list[str]) -> tuple[list[str], tuple[str, ...]]:
    """For experiments.train: the other arguments, and what `Config.plugin` will hold.

    These are the plugins of the Config in `--config FILE`, or of the run that
    `--resume` goes on with, and the given files. A given file takes the place of a
    recorded one of its name.
    """
    rest, files = split(arguments)
    given = load_plugins(files)
    path = recorded_config(rest)
    if path is None or not path.is_file():
        return rest, given
    recorded = from_file(path).plugin
    kept = [
        pin for pin in recorded if pin_file_name(pin) not in map(pin_file_name, given)
    ]
    return rest, (*load_copies(path.parent, kept), *given)


def recorded_config(arguments: list[str]) -> Path | None:
    """The config.json whose plugins the arguments ask for."""
    match arguments:
        case ["--config", path, *_]:
            return Path(path).expanduser()
        case [method, *rest] if "--resume" in rest:
            out = value_of("--out", rest) or f"runs/{method}"
            return Path(out).expanduser() / "config.json"
    return None


def value_of(flag: str, arguments: list[str]) -> str | None:
    """The value that a flag is given last."""
    found = None
    for word, after in zip(arguments, [*arguments[1:], None], strict=True):
        if word == flag:
            found = after
        elif word.startswith(f"{flag}="):
            found = word.partition("=")[2]
    return found


def typed(pins: tuple[str, ...]) -> list[str]:
    """The words of a command that load these plugins, by the paths of their files."""
    paths = [PLUGINS[pin_file_name(pin)].path for pin in pins]
    return [FLAG, *paths] if paths else []


def load_for(run: str | None, files: tuple[str, ...]) -> None:
    """Load files given beside a run, whose own plugins are loaded with it.

    Raises ValueError for another version of a file that the run has a copy of.
    """
    pins = load_plugins(files)
    path = None if run is None else Path(run) / "config.json"
    own = from_file(path).plugin if path is not None and path.is_file() else ()
    for pin in pins:
        if pin not in own and pin_file_name(pin) in map(pin_file_name, own):
            raise ValueError(
                f"plugin {pin_file_name(pin)}: is not the file that {run} was "
                "trained with; leave it out (the run has its own copy), or rename it"
            )


def about_plugins() -> str:
    """What the loaded plugins have registered, to stand below a help text."""
    lines = describe_plugins()
    return "\n\nPlugins:\n" + "\n".join(lines) if lines else ""
