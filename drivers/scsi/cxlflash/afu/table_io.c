// SPDX-License-Identifier: GPL-2.0-only
/*
 * The slice table: from and to the disk
 *
 * A commit writes a whole table over the older copy: body, flush, then the
 * superblock with FUA.  Until the superblock is durable the other copy is the
 * newest whole one; a superblock torn by a power cut fails its checksum.  So
 * after a cut the table is what it was before the commit or after it, and what
 * was written before the commit (a cleared chunk) is durable before the table
 * says so, because of the flush in between.
 *
 * If the superblock's write fails, the disk may have either.  The table then is
 * @uncertain, and nothing changes before a commit of what is in memory went
 * through.
 *
 * A commit allocates nothing: it may run on behalf of a write that has to
 * succeed for memory to become free.  Bodies are made and read piece by piece.
 *
 * Locals: tab, sl (slice), sb (superblock), st (store).
 */
#define pr_fmt(fmt) "cxlflash_afu: " fmt

#include <linux/crc32c.h>
#include <linux/err.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "afu.h"
#include "table.h"

#define TABLE_BUF_BYTES		SZ_32K

/**
 * struct table_stream - a body on its way
 * @tab: whose buffer is used
 * @pos: in the store, of what comes next
 * @fill: reading: bytes in the buffer; writing: of these, filled
 * @at: reading: of these, taken
 * @left: reading: bytes not yet in the buffer
 * @unreadable: reading: a piece could not be read
 * @len: bytes so far
 * @crc: of them
 */
struct table_stream {
	struct lun_table *tab;
	u64 pos;
	u32 fill;
	u32 at;
	u64 left;
	bool unreadable;
	u64 len;
	u32 crc;
};

static u64 table_copy_pos(unsigned int copy)
{
	return (u64)copy * TABLE_COPY_BYTES;
}

/* ------------------------------------------------------------ objects */

/**
 * table_slice_free() - free a slice
 * @sl: not in a list any more; or NULL
 *
 * Context: may sleep.
 */
void table_slice_free(struct table_slice *sl)
{
	if (!sl)
		return;
	kvfree(sl->chunk);
	kfree(sl);
}

static void table_forget(struct lun_table *tab)
{
	struct table_slice *sl, *next;

	list_for_each_entry_safe(sl, next, &tab->slices, node) {
		list_del(&sl->node);
		table_slice_free(sl);
	}
	tab->nr_slices = 0;
	tab->nr_mapped = 0;
	chunk_map_destroy(tab->chunks);
	tab->chunks = NULL;
}

static void table_release(struct kref *ref)
{
	struct lun_table *tab = container_of(ref, struct lun_table, ref);

	table_forget(tab);
	kfree(tab->sb);
	kfree(tab->buf);
	kfree(tab);
}

/**
 * table_put() - one reference less
 * @tab: that
 *
 * Context: may sleep.
 */
void table_put(struct lun_table *tab)
{
	kref_put(&tab->ref, table_release);
}

/**
 * table_new() - a table without anything in it, and what its I/O needs
 * @lun: whose
 *
 * Context: may sleep.
 * Return: the table with one reference; NULL: no memory.
 */
struct lun_table *table_new(struct cxlflash_lun *lun)
{
	struct lun_table *tab;

	tab = kzalloc(sizeof(*tab), GFP_KERNEL);
	if (!tab)
		return NULL;
	kref_init(&tab->ref);
	mutex_init(&tab->lock);
	mutex_init(&tab->names_lock);
	tab->lun = lun;
	INIT_LIST_HEAD(&tab->slices);
	tab->buf = kmalloc(TABLE_BUF_BYTES, GFP_KERNEL);
	tab->sb = kmalloc(TABLE_SB_BYTES, GFP_KERNEL);
	if (tab->buf && tab->sb)
		return tab;
	table_put(tab);
	return NULL;
}

/* --------------------------------------------------------- superblocks */

/**
 * table_read_sb() - read and check a superblock
 * @lun: its store is the caller's to use
 * @copy: which one
 * @sb: result
 *
 * Context: may sleep.
 * Return: as table_sb_check(), one that cannot be read counts as torn; what
 * else the store says.
 */
