// SPDX-License-Identifier: GPL-2.0-only
/*
 * A store on a block device
 *
 * A read, write or flush is one bio, which is a member of the request, on the
 * vectors of the request: nothing is allocated, and splitting is the block
 * layer's business.  Reads and writes are first tried without waiting (for a
 * tag, mostly), because who submits is an engine that serves others too; what
 * would have had to wait is submitted again by a worker, and so is what comes
 * from where nothing may sleep.  Workers also do what waits by its nature:
 * discard, zeroing, and memory that the device cannot reach as it is.
 *
 * The device is opened exclusively.  When it vanishes, the block layer tells
 * us, and from then on every request ends in -ENOLINK.
 */
#include <linux/blkdev.h>
#include <linux/file.h>
#include <linux/slab.h>

#include "store.h"

/**
 * struct store_blk - a store on a block device
 * @file: the device, opened
 * @bdev: the device
 * @wq: workers
 * @pool: bounce buffers
 * @offset_mask: bits that must be clear in addresses
 * @len_mask: bits that must be clear in lengths of vectors
 * @dead: the device is gone; set once
 */
struct store_blk {
	struct file *file;
	struct block_device *bdev;
	struct workqueue_struct *wq;
	mempool_t *pool;
	u32 offset_mask;
	u32 len_mask;
	bool dead;
};

static void store_blk_mark_dead(struct block_device *bdev, bool surprise)
{
	struct store_blk *bs = bdev->bd_holder;

	lockdep_assert_held(&bdev->bd_holder_lock);
	WRITE_ONCE(bs->dead, true);
	/* The block layer wants the holder to drop it. */
	mutex_unlock(&bdev->bd_holder_lock);
}

static const struct blk_holder_ops store_blk_holder_ops = {
	.mark_dead = store_blk_mark_dead,
};

static blk_opf_t store_blk_opf(const struct afu_io *io)
{
	blk_opf_t opf;

	switch (io->op) {
	case AFU_IO_READ:
		return REQ_OP_READ;
	case AFU_IO_FLUSH:
		return REQ_OP_WRITE | REQ_PREFLUSH | REQ_SYNC;
	default:
		opf = REQ_OP_WRITE | REQ_SYNC | REQ_IDLE;
		if (io->fua || !io->store->write_cache)
			opf |= REQ_FUA;
		return opf;
	}
}

/* A flush has neither vectors nor a position. */
static void store_blk_init_bio(struct afu_io *io, struct bio_vec *bv,
			       unsigned int nr_bv, u64 pos, u64 len)
{
	struct store_blk *bs = io->store->priv;
	struct bio *bio = &io->bio;

	bio_init(bio, bs->bdev, bv, nr_bv, store_blk_opf(io));
	bio->bi_vcnt = nr_bv;
	bio->bi_iter.bi_sector = pos >> SECTOR_SHIFT;
	bio->bi_iter.bi_size = len;
}

/* A piece of a bounced request. */
static int store_blk_move(struct afu_io *io, struct bio_vec *bv,
			  unsigned int nr_bv, u64 pos, u32 len)
{
	int ret;

	store_blk_init_bio(io, bv, nr_bv, pos, len);
	ret = submit_bio_wait(&io->bio);
	bio_uninit(&io->bio);
	return ret;
}

/* Discards and zeroes must be as durable as writes. */
static int store_blk_settle(struct afu_io *io)
{
	struct store_blk *bs = io->store->priv;

	if (!io->fua && io->store->write_cache)
		return 0;
	return blkdev_issue_flush(bs->bdev);
}

static int store_blk_zero(struct afu_io *io)
{
	struct store_blk *bs = io->store->priv;
	int ret;

	ret = blkdev_issue_zeroout(bs->bdev, io->pos >> SECTOR_SHIFT,
				   io->len >> SECTOR_SHIFT, GFP_NOIO, 0);
	return ret ?: store_blk_settle(io);
}

