"""Bundles on the Hugging Face hub, or in a folder that stands in for it.

Only the files of a bundle travel, in either direction; nothing that would have to be unpickled is ever fetched. The
network is used by :func:`push` and :func:`pull` alone.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pointnc.errors import UserError
from pointnc.models.weights import WEIGHTS
from pointnc.scenes.atomic import atomic_path

FILES = (WEIGHTS, "README.md", "taxonomy.yaml", "config.yaml")
"""What a bundle may hold."""

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


def is_repository(name: str) -> bool:
    """Whether a name has the form ``owner/name`` of a repository."""
    return REPOSITORY.fullmatch(name) is not None and ".." not in name


def push(bundle: Path, repository: str, hub: str | None = None) -> str:
    """Publish a bundle and return where it is then.

    Args:
        bundle: the folder.
        repository: ``owner/name``; made where it does not exist.
        hub: None for the Hugging Face hub, or a folder that stands in for it.

    Raises:
        UserError: the folder is no bundle, the name is none, or the hub refuses.
    """
    _check_name(repository)
    files = [name for name in FILES if (bundle / name).is_file()]
    if WEIGHTS not in files:
        raise UserError(f"{bundle} is no bundle: it has no {WEIGHTS}; make one with export= or import= and out=FOLDER")
    if hub is not None:
        target = Path(hub) / repository
        _copy(bundle, target)
        return str(target)
    library = _library()
    with _one_line(repository):
        api = library.HfApi()
        api.create_repo(repository, exist_ok=True)
        done = api.upload_folder(repo_id=repository, folder_path=bundle, allow_patterns=files)
    return str(done)


def pull(repository: str, hub: str | None = None) -> Path:
    """Fetch a bundle into the local cache and return its folder; without network, what the cache has already.

    Args:
        repository: ``owner/name``.
        hub: None for the Hugging Face hub, or a folder that stands in for it.

    Raises:
        UserError: the name is none, there is no such repository, or it is no bundle.
    """
    _check_name(repository)
    if hub is not None:
        source = Path(hub) / repository
        if not (source / WEIGHTS).is_file():
            raise UserError(f"{hub} has no bundle {repository}: {source / WEIGHTS} is missing")
        _copy(source, own_cache() / repository)
        return own_cache() / repository
    library = _library()
    with _one_line(repository):  # without network the library returns what its cache has
        folder = Path(library.snapshot_download(repository, allow_patterns=list(FILES)))
    if not (folder / WEIGHTS).is_file():
        raise UserError(f"{repository} is no bundle of pointnc: it has no {WEIGHTS}; convert its files with import=")
    return folder


def cached(repository: str) -> Path | None:
    """Return the folder of a bundle that was pulled before, without asking the network."""
    own = own_cache() / repository
    if (own / WEIGHTS).is_file():
        return own
    try:
        library = _library()
        file = library.try_to_load_from_cache(repository, WEIGHTS)
    except (UserError, ValueError):  # not installed, or a name that the hub would not take
        return None
    return Path(file).parent if isinstance(file, str) else None


def cached_bundles() -> list[Path]:
    """Return the bundles in the local caches, newest revision of each first."""
    found = sorted(path.parent for path in own_cache().glob(f"*/*/{WEIGHTS}"))
    try:
        library = _library()
    except UserError:
        return found
    with suppress(library.errors.CacheNotFound):
        for repository in library.scan_cache_dir().repos:
            bundle = cached(repository.repo_id) if repository.repo_type == "model" else None
            if bundle is not None and bundle not in found:
                found.append(bundle)
    return found


def own_cache() -> Path:
    """Return where bundles from a stand-in are kept: ``POINTNC_CACHE``, or ``pointnc`` in the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("POINTNC_CACHE") or Path(home) / "pointnc") / "hub"


def _copy(source: Path, target: Path) -> None:
    """Replace a folder by the files of a bundle, all of them or none."""
    with atomic_path(target) as temporary:
        temporary.mkdir()
        for name in FILES:
            if (source / name).is_file():
                shutil.copyfile(source / name, temporary / name)


def _check_name(repository: str) -> None:
    if not is_repository(repository):
        raise UserError(f"{repository!r} is no repository: give OWNER/NAME of letters, digits, '-', '_' and '.'")


@contextmanager
def _one_line(repository: str) -> Iterator[None]:
    """Turn what the hub's library raises into one line."""
    errors = _library().errors
    try:
        yield
    except errors.GatedRepoError as error:
        raise UserError(f"{repository} asks for consent: accept its terms on its page, then hf auth login") from error
    except errors.RepositoryNotFoundError as error:
        raise UserError(f"{repository} does not exist on the hub, or is private: hf auth login") from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        raise UserError(f"{repository} cannot be fetched: there is no way to the hub") from error
    except (errors.HfHubHTTPError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{repository} could not be transferred ({reason}); to push, hf auth login") from error


def _library() -> Any:
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ImportError:
        raise UserError("the hub needs a library: pip install 'pointnc[hub]'") from None
    return huggingface_hub
