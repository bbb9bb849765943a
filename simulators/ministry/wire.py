"""Requests and replies of the registries as bytes, as public integrations show them; no specification is public.

A reply is a page with one element in `content`: a verdict for each field that was asked, or a failure as text, always
with status 200.
"""

import enum
from typing import Any

import msgspec

VERIFY_PATH = "/dukcapil/get_json/{consumer}/CALL_VERIFY_BY_ELEMEN"
STUDENT_PATH = "/dikti/get_json/{consumer}/CALL_CHECK_STUDENT"


class Query(msgspec.Struct, frozen=True, rename="upper"):
    """A request. Only NIK must be there; a field that is None was not asked. TRESHOLD is spelt so on the wire."""

    nik: str
    nama_lgkp: str | None = None
    tmpt_lhr: str | None = None
    tgl_lhr: str | None = None
    jenis_klmin: str | None = None
    no_kk: str | None = None
    alamat: str | None = None
    no_prop: str | int | None = None
    no_kab: str | int | None = None
    no_kec: str | int | None = None
    no_kel: str | int | None = None
    user_id: str | None = None
    password: str | None = None
    ip_user: str | None = None
    treshold: str | int | None = None


# Raises msgspec.DecodeError or UnicodeDecodeError.
decode_query = msgspec.json.Decoder(Query).decode


class Refusal(enum.Enum):
    """Failures as the registry words them, in `RESPON`."""

    NOT_FOUND = "Data Tidak Ditemukan"
    QUOTA = "Kuota Akses Hari ini telah Habis"
    LOGIN = "Login Gagal"
    IP = "IP Address Tidak Sesuai"
    IP_UNKNOWN = "IP Client Tidak terdaftar"
    UNKNOWN = "Terjadi kesalahan yang tidak diketahui"  # no text that any list of ours holds


AGREES = "Sesuai"
DIFFERS = "Tidak Sesuai"

# Asked for with text that is compared letter by letter, so the verdict carries a score.
SCORED = ("nama_lgkp", "tmpt_lhr")
EXACT = ("tgl_lhr", "jenis_klmin", "no_kk", "no_prop", "no_kab", "no_kec", "no_kel")
_INACTIVE = {"RESPONSE_CODE": "14", "RESPONSE_DESC": "Data Ditemukan, Status Tidak Aktif"}


class _Page(msgspec.Struct, frozen=True, rename="camel"):
    """The envelope, as if of a list with one page and one row."""

    content: tuple[dict[str, str]]
    last_page: bool = True
    number_of_elements: int = 1
    sort: None = None
    total_elements: int = 1
    first_page: bool = True
    number: int = 0
    size: int = 1


def scored(score: int, *, threshold: int) -> str:
    """A verdict with its score: "Sesuai (100)", "Tidak Sesuai (0)"."""
    return f"{AGREES if score >= threshold else DIFFERS} ({score})"


def verdict_page(query: Query, differing: dict[str, str]) -> bytes:
    """The reply to `query`: everything asked agrees, except the verdicts given in `differing` by attribute name."""
    content = {"NIK": AGREES}
    for field in (*SCORED, "alamat"):
        if getattr(query, field) is not None:
            content[field.upper()] = differing.get(field, f"{AGREES} (100)")
    for field in EXACT:
        if getattr(query, field) is not None:
            content[field.upper()] = differing.get(field, AGREES)
    return _page(content)


def refusal_page(refusal: Refusal) -> bytes:
    """A failure as text."""
    return _page({"RESPON": refusal.value})


def inactive_page() -> bytes:
    """Found, but deceased, duplicate or blocked."""
    return _page(_INACTIVE)


class Studying(enum.Enum):
    """Whether somebody studies, as the registry of students words it."""

    YES = "Aktif"
    LEFT = "Tidak Aktif"
    NEVER = "Tidak Terdaftar"


def student_page(nik: str, studying: Studying) -> bytes:
    """The reply about one person."""
    return _page({"NIK": nik, "STATUS_PESERTA_DIDIK": studying.value})


def _page(content: dict[str, Any]) -> bytes:
    return msgspec.json.encode(_Page(content=(content,)))
