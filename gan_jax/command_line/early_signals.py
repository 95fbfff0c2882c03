"""Answers Ctrl-C and SIGTERM while a command imports its libraries.

That takes some seconds, in which nothing has begun: the process ends with one line.
`gan_jax/__init__.py` imports this module before anything else.
"""

import os
import signal
import sys
from contextlib import suppress
from typing import Any

IS_COMMAND = sys.argv[:1] == ["-m"] or os.path.basename(sys.argv[0]) == "gan-jax"
"""Whether this process is a command: `python -m experiments.NAME`, or `gan-jax NAME`.
Python imports the package of a module that it is to run while `-m` stands in the
module's place."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)
WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


def end_on_signal(number: int, frame: Any) -> None:
    """End the process with one line: a handler of signals."""
    with suppress(OSError):
        os.write(2, f"{WORDS[signal.Signals(number)]}\n".encode())
    os._exit(128 + number)


if IS_COMMAND:
    for one in SIGNALS:
        if signal.getsignal(one) != signal.SIG_IGN:  # nohup
            signal.signal(one, end_on_signal)
