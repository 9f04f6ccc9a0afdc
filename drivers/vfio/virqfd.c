// SPDX-License-Identifier: GPL-2.0-only
/*
 * virqfd: an eventfd that calls into a driver when it is signalled
 *
 * The other direction of an interrupt: user space, or KVM's resample, signals
 * an eventfd and the driver unmasks.  We sit in the eventfd's wait queue, so
 * the handler runs in the signaller's context, under the queue's lock, and
 * must not sleep; it can ask for its thread function.
 *
 * A virqfd ends in one of two ways: the driver disables it, or the eventfd is
 * closed.  Who clears the driver's pointer, under virqfd_lock, ends it; the
 * other finds NULL.  What follows, leaving the wait queue and waiting for the
 * thread function, can sleep and is done by a worker.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/slab.h>

#include "vfio.h"

static struct workqueue_struct *virqfd_cleanup_wq;
/*
 * Protects every driver's pointer to its virqfd; taken inside the eventfd's
 * wait queue lock, with interrupts disabled; leaf.
 */
static DEFINE_SPINLOCK(virqfd_lock);

static void virqfd_deactivate(struct virqfd *virqfd)
{
	queue_work(virqfd_cleanup_wq, &virqfd->shutdown);
}

static int virqfd_wakeup(wait_queue_entry_t *wait, unsigned int mode, int sync,
			 void *key)
{
	struct virqfd *virqfd = container_of(wait, struct virqfd, wait);
	__poll_t flags = key_to_poll(key);
	unsigned long irqs;
	u64 count;

	if (flags & EPOLLIN) {
		eventfd_ctx_do_read(virqfd->eventfd, &count);
		if ((!virqfd->handler ||
		     virqfd->handler(virqfd->opaque, virqfd->data)) &&
		    virqfd->thread)
			schedule_work(&virqfd->inject);
	}
	if (flags & EPOLLHUP) {
		spin_lock_irqsave(&virqfd_lock, irqs);
		/* If the driver was first, it has seen to the shutdown. */
		if (*virqfd->pvirqfd == virqfd) {
			*virqfd->pvirqfd = NULL;
			virqfd_deactivate(virqfd);
		}
		spin_unlock_irqrestore(&virqfd_lock, irqs);
	}
	return 0;
}

static void virqfd_queue_proc(struct file *file, wait_queue_head_t *wqh,
			      poll_table *pt)
{
	struct virqfd *virqfd = container_of(pt, struct virqfd, pt);

	add_wait_queue(wqh, &virqfd->wait);
}

static void virqfd_shutdown(struct work_struct *work)
{
	struct virqfd *virqfd = container_of(work, struct virqfd, shutdown);
	u64 count;

	eventfd_ctx_remove_wait_queue(virqfd->eventfd, &virqfd->wait, &count);
	flush_work(&virqfd->inject);
	eventfd_ctx_put(virqfd->eventfd);
	kfree(virqfd);
}

static void virqfd_inject(struct work_struct *work)
{
	struct virqfd *virqfd = container_of(work, struct virqfd, inject);

	virqfd->thread(virqfd->opaque, virqfd->data);
}

static void virqfd_flush_inject(struct work_struct *work)
{
	struct virqfd *virqfd =
		container_of(work, struct virqfd, flush_inject);

	flush_work(&virqfd->inject);
}

static struct virqfd *virqfd_alloc(void *opaque,
				   int (*handler)(void *, void *),
				   void (*thread)(void *, void *), void *data,
				   struct virqfd **pvirqfd)
{
	struct virqfd *virqfd;

	virqfd = kzalloc(sizeof(*virqfd), GFP_KERNEL_ACCOUNT);
	if (!virqfd)
		return NULL;
	virqfd->opaque = opaque;
	virqfd->handler = handler;
	virqfd->thread = thread;
	virqfd->data = data;
	virqfd->pvirqfd = pvirqfd;
	INIT_WORK(&virqfd->shutdown, virqfd_shutdown);
	INIT_WORK(&virqfd->inject, virqfd_inject);
	INIT_WORK(&virqfd->flush_inject, virqfd_flush_inject);
	init_waitqueue_func_entry(&virqfd->wait, virqfd_wakeup);
	init_poll_funcptr(&virqfd->pt, virqfd_queue_proc);
	return virqfd;
}

static int virqfd_publish(struct virqfd *virqfd)
{
	int ret = 0;

	spin_lock_irq(&virqfd_lock);
	if (*virqfd->pvirqfd)
		ret = -EBUSY;
	else
		*virqfd->pvirqfd = virqfd;
	spin_unlock_irq(&virqfd_lock);
	return ret;
}

