// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest memory: pinning, eviction, unmapping
 *
 * A page that is not at hand is pinned by the worker of the command that needs
 * it, together with as much of the 2 MiB around it as is mapped, and stays
 * pinned.  Pins under way are listed, so that there is one at a time per block,
 * and so that dma_unmap(), which must leave nothing pinned, marks those it
 * meets as lost and waits for them; no lock is held over a fault.
 *
 * Pins have a limit: the user's limit of locked memory, which is seen when it
 * is hit, and our own budget.  The lower it is, the fewer neighbours are pinned
 * along.  Near the limit data has to do without: the worker's answer is
 * -ENOMEM, the adapter copies, and an eviction is started.  The rest, a
 * *reserve*, is for *control*: requests, status words and rings, which the
 * adapter cannot do without, and which wait for evictions.
 *
 * Eviction is a worker of its own, since it waits for commands, also those that
 * wait for pins.  It takes blocks that were not used since its last look, and
 * those with control in them only if there are no others, until a quarter of
 * what there is may be free.  Then it believes in a somewhat higher limit than
 * before, so as to find out when it was raised.
 *
 * Locals: pfn, page number of an IOVA.
 */
#include <linux/delay.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>

#include "dev.h"

static unsigned int pin_budget_mib;
module_param(pin_budget_mib, uint, 0644);
MODULE_PARM_DESC(pin_budget_mib,
		 "MiB of guest memory that a slice keeps pinned at most, as of its next open; 0: as much as its user may lock (default: 0)");

/* What control needs at a time: an IOARCB; data of that size is as welcome. */
#define SLICE_CONTROL_BYTES	64
/* Pages that only control may take when memory is short. */
#define SLICE_RESERVE_PAGES	128
/* How long control waits for evictions, and between two that were no help. */
#define SLICE_CONTROL_MS	10000
#define SLICE_CONTROL_PAUSE_MS	10
/* How long what was pinned stays at least: who waited for it gets to use it. */
#define SLICE_EVICT_AGE_MS	20
/* How long eviction waits for a block. */
#define SLICE_EVICT_MS		100
/* How long UNMAP waits for store I/O before it fails the contexts. */
#define SLICE_UNMAP_MS		30000
/* What is pinned at a time, neighbours included, of a limit that is known. */
#define SLICE_PIN_SHARE		16
/* Attempts that met somebody else's pin, or an UNMAP. */
#define SLICE_PIN_TRIES		100

/**
 * struct slice_pin - pages being pinned
 * @node: in &slice_mem.pins
 * @pfn: the first one
 * @nr: how many, all in one block
 * @control: what is asked for is control
 * @lost: unmapped meanwhile; under &slice_mem.lock
 */
struct slice_pin {
	struct list_head node;
	u64 pfn;
	unsigned int nr;
	bool control;
	bool lost;
};

/* ---------------------------------------------------------------- blocks */

/* Tell each page where the contiguous run that it is in begins and ends. */
static void slice_block_index(struct slice_block *b)
{
	unsigned int i, j, k;

	b->nr = 0;
	for (i = 0; i < SLICE_BLOCK_PAGES; i = j) {
		j = i + 1;
		if (!b->page[i])
			continue;
		while (j < SLICE_BLOCK_PAGES &&
		       b->page[j] == b->page[j - 1] + PAGE_SIZE)
			j++;
		for (k = i; k < j; k++) {
			b->first[k] = i;
			b->last[k] = j - 1;
		}
		b->nr += j - i;
	}
}

/* A block with the pages of @old, which may be NULL, and those of @pin. */
static struct slice_block *slice_block_make(const struct slice_block *old,
					    const struct slice_pin *pin,
					    struct page **pages,
					    unsigned long flags)
{
	unsigned int at = pin->pfn % SLICE_BLOCK_PAGES, i;
	struct slice_block *b;

	b = kmalloc(sizeof(*b), GFP_KERNEL | __GFP_NOWARN);
	if (!b)
		return NULL;
	if (old)
		memcpy(b->page, old->page, sizeof(b->page));
	else
		memset(b->page, 0, sizeof(b->page));
	INIT_LIST_HEAD(&b->node);
	b->index = pin->pfn / SLICE_BLOCK_PAGES;
	b->used = true;
	b->since = jiffies;
	b->control = pin->control || (old && old->control);
	for (i = 0; i < pin->nr; i++)
		b->page[at + i] = (unsigned long)page_address(pages[i]) | flags;
	slice_block_index(b);
	return b;
}

