// SPDX-License-Identifier: GPL-2.0-only
/*
 * The log of the pages that a slice has written
 *
 * A bitmap for each range that user space watches, made when the log is
 * started, so that commands that end in an interrupt can set bits in it.  The
 * log is found through RCU; a reader of it, who may sleep in a fault of user
 * space's own bitmap, has a reference.
 */
#include <linux/interval_tree.h>
#include <linux/kref.h>
#include <linux/slab.h>

#include "dev.h"

/* Pages of all ranges: 2 TiB, 64 MiB of bitmaps. */
#define SLICE_LOG_MAX_PAGES	BIT_ULL(29)

/* Clean pages that are skipped without giving way; a multiple of a word. */
#define SLICE_LOG_TURN		BIT(18)
/* How long a log waits for the commands that are in flight when it begins. */
#define SLICE_LOG_DRAIN_MS	2000

/**
 * struct slice_log_range - a range that is watched
 * @first: page number of its first page
 * @last: and of its last
 * @bits: one for each
 */
struct slice_log_range {
	u64 first;
	u64 last;
	unsigned long *bits;
};

/**
 * struct slice_log - the log
 * @ref: one of @slice_mdev.log, one for each reader
 * @nr: ranges
 * @ranges: in their order, not overlapping
 */
struct slice_log {
	struct kref ref;
	unsigned int nr;
	struct slice_log_range ranges[] __counted_by(nr);
};

static void slice_log_free(struct slice_log *log)
{
	unsigned int i;

	for (i = 0; i < log->nr; i++)
		kvfree(log->ranges[i].bits);
	kvfree(log);
}

static void slice_log_release(struct kref *ref)
{
	slice_log_free(container_of(ref, struct slice_log, ref));
}

static struct slice_log *slice_log_make(struct rb_root_cached *ranges,
					u32 nnodes)
{
	struct interval_tree_node *node;
	struct slice_log_range *r;
	struct slice_log *log;
	u64 pages = 0;

	log = kvzalloc(struct_size(log, ranges, nnodes), GFP_KERNEL_ACCOUNT);
	if (!log)
		return ERR_PTR(-ENOMEM);
	kref_init(&log->ref);
	node = interval_tree_iter_first(ranges, 0, ULONG_MAX);
	for (; node && log->nr < nnodes;
	     node = interval_tree_iter_next(node, 0, ULONG_MAX)) {
		log->nr++;
		r = &log->ranges[log->nr - 1];
		r->first = node->start >> PAGE_SHIFT;
		r->last = node->last >> PAGE_SHIFT;
		pages += r->last - r->first + 1;
		if (pages > SLICE_LOG_MAX_PAGES) {
			slice_log_free(log);
			return ERR_PTR(-E2BIG);
		}
		r->bits = kvcalloc(BITS_TO_LONGS(r->last - r->first + 1),
				   sizeof(long), GFP_KERNEL_ACCOUNT);
		if (!r->bits) {
			slice_log_free(log);
			return ERR_PTR(-ENOMEM);
		}
	}
	return log;
}

