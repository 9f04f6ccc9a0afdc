// SPDX-License-Identifier: GPL-2.0-only
/*
 * A slice as a PCI function: configuration space, regions, open, close, reset
 *
 * Configuration space is two arrays, what it contains and which bits of that
 * software can write.  Two bits have an effect beyond that: memory decoding off
 * lets the BARs read as all-ones, and bus mastering off keeps the contexts from
 * guest memory.
 *
 * A reset is that of the contexts: they fail, which drops their commands, and
 * are restarted with registers as after power-on once their store I/O is back,
 * so that no old write lands after a newer one.  What is not back in time
 * leaves its context in error, and it is restarted by the next access to its
 * registers that finds it is.  Nobody but this slice is concerned.
 */
#include <linux/pci_regs.h>
#include <linux/unaligned.h>

#include "dev.h"

#define SLICE_CAP_EXP		0x40
#define SLICE_CAP_MSIX		0x80
/* How long a reset, or a close, waits for store I/O. */
#define SLICE_RESET_MS		5000

/* --------------------------------------------------- configuration space */

static void slice_pci_put16(struct slice_mdev *sl, unsigned int pos, u16 value,
			    u16 wmask)
{
	put_unaligned_le16(value, sl->cfg + pos);
	put_unaligned_le16(wmask, sl->cfg_wmask + pos);
}

static void slice_pci_put32(struct slice_mdev *sl, unsigned int pos, u32 value,
			    u32 wmask)
{
	put_unaligned_le32(value, sl->cfg + pos);
	put_unaligned_le32(wmask, sl->cfg_wmask + pos);
}

/* An endpoint with function level reset, on a link of the slowest kind. */
static void slice_pci_layout_exp(struct slice_mdev *sl)
{
	unsigned int cap = SLICE_CAP_EXP;

	sl->cfg[cap] = PCI_CAP_ID_EXP;
	sl->cfg[cap + PCI_CAP_LIST_NEXT] = SLICE_CAP_MSIX;
	slice_pci_put16(sl, cap + PCI_EXP_FLAGS,
			2 | PCI_EXP_TYPE_ENDPOINT << 4, 0);
	slice_pci_put32(sl, cap + PCI_EXP_DEVCAP,
			PCI_EXP_DEVCAP_RBER | PCI_EXP_DEVCAP_FLR, 0);
	slice_pci_put16(sl, cap + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_RELAX_EN |
			PCI_EXP_DEVCTL_NOSNOOP_EN | PCI_EXP_DEVCTL_READRQ_512B,
			PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE |
			PCI_EXP_DEVCTL_FERE | PCI_EXP_DEVCTL_URRE |
			PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_PAYLOAD |
			PCI_EXP_DEVCTL_NOSNOOP_EN | PCI_EXP_DEVCTL_READRQ);
	slice_pci_put32(sl, cap + PCI_EXP_LNKCAP, PCI_EXP_LNKCAP_SLS_2_5GB |
			1 << 4, 0);
	slice_pci_put16(sl, cap + PCI_EXP_LNKCTL, 0, PCI_EXP_LNKCTL_CCC);
	slice_pci_put16(sl, cap + PCI_EXP_LNKSTA, PCI_EXP_LNKSTA_CLS_2_5GB |
			PCI_EXP_LNKSTA_NLW_X1, 0);
}

