// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device files: open, release, read, write, mmap, poll, ioctl
 *
 * Everything here goes through the skin's gate before it looks at the device.
 * Where the driver offers callbacks on kernel buffers, user memory is copied
 * before the gate is entered and after it has been left, so a page fault that
 * user space does not answer never holds up a removal.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include "vfio.h"

/* Register accesses, nearly all of what is read and written, need no more. */
#define SMALL_BUF	64

/**
 * vfio_df_create() - allocate a device file that is not open yet
 * @skin: the device's skin; a reference is taken
 *
 * Context: May sleep.
 * Return: the device file with one reference, or NULL.
 */
struct vfio_device_file *vfio_df_create(struct vfio_skin *skin)
{
	struct vfio_device_file *df;

	df = kzalloc(sizeof(*df), GFP_KERNEL_ACCOUNT);
	if (!df)
		return NULL;
	kref_init(&df->ref);
	INIT_LIST_HEAD(&df->node);
	skin_get(skin);
	df->skin = skin;
	return df;
}

static void vfio_df_free(struct kref *ref)
{
	struct vfio_device_file *df =
		container_of(ref, struct vfio_device_file, ref);

	skin_put(df->skin);
	kfree(df);
}

/**
 * vfio_df_put() - drop a reference
 * @df: the device file
 *
 * Context: May sleep.
 */
void vfio_df_put(struct vfio_device_file *df)
{
	kref_put(&df->ref, vfio_df_free);
}

static struct file *vfio_df_getfile(struct vfio_device_file *df)
{
	struct file *file;

	file = anon_inode_getfile("[vfio-device]", &vfio_device_fops, df,
				  O_RDWR);
	if (IS_ERR(file))
		return file;
	file->f_mode |= FMODE_PREAD | FMODE_PWRITE;
	/* One address space for all files of the device: see mmap.c. */
	file->f_mapping = df->skin->inode->i_mapping;
	return file;
}

/*
 * Open the device and make a file for it, inside the gate.  What goes wrong is
 * undone in this order: descriptor, file, per-descriptor callback, device,
 * count, module, reference.
 */
static int vfio_df_open_inside(struct vfio_device *device,
			       struct vfio_device_file *df,
			       struct vfio_late_puts *late)
{
	struct file *file;
	int fd, ret;

	ret = vfio_device_open_file(device, df, late);
	if (ret)
		return ret;

	if (device->ops->open_fd) {
		ret = device->ops->open_fd(device);
		if (ret)
			goto err_close_file;
	}

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		ret = fd;
		goto err_close_fd;
	}
	file = vfio_df_getfile(df);
	if (IS_ERR(file)) {
		ret = PTR_ERR(file);
		goto err_put_fd;
	}
	fd_install(fd, file);
	return fd;

err_put_fd:
	put_unused_fd(fd);
err_close_fd:
	if (device->ops->close_fd)
		device->ops->close_fd(device);
err_close_file:
	vfio_device_close_file(device, df, late);
	return ret;
}

/**
 * vfio_df_open() - open a device for VFIO_GROUP_GET_DEVICE_FD
 * @skin: the device's skin, referenced by the caller
 * @group: the group it is opened through, open
 *
 * Context: May sleep.  No lock held.
 * Return: a file descriptor; -ENODEV when the device goes away; -ENOMEM,
 *         -EMFILE, -ENFILE; what vfio_device_open_file() and open_fd() said.
 */
int vfio_df_open(struct vfio_skin *skin, struct vfio_group *group)
{
	struct vfio_late_puts late = {};
	struct vfio_device_file *df;
	struct vfio_device *device;
	struct gate_pass pass;
	int ret;

	df = vfio_df_create(skin);
	if (!df)
		return -ENOMEM;
	df->group = group;

	device = skin_enter(skin, &pass);
	if (device) {
		ret = vfio_df_open_inside(device, df, &late);
		gate_exit(&skin->gate, &pass);
	} else {
		ret = -ENODEV;
	}
	vfio_late_puts_run(&late);
	if (ret < 0)
		vfio_df_put(df);
	return ret;
}

static int vfio_device_fops_release(struct inode *inode, struct file *file)
{
	struct vfio_device_file *df = file->private_data;
	struct vfio_skin *skin = df->skin;
	struct vfio_late_puts late = {};
	struct vfio_device *device;
	struct gate_pass pass;

	/* If the gate is shut the remover closes, or has closed, it for us. */
	device = skin_enter(skin, &pass);
	if (device) {
		if (device->ops->close_fd)
			device->ops->close_fd(device);
		vfio_device_close_file(device, df, &late);
		gate_exit(&skin->gate, &pass);
	}
	vfio_late_puts_run(&late);
	vfio_df_put(df);
	return 0;
}

/* A driver that reads into user memory itself. */
static ssize_t vfio_device_read_user(struct vfio_skin *skin, char __user *buf,
				     size_t count, loff_t *ppos)
{
	struct vfio_device *device;
	struct gate_pass pass;
	ssize_t ret = -EINVAL;

	device = skin_enter(skin, &pass);
	if (!device)
		return -ENODEV;
	if (device->ops->read)
		ret = device->ops->read(device, buf, count, ppos);
	gate_exit(&skin->gate, &pass);
	return ret;
}

static ssize_t vfio_device_write_user(struct vfio_skin *skin,
				      const char __user *buf, size_t count,
				      loff_t *ppos)
{
	struct vfio_device *device;
	struct gate_pass pass;
	ssize_t ret = -EINVAL;

	device = skin_enter(skin, &pass);
	if (!device)
		return -ENODEV;
	if (device->ops->write)
		ret = device->ops->write(device, buf, count, ppos);
	gate_exit(&skin->gate, &pass);
	return ret;
}

