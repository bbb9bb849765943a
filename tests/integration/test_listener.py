"""The listening socket: what waits in its queue is never lost with a process that ends in order."""

import socket

import pytest

from ingest.listener import Listener
from registration.settings import Settings


def settings(*, listen_fd: int = -1) -> Settings:
    return Settings(database_url="-", redis_url="-", keys="-", host="127.0.0.1", port=0, listen_fd=listen_fd)


def connect(listener: Listener) -> socket.socket:
    return socket.create_connection(listener.socket.getsockname())


def test_a_listener_of_our_own_gives_up_what_waits_in_its_queue() -> None:
    """Closed without this, it would reset them."""
    listener = Listener(settings())
    with listener.socket:
        clients = [connect(listener) for _ in range(3)]
        taken = list(listener.take_waiting())
    assert {client.getsockname() for client in clients} == {connection.getpeername() for connection in taken}
    for end in (*clients, *taken):
        end.close()


def test_what_waits_in_an_inherited_queue_is_left_to_the_next_process() -> None:
    """Two processes share one queue; one ends without touching it."""
    with socket.create_server(("127.0.0.1", 0)) as parents, parents.dup() as first:
        ending = Listener(settings(listen_fd=first.detach()))
        with connect(ending) as client:
            assert list(ending.take_waiting()) == []
            ending.socket.close()
            connection, _ = parents.accept()
            with connection:
                assert connection.getpeername() == client.getsockname()


def test_a_descriptor_that_is_no_socket_is_refused() -> None:
    """The process says so and does not start."""
    with open("/dev/null") as file, pytest.raises(OSError, match="socket"):  # noqa: PTH123 - its descriptor is wanted
        Listener(settings(listen_fd=file.fileno()))
