"""Which finished runs are one: those that differ in their cases alone, ten run apart for example.

Runs agree where their specs do but for the cases, and their protocols too: weights, prompts,
detectors, precision. Of what agrees, runs without a case in common are joined, the largest first.
A table is made for each set of cases that a method's runs add up to, and holds every method whose
runs add up to the same; so one that lacks a case stands beside others on the cases that it has.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from bench.prompts import joint
from bench.results import elsewhere, protocol, unerased
from bench.results.joined import joined, parts
from bench.results.store import Finished
from bench.types import ORIGINAL, InputError

Cases = frozenset[str]
VERSIONS = ("method_version", "suite_version")
"""Fields of a spec that nobody types."""


@dataclass(frozen=True)
class Note:
    """Why runs that could have been joined are not."""

    runs: frozenset[str]
    """The ids of those that it is about."""
    text: str


@dataclass(frozen=True)
class Shown:
    """Runs as they are compared, joined where they are one."""

    runs: tuple[Finished, ...]
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class _Kin:
    """Runs that agree in all but their cases, those with the most cases first, then the latest."""

    runs: tuple[Finished, ...]

    @property
    def original(self) -> bool:
        """Whether they are the un-erased model's."""
        return self.runs[0].record.spec.method == ORIGINAL

    @cached_property
    def whole(self) -> tuple[Finished, ...]:
        """Runs without a case in common, which have the most cases together."""
        return _disjoint(self.runs)

    @property
    def sets(self) -> list[Cases]:
        """The sets of cases of which a table is made: of those together, and of each other run."""
        others = [_cases(run) for run in self.runs if run not in self.whole]
        return [_union(self.whole), *others]

    def adding_up_to(self, cases: Cases) -> tuple[Finished, ...]:
        """Return runs without a case in common that have just these cases; none where none do."""
        found = _disjoint(run for run in self.runs if _cases(run) <= cases)
        return found if _union(found) == cases else ()

    def overlapping(self) -> Iterator[Note]:
        """Yield a note on each run that has a case that is joined already, and one that is not."""
        together = _union(self.whole)
        for run in self.runs:
            both = _cases(run) & together
            if run not in self.whole and both != _cases(run):
                twice = [each for each in self.whole if _cases(each) & both]
                names, other = ", ".join(sorted(both)), " and ".join(map(_id, twice))
                text = f"{_id(run)} is not joined with {other}: both have {names}."
                yield Note(frozenset(map(_id, (run, *twice))), text)


@dataclass(frozen=True)
class _Family:
    """The runs that could stand in one table but for their cases."""

    kins: tuple[_Kin, ...]
    foreign: tuple[Cases, ...]
    """Of which cases there are images made elsewhere, which stand beside."""
    notes: list[Note] = field(default_factory=list)
    """Why some are not joined."""

    def shown(self) -> list[Finished]:
        """Return the runs as they are compared."""
        for kin in self._of(original=False):
            self.notes.extend(kin.overlapping())
        if all(len(kin.whole) == 1 for kin in self.kins):
            return [run for kin in self.kins for run in kin.runs]
        sets = dict.fromkeys(s for kin in self._of(original=False) for s in self._sets(kin))
        sets |= dict.fromkeys(self.foreign)
        for kin in self._of(original=True):
            used = [run for cases in sets for run in kin.adding_up_to(cases)]
            rest = [run for run in kin.runs if run not in used]
            sets |= dict.fromkeys(_kin(rest).sets if rest else ())
        found: dict[str, Finished] = {}
        for cases in sets:
            before = self._unerased(cases)
            for kin in self.kins:
                some = kin.adding_up_to(cases)
                # The same one, wherever it stands: what is joined is computed once.
                same = before is not None and {*map(_id, some)} == {*map(_id, parts(before))}
                for run in [before] if before and same else self._one(some, before):
                    found[" ".join(map(_id, parts(run)))] = run
        return list(found.values())

    def _sets(self, kin: _Kin) -> Iterator[Cases]:
        """Yield the sets of cases of which a table is made for runs that agree."""
        for cases in kin.sets:
            some = kin.adding_up_to(cases)
            known = any(self._originals)
            if (
                len(some) > 1
                and known
                and not any(each.adding_up_to(cases) for each in self._originals)
            ):
                ids = frozenset(map(_id, some))
                text = f"{' and '.join(sorted(ids))} are not joined: the un-erased model's runs"
                self.notes.append(Note(ids, f"{text} do not add up to their cases."))
                yield from map(_cases, some)
            else:
                yield cases

    def _of(self, *, original: bool) -> list[_Kin]:
        return [kin for kin in self.kins if kin.original == original]

    @cached_property
    def _originals(self) -> list[_Kin]:
        """The un-erased model's runs, and where none is among these, those that lie beside."""
        if own := self._of(original=True):
            return own
        first = self.kins[0].runs[0]
        known = unerased.beside(run for kin in self.kins for run in kin.runs)
        key = protocol.but_cases(first.record)
        found = _families(run for run in known if protocol.but_cases(run.record) == key)
        return [kin for family in found for kin in family]

    def _unerased(self, cases: Cases) -> Finished | None:
        """Return the un-erased model's run of these cases, as one."""
        for kin in self._originals:
            found = self._one(kin.adding_up_to(cases), None)
            if len(found) == 1:
                return found[0]
        return None

    def _one(self, runs: Sequence[Finished], before: Finished | None) -> Sequence[Finished]:
        """Return runs as one; as they are where they cannot be joined, of which a note is left."""
        if len(runs) < 2:
            return runs
        ids = frozenset(map(_id, runs))
        try:
            made = joined(runs, before)
        except InputError as error:
            text = f"{' and '.join(sorted(ids))} are not joined: {error}."
            self.notes.append(Note(ids, text))
            return runs
        if before is None and runs[0].record.spec.method != ORIGINAL:
            name = made.record.spec.method_name
            text = f"{name} is joined without the un-erased model's runs, so nothing is relative to"
            self.notes.append(Note(ids, f"{text} them."))
        return [made]


