"""What is kept of texts that were encoded."""

from __future__ import annotations

import torch

from methods._memory import Memory


def texts(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, 4, 3, generator=torch.Generator().manual_seed(seed))


def test_a_text_is_known_by_its_embedding() -> None:
    memory, states = Memory[str](8), texts(3)
    memory.keep(states, ["a", "b", "c"])
    assert memory.find(states[[2, 0]]) == ["c", "a"]
    assert memory.find(torch.cat([states[:1] + 0.1, states[1:2]])) == [None, "b"]
    memory.keep(states[:1], ["d"])
    assert memory.find(states) == ["d", "b", "c"]


def test_precision_makes_no_difference_and_part_of_a_row_is_a_text() -> None:
    memory, states = Memory[int](8), texts(2).half()
    memory.keep(states.requires_grad_(True), [1, 2])
    wide = torch.cat([states.float(), torch.ones(2, 4, 5)], -1)
    assert memory.find(wide[..., :3]) == [1, 2] and memory.find(states.bfloat16()) == [1, 2]


def test_the_texts_of_longest_ago_are_forgotten_but_never_a_batch_in_part() -> None:
    memory, old, new = Memory[int](2), texts(2), texts(3, 1)
    memory.keep(old, [0, 1])
    memory.keep(new[:1], [2])
    assert memory.find(old) == [None, 1] and memory.find(new[:1]) == [2]
    memory.keep(new, [3, 4, 5])
    assert memory.find(new) == [3, 4, 5] and memory.find(old) == [None, None]
