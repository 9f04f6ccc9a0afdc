// SPDX-License-Identifier: GPL-2.0-only
/*
 * mram: interrupts
 *
 * An interrupt towards the guest is an eventfd that is signalled; what KVM or
 * a program hangs on its other end is not our business.
 *
 * The pointer to an eventfd is RCU: it is replaced under irq_mutex and then
 * put after a grace period, and a signaller only needs rcu_read_lock().  A
 * lock would not do.  Signalling takes the lock of the eventfd's wait queue,
 * and the unmasking eventfd calls us with the lock of *its* wait queue held,
 * so a lock of ours would be both inside and outside of that class.
 *
 * MSI is an edge: signalled when it happens, and forgotten.  INTx is a level,
 * and an eventfd cannot say "still high".  So, as with vfio-pci, signalling
 * INTx masks it, user space unmasks it when its guest has acknowledged, and
 * a level that is still high is then signalled again.
 */
#include <linux/eventfd.h>
#include <linux/rcupdate.h>

#include "mram.h"

static void mram_irq_signal(struct eventfd_ctx __rcu **trigger)
{
	struct eventfd_ctx *ctx;

	rcu_read_lock();
	ctx = rcu_dereference(*trigger);
	if (ctx)
		eventfd_signal(ctx);
	rcu_read_unlock();
}

/* Takes over the reference on @ctx, which may be NULL. */
static void mram_irq_replace(struct mram *mram,
			     struct eventfd_ctx __rcu **trigger,
			     struct eventfd_ctx *ctx)
{
	struct eventfd_ctx *old;

	old = rcu_replace_pointer(*trigger, ctx,
				  lockdep_is_held(&mram->irq_mutex));
	if (!old)
		return;
	synchronize_rcu();
	eventfd_ctx_put(old);
}

/* Mask INTx if it has to be signalled now; the caller then signals. */
static bool mram_irq_intx_claim(struct mram *mram)
{
	lockdep_assert_held(&mram->irq_lock);
	if (READ_ONCE(mram->irq_index) != VFIO_PCI_INTX_IRQ_INDEX ||
	    !mram->intx_level || mram->intx_masked)
		return false;
	mram->intx_masked = true;
	return true;
}

static void mram_irq_intx_mask(struct mram *mram, bool masked)
{
	unsigned long flags;
	bool fire;

	spin_lock_irqsave(&mram->irq_lock, flags);
	mram->intx_masked = masked;
	fire = mram_irq_intx_claim(mram);
	spin_unlock_irqrestore(&mram->irq_lock, flags);
	if (fire)
		mram_irq_signal(&mram->irq_trigger);
}

/**
 * mram_irq_intx_level() - is the INTx pin asserted?
 * @mram: the device
 *
 * Context: Any.
 * Return: true if so.
 */
bool mram_irq_intx_level(struct mram *mram)
{
	return READ_ONCE(mram->intx_level);
}

/**
 * __mram_irq_update() - let the interrupts follow the registers
 * @mram: the device
 * @edge: something has just happened, as opposed to is still the case
 *
 * Context: Holds &mram.lock.
 */
void __mram_irq_update(struct mram *mram, bool edge)
{
	bool pending = mram->regs.irq_status & mram->regs.irq_enable;
	bool pin = !(__mram_pci_command(mram) & PCI_COMMAND_INTX_DISABLE);
	unsigned long flags;
	bool fire;

	lockdep_assert_held(&mram->lock);
	spin_lock_irqsave(&mram->irq_lock, flags);
	WRITE_ONCE(mram->intx_level, pending && pin);
	fire = mram_irq_intx_claim(mram);
	spin_unlock_irqrestore(&mram->irq_lock, flags);

	if (READ_ONCE(mram->irq_index) == VFIO_PCI_MSI_IRQ_INDEX)
		fire = edge && pending;
	if (fire)
		mram_irq_signal(&mram->irq_trigger);
}

/*
 * The unmasking eventfd was signalled.  Its wait queue is locked, so the
 * trigger cannot be signalled here: ask for the thread if that is needed.
 */
static int mram_irq_unmask_handler(void *opaque, void *data)
{
	struct mram *mram = opaque;
	unsigned long flags;
	bool fire;

	spin_lock_irqsave(&mram->irq_lock, flags);
	mram->intx_masked = false;
	fire = mram_irq_intx_claim(mram);
	spin_unlock_irqrestore(&mram->irq_lock, flags);
	return fire;
}

