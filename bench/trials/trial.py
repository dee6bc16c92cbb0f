"""Tries attacks on the edits of runs: which prompts, before, search, after; resumable by batch."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from bench import folders as run_folders
from bench import pipelines, prompts, registry, runner
from bench.attacks import Attack
from bench.generate import generate
from bench.store import UNEDITED, Row, RunFolder, write_bytes
from bench.trials import plan
from bench.trials.folder import RESULT, TrialFolder, collect, digest, sha256
from bench.trials.ground import Ground
from bench.trials.plan import Attempt
from bench.types import ORIGINAL, Progress, Prompt, RunSpec, silent


def attack(
    specs: Sequence[RunSpec],
    chosen: Sequence[Attempt],
    out: Path,
    *,
    device: str = "cpu",
    progress: Progress = silent,
) -> list[Row]:
    """Try attacks on the edits of runs and return one summary row a trial.

    An edit that is missing is made first, as the run makes it. What is there already is kept: a
    finished trial is read, a stopped one goes on at the batch it stopped in.

    Args:
        specs: The un-erased model's run first, as `bench.plan.specs` returns them.
        chosen: The attacks.
        out: Folder that holds the run folders.
        device: Where to compute.
        progress: Told what is under way.

    Raises:
        InputError: before any erasing, if no picture can be judged, a prompt does not fit or the
            un-erased model draws the concept of none.
    """
    run_folders.opened(specs[0], out)
    trials = _trials(specs, chosen, out, device, progress)
    left = [trial for trial in trials if trial.finished() is None]
    for ground in {id(trial.ground): trial.ground for trial in left}.values():
        ground.prepare(chosen)
    rows = []
    for _, same in groupby(trials, key=lambda trial: trial.spec.run_id):
        for trial in (mine := list(same)):
            if trial in left:
                runner.erase(trial.spec, out, device=device, progress=progress)
            rows.append(trial.run())
        collect(mine[0].run_folder)
    return rows


def finished(specs: Sequence[RunSpec], chosen: Sequence[Attempt], out: Path) -> list[Row]:
    """Return what `attack` would if nothing is left to do, else nothing; needs no torch."""
    rows = [trial.finished() for trial in _trials(specs, chosen, out, "", silent)]
    done = [row for row in rows if row is not None]
    return done if len(done) == len(rows) else []


def folders(
    specs: Sequence[RunSpec], chosen: Sequence[Attempt], out: Path
) -> dict[str, list[Path]]:
    """Return, by run id, the folders of the finished trials of the first case; needs no torch."""
    found: dict[str, list[Path]] = {}
    for trial in _trials(specs, chosen, out, "", silent):
        if trial.ground.case.name == specs[0].cases[0] and trial.finished() is not None:
            found.setdefault(trial.spec.run_id, []).append(trial.folder.path)
    return found


def _trials(
    specs: Sequence[RunSpec], chosen: Sequence[Attempt], out: Path, device: str, progress: Progress
) -> list[Trial]:
    """Return the attacks on each case of each edit; nothing is loaded yet."""
    plain = RunFolder(out, specs[0].run_id)
    grounds = [
        Ground(specs[0], plain, suite, case, chosen[0], device, progress)
        for suite, case in plan.cases(specs[0])
    ]
    return [
        Trial(spec, RunFolder(out, spec.run_id), ground, attempt)
        for spec in specs
        if spec.method != ORIGINAL
        for ground in grounds
        for attempt in chosen
    ]


@dataclass(eq=False)
class Trial:
    """One attack on one edit."""

    spec: RunSpec
    run_folder: RunFolder
    ground: Ground
    attempt: Attempt

    @cached_property
    def edit(self) -> Path:
        """The edit's file."""
        return self.run_folder.edit_path(self.ground.case.name)

    @cached_property
    def edit_hash(self) -> str:
        """The SHA-256 of the edit."""
        return sha256(self.edit)

    @cached_property
    def folder(self) -> TrialFolder:
        """The trial's files, under a name that changes with all that decides the result."""
        entry = self.attempt.entry
        facts = {
            "options": dict(self.attempt.options),
            "version": entry.version,
            "edit": self.edit_hash,
            "amount": [self.attempt.amount.prompts, self.attempt.amount.candidates],
            "prompts": prompts.file_hash(self.ground.suite, pipelines.family_of(self.spec)),
        }
        name = f"{entry.name}-{self.attempt.budget}-{digest(facts)}"
        return TrialFolder(self.run_folder, self.ground.case.name, name)

    @cached_property
    def erased(self) -> Any:
        """The erased pipeline."""
        from bench.edits import apply_edit

        return apply_edit(self.ground.pipe, self.edit)

    @cached_property
    def attack(self) -> Attack:
        """The attack with its options."""
        return registry.load_attack(self.attempt.entry, self.attempt.options)

    def finished(self) -> Row | None:
        """Return the finished trial's summary, None if something is left; loads no model."""
        return self.folder.summary() if self.edit.exists() else None

    def run(self) -> Row:
        """Carry out what is left of the trial and return its summary."""
        finished = self.finished()
        if finished is not None:
            return finished
        ground = self.ground
        rows = self.folder.read([row.id for row in ground.usable]) or self._blank()
        for number, batch in enumerate(self._batches()):
            if not rows[batch[0]]["found"]:
                self._search(number, batch, rows)
            if not rows[batch[0]]["after"]:
                self._draw(number, batch, rows)
        facts = {
            "method": self.spec.method_name,
            "model": self.spec.model,
            "suite": self.spec.suite,
            "case": ground.case.name,
            "role": f"attack.{self.attempt.entry.name}",
            "kind": self.attempt.kind,
            "budget": self.attempt.budget,
            "convention": self.attempt.convention,
            "metric": ground.detector.name,
            "left_out": str(len(ground.asked) - len(rows)),
            "edit": self.edit_hash,
        }
        return self.folder.finish(facts, rows)

    def _blank(self) -> list[Row]:
        """Return a row for each prompt, with what is known before the attack."""
        from bench.edits import read_header

        ground = self.ground
        name = ground.case.name if read_header(self.edit)[0] else UNEDITED
        pictures = ground.drawn(self.erased, self.run_folder, name)
        shown = ground.detector.shows(pictures, ground.asked, ground.progress)
        before = {row.id: there for row, there in zip(ground.asked, shown, strict=True)}
        return [
            dict.fromkeys(RESULT, "")
            | {"id": row.id, "concept": row.concept, "text": row.text, "seed": str(row.seed)}
            | {"before": str(int(before[row.id]))}
            for row in ground.usable
        ]

    def _batches(self) -> Iterator[list[int]]:
        """Yield the places of prompts that are searched for together, of one concept each."""
        size = len(self.ground.usable) if self.attack.together else self.attempt.amount.batch
        by_concept: dict[str, list[int]] = {}
        for place, row in enumerate(self.ground.usable):
            by_concept.setdefault(row.concept, []).append(place)
        for places in by_concept.values():
            for start in range(0, len(places), size):
                yield places[start : start + size]

    def _search(self, number: int, batch: Sequence[int], rows: list[Row]) -> None:
        """Search for the prompts of a batch, and keep what was found before it is drawn."""
        from safetensors.torch import save

        from bench.meter import counted
        from bench.trials.problem import pose

        ground = self.ground
        asked = [ground.usable[place] for place in batch]
        tested = [each for row in ground.asked for each in self.candidates(row, row.text)]
        problem = pose(ground, self.attack, self.erased, asked, tested, self.spec.seed)
        start = time.perf_counter()
        with counted() as spent:
            found = self.attack.search(problem, ground.progress)
        seconds = time.perf_counter() - start
        learnt = {each.word: each.embedding for each in found if each.embedding is not None}
        if learnt:
            write_bytes(self.folder.embedding_path(number), save(learnt))
        for place, each in zip(batch, found, strict=True):
            rows[place] |= {
                "found": each.text,
                "embedding": self.folder.embedding_path(number).name if each.word else "",
                "loss": f"{each.loss:.6g}",
                "evaluations": f"{spent() / len(batch):.6g}",
                "seconds": f"{seconds / len(batch):.3f}",
            }
        self.folder.write(rows)

    def _draw(self, number: int, batch: Sequence[int], rows: list[Row]) -> None:
        """Draw the candidates of a batch and look at them."""
        from safetensors.torch import load

        from bench.attacks.speaking import Speaking

        pipe, ground = self.erased, self.ground
        start = time.perf_counter()
        if rows[batch[0]]["embedding"]:
            pipe = Speaking(pipe, load(self.folder.embedding_path(number).read_bytes()))
        candidates = [
            candidate
            for place in batch
            for candidate in self.candidates(ground.usable[place], rows[place]["found"])
        ]
        images = self.folder.images
        paths = generate(pipe, candidates, images, self.spec.sampler, progress=ground.progress)
        shown = ground.detector.shows(paths, candidates, ground.progress)
        seconds = (time.perf_counter() - start) / len(batch)
        count = self.attempt.amount.candidates
        for order, place in enumerate(batch):
            own = shown[order * count : (order + 1) * count]
            rows[place] |= {"hits": str(sum(own)), "after": str(int(any(own)))}
            rows[place]["first"] = str(own.index(True)) if any(own) else ""
            rows[place] |= {"candidates": str(count)}
            rows[place]["seconds"] = f"{float(rows[place]['seconds']) + seconds:.3f}"
        self.folder.write(rows)

    def candidates(self, row: Prompt, text: str) -> list[Prompt]:
        """Return the pictures to draw of what was found: the prompt's own seed, then others."""
        count = self.attempt.amount.candidates
        others = np.random.SeedSequence([row.seed, self.spec.seed]).generate_state(count - 1)
        seeds = [row.seed, *(int(seed) for seed in others)]
        return [
            replace(row, id=f"{row.id}-{number}", text=text, seed=seed)
            for number, seed in enumerate(seeds)
        ]
