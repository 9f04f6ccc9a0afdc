// SPDX-License-Identifier: GPL-2.0-only
/*
 * A store in a file
 *
 * Direct I/O where the file system has it, asynchronous as far as it can: a
 * worker submits, the file system's completion ends the request.  The iocb
 * has two users then, and whoever is last looks at what came of it, because
 * the submitter still reads it when the completion has long come.
 *
 * What direct I/O does not do in one go (a file system without it, an
 * alignment it will not have, a short transfer) a worker does again, waiting,
 * and in the end through the page cache.  Repeating a transfer is harmless:
 * the vectors have not changed.
 *
 * Memory: what is written here may be what memory is waiting for.  Workers
 * run without I/O in their allocations, and the page cache of the file is told
 * the same for as long as it is open.
 */
#include <linux/blkdev.h>
#include <linux/falloc.h>
#include <linux/file.h>
#include <linux/mutex.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/stat.h>

#include "store.h"

#define FILE_PUNCH	(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)
#define FILE_ZERO	(FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE)

/**
 * struct store_fil - a store in a file
 * @file: opened, for direct I/O if @direct
 * @wq: workers
 * @pool: bounce buffers
 * @node: in store_fils
 * @mapping_gfp: the page cache's allocation flags, as they were
 * @offset_mask: direct I/O: bits that must be clear in addresses
 * @len_mask: direct I/O: bits that must be clear in lengths of vectors
 * @direct: the file system has direct I/O that suits the block size
 * @zero_range: how fallocate() zeroes a range; 0: it does not
 */
struct store_fil {
	struct file *file;
	struct workqueue_struct *wq;
	mempool_t *pool;
	struct list_head node;
	gfp_t mapping_gfp;
	u32 offset_mask;
	u32 len_mask;
	bool direct;
	int zero_range;
};

/* protects store_fils; outside nothing */
static DEFINE_MUTEX(store_fil_lock);
/* All that are open: no file is two stores. */
static LIST_HEAD(store_fils);

static void store_fil_retry(struct work_struct *work);

static void store_fil_defer(struct afu_io *io, work_func_t fn)
{
	struct store_fil *fs = io->store->priv;

	INIT_WORK(&io->work, fn);
	queue_work(fs->wq, &io->work);
}

static void store_fil_init_iocb(struct afu_io *io, u64 pos, bool direct)
{
	struct store_fil *fs = io->store->priv;
	struct kiocb *iocb = &io->iocb;

	init_sync_kiocb(iocb, fs->file);
	iocb->ki_pos = pos;
	if (!direct)
		iocb->ki_flags &= ~IOCB_DIRECT;
	if (io->op == AFU_IO_READ)
		return;
	iocb->ki_flags |= IOCB_WRITE;
	if (io->fua || !io->store->write_cache)
		iocb->ki_flags |= IOCB_DSYNC;
}

static ssize_t store_fil_call(struct afu_io *io, struct iov_iter *iter)
{
	struct file *file = io->iocb.ki_filp;

	return io->op == AFU_IO_READ ?
	       vfs_iocb_iter_read(file, &io->iocb, iter) :
	       vfs_iocb_iter_write(file, &io->iocb, iter);
}

/* Move a range and wait; in several goes if need be. */
static int store_fil_move_sync(struct afu_io *io, struct bio_vec *bv,
			       unsigned int nr_bv, u64 pos, u64 len,
			       bool direct)
{
	struct iov_iter iter;
	ssize_t moved;

	iov_iter_bvec(&iter, io->op == AFU_IO_READ ? ITER_DEST : ITER_SOURCE,
		      bv, nr_bv, len);
	while (len) {
		store_fil_init_iocb(io, pos, direct);
		moved = store_fil_call(io, &iter);
		if (moved < 0)
			return moved;
		/* Somebody has cut the file: that data is gone, not zero. */
		if (!moved || moved > len)
			return -EIO;
		pos += moved;
		len -= moved;
		if (len && iov_iter_count(&iter) != len)
			return -EIO;
	}
	return 0;
}