/* Unpin and free a block that nobody finds or uses any more. */
static void slice_block_retire(struct slice_mdev *sl, struct slice_block *b)
{
	u64 iova = (u64)b->index << SLICE_BLOCK_SHIFT;
	struct slice_mem *mem = &sl->mem;
	unsigned int i, j;

	for (i = 0; i < SLICE_BLOCK_PAGES; i = j) {
		for (j = i; j < SLICE_BLOCK_PAGES && b->page[j]; j++)
			;
		if (j > i)
			vfio_unpin_pages(&sl->vdev, iova + i * PAGE_SIZE,
					 j - i);
		else
			j = i + 1;
	}
	mutex_lock(&mem->lock);
	mem->nr_pinned -= b->nr;
	mem->nr_blocks--;
	mutex_unlock(&mem->lock);
	list_del(&b->node);
	kfree_rcu(b, rcu);
}

/* Take a block out of the cache. */
static void __slice_block_hide(struct slice_mem *mem, struct slice_block *b,
			       struct list_head *list)
{
	lockdep_assert_held(&mem->lock);
	xa_erase(&mem->blocks, b->index);
	list_add_tail(&b->node, list);
}

/* --------------------------------------------------------------- pinning */

static struct slice_pin *__slice_pin_next(struct slice_mem *mem, u64 first,
					  u64 last)
{
	struct slice_pin *pin;

	lockdep_assert_held(&mem->pins_lock);
	list_for_each_entry(pin, &mem->pins, node)
		if (pin->pfn <= last && pin->pfn + pin->nr - 1 >= first)
			return pin;
	return NULL;
}

/* Are pages of these being pinned? */
static bool slice_pin_under_way(struct slice_mem *mem, u64 first, u64 last)
{
	bool found;

	spin_lock(&mem->pins_lock);
	found = __slice_pin_next(mem, first, last);
	spin_unlock(&mem->pins_lock);
	return found;
}

/* Pages that can be pinned in all. */
static unsigned long __slice_pin_limit(struct slice_mem *mem)
{
	unsigned long max = READ_ONCE(mem->max_pinned);

	lockdep_assert_held(&mem->lock);
	return max && max < mem->limit ? max : mem->limit;
}

/* May @nr more pages be pinned, for control or for data? */
static bool __slice_pin_has_room(struct slice_mem *mem, unsigned int nr,
				 bool control)
{
	unsigned long limit = __slice_pin_limit(mem);

	lockdep_assert_held(&mem->lock);
	if (nr > 1 && nr > limit / SLICE_PIN_SHARE)
		return false;
	if (!control)
		limit -= min_t(unsigned long, limit / 8, SLICE_RESERVE_PAGES);
	return limit > mem->nr_pinned && nr <= limit - mem->nr_pinned;
}

/*
 * What to pin for page @pfn: those that are missing around it, inside its
 * granule of 2^@order pages.  1: @pin is in the list and paid for; 0: the page
 * is there already; -EFAULT: and cannot be used so; -EAGAIN: somebody pins in
 * that block; -ENOMEM.
 */
static int slice_pin_begin(struct slice_mem *mem, struct slice_pin *pin,
			   u64 pfn, unsigned int order, bool write)
{
	u64 base = pfn & ~(u64)(SLICE_BLOCK_PAGES - 1);
	unsigned int i = pfn - base, lo = i, hi = i, start, end;
	struct slice_block *b;
	int ret = -EFAULT;

	start = round_down(i, 1U << order);
	end = start + (1U << order) - 1;
	mutex_lock(&mem->lock);
	if (mem->closing)
		goto out_unlock;
	b = xa_load(&mem->blocks, pfn / SLICE_BLOCK_PAGES);
	if (b && b->page[i]) {
		if (b->page[i] & slice_page_need(write))
			ret = 0;
		goto out_unlock;
	}
	while (lo > start && !(b && b->page[lo - 1]))
		lo--;
	while (hi < end && !(b && b->page[hi + 1]))
		hi++;
	pin->pfn = base + lo;
	pin->nr = hi - lo + 1;
	pin->lost = false;
	ret = -ENOMEM;
	if (!__slice_pin_has_room(mem, pin->nr, pin->control))
		goto out_unlock;
	ret = -EAGAIN;
	spin_lock(&mem->pins_lock);
	if (!__slice_pin_next(mem, base, base + SLICE_BLOCK_PAGES - 1)) {
		list_add_tail(&pin->node, &mem->pins);
		mem->nr_pinned += pin->nr;
		ret = 1;
	}
	spin_unlock(&mem->pins_lock);
out_unlock:
	mutex_unlock(&mem->lock);
	return ret;
}

