// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO devices: allocation, registration, first open and last close, removal
 *
 * Removal is bounded.  vfio_unregister_group_dev() takes the device away from
 * user space whatever user space does:
 *
 *	announce   no new opens; the driver asks the user to let go
 *	grace      wait until nobody has it open, or time is up, or the remover
 *		   gets a fatal signal
 *	revoke     1. the gate is shut: nobody enters any more, sleepers wake,
 *		      and those that sit on a page fault in a driver's callback
 *		      are killed
 *		   2. mappings are drained and zapped
 *		   3. data files, then each device file: close_fd()
 *		   4. the last one: close_device(), with open_count 1, with the
 *		      pins still valid; leftover pins are dropped; the container
 *		      forgets the device; KVM and group file references are put
 *		      when all locks have been released
 *
 * After that no code of the driver runs for an old device file.
 */
#include <linux/idr.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "trace.h"
#include "vfio.h"

/* Those inside get this long to leave after the grace before they are killed */
#define GATE_LEAVE_MS		200
/* ... and at least this long from the moment the gate was closed. */
#define GATE_LEAVE_MIN_MS	30
/* How often user space is asked again, and a stuck removal reported */
#define REQUEST_INTERVAL	(10 * HZ)

static unsigned int removal_grace_ms = 10000;
module_param(removal_grace_ms, uint, 0644);
MODULE_PARM_DESC(removal_grace_ms,
		 "Time that a user gets to let go of a device that is being removed, in ms; 0: none (default: 10000)");

static DEFINE_IDA(vfio_device_ida);

static ssize_t removal_grace_ms_show(struct device *dev,
				     struct device_attribute *attr, char *buf)
{
	struct vfio_device *device =
		container_of(dev, struct vfio_device, device);

	return sysfs_emit(buf, "%u\n", READ_ONCE(device->grace_ms));
}

static ssize_t removal_grace_ms_store(struct device *dev,
				      struct device_attribute *attr,
				      const char *buf, size_t len)
{
	struct vfio_device *device =
		container_of(dev, struct vfio_device, device);
	unsigned int ms;
	int ret;

	ret = kstrtouint(buf, 0, &ms);
	if (ret)
		return ret;
	WRITE_ONCE(device->grace_ms, ms);
	return len;
}
static DEVICE_ATTR_RW(removal_grace_ms);

static ssize_t open_count_show(struct device *dev,
			       struct device_attribute *attr, char *buf)
{
	struct vfio_device *device =
		container_of(dev, struct vfio_device, device);

	return sysfs_emit(buf, "%u\n", READ_ONCE(device->open_count));
}
static DEVICE_ATTR_RO(open_count);

static struct attribute *vfio_device_attrs[] = {
	&dev_attr_removal_grace_ms.attr,
	&dev_attr_open_count.attr,
	NULL
};
ATTRIBUTE_GROUPS(vfio_device);

static struct class vfio_device_class = {
	.name = "vfio-dev",
	.dev_groups = vfio_device_groups,
};

/* The last put: the driver's part first left the set, then is released. */
static void vfio_device_release(struct device *dev)
{
	struct vfio_device *device =
		container_of(dev, struct vfio_device, device);
	struct device *parent = device->dev;

	vfio_release_device_set(device);
	ida_free(&vfio_device_ida, device->index);
	if (device->ops->release)
		device->ops->release(device);
	skin_put(device->skin);
	mutex_destroy(&device->lock);
	kvfree(device);
	put_device(parent);
}

