from shop.catalog import demo
from shop.orders.provinces import PROVINCES


def test_every_product_has_its_own_sku_and_name_and_a_price_in_whole_thousands():
    items = list(demo.items())
    assert 350 <= len(items) <= 450
    assert len({item.sku for item in items}) == len({item.name for item in items}) == len(items)
    assert all(item.price > 0 and item.price % 1000 == 0 for item in items)
    assert all(len(item.sku) <= 60 and len(item.name) <= 255 for item in items)


def test_a_bigger_pack_costs_more_and_another_colour_the_same():
    price = {item.name: item.price for item in demo.items()}
    assert price["Gạo ST25, 10 kg"] > price["Gạo ST25, 5 kg"]
    assert price["Ví da nam, nâu"] == price["Ví da nam, đen"]


def test_there_are_today_s_thirty_four_provinces():
    names = [province.name for province in PROVINCES]
    assert len(names) == len(set(names)) == 34
    assert all(province.wards and province.share > 0 for province in PROVINCES)
