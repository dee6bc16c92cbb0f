from __future__ import annotations

import pytest

from bench import pipelines, prompts, registry
from bench.listing import listing, show_suite
from bench.types import InputError


@pytest.mark.parametrize("verbose", [False, True])
def test_lists_name_everything(verbose: bool) -> None:
    everything = {
        "methods": registry.methods(),
        "models": pipelines.MODELS,
        "suites": prompts.suites(),
        "metrics": registry.metrics(),
    }
    for what, names in everything.items():
        lines = list(listing(what, verbose))
        assert all(any(line.startswith(name) for line in lines) for name in names), what


def test_verbose_methods_show_options_presets_and_paper() -> None:
    text = "\n".join(listing("methods", True))
    for entry in registry.methods().values():
        assert entry.paper in text
        assert all(f"  {o.name}=" in text and o.doc in text for o in entry.options)


def test_an_unknown_list_names_the_nearest() -> None:
    with pytest.raises(InputError, match="nearest: methods"):
        listing("method", False)


def test_a_suite_is_shown_with_cases_counts_and_hash() -> None:
    suite = prompts.suites()["objects"]
    text = "\n".join(show_suite("objects"))
    assert prompts.file_hash(suite) in text and "version 1" in text
    assert "synonym  6000 rows, 300 texts" in text
    assert "erases cat; rows: target 200, synonym 600, related 200" in text
    assert "smoke  target 4, synonym 6, related 4, near 4, far 9; case airplane" in text
    with pytest.raises(InputError, match="unknown suite: 'object'; nearest: objects"):
        list(show_suite("object"))
