"""SPEED: what it keeps exactly, its solution against the paper's, and what it refuses."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from bench.models import meter, pipelines
from bench.types import Concept, InputError
from methods.speed import Speed, _edit, _retained

NAMES = ("dog", "cat", "ship", "a red house")


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def exact_pipe(tiny_pipe: Any) -> Any:
    """The tiny pipeline with a U-Net in fp64, so that what is exact shows."""
    return pipelines.with_unet(tiny_pipe, copy.deepcopy(tiny_pipe.unet).double())


@pytest.fixture
def names(tmp_path: Path) -> str:
    path = tmp_path / "names.txt"
    path.write_text("\n".join(NAMES) + "\n\n")
    return str(path)


def changes(pipe: Any, eraser: Speed, *concepts: Concept, seed: int = 0) -> dict[str, Tensor]:
    """W' - W of every edited weight."""
    own = pipelines.cross_attention(pipe.unet)
    fitted = eraser.fit(pipe, list(concepts), seed=seed)
    return {name: (each - own[name].detach()).double() for name, each in fitted.items()}


def last(pipe: Any, text: str) -> Tensor:
    return pipelines.encode(pipe, [text])[0, pipelines.last_token(pipe, text)].double()


def moved(change: dict[str, Tensor], rows: Tensor) -> float:
    return max(float((each @ rows).abs().max()) for each in change.values())


@pytest.mark.parametrize("options", [{}, {"retain": "empty"}, {"parts": "kv", "clusters": 5}])
def test_the_begin_token_and_the_empty_prompts_centres_are_read_exactly_as_before(
    exact_pipe: Any, airplane: Concept, bird: Concept, options: dict[str, Any]
) -> None:
    eraser = Speed(threshold=0.5, **options)
    change = changes(exact_pipe, eraser, airplane, bird, seed=3)
    generator = torch.Generator().manual_seed(3)
    held = _retained.invariants(exact_pipe, eraser.clusters, generator)
    assert torch.equal(held[:, 0], pipelines.encode(exact_pipe, [""])[0, 0].double())
    assert held.shape[1] == 1 + eraser.clusters
    assert moved(change, held) < 1e-10
    assert moved(change, last(exact_pipe, airplane.name)) > 1e-3


def test_what_lies_outside_the_null_space_is_read_exactly_as_before(
    exact_pipe: Any, airplane: Concept, names: str
) -> None:
    eraser = Speed(
        retain_file=names,
        influence_filter=False,
        augmentations=0,
        threshold=1e-9,
        threshold_scale="relative",
    )
    change = changes(exact_pipe, eraser, airplane)
    for name in NAMES:
        assert moved(change, last(exact_pipe, name)) < 1e-10
    assert moved(change, last(exact_pipe, airplane.name)) > 1e-3
    assert moved(change, last(exact_pipe, "frog")) > 1e-3


@pytest.mark.parametrize("lamb", [0.0, 0.5])
def test_the_solution_is_the_papers(lamb: float) -> None:
    d, rho = 12, 0.7
    weight, held = normal(5, d), normal(d, 3, seed=4)
    gram, shift = _edit.moments(normal(2, d, seed=1), normal(2, d, seed=2), 2)
    basis = torch.linalg.qr(normal(d, 8, seed=3)).Q
    eye, p = torch.eye(d, dtype=torch.float64), basis @ basis.T
    m = torch.linalg.inv(gram @ p + rho * eye)
    slack = torch.linalg.inv(held.T @ p @ m @ held + lamb * torch.eye(3).double())
    wanted = weight @ shift @ p @ (eye - m @ held @ slack @ held.T @ p) @ m
    got = _edit.confined(weight, gram, shift, basis, held, retain_scale=rho, lamb=lamb)
    assert torch.allclose(got, wanted, rtol=0, atol=1e-10)
    assert ((got @ held).abs().max() < 1e-10) == (lamb == 0)


