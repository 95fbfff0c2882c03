"""Train one GAN: `python -m experiments.train METHOD [--flags]`.

METHOD is a name of METHODS; every field of its Config is a flag. Exit codes: 0 the run
completed, 1 it diverged, 2 bad input (nothing was written), 130 interrupted by Ctrl-C.
"""

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from gan_jax.augment import AUGMENTS
from gan_jax.build import method, read_fields, refuse_unread
from gan_jax.config import Config, flat, from_json, validate
from gan_jax.data import DATASETS, PREFIXES, TFDS_SETS, TOYS
from gan_jax.dynamics import DYNAMICS
from gan_jax.layers import ACTIVATIONS, INITIALIZERS, NORMS
from gan_jax.losses import LOSSES
from gan_jax.methods import CATALOGUE, METHODS
from gan_jax.models import MODELS
from gan_jax.optimizers import OPTIMIZERS
from gan_jax.penalties import GENERATOR_PENALTIES, PENALTIES
from gan_jax.run import train

USAGE = "python -m experiments.train"
PREFIXED = {"tfds:NAME": PREFIXES["tfds"], "folder:PATH": PREFIXES["folder"]}
EXIT_CODES = {"completed": 0, "diverged": 1, "interrupted": 130}


@dataclass(frozen=True)
class Flags:
    run: Annotated[Config, tyro.conf.arg(name="")]
    overwrite: bool = False
    """Replace the run that is in the out folder."""
    print_config: bool = False
    """Print the Config, with the fields its choices do not read, and stop."""


def first_line(text: str | None) -> str:
    return (text or "").strip().split("\n\n")[0].replace("\n", " ")


def listing() -> str:
    """Methods, data sets and models with one line each; the other names."""
    lines = ["METHODS"]
    for name in METHODS:
        about = CATALOGUE[name].about if name in CATALOGUE else ""
        lines.append(f"  {name:14} {about.split('. ')[0]}.")
    lines.append("DATASETS")
    for name in DATASETS:
        about = TOYS[name] if name in TOYS else DATASETS[name]
        text = "TFDS image set." if name in TFDS_SETS else first_line(about.__doc__)
        lines.append(f"  {name:14} {text}")
    lines += [f"  {k:14} {first_line(v.__doc__)}" for k, v in PREFIXED.items()]
    lines.append("MODELS")
    lines += [f"  {k:14} {first_line(v.__doc__)}" for k, v in MODELS.items()]
    names = {
        "losses": LOSSES,
        "penalties": PENALTIES,
        "generator penalties": GENERATOR_PENALTIES,
        "optimizers": OPTIMIZERS,
        "augmentations": AUGMENTS,
        "dynamics": DYNAMICS,
        "norms": NORMS,
        "activations": ACTIVATIONS,
        "initializers": INITIALIZERS,
    }
    lines.append("OTHER NAMES")
    lines += [f"  {title}: {', '.join(names)}" for title, names in names.items()]
    return "\n".join(lines)


def printed(config: Config) -> str:
    """Every field by its flag, those that have no effect marked."""
    read = read_fields(config)
    return "\n".join(
        f"--{name.replace('_', '-')} {value}{'' if name in read else '   (unused)'}"
        for name, value in flat(config).items()
    )


def start(arguments: list[str]) -> tuple[Config, str, list[str]]:
    """The Config to begin from, its name, and the flags that change it."""
    match arguments:
        case [word, *rest] if not word.startswith("-"):
            return method(word), word, rest
        case ["--config", path, *rest]:
            config = from_json(Path(path).read_text(), path)
            return config, config.out or Path(path).parent.name, rest
        case _:
            return Config(), "METHOD", arguments


def main(arguments: list[str]) -> int:
    if "--list" in arguments:
        print(listing())
        return 0
    try:
        base, name, rest = start(arguments)
        if name == "METHOD" and not {"-h", "--help"} & set(rest):
            raise ValueError(
                f"METHOD is missing: {USAGE} METHOD [--flags], or --config "
                f"FILE; --list shows the names\nMethods: {', '.join(METHODS)}"
            )
        flags = tyro.cli(
            Flags,
            default=Flags(base),
            args=rest,
            prog=f"{USAGE} {name}",
            description=__doc__,
        )
        config = validate(flags.run)
        refuse_unread(base, config)
        config = dataclasses.replace(config, out=config.out or f"runs/{name}")
        if flags.print_config:
            print(printed(config))
            return 0
        assert config.out is not None
        _, summary = train(config, config.out, overwrite=flags.overwrite, progress=True)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    report(config.out, summary)
    return EXIT_CODES[summary["verdict"]]


def report(out: str, summary: dict) -> None:
    last = summary["last_row"]
    print(
        f"{summary['verdict']}: {summary['steps']} steps in "
        f"{summary['wall_seconds']:.0f} s ({summary['steps_per_second']:.0f} steps/s); "
        f"D loss {last['d_loss']:.3f}, G loss {last['g_loss']:.3f}\n"
        f"look at  {out}/samples.png  and  {out}/curves.png\n"
        f"numbers  {out}/metrics.jsonl  and  {out}/summary.json\n"
        f"repeat   {USAGE} --config {out}/config.json --out {out}-again"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
