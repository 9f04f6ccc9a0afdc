// SPDX-License-Identifier: GPL-2.0-only
/*
 * Open devices: pinning, copying, and telling them that a range goes away
 *
 * A driver's dma_unmap() is called with no lock held.  What keeps the device
 * open meanwhile is a gate of the user's: closing the device shuts it, which
 * waits for callbacks inside.
 */
#include <linux/slab.h>

#include "type1.h"

/**
 * struct vfio_backend_user - an open device
 * @pages: what the layers below know
 * @t1: its backend; the group keeps it attached while the device is open
 * @vdev: the device
 * @node: entry in &type1.users
 * @calls: entered around dma_unmap()
 */
struct vfio_backend_user {
	struct pages_user pages;
	struct type1 *t1;
	struct vfio_device *vdev;
	struct list_head node;
	struct gate calls;
};

/**
 * type1_user_register() - a device is opened
 * @data: the backend
 * @vdev: the device
 * @gate: its gate
 *
 * Context: May sleep.
 * Return: the user, ERR_PTR(-ENOMEM).
 */
struct vfio_backend_user *type1_user_register(void *data,
					      struct vfio_device *vdev,
					      struct gate *gate)
{
	struct vfio_backend_user *user;
	struct type1 *t1 = data;

	user = kzalloc(sizeof(*user), GFP_KERNEL_ACCOUNT);
	if (!user)
		return ERR_PTR(-ENOMEM);
	user->t1 = t1;
	user->vdev = vdev;
	user->pages.gate = gate;
	user->pages.dev = vdev->dev;
	gate_init(&user->calls);
	spin_lock(&t1->users_lock);
	list_add_tail(&user->node, &t1->users);
	spin_unlock(&t1->users_lock);
	return user;
}

/**
 * type1_user_quiesce() - refuse to wait for user space from now on
 * @user: the user
 *
 * Context: Any.
 */
void type1_user_quiesce(struct vfio_backend_user *user)
{
	WRITE_ONCE(user->pages.quiesced, true);
	wake_up_all(&user->pages.gate->wq);
}

/**
 * type1_user_is_shut() - are waits for user space refused?
 * @user: the user
 *
 * Context: Any.
 * Return: true after type1_user_quiesce(), and when the device is removed.
 */
bool type1_user_is_shut(struct vfio_backend_user *user)
{
	return pages_user_is_shut(&user->pages);
}

/* A range that this user has left pages pinned in, referenced. */
static struct pages_range *type1_user_next_range(struct vfio_backend_user *user,
						 u64 start)
{
	struct type1 *t1 = user->t1;
	struct iova_range *iova;

	down_read(&t1->lock);
	iova = iova_first(&t1->tree, start, U64_MAX);
	if (iova)
		pages_range_get(to_pages_range(iova));
	up_read(&t1->lock);
	return iova ? to_pages_range(iova) : NULL;
}

static void type1_user_drop_pins(struct vfio_backend_user *user)
{
	struct pages_range *range;
	u64 start = 0, last;

	while (atomic64_read(&user->pages.nr_pins)) {
		range = type1_user_next_range(user, start);
		if (!range)
			break;
		pages_drop_user(range, &user->pages);
		last = range->iova.last;
		pages_range_put(range);
		if (last == U64_MAX)
			break;
		start = last + 1;
	}
}

/**
 * type1_user_unregister() - a device has been closed
 * @user: the user; freed
 *
 * Waits for dma_unmap() callbacks that run, and drops, with a warning, what
 * the driver has left pinned.
 *
 * Context: May sleep.
 */
void type1_user_unregister(struct vfio_backend_user *user)
{
	struct type1 *t1 = user->t1;

	gate_shut(&user->calls);
	type1_user_drop_pins(user);
	spin_lock(&t1->users_lock);
	list_del(&user->node);
	spin_unlock(&t1->users_lock);
	kfree(user);
}

/**
 * type1_users_unmap() - tell every open device that a range goes away
 * @t1: the backend
 * @iova: where
 * @size: bytes; 0 for all 2^64
 *
 * Being inside its gate keeps a user in the list, so the walk can go on from
 * it when the lock is taken again.
 *
 * Context: May sleep, for as long as the drivers do; no lock held.
 */
void type1_users_unmap(struct type1 *t1, u64 iova, u64 size)
{
	struct vfio_backend_user *user;
	struct gate_pass pass;

	spin_lock(&t1->users_lock);
	list_for_each_entry(user, &t1->users, node) {
		if (!user->vdev->ops->dma_unmap ||
		    !gate_enter(&user->calls, &pass))
			continue;
		spin_unlock(&t1->users_lock);
		user->vdev->ops->dma_unmap(user->vdev, iova, size);
		spin_lock(&t1->users_lock);
		gate_exit(&user->calls, &pass);
	}
	spin_unlock(&t1->users_lock);
}

