"""What many tests share: a tiny pipeline with random weights, and concepts to erase from it."""

from __future__ import annotations

from typing import Any

import pytest

from bench.types import Concept


@pytest.fixture(scope="session")
def tiny_pipe() -> Any:
    """One pipeline for the whole session: an eraser must leave it as it was."""
    from bench.contract.tiny import build_tiny_pipe

    return build_tiny_pipe()


@pytest.fixture(scope="session")
def tiny_folder(tiny_pipe: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The same pipeline saved in diffusers layout; returns its folder."""
    folder = tmp_path_factory.mktemp("tiny")
    tiny_pipe.save_pretrained(folder, safe_serialization=True)
    return folder


@pytest.fixture
def airplane() -> Concept:
    """The concept most tests erase."""
    return Concept(
        name="airplane",
        kind="object",
        anchor="the sky",
        synonyms=("aircraft", "plane", "jet"),
        near=("bird",),
    )


@pytest.fixture
def bird() -> Concept:
    """A second concept, for erasures of several."""
    return Concept(
        name="bird",
        kind="object",
        anchor="the sky",
        synonyms=("avian", "fowl", "winged creature"),
        near=("airplane",),
    )
