// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device sets: devices that share a lock around open and close
 *
 * A set exists while it has members.  It is found in an xarray by a key that
 * its members agree on, usually the address of what they share: a device, a
 * bus, an adapter.  The xarray's own lock makes the singleton: a set is looked
 * up and its count raised, or its count dropped to zero and the set erased,
 * under one hold of xa_lock.  So a joiner never gets a set that is going away,
 * and two joiners never make two sets:
 *
 *	A: xa_load() = NULL		B: xa_load() = NULL
 *	A: allocate			B: allocate
 *	A: cmpxchg(NULL -> a) = NULL	B: cmpxchg(NULL -> b) = a, frees b
 *
 * A plain store would not do in place of the compare-exchange, because storing
 * may drop xa_lock to allocate a node, and the other store then happens in
 * between.
 *
 * Two modes.  In a plain set the mutex is held around every first open and
 * last close, so members open one after the other.  In a shared set members
 * hold the semaphore for reading and their own mutex, and open in parallel;
 * vfio_device_set_begin() takes the semaphore for writing, and the mutex.
 */
#include <linux/slab.h>
#include <linux/xarray.h>
#include <kunit/visibility.h>

#include "trace.h"
#include "vfio.h"

static DEFINE_XARRAY(device_sets);

static struct vfio_device_set *set_alloc(void *set_id, bool shared)
{
	struct vfio_device_set *set;

	set = kzalloc(sizeof(*set), GFP_KERNEL);
	if (!set)
		return NULL;
	set->set_id = set_id;
	set->shared = shared;
	mutex_init(&set->lock);
	init_rwsem(&set->rwsem);
	INIT_LIST_HEAD(&set->device_list);
	return set;
}

static void set_free(struct vfio_device_set *set)
{
	mutex_destroy(&set->lock);
	kfree(set);
}

/*
 * Take a share in the set, with xa_lock held.  A set in the table always has
 * members, so there is nothing to revive here.
 */
static struct vfio_device_set *set_share(struct vfio_device_set *set,
					 bool shared)
{
	lockdep_assert_held(&device_sets.xa_lock);
	if (set->shared != shared)
		return ERR_PTR(-EINVAL);
	set->device_count++;
	return set;
}

/* Find or make the set for a key and take a share in it. */
static struct vfio_device_set *set_get(void *set_id, bool shared)
{
	unsigned long index = (unsigned long)set_id;
	struct vfio_device_set *new, *set;

	xa_lock(&device_sets);
	set = xa_load(&device_sets, index);
	if (set)
		set = set_share(set, shared);
	xa_unlock(&device_sets);
	if (set)
		return set;

	new = set_alloc(set_id, shared);
	if (!new)
		return ERR_PTR(-ENOMEM);

	xa_lock(&device_sets);
	set = __xa_cmpxchg(&device_sets, index, NULL, new, GFP_KERNEL);
	if (xa_is_err(set)) {
		set = ERR_PTR(xa_err(set));
	} else if (set) {
		/* Somebody else was first. */
		set = set_share(set, shared);
	} else {
		set = set_share(new, shared);
		new = NULL;
	}
	xa_unlock(&device_sets);

	if (new)
		set_free(new);
	return set;
}

static unsigned int set_put(struct vfio_device_set *set)
{
	unsigned int left;

	xa_lock(&device_sets);
	left = --set->device_count;
	if (!left)
		__xa_erase(&device_sets, (unsigned long)set->set_id);
	xa_unlock(&device_sets);
	if (!left)
		set_free(set);
	return left;
}

static int set_join(struct vfio_device *device, void *set_id, bool shared)
{
	struct vfio_device_set *set;

	if (WARN_ON_ONCE(!set_id))
		return -EINVAL;
	/* Joining twice would corrupt the first set's list. */
	if (device->dev_set)
		return -EINVAL;

	set = set_get(set_id, shared);
	if (IS_ERR(set))
		return PTR_ERR(set);

	mutex_lock(&set->lock);
	device->dev_set = set;
	list_add_tail(&device->dev_set_list, &set->device_list);
	mutex_unlock(&set->lock);
	trace_vfio_set_join(device, set, set->device_count);
	return 0;
}

/**
 * vfio_assign_device_set() - join the plain set of a key
 * @device: the device, not registered yet
 * @set_id: the key; a pointer that stays unique while the device exists
 *
 * A device that joins no set gets one of its own when it is registered.
 *
 * Context: May sleep.  Takes the set's lock.
 * Return: 0; -EINVAL without a key, on a second call for one device, or when
 *         the set is a shared one; -ENOMEM.
 */
int vfio_assign_device_set(struct vfio_device *device, void *set_id)
{
	return set_join(device, set_id, false);
}
EXPORT_SYMBOL_GPL(vfio_assign_device_set);

/**
 * vfio_assign_device_set_shared() - join the shared set of a key
 * @device: the device, not registered yet
 * @set_id: the key
 *
 * Like vfio_assign_device_set(), for a set whose members may open in parallel
 * and whose set-wide work stands between vfio_device_set_begin() and _end().
 * The first joiner decides the mode.
 *
 * Context: May sleep.  Takes the set's lock.
 * Return: 0; -EINVAL as above or when the set is a plain one; -ENOMEM.
 */
int vfio_assign_device_set_shared(struct vfio_device *device, void *set_id)
{
	return set_join(device, set_id, true);
}
EXPORT_SYMBOL_GPL(vfio_assign_device_set_shared);

