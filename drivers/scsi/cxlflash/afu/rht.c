// SPDX-License-Identifier: GPL-2.0-only
/*
 * Resource handles: what a context may reach, and by which numbers
 *
 * A handle is an index into a table of entries, the lowest that is free.  An
 * entry stands for a whole LUN, for a list of chunks or for a slice, and never
 * changes once it can be found: a handle that grows or shrinks gets a new one,
 * a handle that closes none.  Commands find table and entry under RCU.  A slice
 * has its chunks by itself (slice_map.c), the same for all its handles.
 *
 * What was taken away goes to *limbo* first: chunks that no entry names any
 * more, numbers that are closed.  A command that is in flight may have found
 * them before, and an old write must not land in a chunk that has become
 * somebody else's, nor may an old command see another LUN behind its number.
 * When all commands in flight have come back once, limbo is emptied; if that
 * takes too long, by the next such wait or by the end of the context.
 *
 * SISlite calls the parts RHT (entries) and LXT (chunks); nothing but the
 * numbers and the afu_rc are visible outside.
 */
#include <linux/nospec.h>

#include "afu.h"
#include "slice.h"

/* A number below this one is not "out of bounds", however few are open. */
#define RHT_MIN_COUNT		1024
#define RHT_MAX			4096
#define RHT_GROW		64

#define RHT_CHUNK_LG2		28
static_assert(BIT_ULL(RHT_CHUNK_LG2) == SISL_CHUNK_BYTES);

/* How long close and resize wait for commands. */
#define RHT_DRAIN_TIMEOUT	(5 * HZ)

#define RHT_FLAGS	(CXLFLASH_HANDLE_READ | CXLFLASH_HANDLE_WRITE | \
			 CXLFLASH_HANDLE_SINGLE_BLOCK | CXLFLASH_HANDLE_SCRUB)

/**
 * struct rht_entry - what a handle stands for
 * @lun: referenced, and used, from the first entry of a handle to its last;
 *	that of @slice is the slice's
 * @slice: or NULL
 * @link: to @slice
 * @flags: CXLFLASH_HANDLE_*
 * @physical: the whole LUN
 * @handle: index
 * @limbo: in limbo
 * @kept: chunks that the next entry has taken over
 * @closed: there is no next one
 * @rcu: frees it
 * @nr_chunks: of a virtual one
 * @chunk: which
 */
struct rht_entry {
	struct cxlflash_lun *lun;
	struct cxlflash_slice *slice;
	struct slice_handle link;
	unsigned int flags;
	bool physical;
	u32 handle;
	struct list_head limbo;
	u32 kept;
	bool closed;
	struct rcu_head rcu;
	u32 nr_chunks;
	u32 chunk[];
};

/**
 * struct rht_table - the entries
 * @rcu: frees it
 * @nr: size
 * @entry: by handle; NULL: not in use
 */
struct rht_table {
	struct rcu_head rcu;
	u32 nr;
	struct rht_entry __rcu *entry[];
};

/**
 * struct rht - handles of a context; changed under ctx->rht_lock
 * @table: what commands look at; NULL until the first is opened
 * @used: numbers in use or in limbo
 * @nr_open: how many are open
 * @limbo: entries to be freed when nobody uses them any more
 */
struct rht {
	struct rht_table __rcu *table;
	DECLARE_BITMAP(used, RHT_MAX);
	unsigned int nr_open;
	struct list_head limbo;
};

static struct rht_table *__rht_table(struct cxlflash_ctx *ctx)
{
	return rcu_dereference_protected(ctx->rht->table,
					 lockdep_is_held(&ctx->rht_lock));
}

static struct rht_entry *__rht_entry(struct cxlflash_ctx *ctx, u32 handle)
{
	struct rht_table *t = __rht_table(ctx);

	if (!t || handle >= t->nr)
		return NULL;
	return rcu_dereference_protected(t->entry[handle],
					 lockdep_is_held(&ctx->rht_lock));
}

static struct rht_entry *rht_entry_alloc(u64 nr_chunks)
{
	struct rht_entry *e;

