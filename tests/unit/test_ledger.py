import pytest

from access.errors import LimitReachedError
from access.keys import KeyLimits
from access.ledger import LEASE_S, DailyUse, Lease, Ledger

NONE = KeyLimits()
DAY_S = 86_400


class Clock:
    def __init__(self):
        self.now = 20_000.5 * DAY_S  # noon

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ledger(clock):
    return Ledger(clock)


def lease(number, name="ann", *, is_websocket=False):
    return Lease(f"id{number}", name, is_websocket)


def open_(ledger, lease, max_websockets=2, **limits):
    ledger.open(lease, KeyLimits(**limits), max_websockets)


def test_requests_per_minute_slide(ledger, clock):
    for number in range(3):
        open_(ledger, lease(number), requests_per_minute=3)
        clock.now += 10
    with pytest.raises(LimitReachedError, match="3 requests per minute") as caught:
        open_(ledger, lease(3), requests_per_minute=3)
    assert caught.value.retry_after_s == pytest.approx(30)
    clock.now += 29.9
    with pytest.raises(LimitReachedError):
        open_(ledger, lease(3), requests_per_minute=3)
    clock.now += 0.2
    open_(ledger, lease(3), requests_per_minute=3)


def test_who_keeps_knocking_is_let_in_again(ledger, clock):
    open_(ledger, lease(0), requests_per_minute=1)
    for _ in range(100):
        with pytest.raises(LimitReachedError):
            open_(ledger, lease(1), requests_per_minute=1)
        clock.now += 0.59
    clock.now += 1.1
    open_(ledger, lease(1), requests_per_minute=1)


def test_keys_do_not_count_for_each_other(ledger):
    open_(ledger, lease(0, "ann"), requests_per_minute=1, concurrency=1)
    open_(ledger, lease(1, "bob"), requests_per_minute=1, concurrency=1)


def test_concurrency(ledger):
    for number in range(2):
        open_(ledger, lease(number), concurrency=2)
    with pytest.raises(LimitReachedError, match="2 requests at once"):
        open_(ledger, lease(2), concurrency=2)
    ledger.close(lease(0))
    open_(ledger, lease(2), concurrency=2)


def test_a_refused_request_is_not_counted(ledger):
    open_(ledger, lease(0), concurrency=1, requests_per_minute=2)
    with pytest.raises(LimitReachedError, match="at once"):
        open_(ledger, lease(1), concurrency=1, requests_per_minute=2)
    ledger.close(lease(0))
    open_(ledger, lease(2), concurrency=1, requests_per_minute=2)


def test_a_lease_ends_with_its_holder(ledger, clock):
    """A dead Ingress replica renews nothing."""
    open_(ledger, lease(0), concurrency=2)
    open_(ledger, lease(1), concurrency=2)
    clock.now += LEASE_S / 2
    ledger.renew([lease(0)])
    clock.now += LEASE_S / 2 + 1
    assert ledger.under_way("ann") == 1
    clock.now += LEASE_S
    assert ledger.under_way("ann") == 0


def test_messages_may_come_twice_or_late(ledger):
    for _ in range(2):
        open_(ledger, lease(0), concurrency=1, requests_per_minute=1)
    ledger.close(lease(0))
    ledger.close(lease(0))
    ledger.renew([lease(0)])
    open_(ledger, lease(0))
    assert ledger.under_way("ann") == 0


def test_a_new_ledger_learns_what_is_under_way(ledger):
    ledger.renew([lease(0)])
    with pytest.raises(LimitReachedError):
        open_(ledger, lease(1), concurrency=1)


def test_websockets_have_a_bound_of_their_own(ledger):
    for number in range(2):
        open_(ledger, lease(number, is_websocket=True))
    with pytest.raises(LimitReachedError, match="2 WebSockets at once"):
        open_(ledger, lease(2, is_websocket=True))
    open_(ledger, lease(3))


def test_characters_per_day(ledger, clock):
    limits = KeyLimits(characters_per_day=100)
    ledger.charge("ann", limits, 60)
    with pytest.raises(LimitReachedError, match="100 characters per day") as caught:
        ledger.charge("ann", limits, 41)
    assert caught.value.retry_after_s == pytest.approx(DAY_S / 2)
    ledger.charge("ann", limits, 40)
    clock.now += DAY_S / 2
    ledger.charge("ann", limits, 100)


def test_what_was_not_spoken_is_paid_back(ledger, clock):
    limits = KeyLimits(characters_per_day=100)
    ledger.charge("ann", limits, 100)
    ledger.refund("ann", 100)
    ledger.charge("ann", limits, 100)
    clock.now += DAY_S
    ledger.refund("ann", 100)
    assert ledger.daily_use() == {}


def test_audio_seconds_per_day(ledger, clock):
    limits = KeyLimits(audio_seconds_per_day=10.0)
    ledger.charge("ann", limits, 1)
    ledger.heard("ann", 10.0)
    with pytest.raises(LimitReachedError, match="10 s of audio per day"):
        ledger.charge("ann", limits, 1)
    clock.now += DAY_S
    ledger.charge("ann", limits, 1)


def test_a_restart_remembers_today_and_forgets_yesterday(ledger, clock):
    ledger.charge("ann", NONE, 70)
    ledger.heard("ann", 2.5)
    after = Ledger(clock)
    after.restore(ledger.daily_use() | {"bob": DailyUse(day=19_999, characters=99)})
    assert after.daily_use() == {"ann": DailyUse(20_000, 70, 2.5)}


def test_memory_does_not_grow(ledger, clock):
    for number in range(1_000):
        open_(ledger, lease(number))
        ledger.close(lease(number))
        clock.now += 1
    account = ledger._accounts["ann"]
    assert len(account.arrivals) <= 1
    assert len(account.ended) <= LEASE_S + 1
    assert not account.leases
