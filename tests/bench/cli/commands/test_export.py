"""Runs taken out: weights and LoRAs that diffusers loads, bundles that `compare` reads, the Hub."""

from __future__ import annotations

import base64
import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from bench import cli
from bench.models import erasures, loading
from bench.results import bundles
from bench.runs import plan, runner
from bench.types import Concept
from methods.checkpoint import Checkpoint

from ...conftest import WriteSuite


@pytest.fixture(scope="module")
def made(write_suite: WriteSuite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of four images: un-erased, of weights, and of a method that acts while drawing."""
    suite = write_suite(tmp_path_factory.mktemp("suite"))
    methods = ["uce", "negative_prompt"]
    for spec in plan.specs(methods, model="mini", suite=str(suite), size="tiny", steps=2):
        runner.run(spec, suite / "runs")
    return suite / "runs"


@pytest.fixture(scope="module")
def uce(made: Path) -> Path:
    (path,) = made.glob("uce-*")
    return path


@pytest.fixture(scope="module")
def mini() -> Any:
    return loading.load("mini", "cpu", "fp32")


def unet(pipe: Any) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = pipe.unet.state_dict()
    return found


def checkpoint(pipe: Any, path: Path) -> dict[str, torch.Tensor]:
    concept = Concept("airplane", "object", "the sky")
    return unet(Checkpoint(path=str(path)).erase(pipe, [concept], seed=0))


def missed(found: dict[str, torch.Tensor], wanted: Any, before: Any) -> float:
    """Return what one change lacks of another, as a share of its norm."""
    lost = sum(float((found[k].double() - wanted[k]).square().sum()) for k in before)
    whole = sum(float((wanted[k].double() - before[k]).square().sum()) for k in before)
    return (lost / whole) ** 0.5


def test_weights_go_out_and_come_in_again(uce: Path, mini: Any, tmp_path: Path) -> None:
    from diffusers import StableDiffusionPipeline

    to = tmp_path / "weights"
    assert cli.main(["export", str(uce), "--to", str(to), "--device", "cpu"]) == 0
    wanted = unet(erasures.apply(mini, uce / "erasures" / "airplane.safetensors"))
    assert any((wanted[key] != value).any() for key, value in unet(mini).items())
    theirs = unet(StableDiffusionPipeline.from_pretrained(to))
    mine = checkpoint(mini, to)
    for key, value in wanted.items():
        assert torch.equal(theirs[key], value) and torch.equal(mine[key], value)
    card = (to / "README.md").read_text()
    for part in (
        "library_name: diffusers",
        "judge share",
        "run --method uce",
        "| erased | airplane",
    ):
        assert part in card


@pytest.mark.parametrize("rank", [2, 1000])
def test_a_lora_misses_what_it_says(
    uce: Path, mini: Any, tmp_path: Path, rank: int, capsys: pytest.CaptureFixture[str]
) -> None:
    from diffusers import StableDiffusionPipeline

    to = tmp_path / "lora"
    words = ["export", str(uce), "--as", "lora", "--rank", str(rank), "--to", str(to), "--json"]
    assert cli.main(words) == 0
    said = json.loads(capsys.readouterr().out)["written"]["error"]
    before = {key: value.clone() for key, value in unet(mini).items()}
    wanted = unet(erasures.apply(mini, uce / "erasures" / "airplane.safetensors"))
    pipe: Any = StableDiffusionPipeline.from_pretrained(loading.recognition.folder("mini"))
    pipe.load_lora_weights(str(to))
    pipe.fuse_lora()
    pipe.unload_lora_weights()
    for found in (checkpoint(mini, to), unet(pipe)):
        assert missed(found, wanted, before) == pytest.approx(said, abs=2e-4)
    assert (said < 1e-5) == (rank == 1000)
    assert said > 0.3 or rank == 1000


@pytest.mark.parametrize("name", ["bundle", "bundle.zip", "bundle.tar.gz"])
def test_a_bundle_is_compared_on_another_machine(
    made: Path, uce: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / name
    assert cli.main(["export", str(uce), "--as", "bundle", "--to", str(to)]) == 0
    there = tmp_path / "elsewhere" / name
    there.parent.mkdir()
    shutil.move(to, there)
    capsys.readouterr()
    assert cli.main(["compare", str(there), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert cli.main(["compare", str(uce), *map(str, made.glob("original-*")), "--json"]) == 0
    wanted = json.loads(capsys.readouterr().out)
    one, other = (
        sorted(json.dumps(score, sort_keys=True) for score in each["comparisons"][0]["scores"])
        for each in (found, wanted)
    )
    assert one == other
    # Of the machine where it was made it says nothing.
    files = bundles.read(bundles.found(there) or there).files
    assert files and not any(str(made).encode() in data for data in files.values())


def test_damaged_bundles_are_refused(
    uce: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / "bundle"
    assert cli.main(["export", str(uce), "--as", "bundle", "--to", str(to)]) == 0
    path = next(to.glob("uce-*/per_image.csv"))
    path.write_bytes(path.read_bytes().replace(b"bird", b"crow"))
    assert cli.main(["compare", str(to)]) == 2
    assert "per_image.csv is not as it was written" in capsys.readouterr().err


def test_what_cannot_go_out_is_refused(
    made: Path, uce: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(run: Path, message: str, *more: str) -> None:
        to = tmp_path / "new"
        assert cli.main(["export", str(run), "--to", str(to), *more]) == 2
        err = capsys.readouterr().err
        assert message in err and err.count("\n") == 1
        assert not to.exists()

    copy = tmp_path / "runs" / uce.name
    shutil.copytree(uce, copy)
    (copy / "erasures" / "airplane.safetensors").unlink()
    refused(copy, "lacks its erasure")
    (copy / "record.json").unlink()
    refused(copy, "is no finished run: it was begun")
    refused(tmp_path / "nowhere", "is no finished run")
    refused(next(made.glob("original-*")), "is the un-erased model's run")
    refused(next(made.glob("negative_prompt-*")), "acts while the model draws", "--as", "lora")
    refused(uce, "unknown form to export: 'loar'; nearest: lora", "--as", "loar")
    refused(uce, "--rank is of --as lora", "--rank", "3")
    refused(uce, "unknown concept of the run: 'cat'", "--concept", "cat")
    refused(uce, "is no repository of the Hub", "--push", "mine")


class Hub(BaseHTTPRequestHandler):
    """The answers of the Hub that a push needs, on this machine."""

    files: ClassVar[dict[str, bytes]] = {}
    made: ClassVar[list[dict[str, Any]]] = []
    tokens: ClassVar[set[str]] = set()

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""

    def answer(self, data: Any, status: int = 200) -> None:
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.tokens.add(self.headers.get("Authorization", ""))
        if self.headers.get("Authorization") != "Bearer hf_good":
            self.answer({"error": "Invalid credentials"}, 401)
        elif self.path.startswith("/api/whoami"):
            self.answer({"name": "ada", "type": "user", "orgs": []})
        elif not self.made:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif "/tree/" in self.path:
            self.answer(
                [
                    {"type": "file", "path": name, "size": len(data), "oid": "0" * 40}
                    for name, data in self.files.items()
                ]
            )
        else:
            siblings = [{"rfilename": name} for name in self.files]
            self.answer({"id": "ada/erased", "sha": "0" * 40, "siblings": siblings})

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if self.path == "/api/repos/create":
            self.made.append(json.loads(body))
            self.answer({"url": f"http://{self.headers['Host']}/ada/erased"})
        elif self.path == "/api/validate-yaml":
            self.answer({"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            some = json.loads(body)["files"]
            modes = [{"path": f["path"], "uploadMode": "regular"} for f in some]
            self.answer({"files": [mode | {"shouldIgnore": False} for mode in modes]})
        elif "/commit/" in self.path:
            for line in body.splitlines():
                item = json.loads(line)
                if item["key"] == "file":
                    value = item["value"]
                    self.files[value["path"]] = base64.b64decode(value["content"])
            where = f"http://{self.headers['Host']}/ada/erased/commit/{'0' * 40}"
            self.answer({"commitUrl": where, "commitOid": "0" * 40, "success": True})
        else:
            self.answer({"error": self.path}, 404)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    from huggingface_hub import constants

    Hub.files, Hub.made, Hub.tokens = {}, [], set()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", "hf_good")
    yield Hub
    server.shutdown()
    server.server_close()


def test_a_push_puts_every_file_on_the_hub(
    hub: type[Hub], uce: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / "lora"
    words = ["export", str(uce), "--as", "lora", "--to", str(to), "--push", "ada/erased"]
    assert cli.main([*words, "--private"]) == 0
    assert "pushed to" in capsys.readouterr().out
    (asked,) = hub.made
    assert asked["name"] == "erased"
    # Older and newer clients say it in different words.
    assert asked.get("private") is True or asked.get("visibility") == "private"
    there = {
        path.relative_to(to).as_posix(): path.read_bytes()
        for path in to.rglob("*")
        if path.is_file()
    }
    assert hub.files == there and "README.md" in there
    # It holds something now.
    again = ["export", str(uce), "--to", str(tmp_path / "more"), "--push", "ada/erased"]
    assert cli.main(again) == 2
    assert "is there already and holds" in capsys.readouterr().err
    assert not (tmp_path / "more").exists()


def test_a_wrong_token_is_found_before_any_work(
    hub: type[Hub],
    uce: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_bad")
    words = ["export", str(uce), "--to", str(tmp_path / "x"), "--push", "ada/erased", "--plan"]
    assert cli.main(words) == 2
    assert "does not know the token" in capsys.readouterr().err
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    assert cli.main(words) == 2
    assert "the Hub cannot be reached" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
