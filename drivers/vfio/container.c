// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO containers: /dev/vfio/vfio
 *
 * A container is a set of groups that share an address space for DMA, served
 * by a backend.  The backend is reference counted apart from the container:
 * one reference for the container while groups are attached, one for every
 * ioctl that runs in it.  So an ioctl holds no lock while the backend works,
 * and the last group may be detached meanwhile; what the ioctl does then is
 * undone when it returns and drops the last reference.
 */
#include <linux/compat.h>
#include <linux/file.h>
#include <linux/iommu.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "vfio.h"

/**
 * struct vfio_backend - an opened backend
 * @ref: one for the container, one per ioctl inside
 * @ops: what serves it; its module is referenced
 * @data: the backend's own
 */
struct vfio_backend {
	struct kref ref;
	const struct vfio_iommu_driver_ops *ops;
	void *data;
};

/**
 * struct vfio_container - what a group is set to
 * @ref: one for the file, one per attached group
 * @lock: protects @groups and @backend; inside the group's lock
 * @groups: attached groups, linked by &vfio_group.container_next
 * @backend: NULL until VFIO_SET_IOMMU and again when the last group has left
 */
struct vfio_container {
	struct kref ref;
	/** @lock: protects @groups and @backend; inside the group's lock */
	struct mutex lock;
	struct list_head groups;
	struct vfio_backend *backend;
};

/**
 * struct vfio_iommu_driver - a registered kind of backend
 * @ops: its functions
 * @node: entry in the list of them
 */
struct vfio_iommu_driver {
	const struct vfio_iommu_driver_ops *ops;
	struct list_head node;
};

static LIST_HEAD(iommu_drivers);
/* Protects iommu_drivers; inside the container's lock. */
static DEFINE_MUTEX(iommu_drivers_lock);

/**
 * vfio_register_iommu_driver() - add a kind of backend
 * @ops: its functions
 *
 * Context: May sleep.
 * Return: 0; -EINVAL without the pair of register_device and
 *         unregister_device; -EBUSY when it is there already; -ENOMEM.
 */
int vfio_register_iommu_driver(const struct vfio_iommu_driver_ops *ops)
{
	struct vfio_iommu_driver *driver, *tmp;
	int ret = 0;

	if (WARN_ON(!ops->register_device != !ops->unregister_device))
		return -EINVAL;
	driver = kzalloc(sizeof(*driver), GFP_KERNEL);
	if (!driver)
		return -ENOMEM;
	driver->ops = ops;

	mutex_lock(&iommu_drivers_lock);
	list_for_each_entry(tmp, &iommu_drivers, node)
		if (tmp->ops == ops)
			ret = -EBUSY;
	if (!ret)
		list_add_tail(&driver->node, &iommu_drivers);
	mutex_unlock(&iommu_drivers_lock);
	if (ret)
		kfree(driver);
	return ret;
}
EXPORT_SYMBOL_GPL(vfio_register_iommu_driver);

/**
 * vfio_unregister_iommu_driver() - undo vfio_register_iommu_driver()
 * @ops: its functions
 *
 * Context: May sleep.  From the module's exit: no backend of it is open.
 */
void vfio_unregister_iommu_driver(const struct vfio_iommu_driver_ops *ops)
{
	struct vfio_iommu_driver *driver, *tmp;

	mutex_lock(&iommu_drivers_lock);
	list_for_each_entry_safe(driver, tmp, &iommu_drivers, node) {
		if (driver->ops != ops)
			continue;
		list_del(&driver->node);
		kfree(driver);
	}
	mutex_unlock(&iommu_drivers_lock);
}
EXPORT_SYMBOL_GPL(vfio_unregister_iommu_driver);

static void vfio_backend_free(struct kref *ref)
{
	struct vfio_backend *backend =
		container_of(ref, struct vfio_backend, ref);

	backend->ops->release(backend->data);
	module_put(backend->ops->owner);
	kfree(backend);
}

/**
 * vfio_backend_put() - drop a reference
 * @backend: the backend
 *
 * Context: May sleep and unpin memory; no lock of the core held.
 */
void vfio_backend_put(struct vfio_backend *backend)
{
	kref_put(&backend->ref, vfio_backend_free);
}

static void vfio_container_free(struct kref *ref)
{
	struct vfio_container *container =
		container_of(ref, struct vfio_container, ref);

	WARN_ON(container->backend);
	mutex_destroy(&container->lock);
	kfree(container);
}

/**
 * vfio_container_put() - drop a reference
 * @container: the container
 */
void vfio_container_put(struct vfio_container *container)
{
	kref_put(&container->ref, vfio_container_free);
}

