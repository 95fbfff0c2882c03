"""Wheels for a host without network: `python -m benchmarks.accelerator pack OUT`.

Downloads what a host lacks that has Python 3.12 (Linux, x86_64) with JAX, Flax, Optax,
NumPy, SciPy and, for the comparison, PyTorch. Builds the wheel of this checkout, and
copies `benchmarks`, pyproject.toml and some of the tests. OUT then holds all that is
needed, in less than 40 MB. Take it to the host and run

    OUT/run.sh [flags of python -m benchmarks.accelerator]

which installs the wheels into OUT/site at its first call, without network, and changes
nothing else. PYTHON names the host's interpreter (python3), PACK_SITE another folder
than OUT/site.
"""

import configparser
import json
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import tyro

from benchmarks.accelerator.right import TESTS
from benchmarks.accelerator.stage import COMMIT_FILE
from gan_jax.benchmark.run_cell import find_commit
from gan_jax.command_line.flags import parse
from gan_jax.command_line.paths import expand_home
from gan_jax.command_line.user_errors import catch_user_errors

ROOT = Path(__file__).parents[2]
PYTHON = "3.12"
PLATFORMS = ("2_28", "2_27", "2_24", "2_17")
"""The versions of glibc, newest first, whose wheels the host can run."""
HOST = ("jax", "jaxlib", "flax", "optax", "numpy", "scipy")
"""What the host has, with what these packages need."""
TESTING = ("pytest", "chex", "importlib_resources")
"""What the tests of the stage *right* need."""
LIGHT = "matplotlib <3.11"
"""The versions of matplotlib that draw PNG and SVG without fontTools (5 MB)."""
UNUSED = ("fonttools",)
TFDS = (
    "tensorflow-datasets dm-tree immutabledict tensorflow-metadata simple_parsing "
    "requests termcolor toml tqdm wrapt attrs googleapis-common-protos urllib3 certifi "
    "idna charset-normalizer"
).split()
"""tensorflow-datasets and what it imports to read a prepared set. Left out are pyarrow,
which is larger than all others and is not imported. BUILT: `promise`, which has no
wheel and is built here, and what it needs."""
BUILT = ("promise", "six")
LIMIT = 40_000_000
"""The most bytes of a pack."""
RUN = """#!/usr/bin/env bash
# Installs the wheels beside this file, without network, and runs the measurements.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
site=${PACK_SITE:-$here/site}
if [ ! -e "$site/.complete" ]; then
  rm -rf "$site"
  "$python" -m pip install --quiet --no-index --no-deps --no-compile \\
    --target "$site" "$here"/wheels/*.whl
  touch "$site/.complete"
fi
export PYTHONSAFEPATH=1 PYTHONPATH="$site:$here${PYTHONPATH:+:$PYTHONPATH}"
exec "$python" -m benchmarks.accelerator "$@"
"""


@dataclass(frozen=True)
class Flags:
    out: Annotated[Path, tyro.conf.Positional]
    """Folder to fill; it must not exist."""


def make_pack(out: Path) -> int:
    """Make the folder of a pack, whole or not at all, and return its bytes.

    It is filled as `OUT.new` and renamed at the end. Raises ValueError if one of the
    two folders exists, and what `fill_pack` raises.
    """
    new = out.with_name(f"{out.name}.new")
    if out.exists():
        raise ValueError(f"out {out}: is there already; choose another folder")
    if new.exists():
        raise ValueError(f"out {out}: {new} is left of an earlier pack; delete it")
    try:
        size = fill_pack(new)
        new.rename(out)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return size


def fill_pack(out: Path) -> int:
    """Fill a folder, and return its bytes.

    Raises ValueError if pip fails, and if the pack is too large.
    """
    needed, wheels = find_missing_packages(), out / "wheels"
    wheels.mkdir(parents=True)
    wanted = ["--no-deps", *target_options(), "--dest", str(wheels)]
    run_pip("download", *wanted, *needed, *TFDS)
    run_pip("wheel", "--no-deps", "--wheel-dir", str(wheels), *BUILT, str(ROOT))
    for wheel in wheels.iterdir():
        shrink_wheel(wheel)
    copy_sources(out)
    script = out / "run.sh"
    script.write_text(RUN, "utf-8")
    script.chmod(0o755)
    size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    if size > LIMIT:
        raise ValueError(f"the pack has {size / 1e6:.1f} MB, over {LIMIT / 1e6:.0f}")
    return size


