"""From the colours that a file says by numbers (ITU-T H.273) to sRGB: wide ones, and those of HDR, toned down."""

from typing import Final

import pyvips

_PQ: Final = 16
_HLG: Final = 18
_BT2020: Final = 9
_P3: Final = 12
#: Linear light to that of BT.709, whose primaries sRGB has.
_TO_BT709: Final = {
    _BT2020: [[1.660491, -0.587641, -0.072850], [-0.124550, 1.132900, -0.008349], [-0.018151, -0.100579, 1.118730]],
    _P3: [[1.224940, -0.224940, 0.0], [-0.042057, 1.042057, 0.0], [-0.019638, -0.078636, 1.098274]],
}
#: Candelas per square metre: of white in a picture (ITU-R BT.2408), and of the brightest that HLG is made for.
_WHITE: Final = 203.0
_BRIGHTEST: Final = 1000.0
#: Light, where white is 1, from which on brighter parts are pressed together.
_KNEE: Final = 0.6


def need_work(primaries: int, transfer: int) -> bool:
    return primaries in _TO_BT709 or transfer in {_PQ, _HLG}


def to_srgb(image: pyvips.Image, *, primaries: int, transfer: int) -> pyvips.Image:
    """8 bits per band, of an image with 16 whose bands are red, green, blue and perhaps alpha."""
    colour = image.extract_band(0, n=3)
    if transfer == _PQ:
        light = _from_pq(colour)
    elif transfer == _HLG:
        light = _from_hlg(colour, primaries)
    else:  # those of BT.709 and its like are shown like sRGB's
        light = colour.copy(interpretation="rgb16").colourspace("scrgb")
    if primaries in _TO_BT709:
        light = light.recomb(pyvips.Image.new_from_array(_TO_BT709[primaries]))
    if transfer in {_PQ, _HLG}:
        light = _toned(light)
    shown = light.copy(interpretation="scrgb").colourspace("srgb")
    if image.bands > colour.bands:
        shown = shown.bandjoin((image.extract_band(3) >> 8).cast("uchar"))
    return shown


def _steps() -> pyvips.Image:
    """Every value of 16 bits, from 0 to 1: what a table is made of."""
    return pyvips.Image.identity(ushort=True) / 65535.0


def _from_pq(image: pyvips.Image) -> pyvips.Image:
    """SMPTE ST 2084, equation 4.1, with white at 1."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 4096 * 128, 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    root = _steps() ** (1 / m2)
    over = root - c1
    table = ((over > 0).ifthenelse(over, 0) / (c2 - root * c3)) ** (1 / m1)
    return image.maplut(table * (10_000 / _WHITE))


def _from_hlg(image: pyvips.Image, primaries: int) -> pyvips.Image:
    """ITU-R BT.2100, table 5, as it looks on a screen of 1000 cd/m², with white at 1."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    steps = _steps()
    table = (steps <= 0.5).ifthenelse(steps**2 / 3, (((steps - c) / a).exp() + b) / 12)  # noqa: PLR2004
    scene = image.maplut(table)
    weights = [0.2627, 0.6780, 0.0593] if primaries == _BT2020 else [0.2126, 0.7152, 0.0722]
    luminance = scene.recomb(pyvips.Image.new_from_array([weights]))
    return scene * (luminance**0.2) * (_BRIGHTEST / _WHITE)


def _toned(light: pyvips.Image) -> pyvips.Image:
    """Brighter parts pressed together smoothly between the knee and white, at the same hue."""
    first, *others = light.bandsplit()
    brightest = first.bandrank(others, index=len(others))
    over = (brightest - _KNEE) / (1 - _KNEE)
    pressed = (1 - (over * -1).exp()) * (1 - _KNEE) + _KNEE
    factor = (brightest > _KNEE).ifthenelse(pressed / brightest, 1)
    return light * factor
