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


def take_plugin_flags(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Return the other arguments, and the files of all `--plugin` flags.

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


def gather_plugin_flags(arguments: list[str]) -> list[str]:
    """Return the arguments with one `--plugin`, of all files, at the end."""
    rest, files = take_plugin_flags(arguments)
    return [*rest, FLAG, *files] if files else rest


def load_for_training(arguments: list[str]) -> tuple[list[str], tuple[str, ...]]:
    """Load a training's plugins; return the other arguments and `Config.plugin`.

    The plugins are those of the Config in `--config FILE`, or of the run that
    `--resume` goes on with, and the given files. A given file takes the place of a
    recorded one of its name.
    """
    rest, files = take_plugin_flags(arguments)
    given = load_plugins(files)
    path = find_recorded_config(rest)
    if path is None or not path.is_file():
        return rest, given
    recorded = from_file(path).plugin
    kept = [
        pin for pin in recorded if pin_file_name(pin) not in map(pin_file_name, given)
    ]
    return rest, (*load_copies(path.parent, kept), *given)


def find_recorded_config(arguments: list[str]) -> Path | None:
    """Return the config.json whose plugins the arguments ask for, None without one."""
    match arguments:
        case ["--config", path, *_]:
            return Path(path).expanduser()
        case [method, *rest] if "--resume" in rest:
            out = last_value("--out", rest) or f"runs/{method}"
            return Path(out).expanduser() / "config.json"
    return None


def last_value(flag: str, arguments: list[str]) -> str | None:
    """Return the value that a flag is given last, None without one."""
    value = None
    for word, after in zip(arguments, [*arguments[1:], None], strict=True):
        if word == flag:
            value = after
        elif word.startswith(f"{flag}="):
            value = word.partition("=")[2]
    return value


def plugin_words(pins: tuple[str, ...]) -> list[str]:
    """Return the words of a command that load these plugins from their files."""
    paths = [PLUGINS[pin_file_name(pin)].path for pin in pins]
    return [FLAG, *paths] if paths else []


def load_beside_run(run: str | None, files: tuple[str, ...]) -> None:
    """Load the files that are given beside a run, which has plugins of its own.

    Raises ValueError for another version of a file of which the run has a copy.
    """
    pins = load_plugins(files)
    path = None if run is None else Path(run) / "config.json"
    own = from_file(path).plugin if path is not None and path.is_file() else ()
    for pin in pins:
        if pin not in own and pin_file_name(pin) in map(pin_file_name, own):
            raise ValueError(
                f"plugin {pin_file_name(pin)}: is not the file that {run} was trained "
                "with; leave it out (the run has its own copy), or rename it"
            )


def format_plugin_help() -> str:
    """Return what the loaded plugins have registered, as the end of a help text."""
    lines = describe_plugins()
    return "\n\nPlugins:\n" + "\n".join(lines) if lines else ""
