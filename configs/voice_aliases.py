"""What other services call their voices, and the built-in voice that speaks instead.

Each goes to the voice that is nearer in pitch; a profile's ``voices.aliases`` says otherwise.
"""

_HIGHER, _LOWER = "anna", "qwen"

_OPENAI = {
    "alloy": _LOWER, "ash": _LOWER, "ballad": _LOWER, "cedar": _LOWER, "coral": _HIGHER,
    "echo": _LOWER, "fable": _LOWER, "marin": _HIGHER, "nova": _HIGHER, "onyx": _LOWER,
    "sage": _HIGHER, "shimmer": _HIGHER, "verse": _LOWER,
}  # fmt: skip
_COSYVOICE_SFT = {
    "中文女": _HIGHER, "中文男": _LOWER, "英文女": _HIGHER, "英文男": _LOWER, "日语男": _LOWER,
    "韩语女": _HIGHER, "粤语女": _HIGHER,
}  # fmt: skip
_VOICE_AGENT = {"default": _LOWER}

VOICE_ALIASES = _OPENAI | _COSYVOICE_SFT | _VOICE_AGENT
