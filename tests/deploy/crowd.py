"""Clients that ask without a pause, each on a thread, and what they were answered."""

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

TTS = "/v1/model/cosyvoice/tts"
CHUNK_BYTES = 9_600
"""One chunk of the fake engine (0.2 s) as 16-bit samples at 24 kHz."""
CUT = "cut"
REFUSED = "refused"


@dataclass(frozen=True)
class Answer:
    """How a request went.

    Attributes:
        status: of HTTP; ``CUT`` if the connection ended early, ``REFUSED`` if there was none.
        is_whole: whether all the audio came.
        heard: whether some audio came.
        began: when, on the monotonic clock.
        took_s: from then to its end.
    """

    status: int | str
    is_whole: bool
    heard: bool
    began: float
    took_s: float


def ask(client, *, chunks, delay_s, stream):
    """Have ``chunks`` chunks spoken and read the answer to its end."""
    fields = {"text": f"chunks={chunks} delay={delay_s}", "stream": stream, "format": "pcm"}
    began = time.monotonic()
    status, num_bytes = REFUSED, 0
    try:
        with client.stream("POST", TTS, json=fields) as response:
            status = response.status_code
            for data in response.iter_raw():
                num_bytes += len(data)
    except httpx.ConnectError:
        pass
    except httpx.TransportError:
        status = CUT
    is_whole = status == 200 and num_bytes == chunks * CHUNK_BYTES
    return Answer(status, is_whole, bool(num_bytes), began, time.monotonic() - began)


@contextmanager
def crowd(url, *, num_clients=6, chunks=5, delay_s=0.05):
    """Ask all the time, half as streams, while the block runs; yields the list of answers."""
    stopped = threading.Event()
    answers = []

    def keep_asking(stream):
        with httpx.Client(base_url=url, timeout=120) as client:
            while not stopped.is_set():
                answers.append(ask(client, chunks=chunks, delay_s=delay_s, stream=stream))

    threads = [
        threading.Thread(target=keep_asking, args=(bool(number % 2),))
        for number in range(num_clients)
    ]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        stopped.set()
        for thread in threads:
            thread.join()
