"""The sizes that keep the code easy to read."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIBRARY = sorted((ROOT / "gan_jax").rglob("*.py"))
SCRIPTS = [p for d in ("experiments", "benchmarks") for p in (ROOT / d).rglob("*.py")]
TESTS = sorted((ROOT / "tests").rglob("*.py"))
LAUNCHERS = {
    "experiments": "cache data diagnose dirac evaluate prepare runs sample train",
    "benchmarks": "compare merge report",
}
FOLDERS = sorted({path.parent for path in [*LIBRARY, *SCRIPTS]})


def name(path):
    return str(path.relative_to(ROOT))


def lines_of(path):
    return path.read_text().splitlines()


def length(function):
    """How many lines a function has, without its docstring."""
    first = function.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    doc = first.end_lineno - first.lineno + 1 if documented else 0
    return function.end_lineno - function.lineno + 1 - doc


def test_no_file_is_over_300_lines_and_of_tests_over_500():
    sizes = {name(path): len(lines_of(path)) for path in [*LIBRARY, *SCRIPTS]}
    assert not {path: size for path, size in sizes.items() if size > 300}
    sizes = {name(path): len(lines_of(path)) for path in TESTS}
    assert not {path: size for path, size in sizes.items() if size > 500}


def test_no_function_is_over_40_lines():
    functions = {
        f"{name(path)}:{node.lineno} {node.name}": length(node)
        for path in [*LIBRARY, *SCRIPTS]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert len(functions) > 1000
    assert not {where: size for where, size in functions.items() if size > 40}


def test_a_launcher_has_at_most_20_lines():
    for folder, names in LAUNCHERS.items():
        for command in names.split():
            assert len(lines_of(ROOT / folder / f"{command}.py")) <= 20


def test_a_folder_has_at_most_15_modules():
    for folder in FOLDERS:
        modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(modules) <= 15, folder


def test_readme_has_at_most_200_lines():
    assert len(lines_of(ROOT / "README.md")) <= 200


def test_no_two_files_of_tests_have_one_name():
    """Pytest imports them by their names alone."""
    names = [path.name for path in TESTS if path.name != "conftest.py"]
    assert len(names) == len(set(names))