/**
 * vfio_virqfd_enable() - call a driver when an eventfd is signalled
 * @opaque: first argument of the callbacks
 * @handler: called from the signaller's context, must not sleep; non-zero to
 *	have @thread called; optional
 * @thread: called from a worker; optional
 * @data: second argument of the callbacks
 * @pvirqfd: the driver's pointer to it; NULL until enabled, and again when the
 *	eventfd is closed or vfio_virqfd_disable() is called
 * @fd: the eventfd
 *
 * An eventfd that has been signalled already counts as signalled now.
 *
 * Context: May sleep.  The driver does not call vfio_virqfd_disable() for the
 *          same @pvirqfd before this returns.
 * Return: 0; -ENOMEM; -EBADF; -EINVAL when @fd is no eventfd; -EBUSY when
 *         @pvirqfd is in use.
 */
int vfio_virqfd_enable(void *opaque, int (*handler)(void *, void *),
		       void (*thread)(void *, void *), void *data,
		       struct virqfd **pvirqfd, int fd)
{
	struct virqfd *virqfd;
	struct file *file;
	__poll_t events;
	int ret;

	virqfd = virqfd_alloc(opaque, handler, thread, data, pvirqfd);
	if (!virqfd)
		return -ENOMEM;
	file = fget(fd);
	if (!file) {
		ret = -EBADF;
		goto err_free;
	}
	virqfd->eventfd = eventfd_ctx_fileget(file);
	if (IS_ERR(virqfd->eventfd)) {
		ret = PTR_ERR(virqfd->eventfd);
		goto err_fput;
	}
	ret = virqfd_publish(virqfd);
	if (ret)
		goto err_eventfd_put;

	/* The file is held, so it cannot hang up before we are in its queue. */
	events = vfs_poll(file, &virqfd->pt);
	if (events & EPOLLIN) {
		if ((!handler || handler(opaque, data)) && thread)
			schedule_work(&virqfd->inject);
	}
	fput(file);
	return 0;

err_eventfd_put:
	eventfd_ctx_put(virqfd->eventfd);
err_fput:
	fput(file);
err_free:
	kfree(virqfd);
	return ret;
}
EXPORT_SYMBOL_GPL(vfio_virqfd_enable);

/**
 * vfio_virqfd_disable() - end it
 * @pvirqfd: the driver's pointer
 *
 * No callback runs or will run when this returns, also when the eventfd was
 * closed at the same time.
 *
 * Context: May sleep.  Not from the callbacks.
 */
void vfio_virqfd_disable(struct virqfd **pvirqfd)
{
	unsigned long irqs;

	spin_lock_irqsave(&virqfd_lock, irqs);
	if (*pvirqfd) {
		virqfd_deactivate(*pvirqfd);
		*pvirqfd = NULL;
	}
	spin_unlock_irqrestore(&virqfd_lock, irqs);
	flush_workqueue(virqfd_cleanup_wq);
}
EXPORT_SYMBOL_GPL(vfio_virqfd_disable);

/**
 * vfio_virqfd_flush_thread() - wait for thread functions that were asked for
 * @pvirqfd: the driver's pointer
 *
 * Context: May sleep.  Not from the callbacks.
 */
void vfio_virqfd_flush_thread(struct virqfd **pvirqfd)
{
	unsigned long irqs;

	spin_lock_irqsave(&virqfd_lock, irqs);
	if (*pvirqfd && (*pvirqfd)->thread)
		queue_work(virqfd_cleanup_wq, &(*pvirqfd)->flush_inject);
	spin_unlock_irqrestore(&virqfd_lock, irqs);
	flush_workqueue(virqfd_cleanup_wq);
}
EXPORT_SYMBOL_GPL(vfio_virqfd_flush_thread);

/**
 * vfio_virqfd_init() - make the worker
 *
 * Return: 0 or -ENOMEM.
 */
int vfio_virqfd_init(void)
{
	/* In order: a flush never runs behind the shutdown that frees it. */
	virqfd_cleanup_wq = alloc_ordered_workqueue("vfio-irqfd-cleanup", 0);
	return virqfd_cleanup_wq ? 0 : -ENOMEM;
}

/**
 * vfio_virqfd_exit() - undo vfio_virqfd_init()
 */
void vfio_virqfd_exit(void)
{
	destroy_workqueue(virqfd_cleanup_wq);
}
