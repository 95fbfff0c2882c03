"""What a device computes, and how fast: `python -m benchmarks.accelerator`.

Runs stages, each in a process of its own and within its share of the time. Each result
is written as soon as it exists: a JSON file for each stage, and README.md, a page for
all. If the command is stopped in any way, the same command goes on at the first piece
without a result; pieces that failed or were skipped are tried again. To measure
something again, delete the stage's JSON file.

Exit codes: 0 all chosen stages passed (what cannot run on this device is skipped), 1
something failed or is unfinished, 2 bad input, 130 and 143 stopped by Ctrl-C and
SIGTERM.
"""

import json
import math
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.accelerator.page import render_page
from benchmarks.accelerator.registry import STAGES
from benchmarks.accelerator.science import POLL_SECONDS, STOP_SECONDS, wait_or_stop
from benchmarks.accelerator.stage import read_results, read_table
from benchmarks.accelerator.worker import ABOUT, UNFINISHED
from gan_jax.command_line.flags import parse
from gan_jax.command_line.paths import expand_home
from gan_jax.command_line.user_errors import catch_user_errors
from gan_jax.logs.files import write_json, write_text

WORKER = (sys.executable, "-m", "benchmarks.accelerator.worker")
RESULTS = Path("benchmarks/results/accelerator")
ROOT = Path(__file__).parents[2]
"""The folder that holds `benchmarks`, and `tests` where they are."""
FAST_COMPILATION = "--xla_backend_optimization_level=0"
GRACE = 30.0
"""Seconds after its share at which a stage is ended within a piece."""
SAVING = STOP_SECONDS + 5.0
"""Seconds that the processes of a stage have to end after SIGTERM."""


@dataclass(frozen=True)
class Flags:
    minutes: float = 60.0
    """Time for all chosen stages together."""
    stages: str = ""
    """Names a,b,c; by default all."""
    tiny: bool = False
    """Few cases and the smallest networks: a test of the program itself, under two
    minutes on a CPU."""
    out: Path | None = None
    """Folder of the results; by default benchmarks/results/accelerator/DEVICE."""


def choose_stages(text: str) -> list[str]:
    """Return the names of the chosen stages in their order; no text: all.

    Raises ValueError for a name that is unknown, and for a text without names.
    """
    names = [part.strip() for part in text.split(",") if part.strip()]
    if text and not names:
        raise ValueError(f"stages {text!r}: names none of {', '.join(STAGES)}")
    for name in names:
        if name not in STAGES:
            raise ValueError(f"stages {name!r}: must be of {', '.join(STAGES)}")
    return [name for name in STAGES if not names or name in names]


def ask_device() -> dict[str, Any]:
    """Return the device and the versions, as a process of its own sees them.

    This process leaves the device alone: some can be held by one process only. Raises
    ValueError if JAX does not start.
    """
    found = subprocess.run(
        [*WORKER, ABOUT], env=child_environment(), capture_output=True, text=True
    )
    if found.returncode:
        last = (found.stderr.strip().splitlines() or ["no output"])[-1]
        raise ValueError(f"JAX does not start on this device: {last}")
    return json.loads(found.stdout.strip().splitlines()[-1])


def require_device(about: dict[str, Any], tiny: bool) -> None:
    """Print the device, and a warning if a CPU is to be measured.

    Raises ValueError if JAX_PLATFORMS names a platform, and JAX found a CPU only.
    """
    print(f"device  {about['device']} ({about['platform']})", flush=True)
    if about["platform"] != "cpu":
        return
    chosen = os.environ.get("JAX_PLATFORMS", "")
    if chosen and "cpu" not in chosen:
        raise ValueError(
            f"JAX_PLATFORMS {chosen!r}: JAX found a CPU only; install JAX for that "
            "device (docs/accelerators.md), or set it to cpu to measure the CPU"
        )
    if not tiny:
        print(
            "warning: this is a CPU, for which most stages are too long; --tiny tests "
            "the program",
            file=sys.stderr,
        )


def child_environment(tiny: bool = False) -> dict[str, str]:
    """Return the environment of the stages.

    Memory is taken as it is needed, because the contenders of a stage are processes of
    their own on one device. The CPU is there too, to compare with. tiny: XLA compiles
    fast, and the code is slow.
    """
    paths = [os.environ.get("PYTHONPATH", ""), str(ROOT)]
    flags = os.environ.get("XLA_FLAGS", "") + (f" {FAST_COMPILATION}" if tiny else "")
    chosen = os.environ.get("JAX_PLATFORMS", "")
    return {
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        **os.environ,
        "XLA_FLAGS": flags,
        "JAX_PLATFORMS": f"{chosen},cpu" if chosen and "cpu" not in chosen else chosen,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }


