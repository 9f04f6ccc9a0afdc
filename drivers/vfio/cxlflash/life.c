// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a device that is a slice
 *
 * A device is made of a UUID: the slice of that UUID is opened if the LUN has
 * it, else it is made.  Removing the device closes the slice; what is in it
 * stays, until somebody deletes it on the LUN.
 *
 * A device is listed in its parent after it has joined the adapter's set and
 * before it has a slice.  Whoever removes a LUN marks it as going, under the
 * lock of that list, and then announces to all who are listed: a device is
 * either among them or was refused.
 */
#include "slice_mdev.h"

static void slice_update_info(struct slice_mdev *sl,
			      struct cxlflash_slice *slice)
{
	struct cxlflash_slice_info info;

	cxlflash_slice_get_info(slice, &info);
	spin_lock(&sl->info_lock);
	sl->info = info;
	spin_unlock(&sl->info_lock);
}

/**
 * slice_read_info() - what is known of the slice
 * @sl: the device, probed
 * @info: result, as it was after the last change
 *
 * Context: Process context.
 */
void slice_read_info(struct slice_mdev *sl, struct cxlflash_slice_info *info)
{
	spin_lock(&sl->info_lock);
	*info = sl->info;
	spin_unlock(&sl->info_lock);
}

/* The AFU's changes come one at a time, and none before probe() is over. */
static void slice_changed(void *priv, unsigned int what)
{
	struct slice_mdev *sl = priv;
	u64 events = 0;

	slice_update_info(sl, sl->slice);
	if (what & CXLFLASH_SLICE_SIZE)
		events |= SLICE_EVENT_SIZE;
	if (what & CXLFLASH_SLICE_READ_ONLY)
		events |= SLICE_EVENT_READ_ONLY;
	if (events)
		slice_dev_event(sl, events);
}

static int slice_init(struct slice_mdev *sl, struct mdev_device *mdev)
{
	unsigned int i;

	sl->mdev = mdev;
	sl->type = to_slice_type(mdev->type);
	sl->parent = sl->type->home->sp;
	sl->ad = sl->parent->ad;
	sl->lun = sl->type->home->lun;
	INIT_LIST_HEAD(&sl->node);
	spin_lock_init(&sl->info_lock);
	mutex_init(&sl->lock);
	slice_settings_init(&sl->set);
	for (i = 0; i < SLICE_MAX_QUEUES; i++) {
		sl->queues[i].sl = sl;
		sl->queues[i].index = i;
	}
	/* The bus keeps a GUID, whose bytes are in another order. */
	return uuid_parse(dev_name(&mdev->dev), &sl->uuid);
}

static int __slice_list(struct slice_mdev *sl)
{
	lockdep_assert_held(&sl->parent->lock);
	if (sl->type->home->going)
		return -ENODEV;
	list_add_tail(&sl->node, &sl->parent->devices);
	return 0;
}

/* While the adapter is being reset nobody joins: see parent.c. */
static int slice_join(struct slice_mdev *sl)
{
	struct slice_parent *sp = sl->parent;
	int ret;

	ret = down_read_killable(&sp->reset_sem);
	if (ret)
		return ret;
	ret = vfio_assign_device_set_shared(&sl->vdev, sl->ad);
	if (!ret) {
		mutex_lock(&sp->lock);
		ret = __slice_list(sl);
		mutex_unlock(&sp->lock);
	}
	up_read(&sp->reset_sem);
	return ret;
}

static void slice_leave(struct slice_mdev *sl)
{
	mutex_lock(&sl->parent->lock);
	list_del(&sl->node);
	mutex_unlock(&sl->parent->lock);
}

/* The one that is stored, or a new one of the type's size. */
static int slice_open(struct slice_mdev *sl)
{
	struct cxlflash_slice_params params = {
		.bytes = sl->type->bytes,
		.name = "",
		.changed = slice_changed,
		.priv = sl,
	};
	struct cxlflash_lun_space space;
	struct cxlflash_slice *slice;
	bool announced;
	int ret;

	uuid_copy(&params.uuid, &sl->uuid);
	if (!params.bytes) {
		ret = cxlflash_lun_get_space(sl->lun, &space);
		if (ret)
			return ret;
		params.bytes = space.free_bytes;
	}
	slice = cxlflash_slice_open(sl->lun, &params);
	if (IS_ERR(slice)) {
		ret = PTR_ERR(slice);
		/* It is not stored, and there is nothing to make it of. */
		return !params.bytes && ret == -ENOENT ? -ENOSPC : ret;
	}
	slice_update_info(sl, slice);
	mutex_lock(&sl->parent->lock);
	sl->slice = slice;
	announced = sl->announced;
	mutex_unlock(&sl->parent->lock);
	if (announced)
		cxlflash_slice_let_go(slice);
	return 0;
}

