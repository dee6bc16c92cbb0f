from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

import bench
from bench.models.tiny import Layout, build_tiny_pipe
from bench.runs import provenance


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "a.py").write_text("a = 1\n")
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    return tmp_path


def test_a_clean_checkout_has_its_commit(checkout: Path) -> None:
    commit, dirty = provenance.git_state(checkout)
    assert commit is not None
    assert len(commit) == 40
    assert dirty is False


def test_only_changes_that_can_decide_a_result_make_it_dirty(checkout: Path) -> None:
    (checkout / "notes.md").write_text("x")
    assert provenance.git_state(checkout)[1] is False
    (checkout / "bench" / "a.py").write_text("a = 2\n")
    assert provenance.git_state(checkout)[1] is True


def test_an_installation_inside_another_checkout_has_no_commit(checkout: Path) -> None:
    assert provenance.git_state(checkout / "bench") == (None, None)


def test_outside_a_checkout_there_is_no_commit(tmp_path: Path) -> None:
    assert provenance.git_state(tmp_path) == (None, None)


def test_the_weights_hash_follows_contents_and_names(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text("{}")
    (tmp_path / "unet").mkdir()
    weights = tmp_path / "unet" / "model.safetensors"
    weights.write_bytes(b"one")
    first = provenance.weights_hash(str(tmp_path))
    assert first == provenance.weights_hash(str(tmp_path))
    weights.write_bytes(b"two")
    second = provenance.weights_hash(str(tmp_path))
    weights.rename(tmp_path / "other.safetensors")
    assert len({first, second, provenance.weights_hash(str(tmp_path))}) == 3


def test_what_is_gathered_can_be_stored(tmp_path: Path) -> None:
    facts = provenance.gather(str(tmp_path), "abc", "cpu", 25)
    assert facts["version"] == bench.__version__
    assert json.loads(json.dumps(facts)) == facts
    assert set(facts["packages"]) == set(provenance.PACKAGES)
    assert (facts["device"], facts["prompts_sha256"]) == ("cpu", "abc")


@pytest.mark.parametrize(
    ("layout", "kind"), [("sd1", "epsilon"), ("sd2", "v_prediction"), ("sdxl", "epsilon")]
)
def test_it_says_what_the_model_predicts(layout: Layout, kind: str, tmp_path: Path) -> None:
    build_tiny_pipe(layout).save_pretrained(tmp_path)
    facts = provenance.gather(str(tmp_path), "abc", "cpu", 25)
    assert facts["prediction_type"] == kind
    assert provenance.gather("no/such-model", "abc", "cpu", 25)["prediction_type"] is None


def test_times_are_utc() -> None:
    assert provenance.now().endswith("+00:00")
