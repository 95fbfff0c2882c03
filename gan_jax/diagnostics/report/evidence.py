"""The evidence for each piece of advice, found in a diagnosis.

Each `find_*` returns one line of text, or None if there is no evidence or nothing was
measured. `advice.ADVICE` says what the evidence means.
"""

import numpy as np

from gan_jax.diagnostics.report.diagnosed_run import Diagnosis, kernel_paths
from gan_jax.diagnostics.report.limits import (
    DIVERSE,
    GROWTH,
    NEAR,
    OVERFITTED,
    PRECISE,
    TURNING,
    is_plain_play,
    least_modes,
    overshoot_limit,
    rotates_fast,
    value_at,
)
from gan_jax.run_files.health import UNEVEN
from gan_jax.run_files.sample_checks import why_unlike_data

STEEP, FLAT = 10.0, 1e-3
"""Logits of D per deviation of the data, above and below which D is steep and flat."""
PLAYERS = ("generator", "discriminator")


def find_divergence(diagnosis: Diagnosis) -> str | None:
    """Say which logged number was not finite."""
    fault = diagnosis.get("fault")
    return f"{fault['term']} at step {fault['step']}" if fault else None


def find_collapse(diagnosis: Diagnosis) -> str | None:
    """Say where the log shows a collapse, if its verdict is "collapsed"."""
    collapsed = diagnosis.get("verdict") == "collapsed"
    return "the log's last quarter" if collapsed else None


def find_unlearned_data(diagnosis: Diagnosis) -> str | None:
    """Say how the samples are unlike the data, or that the log found them so."""
    evidence = why_unlike_data(diagnosis.get("quality", {}))
    if diagnosis.get("verdict") == "not_learned":
        return evidence or "at the log's last measurement"
    return evidence


def sample_number(diagnosis: Diagnosis, name: str) -> float | None:
    """Return a number of the samples' quality, or None if `not_learned` says it all."""
    if find_unlearned_data(diagnosis):
        return None
    return value_at(diagnosis, "quality", name)


def find_low_precision(diagnosis: Diagnosis) -> str | None:
    """Say how many samples lie on a mode, if many do not."""
    share = sample_number(diagnosis, "sample_precision")
    if share is None or share >= PRECISE:
        return None
    return f"{share:.1%} of the samples lie on a mode"


def find_missing_modes(diagnosis: Diagnosis) -> str | None:
    """Say how many modes are hit, if some are not."""
    modes, least = sample_number(diagnosis, "sample_modes"), least_modes(diagnosis)
    if modes is None or least is None or modes >= least:
        return None
    return f"{modes:.0f} of {diagnosis['quality']['mode_count']} modes are hit"


def find_distant_samples(diagnosis: Diagnosis) -> str | None:
    """Say how far the samples are from the data, if they are nearer to noise."""
    distance = sample_number(diagnosis, "sample_distance")
    if distance is None or distance <= NEAR:
        return None
    return f"distance {distance:.2g} (the data have 0, noise has 1)"


def find_low_diversity(diagnosis: Diagnosis) -> str | None:
    """Say how diverse the samples are, if too little; None if `collapsed` says it."""
    diversity = value_at(diagnosis, "quality", "diversity")
    collapsed = diagnosis.get("verdict") == "collapsed"
    if diversity is None or not diversity < DIVERSE or collapsed:
        return None
    return f"diversity {diversity:.2g} (the data have 1)"


def game_numbers(diagnosis: Diagnosis, *names: str) -> tuple[float, ...] | None:
    """Return numbers of the game, or None if it was not measured."""
    game = diagnosis.get("game", {})
    return tuple(game[name] for name in names) if names[0] in game else None


def plain_play_numbers(diagnosis: Diagnosis, *names: str) -> tuple[float, ...] | None:
    """Return numbers of the game, or None where other rules bend their meaning."""
    return game_numbers(diagnosis, *names) if is_plain_play(diagnosis) else None


def find_growth(diagnosis: Diagnosis) -> str | None:
    """Say by how much the fastest mode of the game grows, if it does."""
    numbers = plain_play_numbers(diagnosis, "largest_real_part")
    if numbers is None or numbers[0] <= GROWTH:
        return None
    return f"a mode grows by {numbers[0]:.0%} a step"


def find_rotation(diagnosis: Diagnosis) -> str | None:
    """Say how much the leading modes, or the whole game, turn more than they pull."""
    names = "leading_imaginary_ratio", "rotation_index"
    numbers = plain_play_numbers(diagnosis, *names)
    if numbers is None:
        return None
    ratio, index = numbers
    if ratio > TURNING and rotates_fast(diagnosis):
        return f"Im / Re of the leading modes is {ratio:.3g}"
    return f"the rotation index is {index:.3g}" if index > TURNING else None


def find_overshoot(diagnosis: Diagnosis) -> str | None:
    """Say how fast a mode decays, if faster than the optimizer can bear."""
    numbers = game_numbers(diagnosis, "overshoot", "reach")
    limit = overshoot_limit(diagnosis)
    if numbers is None or limit is None or numbers[0] <= limit:
        return None
    return f"h l = -{numbers[0]:.3g}, the optimizer reaches -{numbers[1]:.3g}"


