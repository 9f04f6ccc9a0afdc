// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slices in the table of an active LUN: crash-safe changes
 *
 * New chunk: made to read as zero, flushed, then mapped.  Where zeroing is
 * cheap it is done; else the chunk is mapped as unwritten and zeroed by who
 * writes to it first.  A commit flushes between what came before it and the
 * new table, so nothing here flushes by itself.
 *
 * Delete: unmapped durably, and only then free for others.  A slice that is
 * deleted is cleared in between, as far as that goes: its chunks are no longer
 * in the table but not yet free, so it needs no lock.  What shrinking drops, or
 * is left, is cleared before its next owner sees it.
 *
 * If a commit fails, memory goes back to what it was, and as the disk may hold
 * the new table (see table_io.c) it is told the old one again, at the latest
 * before the next change.  Chunks that the change had taken are free then, and
 * cannot get into another slice without such a commit.
 *
 * Locals: tab, sl (slice), at (index of a chunk in its slice).
 */
#define pr_fmt(fmt) "cxlflash_afu: " fmt

#include <linux/err.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "afu.h"
#include "table.h"

/* The table is on disk as it is in memory: a change may begin. */
static int table_settle(struct lun_table *tab)
{
	lockdep_assert_held(&tab->lock);
	return tab->uncertain ? table_commit(tab) : 0;
}

/* After a failed commit, and after memory went back. */
static void table_settle_again(struct lun_table *tab)
{
	/* If this fails, the next change tries again. */
	if (tab->uncertain && table_commit(tab))
		pr_debug("lun %s: slice table remains uncertain\n",
			 tab->lun->name);
}

/* Worst case, so that no later change of a run's state can fail for room. */
static bool table_has_space(struct lun_table *tab, u64 more_slices,
			    u64 more_chunks)
{
	u64 slices = tab->nr_slices + more_slices;
	u64 chunks = tab->nr_mapped + more_chunks;

	return slices <= TABLE_SLICES_MAX &&
	       slices * sizeof(struct table_slice_disk) +
	       chunks * sizeof(struct table_extent_disk) <= TABLE_BODY_MAX;
}

/* Give back chunks from @from on; nothing maps them. */
static void table_drop_chunks(struct lun_table *tab, const u32 *chunk, u32 from,
			      u32 nr_chunks)
{
	u32 at;

	for (at = from; at < nr_chunks; at++)
		chunk_put(tab->chunks, chunk[at] & ~TABLE_UNWRITTEN, true);
}

static int table_take_chunk(struct lun_table *tab, u32 *chunk)
{
	struct cxlflash_lun *lun = tab->lun;
	struct afu_store *st = lun->store;
	bool dirty;
	int ret;

	ret = chunk_alloc(tab->chunks, chunk, &dirty);
	if (ret || !dirty || !READ_ONCE(lun->secret))
		return ret;
	if (!(st->flags & STORE_FAST_ZERO)) {
		*chunk |= TABLE_UNWRITTEN;
		return 0;
	}
	ret = store_zero_sync(st, *chunk * SISL_CHUNK_BYTES, SISL_CHUNK_BYTES);
	if (ret)
		chunk_put(tab->chunks, *chunk, true);
	return ret;
}

static int table_take_chunks(struct lun_table *tab, u32 *chunk, u32 from,
			     u32 nr_chunks)
{
	u32 at;
	int ret;

	for (at = from; at < nr_chunks; at++) {
		ret = table_take_chunk(tab, &chunk[at]);
		if (ret) {
			table_drop_chunks(tab, chunk, from, at);
			return ret;
		}
		cond_resched();
	}
	return 0;
}

/* 0 and how many; -EINVAL for none. */
static int table_want_chunks(struct lun_table *tab, u64 nr_blocks, u32 *nr)
{
	u64 want;

	want = table_blocks_to_chunks(nr_blocks, 1U << tab->lun->block_lg2);
	if (!want)
		return -EINVAL;
	if (want >= TABLE_CHUNKS_MAX)
		return -ENOSPC;
	*nr = want;
	return 0;
}

