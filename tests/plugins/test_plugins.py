"""Plugins: what is loaded, recorded and refused."""

import ast
import dataclasses
import hashlib
import importlib
import json
from pathlib import Path

import pytest
from plugin_tools import EACH_KIND, KINDS, LOSS, fresh, loss_file, refused

import gan_jax
from gan_jax import Config, build, load_plugin
from gan_jax.benchmark import plan, ray_launcher
from gan_jax.command_line.plugin_flag import take_plugin_flags
from gan_jax.commands import compare, data, merge, train
from gan_jax.config import DatasetConfig, LossConfig, MetricsConfig
from gan_jax.losses import LOSSES
from gan_jax.methods import METHODS
from gan_jax.plugins import load as plugins
from gan_jax.plugins import registries


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with fresh():
        yield


def pin_of(path):
    return f"{path.name}@{hashlib.sha256(path.read_bytes()).hexdigest()}"


def using(loss, *pins):
    return Config(dataset=DatasetConfig("ring"), loss=LossConfig(loss), plugin=pins)


def test_a_plugin_registers_an_entry_of_each_kind(tmp_path):
    path = tmp_path / "each.py"
    path.write_text(EACH_KIND)
    assert load_plugin(path) == pin_of(path)
    for kind, name in KINDS.items():
        assert name in registries.REGISTRIES[kind]
        assert registries.find_owner(kind, name) == str(path)


