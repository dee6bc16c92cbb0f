"""SPM's adapters where they act: beside layers, at each prompt's strength, or in the weights."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.models import erasures, prediction
from bench.models.generate import draw, noise
from bench.types import Concept, InputError, Sampler
from methods.spm import Spm, _membrane, _transport

SAMPLER = Sampler(3, 4.0)
TEXTS = ("a photo of an airplane", "a dog in the snow")
LAYOUTS = pytest.mark.parametrize("layout", ["tiny_pipe", "tiny_sdxl"])


def drawn(pipe: Any, text: str = TEXTS[0], seed: int = 0) -> Tensor:
    made: Tensor = draw(pipe, [text], [seed], SAMPLER, "latent")
    return made


def filled(pipe: Any, concepts: int = 1, rank: int = 1) -> dict[str, Tensor]:
    """Return adapters of random values."""
    generator = torch.Generator().manual_seed(3)
    found = {}
    for name, layer in _membrane.layers(pipe.unet).items():
        wide = layer.weight[0].numel()
        up = torch.randn((concepts, len(layer.weight), rank), generator=generator)
        down = torch.randn((concepts, rank, *layer.weight.shape[1:]), generator=generator)
        found[f"unet.{name}.membrane.up"] = up / 2
        found[f"unet.{name}.membrane.down"] = down / wide**0.5
    return found


def strengthened(
    tensors: dict[str, Tensor], by: list[float], parts: tuple[str, ...]
) -> dict[str, Tensor]:
    """Return adapters with some of their factors made stronger, by concept."""
    return {
        name: torch.stack([own * each for own, each in zip(tensor, by, strict=True)])
        if name.endswith(parts)
        else tensor
        for name, tensor in tensors.items()
    }


def by_hand(pipe: Any, text: str, name: str) -> float:
    """Return gamma of a text and a concept of one word, in numpy."""
    one, other = (
        prediction.condition(pipe, [each]).states.numpy().ravel() for each in (text, name)
    )
    cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    return max(float(cosine), float(name in text.split()))


def test_adapters_stand_beside_every_layer_of_the_transformers(tiny_pipe: Any) -> None:
    names = _membrane.layers(tiny_pipe.unet)
    transformers = {name.partition(".transformer_blocks")[0] for name in names}
    transformers = {
        name.removesuffix(".proj_in").removesuffix(".proj_out") for name in transformers
    }
    block = "transformer_blocks.0"
    attention = [
        f"{block}.{a}.to_{p}" for a in ("attn1", "attn2") for p in ("q", "k", "v", "out.0")
    ]
    inner = ["proj_in", "proj_out", f"{block}.ff.net.0.proj", f"{block}.ff.net.2", *attention]
    assert len(transformers) > 2
    assert set(names) == {f"{name}.{each}" for name in transformers for each in inner}


@pytest.mark.parametrize("how", ["products", "factors"])
@pytest.mark.parametrize("ending", ["attn2.to_k", "ff.net.2", "proj_in"])
def test_a_layer_answers_with_what_its_adapters_add(tiny_pipe: Any, how: Any, ending: str) -> None:
    """W x + SUM gamma_s u_s v_s^T x, or W x + (SUM gamma_t u_t)(SUM gamma_s v_s)^T x, in numpy."""
    name = next(each for each in _membrane.layers(tiny_pipe.unet) if each.endswith(ending))
    plain, tensors = tiny_pipe.unet.get_submodule(name), filled(tiny_pipe, 2, 3)
    eraser = Spm(sum=how)
    erased = eraser.apply(tiny_pipe, [Concept(each, "object", "") for each in ("a", "b")], tensors)
    layer = erased.unet.get_submodule(name)
    gamma = np.array([[0.3, 1.0], [0.9, 0.2]])
    layer.membrane.gate.mixing = eraser._mixing(torch.from_numpy(gamma))
    shape = (2, plain.weight.shape[1], *((4, 4) if ending == "proj_in" else ()))
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    if ending != "proj_in":
        x = x[:, None].repeat(1, 5, 1)
    up, down = (
        tensors[f"unet.{name}.membrane.{part}"].numpy().astype(float) for part in ("up", "down")
    )
    down = down.reshape(2, 3, -1)
    flat = x.numpy().reshape(2, shape[1], -1) if ending == "proj_in" else x.numpy().swapaxes(1, 2)
    for row in (0, 1):
        scaled = [g * u for g, u in zip(gamma[row], up, strict=True)]
        if how == "products":
            change = sum(u @ v for u, v in zip(scaled, down, strict=True))
        else:
            change = sum(scaled) @ sum(g * v for g, v in zip(gamma[row], down, strict=True))
        with torch.no_grad():
            before, after = (each(x).numpy()[row] for each in (plain, layer))
        added = change @ flat[row]
        wanted = added.reshape(before.shape) if ending == "proj_in" else added.T
        assert np.allclose(after - before, wanted, atol=1e-4) and np.abs(wanted).max() > 0.1


@LAYOUTS
@pytest.mark.parametrize("gating", ["transport", "none"])
def test_without_strength_it_is_the_un_erased_model(
    layout: str, gating: Any, request: pytest.FixtureRequest, airplane: Concept
) -> None:
    pipe = request.getfixturevalue(layout)
    tensors = filled(pipe)
    made = [
        drawn(Spm(strength=each, gating=gating).apply(pipe, [airplane], tensors))
        for each in (0.0, 0.1, 0.2, 0.4)
    ]
    assert torch.equal(made[0], drawn(pipe))
    apart = [float((each - made[0]).norm()) for each in made]
    assert apart == sorted(apart) and apart[1] > 0.01


@LAYOUTS
@pytest.mark.parametrize("text", TEXTS)
def test_a_prompt_is_drawn_at_its_own_strength_in_both_branches_of_guidance(
    layout: str, text: str, request: pytest.FixtureRequest, airplane: Concept, bird: Concept
) -> None:
    """As with weights that have gamma_s u_s v_s^T in them, which both branches go through."""
    pipe, both = request.getfixturevalue(layout), [airplane, bird]
    tensors = filled(pipe, 2)
    gamma = [by_hand(pipe, text, each.name) for each in both]
    assert (gamma[0] == 1) == ("airplane" in text) and 0 < gamma[1] < 0.999
    for how, parts in (("products", ("up",)), ("factors", ("up", "down"))):
        options: dict[str, Any] = {"sum": how, "strength": 0.5}
        found = drawn(Spm(**options).apply(pipe, both, tensors), text)
        own = strengthened(tensors, gamma, parts)
        wanted = drawn(Spm(**options, gating="none").apply(pipe, both, own), text)
        full = drawn(Spm(**options, gating="none").apply(pipe, both, tensors), text)
        assert torch.allclose(found, wanted, atol=2e-3)
        assert not torch.allclose(found, full, atol=2e-2)


def test_one_adapter_acts_with_the_square_of_its_strength_in_the_code(
    tiny_pipe: Any, airplane: Concept
) -> None:
    tensors, text = filled(tiny_pipe), "a dog in the snow"
    gamma = by_hand(tiny_pipe, text, "airplane")
    squared = Spm(gating="none", strength=gamma**2).apply(tiny_pipe, [airplane], tensors)
    code, paper = (
        drawn(Spm(sum=how).apply(tiny_pipe, [airplane], tensors), text)
        for how in ("factors", "products")
    )
    assert torch.allclose(code, drawn(squared, text), atol=2e-3)
    assert not torch.allclose(paper, code, atol=2e-2)


def test_without_gating_the_adapters_are_in_the_weights(
    tiny_pipe: Any, airplane: Concept, bird: Concept
) -> None:
    tensors = filled(tiny_pipe, 2, 3)
    erased = Spm(gating="none").apply(tiny_pipe, [airplane, bird], tensors)
    own, made = (dict(each.unet.named_parameters()) for each in (tiny_pipe, erased))
    assert type(erased.unet) is type(tiny_pipe.unet) and own.keys() == made.keys()
    for name, weight in own.items():
        part = f"unet.{name.removesuffix('.weight')}.membrane."
        if f"{part}up" not in tensors:
            assert torch.equal(made[name], weight)
            continue
        up, down = tensors[f"{part}up"], tensors[f"{part}down"].flatten(2)
        change = sum(u @ v for u, v in zip(up, down, strict=True))
        assert torch.allclose(
            made[name], weight + torch.as_tensor(change).view_as(weight), atol=1e-5
        )


def hooks(module: Any) -> list[int]:
    """Count the hooks of each part; transformers leaves some of its own behind."""
    return [len(each._forward_hooks) for each in module.modules()]


def test_the_models_own_weights_are_shared(tiny_pipe: Any, airplane: Concept) -> None:
    parts = ("unet", "text_encoder")
    before = {part: hooks(getattr(tiny_pipe, part)) for part in parts}
    erased = Spm().apply(tiny_pipe, [airplane], filled(tiny_pipe))
    for part in parts:
        own, made = (dict(getattr(p, part).named_parameters()) for p in (tiny_pipe, erased))
        assert all(made[name] is each for name, each in own.items())
        further = {f"{part}.{name}" for name in made.keys() - own.keys()}
        assert hooks(getattr(tiny_pipe, part)) == before[part]
        assert further == (filled(tiny_pipe).keys() if part == "unet" else set())


@LAYOUTS
def test_strength_is_the_likeness_of_prompt_and_concept(
    layout: str, request: pytest.FixtureRequest
) -> None:
    """Of the embeddings whole, or the share of the concept's tokens, whichever is more."""
    pipe = request.getfixturevalue(layout)
    concepts = [Concept(each, "object", "") for each in ("red airplane", "bird", "cat, dog")]
    own = _transport.erased(pipe, concepts)
    assert own.counts == (1, 1, 2)
    texts = ["a red bird", "airplane in red", "a dog", "a ship", ""]
    tokens = [pipe.tokenizer(text, padding="max_length").input_ids for text in texts]
    shared = torch.stack([_transport.shares(each, own.ids, own.special) for each in tokens])
    assert shared.tolist() == [[0.5, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0] * 4, [0] * 4]
    states = prediction.condition(pipe, texts).states
    gamma = own.gamma(states, shared).numpy()
    words = prediction.condition(pipe, ["red airplane", "bird", "cat", "dog"]).states
    for row, state in enumerate(states.flatten(1).numpy()):
        cosine = np.array(
            [
                state @ w / np.linalg.norm(state) / np.linalg.norm(w)
                for w in words.flatten(1).numpy()
            ]
        )
        most = np.maximum(cosine, shared[row].numpy())
        wanted = [most[0], most[1], most[2:].max()]
        assert np.allclose(gamma[row], np.maximum(wanted, 0), atol=1e-5)
    assert _transport.shares([1, 2], [[3]], [3]).tolist() == [0]
    # What points away from the concept has no strength rather than one of the other sign.
    assert own.gamma(-own.states[:1], torch.zeros(1, 4))[0, 0] == 0