/* The first range that does not end before @pfn; nr if there is none. */
static unsigned int slice_log_find(const struct slice_log *log, u64 pfn)
{
	unsigned int lo = 0, hi = log->nr, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (log->ranges[mid].last < pfn)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void slice_log_set(struct slice_log *log, u64 first, u64 last)
{
	unsigned int i = slice_log_find(log, first);
	struct slice_log_range *r;
	u64 pfn, to;

	for (; i < log->nr && log->ranges[i].first <= last; i++) {
		r = &log->ranges[i];
		to = min(last, r->last);
		for (pfn = max(first, r->first); pfn <= to; pfn++)
			if (!test_bit(pfn - r->first, r->bits))
				set_bit(pfn - r->first, r->bits);
	}
}

/**
 * slice_log_dirtied() - memory was stored to: &cxlflash_owner_ops.dirtied
 * @ctx: context
 * @ea: IOVA
 * @len: bytes
 *
 * Context: Any, also hard irq.
 */
void slice_log_dirtied(struct cxlflash_ctx *ctx, u64 ea, u32 len)
{
	struct slice_queue *q = cxlflash_ctx_priv(ctx);
	struct slice_log *log;

	if (!len)
		return;
	/*
	 * The store comes before the look at the bit: paired with the atomic in
	 * slice_log_report(), after which user space reads the page.
	 */
	smp_mb();
	rcu_read_lock();
	log = rcu_dereference(q->sl->log);
	if (log)
		slice_log_set(log, ea >> PAGE_SHIFT, (ea + len - 1) >>
			      PAGE_SHIFT);
	rcu_read_unlock();
}

static void slice_log_set_ctxs(struct slice_mdev *sl, bool on)
{
	unsigned int i;

	for (i = 0; i < sl->nr_queues; i++)
		if (sl->queues[i].ctx)
			cxlflash_ctx_set_dirty_log(sl->queues[i].ctx, on);
}

/* Takes over the reference on @log, which may be NULL. */
static void slice_log_replace(struct slice_mdev *sl, struct slice_log *log)
{
	struct slice_log *old;

	old = rcu_replace_pointer(sl->log, log,
				  lockdep_is_held(&sl->log_lock));
	if (!old)
		return;
	synchronize_rcu();
	kref_put(&old->ref, slice_log_release);
}

static int slice_log_start(struct vfio_device *vdev,
			   struct rb_root_cached *ranges, u32 nnodes,
			   u64 *page_size)
{
	struct slice_mdev *sl = to_slice_mdev(vdev);
	struct slice_log *log = slice_log_make(ranges, nnodes);
	int ret = 0;

	if (IS_ERR(log))
		return PTR_ERR(log);
	mutex_lock(&sl->log_lock);
	slice_log_replace(sl, log);
	slice_log_set_ctxs(sl, true);
	/* Those in flight do not tell all, see &cxlflash_owner_ops.dirtied. */
	if (!slice_mem_drain(sl, 0, U64_MAX, SLICE_LOG_DRAIN_MS)) {
		slice_log_set_ctxs(sl, false);
		slice_log_replace(sl, NULL);
		ret = -EBUSY;
	}
	mutex_unlock(&sl->log_lock);
	*page_size = PAGE_SIZE;
	return ret;
}

static int slice_log_stop(struct vfio_device *vdev)
{
	struct slice_mdev *sl = to_slice_mdev(vdev);

	mutex_lock(&sl->log_lock);
	slice_log_set_ctxs(sl, false);
	slice_log_replace(sl, NULL);
	mutex_unlock(&sl->log_lock);
	return 0;
}

static struct slice_log *slice_log_get(struct slice_mdev *sl)
{
	struct slice_log *log;

	mutex_lock(&sl->log_lock);
	log = rcu_dereference_protected(sl->log,
					lockdep_is_held(&sl->log_lock));
	if (log)
		kref_get(&log->ref);
	mutex_unlock(&sl->log_lock);
	return log;
}

/* Report a run of pages: it may fault in user space's bitmap. */
static void slice_log_report_run(struct iova_bitmap *bitmap, u64 pfn, u64 nr)
{
	if (nr)
		iova_bitmap_set(bitmap, pfn << PAGE_SHIFT, nr << PAGE_SHIFT);
}

/* Report and forget the pages from @first to @last of a range. */
static void slice_log_report(struct slice_log_range *r, u64 first, u64 last,
			     struct iova_bitmap *bitmap)
{
	u64 pfn, run = 0;

	for (pfn = first; pfn <= last; pfn++) {
		/* Skip what is clean a word at a time. */
		if (!((pfn - r->first) % BITS_PER_LONG) &&
		    !READ_ONCE(r->bits[(pfn - r->first) / BITS_PER_LONG]) &&
		    last - pfn >= BITS_PER_LONG) {
			slice_log_report_run(bitmap, pfn - run, run);
			run = 0;
			if (!((pfn - r->first) % SLICE_LOG_TURN))
				cond_resched();
			pfn += BITS_PER_LONG - 1;
		} else if (test_and_clear_bit(pfn - r->first, r->bits)) {
			run++;
		} else {
			slice_log_report_run(bitmap, pfn - run, run);
			run = 0;
		}
	}
	slice_log_report_run(bitmap, pfn - run, run);
}

static int slice_log_read_and_clear(struct vfio_device *vdev,
				    unsigned long iova, unsigned long length,
				    struct iova_bitmap *bitmap)
{
	u64 first = iova >> PAGE_SHIFT;
	u64 last = (iova + length - 1) >> PAGE_SHIFT;
	struct slice_log *log = slice_log_get(to_slice_mdev(vdev));
	struct slice_log_range *r;
	unsigned int i;

	if (!log)
		return -EINVAL;
	for (i = slice_log_find(log, first); i < log->nr; i++) {
		r = &log->ranges[i];
		if (r->first > last)
			break;
		slice_log_report(r, max(first, r->first), min(last, r->last),
				 bitmap);
	}
	kref_put(&log->ref, slice_log_release);
	return 0;
}

const struct vfio_log_ops slice_dev_log_ops = {
	.log_start = slice_log_start,
	.log_stop = slice_log_stop,
	.log_read_and_clear = slice_log_read_and_clear,
};

/**
 * slice_log_init() - initialise
 * @sl: the slice, seen by nobody yet
 *
 * Context: Any.
 */
void slice_log_init(struct slice_mdev *sl)
{
	mutex_init(&sl->log_lock);
	sl->vdev.log_ops = &slice_dev_log_ops;
}

/**
 * slice_log_close() - forget the log
 * @sl: the slice, without contexts
 *
 * Context: May sleep.
 */
void slice_log_close(struct slice_mdev *sl)
{
	mutex_lock(&sl->log_lock);
	slice_log_replace(sl, NULL);
	mutex_unlock(&sl->log_lock);
}
