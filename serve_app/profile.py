"""Reading a profile: Ray Serve's YAML, checked strictly.

Ray Serve ignores keys that it does not know, so a typo would silently leave a default in place.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from ray.serve.schema import DeploymentSchema, ServeApplicationSchema, ServeDeploySchema

from configs.app import AppConfig
from configs.environment import Environment, read_environment
from serve_app.build import ACCOUNTS_DEPLOYMENT, DEPLOYMENTS
from serve_app.exposure import ExposedError, check_exposure

IMPORT_PATH = "serve_app:build"


class ProfileError(ValueError):
    """A profile holds something that it may not; the message lists every fault."""


def load_profile(file: Path, environment: Environment) -> ServeDeploySchema:
    """Read ``file`` and put what the environment says in place.

    Raises:
        ProfileError: the file is missing, is no YAML, or has unknown or wrong keys anywhere.
    """
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ProfileError(f"{file}: {error}") from error
    faults = list(profile_faults(document))
    if faults:
        raise ProfileError(f"{file}:\n  " + "\n  ".join(faults))
    return _with_environment(ServeDeploySchema.model_validate(document), environment)


def _with_environment(profile: ServeDeploySchema, environment: Environment) -> ServeDeploySchema:
    if environment.port is not None:
        profile.http_options.port = environment.port
    if environment.grpc_port is not None:
        profile.grpc_options.port = environment.grpc_port
    sockets = {
        "max_connections": environment.max_connections,
        "chunk_tokens": environment.chunk_tokens,
    }
    said = {name: value for name, value in sockets.items() if value is not None}
    for application in profile.applications:
        if said and application.import_path == IMPORT_PATH:
            http = application.args.setdefault("http", {})
            http["websockets"] = http.get("websockets", {}) | said
    return profile


def profile_faults(document: Any) -> Iterator[str]:
    """Yield one line for each fault in a profile's ``document``."""
    if not isinstance(document, dict):
        yield "the profile is not a mapping"
        return
    yield from unknown_keys(ServeDeploySchema, document)
    try:
        profile = ServeDeploySchema.model_validate(document)
    except ValidationError as error:
        yield from _lines(error, "")
        return
    for application in profile.applications:
        if application.import_path == IMPORT_PATH:
            yield from _application_faults(application, profile.http_options.host)


def _application_faults(application: ServeApplicationSchema, host: str) -> Iterator[str]:
    deployments = {deployment.name: deployment for deployment in application.deployments}
    for name in deployments.keys() - set(DEPLOYMENTS):
        yield f"deployments: {name!r} is none of {', '.join(DEPLOYMENTS)}"
    try:
        config = AppConfig.model_validate(application.args)
    except ValidationError as error:
        yield from _lines(error, "args.")
        return
    try:
        check_exposure(config.auth, [host])
    except ExposedError as error:
        yield f"args.auth: {error}"
    yield from _accounts_faults(config, deployments.get(ACCOUNTS_DEPLOYMENT))


def _accounts_faults(config: AppConfig, accounts: DeploymentSchema | None) -> Iterator[str]:
    if accounts is None:
        return
    if not config.auth.asks_for_keys:
        yield f"deployments: {ACCOUNTS_DEPLOYMENT} is there only with args.auth.mode keys"
    options = accounts.model_dump(exclude_unset=True)
    if options.get("num_replicas", 1) != 1 or "autoscaling_config" in options:
        yield f"deployments: {ACCOUNTS_DEPLOYMENT} must have one replica, which counts for all"


def unknown_keys(model: type[BaseModel], data: Any, path: str = "") -> Iterator[str]:
    """Yield one line for each key in ``data`` that ``model`` does not have, at any depth."""
    if not isinstance(data, dict):
        return
    for key, value in data.items():
        field = model.model_fields.get(key)
        if field is None:
            yield f"{path}{key}: unknown key; known are {', '.join(sorted(model.model_fields))}"
            continue
        for inner in _models_in(field.annotation):
            items = value if isinstance(value, list) else [value]
            for item in items:
                yield from unknown_keys(inner, item, f"{path}{key}.")


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


def _lines(error: ValidationError, prefix: str) -> Iterator[str]:
    for problem in error.errors(include_url=False):
        yield f"{prefix}{'.'.join(map(str, problem['loc']))}: {problem['msg']}"


def main() -> int:
    """``python -m serve_app.profile FILE ...``: check profiles; return the exit status."""
    status = 0
    for name in sys.argv[1:]:
        try:
            load_profile(Path(name), read_environment())
        except ProfileError as error:
            print(error, file=sys.stderr)  # noqa: T201
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
