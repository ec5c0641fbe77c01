"""Commands run inside the test process: same entry, same exit codes, without starting Python again each time."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig

from pointnc.commands.entry import config_folder
from pointnc.errors import UserError


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    stdout: str
    stderr: str
    mistake: UserError | None = None


def run(module: str, *arguments: str, folder: Path, code: int = 0) -> Done:
    """Run ``python -m module arguments`` in ``folder`` and check its exit code."""
    stdout, stderr = io.StringIO(), io.StringIO()
    argv, before = sys.argv, Path.cwd()
    sys.argv = [f"{module}.py", *arguments]
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr), pytest.raises(SystemExit) as end:
            _main_of(module)()
    finally:
        sys.argv = argv
        os.chdir(before)
    assert (end.value.code or 0) == code, stdout.getvalue() + stderr.getvalue()
    mistake = end.value.__cause__
    return Done(stdout.getvalue(), stderr.getvalue(), mistake if isinstance(mistake, UserError) else None)


def _main_of(name: str) -> Callable[[], None]:
    module = importlib.import_module(name)
    if hasattr(module, "__path__"):  # a package is run by its __main__
        module = importlib.import_module(f"{name}.__main__")
    main: Callable[[], None] = module.main
    return main


def schema_of(name: str) -> type | None:
    """Return the dataclass of a command's settings; None for the training."""
    return _main_of(name).schema  # type: ignore[attr-defined, no-any-return]


def settings(schema: type | None, *overrides: str) -> DictConfig:
    """Compose the settings of a command as its command line would."""
    if schema is None:
        with initialize_config_dir(str(config_folder()), version_base="1.3"):
            return compose("train", list(overrides))
    ConfigStore.instance().store(name="command", node=schema)
    with initialize_config_dir(str(config_folder() / "tools"), version_base="1.3"):
        return compose("command", list(overrides))
