/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mediated devices: parents that make devices of several types on request
 *
 * Source compatible with Linux 6.12.  A driver registers an mdev_driver, and
 * for each parent device a table of types; user space creates a device by
 * writing a UUID to a type's "create" attribute, the bus then calls probe().
 * See Documentation/driver-api/vfio-mediated-device.rst.
 */
#ifndef MDEV_H
#define MDEV_H

#include <linux/device.h>
#include <linux/rwsem.h>
#include <linux/uuid.h>

struct mdev_type;

/**
 * struct mdev_device - a mediated device
 * @dev: on the mdev bus, named by its UUID
 * @uuid: unique while the device exists; immutable
 * @next: entry in the bus's list of UUIDs in use, under the bus's lock
 * @type: what it is; immutable, referenced
 * @active: creation is complete; under the bus's lock
 */
struct mdev_device {
	struct device dev;
	guid_t uuid;
	struct list_head next;
	struct mdev_type *type;
	bool active;
};

/**
 * struct mdev_type - what a parent can make
 * @sysfs_name: the driver sets it: name in sysfs, after "<driver>-"
 * @pretty_name: the driver sets it: for the attribute "name"; optional
 */
struct mdev_type {
	const char *sysfs_name;
	const char *pretty_name;

	/* private: the core's */
	struct mdev_parent *parent;
	struct kobject kobj;
	struct kobject *devices_kobj;
};

/**
 * struct mdev_parent - a device that makes mediated devices
 * @dev: the device
 * @mdev_driver: the driver of what it makes
 * @mdev_types_kset: the directory "mdev_supported_types"
 * @unreg_sem: see below
 * @types: the table of types, under @unreg_sem
 * @nr_types: its length
 * @available_instances: devices that may still be made, if the driver does
 *	not count them itself
 *
 * Embedded in the driver's structure; every member is the core's.
 */
struct mdev_parent {
	struct device *dev;
	struct mdev_driver *mdev_driver;
	struct kset *mdev_types_kset;
	/**
	 * @unreg_sem: protects @types and @nr_types; held for reading while a
	 * device is created, for writing while the table changes; outermost
	 */
	struct rw_semaphore unreg_sem;
	struct mdev_type **types;
	unsigned int nr_types;
	atomic_t available_instances;
};

static inline struct mdev_device *to_mdev_device(struct device *dev)
{
	return container_of(dev, struct mdev_device, dev);
}

static inline struct device *mdev_dev(struct mdev_device *mdev)
{
	return &mdev->dev;
}

/**
 * struct mdev_driver - makes mediated devices work
 * @device_api: what user space finds in "device_api", e.g. "vfio-pci"
 * @max_instances: most devices under one parent, unless @get_available
 * @probe: a device was created; required
 * @remove: a device goes away; required
 * @get_available: how many more of a type can be made; optional
 * @show_description: for the attribute "description"; optional
 * @driver: the driver core's part
 * @announce: ours: the device will be removed soon; say so to its user
 *            (vfio_announce_removal()) and return; also, who waits in an
 *            attribute of the device must not any longer.  Removing a parent
 *            calls it for all devices before it removes the first, so that
 *            they share one grace; optional
 */
struct mdev_driver {
	const char *device_api;
	unsigned int max_instances;
	int (*probe)(struct mdev_device *dev);
	void (*remove)(struct mdev_device *dev);
	unsigned int (*get_available)(struct mdev_type *mtype);
	ssize_t (*show_description)(struct mdev_type *mtype, char *buf);
	struct device_driver driver;
	void (*announce)(struct mdev_device *dev);
};

int mdev_register_parent(struct mdev_parent *parent, struct device *dev,
			 struct mdev_driver *mdev_driver,
			 struct mdev_type **types, unsigned int nr_types);
void mdev_unregister_parent(struct mdev_parent *parent);

int mdev_register_driver(struct mdev_driver *drv);
void mdev_unregister_driver(struct mdev_driver *drv);

int mdev_parent_add_type(struct mdev_parent *parent, struct mdev_type *type);
void mdev_parent_remove_type(struct mdev_parent *parent,
			     struct mdev_type *type);

#endif /* MDEV_H */
