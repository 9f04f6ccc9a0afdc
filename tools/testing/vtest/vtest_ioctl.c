// SPDX-License-Identifier: GPL-2.0-only
/*
 * The private ioctls, and what reads and writes of the RAM share
 *
 * These ioctls take user pointers inside the gate, as only a test driver may.
 *
 * vt is a test device.
 */
#include <linux/eventfd.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vtest_priv.h"

/**
 * vtest_check_range() - validate a file position
 * @pos: of the device file
 * @count: bytes
 * @offset: set to the offset in the RAM
 *
 * Context: Any.
 * Return: 0, -EINVAL.
 */
int vtest_check_range(loff_t pos, size_t count, size_t *offset)
{
	u64 inside = pos & (VTEST_OFFSET(1) - 1);

	if (pos < 0 || VTEST_OFFSET_TO_REGION(pos) >= VTEST_NR_REGIONS)
		return -EINVAL;
	if (inside > VTEST_RAM_BYTES || count > VTEST_RAM_BYTES - inside)
		return -EINVAL;
	*offset = inside;
	return 0;
}

static void vtest_ram_copy(struct vtest_device *vt, void *buf, size_t offset,
			   size_t len, bool write)
{
	size_t chunk, at;
	void *ram;

	mutex_lock(&vt->ram_lock);
	for (; len; len -= chunk, buf += chunk, offset += chunk) {
		at = offset_in_page(offset);
		chunk = min(len, PAGE_SIZE - at);
		ram = page_address(vt->ram[offset >> PAGE_SHIFT]) + at;
		if (write)
			memcpy(ram, buf, chunk);
		else
			memcpy(buf, ram, chunk);
	}
	mutex_unlock(&vt->ram_lock);
}

/**
 * vtest_ram_read() - copy out of the RAM
 * @vt: the device
 * @buf: kernel memory
 * @offset: in the RAM, checked
 * @len: bytes
 *
 * Context: May sleep.
 */
void vtest_ram_read(struct vtest_device *vt, void *buf, size_t offset,
		    size_t len)
{
	vtest_ram_copy(vt, buf, offset, len, false);
}

/**
 * vtest_ram_write() - copy into the RAM
 * @vt: the device
 * @buf: kernel memory
 * @offset: in the RAM, checked
 * @len: bytes
 *
 * Context: May sleep.
 */
void vtest_ram_write(struct vtest_device *vt, const void *buf, size_t offset,
		     size_t len)
{
	vtest_ram_copy(vt, (void *)buf, offset, len, true);
}

/**
 * vtest_sleep() - sleep in a callback until the device is woken
 * @vt: the device
 * @plain: in a wait that knows nothing of revocation
 *
 * Context: Process context, inside the gate.
 * Return: 0, -ERESTARTSYS on a signal, -ENODEV on revocation unless @plain.
 */
int vtest_sleep(struct vtest_device *vt, bool plain)
{
	int wakes = atomic_read(&vt->wakes);
	int ret;

	vtest_count(vt, VTEST_STAT_SLEEPERS);
	if (plain)
		ret = wait_event_interruptible(vt->wq,
				atomic_read(&vt->wakes) != wakes);
	else
		ret = vfio_device_wait_event(&vt->vdev,
				atomic_read(&vt->wakes) != wakes);
	vtest_count_down(vt, VTEST_STAT_SLEEPERS);
	return ret;
}

/**
 * vtest_wake() - end all sleeps in a device
 * @vt: the device
 *
 * Context: Any.
 */
void vtest_wake(struct vtest_device *vt)
{
	atomic_inc(&vt->wakes);
	wake_up_all(&vt->wq);
	vfio_device_wake(&vt->vdev);
}

/* Every argument begins with argsz and flags; only full sizes are known. */
#define vtest_get_arg(to, uarg, known_flags)				\
({									\
	int __ret = 0;							\
									\
	if (copy_from_user(to, uarg, sizeof(*(to))))			\
		__ret = -EFAULT;					\
	else if ((to)->argsz < sizeof(*(to)))				\
		__ret = -EINVAL;					\
	else if ((to)->flags & ~(known_flags))				\
		__ret = -EINVAL;					\
	__ret;								\
})

static long ioctl_pin(struct vtest_device *vt, void __user *uarg)
{
	struct vtest_pin pin;
	u64 *pfns;
	int ret;

	ret = vtest_get_arg(&pin, uarg, 0);
	if (ret)
		return ret;
	if (!pin.npages || pin.npages > VTEST_PIN_MAX)
		return -EINVAL;
	pfns = kvcalloc(pin.npages, sizeof(*pfns), GFP_KERNEL);
	if (!pfns)
		return -ENOMEM;
	ret = vtest_pin(vt, &pin, pfns);
	if (ret > 0 && pin.pfns &&
	    copy_to_user(u64_to_user_ptr(pin.pfns), pfns,
			 pin.npages * sizeof(*pfns))) {
		vtest_unpin(vt, &pin);
		ret = -EFAULT;
	}
	kvfree(pfns);
	return ret;
}

