// SPDX-License-Identifier: GPL-2.0-only
/*
 * The slice table's format: to disk and back, pure
 *
 * What comes from a disk may have been written by anybody, checksums included:
 * nothing of it is used before it was checked.
 *
 * Locals: sb (superblock), sl (slice), at (index of a chunk in its slice).
 */
#include <linux/crc32c.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/string.h>

#include <asm/byteorder.h>

#include <linux/cxlflash_sislite.h>

#include "table.h"

static u32 table_sb_crc(const struct table_sb_disk *sb)
{
	static const u8 zero[sizeof(sb->crc)];
	const u8 *bytes = (const u8 *)sb;
	u32 crc;

	crc = crc32c(~0U, bytes, offsetof(struct table_sb_disk, crc));
	crc = crc32c(crc, zero, sizeof(zero));
	bytes += offsetofend(struct table_sb_disk, crc);
	return crc32c(crc, bytes,
		      sizeof(*sb) - offsetofend(struct table_sb_disk, crc));
}

/**
 * table_sb_seal() - complete a superblock
 * @sb: all but magic, version and checksum are set
 *
 * Context: any.
 */
void table_sb_seal(struct table_sb_disk *sb)
{
	memcpy(sb->magic, TABLE_MAGIC, sizeof(sb->magic));
	sb->version = cpu_to_le32(TABLE_VERSION);
	sb->crc = cpu_to_le32(table_sb_crc(sb));
}

/**
 * table_sb_check() - is this a superblock?
 * @sb: from a disk
 *
 * Context: any.
 * Return: 0; -ENOENT: nothing that looks like one; -EUCLEAN: torn, or not
 * possible; -EOPNOTSUPP: of a later version.
 */
int table_sb_check(const struct table_sb_disk *sb)
{
	u32 block_size = le32_to_cpu(sb->block_size);
	u64 generation = le64_to_cpu(sb->generation);
	u64 body_len = le64_to_cpu(sb->body_len);

	if (memcmp(sb->magic, TABLE_MAGIC, sizeof(sb->magic)))
		return -ENOENT;
	if (le32_to_cpu(sb->crc) != table_sb_crc(sb))
		return -EUCLEAN;
	if (le32_to_cpu(sb->version) != TABLE_VERSION)
		return -EOPNOTSUPP;
	if (!generation || generation > TABLE_GENERATION_MAX)
		return -EUCLEAN;
	if (block_size != 512 && block_size != 4096)
		return -EUCLEAN;
	if (body_len > TABLE_BODY_MAX || body_len % TABLE_SB_BYTES)
		return -EUCLEAN;
	if (le32_to_cpu(sb->nr_slices) > TABLE_SLICES_MAX)
		return -EUCLEAN;
	return 0;
}

/**
 * table_blocks_to_chunks() - how many chunks hold so many blocks
 * @nr_blocks: of
 * @block_size: bytes
 *
 * Context: any.
 * Return: that; any number that is too high stays too high.
 */
u64 table_blocks_to_chunks(u64 nr_blocks, u32 block_size)
{
	u64 per_chunk = SISL_CHUNK_BYTES / block_size;

	return nr_blocks / per_chunk + !!(nr_blocks % per_chunk);
}

/**
 * table_name_is_valid() - may a slice be called so?
 * @name: terminated within TABLE_NAME_LEN bytes, or not
 *
 * Context: any.
 * Return: it is terminated and has only printable ASCII, no blanks.
 */
bool table_name_is_valid(const char *name)
{
	size_t i, len = strnlen(name, TABLE_NAME_LEN);

	for (i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] >= 0x7f)
			return false;
	return len < TABLE_NAME_LEN;
}

/**
 * table_slice_encode() - a slice's entry
 * @sl: slice
 * @out: entry
 *
 * Context: any.
 */
void table_slice_encode(const struct table_slice *sl,
			struct table_slice_disk *out)
{
	memset(out, 0, sizeof(*out));
	export_uuid(out->uuid, &sl->uuid);
	memcpy(out->name, sl->name, strnlen(sl->name, TABLE_NAME_LEN - 1));
	out->nr_blocks = cpu_to_le64(sl->nr_blocks);
	out->flags = cpu_to_le32(sl->flags);
	out->nr_chunks = cpu_to_le32(sl->nr_chunks);
	out->nr_extents = cpu_to_le32(table_nr_extents(sl));
}

