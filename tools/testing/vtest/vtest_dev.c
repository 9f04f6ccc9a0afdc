// SPDX-License-Identifier: GPL-2.0-only
/*
 * The callbacks of a structured test device
 *
 * No callback here touches user memory; those that must are in vtest_ioctl.c.
 * Every callback first checks that it may be called at all: a device that is
 * not open must not see one.
 *
 * vt is a test device, vp its parent.
 */
#include <linux/delay.h>
#include <linux/eventfd.h>
#include <linux/slab.h>

#include "vtest_priv.h"

/**
 * vtest_count() - count an event
 * @vt: the device
 * @stat: which
 *
 * Context: Any.
 */
void vtest_count(struct vtest_device *vt, enum vtest_stat stat)
{
	atomic_inc(&vt->stat[stat]);
	atomic_inc(&vt->parent->stat[stat]);
}

/**
 * vtest_count_down() - the opposite, for what is a level
 * @vt: the device
 * @stat: which
 *
 * Context: Any.
 */
void vtest_count_down(struct vtest_device *vt, enum vtest_stat stat)
{
	atomic_dec(&vt->stat[stat]);
	atomic_dec(&vt->parent->stat[stat]);
}

static void stat_raise(atomic_t *max, int value)
{
	int old = atomic_read(max);

	while (old < value && !atomic_try_cmpxchg(max, &old, value))
		;
}

/**
 * vtest_count_max() - remember the largest value of something
 * @vt: the device
 * @stat: what
 * @value: its value now
 *
 * Context: Any.
 */
void vtest_count_max(struct vtest_device *vt, enum vtest_stat stat, int value)
{
	stat_raise(&vt->stat[stat], value);
	stat_raise(&vt->parent->stat[stat], value);
}

/**
 * vtest_entry() - note that the core has called us
 * @vt: the device
 *
 * Context: Any callback that needs an open device.
 */
void vtest_entry(struct vtest_device *vt)
{
	if (!READ_ONCE(vt->is_open))
		vtest_count(vt, VTEST_STAT_LATE_CALLS);
	vtest_count_max(vt, VTEST_STAT_OPEN_COUNT_MAX,
			READ_ONCE(vt->vdev.open_count));
}

/**
 * vtest_init_dev() - the init callback
 * @vdev: the device
 *
 * Context: Process context, from vfio_alloc_device().
 * Return: 0, -ENOMEM, or the errno the test asked for.
 */
int vtest_init_dev(struct vfio_device *vdev)
{
	struct vtest_device *vt = to_vtest(vdev);
	unsigned int i;

	vt->parent = vtest_parent_of(vdev->dev);
	vt->mdev = to_mdev_device(vdev->dev);
	INIT_LIST_HEAD(&vt->node);
	mutex_init(&vt->ram_lock);
	mutex_init(&vt->irq_lock);
	mutex_init(&vt->pin_lock);
	mutex_init(&vt->job_lock);
	init_waitqueue_head(&vt->wq);
	init_waitqueue_head(&vt->pin_wq);
	INIT_LIST_HEAD(&vt->pinning);
	xa_init(&vt->pins);
	vt->crowd = &vt->own_set;

	if (READ_ONCE(vt->parent->fail_init))
		return -READ_ONCE(vt->parent->fail_init);
	for (i = 0; i < VTEST_RAM_PAGES; i++) {
		vt->ram[i] = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
		if (!vt->ram[i])
			goto err_free_ram;
	}
	return 0;

err_free_ram:
	while (i--)
		__free_page(vt->ram[i]);
	return -ENOMEM;
}

/**
 * vtest_release_dev() - the release callback
 * @vdev: the device
 *
 * The RAM is overwritten before it is freed, so that a mapping that has
 * survived shows it.
 *
 * Context: Process context, from our own last vfio_put_device().
 */
void vtest_release_dev(struct vfio_device *vdev)
{
	struct vtest_device *vt = to_vtest(vdev);
	unsigned int i;

	if (READ_ONCE(vt->is_open))
		vtest_count(vt, VTEST_STAT_BAD_ORDER);
	for (i = 0; i < VTEST_RAM_PAGES; i++) {
		memset(page_address(vt->ram[i]), 0x5a, PAGE_SIZE);
		__free_page(vt->ram[i]);
	}
	xa_destroy(&vt->pins);
}

