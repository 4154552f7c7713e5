"""Reading a request's body, JSON or form data, into a typed model."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from configs.invalid_field import InvalidFieldError
from serve_app.errors import UnreadableBodyError, UnsupportedContentTypeError

Body = TypeVar("Body", bound=BaseModel)

JSON = "application/json"
FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")

PROBLEMS = {
    "missing": "is missing",
    "string_too_short": "is empty",
    "too_short": "is empty",
    "string_type": "is not a string",
    "string_pattern_mismatch": "is not written as it should be",
    "float_type": "is not a number",
    "float_parsing": "is not a number",
    "finite_number": "is not a number",
    "int_type": "is not a whole number",
    "int_parsing": "is not a whole number",
    "int_from_float": "is not a whole number",
    "bool_type": "is neither true nor false",
    "bool_parsing": "is neither true nor false",
    "greater_than_equal": "is too small",
    "less_than_equal": "is too large",
    "less_than": "is too large",
    "enum": "is not known",
}
"""What pydantic finds, in words for people."""


async def read_body(request: Request, body_class: type[Body], max_bytes: int) -> Body:
    """Read ``request`` as a ``body_class``.

    JSON is read strictly (``"1"`` is no number); form fields are text, so there it is one.
    Form fields that are empty count as left out. A GET may have its fields in the query, too.

    Raises:
        UnsupportedContentTypeError: neither JSON nor form data.
        UnreadableBodyError: not what the Content-Type says.
        InvalidFieldError: a field is missing, unknown or wrong; names the first such field.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if content_type == JSON:
            return body_class.model_validate_json(await request.body(), strict=True)
        query = dict(request.query_params) if request.method == "GET" else {}
        if content_type in FORMS:
            return body_class.model_validate(query | await _read_form(request, max_bytes))
        if request.method == "GET" and not content_type:
            return body_class.model_validate(query)
    except ValidationError as error:
        raise first_problem(error, body_class) from error
    raise UnsupportedContentTypeError


async def _read_form(request: Request, max_bytes: int) -> dict[str, Any]:
    try:
        async with request.form(max_files=1, max_fields=32, max_part_size=max_bytes) as form:
            return await _fields(form)
    except HTTPException as error:
        raise UnreadableBodyError(f"the form data cannot be read: {error.detail}") from error


async def _fields(form: FormData) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in form.multi_items():
        content = await value.read() if isinstance(value, UploadFile) else value
        if content:
            fields[name] = content
    return fields


def first_problem(error: ValidationError, body_class: type[BaseModel]) -> Exception:
    """Return the refusal that names the first field that ``error`` complains of."""
    problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    kind, message = problem["type"], problem["msg"]
    if not problem["loc"]:
        return UnreadableBodyError(f"the body is not a JSON object: {message}")
    name = str(problem["loc"][0])
    if kind == "extra_forbidden":
        return InvalidFieldError(name, "is not known", ", ".join(body_class.model_fields))
    text = PROBLEMS.get(kind, message.removeprefix("Value error, "))
    return InvalidFieldError(name, text, body_class.model_fields[name].description or "")
