// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a slice is: its map, and how it changes
 *
 * Commands look at the map under RCU.  A slice that grows or shrinks gets a new
 * map: grown, when the table has the chunks; shrunk, before the table gives
 * them back, and commands that may have seen the old map are waited for in
 * between.
 *
 * An unwritten chunk reads as zero whatever it holds.  Whoever wants to write
 * to it has it cleared and marked in the table first (slice_make_written()),
 * and then the flag in the map goes away: of one word, in place, because a
 * write must not need memory for a map.
 *
 * Locals: slice, map, at (index of a chunk in its slice).
 */
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/slab.h>

#include "afu.h"
#include "slice.h"
#include "table.h"

#define SLICE_CHUNK_LG2		28
static_assert(BIT_ULL(SLICE_CHUNK_LG2) == SISL_CHUNK_BYTES);

/* How long shrinking waits for commands, of all contexts together. */
#define SLICE_DRAIN_TIMEOUT	(10 * HZ)

#define UA_CAPACITY_CHANGED	0x2a09

/**
 * slice_map_alloc() - a map without content
 * @nr_blocks: size
 * @nr_chunks: as many as that needs, bounded by the LUN's size
 *
 * Context: may sleep.
 * Return: the map; NULL: no memory.
 */
struct slice_map *slice_map_alloc(u64 nr_blocks, u32 nr_chunks)
{
	struct slice_map *map;

	map = kvzalloc(struct_size(map, chunk, nr_chunks),
		       GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!map)
		return NULL;
	map->nr_blocks = nr_blocks;
	map->nr_chunks = nr_chunks;
	return map;
}

static struct slice_map *__slice_map(struct cxlflash_slice *slice)
{
	return rcu_dereference_protected(slice->map,
					 lockdep_is_held(&slice->lock));
}

/* -------------------------------------------------------------- commands */

/**
 * slice_nr_blocks() - how large it is
 * @slice: open
 *
 * Context: under rcu_read_lock().
 * Return: blocks.
 */
u64 slice_nr_blocks(struct cxlflash_slice *slice)
{
	return rcu_dereference(slice->map)->nr_blocks;
}

/**
 * slice_translate() - where a block of a slice is
 * @slice: open
 * @lba: block
 * @nr: how many of them are wanted
 * @pos: out: where it is in the LUN, in bytes
 * @contiguous: out: how many of them follow one another there and are all
 *	written or all unwritten; at least one if @nr is not 0
 * @unwritten: out: they read as zero; nothing may be written there before
 *	slice_make_written()
 *
 * Context: under rcu_read_lock(); any context.
 * Return: 0; %SISL_AFU_RC_LXT_OUT_OF_BOUNDS if the slice does not have the
 * block.
 */
u8 slice_translate(struct cxlflash_slice *slice, u64 lba, u32 nr, u64 *pos,
		   u32 *contiguous, bool *unwritten)
{
	const struct slice_map *map = rcu_dereference(slice->map);
	unsigned int shift = SLICE_CHUNK_LG2 - slice->block_lg2;
	u64 at = lba >> shift, room;
	u32 first, next;

	if (unlikely(lba >= map->nr_blocks))
		return SISL_AFU_RC_LXT_OUT_OF_BOUNDS;
	at = array_index_nospec(at, map->nr_chunks);
	nr = min_t(u64, nr, map->nr_blocks - lba);
	lba &= BIT_ULL(shift) - 1;
	/* Paired with slice_make_written()'s: the chunk was cleared before. */
	first = smp_load_acquire(&map->chunk[at]);
	*unwritten = first & TABLE_UNWRITTEN;
	*pos = ((u64)(first & ~TABLE_UNWRITTEN) << SLICE_CHUNK_LG2) +
	       (lba << slice->block_lg2);
	room = BIT_ULL(shift) - lba;
	for (next = first + 1; nr > room; next++, room += BIT_ULL(shift)) {
		if (++at >= map->nr_chunks)
			break;
		/* As above. */
		if (smp_load_acquire(&map->chunk[at]) != next)
			break;
	}
	*contiguous = min_t(u64, nr, room);
	return 0;
}

