"""The text messages that applicants get: the one-time code, and that a result is there.

Guarantee: one SMS of at most 160 GSM-7 characters (a longer or richer text is split and billed as several), whose last
line follows the origin-bound one-time code format, so that the phone offers the code on this site only. Pure.
"""

import re

_LIMIT_CHARACTERS = 160  # 3GPP TS 23.038: one message of the 7-bit default alphabet
_CODE = re.compile(r"\A[0-9]{4,8}\Z")
_HOST = re.compile(r"\A[A-Za-z0-9.-]+\Z")
"""A subset of the GSM 7-bit default alphabet, so a text with it stays in that alphabet."""
_TEXT = "Kode pendaftaran Anda: {code}\nBerlaku 10 menit. Jangan berikan kode ini kepada siapa pun.\n\n@{host} #{code}"


_RESULT = "Hasil gelombang {wave} sudah ada. Lihat di halaman status Anda di {host}. Kami tidak pernah meminta uang."


def code_sms(code: str, public_host: str) -> str:
    """The text for `code` (digits) on the site `public_host`, whose port, if any, has no place in the format.

    Raises ValueError when code or host are malformed or the text would not fit one SMS.
    """
    host = public_host.partition(":")[0]
    if _CODE.match(code) is None or _HOST.match(host) is None:
        raise ValueError("not a numeric code, or not a host name")
    text = _TEXT.format(code=code, host=host)
    if len(text) > _LIMIT_CHARACTERS:
        raise ValueError(f"the SMS would have {len(text)} characters, more than {_LIMIT_CHARACTERS}")
    return text


def result_sms(wave: int, public_host: str) -> str:
    """The text that a wave's result is there; it says neither which nor whose, and holds no secret address."""
    text = _RESULT.format(wave=wave, host=public_host)
    if _HOST.match(public_host.partition(":")[0]) is None or len(text) > _LIMIT_CHARACTERS:
        raise ValueError("not a host name, or too long for one SMS")
    return text
