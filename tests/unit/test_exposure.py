import re

import pytest
import yaml

from configs.app import AppConfig, Auth
from configs.environment import PROJECT_ROOT, read_environment
from serve_app.exposure import ExposedError, check_exposure, is_loopback
from serve_app.profile import ProfileError, load_profile

NO_ENVIRONMENT = read_environment({})
KEYS = {"mode": "keys", "keys_file": "keys.json"}
ACCOUNTS = {"name": "Accounts"}


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "::1", "[::1]"])
def test_loopback(host):
    assert is_loopback(host)
    check_exposure(Auth(), [host])


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "[::]", "10.0.0.1", "tts.example", ""])
def test_what_others_can_reach_says_who_may(host):
    assert not is_loopback(host)
    with pytest.raises(ExposedError, match="auth: none"):
        check_exposure(Auth(), ["127.0.0.1", host])
    check_exposure(Auth(mode="none"), [host])
    check_exposure(Auth.model_validate(KEYS), [host])


def profile(tmp_path, *, host="127.0.0.1", auth=None, accounts=None):
    document = yaml.safe_load((PROJECT_ROOT / "configs/embedded.yaml").read_text())
    document["http_options"]["host"] = host
    application = document["applications"][0]
    if auth:
        application["args"]["auth"] = auth
    if accounts:
        application["deployments"].append(accounts)
    file = tmp_path / "profile.yaml"
    file.write_text(yaml.safe_dump(document))
    return load_profile(file, NO_ENVIRONMENT)


@pytest.mark.parametrize("auth", ["none", KEYS])
def test_a_profile_that_says_who_may_use_it(tmp_path, auth):
    profile(tmp_path, host="0.0.0.0", auth=auth)


def test_a_profile_that_does_not_is_refused(tmp_path):
    with pytest.raises(ProfileError, match=r"0\.0\.0\.0.*auth: none"):
        profile(tmp_path, host="0.0.0.0")


def test_rays_default_host_is_not_loopback(tmp_path):
    document = yaml.safe_load((PROJECT_ROOT / "configs/embedded.yaml").read_text())
    del document["http_options"]
    file = tmp_path / "profile.yaml"
    file.write_text(yaml.safe_dump(document))
    with pytest.raises(ProfileError, match="who may use it"):
        load_profile(file, NO_ENVIRONMENT)


def test_production_asks_for_keys_and_the_embedded_profile_stays_at_home():
    production = load_profile(PROJECT_ROOT / "serve_config.yaml", NO_ENVIRONMENT)
    config = AppConfig.model_validate(production.applications[0].args)
    assert config.auth.asks_for_keys
    assert not config.http.cors_origins
    embedded = load_profile(PROJECT_ROOT / "configs/embedded.yaml", NO_ENVIRONMENT)
    assert is_loopback(embedded.http_options.host)


@pytest.mark.parametrize(
    ("auth", "accounts", "fault"),
    [
        (KEYS, ACCOUNTS | {"num_replicas": 2}, "must have one replica"),
        (KEYS, ACCOUNTS | {"autoscaling_config": {"max_replicas": 2}}, "must have one replica"),
        (None, ACCOUNTS, "only with args.auth.mode keys"),
        ({"mode": "key"}, None, "args.auth.mode"),
        ("nobody", None, "args.auth.mode"),
    ],
)
def test_who_counts_is_one(tmp_path, auth, accounts, fault):
    profile(tmp_path, auth=KEYS, accounts=ACCOUNTS)
    with pytest.raises(ProfileError, match=re.escape(fault)):
        profile(tmp_path, auth=auth, accounts=accounts)
