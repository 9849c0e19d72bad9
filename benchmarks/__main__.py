"""``./run bench NAME [options]``: one of the benchmarks in this folder."""

import runpy
import sys
from pathlib import Path


def main() -> None:
    names = sorted(path.parent.name for path in Path(__file__).parent.glob("*/__main__.py"))
    if len(sys.argv) < 2 or sys.argv[1] not in names:
        sys.exit(f"backroom: name a benchmark: {', '.join(names)}. Options: ./run bench NAME --help.")
    name = sys.argv.pop(1)
    runpy.run_module(f"benchmarks.{name}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
