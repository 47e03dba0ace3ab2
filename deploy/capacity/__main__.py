"""`python -m deploy.capacity --requests 2000 --rows 4 --versions 3`: what a traffic takes, from what was measured."""

import argparse
import sys
from collections.abc import Callable, Sequence

from deploy.capacity.measured import PROMETHEUS_COMMAND, REPLICA_COMMAND, Measured, read
from deploy.capacity.sizing import BYTES_PER_SAMPLE, Size, Traffic, size


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the cores, the memory and the series that the traffic on the command line takes."""
    measured = read()
    sys.stdout.write(report(_traffic(arguments, measured), measured))


def _traffic(arguments: Sequence[str] | None, measured: Measured) -> Traffic:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.capacity", description="What a traffic takes, reckoned from measurements."
    )
    add = parser.add_argument
    add("--requests", type=_above(0), required=True, help="a second, over all models")
    add("--rows", type=_whole(1), default=1, help="in each request (default: 1)")
    add("--model", choices=sorted(measured.models), default="pima", help="that yours are like (default: pima)")
    add("--versions", type=_whole(1), default=1, help="of all models, that each replica holds (default: 1)")
    add("--utilisation", type=_above(0, 1), default=0.6, help="share of its cores a replica may use (default: 0.6)")
    add("--workers", type=_whole(1), default=1, help="of each replica, a core each (default: 1)")
    add("--spare", type=_whole(0), default=1, help="replicas that may be gone (default: 1)")
    add("--scrape-seconds", type=_above(0), default=15.0, help="between two scrapes (default: 15)")
    add("--retention-days", type=_above(0), default=15.0, help="that Prometheus keeps (default: 15)")
    return Traffic(**vars(parser.parse_args(arguments)))


def _above(least: float, most: float = float("inf")) -> Callable[[str], float]:
    def number(text: str) -> float:
        if not least < (found := float(text)) <= most:
            bounds = f"above {least:g}" + (f" and at most {most:g}" if most < float("inf") else "")
            raise argparse.ArgumentTypeError(f"{text} is not {bounds}")
        return found

    return number


def _whole(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if (found := int(text)) < least:
            raise argparse.ArgumentTypeError(f"{text} is below {least}")
        return found

    return number


def report(traffic: Traffic, measured: Measured) -> str:
    """Return a line a figure, for the traffic and for ten and a hundred times as much, with where it comes from."""
    model, replica, monitoring = measured.models[traffic.model], measured.replica, measured.monitoring
    sizes = [size(traffic._replace(requests=traffic.requests * times), measured) for times in (1, 10, 100)]

    def line(name: str, figure: Callable[[Size], str], source: str = "") -> str:
        return (f"{name:<19}" + "".join(f"{figure(found):>12}" for found in sizes) + f"  {source}").rstrip() + "\n"

    request = f"{model.request_microseconds:.0f} + {traffic.rows} × {model.row_microseconds:.1f} µs"
    version = f"{replica.megabytes:.0f} + {traffic.versions} × {model.megabytes:.1f} MB"
    lines = (
        line("requests/s", lambda found: f"{found.requests:,.10g}"),
        line("busy cores", lambda found: f"{found.busy_cores:,.2f}", f"× ({request}) [a]"),
        line(
            "replicas",
            lambda found: f"{found.replicas:,}",
            f"{traffic.workers} core each, {traffic.utilisation:.0%} busy; {traffic.spare} to spare",
        ),
        line("cores", lambda found: f"{found.cores:,}"),
        line(
            "MB, a replica",
            lambda found: f"{found.replica_megabytes:.0f}",
            f"{traffic.workers} × ({version}) [a]",
        ),
        line("GB, all", lambda found: f"{found.replicas * found.replica_megabytes / 1024:,.1f}"),
        line(
            "series, a replica",
            lambda found: f"{found.series_per_replica:,}",
            f"{replica.series} + {traffic.versions} × {model.series}; {sizes[0].scrape_kilobytes:.0f} kB a scrape [a]",
        ),
        line("series, all", lambda found: f"{found.series:,}"),
        line("samples/s", lambda found: f"{found.samples_per_second:,.0f}", f"every {traffic.scrape_seconds:g} s"),
        line("Prometheus: cores", lambda found: f"{found.prometheus_cores:.2f}", "by samples/s [b]"),
        line("Prometheus: GB", lambda found: f"{found.prometheus_gigabytes:,.1f}", "by series [b]"),
        line(
            "Prometheus: disk GB",
            lambda found: f"{found.prometheus_disk_gigabytes:,.0f}",
            f"{traffic.retention_days:g} days, {BYTES_PER_SAMPLE:g} bytes a sample [c]",
        ),
        line(
            "Prometheus: rules",
            lambda found: f"{found.rules_share:.0%}",
            f"of its interval that {monitoring.slowest_group} takes [b]",
        ),
    )
    return (
        f"{'':19}{'as asked':>12}{'10 times':>12}{'100 times':>12}\n{''.join(lines)}\n"
        f"[a] measured on {measured.processor}: {REPLICA_COMMAND}\n"
        f"[b] of {monitoring.replicas} replicas, {monitoring.series:,.0f} series: {PROMETHEUS_COMMAND}\n"
        "[c] not measured: the upper end of what Prometheus's documentation says\n"
    )


if __name__ == "__main__":
    main()
