"""A command's task in one or more attempts: what they raise becomes a line each, and the worst exit code counts."""

from __future__ import annotations

import functools
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pointnc.commands.mistakes import mistake_behind, mistake_of_disk, no_choice, nobody_reads
from pointnc.commands.settings import check_settings
from pointnc.errors import Interrupted, UserError
from pointnc.runtime.allocation import keep_freed_memory
from pointnc.runtime.signals import Interruption

if TYPE_CHECKING:
    from omegaconf import DictConfig

UNREAD = 141
"""The exit code where nobody reads the output any more, as a shell has it for SIGPIPE."""

Task = Callable[["DictConfig"], "int | None"]
"""What a command does; it may return an exit code of its own."""


class Attempts:
    """What has become of a task so far; a sweep runs it several times.

    Args:
        schema: the settings of the command; None for those of the training.
        task: what it does.
        interruption: what the signals have done to it.
        folder: of the training's configuration.
    """

    def __init__(self, schema: type | None, task: Task, interruption: Interruption, folder: Path) -> None:
        self.schema, self.task, self.folder = schema, task, folder
        self.interruption = interruption
        self._failures: list[UserError] = []
        self._codes = [0]
        self._composed = False
        self._home = os.getpid()  # a launcher (hydra/launcher=…) runs tasks in other processes, on other machines

    def guarded(self) -> Callable[[DictConfig], None]:
        """Return the task for Hydra, which would print a paragraph of its own and end a sweep with the first error."""

        @functools.wraps(self.task)
        def attempt(config: DictConfig) -> None:
            self._composed = True
            self._attempt(config)

        return attempt

    @contextmanager
    def composition(self, given: str) -> Iterator[None]:
        """Keep what goes wrong before the task begins, or around it.

        Args:
            given: the command line.
        """
        from hydra.errors import HydraException
        from omegaconf.errors import OmegaConfBaseException

        try:
            yield
        except (UserError, HydraException, OmegaConfBaseException) as error:
            self._fail(mistake_behind(error, self.schema, self.folder))
        except (ValueError, TypeError):
            if self._composed:
                raise  # not Hydra's, but a fault of ours
            self._fail(no_choice(given))
        except BrokenPipeError:
            if not nobody_reads():
                raise
            self._codes.append(UNREAD)
        except RuntimeError as error:
            if "srun" not in str(error):  # submitit's, on a machine without Slurm
                raise
            line = "hydra/launcher=submitit_slurm: no Slurm here; start it where sbatch and srun are"
            self._fail(UserError(line, code="no-server"))

    def end(self) -> int:
        """Print the failures and return the exit code.

        Raises:
            SystemExit: there are some.
            KeyboardInterrupt: they are what a library made of a signal.
        """
        if self._failures and self.interruption.number is not None:
            raise KeyboardInterrupt("interrupted")
        if os.environ.get("RANK", "0") == "0":
            for mistake in self._failures:
                print(f"error: {mistake}", file=sys.stderr)
        if self._failures:
            raise SystemExit(2) from self._failures[0]  # for who calls a command from Python: its cause has the code
        return max(self._codes)

    def _attempt(self, config: DictConfig) -> None:
        from hydra.errors import HydraException
        from omegaconf import OmegaConf
        from omegaconf.errors import OmegaConfBaseException

        try:
            if self.schema is not None:
                check_settings(config, self.schema)
            if not OmegaConf.select(config, "model.checkpointing"):  # who asks for that would rather wait than keep
                keep_freed_memory()
            self._codes.append(self.task(config) or 0)
        except (UserError, HydraException, OmegaConfBaseException) as error:
            self._fail(mistake_behind(error, self.schema, self.folder))
        except BrokenPipeError as error:
            if not nobody_reads():
                self._fail(mistake_of_disk(error))
            self._codes.append(UNREAD)
        except OSError as error:  # a full disk, a folder that may not be written: wherever it happens
            self._fail(mistake_of_disk(error))
        except Interrupted as interrupted:
            raise KeyboardInterrupt(str(interrupted)) from None
        except SystemExit as end:  # of a library, which would take the exit code from us
            if isinstance(end.__context__, BrokenPipeError):  # rich's
                self._codes.append(UNREAD)
                return
            raise KeyboardInterrupt("interrupted") from end
        except Exception as error:
            if self.interruption.number is not None:  # here, since Hydra would print a line of its own
                raise KeyboardInterrupt("interrupted") from None
            if os.getpid() == self._home:
                raise
            traceback.print_exc()  # into the job's log: the way back loses it
            raise RuntimeError(f"a job failed: {type(error).__name__}: {error}; its log says where") from None

    def _fail(self, mistake: UserError) -> None:
        alone = UserError(str(mistake), code=mistake.code)  # without the frames, in which networks and loaders live
        if os.getpid() != self._home:
            raise alone  # what a job raises is all that comes back from it
        self._failures.append(alone)
