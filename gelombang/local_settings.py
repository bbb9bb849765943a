"""Settings that the local stack starts its services with, unless the caller's environment says otherwise.

Waiting times that are hours in production are seconds here, so that every case can be tried by hand.
"""

from collections.abc import Mapping

LOCAL_SETTINGS: Mapping[str, str] = {
    # `gelombang up` stops everything within ten seconds and gives the services five of them.
    "GELOMBANG_DRAIN_SECONDS": "4",
}
