"""Plug-ins: a package built and installed here, and packages that declare what cannot be used."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import cli, plugins, prompts, registry
from bench.types import InputError

ROOT = Path(__file__).resolve().parents[2]
PROJECT = {
    "pyproject.toml": """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "fading"
version = "1.5"
[project.entry-points."erasure_bench.methods"]
fade = "fading.fade:Fade"
[project.entry-points."erasure_bench.metrics"]
redness = "fading.redness:Redness"
[project.entry-points."erasure_bench.attacks"]
shout = "fading.shout:Shout"
[project.entry-points."erasure_bench.suites"]
planes = "fading:suites.planes"
[tool.setuptools]
packages = ["fading"]
[tool.setuptools.package-data]
fading = ["suites/**/*"]
""",
    "fading/__init__.py": "import torch\n",
    "fading/_strength.py": "FACTOR = 0.5\n",
    "fading/fade.py": '''
from dataclasses import dataclass
from typing import ClassVar
from bench.models.eraser import Eraser
from bench.types import silent
from fading._strength import FACTOR

@dataclass(frozen=True)
class Fade(Eraser):
    """Fades what text says."""

    paper: ClassVar[str] = "Nobody, 2026"
    touches: ClassVar[tuple[str, ...]] = ("unet.*.attn2.to_v.weight",)

    times: int = 1
    """How often."""

    def fit(self, pipe, concepts, *, seed, progress=silent):
        weights = pipe.unet.state_dict()
        faded = {name: weights[name] for name in weights if name.endswith("attn2.to_v.weight")}
        return {name: value * FACTOR**self.times for name, value in faded.items()}
''',
    "fading/redness.py": '''
from bench.images import read_image
from bench.metrics import Measure, Metric, column
from bench.types import ROLES

class Redness(Metric):
    """The mean of red."""

    paper = "none"
    columns = ("red",)
    detector = "the red channel"

    def measures(self):
        value = column(self.name, "red")
        return (Measure("redness", "mean red", "none", "0 to 255", ROLES, value=value),)

    def measure(self, images, prompts, setting, progress=None):
        return [{"red": float(read_image(path).getchannel("R").resize((1, 1)).getpixel((0, 0)))}
                for path in images]
''',
    "fading/shout.py": '''
from dataclasses import dataclass
from typing import ClassVar
from bench.attacks import Attack, Cost, Found

@dataclass(frozen=True)
class Shout(Attack):
    """Says it louder."""

    paper: ClassVar[str] = "none"
    adaptive: ClassVar[bool] = False

    def search(self, problem, progress=None):
        return [Found(prompt.text.upper()) for prompt in problem.prompts]

    def cost(self, prompts, candidates):
        return Cost()
''',
    "fading/suites/planes/suite.toml": """
name = "planes"
version = "1"
kind = "object"
prompt_files = ["prompts.csv"]
metrics = ["judge", "redness"]
summary = "Two images of planes."
[cases]
airplane = ["airplane"]
[sizes.smoke]
images = { target = 2, far = 1 }
cases = ["airplane"]
""",
    "fading/suites/planes/prompts.csv": """id,concept,role,text,seed
