// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device ioctls
 *
 * Those that every device has come in two flavours.  A driver with the
 * structured callback gets kernel memory: the core copies the argument once,
 * validates it, enters the gate, calls, leaves, and answers.  A driver without
 * gets the ioctl as user space made it, inside the gate.
 */
#include <linux/log2.h>
#include <linux/pm_runtime.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vfio.h"

/* No interrupt index has more vectors than MSI-X. */
#define VFIO_SET_IRQS_MAX_BYTES	(2048 * sizeof(s32))

/**
 * vfio_device_pm_begin() - power a device up for a driver's ioctl callback
 * @device: the device
 *
 * For drivers with runtime power management, as in 6.12.
 *
 * Context: May sleep; inside the gate.
 * Return: 0, and vfio_device_pm_end() is due; -EIO.
 */
int vfio_device_pm_begin(struct vfio_device *device)
{
	struct device_driver *driver = device->dev->driver;

	if (!driver || !driver->pm)
		return 0;
	return pm_runtime_resume_and_get(device->dev) < 0 ? -EIO : 0;
}

/**
 * vfio_device_pm_end() - undo vfio_device_pm_begin()
 * @device: the device
 *
 * Context: Any; inside the gate.
 */
void vfio_device_pm_end(struct vfio_device *device)
{
	struct device_driver *driver = device->dev->driver;

	if (driver && driver->pm)
		pm_runtime_put(device->dev);
}

/* Hand an ioctl to the driver as it is. */
static long vfio_device_ioctl_forward(struct vfio_skin *skin, unsigned int cmd,
				      unsigned long arg)
{
	struct vfio_device *device;
	struct gate_pass pass;
	long ret;

	device = skin_enter(skin, &pass);
	if (!device)
		return -ENODEV;
	if (!device->ops->ioctl) {
		ret = skin->structured & SKIN_CALLBACKS ? -ENOTTY : -EINVAL;
		goto out_exit;
	}
	ret = vfio_device_pm_begin(device);
	if (ret)
		goto out_exit;
	ret = device->ops->ioctl(device, cmd, arg);
	vfio_device_pm_end(device);
out_exit:
	gate_exit(&skin->gate, &pass);
	return ret;
}

/*
 * Answer with a structure and, if there is room, a capability chain behind it.
 * If there is not, the caller learns from argsz how much to bring next time.
 */
static int vfio_answer_with_caps(void __user *arg, void *info, size_t size,
				 u32 *argsz, u32 *flags, u32 caps_flag,
				 u32 *cap_offset, struct vfio_info_cap *caps)
{
	u32 room = *argsz;

	if (caps->size) {
		*flags |= caps_flag;
		*cap_offset = 0;
		if (room < size + caps->size) {
			*argsz = size + caps->size;
		} else {
			vfio_info_cap_shift(caps, size);
			if (copy_to_user(arg + size, caps->buf, caps->size))
				return -EFAULT;
			*cap_offset = size;
		}
	}
	if (copy_to_user(arg, info, min_t(size_t, room, size)))
		return -EFAULT;
	return 0;
}

static long vfio_device_ioctl_info(struct vfio_skin *skin, void __user *arg)
{
	size_t minsz = offsetofend(struct vfio_device_info, num_irqs);
	struct vfio_device_info info = {};
	struct vfio_info_cap caps = {};
	struct vfio_device *device;
	struct gate_pass pass;
	u32 argsz;
	int ret;

	if (get_user(argsz, (u32 __user *)arg))
		return -EFAULT;
	if (argsz < minsz)
		return -EINVAL;

	device = skin_enter(skin, &pass);
	if (!device)
		return -ENODEV;
	ret = device->ops->get_info(device, &info, &caps);
	gate_exit(&skin->gate, &pass);
	if (!ret) {
		info.argsz = argsz;
		ret = vfio_answer_with_caps(arg, &info, sizeof(info),
					    &info.argsz, &info.flags,
					    VFIO_DEVICE_FLAGS_CAPS,
					    &info.cap_offset, &caps);
	}
	kfree(caps.buf);
	return ret;
}

static long vfio_device_ioctl_region_info(struct vfio_skin *skin,
					  void __user *arg)
{
	size_t minsz = offsetofend(struct vfio_region_info, offset);
	struct vfio_region_info user, info = {};
	struct vfio_info_cap caps = {};
	struct vfio_device *device;
	struct gate_pass pass;
	int ret;

	if (copy_from_user(&user, arg, minsz))
		return -EFAULT;
	if (user.argsz < minsz)
		return -EINVAL;

	info.index = user.index;
	device = skin_enter(skin, &pass);
	if (!device)
		return -ENODEV;
	ret = device->ops->get_region_info(device, &info, &caps);
	gate_exit(&skin->gate, &pass);
	if (!ret) {
		info.argsz = user.argsz;
		info.index = user.index;
		ret = vfio_answer_with_caps(arg, &info, sizeof(info),
					    &info.argsz, &info.flags,
					    VFIO_REGION_INFO_FLAG_CAPS,
					    &info.cap_offset, &caps);
	}
	kfree(caps.buf);
	return ret;
}

