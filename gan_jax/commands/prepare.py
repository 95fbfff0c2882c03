"""Download and prepare a TFDS set, once: `gan-jax prepare NAME`.

Writes array_record files to TFDS_DATA_DIR (default ~/tensorflow_datasets), which are
then read without TensorFlow. Only this command needs TensorFlow: pip install
'gan_jax[prepare]'. The name `inception` downloads the weights of FID's Inception-v3 (96
MB) to GAN_JAX_CACHE, for which neither TensorFlow nor PyTorch is needed. Exit codes:
0 prepared (or already there), 2 bad input, no internet or a missing package.
"""

import argparse
import importlib.util
import shlex
from functools import partial

from gan_jax.command_line.user_errors import catch_user_errors
from gan_jax.data.storage import cache_folder
from gan_jax.data.tfds import data_folder, find_builder
from gan_jax.features.weights import (
    URL,
    download,
    inception_weights_path,
    is_published_file,
)
from gan_jax.terminal.command_name import name_command, name_commands_in
from gan_jax.terminal.console import supports_bars
from gan_jax.terminal.progress import show_progress

NEEDED = ("tensorflow", "importlib_resources")
"""Packages that TFDS needs to prepare a set."""


def main(arguments: list[str]) -> int:
    """Run `gan-jax prepare`, and return its exit code."""
    return catch_user_errors(partial(run_with_flags, arguments))


def run_with_flags(arguments: list[str]) -> None:
    """Read the name of the set, prepare it, and print what happened."""
    parser = argparse.ArgumentParser(
        prog=name_command("prepare"),
        description=name_commands_in(__doc__),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "name", help="a TFDS name: cifar10, NAME/config:1.0.0; or inception"
    )
    name = parser.parse_args(arguments).name.removeprefix("tfds:")
    print(prepare_inception() if name == "inception" else prepare_data(name))


def prepare_data(name: str) -> str:
    """Prepare a TFDS set, and return what happened in words."""
    with show_progress("opening TFDS"):
        made = find_builder(name)
    if made.info.splits:
        return f"{made.info.full_name} is already in {data_folder()}"
    missing = [package for package in NEEDED if not importlib.util.find_spec(package)]
    if missing:
        raise ValueError(
            f"preparing {name!r} needs {' and '.join(missing)}: run\n"
            f"  pip install 'gan_jax[prepare]'\nand then again\n"
            f"  {name_command('prepare')} {shlex.quote(name)}"
        )
    own_bars = supports_bars(stderr=True)
    if not own_bars:
        disable_tfds_bars()
    with show_progress(f"preparing {name}", enabled=not own_bars):
        made.download_and_prepare(file_format="array_record")
    counts = {split: info.num_examples for split, info in made.info.splits.items()}
    return f"{made.info.full_name} is in {data_folder()}: {counts}"


def disable_tfds_bars() -> None:
    """Keep the progress bars of TFDS, and their control codes, out of a log file."""
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()


def prepare_inception() -> str:
    """Download the weights unless they are there, and return what happened in words."""
    path = inception_weights_path(cache_folder())
    if is_published_file(path):
        return f"{path} is already there"
    download(URL, path)
    return f"{path} is there, its SHA-256 the published one"
