"""The headline of a report in the terminal: its first sentences and the ranking."""

from rich.console import Group
from rich.table import Table
from rich.text import Text

from gan_jax.benchmark.report.findings import Findings, summarize_findings
from gan_jax.benchmark.report.maps.ranking import Ranking
from gan_jax.benchmark.report.maps.ranking_columns import RANK_COLUMNS, ranking_columns
from gan_jax.benchmark.report.tables import select_informative

COLUMNS_SHOWN = len(RANK_COLUMNS) + 2
"""Columns of the ranking that fit into a line of a terminal."""


def render_summary(findings: Findings) -> Group:
    """Return the first sentences, and the ranking by area if there is one."""
    parts: list[Text | Table] = [Text(summarize_findings(findings))]
    ranking = findings.ranking
    if ranking is not None and ranking.methods[0].area.value > 0:
        parts.append(render_ranking_table(ranking))
    return Group(*parts)


def render_ranking_table(ranking: Ranking) -> Table:
    """Return the ranking with its areas and the comparison with the baseline."""
    columns = ranking_columns(ranking._replace(tasks=[]))
    columns = select_informative(columns[:COLUMNS_SHOWN], ranking.methods)
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column.name, no_wrap=True)
    for one in ranking.methods:
        table.add_row(*(Text(column.cell(one)[0]) for column in columns))
    return table
