// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stores: where the bytes of a LUN are
 *
 * A kind of store is a table of operations.  What it promises:
 *
 * - A read returns what was written last; before that, zeroes or what the
 *   backing had.
 * - Without a write cache every write is durable when it is done; with one,
 *   those with @fua are, and all that were done before an AFU_IO_FLUSH.
 * - Vectors may have any alignment.  What the backing cannot do in place goes
 *   through a bounce buffer from a pool, so that it works without free memory.
 * - An errno is one of those that struct afu_io lists.
 *
 * A store checks positions against its size, so that no caller's mistake
 * reaches the backing.
 */
#include <linux/completion.h>
#include <linux/mempool.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "store.h"

/* Nothing smaller is useful as a disk. */
#define STORE_MIN_SIZE		SZ_1M
#define STORE_MAX_SIZE		BIT_ULL(60)
/* What store_zero_sync() asks for at a time. */
#define STORE_ZERO_PIECE	SZ_64M
#define STORE_PF_FLAGS		(PF_MEMALLOC_NOIO | PF_LOCAL_THROTTLE)

static const struct afu_store_ops *const store_kinds[] = {
	&store_ram_ops,
	&store_file_ops,
	&store_block_ops,
	&store_pmem_ops,
	&store_null_ops,
	&store_record_ops,
};

/**
 * struct store_sync - a request that somebody waits for
 * @io: the request
 * @done: it is back
 * @bv: its vectors
 */
struct store_sync {
	struct afu_io io;
	struct completion done;
	struct bio_vec bv[AFU_CMD_BVECS];
};

/**
 * struct store_buffer - memory that any backing can reach
 * @page: each
 * @bv: a vector for each
 */
struct store_buffer {
	struct page *page[STORE_BOUNCE_PAGES];
	struct bio_vec bv[STORE_BOUNCE_PAGES];
};

struct workqueue_struct *store_wq;
static mempool_t *store_sync_pool;

/**
 * store_errno() - one of the errnos that requests end with
 * @error: 0 or any errno
 *
 * File systems and drivers return what they like; what becomes of it is sense
 * data, of which there are fewer kinds.
 *
 * Context: Any.
 * Return: 0, -EIO, -ENOSPC, -EOPNOTSUPP, -ENODATA, -ETIMEDOUT, -ENOLINK,
 * -EROFS or -ENOMEM.
 */
int store_errno(int error)
{
	switch (error) {
	case 0:
	case -ENOSPC:
	case -EOPNOTSUPP:
	case -ENODATA:
	case -ETIMEDOUT:
	case -ENOLINK:
	case -EROFS:
	case -ENOMEM:
		return error;
	case -EDQUOT:
	case -EFBIG:
		return -ENOSPC;
	case -EHWPOISON:
		return -ENODATA;
	case -ETIME:
		return -ETIMEDOUT;
	case -ENODEV:
	case -ENXIO:
	case -ESTALE:
	case -ESHUTDOWN:
		return -ENOLINK;
	case -EPERM:
	case -EACCES:
	case -ETXTBSY:
		return -EROFS;
	default:
		return -EIO;
	}
}

/**
 * store_end_io() - a request is done
 * @io: the request; the caller's again afterwards
 * @error: 0 or any errno
 *
 * Context: Any, also hard irq.
 */
void store_end_io(struct afu_io *io, int error)
{
	io->error = store_errno(error);
	io->done(io);
}

/**
 * store_check() - may a store be asked for this?
 * @st: the store
 * @op: what
 * @pos: first byte; a flush has none
 * @len: bytes
 *
 * Context: Any.
 * Return: 0, -EIO (not all of it lies in the store), -EROFS.
 */
int store_check(const struct afu_store *st, enum afu_io_op op, u64 pos, u64 len)
{
	u64 size = READ_ONCE(st->size);

	if (op == AFU_IO_FLUSH)
		return 0;
	if (len > size || pos > size - len)
		return -EIO;
	if (op != AFU_IO_READ && st->flags & STORE_READ_ONLY)
		return -EROFS;
	return 0;
}

/**
 * store_io_is_aligned() - can a backing use the vectors as they are?
 * @io: the request
 * @offset_mask: bits that must be clear in addresses
 * @len_mask: bits that must be clear in lengths
 *
 * Context: Any.
 * Return: true if it can.
 */
bool store_io_is_aligned(const struct afu_io *io, u32 offset_mask, u32 len_mask)
{
	unsigned int i;

	for (i = 0; i < io->nr_bv; i++)
		if (io->bv[i].bv_offset & offset_mask ||
		    io->bv[i].bv_len & len_mask)
			return false;
	return true;
}

