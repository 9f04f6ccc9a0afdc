/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What holds the data: stores, and the LUNs made of them
 *
 * Part of afu.h, which has the picture and the order of the locks.
 */
#ifndef CXLFLASH_AFU_STORAGE_H
#define CXLFLASH_AFU_STORAGE_H

#include <linux/bio.h>
#include <linux/completion.h>
#include <linux/cxlflash_afu.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/percpu-refcount.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#define AFU_WWID_LEN		16
#define AFU_NAME_LEN		32

/* ------------------------------------------------------------- stores */

/**
 * enum afu_io_op - what a store is asked for
 * @AFU_IO_READ: fill the vectors
 * @AFU_IO_WRITE: store the vectors
 * @AFU_IO_FLUSH: all that was acknowledged becomes durable
 * @AFU_IO_ZERO: the range reads as zero afterwards; may unmap
 * @AFU_IO_UNMAP: the range's content is given up; must read as zero if the
 *	store says @STORE_UNMAP_ZEROES
 */
enum afu_io_op {
	AFU_IO_READ,
	AFU_IO_WRITE,
	AFU_IO_FLUSH,
	AFU_IO_ZERO,
	AFU_IO_UNMAP,
};

/**
 * struct afu_io - one request to a store; part of a command slot
 * @op: what
 * @fua: a write is durable before it is done
 * @pos: first byte
 * @len: bytes; the vectors hold as many
 * @bv: vectors, the caller's until @done
 * @nr_bv: how many
 * @error: 0 or an errno, valid in @done: -EIO, -ENOSPC, -EOPNOTSUPP,
 *	-ENODATA (medium), -ETIMEDOUT, -ENOLINK (path), -EROFS
 * @done: any context, also hard irq, also before submit returns; called once
 * @bio: for stores that submit one (bio_init() with @bv)
 * @iocb: for stores that use files
 * @iocb_refs: who still looks at @iocb: its submitter, its completion
 * @iocb_ret: what it came to
 * @work: for stores that sleep; the store's while it is submitted
 * @store: the store it was submitted to
 */
struct afu_io {
	enum afu_io_op op;
	bool fua;
	u64 pos;
	u64 len;
	struct bio_vec *bv;
	unsigned int nr_bv;
	int error;
	void (*done)(struct afu_io *io);
	union {
		struct bio bio;
		struct {
			struct kiocb iocb;
			atomic_t iocb_refs;
			long iocb_ret;
		};
	};
	struct work_struct work;
	struct afu_store *store;
};

/* Flags of a store. */
#define STORE_MEMORY		BIT(0)	/* ->copy() works, in any context */
#define STORE_UNMAP		BIT(1)	/* AFU_IO_UNMAP saves space */
#define STORE_UNMAP_ZEROES	BIT(2)	/* and reads as zero then */
#define STORE_FAST_ZERO		BIT(3)	/* AFU_IO_ZERO writes no data blocks */
#define STORE_DATALESS		BIT(4)	/* null: reads as zero, keeps nothing */

/**
 * struct afu_store_params - how a store is opened
 * @path: of the file or device; empty for those that have none
 * @size: bytes; 0: what the backing has (file, block, pmem)
 * @block_size: bytes
 * @read_only: no write will come
 * @write_cache: acknowledge writes before they are durable
 */
struct afu_store_params {
	const char *path;
	u64 size;
	u32 block_size;
	bool read_only;
	bool write_cache;
};

/**
 * struct afu_store - an open store
 * @ops: of its kind
 * @flags: STORE_*, set by @open
 * @size: bytes, set by @open and @resize
 * @block_size: of the LUN
 * @write_cache: as in the parameters
 * @unmap_granularity: bytes
 * @priv: the kind's
 */
struct afu_store {
	const struct afu_store_ops *ops;
	unsigned int flags;
	u64 size;
	u32 block_size;
	bool write_cache;
	u32 unmap_granularity;
	void *priv;
};

