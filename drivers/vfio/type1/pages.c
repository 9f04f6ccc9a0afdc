// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of pinned pages of a range: pin and unpin
 *
 * A range has a sparse array of *leaves*, one for 64 pages of which at least
 * one is pinned.  A leaf holds the page pointers, a mask of those present and
 * how often each is pinned.  Who pinned is kept beside it, in one *share* per
 * leaf and user, so that what a device leaves behind can be dropped exactly.
 *
 * A page is got, and charged to the mm, when its first pin is installed, and
 * released with its last; in between a pin is a matter of counting.
 *
 * To pin is: prepare the leaves and shares (may sleep), take what is present
 * (under the lock), fetch the rest (no lock; may fault), charge it, install
 * it (under the lock).  Somebody else may have installed a page meanwhile;
 * then theirs is used and ours is given back, since one address has one page.
 * When anything fails, everything is undone.
 */
#include <linux/bitops.h>
#include <linux/device.h>
#include <linux/slab.h>

#include "pages.h"

/* A run of PAGES_PIN_MAX pages touches at most so many leaves. */
#define PIN_PARTS	(PAGES_PIN_MAX / PAGES_LEAF + 1)

/**
 * struct pages_share - what one user has pinned of one leaf
 * @node: in &pages_leaf.shares
 * @user: who
 * @busy: pins being prepared; they keep the share
 * @nr: slots of @count that are not zero
 * @count: pins of each page
 */
struct pages_share {
	struct list_head node;
	struct pages_user *user;
	unsigned int busy;
	unsigned int nr;
	u32 count[PAGES_LEAF];
};

/**
 * struct pages_leaf - the pinned pages among 64
 * @present: a bit for each page in @page
 * @shares: &struct pages_share; the leaf goes with the last
 * @page: the pages
 * @count: pins of each page, all users
 *
 * Under &pages_range.lock once it is in the table.
 */
struct pages_leaf {
	u64 present;
	struct list_head shares;
	struct page *page[PAGES_LEAF];
	u32 count[PAGES_LEAF];
};

/**
 * struct pin_part - the part of a pin that falls into one leaf
 * @leaf: the leaf
 * @share: the user's, busy
 * @want: pages asked for
 * @taken: pages counted for the user so far
 */
struct pin_part {
	struct pages_leaf *leaf;
	struct pages_share *share;
	u64 want;
	u64 taken;
};

/**
 * struct pages_pin - a pin in progress
 * @range: where
 * @user: for whom
 * @first: index of the first page in the range
 * @nr: pages
 * @pages: the caller's array
 * @nr_parts: leaves touched
 * @part: each of them
 */
struct pages_pin {
	struct pages_range *range;
	struct pages_user *user;
	u64 first;
	unsigned int nr;
	struct page **pages;
	unsigned int nr_parts;
	struct pin_part part[PIN_PARTS];
};

/* The pages of leaf @index among [@first, @last]. */
static u64 leaf_mask(u64 index, u64 first, u64 last)
{
	u64 base = index * PAGES_LEAF;
	unsigned int lo = first > base ? first - base : 0;
	unsigned int hi = min_t(u64, last - base, PAGES_LEAF - 1);

	return GENMASK_ULL(hi, lo);
}

static struct pages_share *share_find(struct pages_leaf *leaf,
				      struct pages_user *user)
{
	struct pages_share *share;

	list_for_each_entry(share, &leaf->shares, node)
		if (share->user == user)
			return share;
	return NULL;
}

/* Free a share that nobody uses any more, and the leaf with the last one. */
static void __share_gc(struct pages_range *range, unsigned long index,
		       struct pages_leaf *leaf, struct pages_share *share)
{
	lockdep_assert_held(&range->lock);

	if (share->busy || share->nr)
		return;
	list_del(&share->node);
	kfree(share);
	if (!list_empty(&leaf->shares))
		return;
	WARN_ON_ONCE(leaf->present);
	xa_erase(&range->leaves, index);
	kfree(leaf);
}

/*
 * Put a new share into the table, with a new leaf if there is none.  -EBUSY if
 * somebody else has inserted the leaf, or the same user's share, meanwhile.
 */
