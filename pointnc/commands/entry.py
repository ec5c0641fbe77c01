"""What every command shares: Hydra composition, one-line errors, exit codes.

Exit codes: 0 done, 1 a check that failed, 2 a mistake of the user's (one line on stderr), 130 interrupted (Ctrl-C,
SIGTERM), 141 nobody reads the output any more (``| head``).
"""

from __future__ import annotations

import functools
import os
import select
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pointnc.checks import OptionError, node_of
from pointnc.commands.arguments import read_arguments
from pointnc.commands.guesses import explain, keys_of
from pointnc.commands.settings import check_settings, demand, help_text, settings_of
from pointnc.commands.training_help import training_help
from pointnc.errors import Interrupted, UserError
from pointnc.runtime.allocation import keep_freed_memory
from pointnc.runtime.output import print_any_character
from pointnc.runtime.signals import INTERRUPTED, Interruption, interruptible

if TYPE_CHECKING:
    from omegaconf import DictConfig

UNREAD = 141
"""The exit code where nobody reads the output any more, as a shell has it for SIGPIPE."""

Task = Callable[["DictConfig"], "int | None"]
"""What a command does; it may return an exit code of its own."""


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
        mistake = _explain(error, None)
    except (ValueError, TypeError):
        mistake = _no_choice(" ".join(given))
    print(f"error: {mistake}", file=sys.stderr)
    raise SystemExit(2) from mistake


def _no_choice(given: str) -> UserError:
    """Return the mistake where Hydra says ValueError or TypeError: a group that is given a number or a list of them."""
    return UserError(
        f"{given}: a group takes a name out of it, as in model=spunet (--help lists all groups)", code="option"
    )


def show(text: str) -> int:
    """Print a text that may be read in part alone (``| head``); return the exit code."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        _drop_unread_output()
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
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        folder = config_folder() if schema is None else config_folder() / "tools"
        given = " ".join(sys.argv[1:])
        sys.argv[1:] = read()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from error
    failures: list[UserError] = []
    codes = [0]  # a sweep runs several tasks: the highest counts
    composed = False
    home = os.getpid()  # a launcher (hydra/launcher=…) runs tasks in other processes, on other machines

    def fail(mistake: UserError) -> None:
        alone = UserError(str(mistake), code=mistake.code)  # without the frames, in which networks and loaders live
        if os.getpid() != home:
            raise alone  # what a job raises is all that comes back from it
        failures.append(alone)

    # Caught inside the task: Hydra would print a paragraph of its own, and a sweep goes on to its next job.
    @functools.wraps(task)
    def guarded(config: DictConfig) -> None:
        nonlocal composed
        composed = True
        try:
            if schema is not None:
                check_settings(config, schema)
            if not OmegaConf.select(config, "model.checkpointing"):  # who asks for that would rather wait than keep
                keep_freed_memory()
            codes.append(task(config) or 0)
        except (UserError, HydraException, OmegaConfBaseException) as error:
            fail(_explain(error, schema))
        except BrokenPipeError as error:
            if not _drop_unread_output():
                fail(_explain_disk(error))
            codes.append(UNREAD)
        except OSError as error:  # a full disk, a folder that may not be written: wherever it happens
            fail(_explain_disk(error))
        except Interrupted as interrupted:
            raise KeyboardInterrupt(str(interrupted)) from None
        except SystemExit as end:  # of a library, which would take the exit code from us
            if isinstance(end.__context__, BrokenPipeError):  # rich's
                codes.append(UNREAD)
                return
            raise KeyboardInterrupt("interrupted") from end
        except Exception as error:
            if interruption.number is not None:  # here, since Hydra would print a line of its own
                raise KeyboardInterrupt("interrupted") from None
            if os.getpid() == home:
                raise
            traceback.print_exc()  # into the job's log: the way back loses it
            raise RuntimeError(f"a job failed: {type(error).__name__}: {error}; its log says where") from None

    try:
        if schema is not None:
            ConfigStore.instance().store(name="command", node=schema)
        root = "train" if schema is None else "command"
        hydra.main(version_base="1.3", config_path=str(folder), config_name=root)(guarded)()
    except (UserError, HydraException, OmegaConfBaseException) as error:
        fail(_explain(error, schema))
    except (ValueError, TypeError):
        if composed:
            raise  # not Hydra's, but a fault of ours
        failures.append(_no_choice(given))
    except BrokenPipeError:
        if not _drop_unread_output():
            raise
        codes.append(UNREAD)
    except RuntimeError as error:
        if "srun" not in str(error):  # submitit's, on a machine without Slurm
            raise
        line = "hydra/launcher=submitit_slurm: no Slurm here; start it where sbatch and srun are"
        failures.append(UserError(line, code="no-server"))
    if failures and interruption.number is not None:  # what a library made of the signal
        raise KeyboardInterrupt("interrupted")
    if os.environ.get("RANK", "0") == "0":
        for mistake in failures:
            print(f"error: {mistake}", file=sys.stderr)
    if failures:
        raise SystemExit(2) from failures[0]  # for who calls a command from Python: its cause has the code
    return max(codes)


def _drop_unread_output() -> bool:
    """Whether nobody reads the output any more (``| head``); what is still to be written goes nowhere then."""
    if not hasattr(select, "poll"):  # Windows
        return False
    poll = select.poll()
    poll.register(1, select.POLLOUT)
    if not any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0)):  # the latter on macOS
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return True


def _explain_disk(error: OSError) -> UserError:
    """Return the mistake that is behind a file that could not be read or written."""
    place = f"{error.filename}: " if error.filename else ""
    reason = error.strerror or str(error) or type(error).__name__
    line = f"{place}{reason}; free space, fix the permissions, or choose another place for what is written"
    return UserError(line, code="file-access")


def _explain(error: BaseException, schema: type | None) -> UserError:
    """Return the user's mistake behind an error, also where Hydra wrapped it while it built an object."""
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
    return explain(str(error), lambda: _known(schema)) or UserError(line, code="option")


def _known(schema: type | None) -> list[str]:
    """Return the settings of a command."""
    if schema is not None:
        return [one.name for one in settings_of(schema)]
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from omegaconf import OmegaConf

    GlobalHydra.instance().clear()
    with initialize_config_dir(str(config_folder().absolute()), version_base="1.3"):
        return list(keys_of(OmegaConf.to_container(compose("train", ["choice={}"]))))
