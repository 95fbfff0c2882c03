"""The charts of the instruments, a function each, as PNG bytes.

`cards` has the captions. The canvas and the axes here serve the other charts too.
"""

import io
from typing import Any

import numpy as np

from gan_jax.diagnostics.report.diagnosed_run import Diagnosis
from gan_jax.logs.figure_style import DISCRIMINATOR as D
from gan_jax.logs.figure_style import GENERATOR as G
from gan_jax.logs.figure_style import GREY, legend_below

GREEN = "#3a7d44"
COLORS = {"generator": G, "discriminator": D}
NAMES = {"generator": "generator (G)", "discriminator": "discriminator (D)"}
PLACES = {"real": "#4a4e57", "fake": D, "between": "#e0a458"}
PLACE_NAMES = {
    "real": "real examples",
    "fake": "generated examples",
    "between": "points between them",
}
WIDTH, HEIGHT = 5.4, 3.7
"""The size of a chart in inches: text stays readable at 360 pixels' width."""
TICKS = 10
"""The largest number of ticks on an axis of kernels."""
MANY = 500
"""The ratio of a range from which the labels of twos and fives would overlap."""


def make_canvas(columns: int = 1, height: float = HEIGHT) -> tuple[Any, Any]:
    """Return a figure of the page's width, and its axes side by side."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), layout="constrained", dpi=180)
    axes = figure.subplots(1, columns, squeeze=False)[0]
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25, linewidth=0.6)
    return figure, axes


def to_png(figure: Any) -> bytes:
    """Return a figure as the bytes of a PNG file, without the name of the software."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def layer_shades(player: str, count: int) -> list[tuple[Any, str | None]]:
    """Return a color for each layer, from pale to dark by depth, and its name.

    Only the first and the last layer have a name, for the legend.
    """
    from matplotlib import colormaps

    chosen = colormaps["Blues" if player == "generator" else "Reds"]
    names = {0: "first layer", count - 1: "last layer"} if count > 1 else {0: "layer"}
    colors = [chosen(x) for x in np.linspace(0.35, 0.95, count)]
    return [(color, names.get(i)) for i, color in enumerate(colors)]


