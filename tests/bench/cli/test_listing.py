from __future__ import annotations

import hashlib

import pytest

from bench import prompts, registry
from bench.cli.listing import listing, show_suite
from bench.metrics import OF_CASES, STATISTICS
from bench.models.recognition import MODELS
from bench.types import InputError


@pytest.mark.parametrize("verbose", [False, True])
def test_lists_name_everything(verbose: bool) -> None:
    everything = {
        "methods": registry.methods(),
        "models": MODELS,
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


def test_a_suite_is_shown_with_cases_counts_and_hashes() -> None:
    suite = prompts.suite("objects")
    text = "\n".join(show_suite("objects"))
    for path in prompts.paths(suite, "sd"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() in text and path.name in text
    assert "objects-words.csv, 2400 rows, for sd, sdxl alone" in text
    assert "version 2" in text
    assert "synonym     6000 rows, 300 texts" in text
    assert "erases cat; rows: target 200, synonym 600, related 200, remainder 108" in text
    assert "smoke  target 4, synonym 6, related 4, adversarial 6, near 4, far 9" in text
    assert "by tag    language-de 200, language-fr 200" in text
    assert "derived from target rows: typo, swapped" in text
    with pytest.raises(InputError, match="unknown suite: 'object'; nearest: objects"):
        list(show_suite("object"))


def test_many_tags_are_shown_by_the_most_frequent() -> None:
    text = "\n".join(show_suite("objects"))
    assert "tabby 40, Siamese kitten 40, Maine Coon 40 and 18 more" in text


def test_suites_for_some_models_say_so() -> None:
    assert "models   of the families sd, sdxl" in "\n".join(listing("suites", True))
    assert "models    sd, sdxl" in "\n".join(show_suite("explicit"))


def test_verbose_metrics_say_what_each_statistic_is_over_several_cases() -> None:
    text = "\n".join(listing("metrics", True))
    for entry in registry.metrics():
        for measure in registry.metric(entry).measures():
            said = STATISTICS[measure.statistic] if measure.value else OF_CASES
            assert said in text.split(f"  {measure.name}: ")[1].split("\n  ")[2], measure.name
    assert "  object  H_o" in text and "mean of the cases' own" in text


def test_methods_are_listed_with_the_form_of_what_they_leave() -> None:
    forms = {line.split()[0]: line.split()[1] for line in listing("methods", False)}
    assert forms == {name: entry.form for name, entry in registry.methods().items()}
    assert "  leaves  weights, which load into any diffusers pipeline" in listing("methods", True)
