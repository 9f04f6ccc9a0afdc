// SPDX-License-Identifier: GPL-2.0-only
/*
 * mram: migration, and the log of the pages that the device writes
 *
 * The states of the protocol mean three things here.  RUNNING: the engine
 * runs.  RUNNING_P2P and all others: it stands still, and a command that is
 * latched or half done waits.  STOP_COPY and RESUMING: there is a *stream*, a
 * buffer with the whole state, which user space reads or writes through a
 * file.
 *
 * A stream is kept by its file and by the device.  When the device leaves the
 * state, the stream loses its buffer, so that a file that is kept open costs
 * nothing.  What is read from a stream comes from user space and is believed
 * in nothing: all of it is checked before any of it is used, and a stream
 * that is refused leaves the device in RESUMING, as it was.
 *
 * Not in the stream: interrupt set-up, which user space does again, and
 * pinned pages, which are pinned again when they are needed.
 */
#include <linux/kref.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "mram.h"

#define MRAM_STATE_MAGIC	0x5453524d	/* "MRST" */
#define MRAM_STATE_VERSION	1

/*
 * What a stream starts with; the RAM follows.  @bytes counts all of it; the
 * rest is struct mram_regs and struct mram_cmd, member by member.
 */
struct mram_state {
	__le32 magic;
	__le32 version;
	__le64 bytes;
	__le64 addr;
	__le64 cmd_addr;
	__le32 ram_bytes;
	__le32 status;
	__le32 error;
	__le32 count;
	__le32 offset;
	__le32 len;
	__le32 irq_status;
	__le32 irq_enable;
	__le32 scratch;
	__le32 op;
	__le32 cmd_offset;
	__le32 cmd_len;
	__le32 cmd_done;
	__le32 reserved;
	u8 cfg[MRAM_CFG_BYTES];
};

static_assert(sizeof(struct mram_state) == 88 + MRAM_CFG_BYTES);

/**
 * struct mram_stream - the data behind a migration file
 * @ref: one for the file, one for the device
 * @lock: protects the rest; inside &mram.mig_lock
 * @buf: the data, or NULL once the device has left the state
 * @size: bytes of @buf
 * @pos: bytes read or written so far
 */
struct mram_stream {
	struct kref ref;
	/** @lock: protects the rest; inside &mram.mig_lock */
	struct mutex lock;
	void *buf;
	size_t size;
	size_t pos;
};

static size_t mram_state_bytes(struct mram *mram)
{
	return sizeof(struct mram_state) + mram->ram_bytes;
}

/*
 * Streams
 */

static struct mram_stream *mram_stream_create(size_t size)
{
	struct mram_stream *stream = kzalloc(sizeof(*stream),
					     GFP_KERNEL_ACCOUNT);

	if (!stream)
		return NULL;
	stream->buf = __vmalloc(size, GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!stream->buf) {
		kfree(stream);
		return NULL;
	}
	kref_init(&stream->ref);
	mutex_init(&stream->lock);
	stream->size = size;
	return stream;
}

static void mram_stream_free(struct kref *ref)
{
	struct mram_stream *stream = container_of(ref, struct mram_stream, ref);

	vfree(stream->buf);
	kfree(stream);
}

static void mram_stream_put(struct mram_stream *stream)
{
	kref_put(&stream->ref, mram_stream_free);
}

/* The device is done with it; the file may stay. */
static void mram_stream_drop(struct mram *mram)
{
	struct mram_stream *stream = mram->stream;

	lockdep_assert_held(&mram->mig_lock);
	if (!stream)
		return;
	mram->stream = NULL;
	mutex_lock(&stream->lock);
	vfree(stream->buf);
	stream->buf = NULL;
	mutex_unlock(&stream->lock);
	mram_stream_put(stream);
}

static ssize_t mram_stream_read(struct vfio_device *vdev, void *priv,
				void *buf, size_t count)
{
	struct mram_stream *stream = priv;
	ssize_t ret = -ENODEV;

	mutex_lock(&stream->lock);
	if (stream->buf) {
		ret = min(count, stream->size - stream->pos);
		memcpy(buf, stream->buf + stream->pos, ret);
		stream->pos += ret;
	}
	mutex_unlock(&stream->lock);
	return ret;
}

