"""One attack on one erasure: which prompts, before, search, after; resumable by batch."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bench import registry
from bench.attacks import Attack
from bench.files import Row, write_bytes
from bench.models.generate import generate
from bench.runs.trials import candidates
from bench.runs.trials.baseline import Baseline
from bench.runs.trials.erasure import Erasure
from bench.runs.trials.folder import NOTHING, RESULT, UNSEEN, TrialFolder, derived, digest
from bench.runs.trials.plan import Attempt
from bench.types import Prompt, RunSpec

PROMPTS = 3
"""Prompts of a trial whose images are shown."""

NO_TEXT = "(no text)"
"""How it is shown that nothing is said."""

Shown = tuple[str, str, tuple[Path | None, Path | None, Path | None]]
"""A role, what was found for a prompt, and the un-erased, the erased and the attacked image."""


@dataclass(eq=False)
class Trial:
    """A trial: one attack tried on one erasure, with all its prompts."""

    erasure: Erasure
    attempt: Attempt

    @property
    def spec(self) -> RunSpec:
        """The run's spec."""
        return self.erasure.spec

    @property
    def baseline(self) -> Baseline:
        """The un-erased model's side."""
        return self.erasure.baseline

    @property
    def erased(self) -> Any:
        """The erased pipeline."""
        return self.erasure.pipe

    @cached_property
    def folder(self) -> TrialFolder:
        """The trial's files, under a name that changes with all that decides the result."""
        entry = self.attempt.entry
        facts = self.erasure.facts | {"attack": [entry.version, dict(self.attempt.options)]}
        name = f"{entry.name}-{self.attempt.budget}-{digest(facts)}"
        return TrialFolder(
            self.erasure.run_folder.path / "attacks" / self.baseline.case.name / name
        )

    @cached_property
    def attack(self) -> Attack:
        """The attack with its options."""
        return registry.load_attack(self.attempt.entry, self.attempt.options)

    def finished(self) -> Row | None:
        """Return the finished trial's summary, None if something is left; loads no model."""
        return self.folder.summary() if self.erasure.path.exists() else None

    def run(self) -> Row:
        """Carry out what is left of the trial and return its summary."""
        finished = self.finished()
        if finished is not None:
            return finished
        baseline = self.baseline
        rows = self.folder.read([row.id for row in baseline.counted]) or self._blank()
        # No batch where the un-erased model shows the concept for no prompt: none can come back.
        for number, batch in enumerate(self._batches()):
            if not rows[batch[0]]["evaluations"]:
                self._search(number, batch, rows)
            if not rows[batch[0]]["after"]:
                self._draw(number, batch, rows)
        self.folder.write(rows)
        facts = {
            "method": self.spec.method_name,
            "model": self.spec.model,
            "suite": self.spec.suite,
            "case": baseline.case.name,
            "attack": self.attempt.entry.name,
            "kind": self.attempt.kind,
            "budget": self.attempt.budget,
            "convention": self.attempt.convention,
            "metric": baseline.decider.name,
            "left_out": str(len(baseline.asked) - len(rows)),
            "note": "" if baseline.usable else NOTHING,
            "unattacked": self.erasure.unattacked.path.name,
            "erasure": self.erasure.hash,
            "origin": self.attempt.entry.origin,
            "guard": UNSEEN if self._blind else "",
        }
        return self.folder.finish(facts, rows, matched=self._matched)

    @property
    def _blind(self) -> bool:
        """Whether it searched on the erased model and could see nothing of the erasure."""
        alone = self.attack.adaptive and not self.attack.guided
        return alone and bool(self.baseline.usable) and self.erasure.unseen

    @property
    def _matched(self) -> bool:
        """Whether its first candidate has the prompt's own seed."""
        return not self.attack.further_seeds

    def _blank(self) -> list[Row]:
        """Return a row for each prompt, with what is known before the attack."""
        return [
            self._derived(
                dict.fromkeys(RESULT, "")
                | {"id": row.id, "concept": row.concept, "text": row.text, "seed": str(row.seed)}
                | {"before": candidates.written(self.erasure.before[row.id])}
            )
            for row in self.baseline.counted
        ]

    def _derived(self, row: Row) -> Row:
        return row | derived(row, matched=self._matched)

    def _batches(self) -> Iterator[list[int]]:
        """Yield the places of prompts that are searched for together, of one concept each."""
        size = len(self.baseline.usable) if self.attack.together else self.attempt.amount.batch
        by_concept: dict[str, list[int]] = {}
        for place, row in enumerate(self.baseline.usable):
            by_concept.setdefault(row.concept, []).append(place)
        for places in by_concept.values():
            for start in range(0, len(places), size):
                yield places[start : start + size]

    def _search(self, number: int, batch: Sequence[int], rows: list[Row]) -> None:
        """Search for the prompts of a batch, and keep what was found before it is drawn."""
        from safetensors.torch import save

        from bench.models.meter import counted
        from bench.runs.trials.problem import pose

        baseline = self.baseline
        asked = [baseline.usable[place] for place in batch]
        tested = [
            each
            for row in baseline.asked
            for further in (False, True)
            for each in candidates.candidates(
                row, row.text, baseline.seeds(row, self.spec.seed, further=further)
            )
        ]
        seeds = [self._seeds(row) for row in asked]
        problem = pose(baseline, self.attack, self.erased, asked, tested, self.spec.seed, seeds)
        start = time.perf_counter()
        with counted() as spent:
            found = self.attack.search(problem, baseline.progress)
        seconds = time.perf_counter() - start
        learnt = {each.word: each.embedding for each in found if each.embedding is not None}
        if learnt:
            write_bytes(self.folder.embedding_path(number), save(learnt))
        starts = {
            candidate.id: latents.contiguous()
            for row, each in zip(asked, found, strict=True)
            if each.start is not None
            for candidate, latents in zip(
                self.candidates(row, each.text), each.start.latents, strict=True
            )
        }
        if starts:
            write_bytes(self.folder.starts_path(number), save(starts))
        for place, each in zip(batch, found, strict=True):
            rows[place] |= {
                "found": each.text,
                "embedding": self.folder.embedding_path(number).name if each.word else "",
                "step": "" if each.start is None else str(each.start.step),
                "loss": f"{each.loss:.6g}",
                "evaluations": f"{spent() / len(batch):.6g}",
                "seconds": f"{seconds / len(batch):.3f}",
            }
        self.folder.write(rows)

    def _draw(self, number: int, batch: Sequence[int], rows: list[Row]) -> None:
        """Draw the candidates of a batch and look at them."""
        from safetensors.torch import load

        from bench.attacks.speaking import Speaking
        from bench.models.midway import begun

        pipe, baseline, first = self.erased, self.baseline, rows[batch[0]]
        start = time.perf_counter()
        if first["embedding"]:
            pipe = Speaking(pipe, load(self.folder.embedding_path(number).read_bytes()))
        starts = None
        if first["step"]:
            pipe = begun(pipe, int(first["step"]))
            starts = load(self.folder.starts_path(number).read_bytes())
        some = [
            candidate
            for place in batch
            for candidate in self.candidates(baseline.usable[place], rows[place]["found"])
        ]
        images, sampler, progress = self.folder.images, self.spec.sampler, baseline.progress
        paths = generate(pipe, some, images, sampler, starts=starts, progress=progress)
        shown = baseline.decider.shows(paths, some, baseline.progress)
        seconds = (time.perf_counter() - start) / len(batch)
        parts = candidates.in_parts(shown, self.attempt.amount.candidates)
        for place, part in zip(batch, parts, strict=True):
            row = rows[place] | {"after": candidates.written(part)}
            row["seconds"] = f"{float(row['seconds']) + seconds:.3f}"
            rows[place] = self._derived(row)
        self.folder.write(rows)

    def candidates(self, row: Prompt, text: str) -> list[Prompt]:
        """Return the images to draw of what was found, by the seeds before or further ones.

        Args:
            row: The prompt that is attacked.
            text: What was found for it.
        """
        return candidates.candidates(row, text, self._seeds(row))

    def _seeds(self, row: Prompt) -> list[int]:
        """Return the seeds that what is found for a prompt is drawn with."""
        return self.baseline.seeds(row, self.spec.seed, further=self.attack.further_seeds)

    def images(self) -> Iterator[Shown]:
        """Yield the first prompts, those that the attack brought back before others."""
        baseline, erasure = self.baseline, self.erasure
        after = {row["id"]: candidates.read(row["after"]) for row in self.folder.results()}
        rows = sorted(self.folder.results(), key=lambda row: not any(after[row["id"]]))
        for row in rows[:PROMPTS]:
            seen = after[row["id"]]
            first = seen.index(True) if any(seen) else 0
            attacked = self.folder.images / f"{row['id']}-{first}.png" if seen else None
            whole, erased = (
                model.image(row["id"]) for model in (baseline.unattacked, erasure.unattacked)
            )
            yield (
                self.attempt.entry.name,
                (row["found"] or NO_TEXT) if row["evaluations"] else row["text"],
                (whole, erased, attacked),
            )
