"""From a request to what the language model is fed, for each mode."""

from collections.abc import Sequence
from dataclasses import dataclass

from engines.cosyvoice.llm import LlmPrompt
from engines.cosyvoice.prompt.voice import VoicePrompt
from engines.cosyvoice.text.front_end import TextFrontEnd
from engines.cosyvoice.text.tokenizer import TextTokenizer
from engines.protocol import Mode, SynthesisRequest


@dataclass(frozen=True, slots=True)
class ScriptWriter:
    """Writes prompts as upstream does (cosyvoice/cli/frontend.py, frontend_*)."""

    front_end: TextFrontEnd
    tokenizer: TextTokenizer

    def write(self, request: SynthesisRequest, voice: VoicePrompt) -> list[LlmPrompt]:
        """One prompt for each segment of the text; none where nothing can be spoken."""
        opening = self.opening(request, voice)
        return [
            LlmPrompt(self.tokenizer.encode(segment), opening.prompt_text, opening.prompt_speech)
            for segment in self.front_end.segments(request.text, request.language)
        ]

    def opening(self, request: SynthesisRequest, voice: VoicePrompt) -> LlmPrompt:
        """What stands before any text.

        Where the reference's transcript is known, the model hears what was said in it and how
        (zero_shot; built-in and registered voices too). Otherwise it knows the voice through the
        flow alone.
        """
        if request.mode is Mode.INSTRUCT and request.instruction:
            return self._opening(self.front_end.instruction(request.instruction))
        if request.mode in (Mode.TTS, Mode.ZERO_SHOT) and request.transcript:
            transcript = self.front_end.transcript(request.transcript)
            return self._opening(transcript, voice.tokens.tolist())
        return self._opening(self.front_end.plain())

    def _opening(self, prompt_text: str, prompt_speech: Sequence[int] = ()) -> LlmPrompt:
        return LlmPrompt((), self.tokenizer.encode(prompt_text), prompt_speech)
