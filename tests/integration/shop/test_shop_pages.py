import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from shop.catalog.models import StockMovement
from shop.orders.models import OrderImport, RejectedRow, State
from shop.orders.queries import stock_at
from tests.factories.catalog import CategoryFactory, ProductFactory, StockMovementFactory
from tests.factories.orders import (
    EVENING,
    ChannelFactory,
    OrderFactory,
    OrderLineFactory,
    PaymentFactory,
)
from tests.factories.people import PersonFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(client):
    person = PersonFactory(owner=True, language="en")
    client.force_login(person)
    client.cookies["django_language"] = "en"
    return client


@pytest.mark.parametrize("url", ["/orders/", "/products/", "/orders/SHOPEE-1/"])
@pytest.mark.parametrize("role", ["shopper", "moderator", "finance", "operator"])
def test_only_owners_see_the_shop_s_trade(client, url, role):
    assert client.get(url).status_code == 302
    client.force_login(PersonFactory(**({role: True} if role != "shopper" else {})))
    assert client.get(url).status_code == 403


class TestOrders:
    def test_a_page_of_orders_costs_the_same_however_many_there_are(self, owner, django_assert_max_num_queries):
        OrderFactory.create_batch(40)
        with django_assert_max_num_queries(5):
            page = owner.get("/orders/")
        assert len(page.context["rows"]) == 25

    def test_pages_show_every_order_once_and_newest_first(self, owner):
        channel = ChannelFactory()
        for minutes in range(60):
            OrderFactory(channel=channel, placed_at=EVENING - timedelta(minutes=minutes // 7))
        seen, cursor = [], ""
        while True:
            page = owner.get("/orders/", {"before": cursor}).context["page"]
            seen += page.rows
            if not page.older:
                break
            cursor = page.older
        assert len(seen) == len({order.pk for order in seen}) == 60
        assert [order.placed_at for order in seen] == sorted((order.placed_at for order in seen), reverse=True)

    def test_filters_are_in_the_address(self, owner):
        wanted = OrderFactory(state=State.RETURNED)
        OrderFactory(state=State.RETURNED)
        OrderFactory(channel=wanted.channel)
        page = owner.get("/orders/", {"state": "returned", "channel": wanted.channel.code})
        assert [order for order, _ in page.context["rows"]] == [wanted]
        assert owner.get("/orders/", {"state": "nonsense"}).status_code == 200

    def test_a_whole_code_leads_to_its_order_and_a_shared_number_to_a_list(self, owner):
        first, second = OrderFactory(number="A/1 b"), OrderFactory(number="A/1 b")
        response = owner.get("/orders/", {"q": first.code.lower().replace("a/1 b", "A/1 b")}, follow=True)
        assert response.status_code == 200
        assert owner.get("/orders/", {"q": second.code}).headers["Location"] == second.get_absolute_url()
        assert owner.get(second.get_absolute_url()).context["order"] == second
        assert len(owner.get("/orders/", {"q": "A/1 b"}).context["rows"]) == 2

    def test_what_is_not_there_is_said(self, owner):
        assert "There are no orders yet" in owner.get("/orders/").content.decode()
        OrderFactory()
        assert "No order matches" in owner.get("/orders/", {"q": "nope"}).content.decode()
        assert owner.get("/orders/NOPE-1/").status_code == 404
        assert owner.get("/orders/", {"before": "nonsense"}).status_code == 400

    def test_an_order_shows_its_lines_payments_and_sums(self, owner, django_assert_max_num_queries):
        order = OrderFactory(
            currency="GBP", decimals=3, goods_total=2_001, shipping_fee=500, returned_total=1, state=State.RETURNED
        )
        line = OrderLineFactory(order=order, unit_price=1, quantity=2001, name="<b>PADS</b>")
        OrderLineFactory(
            order=order, product=line.product, unit_price=1, quantity=-1, placed_at=EVENING + timedelta(days=3)
        )
        PaymentFactory(order=order, amount=2_501)
        with django_assert_max_num_queries(6):
            text = owner.get(order.get_absolute_url()).content.decode()
        for shown in ("£0.001", "£2.001", "£2.501", "-£0.001", "&lt;b&gt;PADS", "1 piece taken back"):
            assert shown in text


class TestProducts:
    def test_part_of_a_name_or_sku_finds_a_product_and_so_does_its_shelf(self, owner):
        top = CategoryFactory()
        wanted = ProductFactory(name="Gạo ST25", sku="DK01-1", category=CategoryFactory(parent=top))
        ProductFactory()
        for query in ({"q": "gạo"}, {"q": "dk01"}, {"category": top.slug}, {"category": wanted.category.slug}):
            assert owner.get("/products/", query).context["rows"] == [wanted]
        assert "No product matches" in owner.get("/products/", {"q": "nope"}).content.decode()

    def test_a_page_of_products_costs_the_same_however_many_there_are(self, owner, django_assert_max_num_queries):
        ProductFactory.create_batch(40)
        with django_assert_max_num_queries(4):
            assert len(owner.get("/products/").context["rows"]) == 25

    def test_an_empty_catalog_says_so(self, owner):
        assert "There are no products yet" in owner.get("/products/").content.decode()


class TestAdmin:
    @pytest.fixture(autouse=True)
    def operator(self, client):
        client.force_login(PersonFactory(operator=True, is_superuser=True))

    @pytest.mark.parametrize(
        ("model", "make"),
        [
            ("order", OrderLineFactory),
            ("customer", OrderFactory),
            ("rejectedrow", None),
            ("orderimport", None),
        ],
    )
    def test_lists_cost_the_same_however_long(self, client, django_assert_max_num_queries, model, make):
        source = OrderImport.objects.create(
            channel=ChannelFactory(), sha256="x", file_name="sales.csv", layout={}, currency="GBP", decimals=3
        )
        for line in range(20):
            if make:
                make()
            else:
                RejectedRow.objects.create(source=source, line=line, reason="because", raw="a,b")
        with django_assert_max_num_queries(9):
            assert client.get(reverse(f"admin:orders_{model}_changelist")).status_code == 200

    def test_orders_are_looked_at_not_changed(self, client, django_assert_max_num_queries):
        order = OrderFactory()
        for _ in range(10):
            OrderLineFactory(order=order)
            PaymentFactory(order=order)
        url = reverse("admin:orders_order_change", args=[order.pk])
        with django_assert_max_num_queries(9):
            assert order.code in client.get(url).content.decode()
        assert client.post(url, {"state": "cancelled"}).status_code == 403
        assert client.get(reverse("admin:orders_order_add")).status_code == 403

    def test_an_order_shows_what_its_goods_cost_and_what_was_kept_of_its_payments(self, client):
        order = OrderFactory(currency="GBP", decimals=3)
        OrderLineFactory(order=order, unit_price=9_001, unit_cost=4_501, vat_rate=17)
        OrderLineFactory(order=order, unit_price=9_001)
        PaymentFactory(order=order, amount=18_002, fee=1_983)
        client.cookies["django_language"] = "en"
        text = client.get(reverse("admin:orders_order_change", args=[order.pk])).content.decode()
        for shown in ("£4.501", "<p>17</p>", "£1.983"):
            assert shown in text

    def test_orders_are_found_by_code(self, client):
        order = OrderFactory()
        OrderFactory()
        found = client.get(reverse("admin:orders_order_changelist"), {"q": order.code.lower().upper()})
        assert list(found.context["cl"].result_list) == [order]

    def test_products_can_be_priced_and_taken_off_sale(self, client):
        product = ProductFactory()
        url = reverse("admin:catalog_product_change", args=[product.pk])
        values = {"sku": product.sku, "name": product.name, "category": product.category_id, "currency": "VND"}
        values |= {"price": "99000", "cost": "61000", "vat_rate": "5"}
        assert client.post(url, values).status_code == 302
        product.refresh_from_db()
        assert (product.price, product.is_active, product.cost, product.vat_rate) == (99_000, False, 61_000, 5)
        for refused in ({"price": "-1"}, {"cost": "-1"}, {"vat_rate": "101"}, {"vat_rate": ""}):
            assert client.post(url, {**values, **refused}).status_code == 200
        product.refresh_from_db()
        assert (product.price, product.cost, product.vat_rate) == (99_000, 61_000, 5)
        assert client.post(url, {**values, "cost": ""}).status_code == 302
        product.refresh_from_db()
        assert product.cost is None

    def test_products_show_their_cost_where_it_is_known(self, client):
        ProductFactory(cost=61_000)
        ProductFactory(cost=None)
        text = client.get(reverse("admin:catalog_product_changelist")).content.decode()
        assert re.findall(r'class="field-shown_cost">(.*?)</td>', text) == ["61.000\N{NO-BREAK SPACE}₫", "–"]


class TestStockMovements:
    LIST = "/admin/catalog/stockmovement/"

    @pytest.fixture
    def operator(self, client):
        person = PersonFactory(operator=True, language="en")
        client.force_login(person)
        return person

    @staticmethod
    def form(product, **values):
        return {"sku": product.sku, "at_0": "2026-11-20", "at_1": "14:30:00", "kind": "received"} | values

    def test_who_received_goods_writes_it_down_and_it_is_in_stock(self, client, operator):
        product = ProductFactory()
        response = client.post(f"{self.LIST}add/", self.form(product, quantity="24", note="Phiếu nhập 7"))
        assert response.status_code == 302
        movement = StockMovement.objects.get()
        assert (movement.product, movement.kind, movement.quantity) == (product, "received", 24)
        assert movement.at == datetime(2026, 11, 20, 7, 30, tzinfo=UTC)
        assert stock_at(product, EVENING) == 24
        assert LogEntry.objects.get().user == operator

    @pytest.mark.parametrize(
        ("values", "said"),
        [
            ({"quantity": "-2"}, "Goods that came in are a number above zero."),
            ({"quantity": "2", "kind": "damaged"}, "Goods that are written off are a number below zero."),
            ({"quantity": "0", "kind": "counted"}, "A movement of no pieces is none."),
            ({"quantity": "2", "at_0": "2999-01-01"}, "Write it down when it has happened."),
            ({"quantity": "2", "sku": "NOPE"}, "No product has this SKU."),
        ],
    )
    def test_what_cannot_be_is_refused_in_words(self, client, operator, values, said):
        client.cookies["django_language"] = "en"
        page = client.post(f"{self.LIST}add/", self.form(ProductFactory(), **values))
        assert page.status_code == 200
        assert said in page.content.decode()
        assert not StockMovement.objects.exists()

    @pytest.mark.parametrize("superuser", [False, True])
    def test_what_was_written_is_neither_changed_nor_deleted(self, client, operator, superuser):
        type(operator).objects.update(is_superuser=superuser)
        movement = StockMovementFactory()
        assert client.get(f"{self.LIST}{movement.pk}/change/").status_code == 200
        values = self.form(movement.product, quantity="1")
        assert client.post(f"{self.LIST}{movement.pk}/change/", values).status_code == 403
        assert client.post(f"{self.LIST}{movement.pk}/delete/", {"post": "yes"}).status_code == 403
        client.post(self.LIST, {"action": "delete_selected", "_selected_action": [movement.pk], "post": "yes"})
        movement.refresh_from_db()
        assert movement.quantity == 20

    @pytest.mark.parametrize("role", ["owner", "moderator", "finance"])
    def test_other_people_add_nothing(self, client, role):
        client.force_login(PersonFactory(**{role: True}))
        assert client.post(f"{self.LIST}add/", self.form(ProductFactory(), quantity="1")).status_code in {302, 403}
        assert not StockMovement.objects.exists()

    def test_the_index_leads_to_them(self, client, operator):
        index = client.get("/admin/").content.decode()
        assert f'href="{self.LIST}"' in index
        assert f'href="{self.LIST}add/"' in index

    def test_a_whole_sku_finds_them_and_a_list_costs_the_same_however_long(
        self, client, operator, django_assert_max_num_queries
    ):
        wanted = StockMovementFactory.create_batch(3, product=ProductFactory())
        StockMovementFactory.create_batch(20)
        with django_assert_max_num_queries(9):
            assert len(client.get(self.LIST).context["cl"].result_list) == 23
        found = client.get(self.LIST, {"q": wanted[0].product.sku}).context["cl"].result_list
        assert set(found) == set(wanted)