def find_undone_updates(diagnosis: Diagnosis) -> str | None:
    """Say how much successive updates point against each other."""
    cosines = value_at(diagnosis, "motion", "cosines") or {}
    for player, values in cosines.items():
        if len(values) and np.mean(values) < -0.5:
            return f"{player}: mean cosine of successive updates {np.mean(values):.2f}"
    return None


def find_circling(diagnosis: Diagnosis) -> str | None:
    """Say how far both generators are from the data, if the last is much further."""
    raw = value_at(diagnosis, "motion", "ema", "raw")
    averaged = value_at(diagnosis, "motion", "ema", "averaged")
    if raw is None or averaged is None or raw <= 2 * averaged:
        return None
    return f"distance to the data {raw:.2g}, of the averaged generator {averaged:.2g}"


def critic_slopes(diagnosis: Diagnosis) -> dict[str, float]:
    """Return medians of |grad D| times the data's deviation; {} for a single point."""
    critic = diagnosis.get("critic", {})
    if not critic.get("deviation"):
        return {}
    return {
        place: quantiles[0.5] * critic["deviation"]
        for place, quantiles in critic["quantiles"].items()
    }


def find_steep_critic(diagnosis: Diagnosis) -> str | None:
    """Say how steep D is where it is steepest, if it is too steep."""
    slopes = critic_slopes(diagnosis)
    place = max(slopes, key=lambda place: slopes[place], default=None)
    if place is None or slopes[place] <= STEEP:
        return None
    return f"{slopes[place]:.3g} logits per deviation of the data ({place})"


def find_flat_critic(diagnosis: Diagnosis) -> str | None:
    """Say how steep D is at the fakes, if it is flat there."""
    slope = critic_slopes(diagnosis).get("fake")
    if slope is None or slope >= FLAT:
        return None
    return f"{slope:.2g} logits per deviation of the data at the fakes"


def find_overfitting(diagnosis: Diagnosis) -> str | None:
    """Say by how much D scores examples higher that it has seen."""
    deviations = value_at(diagnosis, "overfitting", "gap", "deviations")
    if deviations is None or deviations <= OVERFITTED:
        return None
    return f"training reals score {deviations:.2g} deviations higher"


def kernel_numbers(diagnosis: Diagnosis, player: str, name: str) -> np.ndarray:
    """Return one number of each kernel of a player, in order of depth."""
    layers = diagnosis.get("layers", {}).get(player, {})
    return np.array([layers[path][name] for path in kernel_paths(list(layers))])


def find_vanishing_gradients(diagnosis: Diagnosis) -> str | None:
    """Say which player's first kernel has a far smaller gradient than its last."""
    return compare_gradients(diagnosis, smaller=0, larger=-1)


def find_exploding_gradients(diagnosis: Diagnosis) -> str | None:
    """Say which player's first kernel has a far larger gradient than its last."""
    return compare_gradients(diagnosis, smaller=-1, larger=0)


def compare_gradients(diagnosis: Diagnosis, *, smaller: int, larger: int) -> str | None:
    """Return a line if two kernels of a player have gradients over UNEVEN apart.

    smaller, larger: the kernels' places in the order of depth.
    """
    for player in PLAYERS:
        norms = kernel_numbers(diagnosis, player, "gradient")
        if len(norms) < 2:
            continue
        if norms[larger] > 0 and norms[smaller] * UNEVEN < norms[larger]:
            return f"{player}: first layer {norms[0]:.2g}, last layer {norms[-1]:.2g}"
    return None


def find_large_updates(diagnosis: Diagnosis) -> str | None:
    """Say by how much one update changes a kernel, if by a large part.

    None at rates that have decayed.
    """
    if diagnosis.get("decayed", True):
        return None
    for player in PLAYERS:
        ratios = kernel_numbers(diagnosis, player, "ratio")
        if len(ratios) and ratios.max() > 0.1:
            return f"{player}: an update of {ratios.max():.2g} of the weights"
    return None


def find_small_updates(diagnosis: Diagnosis) -> str | None:
    """Say by how little updates change a player's kernels, if by hardly anything.

    None at rates that have decayed.
    """
    if diagnosis.get("decayed", True):
        return None
    for player in PLAYERS:
        ratios = kernel_numbers(diagnosis, player, "ratio")
        if len(ratios) and np.median(ratios) < 1e-6:
            median = np.median(ratios)
            return f"{player}: a median update of {median:.2g} of the weights"
    return None


def find_dead_units(diagnosis: Diagnosis) -> str | None:
    """Say how many units of a layer are never positive, if most are."""
    for player in PLAYERS:
        shares = diagnosis.get("units", {}).get(player, [])
        if max(shares, default=0) > 0.5:
            return f"{player}: {max(shares):.0%} of the units of a layer"
    return None