/**
 * struct afu_store_ops - a kind of store
 * @name: in configfs
 * @needs_path: must have a path
 * @open: may sleep. Return: 0 or an errno that names what is wrong
 * @close: no I/O is in flight; may sleep; never fails
 * @resize: to @size bytes (0: look at the backing again); may sleep
 * @copy: STORE_MEMORY: copy between @pos and @kva at once, any context but
 *	hard irq; with @write and fua semantics of the store (a write that
 *	returned is as durable as a flushed one, or AFU_IO_FLUSH does it).
 *	Return: 0, -EIO, -ENODATA, -ENOLINK, -ENOMEM (@submit waits for memory
 *	instead)
 * @submit: any I/O; may sleep if @submit_sleeps, then only workers call it;
 *	ends in io->done()
 * @submit_sleeps: see @submit
 */
struct afu_store_ops {
	const char *name;
	bool needs_path;
	bool submit_sleeps;
	int (*open)(struct afu_store *st, const struct afu_store_params *p);
	void (*close)(struct afu_store *st);
	int (*resize)(struct afu_store *st, u64 size);
	int (*copy)(struct afu_store *st, u64 pos, void *kva, u64 len,
		    bool write);
	void (*submit)(struct afu_store *st, struct afu_io *io);
};

extern const struct afu_store_ops store_ram_ops, store_file_ops,
	store_block_ops, store_pmem_ops, store_null_ops, store_record_ops;

/* store.c */
const struct afu_store_ops *store_find(const char *name);
struct afu_store *store_open(const char *kind,
			     const struct afu_store_params *p);
void store_close(struct afu_store *st);
/* Synchronous I/O for chunk.c and table.c: a kernel buffer, in a worker. */
int store_rw_sync(struct afu_store *st, enum afu_io_op op, u64 pos, void *buf,
		  u64 len, bool fua);
int store_flush_sync(struct afu_store *st);
/* Whole range reads as zero afterwards, by the cheapest way that is sure. */
int store_zero_sync(struct afu_store *st, u64 pos, u64 len);
int store_init(void);
void store_exit(void);
/* For stores that sleep: WQ_MEM_RECLAIM, run PF_MEMALLOC_NOIO. */
extern struct workqueue_struct *store_wq;

/* --------------------------------------------------------------- LUNs */

/**
 * enum lun_use - what a LUN's chunks are used for
 * @LUN_UNUSED: nothing yet
 * @LUN_PHYSICAL: whole
 * @LUN_VIRTUAL: by chunks
 */
enum lun_use {
	LUN_UNUSED,
	LUN_PHYSICAL,
	LUN_VIRTUAL,
};

struct chunk_map;
struct lun_table;
struct disk_reservation;

/**
 * struct cxlflash_lun - a store seen as a disk
 * @name: in configfs
 * @wwid: NAA designator, 16 bytes, binary; the same LUN has the same
 * @ref: of the structure
 * @io_ref: commands that use it; killed to revoke it
 * @drained: when @io_ref is gone
 * @lock: protects what is configured, use, table; outside RHT locks
 * @store: while enabled
 * @block_lg2: of the block size
 * @nr_blocks: capacity; READ_ONCE(), grows live
 * @read_only: writes get DATA PROTECT
 * @write_cache: WCE
 * @secret: freed chunks are cleared before their next owner reads them
 * @formatted: has a slice table: refuses handles and plain commands
 * @gone: revoked; RCU readers see it before @io_ref dies
 * @no_slices: none is opened, as it is being deactivated (slice.c)
 * @use: and how many users
 * @nr_users: handles
 * @chunks: allocator, made when first needed
 * @table: of a formatted LUN while it is active
 * @resv_lock: protects @resv, the pending unit attentions
 * @resv: persistent reservations
 * @ua_generation: bumped when every initiator must hear of a change
 * @ua_code: ASC/ASCQ of the last change
 * @rcu: frees it
 */