/* What a file system says that cannot do it directly after all. */
static bool store_fil_wants_cache(int error)
{
	return error == -EINVAL || error == -ENOTBLK || error == -EOPNOTSUPP ||
	       error == -EAGAIN;
}

/* A piece of a bounced request. */
static int store_fil_move(struct afu_io *io, struct bio_vec *bv,
			  unsigned int nr_bv, u64 pos, u32 len)
{
	int ret = store_fil_move_sync(io, bv, nr_bv, pos, len, true);

	if (store_fil_wants_cache(ret))
		ret = store_fil_move_sync(io, bv, nr_bv, pos, len, false);
	return ret;
}

static void store_fil_put_iocb(struct afu_io *io)
{
	long ret;

	/* Orders whatever the other one did to @io before what we do now. */
	if (!atomic_dec_and_test(&io->iocb_refs))
		return;
	ret = io->iocb_ret;
	if (ret == io->len)
		store_end_io(io, 0);
	else if (ret >= 0 || store_fil_wants_cache(ret))
		store_fil_defer(io, store_fil_retry);
	else
		store_end_io(io, ret);
}

/* Called by the file system, from any context. */
static void store_fil_complete(struct kiocb *iocb, long ret)
{
	struct afu_io *io = container_of(iocb, struct afu_io, iocb);

	if (iocb->ki_flags & IOCB_WRITE)
		kiocb_end_write(iocb);
	io->iocb_ret = ret;
	store_fil_put_iocb(io);
}

static void store_fil_rw_async(struct afu_io *io)
{
	struct iov_iter iter;
	ssize_t ret;

	iov_iter_bvec(&iter, io->op == AFU_IO_READ ? ITER_DEST : ITER_SOURCE,
		      io->bv, io->nr_bv, io->len);
	store_fil_init_iocb(io, io->pos, true);
	io->iocb.ki_complete = store_fil_complete;
	/* One for us, one for the completion. */
	atomic_set(&io->iocb_refs, 2);
	ret = store_fil_call(io, &iter);
	if (ret != -EIOCBQUEUED) {
		/* There will be no completion, and no write is left open. */
		io->iocb_ret = ret;
		atomic_dec(&io->iocb_refs);
	}
	store_fil_put_iocb(io);
}

static void store_fil_rw(struct afu_io *io)
{
	struct store_fil *fs = io->store->priv;

	if (!fs->direct)
		store_end_io(io, store_fil_move_sync(io, io->bv, io->nr_bv,
						     io->pos, io->len, false));
	else if (store_io_is_aligned(io, fs->offset_mask, fs->len_mask))
		store_fil_rw_async(io);
	else
		store_end_io(io, store_bounce(io, fs->pool,
					      store_fil_move));
}

/* Through the page cache, which takes everything. */
static void store_fil_retry(struct work_struct *work)
{
	struct afu_io *io = container_of(work, struct afu_io, work);
	unsigned int flags = store_noio_begin();

	store_end_io(io, store_fil_move_sync(io, io->bv, io->nr_bv, io->pos,
					     io->len, false));
	store_noio_end(flags);
}

static int store_fil_sync(struct store_fil *fs)
{
	return vfs_fsync_range(fs->file, 0, LLONG_MAX, 1);
}

static int store_fil_clear(struct afu_io *io)
{
	struct store_fil *fs = io->store->priv;
	int ret;

	if (!fs->zero_range)
		return -EOPNOTSUPP;
	ret = vfs_fallocate(fs->file, fs->zero_range, io->pos, io->len);
	if (!ret && (io->fua || !io->store->write_cache))
		ret = store_fil_sync(fs);
	return ret;
}

/* Zeroes where fallocate() has none. */
static int store_fil_write_zeroes(struct afu_io *io)
{
	struct bio_vec bv;
	int ret = 0;
	u64 off;
	u32 len;

	for (off = 0; off < io->len && !ret; off += len) {
		len = min_t(u64, io->len - off, PAGE_SIZE);
		bvec_set_page(&bv, ZERO_PAGE(0), len, 0);
		ret = store_fil_move_sync(io, &bv, 1, io->pos + off, len,
					  false);
		cond_resched();
	}
	return ret;
}

