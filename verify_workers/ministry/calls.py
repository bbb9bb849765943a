"""The call that each kind makes to its registry: where it goes, what it says, and how its answer is judged."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from registration.applicant import Applicant
from registration.checks import Kind
from registration.store.work import Verdict
from verify_workers.ministry import answers, students, wire
from verify_workers.ministry.answers import Asked, Missing
from verify_workers.ministry.wire import Credentials


class Call(msgspec.Struct, frozen=True):
    """`path` has a place for our consumer name. Whether a verdict is remembered for everyone of the same identity."""

    path: str
    write: Callable[[Applicant, Credentials], bytes]
    judge: Callable[[Mapping[str, Any], Asked], Verdict | Missing]
    is_remembered: bool


# Being a student passes, so nothing of it is remembered.
CALLS: Final[Mapping[Kind, Call]] = MappingProxyType(
    {
        Kind.NIK: Call(
            "/dukcapil/get_json/{consumer}/CALL_VERIFY_BY_ELEMEN",
            wire.request_body,
            answers.explicit_answer,
            is_remembered=True,
        ),
        Kind.STUDENT: Call(
            "/dikti/get_json/{consumer}/CALL_CHECK_STUDENT",
            students.request_body,
            students.explicit_answer,
            is_remembered=False,
        ),
    }
)
