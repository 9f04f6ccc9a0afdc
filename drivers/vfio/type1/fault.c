// SPDX-License-Identifier: GPL-2.0-only
/*
 * Getting the pages of a range, and accounting them
 *
 * Pages that are there are got at once.  If a fault is needed user space may
 * take for ever to resolve it (userfaultfd, FUSE), and whoever asks may be a
 * driver's thread that has to be joined when the device is closed.  So a
 * worker faults, on a request that owns all it needs: the mm, the module, its
 * own array of pages.  The caller waits for it until it must not wait any
 * longer: the user is shut, the range is dying, or the task is killed.  Then
 * it abandons the request, and the worker gives the pages back when, some day,
 * it gets them.
 *
 * Locked memory is charged to the mm that was mapped, under its mmap_lock.
 * What is given back while that lock is taken is a *debt*, settled by a worker.
 */
#include <linux/kref.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "pages.h"

/* Abandoned faults of one backend: each keeps a worker busy. */
#define FAULT_STUCK_MAX		32

static struct workqueue_struct *fault_wq;

/**
 * struct fault_request - pages to be faulted in by a worker
 * @ref: one for the caller, one for the worker
 * @work: the worker's
 * @wq: woken when @done
 * @range: referenced, not active; its backend counts the abandoned
 * @mm: whose memory, its users are held
 * @vaddr: first address
 * @nr: pages
 * @gup_flags: how
 * @charge: pages to account when those are got
 * @ret: 0 or an errno, valid when @done
 * @state: one of enum fault_state; decided by compare-exchange
 * @pages: the worker's until @done, then the caller's
 */
struct fault_request {
	struct kref ref;
	struct work_struct work;
	wait_queue_head_t wq;
	struct pages_range *range;
	struct mm_struct *mm;
	unsigned long vaddr;
	unsigned int nr;
	unsigned int gup_flags;
	unsigned int charge;
	int ret;
	atomic_t state;
	struct page *pages[] __counted_by(nr);
};

/**
 * enum fault_state - who has the pages
 * @FAULT_PENDING: the worker is at it
 * @FAULT_DONE: the caller
 * @FAULT_ABANDONED: the worker gives them back
 */
enum fault_state {
	FAULT_PENDING,
	FAULT_DONE,
	FAULT_ABANDONED,
};

static void fault_request_release(struct kref *ref)
{
	struct fault_request *req =
		container_of(ref, struct fault_request, ref);

	pages_range_put(req->range);
	kvfree(req);
}

static void fault_request_put(struct fault_request *req)
{
	kref_put(&req->ref, fault_request_release);
}

static int fault_in(struct fault_request *req)
{
	unsigned int got = 0;
	int locked = 1;
	long ret = 0;

	if (!req->nr)
		return 0;
	mmap_read_lock(req->mm);
	while (got < req->nr) {
		ret = pin_user_pages_remote(req->mm,
					    req->vaddr + got * PAGE_SIZE,
					    req->nr - got, req->gup_flags,
					    req->pages + got, &locked);
		if (!locked) {
			mmap_read_lock(req->mm);
			locked = 1;
		}
		if (ret <= 0)
			break;
		got += ret;
	}
	mmap_read_unlock(req->mm);
	if (got == req->nr)
		return 0;
	unpin_user_pages(req->pages, got);
	return ret < 0 ? ret : -EFAULT;
}

static int fault_account(struct fault_request *req)
{
	struct pages_range *range = req->range;
	int ret;

	if (!req->charge)
		return 0;
	mmap_write_lock(req->mm);
	ret = __account_locked_vm(req->mm, req->charge, true, range->task,
				  range->lock_cap);
	mmap_write_unlock(req->mm);
	return ret;
}

/* Nobody wants it any more. */
static void fault_give_back(struct fault_request *req)
{
	if (!req->ret) {
		unpin_user_pages(req->pages, req->nr);
		fault_uncharge(req->range, req->charge);
	}
	atomic_dec(&req->range->space->stuck);
}

static void fault_work(struct work_struct *work)
{
	struct fault_request *req =
		container_of(work, struct fault_request, work);

	req->ret = fault_in(req);
	if (!req->ret)
		req->ret = fault_account(req);
	mmput(req->mm);
	/* Full barrier, pairs with that in fault_abandon(): @ret is visible. */
	if (atomic_cmpxchg(&req->state, FAULT_PENDING, FAULT_DONE) ==
	    FAULT_PENDING)
		wake_up_all(&req->wq);
	else
		fault_give_back(req);
	fault_request_put(req);
	/* Module exit flushes the queue, so this text is still there after. */
	module_put(THIS_MODULE);
}

