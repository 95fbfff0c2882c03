"""Answers Ctrl-C and SIGTERM while a command imports its libraries.

The imports take some seconds, in which nothing has begun: the process ends with one
line. `gan_jax/__init__.py` imports this module before anything else.
"""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

IS_COMMAND = sys.argv[:1] == ["-m"] or Path(sys.argv[0]).stem == "gan-jax"
"""Whether this process is a command: `gan-jax NAME`, `python -m gan_jax NAME` or
`python -m experiments.NAME`. While Python imports the package of a module that `-m`
runs, `-m` stands in the place of the module's path."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)
SIGNAL_WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


def end_on_signal(number: int, frame: Any) -> None:
    """End the process with one line; a signal handler."""
    with suppress(OSError):
        os.write(2, f"{SIGNAL_WORDS[signal.Signals(number)]}\n".encode())
    os._exit(128 + number)


if IS_COMMAND:
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores signals
            signal.signal(number, end_on_signal)
