"""Each module imports only what its layer allows."""

import ast
from pathlib import Path

import pytest

import gan_jax

ROOT = Path(gan_jax.__file__).parent
ANY = None
OUTSIDE = {"experiments", "benchmarks", "tests"}

# Module -> the modules of gan_jax it may import; ANY: all that stand above it.
ALLOWED = {
    "version": set(),
    "types": set(),
    "progress": set(),
    "terminal": {"progress"},
    "ranges": set(),
    "config": {"ranges"},
    "config_json": {"ranges", "config"},
    "metrics": {"metrics"},
    "forms": set(),
    "conv": {"forms"},
    "compiler": set(),
    "layers": {"conv"},
    "coupled": {"layers"},
    "losses": {"types"},
    "running": {"types"},
    "penalties": {"types", "penalties"},
    "augment": {"types", "augment"},
    "optimizers": {"types", "config"},
    "methods": {"config", "methods"},
    "models": {"layers", "config", "models"},
    "data": {"types", "terminal", "config", "data"},
    "features": {"types", "terminal", "config", "data", "features"},
    "plain_paths": set(),
    "checkpoint": {"types", "plain_paths"},
    "health": set(),
    "row_files": {"health"},
    "files": set(),
    "plots": set(),
    "logs": {"types", "terminal", "config", "data", "row_files", "files", "plots"},
    "grids": {"data", "files", "logs"},
    "data_facts": {"config", "data", "logs"},
    "gan": {"types", "config"},
    "terms": {"types", "gan"},
    "labels": {"types"},
    "train": {"types", "gan", "labels", "terms"},
    "moves": {"types", "gan", "train"},
    "dynamics": {"types", "gan", "train", "moves"},
    "hosts": {"types"},
    "members": {"types", "gan"},
    "parallel": {"types", "gan", "train", "hosts", "members", "compiler"},
    "diagnostics": {
        "types",
        "layers",
        "losses",
        "gan",
        "penalties",
        "train",
        "diagnostics",
    },
    "registry": set(),
    "checks": ANY,
    "suggestions": ANY,
    "fields": ANY,
    "build": ANY,
    "defaults": ANY,
    "memory": {"types", "config", "gan", "data"},
    "measures": ANY,
    "quality": ANY,
    "reals": ANY,
    "evaluate": ANY,
    "probes": ANY,
    "neighbours": set(),
    "plugins": ANY,
    "program": ANY,
    "text_tables": {"terminal"},
    "row_names": {"files"},
    "sweeps": {"config", "config_json", "health", "program"},
    "overlays": {"config", "files", "health", "program", "sweeps"},
    "pictures": ANY,
    "record": ANY,
    "folder": ANY,
    "trackers": ANY,
    "outputs": ANY,
    "profiling": ANY,
    "monitor": ANY,
    "signals": set(),
    "generators": ANY,
    "diagnosis": ANY,
    "comparison": ANY,
    "loop": ANY,
    "beginning": ANY,
    "run": ANY,
    "__init__": ANY,
}
ORDER = list(ALLOWED)


def module_of(path):
    """The name in ALLOWED of a file: `data/toys.py` is `data`."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


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
    """What a file imports: modules of gan_jax by name, and other packages."""
    ours, packages = set(), set()
    for node in ast.walk(ast.parse(path.read_text())):
        for name in full_names(path, node):
            package, _, rest = name.partition(".")
            if package == "gan_jax":
                ours.add(rest.partition(".")[0] or "__init__")
            else:
                packages.add(package)
    return ours, packages


def test_a_module_is_allowed_only_what_stands_above_it():
    for index, allowed in enumerate(ALLOWED.values()):
        assert (allowed or set()) <= set(ORDER[: index + 1])


@pytest.mark.parametrize(
    "path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_module_imports_only_what_its_layer_allows(path):
    module = module_of(path)
    assert module in ALLOWED, f"give {module} a place in ALLOWED"
    ours, packages = imported(path)
    above = set(ORDER[: ORDER.index(module) + 1])  # a package has parts
    allowed = above if ALLOWED[module] is ANY else ALLOWED[module]
    assert ours <= allowed, f"{module} may not import {sorted(ours - allowed)}"
    assert not packages & OUTSIDE
