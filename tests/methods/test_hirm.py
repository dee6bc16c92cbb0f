"""HiRM: what the text encoder says moves to its target, by the first layer's weights alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from bench.models import pipelines
from bench.models.generate import draw
from bench.models.tiny import build_tiny_pipe
from bench.types import Concept, InputError, Kind, Sampler
from methods import _training, hirm
from methods.hirm import Hirm, said

SMALL: dict[str, Any] = {"steps": 40, "learning_rate": 1e-2, "ratio": 1.0}
TEXTS = ("a photo of an airplane", "a dog in the snow")


def drawn(pipe: Any) -> Tensor:
    made: Tensor = draw(pipe, TEXTS, (0, 1), Sampler(3, 4.0), "latent")
    return made


def heard(pipe: Any, text: str, layer: int = -1, part: int = 0) -> Tensor:
    """Return what the last attention of a text encoder says, (positions, width)."""
    ids = pipelines.padded(pipe, [text])[:, part]
    with torch.no_grad():
        return said(pipelines.encoders(pipe)[part], ids, layer)[0]


def field(own: Tensor, ratio: float, generator: torch.Generator) -> Tensor:
    """Return the random field of a text, by hand."""
    uniform = torch.rand(1, *own.shape, generator=generator)[0]
    return uniform / uniform.square().sum().sqrt() * ratio * own.square().sum().sqrt()


def far(one: Tensor, other: Tensor) -> float:
    return float((one - other).norm())


def test_what_is_said_is_what_attention_adds_to_the_last_layer(tiny_pipe: Any) -> None:
    ids = pipelines.padded(tiny_pipe, [TEXTS[0]])[:, 0]
    encoder = tiny_pipe.text_encoder
    last = dict(encoder.named_modules())["encoder.layers.1"]
    # transformers leaves some of its own behind where hidden states were asked for.
    others = [len(each._forward_hooks) for each in encoder.modules()]
    seen: dict[str, Tensor] = {}
    hooks = [
        last.register_forward_pre_hook(lambda m, args: seen.update(before=args[0])),
        last.layer_norm2.register_forward_pre_hook(lambda m, args: seen.update(after=args[0])),
    ]
    with torch.no_grad():
        got = said(encoder, ids, -1)
    for hook in hooks:
        hook.remove()
    torch.testing.assert_close(got, seen["after"] - seen["before"], rtol=1e-4, atol=1e-5)
    # It listens no more.
    assert [len(each._forward_hooks) for each in encoder.modules()] == others


def test_the_concept_is_moved_to_the_random_field(tiny_pipe: Any, airplane: Concept) -> None:
    own = heard(tiny_pipe, "airplane")
    aim = field(own, 1.0, torch.Generator().manual_seed(0))
    erased = Hirm(**SMALL).erase(tiny_pipe, [airplane], seed=0)
    assert far(heard(erased, "airplane"), aim) < 0.7 * far(own, aim)


def test_a_field_too_far_to_reach_is_a_direction(tiny_pipe: Any, airplane: Concept) -> None:
    own = heard(tiny_pipe, "airplane")
    aim = field(own, 100.0, torch.Generator().manual_seed(0))
    erased = Hirm(**SMALL | {"ratio": 100.0}).erase(tiny_pipe, [airplane], seed=0)

    def along(one: Tensor) -> float:
        return float(torch.cosine_similarity(one.flatten(), aim.flatten(), dim=0))

    assert along(heard(erased, "airplane")) > along(own) + 0.2


def test_each_concept_has_a_field_as_long_as_what_is_said_of_it(
    monkeypatch: pytest.MonkeyPatch, tiny_pipe: Any, airplane: Concept, bird: Concept
) -> None:
    """Whatever its anchor is; uniform numbers, drawn for all concepts at once."""
    seen: list[Tensor] = []
    monkeypatch.setattr(hirm, "distance", lambda *given: seen.append(given[-1]))
    monkeypatch.setattr(_training, "fit", lambda *given, **more: [])
    Hirm(ratio=3.0).fit(tiny_pipe, [airplane, bird], seed=5)
    own = torch.stack([heard(tiny_pipe, each.name) for each in (airplane, bird)])
    field = torch.rand(own.shape, generator=torch.Generator().manual_seed(5))
    scale = [3 * one.norm() / other.norm() for one, other in zip(own, field, strict=True)]
    wanted = torch.stack([float(each) * one for each, one in zip(scale, field, strict=True)])
    torch.testing.assert_close(seen[0], wanted)
    assert float(scale[0]) != pytest.approx(float(scale[1]), rel=1e-3)


def test_the_loss_is_the_mean_square_of_what_is_left(tiny_pipe: Any) -> None:
    ids = pipelines.padded(tiny_pipe, ["airplane", "bird"])[:, 0]
    wanted = torch.randn((2, 32, 32), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        own = torch.stack([heard(tiny_pipe, each) for each in ("airplane", "bird")])
        left = hirm.distance(tiny_pipe.text_encoder, ids, -1, wanted)(0)
    assert float(left) == pytest.approx(float(((own - wanted) ** 2).mean()), rel=1e-5)


def test_the_concept_is_moved_to_its_anchor(tiny_pipe: Any, airplane: Concept) -> None:
    aim = heard(tiny_pipe, airplane.anchor)
    before = far(heard(tiny_pipe, "airplane"), aim)
    erased = Hirm(target="anchor", **SMALL).erase(tiny_pipe, [airplane], seed=0)
    assert far(heard(erased, "airplane"), aim) < 0.6 * before


def test_of_two_concepts_each_goes_to_its_own(tiny_pipe: Any, airplane: Concept) -> None:
    birds = Concept("bird", "object", "a red street")
    erased = Hirm(target="anchor", **SMALL).erase(tiny_pipe, [airplane, birds], seed=0)
    aims = {each.name: heard(tiny_pipe, each.anchor) for each in (airplane, birds)}
    for name, other in (("airplane", "bird"), ("bird", "airplane")):
        now = heard(erased, name)
        assert far(now, aims[name]) < 0.75 * far(heard(tiny_pipe, name), aims[name])
        assert far(now, aims[name]) < 0.9 * far(now, aims[other])


@pytest.mark.parametrize("target", ["random", "anchor"])
def test_the_first_layers_matrices_change_and_nothing_else(
    tiny_pipe: Any, airplane: Concept, target: Any
) -> None:
    fitted = Hirm(target=target, **SMALL).fit(tiny_pipe, [airplane], seed=0)
    own = dict(tiny_pipe.text_encoder.named_parameters())
    moved = {name for name, each in fitted.items()
             if not torch.equal(each, own[name.removeprefix("text_encoder.")])}  # fmt: skip
    stem = "text_encoder.encoder.layers.0."
    matrices = [*(f"self_attn.{n}_proj" for n in ("q", "v", "out")), "mlp.fc1", "mlp.fc2"]
    assert {f"{stem}{name}.weight" for name in matrices} <= moved
    assert all(name.startswith((f"{stem}self_attn.", f"{stem}mlp.")) for name in fitted)
    erased = Hirm(target=target, **SMALL).apply(tiny_pipe, [airplane], fitted)
    assert erased.unet is tiny_pipe.unet and not torch.equal(drawn(erased), drawn(tiny_pipe))


@pytest.mark.parametrize("options", [{"steps": 0}, {"learning_rate": 0.0}])
def test_without_steps_or_with_a_rate_of_zero_nothing_changes(
    tiny_pipe: Any, airplane: Concept, options: dict[str, Any]
) -> None:
    erased = Hirm(**SMALL | options).erase(tiny_pipe, [airplane], seed=0)
    assert torch.equal(drawn(erased), drawn(tiny_pipe))


def test_the_norm_of_the_field_is_the_codes_where_it_was_made_for() -> None:
    own = torch.ones(2, 77, 4)
    generator = torch.Generator()

    def norms(width: int, layers: int, **options: Any) -> list[float]:
        config = SimpleNamespace(hidden_size=width, num_hidden_layers=layers)
        encoder = SimpleNamespace(config=config)
        made = Hirm(**options)._field(encoder, own, generator)
        assert float(made.min()) >= 0
        return [float(each) for each in made.flatten(1).norm(dim=1)]

    size = (77 * 4) ** 0.5
    assert norms(768, 12) == pytest.approx([5000.0, 5000.0])
    assert norms(1024, 23) == pytest.approx([100 * size] * 2)
    assert norms(128, 4, ratio=3.0) == pytest.approx([3 * size] * 2)
    for encoder in ((128, 4), (768, 12)):
        assert norms(*encoder, norm=7.0) == pytest.approx([7.0, 7.0])


def test_of_sdxl_both_encoders_learn_where_the_unet_reads_them(airplane: Concept) -> None:
    pipe = build_tiny_pipe("sdxl")
    fitted = Hirm(target="anchor", **SMALL).fit(pipe, [airplane], seed=0)
    assert {name.partition(".")[0] for name in fitted} == {"text_encoder", "text_encoder_2"}
    erased = Hirm().apply(pipe, [airplane], fitted)
    for part in (0, 1):
        # The U-Net reads the last layer but one, so its attention is what counts.
        aim = heard(pipe, airplane.anchor, -2, part)
        before = far(heard(pipe, "airplane", -2, part), aim)
        assert far(heard(erased, "airplane", -2, part), aim) < 0.3 * before


def test_another_seed_gives_another_field(tiny_pipe: Any, airplane: Concept) -> None:
    one, same, other = (Hirm(**SMALL).fit(tiny_pipe, [airplane], seed=s) for s in (0, 0, 1))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_what_was_published_depends_on_the_kind_and_the_target(
    monkeypatch: pytest.MonkeyPatch, tiny_pipe: Any
) -> None:
    seen: list[tuple[int, float]] = []

    def watched(optimizer: Any, loss_at: Any, steps: int, **more: Any) -> list[float]:
        seen.append((steps, optimizer.defaults["lr"]))
        assert type(optimizer) is torch.optim.AdamW
        wanted = {"betas": (0.9, 0.98), "eps": 1e-6, "weight_decay": 1e-8}
        assert {name: optimizer.defaults[name] for name in wanted} == wanted
        return []

    monkeypatch.setattr(_training, "fit", watched)
    for target in ("random", "anchor"):
        for kind in get_args(Kind):
            Hirm(target=target).fit(tiny_pipe, [Concept("neon", kind, "art")], seed=0)
    cases = [(target, kind) for target in ("random", "anchor") for kind in get_args(Kind)]
    found = dict(zip(cases, seen, strict=True))
    assert found["random", "object"] == (25, 5e-5) and found["anchor", "object"] == (15, 5e-5)
    assert found["random", "style"] == (40, 5e-5) and found["anchor", "style"] == (30, 5e-5)
    assert found["random", "explicit"] == (50, 1e-4) and found["anchor", "explicit"] == (25, 1e-4)
    for target in ("random", "anchor"):
        assert found[target, "person"] == found[target, "object"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": -1}, "steps is -1, allowed is 0 or more"),
        ({"learning_rate": -1e-4}, "learning_rate is -0.0001, allowed is 0 or more"),
        ({"norm": -1.0}, "norm is -1.0, allowed is 0 or more"),
        ({"ratio": -1.0}, "ratio is -1.0, allowed is 0 or more"),
    ],
)
def test_unusable_options_are_refused(
    tiny_pipe: Any, airplane: Concept, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Hirm(**options).check(tiny_pipe, [airplane])


def test_it_refuses_before_it_works_and_does_nothing_for_no_concept(
    tiny_pipe: Any, airplane: Concept
) -> None:
    with pytest.raises(InputError, match="steps is -1, allowed is 0 or more"):
        Hirm(steps=-1).fit(tiny_pipe, [airplane], seed=0)
    with pytest.raises(InputError, match="a concept to erase needs a name"):
        Hirm().check(tiny_pipe, [Concept(" ", "object", "the sky")])
    assert Hirm().fit(tiny_pipe, [], seed=0) == {}
