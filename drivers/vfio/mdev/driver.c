// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mdev bus and its drivers
 *
 * A mediated device belongs to the driver of its parent and to no other.  The
 * driver core is kept from probing it when it is added: mdev_device_create()
 * binds it itself, because a failing probe has to fail the write to "create",
 * and the driver core does not tell.  Once creation is complete the device
 * matches that one driver, so that it can be unbound and bound again by hand.
 */
#include "mdev.h"

static int mdev_bus_match(struct device *dev, const struct device_driver *drv)
{
	return mdev_device_may_bind(to_mdev_node(dev), drv);
}

static int mdev_bus_probe(struct device *dev)
{
	return to_mdev_driver(dev->driver)->probe(to_mdev_device(dev));
}

static void mdev_bus_remove(struct device *dev)
{
	to_mdev_driver(dev->driver)->remove(to_mdev_device(dev));
}

const struct bus_type mdev_bus_type = {
	.name = "mdev",
	.match = mdev_bus_match,
	.probe = mdev_bus_probe,
	.remove = mdev_bus_remove,
};

/**
 * mdev_driver_is_registered() - can devices be bound to a driver?
 * @drv: the driver; its name is compared, so it must be valid memory
 *
 * A parent may be registered before its driver.
 *
 * Context: May sleep.
 * Return: true between mdev_register_driver() and mdev_unregister_driver().
 */
bool mdev_driver_is_registered(struct mdev_driver *drv)
{
	return driver_find(drv->driver.name, &mdev_bus_type) == &drv->driver;
}

/**
 * mdev_register_driver() - register a driver for mediated devices
 * @drv: the driver, valid until mdev_unregister_driver() returns
 *
 * Context: Process context, may sleep.
 * Return: 0, -EINVAL if a required member of @drv is missing, -EBUSY if there
 *         is a driver of that name, or another errno of driver_register().
 */
int mdev_register_driver(struct mdev_driver *drv)
{
	if (!drv->device_api || !drv->probe || !drv->remove)
		return -EINVAL;

	drv->driver.bus = &mdev_bus_type;
	return driver_register(&drv->driver);
}
EXPORT_SYMBOL(mdev_register_driver);

/**
 * mdev_unregister_driver() - unregister a driver
 * @drv: a registered driver; its parents have been unregistered before
 *
 * Context: Process context, may sleep.
 */
void mdev_unregister_driver(struct mdev_driver *drv)
{
	driver_unregister(&drv->driver);
}
EXPORT_SYMBOL(mdev_unregister_driver);
