"""A replica's settings: the service's own, less what is Ray's to say."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from service.command_line import near_misses, sentences
from service.settings import Settings
from service.settings_table import describe_settings

_OF_RAY = {
    "host": "set http_options.host",
    "port": "set http_options.port",
    "tls_certificate": "set http_options.ssl_certfile",
    "tls_key": "set http_options.ssl_keyfile",
    "workers": "set num_replicas or autoscaling_config of the deployment Service",
    "max_header_bytes": "the proxy reads the head",
    "drain_seconds": "Ray takes a replica from its proxies before it stops it",
    "shutdown_seconds": "set graceful_shutdown_timeout_s of the deployment Service",
}
_SECRET = ("api_keys", "admin_keys")


def check_arguments(arguments: Iterable[str]) -> None:
    """Refuse what cannot be an argument of the application.

    Args:
        arguments: their names; those of the service's settings are known.

    Raises:
        ValueError: if one is no setting, is Ray's to say, or is a secret, which Ray would show with the application.
    """
    for name in arguments:
        if name not in Settings.model_fields:
            near = get_close_matches(name, Settings.model_fields, n=1)
            raise ValueError(f"{name} is no setting of the service" + (f": did you mean {near[0]}?" if near else ""))
        if name in _OF_RAY:
            raise ValueError(f"{name} is not the service's to say under Ray: {_OF_RAY[name]}")
        if name in _SECRET:
            raise ValueError(
                f"{name} is not taken here, where Ray would show it: set CHAINZRULE_{name.upper()} in the nodes' "
                f"environment, or give {name}_file"
            )


def replica_settings(arguments: Mapping[str, Any], cpus: float) -> Settings:
    """Return the settings of a replica: the arguments, else its own environment, else the defaults.

    Args:
        arguments: checked, by a setting's name.
        cpus: that Ray keeps for the replica; onnxruntime's threads follow it unless they are given, since Ray neither
            binds a replica to cores nor limits it, so that affinity and quota say nothing.

    Raises:
        ValueError: if a setting is not usable, or changes one replica only.
    """
    for sentence in near_misses(describe_settings()):
        raise ValueError(sentence)
    of_ray: dict[str, Any] = {"workers": 1, "tls_certificate": None, "tls_key": None}
    try:
        settings = Settings(**{**arguments, **of_ray})
    except ValidationError as error:
        # Not the error itself, which could not travel to whoever deploys.
        raise ValueError(sentences(error)) from None
    if settings.repository_keys or settings.repository_mode == "explicit":
        raise ValueError("the repository API changes one replica: leave admin_keys out, and repository_mode at poll")
    return settings.model_copy(update={"threads": settings.threads or max(int(cpus), 1)})
