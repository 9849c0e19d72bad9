"""The 34 provinces and cities that Vietnam has had since 1 July 2025, when districts were done away with.

An address today is a street, a ward and a province. Each entry has some of its wards, and roughly how many of a shop's
parcels go there (in thousandths).
"""

from typing import Final, NamedTuple


class Province(NamedTuple):
    name: str
    share: int
    wards: tuple[str, ...]


PROVINCES: Final = (
    Province(
        "TP. Hồ Chí Minh", 270, ("Sài Gòn", "Bến Thành", "Tân Định", "Gò Vấp", "Thủ Đức", "Thủ Dầu Một", "Vũng Tàu")
    ),
    Province("Hà Nội", 180, ("Hoàn Kiếm", "Ba Đình", "Cầu Giấy", "Hà Đông", "Long Biên", "Tây Hồ", "Thanh Xuân")),
    Province("Đà Nẵng", 50, ("Hải Châu", "Thanh Khê", "Sơn Trà", "Ngũ Hành Sơn", "Hội An", "Tam Kỳ")),
    Province("Hải Phòng", 45, ("Hồng Bàng", "Lê Chân", "Ngô Quyền", "Hải Dương")),
    Province("Đồng Nai", 45, ("Trấn Biên", "Biên Hòa", "Long Khánh", "Bình Phước")),
    Province("Cần Thơ", 30, ("Ninh Kiều", "Cái Răng", "Bình Thủy", "Sóc Trăng")),
    Province("Bắc Ninh", 27, ("Kinh Bắc", "Từ Sơn", "Bắc Giang")),
    Province("Nghệ An", 25, ("Thành Vinh", "Trường Vinh", "Cửa Lò")),
    Province("Thanh Hóa", 25, ("Hạc Thành", "Sầm Sơn")),
    Province("Khánh Hòa", 22, ("Nha Trang", "Cam Ranh", "Phan Rang")),
    Province("Lâm Đồng", 22, ("Xuân Hương - Đà Lạt", "Phan Thiết", "Bắc Gia Nghĩa")),
    Province("Hưng Yên", 20, ("Phố Hiến", "Thái Bình", "Mỹ Hào")),
    Province("Ninh Bình", 20, ("Hoa Lư", "Nam Định", "Phủ Lý")),
    Province("An Giang", 20, ("Long Xuyên", "Rạch Giá", "Châu Đốc")),
    Province("Đồng Tháp", 18, ("Mỹ Tho", "Cao Lãnh", "Sa Đéc")),
    Province("Phú Thọ", 18, ("Việt Trì", "Vĩnh Yên", "Hòa Bình")),
    Province("Quảng Ninh", 18, ("Hạ Long", "Bãi Cháy", "Cẩm Phả")),
    Province("Đắk Lắk", 17, ("Buôn Ma Thuột", "Tuy Hòa")),
    Province("Gia Lai", 17, ("Quy Nhơn", "Pleiku")),
    Province("Tây Ninh", 17, ("Tân Ninh", "Long An")),
    Province("Vĩnh Long", 16, ("Long Châu", "Trà Vinh", "An Hội")),
    Province("Huế", 14, ("Thuận Hóa", "Phú Xuân", "Vỹ Dạ")),
    Province("Thái Nguyên", 12, ("Phan Đình Phùng", "Sông Công", "Bắc Kạn")),
    Province("Quảng Ngãi", 11, ("Cẩm Thành", "Kon Tum")),
    Province("Cà Mau", 11, ("An Xuyên", "Bạc Liêu")),
    Province("Quảng Trị", 10, ("Đồng Hới", "Đông Hà")),
    Province("Hà Tĩnh", 8, ("Thành Sen", "Trần Phú")),
    Province("Lào Cai", 7, ("Lào Cai", "Yên Bái", "Sa Pa")),
    Province("Tuyên Quang", 6, ("Minh Xuân", "Hà Giang 1")),
    Province("Sơn La", 5, ("Tô Hiệu", "Chiềng Sinh")),
    Province("Lạng Sơn", 5, ("Tam Thanh", "Đông Kinh")),
    Province("Điện Biên", 3, ("Điện Biên Phủ", "Mường Thanh")),
    Province("Cao Bằng", 3, ("Thục Phán", "Nùng Trí Cao")),
    Province("Lai Châu", 3, ("Tân Phong", "Đoàn Kết")),
)
