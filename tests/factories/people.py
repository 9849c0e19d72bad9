import factory

from shop.accounts.models import Role, User

PASSWORD = "correct horse battery staple"


class PersonFactory(factory.django.DjangoModelFactory):
    """A shopper; the traits give the other roles."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    class Params:
        owner = factory.Trait(roles=[Role.OWNER])
        moderator = factory.Trait(roles=[Role.MODERATOR])
        finance = factory.Trait(roles=[Role.FINANCE])
        operator = factory.Trait(roles=[Role.OPERATOR], is_staff=True)

    username = factory.Sequence("person{}".format)
    email = factory.LazyAttribute(lambda person: f"{person.username}@people.test")
    first_name = "Hà"
    last_name = "Nguyễn Thị"
    password = factory.django.Password(PASSWORD)
    roles = factory.LazyFunction(lambda: [Role.SHOPPER])
