// SPDX-License-Identifier: GPL-2.0-only
/*
 * A store on persistent memory
 *
 * The device is claimed twice: as a block device, so that nobody else mounts
 * it, and as a DAX device, which gives the addresses and tells us before they
 * go away.  A copy runs inside dax_read_lock(): the driver's removal marks us
 * dead and waits for that lock's readers before it takes the memory back.
 *
 * Writes go past the CPU's cache and are durable once the fence behind them
 * is through, unless the device says that this takes a flush of its own.
 *
 * Blocks that are known to be bad are not touched: -ENODATA for reads and
 * writes.  Zeroing goes through the block driver, which repairs them.
 */
#include <linux/badblocks.h>
#include <linux/blkdev.h>
#include <linux/dax.h>
#include <linux/file.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pfn_t.h>
#include <linux/slab.h>

#include "store.h"

/**
 * struct store_pmem - a store on persistent memory
 * @file: the block device, opened
 * @bdev: the block device
 * @dax: the DAX device, referenced and claimed
 * @kva: its first byte
 * @mapped: bytes there
 * @node: in store_pmems, while it may be told of failures
 * @dead: @kva is not valid any more; set once, read under dax_read_lock()
 */
struct store_pmem {
	struct file *file;
	struct block_device *bdev;
	struct dax_device *dax;
	void *kva;
	u64 mapped;
	struct list_head node;
	bool dead;
};

/* protects store_pmems */
static DEFINE_MUTEX(store_pmem_lock);
/*
 * All that are open.  Ending a DAX claim does not wait for a notification that
 * is under way; it looks here whether its holder still exists.
 */
static LIST_HEAD(store_pmems);

static void store_pmem_mark_dead(struct block_device *bdev, bool surprise)
{
	struct store_pmem *pm = bdev->bd_holder;

	lockdep_assert_held(&bdev->bd_holder_lock);
	WRITE_ONCE(pm->dead, true);
	/* The block layer wants the holder to drop it. */
	mutex_unlock(&bdev->bd_holder_lock);
}

static const struct blk_holder_ops store_pmem_holder_ops = {
	.mark_dead = store_pmem_mark_dead,
};

/*
 * Bad memory is found by those who read it.  What matters here is the end:
 * after this the caller waits for everybody inside dax_read_lock().
 */
static int store_pmem_notify_failure(struct dax_device *dax, u64 offset,
				     u64 len, int flags)
{
	struct store_pmem *pm;

	if (!(flags & MF_MEM_PRE_REMOVE))
		return 0;
	mutex_lock(&store_pmem_lock);
	list_for_each_entry(pm, &store_pmems, node)
		if (pm->dax == dax)
			WRITE_ONCE(pm->dead, true);
	mutex_unlock(&store_pmem_lock);
	return 0;
}

static const struct dax_holder_operations store_pmem_dax_ops = {
	.notify_failure = store_pmem_notify_failure,
};

static bool store_pmem_is_bad(struct store_pmem *pm, u64 pos, u64 len)
{
	struct badblocks *bb = pm->bdev->bd_disk->bb;
	sector_t start = get_start_sect(pm->bdev), first_bad;
	sector_t from = pos >> SECTOR_SHIFT;
	sector_t end = DIV_ROUND_UP_ULL(pos + len, SECTOR_SIZE);
	int nr_bad;

	if (!bb || !bb->count)
		return false;
	return badblocks_check(bb, start + from, end - from, &first_bad,
			       &nr_bad);
}

static int store_pmem_write(struct store_pmem *pm, u64 pos, const void *from,
			    u64 len)
{
	if (store_pmem_is_bad(pm, pos, len))
		return -ENODATA;
	memcpy_flushcache(pm->kva + pos, from, len);
	/* Before whatever tells anybody that it is done. */
	pmem_wmb();
	return 0;
}

