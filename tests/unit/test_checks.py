"""The table of legal moves, and what the checks say together."""

import itertools
from datetime import UTC, datetime

import pytest

from registration.checks import FROM_THE_START, MOVES, OPEN_STATES, Check, Kind, Move, Overall, Reason, State, overall

EVERY_MOVE = [(kind, move) for kind in Kind for move in MOVES[kind]]
CHALLENGES = (Kind.EMAIL, Kind.PHONE)


def check(state: State) -> Check:
    reason = Reason.NAME_MISMATCH if state is State.REJECTED else None
    return Check(state, reason, datetime(2026, 11, 24, tzinfo=UTC))


def test_every_kind_has_its_moves() -> None:
    """The table is whole: a kind without a row could not be worked on."""
    assert set(Kind) == set(MOVES)


@pytest.mark.parametrize(("kind", "move"), EVERY_MOVE)
def test_a_move_leads_from_known_states_to_a_known_one(kind: Kind, move: Move) -> None:
    """Only the words of the contract stand in the table, and every move starts somewhere."""
    step = MOVES[kind][move]

    assert step.sources
    assert step.sources <= set(State)
    assert step.target in State


@pytest.mark.parametrize(("kind", "move"), EVERY_MOVE)
def test_nothing_leaves_verified_unless_it_is_outrun(kind: Kind, move: Move) -> None:
    """What is verified stays so; only the NIK's owner can outrun another registration."""
    assert (State.VERIFIED in MOVES[kind][move].sources) == (move is Move.OUTRUN)


@pytest.mark.parametrize(("kind", "move"), EVERY_MOVE)
def test_only_a_correction_leaves_rejected(kind: Kind, move: Move) -> None:
    """A rejection is final until the applicant mends the field, sends another photo, or has left school."""
    assert (State.REJECTED in MOVES[kind][move].sources) == (move in {Move.CORRECT, Move.UPLOAD, Move.RECHECK})


@pytest.mark.parametrize("kind", Kind)
def test_every_state_that_a_kind_can_reach_can_be_worked_on_or_answered(kind: Kind) -> None:
    """No check gets stuck: from each reachable state that is not final some move leads on."""
    reachable = {State.PENDING} | {step.target for step in MOVES[kind].values()}
    left = set().union(*(step.sources for step in MOVES[kind].values()))

    assert reachable - {State.VERIFIED} <= left


def test_a_nik_is_never_sent() -> None:
    """`sent` means that a mail or code is out, which a NIK check does not do."""
    states = {state for step in MOVES[Kind.NIK].values() for state in {*step.sources, step.target}}

    assert State.SENT not in states


@pytest.mark.parametrize("kind", CHALLENGES)
def test_an_answer_counts_before_the_worker_wrote_that_it_was_sent(kind: Kind) -> None:
    """The mail can arrive and be answered first."""
    assert OPEN_STATES | {State.SENT} == MOVES[kind][Move.ANSWER].sources


@pytest.mark.parametrize("kind", CHALLENGES)
def test_mail_and_phone_cannot_be_outrun(kind: Kind) -> None:
    """Only a NIK has one owner."""
    assert Move.OUTRUN not in MOVES[kind]


@pytest.mark.parametrize("states", list(itertools.product(State, repeat=len(FROM_THE_START))))
def test_one_rejection_rejects_and_all_verified_complete(states: tuple[State, ...]) -> None:
    """The whole table: everything else is open."""
    if State.REJECTED in states:
        expected = Overall.REJECTED
    elif set(states) == {State.VERIFIED}:
        expected = Overall.COMPLETE
    else:
        expected = Overall.OPEN

    assert expected == overall({kind: check(state) for kind, state in zip(FROM_THE_START, states, strict=True)})


@pytest.mark.parametrize("kind", [Kind.PHOTO, Kind.STUDENT])
@pytest.mark.parametrize("state", [None, *State])
def test_a_later_check_counts_only_where_it_is_needed(state: State | None, kind: Kind) -> None:
    """Else it changes nothing; where it is needed a registration waits for it, and its rejection is seen."""
    verified = {kind: check(State.VERIFIED) for kind in FROM_THE_START}
    checks = verified if state is None else {**verified, kind: check(state)}
    expected = {State.VERIFIED: Overall.COMPLETE, State.REJECTED: Overall.REJECTED}

    assert overall(checks) is Overall.COMPLETE
    assert expected.get(state, Overall.OPEN) is overall(checks, (*FROM_THE_START, kind))  # type: ignore[arg-type]  # None is in no table
