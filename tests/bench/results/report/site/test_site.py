from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from bench.files import write_rows
from bench.results import load, report
from bench.results.store import Finished
from bench.types import RunSpec, Sampler

Make = Callable[..., Finished]
SPEC = RunSpec("uce", {}, "mini", "objects", "1", ("airplane",), "quick", Sampler(20, 4.0), 0)
UNERASED = replace(SPEC, method="original")
HOSTILE = "<script>alert(1)</script> \"quoted\" 'single' 🛩 طائرة {{ 7 * 7 }} " + "x" * 5000


def changed(run: Finished, **cells: str) -> None:
    rows = [row | cells for row in run.folder.read_per_image()]
    write_rows(run.folder.per_image_path, list(rows[0]), rows)


def draw(run: Finished, name: str = "x.png") -> None:
    Image.new("RGB", (64, 64), "red").save(run.folder.path / name)


def site(out: Path) -> str:
    results = load(out)
    pages = [report.page(each, tested=False) for each in report.groups(results.runs)]
    return report.write_site(pages, out, results.problems).read_text()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def test_runs_stand_with_scores_figures_images_and_pages(make: Make, out: Path) -> None:
    for run in (make(UNERASED, 1.0), make(SPEC)):
        draw(run)
    text = site(out)
    for some in ("original", "uce", "H_o ↑", "[0.01, 0.95]", "<svg", "still there"):
        assert some in text
    addresses = set(re.findall(r'(?:src|href)="([^"#]+)"', text)) - {"data:,"}
    assert {Path(each).suffix for each in addresses} == {".webp", ".png", ".html"}
    for each in addresses:
        assert (out / each).is_file(), each
    for page in (out / "report").glob("*.html"):
        own = page.read_text()
        assert "python -m bench run --method" in own and "per_image.csv" in own
        for each in re.findall(r'href="([^"#]+)"', own):
            assert each == "data:," or (page.parent / each).is_file(), each


def test_nothing_is_fetched(make: Make, out: Path) -> None:
    make(SPEC)
    text = site(out)
    assert "default-src 'none'" in text
    assert not re.findall(r'(?:src|href|url\()\s*=?\s*["\']?(?:https?:)?//', text)


def test_texts_never_become_markup(make: Make, out: Path) -> None:
    run = make(SPEC)
    changed(run, text=HOSTILE, tag="<b>")
    text = site(out)
    assert "<script>alert" not in text and "<b></span>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "طائرة {{ 7 * 7 }} " + "x" * 5000 in text


def test_no_run_one_run_and_other_protocols_are_said(make: Make, out: Path) -> None:
    assert "There is no finished run here yet" in site(out)
    make(SPEC)
    text = site(out)
    assert "One run alone" in text and "un-erased model's run is not here" in text
    make(replace(SPEC, sampler=Sampler(30, 4.0)))
    text = site(out)
    assert "2 protocols" in text and text.count('class="protocol"') == 2


def test_what_has_not_finished_or_cannot_be_read_is_named(make: Make, out: Path) -> None:
    make(SPEC)
    (out / "half").mkdir()
    (out / "half" / "spec.json").write_text("{}")
    (out / "broken").mkdir()
    (out / "broken" / "record.json").write_text("{")
    text = site(out)
    assert "half has not finished" in text
    assert "broken" in text and "2 left out" in text


def test_images_that_cannot_be_read_or_lie_elsewhere_are_said_missing(
    make: Make, out: Path, tmp_path: Path
) -> None:
    run = make(SPEC)
    (run.folder.path / "x.png").write_bytes(b"no image")
    assert "no image" in site(out) and "<img loading" not in site(out)
    Image.new("RGB", (8, 8)).save(tmp_path / "secret.png")
    changed(run, image="../../secret.png")
    assert "<img loading" not in site(out)
    # The control: an image of the run's own is shown.
    draw(run)
    changed(run, image="x.png")
    assert "<img loading" in site(out)


def test_an_image_that_was_drawn_anew_gets_a_new_copy(make: Make, out: Path) -> None:
    run = make(SPEC)
    draw(run)
    before = set(re.findall(r'src="(report/images/[^"]+)"', site(out)))
    assert before == set(re.findall(r'src="(report/images/[^"]+)"', site(out)))
    Image.new("RGB", (32, 64), "blue").save(run.folder.path / "x.png")
    after = set(re.findall(r'src="(report/images/[^"]+)"', site(out)))
    assert after and not after & before


def test_explicit_images_are_hidden_and_others_not(make: Make, out: Path) -> None:
    make(SPEC)
    assert "hidden-images" not in body(site(out))
    make(replace(SPEC, method="esd"), facts={"kind": "explicit"})
    assert "hidden-images" in body(site(out))


def body(text: str) -> str:
    return text[text.index("<body>") : text.index("<script>")]


def test_a_collapsed_run_is_marked(make: Make, out: Path) -> None:
    make(SPEC)
    assert 'class="flagged' not in body(site(out))
    make(replace(SPEC, method="esd"), flags=("far images are lost",))
    text = body(site(out))
    assert '<tr class="flagged' in text and 'title="far images are lost"' in text
    assert '<g class="dot flagged"' in text


def test_the_page_of_a_run_shows_its_strips_but_for_explicit_ones(make: Make, out: Path) -> None:
    for spec, kind in ((SPEC, "object"), (replace(SPEC, method="esd"), "explicit")):
        run = make(spec, facts={"kind": kind})
        draw(run, "strip.png")
        draw(run, "attacks.png")
        page = out / "report" / f"{spec.run_id}.html"
        site(out)
        found = set(re.findall(r'<a href="([^"]+\.png)"', page.read_text()))
        assert {Path(each).name for each in found} == {"strip.png", "attacks.png"}
        assert page.read_text().count('<div class="scroll"') == (3 if kind == "object" else 1)
        assert page.read_text().count("<img") == (2 if kind == "object" else 0)


def test_each_case_has_its_line(make: Make, out: Path) -> None:
    make(replace(SPEC, cases=("airplane", "ship")))
    lines = re.findall(r'<tr[^>]*data-case="(\w+)" data-pooled="(\d)"', site(out))
    assert lines == [("all", "1"), ("airplane", "0"), ("ship", "0")]


def test_many_runs_show_fewer_prompts_each(
    make: Make, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.results.report.site.MOST", 30)
    for seed in range(6):
        make(replace(SPEC, seed=seed))
    text = site(out)
    assert body(text).count('<figure class="view') <= 30
    assert {"target", "far"} <= set(re.findall(r'class="prompt"[^>]*data-role="(\w+)"', text))


def test_what_is_of_all_cases_stands_once_with_all_its_methods_in_the_legend(
    make: Make, out: Path
) -> None:
    make(SPEC)
    assert 'class="panels"' not in site(out)
    make(replace(SPEC, method="mace", cases=("airplane+ship",)))
    make(replace(SPEC, cases=("cat", "ship"), seed=1))
    text = body(site(out))
    assert text.count('class="protocol"') == 3 and text.count('class="panels"') == 1
    first = text.split('class="protocol"')[1]
    assert 'class="panels"' in first
    panels = first[first.index('class="panels"') :]
    assert set(re.findall(r'<g class="dot[^>]*data-method="(\w+)"', panels)) == {"uce", "mace"}
    assert set(re.findall(r'<li data-method="(\w+)"', first)) == {"uce", "mace"}
