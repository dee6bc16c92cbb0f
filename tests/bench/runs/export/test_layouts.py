"""What leaves a run of any layout, of whatever eraser, draws in diffusers as it drew here."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from diffusers import DiffusionPipeline
from torch import Tensor

from bench.models import generate
from bench.models.tiny import build_tiny_pipe
from bench.results import bundles, store
from bench.runs import erasing, export, plan, runner
from bench.runs.resolved import Resolved
from bench.types import InputError, Option, Sampler

from ...conftest import WriteSuite

pytestmark = pytest.mark.slow

SPM = {"steps": 2, "warmup_steps": 0, "cycles": 1, "trajectory_steps": 2, "rank": 1}


def drawn_by(pipe: Any) -> Tensor:
    made: Tensor = generate.draw(pipe, ["a photo of an airplane"], [3], Sampler(4, 4.0), "latent")
    return made


def distance(one: Tensor, other: Tensor) -> float:
    return float((one - other).norm() / other.norm())


def erased_here(run: Path, model: Path) -> Tensor:
    """Return what the run's erasure draws, applied as the run applies it."""
    spec = store.RunFolder(run.parent, run.name).read_record().spec
    (file,) = (run / "erasures").glob("*.safetensors")
    pipe = DiffusionPipeline.from_pretrained(model)
    return drawn_by(erasing.apply(Resolved(spec), Resolved(spec).cases[0], pipe, file))


class Made:
    """A tiny model in a folder, and runs of it."""

    def __init__(self, layout: Any, folder: Path, write_suite: WriteSuite) -> None:
        self.model, self.folder = folder / "model", folder
        build_tiny_pipe(layout).save_pretrained(self.model)
        self.suite = write_suite(folder / "suite", metrics=("cost",))

    def run(self, method: str, **settings: Option) -> Path:
        specs = plan.specs(
            [method],
            settings=[f"{name}={value}" for name, value in settings.items()],
            model=str(self.model),
            suite=str(self.suite),
            size="tiny",
            steps=2,
        )
        for spec in specs:
            runner.run(spec, self.folder / "runs")
        return self.folder / "runs" / specs[-1].run_id


def moved_and_found_again(made: Made, run: Path, folder: Path) -> None:
    """Move the model, see that it is asked for, and go on by naming it as the message says."""
    moved = made.model.rename(folder / "moved")
    with pytest.raises(InputError, match=r"which is not at .*; say with --model where it is"):
        export.plan(run, folder / "to")
    export.plan(run, folder / "to", model=str(moved))
    build_tiny_pipe("sd2").save_pretrained(made.model)
    with pytest.raises(InputError, match=r"other weights now.*; --model names the folder of the"):
        export.plan(run, folder / "to")
    export.plan(run, folder / "to", model=str(moved))
    shutil.rmtree(made.model)
    moved.rename(made.model)


@pytest.mark.parametrize("layout", ["sd1", "sd2", "sdxl"])
def test_every_layout_draws_elsewhere_as_here(
    layout: str, write_suite: WriteSuite, tmp_path: Path
) -> None:
    made = Made(layout, tmp_path, write_suite)
    run = made.run("uce")
    wanted = erased_here(run, made.model)
    plain = DiffusionPipeline.from_pretrained(made.model)
    assert distance(drawn_by(plain), wanted) > 0.05
    export.carry_out(export.plan(run, tmp_path / "whole"))
    assert distance(drawn_by(DiffusionPipeline.from_pretrained(tmp_path / "whole")), wanted) < 1e-6
    done = export.carry_out(export.plan(run, tmp_path / "lora", form="lora", rank=64))
    plain.load_lora_weights(tmp_path / "lora")
    assert done.error < 1e-6 and distance(drawn_by(plain), wanted) < 1e-5
    if layout == "sd1":
        moved_and_found_again(made, run, tmp_path)
    # The numbers stand by themselves once the run, its model and its suite are gone.
    for gone in (made.model, made.suite, run.parent):
        shutil.rmtree(gone)
    shutil.move(tmp_path / "whole", tmp_path / "elsewhere")
    found = bundles.found(tmp_path / "elsewhere")
    assert found is not None
    assert [name.partition("-")[0] for name in bundles.read(found).runs] == ["original", "uce"]


def test_adapters_that_fold_go_out_and_others_are_refused(
    write_suite: WriteSuite, tmp_path: Path
) -> None:
    made = Made("sd1", tmp_path, write_suite)
    options: Mapping[str, Option] = SPM | {"strength": 30.0, "learning_rate": 0.05}
    folds = made.run("spm", gating="none", **options)
    wanted = erased_here(folds, made.model)
    assert distance(drawn_by(DiffusionPipeline.from_pretrained(made.model)), wanted) > 0.001
    export.carry_out(export.plan(folds, tmp_path / "whole"))
    assert distance(drawn_by(DiffusionPipeline.from_pretrained(tmp_path / "whole")), wanted) < 1e-5
    gated = export.plan(made.run("spm", gating="transport", **options), tmp_path / "gated")
    with pytest.raises(InputError, match=r"does not fold into the weights.*--as bundle"):
        export.carry_out(gated)
    assert not (tmp_path / "gated").exists()
    with pytest.raises(InputError, match=r"negative_prompt acts while the model draws"):
        export.plan(made.run("negative_prompt"), tmp_path / "acts")
