"""Stage *profile*: which kernels take the time of a step, and of what kind they are.

The traces are those of jax.profiler. On a CPU they hold XLA's own functions in place of
kernels.
"""

import gzip
import json
import re
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax

from benchmarks.accelerator.cases import make_call
from benchmarks.accelerator.stage import Json, Piece, Settings, Stage
from benchmarks.speed.contenders import case_config, trace_arguments
from benchmarks.speed.flops import count_flops
from gan_jax import Config
from gan_jax.benchmark.report.markdown import render_table

STEPS, TINY_STEPS = 20, 2
TOP = 10
GAMES = [
    (case, variant, 256, precision)
    for case, variant in (("dcgan64", "r1"), ("resnet32", "wgan_gp"))
    for precision in ("float32", "bf16")
]
TINY = [("ring", "r1", 8, "float32")]

COPY, PRODUCT, REDUCTION = "copy or transpose", "product or convolution", "reduction"
ELEMENTWISE, OTHER = "elementwise", "other"
PATTERNS = {
    COPY: "transpose|copy|memcpy|memset|nchwtonhwc|nhwctonchw|tensortransform|reverse",
    PRODUCT: "conv(?!ert)|gemm|dot|matmul|fprop|dgrad|wgrad|xmma|cutlass|cublas|cudnn"
    "|nvjet|ynn",
    REDUCTION: "reduce|reduction",
    ELEMENTWISE: "fusion|wrapped|elementwise|loop_",
}
"""A kernel is of the first kind whose pattern its name matches."""
CONTAINERS = re.compile(r"(while|conditional|call)([._-]?\d+)*")
"""The operations that hold others, whose time is that of what they hold."""


class Kernel(NamedTuple):
    """One execution on the device; name, start and duration in microseconds."""

    name: str
    start: float
    duration: float


def find_pieces(settings: Settings) -> list[Piece]:
    """Return a piece for each step."""
    games = TINY if settings.tiny else GAMES
    steps = TINY_STEPS if settings.tiny else STEPS
    return [
        Piece(
            f"{case} {variant} batch {batch} {precision}",
            partial(
                profile_steps,
                replace(case_config(case, variant, batch), precision=precision),
                steps,
            ),
        )
        for case, variant, batch, precision in games
    ]


def profile_steps(config: Config, steps: int) -> Json:
    """Trace some steps that are compiled already, and sum up their kernels."""
    config = replace(config, steps_per_call=steps)
    call = make_call(config, steps)
    call()
    options = jax.profiler.ProfileOptions()
    options.python_tracer_level = 0
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder, profiler_options=options):
            call()
        kernels = find_kernels(read_trace(Path(folder)))
    found = summarize(kernels)
    flops = count_flops(*trace_arguments(config)) * steps
    rate = flops / (1e-6 * found["kinds"].get(PRODUCT, float("inf")))
    return found | {"steps": steps, "flop_per_second_in_products": rate}


def read_trace(folder: Path) -> list[Json]:
    """Return the events of the only trace under a folder.

    Raises ValueError if the profiler has written none.
    """
    files = sorted(folder.rglob("*.trace.json.gz"))
    if not files:
        raise ValueError("the profiler wrote no *.trace.json.gz")
    with gzip.open(files[-1], "rt", encoding="utf-8") as file:
        return json.load(file)["traceEvents"]


def find_kernels(events: Iterable[Json]) -> list[Kernel]:
    """Return what ran on the device.

    On a GPU these are the events of its streams, on a TPU those of the line "XLA Ops".
    Without a device they are the events that name an operation of a program. Operations
    that hold others are left out, because their time would count twice.
    """
    events = list(events)
    names = {
        kind: {key(e): e["args"]["name"] for e in events if e.get("name") == kind}
        for kind, key in (("process_name", process_of), ("thread_name", thread_of))
    }
    devices = {p for p, name in names["process_name"].items() if "/device:" in name}
    lines = {t: n for t, n in names["thread_name"].items() if t[0] in devices}
    streams = {t for t, name in lines.items() if name.startswith("Stream")}
    chosen = streams or {t for t, name in lines.items() if name == "XLA Ops"}
    return [
        Kernel(name_kernel(event), event["ts"], event["dur"])
        for event in events
        if event.get("ph") == "X"
        and not CONTAINERS.fullmatch(event["name"])
        and (thread_of(event) in chosen if chosen else "hlo_op" in arguments(event))
    ]


