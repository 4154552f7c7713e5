"""LightTTS' two-way stream: a clip first, then text in pieces, speech at the same time."""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.websockets import WebSocket

from audio.formats import AudioFormat
from configs.app import Http
from configs.invalid_field import InvalidFieldError
from engines.protocol import Mode
from serve_app.caller import caller_now
from serve_app.desk import SpeechDesk
from serve_app.dialects import UPSTREAM
from serve_app.errors import CLIENT_ERRORS, UnreadableBodyError
from serve_app.orders import COSYVOICE, SpeechOrder
from serve_app.request_headers import request_id_of, traceparent_of
from serve_app.sockets.connections import INTERNAL_ERROR, NORMAL, POLICY_VIOLATION, frames
from serve_app.sockets.sentences import SentenceGatherer
from serve_app.sockets.speaker import Speaker, Utterance, send_speech


class _Piece(BaseModel):
    """Any of the JSON messages; the first has ``prompt_text``, the last ``finish``."""

    model_config = ConfigDict(extra="ignore", strict=True)

    prompt_text: str | None = None
    tts_text: str = ""
    finish: bool = False


class Bistream:
    """One connection, which speaks one text and ends."""

    def __init__(self, socket: WebSocket, desk: SpeechDesk, http: Http) -> None:
        self._socket = socket
        self._desk = desk
        self._http = http
        self._utterance = Utterance(request_id_of(socket), traceparent=traceparent_of(socket))
        self._sentences = SentenceGatherer(None, http.max_text_characters)
        self._transcript: str | None = None
        self._clip: bytes | None = None

    async def serve(self) -> None:
        """Speak until all is said or the client leaves. A refusal is told, and ends it."""
        async with Speaker(self._speak) as speaker:
            try:
                async for frame in frames(
                    self._socket, self._http.websockets, speaker.task, lambda: speaker.is_busy
                ):
                    if isinstance(frame, bytes):
                        self._clip = frame
                        speaker.say(self._utterance)
                    else:
                        self._take(_read(frame))
            except CLIENT_ERRORS as error:
                await self._refuse(error)
                return
            if speaker.task.done():
                await self._socket.close(INTERNAL_ERROR)

    def _take(self, piece: _Piece) -> None:
        if piece.prompt_text is not None:
            self._transcript = piece.prompt_text or None
        if piece.tts_text:
            self._add(self._sentences.add(piece.tts_text))
        if piece.finish:
            self._add(self._sentences.flush())
            self._utterance.end()

    def _add(self, sentences: list[str]) -> None:
        if self._clip is None:
            raise InvalidFieldError("prompt_wav", "is missing", "a binary frame before tts_text")
        for sentence in sentences:
            self._utterance.add(self._order(sentence))

    def _order(self, text: str) -> SpeechOrder:
        return SpeechOrder(
            text=text,
            engine=COSYVOICE,
            mode=Mode.ZERO_SHOT if self._transcript else Mode.CROSS_LINGUAL,
            reference=self._clip,
            transcript=self._transcript,
            stream=True,
            audio_format=AudioFormat.PCM,
            caller=caller_now(self._socket),
        )

    async def _speak(self, utterance: Utterance) -> None:
        try:
            async for order in utterance.orders():
                await send_speech(
                    self._desk, order, utterance.name, self._socket.send_bytes,
                    self._http.websockets.max_frame_s,
                )  # fmt: skip
        except CLIENT_ERRORS as error:
            await self._refuse(error)
            return
        await self._socket.close(NORMAL)

    async def _refuse(self, error: Exception) -> None:
        body: dict[str, Any] = UPSTREAM.words(error)
        await self._socket.send_text(json.dumps(body))
        await self._socket.close(POLICY_VIOLATION)


def _read(frame: str) -> _Piece:
    try:
        return _Piece.model_validate_json(frame)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = str(problem["loc"][-1]) if problem["loc"] else "the message"
        raise UnreadableBodyError(f"{where}: {problem['msg']}") from error
