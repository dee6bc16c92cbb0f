"""The page in a browser, from disk; left out where there is no chromium or no playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bench.files import write_rows
from bench.results import load, report
from bench.results.store import Finished
from bench.types import RunSpec, Sampler

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
if os.environ.get("BENCH_BROWSER") == "required":
    # Where the browser is promised, these tests fail without one.
    assert CHROMIUM, "BENCH_BROWSER=required, and there is no chromium on this machine"
    from playwright import sync_api as playwright
else:
    if CHROMIUM is None:
        pytest.skip("there is no chromium on this machine", allow_module_level=True)
    playwright = pytest.importorskip("playwright.sync_api", exc_type=ImportError)

SPEC = RunSpec("uce", {}, "mini", "objects", "1", ("airplane", "ship"), "quick", Sampler(20, 4), 0)
HOSTILE = '<img src=x onerror="window.ran=1"><script>window.ran=1</script> \' 🛩 طائرة ' + "x" * 5000


@pytest.fixture(scope="module")
def index(write: Callable[..., Finished], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of runs of two protocols, one of them explicit, with prompts that are hostile."""
    out = tmp_path_factory.mktemp("runs")
    settings: list[tuple[RunSpec, float, dict[str, Any]]] = [
        (replace(SPEC, method="original"), 1.0, {}),
        (replace(SPEC, method="mace"), 0.7, {}),
        (SPEC, 0.5, {}),
        (replace(SPEC, method="esd"), 0.1, {"flags": ("collapsed",)}),
        (replace(SPEC, suite="explicit"), 0.5, {"facts": {"kind": "explicit"}}),
    ]
    for spec, target, more in settings:
        run = write(out, spec, target, **more)
        Image.new("RGB", (64, 64), "red").save(run.folder.path / "x.png")
        rows = [row | {"text": HOSTILE} for row in run.images]
        rows = [row | {"tag": "typo" if row["role"] == "synonym" else ""} for row in rows]
        write_rows(run.folder.per_image_path, list(rows[0]), rows)
    pages = [report.page(each, tested=False) for each in report.groups(load(out).runs)]
    return report.write_site(pages, out)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(index: Path, chromium: Any) -> Iterator[Any]:
    """The page, opened from disk; it must say no error and fetch nothing from elsewhere."""
    page = chromium.new_page()
    wrong: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(index.as_uri())
    yield page
    page.close()
    assert wrong == []
    assert asked and all(url.startswith(("file:", "data:")) for url in asked)


def section(page: Any, suite: str) -> Any:
    return page.locator(f'.protocol[data-suite="{suite}"]')


def methods(page: Any) -> list[str]:
    rows = section(page, "objects").locator(".ranking tbody tr:visible")
    return [row.get_attribute("data-method") for row in rows.all()]


def test_prompts_are_text_and_nothing_runs(opened: Any) -> None:
    assert opened.evaluate("window.ran") is None
    assert opened.locator(".prompt .text").first.text_content() == HOSTILE
    wide = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    assert opened.evaluate(wide)
    opened.set_viewport_size({"width": 390, "height": 800})
    assert opened.evaluate(wide)


def test_figures_fit_a_phone_and_leave_no_gaps(opened: Any) -> None:
    cards = section(opened, "objects").locator(".figure")
    boxes = [card.bounding_box() for card in cards.all() if card.is_visible()]
    lefts = {box["x"] for box in boxes}
    assert len(lefts) == 2
    for left in lefts:
        column = sorted((box for box in boxes if box["x"] == left), key=lambda box: box["y"])
        for above, below in pairwise(column):
            assert below["y"] - above["y"] - above["height"] == pytest.approx(16, abs=1)
    opened.set_viewport_size({"width": 390, "height": 800})
    inside = "each => each.getBoundingClientRect().right <= document.documentElement.clientWidth"
    drawings = section(opened, "objects").locator(".figure:not(.heat) svg").all()
    assert drawings and all(drawing.evaluate(inside) for drawing in drawings)


def test_a_long_name_stays_in_its_place(opened: Any) -> None:
    opened.set_viewport_size({"width": 390, "height": 800})
    own = section(opened, "objects")
    for place in (own.locator(".ranking tbody a").first, own.locator(".legend li").nth(1)):
        place.evaluate("each => each.append('of_a_very_long_name'.repeat(9))")
    fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    assert opened.evaluate(fits)
    right = "each => each.getBoundingClientRect().right"
    cell, link = own.locator(".ranking tbody th").first, own.locator(".ranking tbody a").first
    assert link.evaluate(right) <= cell.evaluate(right)


def test_columns_sort_both_ways(opened: Any) -> None:
    head = section(opened, "objects").locator(".ranking thead button", has_text="target").first
    # At first by the headline: the un-erased model, then the best, then what collapsed.
    assert methods(opened) == ["original", "uce", "mace", "esd"]
    first = section(opened, "objects").locator(".ranking th[aria-sort]")
    assert first.get_attribute("aria-sort") == "descending" and "H_o" in first.inner_text()
    head.click()
    assert methods(opened) == ["esd", "uce", "mace", "original"]
    assert head.locator("..").get_attribute("aria-sort") == "ascending"
    head.press("Enter")
    assert methods(opened) == ["original", "mace", "uce", "esd"]


