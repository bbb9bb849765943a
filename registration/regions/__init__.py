"""Provinces and regencies of Indonesia, by the code a NIK begins with.

The lists are bundled data of the idn-area-data project (Open Database License, see NOTICE), which follows the Ministry
of Home Affairs' regulation. A NIK keeps the code of the place and time of its issue, so codes that are no longer on a
list stay valid: callers warn, they never refuse.
"""

import csv
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType


@cache
def provinces() -> Mapping[str, str]:
    """Names by two-digit code: `{"31": "DKI JAKARTA", …}`."""
    return _read("provinces.csv")


@cache
def regencies() -> Mapping[str, str]:
    """Names by four-digit code: `{"3174": "KOTA ADMINISTRASI JAKARTA SELATAN", …}`."""
    return _read("regencies.csv")


def _read(file_name: str) -> Mapping[str, str]:
    with resources.files(__name__).joinpath(file_name).open(encoding="utf-8") as file:
        return MappingProxyType({row["code"].replace(".", ""): row["name"] for row in csv.DictReader(file)})