static struct table_slice *table_slice_new(struct lun_table *tab,
					   const struct table_slice_info *info)
{
	struct table_slice *sl;
	int ret;

	sl = kzalloc(sizeof(*sl), GFP_KERNEL);
	if (!sl)
		return ERR_PTR(-ENOMEM);
	uuid_copy(&sl->uuid, &info->uuid);
	strscpy(sl->name, info->name, sizeof(sl->name));
	sl->nr_blocks = info->nr_blocks;
	sl->flags = info->flags;
	ret = table_want_chunks(tab, info->nr_blocks, &sl->nr_chunks);
	if (ret)
		goto err_free_slice;
	/* Before memory is asked for: the LUN's size bounds it. */
	ret = -ENOSPC;
	if (sl->nr_chunks > chunk_map_free(tab->chunks) ||
	    !table_has_space(tab, 1, sl->nr_chunks))
		goto err_free_slice;
	ret = -ENOMEM;
	sl->chunk = kvcalloc(sl->nr_chunks, sizeof(u32), GFP_KERNEL);
	if (!sl->chunk)
		goto err_free_slice;
	ret = table_take_chunks(tab, sl->chunk, 0, sl->nr_chunks);
	if (ret)
		goto err_free_slice;
	return sl;

err_free_slice:
	table_slice_free(sl);
	return ERR_PTR(ret);
}

static void table_link(struct lun_table *tab, struct table_slice *sl)
{
	mutex_lock(&tab->names_lock);
	list_add_tail(&sl->node, &tab->slices);
	mutex_unlock(&tab->names_lock);
	tab->nr_slices++;
	tab->nr_mapped += sl->nr_chunks;
}

static void table_unlink(struct lun_table *tab, struct table_slice *sl)
{
	mutex_lock(&tab->names_lock);
	list_del(&sl->node);
	mutex_unlock(&tab->names_lock);
	tab->nr_slices--;
	tab->nr_mapped -= sl->nr_chunks;
}

static int __table_slice_create(struct lun_table *tab,
				const struct table_slice_info *info)
{
	struct table_slice *sl;
	int ret;

	if (table_find_uuid(tab, &info->uuid))
		return -EEXIST;
	ret = table_settle(tab);
	if (ret)
		return ret;
	sl = table_slice_new(tab, info);
	if (IS_ERR(sl))
		return PTR_ERR(sl);
	table_link(tab, sl);
	ret = table_commit(tab);
	if (!ret)
		return 0;
	table_unlink(tab, sl);
	table_settle_again(tab);
	table_drop_chunks(tab, sl->chunk, 0, sl->nr_chunks);
	table_slice_free(sl);
	return ret;
}

/**
 * table_slice_create() - make a slice; it reads as zero
 * @lun: active
 * @info: uuid, name, nr_blocks and flags
 *
 * Context: may sleep, as long as the store does.
 * Return: 0; -EINVAL for a null UUID, a name that is not printable, or no
 * block; -ENODEV if the LUN is not active; -EEXIST if there is such a UUID;
 * -ENOSPC if chunks or the table do not suffice; -ENOMEM; what the store says.
 */
int table_slice_create(struct cxlflash_lun *lun,
		       const struct table_slice_info *info)
{
	struct lun_table *tab;
	int ret;

	if (uuid_is_null(&info->uuid) || !table_name_is_valid(info->name))
		return -EINVAL;
	tab = table_begin(lun);
	if (IS_ERR(tab))
		return PTR_ERR(tab);
	ret = __table_slice_create(tab, info);
	table_end(tab);
	return ret;
}

/**
 * table_has_slice() - is there a slice of that name?
 * @tab: referenced
 * @uuid: of the slice
 *
 * Context: may sleep, but not for the store; takes a leaf lock only.
 * Return: true also for one that is being made, and may yet fail.
 */
bool table_has_slice(struct lun_table *tab, const uuid_t *uuid)
{
	bool found;

	mutex_lock(&tab->names_lock);
	found = table_find_uuid(tab, uuid);
	mutex_unlock(&tab->names_lock);
	return found;
}

/**
 * table_slice_find() - what is known of a slice
 * @lun: active
 * @uuid: of the slice
 * @info: result
 *
 * Context: may sleep, as long as the store does.
 * Return: 0; -ENODEV if the LUN is not active; -ENOENT.
 */
