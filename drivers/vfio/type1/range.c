// SPDX-License-Identifier: GPL-2.0-only
/*
 * Life and death of a mapped range, and its dirty bitmap
 */
#include <linux/capability.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "pages.h"

/* Most pages of a bitmap that are looked at in one go, under the lock. */
#define DIRTY_STEP	32768U

/**
 * pages_space_create() - make what all ranges of a backend share
 *
 * Context: May sleep.
 * Return: it, with one reference for the caller, or NULL.
 */
struct pages_space *pages_space_create(void)
{
	struct pages_space *space;

	space = kzalloc(sizeof(*space), GFP_KERNEL_ACCOUNT);
	if (space)
		kref_init(&space->ref);
	return space;
}

static void pages_space_release(struct kref *ref)
{
	kfree(container_of(ref, struct pages_space, ref));
}

/**
 * pages_space_put() - drop a reference
 * @space: the space
 *
 * Context: Any.
 */
void pages_space_put(struct pages_space *space)
{
	kref_put(&space->ref, pages_space_release);
}

/**
 * pages_range_create() - make a range of the current task's memory
 * @space: the backend's
 * @start: first I/O virtual address
 * @last: last I/O virtual address
 * @vaddr: where it starts in the current address space
 * @prot: IOMMU_READ and/or IOMMU_WRITE
 *
 * Whose memory it is, and whose limit on locked memory counts, is fixed here:
 * whatever the task does later (exec, exit, a change of its credentials), what
 * is charged to an mm is given back to the same mm.
 *
 * Context: May sleep.
 * Return: the range with one reference for the caller, or NULL.
 */
struct pages_range *pages_range_create(struct pages_space *space, u64 start,
				       u64 last, unsigned long vaddr, int prot)
{
	struct pages_range *range;

	range = kzalloc(sizeof(*range), GFP_KERNEL_ACCOUNT);
	if (!range)
		return NULL;
	range->iova.start = start;
	range->iova.last = last;
	kref_init(&range->ref);
	kref_get(&space->ref);
	range->space = space;
	range->vaddr = vaddr;
	range->prot = prot;
	range->lock_cap = capable(CAP_IPC_LOCK);
	mmgrab(current->mm);
	range->mm = current->mm;
	range->task = get_task_struct(current->group_leader);
	spin_lock_init(&range->lock);
	xa_init(&range->leaves);
	init_waitqueue_head(&range->wq);
	INIT_WORK(&range->settle, fault_settle);
	INIT_LIST_HEAD(&range->victim);
	return range;
}

static void pages_range_release(struct kref *ref)
{
	struct pages_range *range = container_of(ref, struct pages_range, ref);

	WARN_ON_ONCE(range->nr_pinned);
	xa_destroy(&range->leaves);
	kvfree(range->dirty);
	put_task_struct(range->task);
	mmdrop(range->mm);
	pages_space_put(range->space);
	kfree(range);
}

/**
 * pages_range_put() - drop a reference
 * @range: the range
 *
 * Context: May sleep.
 */
void pages_range_put(struct pages_range *range)
{
	kref_put(&range->ref, pages_range_release);
}

/**
 * pages_range_enter() - become an active user
 * @range: a range in the tree; the tree's lock held or a reference
 *
 * Context: Any.
 * Return: true, and pages_range_exit() is due; false if the range is dying.
 */
bool pages_range_enter(struct pages_range *range)
{
	bool ok;

	spin_lock(&range->lock);
	ok = !range->dying;
	if (ok)
		range->active++;
	spin_unlock(&range->lock);
	return ok;
}

/**
 * pages_range_exit() - stop being an active user
 * @range: the range; not to be touched after this without a reference
 *
 * The wakeup is done under the lock: who waits looks at the count under the
 * lock too, and so cannot free the range before it is complete.
 *
 * Context: Any.
 */
void pages_range_exit(struct pages_range *range)
{
	spin_lock(&range->lock);
	if (!--range->active && range->dying)
		wake_up_all(&range->wq);
	spin_unlock(&range->lock);
}

/**
 * pages_range_kill() - mark a range dying
 * @range: the range
 *
 * Whoever does this owns the range's fate: pages_range_retire() or
 * pages_range_revive().
 *
 * Context: Any; the backend's lock held exclusively, not yet dying.
 */
void pages_range_kill(struct pages_range *range)
{
	spin_lock(&range->lock);
	WRITE_ONCE(range->dying, true);
	spin_unlock(&range->lock);
	wake_up_all(&range->wq);
}

/**
 * pages_range_revive() - take pages_range_kill() back
 * @range: the range
 *
 * Context: Any; by who killed it, with a reference.
 */
void pages_range_revive(struct pages_range *range)
{
	spin_lock(&range->lock);
	WRITE_ONCE(range->dying, false);
	spin_unlock(&range->lock);
	wake_up_all(&range->wq);
}

/**
 * pages_range_retire() - end a dying range's life if nobody is active
 * @range: the range
 *
 * Context: Any; by who killed it, with a reference, the backend's lock held
 *          exclusively: the caller takes it out of the tree at once.
 * Return: true if it is gone now.
 */
bool pages_range_retire(struct pages_range *range)
{
	bool gone;

	spin_lock(&range->lock);
	gone = !range->active;
	WRITE_ONCE(range->gone, gone);
	spin_unlock(&range->lock);
	if (gone)
		wake_up_all(&range->wq);
	return gone;
}

