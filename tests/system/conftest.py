"""One running system for all tests that leave it as they found it."""

from collections.abc import Iterator

import pytest

from tests.stack import Stack, running


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A `gelombang up` that is ready."""
    with running(tmp_path_factory.mktemp("system") / "data") as started:
        yield started
