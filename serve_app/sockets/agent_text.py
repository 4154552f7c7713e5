"""The text of one ``synthesize``: given at once, or in pieces while it is spoken."""

from dataclasses import replace

from audio.formats import AudioFormat
from configs.invalid_field import InvalidFieldError
from engines.language_detection import detect_language
from serve_app.caller import Caller
from serve_app.client_bodies import AgentSpeechBody
from serve_app.orders import SpeechOrder
from serve_app.sockets.agent_messages import Synthesize
from serve_app.sockets.sentences import SentenceGatherer
from serve_app.sockets.speaker import Utterance

_DEFAULT_VOICE = "default"


class AgentText:
    """Turns what a ``Synthesize`` says, and the pieces after it, into the utterance's orders."""

    def __init__(
        self, message: Synthesize, utterance: Utterance, caller: Caller, max_characters: int
    ) -> None:
        self._message = message
        self._utterance = utterance
        self._caller = caller
        self._gatherer = SentenceGatherer(message.language_code, max_characters)
        self._language_sample = ""

    def speak_whole(self) -> None:
        """Speak the message's text; nothing follows.

        Raises:
            InvalidFieldError: there is none.
        """
        if not self._message.text.strip():
            raise InvalidFieldError("text", "is empty", "the text to speak, not empty")
        self._utterance.add(self._order(self._message.text))
        self._utterance.end()

    def add(self, piece: str) -> None:
        """Take a piece; each sentence is spoken when it is whole."""
        for sentence in self._gatherer.add(piece):
            self._utterance.add(self._order(sentence))

    def end(self) -> None:
        """Speak what is left; nothing follows."""
        for sentence in self._gatherer.flush():
            self._utterance.add(self._order(sentence))
        self._utterance.end()

    def _order(self, text: str) -> SpeechOrder:
        if detect_language(self._language_sample) is None:  # the first words that tell decide
            self._language_sample += f"{text} "
        order = agent_order(self._message, text, self._caller)
        return replace(order, language_sample=self._language_sample)


def agent_order(message: Synthesize | AgentSpeechBody, text: str, caller: Caller) -> SpeechOrder:
    """Translate what an agent asks for, on a WebSocket or over HTTP."""
    return SpeechOrder(
        text=text,
        voice=None if message.voice_id == _DEFAULT_VOICE else message.voice_id,
        instruction=message.instruction,
        language=message.language_code,
        speed=message.speed,
        seed=message.seed,
        stream=message.streaming,
        audio_format=AudioFormat.PCM_F32,
        caller=caller,
    )
