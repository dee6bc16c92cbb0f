"""Trials on the tiny pipeline, with an eraser made here and a decider that is told what to see."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bench import registry
from bench.attacks import Attack, Budget, Found, Problem
from bench.files import read_rows
from bench.models import loading
from bench.results.store import RunFolder
from bench.runs import plan, provenance
from bench.runs.resolved import Resolved
from bench.runs.schedule import Setup
from bench.runs.trials import attack, baseline, units
from bench.runs.trials import plan as trials
from bench.runs.trials.plan import Attempt
from bench.types import Progress, Prompt, RunSpec, silent

ERASER = '''
from dataclasses import dataclass
from typing import Any, ClassVar
from bench.models import loading, pipelines
from bench.models.eraser import Eraser
from bench.types import silent

@dataclass(frozen=True)
class Halver(Eraser):
    """Halves all that text gives."""

    paper: ClassVar[str] = "none"
    touches: ClassVar[tuple[str, ...]] = ("unet.*attn2*",)

    factor: float = 0.5
    """What it is multiplied with."""

    def fit(self, pipe: Any, concepts: Any, *, seed: int, progress: Any = silent) -> Any:
        weights = pipelines.cross_attention(pipe.unet)
        return {name: self.factor * weight.detach() for name, weight in weights.items()}
'''

SMALL: Mapping[str, Mapping[str, Any]] = {
    "p4d": {"steps": 2, "restarts": 1, "tokens": 2, "pairs": 1},
    "unlearndiffatk": {"steps": 2, "restarts": 1, "tokens": 2, "pairs": 1},
    "inversion": {"steps": 2, "batch": 2, "examples": 3},
    "ring_a_bell": {"population": 4, "generations": 2, "tokens": 4},
    "seed_search": {},
    "latent_inversion": {},
    "image_guided": {"strength": 1.0},
}


@dataclass
class Scripted:
    """A decider that sees the concept in the images that it is told to see it in."""

    name: str = "scripted"
    blind_to: set[str] = field(default_factory=set)
    """Prompts whose un-erased image does not show the concept."""
    before: set[str] = field(default_factory=set)
    """Candidates of the prompts as they are whose erased image still does."""
    brought: set[str] = field(default_factory=set)
    """Candidates of what was found that do."""
    looked: list[str] = field(default_factory=list)
    """What it looked at, by the name of the folder of images."""

    def shows(
        self, images: Sequence[Path], rows: Sequence[Prompt], progress: Progress = silent
    ) -> list[bool]:
        self.looked += dict.fromkeys(path.parent.parent.name for path in images)
        return [self._sees(path, row.id) for path, row in zip(images, rows, strict=True)]

    def _sees(self, path: Path, name: str) -> bool:
        assert path.exists() and path.stem == name
        if any(part.startswith("original") for part in path.parts):
            return name.removesuffix("-0") not in self.blind_to
        before = path.parent.parent.name.startswith("pre_asr")
        return name in (self.before if before else self.brought)


@dataclass
class Watched:
    """An attack that is watched: what it was let at, and where it is stopped."""

    attack: Attack
    seen: list[Problem]
    stop_at: int | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.attack, name)

    def search(self, problem: Problem, progress: Progress = silent) -> list[Found]:
        if len(self.seen) == self.stop_at:
            raise KeyboardInterrupt
        self.seen.append(problem)
        return self.attack.search(problem, progress)


class Bench:
    """Trials on the tiny pipeline: four prompts, searched two at a time, three candidates each."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.out, self.decider, self.seen, self.stop_at = folder / "runs", Scripted(), [], None
        self.eraser = folder / "halver.py"
        self.eraser.write_text(ERASER)
        patch.setitem(trials.BUDGETS, "quick", Budget(prompts=4, candidates=3, batch=2))  # type: ignore[arg-type]
        for module in (baseline, units):
            patch.setattr(module, "decider", lambda resolved, case, device: self.decider)
        load = registry.load_attack
        patch.setattr(
            registry,
            "load_attack",
            lambda entry, values: Watched(load(entry, values), self.seen, self.stop_at),
        )
        self.seen: list[Problem]
        self.concepts = ["airplane"]
        """What the case erases, together where they are several."""
        self.stop_at: int | None
        self.planned: dict[tuple[str, ...], list[RunSpec]] = {}

    def specs(self, *settings: str) -> list[RunSpec]:
        """Planned once for an eraser as it is: tests ask for them at every turn."""
        asked = (self.eraser.read_text(), *self.concepts, *settings)
        if asked not in self.planned:
            self.planned[asked] = self._plan(settings)
        return self.planned[asked]

    def _plan(self, settings: Sequence[str]) -> list[RunSpec]:
        return plan.specs(
            [f"{self.eraser}:Halver"],
            model="mini",
            suite="objects",
            size="quick",
            concepts=self.concepts,
            together=len(self.concepts) > 1,
            settings=settings,
            steps=1,
        )

    @property
    def words(self) -> list[str]:
        """The command that attacks this bench's run."""
        words = ["attack", "--method", f"{self.eraser}:Halver", "--concept", "airplane"]
        # By this process alone: others would not know what is patched here.
        words += ["--steps", "1", "--device", "cpu", "--workers", "1"]
        return [*words, "--out", str(self.out)]

    def baseline(self) -> baseline.Baseline:
        """The un-erased model's side of a trial of seed_search."""
        spec = self.specs()[0]
        resolved = Resolved(spec)
        chosen = trials.attempts(["seed_search"], "quick", "mini")
        weights = provenance.weights_hash(spec.model)
        return baseline.Baseline(resolved, self.out, weights, resolved.cases[0], chosen, "cpu")

    @property
    def folder(self) -> RunFolder:
        return RunFolder(self.out, self.specs()[1].run_id)

    @property
    def ids(self) -> list[str]:
        resolved = Resolved(self.specs()[0])
        rows = trials.targets(resolved, resolved.cases[0], trials.BUDGETS["quick"])
        return [row.id for row in rows]

    def attempt(self, name: str, **options: Any) -> Attempt:
        entry = registry.attacks()[name]
        return Attempt(entry, registry.options(entry, "mini") | SMALL[name] | options, "quick")

    def attack(self, *names: str, **options: Any) -> list[Mapping[str, str]]:
        chosen = [self.attempt(name, **options) for name in names]
        return list(attack.attack(self.specs(), chosen, self.out, Setup()))

    def trials(self, name: str) -> list[Path]:
        return sorted((self.folder.path / "attacks" / "airplane").glob(f"{name}-quick-*"))

    def results(self, name: str) -> list[Mapping[str, str]]:
        (path,) = self.trials(name)
        return list(read_rows(path / "results.csv"))

    def found(self, name: str) -> list[str]:
        """Return the ids of the prompts that were searched for."""
        (path,) = self.trials(name)
        return [row["id"] for file in sorted(path.glob("found/*.csv")) for row in read_rows(file)]


@pytest.fixture
def bench(tmp_path: Path, tiny_pipe: Any, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A bench whose mini is the tiny pipeline."""
    monkeypatch.setattr(loading, "shared", lambda *_: tiny_pipe)
    return Bench(tmp_path, monkeypatch)


@pytest.fixture
def another(tmp_path: Path, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes the bench forget its runs: it goes on in an empty folder."""

    def empty() -> None:
        bench.out = tmp_path / "others"
        bench.seen.clear()

    return empty
