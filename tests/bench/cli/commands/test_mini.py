"""`bench mini`: nothing is made by bad input, stages run in order, the card says what was found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench import cli
from bench.cli.commands.mini import STAGES
from bench.models import mini
from bench.runs.card import card
from bench.types import InputError


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "unt"], "unknown stage of python -m bench mini train: 'unt'; nearest: unet"),
        (["train", "clip", "Judge"], "'Judge'; nearest: judge"),
        (["train", "--images", "0"], "--images: got 0, must be a positive multiple of 500"),
        (["train", "--images", "-500"], "--images: got -500"),
        (["train", "--images", "750"], "--images: got 750"),
        (["train", "--images", "many"], "argument --images: invalid int value: 'many'"),
        (["train", "--scale", "nan"], "--scale: got nan, must be above 0"),
        (["train", "--images", "123"], "--images: got 123"),
        (["train", "--scale", "0"], "--scale: got 0.0"),
        (["train", "--start", "nowhere"], "no SHA256SUMS in nowhere"),
        (["train", "--scale", "inf"], "--scale: got inf, must be above 0"),
        (["train", "--without", "airplan"], "unknown concept that mini has learnt: 'airplan'; nea"),
        (["train", "clip", "--without", "cat"], "mini train --without: 'clip'; choices: unet, exp"),
        (["train", "--without", "cat", "--start", "x"], "--start: goes on from weights that may"),
        (["train", "--without", "cat", "--device", "tpu"], "cannot train on 'tpu'"),
        (["train", "--device", "tpu"], "cannot train on 'tpu'; allowed here: cpu"),
        (["trian"], "nearest: train"),
        (["train", "--imges", "500"], "'--imges'; nearest: --images"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_made(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["mini", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("python -m bench: error: ") and captured.err.count("\n") == 1
    assert message in captured.err
    assert not any(tmp_path.iterdir())


def test_missing_weights_are_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing() -> Path:
        mini.verify(tmp_path)
        return tmp_path

    monkeypatch.setattr(mini, "path", missing)
    assert cli.main(["mini", "path"]) == 2
    assert "mini's weights are missing" in capsys.readouterr().err


def test_the_chosen_stages_run_in_the_order_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from bench.models.mini.train import stages

    ran: list[object] = []
    for name in stages.STAGES:
        monkeypatch.setitem(stages.STAGES, name, lambda shop, name=name: ran.append((name, shop)))
    monkeypatch.setattr(
        stages.Workshop, "export", lambda shop, weights: ran.append(("export", weights))
    )
    words = ["--folder", str(tmp_path), "--weights", str(tmp_path / "w"), "--seed", "4"]
    assert cli.main(["mini", "train", "judge", "export", *words, "--scale", "0.5"]) == 0
    (first, shop), second = ran
    assert (first, second) == ("judge", ("export", tmp_path / "w"))
    assert (shop.folder, shop.seed, shop.scale) == (tmp_path, 4, 0.5)
    assert capsys.readouterr().out == f"trained judge, export in {tmp_path}\n"
    ran.clear()
    assert cli.main(["mini", "train", *words, "--scale", "0.5"]) == 0
    assert tuple(name for name, _ in ran) == STAGES


def test_a_training_without_a_concept_has_a_folder_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from bench.models.mini.train import stages
    from bench.models.mini.train.renewal import Renewal

    ran: list[Any] = []
    for name in stages.STAGES:
        monkeypatch.setitem(stages.STAGES, name, lambda shop, name=name: ran.append((name, shop)))
    monkeypatch.setattr(
        stages.Workshop, "export", lambda shop, weights: ran.append(("export", weights))
    )
    monkeypatch.chdir(tmp_path)
    assert cli.main(["mini", "train", "--without", "Joan of Arc"]) == 0
    (first, shop), second = ran
    folder = Path("reports/mini/without-joan-of-arc")
    assert (first, second) == ("unet", ("export", folder / "weights"))
    assert isinstance(shop, Renewal) and shop.unet_to_go_on_from is None
    assert (shop.folder, shop.without, shop.weights) == (folder, "Joan of Arc", mini.path())
    assert capsys.readouterr().out == f"trained unet, export in {folder}\n"
    other = ["--without", "cat", "--folder", str(folder)]
    assert cli.main(["mini", "train", *other]) == 2
    assert "holds a training of without 'Joan of Arc'" in capsys.readouterr().err


def test_a_device_that_is_not_there_is_refused() -> None:
    from bench.models.mini.train.stages import check_device

    check_device("cpu")
    with pytest.raises(InputError, match="cannot train on 'cuda:9'"):
        check_device("cuda:9")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["--help"], 0, "train"),
        (["train", "--help"], 0, "--folder"),
        (["train", "unt"], 2, "nearest: unet"),
    ],
    ids=["help", "train-help", "misspelt"],
)
def test_no_torch_where_nothing_is_trained(
    alone: Any, words: list[str], status: int, said: str
) -> None:
    done = alone("mini", *words)
    assert done.status == status and said in (done.err if status else done.out)
    assert not {"torch", "diffusers", "transformers", "rich"} & done.packages


def test_the_path_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["mini", "path"]) == 0
    assert capsys.readouterr().out.strip() == str(mini.path())


def test_the_stages_of_the_command_are_those_there_are() -> None:
    from bench.models.mini.train import stages

    assert (*stages.STAGES, "export") == STAGES


def figures() -> dict[str, Any]:
    row = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 200}
    drawn = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 200, "classes": {"airplane": row}}
    names = ("target", "synonym", "related", "misspelt", "style", "person, named")
    return {
        "parameters": {"U-Net": 9.8},
        "training": {"unet": {"step": 10, "loss": 0.1, "minutes": 3.0}},
        "reading": {"judge: object": row},
        "reconstruction": 0.03,
        "text": {"synonym": {"value": 0.8, "lowest": 0.7, "highest": 0.9, "n": 30}},
        "drawing": {name: dict(drawn) for name in names} | {"target": drawn | {"leak": row}},
    }


def test_a_continued_training_adds_to_what_is_known() -> None:
    one, two = {"step": 1}, {"step": 2}
    whole = {"autoencoder": one, "unet": one}
    assert card.merged(whole, {"unet": two}) == {**whole, "unet, continued": two}
    assert card.merged(whole, {}) == whole
    assert card.merged(whole, {"autoencoder": two}) == {"autoencoder": two}


def test_the_card_states_each_figure_with_its_interval_and_n() -> None:
    page = card.page(figures())
    assert "| target | 0.500 [0.400, 0.600] | 200 | 0.95 |" in page
    assert "| far prompt draws it | 0.5000 [0.4000, 0.6000] | 200 | at most 0.02 |" in page
    assert "| unet | 10 | 0.1000 | 3 |" in page
    assert "0.80 | 0.70 | 0.90 | 30" in page
