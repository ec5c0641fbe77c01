"""Bundles through a folder that stands in for the hub, and through the hub's own client against a server of ours."""

from __future__ import annotations

import base64
import hashlib
import http.server
import importlib.util
import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pointnc.weights import hub
from tests.helpers.mistakes import raises

COMMIT = "a" * 40
FILES = {name: f"content of {name}\n".encode() * 50 for name in hub.FILES}
needs_library = pytest.mark.skipif(
    importlib.util.find_spec("huggingface_hub") is None, reason="pip install 'pointnc[hub]' brings the hub's client"
)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POINTNC_CACHE", str(tmp_path / "cache"))
    if importlib.util.find_spec("huggingface_hub"):
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


def test_the_newer_bundle_takes_the_whole_place_of_the_older(tmp_path: Path, cache: Path) -> None:
    stand_in = str(tmp_path / "hub")
    hub.push(write_bundle(tmp_path / "b"), "me/net", stand_in)
    hub.pull("me/net", stand_in)
    newer = write_bundle(tmp_path / "c", **{"README.md": b"newer"})
    (newer / "taxonomy.yaml").unlink()  # a feature network has no classes
    hub.push(newer, "me/net", stand_in)
    assert read(hub.pull("me/net", stand_in)) == read(newer)
    for place in (tmp_path / "hub" / "me", cache / "hub" / "me"):
        assert [path.name for path in place.iterdir()] == ["net"]


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let the kernel refuse to write files beyond a size in bytes, as it does where a disk is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_copy_that_breaks_off_leaves_the_former_one_whole(tmp_path: Path, cache: Path) -> None:
    stand_in = str(tmp_path / "hub")
    hub.push(write_bundle(tmp_path / "b"), "me/net", stand_in)
    hub.pull("me/net", stand_in)
    # The weights fit, the text that is copied last does not.
    large = write_bundle(tmp_path / "c", **{"README.md": b"newer", "config.yaml": bytes(200_000)})
    with largest_file(100_000), raises("file-access", large, "File too large"):
        hub.push(large, "me/net", stand_in)
    assert read(tmp_path / "hub" / "me" / "net") == FILES
    hub.push(large, "me/net", stand_in)
    with largest_file(100_000), raises("file-access", "File too large"):
        hub.pull("me/net", stand_in)
    assert read(cache / "hub" / "me" / "net") == FILES
    for place in (tmp_path / "hub" / "me", cache / "hub" / "me"):
        assert [path.name for path in place.iterdir()] == ["net"]


def test_what_is_no_folder_is_not_replaced(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "hub" / "me").mkdir(parents=True)
    (tmp_path / "hub" / "me" / "net").write_text("mine")
    with raises("path-kind", tmp_path / "hub" / "me" / "net"):
        hub.push(write_bundle(tmp_path / "b"), "me/net", str(tmp_path / "hub"))
    assert read(tmp_path / "hub" / "me") == {"net": b"mine"}


def test_what_a_crash_left_half_done_is_not_listed(tmp_path: Path, cache: Path) -> None:
    write_bundle(cache / "hub" / "me" / ".net.7.tmp")
    whole = write_bundle(cache / "hub" / "me" / "net")
    assert hub.cached_bundles() == [whole]


@pytest.mark.parametrize(
    "name", ["net", "../up/net", "a/b/c", "me/..", "/etc/passwd", "me/net\n", "", "me/a..b", "-a/b", "../net", "a\\b/c"]
)
def test_names_that_are_no_repositories_are_refused(name: str, tmp_path: Path, cache: Path) -> None:
    bundle = write_bundle(tmp_path / "inside" / "b")
    stand_in = tmp_path / "inside" / "hub"
    (stand_in / "me").mkdir(parents=True)
    for place in (tmp_path / "inside" / "net", tmp_path / "inside" / "up" / "net", stand_in / "net"):
        write_bundle(place)  # what a name that climbs out of the folder would reach
    before = sorted(tmp_path.rglob("*"))
    for call in (
        lambda: hub.pull(name, str(stand_in)),
        lambda: hub.push(bundle, name, str(stand_in)),
        lambda: hub.pull(name),
        lambda: hub.cached(name),
    ):
        with raises("bad-name", repr(name), "OWNER/NAME"):
            call()
    assert sorted(tmp_path.rglob("*")) == before


