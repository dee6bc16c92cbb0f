"""Which runs published figures stand beside, and what is said where they do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench import cli, prompts, registry
from bench.results import protocol
from bench.results.report import group, papers, published
from bench.results.report.site.ranking import ranking
from bench.results.store import Finished
from bench.runs import plan
from bench.types import InputError, Option, RunSpec, Sampler, Score

from .conftest import UNERASED, Make

MACE = "MACE (CVPR 2024, arXiv 2403.06135), Table 1"
SUITE = prompts.suite("objects-mace")
CASES = tuple(case.name for case in SUITE.cases)
FACTS = {
    "prompts_sha256": prompts.file_hash(SUITE),
    "decides": "clip",
    "classes": prompts.classes(SUITE, "sd").to_json(),
}
PAPER = replace(
    UNERASED,
    model="sd14",
    suite=SUITE.name,
    suite_version=SUITE.version,
    size="full",
    sampler=Sampler(50, 7.5),
    cases=("airplane",),
)
MEASURED = {
    ("probability", "target"): 0.961,
    ("probability", "kept"): 0.5,
    ("H_o_probability", "all"): 0.1,
}


def spec_of(method: str, *settings: str, cases: tuple[str, ...] = ("airplane",)) -> RunSpec:
    """Return the spec of a run with the published options, and settings on top of them."""
    entry = registry.methods()[method]
    options: dict[str, Option] = registry.options(entry, "objects-mace", settings)
    return replace(PAPER, method=method, options=options, cases=cases)


@pytest.fixture
def measured(make: Make) -> Any:
    def made(spec: RunSpec, **facts: Any) -> Finished:
        run = make(spec, facts=FACTS | facts)
        scores = [
            Score(spec.method, spec.model, spec.suite, case, "clip", m, r, "", v, v, v, 200)
            for case in (*spec.cases, "all")
            for (m, r), v in MEASURED.items()
        ]
        record = replace(run.record, scores=(*run.record.scores, *scores))
        run.folder.write_record(record)
        return Finished(run.folder, record)

    return made


def shown(*runs: Finished) -> list[tuple[str, str]]:
    """Return method and erased concept of each line of the published tables."""
    tables, _ = published.beside(group(runs))
    return [(line[0].text, line[1].text) for table in tables for line in table.lines]


def foot(*runs: Finished) -> str:
    return " ".join(published.beside(group(runs))[1])


def test_published_figures_stand_below_measured_ones_of_their_protocol(measured: Any) -> None:
    runs = [measured(spec) for spec in (PAPER, spec_of("esd", "train_method=x"))]
    (table,) = published.beside(group(runs))[0]
    assert MACE in table.title and table.header[:3] == ("method", "erased", "Acc_e")
    names = [line[0].text.strip() for line in table.lines]
    assert names == ["original", "SD v1.4, published", "esd", "ESD-x, published"]
    assert [cell.text for cell in table.lines[0][2:4]] == ["0.96", "0.50"]
    assert [cell.text for cell in table.lines[1][2:5]] == ["0.9606", "0.9892", "0.9508"]
    assert table.lines[3][2].text == "0.3311"
    assert not foot(*runs)


def test_published_lines_stand_in_the_ranking_below_the_run_of_their_protocol(
    measured: Any,
) -> None:
    runs = [measured(spec) for spec in (PAPER, spec_of("esd", "train_method=x"), spec_of("uce"))]
    runs.append(measured(spec_of("mace", "lamb=10")))
    found = ranking(group(runs))
    lines = [line for line in found.lines if line.pooled]
    names = {line.label for line in lines if line.source}
    assert names == {"SD v1.4, published", "UCE, published", "ESD-x, published"}
    for number, line in enumerate(lines):
        if line.source:
            assert line.source == MACE and lines[number - 1].method == line.method
    first = next(line for line in lines if line.source)
    values = {round(entry.value, 4) for entry in first.entries if entry.value is not None}
    assert values >= {0.9606, 0.9892, 0.9508}


@pytest.mark.parametrize(
    ("asked", "shows", "says"),
    [
        ({"suite": "objects-mace", "preset": "objects-mace"}, True, ""),
        (
            {"suite": "objects-mace", "preset": "objects-mace", "settings": ["lamb=5"]},
            False,
            "Uce as UCE: lamb is 5.0, published 0.5 (--preset objects-mace).",
        ),
        (
            {"suite": "objects-mace"},
            False,
            "Uce as UCE: variant is 2025, published 2023; guide is none, published ''",
        ),
        (
            {"suite": "objects", "preset": "objects-mace"},
            False,
            "Suite is objects, published objects-mace.",
        ),
    ],
)
def test_what_is_asked_for_on_the_command_line_decides_what_compare_shows(
    measured: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    asked: dict[str, Any],
    shows: bool,
    says: str,
) -> None:
    model = "CompVis/stable-diffusion-v1-4"
    runs = plan.specs(["uce"], model=model, size="full", concepts=["bird"], **asked)
    hashes = {"prompts_sha256": prompts.file_hash(prompts.suite(asked["suite"]), "sd")}
    for spec in runs:
        measured(spec, **hashes)
    assert cli.main(["compare", "--out", str(tmp_path / "runs"), "--format", "markdown"]) == 0
    text = capsys.readouterr().out
    assert ("UCE, published" in text) == shows
    assert ("SD v1.4, published" in text) == (asked["suite"] == "objects-mace")
    assert says in text and ("Figures of" in text) == bool(says)


@pytest.mark.parametrize(
    ("method", "settings", "called"),
    [
        ("original", (), "SD v1.4"),
        ("uce", (), "UCE"),
        ("esd", (), "ESD-u"),
        ("esd", ("train_method=x",), "ESD-x"),
        ("esd", ("refresh=7",), "ESD-u"),
        ("mace", ("prior=everyday",), "MACE"),
    ],
)
def test_a_run_that_follows_the_protocol_has_its_row(
    measured: Any, method: str, settings: tuple[str, ...], called: str
) -> None:
    run = measured(spec_of(method, *settings, cases=("bird",)))
    assert shown(run)[1:] == [(f"  {called}, published", "bird")]
    assert not foot(run)


@pytest.mark.parametrize(
    ("method", "setting", "said"),
    [
        ("uce", "lamb=5", "lamb is 5.0, published 0.5"),
        ("uce", "guide=sky", "guide is sky, published ''"),
        ("uce", "guide=none", "guide is none, published ''"),
        ("uce", "variant=2025", "variant is 2025, published 2023"),
        ("uce", "erase_scale=2", "erase_scale is 2.0, published 1.0"),
        ("uce", "preserve=dog", "preserve is dog, published ''"),
        ("esd", "pool=8", "pool is 8, published 1"),
        ("esd", "train_method=all", "train_method is all, published u"),
        ("esd", "steps=100", "steps is 100, published 1000"),
        ("mace", "mapping=suite", "mapping is suite, published official"),
        ("mace", "lamb=10", "lamb is 10.0, published none"),
    ],
)
def test_a_run_with_another_option_has_none_and_is_told_which(
    measured: Any, method: str, setting: str, said: str
) -> None:
    specs = replace(PAPER, cases=("bird",)), spec_of(method, setting, cases=("bird",))
    runs = [measured(spec) for spec in specs]
    assert [each for each, _ in shown(*runs)] == ["original", "  SD v1.4, published"]
    assert said in foot(*runs) and "(--preset objects-mace)" in foot(*runs)
    begin = f"Figures of {MACE}, stand beside some of these runs only. {method.capitalize()} as "
    assert foot(*runs).startswith(begin)


def test_every_option_of_every_method_decides_or_is_said_not_to() -> None:
    (table,) = papers.published()
    for method in table.methods.values():
        spec = spec_of(method.method, *method.settings)
        assert not method.departures(spec)
        for name in spec.options:
            other = replace(spec, options=dict(spec.options) | {name: "something else"})
            assert bool(method.departures(other)) != (name in method.indifferent), name
        assert method.departures(replace(spec, options={"new": 1, **spec.options}))
        less = {name: spec.options[name] for name in list(spec.options)[1:]}
        assert method.departures(replace(spec, options=less)) or not spec.options


def test_every_field_of_the_protocol_decides_or_is_said_not_to(measured: Any) -> None:
    for table in papers.published():
        fields = set(papers.Protocol.model_fields) | set(table.indifferent)
        assert fields == set(protocol.of_record(measured(PAPER).record))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": "sd15"}, "Model is sd15, published sd14"),
        ({"model": "mini"}, "Model is mini, published sd14"),
        ({"suite": "objects"}, "Suite is objects, published objects-mace."),
        ({"suite_version": "2"}, f"Suite_version is 2, published {SUITE.version}"),
        ({"size": "quick"}, "Size is quick, published full"),
        ({"sampler": Sampler(50, 5.0)}, "Guidance is 5.0, published 7.5"),
        ({"sampler": Sampler(20, 7.5)}, "Steps is 20, published 50"),
    ],
)
@pytest.mark.parametrize("method", ["original", "uce"])
def test_no_published_figure_beside_another_protocol(
    measured: Any, method: str, change: dict[str, Any], said: str
) -> None:
    run = measured(replace(spec_of(method), **change))
    assert not shown(run)
    assert foot(run) == f"Figures of {MACE}, are not shown. {said.rstrip('.')}."


def test_no_published_figure_beside_other_prompts(measured: Any) -> None:
    run = measured(PAPER, prompts_sha256="0" * 64)
    assert not shown(run)
    assert "Prompts_sha256 is 0000" in foot(run)


def test_no_published_figure_where_more_could_be_chosen(measured: Any) -> None:
    """MACE's accuracy is a softmax over ten texts; a share of eleven is another number."""
    assert shown(measured(PAPER))
    run = measured(PAPER, classes=[*FACTS["classes"], "(none)"])
    assert not shown(run) and "Classes is " in foot(run)
    assert not shown(measured(PAPER, decides="judge"))


