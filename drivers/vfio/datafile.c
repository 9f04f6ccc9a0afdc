// SPDX-License-Identifier: GPL-2.0-only
/*
 * Data files: streams of migration data that the core owns
 *
 * A file that a driver makes itself keeps the driver's module loaded and calls
 * into it for as long as user space holds the descriptor.  A data file is the
 * core's: it goes through the device's gate, gives the driver kernel buffers
 * only, and is released by the remover when the device is revoked.
 *
 * What a driver has handed over is gone there, and a copy to user memory may
 * fail.  So what could not be delivered is kept for the next read: a stream
 * with a hole would look like a good one.
 */
#include <linux/anon_inodes.h>
#include <linux/fs.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include "vfio.h"

/**
 * struct vfio_data_file - one stream
 * @ref: one for the struct file, one while @listed
 * @skin: the device's, referenced
 * @node: entry in &vfio_skin.data_files, under &vfio_skin.lock
 * @listed: on that list: @ops->release() is due; under &vfio_skin.lock
 * @lock: serialises the callbacks of this stream; inside the gate
 * @ops: the driver's; only inside the gate
 * @priv: the driver's
 * @read_lock: one reader at a time, until it has delivered; outside the gate
 * @kept: what was read from the driver and is yet to be delivered, or NULL;
 *	under @read_lock
 * @kept_pos: what of it has been delivered
 * @kept_len: bytes in @kept
 */
struct vfio_data_file {
	struct kref ref;
	struct vfio_skin *skin;
	struct list_head node;
	bool listed;
	/** @lock: serialises the callbacks of this stream; inside the gate */
	struct mutex lock;
	const struct vfio_data_file_ops *ops;
	void *priv;
	/**
	 * @read_lock: protects @kept and what belongs to it; held while user
	 * memory faults, so only readers of this stream take it
	 */
	struct mutex read_lock;
	void *kept;
	size_t kept_pos;
	size_t kept_len;
};

static void vfio_data_file_free(struct kref *ref)
{
	struct vfio_data_file *data =
		container_of(ref, struct vfio_data_file, ref);

	skin_put(data->skin);
	mutex_destroy(&data->read_lock);
	mutex_destroy(&data->lock);
	kfree(data->kept);
	kfree(data);
}

static void vfio_data_file_put(struct vfio_data_file *data)
{
	kref_put(&data->ref, vfio_data_file_free);
}

/* Inside the gate, or by the remover behind it. */
static void vfio_data_file_release_ops(struct vfio_device *device,
				       struct vfio_data_file *data)
{
	struct vfio_skin *skin = data->skin;
	bool listed;

	mutex_lock(&skin->lock);
	listed = data->listed;
	if (listed) {
		data->listed = false;
		list_del(&data->node);
	}
	mutex_unlock(&skin->lock);
	if (!listed)
		return;
	mutex_lock(&data->lock);
	if (data->ops->release)
		data->ops->release(device, data->priv);
	mutex_unlock(&data->lock);
	vfio_data_file_put(data);
}

static int vfio_data_file_fops_release(struct inode *inode, struct file *file)
{
	struct vfio_data_file *data = file->private_data;
	struct vfio_skin *skin = data->skin;
	struct vfio_device *device;
	struct gate_pass pass;

	device = skin_enter(skin, &pass);
	if (device) {
		vfio_data_file_release_ops(device, data);
		gate_exit(&skin->gate, &pass);
	}
	vfio_data_file_put(data);
	return 0;
}

/* Enter the gate and take the stream's lock. */
static struct vfio_device *vfio_data_file_begin(struct vfio_data_file *data,
						struct gate_pass *pass,
						int *ret)
{
	struct vfio_device *device;

	*ret = -ENODEV;
	device = skin_enter(data->skin, pass);
	if (!device)
		return NULL;
	*ret = mutex_lock_interruptible(&data->lock);
	if (*ret) {
		gate_exit(&data->skin->gate, pass);
		return NULL;
	}
	return device;
}

