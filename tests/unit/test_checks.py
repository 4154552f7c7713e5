import pytest

from engines.checks import check_request, in_spoken_language
from engines.errors import UnsupportedLanguageError
from engines.protocol import EngineInfo, Mode, SynthesisRequest


def info(*languages):
    return EngineInfo(
        name="test", model="Test", sample_rate_hz=16_000, modes=frozenset({Mode.TTS}),
        languages=languages, device="cpu", precision="fp32",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("languages", "asked", "guessed", "spoken"),
    [
        (("en", "ms"), "ms", False, "ms"),
        (("en", "ms"), None, False, "en"),
        (("en", "ms"), "fr", True, "en"),
        (("en", "ms"), "id", True, "ms"),
        (("en", "id"), "ms", True, "id"),
        (("en", "ms"), "fr", False, "fr"),
        ((), "fr", False, "fr"),
        ((), None, False, None),
    ],
)
def test_the_language_that_is_spoken(languages, asked, guessed, spoken):
    request = SynthesisRequest("a", language=asked, language_guessed=guessed)
    assert in_spoken_language(info(*languages), request).language == spoken


def test_a_language_that_was_asked_for_is_refused_where_it_is_missing():
    request = in_spoken_language(info("en", "ms"), SynthesisRequest("a", language="fr"))
    with pytest.raises(UnsupportedLanguageError, match="'fr'; it speaks en, ms"):
        check_request(info("en", "ms"), request)
