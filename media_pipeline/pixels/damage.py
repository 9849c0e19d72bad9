"""What readers of pictures raise for bytes that make no sense: whatever their code comes upon."""

import struct
from typing import Final

DAMAGED: Final = (
    ArithmeticError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
)
