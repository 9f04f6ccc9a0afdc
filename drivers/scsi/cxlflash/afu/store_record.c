// SPDX-License-Identifier: GPL-2.0-only
/*
 * A store in memory that records what is done to it: for tests of power cuts
 *
 * The path names a file in debugfs, cxlflash_record/NAME, that can be read
 * while the store is open.  It begins with a header of 32 bytes,
 *
 *	0	8	"CXLFREC1"
 *	8	8	size of the store in bytes
 *	16	4	block size
 *	20	4	0
 *	24	8	0
 *
 * and goes on with one record for each request, in the order in which they
 * took effect, 32 bytes each and for a write the data behind it:
 *
 *	0	4	what: 1 write, 2 flush, 3 zero, 4 unmap (the same),
 *			5 end: the log is full, and what comes is not in it,
 *			6 mark: the position is a number that a test wrote
 *	4	4	flags: 1: durable when it was done
 *	8	8	position
 *	16	8	length
 *	24	8	number of the record, from 0
 *
 * All numbers are little endian.  What is recorded before a flush was
 * acknowledged before that flush took effect, or was not waited for: a replay
 * of the log up to any point, with everything after its last flush present or
 * not, is a state that a power cut may leave.
 *
 * A test writes a number, of 8 bytes, to the file when it knows something, say
 * that fsync() has returned: a cut after that mark has to keep it.  The write
 * fails with ENOSPC if the log is full.
 *
 * One request at a time: this store measures order, not speed.
 */
#include <linux/dcache.h>
#include <linux/debugfs.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "store.h"

#define RECORD_MAGIC		"CXLFREC1"
#define RECORD_CHUNK		SZ_1M
#define RECORD_CHUNKS		512
#define RECORD_MAX		((u64)RECORD_CHUNK * RECORD_CHUNKS)
#define RECORD_NAME_MAX		64

enum record_what {
	RECORD_WRITE = 1,
	RECORD_FLUSH = 2,
	RECORD_ZERO = 3,
	RECORD_UNMAP = 4,
	RECORD_END = 5,
	RECORD_MARK = 6,
};

#define RECORD_DURABLE		BIT(0)

/**
 * struct record_header - what the file begins with
 * @magic: RECORD_MAGIC
 * @size: of the store
 * @block_size: of the store
 * @reserved: 0
 * @reserved2: 0
 */
struct record_header {
	char magic[8];
	__le64 size;
	__le32 block_size;
	__le32 reserved;
	__le64 reserved2;
};

static_assert(sizeof(struct record_header) == 32);

/**
 * struct record_entry - one request
 * @what: enum record_what
 * @flags: RECORD_DURABLE
 * @pos: first byte; of a mark, its number
 * @len: bytes; of a write, as many follow
 * @number: from 0
 */
struct record_entry {
	__le32 what;
	__le32 flags;
	__le64 pos;
	__le64 len;
	__le64 number;
};

static_assert(sizeof(struct record_entry) == 32);

/**
 * struct store_rec - a store that records
 * @ram: where the data is
 * @lock: protects appending; a request holds it from its effect to its record
 * @number: of the next record
 * @full: no more is recorded
 * @log_len: bytes that can be read; what lies below never changes
 * @chunk: the log, RECORD_CHUNK bytes each
 * @file: in debugfs
 */
struct store_rec {
	struct afu_store ram;
	/** @lock: protects appending; may be held while memory is waited for */
	struct mutex lock;
	u64 number;
	bool full;
	u64 log_len;
	u8 *chunk[RECORD_CHUNKS];
	struct dentry *file;
};

static struct dentry *store_rec_dir;

/* Make room; the last record's place is kept for RECORD_END. */
static int store_rec_reserve(struct store_rec *rec, u64 at, u64 len)
{
	u64 i;

	lockdep_assert_held(&rec->lock);
	if (at + len > RECORD_MAX - sizeof(struct record_entry))
		return -ENOSPC;
	for (i = at / RECORD_CHUNK;
	     i <= (at + len + sizeof(struct record_entry) - 1) / RECORD_CHUNK;
	     i++) {
		if (rec->chunk[i])
			continue;
		rec->chunk[i] = kvmalloc(RECORD_CHUNK, GFP_NOIO | __GFP_NOWARN);
		if (!rec->chunk[i])
			return -ENOMEM;
	}
	return 0;
}

static u64 store_rec_put(struct store_rec *rec, u64 at, const void *from,
			 u64 len)
{
	u64 part;

	lockdep_assert_held(&rec->lock);
	while (len) {
		part = min(len, RECORD_CHUNK - at % RECORD_CHUNK);
		memcpy(rec->chunk[at / RECORD_CHUNK] + at % RECORD_CHUNK, from,
		       part);
		at += part;
		from += part;
		len -= part;
	}
	return at;
}