static int vfio_device_init(struct vfio_device *device, struct device *dev,
			    const struct vfio_device_ops *ops)
{
	int ret;

	ret = ida_alloc_max(&vfio_device_ida, MINORMASK, GFP_KERNEL);
	if (ret < 0)
		return ret;

	device->index = ret;
	device->dev = dev;
	device->ops = ops;
	device->grace_ms = READ_ONCE(removal_grace_ms);
	mutex_init(&device->lock);
	INIT_LIST_HEAD(&device->group_next);
	INIT_LIST_HEAD(&device->dev_set_list);

	device->skin = skin_create(device);
	if (IS_ERR(device->skin)) {
		ret = PTR_ERR(device->skin);
		goto err_free_index;
	}
	device->inode = device->skin->inode;

	if (ops->init) {
		ret = ops->init(device);
		if (ret)
			goto err_leave_set;
	}

	get_device(dev);
	device_initialize(&device->device);
	device->device.release = vfio_device_release;
	device->device.class = &vfio_device_class;
	device->device.parent = dev;
	return 0;

err_leave_set:
	vfio_release_device_set(device);
	skin_put(device->skin);
err_free_index:
	mutex_destroy(&device->lock);
	ida_free(&vfio_device_ida, device->index);
	return ret;
}

/**
 * _vfio_alloc_device() - allocate a driver's device structure
 * @size: bytes of it, &struct vfio_device comes first
 * @dev: the device behind it
 * @ops: the driver's callbacks
 *
 * Use vfio_alloc_device().  ops->init() has run on success.
 *
 * Context: May sleep.
 * Return: the device with one reference, for vfio_put_device(); ERR_PTR() of
 *         -EINVAL for a size that holds no device, -ENOMEM, -ENOSPC, or what
 *         ops->init() said.
 */
struct vfio_device *_vfio_alloc_device(size_t size, struct device *dev,
				       const struct vfio_device_ops *ops)
{
	struct vfio_device *device;
	int ret;

	if (WARN_ON(size < sizeof(struct vfio_device)))
		return ERR_PTR(-EINVAL);

	device = kvzalloc(size, GFP_KERNEL);
	if (!device)
		return ERR_PTR(-ENOMEM);

	ret = vfio_device_init(device, dev, ops);
	if (ret) {
		kvfree(device);
		return ERR_PTR(ret);
	}
	return device;
}
EXPORT_SYMBOL_GPL(_vfio_alloc_device);

/* Migration callbacks come all together or not at all; so do those of logs. */
static int vfio_device_note_features(struct vfio_device *device)
{
	const struct vfio_migration_ops *mig = device->mig_ops;
	const struct vfio_log_ops *log = device->log_ops;

	if (mig) {
		if (!mig->migration_set_state || !mig->migration_get_state ||
		    !mig->migration_get_data_size ||
		    !(device->migration_flags & VFIO_MIGRATION_STOP_COPY))
			return -EINVAL;
		device->skin->structured |= SKIN_MIGRATION;
	}
	if (log) {
		if (!log->log_start || !log->log_stop ||
		    !log->log_read_and_clear)
			return -EINVAL;
		device->skin->structured |= SKIN_LOGGING;
	}
	return 0;
}

static int vfio_register_dev(struct vfio_device *device,
			     enum vfio_group_type type)
{
	int ret;

	if (WARN_ON_ONCE(device->registered))
		return -EINVAL;
	ret = vfio_device_note_features(device);
	if (ret)
		return ret;
	if (!device->dev_set) {
		ret = vfio_assign_device_set(device, device);
		if (ret)
			return ret;
	}

	ret = dev_set_name(&device->device, "vfio%u", device->index);
	if (ret)
		return ret;

	ret = vfio_device_set_group(device, type);
	if (ret)
		return ret;

	ret = device_add(&device->device);
	if (ret)
		goto err_remove_group;

	device->owner = device->dev->driver ? device->dev->driver->owner : NULL;
	device->registered = true;
	/* From here on user space finds it: nothing may fail any more. */
	vfio_device_group_register(device);
	return 0;

err_remove_group:
	vfio_device_remove_group(device);
	return ret;
}

/**
 * vfio_register_emulated_iommu_dev() - register a device that does its own DMA
 * @device: the device
 *
 * For mediated devices: the driver reaches user memory with vfio_pin_pages()
 * and vfio_dma_rw().  The device gets an IOMMU group of its own.
 *
 * Context: May sleep.  The driver's probe.
 * Return: 0; -ENOMEM; -EINVAL when it is registered already, or has only some
 *         of the migration or logging callbacks; an errno of the driver core.
 */
