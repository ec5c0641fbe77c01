"""``pointnc COMMAND …``, the same as ``python -m pointnc COMMAND …``: every command under one name."""

from __future__ import annotations

import difflib
import runpy
import sys

from pointnc.commands.entry import show
from pointnc.runtime import signals
from pointnc.version import __version__

COMMANDS = {
    "train": ("pointnc.train", "train, evaluate at full resolution, report"),
    "evaluate": ("pointnc.evaluate", "scores of a trained network, or of prediction files"),
    "predict": ("pointnc.predict", "labels for one's own point clouds"),
    "visualize": ("pointnc.visualize", "look at scenes, labels and predictions"),
    "submit": ("pointnc.submit", "a benchmark's zip: written, or checked"),
    "analyze": ("pointnc.analyze", "neural collapse, and which classes stay too close"),
    "study": ("pointnc.study", "methods and seeds, trained and compared"),
    "weights": ("pointnc.weights", "weights in and out: list, show, import, export, push, pull"),
    "doctor": ("pointnc.doctor", "what is installed, and whether it fits this machine"),
    "prepare-scannet": ("data_prep.scannet", "raw ScanNet to a scene store"),
    "prepare-s3dis": ("data_prep.s3dis", "raw S3DIS to a scene store"),
    "prepare-semantickitti": ("data_prep.semantickitti", "raw SemanticKITTI to a scene store"),
    "prepare-custom": ("data_prep.custom", "one's own labeled scans to a scene store"),
    "taxonomy": ("data_prep.taxonomy", "the classes of one's own scans, as a yaml to fill in"),
    "rooms": ("data_prep.rooms", "procedural rooms, in the layout of ScanNet"),
    "check": ("data_prep.check", "whether a scene store is sound"),
    "stats": ("data_prep.stats", "what is in a scene store, and how far out of balance"),
    "export": ("data_prep.export", "scenes of a store as files for other programs"),
}
"""Module and purpose of each."""


def main() -> None:
    """Run the command that the first word names."""
    name, *rest = sys.argv[1:] or ["--help"]
    if name in ("--version", "-V"):
        raise SystemExit(show(f"pointnc {__version__}"))
    if name in ("--help", "-h", "help"):
        lines = [f"  {command:23}{purpose}" for command, (_, purpose) in COMMANDS.items()]
        text = ["pointnc COMMAND [setting=value …]", "", *lines, "", "pointnc COMMAND --help explains its settings."]
        raise SystemExit(show("\n".join(text)))
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, 1)
        meant = f"; did you mean {near[0]}?" if near else ""
        print(f"error: there is no command {name}{meant} (pointnc --help)", file=sys.stderr)
        raise SystemExit(2)
    sys.argv[:] = ["-m", *rest]
    signals.end_at_once()
    runpy.run_module(COMMANDS[name][0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