static int share_insert(struct pages_range *range, unsigned long index,
			struct pages_share *share, struct pages_leaf **leafp)
{
	struct pages_leaf *leaf;
	int ret = 0;

	spin_lock(&range->lock);
	leaf = xa_load(&range->leaves, index);
	if (leaf && share_find(leaf, share->user))
		ret = -EBUSY;
	else if (leaf)
		list_add(&share->node, &leaf->shares);
	spin_unlock(&range->lock);
	*leafp = leaf;
	if (leaf)
		return ret;

	leaf = kzalloc(sizeof(*leaf), GFP_KERNEL_ACCOUNT);
	if (!leaf)
		return -ENOMEM;
	INIT_LIST_HEAD(&leaf->shares);
	list_add(&share->node, &leaf->shares);
	ret = xa_insert(&range->leaves, index, leaf, GFP_KERNEL_ACCOUNT);
	if (ret) {
		kfree(leaf);
		return ret;
	}
	*leafp = leaf;
	return 0;
}

/*
 * Find or make the share of @user in leaf @index and make it busy.  Two pins
 * of one user may both make one: a second share of the same user is found by
 * nobody, so look again under the lock that inserts.
 */
static int share_get(struct pages_range *range, struct pages_user *user,
		     unsigned long index, struct pin_part *part)
{
	struct pages_share *share;
	int ret;

	for (;;) {
		spin_lock(&range->lock);
		part->leaf = xa_load(&range->leaves, index);
		part->share = part->leaf ? share_find(part->leaf, user) : NULL;
		if (part->share)
			part->share->busy++;
		spin_unlock(&range->lock);
		if (part->share)
			return 0;

		share = kzalloc(sizeof(*share), GFP_KERNEL_ACCOUNT);
		if (!share)
			return -ENOMEM;
		share->user = user;
		share->busy = 1;
		ret = share_insert(range, index, share, &part->leaf);
		if (!ret) {
			part->share = share;
			return 0;
		}
		kfree(share);
		/* Another task has inserted the leaf: use that one. */
		if (ret != -EBUSY)
			return ret;
	}
}

/* Count a page that is present for the user. */
static void __part_take(struct pages_range *range, struct pin_part *part,
			unsigned int slot)
{
	lockdep_assert_held(&range->lock);

	part->leaf->count[slot]++;
	if (!part->share->count[slot]++)
		part->share->nr++;
	part->taken |= BIT_ULL(slot);
	atomic64_inc(&part->share->user->nr_pins);
}

/*
 * Drop one pin, or all, of the user's pins of the pages in @mask.  Pages that
 * nobody has pinned any more go to @batch; returns how many.
 */
static unsigned int __leaf_drop(struct pages_range *range,
				struct pages_leaf *leaf,
				struct pages_share *share, u64 mask, bool all,
				struct page **batch)
{
	unsigned int slot, nr = 0;
	u32 pins;

	lockdep_assert_held(&range->lock);

	for (; mask; mask &= mask - 1) {
		slot = __ffs64(mask);
		if (!share->count[slot])
			continue;
		pins = all ? share->count[slot] : 1;
		atomic64_sub(pins, &share->user->nr_pins);
		share->count[slot] -= pins;
		if (!share->count[slot])
			share->nr--;
		leaf->count[slot] -= pins;
		if (leaf->count[slot])
			continue;
		leaf->present &= ~BIT_ULL(slot);
		range->nr_pinned--;
		batch[nr++] = leaf->page[slot];
	}
	return nr;
}

/*
 * The pages were pinned with the mapping's rights, whatever the driver asked
 * for, so that one pin can serve all: they may have been written if the
 * mapping is writable.
 */
static void pages_release(struct pages_range *range, struct page **pages,
			  unsigned int nr)
{
	if (nr)
		unpin_user_pages_dirty_lock(pages, nr,
					    range->prot & IOMMU_WRITE);
}

