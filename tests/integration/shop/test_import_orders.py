import csv
import gzip
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from shop.orders import services
from shop.orders.models import Channel, Customer, Order, OrderImport, OrderLine, RejectedRow, State
from shop.orders.sales_csv import ONLINE_RETAIL, Layout
from tests.factories.catalog import ProductFactory
from tests.factories.orders import ChannelFactory, OrderFactory

COLUMNS = {
    "number": "order",
    "sku": "sku",
    "name": "name",
    "quantity": "quantity",
    "unit_price": "price",
    "placed_at": "time",
    "customer": "customer",
    "region": "province",
}
LAYOUT = Layout(columns=COLUMNS, return_prefix="R")
HEADINGS = "order,sku,name,quantity,price,time,customer,province\n"


def row(*, order="DH1", sku="AO01-1", quantity=1, price=159_000, customer="KH1", when="2026-11-25 20:15:00"):
    return f"{order},{sku},Áo thun,{quantity},{price},{when},{customer},Huế\n"


@pytest.fixture
def write(tmp_path):
    def file(*rows, name="sales.csv"):
        path = tmp_path / name
        path.write_text(HEADINGS + "".join(rows))
        return path

    return file


def rows_of(count, seed=1):
    rng = random.Random(seed)
    return [
        row(
            order=f"DH{n // 3}",
            sku=f"SP{rng.randrange(50)}",
            quantity=rng.choice([1, 2, 5, -1]),
            price=rng.randrange(1, 900) * 1000,
            customer=f"KH{n // 3 % 100}",
        )
        for n in range(count)
    ]


def truth(path):
    """Lines, pieces and revenue of a file, without any of our code."""
    with path.open() as file:
        found = list(csv.DictReader(file))
    return (
        len(found),
        sum(int(one["quantity"]) for one in found),
        sum(int(one["quantity"]) * int(one["price"]) for one in found),
    )


def in_the_shop():
    lines = OrderLine.objects.values_list("quantity", "revenue")
    return len(lines), sum(quantity for quantity, _ in lines), sum(revenue for _, revenue in lines)


