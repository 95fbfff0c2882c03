"""A headless Chromium, spoken to over a pipe: no driver and no package is needed."""

import base64
import contextlib
import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from processes import kill

REDIRECT = """
import fcntl, os, sys
read, write = (fcntl.fcntl(int(n), fcntl.F_DUPFD, 10) for n in sys.argv[1:3])
os.dup2(read, 3), os.dup2(write, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""The browser reads commands on descriptor 3 and answers on 4. Not by a shell: some
know descriptors of one digit only."""
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def binary():
    """Where Chromium is; None: nowhere."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Page:
    """One tab: `send` a command of the DevTools protocol, `run` JavaScript.

    events: all that the browser has told of (console, exceptions, requests).
    """

    def __init__(self, write, read):
        self.write, self.read = write, read
        self.ids, self.events, self.session = itertools.count(1), [], None
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attach = {"targetId": target, "flatten": True}
        self.session = self.send("Target.attachToTarget", **attach)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method, **params):
        number = next(self.ids)
        message = {"id": number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == number:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def receive(self):
        """The next message, which may be an event."""
        text = b""
        while (byte := self.read.read(1)) != b"\0":
            assert byte, "the browser has ended"
            text += byte
        message = json.loads(text)
        if "method" in message:
            self.events.append(message)
        return message

    def open(self, path, width=1280, height=800, mobile=False):
        """Load a file and wait for it."""
        self.resize(width, height, mobile)
        self.events.clear()
        self.send("Page.navigate", url=Path(path).resolve().as_uri())
        while not self.told("Page.loadEventFired"):
            self.receive()

    def resize(self, width, height, mobile=False):
        size = {"width": width, "height": height, "deviceScaleFactor": 1}
        self.send("Emulation.setDeviceMetricsOverride", mobile=mobile, **size)

    def told(self, method):
        return [e["params"] for e in self.events if e["method"] == method]

    def run(self, script):
        """The value of an expression on the page."""
        found = self.send("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def picture(self, path, whole=False):
        shot = self.send("Page.captureScreenshot", captureBeyondViewport=whole)
        Path(path).write_bytes(base64.b64decode(shot["data"]))


@contextlib.contextmanager
def page(folder):
    """A tab of a browser of its own, with its profile in `folder`."""
    to_browser, commands = os.pipe()
    answers, from_browser = os.pipe()
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    flags += ["--remote-debugging-pipe", "--disable-background-networking"]
    flags += [f"--user-data-dir={folder}", "--hide-scrollbars"]
    process = subprocess.Popen(
        [sys.executable, "-c", REDIRECT, str(to_browser), str(from_browser)]
        + [binary(), *flags],
        pass_fds=(to_browser, from_browser),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(to_browser)
    os.close(from_browser)
    try:
        with os.fdopen(answers, "rb") as read:
            yield Page(commands, read)
    finally:
        os.close(commands)
        kill(process)