/**
 * vtest_open_device() - first open
 * @vdev: the device
 *
 * Context: Process context, the set held.
 * Return: 0, or the errno the test asked for.
 */
int vtest_open_device(struct vfio_device *vdev)
{
	struct vtest_device *vt = to_vtest(vdev);
	struct vtest_crowd *crowd = vt->crowd;
	int error;

	vtest_count_max(vt, VTEST_STAT_OPENING_MAX,
			atomic_inc_return(&crowd->opening));
	if (atomic_read(&crowd->excluded))
		vtest_count(vt, VTEST_STAT_SET_INTRUDERS);
	if (READ_ONCE(vt->is_open) || atomic_read(&vt->nr_fds))
		vtest_count(vt, VTEST_STAT_BAD_ORDER);
	if (READ_ONCE(vt->open_delay_ms))
		msleep(READ_ONCE(vt->open_delay_ms));
	if (atomic_read(&crowd->excluded))
		vtest_count(vt, VTEST_STAT_SET_INTRUDERS);
	atomic_dec(&crowd->opening);

	error = READ_ONCE(vt->open_error);
	if (error)
		return -error;
	vt->mode = 0;
	WRITE_ONCE(vt->is_open, true);
	vtest_count(vt, VTEST_STAT_OPEN_DEVICE);
	vtest_count_max(vt, VTEST_STAT_OPEN_COUNT_MAX, vdev->open_count);
	return 0;
}

static void vtest_put_irqs(struct vtest_device *vt)
{
	unsigned int i;

	mutex_lock(&vt->irq_lock);
	for (i = 0; i < VTEST_NR_VECTORS; i++) {
		if (vt->vectors[i])
			eventfd_ctx_put(vt->vectors[i]);
		vt->vectors[i] = NULL;
	}
	if (vt->req)
		eventfd_ctx_put(vt->req);
	vt->req = NULL;
	mutex_unlock(&vt->irq_lock);
}

/**
 * vtest_close_device() - last close or revocation
 * @vdev: the device
 *
 * Context: Process context, the set held.
 */
void vtest_close_device(struct vfio_device *vdev)
{
	struct vtest_device *vt = to_vtest(vdev);

	vtest_count(vt, VTEST_STAT_CLOSE_DEVICE);
	if (vdev->open_count != 1)
		vtest_count(vt, VTEST_STAT_BAD_CLOSE);
	if (!READ_ONCE(vt->is_open) || atomic_read(&vt->nr_fds) ||
	    atomic_read(&vt->stat[VTEST_STAT_SLEEPERS]))
		vtest_count(vt, VTEST_STAT_BAD_ORDER);
	if (atomic_read(&vt->crowd->excluded))
		vtest_count(vt, VTEST_STAT_SET_INTRUDERS);
	if (READ_ONCE(vt->close_delay_ms))
		msleep(READ_ONCE(vt->close_delay_ms));

	vtest_dma_join(vt);
	if (!(vt->mode & VTEST_MODE_LEAK_PINS))
		vtest_unpin_all(vt);
	vtest_put_irqs(vt);
	WRITE_ONCE(vt->is_open, false);
}

static int vtest_open_fd(struct vfio_device *vdev)
{
	struct vtest_device *vt = to_vtest(vdev);
	int error = READ_ONCE(vt->open_fd_error);

	vtest_entry(vt);
	if (error)
		return -error;
	atomic_inc(&vt->nr_fds);
	vtest_count(vt, VTEST_STAT_OPEN_FD);
	return 0;
}

static void vtest_close_fd(struct vfio_device *vdev)
{
	struct vtest_device *vt = to_vtest(vdev);

	vtest_entry(vt);
	if (atomic_dec_return(&vt->nr_fds) < 0)
		vtest_count(vt, VTEST_STAT_BAD_ORDER);
	vtest_count(vt, VTEST_STAT_CLOSE_FD);
}