int table_slice_find(struct cxlflash_lun *lun, const uuid_t *uuid,
		     struct table_slice_info *info)
{
	struct table_slice *sl;
	struct lun_table *tab;
	u32 at;

	tab = table_begin(lun);
	if (IS_ERR(tab))
		return PTR_ERR(tab);
	sl = table_find_uuid(tab, uuid);
	if (sl) {
		memset(info, 0, sizeof(*info));
		uuid_copy(&info->uuid, &sl->uuid);
		strscpy(info->name, sl->name, sizeof(info->name));
		info->nr_blocks = sl->nr_blocks;
		info->flags = sl->flags;
		info->nr_chunks = sl->nr_chunks;
		for (at = 0; at < sl->nr_chunks; at++)
			info->nr_unwritten += sl->chunk[at] >> 31;
	}
	table_end(tab);
	return sl ? 0 : -ENOENT;
}

/**
 * table_slice_map() - where a slice's chunks are
 * @lun: active
 * @uuid: of the slice
 * @first: index of the first chunk wanted
 * @nr: how many
 * @out: their numbers in the LUN, perhaps with TABLE_UNWRITTEN
 *
 * Context: may sleep, as long as the store does.
 * Return: 0; -ENODEV if the LUN is not active; -ENOENT; -ERANGE if the slice
 * has fewer.
 */
int table_slice_map(struct cxlflash_lun *lun, const uuid_t *uuid, u32 first,
		    u32 nr, u32 *out)
{
	struct table_slice *sl;
	struct lun_table *tab;
	int ret = 0;

	tab = table_begin(lun);
	if (IS_ERR(tab))
		return PTR_ERR(tab);
	sl = table_find_uuid(tab, uuid);
	if (!sl)
		ret = -ENOENT;
	else if (first > sl->nr_chunks || nr > sl->nr_chunks - first)
		ret = -ERANGE;
	else
		memcpy(out, sl->chunk + first, nr * sizeof(*out));
	table_end(tab);
	return ret;
}

/*
 * Exchange what a slice has.  @chunk: of the larger of both sizes, or NULL to
 * keep the array, whose end is no longer used then.
 */
static int table_exchange(struct lun_table *tab, struct table_slice *sl,
			  u64 nr_blocks, u32 nr_chunks, u32 *chunk)
{
	struct table_slice old = *sl;
	int ret;

	sl->nr_blocks = nr_blocks;
	sl->nr_chunks = nr_chunks;
	if (chunk)
		sl->chunk = chunk;
	tab->nr_mapped += nr_chunks;
	tab->nr_mapped -= old.nr_chunks;
	ret = table_commit(tab);
	if (!ret) {
		if (chunk)
			kvfree(old.chunk);
		return 0;
	}
	sl->nr_blocks = old.nr_blocks;
	sl->nr_chunks = old.nr_chunks;
	sl->chunk = old.chunk;
	tab->nr_mapped += old.nr_chunks;
	tab->nr_mapped -= nr_chunks;
	table_settle_again(tab);
	return ret;
}

static int table_slice_grow(struct lun_table *tab, struct table_slice *sl,
			    u64 nr_blocks, u32 nr_chunks)
{
	u32 more = nr_chunks - sl->nr_chunks, had = sl->nr_chunks;
	u32 *chunk;
	int ret;

	if (more > chunk_map_free(tab->chunks) ||
	    !table_has_space(tab, 0, more))
		return -ENOSPC;
	chunk = kvcalloc(nr_chunks, sizeof(u32), GFP_KERNEL);
	if (!chunk)
		return -ENOMEM;
	memcpy(chunk, sl->chunk, had * sizeof(u32));
	ret = table_take_chunks(tab, chunk, had, nr_chunks);
	if (ret)
		goto err_free_chunk;
	ret = table_exchange(tab, sl, nr_blocks, nr_chunks, chunk);
	if (ret)
		goto err_drop_chunks;
	return 0;

err_drop_chunks:
	table_drop_chunks(tab, chunk, had, nr_chunks);
err_free_chunk:
	kvfree(chunk);
	return ret;
}

