"""The OpenAPI document: complete, true, and a page to read."""

import re

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [status_code_conformance, content_type_conformance,
          response_schema_conformance]  # fmt: skip
SETTINGS = hypothesis.settings(
    max_examples=12,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(hypothesis.HealthCheck),
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)
FAMILIES = ["CosyVoice", "MMS", "OpenAI", "Voices", "CosyVoice upstream", "Voice cloning",
            "Voice agent", "Service"]  # fmt: skip


@pytest.fixture(scope="module")
def document(cluster):
    import httpx

    return httpx.get(cluster.use("speech.yaml") + "/tone/openapi.json", timeout=30).json()


def operations(document):
    return [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_operation_is_described(document):
    described = operations(document)
    assert {operation["tags"][0] for _, _, operation in described} == set(FAMILIES)
    ids = [operation["operationId"] for _, _, operation in described]
    assert len(set(ids)) == len(ids)
    for method, path, operation in described:
        assert operation["summary"], path
        assert {"500", "503"} & set(operation["responses"]) or path == "/healthz", path
        for answer in operation["responses"].values():
            assert all(content["schema"] for content in answer["content"].values()), path
        if method in ("post", "patch") and not path.endswith("healthcheck"):
            assert operation["requestBody"]["content"], path


def test_the_document_refers_to_nothing_that_is_not_in_it(document):
    for name in re.findall(r"'\$ref': '([^']+)'", str(document)):
        assert name.startswith("#/components/schemas/")
        assert name.rpartition("/")[2] in document["components"]["schemas"]
    assert "HTTPValidationError" not in str(document)


@pytest.mark.parametrize("family", FAMILIES)
def test_made_up_requests_never_break_it(document, tone, family):
    url = str(tone.base_url).rstrip("/")
    schema = schemathesis.openapi.from_dict(document)
    # This application says that it is not ready: its engine fails what it is asked for that.
    checks = CHECKS if family == "Service" else [not_a_server_error, *CHECKS]
    statuses = []
    for result in schema.include(tag=family).get_all_operations():
        operation = result.ok()

        @SETTINGS
        @hypothesis.given(case=operation.as_strategy())
        def check(case):
            response = case.call(base_url=url)
            statuses.append(response.status_code)
            case.validate_response(response, checks=checks)

        check()
    assert 500 not in statuses
    assert 200 in statuses, "some of them are understood"


def test_the_page_needs_nothing_from_elsewhere(tone, document):
    response = tone.get("/docs")
    assert response.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in response.headers["content-security-policy"]
    addresses = set(re.findall(r"""(?:src|href)=["']?([^"' >]+)""", response.text))
    assert addresses == {"openapi.json"}
    for _, path, _ in operations(document):
        assert path in response.text
    assert str(tone.base_url).rstrip("/") + "/v1/audio/speech" in response.text