def set_log_y_axis(axis: Any) -> None:
    """Make the y axis logarithmic, with numbers such as 0.2 or 1e-10, after drawing."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_yscale("log")
    low, high = axis.get_ylim()
    digits = (1, 2, 5) if high < 100 * low else (1,)
    axis.yaxis.set_major_locator(LogLocator(subs=digits))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    axis.yaxis.set_minor_formatter(NullFormatter())


def draw_course(diagnosis: Diagnosis) -> bytes:
    """Draw the gradient norm of each kernel over time."""
    figure, axes = make_canvas(2)
    for axis, player in zip(axes, COLORS, strict=True):
        series = diagnosis["course"][f"{player}_grad_norm"]
        steps, lines = diagnosis["course"]["steps"], layer_shades(player, len(series))
        for values, (color, name) in zip(series.values(), lines, strict=True):
            axis.plot(steps, keep_positive(values), color=color, lw=1, label=name)
        axis.set(xlabel="step (generator updates)")
        set_log_y_axis(axis)
        axis.set_title(NAMES[player], fontsize=10)
        legend_below(axis, 1, fontsize=9)
    axes[0].set_ylabel("size of a layer's gradient")
    return to_png(figure)


def draw_flow(diagnosis: Diagnosis) -> bytes:
    """Draw gradient norms by depth at the final state."""
    return draw_over_depth(diagnosis, "gradient", "size of a layer's gradient")


def draw_updates(diagnosis: Diagnosis) -> bytes:
    """Draw update over weight of each kernel, with the usual range shaded."""
    usual = 1e-4, 1e-3, 1e-2
    return draw_over_depth(
        diagnosis, "ratio", "share of a layer changed by one step", usual
    )


def draw_over_depth(
    diagnosis: Diagnosis,
    number: str,
    title: str,
    usual: tuple[float, float, float] | None = None,
) -> bytes:
    """Draw a number of each kernel by depth.

    usual: the low end, the middle and the high end of a range to shade.
    """
    figure, (axis,) = make_canvas()
    if usual is not None:
        low, middle, high = usual
        axis.axhspan(low, high, color=GREEN, alpha=0.1, lw=0)
        name = f"usual, about {middle:g}"
        axis.axhline(middle, color=GREEN, lw=0.8, ls="--", label=name)
    for player, color in COLORS.items():
        flows = select_kernels(diagnosis["layers"][player])
        values = [flow[number] for flow in flows.values()]
        sizes, still = keep_positive(values), values and not any(values)
        count = range(1, len(sizes) + 1)
        name = NAMES[player] + (": all 0" if still else "")
        axis.plot(count, sizes, "o-", color=color, label=name)
    longest = max(len(select_kernels(own)) for own in diagnosis["layers"].values())
    ticks = range(1, longest + 1, -(-longest // TICKS))
    axis.set(xticks=ticks, xlabel="layer (1: the first)", ylabel=title)
    set_log_y_axis(axis)
    legend_below(axis, 3, fontsize=9)
    return to_png(figure)


def draw_units(diagnosis: Diagnosis) -> bytes:
    """Draw the share of dead units of each activation."""
    figure, (axis,) = make_canvas()
    offset, ticks = 0, {}
    for player, color in COLORS.items():
        shares = diagnosis["units"][player]
        places = np.arange(len(shares)) + offset
        axis.bar(places, shares, color=color, label=NAMES[player], width=0.7)
        every = -(-len(shares) // (TICKS // 2)) or 1
        names = [f"{player[0].upper()}{i + 1}" for i in range(len(shares))]
        ticks |= dict(list(zip(places.tolist(), names, strict=True))[::every])
        offset += len(shares) + 1
    axis.axhline(0.5, color=GREY, lw=0.8, ls="--", label="half")
    axis.set(ylim=(0, 1), xlabel="layer (G1: the generator's first)")
    axis.set_xticks(list(ticks), list(ticks.values()))
    axis.set_ylabel("share of units that are never on")
    legend_below(axis, 3, fontsize=9)
    return to_png(figure)


def draw_spectra(diagnosis: Diagnosis) -> bytes:
    """Draw the singular values of every kernel, by rank from the largest."""
    figure, axes = make_canvas(2)
    for axis, player in zip(axes, COLORS, strict=True):
        values = diagnosis["kernels"][player]
        lines = layer_shades(player, len(values))
        for own, (color, name) in zip(values.values(), lines, strict=True):
            rank = np.linspace(0, 1, len(own)) if len(own) > 1 else [0]
            marker = "o" if len(own) == 1 else None
            axis.plot(
                rank, keep_positive(own), color=color, lw=1.2, marker=marker, ms=4,
                label=name,
            )  # fmt: skip
        axis.set(xlabel="rank (0: the largest value)")
        set_log_y_axis(axis)
        axis.set_title(NAMES[player], fontsize=10)
        if values:
            legend_below(axis, 1, fontsize=9)
    axes[0].set_ylabel("singular value of a layer's weights")
    return to_png(figure)


def draw_critic(diagnosis: Diagnosis) -> bytes:
    """Draw histograms of |grad_x D| at real, generated and intermediate examples."""
    figure, (axis,) = make_canvas()
    norms = {k: np.asarray(v) for k, v in diagnosis["critic"]["norms"].items()}
    whole = np.concatenate(list(norms.values()))
    whole = whole[np.isfinite(whole) & (whole > 0)]
    low, high = (whole.min(), whole.max()) if len(whole) else (0.1, 1.0)
    wide = high >= 2 * low
    space = np.geomspace if wide else np.linspace
    edges = space(low / 1.1, high * 1.1, 31).tolist()
    for place, values in norms.items():
        axis.hist(
            values, edges, histtype="step", color=PLACES[place], lw=1.5,
            label=PLACE_NAMES[place],
        )  # fmt: skip
    axis.set(xlabel="slope of D (logits per unit of the data)")
    axis.set_ylabel("number of examples")
    if wide:
        set_log_x_axis(axis, crowded=high > MANY * low)
    legend_below(axis, 3, fontsize=9)
    return to_png(figure)


def set_log_x_axis(axis: Any, crowded: bool) -> None:
    """Make the x axis logarithmic, with plain numbers.

    crowded: only powers of ten have a number.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_xscale("log")
    plain = FuncFormatter(lambda x, _: f"{x:g}")
    axis.xaxis.set_major_formatter(plain)
    axis.xaxis.set_minor_locator(LogLocator(subs=(2, 5)))
    axis.xaxis.set_minor_formatter(NullFormatter() if crowded else plain)


