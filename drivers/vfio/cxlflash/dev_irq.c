// SPDX-License-Identifier: GPL-2.0-only
/*
 * The interrupts of a slice: MSI-X and the request interrupt
 *
 * An interrupt is an eventfd that is signalled, from any context: the pointers
 * are RCU, replaced under irq_mutex and put after a grace period.
 *
 * A vector can be masked, by SET_IRQS or by its entry in the table; what is
 * raised then is kept as a pending bit, and signalled when it is unmasked.  An
 * entry that software has never written reads as masked, as after power-on, but
 * is not: virtual machine monitors that emulate the table, as QEMU does, never
 * write to ours and mask on their own.
 */
#include <linux/eventfd.h>
#include <linux/rcupdate.h>

#include "dev.h"

static void slice_irq_signal(struct eventfd_ctx __rcu **trigger)
{
	struct eventfd_ctx *ctx;

	rcu_read_lock();
	ctx = rcu_dereference(*trigger);
	if (ctx)
		eventfd_signal(ctx);
	rcu_read_unlock();
}

/* Is it masked?  Then it is pending now. */
static bool slice_irq_hold_back(struct slice_mdev *sl, struct slice_vector *v)
{
	unsigned long flags;
	bool masked;

	spin_lock_irqsave(&sl->event_lock, flags);
	masked = v->masked;
	if (masked)
		v->pending = true;
	spin_unlock_irqrestore(&sl->event_lock, flags);
	return masked;
}

static void slice_irq_raise(struct slice_mdev *sl, unsigned int vector)
{
	struct slice_vector *v = &sl->vectors[vector];

	/* Who unmasks it meanwhile does not wait for this one. */
	if (unlikely(READ_ONCE(v->masked)) && slice_irq_hold_back(sl, v))
		return;
	slice_irq_signal(&v->trigger);
}

/**
 * slice_irq_notify() - a context raises an interrupt
 * @ctx: context
 * @lisn: SISL_LISN_*
 *
 * Context: Any, also hard irq.
 */
void slice_irq_notify(struct cxlflash_ctx *ctx, unsigned int lisn)
{
	struct slice_queue *q = cxlflash_ctx_priv(ctx);

	slice_irq_raise(q->sl, lisn == SISL_LISN_RRQ ?
			SLICE_VECTOR_RRQ(q->index) : SLICE_VECTOR_FUNCTION);
}

/**
 * slice_dev_event() - something happened to the function
 * @sl: the slice, open or not
 * @events: SLICE_EVENT_*
 *
 * Context: Any; takes &slice_mdev.event_lock.
 */
void slice_dev_event(struct slice_mdev *sl, u64 events)
{
	unsigned long flags;

	spin_lock_irqsave(&sl->event_lock, flags);
	sl->events |= events;
	spin_unlock_irqrestore(&sl->event_lock, flags);
	slice_irq_raise(sl, SLICE_VECTOR_FUNCTION);
}

/**
 * slice_irq_mask() - hold a vector's interrupts back, or let them go
 * @sl: the slice
 * @vector: which
 * @masked: hold back
 *
 * Context: Any; takes &slice_mdev.event_lock.
 */
void slice_irq_mask(struct slice_mdev *sl, unsigned int vector, bool masked)
{
	struct slice_vector *v = &sl->vectors[vector];
	unsigned long flags;
	bool fire;

	spin_lock_irqsave(&sl->event_lock, flags);
	WRITE_ONCE(v->masked, masked);
	fire = v->pending && !masked;
	if (fire)
		v->pending = false;
	spin_unlock_irqrestore(&sl->event_lock, flags);
	if (fire)
		slice_irq_signal(&v->trigger);
}

/**
 * slice_irq_reset() - masks and pending bits as after power-on
 * @sl: the slice
 *
 * Eventfds stay: they are user space's, not the guest's.
 *
 * Context: Any; takes &slice_mdev.event_lock.
 */
void slice_irq_reset(struct slice_mdev *sl)
{
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&sl->event_lock, flags);
	for (i = 0; i < SLICE_MAX_VECTORS; i++) {
		WRITE_ONCE(sl->vectors[i].masked, false);
		sl->vectors[i].pending = false;
	}
	memset(sl->msix, 0, sizeof(sl->msix));
	for (i = 0; i < SLICE_MAX_VECTORS; i++)
		sl->msix[(i * PCI_MSIX_ENTRY_SIZE +
			  PCI_MSIX_ENTRY_VECTOR_CTRL) / 4] =
			cpu_to_le32(PCI_MSIX_ENTRY_CTRL_MASKBIT);
	spin_unlock_irqrestore(&sl->event_lock, flags);
}

