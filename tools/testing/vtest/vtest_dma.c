// SPDX-License-Identifier: GPL-2.0-only
/*
 * How the test device reaches the user's memory: pins and vfio_dma_rw()
 *
 * dma_unmap() must leave no page of its range pinned, while a
 * vfio_pin_pages() of another task may already have got pages that are not in
 * the device's table yet.  So a caller announces itself on vt->pinning before
 * it pins, and dma_unmap() waits until nobody who overlaps its range is left
 * there.  That wait ends: the core lets pins in a range that goes away fail.
 * No lock is held across vfio_pin_pages(), because it may wait for user space.
 *
 * A job is vfio_dma_rw() in a kernel thread.  The device has at most one; it
 * stays until the next one is started or the device is closed, so that its
 * result can be had.  close_device() joins the thread: the core has made sure
 * that vfio_dma_rw() does not wait any more.
 *
 * vt is a test device, pfn the IOVA in pages.
 */
#include <linux/kthread.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "vtest_priv.h"

/**
 * struct vtest_pinning - somebody is in vfio_pin_pages()
 * @node: entry in &vtest_device.pinning
 * @start: first page
 * @last: last page
 */
struct vtest_pinning {
	struct list_head node;
	unsigned long start;
	unsigned long last;
};

static unsigned long pin_count(struct vtest_device *vt, unsigned long pfn)
{
	void *entry = xa_load(&vt->pins, pfn);

	return entry ? xa_to_value(entry) : 0;
}

/* Forget one pin of each of @nr pages; never allocates. */
static void pins_drop(struct vtest_device *vt, unsigned long pfn,
		      unsigned long nr)
{
	unsigned long count;

	lockdep_assert_held(&vt->pin_lock);
	for (; nr; nr--, pfn++) {
		count = pin_count(vt, pfn);
		if (count > 1)
			xa_store(&vt->pins, pfn, xa_mk_value(count - 1),
				 GFP_KERNEL);
		else
			xa_erase(&vt->pins, pfn);
		vtest_count_down(vt, VTEST_STAT_PINNED_PAGES);
	}
}

static int pins_add(struct vtest_device *vt, unsigned long pfn,
		    unsigned long nr)
{
	unsigned long i;
	int ret;

	lockdep_assert_held(&vt->pin_lock);
	for (i = 0; i < nr; i++) {
		ret = xa_err(xa_store(&vt->pins, pfn + i,
				      xa_mk_value(pin_count(vt, pfn + i) + 1),
				      GFP_KERNEL));
		if (ret) {
			pins_drop(vt, pfn, i);
			return ret;
		}
		vtest_count(vt, VTEST_STAT_PINNED_PAGES);
	}
	return 0;
}

/**
 * vtest_pin() - pin pages and remember them
 * @vt: the device
 * @pin: which
 * @pfns: receives their frame numbers
 *
 * Context: Process context, inside the gate.
 * Return: the number of pages, -ENOMEM, or vfio_pin_pages()'s errno.
 */
