"""The settings with which the local stack differs from production.

Waiting times are shortened here, so that a person sees every case within a minute.
"""

from collections.abc import Mapping

LOCAL_SETTINGS: Mapping[str, str] = {
    # `gelombang up` stops everything within ten seconds and gives the services five of them.
    "GELOMBANG_DRAIN_SECONDS": "4",
    "GELOMBANG_DRAIN_IDLE_SECONDS": "0.5",
    # Production asks again after hours about a NIK that was not found; after failures within minutes.
    "GELOMBANG_NOT_FOUND_RECHECK_SECONDS": "1,2,4",
    "GELOMBANG_RETRY_BASE_SECONDS": "0.5",
    "GELOMBANG_RETRY_CAP_SECONDS": "10",
    "GELOMBANG_RELAY_INTERVAL_SECONDS": "0.25",
    # Made-up people share a few made-up mail domains.
    "GELOMBANG_LIMIT_PER_EMAIL_DOMAIN": "100000000",
    "GELOMBANG_SMS_DAILY_BUDGET": "1000000000",
    # The stand-ins have no contract; with these numbers the static share of a cut-off worker is no bottleneck.
    "GELOMBANG_MINISTRY_RATE_PER_SECOND": "10000",
    "GELOMBANG_MINISTRY_CONCURRENCY": "1000",
    "GELOMBANG_MINISTRY_QUOTA_WAIT_SECONDS": "10",
    "GELOMBANG_STUDENT_RATE_PER_SECOND": "10000",
    "GELOMBANG_STUDENT_CONCURRENCY": "1000",
    "GELOMBANG_STUDENT_RECHECK_SECONDS": "10",
    "GELOMBANG_BOOKS_INTERVAL_SECONDS": "5",
    "GELOMBANG_DESK": "true",
    # The stand-in ministry that never answers should not hold a call for long.
    "GELOMBANG_MINISTRY_TIMEOUT_SECONDS": "3",
}
