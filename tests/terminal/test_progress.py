"""What is shown while work goes on: bars in a terminal, lines in a log, or nothing."""

import os
import re
import sys
import threading
import time

import pytest

from gan_jax.assembly.datasets import find_dataset
from gan_jax.config import Config, DatasetConfig, ModelConfig
from gan_jax.run.callbacks import (
    estimate_line,
    make_row_writer,
    make_step_counter,
    newest_numbers,
    reads_width,
)
from gan_jax.run_files.history import make_record
from gan_jax.terminal import screens
from gan_jax.terminal.progress import show_progress, track
from gan_jax.terminal.progress_text import (
    PAUSES,
    Part,
    pause_between_lines,
    progress_line,
    record_progress,
)


@pytest.fixture
def impatient(monkeypatch):
    """A log that tells of everything soon."""
    monkeypatch.setattr(screens, "TICK", 0.01)
    monkeypatch.setattr(screens, "PATIENCE", 0.0)
    monkeypatch.setattr(screens, "pause_between_lines", lambda seconds: 0.1)


def a_terminal(monkeypatch):
    """Make standard output a terminal; a function that ends it and returns its text."""
    reader, writer = os.openpty()
    stream = os.fdopen(writer, "w")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "stdout", stream)
    sent = []

    def drain():
        try:
            while piece := os.read(reader, 65536):
                sent.append(piece)
        except OSError:  # how Linux ends a terminal that nobody writes to any more
            pass

    drained = threading.Thread(target=drain)
    drained.start()

    def close():
        stream.close()
        drained.join()
        os.close(reader)
        return b"".join(sent).decode()

    return close


def test_a_log_hears_every_ten_seconds_at_first_and_a_few_hundred_times_a_day():
    """300 s / 10 + 1500 s / 30 + 5400 s / 60 + 79,200 s / 300 = 434."""
    seconds, count = 0.0, 0
    while (seconds := seconds + pause_between_lines(seconds)) <= 86_400:
        count += 1
    assert count == 30 + 50 + 90 + 264
    assert pause_between_lines(0) == 10 and max(pause for _, pause in PAUSES) == 300


def test_a_line_says_how_much_is_done_and_what_is_left():
    """300 more of 1,000 in 30 s are 10 a second: 600 are left."""
    part = Part("step", 1000, first=100, unit="steps", note="D 0.500", began=50.0)
    part.done = 400
    line = "step 400 of 1,000 (40%)  60 s left  10 steps/s  D 0.500"
    assert progress_line(part, 80.0) == line
    part.done = 1000
    assert progress_line(part, 140.0).startswith(
        "step 1,000 of 1,000 (100%)  90 s  10 "
    )
    assert (
        progress_line(Part("reading", began=0.0), 7200.0) == "still reading  2 h 0 min"
    )


def test_the_first_of_many_may_take_long_and_does_not_lengthen_what_is_left():
    """1 of 661 took 40 s to compile, then 10 are made in 2 s: 650 are left."""
    part = Part("training", 661, began=0.0)
    record_progress(part, 1, 40.0)
    assert progress_line(part, 41.0) == "training 1 of 661 (0%)  41 s"
    record_progress(part, 11, 42.0)
    assert progress_line(part, 42.0) == "training 11 of 661 (2%)  2 min left"


def test_no_number_is_shown_before_there_is_one():
    part = Part("step", 1000, unit="steps", began=0.0)
    assert progress_line(part, 0.0) == "step 0 of 1,000 (0%)  0 s"
    assert newest_numbers([], []) == ""
    rows = [{"d_loss": 1.0, "g_loss": 2.0}, {"d_loss": 3.0, "g_loss": 4.0}]
    assert newest_numbers(rows, []) == "D 2.000  G 3.000"
    assert newest_numbers(rows[:1], [0.5, 1.0]) == "D 1.000  G 2.000  diversity 0.750"


def test_the_newest_diversity_stays_until_there_is_another():
    """Of two GANs, of which one ends."""

    def row(step, loss, **more):
        return {"step": step, "d_loss": loss, "g_loss": 0.0, "finite": True, **more}

    seen, ended = [], row(4, 9.0, diversity=9.0) | {"finite": False}
    records = [make_record({}, [row(1, 1.0, diversity=0.2)], {}, []) for _ in range(2)]
    show = make_row_writer(
        lambda step, text: seen.append((step, text)), records, None, [], None
    )
    for first, second in (
        (row(2, 1.0), row(2, 3.0, diversity=0.6)),
        (row(3, 1.0), row(3, 1.0)),
        (row(4, 1.0), ended),
    ):
        records[0].rows.append(first)
        records[1].rows.append(second)
        records[1].faults.extend([] if second["finite"] else [{}])
        show([first, second])
    records[0].rows.extend([row(5, 1.0, diversity=0.8), row(6, 1.0)])
    show(records[0].rows[-2:])
    assert seen == [
        (2, "D 2.000  G 0.000  diversity 0.400"),
        (3, "D 1.000  G 0.000  diversity 0.400"),
        (4, "D 1.000  G 0.000  diversity 0.200"),
        (6, "D 1.000  G 0.000  diversity 0.800"),
    ]


