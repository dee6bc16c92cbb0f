"""What is to be exported of which run and where to, with every check that needs no model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bench import registry
from bench.models import recognition
from bench.names import find, typed
from bench.results import bundles, elsewhere, unerased
from bench.results.store import Finished, RunFolder
from bench.runs import places, provenance
from bench.runs.resolved import Resolved
from bench.types import ORIGINAL, Case, InputError

WEIGHTS, LORA, BUNDLE = "diffusers", "lora", "bundle"
FORMS = (WEIGHTS, LORA, BUNDLE)
"""As what a run goes out: an erased model's folders in diffusers layout, a LoRA, or its numbers
alone; the first two bring the third along."""
RANK = 32
"""Of a LoRA, unless told otherwise."""


@dataclass(frozen=True)
class Export:
    """What of a finished run goes out, as what, and where to."""

    run: Finished
    form: str
    """One of `FORMS`."""
    to: Path
    """A folder that is not there yet; of a bundle maybe an archive."""
    case: Case | None
    """Whose erasure; None for a bundle, which has the numbers of all."""
    rank: int
    whole: bool
    """Whether the parts that the erasure leaves alone come along."""
    unerased: Finished | None
    """The un-erased model's run of the same protocol, where it stands beside."""

    @property
    def runs(self) -> list[Finished]:
        """The runs of its bundle, the un-erased model's first."""
        return [each for each in (self.unerased, self.run) if each is not None]

    @property
    def erasure(self) -> Path:
        """The file of the case's erasure."""
        assert self.case is not None
        return self.run.folder.erasure_path(self.case.name)

    def lines(self) -> Iterator[str]:
        """Yield what would be done, for people."""
        names = " and ".join(each.folder.path.name for each in self.runs)
        if self.case is None:
            yield f"the numbers of {names} as a bundle"
        else:
            parts = "the whole pipeline" if self.whole else "the parts that it changes"
            what = f"a LoRA of rank {self.rank}" if self.form == LORA else f"weights, {parts}"
            yield f"the erasure {self.case.name} of {self.run.folder.path.name} as {what}"
            yield f"with a model card, and the numbers of {names} as a bundle"
        yield f"to {self.to}"

    def outline(self) -> Mapping[str, object]:
        """Return what would be done, as JSON-serialisable data."""
        return {
            "run": self.run.folder.path,
            "as": self.form,
            "concept": self.case and self.case.name,
            "rank": self.rank if self.form == LORA else None,
            "whole": self.whole,
            "bundle": [each.folder.path.name for each in self.runs],
            "to": self.to,
        }


def plan(
    run: Path,
    to: Path,
    *,
    form: str = WEIGHTS,
    concept: str = "",
    rank: int | None = None,
    whole: bool = False,
    model: str = "",
) -> Export:
    """Check what is there and what is asked.

    Args:
        run: Folder of a finished run.
        to: A folder that is not there yet; of a bundle also an archive.
        form: One of `FORMS`.
        concept: The case whose erasure goes out; needed where the run has several.
        rank: Of the LoRA; None for the usual.
        whole: Whether parts that the erasure leaves alone come along, of a model of the hub.
        model: Folder of the model, where the run's was a folder and lies elsewhere now.

    Raises:
        InputError: the run is not finished, has nothing of the sort, or lacks its erasure; its
            model is elsewhere or another now; or something is at `to` already.
    """
    find("form to export", form, FORMS)
    found = _finished(run)
    _check_options(form, concept=concept, rank=rank, whole=whole, model=model)
    _check_to(to, form)
    export = Export(found, form, to, None, rank or RANK, False, _unerased(found))
    bundles.contents(export.runs)
    if form == BUNDLE:
        return export
    spec = found.record.spec
    if spec.method == ORIGINAL:
        raise InputError(
            f"{run} is the un-erased model's run: there is no erasure to export; --as {BUNDLE} "
            "takes its numbers out"
        )
    located = _located(found, model)
    local = recognition.folder(located.record.spec.place("model")) is not None
    export = replace(export, run=located, case=_case(found, concept), whole=local or whole)
    _check_erasure(export)
    return replace(export, whole=export.whole and form == WEIGHTS)