static struct fault_request *fault_request_queue(struct pages_range *range,
						 unsigned long vaddr,
						 unsigned int nr,
						 unsigned int gup_flags,
						 unsigned int charge)
{
	struct fault_request *req;

	if (atomic_read(&range->space->stuck) >= FAULT_STUCK_MAX)
		return ERR_PTR(-EBUSY);
	req = kvzalloc(struct_size(req, pages, nr), GFP_KERNEL_ACCOUNT);
	if (!req)
		return ERR_PTR(-ENOMEM);
	if (!mmget_not_zero(range->mm)) {
		kvfree(req);
		return ERR_PTR(-ENODEV);
	}
	req->nr = nr;
	req->mm = range->mm;
	req->vaddr = vaddr;
	req->gup_flags = gup_flags;
	req->charge = charge;
	pages_range_get(range);
	req->range = range;
	kref_init(&req->ref);
	kref_get(&req->ref);
	init_waitqueue_head(&req->wq);
	atomic_set(&req->state, FAULT_PENDING);
	INIT_WORK(&req->work, fault_work);
	/* The caller's backend keeps the module, so this cannot fail. */
	__module_get(THIS_MODULE);
	queue_work(fault_wq, &req->work);
	return req;
}

/* Why the caller may not wait, 0 if it may. */
static int fault_must_not_wait(struct pages_range *range,
			       struct pages_user *user)
{
	if (pages_user_is_shut(user))
		return -ENODEV;
	if (READ_ONCE(range->dying))
		return -EINVAL;
	if (fatal_signal_pending(current))
		return -EINTR;
	return 0;
}

/* The worker may have finished just now: then its pages are ours after all. */
static bool fault_abandon(struct fault_request *req)
{
	atomic_inc(&req->range->space->stuck);
	if (atomic_cmpxchg(&req->state, FAULT_PENDING, FAULT_ABANDONED) ==
	    FAULT_PENDING)
		return true;
	atomic_dec(&req->range->space->stuck);
	return false;
}

/* Three queues can wake us: the worker's, the gate's, the range's. */
static int fault_wait(struct fault_request *req, struct pages_range *range,
		      struct pages_user *user)
{
	DEFINE_WAIT_FUNC(done_wait, default_wake_function);
	DEFINE_WAIT_FUNC(gate_wait, default_wake_function);
	DEFINE_WAIT_FUNC(range_wait, default_wake_function);
	int ret = 0;

	add_wait_queue(&req->wq, &done_wait);
	add_wait_queue(&user->gate->wq, &gate_wait);
	add_wait_queue(&range->wq, &range_wait);
	for (;;) {
		set_current_state(TASK_KILLABLE);
		if (atomic_read_acquire(&req->state) == FAULT_DONE)
			break;
		ret = fault_must_not_wait(range, user);
		if (ret)
			break;
		schedule();
	}
	__set_current_state(TASK_RUNNING);
	remove_wait_queue(&range->wq, &range_wait);
	remove_wait_queue(&user->gate->wq, &gate_wait);
	remove_wait_queue(&req->wq, &done_wait);
	if (ret && fault_abandon(req))
		return ret;
	return 0;
}

static int fault_get_slow(struct pages_range *range, struct pages_user *user,
			  unsigned long vaddr, unsigned int nr,
			  unsigned int gup_flags, unsigned int charge,
			  struct page **pages)
{
	struct fault_request *req;
	int ret;

	ret = fault_must_not_wait(range, user);
	if (ret)
		return ret;
	req = fault_request_queue(range, vaddr, nr, gup_flags, charge);
	if (IS_ERR(req))
		return PTR_ERR(req);
	ret = fault_wait(req, range, user);
	if (!ret) {
		ret = req->ret;
		if (!ret && nr)
			memcpy(pages, req->pages, nr * sizeof(*pages));
	}
	fault_request_put(req);
	return ret;
}

/**
 * fault_get_fast() - get the pages that are there without a fault
 * @mm: whose memory
 * @vaddr: first address
 * @nr: pages
 * @gup_flags: FOLL_WRITE, FOLL_LONGTERM
 * @pages: where to put them
 *
 * Context: May sleep, but waits neither for user space nor for mmap_lock.
 * Return: how many from the start on were got, 0 to @nr; -ENODEV if the mm
 *         has no users any more.
 */
int fault_get_fast(struct mm_struct *mm, unsigned long vaddr, unsigned int nr,
		   unsigned int gup_flags, struct page **pages)
{
	long ret = 0;

	if (!mmget_not_zero(mm))
		return -ENODEV;
	if (mmap_read_trylock(mm)) {
		ret = pin_user_pages_remote(mm, vaddr, nr,
					    gup_flags | FOLL_NOFAULT, pages,
					    NULL);
		mmap_read_unlock(mm);
	}
	mmput_async(mm);
	return ret > 0 ? ret : 0;
}

