"""Models, as clients see them."""

from typing import Literal

from pydantic import BaseModel


class ModelInfo(BaseModel):
    """What speaks here, with the keys of the service that had this endpoint first."""

    device: str
    features: list[str]
    languages: list[str]
    loaded: Literal[True] = True
    model_name: str
    model_type: Literal["multilingual"] = "multilingual"
    success: Literal[True] = True


class ModelView(BaseModel):
    """A model, as OpenAI lists it."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "cosyvoice-mms-tts"


class ModelList(BaseModel):
    """All models."""

    object: Literal["list"] = "list"
    data: list[ModelView]


class ModelName(BaseModel):
    """All that Open WebUI wants to know of a model."""

    id: str
    name: str


class ModelNames(BaseModel):
    """The models for Open WebUI."""

    models: list[ModelName]
