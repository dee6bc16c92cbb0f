"""An exported folder goes to the Hub, here a stand-in that speaks what the client asks."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import constants

from bench import cli
from bench.runs.export import hub
from bench.types import InputError

TOKEN = "hf_standin"
NAME = "me/erased"


class StandIn:
    """A Hub with one user, that keeps what it is given."""

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.private: dict[str, bool] = {}
        self.writes = True
        self.asked: list[str] = []


class Handler(BaseHTTPRequestHandler):
    hub: StandIn

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, status: int, data: Any = None, **headers: str) -> None:
        body = json.dumps({} if data is None else data).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def known(self) -> bool:
        self.hub.asked.append(f"{self.command} {self.path}")
        if self.headers.get("Authorization") == f"Bearer {TOKEN}":
            return True
        self.answer(401, {"error": "Invalid credentials"})
        return False

    def do_GET(self) -> None:
        if not self.known():
            return
        if self.path.startswith("/api/whoami"):
            self.answer(200, {"name": "me", "type": "user"})
            return
        asked = self.path.removeprefix("/api/models/").partition("?")[0]
        name = "/".join(asked.split("/")[:2])
        if name not in self.hub.repositories:
            self.answer(404, {"error": "no"}, X_Error_Code="RepoNotFound")
            return
        there = self.hub.repositories[name]
        if "/tree/" in asked:
            kinds = {"type": "file", "oid": "0" * 40}
            self.answer(200, [{"path": p, "size": len(d), **kinds} for p, d in there.items()])
            return
        self.answer(200, {"id": name, "sha": "0" * 40, "siblings": []})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not self.known():
            return
        if self.path == "/api/repos/create":
            data = json.loads(body)
            if not self.hub.writes:
                self.answer(403, {"error": "no right to write"})
                return
            name = f"{data.get('organization') or 'me'}/{data['name']}"
            self.hub.repositories.setdefault(name, {".gitattributes": b""})
            self.hub.private[name] = bool(
                data.get("private") or data.get("visibility") == "private"
            )
            host = self.headers["Host"]
            self.answer(200, {"url": f"http://{host}/{name}", "name": name})
        elif "/preupload/" in self.path:
            files = [
                {"path": each["path"], "uploadMode": "regular", "shouldIgnore": False}
                for each in json.loads(body)["files"]
            ]
            self.answer(200, {"files": files})
        elif "/commit/" in self.path:
            name = self.path.removeprefix("/api/models/").partition("/commit/")[0]
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    value = line["value"]
                    content = base64.b64decode(value["content"])
                    self.hub.repositories[name][value["path"]] = content
            host = self.headers["Host"]
            url = f"http://{host}/{name}/commit/{'1' * 40}"
            self.answer(200, {"commitUrl": url, "commitOid": "1" * 40, "success": True})
        else:
            self.answer(200)


@pytest.fixture
def standin(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    there = StandIn()
    handler = type("Bound", (Handler,), {"hub": there})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield there
    server.shutdown()
    server.server_close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "to"
    (made / "unet").mkdir(parents=True)
    (made / "README.md").write_text("---\nlicense: mit\n---\n\n# x\n")
    (made / "unet" / "weights.safetensors").write_bytes(bytes(range(256)))
    return made


@pytest.mark.parametrize("private", [True, False])
def test_a_folder_goes_to_the_hub_as_it_is(standin: StandIn, folder: Path, private: bool) -> None:
    hub.check(NAME, folder)
    assert not standin.repositories
    url = hub.push(NAME, folder, private=private)
    assert url.endswith(NAME)
    there = standin.repositories[NAME]
    assert there["unet/weights.safetensors"] == bytes(range(256))
    assert there["README.md"] == (folder / "README.md").read_bytes()
    assert standin.private[NAME] is private


def test_what_is_there_already_is_refused_and_an_empty_one_is_not(
    standin: StandIn, folder: Path
) -> None:
    standin.repositories[NAME] = {".gitattributes": b"", "model.bin": b"x"}
    with pytest.raises(InputError, match=r"there already and holds model\.bin"):
        hub.check(NAME, folder)
    standin.repositories[NAME] = {".gitattributes": b""}
    hub.check(NAME, folder)


def test_a_token_that_is_not_known_is_refused(
    standin: StandIn, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    with pytest.raises(InputError, match="does not know the token"):
        hub.check(NAME, folder)


def test_without_a_token_nothing_is_asked(
    standin: StandIn, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: None)
    with pytest.raises(InputError, match=r"needs a token.*hf auth login"):
        hub.check(NAME, folder)
    assert not standin.asked


def test_a_push_goes_on_when_what_it_asks_for_is_done(
    standin: StandIn, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: os.environ.get("HF_TOKEN"))
    with pytest.raises(InputError, match="or set HF_TOKEN"):
        hub.check(NAME, folder)
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    with pytest.raises(InputError, match="stores another"):
        hub.check(NAME, folder)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    standin.repositories[NAME] = {"model.bin": b"x"}
    with pytest.raises(InputError, match="choose another name") as said:
        hub.check(NAME, folder)
    owner = str(said.value).partition("(you are ")[2].rstrip(")")
    hub.check(f"{owner}/another", folder)


def test_offline_nothing_is_asked(
    standin: StandIn, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="HF_HUB_OFFLINE is set"):
        hub.check(NAME, folder)
    assert not standin.asked


def test_a_hub_that_is_not_there_is_one_line(
    standin: StandIn, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(InputError, match="cannot be reached"):
        hub.check(NAME, folder)


@pytest.mark.parametrize("name", ["erased", "a/b/c", "me/", "me/er ased", "../x", "me/a..b"])
def test_a_name_that_is_none_is_refused(standin: StandIn, folder: Path, name: str) -> None:
    with pytest.raises(InputError, match="--push"):
        hub.check(name, folder)
    assert not [each for each in standin.asked if "whoami" not in each]


def test_an_archive_is_no_repository(standin: StandIn, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is an archive"):
        hub.check(NAME, tmp_path / "b.zip")


def test_a_push_that_is_refused_says_how_to_go_on(standin: StandIn, folder: Path) -> None:
    standin.writes = False
    with pytest.raises(InputError, match=r"may not write.*is whole, and `hf upload me/erased"):
        hub.push(NAME, folder)


def test_the_command_exports_and_pushes(
    standin: StandIn, drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run,) = drawn.glob("uce-*")
    words = ["export", str(run), "--to", str(tmp_path / "to"), "--as", "lora", "--push", NAME]
    assert cli.main([*words, "--plan"]) == 0
    assert f"and to {NAME}" in capsys.readouterr().out
    assert not standin.repositories
    assert cli.main([*words, "--private"]) == 0
    assert f"/{NAME}" in capsys.readouterr().out
    there = standin.repositories[NAME]
    assert {"README.md", "pytorch_lora_weights.safetensors", "bundle/bundle.json"} <= there.keys()
    assert standin.private[NAME]
    assert cli.main([*words[:3], str(tmp_path / "again"), *words[4:]]) == 2
    assert "is there already and holds" in capsys.readouterr().err
    assert not (tmp_path / "again").exists()