@pytest.mark.django_db
class TestOneFile:
    def test_every_row_becomes_a_line_of_its_order(self, write):
        known = ProductFactory(sku="AO01-1")
        path = write(row(), row(sku="QV01-1", quantity=2), row(order="DH2", customer=""), row(order="R3", quantity=-1))
        source = services.import_orders(path=path, channel=ChannelFactory(code="shopee2"), layout=LAYOUT)

        assert (source.imported, source.rejected, source.quantity, source.revenue) == (4, 0, 3, 477_000)
        assert source.finished_at
        order = Order.objects.get(code="SHOPEE2-DH1")
        assert (order.goods_total, order.total, order.state) == (477_000, 477_000, State.COMPLETED)
        assert order.placed_at == datetime(2026, 11, 25, 13, 15, tzinfo=UTC)
        assert (order.customer.number, order.region) == ("KH1", "Huế")
        assert [line.product for line in order.lines.order_by("position")] == [known, None]
        assert list(order.lines.order_by("position").values_list("position", flat=True)) == [2, 3]
        assert Order.objects.get(number="DH2").customer is None
        assert Order.objects.get(number="R3").state == State.RETURNED

    def test_cost_and_vat_come_from_the_file_and_never_from_the_catalog(self, tmp_path):
        ProductFactory(sku="AO01-1", cost=61_000, vat_rate=10)
        path = tmp_path / "sales.csv"
        path.write_text(f"{HEADINGS.strip()},cost,vat\n{row().strip()},58000,8\n{row().strip()},,\n")
        layout = replace(LAYOUT, columns=COLUMNS | {"unit_cost": "cost", "vat_rate": "vat"})
        services.import_orders(path=path, channel=ChannelFactory(), layout=layout)
        lines = OrderLine.objects.order_by("position").values_list("unit_cost", "vat_rate")
        assert list(lines) == [(58_000, 8), (None, None)]

    def test_a_file_that_says_nothing_of_cost_and_vat_leaves_them_unknown(self, write):
        ProductFactory(sku="AO01-1", cost=61_000)
        services.import_orders(path=write(row()), channel=ChannelFactory(), layout=LAYOUT)
        line = OrderLine.objects.get()
        assert (line.unit_cost, line.vat_rate) == (None, None)

    def test_the_same_row_twice_is_two_lines(self, write):
        source = services.import_orders(path=write(row(), row()), channel=ChannelFactory(), layout=LAYOUT)
        assert source.imported == OrderLine.objects.count() == 2

    def test_orders_that_go_on_in_a_later_batch_stay_one_order(self, write):
        path = write(row(), row(order="DH2"), row(), row(order="DH2"), row())
        services.import_orders(path=path, channel=ChannelFactory(), layout=LAYOUT, batch=2)
        assert dict(Order.objects.values_list("number", "goods_total")) == {"DH1": 477_000, "DH2": 318_000}

    def test_bad_rows_are_kept_with_their_line_and_reason_and_the_rest_comes_in(self, write):
        bad = row(price="free")
        source = services.import_orders(path=write(row(), bad, row()), channel=ChannelFactory(), layout=LAYOUT)
        assert (source.imported, source.rejected) == (2, 1)
        reject = RejectedRow.objects.get()
        assert (reject.line, reject.raw) == (3, bad.strip())
        assert "'free' is not an amount" in reject.reason

    def test_an_order_that_somebody_else_brought_is_not_added_to(self, write):
        order = OrderFactory(number="DH1")
        source = services.import_orders(path=write(row()), channel=order.channel, layout=LAYOUT)
        assert (source.imported, source.rejected) == (0, 1)
        assert "in the shop already" in RejectedRow.objects.get().reason
        assert not order.lines.exists()

    @pytest.mark.parametrize("batch", [1, 10])
    def test_one_order_has_one_customer(self, write, batch):
        path = write(row(), row(customer="KH2"))
        source = services.import_orders(path=path, channel=ChannelFactory(), layout=LAYOUT, batch=batch)
        assert (source.imported, source.rejected) == (1, 1)
        assert "another customer" in RejectedRow.objects.get().reason

    def test_again_changes_nothing_and_so_does_its_gzip(self, write, tmp_path):
        path, channel = write(*rows_of(20)), ChannelFactory()
        first = services.import_orders(path=path, channel=channel, layout=LAYOUT)
        zipped = tmp_path / "other-name.csv.gz"
        zipped.write_bytes(gzip.compress(path.read_bytes()))
        assert services.import_orders(path=zipped, channel=channel, layout=LAYOUT) == first
        assert in_the_shop() == truth(path)

    def test_a_file_without_rows_is_an_import_of_none(self, write):
        source = services.import_orders(path=write(), channel=ChannelFactory(), layout=LAYOUT)
        assert (source.imported, source.rejected) == (0, 0)
        assert source.finished_at

    def test_progress_is_told_after_each_batch(self, write):
        told = []
        services.import_orders(
            path=write(*rows_of(25)),
            channel=ChannelFactory(),
            layout=LAYOUT,
            batch=10,
            progress=lambda done, total: told.append((done, total)),
        )
        assert told == [(11, 26), (21, 26), (26, 26)]

    def test_stopped_between_batches_it_goes_on_from_there(self, write):
        class Stopped(Exception):
            pass

        def stop(done, total):
            raise Stopped

        path, channel = write(*rows_of(25)), ChannelFactory()
        for _ in range(2):
            with pytest.raises(Stopped):
                services.import_orders(path=path, channel=channel, layout=LAYOUT, batch=10, progress=stop)
        assert OrderLine.objects.count() == 20
        source = services.import_orders(path=path, channel=channel, layout=LAYOUT, batch=10)
        assert (source.imported, source.quantity, source.revenue) == truth(path) == in_the_shop()

    def test_it_is_not_continued_in_another_layout(self, write):
        class Stopped(Exception):
            pass

        def stop(done, total):
            raise Stopped

        path, channel = write(*rows_of(25)), ChannelFactory()
        with pytest.raises(Stopped):
            services.import_orders(path=path, channel=channel, layout=LAYOUT, batch=10, progress=stop)
        with pytest.raises(services.ImportConflict, match="other columns or settings"):
            services.import_orders(path=path, channel=channel, layout=replace(LAYOUT, return_prefix=""))

    def test_of_two_that_import_one_file_at_once_one_gives_up(self, write):
        path, channel = write(*rows_of(30)), ChannelFactory()
        others = []

        def somebody_else(done, total):
            if not others:
                others.append(services.import_orders(path=path, channel=channel, layout=LAYOUT, batch=7))

        with pytest.raises(services.ImportConflict, match="somebody else"):
            services.import_orders(path=path, channel=channel, layout=LAYOUT, batch=10, progress=somebody_else)
        assert others[0].imported == 30
        assert in_the_shop() == truth(path)

    def test_text_that_databases_stumble_over_comes_in_as_it_is(self, write):
        name = r"\N \. \t 'quote' " "x" " 100% 😀 <b>"
        services.import_orders(
            path=write(f'DH1,AO01-1,"{name}",1,1000,2026-01-01,,Huế\n'), channel=ChannelFactory(), layout=LAYOUT
        )
        assert OrderLine.objects.get().name == name.replace('""', '"')