static int pin_prepare(struct pages_pin *pin)
{
	u64 index = pin->first / PAGES_LEAF;
	u64 last = pin->first + pin->nr - 1;
	struct pin_part *part;
	int ret;

	for (; index <= last / PAGES_LEAF; index++) {
		part = &pin->part[pin->nr_parts];
		part->want = leaf_mask(index, pin->first, last);
		part->taken = 0;
		ret = share_get(pin->range, pin->user, index, part);
		if (ret)
			return ret;
		pin->nr_parts++;
	}
	return 0;
}

/* Place in the caller's array of a page of part @i. */
static struct page **pin_place(struct pages_pin *pin, unsigned int i,
			       unsigned int slot)
{
	u64 base = (pin->first / PAGES_LEAF + i) * PAGES_LEAF;

	return &pin->pages[base + slot - pin->first];
}

/* Returns how many are not present yet, or an errno. */
static int pin_take_present(struct pages_pin *pin)
{
	struct pages_range *range = pin->range;
	unsigned int i, slot, missing = 0;
	struct pin_part *part;
	int ret = 0;
	u64 mask;

	spin_lock(&range->lock);
	if (range->dying)
		ret = -EINVAL;
	for (i = 0; !ret && i < pin->nr_parts; i++) {
		part = &pin->part[i];
		missing += hweight64(part->want & ~part->leaf->present);
		mask = part->want & part->leaf->present;
		for (; mask && !ret; mask &= mask - 1) {
			slot = __ffs64(mask);
			if (part->leaf->count[slot] == U32_MAX) {
				ret = -EOVERFLOW;
				break;
			}
			*pin_place(pin, i, slot) = part->leaf->page[slot];
			__part_take(range, part, slot);
		}
	}
	if (!ret && !missing && range->dirty)
		dirty_set(range->dirty, pin->first, pin->nr);
	spin_unlock(&range->lock);
	return ret ? ret : missing;
}

/* Get what is missing: the NULLs in the caller's array, run by run. */
static int pin_fetch(struct pages_pin *pin)
{
	struct pages_range *range = pin->range;
	unsigned int flags = FOLL_LONGTERM;
	unsigned int k = 0, run;
	int ret;

	if (range->prot & IOMMU_WRITE)
		flags |= FOLL_WRITE;
	while (k < pin->nr) {
		if (pin->pages[k]) {
			k++;
			continue;
		}
		for (run = 1; k + run < pin->nr; run++)
			if (pin->pages[k + run])
				break;
		ret = fault_get(range, pin->user,
				range->vaddr + ((pin->first + k) << PAGE_SHIFT),
				run, flags, pin->pages + k);
		if (ret)
			return ret;
		k += run;
	}
	return 0;
}

/*
 * Install the fetched pages of one part, from *@slot on.  Returns a page of
 * ours that lost against one installed meanwhile, to be given back, or NULL.
 */
static struct page *__part_install(struct pages_pin *pin, unsigned int i)
{
	struct pages_range *range = pin->range;
	struct pin_part *part = &pin->part[i];
	struct pages_leaf *leaf = part->leaf;
	struct page **place, *lost;
	unsigned int slot;
	u64 mask;

	lockdep_assert_held(&range->lock);

	for (mask = part->want & ~part->taken; mask; mask &= mask - 1) {
		slot = __ffs64(mask);
		place = pin_place(pin, i, slot);
		lost = NULL;
		if (leaf->present & BIT_ULL(slot)) {
			lost = *place;
			*place = leaf->page[slot];
		} else {
			leaf->page[slot] = *place;
			leaf->present |= BIT_ULL(slot);
			range->nr_pinned++;
		}
		__part_take(range, part, slot);
		if (lost)
			return lost;
	}
	return NULL;
}

static int pin_install(struct pages_pin *pin, unsigned int *nr_lost)
{
	struct pages_range *range = pin->range;
	struct page *lost;
	unsigned int i;

	*nr_lost = 0;
	do {
		lost = NULL;
		spin_lock(&range->lock);
		if (range->dying) {
			spin_unlock(&range->lock);
			return -EINVAL;
		}
		for (i = 0; i < pin->nr_parts && !lost; i++)
			lost = __part_install(pin, i);
		if (!lost && range->dirty)
			dirty_set(range->dirty, pin->first, pin->nr);
		spin_unlock(&range->lock);
		if (lost) {
			unpin_user_page(lost);
			(*nr_lost)++;
		}
	} while (lost);
	return 0;
}

