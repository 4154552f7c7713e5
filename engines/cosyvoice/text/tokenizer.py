"""Text tokens: the Qwen2 vocabulary with the special tokens of each CosyVoice version.

The order of the special tokens fixes their ids (upstream: cosyvoice/tokenizer/tokenizer.py).
"""

from pathlib import Path

from transformers import AddedToken, AutoTokenizer, PreTrainedTokenizerBase

from engines.cosyvoice.config import END_OF_PROMPT_ID, Version
from engines.errors import EngineLoadError

END_OF_PROMPT = "<|endofprompt|>"
_END_OF_TEXT = "<|endoftext|>"

_COMMON = (
    "<|im_start|> <|im_end|> <|endofprompt|> [breath] <strong> </strong> [noise] [laughter] "
    "[cough] [clucking] [accent] [quick_breath] <laughter> </laughter> [hissing] [sigh] "
    "[vocalized-noise] [lipsmack] [mn]"
)
_ENGLISH_SOUNDS = (
    "AA AA0 AA1 AA2 AE AE0 AE1 AE2 AH AH0 AH1 AH2 AO AO0 AO1 AO2 AW AW0 AW1 AW2 AY AY0 AY1 AY2 B "
    "CH D DH EH EH0 EH1 EH2 ER ER0 ER1 ER2 EY EY0 EY1 EY2 F G HH IH IH0 IH1 IH2 IY IY0 IY1 IY2 JH "
    "K L M N NG OW OW0 OW1 OW2 OY OY0 OY1 OY2 P R S SH T TH UH UH0 UH1 UH2 UW UW0 UW1 UW2 V W Y Z "
    "ZH"
)
_PINYIN = (
    "a ai an ang ao b c ch d e ei en eng f g h i ian in ing iu ià iàn iàng iào iá ián iáng iáo iè "
    "ié iòng ióng iù iú iā iān iāng iāo iē iě iōng iū iǎ iǎn iǎng iǎo iǒng iǔ j k l m n o ong ou "
    "p q r s sh t u uang ue un uo uà uài uàn uàng uá uái uán uáng uè ué uì uí uò uó uā uāi uān "
    "uāng uē uě uī uō uǎ uǎi uǎn uǎng uǐ uǒ vè w x y z zh à ài àn àng ào á ái án áng áo è èi èn "
    "èng èr é éi én éng ér ì ìn ìng í ín íng ò òng òu ó óng óu ù ùn ú ún ā āi ān āng āo ē ēi ēn "
    "ēng ě ěi ěn ěng ěr ī īn īng ō ōng ōu ū ūn ǎ ǎi ǎn ǎng ǎo ǐ ǐn ǐng ǒ ǒng ǒu ǔ ǔn ǘ ǚ ǜ"
)


def special_tokens(version: Version) -> list[str]:
    """The special tokens of ``version``, in the order of their ids."""
    common = _COMMON.split()
    if version is Version.COSYVOICE2:
        return common
    sounds = [f"[{sound}]" for sound in (_ENGLISH_SOUNDS + " " + _PINYIN).split()]
    return [*common, "<|endofsystem|>", *sounds]


class TextTokenizer:
    """Text to token ids."""

    def __init__(self, folder: Path, version: Version) -> None:
        """Open the tokenizer in ``folder`` (a CosyVoice-BlankEN directory).

        Raises:
            EngineLoadError: it is not the tokenizer that CosyVoice was trained with.
        """
        self._tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        self._tokenizer.add_special_tokens(
            {
                "eos_token": _END_OF_TEXT,
                "pad_token": _END_OF_TEXT,
                "additional_special_tokens": list[str | AddedToken](special_tokens(version)),
            }
        )
        found = self._tokenizer.convert_tokens_to_ids(END_OF_PROMPT)
        if found != END_OF_PROMPT_ID:
            raise EngineLoadError(
                f"the tokenizer in {folder} gives {END_OF_PROMPT} the id {found} instead of "
                f"{END_OF_PROMPT_ID}: its vocabulary is not that of Qwen2"
            )

    def encode(self, text: str) -> list[int]:
        """Return the ids of ``text``; special tokens in it become their own ids."""
        return list(self._tokenizer(text)["input_ids"]) if text else []

    def count(self, text: str) -> int:
        """Return the number of tokens of ``text``."""
        return len(self.encode(text))