static int store_pmem_read(struct store_pmem *pm, u64 pos, void *to, u64 len)
{
	if (store_pmem_is_bad(pm, pos, len))
		return -ENODATA;
	return copy_mc_to_kernel(to, pm->kva + pos, len) ? -ENODATA : 0;
}

static int store_pmem_copy(struct afu_store *st, u64 pos, void *kva, u64 len,
			   bool write)
{
	struct store_pmem *pm = st->priv;
	int id, ret;
	u64 part;

	ret = store_check(st, write ? AFU_IO_WRITE : AFU_IO_READ, pos, len);
	if (ret)
		return ret;
	id = dax_read_lock();
	if (READ_ONCE(pm->dead))
		ret = -ENOLINK;
	for (; len && !ret; pos += part, kva += part, len -= part) {
		/* Lengths of helpers are 32 bits. */
		part = min_t(u64, len, SZ_1M);
		ret = write ? store_pmem_write(pm, pos, kva, part) :
			      store_pmem_read(pm, pos, kva, part);
	}
	dax_read_unlock(id);
	return ret;
}

static void store_pmem_work(struct work_struct *work)
{
	struct afu_io *io = container_of(work, struct afu_io, work);
	struct store_pmem *pm = io->store->priv;
	unsigned int flags = store_noio_begin();
	int ret = 0;

	if (io->op == AFU_IO_ZERO)
		ret = blkdev_issue_zeroout(pm->bdev, io->pos >> SECTOR_SHIFT,
					   io->len >> SECTOR_SHIFT, GFP_NOIO,
					   0);
	if (!ret && (io->op == AFU_IO_FLUSH || io->fua ||
		     !io->store->write_cache))
		ret = blkdev_issue_flush(pm->bdev);
	store_end_io(io, ret);
	store_noio_end(flags);
}

static void store_pmem_defer(struct afu_io *io)
{
	INIT_WORK(&io->work, store_pmem_work);
	queue_work(store_wq, &io->work);
}

static void store_pmem_submit_rw(struct afu_io *io)
{
	struct store_pmem *pm = io->store->priv;
	int ret = store_copy_io(io);

	if (!ret && io->fua && io->op == AFU_IO_WRITE &&
	    !dax_synchronous(pm->dax)) {
		store_pmem_defer(io);
		return;
	}
	store_end_io(io, ret);
}

static void store_pmem_submit(struct afu_store *st, struct afu_io *io)
{
	int ret = store_check(st, io->op, io->pos, io->len);
	struct store_pmem *pm = st->priv;

	io->store = st;
	if (!ret && READ_ONCE(pm->dead))
		ret = -ENOLINK;
	if (ret) {
		store_end_io(io, ret);
		return;
	}
	switch (io->op) {
	case AFU_IO_READ:
	case AFU_IO_WRITE:
		store_pmem_submit_rw(io);
		break;
	case AFU_IO_FLUSH:
	case AFU_IO_ZERO:
		store_pmem_defer(io);
		break;
	case AFU_IO_UNMAP:
		store_end_io(io, -EOPNOTSUPP);
		break;
	}
}

static int store_pmem_set_size(struct afu_store *st, u64 size)
{
	struct store_pmem *pm = st->priv;

	if (!size)
		size = round_down(pm->mapped, st->block_size);
	if (size % st->block_size)
		return -EINVAL;
	if (size > pm->mapped)
		return -ENOSPC;
	WRITE_ONCE(st->size, size);
	return 0;
}

/*
 * All of it at consecutive addresses?  Asked for in recovery mode, the driver
 * stops at bad blocks but does not refuse.
 */