/* -------------------------------------------------------------- SET_IRQS */

/* Which eventfd?  NULL if user space says "none" by -1. */
static struct eventfd_ctx *slice_irq_eventfd(s32 fd)
{
	if (fd == -1)
		return NULL;
	return fd < 0 ? ERR_PTR(-EINVAL) : eventfd_ctx_fdget(fd);
}

/* Put references when no signaller can have them any more. */
static void slice_irq_put(struct eventfd_ctx **ctxs, unsigned int nr)
{
	bool waited = false;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (!ctxs[i])
			continue;
		if (!waited)
			synchronize_rcu();
		waited = true;
		eventfd_ctx_put(ctxs[i]);
	}
}

/* Takes over the references in @ctxs; NULL: no eventfds. */
static void slice_irq_replace(struct slice_mdev *sl, unsigned int start,
			      unsigned int count, struct eventfd_ctx **ctxs)
{
	struct eventfd_ctx *old[SLICE_MAX_VECTORS];
	unsigned int i;

	lockdep_assert_held(&sl->irq_mutex);
	for (i = 0; i < count; i++)
		old[i] = rcu_replace_pointer(sl->vectors[start + i].trigger,
					     ctxs ? ctxs[i] : NULL,
					     lockdep_is_held(&sl->irq_mutex));
	slice_irq_put(old, count);
}

static int slice_irq_set_eventfds(struct slice_mdev *sl,
				  const struct vfio_irq_set *hdr,
				  const s32 *fds)
{
	struct eventfd_ctx *ctxs[SLICE_MAX_VECTORS];
	unsigned int i;
	int ret;

	for (i = 0; i < hdr->count; i++) {
		ctxs[i] = slice_irq_eventfd(fds[i]);
		if (IS_ERR(ctxs[i])) {
			ret = PTR_ERR(ctxs[i]);
			goto err_put;
		}
	}
	slice_irq_replace(sl, hdr->start, hdr->count, ctxs);
	return 0;

err_put:
	while (i--)
		if (ctxs[i])
			eventfd_ctx_put(ctxs[i]);
	return ret;
}

/* DATA_NONE and DATA_BOOL: is the @i-th one meant? */
static bool slice_irq_meant(const struct vfio_irq_set *hdr, const void *data,
			    unsigned int i)
{
	return hdr->flags & VFIO_IRQ_SET_DATA_NONE || ((const u8 *)data)[i];
}

static int slice_irq_set_msix(struct slice_mdev *sl,
			      const struct vfio_irq_set *hdr, const void *data)
{
	u32 action = hdr->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK;
	unsigned int i;

	if (hdr->flags & VFIO_IRQ_SET_DATA_EVENTFD) {
		if (action != VFIO_IRQ_SET_ACTION_TRIGGER)
			return -ENOTTY;
		return slice_irq_set_eventfds(sl, hdr, data);
	}
	if (!hdr->count) {
		if (!(hdr->flags & VFIO_IRQ_SET_DATA_NONE) ||
		    action != VFIO_IRQ_SET_ACTION_TRIGGER)
			return -EINVAL;
		slice_irq_replace(sl, 0, SLICE_MAX_VECTORS, NULL);
		return 0;
	}
	for (i = 0; i < hdr->count; i++) {
		if (!slice_irq_meant(hdr, data, i))
			continue;
		if (action == VFIO_IRQ_SET_ACTION_TRIGGER)
			slice_irq_raise(sl, hdr->start + i);
		else
			slice_irq_mask(sl, hdr->start + i, action ==
				       VFIO_IRQ_SET_ACTION_MASK);
	}
	return 0;
}

static void slice_irq_replace_request(struct slice_mdev *sl,
				      struct eventfd_ctx *ctx)
{
	struct eventfd_ctx *old;

	old = rcu_replace_pointer(sl->req_trigger, ctx,
				  lockdep_is_held(&sl->irq_mutex));
	slice_irq_put(&old, 1);
}