/* Publish what was pinned: 0, -EAGAIN if it was unmapped meanwhile, -ENOMEM. */
static int slice_pin_publish(struct slice_mem *mem, struct slice_pin *pin,
			     struct page **pages, unsigned long flags)
{
	unsigned long index = pin->pfn / SLICE_BLOCK_PAGES;
	struct slice_block *old, *b;
	int ret = -EAGAIN;

	lockdep_assert_held(&mem->lock);
	if (pin->lost || mem->closing)
		return ret;
	old = xa_load(&mem->blocks, index);
	b = slice_block_make(old, pin, pages, flags);
	if (!b)
		return -ENOMEM;
	/* Paired with the readers' xa_load(): it is complete. */
	ret = xa_err(xa_store(&mem->blocks, index, b, GFP_KERNEL));
	if (ret) {
		kfree(b);
		return -ENOMEM;
	}
	if (old)
		kfree_rcu(old, rcu);
	else
		mem->nr_blocks++;
	return 0;
}

/* @ret: of vfio_pin_pages().  Returns 0 or an errno. */
static int slice_pin_end(struct slice_mdev *sl, struct slice_pin *pin,
			 struct page **pages, int prot, int ret)
{
	unsigned long flags = (prot & IOMMU_READ ? SLICE_PAGE_READ : 0) |
			      (prot & IOMMU_WRITE ? SLICE_PAGE_WRITE : 0);
	struct slice_mem *mem = &sl->mem;
	bool pinned = ret > 0;

	mutex_lock(&mem->lock);
	if (pinned)
		ret = slice_pin_publish(mem, pin, pages, flags);
	if (ret)
		mem->nr_pinned -= pin->nr;
	/* So many are too many. */
	if (ret == -ENOMEM && !pinned)
		mem->limit = min(mem->limit, mem->nr_pinned + pin->nr - 1);
	mutex_unlock(&mem->lock);
	if (ret && pinned)
		vfio_unpin_pages(&sl->vdev, pin->pfn << PAGE_SHIFT, pin->nr);
	spin_lock(&mem->pins_lock);
	list_del(&pin->node);
	spin_unlock(&mem->pins_lock);
	wake_up_all(&mem->wq);
	return ret;
}

/* One attempt; as slice_pin_begin(), or what vfio_pin_pages() has said. */
static int slice_pin_try(struct slice_mdev *sl, u64 pfn, unsigned int order,
			 bool write, bool control, int prot,
			 struct page **pages)
{
	u64 base = pfn & ~(u64)(SLICE_BLOCK_PAGES - 1);
	struct slice_mem *mem = &sl->mem;
	struct slice_pin pin = { .control = control };
	int ret;

	ret = slice_pin_begin(mem, &pin, pfn, order, write);
	if (ret == -EAGAIN)
		wait_event(mem->wq, !slice_pin_under_way(mem, base,
				base + SLICE_BLOCK_PAGES - 1));
	if (ret <= 0)
		return ret;
	ret = vfio_pin_pages(&sl->vdev, pin.pfn << PAGE_SHIFT, pin.nr, prot,
			     pages);
	return slice_pin_end(sl, &pin, pages, prot, ret);
}

