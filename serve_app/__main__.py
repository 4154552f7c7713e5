"""``python -m serve_app PROFILE``: run the service on this machine until Ctrl-C."""

import argparse
import signal
import sys
import threading
import time
from pathlib import Path

from configs.environment import Environment, EnvironmentVariableError, read_environment
from serve_app.local_service import StartError, deploy, local_ray
from serve_app.profile import ProfileError, load_profile

_START_TIMEOUT_S = 300.0

_WELCOME = """
The service is up after {took_s:.0f} s. Try:

  curl -s {url}/v1/model/cosyvoice/tts -H 'content-type: application/json' \\
       -d '{{"text":"Hello, how are you today?"}}' -o hello.mp3
  curl -s {url}/v1/model/mms/tts -F 'text=Selamat pagi, apa khabar?' -o selamat.mp3

  {url}/docs         every endpoint, with examples
  {url}/api/health   which engines are up

Ctrl-C stops everything.
"""


def main() -> int:
    """Run a profile; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m serve_app", description=__doc__)
    parser.add_argument("profile", type=Path, help="a Serve config such as configs/embedded.yaml")
    parser.add_argument("--no-dashboard", action="store_true", help="start without Ray's dashboard")
    arguments = parser.parse_args()
    try:
        run(arguments.profile, read_environment(), dashboard=not arguments.no_dashboard)
    except (ProfileError, EnvironmentVariableError, StartError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def run(file: Path, environment: Environment, *, dashboard: bool) -> None:
    """Run the profile in ``file`` until Ctrl-C or SIGTERM.

    Raises:
        ProfileError, StartError: it could not be started.
    """
    started = time.monotonic()
    stopped = _stop_signal()
    profile = load_profile(file, environment)
    with local_ray(dashboard=dashboard, grpc_host=profile.http_options.host):
        deploy(profile, timeout_s=_START_TIMEOUT_S)
        url = f"http://localhost:{profile.http_options.port}"
        print(_WELCOME.format(took_s=time.monotonic() - started, url=url), flush=True)
        stopped.wait()
        print("Stopping ...", flush=True)


def _stop_signal() -> threading.Event:
    """An event that Ctrl-C and SIGTERM set."""
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    return stopped


if __name__ == "__main__":
    sys.exit(main())
