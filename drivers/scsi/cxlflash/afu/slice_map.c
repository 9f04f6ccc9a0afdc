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
 * A change of size is a worker's.  A store that does not come back keeps it,
 * and with it the slice, which nobody else can open; but its opener can leave.
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

static struct workqueue_struct *slice_wq;

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

/* ----------------------------------------------------- one at a time */

static bool slice_resize_claim(struct cxlflash_slice *slice)
{
	return atomic_cmpxchg(&slice->resize, SLICE_RESIZE_NONE,
			      SLICE_RESIZE_RUNS) == SLICE_RESIZE_NONE;
}

static void slice_resize_release(struct cxlflash_slice *slice)
{
	atomic_set_release(&slice->resize, SLICE_RESIZE_NONE);
	wake_up_all(&slice->wait);
}

/* Wait for our turn. */
static int slice_resize_begin(struct cxlflash_slice *slice)
{
	bool mine = false;
	int ret;

	ret = wait_event_killable(slice->wait,
				  READ_ONCE(slice->let_go) ||
				  (mine = slice_resize_claim(slice)));
	return ret || mine ? ret : -ENODEV;
}

/* Done or let go; not killed, for who looks afterwards wants to see it. */
static int slice_resize_wait(struct cxlflash_slice *slice)
{
	int ret;

	wait_event(slice->wait, READ_ONCE(slice->let_go) ||
		   atomic_read_acquire(&slice->resize) == SLICE_RESIZE_DONE);
	if (atomic_cmpxchg(&slice->resize, SLICE_RESIZE_RUNS,
			   SLICE_RESIZE_LEFT) == SLICE_RESIZE_RUNS)
		return -ENODEV;
	/* So that the worker does not have the slice any more. */
	flush_work(&slice->resize_work);
	ret = slice->resize_ret;
	slice_resize_release(slice);
	return ret;
}

static void slice_resize_work(struct work_struct *work)
{
	struct cxlflash_slice *slice = container_of(work, struct cxlflash_slice,
						    resize_work);
	struct slice_map *map = slice->resize_map;
	struct cxlflash_lun *lun = slice->lun;
	u64 had = slice_size(slice), has;

	slice->resize_ret = map->nr_blocks > had ? slice_grow(slice, map) :
						   slice_shrink(slice, map);
	has = slice_size(slice);
	if (had != has) {
		mutex_lock(&slice->changed_lock);
		slice_changed(slice, CXLFLASH_SLICE_SIZE, UA_CAPACITY_CHANGED);
		mutex_unlock(&slice->changed_lock);
	}
	lun_put_io(lun);
	if (had != has)
		adapter_lun_space_changed(lun);
	/* After the result, which who waits for it looks at. */
	if (atomic_cmpxchg(&slice->resize, SLICE_RESIZE_RUNS,
			   SLICE_RESIZE_DONE) == SLICE_RESIZE_RUNS)
		wake_up_all(&slice->wait);
	else
		slice_resize_release(slice);
	slice_put(slice);
}

/* ERR_PTR(); NULL: it has that size. */
static struct slice_map *slice_resize_map(struct cxlflash_slice *slice,
					  u64 nr_blocks)
{
	u64 nr_chunks = table_blocks_to_chunks(nr_blocks,
					       1U << slice->block_lg2);

	if (slice_is_dead(slice))
		return ERR_PTR(-ENODEV);
	if (nr_blocks == slice_size(slice))
		return NULL;
	/* Before memory is asked for: the LUN's size bounds it. */
	if (nr_blocks > lun_nr_blocks(slice->lun) ||
	    nr_chunks >= TABLE_CHUNKS_MAX)
		return ERR_PTR(-ENOSPC);
	return slice_map_alloc(nr_blocks, nr_chunks) ?: ERR_PTR(-ENOMEM);
}

/* It is our turn.  0: it has that size; 1: the worker has it. */
static int slice_resize_start(struct cxlflash_slice *slice, u64 nr_blocks)
{
	struct slice_map *map;

	/* And it is the same LUN until the end, which the worker says. */
	if (!lun_tryget_io(slice->lun))
		return -ENODEV;
	map = slice_resize_map(slice, nr_blocks);
	if (IS_ERR_OR_NULL(map)) {
		lun_put_io(slice->lun);
		return PTR_ERR_OR_ZERO(map);
	}
	slice->resize_map = map;
	kref_get(&slice->ref);
	queue_work(slice_wq, &slice->resize_work);
	return 1;
}

/**
 * cxlflash_slice_resize() - another size, for all handles at once
 * @slice: open
 * @bytes: new size
 *
 * What it grows by reads as zero, but for blocks of a chunk that it has kept.
 * What lay beyond the new end is lost, and not found by commands any more.
 *
 * Context: may sleep, as long as the store does and for commands in flight,
 * until cxlflash_slice_let_go(); not from the callback, which a worker calls.
 * Return: 0; -EINVAL for none or parts of a block; -ENODEV if its LUN has gone;
 * -EBUSY if it would shrink and commands in flight do not come back; -ENOSPC;
 * -ENOMEM; -ERESTARTSYS for who is killed before it is his turn; what the store
 * says: it is what it was.  -ENODEV after cxlflash_slice_let_go(): if it has
 * begun it comes to its end alone.
 */
int cxlflash_slice_resize(struct cxlflash_slice *slice, u64 bytes)
{
	int ret;

	if (!bytes || bytes & (BIT_ULL(slice->block_lg2) - 1))
		return -EINVAL;
	ret = slice_resize_begin(slice);
	if (ret)
		return ret;
	ret = slice_resize_start(slice, bytes >> slice->block_lg2);
	if (ret > 0)
		return slice_resize_wait(slice);
	slice_resize_release(slice);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(cxlflash_slice_resize, CXLFLASH_AFU);

/**
 * cxlflash_slice_let_go() - its opener will close it
 * @slice: open
 *
 * Who waits for a resize waits no longer, now and from here on.
 *
 * Context: any but hard irq.
 */
void cxlflash_slice_let_go(struct cxlflash_slice *slice)
{
	WRITE_ONCE(slice->let_go, true);
	wake_up_all(&slice->wait);
}
EXPORT_SYMBOL_NS_GPL(cxlflash_slice_let_go, CXLFLASH_AFU);

/**
 * slice_resize_init() - a new slice
 * @slice: that
 *
 * Context: any.
 */
void slice_resize_init(struct cxlflash_slice *slice)
{
	atomic_set(&slice->resize, SLICE_RESIZE_NONE);
	INIT_WORK(&slice->resize_work, slice_resize_work);
	init_waitqueue_head(&slice->wait);
}

/**
 * slice_init() - set up
 *
 * Context: may sleep.
 * Return: 0; -ENOMEM.
 */
int slice_init(void)
{
	slice_wq = alloc_workqueue("cxlflash_slice", WQ_UNBOUND, 0);
	return slice_wq ? 0 : -ENOMEM;
}

/**
 * slice_exit() - undo slice_init()
 *
 * Context: may sleep; no LUN is enabled.
 */
void slice_exit(void)
{
	/* Who works has given his LUN back and is about to end. */
	destroy_workqueue(slice_wq);
}
