"""Replies of a registry, and what each must be taken for: one table for the parser and for the client over HTTP.

What is expected is written down here by hand; nothing in this file reads a reply.
"""

import gzip
import json
from typing import Any, NamedTuple

NIK = "3174014302900001"
THRESHOLD = 90
AGREES = {"NIK": "Sesuai", "NAMA_LGKP": "Sesuai (100)", "TMPT_LHR": "Sesuai (100)", "TGL_LHR": "Sesuai"}
DIFFERS = {**AGREES, "NAMA_LGKP": "Tidak Sesuai (0)"}
INACTIVE = {"RESPONSE_CODE": "14", "RESPONSE_DESC": "Data Ditemukan, Status Tidak Aktif"}
NOT_FOUND = {"RESPON": "Data Tidak Ditemukan"}
UNREADABLE = "ministry_unreadable"


class Reply(NamedTuple):
    """A reply, and its meaning: "verified", "rejected: REASON", "not found", or the cause of a delay."""

    name: str
    meaning: str
    body: bytes
    status: int = 200


def page(*rows: Any, **changes: object) -> bytes:  # noqa: ANN401 - any JSON
    """The envelope around some rows, usually one."""
    envelope = {"content": list(rows), "lastPage": True, "numberOfElements": 1, "totalElements": 1, "size": 1}
    return json.dumps({**envelope, **changes}, ensure_ascii=False).encode()


def _twice(name: str, first: str, second: str) -> bytes:
    """The row of everything agreeing, in which one name comes twice."""
    others = json.dumps({field: value for field, value in AGREES.items() if field != name})[1:-1]
    return f'{{"content": [{{{others}, "{name}": "{first}", "{name}": "{second}"}}]}}'.encode()


