"""Random nonces, drawn from the kernel many at a time: a system call for each is felt on the accept path.

Guarantee: none is given out twice. A forked child draws its own: what its parent has left is the parent's.
"""

import os

_DRAWN_AT_ONCE = 256


class Nonces:
    """Nonces of `size` bytes; may be asked from several threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._left: list[bytes] = []
        os.register_at_fork(after_in_child=self._left.clear)

    def take(self) -> bytes:
        """The next one."""
        try:
            return self._left.pop()
        except IndexError:
            drawn = os.urandom(self._size * _DRAWN_AT_ONCE)
            self._left += [drawn[at : at + self._size] for at in range(self._size, len(drawn), self._size)]
            return drawn[: self._size]
