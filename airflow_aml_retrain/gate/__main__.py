"""
The gate without Airflow: two scored CSVs and a policy; the exit status tells the verdict.

0 PROMOTE, 1 REJECT, 2 INCONCLUSIVE, 3 INVALID; 64 when the command itself was wrong.
"""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NoReturn

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.decision import Decision, evaluate, invalid
from airflow_aml_retrain.gate.policy import Policy
from airflow_aml_retrain.gate.record import DecisionRecord
from airflow_aml_retrain.gate.verdict import Verdict

EXIT_STATUS: Final = {
    Verdict.PROMOTE: 0,
    Verdict.REJECT: 1,
    Verdict.INCONCLUSIVE: 2,
    Verdict.INVALID: 3,
}


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # argparse would exit with 2, which is a verdict here; 64 is EX_USAGE of sysexits.h.
        self.print_usage(sys.stderr)
        self.exit(64, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge, print headline and table (or the record with --json), return the exit status."""
    given = _parser().parse_args(arguments)
    decision = _decision(given.champion, given.challenger, given.policy)
    if given.json:
        sys.stdout.write(DecisionRecord.of(decision).to_json().decode())
    else:
        sys.stdout.writelines(f"{line}\n" for line in lines(decision))
    return EXIT_STATUS[decision.verdict]


def lines(decision: Decision) -> Iterator[str]:
    """A decision as text: its headline, its metrics, its checks."""
    yield decision.headline
    if decision.estimates:
        yield ""
        yield f"{'metric':<20}{'champion':>14}{'challenger':>14}{'difference':>14}"
    for estimate in decision.estimates:
        numbers = (estimate.champion, estimate.challenger, estimate.difference)
        cells = "".join(f"{'-' if n is None else format(n, '.6g'):>14}" for n in numbers)
        yield f"{estimate.metric:<20}{cells}"
    if decision.checks:
        yield ""
    for result in decision.checks:
        yield f"{result.outcome.value:<8}{result.check.name}: {result.reason}"


def _parser() -> ArgumentParser:
    parser = _Parser(prog="python -m airflow_aml_retrain.gate", description=__doc__)
    parser.add_argument("champion", type=Path, help="scored CSV of the model in service")
    parser.add_argument("challenger", type=Path, help="scored CSV of the retrained model")
    parser.add_argument("--policy", type=Path, required=True, help="policy as JSON")
    parser.add_argument("--json", action="store_true", help="print the decision record instead")
    return parser


def _decision(champion: Path, challenger: Path, policy_file: Path) -> Decision:
    try:
        policy = Policy.parse(json.loads(policy_file.read_bytes()))
    except (OSError, ValueError, GateError) as exc:
        return invalid(None, f"the policy {policy_file} cannot be used: {exc}")
    try:
        with champion.open("rb") as theirs, challenger.open("rb") as ours:
            return evaluate(theirs, ours, policy)
    except OSError as exc:
        return invalid(policy, f"a file cannot be read: {exc}")


if __name__ == "__main__":
    sys.exit(main())
