"""The dashboard of the service: whether it answers, how fast, and what is short."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.dashboards import board, panels
from deploy.dashboards.panels import (
    BAD,
    GOOD,
    NUMBER,
    REQUESTS_PER_SECOND,
    SECONDS,
    SHARE,
    WARNING,
    Panels,
    count,
    limits,
    lines,
)
from deploy.dashboards.queries import FLEET, REPLICAS, now, over_time, rows_now

_PREDICTIONS = f'{{method="POST",route=~".+(:predict|/infer)",{REPLICAS}}}'
_MODEL_REPLICAS = f'{{model=~"$model",version=~"$version",{REPLICAS}}}'
_BURN_LIMITS = limits((1, WARNING), (14.4, BAD))
_WINDOWS = {"5m": "5 minutes", "1h": "1 hour", "6h": "6 hours"}


def build() -> Dashboard:
    """Return the dashboard."""
    return board.build(
        "service",
        "ChainzRule: the service's health",
        "Whether predictions are answered, how fast, and what is short where they are not.",
        [
            *board.choose_models(several=True),
            board.choose("instance", f'label_values(up{{job="chainzrule",{FLEET}}}, instance)', several=True),
        ],
        [
            board.Section(
                "Objectives: 99.9 % answered, 99 % within 0.25 s; of several fleets the worst", _objectives()
            ),
            board.Section("Requests", _requests()),
            board.Section("Queue and batches", _queue()),
            board.Section("Models and replicas", _models()),
            board.Section("Processes", _processes()),
        ],
    )


def _objectives() -> Panels:
    return [
        count(
            "Failed, last hour",
            "Share of requests for predictions answered 5xx; at most 0.1 % may be in the long run. See the errors' "
            "codes.",
            SHARE,
            now(f"max(slo:chainzrule_availability_error:ratio1h{{{FLEET}}})"),
            limits((0.001, WARNING), (0.0144, BAD)),
            width=6,
        ),
        count(
            "Failed, last three days",
            "The same over three days. Above 0.1 % the objective is being missed: find the cause before it is a habit.",
            SHARE,
            now(f"max(slo:chainzrule_availability_error:ratio3d{{{FLEET}}})"),
            limits((0.001, BAD)),
            width=6,
        ),
        count(
            "Slower than 0.25 s, last hour",
            "Share of requests for predictions; at most 1 % may be in the long run. See which stage takes the time.",
            SHARE,
            now(f"max(slo:chainzrule_latency_error:ratio1h{{{FLEET}}})"),
            limits((0.01, WARNING), (0.144, BAD)),
            width=6,
        ),
        count(
            "Slower than 0.25 s, last three days",
            "The same over three days. Above 1 % the objective is being missed: add replicas, or threads.",
            SHARE,
            now(f"max(slo:chainzrule_latency_error:ratio3d{{{FLEET}}})"),
            limits((0.01, BAD)),
            width=6,
        ),
        lines(
            "Burn rate of the availability budget",
            "How many times faster than allowed requests fail. 1 uses a month's budget in a month, 14.4 in two days; "
            "the alert wants two windows above. See the errors' codes, and relieve or roll back the service.",
            panels.TIMES,
            *(
                over_time(f"max(slo:chainzrule_availability_error:ratio{key}{{{FLEET}}}) / 0.001", name)
                for key, name in _WINDOWS.items()
            ),
            thresholds=_BURN_LIMITS,
            width=12,
        ),
        lines(
            "Burn rate of the latency budget",
            "How many times more often than allowed requests take longer than 0.25 s. See which stage takes the time; "
            "add replicas if it is the queue.",
            panels.TIMES,
            *(
                over_time(f"max(slo:chainzrule_latency_error:ratio{key}{{{FLEET}}}) / 0.01", name)
                for key, name in _WINDOWS.items()
            ),
            thresholds=_BURN_LIMITS,
            width=12,
        ),
    ]


def _requests() -> Panels:
    durations = f"chainzrule_http_request_duration_seconds_bucket{_PREDICTIONS}"
    latency = f"sum by (le) (rate({durations}[$__rate_interval]))"
    stages = f"sum by (stage, le) (rate(chainzrule_stage_duration_seconds_bucket{_MODEL_REPLICAS}[$__rate_interval]))"
    return [
        lines(
            "Requests, by route and status",
            "503 is a refusal for want of capacity or of a ready model, 500 a failure of ours, 400 a client's mistake. "
            "Nothing where there should be something: look in front of the service.",
            REQUESTS_PER_SECOND,
            over_time(
                f"sum by (route, status) (rate(chainzrule_http_requests_total{{{REPLICAS}}}[$__rate_interval])) > 0",
                "{{status}} {{route}}",
            ),
        ),
        lines(
            "Errors, by code",
            "The code is the one in the answers; an overload code calls for replicas, an internal one for the log, any "
            "other for a word with the client.",
            REQUESTS_PER_SECOND,
            over_time(
                f"sum by (code) (rate(chainzrule_errors_total{{{REPLICAS}}}[$__rate_interval])) > 0",
                "{{code}}",
            ),
        ).no_value("No errors"),
        lines(
            "Requests being answered",
            "By replica. A line that climbs and does not fall: that replica is stuck or short; see its queue.",
            NUMBER,
            over_time(f"sum by (instance) (chainzrule_http_requests_in_progress{{{REPLICAS}}})", "{{instance}}"),
        ),
        lines(
            "Time to answer a prediction",
            "From the request's head to the answer's last byte. The dashed limit is the objective's: 99 % should lie "
            "below it.",
            SECONDS,
            *(over_time(f"histogram_quantile({share}, {latency})", f"p{share * 100:g}") for share in (0.5, 0.95, 0.99)),
            thresholds=limits((0.25, BAD)),
        ),
        lines(
            "Time to answer, slowest of a hundred by route",
            "p99 of every route. One route alone that is slow has large requests or a slow model behind it.",
            SECONDS,
            over_time(
                "histogram_quantile(0.99, sum by (route, le) "
                f"(rate(chainzrule_http_request_duration_seconds_bucket{{{REPLICAS}}}[$__rate_interval])))",
                "{{route}}",
            ),
        ),
        lines(
            "Time of each stage, slowest of a hundred",
            "p99. Queue: add replicas or threads. Run: the model is slow. Decode or encode: very large requests.",
            SECONDS,
            over_time(f"histogram_quantile(0.99, {stages})", "{{stage}}"),
        ),
    ]


def _queue() -> Panels:
    runs = f"chainzrule_batch_rows_sum{_MODEL_REPLICAS}", f"chainzrule_batch_rows_count{_MODEL_REPLICAS}"
    mean = " / ".join(f"sum by (model, version) (rate({name}[$__rate_interval]))" for name in runs)
    return [
        lines(
            "Rows waiting, beside the limit (dashed)",
            "At the limit requests are refused with 503. Near it for long: add replicas.",
            NUMBER,
            over_time(f"sum by (instance) (chainzrule_queue_rows{{{REPLICAS}}})", "{{instance}}"),
            over_time(f"sum by (instance) (chainzrule_queue_limit_rows{{{REPLICAS}}})", "{{instance}} limit"),
        ).override_by_regexp("/limit$/", panels.DASHES),
        lines(
            "Runs, by why they left",
            "'turn' and 'idle': nothing waits. 'waiting' and 'full': the engine is busy, and what waits runs together. "
            "Much of 'delay': requests wait for company that does not come; lower --max-batch-delay-ms.",
            "suffix: runs/s",
            over_time(
                f"sum by (reason) (rate(chainzrule_batches_total{_MODEL_REPLICAS}[$__rate_interval])) > 0",
                "{{reason}}",
            ),
        ),
        lines(
            "Rows in a run",
            "Mean. It should grow with the load; where it stays at 1 while rows wait, batches are not made.",
            NUMBER,
            over_time(mean, "{{model}} {{version}}"),
        ),
    ]


def _models() -> Panels:
    return [
        panels.states(
            "Versions ready, by replica",
            "Red: the replica has the version in its repository and does not serve it; its log says why.",
            over_time(
                f"min by (model, version, instance) (chainzrule_model_ready{_MODEL_REPLICAS})",
                "{{model}} {{version}} on {{instance}}",
            ),
            {0: ("not served", BAD), 1: ("served", GOOD)},
        ),
        panels.listing(
            "Versions and files, by replica",
            "Every replica should have the same lines. A version with two digests is two models under one name: "
            "publish the right one under a new version, and remove this one everywhere.",
            {"model": "Model", "version": "Version", "sha256": "Digest of the model", "instance": "Replica"},
            rows_now(f"max by (model, version, sha256, instance) (chainzrule_model_info{_MODEL_REPLICAS})"),
            hidden=["Value"],
        ).span(12),
    ]


def _processes() -> Panels:
    replicas = f'{{job="chainzrule",{REPLICAS}}}'
    return [
        panels.states(
            "Replicas that answer",
            "Red: Prometheus could not scrape it. Look whether its container runs and why the last one ended.",
            over_time(f"up{replicas}", "{{instance}}"),
            {0: ("down", BAD), 1: ("up", GOOD)},
            width=8,
        ),
        lines(
            "Resident memory",
            "Level under a steady load. A line that climbs for hours will meet the container's limit.",
            panels.BYTES,
            over_time(f"process_resident_memory_bytes{replicas}", "{{instance}}"),
        ),
        lines(
            "Processor time",
            "Cores in use, beside the threads that a run may use (dashed). At the container's limit for long: add "
            "replicas.",
            "suffix: cores",
            over_time(f"rate(process_cpu_seconds_total{replicas}[$__rate_interval])", "{{instance}}"),
            over_time(f"chainzrule_threads{replicas}", "{{instance}} threads"),
        ).override_by_regexp("/threads$/", panels.DASHES),
        lines(
            "Open files, of those allowed",
            "Connections are files. Above 80 %: find the client that opens without closing, or raise the limit.",
            SHARE,
            over_time(f"process_open_fds{replicas} / process_max_fds{replicas}", "{{instance}}"),
            thresholds=limits((0.8, WARNING), (0.95, BAD)),
        ),
        lines(
            "Workers",
            "Of a replica with more than one. Fewer than it was started with: one has just ended and is being "
            "replaced.",
            NUMBER,
            over_time(f"chainzrule_workers{replicas}", "{{instance}}"),
        ).no_value("Every replica is one process"),
        lines(
            "Workers replaced within 15 minutes",
            "More than three: read in the replica's log how they ended; a kill from outside is mostly the memory "
            "limit.",
            NUMBER,
            over_time(f"increase(chainzrule_worker_restarts_total{replicas}[15m])", "{{instance}}"),
            thresholds=limits((3, BAD)),
        ).no_value("Every replica is one process"),
    ]