static int slice_irq_set_request(struct slice_mdev *sl,
				 const struct vfio_irq_set *hdr,
				 const void *data)
{
	struct eventfd_ctx *ctx;

	if (!(hdr->flags & VFIO_IRQ_SET_ACTION_TRIGGER))
		return -ENOTTY;
	if (!hdr->count && hdr->flags & VFIO_IRQ_SET_DATA_NONE) {
		slice_irq_replace_request(sl, NULL);
		return 0;
	}
	if (hdr->count != 1)
		return -EINVAL;
	if (hdr->flags & VFIO_IRQ_SET_DATA_EVENTFD) {
		ctx = slice_irq_eventfd(*(const s32 *)data);
		if (IS_ERR(ctx))
			return PTR_ERR(ctx);
		slice_irq_replace_request(sl, ctx);
	} else if (slice_irq_meant(hdr, data, 0)) {
		slice_irq_signal(&sl->req_trigger);
	}
	return 0;
}

/**
 * slice_irq_set() - VFIO_DEVICE_SET_IRQS
 * @vdev: the device
 * @hdr: the request; the core has checked it against slice_irq_get_info()
 * @data: its payload in kernel memory
 *
 * Context: Takes &slice_mdev.irq_mutex; may sleep.
 * Return: 0; -EINVAL for a request that makes no sense; -ENOTTY for an action
 *         that the index does not have; -EBADF or -EINVAL for what is no
 *         eventfd.
 */
int slice_irq_set(struct vfio_device *vdev, const struct vfio_irq_set *hdr,
		  void *data)
{
	struct slice_mdev *sl = to_slice_mdev(vdev);
	int ret = -EINVAL;

	mutex_lock(&sl->irq_mutex);
	if (hdr->index == VFIO_PCI_MSIX_IRQ_INDEX)
		ret = slice_irq_set_msix(sl, hdr, data);
	else if (hdr->index == VFIO_PCI_REQ_IRQ_INDEX)
		ret = slice_irq_set_request(sl, hdr, data);
	mutex_unlock(&sl->irq_mutex);
	return ret;
}

/**
 * slice_irq_get_info() - VFIO_DEVICE_GET_IRQ_INFO
 * @vdev: the device
 * @info: to be filled
 *
 * Context: Any.
 * Return: 0, or -EINVAL for an index that the device does not have.
 */
int slice_irq_get_info(struct vfio_device *vdev, struct vfio_irq_info *info)
{
	struct slice_mdev *sl = to_slice_mdev(vdev);

	info->flags = VFIO_IRQ_INFO_EVENTFD;
	info->count = 0;
	switch (info->index) {
	case VFIO_PCI_INTX_IRQ_INDEX:
	case VFIO_PCI_MSI_IRQ_INDEX:
		info->flags |= VFIO_IRQ_INFO_NORESIZE;
		return 0;
	case VFIO_PCI_MSIX_IRQ_INDEX:
		/* Vectors can come one by one, so no NORESIZE. */
		info->flags |= VFIO_IRQ_INFO_MASKABLE;
		info->count = SLICE_NR_VECTORS(sl->nr_queues);
		return 0;
	case VFIO_PCI_REQ_IRQ_INDEX:
		info->flags |= VFIO_IRQ_INFO_NORESIZE;
		info->count = 1;
		return 0;
	default:
		/* Errors are the function's events. */
		return -EINVAL;
	}
}

/**
 * slice_irq_request() - ask user space to give the device up
 * @vdev: the device
 * @count: how often it has been asked already
 *
 * Context: Any.
 */
void slice_irq_request(struct vfio_device *vdev, unsigned int count)
{
	slice_irq_signal(&to_slice_mdev(vdev)->req_trigger);
}

/* ------------------------------------------------------------------ life */

/**
 * slice_irq_init() - initialise
 * @sl: the slice, seen by nobody yet
 *
 * Context: Any.
 */
void slice_irq_init(struct slice_mdev *sl)
{
	mutex_init(&sl->irq_mutex);
	spin_lock_init(&sl->event_lock);
	slice_irq_reset(sl);
}

/**
 * slice_irq_close() - forget every eventfd
 * @sl: the slice, which nobody uses any more
 *
 * Context: Takes &slice_mdev.irq_mutex; may sleep.
 */
void slice_irq_close(struct slice_mdev *sl)
{
	mutex_lock(&sl->irq_mutex);
	slice_irq_replace(sl, 0, SLICE_MAX_VECTORS, NULL);
	slice_irq_replace_request(sl, NULL);
	mutex_unlock(&sl->irq_mutex);
	slice_irq_reset(sl);
}
