"""Draw the Dirac-GAN under every method: `gan-jax dirac [--out dirac.png]`.

G is a point theta, D(x) = psi x, and the data are the point 0. Play starts at (theta,
psi) = (1, -1) and should end at (0, 0). The figure has a phase portrait of each method:
its field, its path by the real train_step in float64, the eigenvalues of the plain game
at the solution and the factor of the rule's step. A table of them is printed. Losses
and penalties play simultaneous steps, rules of play the minimax game. Exit codes:
0 drawn, 2 bad input.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from rich.table import Column, Table

from gan_jax.assembly.assemble import build
from gan_jax.assembly.choices import choose_rule
from gan_jax.command_line.flags import parse
from gan_jax.command_line.paths import FIGURE_SUFFIXES, expand_home, require_picture
from gan_jax.command_line.user_errors import catch_user_errors
from gan_jax.config import Config
from gan_jax.data import DATASETS
from gan_jax.diagnostics import phase, portraits
from gan_jax.diagnostics.dirac_games import make_games
from gan_jax.diagnostics.portraits import Portrait
from gan_jax.gan import init_state
from gan_jax.terminal.command_name import name_command
from gan_jax.terminal.console import plain_console
from gan_jax.terminal.progress import show_progress, track

AVERAGED = 200
"""Batches over which eigenvalues and factor are averaged where the game is noisy."""


@dataclass(frozen=True)
class Flags:
    out: str | None = None
    """The figure; None: dirac.png in the folder runs, which is made."""
    steps: int = 500
    """Steps of each path."""
    learning_rate: float = 0.2
    """Learning rate of both players' SGD."""


def main(arguments: list[str]) -> int:
    """Run `gan-jax dirac`, and return its exit code."""
    return catch_user_errors(partial(run_with_flags, arguments))


def run_with_flags(arguments: list[str]) -> None:
    """Read the flags, and draw the figure."""
    flags = parse(Flags, arguments, prog=name_command("dirac"), description=__doc__)
    draw_figure(expand_home(flags, "out"))


def draw_figure(flags: Flags) -> None:
    """Play all games, draw their figure, and print the table."""
    out = Path(flags.out or "runs/dirac.png")
    if flags.out is None:
        out.parent.mkdir(exist_ok=True)
    require_picture("out", out, FIGURE_SUFFIXES)
    chosen = make_games(flags.steps, flags.learning_rate)
    with jax.enable_x64(True):
        drawn = [
            play_game(title, config)
            for title, config in track(chosen.items(), "playing the games")
        ]
    heading = (
        f"Dirac-GAN: {flags.steps} steps of {flags.learning_rate:g} from (1, "
        "\N{MINUS SIGN}1). Losses and penalties in simultaneous steps; rules of play "
        "on the minimax game.\n"
        "\N{GREEK SMALL LETTER LAMDA}: eigenvalues of the plain game; "
        "\N{GREEK SMALL LETTER RHO}: factor of the rule's step."
    )
    with show_progress("drawing the figure"):
        portraits.write_portraits(out, drawn, heading)
    print_portraits(drawn)
    print(f"figure: {out}")


def play_game(title: str, config: Config) -> Portrait:
    """Play a game with `train_step`, and return what is drawn of it."""
    gan = build(config)
    state = init_state(gan, jax.random.key(config.seed))
    data = DATASETS[config.dataset.name](config.dataset)
    period = choose_rule(config.dynamics).period
    many = config.batch_size * (AVERAGED if config.augment.name != "none" else 1)
    batch, large = (
        data.get(np.zeros((1, count), int)) for count in (config.batch_size, many)
    )

    @jax.jit
    def measure() -> tuple[jax.Array, ...]:
        feet = jnp.asarray(portraits.arrow_positions())
        field = partial(phase.descent_direction, gan, state, batch)
        return (
            phase.trajectory(gan, state, batch, config.steps),
            jnp.vectorize(field, signature="(p)->(p)")(feet),
            phase.jacobian_at_solution(gan, state, large),
            phase.step_matrix(gan, state, large, period=period),
        )

    points, arrows, jacobian, matrix = map(np.asarray, measure())
    factor = phase.spectral_radius(matrix) ** (1 / period)
    verdict = phase.verdict(np.linalg.norm(points, axis=1), factor)
    eigenvalues = np.linalg.eigvals(jacobian)
    return Portrait(title, points, arrows, eigenvalues, factor, verdict)


def print_portraits(drawn: list[Portrait]) -> None:
    """Print a table with the numbers of each portrait."""
    columns = ("eigenvalues", "factor", "distance", "verdict")
    table = Table("method", *(Column(title, justify="right") for title in columns))
    table.caption = "eigenvalues: of the plain game; factor: of the rule's step"
    for one in drawn:
        numbers = portraits.format_eigenvalues(one), portraits.format_factor(one)
        away = f"{portraits.final_distance(one):.6g}"
        table.add_row(one.title, *numbers, away, one.verdict)
    plain_console().print(table)
