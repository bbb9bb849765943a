"""Nonces: none is given out twice, not even in a forked child."""

import os

from registration.nonces import Nonces


def test_none_is_given_out_twice() -> None:
    """However many are taken, each is another one, of the size that was asked for."""
    nonces = Nonces(12)
    taken = [nonces.take() for _ in range(1_000)]

    assert len(set(taken)) == 1_000
    assert {len(nonce) for nonce in taken} == {12}


def test_a_forked_child_draws_its_own() -> None:
    """What the parent had drawn and not used is used by the parent alone."""
    nonces = Nonces(12)
    nonces.take()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, b"".join(nonces.take() for _ in range(300)))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)

    assert len(told) == 300 * 12
    theirs = {told[at : at + 12] for at in range(0, len(told), 12)}
    assert theirs.isdisjoint(nonces.take() for _ in range(300))
