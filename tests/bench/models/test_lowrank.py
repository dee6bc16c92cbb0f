"""The nearest LoRA to a change of a weight."""

from __future__ import annotations

import pytest
import torch

from bench.models import lowrank


def change(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("shape", [(12, 20), (20, 12), (6, 4, 3, 3)])
def test_at_full_rank_nothing_is_lost(shape: tuple[int, ...]) -> None:
    wanted = change(*shape)
    found = lowrank.factorised(wanted, lowrank.greatest(wanted))
    product = (found.up.flatten(1) @ found.down.flatten(1)).reshape(shape)
    assert torch.allclose(product, wanted, atol=1e-5)
    assert found.lost < 1e-6 * found.norm


@pytest.mark.parametrize("rank", [1, 3, 7])
def test_what_is_lost_is_what_the_other_singular_values_hold(rank: int) -> None:
    wanted = change(12, 20)
    values = torch.linalg.svdvals(wanted.double())
    found = lowrank.factorised(wanted, rank)
    assert found.lost == pytest.approx(float(values[rank:].norm()), rel=1e-5)
    assert found.norm == pytest.approx(float(values.norm()), rel=1e-6)


def test_a_rank_above_the_weights_own_is_filled_with_zeros() -> None:
    found = lowrank.factorised(change(4, 5), 9)
    assert found.up.shape == (4, 9) and found.down.shape == (9, 5)
    assert not found.up[:, 4:].any() and not found.down[4:].any()
    assert found.lost < 1e-6 * found.norm


def test_the_error_is_that_of_what_is_stored() -> None:
    found = lowrank.factorised(change(12, 20).half(), 12)
    assert found.up.dtype == torch.float16
    assert 1e-5 < found.lost / found.norm < 1e-2