static bool pages_range_is_idle(struct pages_range *range)
{
	bool idle;

	spin_lock(&range->lock);
	idle = !range->active;
	spin_unlock(&range->lock);
	return idle;
}

/**
 * pages_range_wait_idle() - wait until a dying range has no active user
 * @range: the range
 *
 * Does not depend on user space: active users of a dying range do not wait
 * for faults.
 *
 * Context: May sleep; no lock held.
 */
void pages_range_wait_idle(struct pages_range *range)
{
	wait_event(range->wq, pages_range_is_idle(range));
}

/**
 * pages_range_pinned() - are pages of the range pinned?
 * @range: the range
 *
 * Context: Any.
 * Return: true if any is.
 */
bool pages_range_pinned(struct pages_range *range)
{
	bool pinned;

	spin_lock(&range->lock);
	pinned = range->nr_pinned;
	spin_unlock(&range->lock);
	return pinned;
}

/**
 * pages_dirty_start() - give a range its dirty bitmap
 * @range: the range
 *
 * What is pinned at this moment is dirty from the start.
 *
 * Context: May sleep; the backend's lock held exclusively, or the range not
 *          in the tree yet.
 * Return: 0, -EINVAL if the range is too large, -ENOMEM.
 */
int pages_dirty_start(struct pages_range *range)
{
	u64 nr = pages_range_nr(range);
	u64 first;
	u64 *map;

	if (range->dirty)
		return 0;
	if (nr > DIRTY_PAGES_MAX)
		return -EINVAL;
	map = kvcalloc(dirty_words(nr), sizeof(*map), GFP_KERNEL_ACCOUNT);
	if (!map)
		return -ENOMEM;
	spin_lock(&range->lock);
	range->dirty = map;
	spin_unlock(&range->lock);
	/* From here on new pins mark themselves. */
	for (first = 0; first < nr; first += DIRTY_STEP) {
		spin_lock(&range->lock);
		__pages_dirty_pinned(range, first,
				     min_t(u64, nr - first, DIRTY_STEP));
		spin_unlock(&range->lock);
		cond_resched();
	}
	return 0;
}

/**
 * pages_dirty_stop() - take the dirty bitmap away
 * @range: the range
 *
 * Context: May sleep; as pages_dirty_start().
 */
void pages_dirty_stop(struct pages_range *range)
{
	u64 *map;

	spin_lock(&range->lock);
	map = range->dirty;
	range->dirty = NULL;
	spin_unlock(&range->lock);
	kvfree(map);
}

/**
 * pages_dirty_mark() - pages have been written
 * @range: the range
 * @first: index of the first page in it
 * @nr: pages
 *
 * To be called after the write: a query in between would clear the mark.
 *
 * Context: Any.
 */
void pages_dirty_mark(struct pages_range *range, u64 first, u64 nr)
{
	/* Unlocked look: who starts tracking now has no claim on this write. */
	if (!data_race(range->dirty))
		return;
	spin_lock(&range->lock);
	if (range->dirty)
		dirty_set(range->dirty, first, nr);
	spin_unlock(&range->lock);
}

/**
 * pages_dirty_take() - report dirty pages and start a new epoch for them
 * @range: the range
 * @first: index of the first page in it
 * @nr: pages
 * @dst: the bits are or'ed into this bitmap
 * @dst_first: bit in @dst of the first page
 *
 * What is pinned stays dirty: a driver that reports nothing may write to it
 * at any time.
 *
 * Context: Any.
 */
void pages_dirty_take(struct pages_range *range, u64 first, u64 nr, u64 *dst,
		      u64 dst_first)
{
	spin_lock(&range->lock);
	if (range->dirty) {
		dirty_or(dst, dst_first, range->dirty, first, nr);
		dirty_clear(range->dirty, first, nr);
		__pages_dirty_pinned(range, first, nr);
	}
	spin_unlock(&range->lock);
}

/**
 * pages_dirty_peek() - report dirty pages and leave them dirty
 * @range: the range
 * @first: index of the first page in it
 * @nr: pages
 * @dst: the bits are or'ed into this bitmap
 * @dst_first: bit in @dst of the first page
 *
 * Context: May sleep.
 */
void pages_dirty_peek(struct pages_range *range, u64 first, u64 nr, u64 *dst,
		      u64 dst_first)
{
	u64 step;

	for (; nr; first += step, dst_first += step, nr -= step) {
		step = min_t(u64, nr, DIRTY_STEP);
		spin_lock(&range->lock);
		if (range->dirty)
			dirty_or(dst, dst_first, range->dirty, first, step);
		spin_unlock(&range->lock);
		cond_resched();
	}
}

/**
 * pages_dirty_restore() - put back what pages_dirty_take() took
 * @range: the range
 * @first: index of the first page in it
 * @nr: pages
 * @src: the bitmap with the bits
 * @src_first: bit in @src of the first page
 *
 * Context: Any.
 */
void pages_dirty_restore(struct pages_range *range, u64 first, u64 nr,
			 const u64 *src, u64 src_first)
{
	spin_lock(&range->lock);
	if (range->dirty)
		dirty_or(range->dirty, first, src, src_first, nr);
	spin_unlock(&range->lock);
}
