// SPDX-License-Identifier: GPL-2.0-only
/*
 * MAP_DMA and UNMAP_DMA
 *
 * Mapping pins nothing: it enters a range into the tree.  Unmapping goes in
 * three steps, so that no lock is held while drivers let go:
 *
 *	mark	   all ranges of the span dying, or none
 *	let go	   tell the drivers, wait until nobody is active in them, drop
 *		   what drivers have failed to unpin
 *	remove	   them from the tree; only now can the span be mapped again
 *
 * An unmap that meets a range somebody else has marked waits for its fate.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "type1.h"

/**
 * struct unmap - one UNMAP_DMA
 * @t1: the backend
 * @start: first address
 * @last: last address
 * @exact: a range that sticks out of the span fails it (v2)
 * @victims: ranges marked by us, linked by &pages_range.victim, referenced
 */
struct unmap {
	struct type1 *t1;
	u64 start;
	u64 last;
	bool exact;
	struct list_head victims;
};

static int map_insert(struct type1 *t1, struct pages_range *range)
{
	int ret = 0;

	down_write(&t1->lock);
	if (iova_first(&t1->tree, range->iova.start, range->iova.last))
		ret = -EEXIST;
	else if (!t1->avail)
		ret = -ENOSPC;
	if (ret)
		goto out_unlock;
	if (t1->tracking) {
		ret = pages_dirty_start(range);
		if (ret)
			goto out_unlock;
	}
	/* The check above looked at the same span under the same lock. */
	iova_insert(&t1->tree, &range->iova);
	t1->avail--;
out_unlock:
	up_write(&t1->lock);
	return ret;
}

/* Nothing here is ever without its vaddr, so there is nothing to update. */
static int map_update_vaddr(struct type1 *t1, u64 iova)
{
	bool found;

	down_read(&t1->lock);
	found = iova_find(&t1->tree, iova);
	up_read(&t1->lock);
	return found ? -EINVAL : -ENOENT;
}

static bool map_is_sane(const struct vfio_iommu_type1_dma_map *map, u64 *last)
{
	u64 vaddr_last;

	return map->size && iova_span(map->iova, map->size, last) &&
	       iova_span(map->vaddr, map->size, &vaddr_last) &&
	       vaddr_last <= ULONG_MAX &&
	       PAGE_ALIGNED(map->iova | map->vaddr | map->size);
}

/**
 * type1_ioctl_map() - VFIO_IOMMU_MAP_DMA
 * @t1: the backend
 * @arg: &struct vfio_iommu_type1_dma_map
 *
 * Context: May sleep.
 * Return: 0; -EFAULT; -EINVAL for a short argsz, bad flags, no rights, or a
 *         span that is empty, unaligned or wraps; -EEXIST when it overlaps;
 *         -ENOSPC at the limit of entries; -ENOMEM; -ENOENT or -EINVAL with
 *         VFIO_DMA_MAP_FLAG_VADDR, since no vaddr is ever invalid here.
 */
long type1_ioctl_map(struct type1 *t1, unsigned long arg)
{
	const u32 rights = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
	size_t minsz = offsetofend(struct vfio_iommu_type1_dma_map, size);
	struct vfio_iommu_type1_dma_map map;
	struct pages_range *range;
	bool set_vaddr;
	int prot = 0, ret;
	u64 last;

	if (copy_from_user(&map, (void __user *)arg, minsz))
		return -EFAULT;
	if (map.argsz < minsz ||
	    map.flags & ~(rights | VFIO_DMA_MAP_FLAG_VADDR))
		return -EINVAL;
	if (map.flags & VFIO_DMA_MAP_FLAG_READ)
		prot |= IOMMU_READ;
	if (map.flags & VFIO_DMA_MAP_FLAG_WRITE)
		prot |= IOMMU_WRITE;
	set_vaddr = map.flags & VFIO_DMA_MAP_FLAG_VADDR;
	/* Exactly one of: rights, a new vaddr. */
	if (!prot == !set_vaddr || !map_is_sane(&map, &last))
		return -EINVAL;
	if (set_vaddr)
		return map_update_vaddr(t1, map.iova);

	range = pages_range_create(t1->space, map.iova, last, map.vaddr, prot);
	if (!range)
		return -ENOMEM;
	ret = map_insert(t1, range);
	if (ret)
		pages_range_put(range);
	return ret;
}

