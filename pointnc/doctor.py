"""``python -m pointnc.doctor``: what is installed, what fits the machine, and how to fix the rest."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pointnc.commands.entry import entry
from pointnc.commands.settings import setting

if TYPE_CHECKING:
    from omegaconf import DictConfig


@dataclass
class Doctor:
    """What is installed, whether it fits this machine, and the command that fixes what does not.

    Exit code 0: no problems, 1: problems (marked !). Nothing is changed, nothing is fetched.
    """

    patience: float = setting(
        300.0,
        "seconds without progress after which the trial of the network is given up; twice as long where kernels are "
        "compiled at first use",
        above=0,
    )
    prove: bool = setting(
        False, "true: also compute, train, resume and evaluate on every device, and compare with the CPU; six minutes"
    )
    json: str | None = setting(None, "FILE.json: the findings, for a report of a bug")


@entry(Doctor, "pointnc.doctor")
def main(config: DictConfig) -> int:
    """Examine, print, and return 1 where something will not work."""
    from pointnc.checks import check_number
    from pointnc.environment.examination import examine
    from pointnc.files.atomic import write_json

    check_number("patience", config.patience, above=0)
    findings = examine(config.patience, tell=lambda line: print(line, file=sys.stderr, flush=True))
    signs = {"ok": " ", "remark": "~", "problem": "!"}
    for finding in findings:
        remedy = f"  ->  {finding.remedy}" if finding.remedy else ""
        print(f"{signs[finding.level]} {finding.subject:24}{finding.text}{remedy}")
    problems = sum(finding.level == "problem" for finding in findings)
    print(f"\n{problems} problems (!)" if problems else "\nno problems")
    record: Any = [finding.to_dict() for finding in findings]
    failures = 0
    if config.prove:
        from pointnc.proof.report import report

        print("\nproof, at most six minutes:", flush=True)
        outcomes = report(lambda line: print(line, flush=True))
        failures = sum(not outcome["passed"] for outcome in outcomes)
        print(
            f"\n{failures} of {len(outcomes)} checks failed (!)" if failures else f"\nall {len(outcomes)} checks passed"
        )
        record = {"findings": record, "proof": outcomes}
    if config.json is not None:
        write_json(Path(config.json), record)
    return 1 if problems or failures else 0


if __name__ == "__main__":
    main()
