"""LoRA on cross-attention: attached, merged, fused."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from bench.models import pipelines
from bench.types import Concept, InputError
from methods import _lora
from methods.checkpoint import Checkpoint


def trained(pipe: Any, seed: int) -> tuple[Any, _lora.Factors]:
    unet = copy.deepcopy(pipe.unet)
    generator = torch.Generator().manual_seed(seed)
    for parameter in _lora.attach(unet, 2, generator):
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator)
    return unet, _lora.factors(unet)


def inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return (
        torch.randn(1, 8, 8, 8, generator=generator),
        torch.tensor(500),
        torch.randn(1, 32, 32, generator=generator),
    )


def test_an_untrained_lora_changes_nothing(tiny_pipe: Any) -> None:
    unet = copy.deepcopy(tiny_pipe.unet)
    state = torch.get_rng_state()
    parameters = _lora.attach(unet, 2, torch.Generator().manual_seed(0))
    assert torch.equal(torch.get_rng_state(), state)
    assert {id(p) for p in unet.parameters() if p.requires_grad} == {id(p) for p in parameters}
    assert len(parameters) == 2 * len(pipelines.cross_attention(tiny_pipe.unet))
    with torch.no_grad():
        assert torch.equal(unet(*inputs())[0], tiny_pipe.unet(*inputs())[0])


def test_merged_weights_do_what_the_adapter_does(tiny_pipe: Any) -> None:
    unet, change = trained(tiny_pipe, 1)
    plain = copy.deepcopy(tiny_pipe.unet)
    weights = pipelines.cross_attention(plain)
    for name, value in _lora.merged(weights, change).items():
        weights[name].data.copy_(value)
    with torch.no_grad():
        with_adapter, after = unet(*inputs())[0], plain(*inputs())[0]
        assert torch.allclose(with_adapter, after, atol=1e-5)
        assert not torch.allclose(after, tiny_pipe.unet(*inputs())[0], atol=1e-4)


def test_fused_loras_hold_each_on_its_own_rows(tiny_pipe: Any) -> None:
    weights = pipelines.cross_attention(tiny_pipe.unet)
    changes = [trained(tiny_pipe, seed)[1] for seed in (1, 2)]
    generator = torch.Generator().manual_seed(3)
    basis = torch.linalg.qr(torch.randn(32, 32, dtype=torch.float64, generator=generator))[0]
    rows = [basis[:4], basis[4:8]]
    fused = _lora.fused(weights, changes, rows, ridge=1e-6, prior_gram=basis[8:12].T @ basis[8:12])
    zero = torch.zeros((), dtype=torch.float64)
    for name, weight in weights.items():
        for own, change in zip(rows, changes, strict=True):
            wanted = own @ _lora.merged({name: weight}, change)[name].double().T
            assert torch.allclose(own @ fused[name].double().T, wanted, atol=1e-4)
        assert torch.allclose(basis[8:] @ (fused[name] - weight).double().T, zero, atol=1e-4)


def test_an_added_lora_is_read_alike_by_others(
    tiny_pipe: Any, airplane: Concept, tmp_path: Path
) -> None:
    """What an adapter leaves, a checkpoint in diffusers' names holds as well."""
    weights = pipelines.cross_attention(tiny_pipe.unet)
    generator = torch.Generator().manual_seed(0)
    change = {
        name: (
            torch.randn(len(weight), 2, generator=generator),
            torch.randn(2, weight.shape[1], generator=generator),
        )
        for name, weight in weights.items()
    }
    tensors = _lora.named(change)
    before = {name: weight.detach().clone() for name, weight in weights.items()}
    found = pipelines.cross_attention(_lora.added(tiny_pipe, tensors).unet)
    path = tmp_path / "lora.safetensors"
    save_file(tensors, path)
    loaded = Checkpoint(path=str(path)).erase(tiny_pipe, [airplane], seed=0)
    for name, weight in pipelines.cross_attention(loaded.unet).items():
        up, down = change[name]
        assert torch.allclose(found[name], before[name] + up @ down, atol=1e-5)
        assert torch.allclose(found[name], weight, atol=1e-6)
        assert torch.equal(weights[name], before[name])
    assert _lora.added(tiny_pipe, {}) is tiny_pipe


def test_a_lora_of_another_model_is_refused(tiny_pipe: Any) -> None:
    tensors = _lora.named(trained(tiny_pipe, 1)[1])
    name = next(iter(tensors))
    elsewhere = {key.replace("unet.", "unet.nowhere."): each for key, each in tensors.items()}
    for bad in (elsewhere, {**tensors, name: torch.ones(2, 99)}):
        with pytest.raises(InputError, match="the LoRA was made for another model"):
            _lora.added(tiny_pipe, bad)
