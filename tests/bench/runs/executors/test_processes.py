"""Worker processes: however many there are, the same files; what dies leaves nothing behind."""

from __future__ import annotations

import importlib
import os
import re
import signal
import subprocess
import sys
import time
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from bench import data
from bench.files import read_rows
from bench.models import loading
from bench.models.generate import generate
from bench.models.weights import loaded
from bench.results import store
from bench.runs import plan, runner
from bench.runs.executors import crew, executor
from bench.runs.resolved import Resolved
from bench.runs.schedule import Setup
from bench.types import InputError, RunSpec, WorkerDiedError, silent

from ...conftest import WriteSuite

BOTH = ("airplane", "bird")
ROWS = tuple(
    f"{concept}-{number},{concept},target,a photo of a {concept},{number}"
    for concept in BOTH
    for number in range(4)
)
METHOD = '''
import os, signal
from dataclasses import dataclass
from pathlib import Path
import torch
from bench.models import pipelines
from bench.models.eraser import Eraser
from bench.types import silent

@dataclass(frozen=True)
class Mine(Eraser):
    """Weakens what text gives, each concept's by chance, once nothing is in its way."""
    paper = "none"
    touches = ("unet.*.attn2.to_v.weight",)

    def fit(self, pipe, concepts, *, seed, progress=silent):
        if concepts[0].name == "bird" and Path(__file__).with_name("trouble").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        progress("weaken", 1, 1)
        generator = torch.Generator().manual_seed(seed + len(concepts[0].name))
        return {
            name: torch.rand(weight.shape, generator=generator) * weight.data
            for name, weight in pipelines.cross_attention(pipe.unet).items()
            if ".to_v." in name
        }
'''
TOYS = """
import os, signal, time
from dataclasses import dataclass
from pathlib import Path
from bench.runs.executors import executor
from bench.runs.schedule import Setup
from bench.runs.units import Unit
from bench.types import InputError

HERE = Path(__file__).parent

@dataclass(frozen=True)
class Toy(Unit):
    what: str

    @property
    def name(self):
        return f"the toy {self.what}"

    def perform(self, kept, clock, progress):
        if self.what.startswith("SIG"):
            (HERE / "pid").write_text(str(os.getpid()))
            os.kill(os.getppid(), signal.Signals[self.what])
            time.sleep(3600)
        if self.what == "warns":
            import logging
            logging.getLogger("toy").warning("\\x1b[2Jcleared")
        if self.what == "refused":
            raise InputError("not this")
        if self.what == "broken":
            raise ZeroDivisionError("by nothing")
        import torch
        progress(self.what, os.getpid(), torch.get_num_threads())
        clock.seconds["load"] = 2.0

def performed(names, tell, workers=2, threads=1):
    toys = [Toy(None, HERE, "cpu", name) for name in names]
    with executor(Setup(workers=workers, threads=threads), HERE) as crew:
        for toy, seconds in crew.perform(lambda: toys.pop(0) if toys else None, tell):
            yield toy.what, seconds

if __name__ == "__main__":
    import sys
    # Whoever started this may ignore Ctrl-C, as what runs in the background of a shell does.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    list(performed(sys.argv[1:], lambda unit: print))
"""


@pytest.fixture
def here(write_suite: WriteSuite, tmp_path: Path) -> Path:
    write_suite(
        tmp_path / "s",
        rows=ROWS,
        concepts=BOTH,
        cases=BOTH,
        images={"target": 4, "near": 1},
        metrics=("judge", "cost"),
    )
    (tmp_path / "mine.py").write_text(METHOD)
    return tmp_path


def specs(here: Path) -> list[RunSpec]:
    suite, method = str(here / "s"), f"{here / 'mine.py'}:Mine"
    return plan.specs([method], model="mini", suite=suite, size="tiny", steps=1)


def go(here: Path, out: str, workers: int) -> list[Any]:
    setup = Setup(batch_size=3, workers=workers, threads=1)
    return list(runner.execute(specs(here), here / out, setup))


def files(out: Path) -> dict[str, Any]:
    """Return what must not depend on who did what: erasures, images, every score but costs."""
    found: dict[str, Any] = {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob("*")
        if path.suffix == ".png" or path.name == "per_image.csv"
    }
    for path in out.rglob("scores.csv"):
        rows = read_rows(path)
        name = path.relative_to(out).as_posix()
        same = ("parameters", "evaluations", "step_evaluations")
        found[name] = [row for row in rows if row["metric"] != "cost" or row["measure"] in same]
    for path in out.rglob("erasures/*.safetensors"):
        tensors = load_file(path)
        found[path.relative_to(out).as_posix()] = {n: t.tolist() for n, t in tensors.items()}
    return found