	if (nr_chunks > U32_MAX)
		return NULL;
	e = kvzalloc(struct_size(e, chunk, nr_chunks),
		     GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (e)
		INIT_LIST_HEAD(&e->limbo);
	return e;
}

/* ------------------------------------------------------------- chunks */

static void rht_drop_chunk(struct rht_entry *e, u32 chunk, bool scrub)
{
	struct cxlflash_lun *lun = e->lun;
	bool dirty = true;

	/* The chunk is this handle's alone: its handles share none. */
	if (scrub && lun_tryget_io(lun)) {
		dirty = store_zero_sync(lun->store,
					(u64)chunk << RHT_CHUNK_LG2,
					SISL_CHUNK_BYTES);
		lun_put_io(lun);
	}
	chunk_put(lun->chunks, chunk, dirty);
}

/* A chunk that shows nothing of its last owner. */
static int rht_take_chunk(struct cxlflash_lun *lun, u32 *chunk)
{
	bool dirty;
	int ret;

	ret = chunk_alloc(lun->chunks, chunk, &dirty);
	if (ret || !dirty)
		return ret;
	ret = chunk_clear(lun, *chunk);
	if (ret)
		chunk_put(lun->chunks, *chunk, true);
	return ret;
}

/* All commands that could find it are over: give back what it had. */
static void rht_free_entry(struct cxlflash_ctx *ctx, struct rht_entry *e,
			   bool scrub)
{
	list_del(&e->limbo);
	while (e->nr_chunks > e->kept) {
		rht_drop_chunk(e, e->chunk[--e->nr_chunks],
			       scrub && (e->flags & CXLFLASH_HANDLE_SCRUB));
		cond_resched();
	}
	if (e->closed) {
		clear_bit(e->handle, ctx->rht->used);
		if (e->slice) {
			slice_unlink(e->slice, &e->link);
		} else {
			lun_use_put(e->lun);
			cxlflash_lun_put(e->lun);
		}
	}
	kvfree(e);
}

/* Empty limbo; false: commands are in flight for too long. */
static bool __rht_settle(struct cxlflash_ctx *ctx)
{
	struct list_head *limbo = &ctx->rht->limbo;
	struct rht_entry *e, *next;

	lockdep_assert_held(&ctx->rht_lock);
	/* If the last one waited in vain, this one only has a look. */
	if (!ctx_drain(ctx, list_is_singular(limbo) ? RHT_DRAIN_TIMEOUT : 1))
		return false;
	list_for_each_entry_safe(e, next, limbo, limbo)
		rht_free_entry(ctx, e, true);
	return true;
}

/* Take @old out of the table, for @new or for nothing. */
static bool __rht_replace(struct cxlflash_ctx *ctx, struct rht_entry *old,
			  struct rht_entry *new)
{
	lockdep_assert_held(&ctx->rht_lock);
	rcu_assign_pointer(__rht_table(ctx)->entry[old->handle], new);
	old->kept = new ? min(old->nr_chunks, new->nr_chunks) : 0;
	old->closed = !new;
	if (old->kept == old->nr_chunks && new) {
		kvfree_rcu(old, rcu);
		return true;
	}
	list_add_tail(&old->limbo, &ctx->rht->limbo);
	return __rht_settle(ctx);
}

/*
 * A copy of @old with up to @want chunks: as many as there are, but at least
 * one more than before.
 */
static struct rht_entry *rht_grow(const struct rht_entry *old, u64 want)
{
	u64 more = min(want - old->nr_chunks, chunk_map_free(old->lun->chunks));
	struct rht_entry *e;
	int ret = -ENOSPC;

	if (!more)
		return ERR_PTR(-ENOSPC);
	e = rht_entry_alloc(old->nr_chunks + more);
	if (!e)
		return ERR_PTR(-ENOMEM);
	e->lun = old->lun;
	e->flags = old->flags;
	e->handle = old->handle;
	e->nr_chunks = old->nr_chunks;
	memcpy(e->chunk, old->chunk, old->nr_chunks * sizeof(e->chunk[0]));
	for (; more; more--) {
		/* Clearing may take long: whoever is killed gets less. */
		ret = fatal_signal_pending(current) ? -EINTR :
		      rht_take_chunk(e->lun, &e->chunk[e->nr_chunks]);
		if (ret)
			break;
		e->nr_chunks++;
		cond_resched();
	}
	if (e->nr_chunks > old->nr_chunks)
		return e;
	kvfree(e);
	return ERR_PTR(ret);
}

static struct rht_entry *rht_shrink(const struct rht_entry *old, u32 want)
{
	struct rht_entry *e = rht_entry_alloc(want);

