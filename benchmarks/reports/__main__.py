"""Report writers beside each other: ``./run bench reports [--lines 200000,1000000] [--only ours,xlsxwriter]``.

Seeds a shop, lets each contestant write all its lines into a file, in a process of its own on the same data, and counts
CPU (its own and PostgreSQL's) and memory: .xlsx files first, then PDF. The other libraries are installed from their
packages into a virtual environment of their own the first time. Prints Markdown.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

from python_calamine import CalamineWorkbook

from benchmarks import peers
from benchmarks.kernel import machine
from benchmarks.kernel.servers import Servers
from deploy.local.machine import ROOT, VAR
from deploy.local.within import one_line_errors

PEERS: Final = ("XlsxWriter==3.2.9", "rustpy-xlsxwriter==0.8.0", "lxml==6.0.2")
SHOWN: Final = {
    "openpyxl_models": "ORM objects, openpyxl write-only (lxml)",
    "openpyxl_tuples": "values_list, openpyxl write-only (lxml)",
    "xlsxwriter": "values_list, XlsxWriter constant memory",
    "rustpy": "values_list, rustpy-xlsxwriter",
    "ours": "Backroom, the file",
    "ours_read_back": "Backroom, the file read back as well",
    "floor": "floor: COPY's text, compressed",
}
SHOWN_PDF: Final = {
    "reportlab_longtable": "values_list, ReportLab, one LongTable",
    "reportlab_tables": "values_list, ReportLab, a Table for each page",
    "reportlab_canvas": "values_list, ReportLab's canvas, a text object for each page",
    "ours_pdf": "Backroom, the file",
    "ours_pdf_read_back": "Backroom, the file read back as well",
}
#: Lines beyond which a contestant is left out: the one takes quadratic time, the other 8 kB of memory a row.
AT_MOST: Final = {"reportlab_longtable": 120_000, "reportlab_tables": 120_000}
#: These two files are compared, cell by cell.
COMPARED: Final = ("ours", "openpyxl_tuples")


def table(servers: Servers, folder: Path, lines: int, names: Sequence[str]) -> None:
    env = {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
        "PYTHONPATH": str(ROOT),
        "DATABASE_URL": servers.database("reports"),
        "CELERY_BROKER_URL": servers.brokers["valkey"].url,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SECRET_KEY": "benchmark",
        "HTTPS_ONLY": "no",
        "LOG_LEVEL": "WARNING",
        "BACKROOM_VAR": str(folder),
    }
    for command in (["migrate", "--verbosity=0"], ["seed", f"--lines={lines}"]):
        subprocess.run(
            [sys.executable, "manage.py", *command], cwd=ROOT, env=env, check=True, stdout=subprocess.DEVNULL
        )
    found = {}
    for name in names:
        if lines > AT_MOST.get(name, lines):
            continue
        before = machine.cpu(servers.postgres.pid)
        out = folder / f"{name}.file"
        command = [peers.python(folder / "peers", PEERS), "-m", "benchmarks.reports.contestants", name, str(out)]
        found[name] = machine.ask(command, env) | {"postgres": 0.0}
        found[name]["postgres"] = machine.cpu(servers.postgres.pid) - before
        if name not in COMPARED:
            out.unlink()
    rows = {result["rows"] for result in found.values()}
    if len(rows) != 1:
        raise RuntimeError(f"Not all wrote the same rows: {found}")
    for title, shown in (("xlsx", SHOWN), ("PDF", SHOWN_PDF)):
        _print(title, {shown[name]: result for name, result in found.items() if name in shown}, max(rows))
    if found.keys() >= set(COMPARED):
        ours, theirs = (folder / f"{name}.file" for name in COMPARED)
        print(f"\nCell by cell beside openpyxl's file, both read by calamine: {compare(ours, theirs)}.\n", flush=True)
    for name in COMPARED:
        (folder / f"{name}.file").unlink(missing_ok=True)


def compare(ours: Path, theirs: Path) -> str:
    """How many of the cells below the headings differ, in words."""
    cells = different = 0
    tables = [CalamineWorkbook.from_path(path).get_sheet_by_name("Revenue").iter_rows() for path in (ours, theirs)]
    for mine, other in islice(zip(*tables, strict=True), 1, None):
        for cell, peer in zip(mine, other, strict=True):
            cells += 1
            different += cell != peer
    return f"{different:,} of {cells:,} differ"


def _print(title: str, found: dict[str, dict[str, Any]], rows: int) -> None:
    if not found:
        return
    print(f"\n### {title}: {rows:,} rows, 12 columns\n")
    print(
        "| | its CPU, s | PostgreSQL's, s | both | × Backroom | µs per row | peak RSS, MB | of it before | file, MB |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    ours = found.get("Backroom, the file")
    for name, result in found.items():
        both = result["cpu"] + result["postgres"]
        ratio = f"{both / (ours['cpu'] + ours['postgres']):.1f}" if ours else "–"
        print(
            f"| {name} | {result['cpu']:.1f} | {result['postgres']:.1f} | {both:.1f} | {ratio} |"
            f" {both / rows * 1e6:.1f} | {result['rss']:.0f} | {result['rss_before']:.0f} |"
            f" {result['size'] / 1e6:.0f} |",
            flush=True,
        )


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="./run bench reports", description=__doc__)
    parser.add_argument("--lines", default="200000,1000000", help="sizes of the shop, by commas (default: %(default)s)")
    parser.add_argument("--only", default=",".join([*SHOWN, *SHOWN_PDF]), help="by commas, of: %(default)s")
    options = parser.parse_args(arguments)
    folder = VAR / "bench" / "reports"
    servers = Servers(folder, rabbitmq=False)
    try:
        for lines in options.lines.split(","):
            table(servers, folder, int(lines), options.only.split(","))
    finally:
        servers.close()


if __name__ == "__main__":
    with one_line_errors():
        main(sys.argv[1:])