static int __slice_make_written(struct cxlflash_slice *slice, u32 at)
{
	struct cxlflash_lun *lun = slice->lun;
	struct slice_map *map = __slice_map(slice);
	u32 chunk;
	int ret;

	if (slice_is_dead(slice))
		return -ENODEV;
	if (at >= map->nr_chunks)
		return -ERANGE;
	chunk = map->chunk[at];
	if (!(chunk & TABLE_UNWRITTEN))
		return 0;
	chunk &= ~TABLE_UNWRITTEN;
	/*
	 * Also if its LUN's data are not secret: it has been read as zero.  It
	 * is durable when the table is, see table_commit().
	 */
	ret = store_zero_sync(lun->store, (u64)chunk << SLICE_CHUNK_LG2,
			      SISL_CHUNK_BYTES);
	if (!ret)
		ret = table_slice_set_written(lun, &slice->uuid, at);
	if (ret)
		return ret;
	/* Paired with slice_translate()'s: who sees it finds it cleared. */
	smp_store_release(&map->chunk[at], chunk);
	return 0;
}

/**
 * slice_make_written() - before the first write to a chunk
 * @slice: open; kept by a command in flight, or by its opener
 * @chunk_index: in the slice
 *
 * The chunk is cleared and the table says so durably, which may take as long as
 * 256 MiB take to be written.  One at a time: others that come for the same
 * chunk find it done.
 *
 * Context: may sleep, as long as the store does; a worker; holds no lock.
 * Return: 0, also if it is written already; -ENODEV if the LUN has gone;
 * -ERANGE if the slice has fewer chunks; what the store says.
 */
int slice_make_written(struct cxlflash_slice *slice, u32 chunk_index)
{
	int ret;

	if (!lun_tryget_io(slice->lun))
		return -ENODEV;
	mutex_lock(&slice->lock);
	ret = __slice_make_written(slice, chunk_index);
	mutex_unlock(&slice->lock);
	lun_put_io(slice->lun);
	return ret;
}

/* ------------------------------------------------------------------ size */

static u64 slice_size(struct cxlflash_slice *slice)
{
	guard(rcu)();
	return slice_nr_blocks(slice);
}

/* A context that the drain @nr has not seen yet, referenced. */
static struct cxlflash_ctx *slice_next_ctx(struct cxlflash_slice *slice, u32 nr)
{
	struct cxlflash_ctx *ctx = NULL;
	struct slice_handle *h;

	spin_lock(&slice->handles_lock);
	list_for_each_entry(h, &slice->handles, node) {
		if (h->drain == nr)
			continue;
		h->drain = nr;
		/* Without a reference left it has no command, either. */
		if (!kref_get_unless_zero(&h->ctx->ref))
			continue;
		ctx = h->ctx;
		break;
	}
	spin_unlock(&slice->handles_lock);
	return ctx;
}

/* All commands that can have seen an older map are over. */
static bool slice_drain(struct cxlflash_slice *slice)
{
	unsigned long end = jiffies + SLICE_DRAIN_TIMEOUT, now;
	struct cxlflash_ctx *ctx;
	bool drained = true;
	u32 nr;

	lockdep_assert_held(&slice->op_lock);
	spin_lock(&slice->handles_lock);
	nr = ++slice->nr_drains;
	spin_unlock(&slice->handles_lock);
	while (drained && (ctx = slice_next_ctx(slice, nr))) {
		now = jiffies;
		drained = ctx_drain(ctx, time_before(now, end) ? end - now : 1);
		ctx_put(ctx);
	}
	return drained;
}

static void slice_publish(struct cxlflash_slice *slice, struct slice_map *map)
{
	lockdep_assert_held(&slice->lock);
	rcu_assign_pointer(slice->map, map);
}

static int slice_grow(struct cxlflash_slice *slice, struct slice_map *new)
{
	struct cxlflash_lun *lun = slice->lun;
	struct slice_map *unused;
	int ret;

	/* Over both: no chunk becomes written between reading and publishing */
	mutex_lock(&slice->lock);
	unused = __slice_map(slice);
	ret = table_slice_resize(lun, &slice->uuid, new->nr_blocks);
	if (!ret)
		ret = table_slice_map(lun, &slice->uuid, 0, new->nr_chunks,
				      new->chunk);
	if (!ret)
		slice_publish(slice, new);
	else
		unused = new;
	mutex_unlock(&slice->lock);
	kvfree_rcu(unused, rcu);
	return ret;
}

