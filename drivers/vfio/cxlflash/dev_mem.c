// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest memory at hand: the owner ops of a slice's contexts
 *
 * An effective address is an IOVA of the guest.  The queues of a slice share a
 * cache of pinned pages: an xarray of *blocks*, one for 2 MiB of IOVA, with the
 * kernel address of each page that is pinned and how far those next to it are
 * contiguous, so that one look finds the whole extent.  A block never changes:
 * who adds pages replaces it, who takes pages away takes all of it, and readers
 * need nothing but RCU.
 *
 * What keeps a page that was found is not RCU but the adapter.  It looks pages
 * up with the context's BUSY bit, or the lock of the response ring, taken, and
 * remembers windows until cxlflash_ctx_invalidate(), which takes both.  Memory
 * therefore goes in this order (dev_pin.c): out of the xarray, invalidate,
 * wait for the commands that use it, unpin.
 *
 * Store I/O has references on its pages beside that, one per folio and vector.
 * They are for stores that do not come back: after a time UNMAP and close go
 * on without them, and what such a store does to the pages then hurts nobody.
 */
#include <linux/highmem.h>

#include "dev.h"

static struct slice_mdev *slice_of_ctx(struct cxlflash_ctx *ctx)
{
	struct slice_queue *q = cxlflash_ctx_priv(ctx);

	return q->sl;
}

/* The page of @ea, which may be used so, and its place in the block. */
static struct slice_block *slice_mem_find(struct slice_mem *mem, u64 ea,
					  bool write, unsigned int *i)
{
	struct slice_block *b;

	b = xa_load(&mem->blocks, ea >> SLICE_BLOCK_SHIFT);
	*i = (ea >> PAGE_SHIFT) % SLICE_BLOCK_PAGES;
	if (unlikely(!b || !(b->page[*i] & slice_page_need(write))))
		return NULL;
	if (unlikely(!READ_ONCE(b->used)))
		WRITE_ONCE(b->used, true);
	return b;
}

static int slice_mem_window(struct cxlflash_ctx *ctx, u64 ea, bool write,
			    struct cxlflash_window *win)
{
	struct slice_mem *mem = &slice_of_ctx(ctx)->mem;
	struct slice_block *b;
	unsigned int i, first;
	int ret = -EAGAIN;

	if (unlikely(!READ_ONCE(mem->reachable)))
		return -EFAULT;
	rcu_read_lock();
	b = slice_mem_find(mem, ea, write, &i);
	if (b) {
		first = b->first[i];
		win->start = (ea & ~(SLICE_BLOCK_BYTES - 1)) +
			     first * PAGE_SIZE;
		win->len = (b->last[i] - first + 1) * PAGE_SIZE;
		win->kva = (void *)(b->page[first] & ~SLICE_PAGE_FLAGS);
		win->writable = b->page[i] & SLICE_PAGE_WRITE;
		ret = b->page[i] & SLICE_PAGE_READ ? 0 : -EFAULT;
	}
	rcu_read_unlock();
	return ret;
}

/* Take or drop a reference on each folio of a vector. */
static void slice_bvec_ref(const struct bio_vec *bv, bool get)
{
	size_t nr = DIV_ROUND_UP(bv->bv_offset + bv->bv_len, PAGE_SIZE), now;
	struct page *page = bv->bv_page;
	struct folio *folio;

	if (likely(nr == 1)) {
		folio = page_folio(page);
		if (get)
			folio_get(folio);
		else
			folio_put(folio);
		return;
	}
	for (; nr; nr -= now, page = nth_page(page, now)) {
		folio = page_folio(page);
		now = min_t(size_t, nr, folio_nr_pages(folio) -
			    folio_page_idx(folio, page));
		if (get)
			folio_get(folio);
		else
			folio_put(folio);
	}
}

/* One vector: as much of @len as is contiguous; 0 if it is not at hand. */
static u32 slice_mem_get_some(struct slice_mem *mem, u64 ea, u32 len,
			      bool write, struct bio_vec *bv)
{
	size_t offset = offset_in_page(ea);
	struct slice_block *b;
	unsigned int i;
	void *kva;

	b = slice_mem_find(mem, ea, write, &i);
	if (!b)
		return 0;
	kva = (void *)(b->page[i] & ~SLICE_PAGE_FLAGS);
	len = min_t(u64, len, (b->last[i] - i + 1) * PAGE_SIZE - offset);
	bvec_set_page(bv, virt_to_page(kva), len, offset);
	slice_bvec_ref(bv, true);
	return len;
}

/*
 * Fewer bytes than asked for also if the rest is not at hand: whoever needs
 * more than can be pinned at a time gets on all the same.
 */
