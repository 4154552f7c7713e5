"""Whether the service may be open to everybody: only on loopback, or where somebody says so."""

import ipaddress
from collections.abc import Iterable

import ray
from ray.serve.context import _get_global_client

from configs.app import Auth
from configs.door import DoorSettings


class ExposedError(RuntimeError):
    """The service would be open to others although nobody said that it shall be."""

    def __init__(self, host: str) -> None:
        super().__init__(host)

    def __str__(self) -> str:
        return (
            f"others can reach the service on {self.args[0]}, and nothing says who may use it; "
            "write auth: {mode: keys, keys_file: FILE} into the application's args, or auth: none "
            "to let everybody in"
        )


def check_exposure(auth: Auth, hosts: Iterable[str]) -> None:
    """Let ``auth`` be left out only on loopback.

    Raises:
        ExposedError: one of ``hosts`` is not loopback and ``auth.mode`` is not set.
    """
    reachable = [host for host in hosts if not is_loopback(host)]
    if auth.mode is None and reachable:
        raise ExposedError(reachable[0])


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:  # a name: whoever it leads to
        return False


def serving_hosts(door: DoorSettings) -> list[str]:
    """The addresses that Ray Serve's proxies listen on, as the running cluster knows them.

    ``serve deploy`` does not pass our own check of the profile, so every Ingress replica asks.
    Ray has no public way to; 2.60 has these.
    """
    client = _get_global_client()
    if client is None:
        raise RuntimeError("Ray Serve does not run")
    hosts = [str(client.http_config.host)]
    grpc = ray.get(client._controller.get_grpc_config.remote())
    return [*hosts, door.grpc_host] if grpc.grpc_servicer_functions else hosts