static u64 store_rec_put_entry(struct store_rec *rec, u64 at,
			       enum record_what what, u32 flags, u64 pos,
			       u64 len)
{
	struct record_entry entry = {
		.what = cpu_to_le32(what),
		.flags = cpu_to_le32(flags),
		.pos = cpu_to_le64(pos),
		.len = cpu_to_le64(len),
		.number = cpu_to_le64(rec->number++),
	};

	return store_rec_put(rec, at, &entry, sizeof(entry));
}

static enum record_what store_rec_what(const struct afu_io *io)
{
	switch (io->op) {
	case AFU_IO_WRITE:
		return RECORD_WRITE;
	case AFU_IO_ZERO:
		return RECORD_ZERO;
	case AFU_IO_UNMAP:
		return RECORD_UNMAP;
	default:
		return RECORD_FLUSH;
	}
}

static void store_rec_publish(struct store_rec *rec, u64 at)
{
	/* Paired with smp_load_acquire() in store_rec_read(). */
	smp_store_release(&rec->log_len, at);
}

/* For a record with @len bytes behind it; -ENOSPC: the log says it is full. */
static int store_rec_room(struct store_rec *rec, u64 len)
{
	int ret;

	lockdep_assert_held(&rec->lock);
	if (rec->full)
		return -ENOSPC;
	ret = store_rec_reserve(rec, rec->log_len,
				sizeof(struct record_entry) + len);
	if (ret == -ENOSPC) {
		rec->full = true;
		store_rec_publish(rec,
				  store_rec_put_entry(rec, rec->log_len,
						      RECORD_END, 0, 0, 0));
	}
	return ret;
}

/* The log must have it before anybody is told that it was done. */
static int store_rec_append(struct store_rec *rec, struct afu_io *io)
{
	bool write = io->op == AFU_IO_WRITE, flush = io->op == AFU_IO_FLUSH;
	bool durable = io->fua || !io->store->write_cache;
	unsigned int i;
	u64 at;
	int ret;

	lockdep_assert_held(&rec->lock);
	ret = store_rec_room(rec, write ? io->len : 0);
	if (ret)
		return ret == -ENOSPC ? 0 : ret;
	at = store_rec_put_entry(rec, rec->log_len, store_rec_what(io),
				 durable ? RECORD_DURABLE : 0,
				 flush ? 0 : io->pos, flush ? 0 : io->len);
	for (i = 0; write && i < io->nr_bv; i++)
		at = store_rec_put(rec, at, bvec_virt(&io->bv[i]),
				   io->bv[i].bv_len);
	store_rec_publish(rec, at);
	return 0;
}

static int store_rec_write(struct store_rec *rec, const struct afu_io *io)
{
	u64 pos = io->pos;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < io->nr_bv && !ret; i++) {
		ret = store_ram_write(&rec->ram, pos, bvec_virt(&io->bv[i]),
				      io->bv[i].bv_len,
				      GFP_NOIO | __GFP_NOWARN);
		pos += io->bv[i].bv_len;
	}
	return ret;
}

static int store_rec_read_ram(struct store_rec *rec, const struct afu_io *io)
{
	u64 pos = io->pos;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < io->nr_bv && !ret; i++) {
		ret = rec->ram.ops->copy(&rec->ram, pos, bvec_virt(&io->bv[i]),
					 io->bv[i].bv_len, false);
		pos += io->bv[i].bv_len;
	}
	return ret;
}

static int store_rec_change(struct store_rec *rec, struct afu_io *io)
{
	int ret;

	mutex_lock(&rec->lock);
	ret = store_rec_append(rec, io);
	if (!ret && io->op == AFU_IO_WRITE)
		ret = store_rec_write(rec, io);
	else if (!ret && io->op != AFU_IO_FLUSH)
		store_ram_discard(&rec->ram, io->pos, io->len);
	mutex_unlock(&rec->lock);
	return ret;
}

static void store_rec_work(struct work_struct *work)
{
	struct afu_io *io = container_of(work, struct afu_io, work);
	struct store_rec *rec = io->store->priv;
	unsigned int flags = store_noio_begin();
	int ret;

	if (io->op == AFU_IO_READ)
		ret = store_rec_read_ram(rec, io);
	else
		ret = store_rec_change(rec, io);
	store_end_io(io, ret);
	store_noio_end(flags);
}

static void store_rec_submit(struct afu_store *st, struct afu_io *io)
{
	int ret = store_check(st, io->op, io->pos, io->len);

	io->store = st;
	if (ret) {
		store_end_io(io, ret);
		return;
	}
	INIT_WORK(&io->work, store_rec_work);
	queue_work(store_wq, &io->work);
}

