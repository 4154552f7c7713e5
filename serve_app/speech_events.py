"""Speech as server-sent events, in the shapes that OpenAI's clients read."""

import base64
import json
import math
from collections.abc import AsyncGenerator
from typing import Any

from pydantic import BaseModel
from ray.exceptions import RayError
from starlette.responses import Response

from serve_app.desk import SpeechDesk
from serve_app.dialects import OPENAI
from serve_app.errors import CLIENT_ERRORS
from serve_app.orders import SpeechOrder
from serve_app.speech import Speech, SpeechResponse

EVENT_STREAM = "text/event-stream"
_TOKENS_PER_S = 25
"""What counts as a token of audio, whatever the engine: the rate of CosyVoice's."""
_BREAKS: tuple[type[Exception], ...] = (RayError, *CLIENT_ERRORS)
"""How a replica that fails, or dies, shows here."""
_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


async def answer_events(_: BaseModel, desk: SpeechDesk, order: SpeechOrder, id_: str) -> Response:
    """Answer with ``speech.audio.delta`` events and a last one that says how it ended."""
    speech = await desk.begin(order, id_)
    events = _events(speech, len(order.text))
    return SpeechResponse(speech, events, EVENT_STREAM, speech.headers() | _HEADERS)


async def _events(speech: Speech, num_characters: int) -> AsyncGenerator[str, None]:
    """Yield events; what breaks after the first is an event too, and the stream ends with it."""
    try:
        async for data in speech.chunks():
            yield _event("delta", audio=base64.b64encode(data).decode())
    except _BREAKS as error:
        yield _event("error", **OPENAI.words(error))
        return
    audio_s = speech.ended.audio_s if speech.ended else 0.0
    yield _event("done", usage=_usage(num_characters, audio_s))


def _usage(num_characters: int, audio_s: float) -> dict[str, int]:
    """OpenAI counts tokens; here a character is one, and so are 40 ms of audio."""
    made = math.ceil(audio_s * _TOKENS_PER_S)
    return {
        "input_tokens": num_characters,
        "output_tokens": made,
        "total_tokens": num_characters + made,
    }


def _event(kind: str, **fields: Any) -> str:
    return f"data: {json.dumps({'type': f'speech.audio.{kind}'} | fields)}\n\n"