static struct vfio_backend *vfio_container_get_backend(
	struct vfio_container *container)
{
	struct vfio_backend *backend;

	mutex_lock(&container->lock);
	backend = container->backend;
	if (backend)
		kref_get(&backend->ref);
	mutex_unlock(&container->lock);
	return backend;
}

/* Without a backend of its own: does any kind of backend have it? */
static long vfio_check_extension_any(unsigned long arg)
{
	struct vfio_iommu_driver *driver;
	long ret = 0;

	mutex_lock(&iommu_drivers_lock);
	list_for_each_entry(driver, &iommu_drivers, node) {
		if (!try_module_get(driver->ops->owner))
			continue;
		ret = driver->ops->ioctl(NULL, VFIO_CHECK_EXTENSION, arg);
		module_put(driver->ops->owner);
		if (ret > 0)
			break;
	}
	mutex_unlock(&iommu_drivers_lock);
	return ret;
}

/* Open a backend for a type; the module reference is handed over with it. */
static struct vfio_backend *vfio_backend_open(unsigned long type)
{
	const struct vfio_iommu_driver_ops *ops = NULL;
	struct vfio_iommu_driver *driver;
	struct vfio_backend *backend;
	int ret;

	mutex_lock(&iommu_drivers_lock);
	list_for_each_entry(driver, &iommu_drivers, node) {
		if (!try_module_get(driver->ops->owner))
			continue;
		if (driver->ops->ioctl(NULL, VFIO_CHECK_EXTENSION, type) > 0) {
			ops = driver->ops;
			break;
		}
		module_put(driver->ops->owner);
	}
	mutex_unlock(&iommu_drivers_lock);
	if (!ops)
		return ERR_PTR(-ENODEV);

	backend = kzalloc(sizeof(*backend), GFP_KERNEL_ACCOUNT);
	if (!backend) {
		ret = -ENOMEM;
		goto err_module_put;
	}
	kref_init(&backend->ref);
	backend->ops = ops;
	backend->data = ops->open(type);
	if (IS_ERR(backend->data)) {
		ret = PTR_ERR(backend->data);
		goto err_free;
	}
	return backend;

err_free:
	kfree(backend);
err_module_put:
	module_put(ops->owner);
	return ERR_PTR(ret);
}

/* Attach all groups of the container, or none. */
static int vfio_backend_attach_all(struct vfio_backend *backend,
				   struct vfio_container *container)
{
	struct vfio_group *group;
	int ret;

	lockdep_assert_held(&container->lock);
	list_for_each_entry(group, &container->groups, container_next) {
		ret = backend->ops->attach_group(backend->data, group,
						 group->type);
		if (ret)
			goto err_detach;
	}
	return 0;

err_detach:
	list_for_each_entry_continue_reverse(group, &container->groups,
					     container_next)
		backend->ops->detach_group(backend->data, group);
	return ret;
}

static long vfio_container_set_iommu(struct vfio_container *container,
				     unsigned long type)
{
	struct vfio_backend *backend = NULL;
	long ret;

	mutex_lock(&container->lock);
	if (list_empty(&container->groups) || container->backend) {
		ret = -EINVAL;
		goto out_unlock;
	}
	backend = vfio_backend_open(type);
	if (IS_ERR(backend)) {
		ret = PTR_ERR(backend);
		backend = NULL;
		goto out_unlock;
	}
	ret = vfio_backend_attach_all(backend, container);
	if (!ret) {
		container->backend = backend;
		backend = NULL;
	}
out_unlock:
	mutex_unlock(&container->lock);
	if (backend)
		vfio_backend_put(backend);
	return ret;
}

static long vfio_container_backend_ioctl(struct vfio_container *container,
					 unsigned int cmd, unsigned long arg)
{
	struct vfio_backend *backend;
	long ret;

	backend = vfio_container_get_backend(container);
	if (!backend) {
		if (cmd == VFIO_CHECK_EXTENSION)
			return vfio_check_extension_any(arg);
		return -EINVAL;
	}
	ret = backend->ops->ioctl(backend->data, cmd, arg);
	vfio_backend_put(backend);
	return ret;
}

static long vfio_container_fops_unl_ioctl(struct file *file, unsigned int cmd,
					  unsigned long arg)
{
	struct vfio_container *container = file->private_data;

	switch (cmd) {
	case VFIO_GET_API_VERSION:
		return VFIO_API_VERSION;
	case VFIO_SET_IOMMU:
		return vfio_container_set_iommu(container, arg);
	default:
		return vfio_container_backend_ioctl(container, cmd, arg);
	}
}

