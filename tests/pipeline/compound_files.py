"""Writes compound files (OLE 2), such as old Office files and Outlook messages; no library here can write them."""

import struct
from collections.abc import Mapping, Sequence
from typing import Any

SECTOR = 512
MINI = 64
CUTOFF = 4096
FREE, END, FAT, DIFAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFC
_IN_HEADER = 109

Tree = Mapping[str, "bytes | Tree"]


class _Writer:
    def __init__(self) -> None:
        self.sectors: list[bytes] = []
        self.table: list[int] = []
        self.mini = bytearray()
        self.mini_table: list[int] = []

    def store(self, data: bytes) -> int:
        """Write a chain of sectors. Returns the first; the end of a chain where there are no data."""
        count = -(-len(data) // SECTOR)
        first = len(self.sectors)
        for index in range(count):
            self.sectors.append(data[index * SECTOR : (index + 1) * SECTOR].ljust(SECTOR, b"\0"))
            self.table.append(first + index + 1 if index + 1 < count else END)
        return first if count else END

    def store_mini(self, data: bytes) -> int:
        count = -(-len(data) // MINI)
        first = len(self.mini_table)
        self.mini += data.ljust(count * MINI, b"\0")
        self.mini_table += [first + index + 1 if index + 1 < count else END for index in range(count)]
        return first if count else END


def make_compound(streams: Tree) -> bytes:
    """A compound file with these streams; a mapping in place of bytes is a storage with streams of its own."""
    writer = _Writer()
    entries: list[list[Any]] = [["Root Entry", 5, FREE, 0, 0]]
    rights: list[int] = [FREE]
    entries[0][2] = _add(writer, entries, rights, streams)
    mini_fat = struct.pack(f"<{len(writer.mini_table)}I", *writer.mini_table)
    mini_fat = mini_fat.ljust(-(-len(mini_fat) // SECTOR) * SECTOR, b"\xff")
    entries[0][3:] = [writer.store(bytes(writer.mini)), len(writer.mini)]
    mini_fat_start = writer.store(mini_fat)
    directory = b"".join(_pack_entry(entry, right) for entry, right in zip(entries, rights, strict=True))
    directory_start = writer.store(directory)
    return _join(writer, directory_start, mini_fat_start, len(mini_fat) // SECTOR)


def _add(writer: _Writer, entries: list[list[Any]], rights: list[int], streams: Tree) -> int:
    """Add entries that are linked as a list of right siblings. Returns the index of the first."""
    first = previous = FREE
    for name, content in streams.items():
        index = len(entries)
        rights.append(FREE)
        if isinstance(content, bytes):
            store = writer.store_mini if len(content) < CUTOFF else writer.store
            entries.append([name, 2, FREE, store(content), len(content)])
        else:
            entries.append([name, 1, FREE, 0, 0])
            entries[index][2] = _add(writer, entries, rights, content)
        if previous == FREE:
            first = index
        else:
            rights[previous] = index
        previous = index
    return first


def _pack_entry(entry: list[Any], right: int) -> bytes:
    name, kind, child, start, size = entry
    encoded: bytes = name.encode("utf-16-le") + b"\0\0"
    head = encoded.ljust(64, b"\0") + struct.pack("<HBBIII", len(encoded), kind, 1, FREE, right, child)
    return head.ljust(116, b"\0") + struct.pack("<IQ", start, size)


def _join(writer: _Writer, directory: int, mini_fat: int, mini_fat_sectors: int) -> bytes:
    """The header, the sectors and the allocation table, with lists of its sectors where it has more than 109."""
    per_sector = SECTOR // 4
    fat_count = lists = 0
    while (len(writer.sectors) + fat_count + lists) > fat_count * per_sector:
        fat_count += 1
        lists = max(0, -(-(fat_count - _IN_HEADER) // (per_sector - 1)))
    base = len(writer.sectors)
    fat_sectors = list(range(base, base + fat_count))
    list_sectors = list(range(base + fat_count, base + fat_count + lists))
    table = writer.table + [FAT] * fat_count + [DIFAT] * lists
    table += [FREE] * (fat_count * per_sector - len(table))
    more = fat_sectors[_IN_HEADER:]
    chain = b""
    for index in range(lists):
        part = more[index * (per_sector - 1) : (index + 1) * (per_sector - 1)]
        after = list_sectors[index + 1] if index + 1 < lists else END
        chain += struct.pack(f"<{per_sector}I", *part, *[FREE] * (per_sector - 1 - len(part)), after)
    header = struct.pack("<8s16sHHHHH6s", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"", 0x3E, 3, 0xFFFE, 9, 6, b"")
    header += struct.pack(
        "<9I", 0, fat_count, directory, 0, CUTOFF, mini_fat, mini_fat_sectors, list_sectors[0] if lists else END, lists
    )
    listed = fat_sectors[:_IN_HEADER]
    header += struct.pack(f"<{_IN_HEADER}I", *listed, *[FREE] * (_IN_HEADER - len(listed)))
    return header + b"".join(writer.sectors) + struct.pack(f"<{len(table)}I", *table) + chain


Properties = Mapping[int, "str | bytes | int"]


def make_message(
    properties: Properties, recipients: Sequence[Properties] = (), attachments: Sequence["Tree | Properties"] = ()
) -> bytes:
    """An Outlook message with these properties by number; attachments are properties, or storages by ``store``."""
    return make_compound(make_message_storage(properties, recipients, attachments, header=32))


def make_message_storage(
    properties: Properties,
    recipients: Sequence[Properties] = (),
    attachments: Sequence["Tree | Properties"] = (),
    *,
    header: int = 24,
) -> Tree:
    """A message as a storage. The header of its fixed properties is shorter where it is within another."""
    storage: dict[str, bytes | Tree] = dict(store(properties, header))
    for index, recipient in enumerate(recipients):
        storage[f"__recip_version1.0_#{index:08X}"] = store(recipient, 8)
    for index, attachment in enumerate(attachments):
        given = {name: value for name, value in attachment.items() if isinstance(name, int)}
        kept = {name: value for name, value in attachment.items() if isinstance(name, str)}
        storage[f"__attach_version1.0_#{index:08X}"] = {**store(given, 8), **kept}  # type: ignore[arg-type, dict-item]
    return storage


def store(properties: Properties, header: int) -> Tree:
    """Properties as the streams of a storage: integers in one stream, a stream for each text and for bytes."""
    fixed, streams = bytes(header), dict[str, "bytes | Tree"]()
    for number, value in properties.items():
        if isinstance(value, int):
            fixed += struct.pack("<HHIQ", 3, number, 6, value)
        else:
            kind = 0x1F if isinstance(value, str) else 0x102
            content = value.encode("utf-16-le") if isinstance(value, str) else value
            fixed += struct.pack("<HHIII", kind, number, 6, len(content), 0)
            streams[f"__substg1.0_{number:04X}{kind:04X}"] = content
    return {"__properties_version1.0": fixed, **streams}
