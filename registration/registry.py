"""A registry that workers of one kind ask about people: where it is, how it knows us, what the contract allows.

Whatever protects a registry reads this and no setting, so that none of it knows which registry it protects. `Settings`
makes one for each kind that asks.

Pure: nothing here is held, so nothing is lost.
"""

import msgspec

from registration.checks import Kind


class Registry(msgspec.Struct, frozen=True, kw_only=True):
    """All rates and counts are of the `workers` together; a `daily_quota` of 0 is none."""

    kind: Kind
    url: str
    consumer: str
    user: str
    password: str
    ip: str
    threshold: int
    timeout_seconds: float
    rate_per_second: float
    concurrency: int
    daily_quota: int
    quota_wait_seconds: float
    workers: int
    static_share: float
