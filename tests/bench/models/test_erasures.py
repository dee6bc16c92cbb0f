from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from bench.models import pipelines
from bench.models.erasures import apply, read, save
from bench.models.tiny import build_tiny_pipe
from bench.models.weights import difference
from bench.types import InputError

NAME = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight"


def store(before: Any, after: Any, path: Path) -> Path:
    facts = {"method": "m", "options": {"a": None}, "concepts": ["cat"], "seconds": 1.5}
    save(before, difference(before, after), path, **facts)
    return path


def edited(pipe: Any, *components: str) -> Any:
    """Return a copy of the pipeline with the first matrix of each component doubled."""
    other = copy.copy(pipe)
    for component in components:
        module = copy.deepcopy(getattr(pipe, component))
        named = dict(module.named_parameters())
        name = NAME if component == "unet" else next(n for n in named if "q_proj.weight" in n)
        named[name].data.mul_(2)
        setattr(other, component, module)
    return other


def test_only_changed_tensors_are_stored_under_bare_names(tiny_pipe: Any, tmp_path: Path) -> None:
    path = store(tiny_pipe, edited(tiny_pipe, "unet"), tmp_path / "w" / "cat.safetensors")
    stored = load_file(path)
    assert list(stored) == [NAME]
    tiny_pipe.unet.load_state_dict(stored, strict=False)  # loads into plain diffusers
    tiny_pipe.unet.load_state_dict({NAME: stored[NAME] / 2}, strict=False)


def test_an_erasure_is_applied_to_a_copy(tiny_pipe: Any, tmp_path: Path) -> None:
    before = copy.deepcopy(tiny_pipe.unet.state_dict())
    after = edited(tiny_pipe, "unet", "text_encoder")
    found = apply(tiny_pipe, store(tiny_pipe, after, tmp_path / "cat.safetensors"))
    for component in ("unet", "text_encoder"):
        state = getattr(found, component).state_dict()
        for name, tensor in getattr(after, component).state_dict().items():
            assert torch.equal(tensor, state[name])
    assert found.vae is tiny_pipe.vae
    assert found.unet is not tiny_pipe.unet
    assert all(torch.equal(before[n], t) for n, t in tiny_pipe.unet.state_dict().items())


def test_text_encoder_keys_carry_their_prefix(tiny_pipe: Any, tmp_path: Path) -> None:
    path = store(tiny_pipe, edited(tiny_pipe, "text_encoder"), tmp_path / "cat.safetensors")
    assert all(name.startswith("text_encoder.") for name in load_file(path))


def test_an_erasure_without_tensors_is_the_same_pipeline(tiny_pipe: Any, tmp_path: Path) -> None:
    path = store(tiny_pipe, tiny_pipe, tmp_path / "cat.safetensors")
    assert read(path).shapes == {}
    assert apply(tiny_pipe, path) is tiny_pipe


def test_the_file_says_what_made_it(tiny_pipe: Any, tmp_path: Path) -> None:
    header = read(store(tiny_pipe, edited(tiny_pipe, "unet"), tmp_path / "cat.safetensors"))
    assert (header.form, header.method, header.seconds) == ("weights", "m", 1.5)
    assert (header.options, header.concepts) == ({"a": None}, ("cat",))
    assert list(header.shapes) == [NAME]


@pytest.mark.parametrize("form", ["adapter", "inference"])
def test_other_forms_keep_their_tensors_as_they_are_for_their_method(
    tiny_pipe: Any, tmp_path: Path, form: Any
) -> None:
    path, tensors = tmp_path / "cat.safetensors", {"gate": torch.ones(2, dtype=torch.float64)}
    facts: Any = {"method": "m", "options": {}, "concepts": ["cat"], "seconds": 0.0}
    save(tiny_pipe, tensors, path, form=form, **facts)
    assert read(path).form == form
    applied = apply(tiny_pipe, path, lambda pipe, stored: (pipe, stored))
    assert applied[0] is tiny_pipe
    assert applied[1]["gate"].dtype == torch.float64 and applied[1]["gate"].equal(tensors["gate"])
    with pytest.raises(InputError, match=f"form {form}: only its method can apply it"):
        apply(tiny_pipe, path)


def test_a_file_of_tensors_alone_does_not_pass_for_an_erasure(tmp_path: Path) -> None:
    save_file({"x": torch.zeros(1)}, tmp_path / "cat.safetensors")
    with pytest.raises(InputError, match="does not say its form"):
        read(tmp_path / "cat.safetensors")


def test_a_truncated_erasure_is_refused(tiny_pipe: Any, tmp_path: Path) -> None:
    path = store(tiny_pipe, edited(tiny_pipe, "unet"), tmp_path / "cat.safetensors")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InputError, match="is damaged"):
        read(path)


def test_a_missing_erasure_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no erasure"):
        read(tmp_path / "cat.safetensors")


def test_an_erasure_of_another_model_is_refused(tiny_pipe: Any, tmp_path: Path) -> None:
    save_file({"no.such.weight": torch.zeros(2)}, tmp_path / "cat.safetensors")
    with pytest.raises(InputError, match="made for another model"):
        apply(tiny_pipe, tmp_path / "cat.safetensors")


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cat.safetensors").write_text("not an erasure")
    with pytest.raises(InputError, match="is damaged"):
        apply(None, tmp_path / "cat.safetensors")


def test_an_erasure_has_the_precision_of_its_model(tmp_path: Path) -> None:
    """What that precision rounds away is no change: an erasure holds what is drawn."""
    half = build_tiny_pipe().to(torch.bfloat16)
    unet = copy.deepcopy(half.unet).float()
    weights = pipelines.cross_attention(unet)
    first, second, *_ = weights
    weights[first].data.mul_(1.5)
    weights[second].data.mul_(1 + 1e-6)
    path = tmp_path / "edit.safetensors"
    fitted = dict(unet.named_parameters())
    save(half, fitted, path, method="", options={}, concepts=[], seconds=0.0)
    stored = load_file(path)
    assert {name: value.dtype for name, value in stored.items()} == {first: torch.bfloat16}
    applied = dict(apply(half, path).unet.named_parameters())
    assert torch.equal(applied[first], weights[first].data.to(torch.bfloat16))