def test_a_text_that_no_one_typed_has_the_strength_of_its_embedding(
    tiny_pipe: Any, airplane: Concept
) -> None:
    """Its tokens are known only where the erased pipeline's own encoder read them."""
    text, tensors = "airplane in the snow", filled(tiny_pipe)
    x, t = noise(tiny_pipe.unet, [0]), torch.tensor(501)
    own = prediction.condition(tiny_pipe, [text])
    cosine = float(
        _transport.alike(own.states, prediction.condition(tiny_pipe, ["airplane"]).states)
    )
    assert cosine < 0.99

    def at(pipe: Any) -> Tensor:
        with torch.no_grad():
            return prediction.predict(pipe.unet, x, t, own)

    full, part = (
        at(Spm(gating="none", strength=each).apply(tiny_pipe, [airplane], tensors))
        for each in (1.0, cosine)
    )
    erased = Spm().apply(tiny_pipe, [airplane], tensors)
    assert torch.allclose(at(erased), part, atol=1e-4) and not torch.allclose(part, full, atol=1e-2)
    prediction.condition(erased, [text])
    assert torch.allclose(at(erased), full, atol=1e-4)


def test_gradients_of_a_search_reach_the_text(tiny_pipe: Any, airplane: Concept) -> None:
    erased = Spm().apply(tiny_pipe, [airplane], filled(tiny_pipe))
    text = prediction.condition(tiny_pipe, ["a dog"])
    states = text.states.clone().requires_grad_(True)
    x, t = noise(tiny_pipe.unet, [0]), torch.tensor(501)
    prediction.predict(erased.unet, x, t, text.around(states)).square().sum().backward()  # type: ignore[no-untyped-call]
    assert states.grad is not None and torch.isfinite(states.grad).all() and states.grad.any()


