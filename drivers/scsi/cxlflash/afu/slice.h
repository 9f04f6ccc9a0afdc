/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Slices that are open, for those inside the AFU
 *
 * Locks: ctx->rht_lock > @lock > the table's > lun->lock; slices_lock and
 * @handles_lock are leaves, and so is @changed_lock but for what the opener's
 * callback takes, which is never held over store I/O.
 */
#ifndef CXLFLASH_AFU_SLICE_H
#define CXLFLASH_AFU_SLICE_H

#include <linux/atomic.h>
#include <linux/cxlflash_afu.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/uuid.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "storage.h"

/**
 * struct slice_map - where a slice is
 * @rcu: frees it
 * @nr_blocks: size
 * @nr_chunks: as many as @nr_blocks needs
 * @chunk: of the LUN, perhaps with TABLE_UNWRITTEN, which goes away once
 *
 * A slice that changes its size gets a new one.
 */
struct slice_map {
	struct rcu_head rcu;
	u64 nr_blocks;
	u32 nr_chunks;
	u32 chunk[];
};

/**
 * struct slice_handle - a handle that is a slice; part of the handle's entry
 * @node: in the slice's list
 * @ctx: whose handle; not referenced, but its end waits for slice_unlink()
 * @drain: the last slice_drain() that has seen to it
 */
struct slice_handle {
	struct list_head node;
	struct cxlflash_ctx *ctx;
	u32 drain;
};

/**
 * enum slice_resize - where a resize is
 * @SLICE_RESIZE_NONE: there is none
 * @SLICE_RESIZE_RUNS: the worker has it, and somebody waits for it
 * @SLICE_RESIZE_LEFT: the worker has it, nobody waits any more
 * @SLICE_RESIZE_DONE: who waits has not seen the result
 */
enum slice_resize {
	SLICE_RESIZE_NONE,
	SLICE_RESIZE_RUNS,
	SLICE_RESIZE_LEFT,
	SLICE_RESIZE_DONE,
};

/**
 * struct cxlflash_slice - a slice that is open
 * @ref: the opener's, one per handle, that of a resize
 * @node: in the list of those that are open
 * @lun: referenced
 * @block_lg2: of its block size
 * @uuid: its key in the table
 * @name: or empty
 * @wwid: NAA designator, made of @uuid
 * @created: by this opening
 * @dead: closed, or its LUN has gone; READ_ONCE(), set under slices_lock
 * @read_only: refuses writes; READ_ONCE()
 * @ua_generation: bumped when every initiator must hear of a change
 * @ua_code: ASC/ASCQ of the last change; READ_ONCE() after a load-acquire of
 *	@ua_generation
 * @map: where it is, RCU
 * @handles: struct slice_handle
 * @nr_drains: slice_drain() calls
 * @changed: the opener's, until it closes
 * @priv: the opener's
 * @resize: enum slice_resize
 * @resize_map: of the new size, while @resize runs
 * @resize_ret: the result, from SLICE_RESIZE_DONE on
 * @resize_work: does it
 * @wait: for changes of @resize and @let_go
 * @let_go: nobody waits for a resize any more; set once
 * @rcu: frees it
 */
struct cxlflash_slice {
	struct kref ref;
	struct list_head node;
	struct cxlflash_lun *lun;
	unsigned int block_lg2;
	uuid_t uuid;
	char name[CXLFLASH_SLICE_NAME_LEN];
	u8 wwid[AFU_WWID_LEN];
	bool created;
	bool dead;
	bool read_only;
	atomic_t ua_generation;
	u16 ua_code;
	/** @changed_lock: protects @changed, changes of @read_only */
	struct mutex changed_lock;
	/** @lock: protects changes of @map; over store I/O */
	struct mutex lock;
	struct slice_map __rcu *map;
	/** @handles_lock: protects @handles, @nr_drains; leaf */
	spinlock_t handles_lock;
	struct list_head handles;
	u32 nr_drains;
	void (*changed)(void *priv, unsigned int what);
	void *priv;
	atomic_t resize;
	struct slice_map *resize_map;
	int resize_ret;
	struct work_struct resize_work;
	wait_queue_head_t wait;
	bool let_go;
	struct rcu_head rcu;
};

static inline const u8 *slice_wwid(const struct cxlflash_slice *slice)
{
	return slice->wwid;
}

/* Writes get DATA PROTECT. */
static inline bool slice_is_read_only(const struct cxlflash_slice *slice)
{
	return READ_ONCE(slice->read_only);
}

/* Its LUN has gone, or its opener: there is nothing behind it any more. */
static inline bool slice_is_dead(const struct cxlflash_slice *slice)
{
	return READ_ONCE(slice->dead);
}

/*
 * Every initiator shall hear of a change, and nobody else; any context.  Of two
 * at the same time one code is told.
 */
static inline void slice_unit_attention(struct cxlflash_slice *slice,
					u16 asc_ascq)
{
	WRITE_ONCE(slice->ua_code, asc_ascq);
	/* A code at least as new; paired with load-acquires in disk.h. */
	atomic_inc_return_release(&slice->ua_generation);
}

/* slice.c */
void slice_put(struct cxlflash_slice *slice);
void slice_changed(struct cxlflash_slice *slice, unsigned int what,
		   u16 asc_ascq);
/* handles */
int slice_link(struct cxlflash_slice *slice, struct slice_handle *h,
	       struct cxlflash_ctx *ctx);
void slice_unlink(struct cxlflash_slice *slice, struct slice_handle *h);

/* LUNs */
void slice_kill(struct cxlflash_lun *lun);
void slice_kill_adapter(struct cxlflash_lun *lun, struct cxlflash_adapter *ad);
int slice_quiesce(struct cxlflash_lun *lun);
void slice_allow(struct cxlflash_lun *lun);
bool slice_is_open(struct cxlflash_lun *lun, const uuid_t *uuid);
int slice_delete(struct cxlflash_lun *lun, const uuid_t *uuid);
void slice_show(struct seq_file *m);

/* slice_map.c */
struct slice_map *slice_map_alloc(u64 nr_blocks, u32 nr_chunks);
u64 slice_nr_blocks(struct cxlflash_slice *slice);
u8 slice_translate(struct cxlflash_slice *slice, u64 lba, u32 nr, u64 *pos,
		   u32 *contiguous, bool *unwritten);
int slice_make_written(struct cxlflash_slice *slice, u32 chunk_index);
void slice_resize_init(struct cxlflash_slice *slice);
int slice_init(void);
void slice_exit(void);

#endif /* CXLFLASH_AFU_SLICE_H */
