"""`--plugin FILE.py`: a user's own files, loaded before names are looked up."""

from pathlib import Path

from gan_jax.assembly.registry import PLUGINS
from gan_jax.config.serialization import from_file
from gan_jax.plugins.load import load_copies, load_plugins, name_of, plugins_told

FLAG = "--plugin"


def take_plugin_flags(arguments: list[str]) -> tuple[list[str], list[str]]:
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


def gather_plugin_flags(arguments: list[str]) -> list[str]:
    """The arguments with one `--plugin`, of all files, at the end."""
    rest, files = take_plugin_flags(arguments)
    return [*rest, FLAG, *files] if files else rest


def load_for_training(arguments: list[str]) -> tuple[list[str], tuple[str, ...]]:
    """For experiments.train: the other arguments, and what `Config.plugin` will hold.

    These are the plugins of the Config in `--config FILE`, or of the run that
    `--resume` goes on with, and the given files. A given file takes the place of a
    recorded one of its name.
    """
    rest, files = take_plugin_flags(arguments)
    given = load_plugins(files)
    path = find_recorded_config(rest)
    if path is None or not path.is_file():
        return rest, given
    recorded = from_file(path).plugin
    kept = [pin for pin in recorded if name_of(pin) not in map(name_of, given)]
    return rest, (*load_copies(path.parent, kept), *given)


def find_recorded_config(arguments: list[str]) -> Path | None:
    """The config.json whose plugins the arguments ask for."""
    match arguments:
        case ["--config", path, *_]:
            return Path(path).expanduser()
        case [method, *rest] if "--resume" in rest:
            out = last_value("--out", rest) or f"runs/{method}"
            return Path(out).expanduser() / "config.json"
    return None


def last_value(flag: str, arguments: list[str]) -> str | None:
    """The value that a flag is given last."""
    found = None
    for word, after in zip(arguments, [*arguments[1:], None], strict=True):
        if word == flag:
            found = after
        elif word.startswith(f"{flag}="):
            found = word.partition("=")[2]
    return found


def plugin_words(pins: tuple[str, ...]) -> list[str]:
    """The words of a command that load these plugins, by the paths of their files."""
    paths = [PLUGINS[name_of(pin)].path for pin in pins]
    return [FLAG, *paths] if paths else []


def load_beside_run(run: str | None, files: tuple[str, ...]) -> None:
    """Load files given beside a run, whose own plugins are loaded with it.

    Raises ValueError for another version of a file that the run has a copy of.
    """
    pins = load_plugins(files)
    path = None if run is None else Path(run) / "config.json"
    own = from_file(path).plugin if path is not None and path.is_file() else ()
    for pin in pins:
        if pin not in own and name_of(pin) in map(name_of, own):
            raise ValueError(
                f"plugin {name_of(pin)}: is not the file that {run} was trained with; "
                "leave it out (the run has its own copy), or rename it"
            )


def describe_plugins() -> str:
    """What the loaded plugins have registered, to stand below a help text."""
    lines = plugins_told()
    return "\n\nPlugins:\n" + "\n".join(lines) if lines else ""
