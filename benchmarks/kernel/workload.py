"""The kill-test's jobs, the same for every contestant of a seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Workload:
    """``count`` jobs: 99 in 100 work for 10 to 300 ms, one in 100 for 5 s."""

    seed: int
    count: int

    def __iter__(self) -> Iterator[tuple[str, float]]:
        """Keys and seconds."""
        chance = random.Random(self.seed)
        for number in range(self.count):
            long = chance.random() < 0.01
            yield f"job-{number}", 5.0 if long else round(chance.uniform(0.01, 0.3), 3)