def test_the_solution_is_the_constrained_minimum() -> None:
    d, rho = 10, 0.3
    weight, held = normal(4, d), normal(d, 2, seed=4)
    t, a = normal(2, d, seed=1), normal(2, d, seed=2)
    basis = torch.linalg.qr(normal(d, 7, seed=3)).Q
    change = _edit.confined(
        weight, *_edit.moments(t, a, 2), basis, held, retain_scale=rho, lamb=0.0
    )

    def loss(delta: Tensor) -> float:
        error = (weight + delta) @ t.T - weight @ a.T
        return float(error.square().sum() / 2 + rho * delta.square().sum())

    inner = basis @ torch.linalg.qr(basis.T @ held, mode="complete").Q[:, 2:]
    for seed in range(5, 10):
        step = 1e-2 * normal(4, 5, seed=seed) @ inner.T
        assert loss(change) < loss(change + step)
        assert loss(change) < loss(change - step)


def test_invariants_that_are_retained_already_make_nothing_singular() -> None:
    d = 8
    basis = torch.eye(d, dtype=torch.float64)[:, :4]
    held = torch.eye(d, dtype=torch.float64)[:, [0, 6]]
    gram, shift = _edit.moments(normal(1, d, seed=1), normal(1, d, seed=2), 1)
    change = _edit.confined(normal(3, d), gram, shift, basis, held, retain_scale=1.0, lamb=0.0)
    assert torch.isfinite(change).all() and change.abs().max() > 1e-3
    assert (change @ held).abs().max() < 1e-12


def test_only_what_the_edit_disturbs_by_more_than_the_mean_is_retained() -> None:
    edit = torch.diag(torch.tensor([1.0, 0.0])).double()
    rows = torch.tensor([[3.0, 0.0], [1.0, 9.0], [0.0, 50.0]])
    assert _retained.disturbed(rows, edit).tolist() == [[3.0, 0.0]]
    assert len(_retained.disturbed(rows[:1], edit)) == 1


def test_augmentations_lie_where_the_weight_tells_them_least_apart() -> None:
    weight = torch.diag(torch.tensor([3.0, 2.0, 1e-6])).double()
    rows, edit = normal(6, 3), normal(4, 3, seed=1)
    more = _retained.augmented(rows, weight, edit, 10, torch.Generator().manual_seed(0))
    assert torch.equal(more[:6], rows) and 6 < len(more) < 66
    assert (more @ weight.T)[:, :2].unique(dim=0).shape[0] == 6
    assert more[:, 2].unique().shape[0] == len(more)
    assert torch.equal(_retained.augmented(rows, weight, edit, 0, torch.Generator()), rows)


def test_the_null_space_grows_with_the_threshold_which_is_a_number_or_a_share() -> None:
    rows = normal(40, 8) * torch.tensor([8.0, 4, 2, 1, 0.5, 0.25, 0.1, 0.01]).double()

    def size(scale: float, threshold: float, relative: bool) -> int:
        return _edit.null_space(scale * rows, threshold, relative=relative).shape[1]

    sizes = [size(1, threshold, False) for threshold in (1e-5, 1e-1, 3.0, 1e6)]
    assert sizes == sorted(set(sizes)) and sizes[0] == 0 and sizes[-1] == 8
    assert size(10, 0.1, False) < size(1, 0.1, False)
    assert size(10, 0.01, True) == size(1, 0.01, True)


def test_a_higher_threshold_erases_more(exact_pipe: Any, airplane: Concept) -> None:
    t, a = last(exact_pipe, airplane.name), last(exact_pipe, airplane.anchor)
    own = pipelines.cross_attention(exact_pipe.unet)
    left = []
    for threshold in (0.03, 0.3, 3.0, 1e9):
        eraser = Speed(threshold=threshold, influence_filter=False, augmentations=0)
        change = changes(exact_pipe, eraser, airplane)
        left.append(
            sum(
                float(((own[n].detach() + c) @ t - own[n].detach() @ a).norm())
                for n, c in change.items()
            )
        )
    assert left == sorted(left, reverse=True) and left[-1] < 0.9 * left[0]


def test_the_null_spaces_dimension_is_recorded(
    tiny_pipe: Any, airplane: Concept, names: str
) -> None:
    options: dict[str, Any] = {"retain_file": names, "threshold": 1e-9, "augmentations": 0}
    with meter.metered("cpu") as cost:
        Speed(**options, influence_filter=False).fit(tiny_pipe, [airplane], seed=0)
    width = pipelines.encode(tiny_pipe, [""]).shape[-1]
    assert cost["null_space"] == width - len(NAMES)


