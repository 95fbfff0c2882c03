"""The meaning of each outcome, with the thresholds by which the rows were judged."""

from gan_jax.benchmark.report.results import Results, metric_title
from gan_jax.benchmark.report.summary import TaskSummary, list_outcomes
from gan_jax.benchmark.report.wording import format_short

COMMON_MEANINGS = {
    "nonfinite": "a logged value or a sample became NaN or infinite",
    "error": "the program crashed, which says nothing about the method",
}
"""Meanings that no threshold enters."""
GAME_MEANINGS = {
    "converged": "the path approaches the solution, which attracts it",
    "oscillating": "the path circles the solution",
    "exploded": "the path leaves the solution",
}
"""Meanings in games that are played exactly."""


def explain_outcomes(results: Results, entries: list[TaskSummary]) -> dict[str, str]:
    """Return the rule in words of each outcome that a run has, such as `collapsed`.

    The worst come first. A run that succeeds is `converged`, whatever else fits it. Any
    other run has the first of the other outcomes that fits it.
    """
    judged = list((results.plan.get("thresholds") or {}).values())
    limits = next((one for one in judged if "late_share" in one), None)
    rules = (
        GAME_MEANINGS
        if limits is None
        else explain_rules(limits, describe_alive_bounds(results))
    )
    known = COMMON_MEANINGS | rules
    seen = reversed(list_outcomes(entries))
    return {n.replace("_", " "): known[n] for n in seen if n in known}


def explain_rules(limits: dict, alive: str) -> dict[str, str]:
    """Return the rules of gan_jax.benchmark.outcome in words."""
    late = f"the last {limits['late_share']:.0%} of the steps"
    early = (
        f"its early median (the larger of those over the first "
        f"{limits['warmup_steps']} steps and over the "
        f"{limits['reference_share']:.0%} of the steps after them)"
    )
    return {
        "converged": f"the goal was met at every evaluation in {late}",
        "not_reached": f"the goal was missed in {late}: the run met it too late, lost "
        "it earlier, or never met it",
        "oscillating": f"the goal was met and lost again in {late}",
        "collapsed": f"at the last evaluation, {alive}",
        "vanished": f"the norm of G's gradient was under {limits['vanish_factor']:g} "
        f"times {early}, in at least {limits['vanish_share']:.0%} of the steps, and "
        "the last evaluation missed the goal",
        "exploded": f"the norm of a player's gradient was over "
        f"{limits['explode_factor']:g} times {early}, or the mean logits were over "
        f"{limits['explode_logit']:g} apart, or one of them and D's loss were over "
        f"that, for {limits['explode_steps']} steps in a row, and the run did not "
        "succeed",
    }


def describe_alive_bounds(results: Results) -> str:
    """Return what a collapsed run misses, such as `Modes with one hit < 4 (ring)`."""
    parts: dict[str, list[str]] = {}
    for task in results.tasks:
        bound = results.plan["thresholds"][task]["alive"]
        signs = {"<": bound["at_least"], ">": bound["at_most"]}
        edges = [
            f"{sign} {format_short(v)}" for sign, v in signs.items() if v is not None
        ]
        own = parts.setdefault(metric_title(bound["metric"]), [])
        own.append(f"{' or '.join(edges)} ({task})")
    return "; ".join(f"{name} {', '.join(own)}" for name, own in parts.items())
