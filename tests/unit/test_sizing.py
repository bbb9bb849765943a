"""What docs/scaling.md says is what tools/sizing.py computes."""

import pytest

from tests.rendered import PRODUCTION, of_kind
from tools import manifests, sizing

PAGE = (manifests.ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("table", [sizing.sizes_table, sizing.limits_table], ids=["sizes", "limits"])
def test_the_tables_on_the_page_are_computed(table: object) -> None:
    """Whoever changes a cost changes the page: `python tools/sizing.py` prints what belongs there."""
    assert callable(table)
    assert table() in PAGE


def test_the_historic_peak_by_hand() -> None:
    """1,333 registrations and 64,000 reads a second: 0.15 + 3.46 processors, 7 doors at 60 %."""
    size = sizing.size(80_000)
    assert (round(size.registrations), round(size.status_reads)) == (1_333, 64_000)
    assert size.doors == 7  # (1,333 × 113 µs + 64,000 × 54 µs) / 0.6 = 6.01
    assert size.workers == {"nik": 2, "email": 7, "phone": 2}  # 0.85, 3.73 and 0.48 processors
    assert size.sessions == (7 + 2 + 7 + 2) * 6


def test_sizes_grow_with_the_rush_but_streams_do_not() -> None:
    """Ten times the rush is ten times the work; a stream is capped whatever comes."""
    one, ten = sizing.size(80_000), sizing.size(800_000)
    assert ten.database_write_cores == pytest.approx(10 * one.database_write_cores)
    assert ten.valkey_megabytes == one.valkey_megabytes


def test_production_may_grow_to_what_the_peak_needs() -> None:
    """The scalers' upper ends lie above the sums, and the sums hold for the pool and the sessions of the manifests."""
    size = sizing.size(sizing.PEAK_PER_MINUTE)
    (door,) = of_kind(PRODUCTION, "HorizontalPodAutoscaler")
    assert door["spec"]["maxReplicas"] >= size.doors
    for scaled in of_kind(PRODUCTION, "ScaledObject"):
        kind = scaled["metadata"]["labels"]["gelombang.example/kind"]
        assert scaled["spec"]["maxReplicaCount"] >= size.workers.get(kind, 0)
    (cluster,) = of_kind(PRODUCTION, "Cluster")
    allowed = int(cluster["spec"]["postgresql"]["parameters"]["max_connections"])
    assert allowed == sizing.SESSIONS_WITHOUT_POOLER