int table_read_sb(struct cxlflash_lun *lun, unsigned int copy,
		  struct table_sb_disk *sb)
{
	int ret;

	/* Some stores leave the buffer as it is. */
	memset(sb, 0, sizeof(*sb));
	ret = store_rw_sync(lun->store, AFU_IO_READ, table_copy_pos(copy), sb,
			    sizeof(*sb), false);
	if (ret)
		return ret == -ENODATA ? -EUCLEAN : ret;
	return table_sb_check(sb);
}

/**
 * table_find() - look for superblocks
 * @lun: its store is the caller's to use
 * @sb: the newest one, if there is one
 * @found: result
 *
 * Context: may sleep.
 * Return: 0, also if there is none; what the store says.
 */
int table_find(struct cxlflash_lun *lun, struct table_sb_disk *sb,
	       struct table_found *found)
{
	u64 generation[2] = { };
	unsigned int copy;
	int ret;

	*found = (struct table_found){
		.newest = -1, .oldest = -1, .damage = -ENOENT,
	};
	for (copy = 0; copy < 2; copy++) {
		ret = table_read_sb(lun, copy, sb);
		if (!ret)
			generation[copy] = le64_to_cpu(sb->generation);
		else if (ret != -ENOENT && ret != -EUCLEAN &&
			 ret != -EOPNOTSUPP)
			return ret;
		else if (found->damage != -EOPNOTSUPP && ret != -ENOENT)
			found->damage = ret;
		/* Unreadable is not formatted: there was no magic. */
		if (!memcmp(sb->magic, TABLE_MAGIC, sizeof(sb->magic)))
			found->looks_formatted = true;
	}
	if (generation[0] || generation[1]) {
		found->newest = generation[1] > generation[0];
		if (generation[!found->newest])
			found->oldest = !found->newest;
		return table_read_sb(lun, found->newest, sb);
	}
	return 0;
}

/* ------------------------------------------------------------ reading */

static int table_refill(struct table_stream *in)
{
	struct lun_table *tab = in->tab;
	u32 len = min_t(u64, in->left, TABLE_BUF_BYTES);
	int ret;

	if (in->unreadable || !len)
		return -EUCLEAN;
	ret = store_rw_sync(tab->lun->store, AFU_IO_READ, in->pos, tab->buf,
			    len, false);
	if (ret) {
		in->unreadable = true;
		return ret == -ENODATA ? -EUCLEAN : ret;
	}
	in->crc = crc32c(in->crc, tab->buf, len);
	in->pos += len;
	in->left -= len;
	in->fill = len;
	in->at = 0;
	return 0;
}

static int table_get(struct table_stream *in, void *to, u32 len)
{
	struct lun_table *tab = in->tab;
	u32 part;
	int ret;

	for (; len; len -= part) {
		if (in->at == in->fill) {
			ret = table_refill(in);
			if (ret)
				return ret;
		}
		part = min(len, in->fill - in->at);
		if (to) {
			memcpy(to, tab->buf + in->at, part);
			to += part;
		}
		in->at += part;
	}
	return 0;
}

/* What is behind the last extent: only its checksum counts. */
static int table_get_padding(struct table_stream *in)
{
	return table_get(in, NULL, in->left + in->fill - in->at);
}

/**
 * table_find_uuid() - look for a slice
 * @tab: in it
 * @uuid: of the slice
 *
 * Context: holds @tab's lock.
 * Return: the slice or NULL.
 */
struct table_slice *table_find_uuid(struct lun_table *tab, const uuid_t *uuid)
{
	struct table_slice *sl;

	list_for_each_entry(sl, &tab->slices, node)
		if (uuid_equal(&sl->uuid, uuid))
			return sl;
	return NULL;
}

static int table_load_extents(struct table_stream *in, struct table_slice *sl,
			      u32 nr)
{
	struct table_extent_disk extent;
	u32 at = 0, i;
	int ret;

	while (nr--) {
		ret = table_get(in, &extent, sizeof(extent));
		if (!ret)
			ret = table_extent_decode(&extent, sl, &at);
		if (ret)
			return ret;
	}
	if (at != sl->nr_chunks)
		return -EUCLEAN;
	for (i = 0; i < sl->nr_chunks; i++)
		if (chunk_reserve(in->tab->chunks,
				  sl->chunk[i] & ~TABLE_UNWRITTEN))
			return -EUCLEAN;
	return 0;
}

