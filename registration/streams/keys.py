"""Names in Valkey. The streams and their group are public (docs/decisions/0002): autoscaling watches them."""

from typing import Final

from registration.checks import Kind

GROUP: Final = "workers"
PRIORITY: Final = "verify:nik:priority"
MINISTRY_SHARES: Final = "ministry:shares"


def stream(kind: Kind) -> str:
    """The stream of a kind's entries."""
    return f"verify:{kind}"


def streams(kind: Kind) -> tuple[str, ...]:
    """All streams that a kind's workers read, the more urgent first."""
    return (PRIORITY, stream(Kind.NIK)) if kind is Kind.NIK else (stream(kind),)


def outstanding(stream_name: str) -> str:
    """The set of ids that are in a stream."""
    return f"{stream_name}:outstanding"


def identity(digest: bytes) -> str:
    """Who asks the registry about an identity at present."""
    return f"verify:identity:{digest.hex()}"


def tally(kind: Kind) -> str:
    """How many verdicts were recorded lately."""
    return f"verify:tally:{kind}"


def lease(duty: str) -> str:
    """Who does a duty at present."""
    return f"verify:lease:{duty}"
