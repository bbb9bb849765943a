"""The registry of students: only its explicit word rejects a person, everything else is the system's trouble."""

import json
from datetime import date

import pytest

from registration.applicant import Applicant
from registration.checks import Reason, State
from registration.errors import Retryable
from registration.store.work import Verdict
from tests.replies import NIK, NOT_FOUND, THRESHOLD, UNREADABLE, page
from verify_workers.ministry.answers import Asked
from verify_workers.ministry.students import explicit_answer, request_body
from verify_workers.ministry.wire import Credentials, read_reply

ASKED = Asked(NIK, THRESHOLD)
STUDIES = {"NIK": NIK, "STATUS_PESERTA_DIDIK": "Aktif"}
LEFT = {**STUDIES, "STATUS_PESERTA_DIDIK": "Tidak Aktif"}
IS_STUDENT = Verdict(State.REJECTED, Reason.IS_STUDENT)
VERIFIED = Verdict(State.VERIFIED)


def read(row: object, status: int = 200) -> Verdict:
    """What a reply says of the person who was asked about."""
    return explicit_answer(read_reply(status, page(row)), ASKED)


def test_the_question_says_no_more_than_is_needed() -> None:
    """The person, the birth date and our account: no place, no address."""
    person = Applicant(
        name="Siti Nurhaliza",
        birth_place="Jakarta Selatan",
        birth_date=date(1990, 2, 3),
        nik=NIK,
        email="siti@mail.example",
        phone="+6281234567890",
    )
    assert json.loads(request_body(person, Credentials(user="u", password="p", ip="10.0.0.1", threshold=90))) == {  # noqa: S106 - made up
        "NIK": NIK,
        "NAMA_LGKP": "SITI NURHALIZA",
        "TGL_LHR": "03-02-1990",
        "USER_ID": "u",
        "PASSWORD": "p",
        "IP_USER": "10.0.0.1",
    }


@pytest.mark.parametrize(
    ("words", "verdict"),
    [
        ("Aktif", IS_STUDENT),
        ("  AKTIF ", IS_STUDENT),
        ("Tidak Aktif", VERIFIED),
        ("tidak  aktif", VERIFIED),
        ("Tidak Terdaftar", VERIFIED),
    ],
)
def test_three_words_are_answers(words: str, verdict: Verdict) -> None:
    """In any capitals and spaces, also beside a text that says "found"."""
    assert read({**STUDIES, "STATUS_PESERTA_DIDIK": words}) == verdict
    found = {"RESPONSE_CODE": "00", "RESPONSE_DESC": "Data Ditemukan"}
    assert read({**STUDIES, **found, "STATUS_PESERTA_DIDIK": words}) == verdict


@pytest.mark.parametrize(
    ("row", "cause"),
    [
        (NOT_FOUND, UNREADABLE),
        ({**STUDIES, **NOT_FOUND}, UNREADABLE),
        ({"RESPON": "Kuota Akses Hari ini telah Habis"}, "ministry_quota"),
        ({**STUDIES, "RESPON": "kuota akses hari ini telah habis"}, "ministry_quota"),
        ({"RESPON": "Login Gagal"}, "ministry_login"),
        ({"RESPON": "IP Address Tidak Sesuai"}, "ministry_address"),
        ({"STATUS_PESERTA_DIDIK": "Aktif"}, UNREADABLE),  # about whom?
        ({**STUDIES, "NIK": NIK[:-1] + "2"}, UNREADABLE),
        ({**STUDIES, "NIK": "Sesuai"}, UNREADABLE),
        ({**STUDIES, "STATUS_PESERTA_DIDIK": "Aktif Kembali"}, UNREADABLE),
        ({**STUDIES, "STATUS_PESERTA_DIDIK": "Cuti"}, UNREADABLE),
        ({**STUDIES, "STATUS_PESERTA_DIDIK": ""}, UNREADABLE),
        ({**STUDIES, "STATUS_PESERTA_DIDIK": None}, UNREADABLE),
        ({**STUDIES, "STATUS_PESERTA_DIDIK": ["Aktif"]}, UNREADABLE),
        ({**STUDIES, "RESPONSE_CODE": "14"}, UNREADABLE),
        ({**STUDIES, "RESPONSE_DESC": "Data sedang diperbarui"}, UNREADABLE),
        ({"NIK": NIK}, UNREADABLE),
        ({}, UNREADABLE),
    ],
)
def test_whatever_else_is_said_is_no_answer(row: object, cause: str) -> None:
    """Nobody is taken for a student, and nobody passes, by a reply that is not whole, known and about them."""
    with pytest.raises(Retryable) as caught:
        read(row)
    assert caught.value.cause == cause


def test_a_word_in_a_reply_that_failed_is_no_answer() -> None:
    """The status counts first."""
    with pytest.raises(Retryable) as caught:
        read(STUDIES, 503)
    assert caught.value.cause == "ministry_error"