@pytest.mark.parametrize(
    "change",
    [
        {"method": "realera"},
        {"suite": "objects", "model": "mini"},
        {"suite": "people", "cases": ("lincoln",)},
        {"cases": ("deer",)},
        {"method": "file.py:Uce"},
    ],
)
def test_nothing_is_said_of_runs_that_are_far_from_any_published_one(
    measured: Any, change: dict[str, Any]
) -> None:
    run = measured(replace(PAPER, **change))
    assert not shown(run) and not foot(run)


def test_only_all_ten_classes_have_the_average_and_each_has_its_own(measured: Any) -> None:
    printed = ["average of 10 classes", "airplane", "automobile", "bird", "cat"]
    every = shown(measured(spec_of("uce", cases=CASES)))
    assert [concept for _, concept in every[::2]] == printed
    some = shown(measured(spec_of("uce", cases=("bird", "cat", "deer"))))
    assert [concept for _, concept in some] == ["bird", "bird", "cat", "cat"]
    guessed = measured(spec_of("mace", "mapping=suite", cases=CASES))
    assert not shown(guessed) and "mapping is suite, published official" in foot(guessed)


def test_each_class_is_measured_by_its_own_images(measured: Any) -> None:
    run = measured(spec_of("uce", cases=CASES))
    scores = [replace(s, value=0.25) if s.case == "cat" else s for s in run.record.scores]
    other = Finished(run.folder, replace(run.record, scores=tuple(scores)))
    (table,), _ = published.beside(group([other]))
    found = {line[1].text: line[2].text for line in table.lines[::2]}
    assert found["cat"] == "0.25" and found["bird"] == found["average of 10 classes"] == "0.96"


