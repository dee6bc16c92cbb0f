"""What is asked of a Ray cluster, by a stand-in for Ray; and, slowly, by Ray itself."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench import cli
from bench.models.means import PLAIN
from bench.runs import capacity, plan
from bench.runs.executors import check, cluster, connection, executor, nodes
from bench.runs.executors.connection import asked
from bench.runs.schedule import Setup
from bench.runs.units import Clock, Kept, Unit
from bench.types import InputError, Progress, WorkerDiedError, silent

from ...conftest import WriteSuite

RAY = ("--executor", "ray")
COMPARED = ("per_image.csv",)


class RayError(Exception):
    """Of Ray: a worker or a node is gone."""


@dataclass
class Later:
    """What a remote call will give: Ray's own are not looked into either."""

    call: Callable[[], Any]
    result: list[Any] = field(default_factory=list)

    def get(self) -> Any:
        if not self.result:
            self.result.append(self.call())
        return self.result[0]

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


class FakeRay:
    """Nodes with names; actors are objects of this process, which die when they are told to."""

    exceptions = SimpleNamespace(RayError=RayError)

    def __init__(self) -> None:
        self.util = SimpleNamespace(
            scheduling_strategies=SimpleNamespace(
                NodeAffinitySchedulingStrategy=lambda node, soft: node
            )
        )
        self.alive = {"one": {"CPU": 3.0}, "two": {"CPU": 2.0, "GPU": 2.0}}
        self.addresses: list[tuple[Any, ...]] = []
        self.settings: list[dict[str, Any]] = []
        self.killed: list[Any] = []
        self.asked_on: list[str] = []
        self.doomed: list[str] = []
        """Units at which workers die, once each."""

    def is_initialized(self) -> bool:
        return bool(self.addresses)

    def init(self, *address: str, **settings: Any) -> None:
        if address == ("auto",):
            raise ConnectionError("no cluster is running here")
        self.addresses.append(address)

    def nodes(self) -> list[dict[str, Any]]:
        return [
            {"NodeID": name, "NodeManagerHostname": name, "Alive": True, "Resources": some}
            for name, some in self.alive.items()
        ]

    def available_resources(self) -> dict[str, float]:
        return {"CPU": 0.0}

    def remote(self, *thing: Any, **options: Any) -> Any:
        if not thing:
            return lambda own: self.remote(own)
        (own,) = thing

        def chosen(**options: Any) -> Any:
            self.settings.append(options)
            if "scheduling_strategy" in options and not isinstance(own, type):
                self.asked_on.append(options["scheduling_strategy"])
            return SimpleNamespace(remote=lambda *args: self._made(own, args))

        return SimpleNamespace(options=chosen)

    def _made(self, own: Any, args: tuple[Any, ...]) -> Any:
        if not isinstance(own, type):
            return Later(lambda: own(*args))
        actor = own(*args)

        def method(name: str) -> Any:
            def later(*args: Any) -> Later:
                def call() -> Any:
                    if args and args[0].what in self.doomed:
                        self.doomed.remove(args[0].what)
                        raise RayError("The actor died: its node was terminated.\nSee more.")
                    return getattr(actor, name)(*args)

                return Later(call)

            return SimpleNamespace(remote=later)

        return SimpleNamespace(**{name: method(name) for name in ("node", "perform", "told")})

    def wait(
        self, some: list[Later], num_returns: int, timeout: float
    ) -> tuple[list[Later], list[Later]]:
        return some, []

    def get(self, later: Later, timeout: float | None = None) -> Any:
        return later.get()

    def kill(self, actor: Any) -> None:
        self.killed.append(actor)


@dataclass(frozen=True)
class Toy(Unit):
    what: str

    @property
    def name(self) -> str:
        return f"the toy {self.what}"

    def perform(self, kept: Kept, clock: Clock, progress: Progress) -> None:
        if self.what == "refused":
            raise InputError("not this")
        progress(self.what, 1, 2)
        progress(self.what, 2, 2)
        clock.seconds["load"] = 2.0


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRay]:
    fake = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", fake)  # type: ignore[arg-type]
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    here = Path.cwd()
    yield fake
    os.chdir(here)


def performed(names: list[str], out: Path, told: list[Any] | None = None) -> list[Any]:
    units = iter([Toy(None, out, "cpu", name) for name in names])  # type: ignore[arg-type]
    setup = Setup(workers=2, threads=1, cluster="")

    def tell(unit: Any) -> Progress:
        return (lambda *said: told.append(said)) if told is not None else silent

    with executor(setup, out) as crew:
        found = crew.perform(lambda: next(units, None), tell)
        return sorted((unit.what, dict(seconds)) for unit, seconds in found)  # type: ignore[attr-defined]