static int vfio_container_fops_open(struct inode *inode, struct file *file)
{
	struct vfio_container *container;

	container = kzalloc(sizeof(*container), GFP_KERNEL_ACCOUNT);
	if (!container)
		return -ENOMEM;
	kref_init(&container->ref);
	mutex_init(&container->lock);
	INIT_LIST_HEAD(&container->groups);
	file->private_data = container;
	return 0;
}

static int vfio_container_fops_release(struct inode *inode, struct file *file)
{
	vfio_container_put(file->private_data);
	return 0;
}

static const struct file_operations vfio_container_fops = {
	.owner = THIS_MODULE,
	.open = vfio_container_fops_open,
	.release = vfio_container_fops_release,
	.unlocked_ioctl = vfio_container_fops_unl_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

/**
 * vfio_container_from_file() - the container behind a struct file
 * @file: any file
 *
 * Context: Any.
 * Return: it, kept by @file; NULL for a file of another kind.
 */
struct vfio_container *vfio_container_from_file(struct file *file)
{
	return file->f_op == &vfio_container_fops ? file->private_data : NULL;
}

/**
 * vfio_container_attach_group() - set a group to a container
 * @container: the container
 * @group: the group, in no container
 *
 * Context: Under the group's lock.
 * Return: 0 or what the backend said.
 */
int vfio_container_attach_group(struct vfio_container *container,
				struct vfio_group *group)
{
	struct vfio_backend *backend;
	int ret = 0;

	lockdep_assert_held(&group->group_lock);

	mutex_lock(&container->lock);
	backend = container->backend;
	if (backend)
		ret = backend->ops->attach_group(backend->data, group,
						 group->type);
	if (!ret) {
		kref_get(&container->ref);
		list_add(&group->container_next, &container->groups);
		group->container = container;
		group->container_users = 1;
	}
	mutex_unlock(&container->lock);
	return ret;
}

/**
 * vfio_container_detach_group() - undo vfio_container_attach_group()
 * @group: the group, none of its devices open
 * @late: where the references go
 *
 * Context: Under the group's lock.
 */
void vfio_container_detach_group(struct vfio_group *group,
				 struct vfio_late_puts *late)
{
	struct vfio_container *container = group->container;
	struct vfio_backend *backend;

	lockdep_assert_held(&group->group_lock);

	mutex_lock(&container->lock);
	backend = container->backend;
	if (backend)
		backend->ops->detach_group(backend->data, group);
	list_del(&group->container_next);
	/* The last group takes the backend along: a new one can be chosen. */
	if (list_empty(&container->groups)) {
		container->backend = NULL;
		late->backend = backend;
	}
	mutex_unlock(&container->lock);

	group->container = NULL;
	group->container_users = 0;
	late->container = container;
}

/**
 * vfio_container_has_backend() - can devices be opened in a container?
 * @container: the container or NULL
 *
 * Context: Takes the container's lock.
 * Return: true if it has a backend; then it keeps it as long as the caller
 *         holds the lock of a group in it, or has a device open.
 */
bool vfio_container_has_backend(struct vfio_container *container)
{
	bool ret;

	if (!container)
		return false;
	mutex_lock(&container->lock);
	ret = container->backend;
	mutex_unlock(&container->lock);
	return ret;
}

/**
 * vfio_container_register_device() - a device is opened
 * @container: its group's container, with a backend
 * @device: the device
 *
 * Context: Under the group's lock and the set's.
 * Return: 0; -EINVAL for a driver that pins but has no dma_unmap(); -ENOMEM.
 */
int vfio_container_register_device(struct vfio_container *container,
				   struct vfio_device *device)
{
	struct vfio_backend *backend = container->backend;
	struct vfio_backend_user *user;

	user = backend->ops->register_device(backend->data, device,
					     &device->skin->gate);
	if (IS_ERR(user))
		return PTR_ERR(user);
	device->container = container;
	device->user = user;
	return 0;
}

/**
 * vfio_container_quiesce_device() - nothing waits for user space any more
 * @device: the device, still registered with its container
 *
 * Context: Before close_device(), under the group's lock and the set's.
 */
void vfio_container_quiesce_device(struct vfio_device *device)
{
	struct vfio_backend *backend = device->container->backend;

	if (backend->ops->quiesce_device)
		backend->ops->quiesce_device(device->user);
}

/**
 * vfio_container_unregister_device() - a device has been closed
 * @device: the device
 *
 * Context: After close_device(), under the group's lock and the set's.
 */
void vfio_container_unregister_device(struct vfio_device *device)
{
	struct vfio_backend *backend = device->container->backend;

	backend->ops->unregister_device(device->user);
	device->user = NULL;
	device->container = NULL;
}

/* The backend's functions, while the device is open. */
static const struct vfio_iommu_driver_ops *
vfio_device_backend_ops(struct vfio_device *device)
{
	if (WARN_ON_ONCE(!READ_ONCE(device->open_count)) || !device->user)
		return NULL;
	return device->container->backend->ops;
}

/**
 * vfio_pin_pages() - pin the user pages behind a range of IOVA
 * @device: the device, open
 * @iova: the first, page aligned
 * @npage: how many pages, at most VFIO_PIN_PAGES_MAX_ENTRIES
 * @prot: IOMMU_READ and/or IOMMU_WRITE: what the mapping must allow
 * @pages: the pages
 *
 * All or nothing.  The driver must have ops->dma_unmap(), and unpin when that
 * says so.
 *
 * Context: May sleep and fault.  Between the start of open_device() and the
 *          end of close_device().
 * Return: @npage; -EINVAL for bad arguments or a range that is not mapped;
 *         -E2BIG; -EPERM when the mapping forbids @prot; -EACCES for a type 1
 *         (v1) container; -EFAULT when the memory is not there; -ENOMEM, also
 *         for the locked-memory limit; -ENODEV when the device is being closed
 *         or removed and the memory is not there at once, or when its process
 *         has exited: vfio_device_is_shut() tells which.
 */
int vfio_pin_pages(struct vfio_device *device, dma_addr_t iova, int npage,
		   int prot, struct page **pages)
{
	const struct vfio_iommu_driver_ops *ops;

	if (!pages || npage <= 0 || !device->ops->dma_unmap)
		return -EINVAL;
	ops = vfio_device_backend_ops(device);
	if (!ops)
		return -EINVAL;
	if (npage > VFIO_PIN_PAGES_MAX_ENTRIES)
		return -E2BIG;
	return ops->pin_pages(device->user, iova, npage, prot, pages);
}
EXPORT_SYMBOL(vfio_pin_pages);

/**
 * vfio_device_is_shut() - is the device being closed or removed?
 * @device: the device, open
 *
 * Then nothing that is done for it waits for user space, and vfio_pin_pages()
 * and vfio_dma_rw() say -ENODEV if they would have to.
 *
 * Context: Any.  Between the start of open_device() and the end of
 *          close_device().
 * Return: true if it is.
 */
bool vfio_device_is_shut(struct vfio_device *device)
{
	const struct vfio_iommu_driver_ops *ops;

	ops = vfio_device_backend_ops(device);
	return !ops || ops->device_is_shut(device->user);
}
EXPORT_SYMBOL_GPL(vfio_device_is_shut);

/**
 * vfio_unpin_pages() - undo vfio_pin_pages()
 * @device: the device, open
 * @iova: the first
 * @npage: how many pages
 *
 * Context: May sleep.
 */
void vfio_unpin_pages(struct vfio_device *device, dma_addr_t iova, int npage)
{
	const struct vfio_iommu_driver_ops *ops;

	if (WARN_ON_ONCE(npage <= 0 || !device->ops->dma_unmap))
		return;
	ops = vfio_device_backend_ops(device);
	if (ops)
		ops->unpin_pages(device->user, iova, npage);
}
EXPORT_SYMBOL(vfio_unpin_pages);

/**
 * vfio_dma_rw() - copy between kernel memory and IOVA
 * @device: the device, open
 * @iova: where in the device's view
 * @data: kernel memory
 * @len: bytes
 * @write: to @iova if true
 *
 * Context: May sleep and fault; a task of the process that mapped, or a kernel
 *          thread.
 * Return: 0; -EINVAL for bad arguments or what is not mapped; -EPERM when the
 *         mapping forbids it or its process is gone; -EFAULT; -ENODEV as for
 *         vfio_pin_pages().
 */
int vfio_dma_rw(struct vfio_device *device, dma_addr_t iova, void *data,
		size_t len, bool write)
{
	const struct vfio_iommu_driver_ops *ops;

	if (!data || !len)
		return -EINVAL;
	ops = vfio_device_backend_ops(device);
	if (!ops)
		return -EINVAL;
	return ops->dma_rw(device->user, iova, data, len, write);
}
EXPORT_SYMBOL(vfio_dma_rw);

static struct miscdevice vfio_container_misc = {
	.minor = VFIO_MINOR,
	.name = "vfio",
	.fops = &vfio_container_fops,
	.nodename = "vfio/vfio",
	.mode = 0666,
};

/**
 * vfio_container_init() - make /dev/vfio/vfio
 *
 * Return: 0 or -errno.
 */
int vfio_container_init(void)
{
	return misc_register(&vfio_container_misc);
}

/**
 * vfio_container_exit() - undo vfio_container_init()
 */
void vfio_container_exit(void)
{
	misc_deregister(&vfio_container_misc);
}
