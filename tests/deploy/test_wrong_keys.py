"""Ten thousand wrong keys: each is refused in the same words, and nothing is kept of any."""

import http.client
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest
from crowd import TTS
from own_service import LOGS

from access.key_file import KeyFile
from access.keys import Scope, new_secret

NUM_KNOCKERS = 8
NUM_WRONG_KEYS = 10_000
NUM_BEFORE = 2_000
"""Of them, sent before memory is looked at: a process that has just started still grows."""
MAX_BYTES_PER_KEY = 1_000
"""Less than one entry of any table that held the key."""


@pytest.fixture(scope="module")
def right_key(empty_logs):
    return KeyFile(LOGS / "keys.json").add("me", [Scope.SPEAK])


@pytest.fixture(scope="module")
def guarded(own_service, right_key):
    own_service.deploy("keys.yaml")
    return own_service


def wrong_keys(right_key, count):
    """Random ones, and ones that differ from the right one in a letter or in length."""
    close = [right_key[:-1] + "!", right_key[:-1], right_key + "a", right_key[4:]]
    for number in range(count):
        yield close[number // 10 % len(close)] if number % 10 == 0 else new_secret()


def knock(url, keys):
    """Show each key on one connection; return the different answers."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=120)
    seen = set()
    for key in keys:
        connection.request("GET", "/v1/models", headers={"Authorization": f"Bearer {key}"})
        response = connection.getresponse()
        seen.add((response.status, response.read()))
    connection.close()
    return seen


def test_ten_thousand_wrong_keys(guarded, right_key):
    def speak():
        headers = {"Authorization": f"Bearer {right_key}"}
        return httpx.post(
            guarded.url + TTS, json={"text": "chunks=1"}, headers=headers, timeout=120
        ).status_code

    def knock_together(count):
        shares = [list(wrong_keys(right_key, count // NUM_KNOCKERS)) for _ in range(NUM_KNOCKERS)]
        with ThreadPoolExecutor(NUM_KNOCKERS) as pool:
            answers = pool.map(knock, [guarded.url] * NUM_KNOCKERS, shares)
            assert speak() == 200
            return set().union(*answers)

    (ingress,) = guarded.replicas("Ingress")
    seen = knock_together(NUM_BEFORE)
    before = ingress.memory_info().rss
    num_measured = NUM_WRONG_KEYS - NUM_BEFORE
    seen |= knock_together(num_measured)
    grown = ingress.memory_info().rss - before
    assert {status for status, _ in seen} == {401}
    assert len(seen) == 1, "the answers tell wrong keys apart"
    assert grown < MAX_BYTES_PER_KEY * num_measured, f"{grown} bytes for {num_measured} keys"
    assert speak() == 200
