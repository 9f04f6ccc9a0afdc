// SPDX-License-Identifier: GPL-2.0-only
/*
 * Adapters as parents of mediated devices
 *
 * All but slice_started_bytes() are calls of the AFU's about an adapter.  They
 * come one at a time for each adapter, so what they alone change needs no lock.
 *
 * A reset of the adapter spans two calls.  In between the set is held
 * exclusively: nobody opens or closes a device, and nobody joins.  A set
 * exists while it has members, so one of them is kept meanwhile; without a
 * member there is no set to hold, and reset_sem alone keeps out the first one.
 */
#include <linux/slab.h>

#include "slice_mdev.h"

/* Protects the list of parents; outside of every &slice_parent.lock. */
static DEFINE_MUTEX(slice_parents_lock);
static LIST_HEAD(slice_parents);

/* It stays valid, because it goes by a call of the AFU's, too. */
static struct slice_parent *slice_parent_find(struct cxlflash_adapter *ad)
{
	struct slice_parent *sp;

	guard(mutex)(&slice_parents_lock);
	list_for_each_entry(sp, &slice_parents, node) {
		if (sp->ad == ad)
			return sp;
	}
	return NULL;
}

static void slice_parent_list(struct slice_parent *sp)
{
	mutex_lock(&slice_parents_lock);
	list_add_tail(&sp->node, &slice_parents);
	mutex_unlock(&slice_parents_lock);
}

static void slice_parent_unlist(struct slice_parent *sp)
{
	mutex_lock(&slice_parents_lock);
	list_del(&sp->node);
	mutex_unlock(&slice_parents_lock);
}

/**
 * slice_started_bytes() - how much of a LUN belongs to slices that are started
 * @lun: it may be behind several adapters
 *
 * Context: May sleep.  Takes the locks of all parents, one at a time.
 * Return: bytes, whole chunks.
 */
u64 slice_started_bytes(struct cxlflash_lun *lun)
{
	struct slice_parent *sp;
	u64 bytes = 0;

	guard(mutex)(&slice_parents_lock);
	list_for_each_entry(sp, &slice_parents, node)
		bytes += slice_devices_bytes(sp, lun);
	return bytes;
}

static struct slice_parent *slice_parent_alloc(struct cxlflash_adapter *ad)
{
	struct slice_parent *sp;

	sp = kzalloc(sizeof(*sp), GFP_KERNEL);
	if (!sp)
		return NULL;
	sp->ad = cxlflash_adapter_get(ad);
	INIT_LIST_HEAD(&sp->luns);
	INIT_LIST_HEAD(&sp->devices);
	init_rwsem(&sp->reset_sem);
	mutex_init(&sp->lock);
	return sp;
}

static void slice_parent_free(struct slice_parent *sp)
{
	slice_types_free(sp);
	cxlflash_adapter_put(sp->ad);
	mutex_destroy(&sp->lock);
	kfree(sp);
}

/**
 * slice_parent_add() - there is an adapter: make it a parent
 * @ad: the adapter
 *
 * With the types of the LUNs that it has, because mdevctl starts devices when
 * it hears of the parent.
 *
 * Context: May sleep.
 * Return: 0; -ENOMEM; -EEXIST if a parent on another bus has its name.
 */
int slice_parent_add(struct cxlflash_adapter *ad)
{
	struct mdev_type **types;
	struct slice_parent *sp;
	unsigned int nr;
	int ret;

	sp = slice_parent_alloc(ad);
	if (!sp)
		return -ENOMEM;
	types = slice_types_find(sp, &nr);
	if (IS_ERR(types)) {
		ret = PTR_ERR(types);
		goto err_free_parent;
	}

	/* Listed first: a type can be used as soon as it is registered. */
	slice_parent_list(sp);
	ret = mdev_register_parent(&sp->parent, cxlflash_adapter_dev(ad),
				   &slice_mdev_driver, types, nr);
	kfree(types);
	if (ret)
		goto err_unlist;
	return 0;

err_unlist:
	slice_parent_unlist(sp);
err_free_parent:
	slice_parent_free(sp);
	return ret;
}

