"""Names in Valkey. The streams and their group are public (docs/decisions/0002): autoscaling watches them."""

from typing import Final

from registration.checks import Kind

GROUP: Final = "workers"
PRIORITY: Final = "verify:nik:priority"


def stream(kind: Kind) -> str:
    """The stream of a kind's entries."""
    return f"verify:{kind}"


def streams(kind: Kind) -> tuple[str, ...]:
    """All streams that a kind's workers read, the more urgent first."""
    return (PRIORITY, stream(Kind.NIK)) if kind is Kind.NIK else (stream(kind),)


def outstanding(stream_name: str) -> str:
    """The set of ids that are in a stream."""
    return f"{stream_name}:outstanding"


def identity(kind: Kind, digest: bytes) -> str:
    """Who asks a registry about an identity at present. The NIK's has no word for its kind, nor have its shares."""
    return f"verify:identity:{'' if kind is Kind.NIK else f'{kind}:'}{digest.hex()}"


def shares(kind: Kind) -> str:
    """How the ceiling of a kind's registry is shared."""
    return "ministry:shares" if kind is Kind.NIK else f"ministry:shares:{kind}"


def tally(kind: Kind) -> str:
    """How many verdicts were recorded lately."""
    return f"verify:tally:{kind}"


def lease(duty: str) -> str:
    """Who does a duty at present."""
    return f"verify:lease:{duty}"
