from __future__ import annotations

import pytest

from bench import cli, mini
from bench.mini import card
from bench.mini.train import command


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "unett"], "unknown stage of bench mini train: 'unett'; nearest: unet"),
        (["train", "--pictures", "123"], "--pictures: got 123"),
        (["train", "--scale", "0"], "--scale: got 0.0"),
        (["train", "--start", "nowhere"], "no SHA256SUMS in nowhere"),
        (["train", "--device", "tpu"], "cannot train on 'tpu'; allowed here: cpu"),
        (["trian"], "nearest: train"),
    ],
)
def test_bad_input_is_one_line(words, message, capsys, tmp_path):
    assert (
        cli.main(["mini", *words, *(["--folder", str(tmp_path)] if words[0] == "train" else [])])
        == 2
    )
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert not any(tmp_path.iterdir())


def test_the_path_is_printed(capsys):
    assert cli.main(["mini", "path"]) == 0
    assert capsys.readouterr().out.strip() == str(mini.path())


def test_the_stages_of_the_command_are_those_there_are():
    from bench.mini.train.stages import STAGES

    assert (*STAGES, "export") == command.STAGES


def figures():
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


def test_the_card_states_each_figure_with_its_interval_and_n():
    page = card.page(figures())
    assert "| target | 0.500 [0.400, 0.600] | 200 | 0.95 |" in page
    assert "| far prompt draws it | 0.5000 [0.4000, 0.6000] | 200 | at most 0.02 |" in page
    assert "| unet | 10 | 0.1000 | 3 |" in page
    assert "0.80 | 0.70 | 0.90 | 30" in page
