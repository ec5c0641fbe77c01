"""What people type after a command, made into what Hydra reads: in this place alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pointnc.commands.settings import literal, quoted, to_the_letter
from pointnc.errors import UserError

HYDRA = {
    "hydra/job_logging": "disabled",  # logs are the commands' business,
    "hydra/hydra_logging": "disabled",
    "hydra.output_subdir": "null",  # and so are folders: everything stays where the user stands
    "hydra.run.dir": ".",
    "hydra.sweep.dir": ".",
    "hydra.sweep.subdir": ".",
}
"""Hydra's own settings, where the user does not give others."""

WITH_VALUE = {"--cfg", "-c", "--package", "-p", "--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd"}
WITH_VALUE |= {"--experimental-rerun", "--shell-completion", "-sc"}
FLAGS = {*WITH_VALUE, "--help", "--hydra-help", "--version", "--resolve", "--run", "--multirun", "--info"}
"""Hydra's own."""

SHORT = {
    "loss=weighted_inverse": ("loss=weighted", "loss.scheme=inverse"),
    "loss=weighted_square_root": ("loss=weighted", "loss.scheme=square_root"),
    "loss=weighted_effective_number": ("loss=weighted", "loss.scheme=effective_number"),
    "loss=balanced_softmax": ("loss=logit_adjustment", "loss.tau=1.0"),
    "loss=label_smoothing": ("loss=cross_entropy", "loss.label_smoothing=0.1"),
}
"""Names of the training's settings in common use, and what they stand for; settings behind them count."""

TEXTS = {
    *("data_root", "run_dir", "weights", "resume", "trust", "dataset.name", "dataset.store", "dataset.default_root"),
    *("dataset.train_split", "dataset.val_split", "dataset.taxonomy.root", "dataset.taxonomy.segment"),
}
"""The training's settings that are taken to the letter."""


def read_arguments(
    arguments: Sequence[str], schema: type | None, words: str | None = None, verbs: Sequence[str] = ()
) -> list[str]:
    """Return the command line in Hydra's grammar.

    Args:
        arguments: as typed.
        schema: a dataclass of the command's settings; None: the training's, which are yaml files.
        words: the setting that words without ``=``, and files whose names have one, are values of; several are a list.
        verbs: words that may stand first, alone or before a path: ``show PATH`` means ``action=show path=PATH``.

    Raises:
        UserError: a word is no setting, or a setting is to be true or false, and is neither.
    """
    read = list(_undashed(arguments))
    if read and read[0] in verbs:
        spelled = [f"action={read.pop(0)}"]
        if read and _is_word(read[0]):
            spelled.append(f"path={quoted(read.pop(0))}")
        read = spelled + read
    if words is not None:
        places = [
            place for place, one in enumerate(read) if _is_word(one) and not (place and read[place - 1] in WITH_VALUE)
        ]
        plain = [quoted(read[place]) for place in places]
        read = [one for place, one in enumerate(read) if place not in places]
        if plain:
            read.insert(0, f"{words}={plain[0] if len(plain) == 1 else '[' + ','.join(plain) + ']'}")
    sweep = bool({"--multirun", "-m"} & set(read))
    if schema is None:
        read = [_training_text(part, sweep) for one in read for part in SHORT.get(one, (one,))]
    else:
        read = [to_the_letter(one, schema, sweep) for one in read]
    for place, one in enumerate(read):
        if "=" not in one and one[:1] not in ("-", "~") and not (place and read[place - 1] in WITH_VALUE):
            raise UserError(
                f"{one!r} is no setting: give them as name=value (--help lists all)", code="unknown-setting"
            )
    given = {one.partition("=")[0] for one in read}
    # Beside the first setting: a flag in the middle would end the settings.
    place = next((place for place, one in enumerate(read) if "=" in one and not one.startswith("-")), len(read))
    return [*read[:place], *(f"{key}={value}" for key, value in HYDRA.items() if key not in given), *read[place:]]


def _undashed(arguments: Sequence[str]) -> Iterator[str]:
    """Yield ``--key value`` and ``--key=value`` as ``key=value``; Hydra's own flags as they are, with their values."""
    rest = list(arguments)
    while rest:
        one = rest.pop(0)
        name, equals, value = one.partition("=")
        if name in FLAGS or not name.startswith("--"):
            yield one
            if name in WITH_VALUE and not equals and rest:
                yield rest.pop(0)
            continue
        alone = not equals and (not rest or rest[0].startswith("--") or "=" in rest[0])
        if alone and name[2:].replace("-", "_") in TEXTS:
            raise UserError(f"{name} needs a value: {name}=VALUE", code="missing-setting")
        if not equals:
            value = "true" if alone else rest.pop(0)
        yield f"{name[2:].replace('-', '_')}={value}"


def _training_text(argument: str, sweep: bool) -> str:
    key, equals, value = argument.partition("=")
    if not equals or key.lstrip("+") not in TEXTS or value == "null":
        return argument
    return f"{key}={literal(value, key == 'trust', sweep)}"


def _is_word(argument: str) -> bool:
    return not argument.startswith("-") and ("=" not in argument or Path(argument).exists())