/* The first chunks of @to are those of @from. */
static void slice_copy_chunks(struct slice_map *to,
			      const struct slice_map *from)
{
	u32 nr = min(to->nr_chunks, from->nr_chunks), at;

	/* Commands may look at @to, which differs in flags that have gone. */
	for (at = 0; at < nr; at++)
		/* Paired with slice_translate()'s. */
		smp_store_release(&to->chunk[at], from->chunk[at]);
}

static int slice_shrink(struct cxlflash_slice *slice, struct slice_map *new)
{
	struct slice_map *old, *unused;
	int ret = -EBUSY;

	mutex_lock(&slice->lock);
	old = __slice_map(slice);
	slice_copy_chunks(new, old);
	slice_publish(slice, new);
	mutex_unlock(&slice->lock);
	/* Without @lock: commands may wait for slice_make_written(). */
	if (slice_drain(slice))
		ret = table_slice_resize(slice->lun, &slice->uuid,
					 new->nr_blocks);
	unused = old;
	if (ret) {
		/* Chunks may have become written meanwhile, so not as it was */
		mutex_lock(&slice->lock);
		slice_copy_chunks(old, new);
		slice_publish(slice, old);
		mutex_unlock(&slice->lock);
		unused = new;
	}
	kvfree_rcu(unused, rcu);
	return ret;
}

static int __slice_resize(struct cxlflash_slice *slice, u64 had, u64 nr_blocks)
{
	u64 nr_chunks = table_blocks_to_chunks(nr_blocks,
					       1U << slice->block_lg2);
	struct slice_map *map;

	lockdep_assert_held(&slice->op_lock);
	if (slice_is_dead(slice))
		return -ENODEV;
	if (nr_blocks == had)
		return 0;
	/* Before memory is asked for: the LUN's size bounds it. */
	if (nr_blocks > lun_nr_blocks(slice->lun) ||
	    nr_chunks >= TABLE_CHUNKS_MAX)
		return -ENOSPC;
	map = slice_map_alloc(nr_blocks, nr_chunks);
	if (!map)
		return -ENOMEM;
	return nr_blocks > had ? slice_grow(slice, map) :
				 slice_shrink(slice, map);
}

/**
 * cxlflash_slice_resize() - another size, for all handles at once
 * @slice: open
 * @bytes: new size
 *
 * What it grows by reads as zero, but for blocks of a chunk that it has kept.
 * What lay beyond the new end is lost, and not found by commands any more.
 *
 * Context: may sleep, as long as the store does, and bounded for commands in
 * flight; not from the callback, which it calls.
 * Return: 0; -EINVAL for none or parts of a block; -ENODEV if its LUN has gone;
 * -EBUSY if it would shrink and commands in flight do not come back; -ENOSPC;
 * -ENOMEM; what the store says.  After an error it is what it was.
 */
int cxlflash_slice_resize(struct cxlflash_slice *slice, u64 bytes)
{
	struct cxlflash_lun *lun = slice->lun;
	u64 had, has;
	int ret;

	if (!bytes || bytes & (BIT_ULL(slice->block_lg2) - 1))
		return -EINVAL;
	/* And it is the same LUN until the end. */
	if (!lun_tryget_io(lun))
		return -ENODEV;
	mutex_lock(&slice->op_lock);
	had = slice_size(slice);
	ret = __slice_resize(slice, had, bytes >> slice->block_lg2);
	has = slice_size(slice);
	if (had != has)
		slice_changed(slice, CXLFLASH_SLICE_SIZE, UA_CAPACITY_CHANGED);
	mutex_unlock(&slice->op_lock);
	lun_put_io(lun);
	if (had != has)
		adapter_lun_space_changed(lun);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(cxlflash_slice_resize, CXLFLASH_AFU);
