"""What cannot be exported is one clear line, before any model is loaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.models import loading
from bench.results import bundles
from bench.results.sums import Sums
from bench.runs import export
from bench.types import InputError


@pytest.fixture(autouse=True)
def no_model(drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: Any) -> None:
        raise AssertionError("a plan loads no model")

    monkeypatch.setattr(loading, "load", load)


def one(runs: Path, method: str = "uce") -> Path:
    (found,) = runs.glob(f"{method}-*")
    return found


def edited(path: Path, change: Callable[[Any], None]) -> None:
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))
    Sums(path.parent).note([path])


def test_a_plan_says_what_would_be_done(runs: Path, tmp_path: Path) -> None:
    made = export.plan(one(runs), tmp_path / "to", form="lora", rank=4)
    said = "\n".join(made.lines())
    assert "a LoRA of rank 4" in said and "the erasure airplane" in said
    assert str(tmp_path / "to") in said
    assert made.outline()["bundle"] == [one(runs, "original").name, one(runs).name]
    assert not (tmp_path / "to").exists()


def test_mini_is_whole_and_a_lora_never(runs: Path, tmp_path: Path) -> None:
    assert export.plan(one(runs), tmp_path / "to").whole
    assert not export.plan(one(runs), tmp_path / "to", form="lora").whole


def test_a_run_that_was_only_begun_says_how_it_is_finished(runs: Path, tmp_path: Path) -> None:
    (one(runs) / "record.json").unlink()
    with pytest.raises(InputError, match="the command that began it finishes it"):
        export.plan(one(runs), tmp_path / "to")


@pytest.mark.parametrize("name", ["nothing", "runs"])
def test_what_is_no_run_is_refused(runs: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="is no finished run"):
        export.plan(tmp_path / name, tmp_path / "to")


def test_the_un_erased_model_has_no_erasure_but_numbers(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"un-erased model.*--as bundle"):
        export.plan(one(runs, "original"), tmp_path / "to")
    export.plan(one(runs, "original"), tmp_path / "to", form="bundle")


def test_a_missing_erasure_says_how_it_comes_back(runs: Path, tmp_path: Path) -> None:
    (one(runs) / "erasures" / "airplane.safetensors").unlink()
    with pytest.raises(InputError, match=r"lacks its erasure, erasures/airplane\.safetensors"):
        export.plan(one(runs), tmp_path / "to")
    export.plan(one(runs), tmp_path / "to", form="bundle")


def test_a_damaged_erasure_is_refused(runs: Path, tmp_path: Path) -> None:
    path = one(runs) / "erasures" / "airplane.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="is damaged"):
        export.plan(one(runs), tmp_path / "to")


def test_a_model_with_other_weights_is_refused(runs: Path, tmp_path: Path) -> None:
    def change(data: Any) -> None:
        data["provenance"]["weights_sha256"] = "0" * 64

    edited(one(runs) / "record.json", change)
    with pytest.raises(InputError, match="other weights now"):
        export.plan(one(runs), tmp_path / "to")


def test_another_model_than_the_runs_is_refused(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not mini"):
        export.plan(one(runs), tmp_path / "to", model="sd14")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"form": "lroa"}, "nearest: lora"),
        ({"concept": "airplan"}, "nearest: airplane"),
        ({"rank": 4}, "--rank is of --as lora"),
        ({"form": "lora", "whole": True}, "--whole is of --as diffusers"),
        ({"form": "bundle", "concept": "airplane"}, "--concept is of"),
    ],
)
def test_options_that_cannot_be_used(
    runs: Path, tmp_path: Path, options: dict[str, Any], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        export.plan(one(runs), tmp_path / "to", **options)


def test_nothing_is_ever_overwritten(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    for name in ("file", "full"):
        with pytest.raises(InputError, match="is there already"):
            export.plan(one(runs), tmp_path / name)
    with pytest.raises(InputError, match="is no folder"):
        export.plan(one(runs), tmp_path / "file" / "inside")
    with pytest.raises(InputError, match="must be a folder"):
        export.plan(one(runs), tmp_path / "to.zip")
    export.plan(one(runs), tmp_path / "empty")


def test_a_bundle_has_no_erasure(runs: Path, tmp_path: Path) -> None:
    planned = export.plan(one(runs), tmp_path / "b.zip", form="bundle")
    bundles.write(bundles.contents(planned.runs), tmp_path / "b.zip")
    with pytest.raises(InputError, match="is a bundle"):
        export.plan(tmp_path / "b.zip", tmp_path / "to")
