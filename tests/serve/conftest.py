"""A real Ray Serve on loopback, with ports and a temporary folder of its own."""

import shutil
import socket
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from loopback import EVENTS, KEYS, NOTICED_S, PROFILES, bearer, free_port

from access.key_file import KeyFile
from access.keys import KeyLimits, Scope
from configs.environment import Environment
from serve_app.local_service import deploy, local_ray
from serve_app.profile import load_profile


class Cluster:
    """One Ray for the whole test session; each module says which profile it needs."""

    def __init__(self, temp_dir):
        self.log_folders = (EVENTS.parent, temp_dir / "session_latest" / "logs")
        port, grpc_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.grpc_address = f"127.0.0.1:{grpc_port}"
        self.collector_port = free_port()
        self._environment = Environment(
            name="dev", port=port, models_offline=True, grpc_port=grpc_port
        )
        self._deployed = None

    def use(self, name):
        if self._deployed != name:
            self._deployed = None
            deploy(self._profile(name), timeout_s=240)
            self._deployed = name
        return self.url

    def _profile(self, name):
        """The profile; the fake engine's requests are traced, to a collector mostly away."""
        profile = load_profile(PROFILES / name, self._environment)
        for application in profile.applications:
            if application.name == "tone":
                endpoint = f"http://127.0.0.1:{self.collector_port}/v1/traces"
                application.args["tracing"] = {"endpoint": endpoint}
        return profile


@pytest.fixture(scope="session")
def cluster():
    temp_dir = Path(tempfile.mkdtemp(prefix="tts-ray-"))  # short: it holds Unix sockets
    shutil.rmtree(EVENTS.parent, ignore_errors=True)
    EVENTS.parent.mkdir(parents=True)
    with local_ray(dashboard=False, forward_logs=False, temp_dir=temp_dir):
        yield Cluster(temp_dir)
    shutil.rmtree(temp_dir, ignore_errors=True)


@pytest.fixture
def embedded(cluster):
    """A client of the service with the embedded voice."""
    with httpx.Client(base_url=cluster.use("speech.yaml"), timeout=120) as client:
        yield client


@pytest.fixture
def tone(cluster):
    """A client of the service with the fake engine."""
    base_url = cluster.use("speech.yaml") + "/tone"
    with httpx.Client(base_url=base_url, timeout=120) as client:
        yield client


@pytest.fixture(scope="session")
def admin(cluster):
    """The first key of the service that asks for keys."""
    return KeyFile(KEYS).add("admin", [Scope.ADMIN])


@pytest.fixture
def guarded(cluster, admin):
    """A client, without a key, of the service that asks for keys."""
    with httpx.Client(base_url=cluster.use("guarded.yaml"), timeout=60) as client:
        yield client


@pytest.fixture
def client(guarded, admin):
    """With a key: what a guest may try is more than what a stranger may."""
    guarded.headers.update(bearer(admin))
    return guarded


@pytest.fixture
def raw(client):
    """Open connections to the service's port that say what no client would."""
    with ExitStack() as stack:

        def open_():
            place = (client.base_url.host, client.base_url.port)
            return stack.enter_context(socket.create_connection(place, timeout=60))

        yield open_


@pytest.fixture(scope="module")
def secrets(admin, request):
    """The keys that the module's ``KEY_TERMS`` name, with their scope and limits."""
    keys = KeyFile(KEYS)
    made = {
        name: keys.add(name, [scope], KeyLimits(**limits))
        for name, (scope, limits) in request.module.KEY_TERMS.items()
    }
    time.sleep(NOTICED_S)
    yield made
    for name in made:
        keys.revoke(name)


@pytest.fixture
def key(secrets):
    """The header of one of them, as a function of its name."""
    return lambda name: bearer(secrets[name])


@pytest.fixture
def events():
    """What the fake engine did since the test began, as a function."""
    EVENTS.write_text("")
    return lambda: [line.split()[-1] for line in EVENTS.read_text().splitlines()]


@pytest.fixture
def replicas_that_prepared(events):
    """Processes of the fake engine that prepared a voice since the test began."""
    return lambda: {
        pid
        for pid, event in map(str.split, EVENTS.read_text().splitlines())
        if event == "prepare_voice"
    }


@pytest.fixture(scope="session")
def logged():
    """Lines in the service's own log files that hold a text."""

    def find(text):
        return [
            line
            for file in EVENTS.parent.glob("*.log")
            for line in file.read_text(encoding="utf-8").splitlines()
            if text in line
        ]

    return find