def test_a_log_tells_of_each_part_and_then_of_the_innermost(impatient, capsys):
    with show_progress("opening the run") as work:
        time.sleep(0.05)
        work.begin("reading the data")
        for _ in track(range(3), "reading digits"):
            time.sleep(0.15)
    out, err = capsys.readouterr()
    assert out == "" and "\x1b" not in err
    lines = err.splitlines()
    assert lines[:3] == ["opening the run", "reading the data", "reading digits"]
    assert any(
        re.fullmatch(r"reading digits 1 of 3 \(33%\)  \d s left", line)
        for line in lines
    )


def test_the_first_line_of_a_part_does_not_say_that_it_still_goes_on(
    impatient, monkeypatch, capsys
):
    """A part that begins shortly before a line is due is told of by that line."""
    monkeypatch.setattr(screens, "PATIENCE", 0.06)
    with show_progress("opening the run"):
        time.sleep(0.5)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "opening the run"
    assert lines.count("opening the run") == 1
    assert all(line.startswith("still opening") for line in lines[1:])


def test_work_that_is_soon_over_says_nothing(capsys):
    """So bad input stays one line."""
    with pytest.raises(ValueError), show_progress("opening the run"):
        raise ValueError
    assert capsys.readouterr() == ("", "")


def test_silence_is_kept_by_all_work_within(impatient, capsys):
    with show_progress("training", enabled=False) as work:
        work.print_line("a line")
        for _ in track(range(2), "reading"):
            time.sleep(0.05)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_shows_bars_within_each_other(monkeypatch):
    close = a_terminal(monkeypatch)
    with show_progress("opening [b]", stderr=False) as work:
        list(track(range(3), "reading [c]"))
        work.print_line("a line")
        work.begin("step", 10, 0, "steps")
        work.update(10, "D 0.5")
    text = close()
    assert "\x1b[" in text and "opening [b]" in text and "a line" in text
    last = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text).splitlines()[-1]
    assert "step 10 of 10" in last and "D 0.5" in last


def test_a_terminal_shows_what_comes_before_the_first_numbers(monkeypatch):
    close = a_terminal(monkeypatch)
    config = Config(steps=10)
    with show_progress("preparing the data", stderr=False) as work:
        counter = make_step_counter(config, find_dataset(config), work)
        counter.begin("compiling the step")
        counter.reach(1)
        counter.update(1, newest_numbers([{"d_loss": 0.5, "g_loss": 1.0}], []))
    text = close()
    assert "nan" not in text
    assert 0 < text.index("compiling the step") < text.index("step 1 of 10")
    assert text.index("step 1 of 10") < text.index("D 0.500")


def test_the_time_of_a_run_is_told_once_with_flags_that_shorten_it(monkeypatch, capsys):
    """1 step before, then 20 in 10 s: 2 a second, and 3,979 left are 33 min."""
    clock = [100.0]
    monkeypatch.setattr("gan_jax.run.callbacks.time.monotonic", lambda: clock[0])
    config = Config(steps=4000)
    with show_progress("training", stderr=False) as work:
        counter = make_step_counter(config, find_dataset(config), work)
        for step, seconds in ((1, 100.0), (2, 100.5), (21, 110.0), (41, 120.0)):
            clock[0] = seconds
            counter.reach(step)
    assert capsys.readouterr().out.splitlines()[0] == (
        "at 2 steps/s the 3,979 steps left take about 33 min; fewer --steps and a "
        "smaller --model.width shorten that"
    )


def test_an_estimate_names_only_flags_that_help():
    assert estimate_line(
        10.0, 1000, True
    ) == "at 10 steps/s the 1,000 steps left take about " + ("2 min")
    assert estimate_line(1.0, 1000, False).endswith("fewer --steps shorten that")
    point = Config(dataset=DatasetConfig("dirac"), model=ModelConfig("dirac"))
    assert not reads_width(point, find_dataset(point))
    assert reads_width(Config(), find_dataset(Config()))
