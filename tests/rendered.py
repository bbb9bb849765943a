"""What the overlays under k8s/ render to, and questions that several tests ask of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tools import manifests
from tools.manifests import MANIFESTS, Resource

PRODUCTION = MANIFESTS / "overlays" / "production"
OVERLAYS = manifests.overlays()
PEOPLE = [overlay for overlay in OVERLAYS if overlay.name not in {"dev", "proof"}]  # where people's data are
COMPONENT = "app.kubernetes.io/component"
KIND = "gelombang.example/kind"

each_overlay = pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.name)
each_for_people = pytest.mark.parametrize("overlay", PEOPLE, ids=lambda path: path.name)


def of_kind(overlay: Path, *kinds: str) -> Sequence[Resource]:
    return [resource for resource in manifests.render(overlay) if resource["kind"] in kinds]


def workloads(overlay: Path) -> Sequence[Resource]:
    return of_kind(overlay, "Deployment", "StatefulSet", "Job")


def ours(overlay: Path) -> Sequence[Resource]:
    """The door and the workers."""
    return [load for load in workloads(overlay) if component(load) in {"door", "worker"}]


def pod(workload: Resource) -> Mapping[str, Any]:
    spec: Mapping[str, Any] = workload["spec"]["template"]["spec"]
    return spec


def pod_labels(workload: Resource) -> Mapping[str, str]:
    labels: Mapping[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return labels


def component(workload: Resource) -> str:
    return pod_labels(workload)[COMPONENT]


def containers(workload: Resource) -> Sequence[Mapping[str, Any]]:
    return [*pod(workload).get("initContainers", ()), *pod(workload)["containers"]]


def settings_map(overlay: Path) -> Mapping[str, str]:
    found = [
        item for item in of_kind(overlay, "ConfigMap") if item["metadata"]["name"].startswith("gelombang-settings")
    ]
    assert len(found) == 1
    data: Mapping[str, str] = found[0]["data"]
    return data


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector matches, as Kubernetes reads it."""
    if any(labels.get(name) != value for name, value in selector.get("matchLabels", {}).items()):
        return False
    for rule in selector.get("matchExpressions", ()):
        value = labels.get(rule["key"])
        if rule["operator"] == "In" and value not in rule["values"]:
            return False
        if rule["operator"] == "Exists" and value is None:
            return False
    return True
