"""The report of a comparison: its texts, its figures and the samples it shows."""

from pathlib import Path

from gan_jax.benchmark.report.figures.all_figures import draw_figures
from gan_jax.benchmark.report.findings import Findings, collect_findings
from gan_jax.benchmark.report.html.document import render_page
from gan_jax.benchmark.report.html.samples import draw_samples
from gan_jax.benchmark.report.markdown import render_markdown
from gan_jax.benchmark.report.results import read_results
from gan_jax.logs.files import write_text


def write_report(folder: Path, baseline: str | None = None) -> list[Path]:
    """Write the report of a results folder and return the paths of its files.

    The files are report.md, report.html and figures/. Samples that can still be drawn
    from checkpoints are added to samples/ first.

    Raises ValueError for a folder that `read_results` refuses.
    """
    return write_findings(read_findings(folder, baseline))


def read_findings(folder: Path, baseline: str | None = None) -> Findings:
    """Return the findings of a results folder; draws the samples that it can draw.

    Raises ValueError for a folder that `read_results` refuses.
    """
    results = read_results(folder, baseline)
    draw_samples(results)
    return collect_findings(results)


def write_findings(findings: Findings) -> list[Path]:
    """Write report.md, report.html and figures/, and return the paths of the files."""
    folder = findings.results.folder
    texts = {
        "report.md": render_markdown(findings),
        "report.html": render_page(findings),
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    return [*(folder / name for name in texts), *draw_figures(findings)]