/**
 * slice_probe() - a mediated device was made: give it its slice
 * @mdev: the device
 *
 * Context: May sleep.
 * Return: 0; -EEXIST the UUID is stored on another LUN; -EBUSY the slice is in
 *         use; -ENOSPC there is no room for a new one; -EINVAL the UUID is
 *         null; -ENODEV the LUN or the adapter goes; -EINTR on a fatal signal
 *         during a reset; -ENOMEM; what the store or VFIO says.
 */
int slice_probe(struct mdev_device *mdev)
{
	struct slice_mdev *sl;
	int ret;

	sl = vfio_alloc_device(slice_mdev, vdev, &mdev->dev, &slice_dev_ops);
	if (IS_ERR(sl))
		return PTR_ERR(sl);
	sl->vdev.log_ops = &slice_dev_log_ops;
	ret = slice_init(sl, mdev);
	if (ret)
		goto err_put;
	ret = slice_join(sl);
	if (ret)
		goto err_put;
	ret = slice_open(sl);
	if (ret)
		goto err_leave;
	/* The driver's attributes come after this returned. */
	dev_set_drvdata(&mdev->dev, sl);
	ret = vfio_register_emulated_iommu_dev(&sl->vdev);
	if (ret)
		goto err_leave;
	return 0;

err_leave:
	slice_leave(sl);
	if (sl->slice)
		cxlflash_slice_close(sl->slice);
err_put:
	vfio_put_device(&sl->vdev);
	return ret;
}

/**
 * slice_remove() - a mediated device goes; its slice stays on the LUN
 * @mdev: the device; its attributes have gone already
 *
 * Context: May sleep, for the device's grace.
 */
void slice_remove(struct mdev_device *mdev)
{
	struct slice_mdev *sl = dev_get_drvdata(&mdev->dev);

	vfio_unregister_group_dev(&sl->vdev);
	/* Whoever is still in the list has its slice. */
	slice_leave(sl);
	cxlflash_slice_close(sl->slice);
	vfio_put_device(&sl->vdev);
}

/*
 * No longer than the adapter allows if it is more than this device that goes,
 * whatever the device's own grace is.
 */
static void slice_announce_one(struct slice_mdev *sl)
{
	unsigned int grace_ms = cxlflash_adapter_grace_ms(sl->ad);

	lockdep_assert_held(&sl->parent->lock);
	/* Who waits for a resize would keep its attribute. */
	sl->announced = true;
	if (sl->slice)
		cxlflash_slice_let_go(sl->slice);
	if ((sl->parent->going || sl->type->home->going) &&
	    READ_ONCE(sl->vdev.grace_ms) > grace_ms)
		WRITE_ONCE(sl->vdev.grace_ms, grace_ms);
	vfio_announce_removal(&sl->vdev);
}

/**
 * slice_announce() - a device will be removed
 * @mdev: the device
 *
 * Context: May sleep; takes the parent's lock.
 */
void slice_announce(struct mdev_device *mdev)
{
	struct slice_mdev *sl = dev_get_drvdata(&mdev->dev);

	guard(mutex)(&sl->parent->lock);
	slice_announce_one(sl);
}

/**
 * slice_announce_lun() - the same for all devices of a LUN
 * @sp: its adapter
 * @lun: the LUN, which is going
 *
 * Context: May sleep; takes @sp->lock.
 */
void slice_announce_lun(struct slice_parent *sp, struct cxlflash_lun *lun)
{
	struct slice_mdev *sl;

	guard(mutex)(&sp->lock);
	list_for_each_entry(sl, &sp->devices, node) {
		if (sl->lun == lun)
			slice_announce_one(sl);
	}
}

/**
 * slice_devices_bytes() - how much of a LUN an adapter's devices have
 * @sp: the adapter
 * @lun: the LUN
 *
 * Context: May sleep; takes @sp->lock.
 * Return: bytes, whole chunks.
 */
u64 slice_devices_bytes(struct slice_parent *sp, struct cxlflash_lun *lun)
{
	struct cxlflash_slice_info info;
	struct slice_mdev *sl;
	u64 bytes = 0;

	guard(mutex)(&sp->lock);
	list_for_each_entry(sl, &sp->devices, node) {
		if (sl->lun != lun)
			continue;
		slice_read_info(sl, &info);
		bytes += info.nr_chunks * SISL_CHUNK_BYTES;
	}
	return bytes;
}