def process_of(event: Json) -> Any:
    """Return the process of an event."""
    return event["pid"]


def thread_of(event: Json) -> tuple[Any, Any]:
    """Return the process and the thread of an event."""
    return event["pid"], event.get("tid")


def arguments(event: Json) -> Json:
    """Return the arguments of an event."""
    return event.get("args") or {}


def name_kernel(event: Json) -> str:
    """Return the kernel's name, and the operation of the program that it is part of."""
    name, operation = event["name"], arguments(event).get("hlo_op", "")
    return name if operation in ("", name) else f"{name} ({operation})"


def summarize(kernels: list[Kernel]) -> Json:
    """Return microseconds by kind, the kernels that take most, and the idle share.

    busy: the part of the time from the first kernel to the end of the last in which at
    least one ran. Raises ValueError if there is no kernel.
    """
    if not kernels:
        raise ValueError("the trace holds no kernels")
    kinds: dict[str, float] = {}
    single: dict[str, float] = {}
    for kernel in kernels:
        kind = classify(kernel.name)
        kinds[kind] = kinds.get(kind, 0.0) + kernel.duration
        single[kernel.name] = single.get(kernel.name, 0.0) + kernel.duration
    top = sorted(single.items(), key=lambda item: -item[1])[:TOP]
    ends = max(kernel.start + kernel.duration for kernel in kernels)
    span = ends - min(kernel.start for kernel in kernels)
    return {
        "kernels": len(kernels),
        "kinds": kinds,
        "top": [[name, classify(name), spent] for name, spent in top],
        "busy": covered(kernels) / span if span else 1.0,
    }


def classify(name: str) -> str:
    """Return the kind of a kernel, by its name."""
    for kind, pattern in PATTERNS.items():
        if re.search(pattern, name.lower()):
            return kind
    return OTHER


def covered(kernels: list[Kernel]) -> float:
    """Return the microseconds in which at least one kernel ran."""
    total, reached = 0.0, float("-inf")
    for kernel in sorted(kernels, key=lambda kernel: kernel.start):
        ends = kernel.start + kernel.duration
        total += max(0.0, ends - max(reached, kernel.start))
        reached = max(reached, ends)
    return total


def render(found: dict[str, Json]) -> str:
    """Return for each step the kinds of its kernels and the ten that take most."""
    return "\n\n".join(render_profile(piece, one) for piece, one in found.items())


def render_profile(piece: str, found: Json) -> str:
    """Return the paragraphs of one step."""
    total = sum(found["kinds"].values())
    kinds = sorted(found["kinds"].items(), key=lambda item: -item[1])
    shares = ", ".join(f"{kind} {spent / total:.0%}" for kind, spent in kinds)
    rows = [
        [name[:90], kind, f"{spent / total:.1%}", f"{spent / found['steps']:.0f}"]
        for name, kind, spent in found["top"]
    ]
    return (
        f"### {piece}\n\nOf the device's time: {shares}. It is busy "
        f"{found['busy']:.0%} of the time, with "
        f"{found['kernels'] / found['steps']:.0f} kernels a step, and makes "
        f"{found['flop_per_second_in_products'] / 1e12:.3g} TFLOP/s while products "
        "and convolutions run.\n\n"
        + render_table(("kernel", "kind", "share", "µs per step"), rows)
    )


STAGE = Stage(
    "The kernels that take most of a step's time, and their kinds.",
    1.5,
    find_pieces,
    render,
)
