"""
The gate without Airflow: scored files (CSV or Parquet) and a policy; the exit status tells.

0 PROMOTE, 10 REJECT, 11 INCONCLUSIVE, 12 INVALID; anything else is no verdict: 1 is what Python
leaves when it fails, 2 what a wrong command does.

  python -m airflow_aml_retrain.gate champion.csv challenger.csv --policy policy.yaml
  python -m airflow_aml_retrain.gate --policy policy.yaml --explain
  python -m airflow_aml_retrain.gate --policy policy.yaml --plan --disagreement 0.05
"""

import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from airflow_aml_retrain.errors import GateError
from airflow_aml_retrain.gate.decision import Decision, Spend, evaluate, invalid
from airflow_aml_retrain.gate.explain import explain
from airflow_aml_retrain.gate.facts import Facts
from airflow_aml_retrain.gate.holdout.ledger import Ledger, Use
from airflow_aml_retrain.gate.plan import Plan, plan
from airflow_aml_retrain.gate.policy import Policy
from airflow_aml_retrain.gate.records.body import body
from airflow_aml_retrain.gate.records.record import DecisionRecord
from airflow_aml_retrain.gate.report.page import render
from airflow_aml_retrain.gate.rows import ANCHOR, CHALLENGER, CHAMPION, Rows
from airflow_aml_retrain.gate.text import lines
from airflow_aml_retrain.gate.verdict import Verdict

EXIT_STATUS: Final = {
    Verdict.PROMOTE: 0,
    Verdict.REJECT: 10,
    Verdict.INCONCLUSIVE: 11,
    Verdict.INVALID: 12,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge, print headline and tables (or the record with --json), return the exit status."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.explain or given.plan:
        return _told(given)
    if given.challenger is None:
        parser.error("name the scored files of champion and challenger")
    now = datetime.now(UTC)  # noqa: TID251 - this is the outermost file
    decision = _decision(given, now)
    record = DecisionRecord(body(decision, {}), {"decided_at": now.isoformat()})
    if given.report:
        given.report.write_text(render(record.body, record.envelope), encoding="utf-8")
    if given.json:
        sys.stdout.write(record.to_json().decode())
    else:
        sys.stdout.writelines(f"{line}\n" for line in lines(record.body))
    return EXIT_STATUS[decision.verdict]


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m airflow_aml_retrain.gate",
        description=__doc__,
        formatter_class=RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("champion", type=Path, nargs="?", help="scored rows of the model in service; - for none")
    add("challenger", type=Path, nargs="?", help="scored rows of the retrained model")
    add("--anchor", type=Path, help="scored rows of the last model that a person approved")
    add("--policy", type=Path, required=True, help="the rules, as YAML or JSON")
    add("--ledger", type=Path, help="file that counts the uses of each hold-out")
    add("--report", type=Path, help="where to write the report, one HTML file")
    add("--json", action="store_true", help="print the decision record instead")
    add("--explain", action="store_true", help="say in plain English what the policy asks for")
    add("--plan", action="store_true", help="say how many rows the policy needs, before labels")
    known = parser.add_argument_group("what is known for --plan")
    add = known.add_argument
    add("--disagreement", type=float, help="share of rows that the two models answer differently")
    add("--base-rate", type=float, help="share of rows that are positive")
    add("--rows", type=int, help="how many rows there are or will be")
    add(
        "--expect", action="append", default=[], metavar="METRIC=VALUE", help="as the last champion"
    )
    return parser


def _told(given: Namespace) -> int:
    try:
        policy = _policy(given.policy)
        if given.explain:
            sys.stdout.write(explain(policy) + "\n")
        if given.plan:
            sys.stdout.write(f"{_planned(policy, given)}\n")
    except GateError as exc:
        sys.stderr.write(f"{exc}\n")
        return EXIT_STATUS[Verdict.INVALID]
    return 0


def _planned(policy: Policy, given: Namespace) -> Plan:
    return plan(
        policy,
        disagreement=given.disagreement,
        rows=given.rows,
        base_rate=given.base_rate,
        expected=dict(map(_expected, given.expect)),
    )


def _expected(said: str) -> tuple[str, float]:
    metric, _, value = said.partition("=")
    try:
        return metric, float(value)
    except ValueError as exc:
        msg = f"--expect {said}: expected a metric and its value, such as auc=0.85"
        raise GateError(msg) from exc


def _policy(file: Path) -> Policy:
    try:
        return Policy.load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, GateError) as exc:
        msg = f"the policy {file} cannot be used: {exc}"
        raise GateError(msg) from exc


def _decision(given: Namespace, now: datetime) -> Decision:
    try:
        policy = _policy(given.policy)
    except GateError as exc:
        return invalid(None, str(exc))
    files = {CHAMPION: given.champion, CHALLENGER: given.challenger, ANCHOR: given.anchor}
    named = {model: file for model, file in files.items() if file and str(file) != "-"}
    try:
        with ExitStack() as stack:
            sources = {model: stack.enter_context(file.open("rb")) for model, file in named.items()}
            spend = _spend(given.ledger, policy, now) if given.ledger else None
            return evaluate(sources, policy, spend=spend, facts=Facts(now=now))
    except OSError as exc:
        return invalid(policy, f"a file cannot be used: {exc}")


def _spend(file: Path, policy: Policy, now: datetime) -> Spend:
    """Spend from the ledger in *file*; every call of the command is a decision of its own."""

    def spend(rows: Rows) -> Use:
        with _locked(file):
            ledger = Ledger.from_json(file.read_bytes()) if file.exists() else Ledger()
            at, alpha = now.isoformat(), policy.decision.alpha
            use, after = ledger.use(rows.holdout, policy.holdout, alpha, at, at=at)
            # Whoever is stopped while writing leaves the ledger as it was.
            whole = _beside(file, "new")
            whole.write_bytes(after.to_json())
            whole.replace(file)
        return use

    return spend


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Alone with *file*, among all that ask so: what two wrote at once would be one use."""
    lock = _beside(file, "lock")
    try:
        lock.open("x").close()
    except FileExistsError as exc:
        msg = (
            f"the ledger {file} is in use by another decision; run it again, or remove {lock} if "
            "the one that left it was stopped"
        )
        raise GateError(msg) from exc
    try:
        yield
    finally:
        lock.unlink()


def _beside(file: Path, ending: str) -> Path:
    return file.with_name(f"{file.name}.{ending}")


if __name__ == "__main__":
    sys.exit(main())
