"""The calibrations that are kept, and what of them holds for a run's detectors and concepts."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench import data, digests, registry
from bench.files import check_kind, csv_bytes, damaged, sweep, to_json, write_bytes
from bench.names import typed
from bench.results.stats.calibration import Calibration, Reading
from bench.types import InputError

FOLDERS = (data.own_calibrations(), data.CALIBRATIONS)
"""Where calibrations are kept: first the user's, which count, then those that came along."""
SEAL = "sha256"
"""Name in the file of the checksum of all else in it."""
AGAIN = f"`{typed('calibrate')}` with its model and suite measures it again"
NOTHING = "nothing"
"""What an image shows or a detector sees where there is no concept."""


@dataclass(frozen=True)
class Looked:
    """Family, detectors and concepts of a run; a calibration holds for it where they agree."""

    family: str
    kind: str
    detectors: Mapping[str, str]
    """Who measures, by metric; see `registry.detector_version`."""
    concepts: Collection[str]
    """The concepts that are looked for."""
    choices: Collection[str]
    """What metrics that choose may say, see `bench.prompts.choice.Choice.to_json`."""


def write(calibration: Calibration, suite: str = "", *, same: bool = False) -> Path:
    """Keep a calibration where runs find it, with its confusions as CSV, and return the path.

    Args:
        calibration: What was read now.
        suite: Of the user, whose calibration is kept beside that of the package's; "" for those.
        same: Whether images of one source are the same ones, as rendered ones are, so that what
            other detectors made of them stays.
    """
    sweep(FOLDERS[0])
    file = FOLDERS[0] / _name(calibration.family, calibration.kind, suite)
    if same and file.exists():
        with suppress(InputError):
            calibration = calibration.beside(_read(file, (calibration.family, calibration.kind)))
    rows = [
        {"metric": reading.metric, "shows": truth or NOTHING, "seen": seen or NOTHING, "n": n}
        for reading in calibration.readings
        for truth, counts in reading.confusion.items()
        for seen, n in counts.items()
    ]
    write_bytes(file.with_suffix(".csv"), csv_bytes(("metric", "shows", "seen", "n"), rows))
    said = calibration.to_json()
    write_bytes(file, to_json({**said, SEAL: _sealed(said)}))
    return file


def read(family: str, kind: str) -> list[Calibration | str]:
    """Return the calibrations of a family and a kind, the user's first; of a damaged one, a line.

    In a folder that of the package's suites comes before those of suites from outside.

    Args:
        family: Model family that drew the images.
        kind: Kind of the concepts.
    """
    found: list[Calibration | str] = []
    for folder in FOLDERS:
        for path in (folder / _name(family, kind), *sorted(folder.glob(_name(family, kind, "*")))):
            if not path.exists():
                continue
            try:
                found.append(_read(path, (family, kind)))
            except InputError as error:
                found.append(str(error))
    return found


def _read(path: Path, of: tuple[str, str]) -> Calibration:
    try:
        check_kind(path)
        data = json.loads(path.read_bytes())
        seal = data.pop(SEAL, None)
        found = Calibration.from_json(data)
    except OSError as error:
        raise InputError(damaged(path, error.strerror or str(error), AGAIN)) from None
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise InputError(damaged(path, repr(error)[:80], AGAIN)) from None
    if (found.family, found.kind) != of:
        raise InputError(damaged(path, f"it is of {found.family} and {found.kind}", AGAIN))
    # One of an earlier version has none.
    if seal not in (None, _sealed(data)):
        raise InputError(damaged(path, "it is not what was written", AGAIN))
    return found


def _sealed(said: Mapping[str, object]) -> str:
    return digests.text(to_json(said).decode())


def _name(family: str, kind: str, suite: str = "") -> str:
    return f"{family}-{kind}{f'-{suite}' * bool(suite)}.json"


def holding(looked: Looked) -> tuple[Calibration | None, list[str]]:
    """Return the calibration that holds for these detectors, and why other readings do not.

    A detector's reading holds for its own version, for concepts whose images it was given, and,
    where it chooses between what it is offered, for the same choice. Where nothing of the user's
    calibration holds, the one that came along counts.

    Returns:
        The calibration with the readings that hold, None where none does; and one sentence each for
        those that do not, and for files that are damaged.
    """
    said: list[str] = []
    lost: list[str] = []
    for found in read(looked.family, looked.kind):
        if isinstance(found, str):
            lost.append(found)
            continue
        problems = {
            reading.metric: _problem(reading, looked)
            for reading in found.readings
            if reading.metric in looked.detectors
        }
        texts = [text for text in problems.values() if text]
        good = [metric for metric, problem in problems.items() if not problem]
        if good:
            return found.only(good), [*lost, *texts]
        said = said or texts
    return None, [*lost, *said]


def readings(looked: Looked) -> dict[str, Reading]:
    """Return, by metric, the readings that hold for those that look; see `holding`."""
    found, _ = holding(looked)
    return {reading.metric: reading for reading in found.readings} if found else {}


def _problem(reading: Reading, looked: Looked) -> str:
    metric = reading.metric
    if reading.detector != looked.detectors[metric]:
        return f"The calibration of {metric} is of another version of it."
    unknown = sorted({*looked.concepts} - reading.concepts)
    if unknown:
        names = ", ".join(unknown[:3]) + (f" and {len(unknown) - 3} more" if unknown[3:] else "")
        return f"{metric} was not calibrated for {names}."
    if registry.metric(metric).chooses and {*looked.choices} != {*reading.choices}:
        return f"{metric} was calibrated choosing between other concepts."
    return ""
