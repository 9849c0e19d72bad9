import factory

from shop.catalog.models import Category, Product


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