static void vfio_data_file_end(struct vfio_data_file *data,
			       struct gate_pass *pass)
{
	mutex_unlock(&data->lock);
	gate_exit(&data->skin->gate, pass);
}

/* Read up to @len bytes from the driver. */
static ssize_t vfio_data_file_fetch(struct vfio_data_file *data, size_t len)
{
	struct vfio_device *device;
	struct gate_pass pass;
	ssize_t got;
	void *kbuf;
	int ret;

	lockdep_assert_held(&data->read_lock);
	kbuf = kzalloc(len, GFP_KERNEL_ACCOUNT);
	if (!kbuf)
		return -ENOMEM;
	device = vfio_data_file_begin(data, &pass, &ret);
	if (!device) {
		kfree(kbuf);
		return ret;
	}
	got = data->ops->read(device, data->priv, kbuf, len);
	vfio_data_file_end(data, &pass);

	if (got > 0 && WARN_ON_ONCE(got > len))
		got = -EIO;
	if (got <= 0) {
		kfree(kbuf);
		return got;
	}
	data->kept = kbuf;
	data->kept_pos = 0;
	data->kept_len = got;
	return got;
}

static ssize_t vfio_data_file_deliver(struct vfio_data_file *data,
				      char __user *buf, size_t count)
{
	size_t done = min(count, data->kept_len - data->kept_pos);

	lockdep_assert_held(&data->read_lock);
	done -= copy_to_user(buf, data->kept + data->kept_pos, done);
	if (!done)
		return -EFAULT;
	data->kept_pos += done;
	if (data->kept_pos == data->kept_len) {
		kfree(data->kept);
		data->kept = NULL;
	}
	return done;
}

static ssize_t vfio_data_file_fops_read(struct file *file, char __user *buf,
					size_t count, loff_t *ppos)
{
	struct vfio_data_file *data = file->private_data;
	size_t len = min_t(size_t, count, PAGE_SIZE);
	ssize_t ret;

	if (!len)
		return 0;
	ret = mutex_lock_interruptible(&data->read_lock);
	if (ret)
		return ret;
	if (!data->kept)
		ret = vfio_data_file_fetch(data, len);
	else
		ret = gate_is_shut(&data->skin->gate) ? -ENODEV : 1;
	if (ret > 0)
		ret = vfio_data_file_deliver(data, buf, len);
	mutex_unlock(&data->read_lock);
	return ret;
}

static ssize_t vfio_data_file_fops_write(struct file *file,
					 const char __user *buf, size_t count,
					 loff_t *ppos)
{
	struct vfio_data_file *data = file->private_data;
	size_t len = min_t(size_t, count, PAGE_SIZE);
	struct vfio_device *device;
	struct gate_pass pass;
	ssize_t done;
	void *kbuf;
	int ret;

	if (!len)
		return 0;
	kbuf = memdup_user(buf, len);
	if (IS_ERR(kbuf))
		return PTR_ERR(kbuf);

	device = vfio_data_file_begin(data, &pass, &ret);
	if (!device) {
		done = ret;
		goto out_free;
	}
	done = data->ops->write(device, data->priv, kbuf, len);
	vfio_data_file_end(data, &pass);
out_free:
	kfree(kbuf);
	return done;
}

