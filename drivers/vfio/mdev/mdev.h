/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside mdev.ko; the life cycle is told at the top of core.c
 */
#ifndef DRIVERS_VFIO_MDEV_MDEV_H
#define DRIVERS_VFIO_MDEV_MDEV_H

#include <linux/completion.h>
#include <linux/mdev.h>

/**
 * enum mdev_announcement - has the device's user been told that it goes?
 * @MDEV_QUIET: no
 * @MDEV_BUSY: not yet, the device was locked
 * @MDEV_ANNOUNCED: yes, or it is about to be told
 */
enum mdev_announcement {
	MDEV_QUIET,
	MDEV_BUSY,
	MDEV_ANNOUNCED,
};

/**
 * struct mdev_node - a mediated device and what the core knows of it
 * @mdev: what the driver sees
 * @parent: who made it; driver memory, not to be touched after @gone
 * @drv: the only driver that may be bound to it; compared, never followed,
 *	 because the bus may look at a device long after it was deleted
 * @going: somebody has claimed the removal; under the list lock
 * @announcement: progress of the announcement; under the list lock
 * @gone: completed when the device is deleted
 */
struct mdev_node {
	struct mdev_device mdev;
	struct mdev_parent *parent;
	const struct device_driver *drv;
	bool going;
	enum mdev_announcement announcement;
	struct completion gone;
};

static inline struct mdev_node *to_mdev_node(struct device *dev)
{
	return container_of(to_mdev_device(dev), struct mdev_node, mdev);
}

static inline struct mdev_driver *to_mdev_driver(struct device_driver *drv)
{
	return container_of(drv, struct mdev_driver, driver);
}

/* core.c */
extern struct class_compat *mdev_compat_class;
int mdev_device_create(struct mdev_type *type, const guid_t *uuid);
int mdev_device_claim(struct mdev_node *node);
void mdev_device_delete(struct mdev_node *node);
bool mdev_device_may_bind(struct mdev_node *node,
			  const struct device_driver *drv);

/* driver.c */
extern const struct bus_type mdev_bus_type;
bool mdev_driver_is_registered(struct mdev_driver *drv);

/* sysfs.c */
extern const struct attribute_group *mdev_device_groups[];
int mdev_type_add(struct mdev_parent *parent, struct mdev_type *type);
void mdev_type_offer(struct mdev_type *type);
void mdev_type_del(struct mdev_type *type);
int mdev_device_link(struct mdev_device *mdev);
void mdev_device_unlink(struct mdev_device *mdev);

#endif /* DRIVERS_VFIO_MDEV_MDEV_H */
