"""What a run's spec names, looked up: its suite, cases, prompts and metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from bench import prompts, registry
from bench.drawing import counted
from bench.families import FAMILIES
from bench.models import recognition
from bench.names import find
from bench.prompts import joint
from bench.prompts.choice import Choice
from bench.prompts.sizes import size_of
from bench.runs.chosen import Chosen, Selection, chosen_once
from bench.types import ALL, ORIGINAL, Case, Concept, InputError, Prompt, RunSpec, Size, Suite

if TYPE_CHECKING:
    from bench.metrics import Metric, Setting


@dataclass(frozen=True)
class Resolved:
    """A run's spec with what it names looked up: suite, cases, prompts, concepts and metrics.

    Raises:
        InputError: on first use of a part that does not exist.
    """

    spec: RunSpec

    @cached_property
    def family(self) -> str:
        """The model's family."""
        return recognition.family_of(self.spec)

    @cached_property
    def suite(self) -> Suite:
        """The suite, from where the spec says it is, and with the content that the spec names.

        A spec that is read from a run's folder says that it is there: each run keeps its own.

        Raises:
            InputError: it is not there, or another version of it is.
        """
        place = self.spec.place("suite")
        if "suite" in self.spec.places and not (Path(place) / "suite.toml").exists():
            raise InputError(f"{place} is not there: the run has no copy of its suite")
        found = prompts.suite(place)
        if (found.name, found.version) != (self.spec.suite, self.spec.suite_version):
            raise InputError(
                f"{place} holds suite {found.name} {found.version}, the run was made with "
                f"{self.spec.suite} {self.spec.suite_version}"
            )
        return found

    @cached_property
    def size(self) -> Size:
        """How many images of each role, and which cases unless others are asked for."""
        return size_of(self.suite, self.spec.size)

    @cached_property
    def choices(self) -> dict[str, Case]:
        """Every case of the suite by name, and the joint ones of the run, which has some."""
        return dict(joint.choices(self.suite, self.spec.cases))

    def is_joint(self, case: str) -> bool:
        """Return whether a case erases together what cases of the suite erase one by one."""
        return self.choices[case] not in self.suite.cases

    @cached_property
    def cases(self) -> list[Case]:
        """The cases of the run."""
        return [self.choices[find("case", name, self.choices)] for name in self.spec.cases]

    @property
    def prompts(self) -> dict[str, tuple[Prompt, ...]]:
        """The prompts of each case; of a family that draws one size only, without sizes."""
        return self._chosen.drawn

    @cached_property
    def _chosen(self) -> Chosen:
        return chosen_once(Selection.of(self.suite, self.cases, self.size, self.family))

    @property
    def resized(self) -> int:
        """Images whose rows ask for a size that a model of this family does not draw."""
        if FAMILIES[self.family].resizable:
            return 0
        rows = chain.from_iterable(self._chosen.asked.values())
        return sum(row.drawing.size is not None for row in rows)

    @property
    def own(self) -> str:
        """How many images are drawn by what their rows say, in words; "" where none is."""
        return counted(row.drawing for rows in self.prompts.values() for row in rows)

    @property
    def prompt_hash(self) -> str:
        """The SHA-256 of its prompt files, one after the other, as hexadecimal."""
        return prompts.file_hash(self.suite, self.family)

    @property
    def expected_roles(self) -> set[str]:
        """The roles that the size has images of, but for those that only other families have."""
        wanted = {role for role, count in self.size.images.items() if count}
        return wanted - prompts.roles_of_other_families(self.suite, self.family)

    @cached_property
    def metrics(self) -> list[Metric]:
        """The suite's metrics that can read this model's images, in the suite's order.

        Raises:
            InputError: none of the suite's can read the model's images.
        """
        found = [
            metric
            for metric in map(registry.metric, self.suite.metrics)
            if metric.reads(self.family, self.suite.kind)
        ]
        if not found:
            raise InputError(
                f"no metric of suite {self.suite.name} can read images of {self.spec.model}"
            )
        return found

    def measuring(self, names: Sequence[str] | None) -> list[Metric]:
        """Return those of its metrics that are asked for.

        Args:
            names: As the suite has them, or without what follows an @; None for all.

        Raises:
            InputError: the run has no such metric.
        """
        if names is None:
            return self.metrics
        known = {each.stem: each for each in self.metrics}
        known |= {each.name: each for each in self.metrics}
        what = f"metric of suite {self.suite.name} for images of {self.spec.model}"
        wanted = {known[find(what, name, known)].name for name in names}
        return [each for each in self.metrics if each.name in wanted]

    @cached_property
    def concepts(self) -> dict[str, Concept]:
        """The concepts that its prompts may name, by name."""
        return prompts.known_concepts(self.suite)

    @cached_property
    def choice(self) -> Choice:
        """The classes that classifying metrics choose from, the same for every case and size."""
        return prompts.classes(self.suite, self.family)

    def erased(self, case: Case) -> tuple[Concept, ...]:
        """Return the concepts that a case erases together."""
        return tuple(self.concepts[name] for name in case.concepts)

    @property
    def targets(self) -> tuple[Concept, ...]:
        """The concepts that its cases erase."""
        return tuple(dict.fromkeys(each for case in self.cases for each in self.erased(case)))

    def check(self, metrics: Sequence[Metric]) -> None:
        """Refuse, without torch, metrics that cannot read what the images of the cases show.

        Raises:
            InputError: naming the metric and what it knows.
        """
        for case in self.cases:
            for metric in metrics:
                metric.check(self.family, self.erased(case), self.prompts[case.name])

    def detectors(self, names: Sequence[str] | None = None) -> dict[str, str]:
        """Return the detector of each metric with the version of its code, by the metric's name.

        Args:
            names: Of the metrics that are asked for; None for all.
        """
        some = self.measuring(names)
        return {metric.name: registry.detector_version(metric) for metric in some}

    @property
    def plugins(self) -> dict[str, str]:
        """Which distribution, with its version, brought its method, suite and metrics, if any."""
        used = {f"method {self.spec.method}": registry.method(self.spec.place("method")).origin}
        used[f"suite {self.suite.name}"] = prompts.origin(self.suite)
        known = registry.metrics()
        for metric in self.metrics:
            used[f"metric {metric.name}"] = known[metric.stem].origin
        return {name: origin for name, origin in used.items() if origin}

    @property
    def original(self) -> RunSpec:
        """The spec of the un-erased model's run of the same protocol."""
        shared = {part: at for part, at in self.spec.places.items() if part in ("suite", "model")}
        return replace(
            self.spec,
            method=ORIGINAL,
            options={},
            method_version=registry.method(ORIGINAL).version,
            seed=0,
            places=shared,
        )

    def setting(self, case: Case, device: str, unerased: Mapping[str, Path]) -> Setting:
        """Return what metrics have to know of a case beside its images.

        Args:
            case: One of the run's.
            device: Where the networks compute, as torch names it.
            unerased: The un-erased model's image of each prompt, by the prompt's id; may be empty.
        """
        from bench.metrics import Setting

        return Setting(
            erased=self.erased(case),
            classes=self.choice.classes,
            family=self.family,
            device=device,
            unerased=unerased,
            none=self.choice.none,
        )