static void mram_irq_unmask_thread(void *opaque, void *data)
{
	struct mram *mram = opaque;

	mram_irq_signal(&mram->irq_trigger);
}

/* Turn INTx or MSI off, whichever is on. */
static void mram_irq_disable(struct mram *mram)
{
	unsigned long flags;

	lockdep_assert_held(&mram->irq_mutex);
	vfio_virqfd_disable(&mram->intx_unmask);
	spin_lock_irqsave(&mram->irq_lock, flags);
	WRITE_ONCE(mram->irq_index, -1);
	mram->intx_masked = false;
	spin_unlock_irqrestore(&mram->irq_lock, flags);
	mram_irq_replace(mram, &mram->irq_trigger, NULL);
}

static void mram_irq_enable(struct mram *mram, int index,
			    struct eventfd_ctx *ctx)
{
	bool first = mram->irq_index < 0;

	lockdep_assert_held(&mram->irq_mutex);
	mram_irq_replace(mram, &mram->irq_trigger, ctx);
	WRITE_ONCE(mram->irq_index, index);
	/* The pin may have been high all the time; a new eventfd starts so. */
	if (first && index == VFIO_PCI_INTX_IRQ_INDEX)
		mram_irq_intx_mask(mram, false);
}

/* Which eventfd? NULL if user space says "none" by -1. */
static struct eventfd_ctx *mram_irq_eventfd(const void *data)
{
	s32 fd = *(const s32 *)data;

	if (fd == -1)
		return NULL;
	return fd < 0 ? ERR_PTR(-EINVAL) : eventfd_ctx_fdget(fd);
}

/* DATA_NONE and DATA_BOOL: is this index meant? */
static bool mram_irq_meant(const struct vfio_irq_set *hdr, const void *data)
{
	return hdr->flags & VFIO_IRQ_SET_DATA_NONE || *(const u8 *)data;
}

/* ACTION_TRIGGER of INTx and MSI: set up, turn off, or fire for a test. */
static int mram_irq_set_trigger(struct mram *mram,
				const struct vfio_irq_set *hdr, void *data)
{
	bool on = mram->irq_index == (int)hdr->index;
	struct eventfd_ctx *ctx;

	if (!hdr->count && hdr->flags & VFIO_IRQ_SET_DATA_NONE) {
		if (on)
			mram_irq_disable(mram);
		return 0;
	}
	/* A function uses INTx or MSI, never both. */
	if (hdr->count != 1 || (!on && mram->irq_index >= 0))
		return -EINVAL;
	if (hdr->flags & VFIO_IRQ_SET_DATA_EVENTFD) {
		ctx = mram_irq_eventfd(data);
		if (IS_ERR(ctx))
			return PTR_ERR(ctx);
		mram_irq_enable(mram, hdr->index, ctx);
		return 0;
	}
	if (!on)
		return -EINVAL;
	if (mram_irq_meant(hdr, data))
		mram_irq_signal(&mram->irq_trigger);
	return 0;
}

/* ACTION_MASK and ACTION_UNMASK of INTx. */
static int mram_irq_set_mask(struct mram *mram, const struct vfio_irq_set *hdr,
			     void *data)
{
	bool mask = hdr->flags & VFIO_IRQ_SET_ACTION_MASK;
	s32 fd;

	if (hdr->count != 1 || mram->irq_index != VFIO_PCI_INTX_IRQ_INDEX)
		return -EINVAL;
	if (!(hdr->flags & VFIO_IRQ_SET_DATA_EVENTFD)) {
		if (mram_irq_meant(hdr, data))
			mram_irq_intx_mask(mram, mask);
		return 0;
	}
	if (mask)
		return -ENOTTY;
	fd = *(s32 *)data;
	if (fd < 0) {
		vfio_virqfd_disable(&mram->intx_unmask);
		return 0;
	}
	return vfio_virqfd_enable(mram, mram_irq_unmask_handler,
				  mram_irq_unmask_thread, NULL,
				  &mram->intx_unmask, fd);
}

