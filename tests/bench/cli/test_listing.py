from __future__ import annotations

import pytest

from bench import prompts, registry
from bench.cli.listing import listing
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


def test_suites_for_some_models_say_so() -> None:
    assert "models   of the families sd, sdxl" in "\n".join(listing("suites", True))


def test_verbose_metrics_say_what_each_statistic_is_over_several_cases() -> None:
    text = "\n".join(listing("metrics", True))
    for entry in registry.metrics():
        for measure in registry.metric(entry).measures():
            said = STATISTICS[measure.statistic] if measure.value else OF_CASES
            assert said in text.split(f"  {measure.name}: ")[1].split("\n  ")[2], measure.name
    assert "  object  H_o" in text and "mean of the cases' own" in text


@pytest.mark.parametrize("verbose", [False, True])
def test_methods_of_a_kind_are_listed_alone(verbose: bool) -> None:
    text = list(listing("methods", verbose, "inference"))
    for name, entry in registry.methods().items():
        shown = any(line.startswith((f"{name} ", f"{name}:")) for line in text)
        assert shown == (entry.form == "inference"), name


def test_attacks_say_how_they_are_to_be_read() -> None:
    text = list(listing("attacks", True, "adaptive"))
    assert not any(line.startswith("seed_search") for line in text)
    place = text.index(next(line for line in text if line.startswith("latent_inversion: ")))
    rest = text[place : place + 20]
    assert "  cost   at most 0 U-Net evaluations, 4 images inverted a prompt" in rest
    assert any(line.startswith("  reading starts from images of the concept") for line in rest)


def test_methods_are_listed_with_the_form_of_what_they_leave() -> None:
    forms = {line.split()[0]: line.split()[1] for line in listing("methods", False)}
    assert forms == {name: entry.form for name, entry in registry.methods().items()}
    assert "  leaves  weights, which load into any diffusers pipeline" in listing("methods", True)


def test_what_tune_searches_is_listed() -> None:
    lines = list(listing("methods", verbose=True))
    assert "  tuned   lamb 0.05 to 5.0, by logarithm" in lines
