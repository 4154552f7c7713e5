"""Services that may be broken: each file of tests starts a Ray of its own, and ends it."""

import shutil
import tempfile
from pathlib import Path

import httpx
import pytest
from own_service import LOGS, OwnService

from serve_app.local_service import local_ray


@pytest.fixture(scope="module")
def temp_dir():
    """Ray's temporary folder; its name is short, because it holds Unix sockets."""
    folder = Path(tempfile.mkdtemp(prefix="tts-ray-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def empty_logs():
    """The folder into which the services of this folder's profiles write."""
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True)
    return LOGS


@pytest.fixture(scope="module")
def own_service(temp_dir, empty_logs):
    with local_ray(dashboard=False, forward_logs=False, temp_dir=temp_dir):
        yield OwnService()


@pytest.fixture(scope="module")
def pairs(own_service):
    """The service whose every part is there twice."""
    own_service.deploy("pairs.yaml")
    return own_service


@pytest.fixture
def client(pairs):
    with httpx.Client(base_url=pairs.url, timeout=120) as client:
        yield client