int vfio_register_emulated_iommu_dev(struct vfio_device *device)
{
	return vfio_register_dev(device, VFIO_EMULATED_IOMMU);
}
EXPORT_SYMBOL_GPL(vfio_register_emulated_iommu_dev);

/**
 * vfio_register_group_dev() - register a device behind a physical IOMMU
 * @device: the device
 *
 * This core serves emulated IOMMUs only so far.
 *
 * Context: May sleep.
 * Return: -EOPNOTSUPP, or -EINVAL for a device without an IOMMU group.
 */
int vfio_register_group_dev(struct vfio_device *device)
{
	if (!device->dev->iommu_group)
		return -EINVAL;
	dev_err_ratelimited(device->dev,
			    "devices behind a physical IOMMU are not supported; unload this vfio.ko and use the kernel's\n");
	return -EOPNOTSUPP;
}
EXPORT_SYMBOL_GPL(vfio_register_group_dev);

static int vfio_device_first_open(struct vfio_device *device,
				  struct vfio_group *group)
{
	int ret;

	if (!try_module_get(device->owner))
		return -ENODEV;

	spin_lock(&group->kvm_ref_lock);
	vfio_device_get_kvm(device, group->kvm);
	spin_unlock(&group->kvm_ref_lock);

	ret = vfio_container_register_device(group->container, device);
	if (ret)
		goto err_module_put;

	if (device->ops->open_device) {
		ret = device->ops->open_device(device);
		if (ret)
			goto err_unregister;
	}
	return 0;

err_unregister:
	vfio_container_quiesce_device(device);
	vfio_container_unregister_device(device);
err_module_put:
	/* The caller takes the VM away when it holds no lock any more. */
	module_put(device->owner);
	return ret;
}

static void vfio_device_last_close(struct vfio_device *device,
				   struct vfio_late_puts *late)
{
	/* Nothing that the driver has running may wait for user space now. */
	vfio_container_quiesce_device(device);
	if (device->ops->close_device)
		device->ops->close_device(device);
	vfio_container_unregister_device(device);
	vfio_device_detach_kvm(device, late);
	module_put(device->owner);
}

static void vfio_device_close_locked(struct vfio_device *device,
				     struct vfio_late_puts *late)
{
	vfio_device_set_lock_open(device);
	if (!WARN_ON_ONCE(!device->open_count)) {
		if (device->open_count == 1)
			vfio_device_last_close(device, late);
		device->open_count--;
	}
	vfio_device_set_unlock_open(device);
}

/* Make the file one that a revocation will find, if it is not too late. */
static int vfio_device_list_file(struct vfio_device *device,
				 struct vfio_device_file *df)
{
	struct vfio_skin *skin = device->skin;
	int ret = 0;

	mutex_lock(&skin->lock);
	if (skin->announced) {
		ret = -ENODEV;
	} else {
		kref_get(&df->ref);
		df->listed = true;
		list_add_tail(&df->node, &skin->files);
		skin->nr_files++;
	}
	mutex_unlock(&skin->lock);
	return ret;
}

/**
 * vfio_device_open_file() - count one more open of a device
 * @device: the device; the caller is inside its gate
 * @df: the device file, with its group set; it is listed on success
 * @late: puts for the caller to run when it holds no lock
 *
 * Context: May sleep.  Takes the group's lock and the set's.
 * Return: 0; -EINVAL when the group has no container with a backend; -ENODEV
 *         when the device or its module goes away; what open_device() said;
 *         -ENOMEM.
 */
int vfio_device_open_file(struct vfio_device *device,
			  struct vfio_device_file *df,
			  struct vfio_late_puts *late)
{
	struct vfio_group *group = df->group;
	int ret = 0;

	mutex_lock(&group->group_lock);
	if (!vfio_container_has_backend(group->container)) {
		ret = -EINVAL;
		goto out_unlock;
	}