def redrawn(here: Path, run_id: str) -> dict[str, bytes]:
    """Draw a run's images anew, each case's by a model with its own erasure, and return them."""
    folder, pipe = store.RunFolder(here / "alone", run_id), loading.shared("mini", "cpu")
    resolved, found = Resolved(folder.read_record().spec), {}
    with executor(Setup(threads=1), here):
        for case, prompts in resolved.prompts.items():
            erased = loaded(pipe, load_file(folder.erasure_path(case)))
            sampler = resolved.spec.sampler
            for path in generate(erased, prompts, here / case, sampler, batch_size=3):
                name = folder.images(case) / path.name
                found[name.relative_to(folder.path.parent).as_posix()] = path.read_bytes()
    return found


def gone(pid: int) -> bool:
    """Wait until a process is no more; nobody's child is collected by somebody else."""
    for _ in range(300):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except (OSError, IndexError):
            return True
        if state == "Z":
            return True
        time.sleep(0.1)
    return False


def test_whoever_does_the_work_leaves_the_same_files(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process; and by three, of which one is killed, then by two for what is left."""
    alone = go(here, "alone", 1)
    assert [record.spec.method_name for record in alone] == ["original", "Mine"]
    (here / "trouble").touch()
    monkeypatch.setattr(crew, "TRIES", 1)
    with pytest.raises(WorkerDiedError) as error:
        go(here, "shared", 3)
    mine = specs(here)[1].run_id
    assert re.fullmatch(
        rf"worker process \d+ was killed by SIGKILL while it made the erasure bird of {mine}; the "
        "same command resumes, and fewer --workers need less memory",
        str(error.value),
    )
    assert not active_children()
    (here / "trouble").unlink()
    shared = go(here, "shared", 2)
    assert not active_children()
    assert {record.spec.run_id for record in shared} == {each.spec.run_id for each in alone}
    whole = files(here / "alone")
    assert len([name for name in whole if name.endswith(".png")]) == 8 + 5 + 5
    assert files(here / "shared") == whole
    # Nor is one erasure taken for another by a process that draws with both.
    assert redrawn(here, mine) == {n: whole[n] for n in whole if n.startswith(f"{mine}/images/")}
    for record, workers in ((alone[-1], 1), (shared[-1], 2)):
        assert record.provenance["workers"] == workers and record.provenance["threads"] == 1
        assert min(record.seconds.values()) > 0


@pytest.fixture
def toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Units that need no model, in a module that worker processes can import."""
    (tmp_path / "toys.py").write_text(TOYS)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("toys")
    del sys.modules["toys"]


def test_units_are_done_elsewhere_and_told_of_here(toys: Any) -> None:
    told: list[tuple[str, str, int, int]] = []

    def tell(unit: Any) -> Any:
        return lambda *said: told.append((unit.what, *said))

    done = list(toys.performed(["a", "b", "c", "d"], tell))
    assert sorted(done) == [(name, {"load": 2.0}) for name in "abcd"]
    assert {(unit, what) for unit, what, *_ in told} == {(name, name) for name in "abcd"}
    assert os.getpid() not in {pid for _, _, pid, _ in told}
    assert {threads for *_, threads in told} == {1}
    assert not active_children()


@pytest.mark.parametrize("workers", [1, 2])
def test_each_computes_with_as_many_threads_as_are_asked_for(toys: Any, workers: int) -> None:
    before, told = torch.get_num_threads(), []

    def tell(unit: Any) -> Any:
        return lambda what, pid, threads: told.append(threads)

    for threads in (1, 3):
        list(toys.performed(["a", "b"], tell, workers, threads))
    assert told == [1, 1, 3, 3] and torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("what", "kind", "message"),
    [
        ("refused", InputError, "not this"),
        ("broken", RuntimeError, "in a worker process:\n(.|\n)*ZeroDivisionError: by nothing"),
    ],
)
def test_what_goes_wrong_in_a_worker_is_raised_here(
    toys: Any, what: str, kind: type[Exception], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(kind, match=message):
        list(toys.performed(["warns", what, "b"], lambda unit: silent))
    assert not active_children()
    # Two workers, of which the other may be at the first unit still.
    said = capfd.readouterr().err
    assert "\x1b" not in said, "what a worker warns of acts on the terminal"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks Linux who is running")
@pytest.mark.parametrize("end", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_no_worker_outlives_who_started_it(toys: Any, end: str) -> None:
    environment = os.environ | {"PYTHONPATH": str(data.ROOT)}
    done = subprocess.run(
        [sys.executable, toys.__file__, "a", end, "b"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert gone(int((toys.HERE / "pid").read_text()))
    assert done.returncode == -signal.Signals[end]
    # Of a worker that had to go nothing is said.
    assert "resource_tracker" not in done.stderr or end != "SIGINT"