static int mram_irq_set_request(struct mram *mram,
				const struct vfio_irq_set *hdr, void *data)
{
	struct eventfd_ctx *ctx;

	if (!(hdr->flags & VFIO_IRQ_SET_ACTION_TRIGGER))
		return -ENOTTY;
	if (!hdr->count && hdr->flags & VFIO_IRQ_SET_DATA_NONE) {
		mram_irq_replace(mram, &mram->req_trigger, NULL);
		return 0;
	}
	if (hdr->count != 1)
		return -EINVAL;
	if (hdr->flags & VFIO_IRQ_SET_DATA_EVENTFD) {
		ctx = mram_irq_eventfd(data);
		if (IS_ERR(ctx))
			return PTR_ERR(ctx);
		mram_irq_replace(mram, &mram->req_trigger, ctx);
	} else if (mram_irq_meant(hdr, data)) {
		mram_irq_signal(&mram->req_trigger);
	}
	return 0;
}

/**
 * mram_irq_set() - VFIO_DEVICE_SET_IRQS
 * @vdev: the device
 * @hdr: the request; the core has checked it against mram_irq_get_info()
 * @data: its payload in kernel memory
 *
 * Context: Takes &mram.irq_mutex; may sleep.
 * Return: 0; -EINVAL for a request that makes no sense in this state; -ENOTTY
 *         for an action that the index does not have; -EBADF or -EINVAL for
 *         what is no eventfd; -EBUSY for a second unmasking eventfd; -ENOMEM.
 */
int mram_irq_set(struct vfio_device *vdev, const struct vfio_irq_set *hdr,
		 void *data)
{
	bool trigger = hdr->flags & VFIO_IRQ_SET_ACTION_TRIGGER;
	struct mram *mram = to_mram(vdev);
	int ret = -EINVAL;

	mutex_lock(&mram->irq_mutex);
	switch (hdr->index) {
	case VFIO_PCI_INTX_IRQ_INDEX:
		ret = trigger ? mram_irq_set_trigger(mram, hdr, data) :
				mram_irq_set_mask(mram, hdr, data);
		break;
	case VFIO_PCI_MSI_IRQ_INDEX:
		ret = trigger ? mram_irq_set_trigger(mram, hdr, data) : -ENOTTY;
		break;
	case VFIO_PCI_REQ_IRQ_INDEX:
		ret = mram_irq_set_request(mram, hdr, data);
		break;
	}
	mutex_unlock(&mram->irq_mutex);
	return ret;
}

/**
 * mram_irq_get_info() - VFIO_DEVICE_GET_IRQ_INFO
 * @vdev: the device
 * @info: to be filled
 *
 * Context: Any.
 * Return: 0, or -EINVAL for an index that the device does not have.
 */
int mram_irq_get_info(struct vfio_device *vdev, struct vfio_irq_info *info)
{
	info->flags = VFIO_IRQ_INFO_EVENTFD;
	info->count = 1;
	switch (info->index) {
	case VFIO_PCI_INTX_IRQ_INDEX:
		info->flags |= VFIO_IRQ_INFO_MASKABLE |
			       VFIO_IRQ_INFO_AUTOMASKED;
		return 0;
	case VFIO_PCI_MSI_IRQ_INDEX:
	case VFIO_PCI_REQ_IRQ_INDEX:
		info->flags |= VFIO_IRQ_INFO_NORESIZE;
		return 0;
	case VFIO_PCI_MSIX_IRQ_INDEX:
		info->flags |= VFIO_IRQ_INFO_NORESIZE;
		info->count = 0;
		return 0;
	default:
		/* No error interrupt: that comes with PCI Express only. */
		return -EINVAL;
	}
}

/**
 * mram_irq_request() - ask user space to give the device up
 * @vdev: the device
 * @count: how often it has been asked already
 *
 * Context: Any.
 */
void mram_irq_request(struct vfio_device *vdev, unsigned int count)
{
	mram_irq_signal(&to_mram(vdev)->req_trigger);
}

/**
 * mram_irq_init() - initialise
 * @mram: the device, seen by nobody yet
 *
 * Context: Any.
 */
void mram_irq_init(struct mram *mram)
{
	mutex_init(&mram->irq_mutex);
	spin_lock_init(&mram->irq_lock);
	mram->irq_index = -1;
}

/**
 * mram_irq_close() - forget every eventfd
 * @mram: the device, which nobody uses any more
 *
 * Context: Takes &mram.irq_mutex; may sleep.
 */
void mram_irq_close(struct mram *mram)
{
	mutex_lock(&mram->irq_mutex);
	mram_irq_disable(mram);
	mram_irq_replace(mram, &mram->req_trigger, NULL);
	mutex_unlock(&mram->irq_mutex);
}
