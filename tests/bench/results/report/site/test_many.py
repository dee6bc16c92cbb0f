"""What the page does with many runs, and without torch."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from bench.files import write_rows
from bench.results.report import group, page, write_site
from bench.results.store import Finished
from bench.types import RunSpec, Sampler

Make = Callable[..., Finished]
SPEC = RunSpec("uce", {}, "mini", "objects", "1", ("airplane",), "quick", Sampler(20, 4.0), 0)
MANY = 200
LARGEST = 15e6
"""Bytes that the page and its parts may have together."""


def test_two_hundred_runs_stand_on_one_page(make: Make, tmp_path: Path) -> None:
    first = make(SPEC)
    rows = [row for row in first.images if row["id"].endswith("-0")]
    write_rows(first.folder.per_image_path, list(rows[0]), rows)
    # The same folder under many seeds: what is read and written is as much, what is made is not.
    runs = [
        Finished(first.folder, replace(first.record, spec=replace(first.record.spec, seed=seed)))
        for seed in range(MANY)
    ]
    text = write_site([page(group(runs), tested=False)], tmp_path / "out").read_text()
    lines = re.findall(r'<tr[^>]* data-method="uce"', text)
    assert len(lines) == MANY
    assert len(list((tmp_path / "out" / "report").glob("*.html"))) == MANY
    assert f"{MANY} runs" in text and "figures not drawn" in text
    made = sum(path.stat().st_size for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert made < LARGEST


def test_the_page_is_written_without_torch(make: Make, alone: Any, tmp_path: Path) -> None:
    for run in (make(replace(SPEC, method="original"), 1.0), make(SPEC)):
        Image.new("RGB", (64, 64), "red").save(run.folder.path / "x.png")
    child = alone("report", "--out", str(tmp_path / "runs"))
    assert child.status == 0, child.err
    text = (tmp_path / "runs" / "index.html").read_text()
    assert "<svg" in text and ".webp" in text
    assert {"jinja2", "PIL"} <= child.packages
    assert not child.packages & {"torch", "diffusers", "transformers", "matplotlib"}


def test_a_runs_page_is_written_where_it_says_something_new(make: Make, tmp_path: Path) -> None:
    run, out = make(SPEC), tmp_path / "runs"
    path = out / "report" / f"{SPEC.run_id}.html"

    def written() -> bool:
        before = path.stat().st_ino if path.exists() else None
        write_site([page(group([Finished(run.folder, run.folder.read_record())]))], out)
        return path.stat().st_ino != before

    assert written() and not written()
    whole = path.read_bytes()
    for damage in (b"", whole[: len(whole) // 2], whole[:-1]):
        path.write_bytes(damage)
        assert written() and path.read_bytes() == whole
    (run.folder.path / "attacks.csv").write_text("a\n1\n")
    assert written() and "attacks.csv" in path.read_text() and not written()
    run.folder.write_record(replace(run.record, seconds={"erase": 98.7}))
    assert written() and "98.7" in path.read_text()