def looked_up(path):
    """The tables that a module's calls of `choose` look names up in."""
    module = importlib.import_module(f"gan_jax.{'.'.join(path.parts)}"[:-3])
    for node in ast.walk(ast.parse(Path(module.__file__).read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "choose":
            for part in ast.walk(node.args[0]):
                if isinstance(part, ast.Name) and part.id.isupper():
                    yield part.id, getattr(module, part.id)


def test_every_table_in_which_names_are_looked_up_is_watched():
    """A plugin could change an entry of another one unseen."""
    known = {id(registry) for registry in registries.REGISTRIES.values()}
    root = Path(gan_jax.__file__).parent
    files = [path.relative_to(root) for path in sorted(root.rglob("[!_]*.py"))]
    found = dict(pair for path in files for pair in looked_up(path))
    assert {"LOSSES", "METHODS", "DATASETS", "PROBES"} <= found.keys()
    unwatched = {name for name, table in found.items() if id(table) not in known}
    assert unwatched <= {"CHOICE_KINDS", "COMMANDS"}  # The command line's own tables.


def test_a_file_that_is_loaded_twice_is_executed_once(tmp_path):
    count = "\nwith open('count', 'a') as file:\n    file.write('x')\n"
    path = tmp_path / "steep.py"
    path.write_text(LOSS.format(name="steep", slope=2.0) + count)
    other = tmp_path / "other"
    other.mkdir()
    (other / "steep.py").write_bytes(path.read_bytes())
    assert (
        load_plugin(path) == load_plugin("steep.py") == load_plugin(other / "steep.py")
    )
    assert (tmp_path / "count").read_text() == "x"


def test_a_later_version_of_a_file_takes_the_place_of_the_earlier_one(tmp_path):
    path = loss_file(tmp_path / "own.py", "first")
    old = load_plugin(path)
    new = load_plugin(loss_file(path, "second"))
    assert "first" not in LOSSES and "second" in LOSSES
    build(using("second", new))
    with pytest.raises(ValueError, match="is not loaded; gan_jax.load_plugin"):
        build(using("non_saturating", old))


def test_a_config_with_a_plugin_that_is_not_loaded_is_refused(tmp_path):
    path = loss_file(tmp_path / "own.py")
    for pin in ("own.py", pin_of(path)):
        with pytest.raises(ValueError, match="plugin 'own.py.*: is not loaded"):
            build(using("steep", pin))
    config = plugins.with_plugins(using("steep", "own.py"))
    assert config.plugin == (pin_of(path),)
    assert build(config).loss.discriminator(1.0, 3.0) == 2.0 * (3.0 - 1.0)


def test_a_plugin_is_recorded_with_a_config_that_names_an_entry_of_it(tmp_path):
    (tmp_path / "each.py").write_text(EACH_KIND)
    pin, other = load_plugin("each.py"), load_plugin(loss_file(tmp_path / "steep.py"))
    assert plugins.with_plugins(Config()).plugin == ()
    assert plugins.with_plugins(using("steep")).plugin == (other,)
    assert plugins.with_plugins(using("steep", other)).plugin == (other,)
    assert plugins.with_plugins(using("steep", "each.py")).plugin == (pin, other)
    measured = MetricsConfig(names=("swd", "own_metric"))
    assert plugins.with_plugins(Config(metrics=measured)).plugin == (pin,)
    assert plugins.with_plugins(METHODS["own_method"]).plugin == (pin,)


BROKEN = {
    "def f(:\n": "own.py, line 1: SyntaxError: ",
    "\n\nx = 1 / 0\n": "own.py, line 3: ZeroDivisionError: division by zero",
    "def f():\n    raise KeyError('a\\nb')\nf()\n": "own.py, line 2: KeyError: 'a\\nb'",
    "raise SystemExit(0)": "own.py, line 1: SystemExit: 0",
    "import nowhere_at_all": "line 1: ModuleNotFoundError: No module named "
    "'nowhere_at_all'; a plugin is one file, and what it imports must be installed",
    "\nfrom helper.part import x": "own.py, line 2: imports helper, beside it",
    "def f():\n    import helper\n": "own.py, line 2: imports helper, beside it",
    "from . import helper": "own.py, line 1: imports by a relative name",
    "from gan_jax import METHODS\nMETHODS['a'] = 3": "the method 'a' must be a Config, "
    "got 3",
    "from gan_jax import LOSSES\nLOSSES['a'] = abs": "the loss 'a' must be a Loss",
    "from gan_jax import PENALTIES\nPENALTIES['a'] = 1": "must be a function, got 1",
    "from gan_jax import LOSSES\nLOSSES[1] = LOSSES['hinge']": "its name must be",
    "from gan_jax import LOSSES\nLOSSES['hinge'] = LOSSES['lsgan']": "changes the loss "
    "'hinge', which gan_jax or this program has registered; choose another name",
    "from gan_jax import LOSSES\ndel LOSSES['hinge']": "changes the loss 'hinge'",
    "from gan_jax import LOSSES\nLOSSES.clear()": "changes the loss 'minimax'",
}


@pytest.mark.parametrize("text, told", BROKEN.items(), ids=range(len(BROKEN)))
def test_a_broken_plugin_is_one_line_and_changes_nothing(text, told, tmp_path, capsys):
    (tmp_path / "helper.py").write_text("x = 1\n")
    (tmp_path / "own.py").write_text(text)
    before = registries.snapshot()
    said = refused(train, ["r1", "--plugin", "own.py", "--out", "run"], capsys)
    assert said.startswith("error: plugin ") and told in said
    assert registries.snapshot() == before
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "words, told",
    [
        (["--plugin", "none.py"], "plugin 'none.py': cannot be read (No such file"),
        (["--plugin=own.txt"], "plugin 'own.txt': must be a Python file, NAME.py"),
        (["--plugin", "a\0.py"], "cannot be read (embedded null byte)"),
        (["--plugin"], "plugin: no file is given; write --plugin FILE.py"),
        (["--plugin", "--resume"], "plugin: no file is given"),
        (["--plugin="], "plugin: no file is given"),
        (["--plugin", "steep.py", "same.py"], "changes the loss 'steep', which "),
        (["--plugin", "steep.py", "sub/steep.py"], "another file named steep.py"),
    ],
)
def test_files_that_cannot_be_plugins_are_refused(words, told, tmp_path, capsys):
    (tmp_path / "sub").mkdir()
    loss_file(tmp_path / "steep.py")
    loss_file(tmp_path / "same.py", slope=3.0)
    loss_file(tmp_path / "sub" / "steep.py", slope=3.0)
    assert told in refused(train, ["r1", *words], capsys)


def test_a_name_of_another_plugin_is_told_with_its_file(tmp_path, capsys):
    first, second = loss_file(tmp_path / "a.py"), loss_file(tmp_path / "b.py")
    said = refused(train, ["r1", "--plugin", first, second], capsys)
    assert f"plugin {second}: changes the loss 'steep', which {first} has" in said


def test_a_folder_keeps_the_plugins_of_its_config_alone(tmp_path):
    steep, other = loss_file(tmp_path / "steep.py"), loss_file(tmp_path / "b.py", "b")
    pins = plugins.load_plugins([str(steep), str(other)])
    (tmp_path / "run").mkdir()
    plugins.write_copies(tmp_path / "run", pins)
    copies = {p.name: p.read_bytes() for p in (tmp_path / "run/plugins").iterdir()}
    assert copies == {"steep.py": steep.read_bytes(), "b.py": other.read_bytes()}
    plugins.write_copies(tmp_path / "run", pins[1:])
    assert [p.name for p in (tmp_path / "run/plugins").iterdir()] == ["b.py"]


@pytest.mark.parametrize(
    "arguments, rest, files",
    [
        ("m --plugin a.py b.py --steps 3", "m --steps 3", "a.py b.py"),
        ("--plugin a.py m --plugin=b.py", "m", "a.py b.py"),
        ("--plugin a.py runs/a --n 3", "runs/a --n 3", "a.py"),
        ("m --plugin odd --steps 3", "m --steps 3", "odd"),
        ("m --steps 3", "m --steps 3", ""),
    ],
)
def test_the_flag_takes_a_file_and_more_that_end_in_py(arguments, rest, files):
    assert take_plugin_flags(arguments.split()) == (rest.split(), files.split())


def test_the_list_and_the_help_show_what_a_plugin_registers(tmp_path, capsys):
    (tmp_path / "each.py").write_text(EACH_KIND)
    assert train.main(["--plugin", "each.py", "--list"]) == 0
    listed = " ".join(capsys.readouterr().out.split())
    assert all(name in listed for name in KINDS.values() if name != "own_data")
    assert f"own_method Registered by {tmp_path / 'each.py'}." in listed
    assert "own_data 256 points of three coordinates, about 1" in listed
    with pytest.raises(SystemExit):
        train.main(["own_method", "--plugin", "each.py", "--help"])
    shown = capsys.readouterr().out
    assert all(name in shown for name in KINDS.values())
    assert shown.count(f"own_method --plugin {tmp_path / 'each.py'} --") == 3


def test_the_printed_config_names_the_file_and_its_hash(tmp_path, capsys):
    path = loss_file(tmp_path / "steep.py")
    words = ["r1", "--plugin", str(path), "--loss.name", "steep", "--print-config"]
    assert train.main(words) == 0
    assert f"plugin = ('{pin_of(path)}',)\n" in capsys.readouterr().out


def test_a_field_that_an_own_data_set_does_not_read_is_refused(tmp_path, capsys):
    (tmp_path / "each.py").write_text(EACH_KIND)
    words = ["own_method", "--plugin", "each.py", "--print-config"]
    assert train.main([*words, "--dataset.size", "64"]) == 0
    capsys.readouterr()
    said = refused(train, [*words, "--dataset.sigma", "2"], capsys)
    assert "dataset.sigma 2.0 has no effect with dataset.name 'own_data'" in said


def test_an_own_data_set_is_looked_at(tmp_path, capsys):
    (tmp_path / "each.py").write_text(EACH_KIND)
    assert data.main(["--plugin", "each.py", "own_data", "--out", "look.png"]) == 0
    assert "examples   256\nshape      3\n" in capsys.readouterr().out
    assert (tmp_path / "look.png").stat().st_size > 1000
    said = refused(data, ["own_data", "--plugin", "each.py", "--out", "a.gif"], capsys)
    assert "out a.gif: must be the name of a picture, which ends in .png" in said


METHOD = """
from gan_jax import METHODS, Config
METHODS[{name!r}] = Config()
# {note}
"""
FLOOR = {"sliced_wasserstein": 0.02}
TINY = ["--suite", "toy", "--tasks", "ring", "--methods", "plain", "--seeds", "2"]


def method_file(path, name="plain", note=""):
    path.write_text(METHOD.format(name=name, note=note))
    return path


def wish(*pins):
    return plan.PlanRequest("toy", ("plain", "r1"), ("ring",), plugin=pins)


def test_a_comparison_records_the_code_of_its_plugins(tmp_path):
    pin = load_plugin(method_file(tmp_path / "own.py"))
    one = plan.make_plan(wish(pin))
    assert [cell["config"]["plugin"] for cell in one["cells"]] == [(pin,), (pin,)]
    assert plan.plan_plugins(json.loads(json.dumps(one))) == (pin,)
    other = load_plugin(method_file(tmp_path / "own.py", note="another version"))
    assert plan.make_plan(wish(other))["hash"] != one["hash"]
    assert (
        plan.plan_plugins(plan.make_plan(plan.PlanRequest("toy", ("r1",), ("ring",))))
        == ()
    )


def test_results_of_another_version_are_not_gone_on_with(tmp_path, capsys):
    path = method_file(tmp_path / "own.py")
    made = plan.make_plan(
        plan.PlanRequest("toy", ("plain",), ("ring",), 2, None, (load_plugin(path),))
    )
    (tmp_path / "out").mkdir()
    plan.store_plan(made, tmp_path / "out")
    method_file(path, note="another version")
    said = refused(compare, [*TINY, "--plugin", path, "--out", "out"], capsys)
    assert "holds results of another plan" in said
    assert not (tmp_path / "out" / "plugins").exists()


def test_results_of_two_versions_are_not_merged(tmp_path, capsys):
    path = tmp_path / "own.py"
    for note in ("one", "two"):
        pin = load_plugin(method_file(path, note=note))
        (tmp_path / note).mkdir()
        made = plan.add_floors(plan.make_plan(wish(pin)), {"ring": FLOOR})
        plan.store_plan(made, tmp_path / note)
    said = refused(merge, ["one", "two", "--out", "both"], capsys)
    assert "two: is of another plan" in said
    assert not (tmp_path / "both").exists()


def test_a_plan_of_an_own_method_is_printed(tmp_path, capsys):
    path = method_file(tmp_path / "own.py")
    assert compare.main([*TINY, "--plan", "--plugin", str(path)]) == 0
    assert "ring--plain" in capsys.readouterr().out


def test_a_worker_loads_the_plugins_of_a_plan_from_its_folder(tmp_path, monkeypatch):
    path = method_file(tmp_path / "own.py")
    made = plan.make_plan(wish(load_plugin(path)))
    plugins.write_copies(tmp_path, plan.plan_plugins(made))
    path.unlink()
    monkeypatch.setattr(ray_launcher, "cache_compilations", lambda: None)
    monkeypatch.setattr(ray_launcher, "run_cell", lambda *arguments: [dict(METHODS)])
    with fresh():
        assert "plain" not in METHODS
        (known,) = ray_launcher.run_on_worker(made, made["cells"][0], str(tmp_path))
    assert known["plain"] == Config()


def test_an_own_method_may_not_have_the_name_of_one_of_the_benchmark(tmp_path, capsys):
    path = method_file(tmp_path / "own.py", "pacgan3")
    said = refused(compare, [*TINY, "--plugin", path], capsys)
    assert "the method 'pacgan3', which the benchmark has already" in said


def test_all_methods_of_a_suite_hold_those_of_a_plugin(tmp_path):
    load_plugin(method_file(tmp_path / "own.py"))
    suite = plan.find_suite("toy")
    assert {"plain", "r1", "r1_weak"} <= set(plan.select_methods(suite, ("all",)))
    assert dataclasses.asdict(suite.catalogue["plain"]) == dataclasses.asdict(Config())
    assert METHODS["plain"] == Config()
