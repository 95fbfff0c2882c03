"""The files that a run writes at its end: summary, one line for each GAN, curves."""

from pathlib import Path

from gan_jax.config import Config
from gan_jax.logs.curves import draw_curves
from gan_jax.logs.files import explain_write_errors, write_json
from gan_jax.logs.row_files import write_rows
from gan_jax.parallel.execution import members_of
from gan_jax.run_files.history import Record
from gan_jax.run_files.summary import describe_ending
from gan_jax.run_files.sweep_charts import draw_members
from gan_jax.run_files.sweeps import real_values
from gan_jax.types import Row


def write_results(
    folder: Path, config: Config, records: list[Record], summary: Row
) -> None:
    """Write the summary, and for several GANs a line each."""
    with explain_write_errors(folder):
        if members_of(config):
            write_rows(
                folder / "members.jsonl",
                [
                    describe_ending(config, record, summary["steps"])
                    | real_values(config, record.label)
                    | record.rows[-1]
                    for record in records
                ],
            )
        write_json(folder / "summary.json", summary)


def draw_curves_of_run(folder: Path, config: Config, records: list[Record]) -> None:
    """Draw the curves of a run."""
    runs = [record.rows for record in records]
    with explain_write_errors(folder):
        if members := members_of(config):
            draw_members(folder / "curves.png", config, members, runs)
        else:
            draw_curves(folder / "curves.png", runs)