static long vfio_device_ioctl_irq_info(struct vfio_skin *skin,
				       void __user *arg)
{
	size_t minsz = offsetofend(struct vfio_irq_info, count);
	struct vfio_irq_info user, info = {};
	struct vfio_device *device;
	struct gate_pass pass;
	int ret;

	if (copy_from_user(&user, arg, minsz))
		return -EFAULT;
	if (user.argsz < minsz)
		return -EINVAL;

	info.index = user.index;
	device = skin_enter(skin, &pass);
	if (!device)
		return -ENODEV;
	ret = device->ops->get_irq_info(device, &info);
	gate_exit(&skin->gate, &pass);
	if (ret)
		return ret;
	info.argsz = user.argsz;
	info.index = user.index;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

/* How many interrupts, and interrupt indices, has the device? */
static int vfio_device_irq_limits(struct vfio_device *device, u32 index,
				  u32 *nr_irqs, u32 *nr_indices)
{
	struct vfio_irq_info irq = { .index = index };
	struct vfio_device_info info = {};
	struct vfio_info_cap caps = {};
	int ret;

	ret = device->ops->get_info(device, &info, &caps);
	kfree(caps.buf);
	if (ret)
		return ret;
	*nr_indices = info.num_irqs;
	if (index >= info.num_irqs)
		return -EINVAL;
	ret = device->ops->get_irq_info(device, &irq);
	*nr_irqs = irq.count;
	return ret;
}

static long vfio_device_ioctl_set_irqs(struct vfio_skin *skin,
				       void __user *arg)
{
	size_t minsz = offsetofend(struct vfio_irq_set, count);
	u32 nr_irqs = 0, nr_indices = 0;
	struct vfio_device *device;
	struct vfio_irq_set hdr;
	struct gate_pass pass;
	size_t data_size = 0;
	void *data = NULL;
	int ret;

	if (copy_from_user(&hdr, arg, minsz))
		return -EFAULT;
	/* Exactly one action; which of them an index has the driver says. */
	if (!is_power_of_2(hdr.flags & VFIO_IRQ_SET_ACTION_TYPE_MASK))
		return -EINVAL;

	device = skin_enter(skin, &pass);
	if (!device)
		return -ENODEV;
	ret = vfio_device_irq_limits(device, hdr.index, &nr_irqs, &nr_indices);
	gate_exit(&skin->gate, &pass);
	if (ret)
		return ret;

	ret = vfio_set_irqs_validate_and_prepare(&hdr, nr_irqs, nr_indices,
						 &data_size);
	if (ret)
		return ret;
	if (data_size > VFIO_SET_IRQS_MAX_BYTES)
		return -EINVAL;
	if (data_size) {
		data = memdup_user(arg + minsz, data_size);
		if (IS_ERR(data))
			return PTR_ERR(data);
	}

	device = skin_enter(skin, &pass);
	if (device) {
		ret = device->ops->set_irqs(device, &hdr, data);
		gate_exit(&skin->gate, &pass);
	} else {
		ret = -ENODEV;
	}
	kfree(data);
	return ret;
}

static long vfio_device_ioctl_reset(struct vfio_skin *skin)
{
	struct vfio_device *device;
	struct gate_pass pass;
	int ret;

	device = skin_enter(skin, &pass);
	if (!device)
		return -ENODEV;
	ret = device->ops->reset(device);
	gate_exit(&skin->gate, &pass);
	return ret;
}

/**
 * vfio_device_ioctl() - every device ioctl but VFIO_DEVICE_FEATURE
 * @skin: the device's skin
 * @cmd: VFIO_DEVICE_*
 * @arg: its argument
 *
 * Context: May sleep.  Enters the gate.
 * Return: 0 or what the driver returned; -ENODEV when the device is revoked;
 *         -EFAULT, -EINVAL; -ENOTTY for what there is not; -EINVAL for any
 *         ioctl on a device whose driver has none, as in 6.12.
 */
long vfio_device_ioctl(struct vfio_skin *skin, unsigned int cmd,
		       unsigned long arg)
{
	const unsigned int irqs = SKIN_GET_INFO | SKIN_GET_IRQ_INFO |
				  SKIN_SET_IRQS;
	void __user *uarg = (void __user *)arg;

	switch (cmd) {
	case VFIO_DEVICE_GET_INFO:
		if (skin->structured & SKIN_GET_INFO)
			return vfio_device_ioctl_info(skin, uarg);
		break;
	case VFIO_DEVICE_GET_REGION_INFO:
		if (skin->structured & SKIN_GET_REGION_INFO)
			return vfio_device_ioctl_region_info(skin, uarg);
		break;
	case VFIO_DEVICE_GET_IRQ_INFO:
		if (skin->structured & SKIN_GET_IRQ_INFO)
			return vfio_device_ioctl_irq_info(skin, uarg);
		break;
	case VFIO_DEVICE_SET_IRQS:
		if ((skin->structured & irqs) == irqs)
			return vfio_device_ioctl_set_irqs(skin, uarg);
		break;
	case VFIO_DEVICE_RESET:
		if (skin->structured & SKIN_RESET)
			return vfio_device_ioctl_reset(skin);
		break;
	case VFIO_DEVICE_BIND_IOMMUFD:
		/* There is no iommufd here; 6.12 without it says the same. */
		return -ENOTTY;
	}
	return vfio_device_ioctl_forward(skin, cmd, arg);
}