static ssize_t mram_stream_write(struct vfio_device *vdev, void *priv,
				 const void *buf, size_t count)
{
	struct mram_stream *stream = priv;
	ssize_t ret = -ENODEV;

	mutex_lock(&stream->lock);
	if (stream->buf && count > stream->size - stream->pos) {
		ret = -EINVAL;
	} else if (stream->buf) {
		ret = count;
		memcpy(stream->buf + stream->pos, buf, ret);
		stream->pos += ret;
	}
	mutex_unlock(&stream->lock);
	return ret;
}

static void mram_stream_release(struct vfio_device *vdev, void *priv)
{
	mram_stream_put(priv);
}

static const struct vfio_data_file_ops mram_save_ops = {
	.read = mram_stream_read,
	.release = mram_stream_release,
};

static const struct vfio_data_file_ops mram_resume_ops = {
	.write = mram_stream_write,
	.release = mram_stream_release,
};

/* Give @stream, or an empty one, a file. */
static struct file *mram_stream_open(struct mram *mram, const char *name,
				     const struct vfio_data_file_ops *ops,
				     void (*fill)(struct mram *mram, void *buf))
{
	struct mram_stream *stream;
	struct file *file;

	lockdep_assert_held(&mram->mig_lock);
	stream = mram_stream_create(mram_state_bytes(mram));
	if (!stream)
		return ERR_PTR(-ENOMEM);
	if (fill)
		fill(mram, stream->buf);
	kref_get(&stream->ref);
	file = vfio_data_file_create(&mram->vdev, name, ops, stream);
	if (IS_ERR(file)) {
		mram_stream_put(stream);
		mram_stream_put(stream);
		return file;
	}
	mram->stream = stream;
	return file;
}

/*
 * The state
 */

static void mram_state_save(struct mram *mram, void *buf)
{
	struct mram_state *state = buf;

	mutex_lock(&mram->lock);
	*state = (struct mram_state) {
		.magic = cpu_to_le32(MRAM_STATE_MAGIC),
		.version = cpu_to_le32(MRAM_STATE_VERSION),
		.bytes = cpu_to_le64(mram_state_bytes(mram)),
		.addr = cpu_to_le64(mram->regs.addr),
		.cmd_addr = cpu_to_le64(mram->cmd.addr),
		.ram_bytes = cpu_to_le32(mram->ram_bytes),
		.status = cpu_to_le32(mram->regs.status),
		.error = cpu_to_le32(mram->regs.error),
		.count = cpu_to_le32(mram->regs.count),
		.offset = cpu_to_le32(mram->regs.offset),
		.len = cpu_to_le32(mram->regs.len),
		.irq_status = cpu_to_le32(mram->regs.irq_status),
		.irq_enable = cpu_to_le32(mram->regs.irq_enable),
		.scratch = cpu_to_le32(mram->regs.scratch),
		.op = cpu_to_le32(mram->cmd.op),
		.cmd_offset = cpu_to_le32(mram->cmd.offset),
		.cmd_len = cpu_to_le32(mram->cmd.len),
		.cmd_done = cpu_to_le32(mram->cmd.done),
	};
	memcpy(state->cfg, mram->cfg, MRAM_CFG_BYTES);
	mutex_unlock(&mram->lock);
	memcpy(state + 1, mram->ram, mram->ram_bytes);
}

/* Are these the bytes of a device like this one, and all of them? */
static bool mram_state_fits(struct mram *mram, struct mram_stream *stream)
{
	const struct mram_state *state = stream->buf;

	return stream->pos == stream->size &&
	       le32_to_cpu(state->magic) == MRAM_STATE_MAGIC &&
	       le32_to_cpu(state->version) == MRAM_STATE_VERSION &&
	       le64_to_cpu(state->bytes) == stream->size &&
	       le32_to_cpu(state->ram_bytes) == mram->ram_bytes;
}

