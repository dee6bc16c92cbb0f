"""In what order units are handed out, what their progress adds up to, by how many they are done."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.models import devices, meter
from bench.models.generate import image_path
from bench.runs import capacity, plan
from bench.runs.capacity import Capacity
from bench.runs.measuring import Measure
from bench.runs.schedule import Begun, Schedule, Setup
from bench.runs.units import Batch, Clock, Fit, Kept, Unit
from bench.types import InputError, RunSpec, silent

from ..conftest import WriteSuite

ROWS = tuple(f"a-{each},airplane,target,a photo of an airplane,{each}" for each in range(5))


@pytest.fixture
def specs(write_suite: WriteSuite, tmp_path: Path) -> list[RunSpec]:
    suite = write_suite(tmp_path / "s", rows=ROWS, concepts=("airplane",), images={"target": 5})
    settings = {"model": "mini", "suite": str(suite), "size": "tiny", "steps": 1}
    return plan.specs(["uce", "mace"], **settings)  # type: ignore[arg-type]


def begun(specs: list[RunSpec], out: Path) -> list[Begun]:
    return [Begun(spec, out, Setup(batch_size=3)) for spec in specs]


def leave(unit: Unit) -> None:
    """Put the files there that a unit would make."""
    paths = [unit.folder.record_path] if isinstance(unit, Measure) else []
    if isinstance(unit, Batch):
        paths = [image_path(unit.images, each) for each in unit.prompts]
    if isinstance(unit, Fit):
        paths = [unit.path]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def word(unit: Unit) -> str:
    return f"{type(unit).__name__} {unit.spec.method}"


def test_a_run_is_erased_while_the_one_before_it_is_drawn(
    specs: list[RunSpec], tmp_path: Path
) -> None:
    schedule = Schedule(begun(specs, tmp_path), silent)
    order = []
    while (unit := schedule.following()) is not None:
        order.append(word(unit))
        leave(unit)
        schedule.done(unit, {"load": 0.0})
    draws = {name: [f"Batch {name}"] * 2 for name in ("original", "uce", "mace")}
    assert order == [
        *("Fit original", "Fit uce", *draws["original"], "Measure original", "Fit mace"),
        *(*draws["uce"], "Measure uce", *draws["mace"], "Measure mace"),
    ]


def test_nothing_is_drawn_before_its_erasure_nor_measured_before_the_un_erased_run(
    specs: list[RunSpec], tmp_path: Path
) -> None:
    schedule = Schedule(begun(specs, tmp_path), silent)
    out: list[Unit] = []
    while (unit := schedule.following()) is not None:
        out.append(unit)
    assert [word(unit) for unit in out] == [
        *("Fit original", "Fit uce", "Batch original", "Batch original", "Fit mace"),
    ]
    # Whatever of the un-erased run comes last: the others are measured only after it.
    for unit in out[1:]:
        leave(unit)
        schedule.done(unit, {})
    while (unit := schedule.following()) is not None:
        assert isinstance(unit, Batch)
        leave(unit)
        schedule.done(unit, {})
    assert schedule.done(out[0], {}) == []
    first = schedule.following()
    assert first is not None and word(first) == "Measure original"
    assert schedule.following() is None
    leave(first)
    assert [run.spec.method for run in schedule.done(first, {})] == ["original"]
    last = {word(unit) for unit in (schedule.following(), schedule.following()) if unit}
    assert last == {"Measure uce", "Measure mace"}


def test_progress_adds_up_over_units_that_are_under_way_at_once(
    specs: list[RunSpec], tmp_path: Path
) -> None:
    told: list[tuple[str, int, int]] = []
    runs = begun(specs, tmp_path)
    there = runs[0].draws[0]
    assert isinstance(there, Batch)
    leave(there)
    # What has no checksum is drawn again.
    there.folder.sums.note(there.images.iterdir())
    schedule = Schedule(begun(specs, tmp_path), lambda *said: told.append(said))
    fits, (draw,) = [runs[1].fits[0], runs[2].fits[0]], runs[0].draws[1:]
    schedule.tell(draw)("images", 0, 2)
    schedule.tell(draw)("images", 2, 2)
    for unit, done in ((fits[0], 4), (fits[1], 1), (fits[0], 5)):
        schedule.tell(unit)("training", done, 10)
    assert told == [
        *(("original: images", 3, 5), ("original: images", 5, 5)),
        *(("uce: training", 4, 10), ("mace: training", 1, 10), ("uce: training", 5, 10)),
    ]


def test_seconds_an_image_are_those_of_the_workers(specs: list[RunSpec], tmp_path: Path) -> None:
    (run, *_) = begun(specs, tmp_path)
    for unit, seconds in zip(run.draws, (6.0, 3.0), strict=True):
        run.spend(unit, {"generate": seconds, "load": 1.0})
    last = run.last()
    assert isinstance(last, Measure)
    assert (last.seconds["generate"], last.seconds["load"]) == (9.0, 2.0)
    assert last.seconds["image"] == 9.0 / 5


def test_a_unit_done_twice_is_done_once(specs: list[RunSpec], tmp_path: Path) -> None:
    run = begun(specs, tmp_path)[1]
    kept, spent = Kept(), []
    for _ in range(2):
        with meter.counted() as count:
            for unit in (*run.fits, *run.draws):
                assert unit.ready()
                unit.perform(kept, Clock(), silent)
                unit.note()
        spent.append(count())
    # Two evaluations an image of one step, and those by which the erasure is looked at.
    assert spent[0] >= 10 and spent[1] == 0
    assert not begun(specs, tmp_path)[1].draws


def test_methods_share_the_images_of_the_unerased_model(
    write_suite: WriteSuite, tmp_path: Path
) -> None:
    """Several methods cost as many drawings and one more, the un-erased model's, once."""
    methods = ["uce", "mace", "esd", "realera"]
    suite = write_suite(tmp_path / "s", rows=ROWS, concepts=("airplane",), images={"target": 5})
    runs = plan.specs(methods, model="mini", suite=str(suite), size="tiny", steps=1)
    schedule, drawn = Schedule(begun(runs, tmp_path / "out"), silent), 0
    while (unit := schedule.following()) is not None:
        leave(unit)
        drawn += len(unit.prompts) if isinstance(unit, Batch) else 0
        schedule.done(unit, {})
    assert drawn == (len(methods) + 1) * len(ROWS)