/**
 * store_noio_begin() - from here on, allocations start no I/O
 *
 * What a store writes is often what memory is waiting for: it must neither
 * wait for memory that needs I/O, nor be throttled for the dirty pages of
 * those whose I/O it is.
 *
 * Context: A task.
 * Return: what store_noio_end() needs.
 */
unsigned int store_noio_begin(void)
{
	unsigned int flags = current->flags;

	current->flags |= STORE_PF_FLAGS;
	return flags;
}

/**
 * store_noio_end() - undo store_noio_begin()
 * @flags: what it returned
 *
 * Context: The same task.
 */
void store_noio_end(unsigned int flags)
{
	current_restore_flags(flags, STORE_PF_FLAGS);
}

/**
 * store_wq_create() - workers of one store
 * @kind: for the name
 *
 * Each store that can hang has its own, so that it hangs alone.
 *
 * Context: May sleep.
 * Return: the queue or NULL.
 */
struct workqueue_struct *store_wq_create(const char *kind)
{
	return alloc_workqueue("cxlflash_%s", WQ_MEM_RECLAIM | WQ_UNBOUND, 0,
			       kind);
}

static void store_buffer_free(void *element, void *data)
{
	struct store_buffer *buf = element;
	unsigned int i;

	for (i = 0; i < STORE_BOUNCE_PAGES; i++)
		if (buf->page[i])
			__free_page(buf->page[i]);
	kfree(buf);
}

static void *store_buffer_alloc(gfp_t gfp, void *data)
{
	struct store_buffer *buf = kzalloc(sizeof(*buf), gfp);
	unsigned int i;

	if (!buf)
		return NULL;
	for (i = 0; i < STORE_BOUNCE_PAGES; i++) {
		buf->page[i] = alloc_page(gfp);
		if (!buf->page[i])
			goto err_free_buf;
	}
	return buf;

err_free_buf:
	store_buffer_free(buf, NULL);
	return NULL;
}

/**
 * store_bounce_pool_create() - bounce buffers of one store
 *
 * One is set aside, so that there is progress without free memory.  Each store
 * has its own pool: one that hangs keeps no other's buffer.
 *
 * Context: May sleep.
 * Return: the pool, for mempool_destroy(), or NULL.
 */
mempool_t *store_bounce_pool_create(void)
{
	return mempool_create(1, store_buffer_alloc, store_buffer_free, NULL);
}

/* Fill vectors for @len bytes; returns how many. */
static unsigned int store_buffer_map(struct store_buffer *buf, u32 len)
{
	unsigned int i;

	for (i = 0; len; i++) {
		u32 part = min_t(u32, len, PAGE_SIZE);

		bvec_set_page(&buf->bv[i], buf->page[i], part, 0);
		len -= part;
	}
	return i;
}

/* Between the buffer's vectors and the owner's. */
static int store_buffer_copy(struct store_buffer *buf, unsigned int nr,
			     struct iov_iter *owner, bool to_buffer)
{
	unsigned int i;
	size_t copied;

	for (i = 0; i < nr; i++) {
		void *kva = page_address(buf->page[i]);
		u32 len = buf->bv[i].bv_len;

		copied = to_buffer ? copy_from_iter(kva, len, owner) :
				     copy_to_iter(kva, len, owner);
		if (copied != len)
			return -EIO;
	}
	return 0;
}

/**
 * store_bounce() - do a read or write whose memory does not suit
 * @io: the request
 * @pool: the store's own
 * @move: moves a piece of at most STORE_BOUNCE_PAGES pages and waits for it
 *
 * Context: A worker; sleeps.
 * Return: 0 or an errno, for store_end_io().
 */
int store_bounce(struct afu_io *io, mempool_t *pool, store_bounce_fn move)
{
	bool write = io->op == AFU_IO_WRITE;
	struct store_buffer *buf;
	struct iov_iter owner;
	unsigned int nr;
	int ret = 0;
	u64 off;
	u32 len;

	buf = mempool_alloc(pool, GFP_NOIO);
	iov_iter_bvec(&owner, write ? ITER_SOURCE : ITER_DEST, io->bv,
		      io->nr_bv, io->len);
	for (off = 0; off < io->len && !ret; off += len) {
		len = min_t(u64, io->len - off, STORE_BOUNCE_PAGES * PAGE_SIZE);
		nr = store_buffer_map(buf, len);
		if (write)
			ret = store_buffer_copy(buf, nr, &owner, true);
		if (!ret)
			ret = move(io, buf->bv, nr, io->pos + off, len);
		if (!ret && !write)
			ret = store_buffer_copy(buf, nr, &owner, false);
	}
	mempool_free(buf, pool);
	return ret;
}

/**
 * store_copy_io() - do a read or write of a store that is memory
 * @io: the request, submitted to a store with ->copy()
 *
 * Context: As ->copy().
 * Return: 0 or an errno, for store_end_io().
 */
