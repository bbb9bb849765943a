from typing import Any

import pytest

from loadtest.applicants import Applicant, draw
from loadtest.personas import DECK_SIZE, End
from loadtest.record import Record, Stage, Tally, UnexpectedError
from loadtest.report import ExitCode, Report, Spread, judge, otherwise_rows, persona_rows, spread

APPLICANTS = tuple(draw(7, DECK_SIZE))


def status(end: End) -> dict[str, Any]:
    """What the front door says of an end."""
    checks = {}
    for kind in ("nik", "email", "phone", "student"):
        word = getattr(end, kind)
        known = word in {"pending", "sent", "verified", "delayed"}
        checks[kind] = {"state": word if known else "rejected", "reason": None if known else word}
    return {"state": end.overall.value, "checks": checks}


def ended(applicant: Applicant, end: End, tally: Tally | None = None) -> Record:
    """An applicant who came to this end."""
    record = Record(applicant, tally or Tally(), due_at=0.0)
    record.register({"handle": f"handle-{applicant.index}", "status_url": "http://door/"}, at=0.1)
    record.see(status(end))
    record.end(at=1.0)
    return record


def of(name: str) -> list[Applicant]:
    """The applicants of a persona."""
    return [applicant for applicant in APPLICANTS if applicant.persona.name == name]


def report(*records: Record, not_valid: str | None = None) -> Report:
    """A report on these records."""
    found = judge(records)
    return Report(
        seed=7,
        count=len(records),
        offered_per_second=None,
        seconds=1.0,
        not_valid=not_valid,
        personas=persona_rows(records, found),
        otherwise=otherwise_rows(found),
        late_seconds=None,
        receipt_seconds=None,
        retries=0,
        answers={},
    )


def test_where_nobody_is_asked_nobody_studies() -> None:
    """A system without the student check has no such check in its status, and its students end as everybody."""
    (student,) = [applicant for applicant in draw(7, DECK_SIZE) if applicant.persona.name == "student"]
    record = ended(student, End(student="is_student"))
    assert judge([record]) == {}
    unasked = status(End())
    del unasked["checks"]["student"]
    record.see(unasked)
    assert judge([record]) == {}
    record.see(status(End()))
    assert list(judge([record])) == [record]


def test_everybody_as_deserved() -> None:
    """Exit code 0, and nobody is named."""
    twin_ends = iter([End(), End(nik="nik_already_registered")])
    records = [
        ended(applicant, next(twin_ends) if applicant.persona.shares_a_nik else applicant.persona.deserves[0])
        for applicant in APPLICANTS
    ]
    done = report(*records)
    assert done.exit_code is ExitCode.AS_DESERVED
    assert sum(row.as_deserved for row in done.personas) == DECK_SIZE


def test_another_end_is_named_by_handle() -> None:
    """Exit code 1, with what was deserved and what was seen."""
    honest = of("honest")[0]
    done = report(ended(honest, End(nik="not_found")), ended(of("inactive")[0], End(nik="inactive")))
    assert done.exit_code is ExitCode.OTHERWISE
    (row,) = done.otherwise
    assert (row.handle, row.deserves, row.seen) == (f"handle-{honest.index}", "complete", "rejected: nik not_found")


def test_the_right_end_by_a_wrong_way_is_not_as_deserved() -> None:
    """What the contract does not say counts, whatever came of it."""
    record = ended(of("honest")[0], End())
    record.flaws.append("POST registration: 500")
    assert judge([record]) == {record: "complete; POST registration: 500"}


def test_whoever_has_no_receipt_is_named_by_number() -> None:
    """Nobody is left out because they got nowhere."""
    honest = of("honest")[0]
    done = report(Record(honest, Tally(), due_at=0.0))
    assert done.otherwise[0].handle == f"applicant {honest.index}, no receipt"
    assert done.otherwise[0].seen == "no status; not over yet"


@pytest.mark.parametrize("end", [End(), End(nik="nik_already_registered")])
def test_of_two_with_one_nik_exactly_one_is_complete(end: End) -> None:
    """Both or neither is wrong, although each end by itself is one of the two deserved."""
    records = [ended(twin, end) for twin in of("twins of one nik")]
    assert set(judge(records)) == set(records)


def test_a_twin_alone_is_judged_alone() -> None:
    """A draw may end between the two."""
    assert judge([ended(of("twins of one nik")[0], End())]) == {}


def test_a_run_that_is_not_valid_says_so_before_all_else() -> None:
    """Exit code 2, whoever ended how."""
    assert report(not_valid="interrupted").exit_code is ExitCode.NOT_VALID


def test_stages_and_rejections_are_counted_once() -> None:
    """However often a status is read."""
    tally = Tally()
    record = ended(of("honest")[0], End(nik="pending", email="sent"), tally)
    for _ in range(2):
        record.see(status(End(nik="pending")))
    assert (tally.stages[Stage.EMAIL], tally.stages[Stage.NIK], tally.stages[Stage.COMPLETE]) == (1, 0, 0)
    for _ in range(2):
        record.see(status(End()))
    assert (tally.stages[Stage.NIK], tally.stages[Stage.COMPLETE], tally.rejected) == (1, 1, 0)
    record.see(status(End(nik="inactive")))
    assert tally.rejected == 1


@pytest.mark.parametrize(
    "wrong",
    [
        status(End()) | {"state": "open"},
        {"state": "open"},
        status(End()) | {"checks": {"nik": {}}},
        status(End()) | {"checks": status(End())["checks"] | {"nik": {"state": "rejected", "reason": None}}},
    ],
    ids=["contradicts itself", "no checks", "no state", "no reason"],
)
def test_a_status_against_the_contract_is_told(wrong: dict[str, Any]) -> None:
    """The trial does not guess."""
    with pytest.raises(UnexpectedError):
        Record(of("honest")[0], Tally(), due_at=0.0).see(wrong)


def test_a_spread_is_of_what_was_measured() -> None:
    """Its values are among the values, and nothing has no spread."""
    assert spread([]) is None
    assert spread([3.0, 1.0, 2.0]) == Spread(median=2.0, p99=3.0, longest=3.0)