@pytest.mark.parametrize(("parts", "ends"), [("v", {"v"}), ("k", {"k"}), ("kv", {"k", "v"})])
def test_parts_says_what_is_edited(
    tiny_pipe: Any, airplane: Concept, parts: Any, ends: set[str]
) -> None:
    fitted = Speed(parts=parts).fit(tiny_pipe, [airplane], seed=0)
    assert {name.removesuffix(".weight")[-1] for name in fitted} == ends
    own = pipelines.cross_attention(tiny_pipe.unet)
    assert not any(torch.equal(each, own[name]) for name, each in fitted.items())


def test_several_concepts_are_erased_jointly(
    tiny_sdxl: Any, airplane: Concept, bird: Concept
) -> None:
    # Nothing is drawn at random here but the centres, which the order does not change.
    eraser = Speed(augmentations=0, threshold=0.5)
    one, other, alone = (
        changes(tiny_sdxl, eraser, *concepts)
        for concepts in ((airplane, bird), (bird, airplane), (airplane,))
    )
    for name, each in one.items():
        assert torch.allclose(each, other[name], rtol=0, atol=1e-6)
        assert not torch.allclose(each, alone[name], rtol=0, atol=1e-6)


def test_all_positions_are_moved_if_asked(exact_pipe: Any, airplane: Concept) -> None:
    padding = pipelines.encode(exact_pipe, [airplane.name])[0, 5].double()
    only, every = (
        changes(exact_pipe, Speed(positions=positions, threshold=1e9, guide="art"), airplane)
        for positions in ("last", "all")
    )
    aim = pipelines.encode(exact_pipe, ["art"])[0, 5].double()
    own = pipelines.cross_attention(exact_pipe.unet)
    name = next(iter(only))
    wanted = own[name].detach() @ aim

    def error(change: dict[str, Tensor]) -> float:
        return float(((own[name].detach() + change[name]) @ padding - wanted).norm())

    assert error(every) < error(only)


def test_names_with_the_concept_in_them_are_not_retained(tmp_path: Path, airplane: Concept) -> None:
    path = tmp_path / "names.txt"
    path.write_text("a red Airplane\n dog \n\nairplanes\n")
    assert _retained.listed(str(path), [airplane]) == ["dog", "airplanes"]


def test_centres_are_those_of_clusters() -> None:
    rows = torch.cat([normal(5, 2) * 1e-3 + place for place in (0.0, 10.0, 20.0)])
    found = _retained.centres(rows, 3, torch.Generator().manual_seed(1))
    assert found.mean(1).sort().values.round().tolist() == [0.0, 10.0, 20.0]
    same = torch.ones(4, 2, dtype=torch.float64)
    assert torch.equal(_retained.centres(same, 3, torch.Generator().manual_seed(0)), same[:3])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 0.0}, "threshold is 0.0, allowed is more than 0"),
        ({"retain_scale": -1.0}, "retain_scale is -1.0, allowed is more than 0"),
        ({"lamb": -0.5}, "lamb is -0.5, allowed is 0 or more"),
        ({"augmentations": -1}, "augmentations is -1, allowed is 0 or more"),
        ({"clusters": 0}, "clusters is 0, allowed is 1 to"),
        ({"clusters": 999}, "clusters is 999, allowed is 1 to"),
        ({"guide": "art;sky"}, "guide has 2 parts for 1 concepts"),
        ({"retain_file": "nowhere.txt"}, "nowhere.txt cannot be read"),
    ],
)
def test_unusable_options_are_refused(
    tiny_pipe: Any, airplane: Concept, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Speed(**options).check(tiny_pipe, [airplane])


def test_a_list_of_nothing_but_the_concept_is_refused(tmp_path: Path, airplane: Concept) -> None:
    path = tmp_path / "names.txt"
    path.write_text("an airplane\n")
    with pytest.raises(InputError, match="names nothing that is not erased"):
        _retained.listed(str(path), [airplane])


def test_a_threshold_that_leaves_nothing_to_change_is_refused(
    tiny_pipe: Any, airplane: Concept
) -> None:
    with pytest.raises(InputError, match="leaves no direction that may change"):
        Speed(threshold=1e-12, influence_filter=False).fit(tiny_pipe, [airplane], seed=0)
