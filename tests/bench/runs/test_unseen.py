"""Runs of concepts that no image shows, or that no independent metric sees, as a user makes them.

A verdict with nothing else to choose sees its one concept everywhere; a detector that shares the
model's text encoder sees whatever the prompt says. Neither may look like an erasure that failed, or
one that worked.
"""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import cli
from bench.prompts import suite
from bench.results import store
from bench.results.report import groups, page
from bench.results.store import Finished
from bench.types import RunRecord

PLACES = ("the sky", "a photo of the street", "a meadow in the morning")
PEOPLE = """,type,prompt,evaluation_seed
0,erased,A portrait of Zorvan Quill,1
1,erased,Pemra Oduvic in an official photo,2
2,others,A portrait of Hildo Brunck,3
"""


def ran(folder: Path, text: str, *words: str) -> dict[str, Finished]:
    """Import a prompt file, run UCE on it on mini, and return the runs by method."""
    (folder / "prompts.csv").write_text(text)
    imported, out = folder / "mine", folder / "runs"
    file = str(folder / "prompts.csv")
    assert cli.main(["import-prompts", file, *words, "--out", str(imported)]) == 0
    asked = ["run", "--method", "uce", "--suite", str(imported), "--size", "full"]
    assert cli.main([*asked, "--steps", "8", "--out", str(out), "--device", "cpu"]) == 0
    results = store.load(out)
    assert not results.problems
    return {run.record.spec.method: run for run in results.runs}


def value(
    record: RunRecord, measure: str, role: str, metric: str = ""
) -> tuple[float, float, float, int]:
    (found,) = [
        s
        for s in record.scores
        if (s.measure, s.role) == (measure, role) and metric in ("", s.metric)
    ]
    return found.value, found.low, found.high, found.n


def places(seeds: int) -> str:
    rows = [f"{text},{100 * n + i}" for n in range(seeds) for i, text in enumerate(PLACES)]
    return "\n".join(["prompt,seed", *rows]) + "\n"


@pytest.mark.parametrize("concept", ["zebra", "airplane"])
def test_what_no_image_shows_is_seen_in_none(concept: str, tmp_path: Path) -> None:
    runs = ran(tmp_path, places(3), "--concept", concept)
    names = ("clip",) if concept == "zebra" else ("judge", "clip")
    for run in runs.values():
        for metric in names:
            rate, low, high, n = value(run.record, "share", "target", metric)
            assert (rate, low, n) == (0, 0, 9) and 0.2 < high < 0.4
        assert math.isnan(value(run.record, "H_o", "all")[0])
        assert set(run.record.unconfirmed) == {concept}
        classes = run.record.provenance["classes"]
        assert classes[0] == concept and "cat" in classes and classes[-1] == "(none)"
    why = runs["uce"].record.unconfirmed[concept]
    assert ("no independent detector" if concept == "zebra" else "judge sees this in 0.00") in why


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Finished], str]:
    """Runs of people whom mini does not draw, by method, and what was printed of them."""
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        runs = ran(tmp_path_factory.mktemp("strangers"), PEOPLE)
    return runs, shown.getvalue()


def test_people_whom_only_its_own_text_encoder_knows_are_flagged_and_make_no_headline(
    strangers: tuple[dict[str, Finished], str],
) -> None:
    runs, shown = strangers
    assert "original ‡" in shown and "uce ‡" in " ".join(shown.split())
    (group,) = groups(list(runs.values()))
    (note,) = [note for note in page(group).notes if note.startswith("‡")]
    assert "on Zorvan Quill, Pemra Oduvic, Hildo Brunck: no independent detector can" in note
    for run in runs.values():
        assert len(run.record.unconfirmed) == 3
        assert math.isnan(value(run.record, "H_c", "all")[0])
        # Nothing is known of it, which is no collapse.
        assert run.record.flags == ()
        text = run.folder.scores_path.read_text()
        assert "H_c,all,,nan" in text and "efficacy" not in text


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run of two people whom mini draws."""
    folder = tmp_path_factory.mktemp("people")
    rows = [f"{i},erased,A portrait of Cleopatra,{i}" for i in range(4)]
    rows += [f"{i},others,A portrait of Julius Caesar,{i}" for i in range(4, 8)]
    (folder / "prompts.csv").write_text("\n".join([",type,prompt,evaluation_seed", *rows]) + "\n")
    runs = ran(folder, (folder / "prompts.csv").read_text())
    assert not runs["uce"].record.unconfirmed
    yield folder


def test_headlines_come_from_a_recognisers_verdicts_where_there_are_some(people: Path) -> None:
    """Its verdicts say that Cleopatra is still there, whatever the judge says."""
    results = store.load(people / "runs")
    for run in results.runs:
        before = run.record
        assert before.provenance["decides"] == "judge"
        lines = ["image,label"]
        for row in run.folder.read_per_image():
            lines.append(f"{Path(row['image']).name},{row['concept']}")
        faces = people / "faces.csv"
        faces.write_text("\n".join(lines) + "\n")
        words = ["score", str(run.folder.path), "--metric", f"identity@{faces}", "--device", "cpu"]
        assert cli.main(words) == 0
        after = run.folder.read_record()
        assert after.provenance["decides"] == "identity@faces"
        assert after.provenance["protocol"] != before.provenance["protocol"]
        assert value(after, "share", "target", "identity@faces")[0] == 1
        assert value(after, "H_c", "all")[0] == 0
        assert value(after, "efficacy", "target")[0] == 0
        # It knows no probability of the prompt's person, and the judge's is not its.
        assert not [s for s in after.scores if s.measure == "H_c_probability"]
        assert [s.metric for s in run.folder.read_scores()] == [s.metric for s in after.scores]
    (group,) = groups(results.again().runs)
    assert group.main == "identity@faces"
    first = page(group).tables[0]
    assert first.title.startswith("identity@faces") and "H_c ↑" in first.header


SUITE = """
version = "1"
kind = "{kind}"
prompt_files = ["prompts.csv"]
metrics = {metrics}
summary = "A few."

