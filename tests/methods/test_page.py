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
from bench.models import pipelines
from bench.models.eraser import Eraser
from bench.runs import contract
from bench.types import Concept, InputError

PAGE = (Path(__file__).resolve().parents[2] / "methods" / "README.md").read_text(encoding="utf-8")
MODULES = "pipelines|_closed_form|_tokens|_prompts|_unet|_noise|_training|_lora"

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


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)
    return str(found)


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The example, saved as the page says; returns what `--method` is given."""
    path = tmp_path_factory.mktemp("page") / "rece.py"
    path.write_text(block("python"), encoding="utf-8")
    return f"{path}:Rece"


def make(example: str, **options: object) -> Eraser:
    settings = [f"{name}={value}" for name, value in options.items()]
    entry = registry.method(example)
    return registry.load_method(entry, registry.options(entry, "", settings))


def test_the_example_keeps_to_the_contract(example: str) -> None:
    results = list(contract.check(example))
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


def test_all_that_the_page_names_is_there() -> None:
    names = set(re.findall(rf"\b({MODULES})\.(\w+)", PAGE))
    assert len(names) > 20 and {module for module, _ in names} == set(MODULES.split("|"))
    for module, name in names:
        package = "bench.models" if module == "pipelines" else "methods"
        assert hasattr(importlib.import_module(f"{package}.{module}"), name), f"{module}.{name}"
    from methods._closed_form import Equations
    from methods._noise import Pool

    for owner, word in ((Equations, "sums"), (Pool, "pool")):
        for name in re.findall(rf"\b{word}\.(\w+)", PAGE):
            assert hasattr(owner, name), f"{word}.{name}"


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
