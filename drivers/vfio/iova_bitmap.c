// SPDX-License-Identifier: GPL-2.0-only
/*
 * A user space bitmap of IOVA pages, filled window by window
 *
 * User memory cannot be written under the locks that a driver holds while it
 * reports dirty pages, and a fault in it must not hold up a removal.  So each
 * window of the bitmap is first filled in kernel memory, and merged into user
 * memory when the driver has returned.  Merging only ever sets bits.
 *
 * Words: *page* of the logged page size, one bit; *window* the part of the
 * bitmap in the kernel buffer; indices count pages from the bitmap's start,
 * which need not be aligned: bit n is for the page_size bytes at
 * iova + n * page_size.
 */
#include <linux/bitmap.h>
#include <linux/iova_bitmap.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

/* A window of 32 KiB describes 1 GiB of 4 KiB pages. */
#define WINDOW_BYTES	(32 * 1024)
#define WINDOW_BITS	(WINDOW_BYTES * BITS_PER_BYTE)

/**
 * struct iova_bitmap - a walk along a user bitmap
 * @bits: the window; a multiple of u64
 * @data: the user's bitmap
 * @iova: address of bit 0
 * @last: last address that is described
 * @page_shift: log2 of the page size
 * @nr_pages: bits in the user's bitmap
 * @first: index of the window's first page, a multiple of 64
 * @nr: pages in the window, zero between windows
 * @any: something was set in the window
 */
struct iova_bitmap {
	unsigned long *bits;
	u64 __user *data;
	unsigned long iova;
	unsigned long last;
	unsigned int page_shift;
	unsigned long nr_pages;
	unsigned long first;
	unsigned long nr;
	bool any;
};

/**
 * iova_bitmap_alloc() - prepare to fill a user bitmap
 * @iova: address of its first bit
 * @length: bytes of address space it describes, at least 1
 * @page_size: bytes per bit, a power of two
 * @data: the bitmap, 64-bit words
 *
 * Context: May sleep.
 * Return: it, or ERR_PTR() of -EINVAL, -EOVERFLOW, -ENOMEM.
 */
struct iova_bitmap *iova_bitmap_alloc(unsigned long iova, size_t length,
				      unsigned long page_size,
				      u64 __user *data)
{
	struct iova_bitmap *bitmap;
	unsigned long last;

	if (!length || !is_power_of_2(page_size))
		return ERR_PTR(-EINVAL);
	if (check_add_overflow(iova, length - 1, &last))
		return ERR_PTR(-EOVERFLOW);

	bitmap = kzalloc(sizeof(*bitmap), GFP_KERNEL_ACCOUNT);
	if (!bitmap)
		return ERR_PTR(-ENOMEM);
	bitmap->data = data;
	bitmap->page_shift = ilog2(page_size);
	bitmap->iova = iova;
	bitmap->last = last;
	bitmap->nr_pages = ((length - 1) >> bitmap->page_shift) + 1;
	bitmap->bits = kvzalloc(WINDOW_BYTES, GFP_KERNEL_ACCOUNT);
	if (!bitmap->bits) {
		kfree(bitmap);
		return ERR_PTR(-ENOMEM);
	}
	return bitmap;
}
EXPORT_SYMBOL_GPL(iova_bitmap_alloc);

/**
 * iova_bitmap_free() - undo iova_bitmap_alloc()
 * @bitmap: the bitmap
 *
 * Context: Any.
 */
void iova_bitmap_free(struct iova_bitmap *bitmap)
{
	kvfree(bitmap->bits);
	kfree(bitmap);
}
EXPORT_SYMBOL_GPL(iova_bitmap_free);

/* Or the window into user memory, words with nothing in them left alone. */
static int iova_bitmap_merge(struct iova_bitmap *bitmap)
{
	u64 __user *user = bitmap->data + bitmap->first / 64;
	unsigned long i, nr_words = DIV_ROUND_UP(bitmap->nr, 64);
	const u64 *bits = (const u64 *)bitmap->bits;
	u64 word;

	for (i = 0; i < nr_words; i++) {
		if (!bits[i])
			continue;
		if (get_user(word, user + i) ||
		    put_user(word | bits[i], user + i))
			return -EFAULT;
	}
	return 0;
}

