"""What people type after a command, made into what Hydra reads: in this place alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pointnc.settings import quoted, to_the_letter

HYDRA = {
    "hydra/job_logging": "disabled",  # logs are the commands' business,
    "hydra/hydra_logging": "disabled",
    "hydra.output_subdir": "null",  # and so are folders: everything stays where the user stands
    "hydra.run.dir": ".",
    "hydra.sweep.dir": ".",
    "hydra.sweep.subdir": ".",
}
"""Hydra's own settings, where the user does not give others."""


SHORT = {
    "loss=weighted_inverse": ("loss=weighted", "loss.scheme=inverse"),
    "loss=weighted_square_root": ("loss=weighted", "loss.scheme=square_root"),
    "loss=weighted_effective_number": ("loss=weighted", "loss.scheme=effective_number"),
    "loss=balanced_softmax": ("loss=logit_adjustment", "loss.tau=1.0"),
    "loss=label_smoothing": ("loss=cross_entropy", "loss.label_smoothing=0.1"),
}
"""Names of the training's settings in common use, and what they stand for; settings behind them count."""


def read_arguments(
    arguments: Sequence[str], schema: type | None, words: str | None = None, verbs: Sequence[str] = ()
) -> list[str]:
    """Return the command line in Hydra's grammar.

    Args:
        arguments: as typed.
        schema: a dataclass of the command's settings; None: the training's, which are yaml files.
        words: the setting that words without ``=``, and files whose names have one, are values of.
        verbs: words that may stand first, alone or before a path: ``show PATH`` means ``action=show path=PATH``.
    """
    read = list(arguments)
    if read and read[0] in verbs:
        spelled = [f"action={read.pop(0)}"]
        if read and _is_word(read[0]):
            spelled.append(f"path={quoted(read.pop(0))}")
        read = spelled + read
    if words is not None:
        read = [f"{words}={quoted(one)}" if _is_word(one) else one for one in read]
    if schema is None:
        read = [part for one in read for part in SHORT.get(one, (one,))]
    else:
        sweep = bool({"--multirun", "-m"} & set(read))
        read = [to_the_letter(one, schema, sweep) for one in read]
    read = [listed(one, "trust") for one in read]
    given = {one.partition("=")[0] for one in read}
    # Beside the first setting: a flag in the middle would end the settings.
    place = next((place for place, one in enumerate(read) if "=" in one and not one.startswith("-")), len(read))
    return [*read[:place], *(f"{key}={value}" for key, value in HYDRA.items() if key not in given), *read[place:]]


def _is_word(argument: str) -> bool:
    return not argument.startswith("-") and ("=" not in argument or Path(argument).exists())


def listed(argument: str, *keys: str) -> str:
    """Return ``key=A,B`` as a list of quoted words, which Hydra would take for a sweep; everything else as it is."""
    key, equals, value = argument.partition("=")
    if not equals or key not in keys or "," not in value or value[0] in "[\"'":
        return argument
    return f"{key}=[" + ",".join(quoted(part.strip()) for part in value.split(",") if part.strip()) + "]"