DUE = {"erasures": 2, "batches of images": 28}
TO_DO = "; to do: erasures 2, batches of images 28"


@pytest.mark.parametrize(
    ("free", "memory", "asked", "due", "wanted"),
    [
        (2, 64, {}, DUE, Capacity(2, 1, f"2 usable cores{TO_DO}")),
        (8, 64, {}, {"a": 6, "b": 7}, Capacity(3, 1, "8 usable cores; to do: a 6, b 7")),
        (2, 64, {}, {"a": 5, "b": 0}, Capacity(1, 1, "2 usable cores; to do: a 5")),
        (2, 64, {}, {"a": 0}, Capacity(1, 1, "2 usable cores; to do: nothing")),
        (1, 64, {}, DUE, Capacity(1, 1, f"1 usable core{TO_DO}")),
        (8, 3, {}, DUE, Capacity(2, 4, f"8 usable cores, memory for 2{TO_DO}")),
        (2, 64, {"workers": 5}, DUE, Capacity(5, 1, "as asked")),
        (2, 64, {"threads": 2}, {"a": 5}, Capacity(1, 2, "2 usable cores; to do: a 5")),
    ],
)
def test_work_is_shared_by_cores_memory_and_what_is_left(
    free: int,
    memory: int,
    asked: dict[str, int],
    due: dict[str, int],
    wanted: Capacity,
    specs: list[RunSpec],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "meminfo").write_text(f"MemTotal: 1 kB\nMemAvailable:  {memory * 2**20} kB\n")
    monkeypatch.setattr(capacity, "MEMORY", tmp_path / "meminfo")
    monkeypatch.setattr(capacity, "cores", lambda: free)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert capacity.capacity(specs, due, device="cpu", **asked) == wanted


def test_threads_are_those_of_the_environment_unless_asked_for(
    specs: list[RunSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert capacity.capacity(specs, DUE, device="cpu").threads == 3
    assert capacity.capacity(specs, DUE, device="cpu", threads=1).threads == 1


def test_a_gpu_has_one_worker(specs: list[RunSpec], monkeypatch: pytest.MonkeyPatch) -> None:
    cards = ["cpu", "cuda", "cuda:0", "cuda:1", "cuda:2"]
    monkeypatch.setattr(devices, "_devices", lambda: cards[:3])
    assert capacity.capacity(specs, DUE, device="cuda:1").workers == 1
    assert capacity.capacity(specs, DUE, device="cuda").workers == 1
    with pytest.raises(InputError, match="got --workers 2 on cuda, must be 1: one a GPU"):
        capacity.capacity(specs, DUE, device="cuda", workers=2)
    monkeypatch.setattr(devices, "_devices", lambda: cards)
    assert capacity.capacity(specs, DUE, device="cuda").workers == 3
    assert capacity.capacity(specs, {"a": 3}, device="cuda").workers == 1
    assert capacity.capacity(specs, DUE, device="cuda:2").workers == 1
    assert capacity.capacity(specs, DUE, device="cuda", workers=2).workers == 2
    with pytest.raises(InputError, match="got --workers 4 on cuda, must be 1 to 3: one a GPU"):
        capacity.capacity(specs, DUE, device="cuda", workers=4)


def test_what_is_left_counts_batches_and_true_erasures(
    specs: list[RunSpec], tmp_path: Path
) -> None:
    assert capacity.left(specs, tmp_path) == {"erasures": 2, "batches of images": 3}
    for unit in begun(specs, tmp_path)[1].draws:
        leave(unit)
    assert capacity.left(specs, tmp_path) == {"erasures": 2, "batches of images": 2}
