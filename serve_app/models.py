"""The models that OpenAI's clients may ask for, and the engine that each means."""

from dataclasses import dataclass

from serve_app.errors import UnknownModelError
from serve_app.model_views import ModelView
from serve_app.orders import COSYVOICE, MMS

_COSYVOICE2_RELEASED_S = 1_734_048_000
_MMS_RELEASED_S = 1_684_713_600


@dataclass(frozen=True, slots=True)
class Model:
    """A model by the name that clients use.

    Attributes:
        id: the name.
        engine: which engine it means; None leaves it to the language, as OpenAI's names do.
        created: when it was released, in Unix seconds.
    """

    id: str
    engine: str | None
    created: int

    def view(self) -> ModelView:
        """The model as OpenAI lists it."""
        return ModelView(id=self.id, created=self.created)


MODELS = (
    Model(COSYVOICE, COSYVOICE, _COSYVOICE2_RELEASED_S),
    Model(MMS, MMS, _MMS_RELEASED_S),
    Model("tts-1", None, _COSYVOICE2_RELEASED_S),
    Model("tts-1-hd", None, _COSYVOICE2_RELEASED_S),
    Model("gpt-4o-mini-tts", None, _COSYVOICE2_RELEASED_S),
    Model("gpt-4o-mini-tts-2025-12-15", None, _COSYVOICE2_RELEASED_S),
)
_BY_ID = {model.id: model for model in MODELS}


def model_of(name: str) -> Model:
    """Return the model called ``name``.

    Raises:
        UnknownModelError: there is none.
    """
    if name not in _BY_ID:
        raise UnknownModelError(name, _BY_ID)
    return _BY_ID[name]
