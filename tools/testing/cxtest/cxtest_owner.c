// SPDX-License-Identifier: GPL-2.0-only
/*
 * cxtest as an owner: the arena, its windows and what it is told
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "cxtest_priv.h"

atomic64_t cxtest_pages_out = ATOMIC64_INIT(0);

/**
 * cxtest_arena_alloc() - make the memory of a context
 * @ct: open file without one
 * @nr_pages: 1 to CXTEST_MAX_PAGES
 *
 * Context: May sleep; @ct->lock held.
 * Return: 0, -EINVAL or -ENOMEM.
 */
int cxtest_arena_alloc(struct cxtest *ct, u32 nr_pages)
{
	u32 i;

	lockdep_assert_held(&ct->lock);
	if (!nr_pages || nr_pages > CXTEST_MAX_PAGES)
		return -EINVAL;
	ct->pages = kvcalloc(nr_pages, sizeof(*ct->pages), GFP_KERNEL);
	ct->how = kvzalloc(nr_pages, GFP_KERNEL);
	if (!ct->pages || !ct->how)
		goto err_free_arena;
	for (i = 0; i < nr_pages; i++) {
		ct->pages[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!ct->pages[i])
			goto err_free_arena;
		ct->nr_pages = i + 1;
	}
	ct->kva = vmap(ct->pages, nr_pages, VM_MAP, PAGE_KERNEL);
	if (!ct->kva)
		goto err_free_arena;
	return 0;

err_free_arena:
	cxtest_arena_free(ct);
	return -ENOMEM;
}

/**
 * cxtest_arena_free() - undo cxtest_arena_alloc()
 * @ct: without a context
 *
 * Store I/O that is still out, and mappings, have references of their own on
 * the pages.
 *
 * Context: May sleep.
 */
void cxtest_arena_free(struct cxtest *ct)
{
	u32 i;

	if (ct->kva)
		vunmap(ct->kva);
	for (i = 0; i < ct->nr_pages; i++)
		put_page(ct->pages[i]);
	kvfree(ct->pages);
	kvfree(ct->how);
	ct->kva = NULL;
	ct->pages = NULL;
	ct->how = NULL;
	ct->nr_pages = 0;
}

/* The page of @ea; -EFAULT out of the arena, else its CXTEST_* as an errno. */
static int cxtest_page(struct cxtest *ct, u64 ea, u32 *index)
{
	u64 page = (ea - CXTEST_BASE) >> PAGE_SHIFT;

	if (ea < CXTEST_BASE || page >= ct->nr_pages)
		return -EFAULT;
	*index = page;
	switch (READ_ONCE(ct->how[page])) {
	case CXTEST_PRESENT:
		return 0;
	case CXTEST_MISS:
		return -EAGAIN;
	default:
		return -EFAULT;
	}
}

/* How many bytes from @ea, at most @len, are at hand in one piece. */
static u64 cxtest_extent(struct cxtest *ct, u64 ea, u64 len)
{
	u64 end = ea + len, at = (ea | ~PAGE_MASK) + 1;
	u32 index;

	while (at < end && !cxtest_page(ct, at, &index))
		at += PAGE_SIZE;
	return min(at, end) - ea;
}

static int cxtest_window(struct cxlflash_ctx *ctx, u64 ea, bool write,
			 struct cxlflash_window *win)
{
	struct cxtest *ct = cxlflash_ctx_priv(ctx);
	u32 index;
	int ret;

	ret = cxtest_page(ct, ea, &index);
	if (ret)
		return ret;
	win->start = CXTEST_BASE + ((u64)index << PAGE_SHIFT);
	win->kva = ct->kva + ((size_t)index << PAGE_SHIFT);
	win->len = PAGE_SIZE;
	win->writable = true;
	if (!(ct->flags & CXTEST_BY_PAGE))
		win->len = cxtest_extent(ct, win->start,
					 (u64)(ct->nr_pages - index) <<
					 PAGE_SHIFT);
	return 0;
}

static int cxtest_resolve(struct cxlflash_ctx *ctx, u64 ea, u32 len, bool write)
{
	struct cxtest *ct = cxlflash_ctx_priv(ctx);
	u64 at = ea & PAGE_MASK;
	u32 index;
	int ret;

	might_sleep();
	for (; at < ea + len; at += PAGE_SIZE) {
		ret = cxtest_page(ct, at, &index);
		if (ret == -EFAULT)
			return ret;
		if (ret == -EAGAIN &&
		    cmpxchg(&ct->how[index], CXTEST_MISS, CXTEST_PRESENT) ==
		    CXTEST_MISS)
			atomic64_inc(&ct->resolved);
	}
	return 0;
}

static int cxtest_get_pages(struct cxlflash_ctx *ctx, u64 ea, u32 len,
			    bool write, struct bio_vec *bv, unsigned int nr)
{
	struct cxtest *ct = cxlflash_ctx_priv(ctx);
	u32 done = 0, step, index;
	unsigned int i;
	int ret;

	for (i = 0; i < nr && done < len; i++) {
		ret = cxtest_page(ct, ea + done, &index);
		if (ret)
			goto err_put;
		step = min_t(u32, len - done,
			     PAGE_SIZE - offset_in_page(ea + done));
		get_page(ct->pages[index]);
		bvec_set_page(&bv[i], ct->pages[index], step,
			      offset_in_page(ea + done));
		done += step;
	}
	atomic64_add(i, &cxtest_pages_out);
	return done;

err_put:
	while (i--)
		put_page(bv[i].bv_page);
	return ret;
}

/* May be called when the context and the arena are gone. */
static void cxtest_put_pages(struct cxlflash_ctx *ctx, struct bio_vec *bv,
			     unsigned int nr, bool dirty)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		put_page(bv[i].bv_page);
	atomic64_sub(nr, &cxtest_pages_out);
}

static void cxtest_notify(struct cxlflash_ctx *ctx, unsigned int lisn)
{
	struct cxtest *ct = cxlflash_ctx_priv(ctx);

	if (WARN_ON_ONCE(lisn >= CXTEST_NR_LISN))
		return;
	atomic64_inc(&ct->irqs[lisn]);
	wake_up_all(&ct->wait);
}

static void cxtest_data_storage(struct cxlflash_ctx *ctx, u64 ea, bool write)
{
	struct cxtest *ct = cxlflash_ctx_priv(ctx);

	WRITE_ONCE(ct->last_ea, ea);
	atomic64_inc(&ct->data_storage);
	wake_up_all(&ct->wait);
}

static void cxtest_state_changed(struct cxlflash_ctx *ctx,
				 enum cxlflash_ctx_state state)
{
	struct cxtest *ct = cxlflash_ctx_priv(ctx);

	might_sleep();
	atomic_inc(&ct->state_changes);
	wake_up_all(&ct->wait);
}

const struct cxlflash_owner_ops cxtest_owner_ops = {
	.owner = THIS_MODULE,
	.window = cxtest_window,
	.resolve = cxtest_resolve,
	.get_pages = cxtest_get_pages,
	.put_pages = cxtest_put_pages,
	.notify = cxtest_notify,
	.data_storage = cxtest_data_storage,
	.state_changed = cxtest_state_changed,
};