static long ioctl_unpin(struct vtest_device *vt, void __user *uarg)
{
	struct vtest_pin pin;
	int ret;

	ret = vtest_get_arg(&pin, uarg, 0);
	if (ret)
		return ret;
	if (!pin.npages || pin.npages > VTEST_PIN_MAX)
		return -EINVAL;
	return vtest_unpin(vt, &pin);
}

static long ioctl_dma_rw(struct vtest_device *vt, void __user *uarg)
{
	struct vtest_dma dma;
	int ret;

	ret = vtest_get_arg(&dma, uarg, VTEST_DMA_WRITE | VTEST_DMA_KTHREAD |
			    VTEST_DMA_ASYNC);
	if (ret)
		return ret;
	if ((dma.flags & VTEST_DMA_ASYNC) && !(dma.flags & VTEST_DMA_KTHREAD))
		return -EINVAL;
	if (!dma.len || dma.len > VTEST_RAM_BYTES ||
	    dma.offset > VTEST_RAM_BYTES - dma.len)
		return -EINVAL;
	return vtest_dma_rw(vt, &dma);
}

static long ioctl_signal(struct vtest_device *vt, unsigned long arg)
{
	unsigned int index = arg >> 16, vector = arg & 0xffff;
	struct eventfd_ctx *ctx;

	if (index == VTEST_IRQ_VECTORS && vector >= VTEST_NR_VECTORS)
		return -EINVAL;
	if (index == VTEST_IRQ_REQ && vector)
		return -EINVAL;
	if (index != VTEST_IRQ_VECTORS && index != VTEST_IRQ_REQ)
		return -EINVAL;
	mutex_lock(&vt->irq_lock);
	ctx = index == VTEST_IRQ_REQ ? vt->req : vt->vectors[vector];
	if (ctx)
		eventfd_signal(ctx);
	mutex_unlock(&vt->irq_lock);
	return ctx ? 0 : -ENOENT;
}

static long ioctl_stats(struct vtest_device *vt, void __user *uarg)
{
	struct vtest_stats stats;
	u32 *out = &stats.out_open_device;
	unsigned int i;
	int ret;

	static_assert(sizeof(stats) == (VTEST_NR_STATS + 2) * sizeof(u32));
	ret = vtest_get_arg(&stats, uarg, 0);
	if (ret)
		return ret;
	for (i = 0; i < VTEST_NR_STATS; i++)
		out[i] = atomic_read(&vt->stat[i]);
	return copy_to_user(uarg, &stats, sizeof(stats)) ? -EFAULT : 0;
}

static long ioctl_copy_out(struct vtest_device *vt, void __user *uarg)
{
	struct vtest_copy copy;
	void *bounce;
	int ret;

	ret = vtest_get_arg(&copy, uarg, 0);
	if (ret)
		return ret;
	if (!copy.len || copy.len > VTEST_RAM_BYTES ||
	    copy.offset > VTEST_RAM_BYTES - copy.len)
		return -EINVAL;
	bounce = kvmalloc(copy.len, GFP_KERNEL);
	if (!bounce)
		return -ENOMEM;
	vtest_ram_read(vt, bounce, copy.offset, copy.len);
	if (copy_to_user(u64_to_user_ptr(copy.buf), bounce, copy.len))
		ret = -EFAULT;
	kvfree(bounce);
	return ret;
}

/**
 * vtest_ioctl() - the private ioctls
 * @vdev: the device
 * @cmd: VTEST_*
 * @arg: its argument
 *
 * Context: Process context, inside the gate.
 * Return: see vtest.h; -ENOTTY for what is not ours.
 */
long vtest_ioctl(struct vfio_device *vdev, unsigned int cmd,
		 unsigned long arg)
{
	struct vtest_device *vt = to_vtest(vdev);
	void __user *uarg = (void __user *)arg;

	vtest_entry(vt);
	switch (cmd) {
	case VTEST_PIN:
		return ioctl_pin(vt, uarg);
	case VTEST_UNPIN:
		return ioctl_unpin(vt, uarg);
	case VTEST_SET_MODE:
		if (arg & ~VTEST_MODE_LEAK_PINS)
			return -EINVAL;
		vt->mode = arg;
		return 0;
	case VTEST_DMA_RW:
		return ioctl_dma_rw(vt, uarg);
	case VTEST_DMA_WAIT:
		return vtest_dma_wait(vt);
	case VTEST_SLEEP:
		return vtest_sleep(vt, vt->kind == VTEST_FOREIGN);
	case VTEST_SLEEP_PLAIN:
		return vtest_sleep(vt, true);
	case VTEST_WAKE:
		vtest_wake(vt);
		return 0;
	case VTEST_SIGNAL:
		return ioctl_signal(vt, arg);
	case VTEST_STATS:
		return ioctl_stats(vt, uarg);
	case VTEST_COPY_OUT:
		return ioctl_copy_out(vt, uarg);
	default:
		return -ENOTTY;
	}
}
