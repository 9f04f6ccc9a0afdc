/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A mapped range and the user memory behind it
 *
 * range.c   life and death of a range, its dirty bitmap
 * pages.c   the table of pinned pages: pin and unpin
 * fault.c   getting pages, with and without a fault; locked memory accounting
 * rw.c      copies between kernel memory and a range
 *
 * A range is held in two ways.  A *reference* keeps its memory, no more.  An
 * *active* user, between pages_range_enter() and pages_range_exit(), also
 * keeps it mapped.  A range that is to be unmapped is marked *dying*: nobody
 * becomes active any more, who waits for a fault gives up, and when the last
 * active user has left it can be taken out of the tree; then it is *gone*.
 * It may also be revived before that.
 *
 * Neither is a lock.  The only lock here, &pages_range.lock, is a spinlock:
 * nothing in this directory holds a lock across a fault, a copy to or from
 * user space, an mmput() or a driver's callback.
 */
#ifndef VFIO_TYPE1_PAGES_H
#define VFIO_TYPE1_PAGES_H

#include <linux/gate.h>
#include <linux/iommu.h>
#include <linux/kref.h>
#include <linux/mm.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "dirty.h"
#include "iova.h"

struct device;

/** PAGES_PIN_MAX - most pages in one pages_pin() */
#define PAGES_PIN_MAX		512U

/** PAGES_LEAF - pages in a leaf of the table; one word of a bitmap */
#define PAGES_LEAF		DIRTY_WORD

/**
 * struct pages_space - what all ranges of one backend share
 * @ref: one for the backend, one per range
 * @stuck: abandoned faults that user space has not resolved yet
 */
struct pages_space {
	struct kref ref;
	atomic_t stuck;
};

/**
 * struct pages_user - on whose behalf pages are pinned and copied
 * @gate: the device's gate; its waitqueue is woken when @quiesced is set
 * @quiesced: waits for user space are refused
 * @nr_pins: pins this user has, each counted as often as it was taken
 * @dev: for messages
 */
struct pages_user {
	struct gate *gate;
	bool quiesced;
	atomic64_t nr_pins;
	struct device *dev;
};

/**
 * struct pages_range - a mapped range
 * @iova: in the tree; immutable while there
 * @ref: references
 * @space: the backend's, referenced
 * @vaddr: where it starts in @mm; immutable
 * @prot: IOMMU_READ and/or IOMMU_WRITE; immutable
 * @lock_cap: @task could lock memory without limit at map time; immutable
 * @mm: whose memory; its structure is held (mmgrab), its users are not
 * @task: whose limit counts, referenced; the thread group's leader
 * @lock: protects the members below it, up to @wq
 * @active: active users
 * @dying: no new active users; also read without the lock by waiters
 * @gone: out of the tree; also read without the lock by waiters
 * @leaves: &struct pages_leaf by page index / PAGES_LEAF.  A leaf is stored
 *	without @lock, but found, changed and erased under it
 * @nr_pinned: pages in @leaves
 * @dirty: one bit per page while tracking is on, or NULL; changes between the
 *	two also need the backend's lock held exclusively
 * @wq: woken when @dying or @gone changes and when a dying range has no
 *	active users left
 * @debt: pages whose accounting in @mm is to be undone
 * @settle: does that when it cannot be done at once; holds a reference
 * @victim: for the list of the task that has marked the range dying
 */
struct pages_range {
	struct iova_range iova;
	struct kref ref;
	struct pages_space *space;
	unsigned long vaddr;
	int prot;
	bool lock_cap;
	struct mm_struct *mm;
	struct task_struct *task;

	/** @lock: protects the members below, up to @wq; leaf */
	spinlock_t lock;
	unsigned int active;
	bool dying;
	bool gone;
	struct xarray leaves;
	u64 nr_pinned;
	u64 *dirty;

	wait_queue_head_t wq;
	atomic_long_t debt;
	struct work_struct settle;
	struct list_head victim;
};

static inline struct pages_range *to_pages_range(struct iova_range *iova)
{
	return container_of(iova, struct pages_range, iova);
}

/* Pages in a range; one may cover the whole address space. */
static inline u64 pages_range_nr(const struct pages_range *range)
{
	return ((range->iova.last - range->iova.start) >> PAGE_SHIFT) + 1;
}

/* May this user still wait for user space? */
static inline bool pages_user_is_shut(struct pages_user *user)
{
	return READ_ONCE(user->quiesced) || gate_is_shut(user->gate);
}

static inline void pages_range_get(struct pages_range *range)
{
	kref_get(&range->ref);
}

/* range.c */
struct pages_space *pages_space_create(void);
void pages_space_put(struct pages_space *space);
struct pages_range *pages_range_create(struct pages_space *space, u64 start,
				       u64 last, unsigned long vaddr, int prot);
void pages_range_put(struct pages_range *range);
bool pages_range_enter(struct pages_range *range);
void pages_range_exit(struct pages_range *range);
void pages_range_kill(struct pages_range *range);
void pages_range_revive(struct pages_range *range);
bool pages_range_retire(struct pages_range *range);
void pages_range_wait_idle(struct pages_range *range);
bool pages_range_pinned(struct pages_range *range);

int pages_dirty_start(struct pages_range *range);
void pages_dirty_stop(struct pages_range *range);
void pages_dirty_mark(struct pages_range *range, u64 first, u64 nr);
void pages_dirty_take(struct pages_range *range, u64 first, u64 nr, u64 *dst,
		      u64 dst_first);
void pages_dirty_peek(struct pages_range *range, u64 first, u64 nr, u64 *dst,
		      u64 dst_first);
void pages_dirty_restore(struct pages_range *range, u64 first, u64 nr,
			 const u64 *src, u64 src_first);

/* pages.c */
int pages_pin(struct pages_range *range, struct pages_user *user, u64 first,
	      unsigned int nr, struct page **pages);
void pages_unpin(struct pages_range *range, struct pages_user *user, u64 first,
		 u64 nr);
void pages_drop_user(struct pages_range *range, struct pages_user *user);
void pages_drop_all(struct pages_range *range);
void __pages_dirty_pinned(struct pages_range *range, u64 first, u64 nr);

/* fault.c */
int fault_get(struct pages_range *range, struct pages_user *user,
	      unsigned long vaddr, unsigned int nr, unsigned int gup_flags,
	      struct page **pages);
int fault_get_fast(struct mm_struct *mm, unsigned long vaddr, unsigned int nr,
		   unsigned int gup_flags, struct page **pages);
int fault_charge(struct pages_range *range, struct pages_user *user,
		 unsigned int nr);
void fault_uncharge(struct pages_range *range, unsigned long nr);
void fault_settle(struct work_struct *work);
int fault_init(void);
void fault_exit(void);

/* rw.c */
int pages_rw(struct pages_range *range, struct pages_user *user, u64 offset,
	     void *data, size_t len, bool write);

#endif /* VFIO_TYPE1_PAGES_H */
