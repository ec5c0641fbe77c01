"""The user's mistake behind what was raised: one line, whoever wrapped it."""

from __future__ import annotations

import os
import select
from pathlib import Path

from pointnc.checks import OptionError, node_of
from pointnc.commands.guesses import explain, keys_of
from pointnc.commands.settings import demand, settings_of
from pointnc.errors import UserError


def mistake_behind(error: BaseException, schema: type | None, folder: Path) -> UserError:
    """Return the user's mistake behind an error, also where Hydra wrapped it while it built an object.

    Args:
        error: of pointnc, Hydra or OmegaConf.
        schema: the settings of the command; None for those of the training.
        folder: of the training's configuration.
    """
    from omegaconf.errors import ValidationError

    cause: BaseException | None = error
    node = ""
    while cause is not None:
        if isinstance(cause, OptionError) and node:
            return UserError(f"{node}.{cause}", code=cause.code)
        if isinstance(cause, UserError):
            return cause
        node = node or node_of(cause)
        if isinstance(cause, ValidationError) and schema is not None and demand(schema, str(cause.full_key)):
            line = f"{cause.full_key}={cause.value}: it must be {demand(schema, str(cause.full_key))}"
            return UserError(line, code="option")
        cause = cause.__cause__ or cause.__context__
    line = f"{' '.join(str(error).split())} (--help lists every setting)"
    return explain(str(error), lambda: _known(schema, folder)) or UserError(line, code="option")


def no_choice(given: str) -> UserError:
    """Return the mistake where Hydra says ValueError or TypeError: a group that is given a number or a list of them."""
    return UserError(
        f"{given}: a group takes a name out of it, as in model=spunet (--help lists all groups)", code="option"
    )


def mistake_of_disk(error: OSError) -> UserError:
    """Return the mistake that is behind a file that could not be read or written."""
    place = f"{error.filename}: " if error.filename else ""
    reason = error.strerror or str(error) or type(error).__name__
    line = f"{place}{reason}; free space, fix the permissions, or choose another place for what is written"
    return UserError(line, code="file-access")


def nobody_reads() -> bool:
    """Whether nobody reads the output any more (``| head``); what is still to be written goes nowhere then."""
    if not hasattr(select, "poll"):  # Windows
        return False
    poll = select.poll()
    poll.register(1, select.POLLOUT)
    if not any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0)):  # the latter on macOS
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return True


def _known(schema: type | None, folder: Path) -> list[str]:
    """Return the settings of a command."""
    if schema is not None:
        return [one.name for one in settings_of(schema)]
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from omegaconf import OmegaConf

    GlobalHydra.instance().clear()
    with initialize_config_dir(str(folder.absolute()), version_base="1.3"):
        return list(keys_of(OmegaConf.to_container(compose("train", ["choice={}"]))))