/* Bring one page to hand, and its neighbours if that is possible. */
static int slice_pin_page(struct slice_mdev *sl, u64 pfn, bool write,
			  bool control, struct page **pages)
{
	int prot = IOMMU_READ | IOMMU_WRITE, ret;
	unsigned int order = SLICE_BLOCK_SHIFT - PAGE_SHIFT, tries = 0;

	for (;;) {
		ret = slice_pin_try(sl, pfn, order, write, control, prot,
				    pages);
		if (!ret)
			return 0;
		if (ret == -EAGAIN && tries++ < SLICE_PIN_TRIES)
			continue;
		if (ret == -EAGAIN)
			return -ENOMEM;
		if (ret == -ENODEV || ret == -EINTR)
			break;
		if (order) {
			order--;
			continue;
		}
		if (ret != -EPERM || prot != (IOMMU_READ | IOMMU_WRITE))
			break;
		/* Its neighbours may be of a mapping with other rights. */
		prot = write ? IOMMU_WRITE : IOMMU_READ;
	}
	return ret == -ENOMEM || ret == -ENODEV ? ret : -EFAULT;
}

static bool slice_pin_is_futile(const struct slice_mem *mem)
{
	return READ_ONCE(mem->closing) || !READ_ONCE(mem->reachable);
}

/*
 * There is no more room: have some made, and wait for it until @end.  False if
 * there is nothing to wait for.
 */
static bool slice_pin_make_room(struct slice_mem *mem, unsigned long end,
				bool again)
{
	unsigned long seen = READ_ONCE(mem->evictions);
	long left = (long)(end - jiffies);

	mutex_lock(&mem->lock);
	if (!mem->closing)
		queue_work(system_unbound_wq, &mem->evict);
	mutex_unlock(&mem->lock);
	if (left <= 0)
		return false;
	/* The last eviction has helped somebody else, or nobody. */
	if (again)
		msleep(SLICE_CONTROL_PAUSE_MS);
	wait_event_timeout(mem->wq, READ_ONCE(mem->evictions) != seen ||
			   slice_pin_is_futile(mem), left);
	return !slice_pin_is_futile(mem);
}

static bool slice_pin_is_at_hand(struct slice_mem *mem, u64 pfn, bool write)
{
	struct slice_block *b;
	bool found;

	rcu_read_lock();
	b = xa_load(&mem->blocks, pfn / SLICE_BLOCK_PAGES);
	found = b && b->page[pfn % SLICE_BLOCK_PAGES] & slice_page_need(write);
	rcu_read_unlock();
	return found;
}

/**
 * slice_pin_resolve() - bring memory to hand: &cxlflash_owner_ops.resolve
 * @ctx: context
 * @ea: IOVA
 * @len: bytes
 * @write: they will be stored to
 *
 * Good enough if it has the first page: the adapter asks for more later, and
 * gets on with what it has.
 *
 * If the device is being closed or revoked the context fails: that its memory
 * is gone is no command's error.  That whoever mapped it has exited is one: the
 * next one who maps memory goes on with the context.
 *
 * Context: May sleep and fault.
 * Return: 0; -EFAULT if it cannot be reached; -ENOMEM if it cannot be pinned.
 */
