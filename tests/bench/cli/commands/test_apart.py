"""Cases that are run apart, command by command, are one run in the table, as if run at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import cli
from bench.results import load, report
from bench.results.joined import Joined, parts

from ...conftest import WriteSuite


def test_two_commands_are_as_one(
    write_suite: WriteSuite, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = write_suite(tmp_path / "suite", metrics=("judge", "fidelity", "cost"))
    asked = [
        "run",
        "--method",
        "uce",
        "--suite",
        str(suite),
        "--size",
        "tiny",
        "--steps",
        "1",
        "--batch-size",
        "1",
    ]
    apart, once = str(tmp_path / "apart"), str(tmp_path / "once")
    for case in ("airplane", "bird"):
        assert cli.main([*asked, "--concept", case, "--out", apart]) == 0
    said = capsys.readouterr().out
    # The table is of what was asked for, and the files have all.
    assert "· bird ·" in said and "joined      airplane, bird: " in said
    assert cli.main([*asked, "--concept", "airplane", "--concept", "bird", "--out", once]) == 0
    assert "joined" not in capsys.readouterr().out
    (two,), (one,) = (report.groups(load(out).runs) for out in (apart, once))
    for run, same in zip(two.runs, one.runs, strict=True):
        assert isinstance(run, Joined) and len(parts(run)) == 2 and not isinstance(same, Joined)
        assert run.record.spec == same.record.spec
        found = [
            {s.key: repr(s) for s in each.record.scores if s.metric != "cost"}
            for each in (run, same)
        ]
        assert found[0] == found[1]
        assert {"fid_judge", "share", "H_o", "H_all"} & {s.measure for s in run.record.scores}
        # What it cost is measured anew, and of the same things.
        assert set(run.by_key) == set(same.by_key)
        assert all((run.folder.path / row["image"]).is_file() for row in run.images)
    page = (tmp_path / "apart" / "index.html").read_text()
    assert page.count("<img ") == (tmp_path / "once" / "index.html").read_text().count("<img ") > 0
    strip = str(tmp_path / "strip.png")
    runs = [str(each.folder.path) for run in two.runs for each in parts(run)]
    assert cli.main(["gallery", *runs, "--to", strip]) == 0