static int store_pmem_map(struct store_pmem *pm, u64 start)
{
	pgoff_t first = start >> PAGE_SHIFT;
	long nr = bdev_nr_bytes(pm->bdev) >> PAGE_SHIFT;
	long done, got = 0;
	int id, ret = 0;
	void *kva;

	id = dax_read_lock();
	for (done = 0; done < nr; done += got) {
		got = dax_direct_access(pm->dax, first + done, nr - done,
					DAX_RECOVERY_WRITE, &kva, NULL);
		if (got < 0) {
			ret = got;
			break;
		}
		if (!done)
			pm->kva = kva;
		if (kva != pm->kva + (done << PAGE_SHIFT)) {
			ret = -EOPNOTSUPP;
			break;
		}
	}
	dax_read_unlock(id);
	pm->mapped = (u64)nr << PAGE_SHIFT;
	return ret;
}

static void store_pmem_unclaim(struct store_pmem *pm)
{
	mutex_lock(&store_pmem_lock);
	list_del(&pm->node);
	mutex_unlock(&store_pmem_lock);
	fs_put_dax(pm->dax, pm);
}

static int store_pmem_claim(struct store_pmem *pm,
			    const struct afu_store_params *p)
{
	u64 start;
	int ret;

	if (!blk_queue_dax(bdev_get_queue(pm->bdev)))
		return -EOPNOTSUPP;
	pm->dax = fs_dax_get_by_bdev(pm->bdev, &start, pm, &store_pmem_dax_ops);
	/* Claimed through another partition, or an end that is off a page. */
	if (!pm->dax)
		return -EBUSY;
	ret = -EOPNOTSUPP;
	if (!p->write_cache && !dax_synchronous(pm->dax))
		goto err_put_dax;
	mutex_lock(&store_pmem_lock);
	list_add(&pm->node, &store_pmems);
	mutex_unlock(&store_pmem_lock);
	/* Now it is told of a removal; one before this makes it fail. */
	ret = store_pmem_map(pm, start);
	if (ret)
		goto err_unclaim;
	return 0;

err_unclaim:
	store_pmem_unclaim(pm);
	return ret;
err_put_dax:
	fs_put_dax(pm->dax, pm);
	return ret;
}

static int store_pmem_open(struct afu_store *st,
			   const struct afu_store_params *p)
{
	blk_mode_t mode = BLK_OPEN_READ;
	struct store_pmem *pm;
	int ret;

	if (*p->path != '/')
		return -EINVAL;
	pm = kzalloc(sizeof(*pm), GFP_KERNEL);
	if (!pm)
		return -ENOMEM;
	if (!p->read_only)
		mode |= BLK_OPEN_WRITE;
	pm->file = bdev_file_open_by_path(p->path, mode, pm,
					  &store_pmem_holder_ops);
	if (IS_ERR(pm->file)) {
		ret = PTR_ERR(pm->file);
		goto err_free_pm;
	}
	pm->bdev = file_bdev(pm->file);
	st->priv = pm;
	st->flags = STORE_MEMORY;
	ret = sync_blockdev(pm->bdev);
	if (ret)
		goto err_put_file;
	invalidate_bdev(pm->bdev);
	ret = store_pmem_claim(pm, p);
	if (ret)
		goto err_put_file;
	ret = store_pmem_set_size(st, p->size);
	if (ret)
		goto err_unclaim;
	return 0;

err_unclaim:
	store_pmem_unclaim(pm);
err_put_file:
	bdev_fput(pm->file);
err_free_pm:
	kfree(pm);
	return ret;
}

static void store_pmem_close(struct afu_store *st)
{
	struct store_pmem *pm = st->priv;

	store_pmem_unclaim(pm);
	bdev_fput(pm->file);
	kfree(pm);
}

/* The mapping was made for what the device was; more needs a new store. */
static int store_pmem_resize(struct afu_store *st, u64 size)
{
	struct store_pmem *pm = st->priv;

	if (READ_ONCE(pm->dead))
		return -ENOLINK;
	return store_pmem_set_size(st, size);
}

const struct afu_store_ops store_pmem_ops = {
	.name = "pmem",
	.needs_path = true,
	.open = store_pmem_open,
	.close = store_pmem_close,
	.resize = store_pmem_resize,
	.copy = store_pmem_copy,
	.submit = store_pmem_submit,
};