def test_what_is_no_bundle_is_neither_pushed_nor_pulled(tmp_path: Path, cache: Path) -> None:
    half = write_bundle(tmp_path / "half")
    (half / "config.yaml").unlink()
    (half / "model.safetensors").unlink()
    with raises("not-a-bundle", "model.safetensors", "config.yaml", "half"):
        hub.push(half, "me/net", str(tmp_path / "hub"))
    with raises("missing-file", "me/net", "hub"):
        hub.pull("me/net", str(tmp_path / "hub"))
    assert not (tmp_path / "hub").exists()
    (tmp_path / "hub" / "me" / "raw").mkdir(parents=True)
    (tmp_path / "hub" / "me" / "raw" / "epoch_9.pth").touch()
    with raises("not-a-bundle", "model.safetensors", "'epoch_9.pth'"):
        hub.pull("me/raw", str(tmp_path / "hub"))
    assert not cache.exists()


class Answers(http.server.BaseHTTPRequestHandler):
    """As much of the hub as its client asks for to fetch and to publish a repository."""

    server: HubServer

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        self.server.asked.append(f"{self.command} {path}")
        name = "/".join(path.removeprefix("/api/models").split("/")[1:3])
        contents = self.server.repositories.get(name)
        if name == "me/gated":
            self.answer(403, {}, {"X-Error-Code": "GatedRepo"})
        elif name == "me/broken":
            self.answer(503, {})
        elif contents is None:
            self.answer(404, {}, {"X-Error-Code": "RepoNotFound"})
        elif path in (f"/api/models/{name}", f"/api/models/{name}/revision/main"):
            siblings = [{"rfilename": name} for name in contents]
            self.answer(200, {"id": name, "sha": COMMIT, "siblings": siblings, "private": False})
        elif path.startswith(f"/api/models/{name}/tree/"):
            tree = [
                {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for name, content in contents.items()
            ]
            self.answer(200, tree)
        elif path.startswith(f"/{name}/resolve/{COMMIT}/"):
            content = contents[path.rsplit(f"{COMMIT}/", 1)[1]]
            self.answer(200, content, {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X-Repo-Commit": COMMIT})
        else:
            self.answer(404, {}, {"X-Error-Code": "EntryNotFound"})

    def do_POST(self) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        lines = [json.loads(line) for line in self.rfile.read(int(self.headers["Content-Length"])).splitlines()]
        name = "/".join(self.path.split("/")[3:5])
        if self.headers["Authorization"] != "Bearer hf_write":
            self.answer(403 if self.headers["Authorization"] else 401, {})
        elif self.path == "/api/repos/create":
            self.server.repositories[f"me/{lines[0]['name']}"] = {}
            self.answer(200, {"url": f"{self.server.address}/me/{lines[0]['name']}"})
        elif self.path == "/api/validate-yaml":
            self.answer(200, {"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            self.server.asked += [file["path"] for file in lines[0]["files"]]
            files = [
                {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False} for file in lines[0]["files"]
            ]
            self.answer(200, {"files": files})
        elif "/commit/" in self.path:
            files = [line["value"] for line in lines if line["key"] == "file"]
            self.server.repositories[name] |= {file["path"]: base64.b64decode(file["content"]) for file in files}
            self.answer(200, {"commitUrl": f"{self.server.address}/{name}/commit/{COMMIT}", "commitOid": COMMIT})
        else:
            self.answer(404, {})

    def answer(self, code: int, content: object, headers: dict[str, str] | None = None) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(code)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class HubServer(http.server.ThreadingHTTPServer):
    """A hub on this machine; it keeps what it was asked for."""

    def __init__(self, repositories: dict[str, dict[str, bytes]]) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.repositories = repositories
        self.asked: list[str] = []
        self.address = f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def server() -> Iterator[HubServer]:
    raw = {"pytorch_model.bin": b"a pickle", "README.md": b"text"}
    with HubServer({"me/net": {**FILES, "weights.bin": b"a pickle", "nested/model.pt": b"b"}, "me/raw": raw}) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


NOWHERE = "http://127.0.0.1:9"
PULL = "from pointnc.weights import hub; print(hub.pull('me/net')); print(hub.cached_bundles())"
ATTEMPTS = """
import os, sys
from pathlib import Path
from pointnc.errors import UserError
from pointnc.weights import hub
for attempt in sys.argv[1:]:
    verb, name, *token = attempt.split()
    os.environ["HF_TOKEN"] = "".join(token)
    try:
        print(attempt, hub.push(Path("bundle"), name) if verb == "push" else hub.pull(name))
    except UserError as error:
        print(attempt, error)
"""


def fresh(code: str, home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python again: the hub's client reads its environment when it is imported."""
    inherited = {key: value for key, value in os.environ.items() if not key.lower().startswith(("hf_", "http"))}
    settings = {"HF_HOME": str(home), "POINTNC_CACHE": str(home / "own"), "HF_HUB_DISABLE_XET": "1"}
    place = [str(Path(hub.__file__).parents[2]), inherited.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        cwd=home,
        env={**inherited, **settings, "PYTHONPATH": os.pathsep.join(filter(None, place)), **environment},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.slow
@needs_library
def test_the_hub_gives_the_files_of_a_bundle_and_no_pickle_and_then_works_offline(
    server: HubServer, tmp_path: Path
) -> None:
    done = fresh(PULL, tmp_path, HF_ENDPOINT=server.address)
    folder = Path(done.stdout.splitlines()[0])
    assert read(folder) == FILES and str(folder) in done.stdout.splitlines()[1]
    assert "note:" not in done.stderr
    assert not [line for line in server.asked if "weights.bin" in line or "nested" in line]
    assert any("model.safetensors" in line for line in server.asked)

    asked = len(server.asked)
    code = f"import pointnc.weights.source as l; print(l.locate('me/net')); {PULL}"
    offline = fresh(code, tmp_path, HF_ENDPOINT=server.address, HF_HUB_OFFLINE="1")
    assert offline.stdout.splitlines()[:2] == [str(folder), str(folder)]
    assert len(server.asked) == asked
    assert "no way to the hub; this is the copy of an earlier pull" in offline.stderr


@needs_library
def test_the_documented_layout_of_the_cache_is_understood_where_the_network_is_down(tmp_path: Path) -> None:
    repository = tmp_path / "hub" / "models--you--net"
    snapshot = repository / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    (repository / "blobs").mkdir()
    for number, (name, content) in enumerate(FILES.items()):
        (repository / "blobs" / f"{number:040}").write_bytes(content)
        (snapshot / name).symlink_to(f"../../blobs/{number:040}")
    write_bundle(tmp_path / "hub" / "datasets--you--other" / "snapshots" / COMMIT)
    (tmp_path / "hub" / "models--gpt" / "snapshots" / COMMIT).mkdir(parents=True)  # a model without an owner

    write_bundle(tmp_path / "bundle")
    own = write_bundle(tmp_path / "own" / "hub" / "me" / "own")
    code = f"{ATTEMPTS}\nprint(hub.cached('you/net'), *hub.cached_bundles())"
    done = fresh(
        code, tmp_path, "pull you/net", "pull me/own", "pull me/other", "push me/new hf_write", HF_ENDPOINT=NOWHERE
    )
    pulled, from_folder, fetched, published, found = done.stdout.splitlines()
    assert pulled == f"pull you/net {snapshot}" and from_folder == f"pull me/own {own}"
    assert found == f"{snapshot} {own} {snapshot}"
    assert fetched.endswith("could not be fetched: no way to the hub")
    assert published.endswith("could not be published: no way to the hub")
    assert read(snapshot) == FILES and "no way to the hub" in done.stderr


@needs_library
def test_what_was_pushed_to_the_hub_is_what_is_pulled(server: HubServer, tmp_path: Path) -> None:
    write_bundle(tmp_path / "bundle", **{"secret.txt": b"mine", "last.ckpt": b"a pickle"})
    own = write_bundle(tmp_path / "own" / "hub" / "me" / "new", **{"README.md": b"of a folder"})
    done = fresh(ATTEMPTS, tmp_path, "push me/new hf_write", "pull me/new", HF_ENDPOINT=server.address)
    pushed, pulled = done.stdout.splitlines()
    assert pushed.startswith(f"push me/new hf_write {server.address}/me/new")
    assert server.repositories["me/new"] == FILES
    assert read(Path(pulled.removeprefix("pull me/new "))) == FILES
    assert f"{own}, pulled from a folder, goes before it" in done.stderr
    assert not [line for line in server.asked if "secret" in line or "ckpt" in line]


@needs_library
def test_what_the_hub_refuses_gets_one_line_each(server: HubServer, tmp_path: Path) -> None:
    write_bundle(tmp_path / "bundle")
    attempts = ["pull me/other", "pull me/gated", "pull me/raw", "pull me/broken"]
    attempts += ["push me/new hf_read", "push me/new", "pull me/net"]
    done = fresh(ATTEMPTS, tmp_path, *attempts, HF_ENDPOINT=server.address)
    lines = dict(zip(attempts, done.stdout.splitlines(), strict=True))
    assert "does not exist on the hub, or is private: hf auth login" in lines["pull me/other"]
    assert "accept its terms" in lines["pull me/gated"]
    assert "no model.safetensors, but 'README.md', 'pytorch_model.bin'" in lines["pull me/raw"]
    assert "could not be fetched: no way to the hub" in lines["pull me/broken"]
    assert "could not be published: your token does not allow it" in lines["push me/new hf_read"]
    assert "could not be published: the hub does not know you: hf auth login" in lines["push me/new"]
    assert read(Path(lines["pull me/net"].removeprefix("pull me/net "))) == FILES
    assert "me/new" not in server.repositories
