"""The gate on the command line: the exit status tells the verdict, and only the verdict."""

import json
from pathlib import Path

import pytest

from airflow_aml_retrain.gate.__main__ import main

HEADER = "y,Scored Probabilities\n"
WORSE = HEADER + "0,.1\n1,.4\n0,.5\n1,.9\n"
BETTER = HEADER + "0,.1\n1,.6\n0,.5\n1,.9\n"


def run(folder: Path, champion: str, challenger: str, *more: str, policy: object = None) -> int:
    rules = policy or {
        "label": "y",
        "min_rows": 4,
        "checks": [{"metric": "auc", "vs": "champion"}],
    }
    (folder / "a.csv").write_text(champion)
    (folder / "b.csv").write_text(challenger)
    (folder / "p.json").write_text(json.dumps(rules))
    names = [str(folder / name) for name in ("a.csv", "b.csv", "p.json")]
    return main([names[0], names[1], "--policy", names[2], *more])


def test_the_exit_status_tells_the_verdict(tmp_path: Path) -> None:
    checks = [{"metric": "auc", "at_least": 0.5}]

    assert run(tmp_path, WORSE, BETTER) == 0
    assert run(tmp_path, BETTER, WORSE) == 1
    assert run(tmp_path, WORSE, BETTER, policy={"label": "y", "checks": checks}) == 2
    assert run(tmp_path, WORSE, HEADER) == 3


def test_headline_and_table_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, WORSE, BETTER)

    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("PROMOTE: 1 check passed on 4 rows.")
    assert "auc                           0.75             1          0.25" in printed
    assert printed[-1].startswith("passed  auc vs champion, margin 0: The challenger's AUC is 1,")


def test_the_record_can_be_had_instead(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, WORSE, BETTER, "--json")

    assert json.loads(capsys.readouterr().out)["body"]["verdict"] == "PROMOTE"


def test_a_policy_or_a_file_that_cannot_be_used_is_invalid(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, WORSE, BETTER, policy={"label": "y"}) == 3
    assert "the gate has no rules" in capsys.readouterr().out

    (tmp_path / "p.json").write_text('{"label": "y", "checks": [{"metric": "auc", "at_least": 0}]}')
    missing = str(tmp_path / "missing.csv")
    assert main([missing, missing, "--policy", str(tmp_path / "p.json")]) == 3
    assert "a file cannot be read" in capsys.readouterr().out


def test_a_wrong_command_is_no_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["champion.csv"])

    assert ended.value.code == 64
    assert "required" in capsys.readouterr().err