[cases]
mine = ["{concept}"]

[sizes.full]
images = {{ target = 2, remainder = 1 }}
cases = ["mine"]

[concepts.zebra]
kind = "object"
anchor = "x"

[concepts."Zorvan Quill"]
kind = "person"
anchor = "x"
"""


@pytest.mark.parametrize(
    ("concept", "kind", "metrics", "message"),
    [
        ("airplane", "object", ["judg"], "unknown metric: 'judg'; nearest: judge"),
        ("airplane", "object", ["clip@3"], "metric clip has no options"),
        ("zebra", "object", ["clip", "judge"], "unknown concept for metric judge: 'zebra'"),
        ("Zorvan Quill", "person", ["judge"], "unknown concept for metric judge: 'Zorvan Quill'"),
        ("airplane", "object", ["remainder"], "remainder prompt 'r' for the judge: 'Narnia'"),
        ("airplane", "object", ["style"], "no metric of suite mine can read images of mini"),
    ],
)
@pytest.mark.parametrize(
    "words",
    [
        ["run", "--method", "uce", "--plan"],
        ["run", "--method", "uce"],
        ["attack", "--method", "uce", "--attack", "seed_search", "--plan"],
    ],
    ids=["plan", "run", "attack"],
)
def test_what_a_metric_cannot_read_is_refused_before_anything_is_drawn(
    concept: str,
    kind: str,
    metrics: list[str],
    message: str,
    words: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    mine, out = tmp_path / "mine", tmp_path / "runs"
    mine.mkdir()
    names = "[" + ", ".join(f'"{name}"' for name in metrics) + "]"
    (mine / "suite.toml").write_text(SUITE.format(kind=kind, metrics=names, concept=concept))
    rows = [
        f"a,{concept},target,x,1,",
        f"b,{concept},target,x,2,",
        f"r,{concept},remainder,x,3,Narnia",
    ]
    (mine / "prompts.csv").write_text("\n".join(["id,concept,role,text,seed,tag", *rows]) + "\n")
    asked = [*words, "--suite", str(mine), "--size", "full", "--out", str(out)]
    assert cli.main(asked) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not out.exists()


def test_an_attack_that_nobody_can_judge_is_refused_by_its_plan(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "p.csv").write_text("prompt,seed\na riot,1\n")
    mine = str(tmp_path / "mine")
    words = ["import-prompts", str(tmp_path / "p.csv"), "--concept", "violence", "--out", mine]
    assert cli.main(words) == 0
    asked = ["attack", "--method", "uce", "--attack", "seed_search", "--suite", mine]
    assert cli.main([*asked, "--model", "sd14", "--size", "full", "--plan"]) == 2
    assert "tells whether images of sd14 show violence" in capsys.readouterr().err


def test_score_refuses_a_metric_that_cannot_read_the_run(
    strangers: tuple[dict[str, Finished], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The judge cannot tell who is nobody that it knows."""
    run = strangers[0]["uce"]
    assert "Zorvan" in run.folder.per_image_path.read_text()
    before = run.folder.per_image_path.read_bytes()
    assert cli.main(["score", str(run.folder.path), "--metric", "judge", "--device", "cpu"]) == 2
    assert "unknown concept for metric judge: 'Zorvan Quill'" in capsys.readouterr().err
    assert run.folder.per_image_path.read_bytes() == before


def test_an_imported_person_is_told_from_somebody_and_nobody(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(PEOPLE)
    words = ["import-prompts", str(tmp_path / "p.csv"), "--out", str(tmp_path / "mine")]
    assert cli.main(words) == 0
    assert suite(str(tmp_path / "mine")).metrics == ("identity", "clip")
