"""Bundles on the Hugging Face hub, or in a folder that stands in for it.

Only the files of a bundle travel, in either direction; nothing that would have to be unpickled is ever fetched. The
network is used by :func:`push` and :func:`pull` alone.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pointnc.errors import UserError
from pointnc.files.atomic import atomic_path
from pointnc.files.leftovers import sweep
from pointnc.weights.published import WEIGHTS

FILES = (WEIGHTS, "README.md", "taxonomy.yaml", "config.yaml")
"""What a bundle may hold."""

REQUIRED = (WEIGHTS, "README.md", "config.yaml")
"""What a bundle must hold to be published; a feature network has no classes, hence no taxonomy."""

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
TIMEOUT = 30.0
"""Seconds that the hub may take to say what a repository holds."""


def is_repository(name: str) -> bool:
    """Whether a name has the form ``owner/name`` of a repository."""
    return REPOSITORY.fullmatch(name) is not None and ".." not in name


def push(bundle: Path, repository: str, hub: str | None = None) -> str:
    """Publish the files of a bundle, nothing else that is beside them, and return where they are then.

    Args:
        bundle: the folder.
        repository: ``owner/name``; made where it does not exist.
        hub: None for the Hugging Face hub, or a folder that stands in for it.

    Raises:
        UserError: the folder is no bundle, the name is none, or the hub or the disk refuses.
    """
    _check_name(repository)
    missing = [name for name in REQUIRED if not (bundle / name).is_file()]
    if missing:
        raise UserError(
            f"{bundle} is no bundle: it has no {', '.join(missing)}; make one with export= or import= and out=FOLDER",
            code="not-a-bundle",
        )
    if hub is not None:
        target = Path(hub) / repository
        _copy(bundle, target)
        return str(target)
    library = _library()
    with _one_line(repository, "published"):
        api = library.HfApi()
        api.create_repo(repository, exist_ok=True)
        done = api.upload_folder(repo_id=repository, folder_path=bundle, allow_patterns=list(FILES))
    return str(done)


def pull(repository: str, hub: str | None = None) -> Path:
    """Fetch a bundle into the local cache and return its folder.

    Where the hub cannot be reached, the copy of an earlier pull is returned and a line on stderr says so.

    Args:
        repository: ``owner/name``.
        hub: None for the Hugging Face hub, or a folder that stands in for it.

    Raises:
        UserError: the name is none, there is no such repository, it is no bundle, or it cannot be fetched.
    """
    _check_name(repository)
    own = own_cache() / repository
    if hub is not None:
        source = Path(hub) / repository
        if not source.is_dir():
            raise UserError(f"{hub} has no bundle {repository}: {source / WEIGHTS} is missing", code="missing-file")
        _check_contents(repository, [path.name for path in source.iterdir()])
        _copy(source, own)
        return own
    folder = _download(repository)
    if folder != own and (own / WEIGHTS).is_file():
        print(f"note: {own}, pulled from a folder, goes before it; delete that to use {folder}", file=sys.stderr)
    return folder


def cached(repository: str) -> Path | None:
    """Return the folder of a bundle that was pulled before, without asking the network.

    What was pulled from a folder goes before what was pulled from the hub.

    Raises:
        UserError: the name is no ``owner/name``.
    """
    _check_name(repository)
    own = own_cache() / repository
    return own if (own / WEIGHTS).is_file() else _downloaded(repository)


def cached_bundles() -> list[Path]:
    """Return the bundles in the local caches, the newest revision of each; those pulled from a folder go first."""
    own = own_cache()
    found = sorted(path.parent for path in own.glob(f"[!.]*/[!.]*/{WEIGHTS}"))
    # A copy that was cut off by a crash has a name that begins with a dot, which no repository has.
    found = [folder for folder in found if is_repository(folder.relative_to(own).as_posix())]
    try:
        library = _library()
    except UserError:
        return found
    with suppress(library.errors.CacheNotFound):
        for repository in sorted(library.scan_cache_dir().repos, key=lambda entry: entry.repo_id):
            if repository.repo_type == "model" and is_repository(repository.repo_id):
                bundle = _downloaded(repository.repo_id)
                found += [bundle] if bundle is not None else []
    return found


def own_cache() -> Path:
    """Return where bundles from a stand-in are kept: ``POINTNC_CACHE``, or ``pointnc`` in the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("POINTNC_CACHE") or Path(home) / "pointnc") / "hub"