static void store_fil_work(struct work_struct *work)
{
	struct afu_io *io = container_of(work, struct afu_io, work);
	unsigned int flags = store_noio_begin();
	int ret;

	switch (io->op) {
	case AFU_IO_READ:
	case AFU_IO_WRITE:
		store_fil_rw(io);
		break;
	case AFU_IO_FLUSH:
		store_end_io(io, store_fil_sync(io->store->priv));
		break;
	case AFU_IO_UNMAP:
		store_end_io(io, store_fil_clear(io));
		break;
	case AFU_IO_ZERO:
		ret = store_fil_clear(io);
		if (ret == -EOPNOTSUPP)
			ret = store_fil_write_zeroes(io);
		store_end_io(io, ret);
		break;
	}
	store_noio_end(flags);
}

static void store_fil_submit(struct afu_store *st, struct afu_io *io)
{
	int ret = store_check(st, io->op, io->pos, io->len);

	io->store = st;
	if (ret || (!io->len && io->op != AFU_IO_FLUSH))
		store_end_io(io, ret);
	else
		store_fil_defer(io, store_fil_work);
}

/* What direct I/O wants; false: there is none that suits. */
static bool store_fil_look_direct(struct store_fil *fs, u32 block_size)
{
	struct super_block *sb = file_inode(fs->file)->i_sb;
	u32 memory = SZ_4K, offset = SZ_4K;
	struct kstat stat;
	int ret;

	if (!(fs->file->f_flags & O_DIRECT))
		return false;
	ret = vfs_getattr(&fs->file->f_path, &stat, STATX_DIOALIGN,
			  AT_STATX_SYNC_AS_STAT);
	if (!ret && stat.result_mask & STATX_DIOALIGN) {
		memory = stat.dio_mem_align;
		offset = stat.dio_offset_align;
	} else if (sb->s_bdev) {
		memory = bdev_logical_block_size(sb->s_bdev);
		offset = memory;
	}
	if (!is_power_of_2(memory) || !is_power_of_2(offset) ||
	    offset > block_size)
		return false;
	fs->offset_mask = memory - 1;
	fs->len_mask = offset - 1;
	return true;
}

/*
 * Tried behind the end of the file, where it changes nothing.  A mode, 0:
 * none; or -ENOMEM, which says nothing about what the file system can do.
 */
static int store_fil_look_zero_range(struct store_fil *fs)
{
	loff_t behind = round_up(i_size_read(file_inode(fs->file)), SZ_4K);
	static const int modes[] = { FILE_PUNCH, FILE_ZERO };
	unsigned int i;
	int ret;

	if (!(fs->file->f_mode & FMODE_WRITE))
		return 0;
	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		ret = vfs_fallocate(fs->file, modes[i], behind, SZ_4K);
		if (!ret)
			return modes[i];
		if (ret == -ENOMEM)
			return ret;
	}
	return 0;
}

/* A file that may be written grows as wanted; what is new is a hole. */
static int store_fil_set_size(struct afu_store *st, u64 size)
{
	struct store_fil *fs = st->priv;
	u64 has = i_size_read(file_inode(fs->file));
	int ret = 0;

	if (!size)
		size = round_down(has, st->block_size);
	if (size % st->block_size)
		return -EINVAL;
	if (size > has) {
		if (!(fs->file->f_mode & FMODE_WRITE))
			return -ENOSPC;
		ret = vfs_truncate(&fs->file->f_path, size);
	}
	if (!ret)
		WRITE_ONCE(st->size, size);
	return ret;
}

static int store_fil_check(struct file *file, const char *path)
{
	struct inode *inode = file_inode(file);

	if (S_ISBLK(inode->i_mode))
		pr_debug("%s: a block device: use the store \"block\"\n", path);
	if (!S_ISREG(inode->i_mode))
		return -EINVAL;
	/* Its locks are held by who opens us. */
	if (!strcmp(inode->i_sb->s_type->name, "configfs"))
		return -EINVAL;
	if (IS_SWAPFILE(inode))
		return -ETXTBSY;
	if (!(file->f_mode & FMODE_CAN_READ) ||
	    (file->f_mode & FMODE_WRITE && !(file->f_mode & FMODE_CAN_WRITE)))
		return -EOPNOTSUPP;
	return 0;
}

