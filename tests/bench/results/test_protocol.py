from __future__ import annotations

from dataclasses import replace

import pytest

from bench.results import protocol
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


def test_a_model_is_its_weights_whatever_it_is_called() -> None:
    copied = record(model="copy-1a2b3c4d")
    assert digest(copied) == digest(record()) and protocol.differences(record(), copied) == []
    retrained = record({"weights_sha256": "c" * 64})
    assert digest(retrained) != digest(record())
    text = f"weights_sha256: {'b' * 12} and {'c' * 12}"
    assert protocol.differences(record(), retrained) == [text]


def test_where_weights_are_not_known_a_model_is_its_name() -> None:
    one, other = (record({"weights_sha256": None}, model=name) for name in ("mini", "sd14"))
    assert digest(one) != digest(other)
    assert protocol.differences(one, other) == ["model: mini and sd14"]
