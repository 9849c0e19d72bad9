"""What the demo shop sells: some four hundred products on Vietnamese shelves, at plausible prices."""

import re
from collections.abc import Iterator
from random import Random
from typing import Final, NamedTuple


class Item(NamedTuple):
    """One product.

    Attributes:
        price: in đồng, with VAT.
        cost: of one piece, in đồng without VAT; None: nobody wrote it down.
        vat_rate: in percent.
        festive: bought before Tết above all.
    """

    sku: str
    name: str
    category: str
    price: int
    cost: int | None
    vat_rate: int
    festive: bool


#: Top category → category → (SKU prefix, products as "name | price in thousands of đồng | variants").
SHELVES: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "Thời trang": {
        "Áo": (
            "AO",
            """
            Áo thun cotton nam | 159 | trắng, đen, xanh navy, xám
            Áo thun nữ form rộng | 139 | trắng, kem, hồng, đen
            Áo sơ mi linen | 329 | trắng, be, xanh nhạt
            Áo polo pique | 249 | trắng, đen, xanh rêu, đỏ đô
            Áo khoác gió hai lớp | 399 | đen, xanh navy, rêu
            Áo dài cách tân | 589 | đỏ, hồng phấn, xanh ngọc
            """,
        ),
        "Quần và váy": (
            "QV",
            """
            Quần jeans ống đứng | 429 | xanh đậm, xanh nhạt, đen
            Quần kaki nam | 359 | be, đen, rêu
            Quần short đũi | 189 | kem, nâu, đen
            Chân váy chữ A | 229 | đen, kẻ caro, nâu
            Đầm suông dáng dài | 369 | hoa nhí, đen, xanh
            """,
        ),
        "Giày và túi": (
            "GT",
            """
            Giày sneaker trắng | 549 | cỡ 37, cỡ 39, cỡ 41, cỡ 43
            Sandal quai ngang | 279 | đen, nâu
            Dép đi trong nhà | 69 | xám, hồng, xanh
            Túi tote canvas | 149 | trơn, in hình
            Balo laptop 15 inch | 459 | đen, xám
            Ví da nam | 319 | nâu, đen
            """,
        ),
    },
    "Làm đẹp": {
        "Chăm sóc da": (
            "DA",
            """
            Sữa rửa mặt dịu nhẹ | 185 | 150 ml, 300 ml
            Kem chống nắng SPF 50+ | 265 | da dầu, da khô, da nhạy cảm
            Serum vitamin C | 349 | 15 ml, 30 ml
            Serum niacinamide | 289 | 20 ml, 30 ml
            Kem dưỡng ẩm ceramide | 299 | 50 ml, 100 ml
            Mặt nạ giấy hộp 10 miếng | 129 | trà xanh, nghệ, rau má
            Nước tẩy trang | 165 | 200 ml, 400 ml
            """,
        ),
        "Trang điểm": (
            "TD",
            """
            Son thỏi lì | 199 | đỏ gạch, hồng đất, cam cháy, đỏ rượu
            Son tint bóng | 169 | hồng, cam, mận
            Phấn nước cushion | 339 | tông sáng, tông tự nhiên
            Kẻ mắt nước | 119 | đen, nâu
            Mascara chống trôi | 149 | đen, nâu
            """,
        ),
        "Tóc và cơ thể": (
            "TC",
            """
            Dầu gội bưởi | 145 | 300 ml, 500 ml
            Dầu xả bưởi | 139 | 300 ml, 500 ml
            Sữa tắm hương sen | 125 | 500 ml, 900 ml
            Kem dưỡng thể | 155 | vani, hoa nhài
            Tinh dầu tràm Huế | 95 | 50 ml, 100 ml
            """,
        ),
    },
    "Nhà cửa": {
        "Bếp": (
            "BE",
            """
            Chảo chống dính đáy từ | 289 | 20 cm, 24 cm, 28 cm
            Nồi inox ba đáy | 459 | 18 cm, 22 cm, 26 cm
            Bộ dao bếp 5 món | 349 | thép đen, thép trắng
            Thớt gỗ teak | 179 | nhỏ, lớn
            Hộp thủy tinh chia ngăn | 99 | 640 ml, 1 l, bộ 3
            Bát sứ Bát Tràng bộ 6 | 259 | men trắng, men lam, men nâu
            Nồi chiên không dầu | 1290 | 4 l, 6 l
            Ấm siêu tốc | 329 | 1,7 l, 2 l
            """,
        ),
        "Phòng ngủ": (
            "PN",
            """
            Bộ ga gối cotton | 499 | 1m6, 1m8
            Chăn hè sợi tre | 389 | xám, xanh, hồng
            Gối cao su non | 279 | thấp, cao
            Đèn ngủ cảm ứng | 159 | trắng, vàng
            Màn khung tự bung | 219 | 1m6, 1m8
            """,
        ),
        "Dọn dẹp": (
            "DD",
            """
            Nước giặt | 179 | 2,4 kg hoa, 2,4 kg em bé, 3,6 kg hoa
            Nước rửa chén | 85 | 1,5 l chanh, 1,5 l quế
            Cây lau nhà tự vắt | 249 | xanh, xám
            Giấy vệ sinh 10 cuộn | 89 | 2 lớp, 3 lớp
            Khăn giấy rút lốc 10 | 99 | 180 tờ, 300 tờ
            """,
        ),
    },
    "Điện tử": {
        "Phụ kiện điện thoại": (
            "PK",
            """
            Ốp lưng silicone | 79 | iPhone 15, iPhone 16, Galaxy S24, Redmi Note 13
            Kính cường lực | 49 | iPhone 15, iPhone 16, Galaxy S24
            Cáp sạc USB-C | 89 | 1 m, 2 m
            Củ sạc nhanh | 219 | 20 W, 33 W, 65 W
            Sạc dự phòng | 349 | 10.000 mAh, 20.000 mAh
            Giá đỡ điện thoại | 69 | để bàn, ô tô
            """,
        ),
        "Âm thanh": (
            "AM",
            """
            Tai nghe không dây | 459 | trắng, đen
            Tai nghe có dây USB-C | 149 | trắng, đen
            Loa bluetooth mini | 389 | đỏ, đen, xanh
            Micro thu âm cài áo | 299 | 1 mic, 2 mic
            """,
        ),
        "Máy tính và văn phòng": (
            "MT",
            """
            Chuột không dây | 189 | đen, trắng, hồng
            Bàn phím cơ | 790 | switch đỏ, switch nâu
            USB 3.2 | 149 | 64 GB, 128 GB
            Ổ cứng SSD gắn ngoài | 1590 | 500 GB, 1 TB
            Webcam full HD | 549 | có mic
            Đèn bàn chống cận | 359 | trắng, đen
            """,
        ),
    },
    "Thực phẩm": {
        "Đặc sản": (
            "DS",
            """
            Cà phê Buôn Ma Thuột 500 g | 139 | robusta, arabica, rang mộc
            Trà Thái Nguyên | 165 | 200 g, 500 g
            Nước mắm Phú Quốc 500 ml | 98 | 35 độ, 40 độ
            Mật ong rừng | 189 | 350 ml, 500 ml
            Hạt điều Bình Phước 500 g | 179 | rang muối, vỏ lụa
            Khô mực câu 500 g | 690 | loại 1, loại đặc biệt
            Bánh pía Sóc Trăng | 85 | sầu riêng, đậu xanh
            """,
        ),
        "Bánh mứt Tết": (
            "BT",
            """
            Hộp mứt Tết thập cẩm | 199 | 400 g, 700 g
            Giỏ quà Tết | 790 | phúc, lộc, thọ
            Hạt dưa 500 g | 89 | đỏ, đen
            Bánh chưng Tranh Khúc | 75 | nhỏ, lớn
            Lạp xưởng Mai Quế Lộ 500 g | 159 | tươi, khô
            Mứt dừa non 500 g | 109 | trắng, lá dứa
            """,
        ),
        "Đồ khô": (
            "DK",
            """
            Gạo ST25 | 195 | 5 kg, 10 kg
            Bún khô 500 g | 39 | gạo trắng, gạo lứt
            Mì ăn liền thùng 30 gói | 119 | tôm chua cay, bò, chay
            Yến mạch cán dẹt 1 kg | 99 | nguyên cám, ăn liền
            Rong biển ăn liền | 59 | truyền thống, cay
            """,
        ),
    },
    "Mẹ và bé": {
        "Bỉm sữa": (
            "BS",
            """
            Tã quần | 329 | M 68, L 60, XL 54, XXL 48
            Sữa bột số 1 | 459 | 400 g, 800 g
            Sữa bột số 2 | 439 | 400 g, 800 g
            Khăn ướt 80 tờ | 35 | không mùi, hương dịu
            """,
        ),
        "Đồ dùng cho bé": (
            "DB",
            """
            Bình sữa chống sặc | 189 | 150 ml, 240 ml
            Ghế ăn dặm | 590 | xanh, hồng
            Bộ quần áo sơ sinh | 149 | 0–3 tháng, 3–6 tháng, 6–9 tháng
            Địu em bé | 489 | ghi, xanh
            Máy hâm sữa | 429 | 2 bình
            """,
        ),
        "Đồ chơi": (
            "DC",
            """
            Xếp hình gỗ | 159 | 50 khối, 100 khối
            Bộ lắp ráp thành phố | 399 | 350 chi tiết, 600 chi tiết
            Gấu bông | 199 | 40 cm, 80 cm
            Xe điều khiển | 349 | đỏ, xanh
            Bộ tô màu nước | 79 | 12 màu, 24 màu
            """,
        ),
    },
    "Sách và văn phòng phẩm": {
        "Sách": (
            "SA",
            """
            Truyện Kiều bản khắc chú giải | 129 | bìa mềm, bìa cứng
            Nấu ăn ngon mỗi ngày | 145 | tập 1, tập 2
            Tiếng Anh giao tiếp | 119 | sơ cấp, trung cấp
            Truyện tranh lịch sử Việt Nam | 49 | tập 1, tập 2, tập 3, tập 4
            Toán nâng cao | 69 | lớp 3, lớp 4, lớp 5
            """,
        ),
        "Văn phòng phẩm": (
            "VP",
            """
            Sổ tay bìa cứng A5 | 79 | kẻ ngang, chấm, trơn
            Bút gel hộp 12 | 65 | xanh, đen, đỏ
            Giấy in A4 | 75 | 70 gsm, 80 gsm
            Lịch để bàn | 59 | phong cảnh, tối giản
            Vở 200 trang lốc 5 | 85 | ô ly, kẻ ngang
            """,
        ),
    },
    "Thể thao": {
        "Tập luyện": (
            "TL",
            """
            Thảm yoga TPE | 259 | 6 mm, 8 mm
            Tạ tay bọc cao su | 129 | 2 kg, 5 kg, 10 kg
            Dây kháng lực bộ 5 | 149 | cơ bản, có tay cầm
            Bình nước thể thao | 119 | 750 ml, 1 l
            """,
        ),
        "Ngoài trời": (
            "NT",
            """
            Lều cắm trại | 890 | 2 người, 4 người
            Mũ bảo hiểm nửa đầu | 239 | đen, trắng, đỏ
            Áo mưa bộ | 189 | M, L, XL
            Đèn pin sạc | 149 | nhỏ, lớn
            Vợt cầu lông | 420 | 4U, 5U
            """,
        ),
    },
    "Sức khỏe": {
        "Bổ sung": (
            "BO",
            """
            Viên dầu cá omega-3 | 289 | 60 viên, 120 viên, 180 viên
            Vitamin C sủi | 65 | cam, chanh, dâu
            Canxi và D3 | 219 | 60 viên, 120 viên
            Men vi sinh | 165 | 20 gói, 30 gói
            Tinh bột nghệ 200 g | 119 | nghệ đỏ, nghệ vàng
            """,
        ),
        "Thiết bị đo": (
            "TB",
            """
            Nhiệt kế điện tử | 129 | đo tai, đo trán
            Máy đo huyết áp bắp tay | 690 | tiêu chuẩn, có giọng nói
            Cân sức khỏe | 279 | trắng, đen, hồng
            Khẩu trang hộp 50 | 49 | trắng, xanh, đen
            Đai lưng chống gù | 189 | S, M, L
            """,
        ),
    },
    "Thú cưng": {
        "Chó": (
            "CH",
            """
            Hạt cho chó trưởng thành | 189 | 1,5 kg, 3 kg, 10 kg
            Pate chó lốc 6 | 119 | bò, gà, cá hồi
            Dây dắt kèm đai ngực | 129 | S, M, L
            Nệm nằm êm | 219 | S, M, L
            """,
        ),
        "Mèo": (
            "ME",
            """
            Hạt cho mèo | 159 | 1 kg, 2 kg, 5 kg
            Súp thưởng hộp 20 | 139 | cá ngừ, gà, tôm
            Cát vệ sinh 8 l | 95 | than hoạt tính, cà phê, đậu nành
            Trụ cào móng | 249 | 50 cm, 80 cm
            """,
        ),
    },
    "Cây và vườn": {
        "Cây trong nhà": (
            "CA",
            """
            Kim tiền | 189 | chậu nhỏ, chậu lớn
            Lưỡi hổ | 129 | chậu nhỏ, chậu lớn
            Trầu bà | 89 | chậu nhỏ, chậu treo
            Sen đá bộ 5 | 79 | chậu đất, chậu sứ
            """,
        ),
        "Làm vườn": (
            "LV",
            """
            Đất trồng hữu cơ | 45 | 5 l, 10 l, 20 l
            Hạt giống rau | 15 | cải ngọt, xà lách, rau muống, húng quế
            Bộ dụng cụ làm vườn mini | 99 | 3 món, 5 món
            Bình tưới | 69 | 1,5 l, 2 l
            Chậu nhựa thông minh | 35 | trắng, xám, nâu đất
            """,
        ),
    },
    "Xe máy": {
        "Đồ chạy xe": (
            "XM",
            """
            Mũ bảo hiểm ba phần tư | 359 | đen, trắng, xanh
            Găng tay hở ngón | 89 | M, L, XL
            Giá đỡ điện thoại xe máy | 149 | kẹp cổ lái, kẹp gương
            Khóa đĩa chống trộm | 229 | đen, đỏ
            Áo chống nắng | 219 | hồng, xanh, xám, be
            """,
        ),
        "Chăm sóc xe": (
            "XE",
            """
            Nhớt xe tay ga | 129 | 0,8 l, 1 l
            Nước rửa xe | 89 | 500 ml, 1 l
            Khăn lau microfiber | 35 | 1 cái, bộ 3
            Bơm lốp cầm tay | 590 | có đèn, không đèn
            """,
        ),
    },
}