	vfio_device_set_lock_open(device);
	device->open_count++;
	if (device->open_count == 1) {
		ret = vfio_device_first_open(device, group);
		if (ret) {
			vfio_device_detach_kvm(device, late);
			device->open_count--;
		}
	}
	vfio_device_set_unlock_open(device);
	if (ret)
		goto out_unlock;

	ret = vfio_device_list_file(device, df);
	if (ret) {
		vfio_device_close_locked(device, late);
		goto out_unlock;
	}
	df->group_file = get_file(group->opened_file);
	group->container_users++;

out_unlock:
	mutex_unlock(&group->group_lock);
	trace_vfio_open(device, ret);
	return ret;
}

/**
 * vfio_device_close_file() - undo vfio_device_open_file()
 * @device: the device
 * @df: a listed device file; unlisted on return
 * @late: puts for the caller to run when it holds no lock
 *
 * Context: May sleep.  Inside the device's gate, or the remover after the gate
 *          was drained.  Takes the group's lock and the set's.
 */
void vfio_device_close_file(struct vfio_device *device,
			    struct vfio_device_file *df,
			    struct vfio_late_puts *late)
{
	struct vfio_skin *skin = device->skin;
	struct vfio_group *group = df->group;

	mutex_lock(&group->group_lock);
	vfio_device_close_locked(device, late);
	group->container_users--;
	late->group_file = df->group_file;
	df->group_file = NULL;
	mutex_unlock(&group->group_lock);
	trace_vfio_close(device, 0);

	mutex_lock(&skin->lock);
	df->listed = false;
	list_del(&df->node);
	skin->nr_files--;
	mutex_unlock(&skin->lock);
	vfio_df_put(df);
	/* Whoever waits out a grace looks at nr_files. */
	wake_up_all(&skin->gate.wq);
}

/**
 * vfio_announce_removal() - start the grace of a device that will be removed
 * @device: the device
 *
 * From here on the device cannot be opened, its user has been asked to let go,
 * and the grace runs; vfio_unregister_group_dev() waits for what is left of
 * it.  Whoever removes many devices announces all of them first, so that they
 * share one grace.
 *
 * Context: May sleep.  Calls ops->request().  Further calls do nothing.
 */
void vfio_announce_removal(struct vfio_device *device)
{
	struct vfio_skin *skin = device->skin;
	unsigned int nr_files;
	bool first;

	mutex_lock(&skin->lock);
	first = !skin->announced;
	if (first) {
		skin->deadline = jiffies +
			msecs_to_jiffies(READ_ONCE(device->grace_ms));
		skin->announced = true;
	}
	nr_files = skin->nr_files;
	mutex_unlock(&skin->lock);

	if (!first)
		return;
	trace_vfio_announce(device, 0);
	if (nr_files && device->ops->request)
		device->ops->request(device, 0);
}
EXPORT_SYMBOL_GPL(vfio_announce_removal);

/* Wait until nobody has it open, the grace is over, or we are to die. */
static void vfio_device_wait_grace(struct vfio_device *device)
{
	struct vfio_skin *skin = device->skin;
	unsigned int count = 0;
	long left, ret;

	for (;;) {
		left = (long)(skin->deadline - jiffies);
		if (left <= 0)
			return;
		ret = wait_event_killable_timeout(skin->gate.wq,
					!READ_ONCE(skin->nr_files),
					min_t(long, left, REQUEST_INTERVAL));
		if (ret)
			break;
		if (device->ops->request)
			device->ops->request(device, ++count);
	}
	if (ret < 0)
		skin->deadline = jiffies;
}

static void vfio_report_inside(struct task_struct *task, void *data)
{
	struct vfio_device *device = data;

	dev_dbg(device->dev, "removal: %s[%d] is still in a driver callback\n",
		task->comm, task_pid_nr(task));
}

static void vfio_report_stuck(struct task_struct *task, void *data)
{
	struct vfio_device *device = data;

	dev_warn(device->dev,
		 "removal is waiting for %s[%d], which cannot leave a driver callback\n",
		 task->comm, task_pid_nr(task));
}

