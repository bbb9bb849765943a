"""What holds for every test, and how they are shared out when several processes run them."""

import hypothesis
import pytest

# Machines are slow and busy at times: no test may depend on how long an example took.
hypothesis.settings.register_profile("no_deadline", deadline=None)
hypothesis.settings.load_profile("no_deadline")

# Tests that wait for processes come before those that only count: what is short fills the gaps at the end.
LAYERS = ("browser", "chaos", "system", "integration", "unit")


@pytest.hookimpl(tryfirst=True)  # the order is random by then, and xdist reads the marks afterwards
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Under `--dist loadgroup` a file stays together, and so do all files of a layer that share its running system.

    So that system is started once, not once for each process of pytest.
    """
    if not config.getoption("loadgroup", default=False):
        return
    for item in items:
        layer = item.path.parent.name
        group = f"{layer} on one system" if _shares(item) else f"{layer}/{item.path.stem}"
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: (not _shares(item), LAYERS.index(item.path.parent.name)))


def _shares(item: pytest.Item) -> bool:
    """Whether it uses the running system of its layer's conftest, not one of its own file."""
    has_own = hasattr(getattr(item, "module", None), "stack")
    return "stack" in getattr(item, "fixturenames", ()) and not has_own
