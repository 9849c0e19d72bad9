"""The kernel beside its peers: ``./run bench kernel [--parts throughput,latency,…] [--quick]``. Prints Markdown tables.

Everything it needs it starts itself: PostgreSQL and Valkey from their wheels, RabbitMQ where it is installed, and
procrastinate in a virtual environment of its own.
"""

import argparse
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from benchmarks.kernel import away, kills, latency, throughput, waiting
from benchmarks.kernel.contestants import Contestant, Stage, kernel, plain, procrastinate
from benchmarks.kernel.servers import Servers, rabbitmq_program
from deploy.local.machine import VAR
from deploy.local.within import one_line_errors

ROLES = ("submitter", "dispatcher", "worker", "PostgreSQL", "broker")


class Bench:
    """One run of the benchmark with its servers and contestants."""

    def __init__(self, servers: Servers, folder: Path, *, quick: bool) -> None:
        self.servers, self.folder, self.quick = servers, folder, quick
        self.peer = procrastinate(folder)
        self.brokers = list(servers.brokers)

    def everyone(self) -> list[Contestant]:
        ours = [kernel(broker) for broker in self.brokers]
        theirs = [plain(broker) for broker in self.brokers]
        return [*ours, *theirs, plain("valkey", results=True), self.peer]

    # --- the parts ---------------------------------------------------------------------------------------------------

    def throughput(self) -> None:
        """No-op jobs: CPU per job by role, and jobs per second."""
        jobs, rounds = (300, 1) if self.quick else (1000, 3)
        samples: dict[str, list[throughput.Throughput]] = {}
        for _ in range(rounds):
            for who in self.everyone():
                found = throughput.measure(who, self.servers, self.folder, jobs=jobs)
                samples.setdefault(who.name, []).append(found)
        print(f"\n### CPU per no-op job, µs (median of {rounds} interleaved rounds of {jobs}; sum: min–max)\n")
        rows = []
        for name, rounds_of in samples.items():
            roles = [_median(round_.cpu[role] for round_ in rounds_of) for role in ROLES]
            total = [round_.total for round_ in rounds_of]
            rows.append(
                [
                    name,
                    *(f"{value:,.0f}" for value in roles),
                    f"**{_median(total):,.0f}** ({min(total):,.0f}–{max(total):,.0f})",
                    f"{1e6 / _median(total):,.0f}",
                    f"{_median(round_.submitted for round_ in rounds_of):,.0f}",
                    f"{_median(round_.drained for round_ in rounds_of):,.0f}",
                ]
            )
        _table(["", *ROLES, "sum", "jobs per CPU second", "submitted/s", "drained/s"], rows)

    def latency(self) -> None:
        """From the start of the request to the first line of the job."""
        few, many = (20, 60) if self.quick else (60, 300)

        def row(who: Contestant) -> list[str]:
            with Stage(who, self.servers, self.folder) as stage:
                idle = latency.measure(stage, jobs=few, per_second=2, seed=1)
                busy = latency.measure(stage, jobs=many, per_second=50, seed=2)
            return [
                who.name,
                *(f"{latency.percentile(each, share):.1f}" for each in (idle, busy) for share in (0.5, 0.99)),
            ]

        print(f"\n### Submit to start, ms ({few} jobs at 2 a second; {many} at 50 a second)\n")
        _table(["", "idle p50", "idle p99", "50/s p50", "50/s p99"], map(row, self.everyone()))

    def costs(self) -> None:
        """What submitting costs the request."""
        count = 200 if self.quick else 1000

        def row(who: Contestant) -> list[str]:
            with Stage(who, self.servers, self.folder) as stage:
                found = stage.submit("costs", count)
            words = ("inside_cpu", "inside", "whole_cpu", "whole", "empty_cpu", "empty")
            return [who.name, *(f"{found[word] * 1e6:,.0f}" for word in words)]

        print(f"\n### Submitting, µs per job ({count})\n")
        _table(
            [
                "",
                "the call, CPU",
                "the call",
                "with its transaction and publish, CPU",
                "with both",
                "an empty transaction, CPU",
                "an empty transaction",
            ],
            map(row, self.everyone()),
        )

    def waiting(self) -> None:
        """Jobs due in two hours."""
        jobs = 5_000 if self.quick else 100_000

        def row(who: Contestant) -> list[str]:
            found = waiting.measure(who, self.servers, self.folder, jobs=jobs)
            return [
                who.name,
                f"{found.submitted:.1f} s",
                f"{found.before:.0f}",
                f"{found.after:.0f}",
                f"{found.idle:.1%}",
                f"{found.immediate:.1f} s" if found.immediate >= 0 else "not within 60 s",
            ]

        print(f"\n### {jobs:,} jobs that are due in two hours\n")
        _table(
            ["", "to submit them", "MB before", "MB with them", "idle, of a core", "a job beside them began after"],
            map(row, [kernel("valkey"), plain("valkey"), self.peer]),
        )

    def away(self) -> None:
        """A web request that submits, the broker being well, frozen (SIGSTOP) or dead (kill -9)."""
        requests = 50 if self.quick else 200

        def row(who: Contestant) -> list[str]:
            found = away.measure(who, self.servers, self.folder, requests=requests)
            answers = (_shown(found.answers[state]) for state in away.STATES)
            return [who.name, *answers, f"{found.ran} of {found.promised}"]

        print(f"\n### A web request that submits a job, ms p50 / p99 ({requests} in each state)\n")
        _table(
            ["", *(f"broker {state}" for state in away.STATES), "jobs of answered requests that ran"],
            (
                row(who)
                for broker in self.brokers
                for who in (kernel(broker), plain(broker), plain(broker, PLAIN_TIMEOUTS="yes"))
            ),
        )

    def kills(self) -> None:
        """Killed workers and a killed broker: what is lost or done twice."""
        jobs, seeds = (200, (1,)) if self.quick else (300, (1, 2))

        def row(who: Contestant) -> list[str]:
            every = [kills.measure(who, self.servers, self.folder, seed=seed, jobs=jobs) for seed in seeds]
            names = ("requests", "kills", "refused", "lost", "doubled")
            return [who.name, *(str(sum(getattr(each, name) for each in every)) for name in names)]

        print(f"\n### The same kills ({len(seeds)} seeds of {jobs} jobs, {kills.RATE:.0f} a second)\n")
        ours_and_plain = [make(broker) for make in (kernel, plain) for broker in self.brokers]
        _table(
            ["", "requests", "worker groups killed", "requests that failed", "jobs lost", "effects doubled"],
            map(row, [*ours_and_plain, plain("valkey", PLAIN_VISIBILITY="30"), self.peer]),
        )


