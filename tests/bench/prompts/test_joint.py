"""Several cases of a suite as one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench import prompts
from bench.prompts import joint
from bench.runs import plan
from bench.runs.resolved import Resolved, cases_of
from bench.types import Case, InputError, Prompt

from ..conftest import WriteSuite


def resolved(*concepts: str, suite: str = "objects") -> Resolved:
    runs = plan.specs(
        ["uce"], model="mini", suite=suite, size="smoke", concepts=concepts, together=True
    )
    return Resolved(runs[1])


def test_one_erasure_removes_what_all_of_them_do() -> None:
    found = resolved("ship", "airplane")
    assert found.spec.cases == ("airplane+ship",)
    assert found.cases == [Case("airplane+ship", ("airplane", "ship"))]
    assert [each.name for each in found.erased(found.cases[0])] == ["airplane", "ship"]


def test_what_is_erased_is_never_near_or_far() -> None:
    """An automobile is near a truck alone, but not where trucks are erased too."""

    def roles(rows: tuple[Prompt, ...]) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for row in rows:
            found.setdefault(row.role, set()).add(row.concept)
        return found

    both = resolved("automobile", "truck")
    found = roles(both.prompts["automobile+truck"])
    assert found["target"] == {"automobile", "truck"}
    assert not {"automobile", "truck"} & (found["far"] | found.get("near", set()))
    (alone,) = plan.specs(
        ["original"], model="mini", suite="objects", size="smoke", concepts=["automobile"]
    )
    near = roles(Resolved(alone).prompts["automobile"])
    assert "truck" in near["near"] | near["far"]


def test_all_means_all() -> None:
    suite = prompts.suite("objects")
    (name,) = cases_of(suite, "smoke", ["all"], together=True)
    assert joint.choices(suite, [name])[name].concepts == suite.erased


def test_another_order_is_the_same_case() -> None:
    suite = prompts.suite("objects")
    one, other = (
        cases_of(suite, "smoke", some, together=True)
        for some in (["ship", "airplane"], ["airplane", "ship"])
    )
    assert one == other
    # As a run's folder and tables call it.
    assert cases_of(suite, "smoke", one) == one


@pytest.mark.parametrize(
    ("concepts", "message"),
    [
        (["airplane"], "--together needs two concepts or more, got airplane"),
        ([], "--together needs two concepts or more, got airplane"),
        (["airplane", "airplane"], "needs two concepts or more"),
        (["airplane", "shp"], "unknown concept: 'shp'; nearest: ship"),
    ],
)
def test_what_cannot_be_joined_is_refused(concepts: list[str], message: str) -> None:
    with pytest.raises(InputError) as refused:
        cases_of(prompts.suite("objects"), "smoke", concepts, together=True)
    assert message in str(refused.value)


@pytest.mark.parametrize("name", ["airplane+shp", "airplane+", "+", "airplane+airplan"])
def test_names_that_are_joined_of_nothing_known_are_unknown(name: str) -> None:
    with pytest.raises(InputError, match="unknown concept"):
        cases_of(prompts.suite("objects"), "smoke", [name])


def test_names_that_are_too_long_together_are_refused() -> None:
    cases = [Case("x" * 100 + str(i), (str(i),)) for i in range(3)]
    with pytest.raises(InputError, match="write a case of them"):
        joint.joint(cases)


def test_concepts_of_several_kinds_are_refused(tmp_path: Path, write_suite: WriteSuite) -> None:
    rows = (
        "a-0,airplane,target,a photo of an airplane,1",
        "v-0,van gogh,target,a van gogh,1",
    )
    concepts = prompts.concepts()
    style = next(name for name, each in concepts.items() if each.kind == "style")
    rows = (rows[0], f"v-0,{style},target,a picture in {style} style,1")
    folder = write_suite(tmp_path / "mixed", rows=rows, concepts=("airplane",))
    table = (folder / "suite.toml").read_text()
    table = table.replace("[cases]\n", f'[cases]\nstyle = ["{style}"]\n')
    (folder / "suite.toml").write_text(table)
    with pytest.raises(InputError, match="are of kinds object, style; must be of one"):
        cases_of(prompts.suite(str(folder)), "tiny", ["all"], together=True)


def test_a_suites_own_joint_case_is_the_one_that_is_meant(
    tmp_path: Path, write_suite: WriteSuite
) -> None:
    folder = write_suite(tmp_path / "both", concepts=("airplane", "ship"))
    path = folder / "suite.toml"
    table = re.sub(
        r"\[cases\].*?\n\n",
        '[cases]\nboth = ["airplane", "ship"]\n\n',
        path.read_text(),
        flags=re.S,
    )
    path.write_text(re.sub("cases = .*", 'cases = ["both"]', table))
    suite = prompts.suite(str(folder))
    for concepts in ([], ["both"], ["all"], ["ship", "airplane"]):
        assert cases_of(suite, "tiny", concepts, together=True) == ("both",)
    with pytest.raises(InputError, match="is not in suite both"):
        cases_of(suite, "tiny", ["ship"], together=True)


def test_a_case_is_found_by_its_only_concept(tmp_path: Path, write_suite: WriteSuite) -> None:
    folder = write_suite(tmp_path / "named")
    table = (folder / "suite.toml").read_text().replace('ship = ["ship"]', 'boats = ["ship"]')
    (folder / "suite.toml").write_text(table)
    assert cases_of(prompts.suite(str(folder)), "tiny", ["ship"]) == ("boats",)
