"""The gate on the command line: the exit status tells the verdict, and only the verdict."""

import json
from pathlib import Path

import pytest
import yaml

from airflow_aml_retrain.gate.__main__ import main
from tests.gate.holdouts import BAD, GOOD, NO_WORSE, model, scored

RULES = {"data": {"label": "income"}, "checks": [NO_WORSE]}
HEADER = "income,Scored Probabilities\n"


def text(scores: list[float]) -> str:
    return scored(scores).read().decode()


def run(folder: Path, champion: str, challenger: str, *more: str, policy: object = None) -> int:
    (folder / "a.csv").write_text(champion)
    (folder / "b.csv").write_text(challenger)
    (folder / "p.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(policy or RULES))))
    names = [str(folder / name) for name in ("a.csv", "b.csv", "p.yaml")]
    return main([names[0], names[1], "--policy", names[2], *more])


def test_the_exit_status_tells_the_verdict(tmp_path: Path) -> None:
    assert run(tmp_path, text(BAD), text(GOOD)) == 0
    assert run(tmp_path, text(GOOD), text(BAD)) == 10
    assert run(tmp_path, text(model(0.5, seed=1)), text(model(0.5, seed=2))) == 11
    assert run(tmp_path, text(BAD), HEADER) == 12


def test_headline_and_tables_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path, text(BAD), text(GOOD))

    printed = capsys.readouterr().out
    assert printed.startswith("PROMOTE: The challenger's log loss is")
    assert "\nauc " in printed
    assert "\n  passed        log_loss vs champion: The challenger's" in printed
    assert "nan" not in printed


def test_record_and_report_can_be_had(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "report.html"

    run(tmp_path, text(BAD), text(GOOD), "--json", "--report", str(page))

    assert json.loads(capsys.readouterr().out)["body"]["verdict"] == "PROMOTE"
    assert "PROMOTE" in page.read_text()


def test_a_ledger_counts_the_uses_of_a_holdout(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = {**RULES, "holdout": {"reuse": {"max_uses": 2}}}
    ledger = ("--ledger", str(tmp_path / "ledger.json"))

    statuses = [run(tmp_path, text(BAD), text(GOOD), *ledger, policy=rules) for _ in range(3)]

    assert statuses == [0, 0, 12]
    assert "hold-out exhausted" in capsys.readouterr().out


def test_a_ledger_is_one_decision_s_at_a_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger, lock = tmp_path / "ledger.json", tmp_path / "ledger.json.lock"
    lock.touch()

    assert run(tmp_path, text(BAD), text(GOOD), "--ledger", str(ledger)) == 12
    assert f"in use by another decision; run it again, or remove {lock}" in capsys.readouterr().out
    assert (lock.exists(), ledger.exists()) == (True, False)

    lock.unlink()
    assert run(tmp_path, text(BAD), text(GOOD), "--ledger", str(ledger)) == 0
    assert (lock.exists(), ledger.exists()) == (False, True)


def test_a_ledger_that_cannot_be_written_stays_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = tmp_path / "ledger.json"
    assert run(tmp_path, text(BAD), text(GOOD), "--ledger", str(ledger)) == 0
    before = ledger.read_bytes()
    # The new one is written here before it takes the old one's place.
    (tmp_path / "ledger.json.new").mkdir()

    assert run(tmp_path, text(BAD), text(GOOD), "--ledger", str(ledger)) == 12
    assert "a file cannot be used" in capsys.readouterr().out
    assert ledger.read_bytes() == before
    assert not (tmp_path / "ledger.json.lock").exists()


def test_a_policy_can_be_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(json.dumps(RULES))

    assert main(["--policy", str(file), "--explain"]) == 0
    assert "log loss" in capsys.readouterr().out

    file.write_text("checks: []")
    assert main(["--policy", str(file), "--explain"]) == 12
    assert "the gate has no rules" in capsys.readouterr().err


def test_what_a_policy_needs_is_told_before_labels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "p.yaml"
    check = {"metric": "accuracy", "vs": "champion", "margin": 0.01}
    file.write_text(json.dumps({"data": {"label": "income"}, "checks": [check]}))
    asked = ["--policy", str(file), "--plan", "--disagreement", "0.05"]

    assert main(asked) == 0
    # 1.645 and 0.842 standard errors, squared, times 0.05 / 0.01 / 0.01.
    assert "At least 3,092 independent rows are needed" in capsys.readouterr().out

    assert main([*asked, "--expect", "auc"]) == 12
    assert "such as auc=0.85" in capsys.readouterr().err


def test_there_may_be_no_champion(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text(text(GOOD))
    (tmp_path / "p.json").write_text(
        json.dumps({**RULES, "checks": [NO_WORSE, {"metric": "auc", "at_least": 0.8}]})
    )

    assert main(["-", str(tmp_path / "b.csv"), "--policy", str(tmp_path / "p.json")]) == 0


def test_a_policy_or_a_file_that_cannot_be_used_is_invalid(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, text(BAD), text(GOOD), policy={"data": {"label": "income"}}) == 12
    assert "the gate has no rules" in capsys.readouterr().out

    missing = str(tmp_path / "missing.csv")
    (tmp_path / "p.json").write_text(json.dumps(RULES))
    assert main([missing, missing, "--policy", str(tmp_path / "p.json")]) == 12
    assert "a file cannot be used" in capsys.readouterr().out


def test_a_wrong_command_is_no_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["champion.csv"])

    assert ended.value.code == 2
    assert "required" in capsys.readouterr().err
