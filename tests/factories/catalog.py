import factory

from shop.catalog.models import Category, MovementKind, Product, StockMovement


class CategoryFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Category

    name = factory.Sequence("Kệ {}".format)
    slug = factory.Sequence("ke-{}".format)


class ProductFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Product

    sku = factory.Sequence("SP{:04d}".format)
    name = factory.Sequence("Áo thun cotton nam {}".format)
    category = factory.SubFactory(CategoryFactory)
    price = 159_000


class StockMovementFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = StockMovement

    product = factory.SubFactory(ProductFactory)
    kind = MovementKind.RECEIVED
    quantity = 20
