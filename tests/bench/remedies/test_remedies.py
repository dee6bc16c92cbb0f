"""Every remedy that a message names is carried out by a test, or it says here why none can."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from bench import data

from . import scan

TESTS = data.ROOT / "tests"

ELSEWHERE = {
    "{}: there is no suite {} here; make it first: `{}`, where FILE is {}": (
        "bench/cli/test_protocols.py::test_imported_prompts_are_drawn"
    ),
    "{} cannot be read: {}; make it a readable file, or move it away, and the same command goes "
    "on": (
        "bench/runs/test_mending.py::"
        "test_a_folder_in_a_files_place_is_refused_by_name_and_not_removed"
    ),
    "{} is a file, must be a folder; move it away, and the same command goes on": (
        "bench/runs/test_mending.py::"
        "test_a_file_in_a_folders_place_is_refused_by_name_and_not_removed"
    ),
    "the images of {} have changed since they were checked; run the same command again, and what "
    "is drawn stays": "bench/runs/test_reference.py::test_a_changed_folder_is_noticed",
    "delete {} and run the same command": (
        "bench/runs/executors/test_cluster.py::test_what_answers_and_is_no_cluster_is_given_up"
    ),
    "{} while it made {}{}; the same command resumes, and fewer --workers need less memory": (
        "bench/runs/executors/test_processes.py::test_whoever_does_the_work_leaves_the_same_files"
    ),
    "node {} has other code or packages ({}) than this process ({}); install the same there": (
        "bench/runs/executors/test_cluster.py::test_nodes_that_see_other_files_or_code_are_refused"
    ),
    "node {} does not see the folder {} as this process does; --out must be on a file system that "
    "all share": (
        "bench/runs/executors/test_cluster.py::test_nodes_that_see_other_files_or_code_are_refused"
    ),
    "{} hides the benchmark's package {}; run from another folder, or by the command "
    "erasure-bench": "test_wheel.py::test_a_package_that_hides_ours_is_named",
    "--start: goes on from weights that may know the concept of --without; leave one of the two "
    "out": (
        "bench/cli/commands/test_mini.py::test_a_training_without_a_concept_has_a_folder_of_its_own"
    ),
    "{} holds a training of {}, not of {}; name another --folder, or ask for what it holds": (
        "bench/models/mini/test_absence.py::test_a_folder_goes_on_with_one_training_only"
    ),
    **dict.fromkeys(
        (
            "option {} can be set; use @dataclass(frozen=True)",
            "the global random state changed; use torch.Generator().manual_seed(seed)",
            "the input has another U-Net now; set it on a copy of the pipeline",
            "{}: {}; raise InputError",
        ),
        "bench/runs/contract/test_checks.py::test_a_plain_eraser_passes",
    ),
    **dict.fromkeys(
        (
            "the run was made with the folder {}, which is not at {}; say with --model where it is",
            "{} has other weights now than the run was made with, so its erasure would be of "
            "another model; --model names the folder of the former",
        ),
        "bench/runs/export/test_layouts.py::test_every_layout_draws_elsewhere_as_here",
    ),
    "{} leaves an adapter that does not fold into the weights ({}); --as {} takes its numbers "
    "out, and the run's folder draws here": (
        "bench/runs/export/test_layouts.py::test_adapters_that_fold_go_out_and_others_are_refused"
    ),
    **dict.fromkeys(
        (
            "--push {}: the repository is there already and holds {}; choose another name (you "
            "are {})",
            "--push {} needs a token of the Hugging Face Hub; `hf auth login` stores one, or set "
            "HF_TOKEN",
            "the Hub does not know the token; `hf auth login` stores another",
        ),
        "bench/runs/export/test_hub.py::test_a_push_goes_on_when_what_it_asks_for_is_done",
    ),
    **dict.fromkeys(
        (
            "{} does not list this trial's prompts; delete {} and the same command makes it again",
            "{} is damaged; delete it and the same command makes it again",
            "{} cannot be read as an image; delete it to draw it again",
        ),
        "bench/runs/trials/test_mending.py::test_what_cannot_be_read_is_deleted_and_made_again",
    ),
    **dict.fromkeys(
        (
            "delete it and the same command makes it again",
            "put it back, or move it away and the same command begins anew",
            "{} and {} differ in trial {} ({}), so one was changed; delete {} where the log is "
            "right, or both, and the same command goes on",
            "{} holds trials of {} {}, not of {}; trials of two kinds cannot be compared: name "
            "another --out, or ask for what it holds",
        ),
        "bench/runs/tuning/test_damaged.py::test_what_is_done_about_a_log_is_what_is_said",
    ),
    **dict.fromkeys(
        (
            "`{}` with its model and suite measures it again",
            "The detectors were not calibrated for these images; `{}` does it{}.",
        ),
        "bench/results/test_calibrations.py::test_a_damaged_one_is_named_and_measured_again",
    ),
    "no metric tells whether images of {} show {}; name what is to be measured with --metric": (
        "bench/runs/elsewhere/test_scoring.py::test_what_no_metric_tells_is_named_or_refused"
    ),
}
"""Remedies that tests of their own rooms carry out."""

NOBODY = {
    "the network": (
        "cannot load CLIP ViT-B-32 of openai ({}); fetch it once while online with "
        "open_clip.create_model('ViT-B-32', pretrained='openai')",
        "cannot load AlexNet for LPIPS ({}); fetch {} and put it at {}",
        "cannot load InceptionV3 for FID ({}); fetch {} and put it at {}",
        "; fetch it with {}",
        "`{} --model {}` or give a folder",
        "model '{}' is gated: accept its licence at https://huggingface.co/{} and say who you are "
        "with `hf auth login`",
        "{}; {} is whole, and `hf upload {} {}` pushes it",
    ),
    "a GPU, or its memory": (
        "the model draws no numbers (NaN) for {} of {} prompts, '{}' for one; its weights are "
        "damaged, or too large for fp16: try --precision bf16 or fp32",
        "memory does not hold the drawing of a single image ({}); draw smaller ones, with "
        "--precision bf16, or with --offload on a GPU",
    ),
    "a cluster with tokens": ("; if it asks for a token, export RAY_AUTH_MODE=token",),
    "another program": (
        "{} is a DoRA, whose magnitudes are not read; merge it into the weights",
        "{} holds {} ({}), which is not read; merge it into the weights and give these",
    ),
    "half an hour": ("`{}` measures it again",),
    "a change of code": ("latents of a trajectory have no truth; use `renoise`",),
}
"""Remedies that no test here can carry out, by what they need; test_docs types their commands."""

NO_REMEDY = (
    "or {}, as `{}` makes one",
    "{} Each line is an eraser whose one fault is known, run as any eraser is. It reads an image "
    "with mini's judge and paints it anew with the world's renderer, so this tests what the "
    "benchmark makes of what it sees, not how well the judge sees.",
)
"""Texts that read like one."""


def carried_out() -> Iterator[str]:
    """Yield the texts that tests here name: in decorators, and first in the rows of tables."""
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "carries_out":
                yield from map(ast.literal_eval, node.args)
            elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in TABLES:
                assert isinstance(node.value, ast.List)
                for row in node.value.elts:
                    assert isinstance(row, ast.Tuple)
                    yield ast.literal_eval(row.elts[0])


TABLES = ("CASES", "ROWS")
"""Names of tables of remedies."""


def test_every_remedy_is_carried_out() -> None:
    """A new one in the sources has to be named by a test that does what it says."""
    known = {*carried_out(), *ELSEWHERE, *NO_REMEDY}
    known |= {text for some in NOBODY.values() for text in some}
    found = scan.found()
    missing = {text: place for text, place in found.items() if text not in known}
    assert not missing, "\n".join(f"{place}: {text}" for text, place in missing.items())
    assert not known - set(found), "no message says so any more"


def test_tests_elsewhere_are_there() -> None:
    for name in ELSEWHERE.values():
        file, _, function = name.partition("::")
        tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert function in names, name


def test_a_new_remedy_is_found(tmp_path: Path) -> None:
    """The control: the ways in which messages of the house say what to do."""
    lines = (
        'x = f"{a} is odd; delete it"',
        "x = f\"{a} is odd; `{typed('run')} --x` mends it\"",
        'x = f"{a}: say which with --x, or take it out"',
        'x = "the same command goes on"',
    )
    for line in lines:
        (tmp_path / "m.py").write_text(f'"""Delete it; run it."""\n{line}\n')
        assert len(list(scan.said(tmp_path / "m.py"))) == 1, line
    (tmp_path / "m.py").write_text('x = f"{a} is odd, must be even"\n"""; delete it"""\n')
    assert not list(scan.said(tmp_path / "m.py"))