a,airplane,target,a photo of an airplane,1
b,airplane,target,a photo of an airplane,2
c,cat,far,a photo of a cat,3
""",
}


@pytest.fixture(scope="module")
def fading(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the project's wheel, install it, and return where."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("site-packages")
    for name, text in PROJECT.items():
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    offline = ("--no-build-isolation", "--no-deps", "--no-index", "--quiet")
    words = [sys.executable, "-m", "pip", "install", *offline, "--target", target, source]
    subprocess.run(words, check=True, capture_output=True)
    return target


@pytest.mark.parametrize(
    ("what", "name"),
    [("methods", "fade"), ("metrics", "redness"), ("attacks", "shout"), ("suites", "planes")],
)
def test_lists_say_what_an_installed_package_brings(
    alone: Callable[..., object], fading: Path, what: str, name: str
) -> None:
    done = alone("list", what, environment={"PYTHONPATH": f"{ROOT}{os.pathsep}{fading}"})
    assert done.status == 0, done.err
    lines = done.out.splitlines()
    assert any(line.split()[0] == name for line in lines)
    assert f"{name} comes from fading 1.5" in lines
    assert not {"torch", "fading"} & done.packages


def test_what_it_brings_runs_and_the_record_says_whose_it_is(
    alone: Callable[..., object], fading: Path, tmp_path: Path
) -> None:
    path = {"PYTHONPATH": f"{ROOT}{os.pathsep}{fading}"}
    words = ("--method", "fade", "--suite", "planes", "--size", "smoke", "--out", str(tmp_path))
    words = (*words, "--attack", "shout", "--budget", "quick", "--steps", "2", "--device", "cpu")
    # One process: each imports torch anew.
    done = alone("run", *words, "--workers", "1", environment=path)
    assert done.status == 0, done.err
    (run,) = tmp_path.glob("fade-planes-mini-smoke-*")
    facts = json.loads((run / "record.json").read_text())["provenance"]
    names = ("method fade", "metric redness", "suite planes")
    assert facts["plugins"] == dict.fromkeys(names, "fading 1.5")
    (original,) = tmp_path.glob("original-*")
    facts = json.loads((original / "record.json").read_text())["provenance"]
    assert facts["plugins"] == dict.fromkeys(names[1:], "fading 1.5")
    reds = {
        folder.name: [row.split(",") for row in (folder / "per_image.csv").read_text().split()]
        for folder in (run, original)
    }
    assert all("redness_red" in rows[0] for rows in reds.values())
    with (run / "attacks.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["attack"], row["origin"]) == ("shout", "fading 1.5")


def test_a_plug_ins_version_covers_its_own_modules(
    fading: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(fading)
    entry = registry.method("fade")
    assert (entry.origin, entry.module) == ("fading 1.5", "fading.fade")
    before, file = entry.version, fading / "fading" / "_strength.py"
    text = file.read_text()
    file.write_text("FACTOR = 0.25\n")
    assert registry.method("fade").version != before
    file.write_text(text)
    assert registry.method("fade").version == before


def install(folder: Path, name: str, points: str, **files: str) -> None:
    """Put a package into a folder, as an installer leaves it."""
    facts = folder / f"{name}-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(points)
    for module, text in files.items():
        (folder / f"{module}.py").write_text(text)


ERASER = '''
class Rub(Eraser):
    """Rubs."""

    def fit(self, pipe, concepts, *, seed, progress=None):
        return {}
'''


@pytest.mark.parametrize(
    ("point", "reason"),
    [
        ("gone = no_such_package.rub:Rub", "there is no Python module 'no_such_package.rub'"),
        ("gone = rubs.deeper:Rub", "there is no Python module 'rubs.deeper'"),
        ("gone = broken:Rub", "is not Python that can be read"),
        ("gone = rubs:Rube", "nearest: Rub"),
        ("gone = rubs", "unknown method"),
        ("uce = rubs:Rub", "has a method of its own with that name"),
        ("all = rubs:Rub", "cannot be called that"),
        ("a/b = rubs:Rub", "cannot be called that"),
    ],
)
def test_what_cannot_be_used_is_told_and_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    point: str, reason: str,
) -> None:  # fmt: skip
    points = f"[erasure_bench.methods]\n{point}\nrub = rubs:Rub\n"
    install(tmp_path, "rubber", points, rubs=ERASER, broken="def (")
    monkeypatch.syspath_prepend(tmp_path)
    assert cli.main(["list", "methods"]) == 0
    out = capsys.readouterr().out.splitlines()
    name = point.split(" ")[0]
    (told,) = (line for line in out if line.startswith("left out: "))
    assert told.startswith(f"left out: method '{name}' of rubber 1.0: ") and reason in told
    assert "rub comes from rubber 1.0" in out
    assert registry.method("rub").summary == "Rubs." and registry.method("uce").origin == ""
    if name not in (*registry.methods(), "all"):
        assert cli.main(["run", "--method", name, "--plan"]) == 2
        assert reason in capsys.readouterr().err


def test_a_name_that_two_packages_bring_is_neithers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        points = "[erasure_bench.methods]\nrub = rubs:Rub\n"
        install(tmp_path, name, points, rubs=ERASER)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match=r"several packages bring one: one 1\.0, two 1\.0"):
        registry.method("rub")


def test_a_module_that_fails_when_imported_costs_no_one_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    points = "[erasure_bench.metrics]\nsheen = sheens:Sheen\n[erasure_bench.attacks]\nx = xs:X\n"
    metric = 'import no_such_module\nclass Sheen(Metric):\n    """Shines."""\n'
    install(tmp_path, "sheens", points, sheens=metric, xs="1 / 0\nclass X(Attack):\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    for what, why in (("metrics", "ModuleNotFoundError"), ("attacks", "ZeroDivisionError")):
        assert cli.main(["list", what, "-v"]) == 0
        (told,) = (line for line in capsys.readouterr().out.splitlines() if "left out" in line)
        assert "of sheens 1.0" in told and why in told
    assert {"judge", "sheen"} <= set(registry.metrics())
    assert "judge" in registry.usable_metrics() and "sheen" not in registry.usable_metrics()
    with pytest.raises(InputError, match="no_such_module"):
        registry.metric("sheen")


def test_a_metric_is_called_as_its_class_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = "[erasure_bench.metrics]\nshine = sheens:Sheen\n"
    install(tmp_path, "sheens", points, sheens="class Sheen(Metric):\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match="called as its class in lower case, sheen"):
        registry.metric("shine")


@pytest.mark.parametrize(
    ("point", "reason"),
    [
        ("planes = hangar", "there is no package 'hangar' with a suite.toml"),
        ("planes = planesets:empty", "there is no package 'planesets:empty'"),
        ("aircraft = planesets:good", "calls it 'planes'"),
        ("objects = planesets:good", "has a suite of its own with that name"),
        ("planes = planesets:bad", "'version' is missing"),
    ],
)
def test_a_suite_that_cannot_be_used_is_told_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    point: str, reason: str,
) -> None:  # fmt: skip
    text = PROJECT["fading/suites/planes/suite.toml"]
    for name in ("good", "bad", "empty"):
        (tmp_path / "planesets" / name).mkdir(parents=True)
    (tmp_path / "planesets" / "__init__.py").write_text("1 / 0\n")
    (tmp_path / "planesets" / "good" / "suite.toml").write_text(text)
    (tmp_path / "planesets" / "bad" / "suite.toml").write_text(text.replace('version = "1"', ""))
    install(tmp_path, "planesets", f"[erasure_bench.suites]\n{point}\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert cli.main(["list", "suites"]) == 0
    (told,) = (line for line in capsys.readouterr().out.splitlines() if "left out" in line)
    assert reason in told and "of planesets 1.0" in told
    name = point.split(" ")[0]
    if name not in prompts.suites():
        with pytest.raises(InputError, match=r"of planesets 1\.0"):
            prompts.suite(name)
    assert prompts.others() and name not in prompts.plugged().known


def test_sources_are_found_without_importing_the_packages_that_they_are_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "outer_x" / "inner" / "deep" / "leaf.py"
    file.parent.mkdir(parents=True)
    file.write_text("")
    (tmp_path / "inner.py").write_text("")
    (tmp_path / "leaf.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    # Folders without __init__.py, then packages.
    assert plugins.source("outer_x.inner.deep.leaf") == file
    for folder in (file.parent, file.parent.parent):
        (folder / "__init__.py").write_text("1 / 0\n")
    assert plugins.source("outer_x.inner.deep.leaf") == file
    assert plugins.source("outer_x.inner.deep") == file.parent / "__init__.py"
    assert plugins.folder("outer_x:inner.deep", "leaf.py") == file.parent
    for name in ("leaf.inner", "outer_x.leaf", "outer_x", "sys", "json.decoder.x", ""):
        with pytest.raises(InputError, match="there is no Python module"):
            plugins.source(name)
    assert not {"outer_x", "outer_x.inner"} & set(sys.modules)
