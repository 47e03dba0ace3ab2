"""The application: `serve run deploy.ray.application:build repository=/models`, or `serve deploy` with serve.yaml.

Ray's proxies in front, replicas of the service behind them, and one owner of their metrics.
"""

import gc
from collections.abc import Mapping
from typing import Any

import ray
from ray import serve
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deploy.ray.link import Replica, ReplicaEnd
from deploy.ray.owner import Owner
from deploy.ray.settings import check_arguments, replica_settings
from service.app import create_app
from service.core import make_core
from service.monitoring.logs import configure_logs
from service.workers.member import Member

NO_LIMIT = 1_000_000
"""Of requests that Ray lets in: what a replica can answer in time, it knows itself."""


class Service:
    """A replica: the service's core, and its ASGI application around it.

    Args:
        arguments: the service's settings, by name.
        owner: of the metrics.

    Raises:
        ValueError: if a setting is not usable.
        RuntimeError: if no model can be served. A replica of Ray's that runs is sent requests, and one that takes
            another's place must not do so without a model.
    """

    def __init__(self, arguments: Mapping[str, Any], owner: Any) -> None:
        kept = ray.get_runtime_context().get_assigned_resources()  # type: ignore[no-untyped-call]
        settings = replica_settings(arguments, kept.get("CPU", 1))
        configure_logs(settings.log_level, settings.log_format)
        self._core = make_core(settings)
        if not self._core.repository.ready:
            raise RuntimeError(f"no model in {settings.repository} can be served: the replica's log says why")
        self._owner = owner
        gc.collect()
        gc.freeze()  # as the service does

    def __serve_build_asgi_app__(self) -> ASGIApp:
        """Return what answers; Ray runs its lifespan, here as elsewhere."""
        core = self._core
        replica = Replica.here(core.feedback.process)

        async def connect() -> ReplicaEnd:
            return ReplicaEnd(self._owner, replica)

        return _NamedByRay(create_app(core, Member(connect, core.metrics.registry, core.health, core.feedback)))

    def check_health(self) -> None:
        """Have Ray replace a replica of which a run has hung; one that is only busy it must leave alone.

        Raises:
            RuntimeError: if so.
        """
        if not self._core.health.alive:
            raise RuntimeError("a run has hung")


class _NamedByRay:
    """Leaves saying a request's name to Ray, which gives one to each without, and says it in every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def nameless(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [header for header in message["headers"] if header[0] != b"x-request-id"]
            await send(message)

        await self._app(scope, receive, nameless)


_service: Any = serve.deployment(
    serve.ingress()(Service),
    name="Service",
    max_ongoing_requests=NO_LIMIT,
    autoscaling_config={"min_replicas": 1, "max_replicas": 4, "target_ongoing_requests": 16},
    ray_actor_options={"num_cpus": 1},
    graceful_shutdown_timeout_s=30,
    logging_config={"enable_access_log": False},
)
_owner: Any = serve.deployment(
    Owner,
    name="Owner",
    num_replicas=1,
    max_ongoing_requests=NO_LIMIT,
    ray_actor_options={"num_cpus": 0},
    # It has nothing of its own to finish, and the calls that wait are nobody's loss.
    graceful_shutdown_wait_loop_s=0.1,
    graceful_shutdown_timeout_s=1,
    logging_config={"enable_access_log": False},
)


def build(arguments: dict[str, Any]) -> Any:
    """Return the application.

    Args:
        arguments: settings of the service, by name; those not given are read from each replica's environment.

    Raises:
        ValueError: if one cannot be an argument.
    """
    check_arguments(arguments)
    return _service.bind(arguments, _owner.bind())
