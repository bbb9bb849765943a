"""Who studies: nobody whom it knows, except by special serials. What is counted here is lost with the process."""

from collections import OrderedDict

from registration import nik as nik_number
from simulators.ministry.control import Population
from simulators.ministry.failures import Failure
from simulators.ministry.registry import Answer
from simulators.ministry.wire import Query, Refusal, Studying, refusal_page, student_page

REMEMBERED_LEAVERS = 10_000

# By serial, the last four digits of a NIK. None of them means anything to the population registry, which agrees.
STUDYING = {9601: Studying.YES, 9602: Studying.LEFT}
LEAVING_SERIAL = 9603  # studies when asked for the first time, and has left ever after
_NOT_FOUND = Answer(kind="not_found", body=refusal_page(Refusal.NOT_FOUND))
ALWAYS: dict[int, Answer | Failure] = {9604: _NOT_FOUND, 9605: Failure.HTTP_500}


class Students:
    """Looks up who studies."""

    def __init__(self) -> None:
        self._asked: OrderedDict[str, None] = OrderedDict()

    def answer(self, query: Query, _population: Population | None) -> Answer | Failure:
        """Whether the person studies; a NIK that cannot be one is not found."""
        try:
            serial = nik_number.parse(query.nik).serial
        except nik_number.NikFormatError:
            return _NOT_FOUND
        if serial in ALWAYS:
            return ALWAYS[serial]
        studying = STUDYING.get(serial, Studying.NEVER)
        if serial == LEAVING_SERIAL:
            studying = Studying.LEFT if self._was_asked(query.nik) else Studying.YES
        return Answer(kind=studying.name.lower(), body=student_page(query.nik, studying))

    def _was_asked(self, nik: str) -> bool:
        was = nik in self._asked
        self._asked[nik] = None
        if len(self._asked) > REMEMBERED_LEAVERS:
            self._asked.popitem(last=False)
        return was