def draw_overfitting(diagnosis: Diagnosis) -> bytes:
    """Draw histograms of D's logits of training and of held-out reals."""
    figure, (axis,) = make_canvas()
    logits = {k: np.asarray(v) for k, v in diagnosis["overfitting"]["logits"].items()}
    edges = np.histogram_bin_edges(np.concatenate(list(logits.values())), 40).tolist()
    names = {
        "training": "real examples of the training",
        "held_out": "real examples that D has never seen",
    }
    for (name, values), color in zip(logits.items(), (GREY, D), strict=True):
        label = names[name]
        axis.hist(
            values, edges, density=True, histtype="step", color=color, lw=1.5,
            label=label,
        )  # fmt: skip
    axis.set(xlabel="D's logit (higher: more real)", ylabel="density of examples")
    legend_below(axis, fontsize=9)
    return to_png(figure)


def draw_path(diagnosis: Diagnosis) -> bytes:
    """Draw the cosine of the field with the way, and the field's norm."""
    figure, (axis,) = make_canvas()
    path = diagnosis["path"]
    axis.axhline(0, color=GREY, lw=0.8)
    axis.axvline(1, color=GREY, lw=0.8, ls="--")
    axis.plot(path["positions"], path["cosine"], color=G)
    axis.set(xlabel="place on the line (0: start, 1: end)", ylim=(-1.05, 1.05))
    axis.set_ylabel("cosine of descent and the line", color=G)
    norm = axis.twinx()
    norm.plot(path["positions"], path["norm"], color=D, ls="--")
    norm.set_ylabel("size of both gradients (dashed)", color=D)
    norm.spines[["top"]].set_visible(False)
    return to_png(figure)


def draw_motion(diagnosis: Diagnosis) -> bytes:
    """Draw the cosines of successive updates."""
    figure, (axis,) = make_canvas()
    axis.axhline(0, color=GREY, lw=0.8)
    axis.axhspan(-1.05, -0.5, color=D, alpha=0.07, lw=0)
    for player, values in diagnosis["motion"]["cosines"].items():
        count = range(1, len(values) + 1)
        color, name = COLORS[player], NAMES[player]
        axis.plot(count, values, "o-", color=color, label=name, ms=4)
    axis.set(ylim=(-1.05, 1.05), xlabel="step after the final state")
    axis.set_ylabel("cosine of one update and the next")
    legend_below(axis, fontsize=9)
    return to_png(figure)


def draw_duality(diagnosis: Diagnosis) -> bytes:
    """Draw the value of the game, and what each player can make of it."""
    figure, (axis,) = make_canvas()
    values = diagnosis["duality"]
    names = {"G improves": "best", "as it is": "value", "D improves": "worst"}
    axis.barh(
        list(names), [values[name] for name in names.values()], color=[G, GREY, D]
    )
    axis.set(xlabel="value of the game (higher: better for D)")
    return to_png(figure)


def select_kernels(layers: dict[str, Any]) -> dict[str, Any]:
    """Return the layers' kernels by path, or all parameters if there are none."""
    kernels = {path: flow for path, flow in layers.items() if path.endswith("kernel")}
    return kernels or layers


def keep_positive(values: Any) -> np.ndarray:
    """Return values for a logarithmic axis, NaN for what is not positive and finite."""
    numbers = np.asarray(values, float)
    return np.where(np.isfinite(numbers) & (numbers > 0), numbers, np.nan)