static int slice_mem_get_pages(struct cxlflash_ctx *ctx, u64 ea, u32 len,
			       bool write, struct bio_vec *bv, unsigned int nr)
{
	struct slice_mem *mem = &slice_of_ctx(ctx)->mem;
	u32 done = 0, now;
	unsigned int n;

	if (unlikely(!READ_ONCE(mem->reachable)))
		return -EFAULT;
	rcu_read_lock();
	for (n = 0; n < nr && done < len; n++) {
		now = slice_mem_get_some(mem, ea + done, len - done, write,
					 &bv[n]);
		if (!now)
			break;
		done += now;
	}
	rcu_read_unlock();
	return done ? done : -EAGAIN;
}

/* Also of contexts that are gone: nothing but the vectors may be used. */
static void slice_mem_put_pages(struct cxlflash_ctx *ctx, struct bio_vec *bv,
				unsigned int nr, bool dirty)
{
	unsigned int i;

	/* Written pages of a mapping are made dirty when they are unpinned. */
	for (i = 0; i < nr; i++)
		slice_bvec_ref(&bv[i], false);
}

static int slice_mem_copy(struct cxlflash_ctx *ctx, u64 ea, void *buf, u32 len,
			  bool write)
{
	struct slice_mdev *sl = slice_of_ctx(ctx);
	int ret;

	if (!READ_ONCE(sl->mem.reachable))
		return -EFAULT;
	atomic_long_inc(&sl->mem.copies);
	ret = vfio_dma_rw(&sl->vdev, ea, buf, len, write);
	/* As in slice_pin_resolve(). */
	if (ret == -ENODEV)
		cxlflash_ctx_fail(ctx);
	/* A copy that failed may have written a part. */
	if (write)
		slice_log_dirtied(ctx, ea, len);
	return ret ? -EFAULT : 0;
}

const struct cxlflash_owner_ops slice_owner_ops = {
	.owner = THIS_MODULE,
	.window = slice_mem_window,
	.resolve = slice_pin_resolve,
	.get_pages = slice_mem_get_pages,
	.put_pages = slice_mem_put_pages,
	.notify = slice_irq_notify,
	.copy = slice_mem_copy,
	.dirtied = slice_log_dirtied,
};

/* ------------------------------------------------- the contexts together */

/**
 * slice_mem_drain() - have memory forgotten and wait until it is not in use
 * @sl: the slice, whose contexts cannot go
 * @start: first IOVA
 * @len: bytes; U64_MAX: all of it, and until commands without pages are over
 * @ms: how long to wait; not longer than until the device is revoked
 *
 * Context: May sleep; no lock that an owner op takes.
 * Return: true if it is not; false if store I/O on it is not back.
 */
bool slice_mem_drain(struct slice_mdev *sl, u64 start, u64 len,
		     unsigned int ms)
{
	unsigned long end = jiffies + msecs_to_jiffies(ms);
	struct gate *gate = vfio_device_gate(&sl->vdev);
	struct cxlflash_ctx *ctx;
	unsigned int i;

	for (i = 0; i < sl->nr_queues; i++) {
		ctx = sl->queues[i].ctx;
		if (ctx)
			cxlflash_ctx_invalidate(ctx, start, len);
	}
	for (i = 0; i < sl->nr_queues; i++) {
		ctx = sl->queues[i].ctx;
		if (!ctx)
			continue;
		while (!(len == U64_MAX ? cxlflash_ctx_drain(ctx, HZ / 20) :
			 cxlflash_ctx_drain_pages(ctx, start, len, HZ / 20))) {
			if (time_after(jiffies, end) || gate_is_shut(gate) ||
			    READ_ONCE(sl->mem.closing))
				return false;
		}
	}
	return true;
}

/* What one command has under way to all of memory is one transfer or less. */
#define SLICE_MASTER_MS		2000

/**
 * slice_mem_set_reachable() - bus mastering is turned on or off
 * @sl: the slice
 * @reachable: on
 *
 * When it returns after turning it off no memory is touched any more, unless
 * a store does not give back what it has.
 *
 * Context: May sleep; inside the gate or in open_device().
 */
void slice_mem_set_reachable(struct slice_mdev *sl, bool reachable)
{
	struct slice_mem *mem = &sl->mem;

	if (mem->reachable == reachable)
		return;
	WRITE_ONCE(mem->reachable, reachable);
	if (reachable)
		return;
	/* Who waits for a pin need not. */
	wake_up_all(&mem->wq);
	slice_mem_drain(sl, 0, U64_MAX, SLICE_MASTER_MS);
}
