"""The production image holds what it must run, and nothing that only a developer's machine needs."""

import importlib.metadata
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.rendered import PRODUCTION, component, ours, pod
from tools import manifests

ROOT = manifests.ROOT
CONTAINERFILE = (ROOT / "Containerfile").read_text(encoding="utf-8")
FINAL_STAGE = CONTAINERFILE[CONTAINERFILE.rindex("\nFROM ") :]
LEFT_OUT = ("simulators", "loadtest")
# One of each, with what an operator types in a production pod.
COMMANDS = [
    ["--help"],
    ["ingest"],
    ["worker", "nik"],
    ["migrate", "--phase", "before"],
    ["ledger"],
    ["dead", "list"],
    ["keys", "list"],
    ["subject", "export", "--help"],
    ["config", "show"],
]
# Runs every command in one interpreter that cannot import what the image leaves out; prints what could not be imported.
PROGRAM = """
import json, sys
absent, commands = json.load(sys.stdin)

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"not in the image: {name}")

sys.meta_path.insert(0, Absent())
from typer.testing import CliRunner
from gelombang.__main__ import app

wanted = {}
for command in commands:
    error = CliRunner().invoke(app, command).exception
    if isinstance(error, ImportError):
        wanted[" ".join(command)] = str(error)
print(json.dumps(wanted))
"""


def pinned(file: str) -> set[str]:
    text = (ROOT / "requirements" / file).read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z0-9._-]+)==", text, re.MULTILINE))


def test_production_commands_need_nothing_that_the_image_leaves_out() -> None:
    """Door, workers, migrations and the operators' commands run with runtime.txt alone."""
    extra = pinned("dev.txt") - pinned("runtime.txt")
    assert extra
    tops = importlib.metadata.packages_distributions()
    absent = [
        top for top, owners in tops.items() if {re.sub(r"[-_.]+", "-", owner).lower() for owner in owners} <= extra
    ]
    environment = {
        "PATH": os.environ["PATH"],
        "GELOMBANG_DATABASE_URL": "postgresql://127.0.0.1:1/nowhere",
    }
    done = subprocess.run(  # noqa: S603 - our own text
        [sys.executable, "-c", PROGRAM],
        input=json.dumps([[*absent, *LEFT_OUT], COMMANDS]),
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout.splitlines()[-1]) == {}


def test_the_image_installs_only_what_is_locked_by_hash() -> None:
    """Each requirement file that it names is there with hashes; pip resolves nothing and builds nothing from source."""
    installs = re.findall(r"pip [^\n&|]*install [^\n]+", CONTAINERFILE)
    for line in installs:
        if "--requirement" in line:
            file = ROOT / re.findall(r"--requirement (\S+)", line)[0]
            assert "--hash=sha256:" in file.read_text(encoding="utf-8")
            assert "--only-binary :all:" in line
        else:
            assert line.split()[-1] == "/tmp/wheel/*.whl"  # noqa: S108 - inside the image
    assert "PIP_REQUIRE_HASHES=1" in CONTAINERFILE
    assert "PIP_NO_DEPS=1" in CONTAINERFILE


def test_every_copied_path_exists_and_every_package_is_copied() -> None:
    """A package that is added to the project is not forgotten in the image."""
    copied = {
        source.rstrip("/")
        for line in re.findall(r"^COPY (?!--from)(.+)$", CONTAINERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert [path for path in copied if not (ROOT / path).exists()] == []
    packages = re.findall(r"^packages = \[(.+)\]$", (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)[0]
    assert {name.strip().strip('"') for name in packages.split(",")} <= copied
    seen = {line[1:].rstrip("/") for line in (ROOT / ".containerignore").read_text("utf-8").split() if line[0] == "!"}
    assert seen == copied


@pytest.mark.parametrize("name", LEFT_OUT)
def test_the_last_stage_comes_without(name: str) -> None:
    """Stand-ins and load tests are removed from what production copies."""
    production = CONTAINERFILE.split("AS build-production")[1].split("\nFROM ")[0]
    assert f"site-packages/{name}" in production
    assert "COPY --from=build-production" in FINAL_STAGE


def test_the_image_runs_as_the_user_that_the_manifests_name() -> None:
    """No root, and one number in both places; the ports are those that are opened."""
    user = int(re.findall(r"^USER (\d+):\1$", FINAL_STAGE, re.MULTILINE)[0])
    assert {pod(load)["securityContext"]["runAsUser"] for load in ours(PRODUCTION)} == {user}
    exposed = set(re.findall(r"^EXPOSE (.+)$", FINAL_STAGE, re.MULTILINE)[0].split())
    (door,) = [load for load in ours(PRODUCTION) if component(load) == "door"]
    assert exposed == {str(port["containerPort"]) for port in pod(door)["containers"][0]["ports"]}
    assert 'ENTRYPOINT ["gelombang"]' in FINAL_STAGE


def test_locust_finds_the_waves_in_the_image() -> None:
    """The path in the stage `local` holds the base image's version of Python."""
    (version,) = re.findall(r"/python:(3\.\d+)\.", CONTAINERFILE)
    (path,) = re.findall(r"LOCUST_LOCUSTFILE=\S+/(python3\.\d+)/site-packages/(\S+)", CONTAINERFILE)
    assert path[0] == f"python{version}"
    assert (ROOT / path[1]).exists()


def test_base_images_are_pinned_by_tag() -> None:
    """Nothing is built on what `latest` happens to be that day."""
    bases = [name for name in re.findall(r"^FROM (\S+)", CONTAINERFILE, re.MULTILINE) if "/" in name]
    assert bases
    assert all(re.fullmatch(r".+:\d+\.\d+\.\d+-\S+", base) for base in bases)


def test_overlays_that_hold_peoples_data_pin_their_images() -> None:
    """The same for what Kubernetes pulls."""
    images = [image for load in ours(PRODUCTION) for image in [pod(load)["containers"][0]["image"]]]
    assert all(re.fullmatch(r".+/.+:\d+\.\d+\.\d+", image) for image in images)
    text = Path(PRODUCTION / "kustomization.yaml").read_text(encoding="utf-8")
    assert all("newTag" in image for image in yaml.safe_load(text)["images"])
