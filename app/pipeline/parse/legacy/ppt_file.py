"""Where the slides of a PowerPoint 97 to 2003 file are ([MS-PPT] 2.1.2, 2.3, 2.4)."""

import struct
from typing import NamedTuple

from app.domain.errors import DocumentDamagedError, DocumentEncryptedError
from app.pipeline.detection.compound_file import CompoundFile
from app.pipeline.parse.legacy.records import Record, list_records, read_record, walk
from app.pipeline.parse.limits import Limits

_STREAM, _USER_STREAM = "PowerPoint Document", "Current User"
_USER_BYTES = 4096
_ENCRYPTED_TOKEN = 0xF3D1C4DF
_EDIT, _DIRECTORY, _SLIDES, _SLIDE_PLACE = 0x0FF5, 0x1772, 0x0FF0, 0x03F3
_ENCRYPTED_EDIT_BYTES = 32
_EDITS = 10_000
_SLIDE_LIST, _NOTES_LIST = 0, 2
_NOTES_OF = 16
_SLIDE_ATOM = 0x03EF
_LINK, _LINK_ID, _STRING = 0x0FD7, 0x0FD3, 0x0FBA
_TARGET = 1


class Slide(NamedTuple):
    """A slide: its record, the records of its text that the outline holds, and the record of its notes."""

    record: Record
    outline: list[Record]
    notes: Record | None


class PresentationFile:
    """An open presentation: ``stream`` holds its records, ``slides`` are in the order of the presentation.

    ``links`` are the addresses of hyperlinks by their numbers.

    Raises:
        DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
    """

    def __init__(self, compound: CompoundFile, limits: Limits) -> None:
        user = compound.read(_USER_STREAM, _USER_BYTES) if _USER_STREAM in compound else b""
        self.stream = compound.read(_STREAM, limits.inflated_bytes)
        token, edit = struct.unpack_from("<II", user.ljust(20, b"\0"), 12)
        if token == _ENCRYPTED_TOKEN:
            raise DocumentEncryptedError
        self._places: dict[int, int] = {}
        document = self._find(self._read_edits(edit))
        if document is None:
            raise DocumentDamagedError("It has no document record.")
        self.links = self._read_links(document)
        lists = {record.instance: record for record in list_records(self.stream, document) if record.kind == _SLIDES}
        notes = dict(self._list_notes(lists.get(_NOTES_LIST)))
        self.slides = [
            Slide(slide, outline, notes.get(self._read_notes_number(slide)))
            for slide, outline, _ in self._read_list(lists.get(_SLIDE_LIST))
        ]

    def _read_edits(self, place: int) -> int:
        """Fill the directory of records from the last edit to the first. Returns the number of the document record."""
        number = 0
        for _ in range(_EDITS):
            edit = read_record(self.stream, place)
            if edit is None or edit.kind != _EDIT:
                break
            if edit.end - edit.start >= _ENCRYPTED_EDIT_BYTES:
                raise DocumentEncryptedError
            number = number or edit.number(self.stream, 16)
            self._read_directory(read_record(self.stream, edit.number(self.stream, 12)))
            before = edit.number(self.stream, 8)
            if not before or before >= place:  # an edit refers to an earlier place
                break
            place = before
        return number

    def _read_directory(self, directory: Record | None) -> None:
        if directory is None or directory.kind != _DIRECTORY:
            return
        raw = directory.content(self.stream)
        numbers = struct.unpack(f"<{len(raw) // 4}I", raw[: len(raw) // 4 * 4])
        at = 0
        while at < len(numbers):
            first, count = numbers[at] & 0xFFFFF, numbers[at] >> 20
            for index, place in enumerate(numbers[at + 1 : at + 1 + count]):
                self._places.setdefault(first + index, place)
            at += 1 + count

    def _find(self, number: int) -> Record | None:
        place = self._places.get(number)
        return read_record(self.stream, place) if place is not None else None

    def _read_list(self, slides: Record | None) -> list[tuple[Record, list[Record], int]]:
        """The record of each slide or page of notes, the records of its outline, and its number."""
        found: list[tuple[Record, list[Record], int]] = []
        outline: list[Record] = []
        for item in list_records(self.stream, slides) if slides else ():
            if item.kind == _SLIDE_PLACE:
                outline = []
                if record := self._find(item.number(self.stream, 0)):
                    found.append((record, outline, item.number(self.stream, 12)))
            else:
                outline.append(item)
        return found

    def _list_notes(self, notes: Record | None) -> list[tuple[int, Record]]:
        return [(number, record) for record, _, number in self._read_list(notes)]

    def _read_notes_number(self, slide: Record) -> int:
        atoms = (record for record in list_records(self.stream, slide) if record.kind == _SLIDE_ATOM)
        return next((atom.number(self.stream, _NOTES_OF) for atom in atoms), 0)

    def _read_links(self, document: Record) -> dict[int, str]:
        links = {}
        for link in (record for record in walk(self.stream, document) if record.kind == _LINK):
            parts = list(list_records(self.stream, link))
            number = next((part.number(self.stream, 0) for part in parts if part.kind == _LINK_ID), 0)
            texts = {
                part.instance: part.content(self.stream).decode("utf-16-le", "replace")
                for part in parts
                if part.kind == _STRING
            }
            links[number] = texts.get(_TARGET, "")
        return links
