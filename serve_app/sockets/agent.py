"""A voice agent's connection: messages in, events and frames of float32 samples out."""

import json
from typing import Any

from starlette.websockets import WebSocket

from access.keys import Scope
from configs.app import Http
from configs.invalid_field import InvalidFieldError
from serve_app.caller import caller_now
from serve_app.desk import SpeechDesk
from serve_app.dialects import AGENT
from serve_app.errors import CLIENT_ERRORS, InvalidKeyError
from serve_app.references import decode_base64
from serve_app.request_headers import request_id_of, traceparent_of
from serve_app.sockets.agent_messages import (
    AgentMessage,
    Cancel,
    Flush,
    Ping,
    RegisterVoice,
    Synthesize,
    Text,
    read_message,
)
from serve_app.sockets.agent_text import AgentText
from serve_app.sockets.connections import INTERNAL_ERROR, POLICY_VIOLATION, frames
from serve_app.sockets.speaker import Speaker, Utterance, send_speech
from serve_app.voice_desk import NewVoice, VoiceDesk

_FORMAT = {"format": "pcm_f32le", "sample_rate_hz": 24_000, "channels": 1}


class AgentSession:
    """What one connection has open: what is spoken, what waits, and the text that still comes."""

    def __init__(self, socket: WebSocket, desk: SpeechDesk, voices: VoiceDesk, http: Http) -> None:
        self._socket = socket
        self._desk = desk
        self._voices = voices
        self._http = http
        self._connection_id = request_id_of(socket)
        self._traceparent = traceparent_of(socket)
        self._speaker = Speaker(self._speak)
        self._text: AgentText | None = None

    async def serve(self) -> None:
        """Obey until the client leaves, or something breaks that no message can mend."""
        async with self._speaker as speaker:
            async for frame in frames(
                self._socket, self._http.websockets, speaker.task, lambda: speaker.is_busy
            ):
                try:
                    await self._obey(read_message(frame))
                except InvalidKeyError as error:
                    await self._refuse(error)
                    await self._socket.close(POLICY_VIOLATION)
                    return
                except CLIENT_ERRORS as error:
                    await self._refuse(error)
            if speaker.task.done():
                await self._socket.close(INTERNAL_ERROR)

    async def _obey(self, message: AgentMessage) -> None:
        match message:
            case Synthesize():
                self._synthesize(message)
            case Text():
                caller_now(self._socket)
                self._opened().add(message.text)
            case Flush():
                self._opened().end()
                self._text = None
            case Cancel():
                self._text = None
                await self._speaker.cancel()
                await self._event("cancelled")
            case RegisterVoice():
                await self._register(message)
            case Ping():
                await self._event("pong")

    def _synthesize(self, message: Synthesize) -> None:
        caller = caller_now(self._socket)
        if self._text is not None:
            raise InvalidFieldError("type", "comes before flush", "text, flush or cancel")
        utterance = Utterance(
            message.request_id or self._connection_id, message.ignored(), self._traceparent
        )
        text = AgentText(message, utterance, caller, self._http.max_text_characters)
        if message.more:
            text.add(message.text)
            self._text = text
        else:
            text.speak_whole()
        self._speaker.say(utterance)

    async def _register(self, message: RegisterVoice) -> None:
        """Keep a voice, as the other families do; a name that is taken is refused."""
        caller = caller_now(self._socket)
        caller.require(Scope.VOICES)
        new = NewVoice(
            name=message.voice_id,
            audio=decode_base64(message.reference_audio),
            transcript=message.reference_text,
            language=message.language,
        )
        voice = await self._voices.register(new, caller)
        warnings = [warning.model_dump() for warning in voice.warnings]
        ignored = {"ignored": message.ignored()} if message.ignored() else {}
        await self._event(
            "voice_registered", voice_id=voice.name, id=voice.id, warnings=warnings, **ignored
        )

    def _opened(self) -> AgentText:
        if self._text is None:
            raise InvalidFieldError("type", "has nothing to go on with", "synthesize with more")
        return self._text

    async def _speak(self, utterance: Utterance) -> None:
        """Send one utterance. A refusal ends it with an event, and the next one is spoken."""
        name = {"request_id": utterance.name}
        ignored = {"ignored": utterance.ignored} if utterance.ignored else {}
        await self._event("start", **name, **_FORMAT, **ignored)
        audio_s = 0.0
        try:
            async for order in utterance.orders():
                audio_s += await send_speech(
                    self._desk, order, utterance.name, self._socket.send_bytes,
                    self._http.websockets.max_frame_s,
                )  # fmt: skip
        except CLIENT_ERRORS as error:
            await self._refuse(error, **name)
            return
        await self._event("end", **name, audio_s=round(audio_s, 3))

    async def _event(self, kind: str, **fields: Any) -> None:
        await self._socket.send_text(json.dumps({"type": kind} | fields))

    async def _refuse(self, error: Exception, **fields: Any) -> None:
        await self._socket.send_text(json.dumps(AGENT.words(error) | fields))