static int mram_state_load(struct mram *mram, const struct mram_state *state)
{
	struct mram_regs regs = {
		.status = le32_to_cpu(state->status),
		.error = le32_to_cpu(state->error),
		.count = le32_to_cpu(state->count),
		.addr = le64_to_cpu(state->addr),
		.offset = le32_to_cpu(state->offset),
		.len = le32_to_cpu(state->len),
		.irq_status = le32_to_cpu(state->irq_status),
		.irq_enable = le32_to_cpu(state->irq_enable),
		.scratch = le32_to_cpu(state->scratch),
	};
	struct mram_cmd cmd = {
		.op = le32_to_cpu(state->op),
		.addr = le64_to_cpu(state->cmd_addr),
		.offset = le32_to_cpu(state->cmd_offset),
		.len = le32_to_cpu(state->cmd_len),
		.done = le32_to_cpu(state->cmd_done),
	};
	int ret;

	mutex_lock(&mram->lock);
	ret = __mram_bell_load(mram, &regs, &cmd);
	if (!ret) {
		__mram_pci_load(mram, state->cfg);
		memcpy(mram->ram, state + 1, mram->ram_bytes);
		__mram_irq_update(mram, false);
	}
	mutex_unlock(&mram->lock);
	return ret;
}

/* RESUMING -> STOP: believe what was written, if it is good. */
static int mram_mig_resume(struct mram *mram)
{
	struct mram_stream *stream = mram->stream;
	int ret = -EINVAL;

	lockdep_assert_held(&mram->mig_lock);
	mutex_lock(&stream->lock);
	if (mram_state_fits(mram, stream))
		ret = mram_state_load(mram, stream->buf);
	mutex_unlock(&stream->lock);
	if (!ret)
		mram_stream_drop(mram);
	return ret;
}

/* One arc; the core's table knows no others with our migration_flags. */
static struct file *mram_mig_step(struct mram *mram,
				  enum vfio_device_mig_state cur,
				  enum vfio_device_mig_state next)
{
	lockdep_assert_held(&mram->mig_lock);
	switch (next) {
	case VFIO_DEVICE_STATE_RUNNING_P2P:
		if (cur == VFIO_DEVICE_STATE_RUNNING)
			return ERR_PTR(mram_bell_stop(mram));
		return NULL;
	case VFIO_DEVICE_STATE_RUNNING:
		mram_bell_start(mram);
		return NULL;
	case VFIO_DEVICE_STATE_STOP_COPY:
		return mram_stream_open(mram, "mram-save", &mram_save_ops,
					mram_state_save);
	case VFIO_DEVICE_STATE_RESUMING:
		return mram_stream_open(mram, "mram-resume",
					&mram_resume_ops, NULL);
	case VFIO_DEVICE_STATE_STOP:
		if (cur == VFIO_DEVICE_STATE_RESUMING)
			return ERR_PTR(mram_mig_resume(mram));
		mram_stream_drop(mram);
		return NULL;
	default:
		return ERR_PTR(-EINVAL);
	}
}

static struct file *mram_mig_set_state(struct vfio_device *vdev,
				       enum vfio_device_mig_state state)
{
	struct mram *mram = to_mram(vdev);
	enum vfio_device_mig_state next;
	struct file *file = NULL;
	int ret;

	mutex_lock(&mram->mig_lock);
	while (!file && mram->mig_state != state) {
		ret = vfio_mig_get_next_state(vdev, mram->mig_state, state,
					      &next);
		file = ret ? ERR_PTR(ret) :
			     mram_mig_step(mram, mram->mig_state, next);
		if (!IS_ERR(file))
			mram->mig_state = next;
	}
	mutex_unlock(&mram->mig_lock);
	return file;
}

static int mram_mig_get_state(struct vfio_device *vdev,
			      enum vfio_device_mig_state *state)
{
	struct mram *mram = to_mram(vdev);

	mutex_lock(&mram->mig_lock);
	*state = mram->mig_state;
	mutex_unlock(&mram->mig_lock);
	return 0;
}

static int mram_mig_get_data_size(struct vfio_device *vdev,
				  unsigned long *bytes)
{
	*bytes = mram_state_bytes(to_mram(vdev));
	return 0;
}

const struct vfio_migration_ops mram_migration_ops = {
	.migration_set_state = mram_mig_set_state,
	.migration_get_state = mram_mig_get_state,
	.migration_get_data_size = mram_mig_get_data_size,
};

/**
 * __mram_mig_reset() - a reset leads back to RUNNING from every state
 * @mram: the device; its engine stands still, for a reason of the caller's
 *
 * Context: Holds &mram.mig_lock.
 */
void __mram_mig_reset(struct mram *mram)
{
	lockdep_assert_held(&mram->mig_lock);
	mram_stream_drop(mram);
	if (mram->mig_state != VFIO_DEVICE_STATE_RUNNING)
		mram_bell_start(mram);
	mram->mig_state = VFIO_DEVICE_STATE_RUNNING;
}

