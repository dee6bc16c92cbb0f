from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bench import data, registry
from bench.registry import sources
from bench.types import InputError

SOURCE = '''
"""A method for the test."""
from dataclasses import dataclass
from typing import ClassVar, Literal
from bench.models.eraser import Eraser

When = Literal["early", "late"]

@dataclass(frozen=True)
class Fade(Eraser):
    """Fades a concept.

    More about it.
    """

    paper: ClassVar[str] = "Nobody, 2024"
    touches: ClassVar[tuple[str, ...]] = ("unet.*",)
    presets: ClassVar = {"mini": {"rate": 2, "steps": 7}}

    steps: int = 5
    """Steps; ours."""
    rate: float = 1e-3
    """Rate."""
    where: Literal["keys", "values"] | None = None
    """Where."""
    loud: bool = False
    limit: float | None = 3
    note: str = "x"
    when: When | None = "late"
    quoted: "int" = 1

    def fit(self, pipe, concepts, *, seed, progress=None):
        return {}
'''


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> registry.Entry:
    folder = tmp_path / "methods"
    folder.mkdir()
    (folder / "fade.py").write_text(SOURCE)
    (folder / "_shared.py").write_text(SOURCE)
    (folder / "nothing.py").write_text("class Other: pass\n")
    monkeypatch.setattr(data, "ROOT", tmp_path)
    assert list(registry.methods()) == ["fade"]
    return registry.methods()["fade"]


def test_a_file_is_enough_to_be_found_and_described(entry: registry.Entry) -> None:
    assert (entry.module, entry.class_name, entry.kind) == ("methods.fade", "Fade", "method")
    assert (entry.summary, entry.paper) == ("Fades a concept.", "Nobody, 2024")
    assert entry.options[0] == registry.OptionInfo("steps", "int", 5, "Steps; ours.")
    assert entry.options[2].choices == ("keys", "values")
    named = next(option for option in entry.options if option.name == "when")
    assert (named.choices, named.type) == (("early", "late"), "Literal['early', 'late'] | None")
    assert [option.name for option in entry.options][3:] == [
        "loud",
        "limit",
        "note",
        "when",
        "quoted",
    ]


def test_sources_are_parsed_once_as_long_as_they_stay_as_they_are(
    entry: registry.Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By content: one written within the clock's tick, with as many bytes, is seen."""
    before = entry.path.stat()
    entry.path.write_text(SOURCE.replace("steps: int = 5", "steps: int = 6"))
    os.utime(entry.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert registry.methods()["fade"].options[0].default == 6
    monkeypatch.setattr(sources, "_parsed", None)
    again = registry.methods()["fade"]
    assert again.options[0].default == 6
    # Each is a new one: the version that one keeps depends on other files too.
    assert again is not registry.methods()["fade"]


def test_a_literal_may_have_a_name(entry: registry.Entry) -> None:
    named = SOURCE.replace('Literal["keys", "values"] | None', "Where | None")
    named = named.replace("@dataclass", 'Where = Literal["keys", "values"]\n\n@dataclass')
    entry.path.write_text(named)
    again = registry.methods()["fade"]
    assert again.options == entry.options
    assert registry.options(again, "sd", ["where=keys"])["where"] == "keys"
    with pytest.raises(InputError, match="nowhere"):
        registry.options(again, "sd", ["where=nowhere"])


def test_options_are_defaults_then_preset_then_settings(entry: registry.Entry) -> None:
    defaults = registry.options(entry, "sd")
    assert defaults["steps"] == 5 and defaults["rate"] == 1e-3
    assert registry.options(entry, "mini")["steps"] == 7
    settings = ["steps=9", "where=keys", "loud=yes", "limit=none", "note=a=b"]
    chosen = registry.options(entry, "mini", settings)
    assert chosen == {
        "steps": 9, "rate": 2.0, "where": "keys", "loud": True, "limit": None, "note": "a=b",
        "when": "late", "quoted": 1,
    }  # fmt: skip


def test_integers_of_float_options_become_floats(entry: registry.Entry) -> None:
    values = registry.options(entry, "mini", ["limit=4"])
    assert [type(values[name]) for name in ("rate", "limit", "steps")] == [float, float, int]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("stepz=3", "unknown option of fade: 'stepz'; nearest: steps"),
        ("steps=3.5", "option steps must be an integer"),
        ("steps=none", "option steps must be an integer"),
        ("rate=fast", "option rate must be a number"),
        ("rate=nan", "option rate must be a number"),
        ("loud=maybe", "option loud must be true or false"),
        ("limit=x", "option limit must be a number or none"),
        ("where=key", "nearest: keys"),
        ("when=latte", "nearest: late"),
        ("when=3", "choices: early, late"),
        ("quoted=x", "option quoted must be an integer"),
        ("steps", "must be name=value"),
        ("=3", "must be name=value"),
    ],
)
def test_a_bad_setting_is_one_clear_line(entry: registry.Entry, setting: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        registry.options(entry, "sd", [setting])
    assert message in str(error.value) and "\n" not in str(error.value)


def test_options_are_written_as_they_are_read(entry: registry.Entry) -> None:
    values = registry.options(entry, "mini", ["loud=yes", "where=none"])
    settings = [f"{name}={registry.written(value)}" for name, value in values.items()]
    assert registry.options(entry, "sd", settings) == values and "loud=true" in settings


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("class A(Eraser):\n    x: int = f()\n", "A.x must have a literal value"),
        ("class A(Eraser):\n    x: int\n", "A.x must have a literal value"),
        ("class A(Eraser): pass\nclass B(Eraser): pass\n", "one class a file"),
        ("class A(Eraser):\n    x: Fast = 1\n", "A.x has the type Fast, which --set cannot read"),
        ("class A(Eraser):\n    x: list[int] | None = None\n", "A.x has the type list.int."),
    ],
)
def test_what_cannot_be_listed_is_refused_by_name(
    entry: registry.Entry, tmp_path: Path, source: str, message: str
) -> None:
    (tmp_path / "methods" / "bad.py").write_text(source)
    with pytest.raises(InputError, match=message) as error:
        registry.methods()
    assert "bad.py" in str(error.value)