/**
 * vfio_release_device_set() - leave the set
 * @device: the device; nothing to do if it has joined none
 *
 * Context: May sleep.  Takes the set's lock.  From the last put.
 */
void vfio_release_device_set(struct vfio_device *device)
{
	struct vfio_device_set *set = device->dev_set;

	if (!set)
		return;
	mutex_lock(&set->lock);
	list_del_init(&device->dev_set_list);
	mutex_unlock(&set->lock);
	trace_vfio_set_leave(device, set, set->device_count - 1);
	device->dev_set = NULL;
	set_put(set);
}
EXPORT_SYMBOL_IF_KUNIT(vfio_release_device_set);

/**
 * vfio_device_set_begin() - start set-wide work
 * @dev_set: the set
 *
 * From here to vfio_device_set_end() no member opens for the first time or
 * closes for the last, those that were at it have finished, and
 * vfio_device_set_open_count() may be asked.
 *
 * Context: May sleep.  Not from open_device() or close_device().
 */
void vfio_device_set_begin(struct vfio_device_set *dev_set)
{
	if (dev_set->shared)
		down_write(&dev_set->rwsem);
	mutex_lock(&dev_set->lock);
}
EXPORT_SYMBOL_GPL(vfio_device_set_begin);

/**
 * vfio_device_set_end() - end set-wide work
 * @dev_set: the set
 *
 * Context: After vfio_device_set_begin(), by the same task.
 */
void vfio_device_set_end(struct vfio_device_set *dev_set)
{
	mutex_unlock(&dev_set->lock);
	if (dev_set->shared)
		up_write(&dev_set->rwsem);
}
EXPORT_SYMBOL_GPL(vfio_device_set_end);

/**
 * vfio_device_set_lock_open() - what open and close of a member hold
 * @device: the member
 *
 * Context: May sleep.  Inside the group's lock.
 */
void vfio_device_set_lock_open(struct vfio_device *device)
{
	struct vfio_device_set *set = device->dev_set;

	if (set->shared) {
		down_read(&set->rwsem);
		mutex_lock(&device->lock);
	} else {
		mutex_lock(&set->lock);
	}
}

/**
 * vfio_device_set_unlock_open() - undo vfio_device_set_lock_open()
 * @device: the member
 *
 * Context: By the task that locked.
 */
void vfio_device_set_unlock_open(struct vfio_device *device)
{
	struct vfio_device_set *set = device->dev_set;

	if (set->shared) {
		mutex_unlock(&device->lock);
		up_read(&set->rwsem);
	} else {
		mutex_unlock(&set->lock);
	}
}

/**
 * vfio_device_set_open_count() - opens of all members together
 * @dev_set: the set
 *
 * Inside close_device() the closing device still counts one.
 *
 * Context: The set's lock is held; of a shared set, between
 *          vfio_device_set_begin() and _end().
 * Return: the sum.
 */
unsigned int vfio_device_set_open_count(struct vfio_device_set *dev_set)
{
	struct vfio_device *device;
	unsigned int sum = 0;

	lockdep_assert_held(&dev_set->lock);
	if (dev_set->shared)
		lockdep_assert_held_write(&dev_set->rwsem);

	list_for_each_entry(device, &dev_set->device_list, dev_set_list)
		sum += device->open_count;
	return sum;
}
EXPORT_SYMBOL_GPL(vfio_device_set_open_count);

/**
 * vfio_find_device_in_devset() - the member behind a struct device
 * @dev_set: the set
 * @dev: what to look for
 *
 * Context: The set's lock is held, and protects the result.
 * Return: the member or NULL.
 */
struct vfio_device *vfio_find_device_in_devset(struct vfio_device_set *dev_set,
					       struct device *dev)
{
	struct vfio_device *device;

	lockdep_assert_held(&dev_set->lock);
	list_for_each_entry(device, &dev_set->device_list, dev_set_list)
		if (device->dev == dev)
			return device;
	return NULL;
}
EXPORT_SYMBOL_GPL(vfio_find_device_in_devset);

/**
 * vfio_device_sets_show() - print every set and its members
 * @s: where to
 *
 * A set is kept by a share of our own while its members are printed; without
 * the share it could be freed once xa_lock is dropped to take its mutex.
 *
 * Context: May sleep.  Takes the locks of the sets, one at a time.
 */
void vfio_device_sets_show(struct seq_file *s)
{
	struct vfio_device *device;
	struct vfio_device_set *set;
	unsigned long index = 0;

	for (;;) {
		xa_lock(&device_sets);
		set = xa_find_after(&device_sets, &index, ULONG_MAX,
				    XA_PRESENT);
		if (set)
			set->device_count++;
		xa_unlock(&device_sets);
		if (!set)
			break;

		seq_printf(s, "set %p %s members %u\n", set->set_id,
			   set->shared ? "shared" : "plain",
			   READ_ONCE(set->device_count) - 1);
		mutex_lock(&set->lock);
		list_for_each_entry(device, &set->device_list, dev_set_list)
			seq_printf(s, "  vfio%u %s open %u\n", device->index,
				   dev_name(device->dev),
				   READ_ONCE(device->open_count));
		mutex_unlock(&set->lock);
		set_put(set);
	}
}

/**
 * vfio_device_sets_destroy() - at module exit
 *
 * Context: No device exists any more.
 */
void vfio_device_sets_destroy(void)
{
	WARN_ON(!xa_empty(&device_sets));
	xa_destroy(&device_sets);
}