/**
 * fault_get() - get the pages of some user memory
 * @range: the range; the caller is active in it
 * @user: for whom
 * @vaddr: first address in the range's mm, page aligned
 * @nr: pages
 * @gup_flags: FOLL_WRITE, FOLL_LONGTERM
 * @pages: where to put them; untouched on failure
 *
 * Context: May sleep; no lock held.
 * Return: 0; -EFAULT and the other errnos of pin_user_pages(); -ENODEV,
 *         -EINVAL, -EINTR when the wait is given up (see pages_pin()); -EBUSY;
 *         -ENOMEM.
 */
int fault_get(struct pages_range *range, struct pages_user *user,
	      unsigned long vaddr, unsigned int nr, unsigned int gup_flags,
	      struct page **pages)
{
	int got, ret;

	got = fault_get_fast(range->mm, vaddr, nr, gup_flags, pages);
	if (got < 0 || got == nr)
		return got < 0 ? got : 0;
	ret = fault_get_slow(range, user, vaddr + got * PAGE_SIZE, nr - got,
			     gup_flags, 0, pages + got);
	if (ret) {
		unpin_user_pages(pages, got);
		memset(pages, 0, got * sizeof(*pages));
	}
	return ret;
}

/* 6.12 has no mmap_write_trylock(); mmap_write_unlock() undoes this one. */
static bool fault_trylock(struct mm_struct *mm)
{
	return down_write_trylock(&mm->mmap_lock);
}

/**
 * fault_charge() - account newly pinned pages as locked memory
 * @range: the range
 * @user: for whom
 * @nr: pages, may be zero
 *
 * Who holds the mm's lock may itself be waiting for user space, in a fault that
 * cannot drop it.  So a worker waits for the lock, and may be abandoned.
 *
 * Context: May sleep; the caller is active in @range, no lock held.
 * Return: 0; -ENOMEM over the limit, or without memory for a request; -ENODEV
 *         if the mm has no users any more; what fault_get() says of waits.
 */
int fault_charge(struct pages_range *range, struct pages_user *user,
		 unsigned int nr)
{
	struct mm_struct *mm = range->mm;
	int ret;

	if (!nr)
		return 0;
	if (!mmget_not_zero(mm))
		return -ENODEV;
	if (fault_trylock(mm)) {
		ret = __account_locked_vm(mm, nr, true, range->task,
					  range->lock_cap);
		mmap_write_unlock(mm);
	} else {
		ret = fault_get_slow(range, user, 0, 0, 0, nr, NULL);
	}
	mmput_async(mm);
	return ret;
}

static void fault_settle_locked(struct pages_range *range)
{
	long debt = atomic_long_xchg(&range->debt, 0);

	mmap_assert_write_locked(range->mm);
	if (debt)
		__account_locked_vm(range->mm, debt, false, range->task, true);
}

/**
 * fault_settle() - give back what is owed
 * @work: &pages_range.settle, with a reference on the range
 *
 * Context: A worker.
 */
void fault_settle(struct work_struct *work)
{
	struct pages_range *range =
		container_of(work, struct pages_range, settle);

	if (mmget_not_zero(range->mm)) {
		mmap_write_lock(range->mm);
		fault_settle_locked(range);
		mmap_write_unlock(range->mm);
		mmput(range->mm);
	}
	pages_range_put(range);
	/* As in fault_work(): exit flushes, but is not held up by us. */
	module_put(THIS_MODULE);
}

/**
 * fault_uncharge() - undo fault_charge()
 * @range: the range
 * @nr: pages, may be zero
 *
 * An mm without users is going away together with its accounts.
 *
 * Context: May sleep, but does not wait for mmap_lock.
 */
void fault_uncharge(struct pages_range *range, unsigned long nr)
{
	struct mm_struct *mm = range->mm;

	if (!nr || !mmget_not_zero(mm))
		return;
	atomic_long_add(nr, &range->debt);
	if (fault_trylock(mm)) {
		fault_settle_locked(range);
		mmap_write_unlock(mm);
	} else {
		pages_range_get(range);
		__module_get(THIS_MODULE);
		if (!queue_work(fault_wq, &range->settle)) {
			pages_range_put(range);
			module_put(THIS_MODULE);
		}
	}
	mmput_async(mm);
}

/**
 * fault_init() - make the workers' queue
 *
 * Return: 0 or -ENOMEM.
 */
int fault_init(void)
{
	fault_wq = alloc_workqueue("vfio_type1", WQ_UNBOUND, WQ_MAX_ACTIVE);
	return fault_wq ? 0 : -ENOMEM;
}

/**
 * fault_exit() - undo fault_init(); waits for what is queued
 */
void fault_exit(void)
{
	destroy_workqueue(fault_wq);
}
