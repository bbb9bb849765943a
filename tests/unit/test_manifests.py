"""The manifests under k8s/ fit their schemas, and name only what the program has."""

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from gelombang.__main__ import app
from monitoring.metrics import Metrics
from registration.checks import Kind
from registration.settings import PREFIX, descriptions, read
from tests.rendered import (
    KIND,
    OVERLAYS,
    PRODUCTION,
    component,
    containers,
    each_overlay,
    of_kind,
    ours,
    pod_labels,
    settings_map,
    workloads,
)
from tools import manifests
from tools.manifests import MANIFESTS, Resource

# Schemas


@each_overlay
def test_every_resource_fits_its_schema_strictly(overlay: Path) -> None:
    """A field that Kubernetes or an operator does not know is found before it is applied."""
    assert [problem for resource in manifests.render(overlay) for problem in manifests.problems(resource)] == []


def kinds_of_resources() -> Sequence[str]:
    return sorted({resource["kind"] for overlay in OVERLAYS for resource in manifests.render(overlay)})


# Below these, names are free: no schema can know them.
FREE = {"labels", "annotations", "matchLabels", "data", "requests", "limits", "parameters", "metadata", "selector"}


def with_typos(resource: Resource) -> Iterator[tuple[str, Resource]]:
    """The resource once for each of its fields, with that field misspelt."""
    for place in places(resource, ()):
        wrong = copy.deepcopy(dict(resource))
        parent: Any = wrong
        for step in place[:-1]:
            parent = parent[step]
        parent[f"{place[-1]}x"] = parent.pop(place[-1])
        yield ".".join(map(str, place)), wrong


def places(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401 - a JSON value
    if isinstance(value, Mapping):
        for key, below in value.items():
            if not path and key in {"apiVersion", "kind"}:
                continue  # these say which schema it is
            yield (*path, key)
            if key not in FREE or (*path, key) == ("metadata",):
                yield from places(below, (*path, key))
    elif isinstance(value, list):
        for number, below in enumerate(value):
            yield from places(below, (*path, number))


@pytest.mark.parametrize("kind", kinds_of_resources())
def test_a_typo_in_any_field_is_caught(kind: str) -> None:
    """Each field of each kind of resource, misspelt, fails the check."""
    resource = next(item for overlay in OVERLAYS for item in manifests.render(overlay) if item["kind"] == kind)
    tried = {place: list(manifests.problems(wrong)) for place, wrong in with_typos(resource)}
    assert tried
    assert [place for place, found in tried.items() if not found] == []


# What the manifests name is what the program has


@each_overlay
def test_every_setting_that_is_named_exists_and_can_be_read(overlay: Path) -> None:
    """A misspelt variable would be ignored in silence; a value of the wrong form would stop the pod."""
    known = {description.variable for description in descriptions()}
    named = set(settings_map(overlay))
    for workload in workloads(overlay):
        named |= {item["name"] for box in containers(workload) for item in box.get("env", ())}
    for secret in of_kind(overlay, "ExternalSecret"):
        named |= {item["secretKey"] for item in secret["spec"]["data"]}
    assert {name for name in named if name.startswith(PREFIX)} - known == set()
    read({"GELOMBANG_DATABASE_URL": "x", "GELOMBANG_REDIS_URL": "x", **settings_map(overlay)})


@each_overlay
def test_secrets_are_no_settings_in_a_config_map(overlay: Path) -> None:
    """What `gelombang config show` redacts stands in Secrets only. The key ring's variable is only a path."""
    secret = {description.variable for description in descriptions() if description.secret} - {"GELOMBANG_KEYS"}
    assert secret & settings_map(overlay).keys() == set()
    assert settings_map(overlay)["GELOMBANG_KEYS"].startswith("/etc/gelombang/keys/")


@each_overlay
def test_every_command_line_is_one_of_the_program(overlay: Path) -> None:
    """`gelombang` has each command that a container is started with, and its arguments parse."""
    program: Any = get_command(app)
    for workload in workloads(overlay):
        if containers(workload)[0]["image"].rpartition("/")[2].partition(":")[0] != "gelombang":
            continue
        kind = pod_labels(workload).get(KIND, "")
        command, *arguments = [item.replace("$(KIND)", kind) for item in containers(workload)[0]["args"]]
        program.commands[command].make_context(command, list(arguments))


@each_overlay
def test_every_kind_has_its_workers(overlay: Path) -> None:
    """Each kind of check has a StatefulSet of its own: to add one, copy a folder of k8s/base/workers and list it."""
    kinds = [pod_labels(load)[KIND] for load in of_kind(overlay, "StatefulSet") if component(load) == "worker"]
    assert sorted(kinds) == sorted(Kind)


@each_overlay
def test_a_workers_slot_is_its_pods_stable_name(overlay: Path) -> None:
    """A consumer's name outlives the process, so that it finds again what it held."""
    for workload in ours(overlay):
        if component(workload) == "worker":
            assert workload["kind"] == "StatefulSet"
            names = {item["name"]: item.get("valueFrom") for item in containers(workload)[0]["env"]}
            assert names["GELOMBANG_CONSUMER"] == {"fieldRef": {"fieldPath": "metadata.name"}}


def metric_names() -> frozenset[str]:
    """Every series a process shows, as a query names it."""
    text = Metrics().exposition().decode()
    families = re.findall(r"^# TYPE (\S+) (\w+)$", text, re.MULTILINE)
    ends = {"histogram": ("_bucket", "_sum", "_count")}
    return frozenset(name + end for name, kind in families for end in ends.get(kind, ("",)))


def test_every_metric_that_scaling_asks_for_exists() -> None:
    """A query for a metric that nobody emits would scale nothing, silently."""
    text = "\n".join(path.read_text("utf-8") for path in (MANIFESTS / "components" / "autoscaling").glob("*.yaml"))
    made = set(re.findall(r"as: (gelombang_\w+)", text))
    asked = set(re.findall(r"\bgelombang_\w+", text)) - made
    assert asked
    assert asked - metric_names() == set()
    (door,) = of_kind(PRODUCTION, "HorizontalPodAutoscaler")
    custom = {item["pods"]["metric"]["name"] for item in door["spec"]["metrics"] if item["type"] == "Pods"}
    assert custom == made
