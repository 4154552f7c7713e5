"""The base of every settings model: unknown keys are errors, values never change."""

from pydantic import BaseModel, ConfigDict


class StrictModel(BaseModel):
    """A frozen model that refuses keys it does not know.

    Ray Serve ignores unknown keys in its part of the YAML; ours must not.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