static ssize_t store_rec_read(struct file *file, char __user *buf, size_t len,
			      loff_t *ppos)
{
	struct store_rec *rec = file->private_data;
	u64 pos = *ppos, end;
	size_t done = 0;

	/* Paired with smp_store_release() in store_rec_publish(). */
	end = smp_load_acquire(&rec->log_len);
	if (*ppos < 0)
		return -EINVAL;
	while (done < len && pos < end) {
		u32 part = min3((u64)len - done, end - pos,
				RECORD_CHUNK - pos % RECORD_CHUNK);

		if (copy_to_user(buf + done, rec->chunk[pos / RECORD_CHUNK] +
				 pos % RECORD_CHUNK, part))
			return done ?: -EFAULT;
		done += part;
		pos += part;
		*ppos = pos;
	}
	return done;
}

static ssize_t store_rec_mark(struct file *file, const char __user *buf,
			      size_t len, loff_t *ppos)
{
	struct store_rec *rec = file->private_data;
	__le64 mark;
	u64 at;
	int ret;

	if (len != sizeof(mark))
		return -EINVAL;
	if (copy_from_user(&mark, buf, sizeof(mark)))
		return -EFAULT;
	mutex_lock(&rec->lock);
	ret = store_rec_room(rec, 0);
	if (!ret) {
		at = store_rec_put_entry(rec, rec->log_len, RECORD_MARK, 0,
					 le64_to_cpu(mark), 0);
		store_rec_publish(rec, at);
	}
	mutex_unlock(&rec->lock);
	return ret ?: len;
}

static const struct file_operations store_rec_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = store_rec_read,
	.write = store_rec_mark,
	.llseek = default_llseek,
};

static int store_rec_begin_log(struct afu_store *st, struct store_rec *rec,
			       const char *name)
{
	struct record_header header = {
		.magic = RECORD_MAGIC,
		.size = cpu_to_le64(st->size),
		.block_size = cpu_to_le32(st->block_size),
	};
	struct dentry *other;
	long ret;

	/* debugfs itself would print about it. */
	other = debugfs_lookup(name, store_rec_dir);
	if (other) {
		dput(other);
		return -EEXIST;
	}
	rec->chunk[0] = kvmalloc(RECORD_CHUNK, GFP_KERNEL);
	if (!rec->chunk[0])
		return -ENOMEM;
	memcpy(rec->chunk[0], &header, sizeof(header));
	rec->log_len = sizeof(header);
	rec->file = debugfs_create_file(name, 0600, store_rec_dir, rec,
					&store_rec_fops);
	if (!IS_ERR(rec->file))
		return 0;
	kvfree(rec->chunk[0]);
	ret = PTR_ERR(rec->file);
	/* Anything else: there is no debugfs. */
	return ret == -EEXIST || ret == -ENOMEM ? ret : -EOPNOTSUPP;
}

static int store_rec_open(struct afu_store *st,
			  const struct afu_store_params *p)
{
	struct store_rec *rec;
	int ret;

	if (strchr(p->path, '/') || *p->path == '.' ||
	    strlen(p->path) > RECORD_NAME_MAX)
		return -EINVAL;
	rec = kvzalloc(sizeof(*rec), GFP_KERNEL);
	if (!rec)
		return -ENOMEM;
	mutex_init(&rec->lock);
	rec->ram.ops = &store_ram_ops;
	rec->ram.block_size = p->block_size;
	ret = store_ram_ops.open(&rec->ram, p);
	if (ret)
		goto err_free_rec;
	st->priv = rec;
	st->size = rec->ram.size;
	st->flags = STORE_UNMAP | STORE_UNMAP_ZEROES | STORE_FAST_ZERO;
	st->unmap_granularity = rec->ram.unmap_granularity;
	ret = store_rec_begin_log(st, rec, p->path);
	if (ret)
		goto err_close_ram;
	return 0;

err_close_ram:
	store_ram_ops.close(&rec->ram);
err_free_rec:
	kvfree(rec);
	return ret;
}

static void store_rec_close(struct afu_store *st)
{
	struct store_rec *rec = st->priv;
	unsigned int i;

	/* Waits for readers. */
	debugfs_remove(rec->file);
	for (i = 0; i < RECORD_CHUNKS; i++)
		kvfree(rec->chunk[i]);
	store_ram_ops.close(&rec->ram);
	mutex_destroy(&rec->lock);
	kvfree(rec);
}

/* The header has said how large it is. */
static int store_rec_resize(struct afu_store *st, u64 size)
{
	return -EOPNOTSUPP;
}

/**
 * store_record_init() - make the directory in debugfs
 *
 * Without it, opening a store of this kind fails.
 *
 * Context: Module init.
 */
void store_record_init(void)
{
	store_rec_dir = debugfs_create_dir("cxlflash_record", NULL);
}

/**
 * store_record_exit() - and remove it
 *
 * Context: Module exit; all stores are closed.
 */
void store_record_exit(void)
{
	debugfs_remove(store_rec_dir);
}

const struct afu_store_ops store_record_ops = {
	.name = "record",
	.needs_path = true,
	.open = store_rec_open,
	.close = store_rec_close,
	.resize = store_rec_resize,
	.submit = store_rec_submit,
};