def test_units_are_done_by_a_cluster_and_told_of_here(ray: FakeRay, tmp_path: Path) -> None:
    told: list[Any] = []
    done = performed(["a", "b", "c"], tmp_path, told)
    assert done == [(name, {"load": 2.0}) for name in "abc"]
    assert {said[0] for said in told} <= {"a", "b", "c"} and len(ray.killed) == 2
    (options,) = {str(each["runtime_env"]["env_vars"]["OMP_NUM_THREADS"]) for each in ray.settings}
    assert options == "1"
    assert all(each["num_cpus"] == 1 and each["num_gpus"] == 0 for each in ray.settings)


def test_each_worker_of_a_cluster_asks_for_a_gpu_of_its_own(ray: FakeRay, tmp_path: Path) -> None:
    setup = Setup("cuda", workers=2, threads=1, cluster="")
    with executor(setup, tmp_path):
        assert [each["num_gpus"] for each in ray.settings] == [1, 1]
    assert setup.here == "cpu"


def test_what_a_lost_node_was_at_is_done_elsewhere(ray: FakeRay, tmp_path: Path) -> None:
    ray.doomed = ["b"]
    assert [name for name, _ in performed(["a", "b", "c"], tmp_path)] == ["a", "b", "c"]
    assert not ray.doomed and len(ray.killed) == 3
    ray.doomed = ["b"] * 3
    with pytest.raises(WorkerDiedError, match=r"worker \d+ on .* died \(The actor died: .* See "):
        performed(["a", "b", "c"], tmp_path)
    with pytest.raises(InputError, match="not this"):
        performed(["a", "refused"], tmp_path)


