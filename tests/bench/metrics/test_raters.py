from __future__ import annotations

import math
from pathlib import Path

import pytest

from bench import registry
from bench.metrics import Authority, Setting, _raters
from bench.types import Concept, InputError, Prompt

CAT, DOG = (Concept(name, "object", "a room") for name in ("cat", "dog"))
SETTING = Setting((CAT,), (CAT, DOG), "sd", "cpu")
TARGET, FAR = Prompt("t0", "a cat", 0, "target", "cat"), Prompt("f0", "a dog", 1, "far", "dog")
PATHS = [Path("images/cat/t0.png"), Path("images/cat/f0.png")]


def measured(path: Path, text: str, question: str = "") -> list[dict[str, str | float]]:
    path.write_text(text)
    metric = registry.metric(f"raters@{path}#{question}" if question else f"raters@{path}")
    return metric.measure(PATHS, [TARGET, FAR], SETTING)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "people.csv"


def test_most_raters_decide_and_as_many_on_each_side_decide_nothing(file: Path) -> None:
    text = "rater,verdict,image,note\nann,yes,t0.png,\nbob,1,t0.png,\neve,no,t0.png,sure\n"
    target, far = measured(file, f"{text}ann,no,f0.png,\nbob,yes,f0.png,\n")
    assert (target["label"], target["shown"], target["raters"]) == ("shown", 1.0, 3.0)
    assert target["mean"] == pytest.approx(2 / 3) and target["disputed"] == 1.0
    # The leak of an image of a dog is not told by whether it shows a dog.
    assert math.isnan(float(target["erased"]))
    assert far["label"] == "" and math.isnan(float(far["shown"])) and far["raters"] == 2.0


def test_labels_say_what_is_shown_and_whether_it_is_what_was_erased(file: Path) -> None:
    target, far = measured(file, "id;verdict\nt0;dog\nf0;Cat\n")
    assert (target["label"], target["shown"], target["erased"]) == ("dog", 0.0, 0.0)
    assert (far["label"], far["shown"], far["erased"]) == ("cat", 0.0, 1.0)
    assert math.isnan(float(far["disputed"]))


def test_an_image_is_known_by_case_and_file_before_its_file(file: Path) -> None:
    text = "image,verdict,case\nt0.png,no,\nt0.png,yes,cat\nf0,no,dog\n"
    target, far = measured(file, text)
    assert target["shown"] == 1.0
    # That of another case is not this image's; nobody rated it.
    assert math.isnan(float(far["raters"])) and far["label"] == ""


def test_an_image_is_known_by_the_path_that_a_run_names(file: Path) -> None:
    image = Path("runs/uce/images/cat/t0.png")
    for name in ("images/cat/t0.png", "cat/t0.png", "cat/t0", "t0.png", "t0"):
        file.write_text(f"image,verdict\n{name},no\nimages/dog/t0.png,yes\n")
        (found,) = _raters.of_image(_raters.read(file), image, "t0")
        assert found.verdict == "no"


def test_a_question_of_its_own_has_a_mean_and_decides_nothing(file: Path) -> None:
    text = "image,metric,rater,verdict\nt0,quality,a,2\nt0,quality,b,5\nt0,,a,yes\n"
    target, _ = measured(file, text, "quality")
    assert target["mean"] == 3.5
    asked, plain = registry.metric(f"raters@{file}#quality"), registry.metric(f"raters@{file}")
    assert (asked.name, plain.name) == ("raters@people#quality", "raters@people")
    assert asked.authority("sd", CAT) == Authority.NONE
    assert plain.authority("sd", CAT) == Authority.BROUGHT
    # Records name it so, and it is read back as the same.
    assert registry.metric(asked.name).name == asked.name
    assert registry.detector_version(plain) == registry.detector_version(asked)
    before = registry.detector_version(plain)
    file.write_text(text.replace("yes", "no"))
    assert registry.detector_version(plain) != before


def test_without_verdicts_it_fits_nothing() -> None:
    assert not registry.metric("raters").reads("sd", "object")
    assert not registry.metric("raters").authority("sd", CAT)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "columns are none; must be image"),
        ("image,verdict\n", "holds no verdict"),
        ("image,verdict\na.png,\n", "holds no verdict"),
        ("picture,verdict\na,yes\n", "columns are picture, verdict; must be image"),
        ("image,verdict,verdict\na,yes,no\n", "each once"),
        ("image,verdict\na,yes,no\n", "line 2: 3 cells, must be 2"),
        ("image,verdict\n,yes\n", "line 2: a verdict without an image"),
        ("image,verdict\na,yes\na,no\n", "line 3: rater says 'no' of a, and 'yes' before"),
        ('image,verdict\na,"yes\n', "cannot be read as verdicts"),
        ("image,verdict\0\na,yes\n", "must be image"),
    ],
)
def test_what_is_no_file_of_verdicts_is_said_in_a_line(file: Path, text: str, message: str) -> None:
    file.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        _raters.read(file)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", None])
def test_a_file_that_cannot_be_read(file: Path, content: bytes | None) -> None:
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError, match="cannot be read as verdicts"):
        _raters.questions(file)


def test_an_unknown_question_lists_those_that_there_are(file: Path) -> None:
    file.write_text("image,verdict,metric\na,yes,style\n")
    with pytest.raises(InputError, match="no verdicts on 'x'; its column metric has: style"):
        _raters.read(file, "x")
