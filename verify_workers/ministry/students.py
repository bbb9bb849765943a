"""The registry of students (CALL_CHECK_STUDENT): what it is asked, and what counts as its explicit answer.

No specification is public; the form is that of the population registry (ADR 0024). A row is an answer when it repeats
the NIK that was asked and says one of three words of it; a text in it says no more than "found".

- "Aktif": at school or university;
- "Tidak Aktif": left it, or finished;
- "Tidak Terdaftar": was never there.

"Data Tidak Ditemukan" is none of them, since it may also mean a copy that is behind.

Pure: a person in, bytes out; a row in, an answer out.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from registration.applicant import Applicant
from registration.checks import Reason, State
from registration.errors import Retryable
from registration.store.work import Verdict
from verify_workers.ministry.answers import Asked
from verify_workers.ministry.rows import UNREADABLE, require_found, text, texts
from verify_workers.ministry.wire import Credentials

_VERDICTS: Final = {
    "aktif": Verdict(State.REJECTED, Reason.IS_STUDENT),
    "tidak aktif": Verdict(State.VERIFIED),
    "tidak terdaftar": Verdict(State.VERIFIED),
}


def request_body(person: Applicant, credentials: Credentials) -> bytes:
    """The JSON of one question."""
    return msgspec.json.encode(
        {
            "NIK": person.nik,
            "NAMA_LGKP": person.name.upper(),
            "TGL_LHR": person.birth_date.strftime("%d-%m-%Y"),
            "USER_ID": credentials.user,
            "PASSWORD": credentials.password,
            "IP_USER": credentials.ip,
        }
    )


def explicit_answer(row: Mapping[str, Any], asked: Asked) -> Verdict:
    """What the row says of the person who was asked about; raises `Retryable` with a cause for on-call otherwise."""
    require_found(text(row, "RESPONSE_CODE"), texts(row))
    said = _VERDICTS.get(text(row, "STATUS_PESERTA_DIDIK"))
    if said is None or text(row, "NIK") != asked.nik:
        raise Retryable(UNREADABLE)
    return said