def test_a_preset_of_an_unknown_option_is_refused(entry: registry.Entry, tmp_path: Path) -> None:
    text = SOURCE.replace('"steps": 7', '"stops": 7')
    (tmp_path / "methods" / "fade.py").write_text(text)
    with pytest.raises(InputError, match="nearest: steps"):
        registry.options(registry.methods()["fade"], "mini")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            '"steps": 7',
            '"steps": 7.5',
            "preset mini steps=7.5: fade's option steps must be an integer",
        ),
        ('"steps": 7', '"when": "lat"', "nearest: late"),
        ("steps: int = 5", "steps: int = 5.5", "default steps=5.5"),
    ],
)
def test_a_default_or_preset_of_another_type_is_refused(
    entry: registry.Entry, tmp_path: Path, old: str, new: str, message: str
) -> None:
    (tmp_path / "methods" / "fade.py").write_text(SOURCE.replace(old, new))
    with pytest.raises(InputError, match=message):
        registry.options(registry.methods()["fade"], "mini")


@pytest.mark.parametrize("known", [registry.methods, registry.attacks, registry.metrics])
def test_every_value_of_ours_can_be_set_by_its_own_word(
    known: Callable[[], Mapping[str, registry.Entry]],
) -> None:
    """A default, a preset's value, and each choice of a Literal, where a name stands for it too."""
    for entry in known().values():
        for preset in ("", *entry.presets):
            values = registry.options(entry, preset)
            words = [f"{name}={registry.written(value)}" for name, value in values.items()]
            assert registry.options(entry, "", words) == values
        for option in entry.options:
            for choice in option.choices:
                assert (
                    registry.options(entry, "", [f"{option.name}={choice}"])[option.name] == choice
                )


def test_the_real_methods_load_with_their_options() -> None:
    for entry in registry.methods().values():
        for family in ("mini", "sd", "sdxl"):
            values = registry.options(entry, family)
            assert registry.load_method(entry, values).options() == values


def test_the_real_metrics_load() -> None:
    found = {name: registry.load_metric(entry) for name, entry in registry.metrics().items()}
    assert {"judge", "clip"} <= set(found)
    assert found["judge"].families == {"mini"}


