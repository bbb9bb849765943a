"""What is wrong with a link at present, as one frozen value that is replaced whole; by default nothing."""

from typing import Annotated

import msgspec
from msgspec import Meta


class Faults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The lasting faults of a link; both directions have them.

    `delay_seconds` and up to `jitter_seconds` more pass before what was read is handed on. `bytes_per_second` is the
    most that passes, for each connection and direction. `slice_bytes` hands on no more than that in one segment.
    `drop_reply` is the share of replies that are lost after their request got through: the connection ends in their
    place. In a `blackhole` nothing passes, in silence; when it ends, what was waiting passes, as TCP sends again what
    got lost. `refuse` resets new connections.
    """

    delay_seconds: Annotated[float, Meta(ge=0, le=600)] = 0
    jitter_seconds: Annotated[float, Meta(ge=0, le=600)] = 0
    bytes_per_second: Annotated[int, Meta(ge=1)] | None = None
    slice_bytes: Annotated[int, Meta(ge=1)] | None = None
    drop_reply: Annotated[float, Meta(ge=0, le=1)] = 0
    blackhole: bool = False
    refuse: bool = False


NONE = Faults()

# Raises msgspec.DecodeError, whose text names the wrong field.
decode_faults = msgspec.json.Decoder(Faults).decode