def _download(repository: str) -> Path:
    """Fetch a bundle from the hub into the cache of the hub's library."""
    library = _library()
    with _one_line(repository, "fetched"):
        try:
            # Asked first: the library would take an older copy without a word, and fetch from what is no bundle.
            contents = library.HfApi().model_info(repository, timeout=TIMEOUT).siblings
        except _failures(library.errors) as error:
            folder = (_downloaded(repository) or cached(repository)) if _is_away(error) else None
            if folder is None:
                raise
            print(f"note: no way to the hub; this is the copy of an earlier pull: {folder}", file=sys.stderr)
            return folder
        _check_contents(repository, [file.rfilename for file in contents])
        return Path(library.snapshot_download(repository, allow_patterns=list(FILES)))


def _downloaded(repository: str) -> Path | None:
    """Return the folder of a bundle in the cache of the hub's library."""
    try:
        file = _library().try_to_load_from_cache(repository, WEIGHTS)
    except (UserError, ValueError):  # not installed, or a name that the hub would not take
        return None
    return Path(file).parent if isinstance(file, str) else None


def _copy(source: Path, target: Path) -> None:
    """Replace a folder by the files of a bundle, all of them or none; what stood there is kept until they are whole."""
    try:
        sweep(target.parent)
        with atomic_path(target) as temporary:
            temporary.mkdir()
            for name in FILES:
                if (source / name).is_file():
                    shutil.copyfile(source / name, temporary / name)
    except OSError as error:
        raise UserError(
            f"{source} could not be copied to {target}: {error.strerror or error}", code="file-access"
        ) from error


def _check_name(repository: str) -> None:
    if not is_repository(repository):
        raise UserError(
            f"{repository!r} is no repository: give OWNER/NAME of letters, digits, '-', '_' and '.'", code="bad-name"
        )


def _check_contents(repository: str, names: Iterable[str]) -> None:
    names = sorted(names)
    if WEIGHTS not in names:
        listed = ", ".join(map(repr, names[:8])) + (", …" if len(names) > 8 else "")
        raise UserError(
            f"{repository} is no bundle of pointnc: no {WEIGHTS}, but {listed or 'nothing'}; "
            "a checkpoint of another code base becomes one with import=FILE",
            code="not-a-bundle",
        )


@contextmanager
def _one_line(repository: str, done: str) -> Iterator[None]:
    """Turn what the hub's library raises into one line."""
    errors = _library().errors
    try:
        yield
    except errors.GatedRepoError as error:
        raise UserError(
            f"{repository} asks for consent: accept its terms on its page, then hf auth login", code="hub"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise UserError(f"{repository} does not exist on the hub, or is private: hf auth login", code="hub") from error
    except _failures(errors) as error:
        raise UserError(f"{repository} could not be {done}: {_reason(error)}", code="hub") from error


def _failures(errors: Any) -> tuple[type[Exception], ...]:
    """Return what a transfer may raise; the bases stand for the HTTP client, which differs between versions."""
    xet = getattr(errors, "XetDownloadError", RuntimeError)
    return (*errors.HfHubHTTPError.__bases__, OSError, ValueError, RuntimeError, xet)


def _reason(error: Exception) -> str:
    status = _status(error)
    if status == 401:
        return "the hub does not know you: hf auth login"
    if status == 403:
        return "your token does not allow it: hf auth login with one that does (to push, one that can write)"
    if _is_disk(error):
        return f"{os.strerror(getattr(error, 'errno', 0))}; free space, or give the cache another place with HF_HOME"
    if _is_away(error):
        return "no way to the hub"
    return " ".join(str(error).split())[:200] or type(error).__name__


def _is_away(error: Exception) -> bool:
    """Whether the hub did not answer, or only that it is out of order."""
    status = _status(error)
    if status is not None:
        return status >= 500
    return not isinstance(error, ValueError | RuntimeError) and not _is_disk(error)


def _is_disk(error: Exception) -> bool:
    network = isinstance(error, ConnectionError | TimeoutError)
    return isinstance(error, OSError) and error.errno is not None and not network


def _status(error: Exception) -> int | None:
    """Return the HTTP status that an error carries."""
    return getattr(getattr(error, "response", None), "status_code", None)


def _library() -> Any:
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ImportError:
        raise UserError("the hub needs a library: pip install 'pointnc[hub]'", code="no-package") from None
    return huggingface_hub