/**
 * slice_parent_remove() - an adapter goes, and its devices before it
 * @ad: the adapter
 *
 * The bus announces it to all devices first, so they share one grace.
 *
 * Context: May sleep, for the adapter's grace.
 */
void slice_parent_remove(struct cxlflash_adapter *ad)
{
	struct slice_parent *sp = slice_parent_find(ad);

	/* Adding it has failed. */
	if (!sp)
		return;
	mutex_lock(&sp->lock);
	sp->going = true;
	mutex_unlock(&sp->lock);
	mdev_unregister_parent(&sp->parent);
	slice_parent_unlist(sp);
	slice_parent_free(sp);
}

/**
 * slice_parent_luns_changed() - an adapter may have LUNs that we do not know
 * @ad: the adapter
 *
 * Context: May sleep.
 */
void slice_parent_luns_changed(struct cxlflash_adapter *ad)
{
	struct slice_parent *sp = slice_parent_find(ad);

	if (sp)
		slice_types_add(sp);
}

/**
 * slice_parent_lun_removing() - a LUN goes, and its devices before it
 * @ad: the adapter that it goes from
 * @lun: the LUN
 *
 * Context: May sleep, for the adapter's grace.
 */
void slice_parent_lun_removing(struct cxlflash_adapter *ad,
			       struct cxlflash_lun *lun)
{
	struct slice_parent *sp = slice_parent_find(ad);

	if (sp)
		slice_types_remove(sp, lun);
}

/* A reference on any of the devices: all of them are members of the set. */
static struct slice_mdev *slice_parent_get_member(struct slice_parent *sp)
{
	struct slice_mdev *sl;

	guard(mutex)(&sp->lock);
	sl = list_first_entry_or_null(&sp->devices, struct slice_mdev, node);
	if (sl)
		get_device(&sl->vdev.device);
	return sl;
}

/* Nobody leaves the set while it is held, so every member is there. */
static void slice_set_reset(struct vfio_device_set *set, bool begins, int error)
{
	struct vfio_device *vdev;
	struct slice_mdev *sl;

	lockdep_assert_held(&set->lock);
	list_for_each_entry(vdev, &set->device_list, dev_set_list) {
		sl = to_slice_mdev(vdev);
		if (!sl->is_open)
			continue;
		if (begins)
			slice_dev_hold(sl);
		else
			slice_dev_adapter_reset(sl, error);
	}
}

/**
 * slice_parent_reset_begin() - an adapter is being reset: keep everybody out
 * @ad: the adapter; its contexts have failed, so that closers get through
 *
 * Who has opened a device before has failed contexts as well.
 *
 * Context: May sleep.  Returns with the set and reset_sem held, for
 *          slice_parent_reset_end() by the same task.
 */
void slice_parent_reset_begin(struct cxlflash_adapter *ad)
{
	struct slice_parent *sp = slice_parent_find(ad);

	if (!sp)
		return;
	down_write(&sp->reset_sem);
	sp->resetting = slice_parent_get_member(sp);
	if (!sp->resetting)
		return;
	vfio_device_set_begin(sp->resetting->vdev.dev_set);
	slice_set_reset(sp->resetting->vdev.dev_set, true, 0);
}

/**
 * slice_parent_reset_end() - the reset is over: tell the users
 * @ad: the adapter
 * @error: 0, or an errno: it failed, and the contexts with it
 *
 * Context: After slice_parent_reset_begin(), by the same task.
 */
void slice_parent_reset_end(struct cxlflash_adapter *ad, int error)
{
	struct slice_parent *sp = slice_parent_find(ad);
	struct slice_mdev *sl;

	if (!sp)
		return;
	sl = sp->resetting;
	sp->resetting = NULL;
	if (sl) {
		slice_set_reset(sl->vdev.dev_set, false, error);
		vfio_device_set_end(sl->vdev.dev_set);
		/* Perhaps the last reference: takes the set's lock. */
		vfio_put_device(&sl->vdev);
	}
	up_write(&sp->reset_sem);
}
