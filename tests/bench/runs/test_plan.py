from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench import prompts, registry
from bench.models import mini
from bench.portable import UNERASED
from bench.results.store import RunFolder
from bench.runs import folders, outline, plan
from bench.types import InputError, RunSpec, Sampler

FILES = sorted(prompts.FOLDER.glob("*.csv"))


def specs(*methods: str, size: str = "smoke", model: str = "sd14", **more: object) -> list[RunSpec]:
    return plan.specs(methods, model=model, suite="objects", size=size, **more)  # type: ignore[arg-type]


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two methods with an option in common, and one that needs a path."""

    def entry(name: str, *options: registry.OptionInfo) -> registry.Entry:
        return registry.Entry(
            *(name, "method", f"methods.{name}", name, "", "", options, {}, {}),
            needs=("path",) if name == "c" else (),
            path=Path(__file__),
        )

    steps = registry.OptionInfo("steps", "int", 5, "")
    found = {
        "a": entry("a", steps, registry.OptionInfo("rate", "float", 1.0, "")),
        "b": entry("b", steps, registry.OptionInfo("rank", "int", 4, "")),
        "c": entry("c", registry.OptionInfo("path", "str", "", "")),
        "original": entry("original"),
    }
    monkeypatch.setattr(registry, "methods", lambda: found)


@pytest.mark.usefixtures("two")
def test_the_original_comes_first_and_once() -> None:
    assert [spec.method for spec in specs("b")] == ["original", "b"]
    assert [spec.method for spec in specs("original")] == ["original"]
    assert [spec.method for spec in specs("b", "a", "b")] == ["original", "b", "a"]
    assert [spec.method for spec in specs("all")] == ["original", "a", "b"]


def test_a_spec_is_complete() -> None:
    assert specs("original", seed=3) == [
        RunSpec(
            method="original",
            options={},
            model="sd14",
            suite="objects",
            suite_version=prompts.suite("objects").version,
            cases=("airplane",),
            size="smoke",
            sampler=Sampler(50, 7.5),
            seed=0,
            method_version=registry.methods()["original"].version,
            family="sd",
        )
    ]


def test_a_seed_is_the_erasures_and_the_un_erased_model_has_none() -> None:
    """Its images are the same whatever the seed, and drawn once."""
    assert [spec.seed for spec in specs("uce", seed=3)] == [0, 3]
    assert specs("uce", seed=3)[0] == specs("uce", seed=4)[0]


def test_sampler_is_the_familys_unless_given() -> None:
    assert specs("original", steps=3)[0].sampler == Sampler(3, 7.5)
    assert specs("original", guidance=1.0)[0].sampler == Sampler(50, 1.0)


def test_mini_has_its_own_sampler_and_is_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mini, "path", lambda: Path())
    assert specs("original", model="mini")[0].sampler == Sampler(20, 4.0)

    def altered() -> Path:
        raise InputError("mini is altered")

    monkeypatch.setattr(mini, "path", altered)
    with pytest.raises(InputError, match="mini is altered"):
        specs("original", model="mini")


def test_concepts_choose_cases_in_the_order_of_the_suite() -> None:
    everything = tuple(case.name for case in prompts.suite("objects").cases)
    assert specs("original", concepts=["dog", "cat", "dog"])[0].cases == ("cat", "dog")
    assert specs("original", concepts=["all"])[0].cases == everything
    assert specs("original", size="full")[0].cases == everything


def test_a_concept_outside_the_suite_is_told_from_an_unknown_one() -> None:
    with pytest.raises(InputError, match="unknown concept: 'mosai"):
        specs("original", concepts=["mosaik"])
    with pytest.raises(InputError, match="'mosaic' is not in suite objects; choices: airplane"):
        specs("original", concepts=["mosaic"])


@pytest.mark.usefixtures("two")
def test_what_lacks_an_option_is_left_out_of_all_and_refused_by_name() -> None:
    assert [spec.method for spec in specs("all", settings=["path=x"])][1:] == ["a", "b", "c"]
    with pytest.raises(InputError, match="method c needs --set path"):
        specs("c")


@pytest.mark.usefixtures("two")
def test_a_changed_method_is_another_run() -> None:
    _, a = specs("a")
    assert a.method_version == registry.methods()["a"].version
    assert replace(a, method_version="other").run_id != a.run_id


def test_a_method_from_outside_gives_its_class_name_to_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("from bench.models.eraser import Eraser\nclass Mine(Eraser):\n    pass\n")
    _, mine = specs(f"{path}:Mine")
    assert mine.method == "mine.py:Mine" and mine.run_id.startswith("Mine-objects-sd14-smoke-")


@pytest.mark.usefixtures("two")
def test_settings_go_to_the_methods_that_have_them() -> None:
    _, a, b = specs("a", "b", settings=["steps=7", "rank=2"])
    assert a.options == {"steps": 7, "rate": 1.0}
    assert b.options == {"steps": 7, "rank": 2}


@pytest.mark.usefixtures("two")
def test_a_setting_that_no_method_has_is_refused() -> None:
    with pytest.raises(InputError, match="unknown option of a, b: 'rnk'; nearest: rank"):
        specs("a", "b", settings=["rnk=2"])
    with pytest.raises(InputError, match="option steps must be an integer"):
        specs("a", settings=["steps=many"])


@pytest.mark.usefixtures("two")
def test_a_preset_goes_to_the_methods_that_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = registry.methods()
    presets = {"sd": {"steps": 2, "rate": 3.0}, "paper": {"rate": 4.0}}
    found |= {"a": replace(found["a"], presets=presets)}
    found |= {"b": replace(found["b"], presets={"sd": {"rank": 9}})}
    monkeypatch.setattr(registry, "methods", lambda: found)
    _, a, b = specs("a", "b", preset="paper")
    assert a.options == {"steps": 5, "rate": 4.0}
    assert b.options == {"steps": 5, "rank": 9}
    assert specs("a")[1].options == {"steps": 2, "rate": 3.0}
    assert specs("a", preset="paper", settings=["rate=6"])[1].options["rate"] == 6.0
    with pytest.raises(InputError, match="unknown preset of a, b: 'papr'; nearest: paper; choices"):
        specs("a", "b", preset="papr")
    with pytest.raises(InputError, match="unknown preset of b: 'paper'; choices: sd"):
        specs("b", preset="paper")


PUBLISHED: dict[str, dict[str, object]] = {
    "esd": {
        **{"train_method": "u", "convention": "paper", "pool": 1, "batch": 1, "erase_from": None},
        **{"negative_guidance": 1.0, "steps": 1000, "learning_rate": 1e-5},
        **{"sampled_by": "student", "timesteps": "bucket"},
        **{"trajectory_steps": 50, "trajectory_guidance": 3.0},
    },
    "uce": {
        **{"variant": "2023", "technique": "replace", "guide": "", "preserve": "", "lamb": 0.5},
        **{"erase_scale": 1.0, "preserve_scale": None, "expand_prompts": False},
    },
    "mace": {
        **{"stage": "all", "mapping": "official", "segmenter": "grounded_sam", "lamb": None},
        **{"prompts": 30, "rank": 1, "loss": "code", "use_pooler": True, "domain": ""},
        **{"images": 8, "image_steps": 30, "image_guidance": 7.5, "steps": 50},
        **{"learning_rate": 1e-5, "preserve_scale": 0.0, "importance_sampling": True},
    },
}


@pytest.mark.parametrize("method", PUBLISHED)
def test_the_options_behind_the_published_object_table(method: str) -> None:
    _, spec = specs(method, preset="objects-mace", concepts=["bird"])
    assert spec.options == dict(spec.options) | PUBLISHED[method]
    assert registry.methods()[method].preset_sources["objects-mace"]


def test_a_setting_for_some_concepts_alone_is_refused_for_others() -> None:
    _, spec = specs("mace", settings=["mapping=official"], concepts=["bird", "ship", "automobile"])
    assert spec.options["mapping"] == "official"
    message = (
        "mace's mapping=official is for automobile, bird, ship alone, not for cat, deer; choose "
        "with --concept, or set another mapping"
    )
    for asked in ({"settings": ["mapping=official"]}, {"preset": "objects-mace"}):
        with pytest.raises(InputError, match=message):
            specs("mace", concepts=["bird", "cat", "deer"], **asked)
    assert specs("mace", concepts=["cat"])[1].options["mapping"] == "suite"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"methods": []}, "run needs --method; choices: .*original"),
        ({"methods": ["orignal"]}, "unknown method: 'orignal'; nearest: original"),
        ({"suite": "object"}, "unknown suite: 'object'; nearest: objects"),
        ({"size": "ful"}, "unknown size: 'ful'; nearest: full"),
        ({"model": "sd114"}, "unknown model: 'sd114'; nearest: sd14"),
    ],
)
def test_unknown_names_are_refused(given: dict[str, object], message: str) -> None:
    names = {"methods": ["original"], "model": "sd14", "suite": "objects", "size": "smoke"}
    with pytest.raises(InputError, match=message):
        plan.specs(**{**names, **given})  # type: ignore[arg-type]


def test_a_role_without_prompts_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("concepts.toml", "suites.toml", *(path.name for path in FILES)):
        text = (prompts.FOLDER / name).read_text()
        kept = [line for line in text.splitlines(keepends=True) if "airplane-related" not in line]
        (tmp_path / name).write_text("".join(kept))
    monkeypatch.setattr(prompts, "FOLDER", tmp_path)
    with pytest.raises(InputError, match="has no related prompts for case airplane"):
        specs("original")
    assert specs("original", concepts=["cat"])


def test_out_must_be_a_folder_that_can_be_made(tmp_path: Path) -> None:
    folders.check_out(tmp_path / "new" / "deeper")
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "deeper"):
        with pytest.raises(InputError, match="cannot write to"):
            folders.check_out(out)


def test_a_folder_without_permission_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The tests may run as root, for whom every folder is writable.
    monkeypatch.setattr(folders.os, "access", lambda *_: False)
    with pytest.raises(InputError, match="no permission"):
        folders.check_out(tmp_path / "new")


def test_a_half_written_run_folder_is_refused(tmp_path: Path) -> None:
    runs = specs("original")
    folders.check(runs, tmp_path)
    folder = RunFolder(tmp_path, runs[0].run_id)
    folder.create(runs[0])
    folders.check(runs, tmp_path)
    folder.spec_path.write_text('{"method": ')
    # Its checksum says what it was; without one nothing does.
    folders.check(runs, tmp_path)
    folder.sums.path.unlink()
    with pytest.raises(InputError, match=r"spec\.json"):
        folders.check(runs, tmp_path)


def test_the_description_counts_what_is_there(tmp_path: Path) -> None:
    runs = specs("original", concepts=["cat", "dog"])
    text = "\n".join(outline.describe(runs, tmp_path))
    assert f"{tmp_path / runs[0].run_id} (new)" in text and text.startswith("1 run: 1 new\n")
    assert "case cat: keep cat (to do); 38 images (0 there): target 4, synonym 6" in text
    folder = RunFolder(tmp_path, runs[0].run_id)
    folder.create(runs[0])
    for path in (folder.images(UNERASED) / "cat-target-000.png", folder.erasure_path("cat")):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"")
    text = "\n".join(outline.describe(runs, tmp_path))
    assert "(begun)" in text and "case cat: keep cat (there); 38 images (1 there)" in text


def test_a_suite_for_other_families_is_refused_before_any_work() -> None:
    with pytest.raises(InputError, match=r"suite explicit is for .* sd, sdxl; 'mini' is of mini"):
        plan.specs(["original"], model="mini", suite="explicit", size="smoke")
    (spec,) = plan.specs(["original"], model="sdxl", suite="explicit", size="smoke")
    assert spec.cases == ("nudity",)


def test_a_role_that_only_other_families_have_is_left_out_and_not_refused(tmp_path: Path) -> None:
    on_mini, on_sd = (specs("original", size="quick", model=name) for name in ("mini", "sd14"))
    assert "hyponym" not in "".join(outline.describe(on_mini, tmp_path))
    assert "hyponym 24" in "".join(outline.describe(on_sd, tmp_path))