static int table_slice_shrink(struct lun_table *tab, struct table_slice *sl,
			      u64 nr_blocks, u32 nr_chunks)
{
	u32 had = sl->nr_chunks;
	int ret;

	ret = table_exchange(tab, sl, nr_blocks, nr_chunks, NULL);
	if (!ret)
		table_drop_chunks(tab, sl->chunk, nr_chunks, had);
	return ret;
}

static int __table_slice_resize(struct lun_table *tab, const uuid_t *uuid,
				u64 nr_blocks)
{
	struct table_slice *sl = table_find_uuid(tab, uuid);
	u32 nr_chunks;
	int ret;

	if (!sl)
		return -ENOENT;
	ret = table_want_chunks(tab, nr_blocks, &nr_chunks);
	if (!ret)
		ret = table_settle(tab);
	if (ret || nr_blocks == sl->nr_blocks)
		return ret;
	if (nr_chunks > sl->nr_chunks)
		return table_slice_grow(tab, sl, nr_blocks, nr_chunks);
	return table_slice_shrink(tab, sl, nr_blocks, nr_chunks);
}

/**
 * table_slice_resize() - another size
 * @lun: active
 * @uuid: of the slice
 * @nr_blocks: new size
 *
 * New chunks read as zero.  Within the last chunk that stays, what lay beyond a
 * former end is still there when the slice grows again: it is its own.
 * Nothing uses the chunks that it loses any more.
 *
 * Context: may sleep, as long as the store does.
 * Return: 0; -EINVAL for no block; -ENODEV if the LUN is not active; -ENOENT;
 * -ENOSPC if chunks or the table do not suffice; -ENOMEM; what the store says.
 */
int table_slice_resize(struct cxlflash_lun *lun, const uuid_t *uuid,
		       u64 nr_blocks)
{
	struct lun_table *tab;
	int ret;

	tab = table_begin(lun);
	if (IS_ERR(tab))
		return PTR_ERR(tab);
	ret = __table_slice_resize(tab, uuid, nr_blocks);
	table_end(tab);
	return ret;
}

static int __table_slice_set_written(struct lun_table *tab, const uuid_t *uuid,
				     u32 at)
{
	struct table_slice *sl = table_find_uuid(tab, uuid);
	int ret;

	if (!sl)
		return -ENOENT;
	if (at >= sl->nr_chunks)
		return -ERANGE;
	ret = table_settle(tab);
	if (ret || !(sl->chunk[at] & TABLE_UNWRITTEN))
		return ret;
	sl->chunk[at] &= ~TABLE_UNWRITTEN;
	ret = table_commit(tab);
	if (ret) {
		sl->chunk[at] |= TABLE_UNWRITTEN;
		table_settle_again(tab);
	}
	return ret;
}

/**
 * table_slice_set_written() - a chunk no longer reads as zero of itself
 * @lun: active
 * @uuid: of the slice
 * @at: index of the chunk
 *
 * The caller has cleared the chunk (chunk_clear()) or written all of it, and
 * acknowledges the first write to it after this returned.
 *
 * Context: may sleep, as long as the store does; allocates nothing.
 * Return: 0, also if it is written already; -ENODEV if the LUN is not active;
 * -ENOENT; -ERANGE if the slice has fewer chunks; what the store says.
 */
int table_slice_set_written(struct cxlflash_lun *lun, const uuid_t *uuid,
			    u32 at)
{
	struct lun_table *tab;
	int ret;

	tab = table_begin(lun);
	if (IS_ERR(tab))
		return PTR_ERR(tab);
	ret = __table_slice_set_written(tab, uuid, at);
	table_end(tab);
	return ret;
}

/* Out of the table; its chunks are still taken. */
static struct table_slice *__table_slice_take_out(struct lun_table *tab,
						  const uuid_t *uuid)
{
	struct table_slice *sl = table_find_uuid(tab, uuid);
	int ret;

	if (!sl)
		return ERR_PTR(-ENOENT);
	ret = table_settle(tab);
	if (ret)
		return ERR_PTR(ret);
	table_unlink(tab, sl);
	ret = table_commit(tab);
	if (!ret)
		return sl;
	table_link(tab, sl);
	table_settle_again(tab);
	return ERR_PTR(ret);
}

/*
 * Clear what the slice has written to.  Chunks that remain dirty get
 * TABLE_UNWRITTEN: their content counts for nothing, but is not zero.
 */
