"""Find out what is the matter with a run: `gan-jax diagnose RUN`.

Examines the run's newest checkpoint and its log with every instrument, prints the
verdict, and writes RUN/diagnosis.html (one file, which needs no network) and
RUN/diagnosis.json (the numbers). Exit codes: 0 examined, 2 bad input, 130 Ctrl-C.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.table import Column, Table

from gan_jax.command_line.flag_sources import make_flag_rewriter
from gan_jax.command_line.flags import find_given_fields, parse, refuse_unread_flags
from gan_jax.command_line.paths import expand_home
from gan_jax.command_line.plugin_flag import gather_plugin_flags, load_beside_run
from gan_jax.command_line.user_errors import catch_user_errors
from gan_jax.diagnostics.report import advise, diagnose, html_page, to_json_value
from gan_jax.diagnostics.report.measure_game import MINUTES
from gan_jax.diagnostics.report.tables import summary_rows
from gan_jax.logs.files import require_writable, write_json, write_text
from gan_jax.terminal.command_name import name_command
from gan_jax.terminal.console import plain_console
from gan_jax.terminal.progress import show_progress


@dataclass(frozen=True)
class Flags:
    run: Annotated[str, tyro.conf.Positional]
    """Folder of the run."""
    index: int = 0
    """Which GAN of a run of several."""
    spectrum: bool = True
    """Take the eigenvalues of the game, which is most of the work."""
    count: int = 10
    """How many eigenvalues to take."""
    minutes: float = MINUTES
    """For how long to look for eigenvalues; the page says what was left out."""
    dataset: str | None = None
    """The data set that holds the run's data by now, such as folder:PATH after pictures
    were moved; None: the one that the run was trained on."""
    out: str | None = None
    """Folder for the two files, made if it is missing; None: RUN."""
    plugin: tuple[str, ...] = ()
    """Python files of one's own that register names: docs/plugins.md."""


def main(arguments: list[str]) -> int:
    """Run `gan-jax diagnose`, and return its exit code."""
    action = partial(run_with_flags, arguments)
    return catch_user_errors(action, make_flag_rewriter(Flags))


def run_with_flags(arguments: list[str]) -> None:
    """Read the flags, and diagnose the run."""
    flags = parse(
        Flags,
        gather_plugin_flags(arguments),
        prog=name_command("diagnose"),
        description=__doc__,
    )
    if not flags.spectrum:
        given = find_given_fields(Flags, arguments)
        reason = "with --no-spectrum"
        refuse_unread_flags(given, dict.fromkeys(("count", "minutes"), reason))
    diagnose_run(expand_home(flags, "run", "out"))


def diagnose_run(flags: Flags) -> None:
    """Measure the run, write the page and the numbers, and print the verdict."""
    load_beside_run(flags.run, flags.plugin)
    folder = Path(flags.run if flags.out is None else flags.out)
    place = folder if folder.is_dir() else folder.absolute().parent
    require_writable(place, "choose another folder with --out")
    with show_progress("opening the run") as work:
        found = diagnose(
            flags.run,
            index=flags.index,
            data_name=flags.dataset,
            count=flags.count if flags.spectrum else None,
            minutes=flags.minutes,
            tell=lambda section: work.begin(f"measuring the {section}"),
        )
        work.begin("drawing the page")
        text = html_page(found)
    folder.mkdir(exist_ok=True)
    write_json(
        folder / "diagnosis.json", to_json_value(found | {"advice": advise(found)})
    )
    write_text(folder / "diagnosis.html", text)
    print_diagnosis(found)
    print(f"look at  {folder / 'diagnosis.html'}")


def print_diagnosis(found: dict[str, Any]) -> None:
    """Print the verdict, the advice, and a table of the numbers that matter most."""
    print(f"{found['method']}: step {found['step']}, {found['verdict']}")
    for line in found["damage"]:
        print(f"warning: {line}")
    for piece in advise(found):
        print(f"{piece['name']}: {piece['says']} ({piece['evidence']})")
        print(f"  what to try: {piece['tries']}")
    if not advise(found):
        print("nothing alarming")
    table = Table("number", Column("here", justify="right"), "usual")
    for row in summary_rows(found):
        table.add_row(*row)
    if table.rows:
        plain_console().print(table)