int vtest_pin(struct vtest_device *vt, const struct vtest_pin *pin, u64 *pfns)
{
	struct vtest_pinning self = {
		.start	= pin->iova >> PAGE_SHIFT,
		.last	= (pin->iova >> PAGE_SHIFT) + pin->npages - 1,
	};
	struct page **pages;
	unsigned int i;
	int ret, err;

	pages = kvcalloc(pin->npages, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	mutex_lock(&vt->pin_lock);
	list_add(&self.node, &vt->pinning);
	mutex_unlock(&vt->pin_lock);

	ret = vfio_pin_pages(&vt->vdev, pin->iova, pin->npages, pin->prot,
			     pages);

	mutex_lock(&vt->pin_lock);
	if (ret > 0) {
		err = pins_add(vt, self.start, pin->npages);
		if (err) {
			vfio_unpin_pages(&vt->vdev, pin->iova, pin->npages);
			ret = err;
		}
	}
	list_del(&self.node);
	mutex_unlock(&vt->pin_lock);
	wake_up_all(&vt->pin_wq);

	for (i = 0; ret > 0 && i < pin->npages; i++)
		pfns[i] = page_to_pfn(pages[i]);
	kvfree(pages);
	return ret;
}

/**
 * vtest_unpin() - unpin pages once
 * @vt: the device
 * @pin: which
 *
 * Context: Process context, inside the gate.
 * Return: 0, -ENOENT and nothing done if one is not pinned.
 */
int vtest_unpin(struct vtest_device *vt, const struct vtest_pin *pin)
{
	unsigned long pfn = pin->iova >> PAGE_SHIFT;
	unsigned int i, nr;
	int ret = 0;

	mutex_lock(&vt->pin_lock);
	for (i = 0; i < pin->npages; i++)
		if (!pin_count(vt, pfn + i))
			ret = -ENOENT;
	for (i = 0; !ret && i < pin->npages; i += nr) {
		nr = min_t(unsigned int, pin->npages - i,
			   VFIO_PIN_PAGES_MAX_ENTRIES);
		vfio_unpin_pages(&vt->vdev, (dma_addr_t)(pfn + i) << PAGE_SHIFT,
				 nr);
		pins_drop(vt, pfn + i, nr);
	}
	mutex_unlock(&vt->pin_lock);
	return ret;
}

/* Unpin everything in a range, however often it is pinned. */
static void pins_drop_range(struct vtest_device *vt, unsigned long start,
			    unsigned long last)
{
	unsigned long pfn, count;
	void *entry;

	lockdep_assert_held(&vt->pin_lock);
	xa_for_each_range(&vt->pins, pfn, entry, start, last) {
		for (count = xa_to_value(entry); count; count--) {
			vfio_unpin_pages(&vt->vdev,
					 (dma_addr_t)pfn << PAGE_SHIFT, 1);
			pins_drop(vt, pfn, 1);
		}
		cond_resched();
	}
}

/**
 * vtest_unpin_all() - unpin everything
 * @vt: the device
 *
 * Context: Process context, from close_device().
 */
void vtest_unpin_all(struct vtest_device *vt)
{
	mutex_lock(&vt->pin_lock);
	pins_drop_range(vt, 0, ULONG_MAX);
	mutex_unlock(&vt->pin_lock);
}

static bool pinning_overlaps(struct vtest_device *vt, unsigned long start,
			     unsigned long last)
{
	struct vtest_pinning *p;
	bool found = false;

	mutex_lock(&vt->pin_lock);
	list_for_each_entry(p, &vt->pinning, node)
		if (p->start <= last && start <= p->last)
			found = true;
	mutex_unlock(&vt->pin_lock);
	return found;
}

/**
 * vtest_dma_unmap() - a range goes away
 * @vdev: the device
 * @iova: where it starts
 * @length: its bytes, 0 for 2^64
 *
 * Context: Process context, no lock of the core held.
 */
void vtest_dma_unmap(struct vfio_device *vdev, u64 iova, u64 length)
{
	struct vtest_device *vt = to_vtest(vdev);
	unsigned long start = iova >> PAGE_SHIFT;
	unsigned long last = (iova + length - 1) >> PAGE_SHIFT;

	vtest_count(vt, VTEST_STAT_DMA_UNMAP);
	if (vt->mode & VTEST_MODE_LEAK_PINS)
		return;
	/* It takes a mutex, which is fine in the condition of a slow path. */
	while (pinning_overlaps(vt, start, last)) {
		DEFINE_WAIT_FUNC(wait, woken_wake_function);

		add_wait_queue(&vt->pin_wq, &wait);
		if (pinning_overlaps(vt, start, last))
			wait_woken(&wait, TASK_UNINTERRUPTIBLE,
				   MAX_SCHEDULE_TIMEOUT);
		remove_wait_queue(&vt->pin_wq, &wait);
	}
	mutex_lock(&vt->pin_lock);
	pins_drop_range(vt, start, last);
	mutex_unlock(&vt->pin_lock);
}

static int dma_copy(struct vtest_device *vt, const struct vtest_dma *dma)
{
	bool write = dma->flags & VTEST_DMA_WRITE;
	void *buf;
	int ret;

	buf = kvzalloc(dma->len, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	if (write)
		vtest_ram_read(vt, buf, dma->offset, dma->len);
	ret = vfio_dma_rw(&vt->vdev, dma->iova, buf, dma->len, write);
	if (!ret && !write)
		vtest_ram_write(vt, buf, dma->offset, dma->len);
	kvfree(buf);
	return ret;
}

static int job_thread(void *data)
{
	struct vtest_device *vt = data;

	vt->job.ret = dma_copy(vt, &vt->job.dma);
	/* Pairs with the acquire in job_is_done(). */
	smp_store_release(&vt->job.done, true);
	/* close_device() waits for the end of this thread, so vt is alive. */
	vfio_device_wake(&vt->vdev);
	return 0;
}

static bool job_is_done(struct vtest_device *vt)
{
	/* Pairs with the release in job_thread(). */
	return smp_load_acquire(&vt->job.done);
}

/* Waits for the thread to end; it does not look at the stop flag. */
static void job_join(struct vtest_device *vt)
{
	lockdep_assert_held(&vt->job_lock);
	if (!vt->job.task)
		return;
	kthread_stop(vt->job.task);
	put_task_struct(vt->job.task);
	vt->job.task = NULL;
}

static int job_start(struct vtest_device *vt, const struct vtest_dma *dma)
{
	struct task_struct *task;

	lockdep_assert_held(&vt->job_lock);
	if (vt->job.task && !job_is_done(vt))
		return -EBUSY;
	task = kthread_create(job_thread, vt, "vtest_dma");
	if (IS_ERR(task))
		return PTR_ERR(task);
	job_join(vt);
	vt->job.dma = *dma;
	vt->job.done = false;
	vt->job.task = get_task_struct(task);
	wake_up_process(task);
	return 0;
}

/**
 * vtest_dma_wait() - wait for the job
 * @vt: the device
 *
 * Context: Process context, inside the gate.
 * Return: its result, -ENOENT if there is none, -ENODEV on revocation,
 *         -ERESTARTSYS.
 */
int vtest_dma_wait(struct vtest_device *vt)
{
	int ret;

	if (!READ_ONCE(vt->job.task))
		return -ENOENT;
	ret = vfio_device_wait_event(&vt->vdev, job_is_done(vt));
	return ret ?: vt->job.ret;
}

/**
 * vtest_dma_rw() - copy between an IOVA and the RAM
 * @vt: the device
 * @dma: validated
 *
 * Context: Process context, inside the gate.
 * Return: 0, -EBUSY, -ENOMEM, or vfio_dma_rw()'s errno.
 */
int vtest_dma_rw(struct vtest_device *vt, const struct vtest_dma *dma)
{
	int ret;

	if (!(dma->flags & VTEST_DMA_KTHREAD))
		return dma_copy(vt, dma);
	mutex_lock(&vt->job_lock);
	ret = job_start(vt, dma);
	mutex_unlock(&vt->job_lock);
	if (ret || (dma->flags & VTEST_DMA_ASYNC))
		return ret;
	return vtest_dma_wait(vt);
}

/**
 * vtest_dma_join() - wait for the thread to end, and forget its result
 * @vt: the device
 *
 * Context: Process context, from close_device().
 */
void vtest_dma_join(struct vtest_device *vt)
{
	mutex_lock(&vt->job_lock);
	job_join(vt);
	mutex_unlock(&vt->job_lock);
}
