"""Each module imports only what its layer allows."""

import ast
from pathlib import Path

import gan_jax

ROOT = Path(gan_jax.__file__).parent
OUTSIDE = {"experiments", "benchmarks", "tests"}

# Package, or module at the top -> what it may import, itself aside.
ALLOWED = {
    "version": set(),
    "types": set(),
    "precision": set(),
    "config": set(),
    "terminal": set(),
    "layers": {"precision"},
    "losses": {"types"},
    "penalties": {"types", "precision"},
    "augment": {"types"},
    "running_statistics": {"types", "penalties", "augment"},
    "optimizers": {"types", "config"},
    "methods": {"config"},
    "models": {"layers"},
    "gan": {"types"},
    "data": {"types", "config", "terminal", "gan"},
    "metrics": set(),
    "traced_metrics": {"metrics"},
    "features": {"types", "config", "terminal", "layers", "data"},
    "microbatches": {"gan"},
    "penalty_terms": {"types", "penalties", "gan"},
    "objectives": {"types", "gan", "penalty_terms"},
    "step": {"types", "precision", "gan", "microbatches", "objectives"},
    "sampling": {"types", "precision", "gan", "objectives"},
    "dynamics": {"types", "config", "gan", "microbatches", "objectives", "step"},
    "assembly": {
        "types",
        "config",
        "layers",
        "losses",
        "penalties",
        "augment",
        "running_statistics",
        "optimizers",
        "methods",
        "models",
        "data",
        "gan",
        "objectives",
        "dynamics",
    },
    "parallel": {"types", "config", "terminal", "data", "gan", "step", "assembly"},
    "logs": {"types", "data", "gan", "sampling", "parallel"},
    "diagnostics": {
        "types",
        "precision",
        "config",
        "layers",
        "losses",
        "penalties",
        "gan",
        "objectives",
        "step",
        "dynamics",
        "logs",
    },
    "evaluate": {
        "version",
        "types",
        "config",
        "optimizers",
        "data",
        "metrics",
        "traced_metrics",
        "features",
        "gan",
        "objectives",
        "assembly",
        "logs",
        "diagnostics",
    },
    "plugins": {
        "types",
        "config",
        "layers",
        "losses",
        "penalties",
        "augment",
        "running_statistics",
        "optimizers",
        "methods",
        "models",
        "data",
        "features",
        "dynamics",
        "assembly",
        "logs",
        "evaluate",
    },
    "catalogue": {"config", "methods", "dynamics", "assembly", "plugins"},
    "run_files": {
        "version",
        "types",
        "config",
        "data",
        "gan",
        "sampling",
        "assembly",
        "parallel",
        "logs",
        "plugins",
    },
    "run": {
        "types",
        "config",
        "terminal",
        "models",
        "data",
        "features",
        "gan",
        "assembly",
        "parallel",
        "logs",
        "evaluate",
        "plugins",
        "run_files",
    },
    "comparison": {
        "types",
        "config",
        "methods",
        "assembly",
        "parallel",
        "logs",
        "evaluate",
        "run_files",
    },
    "diagnostics.report": {
        "types",
        "config",
        "data",
        "metrics",
        "gan",
        "objectives",
        "step",
        "sampling",
        "dynamics",
        "assembly",
        "parallel",
        "logs",
        "diagnostics",
        "evaluate",
        "run_files",
        "run",
    },
    "benchmark": {
        "config",
        "terminal",
        "methods",
        "data",
        "gan",
        "dynamics",
        "assembly",
        "parallel",
        "logs",
        "diagnostics",
        "evaluate",
        "plugins",
        "run_files",
        "run",
    },
    "command_line": {
        "types",
        "config",
        "terminal",
        "methods",
        "data",
        "sampling",
        "assembly",
        "parallel",
        "features",
        "evaluate",
        "plugins",
        "run_files",
        "run",
    },
    "commands": {
        "version",
        "types",
        "config",
        "terminal",
        "methods",
        "data",
        "features",
        "gan",
        "objectives",
        "sampling",
        "assembly",
        "parallel",
        "logs",
        "diagnostics",
        "evaluate",
        "plugins",
        "catalogue",
        "run_files",
        "run",
        "comparison",
        "diagnostics.report",
        "benchmark",
        "command_line",
    },
}
ORDER = list(ALLOWED)
TOP = {"__init__", "__main__"}
"""The modules that stand above all packages."""


def room_of(parts):
    """The name in ALLOWED of a module: `("data", "toys")` is in `data`."""
    if parts[:2] == ("diagnostics", "report"):
        return "diagnostics.report"
    return parts[0].removesuffix(".py") if parts else "__init__"


def full_names(path, node):
    """The dotted names that an import statement may load."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    package = ["gan_jax", *path.relative_to(ROOT).parts[:-1]]
    outer = package[: len(package) - node.level + 1] if node.level else []
    base = ".".join([*outer, *([node.module] if node.module else [])])
    return [f"{base}.{alias.name}" for alias in node.names]


def imported(path):
    """What a file imports: rooms of gan_jax by name, and other packages."""
    ours, packages = set(), set()
    for node in ast.walk(ast.parse(path.read_text())):
        for name in full_names(path, node):
            package, *rest = name.split(".")
            if package == "gan_jax":
                ours.add(room_of(tuple(rest)) if is_module(rest) else "__init__")
            else:
                packages.add(package)
    return ours, packages


def is_module(parts):
    """Whether a dotted name leads into a module; `gan_jax.train` is a function."""
    return any((ROOT / f"{parts[0]}{end}").exists() for end in (".py", "/__init__.py"))


def test_a_package_is_allowed_only_what_stands_above_it():
    for index, allowed in enumerate(ALLOWED.values()):
        assert allowed <= set(ORDER[:index])


def test_a_package_imports_what_it_is_allowed_and_nothing_is_allowed_in_vain():
    used = {room: set() for room in ALLOWED}
    for path in sorted(ROOT.rglob("*.py")):
        room = room_of(path.relative_to(ROOT).parts)
        ours, packages = imported(path)
        assert not packages & OUTSIDE, path
        if room in TOP:
            continue
        assert room in ALLOWED, f"give {room} a place in ALLOWED"
        extra = ours - ALLOWED[room] - {room}
        assert not extra, f"{path}: {room} may not import {sorted(extra)}"
        used[room] |= ours - {room}
    assert used == ALLOWED


def test_no_module_is_hidden_by_an_exported_name():
    """`import gan_jax.NAME as x` gives the module NAME."""
    for name in gan_jax.__all__:
        assert not is_module([name]), f"{name} is a module and a public name"


def test_nothing_is_imported_by_a_wildcard():
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [
                alias.name
                for alias in getattr(node, "names", [])
                if isinstance(alias, ast.alias)
            ]
            assert "*" not in names, f"{path}: import {node.module} by name"
