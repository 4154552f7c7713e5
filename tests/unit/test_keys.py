import json
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import ValidationError

from access.errors import DuplicateKeyError, KeyFileError, UnknownKeyError
from access.key_file import KeyFile
from access.keys import PREFIX, ApiKey, KeyLimits, KeyRing, Scope, hash_of, new_secret
from access.live_keys import LiveKeys

SPEAK = {Scope.SPEAK}


@pytest.fixture
def key_file(tmp_path):
    return KeyFile(tmp_path / "keys.json")


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr("access.live_keys._CHECK_S", -1.0)


def test_a_key_has_256_random_bits_and_a_prefix():
    keys = {new_secret() for _ in range(100)}
    assert len(keys) == 100
    assert all(key.startswith(PREFIX) and len(key) == len(PREFIX) + 43 for key in keys)


def test_a_key_is_found_by_its_secret_and_nothing_else(key_file):
    ann, bob = key_file.add("ann", SPEAK), key_file.add("bob", [Scope.SPEAK, Scope.ADMIN])
    ring = KeyRing(key_file.read())
    assert ring.find(ann).name == "ann"
    assert ring.find(bob).scopes == {Scope.SPEAK, Scope.ADMIN}
    for wrong in ("", "ann", ann[:-1], ann + "x", ann.upper(), hash_of(ann), "é", "x" * 100_000):
        assert ring.find(wrong) is None


def test_every_comparison_takes_constant_time(key_file, monkeypatch):
    """A key that is wrong is compared like one that is right."""
    compared = []

    def compare(one, other):
        compared.append((len(one), len(other)))
        return one == other

    secret = key_file.add("ann", SPEAK)
    ring = KeyRing(key_file.read())
    monkeypatch.setattr("access.keys.hmac.compare_digest", compare)
    assert ring.find(secret)
    assert not ring.find("wrong")
    assert compared == [(64, 64), (64, 64)]


def test_the_file_holds_no_key_and_is_its_owners_alone(key_file):
    secret = key_file.add("ann", SPEAK, KeyLimits(requests_per_minute=5))
    text = key_file.path.read_text()
    assert secret not in text
    assert secret.removeprefix(PREFIX) not in text
    assert stat.S_IMODE(key_file.path.stat().st_mode) == 0o600
    assert key_file.read()[0].limits == KeyLimits(requests_per_minute=5)
    assert list(key_file.path.parent.iterdir()) == [key_file.path]


def test_a_revoked_key_is_gone(key_file):
    key_file.add("ann", SPEAK)
    key_file.add("bob", SPEAK)
    key_file.revoke("ann")
    assert [key.name for key in key_file.read()] == ["bob"]
    with pytest.raises(UnknownKeyError, match="ann"):
        key_file.revoke("ann")


def test_a_name_is_there_once(key_file):
    key_file.add("ann", SPEAK)
    with pytest.raises(DuplicateKeyError, match="ann"):
        key_file.add("ann", SPEAK)


@pytest.mark.parametrize("name", ["", "a b", "a\nb", "a/b", "x" * 65, "ann\r\nX-Evil: 1"])
def test_names_that_would_upset_a_log_or_a_header(key_file, name):
    with pytest.raises(ValidationError):
        key_file.add(name, SPEAK)
    assert not key_file.path.exists()


def test_a_key_without_scope_is_none(key_file):
    with pytest.raises(ValidationError):
        key_file.add("ann", [])


@pytest.mark.parametrize(
    "limits",
    [
        {"requests_per_minute": 0},
        {"characters_per_day": -1},
        {"audio_seconds_per_day": float("inf")},
        {"concurrency": 0},
        {"requests": 1},
    ],
)
def test_limits_that_mean_nothing(limits):
    with pytest.raises(ValidationError):
        KeyLimits(**limits)


def test_two_who_add_at_once_lose_nothing(key_file):
    names = [f"key{n}" for n in range(8)]
    with ThreadPoolExecutor(8) as adders:  # each with a lock of its own, like processes
        list(adders.map(lambda name: KeyFile(key_file.path).add(name, SPEAK), names))
    assert sorted(key.name for key in key_file.read()) == names


def test_a_write_that_fails_leaves_the_old_file(key_file, monkeypatch):
    key_file.add("ann", SPEAK)

    def fail(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("access.atomic_file.os.fsync", fail)
    with pytest.raises(KeyFileError, match="No space"):
        key_file.add("bob", SPEAK)
    monkeypatch.undo()
    assert [key.name for key in key_file.read()] == ["ann"]
    assert list(key_file.path.parent.iterdir()) == [key_file.path]


def _content(**changes):
    key = {"name": "a", "sha256": "0" * 64, "scopes": ["speak"], "created": 0} | changes
    return json.dumps({"version": 1, "keys": [key]})


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        _content(sha256="secret-in-the-clear"),
        _content(scopes=["root"]),
        _content(password="hunter2"),
        json.dumps({"keys": [json.loads(_content())["keys"][0]] * 2}),
    ],
)
def test_a_broken_file_is_refused_without_repeating_what_it_holds(key_file, content):
    key_file.path.write_text(content)
    with pytest.raises(KeyFileError) as caught:
        LiveKeys(key_file.path)
    assert "secret" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_missing_file_is_refused(key_file):
    with pytest.raises(KeyFileError, match=r"keys\.json cannot be read"):
        LiveKeys(key_file.path)


def test_changes_are_followed(key_file, impatient):
    ann = key_file.add("ann", SPEAK)
    live = LiveKeys(key_file.path)
    bob = key_file.add("bob", SPEAK)
    key_file.revoke("ann")
    assert live.find(bob).name == "bob"
    assert live.find(ann) is None


def test_a_file_that_breaks_later_leaves_the_last_good_keys(key_file, impatient):
    ann = key_file.add("ann", SPEAK)
    live = LiveKeys(key_file.path)
    key_file.path.write_text("{")
    assert live.find(ann)
    key_file.path.unlink()
    assert live.find(ann)
    bob = key_file.add("bob", SPEAK)
    assert live.find(bob)
    assert live.find(ann) is None


def test_a_key_says_whether_it_has_limits():
    assert not KeyLimits().any
    assert KeyLimits(concurrency=1).any
    assert ApiKey(name="a", sha256="0" * 64, scopes=SPEAK, created=0).limits == KeyLimits()
