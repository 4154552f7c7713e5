"""What the flow refuses. Every refusal comes before any work starts and changes nothing.

Every error passes its arguments to ``Exception``, so that it survives pickling.
"""


class ChunkBoundaryError(ValueError):
    """A chunk that is not the last must end 3 tokens after a multiple of 25.

    Arguments: the tokens that the sequence has with this chunk, the tokens that it may have.
    """

    def __str__(self) -> str:
        total, wanted = self.args
        return (
            f"the prompt and the tokens so far are {total}; a chunk that is not the last must "
            f"bring them to 3 more than a multiple of 25, the next time to {wanted}"
        )


class SequenceTooLongError(ValueError):
    """Prompt and tokens are longer than the noise. Arguments: frames, the most frames."""

    def __str__(self) -> str:
        frames, most = self.args
        return f"prompt and tokens come to {frames} mel frames; the flow can do {most}"


class ClosedError(RuntimeError):
    """A stream or voice was used after its end. Argument: what it is."""

    def __str__(self) -> str:
        return f"the {self.args[0]} is closed"


class InvalidInputError(ValueError):
    """An input has a wrong shape, type or value. Argument: what is wrong."""

    def __str__(self) -> str:
        return str(self.args[0])


class CacheFullError(RuntimeError):
    """Too few blocks are free: close streams or voices, or load the flow with more.

    Arguments: blocks wanted, blocks free.
    """

    def __str__(self) -> str:
        wanted, free = self.args
        return f"{wanted} cache blocks are wanted and {free} are free"