def test_a_cluster_is_found_by_its_address_or_started(
    ray: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection.connected("")
    connection.connected("")
    assert ray.addresses == [("local",)]
    ray.addresses.clear()
    with socket.create_server(("127.0.0.1", 0)) as server:
        where = f"127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("RAY_ADDRESS", f"ray://{where}")
        connection.connected("")
        assert ray.addresses == [(f"ray://{where}",)]
        ray.addresses.clear()
        connection.connected(where)
        assert ray.addresses == [(where,)]
        ray.addresses.clear()
    with pytest.raises(InputError, match=rf"^the Ray cluster at {where} does not answer \(Conn"):
        connection.connected(where)
    monkeypatch.setattr(ray, "init", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        connection.connected("auto")


@pytest.mark.parametrize("usual", [False, True])
def test_what_answers_and_is_no_cluster_is_given_up(
    ray: FakeRay, usual: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Ray itself tries for many minutes; here it does until the test ends."""
    ended = threading.Event()
    monkeypatch.setattr(ray, "init", lambda *_, **__: ended.wait())
    monkeypatch.setattr(connection, "JOIN", 0.05)
    monkeypatch.setattr(connection, "CURRENT", tmp_path / "current")
    with socket.create_server(("127.0.0.1", 0)) as server:
        where = f"127.0.0.1:{server.getsockname()[1]}"
        connection.CURRENT.write_text(where)
        called = f"the address in {connection.CURRENT}" if usual else where
        with pytest.raises(InputError) as refused:
            connection.connected("" if usual else where)
    ended.set()
    assert str(refused.value).startswith(f"what answers at {called} is no Ray cluster: ")
    if usual:
        # As it says: nothing is remembered then, and one of this machine is started.
        assert f"; delete {connection.CURRENT} and run the same command" in str(refused.value)
        connection.CURRENT.unlink()
        monkeypatch.setattr(ray, "init", lambda *to, **_: FakeRay.init(ray, *to))
        connection.connected("")
        assert ray.addresses == [("local",)]


def test_without_ray_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"pip install 'erasure-bench\[ray\]'"):
        connection.connected("")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--executor", "ry"], "unknown executor: 'ry'; nearest: ray; choices: local, ray"),
        (["--address", "auto"], "--address names a Ray cluster; it needs --executor ray"),
        (
            ["--executor", "ray", "--address", "here"],
            "got --address 'here', must be auto, HOST:PORT or ray://HOST:PORT",
        ),
        (["--executor", "ray", "--address", "127.0.0.1:1"], "127.0.0.1:1 does not answer"),
    ],
)
def test_a_cluster_that_is_none_is_refused_before_any_work(
    words: list[str], message: str, ray: FakeRay, tmp_path: Path, capsys: Any
) -> None:
    line = ["run", "--method", "uce", "--size", "smoke", "--device", "cpu", *words]
    assert cli.main([*line, "--out", str(tmp_path / "runs")]) == 2
    said = capsys.readouterr().err
    assert message in said and len(said.splitlines()) == 1
    assert not (tmp_path / "runs").exists()


def test_an_address_is_one_of_three_kinds() -> None:
    assert asked("local", None) is None
    assert asked("ray", None) == ""
    for address in ("auto", "head:6379", "ray://10.0.0.1:10001", "[::1]:6379"):
        assert asked("ray", address) == address


def test_work_is_shared_by_what_a_cluster_has(ray: FakeRay) -> None:
    due = {"batches of images": 20}
    of = {"runs": (), "due": due, "cluster": ""}
    assert str(capacity.capacity(**of, device="cpu")) == (  # type: ignore[arg-type]
        "5 workers of 1 thread (Ray: 2 nodes, 5 cores; to do: batches of images 20)"
    )
    assert capacity.capacity(**of, device="cpu", threads=2).workers == 2  # type: ignore[arg-type]
    assert capacity.capacity(**of, device="cuda").workers == 2  # type: ignore[arg-type]
    assert capacity.capacity(**of, device="cuda", workers=1).workers == 1  # type: ignore[arg-type]
    with pytest.raises(InputError, match="got --device cuda:1 with --executor ray, must be cpu or"):
        capacity.capacity(**of, device="cuda:1")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="has 4 cores, as --threads asks for"):
        capacity.capacity(**of, device="cpu", threads=4)  # type: ignore[arg-type]
    ray.alive = {"one": {"CPU": 3.0}}
    with pytest.raises(InputError, match="no node of the Ray cluster has a GPU"):
        capacity.capacity(**of, device="cuda")  # type: ignore[arg-type]


def test_nodes_that_see_other_files_or_code_are_refused(
    ray: FakeRay, write_suite: WriteSuite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = write_suite(tmp_path / "suite")
    specs = plan.specs(["original"], model="mini", suite=str(suite), size="tiny", steps=1)
    out, setup = tmp_path / "runs", Setup(cluster="")
    check(setup, out, specs)
    assert ray.asked_on == ["one", "two"] and not list(out.iterdir())
    # A setup without a cluster asks nobody.
    check(Setup(workers=4), out, specs)
    assert len(ray.asked_on) == 2
    differs, elsewhere = nodes.differs, tmp_path / "elsewhere"

    def seen(**changed: Any) -> str:
        monkeypatch.setattr(nodes, "differs", lambda ours: differs(replace(ours, **changed)))
        with pytest.raises(InputError) as error:
            check(setup, out, specs)
        assert not list(out.iterdir())
        return str(error.value)

    monkeypatch.setattr(nodes.platform, "node", lambda: "node7")
    assert seen(probe=str(elsewhere / "probe")) == (
        f"node node7 does not see the folder {elsewhere} as this process does; --out must be on a "
        "file system that all share"
    )
    assert f"node7 does not see {elsewhere};" in seen(places=(str(elsewhere),))
    assert "node node7 has other code or packages" in seen(code="9.9-abc")


def test_a_worker_goes_to_the_folder_that_paths_start_from(tmp_path: Path) -> None:
    here = Path.cwd()
    try:
        remote = cluster.Remote(str(tmp_path), "cpu", 1, PLAIN)
        assert Path.cwd() == tmp_path
        toy = Toy(None, tmp_path, "cuda", "a")  # type: ignore[arg-type]
        assert remote.perform(toy) == ("done", {"load": 2.0})
        assert remote.told() == [("a", 2, 2)] and remote.told() == []
    finally:
        os.chdir(here)


@pytest.mark.slow
def test_a_cluster_of_this_machine_leaves_the_same_files(
    write_suite: WriteSuite, tmp_path: Path
) -> None:
    """Erasures, images and every measurement, by Ray itself, which is asked for as users do."""
    pytest.importorskip("ray")
    suite = write_suite(tmp_path / "suite")
    line = ["run", "--method", "uce", "--suite", str(suite), "--size", "tiny", "--steps", "2"]
    line += ["--device", "cpu", "--batch-size", "1", "--threads", "1", "--quiet"]
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    for out, more in ((alone, ["--workers", "1"]), (shared, ["--workers", "2", *RAY])):
        words = [sys.executable, "-m", "bench", *line, *more, "--out", str(out)]
        done = subprocess.run(words, env=os.environ, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
    names = [path.relative_to(alone) for path in alone.rglob("*") if path.name in COMPARED]
    names += [path.relative_to(alone) for path in alone.glob("*/images/*/*.png")]
    assert len(names) == 8 + 2
    for name in names:
        assert (shared / name).read_bytes() == (alone / name).read_bytes(), name
    records = [json.loads(path.read_text()) for path in shared.glob("*/record.json")]
    assert {each["provenance"]["executor"] for each in records} == {"ray"}