static int table_load_slice(struct table_stream *in)
{
	struct lun_table *tab = in->tab;
	struct table_slice_disk entry;
	struct table_slice *sl;
	int ret;

	ret = table_get(in, &entry, sizeof(entry));
	if (ret)
		return ret;
	sl = kzalloc(sizeof(*sl), GFP_KERNEL);
	if (!sl)
		return -ENOMEM;
	/* No more than are free: so memory is bounded by the LUN's size. */
	ret = table_slice_decode(&entry, 1U << tab->lun->block_lg2,
				 chunk_map_free(tab->chunks), sl);
	if (!ret && table_find_uuid(tab, &sl->uuid))
		ret = -EUCLEAN;
	if (ret)
		goto err_free_slice;
	ret = -ENOMEM;
	sl->chunk = kvcalloc(sl->nr_chunks, sizeof(u32), GFP_KERNEL);
	if (sl->chunk)
		ret = table_load_extents(in, sl,
					 le32_to_cpu(entry.nr_extents));
	if (ret)
		goto err_free_slice;
	list_add_tail(&sl->node, &tab->slices);
	tab->nr_slices++;
	tab->nr_mapped += sl->nr_chunks;
	return 0;

err_free_slice:
	table_slice_free(sl);
	return ret;
}

/* A map with the table's own chunk taken. */
static int table_make_chunks(struct lun_table *tab)
{
	struct chunk_map *map;

	map = chunk_map_create(tab->lun->store->size / SISL_CHUNK_BYTES);
	if (IS_ERR(map))
		return PTR_ERR(map);
	tab->chunks = map;
	return chunk_reserve(map, 0);
}

/* Slices, then what follows.  -EBADMSG: whole, and still impossible. */
static int table_load_body(struct table_stream *in)
{
	u32 i, nr = le32_to_cpu(in->tab->sb->nr_slices);
	u32 crc = le32_to_cpu(in->tab->sb->body_crc);
	int ret = 0, torn;

	for (i = 0; i < nr && !ret; i++) {
		ret = table_load_slice(in);
		cond_resched();
	}
	if (ret && ret != -EUCLEAN)
		return ret;
	torn = table_get_padding(in);
	if (torn || in->crc != crc)
		return torn ?: -EUCLEAN;
	return ret ? -EBADMSG : 0;
}

/* -EUCLEAN: try the other copy */
static int table_load_copy(struct lun_table *tab, unsigned int copy)
{
	struct table_stream in = { .tab = tab, .crc = ~0U };
	struct table_sb_disk *sb = tab->sb;
	int ret;

	table_forget(tab);
	ret = table_read_sb(tab->lun, copy, sb);
	if (!ret)
		ret = table_make_chunks(tab);
	if (ret)
		return ret;
	in.pos = table_copy_pos(copy) + TABLE_SB_BYTES;
	in.left = le64_to_cpu(sb->body_len);
	ret = table_load_body(&in);
	if (ret)
		return ret;
	tab->copy = copy;
	tab->owner = sb->owner;
	memcpy(tab->uuid, sb->uuid, sizeof(tab->uuid));
	return 0;
}

/**
 * table_load() - read the newest whole copy
 * @tab: to be filled; the store is the caller's to use
 *
 * Context: may sleep.  Holds @tab's lock.
 * Return: 0; -ENOENT if there is none; -EUCLEAN: damaged, or impossible;
 * -EOPNOTSUPP: of a later version; -EFBIG; -ENOMEM; what the store says.
 */
int table_load(struct lun_table *tab)
{
	struct table_found found;
	int ret;

	ret = table_find(tab->lun, tab->sb, &found);
	if (ret)
		return ret;
	if (found.newest < 0)
		return found.damage;
	/* Even if that copy turns out bad: never go below. */
	tab->generation = le64_to_cpu(tab->sb->generation);
	ret = table_load_copy(tab, found.newest);
	if (ret == -EUCLEAN && found.oldest >= 0) {
		ret = table_load_copy(tab, found.oldest);
		if (!ret)
			pr_warn("lun %s: newest slice table is damaged, the one before is used\n",
				tab->lun->name);
	}
	return ret == -EBADMSG ? -EUCLEAN : ret;
}