static ssize_t vtest_read_buf(struct vfio_device *vdev, void *buf,
			      size_t count, loff_t *ppos)
{
	struct vtest_device *vt = to_vtest(vdev);
	size_t offset;
	int ret;

	vtest_entry(vt);
	ret = vtest_check_range(*ppos, count, &offset);
	if (ret)
		return ret;
	if (VTEST_OFFSET_TO_REGION(*ppos) == VTEST_REGION_SLEEP) {
		ret = vtest_sleep(vt, false);
		if (ret)
			return ret;
		memset(buf, 0, count);
	} else {
		vtest_ram_read(vt, buf, offset, count);
	}
	*ppos += count;
	return count;
}

static ssize_t vtest_write_buf(struct vfio_device *vdev, const void *buf,
			       size_t count, loff_t *ppos)
{
	struct vtest_device *vt = to_vtest(vdev);
	size_t offset;
	int ret;

	vtest_entry(vt);
	ret = vtest_check_range(*ppos, count, &offset);
	if (ret)
		return ret;
	if (VTEST_OFFSET_TO_REGION(*ppos) == VTEST_REGION_SLEEP)
		return -EINVAL;
	vtest_ram_write(vt, buf, offset, count);
	*ppos += count;
	return count;
}

static void vtest_request(struct vfio_device *vdev, unsigned int count)
{
	struct vtest_device *vt = to_vtest(vdev);

	vtest_count(vt, VTEST_STAT_REQUEST);
	if (READ_ONCE(vt->request_mode) == VTEST_REQUEST_IGNORE)
		return;
	mutex_lock(&vt->irq_lock);
	if (vt->req)
		eventfd_signal(vt->req);
	mutex_unlock(&vt->irq_lock);
}

/**
 * vtest_get_info() - what the device is
 * @vdev: the device
 * @info: to be filled
 * @caps: not added to
 *
 * Context: Process context.
 * Return: 0.
 */
int vtest_get_info(struct vfio_device *vdev, struct vfio_device_info *info,
		   struct vfio_info_cap *caps)
{
	vtest_entry(to_vtest(vdev));
	info->flags = VFIO_DEVICE_FLAGS_RESET;
	info->num_regions = VTEST_NR_REGIONS;
	info->num_irqs = VTEST_NR_IRQS;
	return 0;
}

/**
 * vtest_get_region_info() - what a region is
 * @vdev: the device
 * @info: to be filled, @info->index is set
 * @caps: not added to
 *
 * Context: Process context.
 * Return: 0, -EINVAL.
 */
int vtest_get_region_info(struct vfio_device *vdev,
			  struct vfio_region_info *info,
			  struct vfio_info_cap *caps)
{
	vtest_entry(to_vtest(vdev));
	if (info->index >= VTEST_NR_REGIONS)
		return -EINVAL;
	info->offset = VTEST_OFFSET(info->index);
	info->size = VTEST_RAM_BYTES;
	info->flags = VFIO_REGION_INFO_FLAG_READ;
	if (info->index != VTEST_REGION_SLEEP)
		info->flags |= VFIO_REGION_INFO_FLAG_WRITE |
			       VFIO_REGION_INFO_FLAG_MMAP;
	return 0;
}

/**
 * vtest_get_irq_info() - what an interrupt index is
 * @vdev: the device
 * @info: to be filled, @info->index is set
 *
 * Context: Process context.
 * Return: 0, -EINVAL.
 */
int vtest_get_irq_info(struct vfio_device *vdev, struct vfio_irq_info *info)
{
	vtest_entry(to_vtest(vdev));
	if (info->index >= VTEST_NR_IRQS)
		return -EINVAL;
	info->flags = 0;
	info->count = 0;
	if (info->index == VTEST_IRQ_VECTORS)
		info->count = VTEST_NR_VECTORS;
	if (info->index == VTEST_IRQ_REQ)
		info->count = 1;
	if (info->count)
		info->flags = VFIO_IRQ_INFO_EVENTFD;
	return 0;
}

static struct eventfd_ctx **vtest_slot(struct vtest_device *vt, u32 index)
{
	return index == VTEST_IRQ_REQ ? &vt->req : vt->vectors;
}

