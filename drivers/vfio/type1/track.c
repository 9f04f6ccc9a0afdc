// SPDX-License-Identifier: GPL-2.0-only
/*
 * DIRTY_PAGES: which pages have devices written since they were last asked?
 *
 * Every range has a bitmap while tracking is on.  A query copies a step of it
 * into kernel memory under the locks, then to user space without them; bits
 * that could not be delivered are put back.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "type1.h"

/* Pages in one step: 4 KiB of bitmap, 128 MiB of memory. */
#define TRACK_STEP	32768ULL

/**
 * type1_check_bitmap() - is a user's bitmap good for a span?
 * @bitmap: the user's
 * @size: bytes of the span
 *
 * Context: Any.
 * Return: 0 or -EINVAL.
 */
int type1_check_bitmap(const struct vfio_bitmap *bitmap, u64 size)
{
	if (bitmap->pgsize != PAGE_SIZE || !size || !PAGE_ALIGNED(size) ||
	    !access_ok(bitmap->data, bitmap->size))
		return -EINVAL;
	return dirty_size_ok(size >> PAGE_SHIFT, bitmap->size) ? 0 : -EINVAL;
}

/**
 * type1_bitmap_copy_out() - deliver a bitmap
 * @to: the user's, from a whole word on
 * @bits: the bits
 * @nr_pages: how many
 *
 * Whole words, as the user ABI counts them: the bits of the last one beyond
 * @nr_pages are written as zero.
 *
 * Context: May fault; no lock held.
 * Return: 0 or -EFAULT.
 */
int type1_bitmap_copy_out(u64 __user *to, const u64 *bits, u64 nr_pages)
{
	return copy_to_user(to, bits, dirty_words(nr_pages) * sizeof(*bits)) ?
	       -EFAULT : 0;
}

static int track_start(struct type1 *t1)
{
	struct iova_range *iova;
	int ret = 0;

	down_write(&t1->lock);
	if (t1->tracking)
		goto out_unlock;
	iova_for_each(iova, &t1->tree, 0, U64_MAX) {
		ret = pages_dirty_start(to_pages_range(iova));
		if (ret)
			goto err_stop;
	}
	t1->tracking = true;
	goto out_unlock;

err_stop:
	iova_for_each(iova, &t1->tree, 0, U64_MAX)
		pages_dirty_stop(to_pages_range(iova));
out_unlock:
	up_write(&t1->lock);
	return ret;
}

static void track_stop(struct type1 *t1)
{
	struct iova_range *iova;

	down_write(&t1->lock);
	if (t1->tracking) {
		t1->tracking = false;
		iova_for_each(iova, &t1->tree, 0, U64_MAX)
			pages_dirty_stop(to_pages_range(iova));
	}
	up_write(&t1->lock);
}

typedef void (*track_fn)(struct pages_range *range, u64 first, u64 nr,
			 u64 *bits, u64 bits_first);

static void track_restore(struct pages_range *range, u64 first, u64 nr,
			  u64 *bits, u64 bits_first)
{
	pages_dirty_restore(range, first, nr, bits, bits_first);
}

/* Apply @fn to the parts of the ranges that lie in [@start, @last]. */
static int track_step(struct type1 *t1, u64 start, u64 last, u64 *bits,
		      track_fn fn)
{
	struct iova_range *iova;
	u64 from, to;
	int ret = 0;

	down_read(&t1->lock);
	if (!t1->tracking) {
		ret = -EINVAL;
		goto out_unlock;
	}
	iova_for_each(iova, &t1->tree, start, last) {
		from = max(start, iova->start);
		to = min(last, iova->last);
		fn(to_pages_range(iova), (from - iova->start) >> PAGE_SHIFT,
		   ((to - from) >> PAGE_SHIFT) + 1, bits,
		   (from - start) >> PAGE_SHIFT);
	}
out_unlock:
	up_read(&t1->lock);
	return ret;
}

static int track_report(struct type1 *t1, u64 start, u64 last,
			u64 __user *data)
{
	const u64 step = TRACK_STEP << PAGE_SHIFT;
	u64 *bits, end;
	int ret = 0;

	bits = kvcalloc(TRACK_STEP / DIRTY_WORD, sizeof(*bits),
			GFP_KERNEL_ACCOUNT);
	if (!bits)
		return -ENOMEM;
	for (;;) {
		end = last - start < step ? last : start + step - 1;
		memset(bits, 0, TRACK_STEP / 8);
		ret = track_step(t1, start, end, bits, pages_dirty_take);
		if (ret)
			break;
		ret = type1_bitmap_copy_out(data, bits,
					    ((end - start) >> PAGE_SHIFT) + 1);
		if (ret) {
			track_step(t1, start, end, bits, track_restore);
			break;
		}
		if (end == last)
			break;
		start = end + 1;
		data += TRACK_STEP / DIRTY_WORD;
		cond_resched();
	}
	kvfree(bits);
	return ret;
}

static int track_get(struct type1 *t1, unsigned long arg, size_t minsz,
		     u32 argsz)
{
	struct vfio_iommu_type1_dirty_bitmap_get get;
	bool tracking, cuts;
	u64 last;
	int ret;

	if (argsz - minsz < sizeof(get))
		return -EINVAL;
	if (copy_from_user(&get, (void __user *)(arg + minsz), sizeof(get)))
		return -EFAULT;
	if (!PAGE_ALIGNED(get.iova) || !iova_span(get.iova, get.size, &last))
		return -EINVAL;
	ret = type1_check_bitmap(&get.bitmap, get.size);
	if (ret)
		return ret;

	down_read(&t1->lock);
	tracking = t1->tracking;
	cuts = iova_cuts(&t1->tree, get.iova, last);
	up_read(&t1->lock);
	if (!tracking || cuts)
		return -EINVAL;
	return track_report(t1, get.iova, last, get.bitmap.data);
}

/**
 * type1_ioctl_dirty() - VFIO_IOMMU_DIRTY_PAGES
 * @t1: the backend
 * @arg: &struct vfio_iommu_type1_dirty_bitmap
 *
 * Context: May sleep and fault.
 * Return: 0; -EACCES for a v1 container; -EFAULT; -EINVAL for a short argsz,
 *         not exactly one known flag, a query without tracking, a span or
 *         bitmap that makes no sense, a span that cuts a range; -ENOMEM.
 */
long type1_ioctl_dirty(struct type1 *t1, unsigned long arg)
{
	size_t minsz = offsetofend(struct vfio_iommu_type1_dirty_bitmap, flags);
	struct vfio_iommu_type1_dirty_bitmap dirty;

	if (!t1->v2)
		return -EACCES;
	if (copy_from_user(&dirty, (void __user *)arg, minsz))
		return -EFAULT;
	if (dirty.argsz < minsz)
		return -EINVAL;

	switch (dirty.flags) {
	case VFIO_IOMMU_DIRTY_PAGES_FLAG_START:
		return track_start(t1);
	case VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP:
		track_stop(t1);
		return 0;
	case VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP:
		return track_get(t1, arg, minsz, dirty.argsz);
	default:
		return -EINVAL;
	}
}
