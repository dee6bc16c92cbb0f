"""The run folder: every file written whole or not at all, and verified when it is read back.

`spec.json` is written first and `record.json` last, so a folder with a record is finished and a
folder with a spec can be resumed by the command that made it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.files import LOCK, Row, csv_bytes, damaged, is_left, read_rows, to_json, write_bytes
from bench.results import elsewhere
from bench.results.sums import Sums, content, digest
from bench.results.verification import AGAIN, check_table
from bench.types import InputError, Kind, RunRecord, RunSpec, Score, Suite

PROMPT_COLUMNS = ("case", "id", "role", "tag", "concept", "text", "seed", "image")
"""Columns of per_image.csv before those of the metrics."""
SCORE_COLUMNS = tuple(field.name for field in fields(Score))
COLUMNS = set(SCORE_COLUMNS)
WORDS = SCORE_COLUMNS[: SCORE_COLUMNS.index("value")]
"""Columns of scores.csv that say what a number is of."""


class RunFolder:
    """The files of one run, under `<root>/<run_id>`."""

    def __init__(self, root: Path, run_id: str) -> None:
        """Name the folder's files; nothing is made or read."""
        self.path = Path(root) / run_id
        self.spec_path = self.path / "spec.json"
        self.record_path = self.path / "record.json"
        self.per_image_path = self.path / "per_image.csv"
        self.scores_path = self.path / "scores.csv"
        self.attacks_path = self.path / "attacks.csv"
        self.strip_path = self.path / "strip.png"
        self.suite_path = self.path / "suite"
        self.suite_table = self.suite_path / "suite.toml"
        self.sums = Sums(self.path)

    def create(self, spec: RunSpec) -> bool:
        """Make the folder for a spec, or verify that an existing one was made for it.

        Returns:
            Whether an earlier attempt left work here to resume.

        Raises:
            InputError: if the folder cannot be written, or holds files but not this readable spec.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if self.spec_path.exists():
                self._verify(spec)
                begun = {"spec.json", "suite", self.sums.path.name, LOCK}
                return any(path.name not in begun for path in self.path.iterdir())
            # A kill while the spec is written leaves nothing but its temporary file.
            there = [path.name for path in self.path.iterdir()]
            own = (LOCK, self.sums.path.name)
            strangers = [name for name in there if name not in own and not is_left(name)]
            if strangers:
                raise InputError(
                    f"{self.path} holds {strangers[0]} but no spec.json, so it is not a run that "
                    "can be resumed; delete the folder or choose another --out"
                )
            for name in filter(is_left, there):
                (self.path / name).unlink()
            self._write(self.spec_path, to_json(spec.to_json()))
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(f"cannot write to {self.path}: {reason}") from None
        return False

    def _verify(self, spec: RunSpec) -> None:
        remedy = "delete the folder or choose another --out"
        try:
            found = RunSpec.from_json(json.loads(self.spec_path.read_bytes()))
        except InputError as error:
            raise InputError(f"{self.spec_path} {error}; {remedy}") from None
        except (ValueError, TypeError, KeyError, RecursionError):
            raise InputError(f"{self.spec_path} is truncated or damaged; {remedy}") from None
        if found != spec:
            raise InputError(f"{self.spec_path} belongs to another run; {remedy}")

    def erasure_path(self, case: str) -> Path:
        """Return where the case's erasure is stored."""
        return self.path / "erasures" / f"{case}.safetensors"

    def images(self, case: str) -> Path:
        """Return the folder of a case's images, or those in `portable.UNERASED`."""
        return self.path / "images" / case

    def write_per_image(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Write what was measured of each image; every row has the columns of the first."""
        self._write(self.per_image_path, csv_bytes(list(rows[0]), rows))

    def read_per_image(self) -> list[Row]:
        """Return what was measured so far, nothing for a run that has measured nothing."""
        return read_rows(self.per_image_path) if self.per_image_path.exists() else []

    def per_image_hash(self) -> str | None:
        """Return the sha256 of per_image.csv, None if it is not there."""
        return digest(self.per_image_path) or None

    @staticmethod
    def per_image_digest(rows: Sequence[Mapping[str, object]]) -> str:
        """Return the sha256 that per_image.csv would have with these rows."""
        return hashlib.sha256(csv_bytes(list(rows[0]), rows)).hexdigest()

    def write_scores(self, scores: Sequence[Score]) -> None:
        """Write the aggregated scores."""
        self._write(self.scores_path, csv_bytes(SCORE_COLUMNS, [asdict(score) for score in scores]))

    def read_scores(self) -> list[Score]:
        """Read `write_scores` back.

        Raises:
            InputError: if they are damaged, or not scores.
        """
        try:
            return [_score(row) for row in read_rows(self.scores_path)]
        except InputError as error:
            raise InputError(f"{self.scores_path} {error}") from None
        except ValueError as error:
            raise InputError(damaged(self.scores_path, str(error))) from None

    def write_record(self, record: RunRecord) -> None:
        """Write the record, which declares the run finished."""
        scores = [
            {key: None if value != value else value for key, value in asdict(score).items()}
            for score in record.scores
        ]
        data = {
            "spec": record.spec.to_json(),
            "provenance": dict(record.provenance),
            "seconds": dict(record.seconds),
            "scores": scores,
            "flags": list(record.flags),
            "unconfirmed": dict(record.unconfirmed),
        }
        self._write(self.record_path, to_json(data))

    def _write(self, path: Path, data: bytes) -> None:
        # Announced, so that a kill in between leaves what was there as valid as it was.
        self.path.mkdir(parents=True, exist_ok=True)
        self.sums.announce(path, data)
        write_bytes(path, data)

    def read_record(self) -> RunRecord:
        """Read the record of a finished run.

        Raises:
            InputError: if the record is truncated, damaged or that of another run or version.
        """
        whole = content(self.record_path)
        try:
            data = json.loads(whole)
            spec = RunSpec.from_json(data["spec"])
            record = RunRecord(
                # A run brings its suite along.
                spec=replace(spec, places={"suite": str(self.suite_path)}),
                provenance=dict(data["provenance"]),
                seconds=dict(data["seconds"]),
                scores=tuple(_score(score) for score in data["scores"]),
                flags=tuple(data["flags"]),
                unconfirmed=dict(data["unconfirmed"]),
            )
        except InputError as error:
            raise InputError(f"{self.record_path} {error}; {AGAIN}") from None
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise InputError(damaged(self.record_path, repr(error), AGAIN)) from None
        known = self.sums.known().get(self.record_path)
        if known and hashlib.sha256(whole).hexdigest() not in known:
            raise InputError(damaged(self.record_path, "it is not what was written", AGAIN))
        # A folder of images was not named by us.
        if record.spec.run_id != self.path.name and not elsewhere.made(record.spec):
            raise InputError(f"{self.record_path} is of a folder called {record.spec.run_id}")
        return record

    def is_done(self) -> bool:
        """Return whether the run has finished."""
        return self.record_path.exists()


def _score(data: Mapping[str, Any]) -> Score:
    if data.keys() != COLUMNS:
        if not {"metric", "value", "n"} <= data.keys():
            raise ValueError(f"score with columns {sorted(data)}")
        odd = ", ".join(sorted(COLUMNS ^ data.keys()))
        raise InputError(f"was written by another version, whose scores differ in {odd}")
    # Through text: a truth value, which Python takes for a number, is none.
    value, low, high = (
        math.nan if data[key] is None else float(str(data[key])) for key in ("value", "low", "high")
    )
    words = {key: str(data[key]) for key in WORDS}
    return Score(**words, value=value, low=low, high=high, n=int(str(data["n"])))


@dataclass(frozen=True)
class Finished:
    """A finished run: its record and where the rest of it is."""

    folder: RunFolder
    record: RunRecord

    @cached_property
    def images(self) -> list[Row]:
        """What was measured of each image: the rows of per_image.csv, read once."""
        return self.folder.read_per_image()

    @cached_property
    def by_prompt(self) -> dict[tuple[str, str, str, str], Row]:
        """Its images' rows by what pairs them with those of another run."""
        return {(r["case"], r["id"], r["text"], r["seed"]): r for r in self.images}

    @cached_property
    def by_key(self) -> dict[tuple[str, str, str, str, str], Score]:
        """Its scores by what tells them apart."""
        return {score.key: score for score in reversed(self.record.scores)}

    @property
    def kind(self) -> Kind:
        """The kind of the concepts that were erased.

        Raises:
            InputError: neither its record says it nor its suite, which cannot be read.
        """
        return self.record.provenance.get("kind") or self.suite.kind

    @cached_property
    def suite(self) -> Suite:
        """The tables of the suite that it keeps a copy of, read once; not its prompt files.

        Raises:
            InputError: it is not there, or cannot be read.
        """
        from bench import prompts

        return prompts.tables.outside(self.folder.suite_path, prompts.concepts())


@dataclass(frozen=True)
class Results:
    """The finished runs under a folder, each of their files read once."""

    runs: tuple[Finished, ...]
    problems: tuple[str, ...]
    """Why folders were left out, one sentence each."""

    def again(self) -> Results:
        """Return the same runs as they are now."""
        return read([run.folder.path for run in self.runs])

    @property
    def scores(self) -> list[Score]:
        """The scores of all runs, run by run."""
        return [score for run in self.runs for score in run.record.scores]


def load(root: Path | str) -> Results:
    """Read the finished runs under a folder, nothing for a folder that is not there."""
    return read(folders(Path(root)))


def read(paths: Iterable[Path]) -> Results:
    """Read the records of finished runs in these folders.

    One that cannot be read back, damaged or written by another version, stops no other's report.
    """
    found, problems = [], []
    for path in paths:
        folder = RunFolder(path.parent, path.name)
        try:
            record = folder.read_record()
            check_table(folder, record)
            found.append(Finished(folder, record))
        except InputError as error:
            problems.append(str(error))
    return Results(tuple(found), tuple(problems))


def folders(root: Path) -> list[Path]:
    """Return the folders that hold a record under a folder, by name, readable or not."""
    return sorted(path.parent for path in Path(root).glob("*/record.json"))