/* Become active in the range at an address. */
static struct pages_range *type1_enter_range(struct type1 *t1, u64 iova)
{
	struct pages_range *range = NULL;
	struct iova_range *found;

	down_read(&t1->lock);
	found = iova_find(&t1->tree, iova);
	if (found && pages_range_enter(to_pages_range(found))) {
		range = to_pages_range(found);
		pages_range_get(range);
	}
	up_read(&t1->lock);
	return range;
}

static void type1_leave_range(struct pages_range *range)
{
	pages_range_exit(range);
	pages_range_put(range);
}

/* Pin what lies in one range; returns how many pages that were. */
static int type1_pin_some(struct vfio_backend_user *user, u64 iova, int npage,
			  int prot, struct page **pages)
{
	struct pages_range *range;
	int ret, nr;
	u64 first;

	range = type1_enter_range(user->t1, iova);
	if (!range)
		return -EINVAL;
	first = (iova - range->iova.start) >> PAGE_SHIFT;
	nr = min_t(u64, npage, pages_range_nr(range) - first);
	if ((range->prot & prot) != prot)
		ret = -EPERM;
	else
		ret = pages_pin(range, &user->pages, first, nr, pages);
	type1_leave_range(range);
	return ret ? ret : nr;
}

/**
 * type1_pin_pages() - pin pages for a device, all or nothing
 * @user: the device
 * @iova: the first page
 * @npage: how many
 * @prot: what the mapping must allow
 * @pages: the pages
 *
 * Context: May sleep and fault.
 * Return: @npage, or as vfio_pin_pages().
 */
int type1_pin_pages(struct vfio_backend_user *user, dma_addr_t iova, int npage,
		    int prot, struct page **pages)
{
	int done = 0, ret;
	u64 last;

	if (!user->t1->v2)
		return -EACCES;
	if (!iova_span(iova, (u64)npage << PAGE_SHIFT, &last) ||
	    !PAGE_ALIGNED(iova))
		return -EINVAL;
	while (done < npage) {
		ret = type1_pin_some(user, iova + ((u64)done << PAGE_SHIFT),
				     npage - done, prot, pages + done);
		if (ret < 0) {
			if (done)
				type1_unpin_pages(user, iova, done);
			return ret;
		}
		done += ret;
	}
	return npage;
}

/**
 * type1_unpin_pages() - undo type1_pin_pages()
 * @user: the device
 * @iova: the first page
 * @npage: how many
 *
 * A dying range can still be unpinned: that is what dma_unmap() is for.
 *
 * Context: May sleep.
 */
void type1_unpin_pages(struct vfio_backend_user *user, dma_addr_t iova,
		       int npage)
{
	struct type1 *t1 = user->t1;
	struct pages_range *range;
	struct iova_range *found;
	u64 first, nr;

	while (npage > 0) {
		down_read(&t1->lock);
		found = iova_find(&t1->tree, iova);
		range = found ? to_pages_range(found) : NULL;
		if (range)
			pages_range_get(range);
		up_read(&t1->lock);
		/* What was never mapped, or is gone, has nothing pinned. */
		if (!range)
			return;
		first = (iova - range->iova.start) >> PAGE_SHIFT;
		nr = min_t(u64, npage, pages_range_nr(range) - first);
		pages_unpin(range, &user->pages, first, nr);
		pages_range_put(range);
		iova += nr << PAGE_SHIFT;
		npage -= nr;
	}
}

/**
 * type1_dma_rw() - copy between kernel memory and IOVA
 * @user: the device
 * @iova: where
 * @data: kernel memory
 * @len: bytes
 * @write: to @iova if true
 *
 * Context: May sleep and fault.
 * Return: 0, or as vfio_dma_rw().
 */
int type1_dma_rw(struct vfio_backend_user *user, dma_addr_t iova, void *data,
		 size_t len, bool write)
{
	struct pages_range *range;
	u64 offset, last;
	size_t step;
	int ret = 0;

	if (!iova_span(iova, len, &last))
		return -EINVAL;
	for (; len && !ret; len -= step, iova += step, data += step) {
		range = type1_enter_range(user->t1, iova);
		if (!range)
			return -EINVAL;
		offset = iova - range->iova.start;
		/* Not "size - offset": a range may span all 2^64. */
		step = min_t(u64, len - 1, range->iova.last - iova) + 1;
		ret = pages_rw(range, &user->pages, offset, data, step, write);
		/* Even of a copy that failed part may have been written. */
		if (write)
			pages_dirty_mark(range, offset >> PAGE_SHIFT,
					 ((offset + step - 1) >> PAGE_SHIFT) -
					 (offset >> PAGE_SHIFT) + 1);
		type1_leave_range(range);
	}
	return ret;
}