/* Bits that the driver reports are gone there: be sure to deliver them. */
static int iova_bitmap_fault_in(struct iova_bitmap *bitmap)
{
	size_t bytes = DIV_ROUND_UP(bitmap->nr, 64) * sizeof(u64);

	return fault_in_safe_writeable((char __user *)(bitmap->data +
						       bitmap->first / 64),
				       bytes) ? -EFAULT : 0;
}

/* The last window ends where the request does, which may be mid-page. */
static unsigned long iova_bitmap_window_last(struct iova_bitmap *bitmap)
{
	unsigned long end = bitmap->first + bitmap->nr;

	if (end == bitmap->nr_pages)
		return bitmap->last;
	return bitmap->iova + (end << bitmap->page_shift) - 1;
}

static int iova_bitmap_window(struct iova_bitmap *bitmap, void *opaque,
			      iova_bitmap_fn_t fn)
{
	unsigned long iova;
	size_t length;
	int ret;

	ret = iova_bitmap_fault_in(bitmap);
	if (ret)
		return ret;
	iova = bitmap->iova + (bitmap->first << bitmap->page_shift);
	length = iova_bitmap_window_last(bitmap) - iova + 1;
	ret = fn(bitmap, iova, length, opaque);
	/* Also after an error: what was reported was forgotten there. */
	if (bitmap->any) {
		int merge = iova_bitmap_merge(bitmap);

		memset(bitmap->bits, 0, WINDOW_BYTES);
		bitmap->any = false;
		if (!ret)
			ret = merge;
	}
	return ret;
}

/**
 * iova_bitmap_for_each() - walk the bitmap window by window
 * @bitmap: the bitmap
 * @opaque: last argument of @fn
 * @fn: called for each window with the IOVA range it describes; it may set
 *	bits in there
 *
 * Context: May sleep and fault; not inside a gate.
 * Return: 0; -EFAULT; what @fn returned, which ends the walk.
 */
int iova_bitmap_for_each(struct iova_bitmap *bitmap, void *opaque,
			 iova_bitmap_fn_t fn)
{
	unsigned long left;
	int ret = 0;

	for (bitmap->first = 0; bitmap->first < bitmap->nr_pages;
	     bitmap->first += bitmap->nr) {
		left = bitmap->nr_pages - bitmap->first;
		bitmap->nr = min_t(unsigned long, left, WINDOW_BITS);
		ret = iova_bitmap_window(bitmap, opaque, fn);
		if (ret)
			break;
		cond_resched();
	}
	bitmap->nr = 0;
	return ret;
}
EXPORT_SYMBOL_GPL(iova_bitmap_for_each);

/**
 * iova_bitmap_set() - report an IOVA range
 * @bitmap: the bitmap, in its walk
 * @iova: first byte
 * @length: bytes; every page touched is set
 *
 * What lies outside of the current window is left out.
 *
 * Context: Any; from the function that iova_bitmap_for_each() calls.
 */
void iova_bitmap_set(struct iova_bitmap *bitmap, unsigned long iova,
		     size_t length)
{
	unsigned long first, last, end;

	if (!length || !bitmap->nr)
		return;
	if (check_add_overflow(iova, length - 1, &end))
		end = ULONG_MAX;
	if (end < bitmap->iova || iova > bitmap->last)
		return;
	first = (max(iova, bitmap->iova) - bitmap->iova) >> bitmap->page_shift;
	last = (min(end, bitmap->last) - bitmap->iova) >> bitmap->page_shift;

	first = max(first, bitmap->first);
	last = min(last, bitmap->first + bitmap->nr - 1);
	if (first > last)
		return;
	bitmap_set(bitmap->bits, first - bitmap->first, last - first + 1);
	bitmap->any = true;
}
EXPORT_SYMBOL_GPL(iova_bitmap_set);
