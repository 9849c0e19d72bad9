"""The demo people of a machine of one's own: known to everybody, and refused everywhere else. Plain data, no Django."""

from typing import Final

DEMO_PASSWORD: Final = "backroom-demo"  # noqa: S105 (printed by `./run up`)

#: User name → family and middle name, given name, roles.
DEMO_PEOPLE: Final = {
    "shopper": ("Nguyễn Thị", "Mai", ("shopper",)),
    "owner": ("Trần Minh", "Quân", ("owner", "customer_data")),
    "moderator": ("Lê Thu", "Hà", ("moderator",)),
    "finance": ("Phạm Quốc", "Bảo", ("finance",)),
    "operator": ("Đỗ Anh", "Tuấn", ("operator",)),
}
