"""What a run writes for people: metric lines and pictures."""

import json
import math
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from gan_jax.logs.files import write_atomically
from gan_jax.logs.plots import CURVES, legend_below, new_figure
from gan_jax.logs.row_files import encoded


def write_text(path: Path, text: str) -> None:
    content = text.encode(errors="backslashreplace")  # paths may hold any byte
    write_atomically(path, lambda part: part.write_bytes(content))


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=2) + "\n")


def json_lines(rows: list[dict[str, Any]]) -> str:
    """A JSON line for each row, with its checksum; see `row_files`."""
    return "".join(f"{encoded(row)}\n" for row in rows)


GO_ON = "mend that, then go on with --resume"


@contextmanager
def telling(path: Path, advice: str = GO_ON) -> Iterator[None]:
    """Tell in one line what could not be written, and what to do."""
    try:
        yield
    except OSError as error:
        if error.strerror is None:  # it was told already
            raise
        place = error.filename or path
        raise OSError(
            f"{place}: cannot be written ({error.strerror}); {advice}"
        ) from None


def append_lines(path: Path, rows: list[dict[str, Any]], advice: str = GO_ON) -> None:
    """Add rows to a file; a last line that was cut off stays a line of its own."""
    with telling(path, advice), path.open("ab+") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - 1, 0))
        broken = file.read() not in (b"", b"\n")
        file.write(b"\n" * broken + json_lines(rows).encode())


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    write_text(path, json_lines(rows))


def pixels_of(images: np.ndarray) -> np.ndarray:
    """uint8 of images in [-1, 1], rounded; NaN is black."""
    return np.nan_to_num(np.clip((images + 1) * 127.5, 0, 255)).round().astype(np.uint8)


def write_array(path: Path, samples: np.ndarray) -> None:
    """A .npz of one array `arr_0`: images as uint8, points as they are."""
    array = pixels_of(samples) if samples.ndim == 4 else samples

    def save(part: Path) -> None:
        with part.open("wb") as file:  # given a name, NumPy would change it
            np.savez(file, array)

    write_atomically(path, save)


