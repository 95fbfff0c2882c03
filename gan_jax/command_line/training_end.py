"""What `gan-jax train` prints when a training ends, or fails."""

import shlex
from pathlib import Path
from typing import Any

import jax

from gan_jax.run_files.checkpoint import CHECKPOINT_FOLDER
from gan_jax.run_files.sample_checks import describe_samples
from gan_jax.run_files.sweeps import summary_table
from gan_jax.terminal.command_name import name_command
from gan_jax.terminal.text_tables import print_table


def print_result(out: str, summary: dict[str, Any]) -> None:
    """Print a training's verdict, its numbers, and commands that go on from it.

    out: the run's folder. summary: what `gan_jax.train` has returned.
    """
    if "members" in summary:
        ends = ", ".join(f"{n} {verdict}" for verdict, n in summary["members"].items())
        outcome = f"GANs: {ends}"
    else:
        last = summary["last_row"]
        outcome = f"D loss {last['d_loss']}, G loss {last['g_loss']}"
    print_swept_values(summary)
    command = name_command("train")
    config, again = shlex.quote(f"{out}/config.json"), shlex.quote(f"{out}-again")
    rows = f"  and  {out}/members.jsonl" if "members" in summary else ""
    print(
        f"{summary['verdict']}: {summary['steps']} steps in "
        f"{summary['wall_seconds']:.0f} s ({summary['steps_per_second']:.0f} steps/s); "
        f"{outcome}\n"
        f"{format_samples(summary)}"
        f"{format_pictures(out, summary)}\n"
        f"numbers  {out}/metrics.jsonl  and  {out}/summary.json{rows}\n"
        f"repeat   {command} --config {config} --out {again}"
    )
    if summary["verdict"] == "interrupted":
        place = shlex.quote(out)
        print(f"resume   {command} --config {config} --out {place} --resume")


def format_pictures(out: str, summary: dict[str, Any]) -> str:
    """Return where a run's pictures are; of an interrupted one, what draws them."""
    if summary["verdict"] != "interrupted":
        return f"look at  {out}/samples.png  and  {out}/curves.png"
    draw = (f"{name_command(name)} {shlex.quote(out)}" for name in ("sample", "runs"))
    return f"draw     {'  and  '.join(draw)}"


def print_swept_values(summary: dict[str, Any]) -> None:
    """Print a table of the GANs by each factor of a sweep, if there was one."""
    if len(found := summary.get("by_value", [])) > 1:
        print_table(summary_table(found))


def format_samples(summary: dict[str, Any]) -> str:
    """Return lines on what the samples are like; of a failure why, and what to try."""
    samples, lines = summary.get("samples"), []
    if samples is not None:
        lines.append(f"samples  {describe_samples(samples)}")
    if "why" in summary:
        lines.append(f"why      {summary['why']}")
        lines.append(f"try      {'; '.join(summary['try'])}")
    return "".join(f"{line}\n" for line in lines)


def advise_after_interrupt(out: str) -> str:
    """Return what to do after a run was ended at once; out: its folder, or ""."""
    if out and any(Path(out, CHECKPOINT_FOLDER).glob("[0-9]*")):
        return "--resume goes on from the newest checkpoint"
    return "nothing was trained, so start it again"


def is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)


def describe_out_of_memory(error: Exception) -> str:
    """Return the message of an error that `is_out_of_memory`, with what to change."""
    reason = (str(error).splitlines() or ["MemoryError"])[0]
    return (
        f"out of memory ({reason:.200}); lower batch_size or model.width, or raise "
        "microbatches"
    )


def describe_lost_contact(error: Exception) -> str:
    """Return the message of an error in one of several processes."""
    return (
        f"process {jax.process_index()} of {jax.process_count()} lost contact with "
        f"another ({error}); JAX says below which one, within a minute, and ends this "
        "one; start all of them again"
    )