/* Replace one eventfd; fd -1 removes it. */
static int vtest_set_eventfd(struct vtest_device *vt,
			     struct eventfd_ctx **slot, int fd)
{
	struct eventfd_ctx *new = NULL;

	lockdep_assert_held(&vt->irq_lock);
	if (fd != -1) {
		new = eventfd_ctx_fdget(fd);
		if (IS_ERR(new))
			return PTR_ERR(new);
	}
	if (*slot)
		eventfd_ctx_put(*slot);
	*slot = new;
	return 0;
}

static int vtest_trigger(struct vtest_device *vt,
			 const struct vfio_irq_set *hdr, void *data)
{
	struct eventfd_ctx **slot = vtest_slot(vt, hdr->index) + hdr->start;
	const s32 *fds = data;
	const u8 *fire = data;
	unsigned int i;
	int ret;

	lockdep_assert_held(&vt->irq_lock);
	for (i = 0; i < hdr->count; i++) {
		if (hdr->flags & VFIO_IRQ_SET_DATA_EVENTFD) {
			ret = vtest_set_eventfd(vt, slot + i, fds[i]);
			if (ret)
				return ret;
		} else if (!(hdr->flags & VFIO_IRQ_SET_DATA_BOOL) || fire[i]) {
			if (slot[i])
				eventfd_signal(slot[i]);
		}
	}
	return 0;
}

/**
 * vtest_set_irqs() - set or signal eventfds
 * @vdev: the device
 * @hdr: validated by the core
 * @data: kernel memory, NULL for DATA_NONE
 *
 * Context: Process context.
 * Return: 0, -EINVAL for an action other than TRIGGER, or the errno of an
 *         eventfd that is none.
 */
int vtest_set_irqs(struct vfio_device *vdev, const struct vfio_irq_set *hdr,
		   void *data)
{
	struct vtest_device *vt = to_vtest(vdev);
	struct eventfd_ctx **slot;
	unsigned int i;
	int ret = 0;

	vtest_entry(vt);
	if (!(hdr->flags & VFIO_IRQ_SET_ACTION_TRIGGER))
		return -EINVAL;
	if (hdr->index != VTEST_IRQ_VECTORS && hdr->index != VTEST_IRQ_REQ)
		return -EINVAL;

	mutex_lock(&vt->irq_lock);
	if (!hdr->count && (hdr->flags & VFIO_IRQ_SET_DATA_NONE)) {
		slot = vtest_slot(vt, hdr->index);
		i = hdr->index == VTEST_IRQ_REQ ? 1 : VTEST_NR_VECTORS;
		while (i--)
			vtest_set_eventfd(vt, slot + i, -1);
	} else {
		ret = vtest_trigger(vt, hdr, data);
	}
	mutex_unlock(&vt->irq_lock);
	return ret;
}

/**
 * vtest_reset() - clear the RAM
 * @vdev: the device
 *
 * Context: Process context.
 * Return: 0.
 */
int vtest_reset(struct vfio_device *vdev)
{
	struct vtest_device *vt = to_vtest(vdev);
	unsigned int i;

	vtest_entry(vt);
	mutex_lock(&vt->ram_lock);
	for (i = 0; i < VTEST_RAM_PAGES; i++)
		clear_page(page_address(vt->ram[i]));
	mutex_unlock(&vt->ram_lock);
	return 0;
}

const struct vfio_device_ops vtest_ops = {
	.name		= "vtest",
	.init		= vtest_init_dev,
	.release	= vtest_release_dev,
	.open_device	= vtest_open_device,
	.close_device	= vtest_close_device,
	.ioctl		= vtest_ioctl,
	.mmap		= vtest_mmap,
	.request	= vtest_request,
	.dma_unmap	= vtest_dma_unmap,
	.open_fd	= vtest_open_fd,
	.close_fd	= vtest_close_fd,
	.read_buf	= vtest_read_buf,
	.write_buf	= vtest_write_buf,
	.get_info	= vtest_get_info,
	.get_region_info = vtest_get_region_info,
	.get_irq_info	= vtest_get_irq_info,
	.set_irqs	= vtest_set_irqs,
	.reset		= vtest_reset,
};

const struct vfio_device_ops vtest_bare_ops = {
	.name		= "vtest-bare",
};
