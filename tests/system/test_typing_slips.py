"""Over HTTP: what contradicts itself is refused with all that is wrong, and never comes to the registry."""

import json
import secrets

import requests

from simulators.people import make_person
from tests.slips import contradictions, slips
from tests.stack import API, Stack, call, eventually, typed

SEED = 20200411
COUNT = 1_000
VALID = 100


def test_a_thousand_slips(stack: Stack) -> None:
    """Each contradiction is a 422 that names it; the registry hears of valid people only; none of these is refused."""
    url = stack.endpoints["front_door"] + API
    wrong = [slip for slip in slips(SEED, COUNT) if contradictions(slip)]
    valid = [make_person(secrets.randbits(32), index) for index in range(VALID)]
    with requests.Session() as session:

        def post(fields: dict[str, str]) -> requests.Response:
            headers = {"Idempotency-Key": secrets.token_hex(8), "Content-Type": "application/json"}
            return session.post(url, data=json.dumps(fields), headers=headers, timeout=30)

        for slip in wrong:
            answer = post({**typed(slip.person), "nik": slip.nik, "birth_date": slip.birth_date})
            assert answer.status_code == 422, slip
            assert contradictions(slip) <= {error["code"] for error in answer.json()["errors"]}, slip
        assert [post(typed(person)).status_code for person in valid] == [202] * VALID

    def asked() -> set[str]:
        return set(call("GET", f"{stack.endpoints['ministry']}/calls").json["by_nik"])

    eventually(lambda: {person.nik for person in valid} <= asked())
    assert not asked() & {slip.nik for slip in wrong}
    assert len(wrong) > COUNT // 3