/*
 * Shut the gate and see everybody out.  Sleepers wake by themselves; a task
 * that sits on an unanswered page fault, or in a driver's own sleep, only
 * leaves when it is killed.  One that not even that moves is waited for, and
 * reported by name.
 */
static void vfio_device_shut_gate(struct vfio_device *device)
{
	struct gate *gate = &device->skin->gate;
	unsigned long start = jiffies;
	unsigned int killed = 0;
	long leave;

	gate_close(gate);
	leave = (long)(device->skin->deadline +
		       msecs_to_jiffies(GATE_LEAVE_MS) - jiffies);
	leave = max_t(long, leave, msecs_to_jiffies(GATE_LEAVE_MIN_MS));
	if (!gate_drain_timeout(gate, leave)) {
		killed = gate_kill_inside(gate, vfio_report_inside, device);
		while (!gate_drain_timeout(gate, REQUEST_INTERVAL))
			gate_kill_inside(gate, vfio_report_stuck, device);
	}
	trace_vfio_gate_shut(device, killed,
			     jiffies_to_msecs(jiffies - start));
}

static struct vfio_device_file *vfio_device_next_file(struct vfio_skin *skin)
{
	struct vfio_device_file *df;

	mutex_lock(&skin->lock);
	df = list_first_entry_or_null(&skin->files, struct vfio_device_file,
				      node);
	mutex_unlock(&skin->lock);
	return df;
}

/* The gate is drained: what is still listed stays listed until we take it. */
static void vfio_device_revoke(struct vfio_device *device)
{
	struct vfio_skin *skin = device->skin;
	struct vfio_device_file *df;
	int nr = 0;

	vfio_device_shut_gate(device);
	skin_zap(skin);
	vfio_data_files_revoke(skin);

	while ((df = vfio_device_next_file(skin))) {
		struct vfio_late_puts late = {};

		if (device->ops->close_fd)
			device->ops->close_fd(device);
		vfio_device_close_file(device, df, &late);
		vfio_late_puts_run(&late);
		nr++;
	}
	trace_vfio_revoke(device, nr);
}

/**
 * vfio_unregister_group_dev() - take a device away from user space
 * @device: the device
 *
 * Announces the removal unless that has been done, waits for what is left of
 * the grace, and revokes the device from whoever still has it open; see the
 * top of this file.  When it returns none of the driver's callbacks runs or
 * will run but ops->release().
 *
 * Context: May sleep.  The driver's remove.  Not inside the gate, so not from
 *          any of the device's callbacks; no lock held that they take, nor
 *          mmap_lock.
 */
void vfio_unregister_group_dev(struct vfio_device *device)
{
	if (WARN_ON_ONCE(!device->registered))
		return;

	/* No new lookups, then no sysfs, then no opens. */
	vfio_device_group_unregister(device);
	device_del(&device->device);
	vfio_announce_removal(device);
	vfio_device_wait_grace(device);
	vfio_device_revoke(device);
	vfio_device_remove_group(device);
	device->registered = false;
}
EXPORT_SYMBOL_GPL(vfio_unregister_group_dev);

/**
 * vfio_device_gate() - the gate that a device's callbacks run inside of
 * @device: the device
 *
 * For vfio_device_wait_event() and vfio_device_wake().
 *
 * Context: Any.
 * Return: the gate; valid as long as the device.
 */
struct gate *vfio_device_gate(struct vfio_device *device)
{
	return &device->skin->gate;
}
EXPORT_SYMBOL_GPL(vfio_device_gate);

/**
 * vfio_device_class_init() - register the class "vfio-dev"
 *
 * Return: 0 or -errno.
 */
int vfio_device_class_init(void)
{
	return class_register(&vfio_device_class);
}

/**
 * vfio_device_class_exit() - undo vfio_device_class_init()
 */
void vfio_device_class_exit(void)
{
	class_unregister(&vfio_device_class);
	ida_destroy(&vfio_device_ida);
}
