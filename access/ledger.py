"""What each key has used, and whether it may go on."""

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from access.errors import LimitReachedError
from access.keys import KeyLimits

Value = TypeVar("Value")

LEASE_S = 30.0
"""How long a lease lasts that nobody renews: its holder is dead."""
_MINUTE_S = 60.0
_DAY_S = 86_400
_RETRY_BUSY_S = 1.0


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to have one request or WebSocket under way."""

    id: str
    key_name: str
    is_websocket: bool


@dataclass(slots=True)
class DailyUse:
    """What a key has used on one of UTC's days."""

    day: int
    characters: int = 0
    audio_s: float = 0.0


@dataclass(slots=True)
class _Account:
    arrivals: deque[float] = field(default_factory=deque)
    """When the last minute's requests came, oldest first."""
    today: DailyUse = field(default_factory=lambda: DailyUse(day=0))
    leases: dict[str, tuple[Lease, float]] = field(default_factory=dict)
    """Leases by id, and when each expires, soonest first."""
    ended: dict[str, float] = field(default_factory=dict)
    """Leases that were ended, and how long that is remembered: their holder's earlier messages
    may still be on the way."""


class Ledger:
    """Counts for all keys. Every method takes no time worth naming; for one thread.

    A request is refused before it is counted, so that who keeps knocking does not lock himself
    out. Leases have ids of their holder's choosing: taking, renewing and ending one again changes
    nothing, so a message may be sent twice or come late.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """``clock`` gives Unix seconds."""
        self._clock = clock
        self._accounts: defaultdict[str, _Account] = defaultdict(_Account)

    def open(self, lease: Lease, limits: KeyLimits, max_websockets: int) -> None:
        """Count a request, and let it be under way until its lease ends.

        Raises:
            LimitReachedError: too many within a minute, or at once.
        """
        account = self._account(lease.key_name)
        if lease.id in account.leases or lease.id in account.ended:
            return
        self._check_leases(account, lease, limits, max_websockets)
        self._check_arrivals(account, limits)
        account.arrivals.append(self._clock())
        account.leases[lease.id] = (lease, self._clock() + LEASE_S)

    def renew(self, leases: Iterable[Lease]) -> None:
        """Prolong leases; one that is not known (this ledger is new) is known again."""
        for lease in leases:
            account = self._account(lease.key_name)
            if lease.id not in account.ended:
                account.leases.pop(lease.id, None)
                account.leases[lease.id] = (lease, self._clock() + LEASE_S)

    def close(self, lease: Lease) -> None:
        """End a lease, if it has not ended."""
        account = self._account(lease.key_name)
        account.leases.pop(lease.id, None)
        account.ended[lease.id] = self._clock() + LEASE_S

    def charge(self, key_name: str, limits: KeyLimits, num_characters: int) -> None:
        """Count a text that is about to be spoken.

        Raises:
            LimitReachedError: the day's characters or audio seconds are used up.
        """
        today = self._account(key_name).today
        most = limits.characters_per_day
        if most is not None and today.characters + num_characters > most:
            raise LimitReachedError(f"{most} characters per day", self._until_tomorrow_s())
        longest_s = limits.audio_seconds_per_day
        if longest_s is not None and today.audio_s >= longest_s:
            raise LimitReachedError(f"{longest_s:g} s of audio per day", self._until_tomorrow_s())
        today.characters += num_characters

    def refund(self, key_name: str, num_characters: int) -> None:
        """Take back what was charged for a text that was not spoken."""
        today = self._account(key_name).today
        today.characters = max(0, today.characters - num_characters)

    def heard(self, key_name: str, audio_s: float) -> None:
        """Count audio that was made."""
        self._account(key_name).today.audio_s += audio_s

    def under_way(self, key_name: str) -> int:
        """How many leases a key has."""
        return len(self._account(key_name).leases)

    def daily_use(self) -> dict[str, DailyUse]:
        """Today's use by key name, of those that have used anything."""
        uses = {name: self._account(name).today for name in list(self._accounts)}
        return {name: use for name, use in uses.items() if use.characters or use.audio_s}

    def restore(self, uses: Mapping[str, DailyUse]) -> None:
        """Take over what was used before a restart; days that are over are forgotten."""
        for name, use in uses.items():
            self._accounts[name].today = use

    def _account(self, key_name: str) -> _Account:
        """The account, without what lies too far back."""
        account, now = self._accounts[key_name], self._clock()
        if account.today.day != int(now // _DAY_S):
            account.today = DailyUse(int(now // _DAY_S))
        while account.arrivals and account.arrivals[0] <= now - _MINUTE_S:
            account.arrivals.popleft()
        _drop_while(account.leases, lambda lease: lease[1] <= now)
        _drop_while(account.ended, lambda until: until <= now)
        return account

    def _check_leases(
        self, account: _Account, lease: Lease, limits: KeyLimits, max_websockets: int
    ) -> None:
        most = limits.concurrency
        if most is not None and len(account.leases) >= most:
            raise LimitReachedError(f"{most} requests at once", _RETRY_BUSY_S)
        if lease.is_websocket:
            num_open = sum(other.is_websocket for other, _ in account.leases.values())
            if num_open >= max_websockets:
                raise LimitReachedError(f"{max_websockets} WebSockets at once", _RETRY_BUSY_S)

    def _check_arrivals(self, account: _Account, limits: KeyLimits) -> None:
        most = limits.requests_per_minute
        if most is not None and len(account.arrivals) >= most:
            frees = account.arrivals[-most] + _MINUTE_S
            raise LimitReachedError(f"{most} requests per minute", frees - self._clock())
        if most is None:
            account.arrivals.clear()

    def _until_tomorrow_s(self) -> float:
        return _DAY_S - self._clock() % _DAY_S


def _drop_while(items: dict[str, Value], is_over: Callable[[Value], bool]) -> None:
    """Remove what is over from the front of ``items``, which lie in the order of their ends."""
    while items and is_over(items[key := next(iter(items))]):
        del items[key]
