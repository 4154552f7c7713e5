"""``speak_alone.py FILE COMMAND ...``: run the service by COMMAND where there is no network, have
it speak into FILE, and end it. ``test_offline_service.py`` runs this in a namespace of its own."""

import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import httpx

_SET_FLAGS, _UP, _RUNNING = 0x8914, 0x1, 0x40
_ELSEWHERE = ("192.0.2.1", 80)
_START_TIMEOUT_S, _STOP_TIMEOUT_S = 240.0, 120.0


def raise_loopback():
    """Switch the loopback device on, as ``ip link set lo up`` would."""
    with socket.socket() as any_socket:
        request = struct.pack("16sh14x", b"lo", _UP | _RUNNING)
        fcntl.ioctl(any_socket, _SET_FLAGS, request)


def has_network():
    try:
        socket.create_connection(_ELSEWHERE, timeout=5).close()
    except OSError:
        return False
    return True


def await_health(url, service):
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline and service.poll() is None:
        try:
            if httpx.get(f"{url}/api/health", timeout=10).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    sys.exit("the service did not come up")


def main():
    file, command = Path(sys.argv[1]), sys.argv[2:]
    raise_loopback()
    if has_network():
        sys.exit("there is a network")
    url = f"http://127.0.0.1:{os.environ['PORT']}"
    service = subprocess.Popen(command, start_new_session=True)
    try:
        await_health(url, service)
        fields = {"text": "There is no network here.", "format": "wav"}
        response = httpx.post(f"{url}/v1/model/cosyvoice/tts", json=fields, timeout=120)
        response.raise_for_status()
        file.write_bytes(response.content)
    finally:
        os.killpg(service.pid, signal.SIGINT)
        service.wait(_STOP_TIMEOUT_S)


if __name__ == "__main__":
    main()
