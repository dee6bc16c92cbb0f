"""What methods/README.md says is so: its example runs, and all that it names is there."""

from __future__ import annotations

import csv
import importlib
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from bench import cli, plugins, registry
from bench.models import pipelines, prediction, steering
from bench.models.eraser import Eraser
from bench.models.tiny import build_tiny_pipe
from bench.runs import contract
from bench.types import Concept, InputError

PAGE = (Path(__file__).resolve().parents[2] / "methods" / "README.md").read_text(encoding="utf-8")
MODULES = (
    "pipelines|prediction|steering|_closed_form|_tokens|_prompts|_unet|_noise|_source|_maps"
    "|_training|_options|_lora|_memory"
)

ROWS = [("ship", "target")] * 3 + [("cat", "far"), ("dog", "far")]
SUITE = """
name = "ships"
version = "1"
kind = "object"
prompt_files = ["prompts.csv"]
metrics = ["judge"]
summary = "Five images."
[cases]
ship = ["ship"]
[sizes.smoke]
images = { target = 3, far = 2 }
cases = ["ship"]
"""


def block(language: str, word: str = "") -> str:
    """Return the one block of code with a word in it."""
    found = re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)
    (only,) = (text for text in found if word in text)
    return str(only)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples, saved as files."""
    made = tmp_path_factory.mktemp("page")
    for name in ("Rece", "Redirect"):
        text = block("python", f"class {name}(")
        (made / f"{name.lower()}.py").write_text(text, encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def example(folder: Path) -> str:
    """What `--method` is given for the first of them."""
    return f"{folder / 'rece.py'}:Rece"


@pytest.fixture(scope="module")
def trained(folder: Path) -> str:
    """What `--method` is given for the second."""
    return f"{folder / 'redirect.py'}:Redirect"


def make(example: str, **options: object) -> Eraser:
    settings = [f"{name}={value}" for name, value in options.items()]
    entry = registry.method(example)
    return registry.load_method(entry, registry.options(entry, "", settings))


@pytest.mark.parametrize("name", ["rece.py:Rece", "redirect.py:Redirect"])
def test_the_examples_keep_to_the_contract(folder: Path, name: str) -> None:
    results = list(contract.check(f"{folder / name}"))
    assert results and not [result for result in results if result.problem]


def test_the_example_runs_and_erases_what_was_drawn(example: str, tmp_path: Path) -> None:
    (tmp_path / "suite.toml").write_text(SUITE)
    rows = [f"{n},{name},{role},a photo of a {name},{n}" for n, (name, role) in enumerate(ROWS)]
    (tmp_path / "prompts.csv").write_text("\n".join(["id,concept,role,text,seed", *rows, ""]))
    words = ["--method", example, "--suite", str(tmp_path), "--size", "smoke", "--device", "cpu"]
    assert cli.main(["run", *words, "--out", str(tmp_path)]) == 0
    seen = {}
    for folder in tmp_path.glob("*-smoke-*"):
        with (folder / "per_image.csv").open(newline="") as file:
            seen[folder.name.split("-")[0]] = [row["judge_label"] for row in csv.DictReader(file)]
    assert seen["original"] == ["ship", "ship", "ship", "cat", "dog"]
    assert "ship" not in seen["Rece"] and seen["Rece"][3:] == ["cat", "dog"]


def imitation(before: list[Tensor], after: list[Tensor], rows: Tensor, scale: float) -> float:
    """Return how badly the best embeddings imitate rows, through weights as they are now."""
    gram = sum(new.T @ new for new in after) + scale * torch.eye(rows.shape[1]).double()
    cross = sum(new.T @ old for new, old in zip(after, before, strict=True))
    best = torch.linalg.solve(gram, cross @ rows.T)
    return sum(
        float((new @ best - old @ rows.T).norm() ** 2)
        for new, old in zip(after, before, strict=True)
    )


def test_the_example_makes_the_concept_harder_to_imitate(
    example: str, tiny_pipe: Any, airplane: Concept
) -> None:
    rows = pipelines.encode(tiny_pipe, [airplane.name])[0].double()
    own = {n: w.detach().double() for n, w in pipelines.cross_attention(tiny_pipe.unet).items()}

    def left(**options: object) -> float:
        found = make(example, **options).fit(tiny_pipe, [airplane], seed=0)
        edited = [found[name].double() for name in own]
        return imitation(list(own.values()), edited, rows, 0.001)

    small = {"regular_scale": 0.001}
    assert left(epochs=1, **small) > 1.2 * left(epochs=0, **small)
    # A search that finds nothing leaves what the first pass left.
    nothing = left(epochs=1, regular_scale=1e12)
    assert nothing == pytest.approx(left(epochs=0), rel=1e-3)


def test_the_example_refuses_options_out_of_range(
    example: str, tiny_pipe: Any, airplane: Concept
) -> None:
    for options in ({"epochs": -1}, {"lamb": 0}, {"regular_scale": 0}):
        with pytest.raises(InputError, match="rece needs"):
            make(example, **options).check(tiny_pipe, [airplane])


def test_the_trained_example_predicts_the_concept_as_its_anchor(
    trained: str, tiny_pipe: Any, airplane: Concept
) -> None:
    asked, wanted = (prediction.condition(tiny_pipe, [text]) for text in ("airplane", "the sky"))
    other = prediction.condition(tiny_pipe, ["a dog"])
    noise = torch.randn(1, 8, 8, 8, generator=torch.Generator().manual_seed(5))
    erased = make(trained).erase(tiny_pipe, [airplane], seed=0)

    def made(pipe: Any, text: prediction.Conditioning) -> Tensor:
        with torch.no_grad():
            return prediction.predict(pipe.unet, noise, torch.tensor(500), text)

    aim = made(tiny_pipe, wanted)
    moved = {
        name: float((made(erased, text) - made(tiny_pipe, text)).norm())
        for name, text in (("concept", asked), ("other", other))
    }
    before = float((made(tiny_pipe, asked) - aim).norm())
    assert float((made(erased, asked) - aim).norm()) < 0.5 * before
    assert moved["other"] < 0.8 * moved["concept"]


def test_the_examples_erase_from_sdxls_layout(
    example: str, trained: str, airplane: Concept
) -> None:
    pipe = build_tiny_pipe("sdxl")
    for name in (example, trained):
        found = make(name).fit(pipe, [airplane], seed=0)
        own = pipelines.cross_attention(pipe.unet)
        assert found.keys() == own.keys()
        assert all(not torch.equal(found[name], own[name]) for name in own)


def test_all_that_the_page_names_is_there() -> None:
    names = set(re.findall(rf"\b({MODULES})\.(\w+)", PAGE))
    assert len(names) > 20 and {module for module, _ in names} == set(MODULES.split("|"))
    for module, name in names:
        package = "methods" if module.startswith("_") else "bench.models"
        assert hasattr(importlib.import_module(f"{package}.{module}"), name), f"{module}.{name}"
    from methods._closed_form import Equations
    from methods._noise import Pool

    for owner, word in ((Equations, "sums"), (Pool, "pool"), (steering.Rows, "rows")):
        for name in re.findall(rf"\b{word}\.(\w+)", PAGE):
            assert hasattr(owner, name) or name in owner.__annotations__, f"{word}.{name}"


def test_every_part_of_an_eraser_is_on_the_page() -> None:
    parts = {*Eraser.__annotations__, "fit", "apply", "check"}
    assert not {part for part in parts if f"`{part}" not in PAGE}


def test_the_entry_points_are_those_that_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = tomllib.loads(block("toml"))["project"]["entry-points"]
    asked: set[str] = set()
    monkeypatch.setattr(plugins, "entry_points", lambda group: asked.add(group) or ())
    plugins._declared.cache_clear()
    for kind in ("method", "metric", "attack", "suite"):
        plugins.declared(kind)
    plugins._declared.cache_clear()
    assert asked == set(groups)
