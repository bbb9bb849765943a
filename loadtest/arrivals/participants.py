"""What verified applicants do at the front door: the test, the look for its score, joining. One function for each way.

They come from a crowd that stands in the system already (`gelombang crowd`): a wave's closing minute is not to wait for
an hour of registrations. When a run wants more of them than there are, it says so and is worth nothing.
"""

import random
from collections.abc import Mapping

import gevent
import msgspec

from loadtest.arrivals.clock import Arrival
from loadtest.arrivals.crowd import Stage
from loadtest.arrivals.http import Answer, Request
from loadtest.arrivals.journeys import PATH

QUESTIONS, OPTIONS = 19, 4
_OK = frozenset({200})
_JOIN_ANSWERS = frozenset({200, 422})  # 422: with a reason, which is looked at
_REASONS = {"wave_not_open": "too late", "already_selected": "selected before"}
_HEADERS = {"Content-Type": "application/json"}
# As the page's script looks: soon after sending, then ever less often.
_FIRST_LOOK_SECONDS, _LOOK_GROWTH = 1.0, 1.4
_PROMISED_SECONDS = 5.0
_LONGEST_LOOK_SECONDS = 300.0  # what applicants are promised
_TWICE_EACH = 10


class Told(msgspec.Struct):
    """Of an answer, what the journeys look at."""

    test: str = ""
    code: str = ""


def take_part(arrival: Arrival) -> None:
    """Take the whole test, each answer saved by itself, look for the score, join."""
    handle = _somebody(arrival, Stage.VERIFIED)
    if handle is None or not _fine(_post(arrival, "POST test", f"{handle}/test", {})):
        return
    for question in range(QUESTIONS):
        _think(arrival)
        answer = {"question": question, "option": random.randrange(OPTIONS)}  # noqa: S311 - a made-up answer
        _post(arrival, "POST answer", f"{handle}/test/answer", answer)
    if _fine(_post(arrival, "POST submit", f"{handle}/test/submit", {})) and _see_score(arrival, handle):
        _think(arrival)
        _join(arrival, handle)


def submit(arrival: Arrival) -> None:
    """Who has answered everything ends the test, and looks for the score."""
    handle = _somebody(arrival, Stage.BEGUN)
    if handle is not None and _fine(_post(arrival, "POST submit", f"{handle}/test/submit", {})):
        _see_score(arrival, handle)


def join(arrival: Arrival) -> None:
    """Who has a score joins; one in ten asks twice."""
    handle = _somebody(arrival, Stage.TESTED)
    if handle is None:
        return
    _join(arrival, handle)
    if random.randrange(_TWICE_EACH) == 0:  # noqa: S311 - spreads load, guards nothing
        _join(arrival, handle)


def _somebody(arrival: Arrival, stage: Stage) -> str | None:
    share = arrival.flight.crowd
    handle = share.next(stage) if share is not None else None
    if handle is None:
        arrival.flight.account.bug(
            f"nobody {stage} is left in the crowd: --arrivals-crowd, `gelombang crowd --{stage}`"
        )
    return handle


def _see_score(arrival: Arrival, handle: str) -> bool:
    """Look until the score is there, as patient as was promised; gives whether it came."""
    began, pause = arrival.flight.seconds(), _FIRST_LOOK_SECONDS
    while (passed := arrival.flight.seconds() - began) < _LONGEST_LOOK_SECONDS:
        gevent.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - spreads load, guards nothing
        seen = arrival.call("GET wave", Request("GET", f"{PATH}/{handle}/wave"), good=_OK)
        if seen is not None and _fine(seen) and _told(seen).test == "scored":
            passed = arrival.flight.seconds() - began
            arrival.note("SEE score", "ok" if passed <= _PROMISED_SECONDS else "late", since=began)
            return True
        pause *= _LOOK_GROWTH
    arrival.note("SEE score", "never", since=began)
    return False


def _join(arrival: Arrival, handle: str) -> None:
    began, share = arrival.flight.seconds(), arrival.flight.crowd
    wave = share.wave if share is not None else 0
    answer = _post(arrival, "POST join", f"{handle}/join", {"wave": wave}, good=_JOIN_ANSWERS)
    if answer is None or answer.status not in _JOIN_ANSWERS:
        return
    code = "" if _fine(answer) else _told(answer).code
    told = _REASONS.get(code, "not to join") if code else "joined"
    arrival.note(f"TOLD {told}", "ok" if not code or code in _REASONS else code, since=began)


def _post(
    arrival: Arrival, name: str, path: str, body: Mapping[str, int], *, good: frozenset[int] = _OK
) -> Answer | None:
    request = Request("POST", f"{PATH}/{path}", msgspec.json.encode(body), _HEADERS)
    return arrival.call(name, request, good=good)


def _fine(answer: Answer | None) -> bool:
    return answer is not None and answer.status in _OK


def _told(answer: Answer) -> Told:
    return msgspec.json.decode(answer.body, type=Told)


def _think(arrival: Arrival) -> None:
    think = arrival.flight.offer.think_seconds
    gevent.sleep(think and random.expovariate(1 / think))