struct cxlflash_lun {
	char name[AFU_NAME_LEN];
	u8 wwid[AFU_WWID_LEN];
	struct kref ref;
	struct percpu_ref io_ref;
	struct completion drained;
	/** @lock: protects configuration, @use, @nr_users, @chunks, @table */
	struct mutex lock;
	struct afu_store *store;
	unsigned int block_lg2;
	u64 nr_blocks;
	bool read_only;
	bool write_cache;
	bool secret;
	bool formatted;
	bool gone;
	bool no_slices;
	enum lun_use use;
	unsigned int nr_users;
	struct chunk_map *chunks;
	struct lun_table *table;
	/** @resv_lock: protects @resv; irqs off, below BUSY, above ctx->lock */
	spinlock_t resv_lock;
	struct disk_reservation *resv;
	atomic_t ua_generation;
	u16 ua_code;
	struct rcu_head rcu;
};

/* lun.c */
struct cxlflash_lun *lun_create(const char *name);	/* disabled */
int lun_enable(struct cxlflash_lun *lun, const char *kind,
	       const struct afu_store_params *p);
/* Revoke: commands drained for at most @grace, the rest orphaned. */
void lun_disable(struct cxlflash_lun *lun);
int lun_resize(struct cxlflash_lun *lun, u64 bytes);
int lun_set_read_only(struct cxlflash_lun *lun, bool read_only);
bool lun_tryget_io(struct cxlflash_lun *lun);
void lun_put_io(struct cxlflash_lun *lun);
struct cxlflash_lun *lun_get(struct cxlflash_lun *lun);
void lun_unit_attention(struct cxlflash_lun *lun, u16 asc_ascq);
/* Has another LUN that is active a slice of that name? */
bool lun_others_have_slice(struct cxlflash_lun *lun, const uuid_t *uuid);
int lun_use_get(struct cxlflash_lun *lun, enum lun_use use);
void lun_use_put(struct cxlflash_lun *lun);
/* Parse and print 32 hex digits. */
int lun_parse_wwid(const char *text, u8 wwid[AFU_WWID_LEN]);
int lun_init(void);
void lun_exit(void);
static inline u64 lun_nr_blocks(struct cxlflash_lun *lun)
{
	return READ_ONCE(lun->nr_blocks);
}

/* chunk.c: pure but for chunk_clear(); tested on the host */
struct chunk_map *chunk_map_create(u64 nr_chunks);
void chunk_map_destroy(struct chunk_map *map);
int chunk_map_grow(struct chunk_map *map, u64 nr_chunks);
u64 chunk_map_free(struct chunk_map *map);	/* how many are free */
/* -ENOSPC without any; what comes out must be cleared if *@dirty. */
int chunk_alloc(struct chunk_map *map, u32 *chunk, bool *dirty);
int chunk_reserve(struct chunk_map *map, u32 chunk);	/* from a table */
int chunk_get(struct chunk_map *map, u32 chunk);	/* clone: -EIO at 255 */
void chunk_put(struct chunk_map *map, u32 chunk, bool dirty);
/* Worker: make a dirty chunk of @lun read as zero, unless not secret. */
int chunk_clear(struct cxlflash_lun *lun, u32 chunk);

/* table.c: the slice table of a formatted LUN (chunk 0) */
int table_format(struct cxlflash_lun *lun, bool force);
int table_probe(struct cxlflash_lun *lun);	/* sets lun->formatted */
int table_activate(struct cxlflash_lun *lun);
int table_take_over(struct cxlflash_lun *lun);	/* from whatever owner */
void table_deactivate(struct cxlflash_lun *lun);
ssize_t table_show(struct cxlflash_lun *lun, char *buf, size_t size,
		   bool (*is_open)(struct cxlflash_lun *lun,
				   const uuid_t *uuid));

#endif /* CXLFLASH_AFU_STORAGE_H */
