"""One plot for each section of a diagnosis, as PNG bytes."""

import io
from typing import Any

import numpy as np

G, D, GREY = "#2a6f97", "#c8553d", "#8a8f98"
COLORS = {"generator": G, "discriminator": D}
PLACES = {"real": "#4a4e57", "fake": D, "between": "#e0a458"}
SIZE = (5.4, 3.5)
"""Inches: text stays readable at 360 pixels' width."""
TICKS = 10
"""At most, on an axis of kernels."""
MANY = 500
"""A range whose twos and fives would overprint each other."""


def canvas(columns: int = 1) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, layout="constrained", dpi=180)
    axes = figure.subplots(1, columns, squeeze=False)[0]
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25, linewidth=0.6)
    return figure, axes


def png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def shades(player: str, count: int) -> list[Any]:
    """Pale for the first layer, dark for the last."""
    from matplotlib import colormaps

    chosen = colormaps["Blues" if player == "generator" else "Reds"]
    return [chosen(x) for x in np.linspace(0.35, 0.95, count)]


def course(found: dict[str, Any]) -> bytes:
    """Gradient norms of the kernels over time, a line for each."""
    figure, axes = canvas(2)
    for axis, player in zip(axes, COLORS, strict=True):
        series = found["course"][f"{player}_grad_norm"]
        steps, lines = found["course"]["steps"], shades(player, len(series))
        for values, color in zip(series.values(), lines, strict=True):
            axis.plot(steps, positive(values), color=color, lw=1)
        axis.set(
            yscale="log",
            xlabel="step",
            title=f"{player[0].upper()}: pale first, dark last",
        )
        axis.title.set_fontsize(9)
    axes[0].set_ylabel("gradient norm of a kernel")
    return png(figure)


def flow(found: dict[str, Any]) -> bytes:
    """Gradient norms by depth at the final state."""
    return over_depth(found, "gradient", "gradient norm")


def updates(found: dict[str, Any]) -> bytes:
    """Update over weight of each kernel, with the usual range shaded."""
    return over_depth(found, "ratio", "|update| / |weight|", usual=(1e-4, 1e-3, 1e-2))


