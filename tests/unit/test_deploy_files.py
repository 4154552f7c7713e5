"""What lies in deploy/, checked with the tools of those who read it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from configs.environment import PROJECT_ROOT
from serve_app.local_service import DOOR, PROXY_CALLBACK

DEPLOY = PROJECT_ROOT / "deploy"
DOCKERFILE = DEPLOY / "Dockerfile"
HADOLINT = Path(sys.executable).with_name("hadolint")


def documents(name):
    return list(yaml.safe_load_all((DEPLOY / name).read_text(encoding="utf-8")))


def test_hadolint_finds_nothing():
    done = subprocess.run([HADOLINT, DOCKERFILE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_hadolint_would_find_something(tmp_path):
    careless = tmp_path / "Dockerfile"
    careless.write_text(DOCKERFILE.read_text().replace("USER 1000", "USER root"))
    done = subprocess.run([HADOLINT, careless], capture_output=True, text=True, check=False)
    assert "DL3002" in done.stdout


def test_the_image_runs_as_nobody_special_and_says_how_it_is():
    lines = DOCKERFILE.read_text().splitlines()
    users = [line for line in lines if line.startswith("USER ")]
    assert users == ["USER 1000"]
    assert any(line.startswith("HEALTHCHECK ") for line in lines)
    assert "://" not in DOCKERFILE.read_text().replace("http://127.0.0.1", "")


def test_rays_proxies_in_the_image_have_our_door():
    assert f"{PROXY_CALLBACK}={DOOR}" in DOCKERFILE.read_text()


def test_every_file_that_the_image_copies_or_calls_is_there():
    text = DOCKERFILE.read_text()
    for name in re.findall(r"deploy/\w+\.sh", text):
        assert (PROJECT_ROOT / name).is_file()
    for variant in ("cpu", "cuda"):
        assert (PROJECT_ROOT / f"configs/container-{variant}.yaml").is_file()
    assert "configs/container-${VARIANT}.yaml" in text


@pytest.mark.parametrize("name", ["install_packages.sh", "fetch_models.sh"])
def test_a_wrong_build_argument_is_named(name, tmp_path):
    arguments = ["quantum"] if name == "install_packages.sh" else [str(tmp_path), "quantum"]
    done = subprocess.run(
        ["sh", DEPLOY / name, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "quantum: use cpu or cuda" in done.stderr or "quantum: use cosyvoice2" in done.stderr


def test_the_locked_versions_satisfy_what_the_image_asks_for():
    """The image takes pyproject.toml's requirements, held to requirements.lock."""
    import tomllib

    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["project"]
    lines = (PROJECT_ROOT / "requirements.lock").read_text().splitlines()
    locked = {
        requirement.name.lower(): next(iter(requirement.specifier)).version
        for line in lines
        if not line.startswith("#") and (requirement := Requirement(line))
    }
    extras = project["optional-dependencies"]
    for line in [*project["dependencies"], *extras["embedded"], *extras["s3"]]:
        requirement = Requirement(line)
        version = locked[requirement.name.lower()]
        assert requirement.specifier.contains(version), f"{line}: {version} is locked"


def test_compose_builds_both_variants_behind_loopback():
    (compose,) = documents("compose.yaml")
    services = compose["services"]
    variants = {name: service["build"]["args"]["VARIANT"] for name, service in services.items()}
    assert variants == {"tts": "cpu", "tts-gpu": "cuda"}
    for service in services.values():
        assert service["build"]["dockerfile"] == "deploy/Dockerfile"
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        assert service["cap_drop"] == ["ALL"]


def test_kuberay_serves_what_serve_config_says():
    service = documents("kuberay/rayservice.yaml")[0]["spec"]
    told = (PROJECT_ROOT / "serve_config.yaml").read_text()
    assert service["serveConfigV2"].strip() == told.strip(), "copy serve_config.yaml there"


def test_kuberay_has_room_for_what_serve_config_starts():
    """Every replica fits into a worker, and the least replicas into the least workers."""
    service = documents("kuberay/rayservice.yaml")[0]["spec"]
    cluster, config = service["rayClusterConfig"], yaml.safe_load(service["serveConfigV2"])
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    room = {}
    for group in cluster["workerGroupSpecs"]:
        (container,) = group["template"]["spec"]["containers"]
        limits = container["resources"]["limits"]
        gpus = int(limits.get("nvidia.com/gpu", 0))
        room[group["groupName"]] = (group["minReplicas"], int(limits["cpu"]), gpus)
    assert room["cpu"][2] == 0
    assert room["gpu"][2] == 1
    wanted_cpus = wanted_gpus = 0.0
    for deployment in config["applications"][0]["deployments"]:
        options = deployment["ray_actor_options"]
        least = deployment.get("autoscaling_config", {}).get("min_replicas", 1)
        assert options["num_cpus"] <= 4
        wanted_cpus += least * options["num_cpus"]
        wanted_gpus += least * options.get("num_gpus", 0)
    assert wanted_cpus <= sum(least * cpus for least, cpus, _ in room.values())
    assert wanted_gpus <= sum(least * gpus for least, _, gpus in room.values())


def test_kuberay_names_the_ray_that_is_locked():
    cluster = documents("kuberay/rayservice.yaml")[0]["spec"]["rayClusterConfig"]
    assert f"ray=={cluster['rayVersion']}" in (PROJECT_ROOT / "requirements.lock").read_text()
    assert cluster["authOptions"] == {"mode": "token"}
    redis = cluster["gcsFaultToleranceOptions"]["redisAddress"].partition(":")[0]
    kinds = {d["kind"]: d["metadata"]["name"] for d in documents("kuberay/rayservice.yaml")}
    assert kinds["Service"] == redis


@pytest.fixture
def unit(tmp_path):
    """The systemd unit, with a program that is on this machine."""
    systemd = shutil.which("systemd-analyze")
    if systemd is None:
        pytest.skip("systemd-analyze is not installed")
    text = (DEPLOY / "systemd/cosyvoice-mms.service").read_text()
    assert "/opt/cosyvoice-mms/.venv/bin/python -m serve_app" in text
    file = tmp_path / "tts-under-test.service"
    file.write_text(text.replace("/opt/cosyvoice-mms/.venv/bin/python", "/bin/sh"))
    return systemd, file


def test_systemd_understands_the_unit(unit):
    systemd, file = unit
    done = subprocess.run([systemd, "verify", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert file.name not in done.stderr, done.stderr


def test_systemd_finds_the_unit_little_exposed(unit):
    systemd, file = unit
    done = subprocess.run(
        [systemd, "security", "--offline=yes", "--threshold=40", file],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze cannot judge files")
    assert done.returncode == 0, done.stdout[-2000:]