def find_missing_packages() -> list[str]:
    """Return `name==version` of what the project needs and a host lacks."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", "utf-8")
    ours = setup["options"]["install_requires"].split("\n")
    ours = [need for need in ours if need and not need.startswith(TFDS[0])]
    present = resolve_packages(list(HOST))
    found = resolve_packages([*ours, *TESTING, LIGHT])
    return [
        f"{name}=={version}"
        for name, version in found.items()
        if name not in present and name not in UNUSED
    ]


def resolve_packages(requirements: list[str]) -> dict[str, str]:
    """Return name and version of all that pip would install; nothing is installed."""
    report = run_pip(
        "install",
        *("--dry-run", "--ignore-installed", "--report", "-", "--target", "unused"),
        *target_options(),
        *requirements,
    )
    return {
        normalize_name(one["metadata"]["name"]): one["metadata"]["version"]
        for one in json.loads(report)["install"]
    }


def normalize_name(name: str) -> str:
    """Return a package's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def target_options() -> list[str]:
    """Return pip's options for wheels of the host's Python and platform."""
    platforms = [f"--platform=manylinux_{glibc}_x86_64" for glibc in PLATFORMS]
    return ["--only-binary=:all:", f"--python-version={PYTHON}", *platforms]


def run_pip(command: str, *arguments: str) -> str:
    """Return what pip prints, or raise ValueError with its last line."""
    found = subprocess.run(
        [sys.executable, "-m", "pip", command, "--quiet", *arguments],
        capture_output=True,
        text=True,
    )
    if found.returncode:
        lines = [line for line in found.stderr.splitlines() if "ERROR" in line]
        raise ValueError(f"pip {command}: {(lines or ['failed'])[-1]}")
    return found.stdout


def shrink_wheel(wheel: Path) -> None:
    """Write a wheel again, compressed by LZMA and without the package's own tests."""
    smaller = wheel.with_suffix(".new")
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(smaller, "w") as new:
        for entry in old.infolist():
            content = old.read(entry)
            if entry.filename.endswith(".dist-info/RECORD"):
                lines = content.decode().splitlines(keepends=True)
                content = "".join(x for x in lines if not is_test(x)).encode()
            if not is_test(entry.filename):
                entry.compress_type = zipfile.ZIP_LZMA
                new.writestr(entry, content)
    smaller.replace(wheel)


def is_test(name: str) -> bool:
    """Whether a file of a wheel is one of the package's own tests."""
    return "/tests/" in name


def copy_sources(out: Path) -> None:
    """Copy `benchmarks`, and the tests of the stage *right* with their options.

    The commit is written down, because a pack is not in git.
    """
    (out / COMMIT_FILE.name).write_text(find_commit() or "unknown", "utf-8")
    ignored = shutil.ignore_patterns("__pycache__", "results")
    shutil.copytree(ROOT / "benchmarks", out / "benchmarks", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", out)
    (out / "tests").mkdir()
    for helper in (ROOT / "tests").glob("*.py"):
        shutil.copy(helper, out / "tests")
    for name in TESTS:
        if (ROOT / "tests" / name).is_dir():
            place = out / "tests" / name
            shutil.copytree(ROOT / "tests" / name, place, ignore=ignored)


def start(arguments: list[str]) -> None:
    """Fill the folder and say how to use it."""
    if not arguments:
        raise ValueError("out: name the folder to fill")
    name = "python -m benchmarks.accelerator pack"
    flags = expand_home(parse(Flags, arguments, prog=name, description=__doc__), "out")
    size = make_pack(flags.out)
    print(f"{flags.out}: {size / 1e6:.1f} MB; on the host: {flags.out.name}/run.sh")


def main(arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    return catch_user_errors(partial(start, arguments))