def shown(runs: Sequence[Finished]) -> Shown:
    """Return runs as they are compared; where nothing is to be joined, as they are.

    Args:
        runs: Finished runs, of any protocols.
    """
    foreign = [run for run in runs if elsewhere.made(run.record.spec)]
    found: list[Finished] = []
    notes: list[Note] = []
    for kins in _families(runs):
        first = kins[0].runs[0].record
        sets = [
            _cases(run)
            for run in foreign
            if not protocol.differences(first, run.record, protocol.OF_CASES)
        ]
        family = _Family(tuple(kins), tuple(sets))
        found += family.shown()
        notes += family.notes
    return Shown(tuple(found), (*dict.fromkeys(notes), *_nearly(runs)))


def _families(runs: Iterable[Finished]) -> list[list[_Kin]]:
    """Return together the runs that could stand in one table but for their cases."""
    families: dict[str, dict[str, list[Finished]]] = {}
    for run in runs:
        of_spec = families.setdefault(protocol.but_cases(run.record), {})
        of_spec.setdefault(_but_cases(run), []).append(run)
    return [[_kin(some) for some in of_spec.values()] for of_spec in families.values()]


def _kin(runs: Iterable[Finished]) -> _Kin:
    latest = sorted(runs, key=lambda run: str(run.record.provenance.get("finished")), reverse=True)
    return _Kin(tuple(sorted(latest, key=lambda run: -len(run.record.spec.cases))))


def _nearly(runs: Sequence[Finished]) -> Iterator[Note]:
    """Yield a note on runs of other cases that differ in what nobody types, as in versions."""
    asked: dict[str, list[Finished]] = {}
    for run in runs:
        if run.record.spec.method != ORIGINAL and not _alone(run):
            spec = run.record.spec.to_json() | dict.fromkeys((*VERSIONS, "cases"))
            asked.setdefault(json.dumps(spec, sort_keys=True), []).append(run)
    for some in asked.values():
        kinds = [kin for family in _families(some) for kin in family]
        first = max(kinds, key=lambda kin: len(_union(kin.whole)))
        for kin in kinds:
            if new := _union(kin.whole) - _union(first.whole):
                one, other = first.whole[0], next(run for run in kin.whole if _cases(run) & new)
                text = f"{_id(other)} is not joined with {_id(one)}: {_differences(one, other)}."
                yield Note(frozenset(map(_id, (*first.whole, *kin.whole))), text)


def _differences(one: Finished, other: Finished) -> str:
    fields = protocol.differences(one.record, other.record, ("cases",))
    versions = [run.record.spec.method_version for run in (one, other)]
    if versions[0] != versions[1]:
        fields = [f"method_version: {' and '.join(versions)}", *fields]
    return "; ".join(fields)


def _but_cases(run: Finished) -> str:
    """Return all that a run's spec says but its cases; of one that is never joined, all of it."""
    spec = run.record.spec.to_json()
    return json.dumps(spec if _alone(run) else spec | {"cases": None}, sort_keys=True)


def _alone(run: Finished) -> bool:
    """Return whether a run is never joined: its images were made elsewhere, or a case is joint."""
    if elsewhere.made(run.record.spec):
        return True
    if not any(joint.JOINER in name for name in run.record.spec.cases):
        return False
    try:
        return not _cases(run) <= set(joint.choices(run.suite, ()))
    except InputError:
        return True


def _disjoint(runs: Iterable[Finished]) -> tuple[Finished, ...]:
    found: list[Finished] = []
    for run in runs:
        if not _cases(run) & _union(found):
            found.append(run)
    return tuple(found)


def _union(runs: Iterable[Finished]) -> Cases:
    return frozenset(name for run in runs for name in run.record.spec.cases)


def _cases(run: Finished) -> Cases:
    return frozenset(run.record.spec.cases)


def _id(run: Finished) -> str:
    return run.record.spec.run_id
