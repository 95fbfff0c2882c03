"""Ctrl-C and SIGTERM are answered at once, whatever the process is doing."""

import hashlib
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from processes import COMPILED, mortal, output, running, until

from gan_jax.command_line import early_signals, interruption
from gan_jax.command_line.user_errors import catch_user_errors
from gan_jax.commands import evaluate
from gan_jax.run import signals
from gan_jax.run.signals import later_stop_request, stop_request, watch_signals
from gan_jax.run_files.checkpoint import CHECKPOINT_FOLDER, newest_intact

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


def send_in_a_while(*numbers):
    """Send signals to this process, 0.1 s apart; return the sender and its times."""
    sent = []

    def send():
        for number in numbers:
            time.sleep(0.1)
            sent.append(time.monotonic())
            os.kill(os.getpid(), number)

    sender = threading.Thread(target=send)
    sender.start()
    return sender, sent


def compute():
    """Keep the main thread from Python for half a second, as a compilation does."""
    hashlib.pbkdf2_hmac("sha256", b"", b"", 1_000_000)


@pytest.fixture
def said(monkeypatch):
    """What is printed at once, and when."""
    lines = []
    remember = lambda line: lines.append((time.monotonic(), line))  # noqa: E731
    monkeypatch.setattr(signals, "print_to_stderr", remember)
    monkeypatch.setattr(interruption, "print_to_stderr", remember)
    return lines


@pytest.mark.parametrize("number", CODES, ids=str)
def test_a_run_that_is_asked_to_stop_answers_before_it_can_stop(number, said):
    with stop_request() as asked:
        sender, sent = send_in_a_while(number)
        compute()
        over = time.monotonic()
        sender.join()
    name = signal.Signals(number).name
    assert asked == [name]
    [(moment, line)] = said
    assert sent[0] <= moment < over and line == signals.STOP_MESSAGES[name]


def test_a_second_ctrl_c_interrupts_and_goes_on_to_who_heard_before(said):
    seen = []
    with watch_signals(lambda number: seen.append(number) or True):
        with pytest.raises(KeyboardInterrupt), stop_request() as asked:
            sender, _ = send_in_a_while(signal.SIGINT, signal.SIGINT)
            sender.join()
            time.sleep(60)
    assert asked == ["SIGINT"] and seen == [signal.SIGINT]
    assert [line for _, line in said] == [signals.STOP_MESSAGES["SIGINT"]]


def test_a_signal_before_the_first_steps_interrupts_and_later_asks_to_stop(said):
    handlers = [signal.getsignal(number) for number in CODES]
    with later_stop_request() as (asked, begin):
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert asked == [] and said == []
        begin()
        begin()  # as at every dispatch
        signal.raise_signal(signal.SIGINT)
        assert asked == ["SIGINT"]
    assert [line for _, line in said] == [signals.STOP_MESSAGES["SIGINT"]]
    assert [signal.getsignal(number) for number in CODES] == handlers


def test_signals_are_as_they_were_when_nobody_listens_any_more():
    handlers = [signal.getsignal(number) for number in CODES]
    threads = threading.active_count()
    with stop_request():
        pass
    assert [signal.getsignal(number) for number in CODES] == handlers
    assert signal.set_wakeup_fd(-1) == -1
    assert threading.active_count() == threads


def test_no_other_thread_takes_signals():
    found = []

    def ask():
        with stop_request() as asked:
            found.append((asked, signal.getsignal(signal.SIGINT)))

    asking = threading.Thread(target=ask)
    asking.start()
    asking.join()
    assert found == [([], signal.default_int_handler)]


@pytest.fixture
def command(monkeypatch):
    """Make this process a command; return how it was ended."""
    ends, ended = [], threading.Event()

    def end(code):
        ends.append(code)
        ended.set()

    monkeypatch.setattr(early_signals, "IS_COMMAND", True)
    monkeypatch.setattr(interruption, "GRACE_SECONDS", 0.1)
    monkeypatch.setattr(interruption, "WORD_SECONDS", 0.05)
    monkeypatch.setattr(interruption, "end_process_at_once", end)
    return ends, ended


def test_a_command_that_does_not_let_go_is_ended(command, said, monkeypatch):
    """Python drops an interrupt that it raises in a finalizer, as JAX has some."""
    ends, ended = command

    def stuck(run, index):
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(60)
        assert ended.wait(60)
        raise ValueError("the evaluation went on")

    monkeypatch.setattr(evaluate, "load_run", stuck)
    evaluate.main(["run"])
    assert ends == [130] and [line for _, line in said] == ["interrupted"]


@pytest.mark.parametrize("number", CODES, ids=str)
def test_a_command_that_lets_go_says_one_line(
    number, command, said, monkeypatch, capsys
):
    monkeypatch.setattr(interruption, "WORD_SECONDS", 60)
    signal.signal(signal.SIGTERM, early_signals.end_on_signal)
    interrupts = signal.signal(signal.SIGINT, early_signals.end_on_signal)

    def stopped():
        os.kill(os.getpid(), number)
        time.sleep(60)

    try:
        assert catch_user_errors(stopped) == CODES[number]
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, interrupts)
    assert capsys.readouterr().err == f"{early_signals.SIGNAL_WORDS[number]}\n"
    assert command[0] == [] and said == []


