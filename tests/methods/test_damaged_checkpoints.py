"""Two hundred damaged checkpoints, from a seed: refused in one line, most of them by the plan."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from bench.models import tensorfiles
from bench.types import Concept, InputError
from methods.checkpoint import Checkpoint

AIRPLANE = [Concept("airplane", "object", "the sky")]
EVIL = Path("/tmp/evil-was-here")
Make = Callable[["Maker"], Path]


class Evil:
    def __reduce__(self) -> Any:
        return (os.system, (f"touch {EVIL}",))


class Maker:
    """Makes files of random layers of a pipeline in a folder of their own."""

    def __init__(self, pipe: Any, seed: int, folder: Path) -> None:
        self.rng = random.Random(seed)
        self.folder = folder
        folder.mkdir()
        layers = [name for name in pipe.unet.state_dict() if re.search(r"to_[kvq]\.weight$", name)]
        self.name = self.rng.choice(layers)
        self.module = self.name.removesuffix(".weight")
        self.weight = pipe.unet.state_dict()[self.name].clone() + 1
        self.text = {k: 2 * v for k, v in pipe.text_encoder.state_dict().items()}

    def tensors(self, value: Any = None, name: str = "") -> Path:
        path = self.folder / "esd.safetensors"
        save_file({name or self.name: self.weight if value is None else value}, path)
        return path

    def torch(self, data: Any) -> Path:
        path = self.folder / self.rng.choice(["esd.pt", "esd.pth", "esd.bin", "esd.ckpt"])
        torch.save(data, path, _use_new_zipfile_serialization=self.rng.random() < 0.5)
        return path

    def bytes(self, data: bytes) -> Path:
        path = self.folder / self.rng.choice(["a.safetensors", "a.pt", "a.ckpt"])
        path.write_bytes(data)
        return path

    def cut(self) -> Path:
        path = self.rng.choice([self.tensors, lambda: self.torch({self.name: self.weight})])()
        data = path.read_bytes()
        path.write_bytes(data[: self.rng.randrange(len(data) - 1)])
        return path

    def factors(self, rank: int = 2, **change: Tensor) -> dict[str, Tensor]:
        rows, columns = self.weight.shape
        own = {"lora_A.weight": torch.ones(rank, columns), "lora_B.weight": torch.ones(rows, rank)}
        return {f"unet.{self.module}.{key}": each for key, each in (own | change).items()}

    def lora(self, **change: Any) -> Path:
        path = self.folder / "lora.safetensors"
        save_file(self.factors(**change), path)
        return path

    def peft(self, text: str) -> Path:
        path = self.lora()
        path.rename(self.folder / "adapter_model.safetensors")
        (self.folder / "adapter_config.json").write_text(text)
        whole = self.rng.random() < 0.5
        return self.folder if whole else self.folder / "adapter_model.safetensors"

    def header(self, text: str) -> Path:
        path = self.folder / "lora.safetensors"
        save_file(self.factors(), path, metadata={"lora_adapter_metadata": text})
        return path

    def index(self, text: str) -> Path:
        unet = self.folder / "unet"
        unet.mkdir()
        (unet / "diffusion_pytorch_model.safetensors.index.json").write_text(text)
        return self.rng.choice([unet, self.folder])

    def module_pickle(self) -> Path:
        path = self.folder / "evil.pt"
        path.write_bytes(pickle.dumps({self.name: Evil()}, protocol=self.rng.choice([2, 4])))
        return path


A, B = "lora_A.weight", "lora_B.weight"
PLANNED: dict[str, tuple[Make, str]] = {
    "zero bytes": (lambda m: m.bytes(b""), "it is empty"),
    "cut": (lambda m: m.cut(), "damaged or truncated|is damaged|is empty"),
    "text": (lambda m: m.bytes(b"these are no tensors"), "it is damaged"),
    "web page": (lambda m: m.bytes(b"<!DOCTYPE html><p>Not Found"), "it is a web page"),
    "pointer": (lambda m: m.bytes(b"version https://git-lfs.github.com/spec/v1"), "Git LFS"),
    "code": (lambda m: m.torch({m.name: Evil()}), "could run code"),
    "code of old": (lambda m: m.module_pickle(), "could run code"),
    "nan": (lambda m: m.tensors(m.weight * torch.nan), "not finite"),
    "infinite half": (lambda m: m.tensors((m.weight * torch.inf).bfloat16()), "not finite"),
    "empty tensor": (lambda m: m.tensors(torch.ones(0, 3)), "has no values"),
    "rank 0": (lambda m: m.lora(rank=0), "has no values"),
    "no rows": (lambda m: m.lora(**{B: torch.ones(0, 2)}), "has no values"),
    "nan factor": (lambda m: m.lora(**{A: torch.ones(2, 3) * torch.nan}), "not finite"),
    "nan alpha": (lambda m: m.lora(alpha=torch.tensor(torch.nan)), "not finite"),
    "no r": (lambda m: m.peft('{"lora_alpha": 2}'), "says no r,"),
    "no alpha": (lambda m: m.peft('{"r": 2}'), "says no lora_alpha"),
    "r of 0": (lambda m: m.peft('{"r": 0, "lora_alpha": 2}'), "r is 0, must be"),
    "below 0": (lambda m: m.peft('{"r": 2, "lora_alpha": -2}'), "lora_alpha is -2"),
    "nan of peft": (lambda m: m.peft('{"r": 2, "lora_alpha": NaN}'), "lora_alpha is nan"),
    "huge": (lambda m: m.peft(json.dumps({"r": 2, "lora_alpha": 10**400})), "lora_alpha is 1000"),
    "no json": (lambda m: m.peft("{"), "is no JSON"),
    "deep json": (lambda m: m.peft("[" * 100_000), "is no JSON"),
    "list": (lambda m: m.peft("[]"), "holds no JSON object"),
    "no weight_map": (lambda m: m.index("{}"), "has no weight_map"),
    "no shard": (lambda m: m.index('{"weight_map": {"a": "b.bin"}}'), "names 'b.bin', which is"),
    "shard above": (lambda m: m.index('{"weight_map": {"a": "../b"}}'), "names '../b', which is"),
    "odd shard": (lambda m: m.index('{"weight_map": {"a": "b\\u0000"}}'), "which is not beside"),
}
"""What a plan finds, without torch."""
CHECKED: dict[str, tuple[Make, str]] = {
    "integer keys": (lambda m: m.torch({1: m.weight}), "names a tensor 1, which is no text"),
    "line in a name": (lambda m: m.torch({"a\nb": m.weight}), "which is no text"),
    "nested": (lambda m: m.torch({"a": {"b": {"c": m.weight}}}), "no state dict"),
    "counter": (lambda m: m.torch({m.name: m.weight, "epoch": 3}), "'epoch' beside its tensors"),
    "shape": (lambda m: m.tensors(torch.ones(3, 5)), "was made for another model"),
    "name": (lambda m: m.tensors(name="down_blocks.9.x"), "here is no parameter"),
    "integers": (lambda m: m.tensors(m.weight.int()), "must be real numbers"),
    "complex": (lambda m: m.tensors(m.weight.to(torch.complex64)), "must be real numbers"),
    "sparse": (lambda m: m.torch({m.name: m.weight.to_sparse()}), "or sparse"),
    "no values": (lambda m: m.torch({m.name: m.weight.to("meta")}), "without its values"),
    "nan of torch": (lambda m: m.torch({m.name: m.weight * torch.nan}), "not finite"),
    "one factor": (lambda m: m.tensors(name=f"unet.{m.module}.{A}"), "lacks a factor"),
    "integer factor": (lambda m: m.lora(**{A: torch.ones(2, 3).int()}), "must be real numbers"),
    "factor's shape": (lambda m: m.lora(**{A: torch.ones(2, 3)}), "made for another model"),
    "alpha of two": (lambda m: m.lora(alpha=torch.ones(2)), "is no number"),
    "complex alpha": (lambda m: m.lora(alpha=torch.tensor(1j)), "is no number"),
    "alpha of 0": (lambda m: m.lora(alpha=torch.tensor(0.0)), "changes nothing"),
    "other rank": (lambda m: m.peft('{"r": 3, "lora_alpha": 2}'), "says rank 3 of"),
    "header": (lambda m: m.header('{"unet.lora_alpha": 1}'), "says no r,"),
    "deep header": (lambda m: m.header("[" * 100_000), "is no JSON"),
    "twice": (
        lambda m: m.torch({m.name: m.weight, f"unet.{m.name}": 2 * m.weight}),
        "says twice what",
    ),
    "blocks": (
        lambda m: m.tensors(name="lora_unet_input_blocks_99_1_x.alpha", value=torch.ones(3)),
        "was made for another model",
    ),
    "open_clip": (
        lambda m: m.torch(
            {
                "model.diffusion_model.input_blocks.1.1.norm.weight": torch.ones(16),
                "cond_stage_model.model.text_projection": torch.tensor(1.0),
            }
        ),
        "its text_encoder does not fit",
    ),
}
"""What a run finds before it draws."""
KINDS = PLANNED | CHECKED


@pytest.mark.parametrize("kind", KINDS)
def test_two_hundred_damaged_checkpoints(tiny_pipe: Any, tmp_path: Path, kind: str) -> None:
    make, message = KINDS[kind]
    for seed in range(4):
        path = make(Maker(tiny_pipe, seed, tmp_path / str(seed)))
        if kind in PLANNED:
            with pytest.raises(InputError, match=message) as planned:
                tensorfiles.check(path)
            assert "\n" not in str(planned.value) and str(tmp_path) in str(planned.value)
        else:
            tensorfiles.check(path)
        with pytest.raises(InputError) as caught:
            Checkpoint(path=str(path)).check(tiny_pipe, AIRPLANE)
        assert "\n" not in str(caught.value)
        if kind in CHECKED:
            assert re.search(message, str(caught.value)), str(caught.value)
    assert not EVIL.exists()
    assert 4 * len(KINDS) >= 200


def test_whatever_a_byte_becomes(tiny_pipe: Any, tmp_path: Path) -> None:
    rng = random.Random(7)
    state = {"conv_in.bias": tiny_pipe.unet.conv_in.bias.detach() + 1}
    for number in range(200):
        stream = io.BytesIO()
        torch.save(state, stream, _use_new_zipfile_serialization=number % 4 == 0)
        data = bytearray(stream.getvalue())
        if number % 2:
            data[rng.randrange(min(len(data), 600))] = rng.randrange(256)
        else:
            del data[rng.randrange(len(data)) :]
        path = tmp_path / "esd.pt"
        path.write_bytes(data)
        for look in (tensorfiles.check, lambda p: Checkpoint(path=str(p)).check(tiny_pipe, [])):
            try:
                look(path)
            except InputError as error:
                assert "\n" not in str(error)


def test_parts_of_a_pipeline_in_one_file_are_all_read(tiny_pipe: Any, tmp_path: Path) -> None:
    maker = Maker(tiny_pipe, 0, tmp_path / "made")
    path = maker.torch({"unet": {maker.name: maker.weight}, "text_encoder": maker.text})
    made = Checkpoint(path=str(path)).fit(tiny_pipe, AIRPLANE, seed=0)
    assert torch.equal(made[maker.name], maker.weight)
    assert {name.partition(".")[0] for name in made if name != maker.name} == {"text_encoder"}


def test_what_is_not_read_of_a_checkpoint_may_be_anything(tiny_pipe: Any, tmp_path: Path) -> None:
    maker = Maker(tiny_pipe, 0, tmp_path / "made")
    tensors = {maker.name: maker.weight, "first_stage_model.x": torch.ones(2) * torch.nan}
    save_file(tensors, maker.folder / "whole.safetensors")
    tensorfiles.check(maker.folder / "whole.safetensors")
    torch.save({"x": Evil()}, maker.folder / "training_args.bin")
    tensorfiles.check(maker.folder)
