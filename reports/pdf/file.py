"""The structure of a PDF file, written front to back: objects, pages and their tree, fonts, bookmarks, and what the
file says about itself.

Everything that is known late comes last. The same input makes the same bytes. Format: ISO 32000-1, 7.5 (structure of
files), 7.7 (structure of documents), 12.3.3 (outlines) and 14.3 (metadata).
"""

import hashlib
import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from xml.sax.saxutils import escape

from reports.pdf.drawn import Copy, Drawn
from reports.pdf.font import Codes, Embedded, Style, face
from reports.pdf.text import printable
from reports.writers import About

_PRODUCER: Final = "Backroom"
#: Pages, or nodes, that a node of the tree of pages holds.
_KIDS: Final = 64
#: Numbers of objects that others refer to before they are written.
_CATALOG, _PAGES, _INFO, _METADATA, _OUTLINE, _FONTS, _RESOURCES = range(1, 8)


class File:
    """A file being written: where its objects are, and its pages. Methods return the next bytes of it; call them in the
    order in which they stand here."""

    def __init__(self) -> None:
        #: By number; no object has number 0.
        self._offsets = array("Q", [0] * (_RESOURCES + 1))
        self._size, self._digest = 0, hashlib.sha256()
        #: Numbers of the pages, and of the tree's lowest nodes.
        self._pages, self._leaves = array("Q"), array("Q")

    @property
    def pages(self) -> int:
        """How many there are."""
        return len(self._pages)

    def begin(self) -> bytes:
        # The second line says that the file is not text (7.5.2).
        return self._piece(b"%PDF-1.7\n%\xc2\xb5\xc2\xb6\n")

    def copied(self, drawn: Drawn) -> Iterator[bytes]:
        """The pages of another file."""
        copy = Copy(drawn, self._number)
        for entries in copy.pages():
            yield self._page(entries)
        for number, found in copy.rest():
            if found.stream is None:
                yield self._object(number, found.body)
            else:
                yield self._object(number, _packed(found.body.removeprefix(b"<<").removesuffix(b">>"), found.stream))

    def page(self, content: bytes) -> bytes:
        """A page of this compressed content, with the size, the fonts and the forms that are set for all."""
        number = self._number()
        packed = self._object(number, _stream(b"/Filter/FlateDecode", content))
        return packed + self._page(b"/Contents %d 0 R" % number)

    def end(
        self,
        size: tuple[float, float],
        forms: Mapping[str, bytes],
        codes: Codes,
        bookmarks: Sequence[tuple[str, int]],
        about: About,
    ) -> Iterator[bytes]:
        """All that pages refer to, and what holds them together.

        ``size`` of the pages is in points; ``forms``, by name, are drawn upwards from 0; ``codes`` are those used;
        ``bookmarks`` have a label and a page's number.
        """
        yield from self._forms(forms, size)
        yield from self._fonts(codes)
        yield from self._tree(size)
        yield from self._outlines(bookmarks)
        yield from self._about(about)
        yield from self._cross_references()

    def _page(self, entries: bytes) -> bytes:
        if len(self._pages) % _KIDS == 0:
            self._leaves.append(self._number())
        number = self._number()
        self._pages.append(number)
        return self._object(number, b"<</Type/Page/Parent %d 0 R%b>>" % (self._leaves[-1], entries))

    def _forms(self, forms: Mapping[str, bytes], size: tuple[float, float]) -> Iterator[bytes]:
        references = b""
        width, height = size
        for name, content in forms.items():
            number = self._number()
            references += b"/%b %d 0 R" % (name.encode(), number)
            # The box reaches below the base line.
            box = b"/BBox[0 -%.2f %.2f %.2f]" % (height, width, height)
            entries = b"/Type/XObject/Subtype/Form%b/Resources<</Font %d 0 R>>" % (box, _FONTS)
            yield self._object(number, _packed(entries, content))
        yield self._object(_RESOURCES, b"<</Font %d 0 R/XObject<<%b>>>>" % (_FONTS, references))

    def _fonts(self, codes: Codes) -> Iterator[bytes]:
        references = b""
        for style in Style:
            number = self._number()
            references += b"/%b %d 0 R" % (style.encode(), number)
            yield from self._font(number, face(style).embed(codes.used[style], codes.beyond))
        yield self._object(_FONTS, b"<<%b>>" % references)

    def _font(self, number: int, font: Embedded) -> Iterator[bytes]:
        glyphs, to_unicode, file, descriptor, descendant = (self._number() for _ in range(5))
        name = font.name.encode()
        yield self._object(glyphs, _packed(b"", font.glyphs))
        yield self._object(to_unicode, _packed(b"", font.to_unicode))
        yield self._object(file, _packed(b"/Length1 %d" % len(font.file), font.file))
        yield self._object(
            descriptor, b"<</Type/FontDescriptor%b/FontFile2 %d 0 R>>" % (font.descriptor.encode(), file)
        )
        yield self._object(
            descendant,
            b"<</Type/Font/Subtype/CIDFontType2/BaseFont/%b/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)"
            b"/Supplement 0>>/FontDescriptor %d 0 R/CIDToGIDMap %d 0 R/W %b>>"
            % (name, descriptor, glyphs, font.widths.encode()),
        )
        yield self._object(
            number,
            b"<</Type/Font/Subtype/Type0/BaseFont/%b/Encoding/Identity-H/DescendantFonts[%d 0 R]/ToUnicode %d 0 R>>"
            % (name, descendant, to_unicode),
        )

    def _tree(self, size: tuple[float, float]) -> Iterator[bytes]:
        """The nodes above the pages, balanced."""
        kids, nodes = self._pages, self._leaves
        counts = array("Q", [1]) * len(kids)
        while nodes[0] != _PAGES:
            above = array("Q", [_PAGES])
            if len(nodes) > _KIDS:
                above = array("Q", [self._number() for _ in range(0, len(nodes), _KIDS)])
            for place, node in enumerate(nodes):
                below = slice(place * _KIDS, (place + 1) * _KIDS)
                parent = b"/Parent %d 0 R" % above[place // _KIDS]
                yield self._object(node, _node(parent, kids[below], sum(counts[below])))
            counts = array("Q", [sum(counts[first : first + _KIDS]) for first in range(0, len(kids), _KIDS)])
            kids, nodes = nodes, above
        shared = b"/MediaBox[0 0 %.2f %.2f]/Resources %d 0 R" % (*size, _RESOURCES)
        yield self._object(_PAGES, _node(shared, kids, sum(counts)))

    def _outlines(self, bookmarks: Sequence[tuple[str, int]]) -> Iterator[bytes]:
        numbers = [self._number() for _ in bookmarks]
        for place, (label, page) in enumerate(bookmarks):
            entries = b"/Title %b/Parent %d 0 R/Dest[%d 0 R/Fit]" % (_string(label), _OUTLINE, self._pages[page - 1])
            if place:
                entries += b"/Prev %d 0 R" % numbers[place - 1]
            if place + 1 < len(numbers):
                entries += b"/Next %d 0 R" % numbers[place + 1]
            yield self._object(numbers[place], b"<<%b>>" % entries)
        yield self._object(
            _OUTLINE, b"<</Type/Outlines/First %d 0 R/Last %d 0 R/Count %d>>" % (numbers[0], numbers[-1], len(numbers))
        )

    def _about(self, about: About) -> Iterator[bytes]:
        created = about.created.astimezone(UTC)
        yield self._object(
            _INFO,
            b"<</Title %b/Author %b/Producer %b/CreationDate(D:%b)>>"
            % (_string(about.title), _string(about.author), _string(_PRODUCER), f"{created:%Y%m%d%H%M%SZ}".encode()),
        )
        yield self._object(_METADATA, _stream(b"/Type/Metadata/Subtype/XML", _xmp(about, created)))
        yield self._object(
            _CATALOG,
            b"<</Type/Catalog/Pages %d 0 R/Outlines %d 0 R/PageMode/UseOutlines/Metadata %d 0 R/Lang %b"
            b"/ViewerPreferences<</DisplayDocTitle true>>>>" % (_PAGES, _OUTLINE, _METADATA, _string(about.language)),
        )

    def _cross_references(self) -> Iterator[bytes]:
        """The table of objects, and where it is."""
        start, size = self._size, len(self._offsets)
        yield self._piece(b"xref\n0 %d\n0000000000 65535 f \n" % size)
        for offset in self._offsets[1:]:
            yield self._piece(b"%010d 00000 n \n" % offset)
        identity = self._digest.hexdigest()[:32].encode()
        yield self._piece(
            b"trailer\n<</Size %d/Root %d 0 R/Info %d 0 R/ID[<%b><%b>]>>\nstartxref\n%d\n%%%%EOF\n"
            % (size, _CATALOG, _INFO, identity, identity, start)
        )

    def _piece(self, data: bytes) -> bytes:
        self._size += len(data)
        self._digest.update(data)
        return data

    def _number(self) -> int:
        """The number of a new object."""
        self._offsets.append(0)
        return len(self._offsets) - 1

    def _object(self, number: int, body: bytes) -> bytes:
        self._offsets[number] = self._size
        return self._piece(b"%d 0 obj\n%b\nendobj\n" % (number, body))


def _node(entries: bytes, kids: Iterable[int], count: int) -> bytes:
    return b"<</Type/Pages%b/Count %d/Kids[%b]>>" % (entries, count, b" ".join(b"%d 0 R" % kid for kid in kids))


def _stream(entries: bytes, data: bytes) -> bytes:
    return b"<</Length %d%b>>stream\n%b\nendstream" % (len(data), entries, data)


def _packed(entries: bytes, data: bytes) -> bytes:
    return _stream(entries + b"/Filter/FlateDecode", zlib.compress(data, 9))


def _string(text: str) -> bytes:
    """A text string (7.9.2.2)."""
    return b"<%b>" % ("\ufeff" + printable(text)).encode("utf-16-be").hex().encode()


def _xmp(about: About, created: datetime) -> bytes:
    """The same as in Info, and the language, for programs that know XMP (ISO 16684-1)."""
    title, author, language = (escape(printable(text)) for text in (about.title, about.author, about.language))
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:pdf="http://ns.adobe.com/pdf/1.3/">\n'
        f'<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>\n'
        f"<dc:creator><rdf:Seq><rdf:li>{author}</rdf:li></rdf:Seq></dc:creator>\n"
        f"<dc:language><rdf:Bag><rdf:li>{language}</rdf:li></rdf:Bag></dc:language>\n"
        f"<xmp:CreateDate>{created:%Y-%m-%dT%H:%M:%SZ}</xmp:CreateDate><pdf:Producer>{_PRODUCER}</pdf:Producer>\n"
        '</rdf:Description></rdf:RDF></x:xmpmeta>\n<?xpacket end="r"?>'
    ).encode()
