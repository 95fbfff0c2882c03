"""The pack of wheels for hosts without network; nothing is downloaded here."""

import os
import subprocess
import sys
import zipfile

import pytest

from benchmarks.accelerator import pack
from gan_jax.benchmark.run_cell import find_commit

RECORD = "own-1.dist-info/RECORD"
FILES = {
    "own/__init__.py": "number = 3\n",
    "own/tests/test_own.py": "assert False\n",
    "own-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: own\nVersion: 1\n",
    "own-1.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n"
    "Tag: py3-none-any\n",
}


def write_wheel(folder):
    wheel = folder / "own-1-py3-none-any.whl"
    record = "".join(f"{name},,\n" for name in [*FILES, RECORD])
    with zipfile.ZipFile(wheel, "w") as file:
        for name, content in {**FILES, RECORD: record}.items():
            file.writestr(name, content)
    return wheel


def test_a_smaller_wheel_lacks_its_tests_and_nothing_else(tmp_path):
    wheel = write_wheel(tmp_path)
    pack.shrink_wheel(wheel)
    with zipfile.ZipFile(wheel) as file:
        kept = {name: file.read(name).decode() for name in file.namelist()}
    record = kept.pop(RECORD)
    assert kept == {k: v for k, v in FILES.items() if "/tests/" not in k}
    assert "own/tests" not in record and "own/__init__.py,," in record


def test_the_script_installs_without_network_once_and_starts_the_program(tmp_path):
    (tmp_path / "wheels").mkdir()
    pack.shrink_wheel(write_wheel(tmp_path / "wheels"))
    program = tmp_path / "benchmarks" / "accelerator"
    program.mkdir(parents=True)
    for folder in (program, program.parent):
        (folder / "__init__.py").touch()
    (program / "__main__.py").write_text("import own, sys; print(own.number, sys.argv)")
    script = tmp_path / "run.sh"
    script.write_text(pack.RUN)
    environment = {**os.environ, "PYTHON": sys.executable}
    for _ in range(2):
        found = subprocess.run(
            ["bash", str(script), "--tiny"],
            env=environment,
            capture_output=True,
            text=True,
        )
        assert found.returncode == 0, found.stderr
        assert found.stdout.startswith("3 [") and "'--tiny'" in found.stdout
        (tmp_path / "wheels" / "own-1-py3-none-any.whl").unlink(missing_ok=True)


def test_sources_of_a_pack_hold_the_tests_that_the_stage_runs(tmp_path):
    pack.copy_sources(tmp_path)
    assert all((tmp_path / "tests" / name).exists() for name in pack.TESTS)
    assert (tmp_path / "tests" / "conftest.py").exists()
    assert (tmp_path / "commit.txt").read_text() == (find_commit() or "unknown")
    assert (tmp_path / "benchmarks" / "accelerator" / "pack.py").exists()
    assert not (tmp_path / "benchmarks" / "results").exists()


def test_a_pack_is_not_written_over(tmp_path, capsys):
    assert pack.main([str(tmp_path)]) == 2
    assert "is there already; choose another folder" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["Scikit_Learn", "scikit-learn", "scikit.learn"])
def test_names_of_packages_are_compared_as_indexes_do(name):
    assert pack.normalize_name(name) == "scikit-learn"


def test_a_pack_without_a_name_is_refused_in_one_line(capsys):
    assert pack.main([]) == 2
    assert capsys.readouterr().err == "error: out: name the folder to fill\n"


@pytest.mark.parametrize("error", [ValueError("pip download: no"), KeyboardInterrupt])
def test_a_pack_that_fails_leaves_nothing(tmp_path, monkeypatch, error):
    def fill(new):
        (new / "wheels").mkdir(parents=True)
        raise error

    monkeypatch.setattr(pack, "fill_pack", fill)
    with pytest.raises(type(error) if isinstance(error, ValueError) else error):
        pack.make_pack(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_pack_has_its_name_only_when_it_is_whole(tmp_path, monkeypatch):
    def fill(new):
        assert new == tmp_path / "out.new"
        new.mkdir()
        assert not (tmp_path / "out").exists()
        return 5

    monkeypatch.setattr(pack, "fill_pack", fill)
    assert pack.make_pack(tmp_path / "out") == 5
    assert [file.name for file in tmp_path.iterdir()] == ["out"]


def test_what_an_earlier_pack_left_is_not_deleted_unasked(tmp_path, capsys):
    (tmp_path / "out.new").mkdir()
    assert pack.main([str(tmp_path / "out")]) == 2
    assert "out.new is left of an earlier pack; delete it" in capsys.readouterr().err
    assert (tmp_path / "out.new").exists()
