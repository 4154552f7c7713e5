import re
from pathlib import Path

import pytest
import yaml

from configs.environment import PROJECT_ROOT, read_environment
from serve_app.profile import ProfileError, load_profile

SHIPPED = sorted(
    path
    for pattern in ("*.yaml", "configs/*.yaml", "tests/serve/*.yaml")
    for path in PROJECT_ROOT.glob(pattern)
)
NO_ENVIRONMENT = read_environment({})


@pytest.mark.parametrize("path", SHIPPED, ids=[path.name for path in SHIPPED])
def test_every_shipped_profile_is_sound(path):
    profile = load_profile(path, NO_ENVIRONMENT)
    assert {app.import_path for app in profile.applications} == {"serve_app:build"}


def test_the_profiles_that_the_documents_name_are_shipped():
    assert {"serve_config.yaml", "embedded.yaml"} <= {path.name for path in SHIPPED}


def test_production_scales_and_pushes_back():
    profile = load_profile(PROJECT_ROOT / "serve_config.yaml", NO_ENVIRONMENT)
    (application,) = profile.applications
    deployments = {deployment.name: deployment for deployment in application.deployments}
    assert deployments.pop("Accounts").num_replicas == 1
    assert set(deployments) == {"Ingress", "AudioProcessor", "CosyVoice", "MMS"}
    for deployment in deployments.values():
        assert deployment.autoscaling_config["max_replicas"] > 1
        assert deployment.health_check_period_s
        assert deployment.graceful_shutdown_timeout_s
    assert deployments["CosyVoice"].ray_actor_options.num_gpus == 1
    assert 0 < deployments["MMS"].ray_actor_options.num_gpus < 1
    for name in ("AudioProcessor", "CosyVoice", "MMS"):
        assert deployments[name].backpressure_config.status_code == 429
        assert deployments[name].max_queued_requests > 0
    assert profile.logging_config.encoding == "JSON"
    assert application.args["engines"]["cosyvoice"]["engine"] == "cosyvoice"


def change(tmp_path, *keys, value):
    """The embedded profile with one value changed."""
    document = yaml.safe_load((PROJECT_ROOT / "configs/embedded.yaml").read_text())
    place = document
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    file = tmp_path / "profile.yaml"
    file.write_text(yaml.safe_dump(document))
    return file


APP = ("applications", 0)
DEPLOYMENT = (*APP, "deployments", 2)


@pytest.mark.parametrize(
    ("keys", "value", "fault"),
    [
        (("http_option",), {"port": 1}, "http_option: unknown key"),
        (("http_options", "prot"), 8001, "http_options.prot: unknown key"),
        ((*APP, "argz"), {}, "applications.argz: unknown key"),
        ((*DEPLOYMENT, "max_ongoing_request"), 7, "max_ongoing_request: unknown key"),
        ((*DEPLOYMENT, "ray_actor_options"), {"num_gpu": 1}, "num_gpu: unknown key"),
        ((*DEPLOYMENT, "autoscaling_config"), {"upscale_delay": 1}, "upscale_delay: unknown"),
        ((*DEPLOYMENT, "request_router_config"), {"router": "x"}, "router: unknown key"),
        ((*DEPLOYMENT, "backpressure_config"), {"status": 429}, "status: unknown key"),
        ((*DEPLOYMENT, "name"), "CosyVoise", "CosyVoise"),
        ((*DEPLOYMENT, "max_ongoing_requests"), -1, "max_ongoing_requests"),
        ((*APP, "args", "engine"), {}, "args.engine: Extra inputs"),
        ((*APP, "args", "engines", "cosyvoice"), {"engine": "pyper"}, "pyper"),
        ((*APP, "args", "engines", "cosyvoice"), {"engine": "piper", "thread": 1}, "thread"),
        ((*APP, "args", "audio"), {"reference": {"min_duration_s": 40}}, "below max_duration_s"),
    ],
)
def test_a_typo_anywhere_is_refused_by_name(tmp_path, keys, value, fault):
    with pytest.raises(ProfileError, match=re.escape(fault)):
        load_profile(change(tmp_path, *keys, value=value), NO_ENVIRONMENT)


@pytest.mark.parametrize("text", ["a: [", "- 1\n", "", "just words"])
def test_what_is_no_profile_is_refused(tmp_path, text):
    file = tmp_path / "profile.yaml"
    file.write_text(text)
    with pytest.raises(ProfileError):
        load_profile(file, NO_ENVIRONMENT)


def test_a_missing_profile_is_named():
    with pytest.raises(ProfileError, match=r"nothing\.yaml"):
        load_profile(Path("nothing.yaml"), NO_ENVIRONMENT)


def test_port_comes_from_the_environment():
    file = PROJECT_ROOT / "configs/embedded.yaml"
    profile = load_profile(file, read_environment({"PORT": "9123"}))
    assert profile.http_options.port == 9123
    assert profile.http_options.host == "127.0.0.1"
    assert load_profile(file, NO_ENVIRONMENT).http_options.port == 8000