static bool range_is_settled(struct pages_range *range)
{
	return READ_ONCE(range->gone) || !READ_ONCE(range->dying);
}

/* Mark everything in the span, or return one that somebody else has marked. */
static struct pages_range *__unmap_mark(struct unmap *un)
{
	struct pages_range *range;
	struct iova_range *iova;

	lockdep_assert_held_write(&un->t1->lock);
	/* A v1 container unmaps nothing from the middle of a range on. */
	iova = iova_first(&un->t1->tree, un->start, un->last);
	if (iova && iova->start < un->start)
		return NULL;
	iova_for_each(iova, &un->t1->tree, un->start, un->last) {
		range = to_pages_range(iova);
		if (READ_ONCE(range->dying)) {
			pages_range_get(range);
			return range;
		}
	}
	iova_for_each(iova, &un->t1->tree, un->start, un->last) {
		range = to_pages_range(iova);
		pages_range_get(range);
		pages_range_kill(range);
		list_add_tail(&range->victim, &un->victims);
	}
	return NULL;
}

static int unmap_mark(struct unmap *un)
{
	struct pages_range *busy;
	int ret = 0;

	for (;;) {
		down_write(&un->t1->lock);
		if (un->exact &&
		    iova_cuts(&un->t1->tree, un->start, un->last)) {
			up_write(&un->t1->lock);
			return -EINVAL;
		}
		busy = __unmap_mark(un);
		up_write(&un->t1->lock);
		if (!busy)
			return 0;
		ret = wait_event_killable(busy->wq, range_is_settled(busy));
		pages_range_put(busy);
		if (ret)
			return ret;
	}
}

static void unmap_let_go(struct unmap *un)
{
	struct pages_range *range;

	list_for_each_entry(range, &un->victims, victim) {
		/* In this order: a pin in progress may still be installed. */
		pages_range_wait_idle(range);
		if (pages_range_pinned(range))
			type1_users_unmap(un->t1, range->iova.start,
					  range->iova.last - range->iova.start +
					  1);
		pages_drop_all(range);
		cond_resched();
	}
}

/* Returns the bytes that were unmapped. */
static u64 unmap_remove(struct unmap *un)
{
	struct pages_range *range, *tmp;
	LIST_HEAD(gone);
	u64 size = 0;

	down_write(&un->t1->lock);
	list_for_each_entry(range, &un->victims, victim) {
		WARN_ON_ONCE(!pages_range_retire(range));
		iova_remove(&un->t1->tree, &range->iova);
		un->t1->avail++;
		size += range->iova.last - range->iova.start + 1;
	}
	list_splice_init(&un->victims, &gone);
	up_write(&un->t1->lock);

	list_for_each_entry_safe(range, tmp, &gone, victim) {
		list_del(&range->victim);
		/* The tree's reference and the mark's. */
		pages_range_put(range);
		pages_range_put(range);
	}
	return size;
}

static void unmap_revive(struct unmap *un)
{
	struct pages_range *range, *tmp;

	list_for_each_entry_safe(range, tmp, &un->victims, victim) {
		list_del(&range->victim);
		pages_range_revive(range);
		pages_range_put(range);
	}
}

/**
 * type1_unmap_all() - unmap everything
 * @t1: the backend; no device is open in it any more
 *
 * Context: May sleep.
 */
void type1_unmap_all(struct type1 *t1)
{
	struct unmap un = {
		.t1 = t1,
		.last = U64_MAX,
		.victims = LIST_HEAD_INIT(un.victims),
	};

	down_write(&t1->lock);
	WARN_ON_ONCE(__unmap_mark(&un));
	up_write(&t1->lock);
	unmap_let_go(&un);
	unmap_remove(&un);
}

static void unmap_wait_idle(struct unmap *un)
{
	struct pages_range *range;

	list_for_each_entry(range, &un->victims, victim)
		pages_range_wait_idle(range);
}

/* Report what is dirty in the span, by page from its start. */
static int unmap_report_dirty(struct unmap *un, u64 size, u64 __user *data)
{
	u64 nr_pages = size >> PAGE_SHIFT;
	struct pages_range *range;
	u64 *bits;
	int ret;

	bits = kvcalloc(dirty_words(nr_pages), sizeof(*bits),
			GFP_KERNEL_ACCOUNT);
	if (!bits)
		return -ENOMEM;
	list_for_each_entry(range, &un->victims, victim)
		pages_dirty_peek(range, 0, pages_range_nr(range), bits,
				 (range->iova.start - un->start) >> PAGE_SHIFT);
	ret = type1_bitmap_copy_out(data, bits, nr_pages);
	kvfree(bits);
	return ret;
}

