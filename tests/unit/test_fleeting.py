from monitoring.fleeting import FleetingGauge
from monitoring.metrics import Metrics


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """The seconds."""
        return self.now


def shown(gauge: FleetingGauge) -> dict[str, float]:
    """Values by their one label."""
    return {sample.labels["kind"]: sample.value for family in gauge.collect() for sample in family.samples}


def test_a_value_is_shown_while_it_is_fresh_and_gone_afterwards() -> None:
    """A process that lost a duty does not go on showing its last count beside the new holder's."""
    clock = Clock()
    gauge = FleetingGauge("seen", "What was seen", ["kind"], life_seconds=10, clock=clock)
    gauge.labels("nik").set(3)
    clock.now += 6
    gauge.labels("email").set(0)
    assert shown(gauge) == {"nik": 3, "email": 0}
    clock.now += 6
    assert shown(gauge) == {"email": 0}
    clock.now += 6
    assert shown(gauge) == {}


def test_a_fresh_value_is_in_the_exposition_under_its_full_name() -> None:
    """Rules ask by these names."""
    metrics = Metrics()
    metrics.backlog.labels("nik").set(7)
    metrics.ledger_discrepancies.set(0)
    assert 'gelombang_backlog{kind="nik"} 7.0' in metrics.exposition().decode()
    assert "gelombang_ledger_discrepancies 0.0" in metrics.exposition().decode()
