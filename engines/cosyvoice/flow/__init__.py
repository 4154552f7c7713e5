"""CosyVoice's flow: speech tokens to mel, batched and streamed.

``model`` is the whole of it for callers. Below it, ``solver`` integrates a ``batch`` of stretches:
``front`` (``lookahead``, ``conformer``) makes the mean of their tokens, ``estimator`` (``unet`` of
``stages``, or ``dit``) the velocity at each step. Layers see one packed matrix; ``layout`` and
``groups`` know which rows belong together, ``memory`` what came before them. ``cache`` holds the
streams' memory in blocks of a second, ``pool`` knows who owns which, and ``unguided`` has the part
that is the same for everybody.
"""

from engines.cosyvoice.flow.model import Flow, FlowRequest
from engines.cosyvoice.flow.prompt import Prompt
from engines.cosyvoice.flow.stream import Chunk, Final, FlowStream
from engines.cosyvoice.flow.voice import FlowVoice

__all__ = ["Chunk", "Final", "Flow", "FlowRequest", "FlowStream", "FlowVoice", "Prompt"]
