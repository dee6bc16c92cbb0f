"""What every eraser must do, for each one that is found."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, get_args

import pytest
import torch

from bench import edits, pipelines, registry
from bench.types import Concept, Eraser, InputError, Kind, Option

ENTRIES = registry.methods()
SMALL = 3
"""Counts (steps, prompts, images, ...) are cut to this, so that an erasure takes a second."""

Make = Callable[..., Eraser]


def small(option: registry.OptionInfo, value: Option) -> Option:
    kinds = option.type.replace(" ", "").split("|")
    if "int" not in kinds or isinstance(value, bool):
        return value
    return SMALL if value is None else min(int(value), SMALL)


@pytest.fixture(params=ENTRIES)
def entry(request: pytest.FixtureRequest) -> registry.Entry:
    return ENTRIES[request.param]


@pytest.fixture
def make(entry: registry.Entry, tiny_pipe: Any, tmp_path: Path) -> Make:
    """Make the eraser with quick options; one that reads a file is given a file to read."""

    def made(**changes: Option) -> Eraser:
        values = registry.options(entry, "mini")
        infos = {option.name: option for option in entry.options}
        values = {name: small(infos[name], value) for name, value in values.items()}
        if values.get("path") == "":
            unet = copy.deepcopy(tiny_pipe.unet)
            for weight in pipelines.cross_attention(unet).values():
                weight.data.mul_(1.01)
            values["path"] = str(tmp_path / "edit.safetensors")
            edits.save_edit(
                tiny_pipe,
                pipelines.with_unet(tiny_pipe, unet),
                Path(str(values["path"])),
                method="somebody",
                options={},
                concepts=[],
                seconds=0.0,
            )
        return registry.load_method(entry, values | changes)

    return made


def state(pipe: Any) -> dict[str, torch.Tensor]:
    return {
        f"{component}.{name}": tensor.detach().clone()
        for component, module in pipe.components.items()
        if isinstance(module, torch.nn.Module)
        for name, tensor in module.state_dict().items()
    }


def changed(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    assert before.keys() == after.keys()
    return {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}


def finite(tensors: dict[str, torch.Tensor]) -> bool:
    return all(bool(torch.isfinite(t).all()) for t in tensors.values() if t.is_floating_point())


def draw(pipe: Any) -> torch.Tensor:
    images: torch.Tensor = pipe(
        ["a photo of an airplane", "a dog"],
        num_inference_steps=2,
        generator=[torch.Generator().manual_seed(seed) for seed in range(2)],
        output_type="pt",
    ).images
    return images


def test_same_seed_same_weights(make: Make, tiny_pipe: Any, airplane: Concept) -> None:
    torch.manual_seed(1)
    one = state(make().erase(tiny_pipe, [airplane], seed=3))
    torch.manual_seed(2)
    assert not changed(one, state(make().erase(tiny_pipe, [airplane], seed=3)))


def test_the_global_generator_is_left_alone(make: Make, tiny_pipe: Any, airplane: Concept) -> None:
    before = torch.get_rng_state()
    make().erase(tiny_pipe, [airplane], seed=3)
    assert torch.equal(torch.get_rng_state(), before)


def test_only_what_it_touches_changes_and_the_input_does_not(
    make: Make, tiny_pipe: Any, airplane: Concept
) -> None:
    before, modes = state(tiny_pipe), [m.training for m in tiny_pipe.unet.modules()]
    learns = [p.requires_grad for p in tiny_pipe.unet.parameters()]
    eraser = make()
    after = state(eraser.erase(tiny_pipe, [airplane], seed=0))
    assert not changed(before, state(tiny_pipe))
    assert [m.training for m in tiny_pipe.unet.modules()] == modes
    assert [p.requires_grad for p in tiny_pipe.unet.parameters()] == learns
    moved = changed(before, after)
    assert bool(moved) == bool(eraser.touches)
    for name in moved:
        assert any(fnmatchcase(name, pattern) for pattern in eraser.touches), name
    assert all(
        torch.isfinite(tensor).all() for tensor in after.values() if tensor.is_floating_point()
    )


def test_erasing_nothing_changes_nothing(make: Make, tiny_pipe: Any) -> None:
    assert not changed(state(tiny_pipe), state(make().erase(tiny_pipe, [], seed=0)))


def test_options_survive_json_and_are_frozen(entry: registry.Entry, make: Make) -> None:
    eraser = make()
    again = registry.load_method(entry, json.loads(json.dumps(eraser.options())))
    assert again == eraser
    assert eraser.options().keys() == {option.name for option in entry.options}
    for name in eraser.options():
        with pytest.raises(FrozenInstanceError):
            setattr(eraser, name, None)


def test_every_option_is_explained(entry: registry.Entry) -> None:
    assert entry.summary.endswith(".") and entry.paper
    for option in entry.options:
        assert len(option.doc) > 20, option.name
    for family in entry.presets:
        registry.options(entry, family)


def test_a_saved_edit_draws_the_same(
    make: Make, tiny_pipe: Any, airplane: Concept, tmp_path: Path
) -> None:
    edited = make().erase(tiny_pipe, [airplane], seed=0)
    path = tmp_path / "saved.safetensors"
    edits.save_edit(
        tiny_pipe, edited, path, method="m", options={}, concepts=["airplane"], seconds=0.0
    )
    assert torch.equal(draw(edits.apply_edit(tiny_pipe, path)), draw(edited))


def test_two_concepts(make: Make, tiny_pipe: Any, airplane: Concept, bird: Concept) -> None:
    before = state(tiny_pipe)
    after = state(make().erase(tiny_pipe, [airplane, bird], seed=0))
    assert all(
        torch.isfinite(tensor).all() for tensor in after.values() if tensor.is_floating_point()
    )
    assert not changed(before, state(tiny_pipe))


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_kind(make: Make, tiny_pipe: Any, kind: Kind) -> None:
    edited = make().erase(tiny_pipe, [Concept("neon", kind, "art")], seed=0)
    assert torch.isfinite(draw(edited)).all()


@pytest.mark.parametrize(
    "name", ["zebra", "", "  ", "word " * 300, "飛行機", "самолёт", "a_b/c", "{}", "{0}", "%s"]
)
def test_odd_names_give_a_result_or_one_clear_line(
    make: Make, tiny_pipe: Any, airplane: Concept, name: str
) -> None:
    try:
        edited = make().erase(tiny_pipe, [replace(airplane, name=name)], seed=0)
    except InputError as error:
        assert "\n" not in str(error) and len(str(error)) < 300
    else:
        assert torch.isfinite(draw(edited)).all()


@pytest.mark.parametrize("anchor", ["", "word " * 300, "airplane", "空"])
def test_odd_anchors_give_a_result_or_one_clear_line(
    make: Make, tiny_pipe: Any, airplane: Concept, anchor: str
) -> None:
    try:
        edited = make().erase(tiny_pipe, [replace(airplane, anchor=anchor)], seed=0)
    except InputError as error:
        assert "\n" not in str(error) and len(str(error)) < 300
    else:
        assert torch.isfinite(draw(edited)).all()


def test_progress_is_counted_to_its_end(make: Make, tiny_pipe: Any, airplane: Concept) -> None:
    told: dict[str, tuple[int, int]] = {}

    def progress(what: str, done: int, total: int) -> None:
        assert 0 <= done <= total
        told[what] = done, total

    make().erase(tiny_pipe, [airplane], seed=0, progress=progress)
    assert all(done == total for done, total in told.values())


def test_synonyms_and_look_alikes_are_never_used(
    make: Make, tiny_pipe: Any, airplane: Concept
) -> None:
    told = state(make().erase(tiny_pipe, [airplane], seed=0))
    other = replace(airplane, synonyms=("zeppelin",), near=("kite",))
    assert not changed(told, state(make().erase(tiny_pipe, [other], seed=0)))
