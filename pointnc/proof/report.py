"""The proof as ``doctor`` shows it: a line a check while they run, and what is left where the process dies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pointnc.environment.watch import Watched
from pointnc.proof.subjects import Outcome

SILENCE = 300.0
"""Seconds without a word after which the process is given up; a check may compile kernels for minutes."""


def report(tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """Run the checks in a process of their own and return their outcomes.

    Args:
        tell: called with a line as soon as a check is done.
    """
    told = 0

    def listen(facts: dict[str, Any]) -> float:
        nonlocal told
        for outcome in facts.get("outcomes", [])[told:]:
            tell(line(outcome))
            told += 1
        return SILENCE

    ended = Watched("-m", "pointnc.proof").finish(listen)
    outcomes: list[dict[str, Any]] = list(ended.facts.get("outcomes", []))
    doing = ended.facts.get("doing", "the start")
    if doing:
        how = f"ended with code {ended.code}"
        if ended.waited is not None:
            how = f"said nothing for {ended.waited:.0f} seconds"
        elif ended.code < 0:
            how = f"was ended by signal {-ended.code}"
        error = (ended.error.strip().splitlines() or [""])[-1][:200]
        text = f"the process {how} {error}".strip()
        outcomes.append(Outcome(doing, "", False, text, {"error": ended.error[-4000:]}).to_dict())
        tell(line(outcomes[-1]))
    return outcomes


def line(outcome: dict[str, Any]) -> str:
    """Return the line of an outcome; "!" marks one that is not as it should be."""
    title = outcome["name"] + (f" ({outcome['subject']})" if outcome["subject"] else "")
    return f"{' ' if outcome['passed'] else '!'} {title:48}{outcome['text']}  [{outcome['seconds']:.1f} s]"
