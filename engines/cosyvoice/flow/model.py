"""The flow: speech tokens to mel, for whole requests and for streams, batched.

    flow = Flow.load(config, state, cache_blocks=64)
    voice = flow.voice(flow.prompt(prompt_tokens, prompt_mel, speaker))
    stream = flow.open(voice, reserve_tokens=250)
    (mel,) = flow.advance([Chunk(stream, tokens)])
    (mel,) = flow.advance([Chunk(stream, last_tokens, Final.CAUSAL)])

A flow belongs to one thread.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from engines.cosyvoice.config import (
    CHUNK_TOKENS,
    LOOKAHEAD_TOKENS,
    MEL_BINS,
    SPEAKER_DIM,
    FlowConfig,
)
from engines.cosyvoice.flow.batch import Stretch
from engines.cosyvoice.flow.cache import FlowCache
from engines.cosyvoice.flow.errors import CacheFullError, ClosedError, InvalidInputError
from engines.cosyvoice.flow.inputs import check_length, check_prompt_shapes, checked_tokens
from engines.cosyvoice.flow.layers import Linear
from engines.cosyvoice.flow.planned import PlannedChunk
from engines.cosyvoice.flow.prompt import Prompt
from engines.cosyvoice.flow.solver import Solver
from engines.cosyvoice.flow.stream import Chunk, Final, FlowStream
from engines.cosyvoice.flow.voice import FlowVoice, whole_blocks
from engines.cosyvoice.flow.weights import Weights


@dataclass(frozen=True, slots=True, eq=False)
class FlowRequest:
    """A whole sequence at once: ``tokens`` [n], any integer dtype, on the CPU."""

    prompt: Prompt
    tokens: Tensor


class Flow:
    """Token-to-mel flow matching; make one with ``Flow.load``."""

    def __init__(
        self, config: FlowConfig, solver: Solver, speaker: Linear, cache: FlowCache
    ) -> None:
        self._config = config
        self._solver = solver
        self._speaker = speaker
        self._cache = cache

    @classmethod
    @torch.inference_mode()
    def load(  # noqa: PLR0913  each is one choice of who deploys it
        cls,
        config: FlowConfig,
        state: Mapping[str, Tensor],
        *,
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = "cpu",
        cache_blocks: int = 0,
        cache_bytes: int | None = None,
        compact: bool = False,
        merged: bool | None = None,
    ) -> "Flow":
        """Build a flow from upstream's ``flow.pt``.

        Args:
            config: the checkpoint's sizes.
            state: the state dict; every key is used, and none may be missing.
            dtype: what matrix products, keys and values are in. The solver's state, norms and
                residual sums are float32 in any case. For full float32 on a GPU switch TF32 off
                (``torch.backends.cudnn.allow_tf32``, ``torch.backends.cuda.matmul.allow_tf32``).
            device: where to run.
            cache_blocks: seconds of mel that all voices and streams together can remember; 0 is
                enough for whole requests.
            cache_bytes: fewer blocks, if ``cache_blocks`` would take more memory than this.
            compact: remember less than keys and values, a quarter of the memory for more work in
                every chunk (CosyVoice 2 only).
            merged: whether attention pads sequences of different lengths to one batch (see
                ``Style``); None does so on GPUs alone.

        Raises:
            WeightsError: the state dict does not fit.
        """
        weights = Weights(state, torch.device(device), dtype)
        speaker = weights.precise().linear("spk_embed_affine_layer", MEL_BINS, SPEAKER_DIM)
        on_gpu = weights.device.type == "cuda"
        merge = on_gpu if merged is None else merged
        solver = Solver(weights, config, cache_blocks, merged=merge, compact=compact)
        weights.finish()
        new_cache = partial(
            FlowCache,
            solver.front.state,
            solver.estimator.state,
            config.ode_steps,
            dtype=dtype,
            device=weights.device,
        )
        if cache_bytes is not None:
            cache_blocks = min(cache_blocks, cache_bytes // new_cache(blocks=0).block_bytes)
        return cls(config, solver, speaker, new_cache(blocks=cache_blocks))

    @property
    def solver(self) -> Solver:
        """The networks, for those who watch them at work."""
        return self._solver

    @property
    def block_bytes(self) -> int:
        """Memory of one second of one stream."""
        return self._cache.block_bytes

    @property
    def free_blocks(self) -> int:
        """Cache blocks that no voice and no stream holds."""
        return self._cache.pool.num_free

    @property
    def cache_bytes(self) -> int:
        """Memory set aside for all voices and streams."""
        return self._cache.num_bytes + self._solver.shared_bytes

    def stream_bytes(self, voice: FlowVoice, tokens: int) -> int:
        """Memory that a stream of ``tokens`` tokens will need beside its voice's."""
        return voice.stream_blocks(tokens) * self.block_bytes

    @torch.inference_mode()
    def prompt(self, tokens: Tensor, mel: Tensor, speaker: Tensor) -> Prompt:
        """Check a prompt and bring it to the device.

        Args:
            tokens: speech tokens [P], any integer dtype, on the CPU; P may be 0.
            mel: log-mel of the same audio [2 * P, 80].
            speaker: speaker vector [192], of any length but 0.

        Raises:
            InvalidInputError: a shape, dtype or value is wrong.
        """
        checked = checked_tokens(tokens, self._config.vocab)
        check_prompt_shapes(checked, mel, speaker)
        direction = functional.normalize(speaker.to(self._speaker.weight), dim=0)
        return Prompt(checked, mel.to(self._speaker.weight), self._speaker(direction))

    @torch.inference_mode()
    def offline(
        self, requests: Sequence[FlowRequest], *, chunked: bool = False, finalize: bool = True
    ) -> list[Tensor]:
        """Solve whole requests in one batch.

        Args:
            requests: of any lengths.
            chunked: use the chunk masks of streaming instead of full attention.
            finalize: the tokens are all there are; otherwise the last 3 are look-ahead only.

        Returns:
            For each request the mel of its tokens [80, frames], float32.

        Raises:
            InvalidInputError, SequenceTooLongError: a request is wrong; none was solved.
        """
        stretches = [self._whole(request, finalize=finalize) for request in requests]
        mels = self._solver.solve(stretches, chunked=chunked)
        return [
            mel[len(request.prompt.mel) :].t().contiguous()
            for request, mel in zip(requests, mels, strict=True)
        ]

    @torch.inference_mode()
    def voice(self, prompt: Prompt) -> FlowVoice:
        """Compute what all streams with this prompt share.

        Raises:
            CacheFullError: there are too few free blocks.
            SequenceTooLongError: the prompt alone is too long.
        """
        check_length(len(prompt.tokens), self._config.noise_frames)
        pool, count = self._cache.pool, whole_blocks(len(prompt.tokens))
        blocks = tuple(pool.acquire(count))
        with ExitStack() as undo:
            undo.callback(pool.release, blocks)
            if blocks:
                known = Stretch(prompt, prompt.tokens, 0, count * CHUNK_TOKENS, (), blocks)
                self._solver.advance([known], self._cache)
            undo.pop_all()
        return FlowVoice(prompt, blocks, pool, self.block_bytes)

    def open(self, voice: FlowVoice, reserve_tokens: int = 0) -> FlowStream:
        """Start a stream, with memory set aside for ``reserve_tokens`` tokens.

        A stream that outgrows its reserve takes free blocks as it goes.

        Raises:
            CacheFullError: the reserve cannot be had.
            ClosedError: the voice is closed.
        """
        if voice.closed:
            raise ClosedError("voice")
        return FlowStream(voice, self._cache.pool, voice.stream_blocks(reserve_tokens))

    @torch.inference_mode()
    def advance(self, chunks: Sequence[Chunk]) -> list[Tensor]:
        """Take streams one chunk further, all in one batch.

        Streams may be at different places, and their chunks of different lengths. Those that end
        with ``Final.FULL`` are a second batch. A stream that has ended is closed.

        Returns:
            For each chunk the new frames of its mel [80, frames], float32.

        Raises:
            InvalidInputError, ChunkBoundaryError, SequenceTooLongError, ClosedError: a chunk is
                wrong.
            CacheFullError: a stream outgrew its reserve and there are too few free blocks.
        """
        planned = [PlannedChunk.check(chunk, self._config) for chunk in chunks]
        if len({id(chunk.stream) for chunk in chunks}) < len(chunks):
            raise InvalidInputError("a stream has two chunks in one call")
        missing = sum(plan.missing_blocks for plan in planned)
        if missing > self.free_blocks:
            raise CacheFullError(missing, self.free_blocks)
        stretches = {plan: plan.stretch() for plan in planned if not plan.is_empty}
        whole = [plan for plan in stretches if plan.final is Final.FULL]
        going = [plan for plan in stretches if plan.final is not Final.FULL]
        solved = self._solver.advance([stretches[plan] for plan in going], self._cache)
        mels = dict(zip(going, solved, strict=True))
        solved = self._solver.solve([stretches[plan] for plan in whole], chunked=False)
        mels.update(zip(whole, solved, strict=True))
        return [
            plan.finish(stretches[plan], mels[plan]) if plan in mels else plan.finish_empty()
            for plan in planned
        ]

    def _whole(self, request: FlowRequest, *, finalize: bool) -> Stretch:
        tokens = checked_tokens(request.tokens, self._config.vocab)
        ahead = 0 if finalize else LOOKAHEAD_TOKENS
        if len(tokens) <= ahead:
            raise InvalidInputError(f"a request has more than {ahead} tokens, not {len(tokens)}")
        sequence = torch.cat([request.prompt.tokens, tokens])
        stop = len(sequence) - ahead
        check_length(stop, self._config.noise_frames)
        return Stretch(request.prompt, sequence, 0, stop)