static void slice_pci_layout_msix(struct slice_mdev *sl)
{
	unsigned int cap = SLICE_CAP_MSIX;

	sl->cfg[cap] = PCI_CAP_ID_MSIX;
	slice_pci_put16(sl, cap + PCI_MSIX_FLAGS,
			SLICE_NR_VECTORS(sl->nr_queues) - 1,
			PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	slice_pci_put32(sl, cap + PCI_MSIX_TABLE,
			SLICE_MSIX_TABLE | SLICE_BAR_MSIX, 0);
	slice_pci_put32(sl, cap + PCI_MSIX_PBA,
			SLICE_MSIX_PBA | SLICE_BAR_MSIX, 0);
}

/**
 * slice_pci_layout() - configuration space as after power-on
 * @sl: the slice, with @nr_queues set
 *
 * Context: Takes &slice_mdev.cfg_lock.
 */
void slice_pci_layout(struct slice_mdev *sl)
{
	mutex_lock(&sl->cfg_lock);
	memset(sl->cfg, 0, sizeof(sl->cfg));
	memset(sl->cfg_wmask, 0, sizeof(sl->cfg_wmask));
	slice_pci_put16(sl, PCI_VENDOR_ID, VFIO_MDEV_PCI_VENDOR, 0);
	slice_pci_put16(sl, PCI_DEVICE_ID, VFIO_MDEV_PCI_DEVICE_SLICE, 0);
	slice_pci_put16(sl, PCI_COMMAND, 0, PCI_COMMAND_MEMORY |
			PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
	slice_pci_put16(sl, PCI_STATUS, PCI_STATUS_CAP_LIST, 0);
	/* The low byte of this word is the revision. */
	slice_pci_put32(sl, PCI_CLASS_REVISION,
			VFIO_MDEV_PCI_CLASS << 8 | SLICE_VERSION, 0);
	sl->cfg_wmask[PCI_CACHE_LINE_SIZE] = 0xff;
	slice_pci_put32(sl, PCI_BASE_ADDRESS_0, PCI_BASE_ADDRESS_MEM_TYPE_64,
			~(slice_regs_bytes(sl) - 1));
	slice_pci_put32(sl, PCI_BASE_ADDRESS_1, 0, ~0U);
	slice_pci_put32(sl, PCI_BASE_ADDRESS_2, PCI_BASE_ADDRESS_MEM_TYPE_32,
			~(SLICE_BAR_MSIX_BYTES - 1U));
	slice_pci_put16(sl, PCI_SUBSYSTEM_VENDOR_ID, VFIO_MDEV_PCI_VENDOR, 0);
	slice_pci_put16(sl, PCI_SUBSYSTEM_ID, VFIO_MDEV_PCI_DEVICE_SLICE, 0);
	sl->cfg_wmask[PCI_INTERRUPT_LINE] = 0xff;
	sl->cfg[PCI_CAPABILITY_LIST] = SLICE_CAP_EXP;
	slice_pci_layout_exp(sl);
	slice_pci_layout_msix(sl);
	WRITE_ONCE(sl->decodes, false);
	mutex_unlock(&sl->cfg_lock);
}

/**
 * slice_pci_read() - read configuration space
 * @sl: the slice
 * @pos: first byte
 * @buf: where to
 * @count: bytes, within the space
 *
 * Context: Takes &slice_mdev.cfg_lock.
 */
void slice_pci_read(struct slice_mdev *sl, u32 pos, u8 *buf, size_t count)
{
	mutex_lock(&sl->cfg_lock);
	memcpy(buf, sl->cfg + pos, count);
	mutex_unlock(&sl->cfg_lock);
}

/* Store what can be stored; true if the function is to be reset. */
static bool slice_pci_store(struct slice_mdev *sl, u32 pos, const u8 *buf,
			    size_t count, u16 *command)
{
	const u32 flr = SLICE_CAP_EXP + PCI_EXP_DEVCTL + 1;
	size_t i;
	u8 wmask;

	mutex_lock(&sl->cfg_lock);
	for (i = 0; i < count; i++) {
		wmask = sl->cfg_wmask[pos + i];
		sl->cfg[pos + i] = (sl->cfg[pos + i] & ~wmask) |
				   (buf[i] & wmask);
	}
	*command = get_unaligned_le16(sl->cfg + PCI_COMMAND);
	mutex_unlock(&sl->cfg_lock);
	return pos <= flr && flr < pos + count &&
	       buf[flr - pos] & (PCI_EXP_DEVCTL_BCR_FLR >> 8);
}

static int __slice_pci_reset(struct slice_mdev *sl);

/**
 * slice_pci_write() - write configuration space
 * @sl: the slice
 * @pos: first byte
 * @buf: what
 * @count: bytes, within the space
 *
 * Context: Inside the gate; takes &slice_mdev.reset_lock; may sleep, as long
 *          as a reset does.
 */
void slice_pci_write(struct slice_mdev *sl, u32 pos, const u8 *buf,
		     size_t count)
{
	u16 command;

	mutex_lock(&sl->reset_lock);
	if (slice_pci_store(sl, pos, buf, count, &command)) {
		__slice_pci_reset(sl);
	} else {
		WRITE_ONCE(sl->decodes, command & PCI_COMMAND_MEMORY);
		slice_mem_set_reachable(sl, command & PCI_COMMAND_MASTER);
	}
	mutex_unlock(&sl->reset_lock);
}

/* ----------------------------------------------------------------- reset */

/* Wait for the end of a context's reset: false if store I/O is not back. */
static bool slice_reset_wait(struct slice_queue *q, unsigned long end)
{
	struct gate *gate = vfio_device_gate(&q->sl->vdev);

	while (!cxlflash_ctx_reset_wait(q->ctx, HZ / 20)) {
		/* It was in error before, or somebody fails it. */
		if (cxlflash_ctx_state(q->ctx) >= CXLFLASH_CTX_ERROR)
			return true;
		if (time_after(jiffies, end) || gate_is_shut(gate))
			return false;
	}
	return true;
}

/*
 * It has no commands any more, or has them but in vain: the registers become as
 * after power-on by failing and restarting it.
 */
static void slice_restart(struct slice_queue *q)
{
	cxlflash_ctx_fail(q->ctx);
	WRITE_ONCE(q->stuck, true);
	if (!cxlflash_ctx_restart(q->ctx))
		WRITE_ONCE(q->stuck, false);
}

/* -ETIMEDOUT if store I/O is not back. */
static int slice_reset_queues(struct slice_mdev *sl)
{
	unsigned long end = jiffies + msecs_to_jiffies(SLICE_RESET_MS);
	bool failed[SLICE_MAX_QUEUES];
	struct slice_queue *q;
	unsigned int i;
	int ret = 0;

	lockdep_assert_held(&sl->reset_lock);
	/* What the adapter has failed is the adapter's to restart. */
	if (sl->held)
		return 0;
	for (i = 0; i < sl->nr_queues; i++) {
		q = &sl->queues[i];
		failed[i] = !READ_ONCE(q->stuck) &&
			    cxlflash_ctx_state(q->ctx) >= CXLFLASH_CTX_ERROR;
		cxlflash_ctx_reset_begin(q->ctx);
	}
	for (i = 0; i < sl->nr_queues; i++) {
		q = &sl->queues[i];
		if (!slice_reset_wait(q, end))
			ret = -ETIMEDOUT;
		if (!failed[i])
			slice_restart(q);
	}
	return ret;
}

static int __slice_pci_reset(struct slice_mdev *sl)
{
	int ret;

	lockdep_assert_held(&sl->reset_lock);
	/* No registers, so no new commands. */
	slice_pci_layout(sl);
	slice_regs_reset(sl);
	slice_irq_reset(sl);
	ret = slice_reset_queues(sl);
	slice_mem_set_reachable(sl, false);
	return ret;
}

/**
 * slice_pci_reset() - VFIO_DEVICE_RESET
 * @vdev: the device
 *
 * Context: Inside the gate; takes &slice_mdev.reset_lock; may sleep.
 * Return: 0; -ETIMEDOUT if store I/O is not back: its context stays in error
 *         until it is.
 */
int slice_pci_reset(struct vfio_device *vdev)
{
	struct slice_mdev *sl = to_slice_mdev(vdev);
	int ret;

	mutex_lock(&sl->reset_lock);
	ret = __slice_pci_reset(sl);
	mutex_unlock(&sl->reset_lock);
	return ret;
}

/**
 * slice_dev_hold() - the adapter is about to restart the contexts
 * @sl: the slice, open; its contexts have failed
 *
 * Until slice_dev_adapter_reset() they are nobody else's, and nobody sees that
 * they are live.
 *
 * Context: May sleep, for what a function level reset needs; the set is held
 *          exclusively.
 */
void slice_dev_hold(struct slice_mdev *sl)
{
	mutex_lock(&sl->reset_lock);
	WRITE_ONCE(sl->held, true);
	mutex_unlock(&sl->reset_lock);
}

/**
 * slice_dev_adapter_reset() - the adapter has been reset
 * @sl: the slice, open, after slice_dev_hold()
 * @error: 0: its contexts are live again; they stay failed otherwise
 *
 * Configuration space stays: the function was not reset, what is behind it was.
 * Who sees live contexts sees the event: it comes first.
 *
 * Context: May sleep; the set is held exclusively.
 */
void slice_dev_adapter_reset(struct slice_mdev *sl, int error)
{
	unsigned int i;

	mutex_lock(&sl->reset_lock);
	slice_regs_reset(sl);
	for (i = 0; !error && i < sl->nr_queues; i++)
		WRITE_ONCE(sl->queues[i].stuck, false);
	slice_dev_event(sl, SLICE_EVENT_RESET);
	/* Paired with slice_is_held()'s: the event, then this. */
	smp_store_release(&sl->held, false);
	mutex_unlock(&sl->reset_lock);
}

/* --------------------------------------------------------------- regions */

static int slice_get_info(struct vfio_device *vdev,
			  struct vfio_device_info *info,
			  struct vfio_info_cap *caps)
{
	info->flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
	info->num_regions = VFIO_PCI_NUM_REGIONS;
	info->num_irqs = VFIO_PCI_NUM_IRQS;
	return 0;
}

static u32 slice_region_bytes(struct slice_mdev *sl, unsigned int index)
{
	switch (index) {
	case VFIO_PCI_BAR0_REGION_INDEX + SLICE_BAR_REGS:
		return slice_regs_bytes(sl);
	case VFIO_PCI_BAR0_REGION_INDEX + SLICE_BAR_MSIX:
		return SLICE_BAR_MSIX_BYTES;
	case VFIO_PCI_CONFIG_REGION_INDEX:
		return SLICE_CFG_BYTES;
	default:
		return 0;
	}
}

static int slice_get_region_info(struct vfio_device *vdev,
				 struct vfio_region_info *info,
				 struct vfio_info_cap *caps)
{
	if (info->index >= VFIO_PCI_NUM_REGIONS)
		return -EINVAL;
	info->offset = (u64)info->index << SLICE_OFFSET_SHIFT;
	info->size = slice_region_bytes(to_slice_mdev(vdev), info->index);
	info->flags = 0;
	if (info->size)
		info->flags = VFIO_REGION_INFO_FLAG_READ |
			      VFIO_REGION_INFO_FLAG_WRITE;
	return 0;
}

/* Split a file offset, and cut @count to the region.  0: nothing there. */
static size_t slice_locate(struct slice_mdev *sl, loff_t pos, size_t count,
			   unsigned int *index, u32 *offset)
{
	u64 at = pos & SLICE_OFFSET_MASK;
	u32 bytes;

	if (pos < 0 || pos >> SLICE_OFFSET_SHIFT >= VFIO_PCI_NUM_REGIONS)
		return 0;
	*index = pos >> SLICE_OFFSET_SHIFT;
	bytes = slice_region_bytes(sl, *index);
	if (at >= bytes)
		return 0;
	*offset = at;
	return min_t(size_t, count, bytes - at);
}

static ssize_t slice_read_buf(struct vfio_device *vdev, void *buf,
			      size_t count, loff_t *ppos)
{
	struct slice_mdev *sl = to_slice_mdev(vdev);
	unsigned int index;
	u32 offset;

	count = slice_locate(sl, *ppos, count, &index, &offset);
	if (!count)
		return -EINVAL;
	if (index == VFIO_PCI_CONFIG_REGION_INDEX)
		slice_pci_read(sl, offset, buf, count);
	else if (!READ_ONCE(sl->decodes))
		memset(buf, 0xff, count);
	else if (index == VFIO_PCI_BAR0_REGION_INDEX + SLICE_BAR_REGS)
		slice_regs_read(sl, offset, buf, count);
	else
		slice_msix_read(sl, offset, buf, count);
	*ppos += count;
	return count;
}

static ssize_t slice_write_buf(struct vfio_device *vdev, const void *buf,
			       size_t count, loff_t *ppos)
{
	struct slice_mdev *sl = to_slice_mdev(vdev);
	unsigned int index;
	u32 offset;

	count = slice_locate(sl, *ppos, count, &index, &offset);
	if (!count)
		return -EINVAL;
	if (index == VFIO_PCI_CONFIG_REGION_INDEX)
		slice_pci_write(sl, offset, buf, count);
	else if (!READ_ONCE(sl->decodes))
		;
	else if (index == VFIO_PCI_BAR0_REGION_INDEX + SLICE_BAR_REGS)
		slice_regs_write(sl, offset, buf, count);
	else
		slice_msix_write(sl, offset, buf, count);
	*ppos += count;
	return count;
}

/* -------------------------------------------------------- life of a device */

/**
 * slice_dev_fail() - fail all contexts: nothing completes any more
 * @sl: the slice, whose contexts cannot go
 *
 * Context: May sleep.
 */
void slice_dev_fail(struct slice_mdev *sl)
{
	unsigned int i;

	for (i = 0; i < sl->nr_queues; i++)
		if (sl->queues[i].ctx)
			cxlflash_ctx_fail(sl->queues[i].ctx);
}

/* Give the store I/O of failed contexts some time to come back. */
static void slice_quiesce(struct slice_mdev *sl)
{
	unsigned long end = jiffies + msecs_to_jiffies(SLICE_RESET_MS);
	unsigned int i;

	for (i = 0; i < sl->nr_queues && time_before(jiffies, end); i++)
		cxlflash_ctx_drain(sl->queues[i].ctx, end - jiffies);
}

static int slice_dev_init(struct vfio_device *vdev)
{
	struct slice_mdev *sl = to_slice_mdev(vdev);
	unsigned int i;

	mutex_init(&sl->reset_lock);
	mutex_init(&sl->cfg_lock);
	for (i = 0; i < SLICE_MAX_QUEUES; i++) {
		sl->queues[i].sl = sl;
		sl->queues[i].index = i;
	}
	slice_irq_init(sl);
	slice_pin_init(sl);
	slice_log_init(sl);
	return 0;
}

static void slice_dev_release(struct vfio_device *vdev)
{
	struct slice_mdev *sl = to_slice_mdev(vdev);

	WARN_ON_ONCE(!xa_empty(&sl->mem.blocks));
	mutex_destroy(&sl->reset_lock);
	mutex_destroy(&sl->cfg_lock);
}

static int slice_open_queue(struct slice_mdev *sl, struct slice_queue *q)
{
	struct cxlflash_ctx_params params = {
		.ops = &slice_owner_ops,
		.priv = q,
		.caps = SISL_CAP_READ | SISL_CAP_WRITE | SISL_CAP_GSCSI |
			SISL_CAP_AFU_CMD,
		.cmd_room = SLICE_QUEUE_DEPTH,
		.service = sl->set.service,
		/* Another user's memory has nothing to do in a guest's. */
		.clear_dataless = true,
		.in_reset = true,
	};
	struct cxlflash_ctx *ctx;
	char name[32];
	int ret;

	lockdep_assert_held(&sl->lock);
	snprintf(name, sizeof(name), "slice-%.8s-q%u",
		 dev_name(sl->vdev.dev), q->index);
	params.name = name;
	ctx = cxlflash_ctx_create(sl->ad, &params);
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	q->ctx = ctx;
	WRITE_ONCE(q->stuck, false);
	ret = cxlflash_handle_open_slice(ctx, sl->slice, CXLFLASH_HANDLE_READ |
					 CXLFLASH_HANDLE_WRITE);
	/* The first handle of a context is 0. */
	if (!WARN_ON_ONCE(ret > 0) && !ret)
		ret = slice_queue_added(q);
	if (!ret)
		return 0;
	cxlflash_ctx_destroy(ctx);
	q->ctx = NULL;
	return ret > 0 ? -EIO : ret;
}

/*
 * The contexts' end, and what they leave.  dma_unmap() may come at any time
 * until the container forgets the device: it finds contexts and pages, or
 * neither.
 */
static void slice_close_queues(struct slice_mdev *sl)
{
	struct slice_queue *q;
	unsigned int i;

	mutex_lock(&sl->mem.evict_lock);
	for (i = 0; i < sl->nr_queues; i++) {
		q = &sl->queues[i];
		if (q->ctx)
			cxlflash_ctx_destroy(q->ctx);
		q->ctx = NULL;
	}
	slice_pin_close(sl);
	mutex_unlock(&sl->mem.evict_lock);
}

static int slice_open_device(struct vfio_device *vdev)
{
	struct slice_mdev *sl = to_slice_mdev(vdev);
	unsigned int i;
	int ret = 0;

	mutex_lock(&sl->lock);
	sl->nr_queues = sl->set.nr_queues;
	slice_pci_layout(sl);
	slice_regs_reset(sl);
	WRITE_ONCE(sl->mem.reachable, false);
	WRITE_ONCE(sl->held, false);
	slice_pin_open(sl);
	for (i = 0; i < sl->nr_queues && !ret; i++)
		ret = slice_open_queue(sl, &sl->queues[i]);
	if (ret)
		goto err_close_queues;
	spin_lock_irq(&sl->event_lock);
	sl->events = 0;
	spin_unlock_irq(&sl->event_lock);
	sl->is_open = true;
	mutex_unlock(&sl->lock);
	return 0;

err_close_queues:
	slice_pin_stop(sl);
	slice_close_queues(sl);
	mutex_unlock(&sl->lock);
	return ret;
}

/*
 * Nobody is inside.  Contexts fail first: what is taken from them afterwards is
 * no command's error.  Store I/O gets some time to come back, so that it does
 * not land after what the next user writes.
 */
static void slice_close_device(struct vfio_device *vdev)
{
	struct slice_mdev *sl = to_slice_mdev(vdev);
	unsigned int i;

	slice_dev_fail(sl);
	slice_pin_stop(sl);
	mutex_lock(&sl->lock);
	sl->is_open = false;
	for (i = 0; i < sl->nr_queues; i++)
		slice_queue_going(&sl->queues[i]);
	mutex_unlock(&sl->lock);
	slice_quiesce(sl);
	slice_close_queues(sl);
	slice_irq_close(sl);
	slice_log_close(sl);
	slice_pci_layout(sl);
}

const struct vfio_device_ops slice_dev_ops = {
	.name = "cxlflash",
	.init = slice_dev_init,
	.release = slice_dev_release,
	.bind_iommufd = vfio_iommufd_emulated_bind,
	.unbind_iommufd = vfio_iommufd_emulated_unbind,
	.attach_ioas = vfio_iommufd_emulated_attach_ioas,
	.detach_ioas = vfio_iommufd_emulated_detach_ioas,
	.open_device = slice_open_device,
	.close_device = slice_close_device,
	.request = slice_irq_request,
	.dma_unmap = slice_pin_dma_unmap,
	.read_buf = slice_read_buf,
	.write_buf = slice_write_buf,
	.get_info = slice_get_info,
	.get_region_info = slice_get_region_info,
	.get_irq_info = slice_irq_get_info,
	.set_irqs = slice_irq_set,
	.reset = slice_pci_reset,
};
