#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
#
# Read the table of slices from the backing of a formatted LUN, without any of our modules: where is a slice?
#
# usage: slice_table.py BACKING                   the slices: UUID, bytes, chunks, name
#        slice_table.py BACKING UUID              where it is, as a table for dmsetup; DEVICE is left as it is
#        slice_table.py BACKING UUID sha256       the checksum of all its bytes
#
# The format is that of drivers/scsi/cxlflash/afu/table.h; this is written from that description, not from the code.

import hashlib
import struct
import sys
import uuid

CHUNK = 256 << 20
COPY_BYTES = 128 << 20
SB_BYTES = 4096
SB = struct.Struct("<8sII16s16sQIIIIQ")
ENTRY = struct.Struct("<16s64sQIII28x")
EXTENT = struct.Struct("<IIII")
UNWRITTEN = 1
SECTOR = 512


def make_crc_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    return table


CRC_TABLE = make_crc_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC_TABLE[(crc ^ byte) & 0xFF]
    # The table has it without the inversion at the end.
    return crc


def read_copy(backing, which):
    """(generation, block size, number of slices, body) of a copy, or None if it is not valid."""
    backing.seek(which * COPY_BYTES)
    raw = backing.read(SB_BYTES)
    if len(raw) < SB_BYTES:
        return None
    magic, _version, crc, _uuid, _wwid, generation, block, _chunks, slices, body_crc, body_len = SB.unpack_from(raw)
    if magic != b"CXLSLICE" or crc32c(raw[:12] + bytes(4) + raw[16:]) != crc:
        return None
    body = backing.read(body_len)
    if len(body) < body_len or crc32c(body) != body_crc:
        return None
    return generation, block, slices, body


def read_slices(backing):
    """UUID to (bytes, name, [(first, number, flags)])."""
    copies = [copy for copy in (read_copy(backing, 0), read_copy(backing, 1)) if copy]
    if not copies:
        sys.exit("slice_table: no valid table")
    _generation, block, nr, body = max(copies, key=lambda copy: copy[0])
    found, at = {}, 0
    for _ in range(nr):
        key, name, blocks, _flags, _chunks, extents = ENTRY.unpack_from(body, at)
        at += ENTRY.size
        where = []
        for _ in range(extents):
            where.append(EXTENT.unpack_from(body, at)[:3])
            at += EXTENT.size
        found[uuid.UUID(bytes=key)] = (blocks * block, name.rstrip(b"\0").decode(), where)
    return found


def pieces(size, where):
    """(offset in the slice, length, offset in the backing or None if it reads as zeros)."""
    done = 0
    for first, number, flags in where:
        length = min(number * CHUNK, size - done)
        yield done, length, None if flags & UNWRITTEN else first * CHUNK
        done += length


def print_dm(size, where):
    for start, length, source in pieces(size, where):
        target = "zero" if source is None else f"linear DEVICE {source // SECTOR}"
        print(start // SECTOR, length // SECTOR, target)


def checksum(backing, size, where):
    digest, step = hashlib.sha256(), 1 << 20
    for _start, length, source in pieces(size, where):
        if source is not None:
            backing.seek(source)
        for at in range(0, length, step):
            count = min(step, length - at)
            digest.update(bytes(count) if source is None else backing.read(count))
    return digest.hexdigest()


def main():
    path, wanted = sys.argv[1], sys.argv[2:]
    with open(path, "rb") as backing:
        slices = read_slices(backing)
        if not wanted:
            for key, (size, name, where) in slices.items():
                print(key, size, sum(extent[1] for extent in where), name)
            return
        key = uuid.UUID(wanted[0])
        if key not in slices:
            sys.exit(f"slice_table: no slice {key}")
        size, _name, where = slices[key]
        if wanted[1:] == ["sha256"]:
            print(checksum(backing, size, where))
        else:
            print_dm(size, where)


if __name__ == "__main__":
    main()