def write_images(folder: Path, images: np.ndarray) -> None:
    """`000000.png`, ... for each of `[N, H, W, C]`, which is 1 or 3 channels deep."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for i, image in enumerate(pixels_of(images)):
        plain = image[..., 0] if image.shape[2] == 1 else image
        write_atomically(folder / f"{i:06d}.png", Image.fromarray(plain).save)


def copy(source: Path, path: Path) -> None:
    write_atomically(path, lambda part: shutil.copyfile(source, part))


def frames(folder: Path) -> list[Path]:
    """The pictures of a folder that are named by a step, in order."""
    found = folder.glob("[0-9]*.png")
    return sorted(path for path in found if path.stem.isdecimal())


def is_whole(picture: Path) -> bool:
    from PIL import Image

    try:
        with Image.open(picture) as opened:
            opened.load()
    except (OSError, ValueError, SyntaxError):  # Pillow has all three for damaged PNGs
        return False
    return True


def animation(path: Path, folder: Path) -> None:
    """Write a GIF of the pictures in a folder, each below its step; none, no GIF.

    It has 100 frames at most, of about 400 pixels a side, and shows at most ten a
    second, few ones for longer, and the last for two seconds more. A damaged picture is
    left out.
    """
    found = frames(folder)
    chosen = np.linspace(0, len(found) - 1, min(len(found), 100)).round().astype(int)
    whole = [found[i] for i in chosen if is_whole(found[i])]
    if not whole:
        return
    images = [frame_of(picture) for picture in whole]
    each = max(100, min(500, 5000 // len(images)))
    duration = [each] * (len(images) - 1) + [each + 2000]

    def save(part: Path) -> None:
        images[0].save(
            part, save_all=True, append_images=images[1:], duration=duration, loop=0
        )

    write_atomically(path, save)


CAPTION = 24
"""Pixels above a frame, for its step."""


def frame_of(picture: Path) -> Any:
    """A small copy of a picture, below a line with the step that its name says."""
    from PIL import Image, ImageDraw, ImageFont

    with Image.open(picture) as opened:
        image = opened.convert("RGB")
    image.thumbnail((400, 400))
    width = max(image.width, 120)
    frame = Image.new("RGB", (width, image.height + CAPTION), "white")
    frame.paste(image, ((width - image.width) // 2, CAPTION))
    text = ImageDraw.Draw(frame)
    text.text(
        (6, 3), f"step {int(picture.stem):,}", "black", ImageFont.load_default(15)
    )
    return frame


Height = Callable[[np.ndarray], np.ndarray]
LOGIT = "D's logit (higher: more real)"


def panels(
    path: Path,
    panel: Callable[..., None],
    real: np.ndarray,
    fakes: list[np.ndarray],
    heights: list[Height],
    meaning: str = LOGIT,
    names: Sequence[str] = (),
) -> None:
    """A `panel` (`scatter` or `line`) for each of several sets of fakes, named so."""
    columns = math.ceil(math.sqrt(len(fakes)))
    rows = math.ceil(len(fakes) / columns)
    figure, axes = new_figure(columns, rows)
    figure.set_size_inches(6.5 * columns, 6 * rows)
    if len(fakes) > 1:
        figure.set_dpi(max(20, 100 // columns))
    for axis, fake, height in zip(axes.flat, fakes, heights, strict=False):
        panel(figure, axis, real, fake, height, meaning)
    for axis, name in zip(axes.flat, names, strict=False):
        axis.set_title(name)
    for axis in axes.flat[len(fakes) :]:
        axis.axis("off")
    write_atomically(path, figure.savefig)


def scatter(
    figure: Any,
    axis: Any,
    real: np.ndarray,
    fake: np.ndarray,
    height: Height,
    meaning: str,
) -> None:
    """Real and generated points `[N, 2]` over the level sets of `height`.

    Of points of more coordinates the first two are shown, without level sets.
    """
    reach = 1.3 * np.abs(real if len(real) else fake).max()
    line = np.linspace(-reach, reach, 121, dtype=np.float32)
    x, y = np.meshgrid(line, line)
    level = (
        height if real.shape[1] == 2 else lambda points: np.full(len(points), np.nan)
    )
    heights = level(np.stack([x, y], axis=-1).reshape(-1, 2)).reshape(x.shape)
    if np.isfinite(heights).all():
        filled = axis.contourf(x, y, heights, levels=24, cmap="PuOr", alpha=0.7)
        figure.colorbar(filled, ax=axis, label=meaning)
    if len(real):
        axis.scatter(*real.T[:2], s=9, color="black", alpha=0.5, label="real", lw=0)
    if len(fake):
        axis.scatter(
            *fake.T[:2], s=9, color="crimson", alpha=0.6, label="generated", lw=0
        )
    outside = int((~(np.abs(fake) <= reach).all(axis=1)).sum())
    beyond = f", {outside:,} of them outside the picture" if outside else ""
    both = f"{len(real):,} real and " if len(real) else ""
    axis.set(
        xlim=(-reach, reach),
        ylim=(-reach, reach),
        aspect="equal",
        title=f"{both}{len(fake):,} generated points{beyond}",
    )
    legend_below(axis, markerscale=2)


def line(
    figure: Any,
    axis: Any,
    real: np.ndarray,
    fake: np.ndarray,
    height: Height,
    meaning: str,
) -> None:
    """Histograms of real and generated numbers `[N, 1]`, and `height` over them."""
    reach = 1.3 * np.abs(np.concatenate([real, np.nan_to_num(fake)])).max(initial=1)
    bins = np.linspace(-reach, reach, 61).tolist()
    if len(real):
        axis.hist(real[:, 0], bins, color="black", alpha=0.6, label="real")
    if len(fake):
        axis.hist(fake[:, 0], bins, color="crimson", alpha=0.6, label="generated")
    axis.set(xlabel="x", ylabel="examples")
    x = np.linspace(-reach, reach, 201, dtype=np.float32)
    curve = axis.twinx()
    curve.plot(x, height(x[:, None]), "tab:blue")
    curve.set_ylabel(meaning, color="tab:blue")
    legend_below(axis)


def curves(path: Path, runs: list[list[dict[str, Any]]]) -> None:
    """Losses, gradient norms and logits against steps, a line for each run."""
    figure, axes = new_figure(len(CURVES))
    for axis, (title, (names, styles)) in zip(axes.flat, CURVES.items(), strict=True):
        for name, (meaning, color) in zip(names, styles, strict=True):
            for index, rows in enumerate(runs):
                steps, values = (
                    [row["step"] for row in rows],
                    [row[name] for row in rows],
                )
                label = None if index else meaning
                alpha = max(0.15, len(runs) ** -0.5)
                axis.plot(steps, values, color, lw=0.9, alpha=alpha, label=label)
        axis.set(title=title, xlabel="step (generator updates)")
        axis.grid(alpha=0.3)
        legend_below(axis)
    norms, _ = CURVES["gradient norms"]
    if any(row[name] > 0 for rows in runs for row in rows for name in norms):
        axes.flat[1].set_yscale("log")
    write_atomically(path, figure.savefig)
