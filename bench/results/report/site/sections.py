"""What the page says of the runs of each protocol, before templates write it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.results import protocol
from bench.results.joined import parts
from bench.results.report import figures, gallery
from bench.results.report.figures import Figure, Matrix, Panels
from bench.results.report.gallery import Prompt
from bench.results.report.groups import Group
from bench.results.report.groups import group as together
from bench.results.report.marks import Mark, marks
from bench.results.report.page import Page
from bench.results.report.site.charts import Chart, Panelled, chart, panelled
from bench.results.report.site.heat import Heat, heat
from bench.results.report.site.ranking import Ranking, ranking
from bench.results.store import Finished
from bench.types import ORIGINAL, InputError

PER_ROLE = 12
"""Prompts of a case and role that the gallery shows at most."""


@dataclass(frozen=True)
class Section:
    """What the page says of the runs of one protocol."""

    page: Page
    ranking: Ranking
    charts: tuple[Chart | Panelled | Heat, ...]
    missing: tuple[tuple[str, str], ...]
    """Figures that are not drawn, and what they need."""
    prompts: tuple[Prompt, ...]
    asked: int
    """How many prompts there are."""
    marks: Mapping[str, Mark]
    """How each of its methods is drawn."""
    hidden: bool
    """Whether its images are blurred until they are asked for."""

    @property
    def group(self) -> Group:
        """The runs."""
        return self.page.group


def sections(pages: Sequence[Page], most: int) -> Iterator[Section]:
    """Yield a section a protocol; a method is drawn alike in all.

    Args:
        pages: What is said of the runs of each protocol.
        most: Images that all galleries show at most.
    """
    runs = [run for page in pages for run in page.group.runs]
    known = marks(sorted({_method(run) for run in runs} - {ORIGINAL}))
    kin: dict[str, list[Finished]] = {}
    # Of joined runs each once, whatever tables it stands in.
    single = {id(part): part for run in runs for part in parts(run)}
    for run in single.values():
        kin.setdefault(protocol.apart_from_cases(run.record), []).append(run)
    share = max(1, most // max(1, len(pages)))
    for page in pages:
        group = page.group
        key = protocol.apart_from_cases(group.runs[0].record)
        # What is drawn of all akin runs stands with the first of their groups.
        akin = together(kin.pop(key, [])) if key in kin else None
        found = dict(_figures(group, akin))
        every = gallery.prompts(group)
        shown = akin if akin and found["concepts"] else group
        own = {_method(run) for run in shown.runs}
        yield Section(
            page,
            ranking(group),
            tuple(_placed(figure, known) for figure in found.values() if figure),
            tuple((name, figures.KINDS[name].needs) for name in found if not found[name]),
            tuple(_shown(group, every, share)),
            len(every),
            {name: mark for name, mark in known.items() if name in own},
            # Runs of one version of a suite are of one kind; each would have to read its copy.
            any(map(_explicit, {_suite(run): run for run in group.runs}.values())),
        )


def _figures(group: Group, akin: Group | None) -> Iterator[tuple[str, Figure | None]]:
    for name, kind in figures.KINDS.items():
        shown = akin if kind.of_cases else group
        if shown:
            yield name, kind.of(shown) if shown.metrics else None


def _placed(figure: Figure, known: Mapping[str, Mark]) -> Chart | Panelled | Heat:
    if isinstance(figure, Matrix):
        return heat(figure)
    return panelled(figure, known) if isinstance(figure, Panels) else chart(figure, known)


def _shown(group: Group, every: Sequence[Prompt], share: int) -> list[Prompt]:
    """Return the worst prompts of each case and role, so many that their images are a share."""
    kinds = len({(prompt.row["case"], prompt.row["role"]) for prompt in every}) or 1
    most = max(1, share // len(group.runs))
    return gallery.worst(every, max(1, min(PER_ROLE, most // kinds)))[:most]


def _method(run: Finished) -> str:
    return run.record.spec.method_name


def _suite(run: Finished) -> tuple[object, ...]:
    spec = run.record.spec
    return spec.suite, spec.suite_version, run.record.provenance.get("kind")


def _explicit(run: Finished) -> bool:
    """Return whether images are of explicit concepts; of those that do not say, it is assumed."""
    try:
        return run.kind == "explicit"
    except InputError:
        return True