REPLIES = (
    # Explicit answers
    Reply("all agree", "verified", page(AGREES)),
    Reply("all agree, code 00", "verified", page({**AGREES, "RESPONSE_CODE": "00", "RESPONSE_DESC": "Data Ditemukan"})),
    Reply("with a byte order mark", "verified", b"\xef\xbb\xbf" + page(AGREES)),
    Reply("the NIK repeated", "verified", page({**AGREES, "NIK": NIK})),
    Reply("further fields", "verified", page({**AGREES, "ALAMAT": "Tidak Sesuai (3)", "NO_KK": None})),
    Reply("name differs", "rejected: name_mismatch", page(DIFFERS)),
    Reply("name below the threshold", "rejected: name_mismatch", page({**AGREES, "NAMA_LGKP": "TIDAK  SESUAI (89)"})),
    Reply("date differs", "rejected: birth_date_mismatch", page({**AGREES, "TGL_LHR": "tidak sesuai"})),
    Reply("place differs", "rejected: birth_place_mismatch", page({**AGREES, "TMPT_LHR": "Tidak Sesuai (40)"})),
    Reply("inactive", "rejected: inactive", page(INACTIVE)),
    Reply("inactive, code as a number", "rejected: inactive", page({"RESPONSE_CODE": 14})),
    Reply("not found", "not found", page(NOT_FOUND)),
    Reply(
        "not found, as a description", "not found", page({"RESPONSE_CODE": "13", "RESPONSE_DESC": NOT_FOUND["RESPON"]})
    ),
    # The system's trouble, as text
    Reply("quota", "ministry_quota", page({"RESPON": "Kuota Akses Hari ini telah Habis"})),
    Reply("login", "ministry_login", page({"RESPON": "LOGIN GAGAL"})),
    Reply("address", "ministry_address", page({"RESPON": "IP Address Tidak Sesuai"})),
    Reply("client", "ministry_address", page({"RESPONSE_DESC": "IP Client Tidak terdaftar"})),
    Reply("quota beside a mismatch", "ministry_quota", page({**DIFFERS, "RESPONSE_DESC": "kuota akses habis"})),
    # Contradictions
    Reply("inactive and not found", UNREADABLE, page({**INACTIVE, **NOT_FOUND})),
    Reply(
        "inactive, in words nobody has seen", UNREADABLE, page({**INACTIVE, "RESPONSE_DESC": "Kesalahan basis data"})
    ),
    Reply("compared and not found", UNREADABLE, page({**DIFFERS, **NOT_FOUND})),
    Reply("found and not found", UNREADABLE, page({"RESPONSE_CODE": "00", **NOT_FOUND})),
    Reply("compared, with an unknown code", UNREADABLE, page({**DIFFERS, "RESPONSE_CODE": "99"})),
    Reply("compared, with an unknown text", UNREADABLE, page({**DIFFERS, "RESPON": "Terjadi kesalahan"})),
    Reply("another person's NIK", UNREADABLE, page({**DIFFERS, "NIK": "3174014302900002"})),
    Reply("the NIK differs", UNREADABLE, page({**DIFFERS, "NIK": "Tidak Sesuai"})),
    Reply("differs at a full score", UNREADABLE, page({**AGREES, "TMPT_LHR": "Tidak Sesuai (100)"})),
    Reply("agrees at no score", UNREADABLE, page({**AGREES, "TMPT_LHR": "Sesuai (0)"})),
    Reply("differs above our threshold", "ministry_threshold", page({**AGREES, "NAMA_LGKP": "Tidak Sesuai (95)"})),
    Reply("agrees below our threshold", "ministry_threshold", page({**AGREES, "NAMA_LGKP": "Sesuai (80)"})),
    Reply("a field twice, differing last", UNREADABLE, _twice("NAMA_LGKP", "Sesuai", "Tidak Sesuai")),
    Reply("a field twice, differing first", UNREADABLE, _twice("NAMA_LGKP", "Tidak Sesuai", "Sesuai")),
    Reply("content twice", UNREADABLE, page(AGREES)[:-1] + b', "content": [{"RESPONSE_CODE": "14"}]}'),
    # Not one whole page with one row
    Reply("two rows", UNREADABLE, page(DIFFERS, DIFFERS)),
    Reply("two rows that differ", UNREADABLE, page(AGREES, INACTIVE)),
    Reply("no row", UNREADABLE, page()),
    Reply("a row in a row", UNREADABLE, page([INACTIVE])),
    Reply("null", UNREADABLE, page(None)),
    Reply("a page in a list", UNREADABLE, b"[" + page(INACTIVE) + b"]"),
    Reply("content is no list", UNREADABLE, json.dumps({"content": INACTIVE}).encode()),
    Reply("a field as a list", UNREADABLE, page({**DIFFERS, "TGL_LHR": ["Tidak Sesuai"]})),
    Reply("a field as a number", UNREADABLE, page({**DIFFERS, "TGL_LHR": 0})),
    Reply("a field as null", UNREADABLE, page({**DIFFERS, "TGL_LHR": None})),
    Reply("code as a fraction", UNREADABLE, page({"RESPONSE_CODE": 14.0})),
    Reply("code as true", UNREADABLE, page({"RESPONSE_CODE": True})),
    Reply("a score of 101", UNREADABLE, page({**AGREES, "NAMA_LGKP": "Tidak Sesuai (101)"})),
    Reply("half of it", UNREADABLE, page(DIFFERS)[:-30]),
    Reply("more behind it", UNREADABLE, page(DIFFERS) + b"<html>"),
    Reply("nothing", UNREADABLE, b""),
    Reply("HTML", UNREADABLE, b"<!doctype html><title>Tidak Sesuai (0)</title>"),
    Reply("UTF-16", UNREADABLE, page(DIFFERS).decode().encode("utf-16")),
    Reply("UTF-16 without a mark", UNREADABLE, page(DIFFERS).decode().encode("utf-16-le")),
    Reply("Latin-1", UNREADABLE, page({**DIFFERS, "NAMA": "José"}).decode().encode("latin-1")),
    Reply("compressed", UNREADABLE, gzip.compress(page(DIFFERS))),
    Reply("too large", UNREADABLE, page(INACTIVE) + b" " * 65_536),
    Reply("deep", UNREADABLE, b'{"content": ' + b"[" * 30_000),
    # Statuses
    Reply("moved", "ministry_refused", page(DIFFERS), 302),
    Reply("forbidden", "ministry_refused", page(DIFFERS), 403),
    Reply("created", "ministry_refused", page(DIFFERS), 201),
    Reply("too many", "ministry_busy", page(DIFFERS), 429),
    Reply("an error with an answer in it", "ministry_error", page(INACTIVE), 503),
)