/* ------------------------------------------------------------ writing */

static int table_put_out(struct table_stream *out)
{
	struct lun_table *tab = out->tab;
	int ret;

	if (!out->fill)
		return 0;
	ret = store_rw_sync(tab->lun->store, AFU_IO_WRITE, out->pos, tab->buf,
			    out->fill, false);
	out->crc = crc32c(out->crc, tab->buf, out->fill);
	out->pos += out->fill;
	out->len += out->fill;
	out->fill = 0;
	return ret;
}

static int table_add(struct table_stream *out, const void *from, u32 len)
{
	u32 part;
	int ret;

	for (; len; len -= part) {
		if (out->fill == TABLE_BUF_BYTES) {
			ret = table_put_out(out);
			if (ret)
				return ret;
		}
		part = min_t(u32, len, TABLE_BUF_BYTES - out->fill);
		memcpy(out->tab->buf + out->fill, from, part);
		from += part;
		out->fill += part;
	}
	return 0;
}

static int table_add_slice(struct table_stream *out,
			   const struct table_slice *sl)
{
	struct table_extent_disk extent;
	struct table_slice_disk entry;
	u32 at = 0;
	int ret;

	table_slice_encode(sl, &entry);
	ret = table_add(out, &entry, sizeof(entry));
	while (!ret && at < sl->nr_chunks) {
		at += table_extent_encode(sl, at, &extent);
		ret = table_add(out, &extent, sizeof(extent));
	}
	return ret;
}

static int table_write_body(struct table_stream *out)
{
	struct table_slice *sl;
	u32 padded;
	int ret = 0;

	list_for_each_entry(sl, &out->tab->slices, node) {
		ret = table_add_slice(out, sl);
		if (ret)
			return ret;
	}
	padded = round_up(out->fill, TABLE_SB_BYTES);
	memset(out->tab->buf + out->fill, 0, padded - out->fill);
	out->fill = padded;
	return table_put_out(out);
}

static void table_fill_sb(struct lun_table *tab, struct table_stream *out)
{
	struct table_sb_disk *sb = tab->sb;
	struct cxlflash_lun *lun = tab->lun;

	memset(sb, 0, sizeof(*sb));
	memcpy(sb->uuid, tab->uuid, sizeof(sb->uuid));
	memcpy(sb->wwid, lun->wwid, sizeof(sb->wwid));
	sb->generation = cpu_to_le64(tab->generation);
	sb->block_size = cpu_to_le32(1U << lun->block_lg2);
	sb->nr_chunks = cpu_to_le32(lun->store->size / SISL_CHUNK_BYTES);
	sb->nr_slices = cpu_to_le32(tab->nr_slices);
	sb->body_crc = cpu_to_le32(out->crc);
	sb->body_len = cpu_to_le64(out->len);
	sb->owner = tab->owner;
	table_sb_seal(sb);
}

/**
 * table_commit() - make the table on disk what it is in memory
 * @tab: the store is the caller's to use
 *
 * What was written to the store before is durable before the new table is.
 *
 * Context: may sleep, as long as the store does; allocates nothing.  Holds
 * @tab's lock.
 * Return: 0; what the store says: the table on disk is the old one, or, if
 * @tab->uncertain is set, one of the two.
 */
int table_commit(struct lun_table *tab)
{
	struct afu_store *st = tab->lun->store;
	unsigned int copy = !tab->copy;
	struct table_stream out = {
		.tab = tab,
		.pos = table_copy_pos(copy) + TABLE_SB_BYTES,
		.crc = ~0U,
	};
	int ret;

	lockdep_assert_held(&tab->lock);
	if (tab->generation >= TABLE_GENERATION_MAX)
		return -EUCLEAN;
	tab->generation++;
	ret = table_write_body(&out);
	if (!ret)
		ret = store_flush_sync(st);
	if (ret)
		return ret;
	table_fill_sb(tab, &out);
	ret = store_rw_sync(st, AFU_IO_WRITE, table_copy_pos(copy), tab->sb,
			    TABLE_SB_BYTES, true);
	tab->uncertain = ret;
	if (!ret)
		tab->copy = copy;
	return ret;
}

