"""From the moment a request begins to submit until the job's first line, in milliseconds."""

from benchmarks.kernel import journal, machine
from benchmarks.kernel.contestants import Stage


def measure(stage: Stage, *, jobs: int, per_second: float, seed: int) -> list[float]:
    """One sample per job, at ``per_second`` on average."""
    began = stage.submit("paced", jobs, per_second, seed)["began"]

    def started() -> dict[str, float]:
        return {line.key: line.at for line in journal.read(stage.journal) if line.key in began}

    if not machine.wait_for(lambda: len(started()) == jobs, seconds=60, every=0.2):
        raise RuntimeError(f"{stage.contestant.name}: {len(started())} of {jobs} jobs began")
    samples = sorted((at - began[key]) * 1000 for key, at in started().items())
    stage.journal.write_text("")
    return samples


def percentile(samples: list[float], share: float) -> float:
    """The sample below which ``share`` of ``samples`` (sorted) lie."""
    return samples[min(len(samples) - 1, int(share * len(samples)))]
