from __future__ import annotations

from dataclasses import replace

import pytest

from bench import protocol
from bench.types import RunRecord, RunSpec, Sampler

SPEC = RunSpec("m", {}, "mini", "objects", "1", ("airplane",), "quick", Sampler(20, 4.0), 0)
FACTS = {"prompts_sha256": "a" * 64, "weights_sha256": "b" * 64}


def record(facts: dict[str, object] | None = None, **changes: object) -> RunRecord:
    return RunRecord(replace(SPEC, **changes), FACTS | (facts or {}), {}, ())  # type: ignore[arg-type]


def digest(run: RunRecord) -> str:
    return protocol.digest(protocol.of_record(run))


@pytest.mark.parametrize(
    "same", [record(method="n"), record(options={"a": 1}), record(seed=1), record({"started": "x"})]
)
def test_method_options_and_the_seed_of_the_erasure_are_no_protocol(same: RunRecord) -> None:
    assert digest(same) == digest(record())
    assert protocol.differences(record(), same) == []


@pytest.mark.parametrize(
    ("other", "text"),
    [
        (record(model="sd14"), "model: mini and sd14"),
        (record(size="full"), "size: quick and full"),
        (record(cases=("bird", "cat")), "cases: airplane and bird, cat"),
        (record(sampler=Sampler(50, 4.0)), "steps: 20 and 50"),
        (record(sampler=Sampler(20, 7.5)), "guidance: 4.0 and 7.5"),
        (record({"prompts_sha256": "c" * 64}), f"prompts_sha256: {'a' * 12} and {'c' * 12}"),
        (record(precision="bf16"), "precision: fp32 and bf16"),
        (record({"detectors": {"judge": "d" * 64}}), f"detectors: None and judge {'d' * 12}"),
    ],
)
def test_what_must_match_is_named_where_it_differs(other: RunRecord, text: str) -> None:
    assert digest(other) != digest(record())
    assert protocol.differences(record(), other) == [text]
