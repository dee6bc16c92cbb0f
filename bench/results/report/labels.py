"""What runs that stand together are called: the method, with what tells one from the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bench.results import elsewhere
from bench.types import RunSpec

MARKS = ("model", "suite", "suite_version", "size", "sampler", "precision", "seed")
"""Fields of a spec that tell two runs of one method apart in a table; the seed is the last."""


def labels(specs: Sequence[RunSpec], *, seed: bool = True) -> dict[str, str]:
    """Return by run id each run's method, with what tells it from other runs of the same method.

    Args:
        specs: All runs that stand together.
        seed: Whether the seed may tell them.
    """
    own: dict[tuple[str, bool], list[RunSpec]] = {}
    for spec in specs:
        own.setdefault((spec.method_name, elsewhere.made(spec)), []).append(spec)
    return {
        run_id: label
        for (_, made), same in own.items()
        for run_id, label in _told(same, made=made, fields=MARKS if seed else MARKS[:-1])
    }


def _told(
    specs: Sequence[RunSpec], *, made: bool, fields: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Yield run id and label of runs of one method; what differs among them is found once."""
    options = dict.fromkeys(option for spec in specs for option in spec.options)
    differing = {each for each in options if _several(s.options.get(each) for s in specs)}
    fields = [name for name in fields if _several(getattr(spec, name) for spec in specs)]
    versions: dict[str, set[str]] = {}
    for spec in specs:
        versions.setdefault(_options(spec), set()).add(spec.method_version)
    for spec in specs:
        marks = [elsewhere.MARK] * made
        marks += [f"{name}={value}" for name, value in spec.options.items() if name in differing]
        marks += [f"{name} {getattr(spec, name)}".replace("_", " ") for name in fields]
        if len(versions[_options(spec)]) > 1:
            marks.append(f"file {spec.method_version[:6]}")
        name = spec.method_name
        yield spec.run_id, f"{name} ({', '.join(marks)})" if marks else name


def _several(values: Iterable[object]) -> bool:
    # By how they are written: a record that somebody edited may hold what has no hash.
    return len(set(map(repr, values))) > 1


def _options(spec: RunSpec) -> str:
    return repr(sorted(spec.options.items()))
