"""Commands: `python -m experiments.NAME`.

A command takes some seconds to import JAX. Until then Ctrl-C and SIGTERM are answered
here: nothing has begun, so the process ends with one line.
"""

import os
import signal
import sys
from contextlib import suppress
from typing import Any

COMMAND = sys.argv[:1] == ["-m"]
"""Whether this process is a command. Python imports the package of a module that it is
to run while `-m` stands in the module's place."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)
NAMES = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


def end_at_once(number: int, frame: Any) -> None:
    """End the process with one line: a handler of signals."""
    with suppress(OSError):
        os.write(2, f"{NAMES[signal.Signals(number)]}\n".encode())
    os._exit(128 + number)


if COMMAND:
    for one in SIGNALS:
        if signal.getsignal(one) != signal.SIG_IGN:  # nohup
            signal.signal(one, end_at_once)
