"""The manifests under k8s/ do what keeps the system safe: pods, scaling, stores, network."""

import ipaddress
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from registration.checks import Kind
from registration.settings import read
from registration.streams import keys
from tests.rendered import (
    KIND,
    PRODUCTION,
    component,
    containers,
    each_for_people,
    each_overlay,
    of_kind,
    ours,
    pod,
    pod_labels,
    selects,
    settings_map,
    workloads,
)
from tools import manifests
from tools.manifests import MANIFESTS

# The example ranges of components/network-policy/outside.yaml, by who may reach them.
REGISTRIES = {"nik": ipaddress.ip_network("10.200.0.0/28"), "student": ipaddress.ip_network("10.205.0.0/28")}
SECRETS_OF_ONE_KIND = {
    "gelombang-ministry": "nik",
    "gelombang-student": "student",
    "gelombang-mail": "email",
    "gelombang-sms": "phone",
}
OBJECT_KINDS = {"", "photo"}  # doors write what comes in, photo workers read it
CONNECTION_RESERVE = 0.25  # for cancellations (each opens a connection), migrations, commands, the operator


# What every pod must be


@each_overlay
def test_pods_are_restricted_and_cannot_write_to_their_image(overlay: Path) -> None:
    """Pod Security "restricted", and what it does not ask for: a read-only root, no token, no service links."""
    for workload in workloads(overlay):
        spec = pod(workload)
        assert spec["automountServiceAccountToken"] is False, manifests.name(workload)
        assert spec["enableServiceLinks"] is False  # its variables could read like settings
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] >= 10_000
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        assert {"secret", "configMap"} >= {
            kind for volume in spec.get("volumes", ()) for kind in volume.keys() - {"name"}
        }
        for container in containers(workload):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
    namespaces = of_kind(overlay, "Namespace")
    assert [item["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] for item in namespaces] == ["restricted"]


@each_overlay
def test_pods_say_what_they_need_and_are_asked_how_they_are(overlay: Path) -> None:
    """The scheduler knows requests, memory has a limit, and whatever serves is probed on the right port."""
    for workload in workloads(overlay):
        for container in containers(workload):
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), manifests.name(workload)
            assert "memory" in container["resources"]["limits"]
            if workload["kind"] != "Job":
                assert {"livenessProbe", "readinessProbe"} <= container.keys()
    for workload in ours(overlay):
        container = containers(workload)[0]
        assert (container["livenessProbe"]["httpGet"]["path"], container["readinessProbe"]["httpGet"]["path"]) == (
            "/livez",
            "/readyz",
        )
        probed = {container[probe]["httpGet"]["port"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")}
        assert probed == {"admin"}
        ports = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
        assert ports["admin"] == settings_map(overlay)["GELOMBANG_ADMIN_PORT"]
        assert ports.get("http", "8080") == settings_map(overlay)["GELOMBANG_PORT"]
    assert settings_map(overlay)["GELOMBANG_ADMIN_HOST"] == "0.0.0.0"  # noqa: S104 - else no probe reaches it


@each_overlay
def test_a_pod_has_the_time_to_stop_in_order(overlay: Path) -> None:
    """Waiting for the endpoints to forget it, draining and closing all fit into the grace period, with room."""
    drain = float(settings_map(overlay)["GELOMBANG_DRAIN_SECONDS"])
    for workload in ours(overlay):
        hook = containers(workload)[0].get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        assert pod(workload)["terminationGracePeriodSeconds"] >= hook + drain + 10
        assert component(workload) != "door" or hook >= 5


@each_overlay
def test_what_serves_is_spread_and_is_not_evicted_all_at_once(overlay: Path) -> None:
    """Door and workers stand in several zones and hosts, and a drained node takes one pod of each at a time."""
    budgets = of_kind(overlay, "PodDisruptionBudget")
    for workload in ours(overlay):
        matching = [budget for budget in budgets if selects(budget["spec"]["selector"], pod_labels(workload))]
        assert [budget["spec"]["maxUnavailable"] for budget in matching] == [1], manifests.name(workload)
        spread = pod(workload)["topologySpreadConstraints"]
        assert {rule["topologyKey"] for rule in spread} == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
        assert all(selects(rule["labelSelector"], pod_labels(workload)) for rule in spread)


# Scaling


@each_for_people
def test_workers_scale_on_what_hangs_and_on_what_waits(overlay: Path) -> None:
    """Two workers at least, a fallback, every stream of the kind, and the oldest age (which a capped stream hides)."""
    scaled = {item["spec"]["scaleTargetRef"]["name"]: item for item in of_kind(overlay, "ScaledObject")}
    assert scaled.keys() == {f"worker-{kind}" for kind in Kind}
    for kind in Kind:
        spec = scaled[f"worker-{kind}"]["spec"]
        assert spec["minReplicaCount"] >= 2
        assert spec["fallback"]["replicas"] >= spec["minReplicaCount"]
        streams = [item["metadata"] for item in spec["triggers"] if item["type"] == "redis-streams"]
        assert [item["stream"] for item in streams] == list(keys.streams(kind))
        assert not any("lagCount" in item for item in streams)
        (oldest,) = [item["metadata"] for item in spec["triggers"] if item["type"] == "prometheus"]
        namespace = of_kind(overlay, "Namespace")[0]["metadata"]["name"]
        assert oldest["query"] == f'max(gelombang_oldest_due_seconds{{namespace="{namespace}",kind="{kind}"}})'
        assert {item["address"] for item in streams} == {f"valkey.{namespace}.svc:6379"}


@each_for_people
def test_what_is_scaled_has_no_number_in_the_manifest(overlay: Path) -> None:
    """Applying again in the middle of a rush must not throw pods away."""
    targets = [item["spec"]["scaleTargetRef"] for item in of_kind(overlay, "HorizontalPodAutoscaler", "ScaledObject")]
    named = {(item["kind"], item["name"]) for item in targets}
    scaled = [load for load in workloads(overlay) if (load["kind"], load["metadata"]["name"]) in named]
    assert len(scaled) == len(named)
    assert not any("replicas" in load["spec"] for load in scaled)


def most_connections(overlay: Path) -> int:
    """Sessions of PostgreSQL when everything is scaled to the full, and a rollout adds one pod to each."""
    most: int = sum(item["spec"]["maxReplicas"] + 1 for item in of_kind(overlay, "HorizontalPodAutoscaler"))
    most += sum(item["spec"]["maxReplicaCount"] for item in of_kind(overlay, "ScaledObject"))
    return most * int(settings_map(overlay)["GELOMBANG_DATABASE_POOL_SIZE"])


@each_for_people
def test_postgresql_has_a_session_for_every_pool_and_to_spare(overlay: Path) -> None:
    """Without a pooler the sessions are bounded by arithmetic alone."""
    (cluster,) = of_kind(overlay, "Cluster")
    allowed = int(cluster["spec"]["postgresql"]["parameters"]["max_connections"])
    assert most_connections(overlay) <= allowed * (1 - CONNECTION_RESERVE)


# The stores


@each_for_people
def test_a_commit_is_on_two_machines_before_it_is_acknowledged(overlay: Path) -> None:
    """202 must survive the loss of a machine: a synchronous standby, and no falling back to one disk."""
    (cluster,) = of_kind(overlay, "Cluster")
    assert cluster["spec"]["instances"] >= 3
    assert cluster["spec"]["postgresql"]["synchronous"] == {"method": "any", "number": 1, "dataDurability": "required"}
    assert cluster["spec"]["affinity"]["podAntiAffinityType"] == "required"
    assert not {"fsync", "synchronous_commit", "full_page_writes"} & cluster["spec"]["postgresql"]["parameters"].keys()
    assert "walStorage" in cluster["spec"]


@each_for_people
def test_the_database_is_backed_up_and_forgets_in_time(overlay: Path) -> None:
    """Log and base backups go to object storage; nothing is kept past the 72 hours that erasing a person may take."""
    (cluster,) = of_kind(overlay, "Cluster")
    (plugin,) = cluster["spec"]["plugins"]
    (store,) = of_kind(overlay, "ObjectStore")
    (schedule,) = of_kind(overlay, "ScheduledBackup")
    assert plugin["isWALArchiver"] is True
    assert plugin["parameters"]["barmanObjectName"] == store["metadata"]["name"]
    assert schedule["spec"]["cluster"]["name"] == cluster["metadata"]["name"]
    assert store["spec"]["retentionPolicy"] == "3d"


def test_two_places_never_share_a_backup() -> None:
    """Staging must not write over production's archive."""
    production, staging = (of_kind(PRODUCTION.parent / name, "ObjectStore")[0] for name in ("production", "staging"))
    assert production["spec"]["configuration"]["destinationPath"] != staging["spec"]["configuration"]["destinationPath"]


@each_overlay
def test_valkey_keeps_a_log_and_evicts_nothing(overlay: Path) -> None:
    """AOF on, noeviction, and memory for full streams below the container's limit."""
    (config,) = [item for item in of_kind(overlay, "ConfigMap") if "valkey.conf" in item["data"]]
    lines = config["data"]["valkey.conf"].splitlines()
    assert {"appendonly yes", "appendfsync everysec", "maxmemory-policy noeviction"} <= set(lines)
    megabytes = next(int(line.split()[1].removesuffix("mb")) for line in lines if line.startswith("maxmemory "))
    (valkey,) = [load for load in workloads(overlay) if component(load) == "valkey"]
    limit = int(containers(valkey)[0]["resources"]["limits"]["memory"].removesuffix("Mi"))
    assert megabytes * 2 <= limit  # rewriting the log copies pages


# The network


def networks_that(overlay: Path, labels: Mapping[str, str]) -> Sequence[Any]:
    """Address ranges that a pod with these labels may reach."""
    return [
        ipaddress.ip_network(peer["ipBlock"]["cidr"])
        for policy in of_kind(overlay, "NetworkPolicy")
        if selects(policy["spec"]["podSelector"], labels)
        for rule in policy["spec"].get("egress", ())
        for peer in rule["to"]
        if "ipBlock" in peer
    ]


@each_for_people
def test_nothing_is_open_that_no_policy_opens(overlay: Path) -> None:
    """Everything is denied first, and no rule is without a peer or a port."""
    policies = of_kind(overlay, "NetworkPolicy")
    (deny,) = [item for item in policies if item["metadata"]["name"] == "default-deny"]
    assert deny["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for policy in policies:
        assert all(rule.get("to") for rule in policy["spec"].get("egress", ())), manifests.name(policy)
        assert all(rule.get("from") for rule in policy["spec"].get("ingress", ()))
        assert all("ports" in rule for way in ("ingress", "egress") for rule in policy["spec"].get(way, ()))


@each_for_people
def test_no_stand_in_and_no_load_is_near_peoples_data(overlay: Path) -> None:
    """A stand-in ministry would agree with everybody."""
    assert {component(load) for load in workloads(overlay)} == {"door", "worker", "migration", "valkey"}


@each_for_people
def test_only_its_own_workers_reach_a_registry(overlay: Path) -> None:
    """Neither the front door nor any other pod has a way to a registry, or its password."""
    database = {"cnpg.io/cluster": "gelombang-db", "cnpg.io/podRole": "instance"}
    for kind, registry in REGISTRIES.items():
        for workload in workloads(overlay):
            reaches = any(network.overlaps(registry) for network in networks_that(overlay, pod_labels(workload)))
            assert reaches == (pod_labels(workload).get(KIND) == kind), manifests.name(workload)
        assert not any(network.overlaps(registry) for network in networks_that(overlay, database))


@each_overlay
def test_a_kinds_secrets_are_its_own(overlay: Path) -> None:
    """Whoever breaks into one kind of worker finds no password of another."""
    for workload in workloads(overlay):
        text = repr(pod(workload))
        if component(workload) in {"door", "worker"}:
            assert ("'gelombang-objects'" in text) == (pod_labels(workload).get(KIND, "") in OBJECT_KINDS)
        for secret, kind in SECRETS_OF_ONE_KIND.items():
            assert (f"'{secret}'" in text) == (pod_labels(workload).get(KIND) == kind), manifests.name(workload)


@each_overlay
def test_the_route_waits_longer_than_the_door_needs(overlay: Path) -> None:
    """A gateway that gives up first would turn honest answers into errors."""
    settings = read({"GELOMBANG_DATABASE_URL": "x", "GELOMBANG_REDIS_URL": "x", **settings_map(overlay)})
    (route,) = of_kind(overlay, "HTTPRoute")
    (rule,) = route["spec"]["rules"]
    limits = {name: float(value.removesuffix("s")) for name, value in rule["timeouts"].items()}
    assert limits["backendRequest"] > settings.body_timeout_seconds + settings.database_timeout_seconds
    assert limits["request"] > limits["backendRequest"]


# Restoring


def test_the_restored_database_is_new_and_everything_uses_it() -> None:
    """`restore` reads the old archive, writes under another name, and moves every pod to the new cluster."""
    restored = MANIFESTS / "overlays" / "production-restored"
    (cluster,) = of_kind(restored, "Cluster")
    assert (cluster["metadata"]["name"], cluster["spec"]["bootstrap"].keys()) == ("gelombang-db-restored", {"recovery"})
    (source,) = cluster["spec"]["externalClusters"]
    assert cluster["spec"]["bootstrap"]["recovery"]["source"] == source["name"]
    assert source["plugin"]["parameters"]["serverName"] == "gelombang-db"
    for workload in [*ours(restored), *of_kind(restored, "Job")]:
        variables = {item["name"]: item["valueFrom"] for item in containers(workload)[0]["env"]}
        secret = variables["GELOMBANG_DATABASE_URL"]["secretKeyRef"]
        assert secret == {"name": "gelombang-db-restored-app", "key": "uri"}, manifests.name(workload)
