"""An exported erasure draws elsewhere, and comes back through the front door, as it drew here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from diffusers import DDIMScheduler, DiffusionPipeline
from torch import Tensor

from bench.files import read_rows
from bench.models import erasures, generate, loading
from bench.models.steering import twin
from bench.results import bundles, store
from bench.results.glossary import GLOSSARY
from bench.results.sums import Sums
from bench.runs import erasing, export
from bench.types import Concept, InputError, Sampler
from methods.checkpoint import Checkpoint

TEXT, SEED = "a photo of an airplane", 3


def one(runs: Path) -> Path:
    (found,) = runs.glob("uce-*")
    return found


def drawn_by(pipe: Any) -> Tensor:
    made: Tensor = generate.draw(pipe, [TEXT], [SEED], Sampler(4, 4.0), "latent")
    return made


def erased_here(run: Path) -> Any:
    pipe = loading.load("mini", "cpu")
    return erasures.apply(pipe, run / "erasures" / "airplane.safetensors")


def checkpoint(folder: Path) -> Any:
    pipe = loading.load("mini", "cpu")
    concepts = [Concept("airplane", "object", "the sky")]
    return Checkpoint(path=str(folder)).erase(pipe, concepts, seed=0)


def distance(one: Tensor, other: Tensor) -> float:
    return float((one - other).norm() / other.norm())


def test_weights_draw_elsewhere_and_here_what_the_run_drew(drawn: Path, tmp_path: Path) -> None:
    done = export.carry_out(export.plan(one(drawn), tmp_path / "to"))
    assert done.parts == ("unet",)
    wanted = drawn_by(erased_here(one(drawn)))
    assert distance(drawn_by(loading.load("mini", "cpu")), wanted) > 0.05
    assert torch.equal(drawn_by(checkpoint(tmp_path / "to")), wanted)
    plain = DiffusionPipeline.from_pretrained(tmp_path / "to")
    plain.scheduler = DDIMScheduler.from_config(plain.scheduler.config, clip_sample=False)
    plain.set_progress_bar_config(disable=True)
    assert distance(drawn_by(plain), wanted) < 1e-6


def test_a_lora_draws_nearer_with_every_rank(drawn: Path, tmp_path: Path) -> None:
    wanted = drawn_by(erased_here(one(drawn)))
    found = []
    for rank in (1, 8, 1024):
        plan = export.plan(one(drawn), tmp_path / str(rank), form="lora", rank=rank)
        done = export.carry_out(plan)
        rows = read_rows(tmp_path / str(rank) / "lora_errors.csv")
        assert list(rows[0]) == list(GLOSSARY["lora_errors.csv"])
        assert [row["tensor"] for row in rows] == [layer.tensor for layer in done.layers]
        image = drawn_by(checkpoint(tmp_path / str(rank)))
        pipe = loading.load("mini", "cpu")
        pipe.load_lora_weights(tmp_path / str(rank))
        assert distance(drawn_by(pipe), image) < 1e-4
        found.append((done.error, distance(image, wanted)))
    errors, distances = zip(*found, strict=True)
    assert errors[0] > errors[1] > errors[2] and errors[2] < 1e-5
    assert distances[0] > distances[1] > distances[2] and distances[2] < 1e-3


def test_the_card_says_what_it_is_and_how_it_scores(drawn: Path, tmp_path: Path) -> None:
    run = one(drawn)
    export.carry_out(export.plan(run, tmp_path / "to", form="lora", rank=4))
    page = (tmp_path / "to" / "README.md").read_text()
    front = yaml.safe_load(page.split("---")[1])
    assert front["license"] == "mit" and front["library_name"] == "diffusers"
    assert "lora" in front["tags"] and front["model-index"][0]["results"]
    record = store.RunFolder(run.parent, run.name).read_record()
    for name in record.spec.options:
        assert f"| option {name} |" in page
    share = next(s for s in record.scores if (s.measure, s.role) == ("share", "target"))
    assert f"| {share.value:.3g} [{share.low:.3g}, {share.high:.3g}] | {share.n} |" in page
    assert "licence of the method's original code | MIT |" in page
    assert "--method uce --model mini --suite SUITE --concept airplane" in page
    assert record.provenance["commit"] is None or record.provenance["commit"] in page
    assert str(tmp_path) not in page and str(drawn) not in page


def test_a_flag_of_collapse_stands_on_the_card(runs: Path, tmp_path: Path) -> None:
    path = one(runs) / "record.json"
    data = json.loads(path.read_text()) | {"flags": ["lost its far images"]}
    path.write_text(json.dumps(data))
    Sums(path.parent).note([path])
    export.carry_out(export.plan(one(runs), tmp_path / "to"))
    assert "Not to be ranked: lost its far images" in (tmp_path / "to" / "README.md").read_text()


def test_the_bundle_comes_along_with_the_un_erased_run(drawn: Path, tmp_path: Path) -> None:
    export.carry_out(export.plan(one(drawn), tmp_path / "to"))
    found = bundles.found(tmp_path / "to")
    assert found is not None
    assert [name.partition("-")[0] for name in bundles.read(found).runs] == ["original", "uce"]


def test_what_fails_half_way_leaves_nothing(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bundles, "write", full)
    with pytest.raises(InputError, match="No space left"):
        export.carry_out(export.plan(one(drawn), tmp_path / "to"))
    assert not list(tmp_path.iterdir())


def as_adapter(run: Path, monkeypatch: pytest.MonkeyPatch, make: Any, form: Any) -> None:
    """Let the erasure be of another form, which `make` applies."""
    path = run / "erasures" / "airplane.safetensors"
    header = erasures.read(path)
    pipe = loading.load("mini", "cpu")
    tensors = {"unet.adapter": torch.ones(1)}
    erasures.save(
        pipe,
        tensors,
        path,
        method="uce",
        options=header.options,
        concepts=["airplane"],
        seconds=0,
        form=form,
    )
    monkeypatch.setattr(erasing, "apply", lambda resolved, case, pipe, path: make(pipe))


def test_an_adapter_that_folds_is_exported(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    erased = erased_here(one(runs))
    as_adapter(one(runs), monkeypatch, lambda pipe: erased, "adapter")
    export.carry_out(export.plan(one(runs), tmp_path / "to"))
    assert torch.equal(drawn_by(checkpoint(tmp_path / "to")), drawn_by(erased))


def test_an_adapter_that_does_not_fold_is_refused(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hooked(pipe: Any) -> Any:
        from bench.models.pipelines import with_unet

        unet = twin(pipe.unet)
        unet.mid_block.register_forward_hook(lambda module, given, out: out)
        return with_unet(pipe, unet)

    as_adapter(one(runs), monkeypatch, hooked, "adapter")
    plan = export.plan(one(runs), tmp_path / "to")
    with pytest.raises(InputError, match=r"does not fold into the weights.*--as bundle"):
        export.carry_out(plan)
    assert not (tmp_path / "to").exists()


def test_what_acts_while_drawing_is_refused_by_name(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_adapter(one(runs), monkeypatch, lambda pipe: pipe, "inference")
    with pytest.raises(InputError, match=r"uce acts while the model draws.*--as bundle"):
        export.plan(one(runs), tmp_path / "to")
