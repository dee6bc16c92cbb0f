from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from bench import registry
from bench.files import write_rows
from bench.results.report import gallery, group
from bench.results.store import Finished
from bench.types import InputError, RunSpec, Sampler

Make = Callable[..., Finished]
SPEC = RunSpec("uce", {}, "mini", "objects", "1", ("airplane",), "quick", Sampler(20, 4.0), 0)
UNERASED = replace(SPEC, method="original")


def judged(run: Finished, changes: Mapping[str, bool]) -> Finished:
    """Write anew whether the images of some prompts show their concept."""
    rows = run.folder.read_per_image()
    for row in rows:
        if row["id"] in changes:
            row["judge_label"] = "airplane" if changes[row["id"]] else "none"
    write_rows(run.folder.per_image_path, list(rows[0]), rows)
    return Finished(run.folder, run.record)


def test_verdicts_say_what_became_of_images(make: Make) -> None:
    run = judged(make(SPEC, 0.5), {"far-3": False})
    found = {prompt.row["id"]: prompt.views[0] for prompt in gallery.prompts(group([run]))}
    assert found["target-0"].verdict == "still there" and found["target-0"].missed
    assert found["target-19"].verdict == "erased" and not found["target-19"].missed
    assert found["far-0"].verdict == "kept" and not found["far-0"].missed
    assert found["far-3"].verdict == "lost" and found["far-3"].missed
    assert found["target-0"].saw[0] == "judge: airplane, 0.90"


def test_numbers_of_a_metric_are_named_unless_a_word_stands_before_them() -> None:
    row = {"judge_label": "airplane", "judge_probability": "0.9012", "change_distance": "0.2588"}
    row |= {"change_clip": "nan", "intact@0.9_readable": "5", "intact@0.9_lost": "0"}
    metrics = list(registry.known_metrics(["judge", "change", "intact@0.9"]).values())
    assert gallery.saw(row, metrics) == (
        "judge: airplane, 0.90",
        "change: distance 0.26",
        "intact@0.9: readable 5, lost 0",
    )


def test_the_worst_misses_come_first_and_only_what_erasures_did_counts(make: Make) -> None:
    original = judged(make(UNERASED, 1.0), {"far-5": False})
    one = judged(make(SPEC, 0.0), {"target-7": True, "far-3": False, "far-5": False} | related())
    two = judged(make(replace(SPEC, method="esd"), 0.0), {"far-3": False} | related())
    found = gallery.prompts(group([original, one, two]))
    by_id = {prompt.row["id"]: prompt for prompt in found}
    assert [view.label for view in found[0].views] == ["original", "esd", "uce"]
    worst = [prompt.row["id"] for prompt in found if prompt.row["role"] in ("target", "far")]
    assert worst[:2] == ["far-3", "target-7"]
    assert (by_id["far-3"].misses, by_id["target-7"].misses) == (2, 1)
    # The un-erased model does not draw it either.
    assert by_id["far-5"].misses == 0
    assert not by_id["far-5"].views[0].missed


def related() -> dict[str, bool]:
    return {f"{role}-{n}": False for role in ("synonym", "related") for n in range(20)}


def test_a_prompt_that_a_run_lacks_has_no_image(make: Make) -> None:
    original, run = make(UNERASED, 1.0), make()
    rows = [row for row in run.images if row["id"] != "far-0"]
    write_rows(run.folder.per_image_path, list(rows[0]), rows)
    every = gallery.prompts(group([original, Finished(run.folder, run.record)]))
    found = {prompt.row["id"]: prompt for prompt in every}
    assert found["far-0"].views[1].image == ""
    assert found["far-0"].views[1].verdict == "no verdict"


def test_no_more_than_asked_of_each_role(make: Make) -> None:
    every = gallery.prompts(group([make()]))
    chosen = gallery.worst(every, 3)
    roles = [prompt.row["role"] for prompt in chosen]
    assert {role: roles.count(role) for role in set(roles)} == dict.fromkeys(set(roles), 3)


def test_a_strip_is_of_the_role_and_number_asked_for(make: Make) -> None:
    every = group([make(UNERASED, 1.0), make()])
    wide = gallery.strip_of(every, role="related", case="", count=6)
    narrow = gallery.strip_of(every, role="related", case="", count=2)
    assert wide.width > narrow.width and wide.height == narrow.height
    with pytest.raises(InputError, match="nearest: related"):
        gallery.strip_of(every, role="relatd", case="", count=6)
