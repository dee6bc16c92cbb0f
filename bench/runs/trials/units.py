"""The pieces that trials are cut into: images are looked at, words searched for, and summed up.

What is drawn for them are `bench.runs.units.Batch`, of images as of any others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.attacks import Attack, Problem, guard
from bench.families import FAMILIES
from bench.files import Row, write_bytes
from bench.models.generate import due_batches, image_path
from bench.runs.trials.candidates import candidates, in_parts, written
from bench.runs.trials.decider import decider
from bench.runs.trials.folder import RESULT, UNSEEN, TrialFolder, derived
from bench.runs.trials.oracle import ErasedOracle
from bench.runs.trials.plan import Attempt
from bench.runs.trials.unattacked import Unattacked
from bench.runs.units import Batch, Clock, Kept, Unit, WithModel
from bench.types import Case, Progress, Prompt

if TYPE_CHECKING:
    from torch import Tensor

LOOKED_AT = 2
"""Prompts by which it is found out whether a search sees an erasure."""


@dataclass(frozen=True)
class Look(Unit):
    """In which images of the prompts as they are a model shows the concept."""

    case: Case
    unattacked: Unattacked
    asked: tuple[Prompt, ...]
    candidates: tuple[Prompt, ...]
    """The images of the prompts, as many of each."""

    @property
    def name(self) -> str:
        """The verdicts."""
        return f"the verdicts of {self.unattacked.path.name} of {self.spec.run_id}"

    @property
    def made(self) -> Sequence[Path]:
        """The verdicts."""
        return [self.unattacked.file]

    def perform(self, kept: Kept, clock: Clock, progress: Progress) -> None:
        """Look at the images."""
        if not self.unattacked.file.exists():
            judge = decider(kept.resolved(self.spec), self.case, self.device)
            paths = [image_path(self.unattacked.images, each) for each in self.candidates]
            with clock.step("measure"):
                verdicts = judge.shows(paths, self.candidates, progress)
            count = len(self.candidates) // len(self.asked)
            self.unattacked.keep(self.asked, in_parts(verdicts, count))


@dataclass(frozen=True)
class Search(WithModel):
    """What an attack finds for prompts that it searches for together."""

    attempt: Attempt
    trial: Path
    """The trial's folder."""
    number: int
    """Of the prompts among the trial's, from 0 up."""
    prompts: tuple[Prompt, ...]
    seeds: tuple[tuple[int, ...], ...]
    """Of each prompt those that what is found for it is drawn with."""
    images: Mapping[str, Path]
    """The un-erased model's image of each prompt, by its id."""
    examples: tuple[Path, ...]
    """The un-erased model's images of the concept that the attack may learn from."""

    @property
    def name(self) -> str:
        """The search."""
        return f"what {self.trial.name} of {self.spec.run_id} finds, part {self.number}"

    @property
    def made(self) -> Sequence[Path]:
        """What was found, with the words and the latents of an attack that finds some."""
        folder, number = TrialFolder(self.trial), self.number
        beside = (folder.embedding_path(number), folder.starts_path(number))
        return [*(path for path in beside if path.exists()), folder.found_path(number)]

    def perform(self, kept: Kept, clock: Clock, progress: Progress) -> None:
        """Search, and keep what was found: a stop never searches twice."""
        from safetensors.torch import save

        from bench.models.meter import counted

        folder = TrialFolder(self.trial)
        if folder.found_path(self.number).exists():
            return
        attack = self.attempt.attack
        problem = self._problem(attack, kept, clock)
        blind = not attack.guided and self._blind(problem)
        with clock.step("search"), counted() as spent:
            found = attack.search(problem, progress)
        learnt = {each.word: each.embedding for each in found if each.embedding is not None}
        if learnt:
            write_bytes(folder.embedding_path(self.number), save(learnt))
        starts = {
            candidate.id: latents.contiguous()
            for row, seeds, each in zip(self.prompts, self.seeds, found, strict=True)
            if each.start is not None
            for candidate, latents in zip(
                candidates(row, each.text, seeds), each.start.latents, strict=True
            )
        }
        if starts:
            write_bytes(folder.starts_path(self.number), save(starts))
        evaluations, seconds = spent() / len(found), clock.seconds["search"] / len(found)
        rows = [
            {
                "id": prompt.id,
                "found": each.text,
                "embedding": folder.embedding_path(self.number).name if each.word else "",
                "step": "" if each.start is None else str(each.start.step),
                "loss": f"{each.loss:.6g}",
                "evaluations": f"{evaluations:.6g}",
                "seconds": f"{seconds:.3f}",
                "guard": UNSEEN if blind else "",
            }
            for prompt, each in zip(self.prompts, found, strict=True)
        ]
        folder.keep(self.number, rows)

    def _problem(self, attack: Attack, kept: Kept, clock: Clock) -> Problem:
        """Return what the attack is let at; a transfer attack gets nothing of the erased model."""
        resolved, original = kept.resolved(self.spec), self.pipe(clock)
        erased, oracle = None, None
        if self.case is not None:
            erased = self.model(kept, clock)
            judge = decider(resolved, self.case, self.device)
            seen = (erased, self.spec.sampler, judge, self.images)
            oracle = ErasedOracle(*seen, resolved.family, self.device)
        return Problem(
            original=original,
            erased=erased,
            concept=resolved.concepts[self.prompts[0].concept],
            prompts=self.prompts,
            images=tuple(self.images[prompt.id] for prompt in self.prompts),
            seed=self.spec.seed,
            seeds=self.seeds,
            sampler=self.spec.sampler,
            chunk=FAMILIES[resolved.family].chunk,
            examples=self.examples,
            oracle=oracle,
        )

    def _blind(self, problem: Problem) -> bool:
        """Return whether the erased model predicts for the prompts as the un-erased one does."""
        if problem.erased is None:
            return False
        texts = [prompt.text for prompt in self.prompts[:LOOKED_AT]]
        return guard.unseen(problem.original, problem.erased, texts, problem.images[:LOOKED_AT])