def test_finding_imports_neither_torch_nor_what_it_finds() -> None:
    code = (
        "import sys; from bench import registry; registry.methods(); registry.metrics();"
        "assert not {'torch', 'methods.original', 'bench.metrics'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=data.ROOT)


OUTSIDE = SOURCE.replace("methods", "others") + "\n\nclass Helper:\n    pass\n"


def test_a_file_from_outside_is_a_method(tmp_path: Path) -> None:
    path = tmp_path / "my fade.py"
    path.write_text(OUTSIDE)
    entry = registry.method(f"{path}:Fade")
    assert entry.name == "Fade" and entry.summary == "Fades a concept."
    eraser = registry.load_method(entry, registry.options(entry, "mini", ["steps=9"]))
    assert eraser.options()["steps"] == 9
    assert registry.method(f"{path}:Fade").version == entry.version
    path.write_text(OUTSIDE.replace("steps: int = 5", "steps: int = 6"))
    changed = registry.method(f"{path}:Fade")
    assert changed.version != entry.version
    assert registry.load_method(changed, {}).options()["steps"] == 6


def test_a_module_from_outside_is_a_method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fading_package").mkdir()
    (tmp_path / "fading_package" / "__init__.py").write_text("")
    (tmp_path / "fading_package" / "fade.py").write_text(OUTSIDE)
    monkeypatch.syspath_prepend(tmp_path)
    entry = registry.method("fading_package.fade:Fade")
    assert registry.load_method(entry, {}).options()["steps"] == 5


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("{0}/absent.py:Fade", "there is no file"),
        ("{0}/fade.py:Fad", "nearest: Fade"),
        ("{0}/fade.py:Helper", "a class with the base Eraser"),
        ("{0}/fade.py:", "unknown method"),
        ("{0}/broken.py:Fade", "is not Python"),
        ("no_such_module:Fade", "there is no Python module"),
        ("no.such.module:Fade", "there is no Python module"),
        ("json:Fade", "a class with the base Eraser"),
        ("realer", "nearest: realera"),
    ],
)
def test_what_is_no_method_is_refused_before_work(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "fade.py").write_text(OUTSIDE)
    (tmp_path / "broken.py").write_text("class Fade(Eraser:\n")
    with pytest.raises(InputError, match=message) as error:
        registry.method(name.format(tmp_path))
    assert "\n" not in str(error.value)


def test_a_file_from_outside_is_another_when_a_module_beside_it_changes(tmp_path: Path) -> None:
    (tmp_path / "fade.py").write_text(OUTSIDE + "\nfrom helper import shade\n")
    (tmp_path / "helper.py").write_text("from deeper import shade\n")
    (tmp_path / "deeper.py").write_text("shade = 1\n")
    before = registry.method(f"{tmp_path}/fade.py:Fade").version
    (tmp_path / "deeper.py").write_text("shade = 2\n")
    assert registry.method(f"{tmp_path}/fade.py:Fade").version != before


def test_a_file_that_fails_when_imported_says_why(tmp_path: Path) -> None:
    path = tmp_path / "fade.py"
    path.write_text(OUTSIDE + "\n1 / 0\n")
    entry = registry.method(f"{path}:Fade")
    with pytest.raises(InputError, match="ZeroDivisionError"):
        registry.load_method(entry, {})


def test_a_detector_is_the_version_of_its_code_and_its_network() -> None:
    metric = registry.metric("nudity@0.7")
    assert (
        registry.detector_version(metric)
        == f"{registry.metrics()['nudity'].version} {metric.detector}"
    )


def test_a_metric_is_asked_for_with_its_first_option_and_listed_without(tmp_path: Path) -> None:
    verdicts = tmp_path / "faces.csv"
    verdicts.write_text("image,label\nx.png,nobody\n")
    for asked, name, stem in (
        ("nudity@0.7", "nudity@0.7", "nudity"),
        ("nudity", "nudity@0.6", "nudity"),
        (f"identity@{verdicts}", "identity@faces", "identity"),
        ("judge", "judge", "judge"),
    ):
        metric = registry.metric(asked)
        assert (metric.name, metric.stem) == (name, stem) and stem in registry.metrics()


def test_metrics_of_records_that_are_no_longer_there_are_left_out() -> None:
    found = registry.known_metrics(["gone@0.5", "judge", "nudity@0.7", "gone"])
    assert {name: metric.name for name, metric in found.items()} == {
        "judge": "judge",
        "nudity@0.7": "nudity@0.7",
    }
