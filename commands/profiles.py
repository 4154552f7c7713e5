"""The settings of our application in a profile."""

from pathlib import Path

from ray.serve.schema import ServeDeploySchema

from commands.errors import CommandError
from configs.app import AppConfig
from configs.environment import read_environment
from serve_app.profile import IMPORT_PATH, ProfileError, load_profile


def config_of(profile: Path) -> AppConfig:
    """Return the first application's settings.

    Raises:
        CommandError: the profile is not sound, or deploys nothing of ours.
    """
    for application in read_profile(profile).applications:
        if application.import_path == IMPORT_PATH:
            return AppConfig.model_validate(application.args)
    raise CommandError(f"{profile} deploys no {IMPORT_PATH}")


def read_profile(profile: Path) -> ServeDeploySchema:
    """Return the whole profile, with the environment's values in place.

    Raises:
        CommandError: it is not sound.
    """
    try:
        return load_profile(profile, read_environment())
    except ProfileError as error:
        raise CommandError(str(error)) from error