def applied(eraser: Spm, pipe: Any, tensors: Mapping[str, Tensor]) -> Any:
    return eraser.apply(pipe, [Concept("airplane", "object", "")], tensors)


def test_adapters_of_another_model_are_refused(
    tiny_pipe: Any, airplane: Concept, bird: Concept, tmp_path: Any
) -> None:
    good = filled(tiny_pipe)
    name = next(iter(good))
    missing = {key: each for key, each in good.items() if key != name}
    further = {**good, "unet.nowhere.membrane.up": torch.ones(1)}
    wide = {**good, name: torch.ones(1, 99, 1)}
    down = name.replace(".up", ".down")
    long = {**good, down: torch.ones(1, 1, *(1 + each for each in good[down].shape[2:]))}
    ranks = {**good, down: good[down].repeat(1, 2, *(1 for _ in good[down].shape[2:]))}
    for bad in (missing, further, wide, long, ranks):
        path = tmp_path / "bad.safetensors"
        erasures.save(
            tiny_pipe, bad, path, method="", options={}, concepts=[], seconds=0.0, form="adapter"
        )
        for gating in ("transport", "none"):
            eraser = Spm(gating=gating)
            with pytest.raises(
                InputError, match=r"bad.safetensors cannot be applied: the adapters were made"
            ):
                erasures.apply(tiny_pipe, path, partial(applied, eraser))
    with pytest.raises(InputError, match="there are adapters of 1 concepts, for 2"):
        Spm().apply(tiny_pipe, [airplane, bird], good)