PARTS: dict[str, Callable[[Bench], None]] = {
    name: getattr(Bench, name) for name in ("throughput", "latency", "costs", "waiting", "away", "kills")
}


def _median(values: Iterable[float]) -> float:
    return statistics.median(values)


def _shown(found: away.Answers) -> str:
    words = []
    if found.times:
        words.append(f"{latency.percentile(found.times, 0.5):.0f} / {latency.percentile(found.times, 0.99):.0f}")
    if found.failed:
        words.append(f"{len(found.failed)} failed after {_median(found.failed) / 1000:.1f} s")
    return "; ".join(words)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    print("|", " | ".join(head), "|")
    print("|", " | ".join(["---", *["---:"] * (len(head) - 1)]), "|", flush=True)
    for row in rows:
        print("|", " | ".join(row), "|", flush=True)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="./run bench kernel", description=__doc__)
    parser.add_argument("--parts", default=",".join(PARTS), help="comma-separated, of: %(default)s")
    parser.add_argument("--quick", action="store_true", help="few jobs and rounds: to see that it works")
    options = parser.parse_args(arguments)
    folder = VAR / "bench" / "kernel"
    servers = Servers(folder, rabbitmq=rabbitmq_program() is not None)
    try:
        bench = Bench(servers, folder, quick=options.quick)
        for part in options.parts.split(","):
            PARTS[part](bench)
    finally:
        servers.close()


if __name__ == "__main__":
    with one_line_errors():
        main(sys.argv[1:])
