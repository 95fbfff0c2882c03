"""Refuses a plugin that imports a file beside it, which a run would not keep."""

import ast
import sys
from pathlib import Path

OURS = {"gan_jax", "experiments", "benchmarks"}
"""Packages that a plugin may import wherever it lies."""


def refuse_local_imports(path: Path, text: bytes) -> None:
    """A ValueError, naming the line, for an import of a file beside the plugin.

    Raises SyntaxError for a text that is no Python.
    """
    for node in ast.walk(ast.parse(text, str(path))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name in packages_of(node):
                if name == "." or is_local_module(path.parent, name):
                    what = "by a relative name" if name == "." else f"{name}, beside it"
                    raise ValueError(
                        f"plugin {path}, line {node.lineno}: imports {what}, and a run "
                        "keeps only the plugin's own file; put that code into the "
                        "file, or install it as a package"
                    )


def packages_of(node: ast.Import | ast.ImportFrom) -> list[str]:
    """The packages that a statement imports; `.` for a relative import."""
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    return ["."] if node.level else [str(node.module).partition(".")[0]]


def is_local_module(folder: Path, name: str) -> bool:
    """Whether a package lies in this folder and is found there alone.

    The first entry of `sys.path` is the folder that Python was started in, or that of
    the script: what is found there is not found from elsewhere. An installed package
    may lie beside a plugin.
    """
    beside = folder / f"{name}.py", folder / name / "__init__.py"
    if name in OURS or not any(path.is_file() for path in beside):
        return False
    return not any(finder.find_spec(name, sys.path[1:]) for finder in sys.meta_path)
