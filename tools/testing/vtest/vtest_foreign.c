// SPDX-License-Identifier: GPL-2.0-only
/*
 * A test device as a driver for Linux 6.12 would do it
 *
 * User pointers go down into the callbacks, so a page fault that user space
 * does not answer keeps a task inside the gate: the case for which the core
 * has a grace and a SIGKILL.
 *
 * vt is a test device.
 */
#include <linux/uaccess.h>

#include "vtest_priv.h"

static ssize_t foreign_read(struct vfio_device *vdev, char __user *buf,
			    size_t count, loff_t *ppos)
{
	struct vtest_device *vt = to_vtest(vdev);
	size_t offset, done = 0, chunk;
	u8 bounce[64];
	int ret;

	vtest_entry(vt);
	ret = vtest_check_range(*ppos, count, &offset);
	if (ret)
		return ret;
	if (VTEST_OFFSET_TO_REGION(*ppos) == VTEST_REGION_SLEEP) {
		ret = vtest_sleep(vt, true);
		if (ret)
			return ret;
		if (clear_user(buf, count))
			return -EFAULT;
		done = count;
	}
	for (; done < count; done += chunk) {
		chunk = min(count - done, sizeof(bounce));
		vtest_ram_read(vt, bounce, offset + done, chunk);
		if (copy_to_user(buf + done, bounce, chunk))
			return -EFAULT;
	}
	*ppos += done;
	return done;
}

static ssize_t foreign_write(struct vfio_device *vdev, const char __user *buf,
			     size_t count, loff_t *ppos)
{
	struct vtest_device *vt = to_vtest(vdev);
	size_t offset, done, chunk;
	u8 bounce[64];
	int ret;

	vtest_entry(vt);
	ret = vtest_check_range(*ppos, count, &offset);
	if (ret)
		return ret;
	if (VTEST_OFFSET_TO_REGION(*ppos) == VTEST_REGION_SLEEP)
		return -EINVAL;
	for (done = 0; done < count; done += chunk) {
		chunk = min(count - done, sizeof(bounce));
		if (copy_from_user(bounce, buf + done, chunk))
			return -EFAULT;
		vtest_ram_write(vt, bounce, offset + done, chunk);
	}
	*ppos += done;
	return done;
}

static long foreign_info(struct vfio_device *vdev, void __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_device_info, num_irqs);
	struct vfio_device_info info = {};

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	vtest_get_info(vdev, &info, NULL);
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

static long foreign_region_info(struct vfio_device *vdev, void __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_region_info, offset);
	struct vfio_region_info info;
	int ret;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	info.cap_offset = 0;
	ret = vtest_get_region_info(vdev, &info, NULL);
	if (ret)
		return ret;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

static long foreign_irq_info(struct vfio_device *vdev, void __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_irq_info, count);
	struct vfio_irq_info info;
	int ret;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	ret = vtest_get_irq_info(vdev, &info);
	if (ret)
		return ret;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

static long foreign_set_irqs(struct vfio_device *vdev, void __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_irq_set, count);
	struct vfio_irq_info info = {};
	struct vfio_irq_set hdr;
	size_t data_size = 0;
	void *data = NULL;
	long ret;

	if (copy_from_user(&hdr, arg, minsz))
		return -EFAULT;
	info.index = hdr.index;
	if (vtest_get_irq_info(vdev, &info))
		return -EINVAL;
	ret = vfio_set_irqs_validate_and_prepare(&hdr, info.count,
						 VTEST_NR_IRQS, &data_size);
	if (ret)
		return ret;
	if (data_size) {
		data = memdup_user(arg + minsz, data_size);
		if (IS_ERR(data))
			return PTR_ERR(data);
	}
	ret = vtest_set_irqs(vdev, &hdr, data);
	kfree(data);
	return ret;
}

static long foreign_ioctl(struct vfio_device *vdev, unsigned int cmd,
			  unsigned long arg)
{
	void __user *uarg = (void __user *)arg;

	vtest_entry(to_vtest(vdev));
	switch (cmd) {
	case VFIO_DEVICE_GET_INFO:
		return foreign_info(vdev, uarg);
	case VFIO_DEVICE_GET_REGION_INFO:
		return foreign_region_info(vdev, uarg);
	case VFIO_DEVICE_GET_IRQ_INFO:
		return foreign_irq_info(vdev, uarg);
	case VFIO_DEVICE_SET_IRQS:
		return foreign_set_irqs(vdev, uarg);
	case VFIO_DEVICE_RESET:
		return vtest_reset(vdev);
	default:
		return vtest_ioctl(vdev, cmd, arg);
	}
}

const struct vfio_device_ops vtest_foreign_ops = {
	.name		= "vtest-foreign",
	.init		= vtest_init_dev,
	.release	= vtest_release_dev,
	.open_device	= vtest_open_device,
	.close_device	= vtest_close_device,
	.read		= foreign_read,
	.write		= foreign_write,
	.ioctl		= foreign_ioctl,
	.mmap		= vtest_foreign_mmap,
	.dma_unmap	= vtest_dma_unmap,
};