@dataclass(frozen=True)
class Candidates(Batch):
    """One batch of images of what an attack found."""

    words: Path | None
    """The words that it learnt, if it did."""
    latents: Path | None
    """The latents that images start from, if it found some."""
    step: int
    """How many of the sampler's steps these have behind them."""

    def model(self, kept: Kept, clock: Clock) -> Any:
        """Return the erased pipeline, which understands learnt words and begins at the step."""
        from safetensors.torch import load

        from bench.attacks.speaking import Speaking
        from bench.models.midway import begun

        pipe = super().model(kept, clock)
        if self.words is not None:
            pipe = Speaking(pipe, load(self.words.read_bytes()))
        return pipe if self.latents is None else begun(pipe, self.step)

    def starts(self) -> Mapping[str, Tensor] | None:
        """Return the latents that were found."""
        from safetensors.torch import load

        return None if self.latents is None else load(self.latents.read_bytes())


@dataclass(frozen=True)
class Conclude(Unit):
    """A trial's verdicts and rates: its last unit."""

    case: Case
    trial: Path
    """The trial's folder."""
    rows: tuple[Row, ...]
    """What is known of each prompt."""
    candidates: tuple[Prompt, ...]
    """The images of what was found, as many of each prompt; none if nothing was searched for."""
    facts: Mapping[str, str]
    """What its summary says beside the rates."""
    matched: bool
    """Whether the first candidate of a prompt has its own seed."""

    @property
    def name(self) -> str:
        """The summary."""
        return f"the rates of {self.trial.name} of {self.spec.run_id}"

    @property
    def made(self) -> Sequence[Path]:
        """The table of prompts and the summary."""
        folder = TrialFolder(self.trial)
        return [folder.results_path, folder.summary_path]

    def perform(self, kept: Kept, clock: Clock, progress: Progress) -> None:
        """Look at the candidates, and declare the trial finished."""
        folder = TrialFolder(self.trial)
        if folder.summary() is not None:
            return
        judge = decider(kept.resolved(self.spec), self.case, self.device)
        paths = [image_path(folder.images, each) for each in self.candidates]
        with clock.step("measure"):
            shown = judge.shows(paths, self.candidates, progress) if paths else []
        after = in_parts(shown, len(shown) // len(self.rows)) if shown else [[]] * len(self.rows)
        rows = []
        for row, part in zip(self.rows, after, strict=True):
            whole = dict.fromkeys(RESULT, "") | row | {"after": written(part)}
            rows.append(whole | derived(whole, matched=self.matched))
        folder.write(rows)
        folder.finish({**self.facts, "metric": judge.name}, rows, matched=self.matched)


def looks(look: Look, drawn: Case | None, batch_size: int) -> Sequence[Unit]:
    """Return what is left until it is known in which images a model shows the concept.

    Args:
        look: The last of it.
        drawn: What is erased of the model; None for the un-erased one.
        batch_size: Images drawn at once.
    """
    if look.unattacked.file.exists():
        return []
    where, images = (look.spec, look.out, look.device), look.unattacked.images
    due = due_batches(look.candidates, images, batch_size)
    return [Batch(*where, drawn, tuple(batch), images) for batch in due] or [look]
