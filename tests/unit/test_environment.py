from pathlib import Path

import pytest

from configs.environment import (
    EnvironmentVariableError,
    read_door,
    read_environment,
    resolve_path,
)


def test_defaults():
    environment = read_environment({})
    assert environment.name == "dev"
    assert environment.port is None
    assert not environment.models_offline
    assert not environment.is_production


def test_what_the_manual_names_works():
    environment = read_environment({"ENVIRONMENT": "prod", "PORT": "9", "MODELSCOPE_OFFLINE": "1"})
    assert environment.is_production
    assert environment.port == 9
    assert environment.models_offline


@pytest.mark.parametrize(
    ("name", "value"),
    [("ENVIRONMENT", "staging"), ("PORT", "http"), ("PORT", "0"), ("PORT", "65536"),
     ("MODELSCOPE_OFFLINE", "perhaps"), ("TTS_PORT", "x"), ("GRPC_PORT", "-1"),
     ("TTS_MAX_CONNECTIONS", "0"), ("TTS_CHUNK_SIZE", "many")],
)  # fmt: skip
def test_nonsense_is_refused_by_name(name, value):
    with pytest.raises(EnvironmentVariableError, match=name):
        read_environment({name: value})


def test_what_voice_agents_set_works():
    variables = {"TTS_PORT": "8002", "TTS_MAX_CONNECTIONS": "7", "TTS_CHUNK_SIZE": "50"}
    environment = read_environment(variables)
    assert environment.port == 8002
    assert (environment.max_connections, environment.chunk_tokens) == (7, 50)
    assert read_environment(variables | {"PORT": "9"}).port == 9


def test_relative_paths_start_at_the_project():
    assert resolve_path(Path("pyproject.toml")).is_file()
    assert resolve_path(Path("/a/b")) == Path("/a/b")


def test_the_door_is_set_by_variables():
    assert read_door({}).head_timeout_s == 10
    assert read_door({"DOOR_HEAD_TIMEOUT_S": "2.5"}).head_timeout_s == 2.5
    assert read_door({"DOOR_GRPC_HOST": "127.0.0.1"}).grpc_host == "127.0.0.1"
    with pytest.raises(EnvironmentVariableError, match="DOOR_MAX_CONNECTIONS='many'"):
        read_door({"DOOR_MAX_CONNECTIONS": "many"})
