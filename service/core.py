"""What serves, apart from HTTP: the models, what runs them, and what is told of it."""

import asyncio
import logging
from functools import partial
from typing import NamedTuple

from service.inference.canary import Canary, Trial
from service.inference.decoders import Decoders
from service.inference.engine import Engine, Limits
from service.inference.health import Health
from service.inference.loop_time import LoopTime
from service.inference.model import Model
from service.inference.repository import Repository
from service.inference.rows import RowLimits
from service.inference.threads import available_cores
from service.monitoring.feedback import Feedback
from service.monitoring.metrics import Metrics
from service.monitoring.recent import RecentRows
from service.monitoring.recorder import Recorder
from service.settings import Settings

_log = logging.getLogger(__name__)


class Core(NamedTuple):
    """The parts, each made once."""

    settings: Settings
    repository: Repository
    canary: Canary
    engine: Engine
    decoders: Decoders
    loop_time: LoopTime
    metrics: Metrics
    recent: RecentRows
    feedback: Feedback
    health: Health

    @property
    def row_limits(self) -> RowLimits:
        """What may be in one request."""
        return RowLimits(self.settings.max_rows, self.settings.max_image_pixels)

    def declare_models(self) -> None:
        """Bring the metrics up to what the repository serves."""
        self.metrics.declare_models(self.repository)
        self.metrics.declare_canary(self.canary)


def make_core(settings: Settings) -> Core:
    """Return the parts for `settings`, every servable model loaded."""
    threads = settings.threads or max(available_cores() // settings.workers, 1)
    load = partial(Model.load, threads=threads, max_bytes=settings.max_model_bytes)
    repository = Repository(settings.repository, load)
    repository.refresh()
    if not repository.ready:
        _log.warning("no model can be served: the service stays not ready", extra={"repository": settings.repository})
    metrics = Metrics()
    metrics.threads.set(threads)
    limits = Limits(
        batch_rows=settings.max_batch_rows,
        queue_rows=settings.max_queue_rows,
        deadline=settings.deadline_seconds,
        delay=settings.max_batch_delay_ms / 1000,
    )
    feedback = Feedback(settings.feedback_rows, metrics)
    engine = Engine(limits, metrics.record_batch, Recorder(metrics, feedback))
    metrics.watch(engine)
    decoders = Decoders(threads, settings.deadline_seconds, settings.max_body_bytes)
    loop_time = LoopTime(settings.deadline_seconds)
    health = Health(repository, engine, decoders, loop_time)
    canary = Canary({one.model: Trial(one.version, one.share) for one in settings.canary}, repository)
    recent = RecentRows()
    core = Core(settings, repository, canary, engine, decoders, loop_time, metrics, recent, feedback, health)
    core.declare_models()
    return core


async def follow_repository(core: Core) -> None:
    """Keep up with the repository's folder until cancelled; loading happens in a thread."""
    while True:
        await asyncio.sleep(core.settings.poll_seconds)
        try:
            await asyncio.to_thread(core.repository.refresh)
        except Exception:
            _log.exception("the repository could not be looked at; trying again")
        core.declare_models()