/* One piece through the kernel buffer @kbuf, of at most a page. */
static ssize_t vfio_device_read_piece(struct vfio_skin *skin, void *kbuf,
				      char __user *buf, size_t len,
				      loff_t *ppos)
{
	struct vfio_device *device;
	struct gate_pass pass;
	loff_t pos = *ppos;
	ssize_t ret;

	device = skin_enter(skin, &pass);
	if (!device)
		return -ENODEV;
	ret = device->ops->read_buf(device, kbuf, len, &pos);
	gate_exit(&skin->gate, &pass);
	if (ret <= 0)
		return ret;
	if (WARN_ON_ONCE(ret > len))
		return -EIO;
	if (copy_to_user(buf, kbuf, ret))
		return -EFAULT;
	*ppos = pos;
	return ret;
}

static ssize_t vfio_device_write_piece(struct vfio_skin *skin, void *kbuf,
				       const char __user *buf, size_t len,
				       loff_t *ppos)
{
	struct vfio_device *device;
	struct gate_pass pass;
	loff_t pos = *ppos;
	ssize_t ret;

	if (copy_from_user(kbuf, buf, len))
		return -EFAULT;
	device = skin_enter(skin, &pass);
	if (!device)
		return -ENODEV;
	ret = device->ops->write_buf(device, kbuf, len, &pos);
	gate_exit(&skin->gate, &pass);
	if (ret > 0)
		*ppos = pos;
	return ret;
}

typedef ssize_t (*vfio_piece_fn)(struct vfio_skin *skin, void *kbuf,
				 char __user *buf, size_t len, loff_t *ppos);

static ssize_t vfio_device_write_piece_cast(struct vfio_skin *skin, void *kbuf,
					    char __user *buf, size_t len,
					    loff_t *ppos)
{
	return vfio_device_write_piece(skin, kbuf, buf, len, ppos);
}

/* Transfer piece by piece until done, short, or failed. */
static ssize_t vfio_device_transfer(struct vfio_skin *skin, char __user *buf,
				    size_t count, loff_t *ppos,
				    vfio_piece_fn piece)
{
	u8 small[SMALL_BUF] __aligned(8);
	size_t size = min_t(size_t, count, PAGE_SIZE);
	void *kbuf = small;
	ssize_t ret = 0, done = 0;
	size_t len;

	if (count > SMALL_BUF) {
		kbuf = kzalloc(size, GFP_KERNEL_ACCOUNT);
		if (!kbuf)
			return -ENOMEM;
	} else {
		memset(small, 0, sizeof(small));
	}

	while (count) {
		len = min(count, size);
		ret = piece(skin, kbuf, buf, len, ppos);
		if (ret <= 0)
			break;
		buf += ret;
		count -= ret;
		done += ret;
		if (ret < len)
			break;
		cond_resched();
	}
	if (kbuf != small)
		kfree(kbuf);
	return done ? done : ret;
}

static ssize_t vfio_device_fops_read(struct file *file, char __user *buf,
				     size_t count, loff_t *ppos)
{
	struct vfio_device_file *df = file->private_data;
	struct vfio_skin *skin = df->skin;

	if (!(skin->structured & SKIN_READ_BUF))
		return vfio_device_read_user(skin, buf, count, ppos);
	return vfio_device_transfer(skin, buf, count, ppos,
				    vfio_device_read_piece);
}

static ssize_t vfio_device_fops_write(struct file *file,
				      const char __user *buf, size_t count,
				      loff_t *ppos)
{
	struct vfio_device_file *df = file->private_data;
	struct vfio_skin *skin = df->skin;

	if (!(skin->structured & SKIN_WRITE_BUF))
		return vfio_device_write_user(skin, buf, count, ppos);
	return vfio_device_transfer(skin, (char __user *)buf, count, ppos,
				    vfio_device_write_piece_cast);
}

static int vfio_device_fops_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct vfio_device_file *df = file->private_data;

	return skin_mmap(df->skin, file, vma);
}

static __poll_t vfio_device_fops_poll(struct file *file,
				      struct poll_table_struct *wait)
{
	struct vfio_device_file *df = file->private_data;
	struct gate *gate = &df->skin->gate;

	poll_wait(file, &gate->wq, wait);
	/* Live, a device file is what one without poll is: always ready. */
	return gate_is_shut(gate) ? EPOLLERR | EPOLLHUP : DEFAULT_POLLMASK;
}

static long vfio_device_fops_unl_ioctl(struct file *file, unsigned int cmd,
				       unsigned long arg)
{
	struct vfio_device_file *df = file->private_data;

	if (cmd == VFIO_DEVICE_FEATURE)
		return vfio_device_ioctl_feature(df->skin, (void __user *)arg);
	return vfio_device_ioctl(df->skin, cmd, arg);
}

const struct file_operations vfio_device_fops = {
	.owner = THIS_MODULE,
	.release = vfio_device_fops_release,
	.read = vfio_device_fops_read,
	.write = vfio_device_fops_write,
	.mmap = vfio_device_fops_mmap,
	.poll = vfio_device_fops_poll,
	.unlocked_ioctl = vfio_device_fops_unl_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

/**
 * vfio_df_from_file() - the device file behind a struct file
 * @file: any file
 *
 * Context: Any.
 * Return: it, kept by @file; NULL for a file of another kind.
 */
struct vfio_device_file *vfio_df_from_file(struct file *file)
{
	return file->f_op == &vfio_device_fops ? file->private_data : NULL;
}
