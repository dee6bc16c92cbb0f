"""The page in a browser, from disk; left out where there is no chromium or no playwright."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bench.files import write_rows
from bench.results import load, report
from bench.results.store import Finished
from bench.types import RunSpec, Sampler

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
if CHROMIUM is None:
    pytest.skip("there is no chromium on this machine", allow_module_level=True)
playwright = pytest.importorskip("playwright.sync_api", exc_type=ImportError)

Make = Callable[..., Finished]
SPEC = RunSpec("uce", {}, "mini", "objects", "1", ("airplane", "ship"), "quick", Sampler(20, 4), 0)
HOSTILE = '<img src=x onerror="window.ran=1"><script>window.ran=1</script> \' 🛩 طائرة ' + "x" * 5000


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(make: Make, tmp_path: Path, chromium: Any) -> Iterator[Any]:
    """The page of four runs of two protocols, one of them explicit; it must say no error."""
    settings: list[tuple[RunSpec, float, dict[str, Any]]] = [
        (replace(SPEC, method="original"), 1.0, {}),
        (SPEC, 0.5, {}),
        (replace(SPEC, method="esd"), 0.1, {"flags": ("collapsed",)}),
        (replace(SPEC, suite="explicit"), 0.5, {"facts": {"kind": "explicit"}}),
    ]
    for spec, target, more in settings:
        run = make(spec, target, **more)
        Image.new("RGB", (64, 64), "red").save(run.folder.path / "x.png")
        rows = [row | {"text": HOSTILE} for row in run.images]
        write_rows(run.folder.per_image_path, list(rows[0]), rows)
    out = tmp_path / "runs"
    pages = [report.page(each, tested=False) for each in report.groups(load(out).runs)]
    index = report.write_site(pages, out)
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


def test_columns_sort_both_ways(opened: Any) -> None:
    head = section(opened, "objects").locator(".ranking thead button", has_text="target").first
    head.click()
    assert methods(opened) == ["esd", "uce", "original"]
    assert head.locator("..").get_attribute("aria-sort") == "ascending"
    head.press("Enter")
    assert methods(opened) == ["original", "uce", "esd"]


def test_filters_leave_what_fits(opened: Any) -> None:
    assert methods(opened) == ["original", "uce", "esd"]
    opened.select_option("[name=method]", "uce")
    assert methods(opened) == ["original", "uce"]
    opened.select_option("[name=suite]", "explicit")
    assert not section(opened, "objects").is_visible()
    opened.locator("#filters button").click()
    assert methods(opened) == ["original", "uce", "esd"]
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
    ("form", "start"),
    [("CSV", "method,case,"), ("Markdown", "| method | case |"), ("LaTeX", "\\begin{tabular}{lr")],
)
def test_tables_are_copied_as_shown(opened: Any, form: str, start: str) -> None:
    opened.select_option("[name=method]", "uce")
    section(opened, "objects").locator(f"[data-copy={form}]").first.click()
    text = opened.locator("#copied textarea").input_value()
    assert text.startswith(start) and "uce" in text and "esd" not in text


def test_every_image_and_figure_says_what_it_is(opened: Any) -> None:
    assert opened.locator("main img:not([alt]), main img[alt='']").count() == 0
    assert opened.locator("main svg[role=img]:not(:has(desc))").count() == 0
