"""The voices whose prompt the flow remembers."""

from collections import OrderedDict

from engines.cosyvoice.config import CHUNK_TOKENS, LOOKAHEAD_TOKENS, TOKEN_MEL_RATIO
from engines.cosyvoice.flow import Flow, FlowStream, FlowVoice, Prompt
from engines.cosyvoice.flow.errors import CacheFullError
from engines.cosyvoice.prompt.voice import VoicePrompt

_MOST_VOICES = 256
"""Short prompts fill no block, so that a full memory alone would not make room for others."""


class VoiceShelf:
    """Opens streams; computes what a voice's streams share once, and forgets it when room is short.

    Args:
        flow: whose memory it is.
        align: cut the beginning of prompts so that a stream's first chunk wastes nothing.
    """

    def __init__(self, flow: Flow, *, align: bool) -> None:
        self._flow = flow
        self._align = align
        self._voices: OrderedDict[VoicePrompt, FlowVoice] = OrderedDict()

    def prompt(self, voice: VoicePrompt, *, streamed: bool) -> Prompt:
        """The flow's prompt for ``voice``; for what is solved whole, all of it."""
        tokens, mel = voice.tokens, voice.mel
        if streamed and self._align:
            start = _tokens_to_cut(len(tokens))
            tokens, mel = tokens[start:], mel[TOKEN_MEL_RATIO * start :]
        return self._flow.prompt(tokens, mel, voice.speaker)

    def open(self, voice: VoicePrompt, reserve_tokens: int) -> FlowStream | None:
        """Start a stream with memory for ``reserve_tokens`` tokens; None where there is no room.

        Voices that are not in use make room, the least recently used first.
        """
        while True:
            try:
                return self._flow.open(self._voice(voice), reserve_tokens)
            except CacheFullError:
                if not self._forget_one(but=voice):
                    return None

    def make_room(self, blocks: int) -> bool:
        """Forget voices until ``blocks`` blocks are free; False if that is not enough.

        What a voice's streams still use is not freed before they end.
        """
        while self._flow.free_blocks < blocks:
            if not self._forget_one(but=None):
                return False
        return True

    def forget(self, voice: VoicePrompt) -> None:
        """Let go of a voice; its streams keep what they use until they end."""
        if voice in self._voices:
            self._voices.pop(voice).close()

    def _voice(self, voice: VoicePrompt) -> FlowVoice:
        if voice not in self._voices:
            self._voices[voice] = self._flow.voice(self.prompt(voice, streamed=True))
        self._voices.move_to_end(voice)
        if len(self._voices) > _MOST_VOICES:
            self._forget_one(but=voice)
        return self._voices[voice]

    def _forget_one(self, *, but: VoicePrompt | None) -> bool:
        """Close the voice that was used longest ago; False if there is none to close."""
        oldest = next((voice for voice in self._voices if voice is not but), None)
        if oldest is None:
            return False
        self._voices.pop(oldest).close()
        return True


def _tokens_to_cut(prompt_tokens: int) -> int:
    """Tokens to drop from a prompt's start so that it ends 3 after a multiple of 25.

    Then all of it but its look-ahead is remembered with the voice, and the first chunk is exactly
    one block, of which 22 tokens are new.
    """
    if prompt_tokens < CHUNK_TOKENS + LOOKAHEAD_TOKENS:
        return 0
    return (prompt_tokens - LOOKAHEAD_TOKENS) % CHUNK_TOKENS
