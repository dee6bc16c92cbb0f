"""What every eraser must do, for each one that is found."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench import registry
from bench.runs.contract.checks import CHECKS
from bench.runs.contract.subject import Subject, subject_of

ENTRIES = registry.methods()


@pytest.fixture(params=ENTRIES)
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    with subject_of(ENTRIES[request.param]) as made:
        yield made


@pytest.mark.parametrize("description", CHECKS)
def test_keeps_to_the_contract(subject: Subject, description: str) -> None:
    CHECKS[description](subject)