int store_copy_io(struct afu_io *io)
{
	struct afu_store *st = io->store;
	u64 pos = io->pos;
	unsigned int i;
	int ret;

	for (i = 0; i < io->nr_bv; i++) {
		ret = st->ops->copy(st, pos, bvec_virt(&io->bv[i]),
				    io->bv[i].bv_len, io->op == AFU_IO_WRITE);
		if (ret)
			return ret;
		pos += io->bv[i].bv_len;
	}
	return 0;
}

/**
 * store_find() - a kind of store
 * @name: in configfs
 *
 * Context: Any.
 * Return: its operations, or NULL.
 */
const struct afu_store_ops *store_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(store_kinds); i++)
		if (!strcmp(store_kinds[i]->name, name))
			return store_kinds[i];
	return NULL;
}

static int store_check_params(const struct afu_store_ops *ops,
			      const struct afu_store_params *p)
{
	if (p->block_size != 512 && p->block_size != 4096)
		return -EINVAL;
	if (ops->needs_path && (!p->path || !*p->path))
		return -EINVAL;
	if (!p->size)
		return 0;
	if (p->size % p->block_size || p->size < STORE_MIN_SIZE)
		return -EINVAL;
	return p->size > STORE_MAX_SIZE ? -EFBIG : 0;
}

/* What a kind's open() or resize() has found is the backing's business. */
static int store_check_size(const struct afu_store *st)
{
	if (st->size > STORE_MAX_SIZE)
		return -EFBIG;
	return st->size < STORE_MIN_SIZE ? -EINVAL : 0;
}

/**
 * store_open() - open a store
 * @kind: which kind
 * @p: how
 *
 * Context: May sleep.
 * Return: the store, or an ERR_PTR: -ENOENT (no such kind, no such path),
 * -EINVAL (size, block size, path, or a backing of the wrong sort), -EFBIG
 * (larger than a store can be), -ENOSPC (larger than the backing), -EBUSY
 * (used by somebody else), -ETXTBSY (in use as swap), -EROFS or -EACCES (not
 * writable), -EOPNOTSUPP (the backing cannot do it), -EEXIST (a recording of
 * that name), -ENOMEM, and what opening the path says.
 */
struct afu_store *store_open(const char *kind, const struct afu_store_params *p)
{
	const struct afu_store_ops *ops = store_find(kind);
	struct afu_store *st;
	int ret;

	if (!ops)
		return ERR_PTR(-ENOENT);
	ret = store_check_params(ops, p);
	if (ret)
		return ERR_PTR(ret);
	st = kzalloc(sizeof(*st), GFP_KERNEL);
	if (!st)
		return ERR_PTR(-ENOMEM);
	st->ops = ops;
	st->block_size = p->block_size;
	st->write_cache = p->write_cache;
	st->unmap_granularity = p->block_size;
	ret = ops->open(st, p);
	if (ret)
		goto err_free_store;
	if (p->read_only)
		st->flags |= STORE_READ_ONLY;
	ret = store_check_size(st);
	if (ret)
		goto err_close;
	return st;

err_close:
	ops->close(st);
err_free_store:
	kfree(st);
	return ERR_PTR(ret);
}

/**
 * store_close() - close a store
 * @st: the store; no request to it is in flight
 *
 * Context: May sleep.
 */
void store_close(struct afu_store *st)
{
	st->ops->close(st);
	kfree(st);
}

static void store_sync_done(struct afu_io *io)
{
	complete(&container_of(io, struct store_sync, io)->done);
}

/* Submit and wait; a fatal signal does not end it: the store has our memory. */
static int store_sync_run(struct afu_store *st, struct store_sync *sync)
{
	init_completion(&sync->done);
	sync->io.done = store_sync_done;
	st->ops->submit(st, &sync->io);
	wait_for_completion_io(&sync->done);
	return sync->io.error;
}

static int store_op_sync(struct afu_store *st, enum afu_io_op op, u64 pos,
			 u64 len)
{
	struct store_sync *sync = mempool_alloc(store_sync_pool, GFP_NOIO);
	int ret;

	sync->io = (struct afu_io){ .op = op, .pos = pos, .len = len };
	ret = store_sync_run(st, sync);
	mempool_free(sync, store_sync_pool);
	return ret;
}

/*
 * Vectors for as much of @buf as fits for sure; NULL: zeroes.  Returns bytes:
 * whole blocks, although @buf may begin anywhere in a page.
 */