def choose_folder(flags: Flags, about: dict[str, Any]) -> Path:
    """Return the folder of the results."""
    if flags.out is not None:
        return flags.out
    name = re.sub(r"[^a-z0-9]+", "_", about["device"].lower()).strip("_")
    return RESULTS / (f"{name}_tiny" if flags.tiny else name)


def open_folder(out: Path, about: dict[str, Any]) -> None:
    """Make the folder.

    Raises ValueError for results of another device or other versions, and for a file
    of results that is damaged.
    """
    file = out / "about.json"
    found = read_table(file) if file.exists() else about
    differ = [key for key in about | found if found.get(key) != about.get(key)]
    if differ:
        raise ValueError(
            f"out {out}: holds results of another {' and '.join(differ)} "
            f"({', '.join(str(found.get(key, 'none')) for key in differ)}); choose "
            "another folder, or delete this one"
        )
    for name in STAGES:
        read_results(out, name)
    out.mkdir(parents=True, exist_ok=True)
    write_json(file, about)


@contextmanager
def run_group(arguments: list[str], tiny: bool) -> Iterator[subprocess.Popen]:
    """Run a process in a group of its own, which has ended after the context.

    What still runs is told to stop by SIGTERM, and has SAVING seconds to save its state
    before it is killed. Whatever interrupts the wait kills it at once.
    """
    process = subprocess.Popen(
        [*WORKER, *arguments], env=child_environment(tiny), start_new_session=True
    )
    try:
        yield process
    finally:
        try:
            signal_group(process, signal.SIGTERM)
            ends = time.monotonic() + SAVING
            while signal_group(process, 0) and time.monotonic() < ends:
                time.sleep(POLL_SECONDS)
        finally:
            signal_group(process, signal.SIGKILL)
            process.wait()


def signal_group(process: subprocess.Popen, number: int) -> bool:
    """Signal the group that a process leads; return whether any of it is left."""
    process.poll()  # Until it is waited for, an ended process counts as one.
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def run_in_time(name: str, out: Path, seconds: float, tiny: bool) -> str | None:
    """Run a stage in a process of its own; return why it ended early, if it did."""
    arguments = [name, str(out), str(seconds), "1" if tiny else "0"]
    with run_group(arguments, tiny) as process:
        try:
            code = wait_or_stop(process, seconds + GRACE)
        except subprocess.TimeoutExpired:
            return f"ended after its {seconds:.0f} s, within a piece"
    if code == UNFINISHED:
        return "some pieces failed or are unfinished"
    return None if code == 0 else f"its process ended with exit code {code}"


def run_all(
    names: list[str], flags: Flags, out: Path, show: Callable[[], None]
) -> bool:
    """Run the stages, call `show` after each, and return whether all passed.

    What a stage leaves of its time goes to those after it.
    """
    ends = time.monotonic() + 60 * flags.minutes
    passed = True
    for index, name in enumerate(names):
        shares = [STAGES[later].share for later in names[index:]]
        seconds = max(0.0, ends - time.monotonic()) * shares[0] / sum(shares)
        print(f"{name}: {STAGES[name].about} At most {seconds:.0f} s.", flush=True)
        fault = run_in_time(name, out, seconds, flags.tiny)
        if fault:
            print(f"  {name}: {fault}", file=sys.stderr)
        passed &= fault is None
        show()
    return passed


def write_page(out: Path, about: dict[str, Any], arguments: list[str]) -> None:
    """Write README.md of all results so far, with the command that was given last."""
    results = {name: read_results(out, name) for name in STAGES}
    text = render_page(about, results, describe_command(arguments))
    write_text(out / "README.md", text)


def describe_command(arguments: list[str]) -> str:
    """Return the command as one types it, with XLA's flags if any are given."""
    flags = os.environ.get("XLA_FLAGS", "")
    setting = f"XLA_FLAGS={shlex.quote(flags)} " if flags else ""
    return setting + shlex.join(["python", "-m", "benchmarks.accelerator", *arguments])


def start(arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    flags = parse(
        Flags, arguments, prog="python -m benchmarks.accelerator", description=__doc__
    )
    flags = expand_home(flags, "out")
    names = choose_stages(flags.stages)
    if not 0 < flags.minutes < math.inf:
        raise ValueError(f"minutes {flags.minutes:g}: must be above 0 and finite")
    about = ask_device() | {"tiny": flags.tiny}
    require_device(about, flags.tiny)
    out = choose_folder(flags, about)
    open_folder(out, about)
    show = partial(write_page, out, about, arguments)
    try:
        passed = run_all(names, flags, out, show)
    except KeyboardInterrupt:
        show()
        print("stopped; the same command goes on", file=sys.stderr)
        raise
    print(f"page  {out}/README.md")
    return 0 if passed else 1


def main(arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    return catch_user_errors(partial(start, arguments))
