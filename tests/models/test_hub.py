"""Bundles through a folder that stands in for the hub, and through the hub's own client against a server of ours."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pointnc.errors import UserError
from pointnc.models import hub

FILES = {name: f"content of {name}\n".encode() * 50 for name in hub.FILES}
COMMIT = "a" * 40


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POINTNC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hf"))
    return tmp_path / "cache"


def write_bundle(folder: Path, **contents: bytes) -> Path:
    folder.mkdir(parents=True)
    for name, content in {**FILES, **contents}.items():
        (folder / name).write_bytes(content)
    return folder


def read(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_push_and_pull_through_a_folder_keep_every_byte_and_take_nothing_else(tmp_path: Path, cache: Path) -> None:
    bundle = write_bundle(tmp_path / "b", **{"evil.bin": b"pickle"})
    assert hub.cached("me/net") is None
    target = hub.push(bundle, "me/net", str(tmp_path / "hub"))
    assert read(Path(target)) == FILES
    (Path(target) / "evil.bin").write_bytes(b"pickle")
    pulled = hub.pull("me/net", str(tmp_path / "hub"))
    assert read(pulled) == FILES and pulled.is_relative_to(cache)
    assert hub.cached("me/net") == pulled and hub.cached_bundles() == [pulled]


def test_a_push_that_fails_leaves_the_former_one(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.push(write_bundle(tmp_path / "b"), "me/net", str(tmp_path / "hub"))
    newer = write_bundle(tmp_path / "c", **{"README.md": b"newer"})
    (newer / "config.yaml").unlink()
    (newer / "config.yaml").symlink_to(newer / "loop")  # not a file: left out, as any missing text
    hub.push(newer, "me/net", str(tmp_path / "hub"))
    assert "config.yaml" not in read(tmp_path / "hub" / "me" / "net")

    def full(source: Path, target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(OSError, match="No space"):
        hub.push(tmp_path / "b", "me/net", str(tmp_path / "hub"))
    assert read(tmp_path / "hub" / "me" / "net")["README.md"] == b"newer"
    assert [path.name for path in (tmp_path / "hub" / "me").iterdir()] == ["net"]


@pytest.mark.parametrize(
    "name", ["net", "../up/net", "a/b/c", "me/..", "/etc/passwd", "me/net\n", "", "me/a..b", "-a/b"]
)
def test_names_that_are_no_repositories_are_refused(name: str, tmp_path: Path, cache: Path) -> None:
    for call in (
        lambda: hub.pull(name, str(tmp_path)),
        lambda: hub.push(write_bundle(tmp_path / "b"), name, str(tmp_path)),
    ):
        with pytest.raises(UserError, match="is no repository"):
            call()
        if (tmp_path / "b").exists():
            break


def test_what_is_no_bundle_is_neither_pushed_nor_pulled(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"no model.safetensors"):
        hub.push(tmp_path / "empty", "me/net", str(tmp_path / "hub"))
    with pytest.raises(UserError, match="has no bundle me/net"):
        hub.pull("me/net", str(tmp_path / "hub"))
    assert not (tmp_path / "hub").exists()


class Hub(http.server.BaseHTTPRequestHandler):
    """As much of the hub as its client asks for to fetch one repository."""

    served: list[str]
    contents = {**FILES, "weights.bin": b"a pickle", "nested/model.pt": b"another"}

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        type(self).served.append(f"{self.command} {path}")
        if path in ("/api/models/me/net", "/api/models/me/net/revision/main"):
            siblings = [{"rfilename": name, "size": len(content)} for name, content in self.contents.items()]
            info = {"id": "me/net", "modelId": "me/net", "sha": COMMIT, "siblings": siblings, "private": False}
            self.answer(200, json.dumps(info).encode(), {"Content-Type": "application/json"})
        elif path.startswith("/api/models/me/net/tree/"):
            tree = [
                {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for name, content in self.contents.items()
            ]
            self.answer(200, json.dumps(tree).encode(), {"Content-Type": "application/json"})
        elif path.startswith(f"/me/net/resolve/{COMMIT}/"):
            content = self.contents[path.rsplit(f"{COMMIT}/", 1)[1]]
            etag = hashlib.sha1(content).hexdigest()
            self.answer(200, content, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT})
        else:
            self.answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})

    def answer(self, code: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Hub.served = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


PULL = "from pointnc.models import hub; print(hub.pull('me/net')); print(hub.cached_bundles())"


def fresh(code: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python anew: the hub's client reads its environment when it is imported."""
    settings = {"HF_HOME": str(home), "POINTNC_CACHE": str(home / "own"), "HF_HUB_DISABLE_XET": "1", **environment}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **settings}, timeout=120
    )


def test_the_hub_gives_the_files_of_a_bundle_and_no_pickle_and_then_works_offline(server: str, tmp_path: Path) -> None:
    done = fresh(PULL, tmp_path, HF_ENDPOINT=server)
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.splitlines()[0])
    assert read(folder) == FILES and str(folder) in done.stdout.splitlines()[1]
    assert not [line for line in Hub.served if "weights.bin" in line or "nested" in line]

    asked = len(Hub.served)
    code = f"import pointnc.models.loading as l; print(l.locate('me/net')); {PULL}"
    offline = fresh(code, tmp_path, HF_ENDPOINT=server, HF_HUB_OFFLINE="1")
    assert offline.returncode == 0, offline.stderr
    assert offline.stdout.splitlines()[:2] == [str(folder), str(folder)]
    assert len(Hub.served) == asked


def test_a_repository_that_is_not_there_gets_a_line(server: str, tmp_path: Path) -> None:
    code = """
from pointnc.errors import UserError
from pointnc.models import hub
for name in ("me/other", "me/net"):
    try:
        hub.pull(name)
    except UserError as error:
        print(error)
"""
    done = fresh(code, tmp_path, HF_ENDPOINT=server)
    assert "me/other does not exist on the hub, or is private" in done.stdout, done.stderr
    unreachable = fresh(code, tmp_path / "empty", HF_ENDPOINT="http://127.0.0.1:9")
    assert len(unreachable.stdout.strip().splitlines()) == 2, unreachable.stderr
    assert "cannot be fetched" in unreachable.stdout