def cases_of(
    suite: Suite, size: str, concepts: Sequence[str], *, together: bool = False
) -> tuple[str, ...]:
    """Return the names of the cases that are asked for, in the order of the suite.

    Args:
        suite: The suite.
        size: The size's name, whose own cases are taken where none is asked for.
        concepts: Cases by name, or by that of the only concept that they erase, or "all".
        together: Whether one erasure removes what all of these erase.

    Raises:
        InputError: the suite has no such case or size, or they cannot be erased together.
    """
    own = {case.name: case for case in suite.cases}
    same = [case.name for case in suite.cases if set(case.concepts) == set(concepts)]
    if together and same and len(set(concepts)) > 1:
        return (same[0],)
    known = joint.choices(suite, concepts)
    named = {case.concepts[0]: name for name, case in own.items() if len(case.concepts) == 1}
    for name in concepts:
        if name in prompts.concepts() and name not in {*known, *named}:
            raise InputError(
                f"concept '{name}' is not in suite {suite.name}; choices: {', '.join(own)}, {ALL}"
            )
        if name not in {*known, *named}:
            find("concept", name, (*own, ALL))
    asked = [name if name in known else named.get(name, name) for name in concepts]
    wanted = own if ALL in concepts else asked or size_of(suite, size).cases
    found = [name for name in known if name in wanted]
    if not together:
        return tuple(found)
    made = joint.joint([known[name] for name in found])
    kinds = {each.kind for each in map(prompts.known_concepts(suite).__getitem__, made.concepts)}
    if len(kinds) > 1:
        raise InputError(
            f"--together: {', '.join(made.concepts)} are of kinds {', '.join(sorted(kinds))}; "
            "must be of one"
        )
    return (made.name,)