	if (!e)
		return ERR_PTR(-ENOMEM);
	e->lun = old->lun;
	e->flags = old->flags;
	e->handle = old->handle;
	e->nr_chunks = want;
	memcpy(e->chunk, old->chunk, want * sizeof(e->chunk[0]));
	return e;
}

/* ------------------------------------------------------------ handles */

/* Room for @handle in the table. */
static int __rht_reach(struct cxlflash_ctx *ctx, u32 handle)
{
	struct rht_table *old = __rht_table(ctx), *t;
	u32 nr, i;

	lockdep_assert_held(&ctx->rht_lock);
	if (old && handle < old->nr)
		return 0;
	nr = old ? min(2 * old->nr, RHT_MAX) : RHT_GROW;
	t = kvzalloc(struct_size(t, entry, nr), GFP_KERNEL_ACCOUNT);
	if (!t)
		return -ENOMEM;
	t->nr = nr;
	for (i = 0; old && i < old->nr; i++)
		RCU_INIT_POINTER(t->entry[i], __rht_entry(ctx, i));
	rcu_assign_pointer(ctx->rht->table, t);
	if (old)
		kvfree_rcu(old, rcu);
	return 0;
}

/* Give @e, or what becomes of it with @nr_chunks, a number. */
static int __rht_install(struct cxlflash_ctx *ctx, struct rht_entry *e,
			 u64 nr_chunks)
{
	struct rht_entry *grown;
	u32 handle;
	int ret;

	lockdep_assert_held(&ctx->rht_lock);
	handle = find_first_zero_bit(ctx->rht->used, RHT_MAX);
	if (handle == RHT_MAX)
		return -EMFILE;
	ret = __rht_reach(ctx, handle);
	if (ret)
		return ret;
	e->handle = handle;
	if (nr_chunks) {
		grown = rht_grow(e, nr_chunks);
		if (IS_ERR(grown))
			return PTR_ERR(grown);
		kvfree(e);
		e = grown;
	}
	set_bit(handle, ctx->rht->used);
	ctx->rht->nr_open++;
	rcu_assign_pointer(__rht_table(ctx)->entry[handle], e);
	return handle;
}

static int rht_open(struct cxlflash_ctx *ctx, struct cxlflash_lun *lun,
		    unsigned int flags, bool physical, u64 nr_chunks)
{
	struct rht_entry *e;
	int ret;

	if (flags & ~RHT_FLAGS)
		return -EINVAL;
	if ((flags & CXLFLASH_HANDLE_SINGLE_BLOCK) &&
	    BIT(lun->block_lg2) != SISL_BLOCK_SIZE)
		return -EINVAL;
	e = rht_entry_alloc(0);
	if (!e)
		return -ENOMEM;
	e->lun = lun;
	e->flags = flags;
	e->physical = physical;
	mutex_lock(&ctx->rht_lock);
	ret = lun_use_get(lun, physical ? LUN_PHYSICAL : LUN_VIRTUAL);
	if (ret)
		goto err_free_entry;
	ret = __rht_install(ctx, e, nr_chunks);
	if (ret < 0)
		goto err_put_use;
	lun_get(lun);
	mutex_unlock(&ctx->rht_lock);
	return ret;

err_put_use:
	lun_use_put(lun);
err_free_entry:
	mutex_unlock(&ctx->rht_lock);
	kvfree(e);
	return ret;
}

/**
 * cxlflash_handle_open_physical() - a handle on a whole LUN
 * @ctx: context
 * @lun: LUN, the handle takes its own reference
 * @flags: CXLFLASH_HANDLE_*
 *
 * Context: may sleep.
 * Return: the handle; -EINVAL (@flags, also single blocks of a LUN that does
 * not have IBM's size of them; the LUN is used by chunks), -EMFILE (too many),
 * -EBUSY (formatted), -ENODEV (gone), -ENOMEM.
 */
int cxlflash_handle_open_physical(struct cxlflash_ctx *ctx,
				  struct cxlflash_lun *lun, unsigned int flags)
{
	return rht_open(ctx, lun, flags, true, 0);
}
EXPORT_SYMBOL_NS_GPL(cxlflash_handle_open_physical, CXLFLASH_AFU);

/**
 * cxlflash_handle_open_virtual() - a handle on chunks of a LUN
 * @ctx: context
 * @lun: LUN, the handle takes its own reference
 * @flags: CXLFLASH_HANDLE_*
 * @nr_chunks: how many; may be 0; as with cxlflash_handle_resize() it may get
 *	fewer
 *
 * Context: may sleep, also for the store.
 * Return: the handle; -EINVAL (@flags, also single blocks of a LUN that does
 * not have IBM's size of them; the LUN is used as a whole), -EMFILE (too many),
 * -ENOSPC (no chunk is free), -EBUSY (formatted), -ENODEV (gone), -EINTR
 * (killed), -ENOMEM, -EIO and others of a store that cannot clear.
 */
int cxlflash_handle_open_virtual(struct cxlflash_ctx *ctx,
				 struct cxlflash_lun *lun, unsigned int flags,
				 u64 nr_chunks)
{
	return rht_open(ctx, lun, flags, false, nr_chunks);
}
EXPORT_SYMBOL_NS_GPL(cxlflash_handle_open_virtual, CXLFLASH_AFU);

/**
 * cxlflash_handle_open_slice() - a handle on a slice
 * @ctx: context
 * @slice: open
 * @flags: CXLFLASH_HANDLE_READ, CXLFLASH_HANDLE_WRITE
 *
 * Its size is the slice's, whatever becomes of that.
 *
 * Context: may sleep.
 * Return: the handle; -EINVAL (@flags), -EMFILE (too many), -ENODEV (the
 * slice's LUN has gone), -EBUSY (orphans of a dead context), -ENOMEM.
 */
int cxlflash_handle_open_slice(struct cxlflash_ctx *ctx,
			       struct cxlflash_slice *slice,
			       unsigned int flags)
{
	struct rht_entry *e;
	int ret;

	if (flags & ~(CXLFLASH_HANDLE_READ | CXLFLASH_HANDLE_WRITE))
		return -EINVAL;
	e = rht_entry_alloc(0);
	if (!e)
		return -ENOMEM;
	e->lun = slice->lun;
	e->slice = slice;
	e->flags = flags;
	mutex_lock(&ctx->rht_lock);
	ret = slice_link(slice, &e->link, ctx);
	if (ret)
		goto err_free_entry;
	ret = __rht_install(ctx, e, 0);
	if (ret < 0)
		goto err_unlink;
	mutex_unlock(&ctx->rht_lock);
	return ret;

err_unlink:
	slice_unlink(slice, &e->link);
err_free_entry:
	mutex_unlock(&ctx->rht_lock);
	kvfree(e);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(cxlflash_handle_open_slice, CXLFLASH_AFU);

/**
 * cxlflash_handle_resize() - more or fewer chunks
 * @ctx: context
 * @handle: virtual
 * @nr_chunks: in: how many it is to have; out, unless -EINVAL: has
 *
 * Growing takes what there is; new chunks are cleared before they can be
 * found.  Shrinking drops from the end and waits for commands in flight.
 *
 * Context: may sleep, also for the store.
 * Return: 0; -EINVAL (no such handle, not by chunks); -ENOSPC (no chunk is
 * free); -EAGAIN (it has shrunk, but commands in flight do not come back, so
 * the chunks become free later); -EINTR (killed), -ENOMEM, -EIO and others of
 * a store that cannot clear.
 */
int cxlflash_handle_resize(struct cxlflash_ctx *ctx, u32 handle, u64 *nr_chunks)
{
	struct rht_entry *old, *new;
	int ret = 0;

	mutex_lock(&ctx->rht_lock);
	old = __rht_entry(ctx, handle);
	if (!old || old->physical || old->slice) {
		ret = -EINVAL;
		goto out_unlock;
	}
	new = old;
	if (*nr_chunks > old->nr_chunks)
		new = rht_grow(old, *nr_chunks);
	else if (*nr_chunks < old->nr_chunks)
		new = rht_shrink(old, *nr_chunks);
	if (IS_ERR(new)) {
		ret = PTR_ERR(new);
		new = old;
	}
	*nr_chunks = new->nr_chunks;
	if (new != old && !__rht_replace(ctx, old, new))
		ret = -EAGAIN;
out_unlock:
	mutex_unlock(&ctx->rht_lock);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(cxlflash_handle_resize, CXLFLASH_AFU);

/**
 * cxlflash_handle_close() - a handle less
 * @ctx: context
 * @handle: open
 *
 * Its number and chunks are free on return, unless commands in flight do not
 * come back: then later, at the latest with the context.
 *
 * Context: may sleep, also for the store if it scrubs.
 * Return: 0; -EINVAL if it is not open.
 */
int cxlflash_handle_close(struct cxlflash_ctx *ctx, u32 handle)
{
	struct rht_entry *e;
	int ret = 0;

	mutex_lock(&ctx->rht_lock);
	e = __rht_entry(ctx, handle);
	if (e) {
		ctx->rht->nr_open--;
		__rht_replace(ctx, e, NULL);
	} else {
		ret = -EINVAL;
	}
	mutex_unlock(&ctx->rht_lock);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(cxlflash_handle_close, CXLFLASH_AFU);

/* ----------------------------------------------------------- commands */

/* An entry, or NULL and why: an afu_rc.  Under rcu_read_lock(). */
static const struct rht_entry *rht_find(struct cxlflash_ctx *ctx, u32 handle,
					u8 *afu_rc)
{
	struct rht_table *t = rcu_dereference(ctx->rht->table);
	const struct rht_entry *e = NULL;

	if (likely(t && handle < t->nr)) {
		handle = array_index_nospec(handle, t->nr);
		e = rcu_dereference(t->entry[handle]);
	} else if (handle >= RHT_MIN_COUNT) {
		*afu_rc = SISL_AFU_RC_RHT_OUT_OF_BOUNDS;
		return NULL;
	}
	*afu_rc = e ? 0 : SISL_AFU_RC_RHT_PERM;
	return e;
}

/**
 * rht_lookup() - what a handle stands for
 * @ctx: context
 * @handle: number
 * @x: out: it, if 0 is returned
 *
 * Context: under rcu_read_lock(), which keeps @x->lun: no reference is taken.
 * Return: 0; %SISL_AFU_RC_RHT_OUT_OF_BOUNDS if there is no such number;
 * %SISL_AFU_RC_RHT_PERM if it is not open, or a slice without a LUN.
 */
u8 rht_lookup(struct cxlflash_ctx *ctx, u32 handle, struct rht_xlate *x)
{
	const struct rht_entry *e;
	u8 afu_rc;

	e = rht_find(ctx, handle, &afu_rc);
	if (unlikely(!e))
		return afu_rc;
	x->lun = e->lun;
	x->slice = e->slice;
	x->flags = e->flags;
	x->perm = e->flags & (CXLFLASH_HANDLE_READ | CXLFLASH_HANDLE_WRITE);
	x->physical = e->physical;
	if (e->slice) {
		if (unlikely(slice_is_dead(e->slice)))
			return SISL_AFU_RC_RHT_PERM;
		x->nr_blocks = slice_nr_blocks(e->slice);
		return 0;
	}
	x->nr_blocks = e->physical ? lun_nr_blocks(e->lun) :
		(u64)e->nr_chunks << (RHT_CHUNK_LG2 - e->lun->block_lg2);
	return 0;
}

/**
 * rht_translate() - where a block of a handle is
 * @ctx: context
 * @handle: number
 * @lba: block
 * @nr: how many of them are wanted
 * @pos: out: where it is in the LUN, in bytes
 * @contiguous: out: how many of them follow one another there; at least one
 *	if @nr is not 0
 * @unwritten: out: of a slice, all of these read as zero whatever is there, and
 *	the chunk of @lba wants slice_make_written() before a write to it
 *
 * Context: under rcu_read_lock().
 * Return: 0; as rht_lookup(); %SISL_AFU_RC_LXT_OUT_OF_BOUNDS if the handle does
 * not have the block.
 */
u8 rht_translate(struct cxlflash_ctx *ctx, u32 handle, u64 lba, u32 nr,
		 u64 *pos, u32 *contiguous, bool *unwritten)
{
	const struct rht_entry *e;
	unsigned int shift, lg2;
	u64 idx, last, room;
	u8 afu_rc;

	e = rht_find(ctx, handle, &afu_rc);
	if (unlikely(!e))
		return afu_rc;
	*unwritten = false;
	if (e->slice) {
		if (unlikely(slice_is_dead(e->slice)))
			return SISL_AFU_RC_RHT_PERM;
		return slice_translate(e->slice, lba, nr, pos, contiguous,
				       unwritten);
	}
	lg2 = e->lun->block_lg2;
	if (e->physical) {
		room = lun_nr_blocks(e->lun);
		if (lba >= room)
			return SISL_AFU_RC_LXT_OUT_OF_BOUNDS;
		*pos = lba << lg2;
		*contiguous = min_t(u64, nr, room - lba);
		return 0;
	}
	shift = RHT_CHUNK_LG2 - lg2;
	idx = lba >> shift;
	if (unlikely(idx >= e->nr_chunks))
		return SISL_AFU_RC_LXT_OUT_OF_BOUNDS;
	idx = array_index_nospec(idx, e->nr_chunks);
	lba &= BIT_ULL(shift) - 1;
	*pos = ((u64)e->chunk[idx] << RHT_CHUNK_LG2) + (lba << lg2);
	for (last = idx; nr > ((last - idx + 1) << shift) - lba; last++)
		if (last + 1 >= e->nr_chunks ||
		    e->chunk[last + 1] != e->chunk[last] + 1)
			break;
	*contiguous = min_t(u64, nr, ((last - idx + 1) << shift) - lba);
	return 0;
}

/* ------------------------------------------------------------ context */

/**
 * rht_nr_open() - how many handles are open
 * @ctx: context
 *
 * Context: any.
 * Return: that, which may have changed already
 */
unsigned int rht_nr_open(struct cxlflash_ctx *ctx)
{
	return READ_ONCE(ctx->rht->nr_open);
}

/**
 * rht_init() - a context without handles
 * @ctx: context
 *
 * Context: may sleep.
 * Return: 0; -ENOMEM.
 */
int rht_init(struct cxlflash_ctx *ctx)
{
	ctx->rht = kzalloc(sizeof(*ctx->rht), GFP_KERNEL);
	if (!ctx->rht)
		return -ENOMEM;
	INIT_LIST_HEAD(&ctx->rht->limbo);
	return 0;
}

/**
 * rht_destroy() - close all handles of a context that is over
 * @ctx: context without commands in flight; nobody uses its handles
 *
 * Nothing is scrubbed: how long that takes is not known.  What is secret is
 * cleared for its next owner.
 *
 * Context: may sleep, but not for the store.
 */
void rht_destroy(struct cxlflash_ctx *ctx)
{
	struct rht_entry *e, *next;
	struct rht_table *t;
	u32 handle;

	if (!ctx->rht)
		return;
	mutex_lock(&ctx->rht_lock);
	t = __rht_table(ctx);
	for (handle = 0; t && handle < t->nr; handle++) {
		e = __rht_entry(ctx, handle);
		if (!e)
			continue;
		RCU_INIT_POINTER(t->entry[handle], NULL);
		e->closed = true;
		list_add_tail(&e->limbo, &ctx->rht->limbo);
	}
	list_for_each_entry_safe(e, next, &ctx->rht->limbo, limbo) {
		rht_free_entry(ctx, e, false);
		cond_resched();
	}
	mutex_unlock(&ctx->rht_lock);
	kvfree(t);
	kfree(ctx->rht);
	ctx->rht = NULL;
}
