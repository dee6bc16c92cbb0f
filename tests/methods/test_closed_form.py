"""The shared normal equations."""

from __future__ import annotations

import logging

import pytest
import torch

from methods import _closed_form


def rows(n: int, d: int, seed: int) -> torch.Tensor:
    return torch.randn(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_matrix_minimises_the_stated_objective() -> None:
    w, x, y, p = rows(5, 8, 0), rows(6, 8, 1), rows(6, 8, 2), rows(4, 8, 3)
    sums = _closed_form.Equations(8)
    sums.move(x, y, 1.5)
    sums.keep(p, 0.7)
    sums.ridge(0.3)
    edited = (w @ sums.matrix()).requires_grad_(True)
    loss = (
        1.5 * (x @ edited.T - y @ w.T).square().sum()
        + 0.7 * (p @ edited.T - p @ w.T).square().sum()
        + 0.3 * (edited - w).square().sum()
    )
    (gradient,) = torch.autograd.grad(loss, edited)
    assert gradient.abs().max() < 1e-10


def test_nothing_to_move_gives_the_identity_to_the_last_bit() -> None:
    sums = _closed_form.Equations(8)
    sums.keep(rows(4, 8, 0))
    w = rows(5, 8, 1).float()
    assert torch.equal(_closed_form.apply(w, sums.matrix()), w)


def test_singular_equations_warn_and_take_the_least_change(
    caplog: pytest.LogCaptureFixture,
) -> None:
    x, y = rows(2, 8, 0), rows(2, 8, 1)
    sums = _closed_form.Equations(8)
    sums.move(x, y)
    with caplog.at_level(logging.WARNING):
        matrix = sums.matrix()
    assert "singular" in caplog.text
    assert torch.allclose(x @ matrix.T, y, atol=1e-8)
    away = rows(1, 8, 2)
    away = away - away @ torch.linalg.pinv(x) @ x
    assert torch.allclose(away @ matrix.T, away, atol=1e-8)


def test_a_large_condition_number_is_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        _closed_form.Division(torch.diag(torch.tensor([1.0, 2.0])))
        assert "condition number 2" in caplog.text and "nearly singular" not in caplog.text
        _closed_form.Division(torch.diag(torch.tensor([1.0, 1e-13], dtype=torch.float64)))
    assert "nearly singular" in caplog.text


def test_infinite_rows_are_refused() -> None:
    sums = _closed_form.Equations(2)
    sums.move(torch.tensor([[torch.inf, 1.0]]), torch.ones(1, 2))
    with pytest.raises(FloatingPointError, match="finite"):
        sums.matrix()


def test_relative_change() -> None:
    assert _closed_form.relative_change(torch.ones(2, 2), torch.full((2, 2), 1.5)) == 0.5