static struct file *store_fil_open_file(const struct afu_store_params *p)
{
	/* Nonblocking: the path may turn out to be a FIFO. */
	int flags = O_LARGEFILE | O_NONBLOCK | O_NOCTTY, ret;
	struct file *file;

	if (*p->path != '/')
		return ERR_PTR(-EINVAL);
	flags |= p->read_only ? O_RDONLY : O_RDWR;
	file = filp_open(p->path, flags | O_DIRECT, 0);
	if (PTR_ERR_OR_ZERO(file) == -EINVAL)
		file = filp_open(p->path, flags, 0);
	if (IS_ERR(file))
		return file;
	ret = store_fil_check(file, p->path);
	if (ret) {
		fput(file);
		return ERR_PTR(ret);
	}
	return file;
}

static int store_fil_add(struct store_fil *fs)
{
	struct address_space *mapping = fs->file->f_mapping;
	struct store_fil *other;
	int ret = 0;

	mutex_lock(&store_fil_lock);
	list_for_each_entry(other, &store_fils, node)
		if (file_inode(other->file) == file_inode(fs->file))
			ret = -EBUSY;
	if (!ret) {
		list_add(&fs->node, &store_fils);
		fs->mapping_gfp = mapping_gfp_mask(mapping);
		mapping_set_gfp_mask(mapping, fs->mapping_gfp &
				     ~(__GFP_IO | __GFP_FS));
	}
	mutex_unlock(&store_fil_lock);
	return ret;
}

static void store_fil_remove(struct store_fil *fs)
{
	mutex_lock(&store_fil_lock);
	mapping_set_gfp_mask(fs->file->f_mapping, fs->mapping_gfp);
	list_del(&fs->node);
	mutex_unlock(&store_fil_lock);
}

static int store_fil_open(struct afu_store *st,
			  const struct afu_store_params *p)
{
	struct store_fil *fs = kzalloc(sizeof(*fs), GFP_KERNEL);
	int ret;

	if (!fs)
		return -ENOMEM;
	fs->wq = store_wq_create("file");
	if (!fs->wq) {
		ret = -ENOMEM;
		goto err_free_fs;
	}
	fs->pool = store_bounce_pool_create();
	if (!fs->pool) {
		ret = -ENOMEM;
		goto err_destroy_wq;
	}
	fs->file = store_fil_open_file(p);
	if (IS_ERR(fs->file)) {
		ret = PTR_ERR(fs->file);
		goto err_destroy_pool;
	}
	ret = store_fil_add(fs);
	if (ret)
		goto err_put_file;
	st->priv = fs;
	ret = store_fil_set_size(st, p->size);
	if (ret)
		goto err_remove;
	fs->direct = store_fil_look_direct(fs, p->block_size);
	ret = store_fil_look_zero_range(fs);
	if (ret < 0)
		goto err_remove;
	fs->zero_range = ret;
	if (fs->zero_range)
		st->flags = STORE_UNMAP | STORE_UNMAP_ZEROES | STORE_FAST_ZERO;
	st->unmap_granularity = max_t(u32, SZ_4K, p->block_size);
	return 0;

err_remove:
	store_fil_remove(fs);
err_put_file:
	fput(fs->file);
err_destroy_pool:
	mempool_destroy(fs->pool);
err_destroy_wq:
	destroy_workqueue(fs->wq);
err_free_fs:
	kfree(fs);
	return ret;
}

static void store_fil_close(struct afu_store *st)
{
	struct store_fil *fs = st->priv;

	destroy_workqueue(fs->wq);
	store_fil_remove(fs);
	fput(fs->file);
	mempool_destroy(fs->pool);
	kfree(fs);
}

/* Smaller: the file keeps its length, and what is in it. */
static int store_fil_resize(struct afu_store *st, u64 size)
{
	return store_fil_set_size(st, size);
}

const struct afu_store_ops store_file_ops = {
	.name = "file",
	.needs_path = true,
	.open = store_fil_open,
	.close = store_fil_close,
	.resize = store_fil_resize,
	.submit = store_fil_submit,
};
