import csv
import sys
from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from shop import money
from shop.orders import services
from shop.orders.models import Channel, OrderImport
from shop.orders.sales_csv import FIELDS, PRESETS, REQUIRED, Layout, UnreadableFile


class Command(BaseCommand):
    help = "Import a CSV of sales. Killed half-way, it goes on where it stood when it is run again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="CSV, plain or gzip.")
        parser.add_argument("--channel", default="", help="Code of the channel the sales are from; made if it is new.")
        parser.add_argument("--preset", choices=sorted(PRESETS), help="A layout that is known already.")
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="HEADING=FIELD",
            help=f"What a column means, once for each. Fields: {', '.join(FIELDS)}; needed: {', '.join(REQUIRED)}.",
        )
        parser.add_argument("--currency", help="ISO 4217 code of all amounts. Default: VND.")
        parser.add_argument("--decimals", type=int, help="Decimals of the amounts. Default: the currency's own.")
        parser.add_argument("--time-zone", help="Of times without an offset. Default: Asia/Ho_Chi_Minh.")
        parser.add_argument("--time-format", help="As strptime has it, such as %%d/%%m/%%Y %%H:%%M. Default: ISO 8601.")
        parser.add_argument("--encoding", help="Of the file: utf-8, latin-1, windows-1258 … Default: utf-8.")
        parser.add_argument("--delimiter", help="Between fields. Default: a comma.")
        parser.add_argument("--return-prefix", help="An order whose number begins with it records goods sent back.")
        parser.add_argument("--rejects", type=Path, help="Where rejected rows are listed. Default: FILE.rejected.csv.")

    def handle(self, *, file: Path, **options: Any) -> None:
        started = monotonic()
        try:
            layout = _layout(options)
            code = options["channel"] or (options["preset"] or "").replace("-", "")
            if not code.isascii() or not code.isalnum() or not code.islower():
                raise CommandError("Name the channel with --channel, in small letters and digits: --channel shopee2.")
            channel, _ = Channel.objects.get_or_create(code=code, defaults={"name": options["preset"] or code})
            source = services.import_orders(path=file, channel=channel, layout=layout, progress=self._progress)
        except (UnreadableFile, money.InvalidMoney, services.ImportConflict) as error:
            raise CommandError(str(error)) from None
        self._summary(source, monotonic() - started)
        if source.rejected:
            path = options["rejects"] or Path(f"{file.name}.rejected.csv")
            _write_rejects(source, path)
            self.stdout.write(f"rejected rows with reasons: {path}")

    def _progress(self, done: int, total: int) -> None:
        end = "\r" if sys.stderr.isatty() else "\n"
        self.stderr.write(f"{done:,} of {total:,} lines", ending=end)

    def _summary(self, source: OrderImport, seconds: float) -> None:
        orders = source.orders.count()
        self.stdout.write(
            f"{source.file_name}: {source.imported:,} rows imported, {source.rejected:,} rejected, {orders:,} orders,"
            f" {source.quantity:,} pieces, revenue {source.revenue_money.show(language='en')}"
            f" ({source.revenue} with {source.decimals} decimals), {seconds:.1f} s"
        )


def _layout(options: dict[str, Any]) -> Layout:
    names = ("currency", "decimals", "time_zone", "time_format", "encoding", "delimiter", "return_prefix")
    given = {name: options[name] for name in names if options[name] is not None}
    columns = {}
    for pair in options["map"]:
        heading, equals, field = pair.rpartition("=")
        if not equals:
            raise CommandError(f"--map {pair}: write it as HEADING=field.")
        columns[field] = heading
    if options["preset"]:
        preset = PRESETS[options["preset"]]
        return replace(preset, columns={**preset.columns, **columns}, **given)
    given.setdefault("decimals", money.exponent(given.get("currency", "VND")))
    return Layout(columns=columns, **given)


def _write_rejects(source: OrderImport, path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["line", "reason", "row"])
        writer.writerows(source.rejects.order_by("line").values_list("line", "reason", "raw").iterator(chunk_size=2000))