static int unmap_run(struct unmap *un, const struct vfio_bitmap *bitmap,
		     u64 *size)
{
	int ret;

	ret = unmap_mark(un);
	if (ret)
		return ret;
	if (bitmap) {
		/* A copy that was under way may have written its last byte. */
		unmap_wait_idle(un);
		ret = unmap_report_dirty(un, *size, bitmap->data);
		if (ret) {
			unmap_revive(un);
			return ret;
		}
	}
	unmap_let_go(un);
	*size = unmap_remove(un);
	return 0;
}

static int unmap_check_bitmap(struct type1 *t1,
			      const struct vfio_iommu_type1_dma_unmap *unmap,
			      const struct vfio_bitmap *bitmap)
{
	bool tracking;

	down_read(&t1->lock);
	tracking = t1->tracking;
	up_read(&t1->lock);
	if (!tracking)
		return -EINVAL;
	return type1_check_bitmap(bitmap, unmap->size);
}

/* The span that a request means; false for one that makes no sense. */
static bool unmap_span(struct unmap *un,
		       const struct vfio_iommu_type1_dma_unmap *unmap)
{
	if (unmap->flags & VFIO_DMA_UNMAP_FLAG_ALL) {
		un->start = 0;
		un->last = U64_MAX;
		un->exact = false;
		return !unmap->iova && !unmap->size;
	}
	un->start = unmap->iova;
	return unmap->size && PAGE_ALIGNED(unmap->iova | unmap->size) &&
	       iova_span(unmap->iova, unmap->size, &un->last);
}

/**
 * type1_ioctl_unmap() - VFIO_IOMMU_UNMAP_DMA
 * @t1: the backend
 * @arg: &struct vfio_iommu_type1_dma_unmap, with a &struct vfio_bitmap behind
 *	it if VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP
 *
 * The structure's size is set to the bytes unmapped, which may be none.
 *
 * Context: May sleep, for as long as the drivers' dma_unmap() does.
 * Return: 0; -EFAULT, also after the unmap; -EINVAL for a short argsz, bad
 *         flags or combinations, a bad span or bitmap, a span that cuts a
 *         range (v2), or dirty pages without tracking; -EBUSY for
 *         VFIO_DMA_UNMAP_FLAG_VADDR, which mediated devices cannot do;
 *         -ENOMEM; -ERESTARTSYS when killed.
 */
long type1_ioctl_unmap(struct type1 *t1, unsigned long arg)
{
	size_t minsz = offsetofend(struct vfio_iommu_type1_dma_unmap, size);
	const u32 get_dirty = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP;
	const u32 others = VFIO_DMA_UNMAP_FLAG_ALL | VFIO_DMA_UNMAP_FLAG_VADDR;
	struct unmap un = { .t1 = t1, .exact = t1->v2 };
	struct vfio_iommu_type1_dma_unmap unmap;
	void __user *uarg = (void __user *)arg;
	struct vfio_bitmap bitmap;
	long ret;
	u64 size;

	INIT_LIST_HEAD(&un.victims);
	if (copy_from_user(&unmap, uarg, minsz))
		return -EFAULT;
	if (unmap.argsz < minsz || unmap.flags & ~(get_dirty | others))
		return -EINVAL;
	if (unmap.flags & get_dirty && unmap.flags & others)
		return -EINVAL;
	if (unmap.flags & get_dirty) {
		if (unmap.argsz < minsz + sizeof(bitmap))
			return -EINVAL;
		if (copy_from_user(&bitmap, uarg + minsz, sizeof(bitmap)))
			return -EFAULT;
		ret = unmap_check_bitmap(t1, &unmap, &bitmap);
		if (ret)
			return ret;
	}
	if (unmap.flags & VFIO_DMA_UNMAP_FLAG_VADDR)
		return -EBUSY;
	if (!unmap_span(&un, &unmap))
		return -EINVAL;

	size = unmap.size;
	ret = unmap_run(&un, unmap.flags & get_dirty ? &bitmap : NULL, &size);
	if (ret)
		return ret;
	unmap.size = size;
	return copy_to_user(uarg, &unmap, minsz) ? -EFAULT : 0;
}
