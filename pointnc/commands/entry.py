"""What every command shares: Hydra composition, one-line errors, exit codes.

Exit codes: 0 done, 1 a check that failed, 2 a mistake of the user's (one line on stderr), 130 interrupted (Ctrl-C,
SIGTERM), 141 nobody reads the output any more (``| head``).
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path

from pointnc.commands.arguments import read_arguments
from pointnc.commands.attempts import UNREAD, Attempts, Task
from pointnc.commands.mistakes import mistake_behind, no_choice, nobody_reads
from pointnc.commands.settings import help_text
from pointnc.commands.training_help import training_help
from pointnc.errors import UserError
from pointnc.runtime.output import print_any_character
from pointnc.runtime.signals import INTERRUPTED, Interruption, interruptible


def config_folder() -> Path:
    """Return the folder of the Hydra configuration: in the package (wheel) or beside it (checkout).

    Raises:
        UserError: the installation lacks it.
    """
    package = Path(__file__).parents[1]
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / "train.yaml").is_file():
            return folder
    raise UserError(f"the configuration is missing from {package}; install pointnc again", code="installation")


def entry(
    schema: type | None, name: str, words: str | None = None, verbs: tuple[str, ...] = ()
) -> Callable[[Task], Callable[[], None]]:
    """Turn ``task(config)`` into a command that composes its settings from the command line.

    Args:
        schema: a dataclass of settings (:mod:`pointnc.commands.settings`); None: those of ``conf/train.yaml`` and its
            groups.
        name: the module that ``python -m`` runs.
        words: see :func:`pointnc.commands.arguments.read_arguments`.
        verbs: the same.
    """

    def decorate(task: Task) -> Callable[[], None]:
        @functools.wraps(task)
        def command() -> None:
            given = sys.argv[1:]
            print_any_character()
            try:
                if {"--help", "-h"} & set(given):
                    code = _help(name, schema, [one for one in given if one not in ("--help", "-h")])
                else:
                    code = _interruptibly(schema, task, lambda: read_arguments(given, schema, words, verbs))
            except KeyboardInterrupt:  # a second one, while the first was told
                code = INTERRUPTED
            raise SystemExit(code)

        command.schema = schema  # type: ignore[attr-defined]
        command.read = functools.partial(  # type: ignore[attr-defined]
            read_arguments, schema=schema, words=words, verbs=verbs
        )
        return command

    return decorate


def _help(name: str, schema: type | None, given: list[str]) -> int:
    command = f"python -m {name}"
    if schema is not None:
        return show(help_text(command, schema, config_folder() / "tools"))
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    try:
        read = read_arguments(given, None)
        # A sweep has no single recipe to describe, and Hydra's own flags are none of it.
        chosen = [] if {"-m", "--multirun"} & set(read) else [one for one in read if "=" in one and one[0] != "-"]
        return show(training_help(command, config_folder(), chosen))
    except (UserError, HydraException, OmegaConfBaseException) as error:
        mistake = mistake_behind(error, None, config_folder())
    except (ValueError, TypeError):
        mistake = no_choice(" ".join(given))
    print(f"error: {mistake}", file=sys.stderr)
    raise SystemExit(2) from mistake


def show(text: str) -> int:
    """Print a text that may be read in part alone (``| head``); return the exit code."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        nobody_reads()
        return UNREAD
    return 0


def _interruptibly(schema: type | None, task: Task, read: Callable[[], list[str]]) -> int:
    """Run a command; whatever a signal makes of it, it ends in one line."""
    with interruptible() as interruption:
        try:
            return _run(schema, task, read, interruption)
        except KeyboardInterrupt as interrupt:
            line = str(interrupt) or "interrupted"
        except BaseException:
            # Libraries turn an interrupt into exceptions of their own, or an exit code of their own.
            if interruption.number is None:
                raise
            line = "interrupted"
    print(f"\n{line}", file=sys.stderr)
    return INTERRUPTED


def _run(schema: type | None, task: Task, read: Callable[[], list[str]], interruption: Interruption) -> int:
    # Threads that spin while they wait make a shared machine crawl; set before torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Hydra raises instead of printing its own, longer error.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    import hydra
    from hydra.core.config_store import ConfigStore

    try:
        folder = config_folder()
        given = " ".join(sys.argv[1:])
        sys.argv[1:] = read()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from error
    attempts = Attempts(schema, task, interruption, folder)
    with attempts.composition(given):
        if schema is not None:
            ConfigStore.instance().store(name="command", node=schema)
        root, place = ("train", folder) if schema is None else ("command", folder / "tools")
        hydra.main(version_base="1.3", config_path=str(place), config_name=root)(attempts.guarded())()
    return attempts.end()