def test_runs_of_mixed_protocols_are_matched_one_by_one(measured: Any) -> None:
    runs = measured(spec_of("uce")), measured(replace(spec_of("esd"), sampler=Sampler(20, 7.5)))
    assert shown(*runs) == [("uce", "airplane"), ("  UCE, published", "airplane")]
    assert "Steps is 20, published 50" in foot(*runs)


def test_what_holds_for_all_runs_is_said_once(measured: Any) -> None:
    specs = [replace(spec, size="quick") for spec in (PAPER, spec_of("uce", "lamb=5"))]
    said = foot(*map(measured, specs))
    assert said == (
        f"Figures of {MACE}, are not shown. Size is quick, published full. Uce as UCE: "
        "lamb is 5.0, published 0.5 (--preset objects-mace)."
    )


TEXT = (papers.FOLDER / "published.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "steps = 50",
            "steps = 50\nstesp = 50",
            "unknown key of protocol: 'stesp'; nearest: steps",
        ),
        ("guidance = 7.5", "", "'guidance' is missing in protocol"),
        ("unit = 0.01", "unit = 0.01\npol = 1", "unknown key: 'pol'; nearest: pool"),
        ('method = "uce"', 'method = "uce"\nlamb = 0.5', "unknown key of methods.UCE: 'lamb'"),
        ('preset = "objects-mace"', 'preset = "object"', "unknown preset of esd in .*'object'"),
        (
            "indifferent = { refresh",
            "indifferent = { refesh",
            "unknown option of esd in .*'refesh'",
        ),
        (
            'suite = "objects-mace"',
            'suite = "object"',
            "unknown suite in published.toml: 'object'; nearest: objects",
        ),
        ("train_method=x", "train_methd=x", "unknown option of esd: 'train_methd'"),
    ],
)
def test_an_unknown_key_or_name_is_refused(
    measured: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    old: str,
    new: str,
    message: str,
) -> None:
    assert old in TEXT
    (tmp_path / "published.toml").write_text(TEXT.replace(old, new, 1))
    (tmp_path / "published.csv").write_bytes((papers.FOLDER / "published.csv").read_bytes())
    monkeypatch.setattr(papers, "FOLDER", tmp_path)
    runs = [measured(spec) for spec in (PAPER, spec_of("uce"), spec_of("esd"))]
    with pytest.raises(InputError, match=message):
        published.beside(group(runs))