/*
 * The log: one entry for each page that was written since it was last read
 */

static void __mram_log_clear(struct mram *mram)
{
	lockdep_assert_held(&mram->dirty_lock);
	xa_destroy(&mram->dirty);
	mram->log_lost = false;
}

/**
 * mram_log_write() - the device has written to guest memory
 * @mram: the device
 * @iova: first address
 * @len: bytes, not zero
 *
 * To be called after the write: were it before, somebody could read the log,
 * and then the page, in between.
 *
 * Context: Takes &mram.dirty_lock; may sleep.
 */
void mram_log_write(struct mram *mram, dma_addr_t iova, size_t len)
{
	unsigned long last = (iova + len - 1) >> PAGE_SHIFT;
	unsigned long page;

	mutex_lock(&mram->dirty_lock);
	if (mram->logging) {
		for (page = iova >> PAGE_SHIFT; page <= last; page++) {
			if (xa_is_err(xa_store(&mram->dirty, page,
					       xa_mk_value(1), GFP_KERNEL)))
				mram->log_lost = true;
		}
	}
	mutex_unlock(&mram->dirty_lock);
}

static int mram_log_start(struct vfio_device *vdev,
			  struct rb_root_cached *ranges, u32 nnodes,
			  u64 *page_size)
{
	struct mram *mram = to_mram(vdev);

	/*
	 * The log costs by the page that is written, not by the page that is
	 * watched, so the ranges do not matter.
	 */
	mutex_lock(&mram->dirty_lock);
	__mram_log_clear(mram);
	mram->logging = true;
	mutex_unlock(&mram->dirty_lock);
	*page_size = PAGE_SIZE;
	return 0;
}

static int mram_log_stop(struct vfio_device *vdev)
{
	struct mram *mram = to_mram(vdev);

	mutex_lock(&mram->dirty_lock);
	mram->logging = false;
	__mram_log_clear(mram);
	mutex_unlock(&mram->dirty_lock);
	return 0;
}

/*
 * Setting bits may fault in user space's bitmap, so no lock is held.  A page
 * that is written again after its entry has gone gets a new entry.
 */
static int mram_log_read_and_clear(struct vfio_device *vdev,
				   unsigned long iova, unsigned long length,
				   struct iova_bitmap *bitmap)
{
	unsigned long last = (iova + length - 1) >> PAGE_SHIFT;
	struct mram *mram = to_mram(vdev);
	unsigned long page;
	void *entry;

	if (!READ_ONCE(mram->logging))
		return -EINVAL;
	if (READ_ONCE(mram->log_lost)) {
		iova_bitmap_set(bitmap, iova, length);
		return 0;
	}
	xa_for_each_range(&mram->dirty, page, entry, iova >> PAGE_SHIFT, last) {
		xa_erase(&mram->dirty, page);
		iova_bitmap_set(bitmap, page << PAGE_SHIFT, PAGE_SIZE);
	}
	return 0;
}

const struct vfio_log_ops mram_log_ops = {
	.log_start = mram_log_start,
	.log_stop = mram_log_stop,
	.log_read_and_clear = mram_log_read_and_clear,
};

/**
 * mram_mig_init() - initialise
 * @mram: the device, seen by nobody yet
 *
 * Context: Any.
 */
void mram_mig_init(struct mram *mram)
{
	mutex_init(&mram->mig_lock);
	mutex_init(&mram->dirty_lock);
	xa_init(&mram->dirty);
	mram->mig_state = VFIO_DEVICE_STATE_RUNNING;
	mram->vdev.migration_flags = VFIO_MIGRATION_STOP_COPY |
				     VFIO_MIGRATION_P2P;
	mram->vdev.mig_ops = &mram_migration_ops;
	mram->vdev.log_ops = &mram_log_ops;
}

/**
 * mram_mig_close() - forget streams and log
 * @mram: the device; no user is inside any more, the engine stands still
 *
 * Context: Takes &mram.mig_lock and &mram.dirty_lock; may sleep.
 */
void mram_mig_close(struct mram *mram)
{
	mutex_lock(&mram->mig_lock);
	__mram_mig_reset(mram);
	mutex_unlock(&mram->mig_lock);
	mram_log_stop(&mram->vdev);
}