/**
 * table_slice_decode() - check and take over an entry
 * @in: entry
 * @block_size: of the LUN
 * @nr_chunks: that the slice can have at most
 * @sl: result, without its chunks
 *
 * Context: any.
 * Return: 0; -EUCLEAN.
 */
int table_slice_decode(const struct table_slice_disk *in, u32 block_size,
		       u32 nr_chunks, struct table_slice *sl)
{
	import_uuid(&sl->uuid, in->uuid);
	memcpy(sl->name, in->name, sizeof(sl->name));
	sl->nr_blocks = le64_to_cpu(in->nr_blocks);
	sl->flags = le32_to_cpu(in->flags);
	sl->nr_chunks = le32_to_cpu(in->nr_chunks);
	if (!sl->nr_blocks || uuid_is_null(&sl->uuid) ||
	    !table_name_is_valid(sl->name))
		return -EUCLEAN;
	if (sl->nr_chunks > nr_chunks || sl->nr_chunks !=
	    table_blocks_to_chunks(sl->nr_blocks, block_size))
		return -EUCLEAN;
	if (!in->nr_extents || le32_to_cpu(in->nr_extents) > sl->nr_chunks)
		return -EUCLEAN;
	return 0;
}

/* How many chunks from @at on are one run. */
static u32 table_run(const struct table_slice *sl, u32 at)
{
	u32 nr = 1;

	/* The flag is part of the number, so it must stay the same, too. */
	while (at + nr < sl->nr_chunks &&
	       sl->chunk[at + nr] == sl->chunk[at] + nr)
		nr++;
	return nr;
}

/**
 * table_nr_extents() - how many extents a slice takes
 * @sl: slice
 *
 * Context: any.
 * Return: that.
 */
u32 table_nr_extents(const struct table_slice *sl)
{
	u32 at, nr = 0;

	for (at = 0; at < sl->nr_chunks; at += table_run(sl, at))
		nr++;
	return nr;
}

/**
 * table_extent_encode() - the extent that begins with a chunk
 * @sl: slice
 * @at: index of the chunk in the slice
 * @out: extent
 *
 * Context: any.
 * Return: how many chunks it has.
 */
u32 table_extent_encode(const struct table_slice *sl, u32 at,
			struct table_extent_disk *out)
{
	u32 nr = table_run(sl, at);

	memset(out, 0, sizeof(*out));
	out->first = cpu_to_le32(sl->chunk[at] & ~TABLE_UNWRITTEN);
	out->nr = cpu_to_le32(nr);
	if (sl->chunk[at] & TABLE_UNWRITTEN)
		out->flags = cpu_to_le32(TABLE_EXTENT_UNWRITTEN);
	return nr;
}

/**
 * table_extent_decode() - check and take over an extent
 * @in: extent
 * @sl: slice, with room for its chunks
 * @at: index of the next chunk; moved on
 *
 * Whether the LUN has these chunks, and nobody else, remains to be seen.
 *
 * Context: any.
 * Return: 0; -EUCLEAN.
 */
int table_extent_decode(const struct table_extent_disk *in,
			struct table_slice *sl, u32 *at)
{
	u32 first = le32_to_cpu(in->first), nr = le32_to_cpu(in->nr);
	u32 flags = le32_to_cpu(in->flags);
	u32 i;

	if (!nr || nr > sl->nr_chunks - *at)
		return -EUCLEAN;
	if (!first || first >= TABLE_CHUNKS_MAX ||
	    nr > TABLE_CHUNKS_MAX - first)
		return -EUCLEAN;
	if (flags & ~TABLE_EXTENT_UNWRITTEN)
		return -EUCLEAN;
	for (i = 0; i < nr; i++)
		sl->chunk[*at + i] = (first + i) |
			(flags ? TABLE_UNWRITTEN : 0);
	*at += nr;
	return 0;
}