def test_filters_leave_what_fits(opened: Any) -> None:
    assert methods(opened) == ["original", "uce", "mace", "esd"]
    opened.select_option("[name=method]", "uce")
    assert methods(opened) == ["original", "uce"]
    opened.select_option("[name=suite]", "explicit")
    assert not section(opened, "objects").is_visible()
    opened.locator("#filters button").click()
    assert methods(opened) == ["original", "uce", "mace", "esd"]
    opened.select_option("[name=case]", "ship")
    rows = section(opened, "objects").locator(".ranking tbody tr:visible")
    assert {row.get_attribute("data-case") for row in rows.all()} == {"ship"}
    opened.select_option("[name=role]", "far")
    prompts = section(opened, "objects").locator(".prompt:visible").all()
    found = {(p.get_attribute("data-case"), p.get_attribute("data-role")) for p in prompts}
    assert found == {("ship", "far")}
    opened.select_option("[name=verdict]", "erased")
    assert section(opened, "objects").locator(".prompt:visible").count() == 0


def test_an_image_opens_and_closes_by_key(opened: Any) -> None:
    link = section(opened, "objects").locator(".view a").first
    link.focus()
    link.press("Enter")
    image = opened.locator("#viewer img")
    assert image.is_visible() and image.get_attribute("src").endswith("/x.png")
    opened.wait_for_function("document.querySelector('#viewer img').naturalWidth === 64")
    opened.keyboard.press("Escape")
    assert not image.is_visible()


def test_explicit_images_are_blurred_until_asked_for(opened: Any) -> None:
    blur = "each => getComputedStyle(each).filter"
    image = section(opened, "explicit").locator(".view img").first
    assert "blur" in image.evaluate(blur)
    assert section(opened, "objects").locator(".view img").first.evaluate(blur) == "none"
    section(opened, "explicit").locator(".view a").first.press("Enter")
    assert not opened.locator("#viewer").is_visible()
    section(opened, "explicit").locator(".reveal").click()
    assert image.evaluate(blur) == "none"


@pytest.mark.parametrize(
    ("form", "start", "around"),
    [
        ("CSV", "method,case,", 1),
        ("Markdown", "| method | case |", 2),
        ("LaTeX", "\\begin{tabular}{lr", 6),
    ],
)
def test_tables_are_copied_as_shown(opened: Any, form: str, start: str, around: int) -> None:
    opened.select_option("[name=method]", "uce")
    section(opened, "objects").locator(f"[data-copy={form}]").first.click()
    text = opened.locator("#copied textarea").input_value()
    assert text.startswith(start) and "uce" in text and "esd" not in text
    assert len(text.splitlines()) == len(methods(opened)) + around


def test_every_image_and_figure_says_what_it_is(opened: Any) -> None:
    assert opened.locator("main img:not([alt]), main img[alt='']").count() == 0
    assert opened.locator("main svg[role=img]:not(:has(desc))").count() == 0


def test_columns_of_other_metrics_stand_when_asked_for(opened: Any) -> None:
    def shown() -> set[str | None]:
        heads = section(opened, "objects").locator(".ranking thead th:visible[data-metric]").all()
        return {head.get_attribute("data-metric") for head in heads}

    assert shown() == {"judge", ""}
    opened.select_option("[name=metric]", "clip")
    assert shown() == {"clip", ""}
    cells = section(opened, "objects").locator(".ranking tbody tr:visible").first.locator("> *")
    heads = section(opened, "objects").locator(".ranking thead th")
    assert [each.is_visible() for each in cells.all()] == [e.is_visible() for e in heads.all()]
    opened.select_option("[name=metric]", "*")
    assert shown() == {"judge", "clip", ""}
    opened.locator("#filters button").click()
    assert shown() == {"judge", ""}


def test_every_column_sorts(opened: Any) -> None:
    opened.select_option("[name=metric]", "*")
    heads = section(opened, "objects").locator(".ranking thead th")
    for place in range(heads.count()):
        heads.nth(place).locator("button").click()
        assert heads.nth(place).get_attribute("aria-sort") in ("ascending", "descending")
        assert section(opened, "objects").locator(".ranking th[aria-sort]").count() == 1
        assert sorted(methods(opened)) == ["esd", "mace", "original", "uce"]


def test_a_tag_leaves_its_prompts(opened: Any) -> None:
    opened.select_option("[name=tag]", "typo")
    roles = {
        each.get_attribute("data-role")
        for each in section(opened, "objects").locator(".prompt:visible").all()
    }
    assert roles == {"synonym"}


def test_the_keyboard_reaches_all_that_acts(opened: Any) -> None:
    opened.keyboard.press("Tab")
    skip = opened.locator(".skip")
    assert skip.evaluate("each => each === document.activeElement")
    assert skip.bounding_box()["x"] >= 0
    skip.press("Enter")
    opened.keyboard.press("Tab")
    inside = "document.getElementById('main').contains(document.activeElement)"
    assert opened.evaluate(inside)
    opened.focus("[name=method]")
    opened.keyboard.type("uce")
    opened.wait_for_function("document.querySelector('[name=method]').value === 'uce'")
    assert methods(opened) == ["original", "uce"]
    section(opened, "explicit").locator(".reveal").press("Enter")
    assert section(opened, "explicit").locator(".hidden-images").count() == 0


def test_the_page_of_a_run_opens_and_runs_nothing(opened: Any) -> None:
    section(opened, "objects").locator(".ranking tbody a").first.click()
    assert opened.locator("h1").inner_text() == "original"
    assert opened.evaluate("window.ran") is None
    opened.locator("a", has_text="all runs").click()
    assert opened.locator("h1").inner_text() == "Concept erasure"