/* Let go of the shares; with @undo also of everything that was taken. */
static void pin_finish(struct pages_pin *pin, bool undo)
{
	unsigned long index = pin->first / PAGES_LEAF;
	struct pages_range *range = pin->range;
	struct page *batch[PAGES_LEAF];
	unsigned long released = 0;
	struct pin_part *part;
	unsigned int i, nr;

	for (i = 0; i < pin->nr_parts; i++) {
		part = &pin->part[i];
		nr = 0;
		spin_lock(&range->lock);
		if (undo)
			nr = __leaf_drop(range, part->leaf, part->share,
					 part->taken, false, batch);
		part->share->busy--;
		__share_gc(range, index + i, part->leaf, part->share);
		spin_unlock(&range->lock);
		pages_release(range, batch, nr);
		released += nr;
	}
	fault_uncharge(range, released);
}

/* Undo: give back what was fetched but not installed, then the rest. */
static void pin_abort(struct pages_pin *pin, bool charged)
{
	unsigned int i, slot, nr = 0;
	struct page *page;
	u64 mask;

	for (i = 0; i < pin->nr_parts; i++) {
		mask = pin->part[i].want & ~pin->part[i].taken;
		for (; mask; mask &= mask - 1) {
			slot = __ffs64(mask);
			page = *pin_place(pin, i, slot);
			if (!page)
				continue;
			unpin_user_page(page);
			nr++;
		}
	}
	if (charged)
		fault_uncharge(pin->range, nr);
	pin_finish(pin, true);
}

/**
 * pages_pin() - pin pages of a range
 * @range: the range
 * @user: for whom
 * @first: index of the first page in the range
 * @nr: pages, at most PAGES_PIN_MAX, all in the range
 * @pages: where to put them
 *
 * All or nothing.  Pages that are pinned already are counted once more.
 *
 * Context: May sleep; active in @range, no lock held.
 * Return: 0; -EINVAL if the range is dying or its memory has no pages;
 *         -EFAULT if there is no such memory; -ENOMEM, also over the limit of
 *         locked memory; -ENODEV if the memory's owner has exited, or if a
 *         fault would have to be waited for and the user is shut; -EBUSY if
 *         too many abandoned faults are pending; -EINTR when killed;
 *         -EOVERFLOW if a page has been pinned four billion times.
 */
int pages_pin(struct pages_range *range, struct pages_user *user, u64 first,
	      unsigned int nr, struct page **pages)
{
	struct pages_pin pin;
	bool charged = false;
	unsigned int lost;
	int ret;

	if (WARN_ON_ONCE(!nr || nr > PAGES_PIN_MAX))
		return -EINVAL;
	pin.range = range;
	pin.user = user;
	pin.first = first;
	pin.nr = nr;
	pin.pages = pages;
	pin.nr_parts = 0;
	memset(pages, 0, nr * sizeof(*pages));

	ret = pin_prepare(&pin);
	if (!ret)
		ret = pin_take_present(&pin);
	if (ret < 0)
		goto err_abort;
	if (ret > 0) {
		nr = ret;
		ret = pin_fetch(&pin);
		if (!ret)
			ret = fault_charge(range, user, nr);
		if (ret)
			goto err_abort;
		charged = true;
		ret = pin_install(&pin, &lost);
		fault_uncharge(range, lost);
		if (ret)
			goto err_abort;
	}
	pin_finish(&pin, false);
	return 0;

err_abort:
	pin_abort(&pin, charged);
	return ret;
}

/**
 * pages_unpin() - undo pages_pin()
 * @range: the range, dying or gone or not
 * @user: for whom it was
 * @first: index of the first page in the range
 * @nr: pages
 *
 * Pages that the user has not pinned are skipped.
 *
 * Context: May sleep; a reference on @range, no lock held.
 */
