/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a container backend (vfio_iommu_type1.ko) implements for the core
 *
 * Objects: a *backend* is one opened instance, behind one container.  A
 * *group* is attached to it by an opaque key.  A *user* is one open device;
 * pins belong to a user.
 *
 * The core calls ->ioctl with a reference on the backend and no lock held, so
 * several run at once, and one may still run when the last group has been
 * detached.  ->release is called when the last reference is gone.
 */
#ifndef VFIO_BACKEND_H
#define VFIO_BACKEND_H

#include <linux/gate.h>
#include <linux/list.h>
#include <linux/types.h>

struct iommu_group;
struct page;
struct vfio_backend_user;
struct vfio_device;

/**
 * enum vfio_group_type - what kind of IOMMU a group has
 * @VFIO_IOMMU: a physical one
 * @VFIO_EMULATED_IOMMU: none; the driver pins pages itself
 * @VFIO_NO_IOMMU: none at all, unsafe
 */
enum vfio_group_type {
	VFIO_IOMMU,
	VFIO_EMULATED_IOMMU,
	VFIO_NO_IOMMU,
};

/**
 * struct vfio_iommu_driver_ops - a container backend
 * @name: for messages
 * @owner: its module, referenced for every open backend
 * @open: make a backend for VFIO_*_IOMMU type @arg; NULL-data probe is not
 *	used; ERR_PTR(-EINVAL) for types it does not serve
 * @release: free it; may sleep
 * @ioctl: container ioctl; also VFIO_CHECK_EXTENSION with @data NULL
 * @attach_group: a group joins; under the container's lock; -EOPNOTSUPP for
 *	group types it does not serve
 * @detach_group: it leaves
 * @register_device: a device is opened; @gate is the device's: waits done for
 *	this user sleep on gate->wq too and end when it shuts.  Returns the
 *	user or ERR_PTR().  Called under group lock, container lock, set
 * @quiesce_device: from now on nothing done for this user waits for user
 *	space: what waits in @pin_pages and @dma_rw gives up with -ENODEV.
 *	Before close_device(), so that a driver can join its threads
 * @device_is_shut: @quiesce_device was called, or the device's gate is shut
 * @unregister_device: drop leftover pins of this user with a WARN, wait for
 *	dma_unmap callbacks in flight, free the user
 * @pin_pages: pin @npage pages at @iova for the user; all or nothing.
 *	Returns @npage or -errno (vfio_pin_pages() lists them)
 * @unpin_pages: undo
 * @dma_rw: copy between @data and @len bytes at @iova
 */
struct vfio_iommu_driver_ops {
	const char *name;
	struct module *owner;
	void *(*open)(unsigned long arg);
	void (*release)(void *data);
	long (*ioctl)(void *data, unsigned int cmd, unsigned long arg);
	int (*attach_group)(void *data, const void *key,
			    enum vfio_group_type type);
	void (*detach_group)(void *data, const void *key);
	struct vfio_backend_user *(*register_device)(void *data,
						     struct vfio_device *vdev,
						     struct gate *gate);
	void (*quiesce_device)(struct vfio_backend_user *user);
	bool (*device_is_shut)(struct vfio_backend_user *user);
	void (*unregister_device)(struct vfio_backend_user *user);
	int (*pin_pages)(struct vfio_backend_user *user, dma_addr_t iova,
			 int npage, int prot, struct page **pages);
	void (*unpin_pages)(struct vfio_backend_user *user, dma_addr_t iova,
			    int npage);
	int (*dma_rw)(struct vfio_backend_user *user, dma_addr_t iova,
		      void *data, size_t len, bool write);
};

int vfio_register_iommu_driver(const struct vfio_iommu_driver_ops *ops);
void vfio_unregister_iommu_driver(const struct vfio_iommu_driver_ops *ops);

#endif /* VFIO_BACKEND_H */
