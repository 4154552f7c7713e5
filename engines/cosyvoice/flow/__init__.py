"""CosyVoice's flow: speech tokens to mel."""

from engines.cosyvoice.flow.model import Flow, FlowRequest
from engines.cosyvoice.flow.prompt import Prompt
from engines.cosyvoice.flow.stream import Chunk, Final, FlowStream
from engines.cosyvoice.flow.voice import FlowVoice

__all__ = ["Chunk", "Final", "Flow", "FlowRequest", "FlowStream", "FlowVoice", "Prompt"]
