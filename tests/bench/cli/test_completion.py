"""Completion as a shell does it."""

from __future__ import annotations

import contextlib
import io
import shutil
import subprocess
from pathlib import Path

import pytest

from bench import cli
from bench.cli import commands


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("completion") / "bash"
    with contextlib.redirect_stdout(io.StringIO()) as text, pytest.raises(SystemExit) as end:
        cli.main(["--print-completion", "bash"])
    assert not end.value.code
    path.write_text(text.getvalue())
    return path


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["r"], {"report", "run"}),
        (["run", "--meth"], {"--method"}),
        (["run", "--method", "real"], {"realera"}),
        (["run", "--size", "sm"], {"smoke"}),
        (["compare", "--base"], {"--baseline"}),
        (["run", "--suite", "objects-"], {"objects-mace"}),
        (["run", "--metr"], {"--metric"}),
        (["score", "--metric", "ju"], {"judge"}),
        (["attack", "--attack", "ring"], {"ring_a_bell"}),
        (["list", "met"], {"methods", "metrics"}),
        (["list", "methods", "--js"], {"--json"}),
        (["list", "methods", "--kind", "inf"], {"inference"}),
        (["list", "attacks", "--kind", "ada"], {"adapter", "adaptive"}),
        (["new-method", "mine", "--kind", "ada"], {"adapter"}),
        (["show", "suite", "peo"], {"people"}),
        (["check-method", "uc"], {"uce"}),
        (["compare", "--format", "mark"], {"markdown"}),
    ],
)
def test_bash_completes(words: list[str], expected: set[str], script: Path) -> None:
    line = " ".join(f"'{word}'" for word in ("erasure-bench", *words))
    call = (
        f"source {script}\n"
        "name=$(complete -p erasure-bench | sed 's/.*-F \\([^ ]*\\) .*/\\1/')\n"
        f"COMP_WORDS=({line})\nCOMP_CWORD={len(words)}\n$name erasure-bench\n"
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", call], capture_output=True, text=True, check=True)
    assert {word.strip() for word in done.stdout.split()} == expected


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shell_reads_the_script(
    shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["--print-completion", shell])
    assert not end.value.code
    text = capsys.readouterr().out
    assert "erasure-bench" in text and "realera" in text
    assert all(name in text for name in commands.found())
    if shutil.which(shell):
        (tmp_path / "script").write_text(text)
        done = subprocess.run([shell, "-n", tmp_path / "script"], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


def test_a_shell_that_is_not_known_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--print-completion", "fish"]) == 2
    assert "unknown shell: 'fish'; choices: bash, zsh, tcsh" in capsys.readouterr().err