#: Percent by SKU prefix; everything else has the usual rate.
_VAT_RATES: Final = {"SA": 5, "DS": 5, "BT": 5, "DK": 5, "PK": 10, "AM": 10, "MT": 10}
_USUAL_VAT_RATE: Final = 8
#: What goods cost, as a fraction of their price without VAT, and how many have no known cost.
_COST_SHARE: Final = (0.45, 0.75)
_UNKNOWN_COSTS: Final = 0.03

#: Variants that are more of the same; the rest (colours, flavours, volumes of a series) cost the same.
_AMOUNT: Final = re.compile(
    r"[0-9][0-9.,]* (cái|chi tiết|cm|g|gói|GB|kg|khối|l|mAh|mm|món|m|ml|màu|mic|người|TB|tờ|viên|W)\b"
)


def items() -> Iterator[Item]:
    """Every product, in a fixed order. Where a variant is more of the same, it costs more."""
    for shelf in SHELVES.values():
        for category, (prefix, text) in shelf.items():
            for number, line in enumerate(filter(None, map(str.strip, text.splitlines())), start=1):
                name, thousands, variants = (part.strip() for part in line.split("|"))
                vat_rate = _VAT_RATES.get(prefix, _USUAL_VAT_RATE)
                chance = Random(f"{prefix}{number:02d}")  # noqa: S311 (a demo is no secret)
                share, known = chance.uniform(*_COST_SHARE), chance.random() >= _UNKNOWN_COSTS
                for step, variant in enumerate(variants.split(", ")):
                    dearer = step * round(int(thousands) * 0.2) if _AMOUNT.match(variant) else 0
                    price = (int(thousands) + dearer) * 1000
                    yield Item(
                        sku=f"{prefix}{number:02d}-{step + 1}",
                        name=f"{name}, {variant}",
                        category=category,
                        price=price,
                        cost=round(price / (100 + vat_rate) * share) * 100 if known else None,
                        vat_rate=vat_rate,
                        festive=prefix in {"BT", "DS"},
                    )
