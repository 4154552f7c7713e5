"""A service that belongs to one file of tests."""

from pathlib import Path

import psutil
from loopback import free_port, wait_until
from ray import serve

from configs.environment import PROJECT_ROOT, Environment
from serve_app.local_service import deploy
from serve_app.profile import load_profile

PROFILES = Path(__file__).parent
LOGS = PROJECT_ROOT / "logs/deploy"
EVENTS = LOGS / "events"
"""What the fake engine of these profiles writes down."""


class OwnService:
    """Deploys profiles on the running Ray, and knows the processes of their replicas."""

    def __init__(self):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._environment = Environment(
            name="dev", port=port, models_offline=True, grpc_port=free_port()
        )
        self._profile = None

    def deploy(self, file, **http):
        """Deploy the profile ``file``, with ``http`` in its settings, or change what runs to it."""
        self._profile = load_profile(PROFILES / file, self._environment)
        for application in self._profile.applications:
            application.args.setdefault("http", {}).update(http)
        deploy(self._profile, timeout_s=400)

    @property
    def application(self):
        return self._profile.applications[0]

    def replicas(self, deployment):
        """The processes of a deployment's replicas that live."""
        return [
            process
            for process in psutil.Process().children(recursive=True)
            if self._title(deployment) in title_of(process)
        ]

    def await_strength(self, timeout_s=240.0):
        """Wait until every deployment has as many running replicas as its profile says.

        Ray notices a dead one late, so their processes are counted, too.
        """

        def is_full():
            status = serve.status().applications[self.application.name]
            return all(
                status.deployments[wanted.name].replica_states.get("RUNNING", 0)
                == len(self.replicas(wanted.name))
                == wanted.num_replicas
                for wanted in self.application.deployments
                if isinstance(wanted.num_replicas, int)
            )

        wait_until(is_full, timeout_s)

    def _title(self, deployment):
        return f"ray::ServeReplica:{self.application.name}:{deployment}"


def title_of(process):
    """A process's command line; empty once it has ended."""
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return ""
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def events():
    """What happened in the fake engine: (pid, event), in their order."""
    lines = EVENTS.read_text().splitlines() if EVENTS.exists() else []
    return [(int(pid), event) for pid, event in map(str.split, lines)]


def log_lines(text):
    """Lines in the services' logs that hold ``text``."""
    return [
        line
        for file in LOGS.glob("*.log")
        for line in file.read_text(encoding="utf-8").splitlines()
        if text in line
    ]