static void table_clear_chunks(struct cxlflash_lun *lun, struct table_slice *sl)
{
	struct afu_store *st = lun->store;
	bool stop = !READ_ONCE(lun->secret);
	int ret = 0;
	u32 at;

	for (at = 0; at < sl->nr_chunks; at++) {
		if (sl->chunk[at] & TABLE_UNWRITTEN)
			continue;
		/* It takes long, and need not be done. */
		stop |= READ_ONCE(lun->gone) || fatal_signal_pending(current);
		if (!stop)
			ret = store_zero_sync(st, sl->chunk[at] *
					      SISL_CHUNK_BYTES,
					      SISL_CHUNK_BYTES);
		if (stop || ret)
			sl->chunk[at] |= TABLE_UNWRITTEN;
		stop |= ret;
		cond_resched();
	}
	if (!ret)
		ret = store_flush_sync(st);
	if (ret)
		pr_warn("lun %s: a slice is deleted, but not cleared yet: %d\n",
			lun->name, ret);
}

/**
 * table_slice_delete() - delete a slice and what it holds
 * @lun: active
 * @uuid: of the slice; nothing uses it any more
 *
 * It is cleared on return, unless the LUN's data are not secret, or the store
 * cannot or the caller is killed: then before anybody else can read it.
 *
 * Context: may sleep, as long as the store needs to clear it.
 * Return: 0; -ENODEV if the LUN is not active; -ENOENT; what the store says.
 */
int table_slice_delete(struct cxlflash_lun *lun, const uuid_t *uuid)
{
	struct table_slice *sl;
	struct lun_table *tab;
	u32 at;

	tab = table_begin(lun);
	if (IS_ERR(tab))
		return PTR_ERR(tab);
	sl = __table_slice_take_out(tab, uuid);
	if (IS_ERR(sl)) {
		table_end(tab);
		return PTR_ERR(sl);
	}
	/* Who deletes has claimed the slice: the LUN is not deactivated. */
	mutex_unlock(&tab->lock);
	table_clear_chunks(lun, sl);
	mutex_lock(&tab->lock);
	for (at = 0; at < sl->nr_chunks; at++)
		chunk_put(tab->chunks, sl->chunk[at] & ~TABLE_UNWRITTEN,
			  sl->chunk[at] & TABLE_UNWRITTEN);
	table_end(tab);
	table_slice_free(sl);
	return 0;
}

/* A line of the listing, as snprintf(). */
static size_t table_show_slice(struct cxlflash_lun *lun,
			       const struct table_slice *sl, bool is_open,
			       char *buf, size_t size)
{
	u32 at, unwritten = 0;

	for (at = 0; at < sl->nr_chunks; at++)
		unwritten += sl->chunk[at] >> 31;
	return snprintf(buf, size, "%pUb %s %llu %u %u %s\n", &sl->uuid,
			*sl->name ? sl->name : "-",
			sl->nr_blocks << lun->block_lg2, sl->nr_chunks,
			unwritten, is_open ? "open" : "closed");
}

/**
 * table_show() - list the slices of a LUN
 * @lun: active, or it has none to show
 * @buf: where to, in whole lines; no zero follows.  NULL: nowhere
 * @size: bytes there
 * @is_open: is it open? takes leaf locks only
 *
 * One line each: UUID, name or "-", bytes, chunks, of these unwritten, "open"
 * or "closed".
 *
 * Context: may sleep, as long as the store does.
 * Return: how many bytes; without @buf, how many it would take.
 */
ssize_t table_show(struct cxlflash_lun *lun, char *buf, size_t size,
		   bool (*is_open)(struct cxlflash_lun *lun,
				   const uuid_t *uuid))
{
	char text[TABLE_NAME_LEN + 128];
	struct table_slice *sl;
	struct lun_table *tab;
	size_t len = 0, line;

	tab = table_begin(lun);
	if (IS_ERR(tab))
		return 0;
	list_for_each_entry(sl, &tab->slices, node) {
		line = table_show_slice(lun, sl, is_open(lun, &sl->uuid), text,
					sizeof(text));
		if (buf && line > size - len)
			break;
		if (buf)
			memcpy(buf + len, text, line);
		len += line;
	}
	table_end(tab);
	return len;
}