static long vfio_data_file_precopy_info(struct vfio_data_file *data,
					void __user *arg)
{
	size_t minsz = offsetofend(struct vfio_precopy_info, dirty_bytes);
	struct vfio_precopy_info info;
	struct vfio_device *device;
	struct gate_pass pass;
	u32 argsz;
	int ret;

	if (get_user(argsz, (u32 __user *)arg))
		return -EFAULT;
	if (argsz < minsz)
		return -EINVAL;

	device = vfio_data_file_begin(data, &pass, &ret);
	if (!device)
		return ret;
	memset(&info, 0, sizeof(info));
	ret = data->ops->precopy_info ?
		data->ops->precopy_info(device, data->priv, &info) : -ENOTTY;
	vfio_data_file_end(data, &pass);
	if (ret)
		return ret;
	info.argsz = argsz;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

static long vfio_data_file_fops_ioctl(struct file *file, unsigned int cmd,
				      unsigned long arg)
{
	struct vfio_data_file *data = file->private_data;

	if (gate_is_shut(&data->skin->gate))
		return -ENODEV;
	if (cmd != VFIO_MIG_GET_PRECOPY_INFO)
		return -ENOTTY;
	return vfio_data_file_precopy_info(data, (void __user *)arg);
}

static __poll_t vfio_data_file_fops_poll(struct file *file,
					 struct poll_table_struct *wait)
{
	struct vfio_data_file *data = file->private_data;
	struct gate *gate = &data->skin->gate;

	poll_wait(file, &gate->wq, wait);
	return gate_is_shut(gate) ? EPOLLERR | EPOLLHUP : DEFAULT_POLLMASK;
}

static const struct file_operations vfio_data_file_read_fops = {
	.owner = THIS_MODULE,
	.read = vfio_data_file_fops_read,
	.unlocked_ioctl = vfio_data_file_fops_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.poll = vfio_data_file_fops_poll,
	.release = vfio_data_file_fops_release,
};

static const struct file_operations vfio_data_file_write_fops = {
	.owner = THIS_MODULE,
	.write = vfio_data_file_fops_write,
	.poll = vfio_data_file_fops_poll,
	.release = vfio_data_file_fops_release,
};

/**
 * vfio_data_file_create() - make a stream for migration_set_state() to return
 * @vdev: the device; the caller is in one of its callbacks
 * @name: for /proc/PID/fd
 * @ops: the callbacks; with either @read or @write
 * @priv: their argument
 *
 * ops->release() is called once, when the file is closed or the device is
 * revoked, whichever comes first.
 *
 * Context: May sleep.  Inside the device's gate.
 * Return: the file; ERR_PTR(-ENOMEM), -ENFILE, or -EINVAL for @ops with both
 *         or none of @read and @write; then ops->release() is not called.
 */
struct file *vfio_data_file_create(struct vfio_device *vdev, const char *name,
				   const struct vfio_data_file_ops *ops,
				   void *priv)
{
	struct vfio_skin *skin = vdev->skin;
	struct vfio_data_file *data;
	struct file *file;

	if (WARN_ON_ONCE(!ops->read == !ops->write))
		return ERR_PTR(-EINVAL);
	data = kzalloc(sizeof(*data), GFP_KERNEL_ACCOUNT);
	if (!data)
		return ERR_PTR(-ENOMEM);
	kref_init(&data->ref);
	mutex_init(&data->lock);
	mutex_init(&data->read_lock);
	data->ops = ops;
	data->priv = priv;
	data->skin = skin;
	skin_get(skin);

	file = anon_inode_getfile(name, ops->read ? &vfio_data_file_read_fops :
				  &vfio_data_file_write_fops, data,
				  ops->read ? O_RDONLY : O_WRONLY);
	if (IS_ERR(file)) {
		vfio_data_file_put(data);
		return file;
	}
	stream_open(file_inode(file), file);

	kref_get(&data->ref);
	mutex_lock(&skin->lock);
	data->listed = true;
	list_add_tail(&data->node, &skin->data_files);
	mutex_unlock(&skin->lock);
	return file;
}
EXPORT_SYMBOL_GPL(vfio_data_file_create);

/**
 * vfio_data_files_revoke() - release every stream of a device
 * @skin: its skin, the gate drained
 *
 * Context: May sleep.  The remover, before close_device().
 */
void vfio_data_files_revoke(struct vfio_skin *skin)
{
	struct vfio_data_file *data;

	for (;;) {
		mutex_lock(&skin->lock);
		data = list_first_entry_or_null(&skin->data_files,
						struct vfio_data_file, node);
		if (data)
			kref_get(&data->ref);
		mutex_unlock(&skin->lock);
		if (!data)
			return;
		vfio_data_file_release_ops(skin->device, data);
		vfio_data_file_put(data);
	}
}
