// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copies between kernel memory and a range
 *
 * Page by page: first a plain copy that may not fault; if the page is not
 * there, get it (fault.c) and copy through the kernel's mapping.
 */
#include <linux/highmem.h>
#include <linux/kthread.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>

#include "pages.h"

/**
 * struct rw_mm - access to the range's mm by the current task
 * @mm: the mm if it is borrowed (a kernel thread's), NULL if it is our own
 */
struct rw_mm {
	struct mm_struct *mm;
};

static int rw_mm_begin(struct rw_mm *rw, struct pages_range *range)
{
	rw->mm = NULL;
	if (current->mm == range->mm)
		return 0;
	if (!mmget_not_zero(range->mm))
		return -EPERM;
	if (!(current->flags & PF_KTHREAD) || current->mm) {
		mmput_async(range->mm);
		return -EFAULT;
	}
	rw->mm = range->mm;
	kthread_use_mm(rw->mm);
	return 0;
}

static void rw_mm_end(struct rw_mm *rw)
{
	if (!rw->mm)
		return;
	kthread_unuse_mm(rw->mm);
	/* The last user may be us, and what follows can take long. */
	mmput_async(rw->mm);
}

static int rw_nofault(unsigned long vaddr, void *data, size_t len, bool write)
{
	if (write)
		return copy_to_user_nofault((void __user *)vaddr, data, len);
	return copy_from_user_nofault(data, (void __user *)vaddr, len);
}

static int rw_by_page(struct pages_range *range, struct pages_user *user,
		      unsigned long vaddr, void *data, size_t len, bool write)
{
	size_t offset = offset_in_page(vaddr);
	struct page *page = NULL;
	int ret;

	ret = fault_get(range, user, vaddr - offset, 1, write ? FOLL_WRITE : 0,
			&page);
	if (ret)
		return ret;
	if (write)
		memcpy_to_page(page, offset, data, len);
	else
		memcpy_from_page(data, page, offset, len);
	unpin_user_pages_dirty_lock(&page, 1, write);
	return 0;
}

/**
 * pages_rw() - copy
 * @range: the range; the caller is active in it
 * @user: for whom
 * @offset: in the range, bytes
 * @data: kernel memory
 * @len: bytes, within the range
 * @write: into the range if true
 *
 * Context: May sleep; no lock held.
 * Return: 0; -EPERM if the range forbids it or its mm has no users any more;
 *         -EFAULT if there is no such memory, or the current task is neither
 *         of the range's process nor a kernel thread; what fault_get() says.
 */
int pages_rw(struct pages_range *range, struct pages_user *user, u64 offset,
	     void *data, size_t len, bool write)
{
	unsigned long vaddr = range->vaddr + offset;
	struct rw_mm rw;
	size_t step;
	int ret;

	/* As in 6.12, a write needs a mapping that can also be read. */
	if (!(range->prot & IOMMU_READ) ||
	    (write && !(range->prot & IOMMU_WRITE)))
		return -EPERM;
	ret = rw_mm_begin(&rw, range);
	if (ret)
		return ret;

	for (; len; len -= step, data += step, vaddr += step) {
		step = min_t(size_t, len, PAGE_SIZE - offset_in_page(vaddr));
		ret = rw_nofault(vaddr, data, step, write);
		if (!ret)
			continue;
		/* Not while we hold a borrowed mm: the wait may be long. */
		rw_mm_end(&rw);
		ret = rw_by_page(range, user, vaddr, data, step, write);
		if (ret)
			return ret == -ENODEV && !pages_user_is_shut(user) ?
			       -EPERM : ret;
		ret = rw_mm_begin(&rw, range);
		if (ret)
			return ret;
	}
	rw_mm_end(&rw);
	return 0;
}