void pages_unpin(struct pages_range *range, struct pages_user *user, u64 first,
		 u64 nr)
{
	u64 last = first + nr - 1;
	struct page *batch[PAGES_LEAF];
	unsigned long released = 0;
	struct pages_share *share;
	struct pages_leaf *leaf;
	unsigned int n;
	u64 index;

	for (index = first / PAGES_LEAF; index <= last / PAGES_LEAF; index++) {
		n = 0;
		spin_lock(&range->lock);
		leaf = xa_load(&range->leaves, index);
		share = leaf ? share_find(leaf, user) : NULL;
		if (share) {
			n = __leaf_drop(range, leaf, share,
					leaf_mask(index, first, last), false,
					batch);
			__share_gc(range, index, leaf, share);
		}
		spin_unlock(&range->lock);
		pages_release(range, batch, n);
		released += n;
		cond_resched();
	}
	fault_uncharge(range, released);
}

/* The first share of @user, or with NULL of anybody, that pins something. */
static struct pages_share *share_find_pinned(struct pages_leaf *leaf,
					     struct pages_user *user)
{
	struct pages_share *share;

	list_for_each_entry(share, &leaf->shares, node)
		if (share->nr && (!user || share->user == user))
			return share;
	return NULL;
}

/* Drop all pins of one leaf that @user, or with NULL anybody, has. */
static unsigned int leaf_drop_all(struct pages_range *range,
				  unsigned long index, struct pages_user *user,
				  struct page **batch)
{
	struct pages_share *share;
	struct pages_leaf *leaf;
	unsigned int nr = 0;

	spin_lock(&range->lock);
	for (;;) {
		/* It goes with its last share, so it is looked up each time. */
		leaf = xa_load(&range->leaves, index);
		share = leaf ? share_find_pinned(leaf, user) : NULL;
		if (!share)
			break;
		dev_WARN_ONCE(share->user->dev, true,
			      "left pages pinned, dropping them\n");
		nr += __leaf_drop(range, leaf, share, ~0ULL, true, batch + nr);
		__share_gc(range, index, leaf, share);
	}
	spin_unlock(&range->lock);
	return nr;
}

static void range_drop(struct pages_range *range, struct pages_user *user)
{
	struct page *batch[PAGES_LEAF];
	unsigned long released = 0;
	unsigned long index = 0;
	unsigned int nr;

	while (xa_find(&range->leaves, &index, ULONG_MAX, XA_PRESENT)) {
		nr = leaf_drop_all(range, index, user, batch);
		pages_release(range, batch, nr);
		released += nr;
		cond_resched();
		if (index++ == ULONG_MAX)
			break;
	}
	fault_uncharge(range, released);
}

/**
 * pages_drop_user() - drop what a user has left pinned in a range
 * @range: the range
 * @user: who; pins nothing any more
 *
 * Warns, and names the device, if there is anything to drop.
 *
 * Context: May sleep; a reference on @range, no lock held.
 */
void pages_drop_user(struct pages_range *range, struct pages_user *user)
{
	range_drop(range, user);
}

/**
 * pages_drop_all() - drop what anybody has left pinned in a range
 * @range: the range; dying, without active users
 *
 * Warns, and names a device, if there is anything to drop.
 *
 * Context: May sleep; a reference on @range, no lock held.
 */
void pages_drop_all(struct pages_range *range)
{
	range_drop(range, NULL);
}

/**
 * __pages_dirty_pinned() - mark what is pinned in the dirty bitmap
 * @range: the range, with a bitmap
 * @first: index of the first page to look at
 * @nr: pages to look at
 *
 * A leaf is a word of the bitmap.  Bits of neighbours of the pages asked for
 * may be set too; as pinned pages they are set anyway.
 *
 * Context: Any; @range->lock held.
 */
void __pages_dirty_pinned(struct pages_range *range, u64 first, u64 nr)
{
	struct pages_leaf *leaf;
	unsigned long index;

	lockdep_assert_held(&range->lock);

	if (!range->nr_pinned || !range->dirty)
		return;
	xa_for_each_range(&range->leaves, index, leaf, first / PAGES_LEAF,
			  (first + nr - 1) / PAGES_LEAF)
		range->dirty[index] |= leaf->present;
}