def over_depth(
    found: dict[str, Any],
    number: str,
    title: str,
    usual: tuple[float, float, float] | None = None,
) -> bytes:
    """A number of each kernel's flow; usual: the range to shade, and its middle."""
    figure, (axis,) = canvas()
    if usual is not None:
        low, middle, high = usual
        axis.axhspan(low, high, color="#3a7d44", alpha=0.1, lw=0)
        name = f"usual, about {middle:g}"
        axis.axhline(middle, color="#3a7d44", lw=0.8, ls="--", label=name)
    for player, color in COLORS.items():
        flows = kernels_of(found["layers"][player])
        sizes = positive([flow[number] for flow in flows.values()])
        axis.plot(range(1, len(sizes) + 1), sizes, "o-", color=color, label=player)
    longest = max(len(kernels_of(own)) for own in found["layers"].values())
    ticks = range(1, longest + 1, -(-longest // TICKS))
    axis.set(yscale="log", xticks=ticks, xlabel="kernel, by depth", ylabel=title)
    axis.legend(frameon=False)
    return png(figure)


def units(found: dict[str, Any]) -> bytes:
    """The share of dead units of each activation."""
    figure, (axis,) = canvas()
    at = 0
    for player, color in COLORS.items():
        shares = found["units"][player]
        places = np.arange(len(shares)) + at
        axis.bar(places, shares, color=color, label=player, width=0.7)
        at += len(shares) + 1
    axis.axhline(0.5, color=GREY, lw=0.8, ls="--")
    axis.set(ylim=(0, 1), xticks=[], xlabel="activations, by depth", ylabel="share")
    axis.legend(frameon=False)
    return png(figure)


def spectra(found: dict[str, Any]) -> bytes:
    """Singular values of every kernel over the largest, by rank."""
    figure, axes = canvas(2)
    for axis, player in zip(axes, COLORS, strict=True):
        values = found["kernels"][player]
        lines = shades(player, len(values))
        for own, color in zip(values.values(), lines, strict=True):
            rank = np.linspace(0, 1, len(own)) if len(own) > 1 else [0]
            marker = "o" if len(own) == 1 else None
            axis.plot(rank, positive(own), color=color, lw=1.2, marker=marker, ms=4)
        axis.set(yscale="log", xlabel="rank (share)")
        axis.set_title(f"{player[0].upper()}: pale first, dark last", fontsize=9)
    axes[0].set_ylabel("singular value")
    return png(figure)


def critic(found: dict[str, Any]) -> bytes:
    """Histograms of |grad_x D|."""
    figure, (axis,) = canvas()
    norms = {k: np.asarray(v) for k, v in found["critic"]["norms"].items()}
    whole = np.concatenate(list(norms.values()))
    whole = whole[np.isfinite(whole) & (whole > 0)]
    low, high = (whole.min(), whole.max()) if len(whole) else (0.1, 1.0)
    wide = high >= 2 * low
    space = np.geomspace if wide else np.linspace
    edges = space(low / 1.1, high * 1.1, 31).tolist()
    for place, values in norms.items():
        color = PLACES[place]
        axis.hist(values, edges, histtype="step", color=color, label=place, lw=1.5)
    axis.set(xlabel="|gradient of D in its input|", ylabel="examples")
    if wide:
        logarithmic(axis, crowded=high > MANY * low)
    axis.legend(frameon=False)
    return png(figure)


def logarithmic(axis: Any, crowded: bool) -> None:
    """A logarithmic x axis of plain numbers; crowded: powers of ten alone have one."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_xscale("log")
    plain = FuncFormatter(lambda x, _: f"{x:g}")
    axis.xaxis.set_major_formatter(plain)
    axis.xaxis.set_minor_locator(LogLocator(subs=(2, 5)))
    axis.xaxis.set_minor_formatter(NullFormatter() if crowded else plain)


def overfitting(found: dict[str, Any]) -> bytes:
    """Histograms of D's logits of training and of held-out reals."""
    figure, (axis,) = canvas()
    logits = {k: np.asarray(v) for k, v in found["overfitting"]["logits"].items()}
    edges = np.histogram_bin_edges(np.concatenate(list(logits.values())), 40).tolist()
    for (name, values), color in zip(logits.items(), (GREY, D), strict=True):
        label = name.replace("_", "-")
        axis.hist(
            values, edges, density=True, histtype="step", color=color, lw=1.5,
            label=label,
        )  # fmt: skip
    axis.set(xlabel="D's logit (higher: more real)", ylabel="density")
    axis.legend(frameon=False)
    return png(figure)


KINDS = {
    "leading": ("o", 20, "#4a4e57", "largest magnitude"),
    "growing": ("^", 60, D, "largest real part"),
    "turning": ("s", 110, "#e0a458", "largest imaginary part"),
}
"""Hollow, each larger than the one before: many an eigenvalue is of several kinds."""


def game(found: dict[str, Any]) -> bytes:
    """Eigenvalues times the learning rate, over the disc |1 + h l| < 1."""
    from matplotlib.patches import Circle

    figure, (axis,) = canvas()
    values = found["game"]["eigenvalues"]
    axis.add_patch(Circle((-1, 0), 1, color="#3a7d44", alpha=0.12, lw=0))
    for kind, own in values.items():
        marker, size, color, label = KINDS[kind]
        x, y = np.array(own).T
        axis.scatter(
            x, y, s=size, marker=marker, facecolors="none", edgecolors=color,
            label=label,
        )  # fmt: skip
    axis.axvline(0, color=GREY, lw=0.8)
    whole = np.concatenate([np.array(own) for own in values.values()])
    reach = np.abs(whole).max()
    if reach > 20:
        axis.set_xscale("symlog", linthresh=2)
        axis.set_yscale("symlog", linthresh=2)
    else:
        left, right = min(-2.1, whole[:, 0].min() * 1.1), max(0.4, whole[:, 0].max())
        axis.set_xlim(left, 1.1 * right)
        up = max(1.1, 1.1 * np.abs(whole[:, 1]).max())
        axis.set_ylim(-up, up)
    axis.set(xlabel="Re h l", ylabel="Im h l")
    axis.legend(frameon=False, fontsize=8, loc="upper left")
    return png(figure)


def path(found: dict[str, Any]) -> bytes:
    """Cosine of the field with the way, and the field's norm."""
    figure, (axis,) = canvas()
    own = found["path"]
    axis.axhline(0, color=GREY, lw=0.8)
    axis.axvline(1, color=GREY, lw=0.8, ls="--")
    axis.plot(own["positions"], own["cosine"], color=G)
    axis.set(xlabel="a: 0 the start, 1 the end", ylim=(-1.05, 1.05))
    axis.set_ylabel("cosine", color=G)
    norm = axis.twinx()
    norm.plot(own["positions"], own["norm"], color=D, ls="--")
    norm.set_ylabel("|v| (dashed)", color=D)
    norm.spines[["top"]].set_visible(False)
    return png(figure)


def motion(found: dict[str, Any]) -> bytes:
    """Cosines of successive updates."""
    figure, (axis,) = canvas()
    axis.axhline(0, color=GREY, lw=0.8)
    axis.axhspan(-1.05, -0.5, color=D, alpha=0.07, lw=0)
    for player, values in found["motion"]["cosines"].items():
        count = range(1, len(values) + 1)
        axis.plot(count, values, "o-", color=COLORS[player], label=player, ms=4)
    axis.set(ylim=(-1.05, 1.05), xlabel="step after the final state", ylabel="cosine")
    axis.legend(frameon=False)
    return png(figure)


def duality(found: dict[str, Any]) -> bytes:
    """The value, and what each player can make of it."""
    figure, (axis,) = canvas()
    own = found["duality"]
    names = {"G responds": "best", "as it is": "value", "D responds": "worst"}
    axis.barh(list(names), [own[n] for n in names.values()], color=[G, GREY, D])
    axis.set(xlabel="value of the game, for D")
    return png(figure)


def kernels_of(layers: dict[str, Any]) -> dict[str, Any]:
    found = {path: flow for path, flow in layers.items() if path.endswith("kernel")}
    return found or layers


def positive(values: Any) -> np.ndarray:
    """For a logarithmic axis: what is 0 or not finite is left out."""
    found = np.asarray(values, float)
    return np.where(np.isfinite(found) & (found > 0), found, np.nan)
