"""The limited process that decodes one photo: bytes on standard input, a clean picture or a reason on standard output.

Guarantee: it can use no more memory, processor time, files or processes than the limits below, and it reads and writes
nothing but its two pipes. It holds nothing: killed at any moment, it is started again for the next try.

The first line of the answer is `clean` or a reason; after `clean` the picture follows.
"""

import resource
import sys
from collections.abc import Mapping

MEMORY_LIMIT_BYTES = 512 * 1024 * 1024
CPU_LIMIT_SECONDS = 10
_LIMITS: Mapping[int, int] = {
    resource.RLIMIT_AS: MEMORY_LIMIT_BYTES,
    resource.RLIMIT_CPU: CPU_LIMIT_SECONDS,
    resource.RLIMIT_FSIZE: 0,
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_NPROC: 0,
}
CLEAN = "clean"


def limit() -> None:
    """Take on the limits, for good."""
    for kind, value in _LIMITS.items():
        resource.setrlimit(kind, (value, value))


def main() -> None:
    """Decode what comes in."""
    limit()
    from PIL import Image  # noqa: PLC0415 - Pillow is loaded under the limits

    from verify_workers.photos.inspection import Refused, clean  # noqa: PLC0415

    Image._initialized = 2  # noqa: SLF001 - else Pillow loads the readers of a dozen formats when it saves

    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))  # nothing more is opened from here on
    try:
        answer, picture = CLEAN, clean(sys.stdin.buffer.read())
    except Refused as refused:
        answer, picture = refused.reason.value, b""
    sys.stdout.buffer.write(answer.encode() + b"\n" + picture)


if __name__ == "__main__":
    main()