int slice_pin_resolve(struct cxlflash_ctx *ctx, u64 ea, u32 len, bool write)
{
	struct slice_queue *q = cxlflash_ctx_priv(ctx);
	bool control = len <= SLICE_CONTROL_BYTES;
	u64 first = ea >> PAGE_SHIFT, pfn = first, last;
	struct slice_mem *mem = &q->sl->mem;
	unsigned long end = jiffies;
	struct page **pages;
	bool again = false;
	int ret = 0;

	len = min(len, SISL_MAX_XFER);
	if (!READ_ONCE(mem->reachable) || !len ||
	    check_add_overflow(ea, (u64)len - 1, &last))
		return -EFAULT;
	pages = kmalloc_array(SLICE_BLOCK_PAGES, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	if (control)
		end += msecs_to_jiffies(SLICE_CONTROL_MS);
	while (!ret && pfn <= last >> PAGE_SHIFT) {
		/* A reset waits for us, and drops the command. */
		if (cxlflash_ctx_state(ctx) >= CXLFLASH_CTX_ERROR) {
			ret = -EFAULT;
			break;
		}
		if (slice_pin_is_at_hand(mem, pfn, write)) {
			pfn++;
			continue;
		}
		ret = slice_pin_page(q->sl, pfn, write, control, pages);
		if (ret != -ENOMEM)
			continue;
		if (slice_pin_make_room(mem, end, again))
			ret = 0;
		again = true;
	}
	kfree(pages);
	if (ret == -ENODEV) {
		ret = -EFAULT;
		if (vfio_device_is_shut(&q->sl->vdev)) {
			cxlflash_ctx_fail(ctx);
			return ret;
		}
	}
	return pfn > first ? 0 : ret;
}

/* -------------------------------------------------------------- eviction */

/* Have the contexts forget a block; true if it is not in use any more. */
static bool slice_block_drain(struct slice_mdev *sl,
			      const struct slice_block *b, unsigned int ms)
{
	return slice_mem_drain(sl, (u64)b->index << SLICE_BLOCK_SHIFT,
			       SLICE_BLOCK_BYTES, ms);
}

/*
 * Choose blocks, by a clock, until @target pages remain; with @control also
 * those that have control in them.
 */
static void __slice_evict_choose(struct slice_mem *mem, unsigned long target,
				 bool control)
{
	unsigned long left = mem->nr_pinned, looks = 2 * mem->nr_blocks + 2;
	const unsigned long young = msecs_to_jiffies(SLICE_EVICT_AGE_MS);
	struct slice_block *b;

	lockdep_assert_held(&mem->lock);
	list_for_each_entry(b, &mem->stale, node)
		left -= b->nr;
	while (left > target && looks--) {
		b = xa_find(&mem->blocks, &mem->hand, ULONG_MAX, XA_PRESENT);
		if (!b) {
			mem->hand = 0;
			continue;
		}
		mem->hand++;
		if ((b->control && !control) ||
		    time_before(jiffies, b->since + young))
			continue;
		if (READ_ONCE(b->used)) {
			WRITE_ONCE(b->used, false);
			continue;
		}
		left -= b->nr;
		__slice_block_hide(mem, b, &mem->stale);
	}
}

static void slice_evict_work(struct work_struct *work)
{
	struct slice_mdev *sl = container_of(work, struct slice_mdev,
					     mem.evict);
	struct slice_mem *mem = &sl->mem;
	struct slice_block *b, *next;
	unsigned long max;

	mutex_lock(&mem->evict_lock);
	mutex_lock(&mem->lock);
	max = __slice_pin_limit(mem);
	max -= max / 4 + !!max;
	__slice_evict_choose(mem, max, false);
	if (list_empty(&mem->stale))
		__slice_evict_choose(mem, max, true);
	mutex_unlock(&mem->lock);

	list_for_each_entry_safe(b, next, &mem->stale, node) {
		if (READ_ONCE(mem->closing))
			break;
		if (slice_block_drain(sl, b, SLICE_EVICT_MS))
			slice_block_retire(sl, b);
		/* Else it is looked at again next time. */
	}
	mutex_lock(&mem->lock);
	if (mem->limit != ULONG_MAX)
		mem->limit += mem->limit / 64 + 1;
	WRITE_ONCE(mem->evictions, mem->evictions + 1);
	mutex_unlock(&mem->lock);
	mutex_unlock(&mem->evict_lock);
	wake_up_all(&mem->wq);
}

/* ----------------------------------------------------------------- UNMAP */

/* Hide what is found between two pages, and mark what is on its way as lost. */
static void slice_unmap_hide(struct slice_mem *mem, u64 first, u64 last,
			     struct list_head *list)
{
	struct slice_block *b, *next;
	struct slice_pin *pin;
	unsigned long index;

	mutex_lock(&mem->lock);
	spin_lock(&mem->pins_lock);
	list_for_each_entry(pin, &mem->pins, node)
		if (pin->pfn <= last && pin->pfn + pin->nr - 1 >= first)
			pin->lost = true;
	spin_unlock(&mem->pins_lock);
	xa_for_each_range(&mem->blocks, index, b, first / SLICE_BLOCK_PAGES,
			  last / SLICE_BLOCK_PAGES)
		__slice_block_hide(mem, b, list);
	mutex_unlock(&mem->lock);
	list_for_each_entry_safe(b, next, &mem->stale, node)
		if (b->index >= first / SLICE_BLOCK_PAGES &&
		    b->index <= last / SLICE_BLOCK_PAGES)
			list_move_tail(&b->node, list);
}

/*
 * A store does not give back what it has.  The contexts fail: they write no
 * status any more, and the pages of the data are the commands' own.
 */
static void slice_unmap_give_up(struct slice_mdev *sl)
{
	slice_dev_fail(sl);
	/* Those who had compared the epoch before have written their status. */
	synchronize_rcu();
}

/**
 * slice_pin_dma_unmap() - user space unmaps guest memory
 * @vdev: the device, open or not
 * @iova: first address
 * @length: bytes; 0: all 2^64
 *
 * Blocks go as a whole: what is still mapped of them is pinned again when it is
 * needed.
 *
 * Context: Takes &slice_mem.evict_lock; may sleep, as long as a store does.
 */
void slice_pin_dma_unmap(struct vfio_device *vdev, u64 iova, u64 length)
{
	u64 last = (iova + length - 1) >> PAGE_SHIFT;
	struct slice_mdev *sl = to_slice_mdev(vdev);
	u64 first = iova >> PAGE_SHIFT;
	struct slice_mem *mem = &sl->mem;
	struct slice_block *b, *next;
	LIST_HEAD(list);
	u64 start, len;

	mutex_lock(&mem->evict_lock);
	slice_unmap_hide(mem, first, last, &list);
	wait_event(mem->wq, !slice_pin_under_way(mem, first, last));
	if (!list_empty(&list)) {
		first /= SLICE_BLOCK_PAGES;
		last /= SLICE_BLOCK_PAGES;
		start = first << SLICE_BLOCK_SHIFT;
		len = (last - first + 1) << SLICE_BLOCK_SHIFT;
		if (!slice_mem_drain(sl, start, len ? len : U64_MAX,
				     SLICE_UNMAP_MS))
			slice_unmap_give_up(sl);
	}
	list_for_each_entry_safe(b, next, &list, node)
		slice_block_retire(sl, b);
	mutex_unlock(&mem->evict_lock);
}

/* ------------------------------------------------------------------ life */

/**
 * slice_pin_init() - initialise
 * @sl: the slice, seen by nobody yet
 *
 * Context: Any.
 */
void slice_pin_init(struct slice_mdev *sl)
{
	struct slice_mem *mem = &sl->mem;

	mutex_init(&mem->evict_lock);
	INIT_LIST_HEAD(&mem->stale);
	INIT_WORK(&mem->evict, slice_evict_work);
	mutex_init(&mem->lock);
	xa_init(&mem->blocks);
	spin_lock_init(&mem->pins_lock);
	INIT_LIST_HEAD(&mem->pins);
	init_waitqueue_head(&mem->wq);
	mem->closing = true;
}

/**
 * slice_pin_open() - memory may be pinned from now on
 * @sl: the slice, without contexts
 *
 * Context: open_device().
 */
void slice_pin_open(struct slice_mdev *sl)
{
	struct slice_mem *mem = &sl->mem;

	mutex_lock(&mem->lock);
	mem->limit = ULONG_MAX;
	WRITE_ONCE(mem->max_pinned, (unsigned long)READ_ONCE(pin_budget_mib) <<
				    (20 - PAGE_SHIFT));
	mem->closing = false;
	mutex_unlock(&mem->lock);
}

/**
 * slice_pin_stop() - nothing is pinned any more, and nobody waits for pins
 * @sl: the slice
 *
 * Context: close_device(), or an open_device() that fails; may sleep.
 */
void slice_pin_stop(struct slice_mdev *sl)
{
	struct slice_mem *mem = &sl->mem;

	mutex_lock(&mem->lock);
	WRITE_ONCE(mem->closing, true);
	mutex_unlock(&mem->lock);
	wake_up_all(&mem->wq);
	/* It was queued under the lock, and is not any more. */
	cancel_work_sync(&mem->evict);
}

/**
 * slice_pin_close() - unpin everything
 * @sl: the slice, after slice_pin_stop(); its contexts are gone
 *
 * What orphans of theirs still use they have references on.
 *
 * Context: close_device(), with &slice_mem.evict_lock held.
 */
void slice_pin_close(struct slice_mdev *sl)
{
	struct slice_mem *mem = &sl->mem;
	struct slice_block *b, *next;
	LIST_HEAD(list);

	lockdep_assert_held(&mem->evict_lock);
	slice_unmap_hide(mem, 0, U64_MAX >> PAGE_SHIFT, &list);
	list_for_each_entry_safe(b, next, &list, node) {
		slice_block_retire(sl, b);
		cond_resched();
	}
	WARN_ON_ONCE(mem->nr_pinned);
	xa_destroy(&mem->blocks);
}