@pytest.mark.django_db
class TestCommand:
    def options(self):
        return [f"--map={heading}={field}" for field, heading in COLUMNS.items()]

    def test_it_imports_prints_the_sums_and_writes_the_rejected_rows(self, write, tmp_path, capsys):
        rejects = tmp_path / "rejects.csv"
        path = write(row(), row(price="free"), row(quantity=-2))
        call_command("import_orders", str(path), "--channel", "shopee2", "--rejects", str(rejects), *self.options())
        assert "2 rows imported, 1 rejected, 1 orders, -1 pieces, revenue -159,000" in capsys.readouterr().out
        with rejects.open() as file:
            assert [one["line"] for one in csv.DictReader(file)] == ["3"]

    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            (["--channel", "x"], "No column is mapped"),
            (["--channel", "x", "--map", "price"], "HEADING=field"),
            (["--map", "a=number"], "No column is mapped"),
            (["--preset", "online-retail"], "has no column InvoiceNo"),
            (["--preset", "online-retail", "--currency", "XXX"], "not known"),
            (["--preset", "online-retail", "--encoding", "klingon"], "no encoding"),
            (["--preset", "online-retail", "--channel", "Two words"], "small letters and digits"),
        ],
    )
    def test_what_cannot_work_is_one_clear_line(self, write, options, reason):
        with pytest.raises(CommandError, match=reason):
            call_command("import_orders", str(write(row())), *options)
        assert not OrderImport.objects.exclude(line=1).exists()

    def test_a_file_that_is_not_there(self, tmp_path):
        with pytest.raises(CommandError, match="cannot be read"):
            call_command("import_orders", str(tmp_path / "none.csv"), "--preset", "online-retail")


def start(path, *options):
    name = connection.settings_dict["NAME"]
    host, port = connection.settings_dict["HOST"], connection.settings_dict["PORT"]
    user, password = connection.settings_dict["USER"], connection.settings_dict["PASSWORD"]
    environment = {
        **os.environ,
        "DATABASE_URL": f"postgresql://{user}:{password}@{host}:{port}/{name}",
        "SECRET_KEY": settings.SECRET_KEY,
    }
    command = [sys.executable, "manage.py", "import_orders", str(path), "--channel", "killed", *options]
    return subprocess.Popen(
        command, cwd=settings.BASE_DIR, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.django_db(transaction=True)
def test_killed_again_and_again_no_line_is_lost_or_comes_in_twice(write):
    path = write(*rows_of(120_000))
    options = [f"--map={heading}={field}" for field, heading in COLUMNS.items()]
    rng = random.Random(20261125)
    reached = [1]
    for _ in range(3):
        process = start(path, *options)
        process.stderr.readline()  # a batch has committed
        time.sleep(rng.random() * 0.4)  # somewhere in the next one
        process.send_signal(signal.SIGKILL)
        process.communicate()
        source = OrderImport.objects.get()
        assert source.imported == OrderLine.objects.count() == source.line - 1
        reached.append(source.line)
    assert reached == sorted(set(reached))
    assert reached[-1] < 120_001, "it was never killed half-way"

    process = start(path, *options)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "120,000 rows imported, 0 rejected" in output
    assert in_the_shop() == truth(path)
    assert OrderLine.objects.values("position").distinct().count() == 120_000
    goods = Order.objects.values_list("goods_total", flat=True)
    assert sum(goods) == truth(path)[2]


@pytest.mark.django_db
def test_541_909_real_lines_come_in_equal_to_the_file_to_the_unit(corpus):
    path = corpus / "reports" / "online_retail_541909.csv.gz"
    if not path.exists():
        pytest.skip("the Online Retail file is not in the corpus beside this checkout")
    lines = quantity = 0
    revenue = Decimal(0)
    by_country, numbers, customers = Counter(), set(), set()
    with gzip.open(path, "rt", newline="") as file:
        for one in csv.DictReader(file):
            worth = int(one["Quantity"]) * Decimal(one["UnitPrice"])
            lines += 1
            quantity += int(one["Quantity"])
            revenue += worth
            by_country[one["Country"]] += worth
            numbers.add(one["InvoiceNo"])
            customers.add(one["CustomerID"])
    assert (lines, revenue * 1000) == (541_909, 9_747_747_934)

    channel = ChannelFactory(code="onlineretail")
    source = services.import_orders(path=path, channel=channel, layout=ONLINE_RETAIL)
    assert (source.imported, source.rejected) == (lines, 0)
    assert (source.quantity, source.revenue) == (quantity, revenue * 1000)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), sum(quantity), sum(revenue), count(DISTINCT position), min(currency), max(decimals)"
            " FROM orders_orderline"
        )
        assert cursor.fetchone() == (lines, quantity, revenue * 1000, lines, "GBP", 3)
        cursor.execute("SELECT region, sum(goods_total) FROM orders_order GROUP BY region")
        assert dict(cursor.fetchall()) == {country: worth * 1000 for country, worth in by_country.items()}
    assert Order.objects.count() == len(numbers)
    assert Order.objects.filter(state=State.RETURNED).count() == sum(n.startswith("C") for n in numbers)
    assert Customer.objects.count() == len(customers - {""})
    assert Channel.objects.get() == channel