def test_a_process_that_imports_commands_is_none():
    assert not early_signals.IS_COMMAND
    assert signal.getsignal(signal.SIGTERM) is not early_signals.end_on_signal


def catches(process, number):
    """Whether it has a handler of this signal."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    [caught] = (line.split()[1] for line in lines if line.startswith("SigCgt"))
    return int(caught, 16) >> (number - 1) & 1


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")
@pytest.mark.parametrize("number", CODES, ids=str)
@pytest.mark.parametrize(
    "words",
    [
        ["-m", "experiments.train"],
        ["-m", "benchmarks.compare"],
        ["-m", "gan_jax", "train"],
        ["gan-jax", "train"],
    ],
    ids=" ".join,
)
def test_a_command_that_still_imports_ends_with_one_line(words, number, tmp_path):
    if words[0] == "gan-jax":
        words = [write_console_script(tmp_path), *words[1:]]
    with running([sys.executable, *words]) as process:
        until(lambda: catches(process, signal.SIGTERM), process)
        process.send_signal(number)
        text = output(process)
    assert (process.returncode, text) == (
        CODES[number],
        f"{early_signals.SIGNAL_WORDS[number]}\n",
    )


def write_console_script(folder):
    """The path of a script as pip makes it for the console command."""
    path = folder / "gan-jax"
    path.write_text("import sys\nfrom gan_jax.commands import main\nsys.exit(main())\n")
    return str(path)


def gone(process):
    """Whether the process of this folder of /proc has ended."""
    try:
        return "Z (zombie)" in (process / "status").read_text()
    except FileNotFoundError:
        return True


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")
def test_a_process_of_tests_ends_even_with_tests_that_are_killed():
    sleeper = mortal([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
    script = "import subprocess, sys; p = subprocess.Popen(sys.argv[1:]); print(p.pid)"
    script += "; sys.stdout.flush(); p.wait()"
    with running([sys.executable, "-c", script, *sleeper]) as tests:
        assert tests.stdout
        child = Path("/proc", tests.stdout.readline().strip())
        until(lambda: b"sleep(600)" in (child / "cmdline").read_bytes(), tests)
        until(lambda: b"prctl" not in (child / "cmdline").read_bytes(), tests)
        tests.kill()
        tests.wait()
        until(lambda: gone(child))


@pytest.mark.slow
@pytest.mark.parametrize("number", CODES, ids=str)
def test_a_run_that_compiles_its_step_ends_at_once(number, tmp_path):
    """A large network, which no cache holds: it compiles for longer than the test."""
    out, cache = tmp_path / "run", str(tmp_path / "cache")
    command = [sys.executable, "-m", "experiments.train", "r1", "--out", str(out)]
    command += ["--model.name", "resnet", "--dynamics.name", "unrolled"]
    command += ["--dynamics.k", "10"]
    with running(command, JAX_COMPILATION_CACHE_DIR=cache) as process:
        wait_for_line(process, "compiling the step")
        began = time.monotonic()
        process.send_signal(number)
        wait_for_line(process, early_signals.SIGNAL_WORDS[number])
        answered = time.monotonic() - began
        output(process)
        ended = time.monotonic() - began
    assert process.returncode == CODES[number]
    assert (answered < 5) and (ended < 10), (answered, ended)  # 0.2 and 1.7, if free
    assert newest_intact(out / CHECKPOINT_FOLDER)


@pytest.mark.slow
def test_a_second_ctrl_c_ends_a_run_within_a_long_dispatch(tmp_path):
    """Its second dispatch takes 20 s on a free machine, and the first as long."""
    command = [sys.executable, "-m", "experiments.train", "r1", "--dataset.name"]
    command += ["ring", "--out", str(tmp_path / "run"), "--steps", "1000000"]
    command += ["--batch-size", "1024", "--metrics.every", "0", "--log.every", "1000"]
    command += ["--steps-per-call", "1000"]
    with running(command, **COMPILED) as process:
        wait_for_line(process, "first call, compiled")
        process.send_signal(signal.SIGINT)
        wait_for_line(process, "Ctrl-C: stopping")
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        text = output(process)
        ended = time.monotonic() - began
    assert process.returncode == 130 and text.startswith("interrupted"), text
    assert ended < 10, ended  # 1.7, if free


def wait_for_line(process, words):
    """Read the process's output until a line holds the words."""
    assert process.stdout
    assert any(words in line for line in iter(process.stdout.readline, ""))


class Raising:
    """Raises an error where Python cannot pass it on."""

    def __init__(self, error):
        self.error = error

    def __del__(self):
        raise self.error


def test_an_interrupt_that_python_loses_prints_no_traceback(monkeypatch):
    printed = []
    monkeypatch.setattr(sys, "unraisablehook", lambda one: printed.append(one.exc_type))
    with interruption.hide_lost_interrupts():
        Raising(KeyboardInterrupt())
        Raising(ValueError())
    Raising(KeyboardInterrupt())
    assert printed == [ValueError, KeyboardInterrupt]


def test_a_handler_that_python_cannot_put_back_is_left_alone(monkeypatch):
    """Python has None for a handler that a program around it has set in C."""
    monkeypatch.setattr(signals.signal, "getsignal", lambda number: None)
    changes = []
    monkeypatch.setattr(signals.signal, "signal", lambda *one: changes.append(one))
    with stop_request() as asked:
        assert asked == []
    assert changes == []