static int store_blk_discard(struct afu_io *io)
{
	struct store_blk *bs = io->store->priv;
	int ret;

	if (!(io->store->flags & STORE_UNMAP))
		return -EOPNOTSUPP;
	ret = blkdev_issue_discard(bs->bdev, io->pos >> SECTOR_SHIFT,
				   io->len >> SECTOR_SHIFT, GFP_NOIO);
	return ret ?: store_blk_settle(io);
}

static void store_blk_work(struct work_struct *work)
{
	struct afu_io *io = container_of(work, struct afu_io, work);
	struct store_blk *bs = io->store->priv;
	unsigned int flags = store_noio_begin();
	int ret;

	if (io->op == AFU_IO_UNMAP)
		ret = store_blk_discard(io);
	else if (io->op == AFU_IO_ZERO)
		ret = store_blk_zero(io);
	else
		ret = store_bounce(io, bs->pool, store_blk_move);
	store_end_io(io, ret);
	store_noio_end(flags);
}

static void store_blk_end_bio(struct bio *bio);

static void store_blk_prepare(struct afu_io *io)
{
	if (io->op == AFU_IO_FLUSH)
		store_blk_init_bio(io, NULL, 0, 0, 0);
	else
		store_blk_init_bio(io, io->bv, io->nr_bv, io->pos, io->len);
	io->bio.bi_end_io = store_blk_end_bio;
}

static void store_blk_again(struct work_struct *work)
{
	struct afu_io *io = container_of(work, struct afu_io, work);
	unsigned int flags = store_noio_begin();

	store_blk_prepare(io);
	submit_bio(&io->bio);
	store_noio_end(flags);
}

static void store_blk_defer(struct afu_io *io, work_func_t fn)
{
	struct store_blk *bs = io->store->priv;

	INIT_WORK(&io->work, fn);
	queue_work(bs->wq, &io->work);
}

static void store_blk_end_bio(struct bio *bio)
{
	struct afu_io *io = container_of(bio, struct afu_io, bio);
	struct store_blk *bs = io->store->priv;
	bool nowait = bio->bi_opf & REQ_NOWAIT;
	int error = blk_status_to_errno(bio->bi_status);

	bio_uninit(bio);
	if (error == -EAGAIN && nowait) {
		store_blk_defer(io, store_blk_again);
		return;
	}
	if (error && READ_ONCE(bs->dead))
		error = -ENOLINK;
	store_end_io(io, error);
}

static void store_blk_submit_bio(struct afu_io *io)
{
	struct store_blk *bs = io->store->priv;

	/*
	 * Not all who come may sleep (the disk's own submitters, under RCU),
	 * and submit_bio() might.  Without preemption counts we cannot know.
	 */
	if (!preemptible() || rcu_preempt_depth()) {
		store_blk_defer(io, store_blk_again);
		return;
	}
	store_blk_prepare(io);
	if (io->op != AFU_IO_FLUSH && bdev_nowait(bs->bdev))
		io->bio.bi_opf |= REQ_NOWAIT;
	submit_bio(&io->bio);
}

static void store_blk_submit(struct afu_store *st, struct afu_io *io)
{
	int ret = store_check(st, io->op, io->pos, io->len);
	struct store_blk *bs = st->priv;

	io->store = st;
	if (!ret && READ_ONCE(bs->dead))
		ret = -ENOLINK;
	if (ret || (!io->len && io->op != AFU_IO_FLUSH)) {
		store_end_io(io, ret);
		return;
	}
	switch (io->op) {
	case AFU_IO_READ:
	case AFU_IO_WRITE:
		if (store_io_is_aligned(io, bs->offset_mask, bs->len_mask))
			store_blk_submit_bio(io);
		else
			store_blk_defer(io, store_blk_work);
		break;
	case AFU_IO_FLUSH:
		store_blk_submit_bio(io);
		break;
	case AFU_IO_ZERO:
	case AFU_IO_UNMAP:
		store_blk_defer(io, store_blk_work);
		break;
	}
}