def _finished(path: Path) -> Finished:
    if bundles.found(path) is not None and not (path / "record.json").is_file():
        raise InputError(f"{path} is a bundle: it has a run's numbers, not its erasure")
    # Before it is resolved, which a link to itself cannot be.
    if not path.is_dir():
        raise InputError(f"{path} is no finished run: there is no such folder")
    folder = RunFolder(path.resolve().parent, path.resolve().name)
    if not folder.is_done():
        begun = folder.spec_path.is_file()
        why = (
            "it was begun, and the command that began it finishes it"
            if begun
            else "it has no record.json"
        )
        raise InputError(f"{path} is no finished run: {why}")
    found = Finished(folder, folder.read_record())
    if elsewhere.made(found.record.spec):
        raise InputError(f"{path} holds images that were made elsewhere: there is no erasure here")
    return found


def _check_options(form: str, *, concept: str, rank: int | None, whole: bool, model: str) -> None:
    given = {"--concept": concept, "--rank": rank, "--whole": whole, "--model": model}
    of = {WEIGHTS: ("--concept", "--whole", "--model"), LORA: ("--concept", "--rank", "--model")}
    for flag, value in given.items():
        takers = [name for name, flags in of.items() if flag in flags]
        if value and form not in takers:
            raise InputError(f"{flag} is of --as {' and '.join(takers)}, not of {form}")


def _check_to(to: Path, form: str) -> None:
    if bundles.is_archive(to) and form != BUNDLE:
        raise InputError(f"--to {to} is an archive, as only --as {BUNDLE} is; must be a folder")
    if to.is_dir() and not any(to.iterdir()):
        return
    if to.exists() or to.is_symlink():
        raise InputError(f"--to {to} is there already; choose another name, or delete it")
    above = next(each for each in to.absolute().parents if each.exists())
    if not above.is_dir():
        raise InputError(f"--to {to} cannot be made: {above} is no folder")


def _unerased(run: Finished) -> Finished | None:
    """Return the un-erased model's run of the same protocol among those beside."""
    if run.record.spec.method == ORIGINAL:
        return None
    return unerased.of(run, unerased.beside([run]))


def _case(run: Finished, asked: str) -> Case:
    cases = {case.name: case for case in Resolved(run.record.spec).cases}
    if not asked and len(cases) > 1:
        raise InputError(
            f"{run.folder.path.name} has {len(cases)} erasures; name one with --concept: "
            f"{', '.join(cases)}"
        )
    return cases[find("concept of the run", asked or next(iter(cases)), cases)]


def _located(run: Finished, model: str) -> Finished:
    """Return the run with the places of its model and its method filled in."""
    record, spec = run.record, run.record.spec
    was = dict(record.provenance.get("places", {}))
    if model:
        if places.model(recognition.check(model))[0] != spec.model:
            raise InputError(f"--model {model} is not {spec.model}, which the run was made with")
        was["model"] = model
    at = was.get("model", spec.model)
    try:
        recognition.check(at)
    except InputError:
        raise InputError(
            f"the run was made with the folder {spec.model}, which is not at {at}; say with "
            "--model where it is"
        ) from None
    now, before = provenance.weights_hash(at), record.provenance.get("weights_sha256")
    if now and before and now != before:
        raise InputError(
            f"{at} has other weights now than the run was made with, so its erasure would be of "
            "another model; --model names the folder of the former"
        )
    spec = replace(
        spec, places={**was, **spec.places} | ({"model": at} if at != spec.model else {})
    )
    return replace(run, record=replace(record, spec=spec))


def _check_erasure(export: Export) -> None:
    """Refuse, by the file of the erasure alone, what has no weights."""
    from bench.models import erasures

    if not export.erasure.is_file():
        raise InputError(
            f"{export.run.folder.path} lacks its erasure, erasures/{export.erasure.name}; put it "
            f"back, or delete record.json, and `{typed('run')}` with the same options makes it "
            "again"
        )
    form = erasures.read(export.erasure).form
    if form == "inference":
        raise InputError(
            f"{export.run.record.spec.method} acts while the model draws and leaves its weights "
            f"as they are, so there are none to export; --as {BUNDLE} takes its numbers out, and "
            "the run's folder draws here"
        )
    if form == "weights":
        return
    spec = export.run.record.spec
    if registry.method(spec.place("method")).version != spec.method_version:
        raise InputError(
            f"{spec.method} leaves an adapter, which its code applies, and that is another now "
            f"than the run was made with; `{typed('run')}` with the same options makes it anew"
        )