static u64 store_sync_map(struct store_sync *sync, void *buf, u64 len)
{
	struct page *page = ZERO_PAGE(0);
	unsigned int offset = 0, i;
	u64 mapped = 0;

	len = min_t(u64, len, (AFU_CMD_BVECS - 1) * PAGE_SIZE);
	for (i = 0; mapped < len; i++) {
		u32 part;

		if (buf) {
			offset = offset_in_page(buf + mapped);
			page = is_vmalloc_addr(buf) ?
			       vmalloc_to_page(buf + mapped) :
			       virt_to_page(buf + mapped);
		}
		part = min_t(u64, len - mapped, PAGE_SIZE - offset);
		bvec_set_page(&sync->bv[i], page, part, offset);
		mapped += part;
	}
	sync->io.nr_bv = i;
	return mapped;
}

static int store_copy_sync(struct afu_store *st, enum afu_io_op op, u64 pos,
			   void *buf, u64 len)
{
	/* Reads of such a store leave the buffer as it is. */
	if (op == AFU_IO_READ && st->flags & STORE_DATALESS)
		memset(buf, 0, len);
	return st->ops->copy(st, pos, buf, len, op == AFU_IO_WRITE);
}

/**
 * store_rw_sync() - read or write and wait
 * @st: the store
 * @op: AFU_IO_READ or AFU_IO_WRITE
 * @pos: first byte, a multiple of the block size
 * @buf: kernel memory, also vmalloc'ed; NULL for a write: zeroes
 * @len: bytes, a multiple of the block size
 * @fua: durable when it returns
 *
 * Context: A task that may wait for storage.  Fatal signals do not end it.
 * Return: 0, or an errno as in struct afu_io.
 */
int store_rw_sync(struct afu_store *st, enum afu_io_op op, u64 pos, void *buf,
		  u64 len, bool fua)
{
	struct store_sync *sync;
	int ret = 0;
	u64 part;

	if (st->flags & STORE_MEMORY && buf) {
		ret = store_copy_sync(st, op, pos, buf, len);
		if (!ret && fua && op == AFU_IO_WRITE && st->write_cache)
			ret = store_flush_sync(st);
		if (ret != -ENOMEM)
			return ret;
	}
	sync = mempool_alloc(store_sync_pool, GFP_NOIO);
	for (ret = 0; len && !ret; len -= part) {
		sync->io = (struct afu_io){ .op = op, .fua = fua, .pos = pos };
		part = store_sync_map(sync, buf, len);
		sync->io.len = part;
		sync->io.bv = sync->bv;
		ret = store_sync_run(st, sync);
		pos += part;
		if (buf)
			buf += part;
		cond_resched();
	}
	mempool_free(sync, store_sync_pool);
	return ret;
}

/**
 * store_flush_sync() - make durable what has been written, and wait
 * @st: the store
 *
 * Context: As store_rw_sync().
 * Return: 0, or an errno as in struct afu_io.
 */
int store_flush_sync(struct afu_store *st)
{
	return store_op_sync(st, AFU_IO_FLUSH, 0, 0);
}

/**
 * store_zero_sync() - make a range read as zero, and wait
 * @st: the store
 * @pos: first byte, a multiple of the block size
 * @len: bytes, a multiple of the block size
 *
 * By what the store finds cheapest, as far as that is sure; without a word
 * about durability: flush afterwards.
 *
 * Context: As store_rw_sync(); takes long if the store has to write.
 * Return: 0, or an errno as in struct afu_io.
 */
int store_zero_sync(struct afu_store *st, u64 pos, u64 len)
{
	bool write = false;
	int ret = 0;
	u64 part;

	for (; len && !ret; pos += part, len -= part) {
		part = min_t(u64, len, STORE_ZERO_PIECE);
		if (!write)
			ret = store_op_sync(st, AFU_IO_ZERO, pos, part);
		if (ret == -EOPNOTSUPP)
			write = true;
		if (write)
			ret = store_rw_sync(st, AFU_IO_WRITE, pos, NULL, part,
					    false);
		cond_resched();
	}
	return ret;
}

/**
 * store_init() - before any store is opened
 *
 * Context: Module init.
 * Return: 0 or -ENOMEM.
 */
int store_init(void)
{
	store_wq = store_wq_create("store");
	if (!store_wq)
		return -ENOMEM;
	store_sync_pool =
		mempool_create_kmalloc_pool(2, sizeof(struct store_sync));
	if (!store_sync_pool)
		goto err_destroy_wq;
	store_record_init();
	return 0;

err_destroy_wq:
	destroy_workqueue(store_wq);
	return -ENOMEM;
}

/**
 * store_exit() - after all stores are closed
 *
 * Context: Module exit.
 */
void store_exit(void)
{
	store_record_exit();
	mempool_destroy(store_sync_pool);
	destroy_workqueue(store_wq);
	/* For the RAM store's freed pages: their callbacks are our code. */
	rcu_barrier();
}