static int store_blk_set_size(struct afu_store *st, u64 size)
{
	struct store_blk *bs = st->priv;
	u64 has = bdev_nr_bytes(bs->bdev);

	if (!size)
		size = round_down(has, st->block_size);
	if (size % st->block_size)
		return -EINVAL;
	if (size > has)
		return -ENOSPC;
	WRITE_ONCE(st->size, size);
	return 0;
}

static int store_blk_resize(struct afu_store *st, u64 size)
{
	struct store_blk *bs = st->priv;

	if (READ_ONCE(bs->dead))
		return -ENOLINK;
	return store_blk_set_size(st, size);
}

/* What the device is like; also whether it can be a store at all. */
static int store_blk_look(struct afu_store *st, u64 size)
{
	struct store_blk *bs = st->priv;
	struct block_device *bdev = bs->bdev;
	u32 granularity = bdev_discard_granularity(bdev);

	if (bdev_is_zoned(bdev) ||
	    bdev_logical_block_size(bdev) > st->block_size) {
		pr_debug("%pg: zoned, or blocks of %u bytes\n", bdev,
			 bdev_logical_block_size(bdev));
		return -EINVAL;
	}
	bs->offset_mask = bdev_dma_alignment(bdev);
	bs->len_mask = bdev_logical_block_size(bdev) - 1;
	if (bdev_max_discard_sectors(bdev)) {
		st->flags |= STORE_UNMAP;
		st->unmap_granularity = max(granularity, st->block_size);
	}
	if (bdev_write_zeroes_sectors(bdev))
		st->flags |= STORE_FAST_ZERO;
	return store_blk_set_size(st, size);
}

static int store_blk_open(struct afu_store *st,
			  const struct afu_store_params *p)
{
	blk_mode_t mode = BLK_OPEN_READ;
	struct store_blk *bs;
	int ret;

	if (*p->path != '/')
		return -EINVAL;
	bs = kzalloc(sizeof(*bs), GFP_KERNEL);
	if (!bs)
		return -ENOMEM;
	bs->wq = store_wq_create("block");
	if (!bs->wq) {
		ret = -ENOMEM;
		goto err_free_bs;
	}
	bs->pool = store_bounce_pool_create();
	if (!bs->pool) {
		ret = -ENOMEM;
		goto err_destroy_wq;
	}
	if (!p->read_only)
		mode |= BLK_OPEN_WRITE;
	bs->file = bdev_file_open_by_path(p->path, mode, bs,
					  &store_blk_holder_ops);
	if (IS_ERR(bs->file)) {
		ret = PTR_ERR(bs->file);
		goto err_destroy_pool;
	}
	bs->bdev = file_bdev(bs->file);
	st->priv = bs;
	/* Others have used the page cache, we go past it. */
	ret = sync_blockdev(bs->bdev);
	if (ret)
		goto err_put_file;
	invalidate_bdev(bs->bdev);
	ret = store_blk_look(st, p->size);
	if (ret)
		goto err_put_file;
	return 0;

err_put_file:
	bdev_fput(bs->file);
err_destroy_pool:
	mempool_destroy(bs->pool);
err_destroy_wq:
	destroy_workqueue(bs->wq);
err_free_bs:
	kfree(bs);
	return ret;
}

static void store_blk_close(struct afu_store *st)
{
	struct store_blk *bs = st->priv;

	destroy_workqueue(bs->wq);
	/* Ends our claim, so mark_dead() does not come any more. */
	bdev_fput(bs->file);
	mempool_destroy(bs->pool);
	kfree(bs);
}

const struct afu_store_ops store_block_ops = {
	.name = "block",
	.needs_path = true,
	.open = store_blk_open,
	.close = store_blk_close,
	.resize = store_blk_resize,
	.submit = store_blk_submit,
};
