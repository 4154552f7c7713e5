"""Speaking on a socket: utterances one after another, each of which can be called off."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace

from serve_app.desk import SpeechDesk
from serve_app.orders import SpeechOrder


class Utterance:
    """Orders that belong together and are spoken in their order; more may follow until ``end``."""

    def __init__(
        self, name: str, ignored: Sequence[str] = (), traceparent: str | None = None
    ) -> None:
        """``ignored`` are fields that the client sent for it and that do nothing; ``traceparent``
        is of the trace that it belongs to.
        """
        self.name = name
        self.ignored = ignored
        self._traceparent = traceparent
        self._orders: asyncio.Queue[SpeechOrder | None] = asyncio.Queue()

    def add(self, order: SpeechOrder) -> None:
        """Have ``order`` spoken after what was added before."""
        self._orders.put_nowait(order)

    def end(self) -> None:
        """Say that nothing follows."""
        self._orders.put_nowait(None)

    async def orders(self) -> AsyncIterator[SpeechOrder]:
        """Yield the orders as they come."""
        while (order := await self._orders.get()) is not None:
            yield replace(order, traceparent=self._traceparent)


class Speaker:
    """Hands utterances to ``speak`` one by one, on a task that ends with the ``async with`` block.

    An exception of ``speak`` ends ``task``; who waits for the client waits for that, too.
    """

    def __init__(self, speak: Callable[[Utterance], Awaitable[None]]) -> None:
        self._speak = speak
        self._waiting: asyncio.Queue[Utterance] = asyncio.Queue()
        self._current: asyncio.Task[None] | None = None
        self.task: asyncio.Task[None]

    async def __aenter__(self) -> "Speaker":
        self.task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cancel()
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    @property
    def is_busy(self) -> bool:
        """Whether something is spoken, or waits to be."""
        return self._current is not None or not self._waiting.empty()

    def say(self, utterance: Utterance) -> None:
        """Speak ``utterance`` after those that wait already."""
        self._waiting.put_nowait(utterance)

    async def cancel(self) -> None:
        """Stop what is spoken and forget what waits; nothing of it is sent after this returns."""
        while not self._waiting.empty():
            self._waiting.get_nowait()
        if self._current is not None:
            self._current.cancel()
            await asyncio.wait([self._current])

    async def _run(self) -> None:
        while True:
            utterance = await self._waiting.get()
            self._current = asyncio.ensure_future(self._speak(utterance))
            await asyncio.wait([self._current])
            ended, self._current = self._current, None
            if not ended.cancelled():
                ended.result()


async def send_speech(
    desk: SpeechDesk,
    order: SpeechOrder,
    request_id: str,
    send: Callable[[bytes], Awaitable[None]],
    max_frame_s: float,
) -> float:
    """Speak ``order`` in frames of at most ``max_frame_s`` of audio; return the seconds sent.

    Raises:
        Whatever ``SpeechDesk`` refuses, before the first frame; what broke, at any time.
    """
    if not order.stream:
        _, whole = await desk.whole(order, request_id)
        started, audio_s = whole.started, whole.ended.audio_s
        for frame in _cut(started.data, order, started.sample_rate_hz, max_frame_s):
            await send(frame)
        return audio_s
    async with await desk.begin(order, request_id) as speech, aclosing(speech.chunks()) as chunks:
        async for data in chunks:
            for frame in _cut(data, order, speech.started.sample_rate_hz, max_frame_s):
                await send(frame)
    return speech.ended.audio_s if speech.ended else 0.0


def _cut(data: bytes, order: SpeechOrder, rate_hz: int, max_frame_s: float) -> list[bytes]:
    size = order.audio_format.bytes_per_sample * max(1, round(rate_hz * max_frame_s))
    return [data[start : start + size] for start in range(0, len(data), size)]
