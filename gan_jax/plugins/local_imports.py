"""Refuses a plugin that imports a file beside it: a run keeps only the plugin."""

import ast
import sys
from pathlib import Path

OURS = {"gan_jax", "experiments", "benchmarks"}
"""The packages that a plugin may import even if they lie beside it."""


def refuse_local_imports(path: Path, text: bytes) -> None:
    """Raise ValueError, naming the line, if the plugin imports a file beside it.

    Raises SyntaxError for a text that is not Python.
    """
    for node in ast.walk(ast.parse(text, str(path))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name in imported_packages(node):
                if name == "." or is_local_module(path.parent, name):
                    what = "by a relative name" if name == "." else f"{name}, beside it"
                    raise ValueError(
                        f"plugin {path}, line {node.lineno}: imports {what}, and a run "
                        "keeps only the plugin's own file; put that code into the "
                        "file, or install it as a package"
                    )


def imported_packages(node: ast.Import | ast.ImportFrom) -> list[str]:
    """Return the packages that a statement imports; `.` for a relative import."""
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    return ["."] if node.level else [str(node.module).partition(".")[0]]


def is_local_module(folder: Path, name: str) -> bool:
    """Return whether a package lies in this folder and is found only there.

    The first entry of `sys.path` is the folder of the script, or the one that Python
    was started in. A package that is found only there is not found from elsewhere, so
    this entry does not count. An installed package may lie beside a plugin.
    """
    beside = folder / f"{name}.py", folder / name / "__init__.py"
    if name in OURS or not any(path.is_file() for path in beside):
        return False
    return not any(finder.find_spec(name, sys.path[1:]) for finder in sys.meta_path)
