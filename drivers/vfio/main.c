// SPDX-License-Identifier: GPL-2.0-only
/*
 * vfio.ko: safe access to devices from user space, for devices that are
 * mediated by a driver
 *
 * This file is init and exit only.  Start reading at vfio.h, then device.c.
 */
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "vfio.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

static int __init vfio_init(void)
{
	int ret;

	ret = skin_init_fs();
	if (ret)
		return ret;
	ret = vfio_virqfd_init();
	if (ret)
		goto err_skin_fs;
	ret = vfio_device_class_init();
	if (ret)
		goto err_virqfd;
	ret = vfio_group_init();
	if (ret)
		goto err_device_class;
	ret = vfio_container_init();
	if (ret)
		goto err_group;
	vfio_debugfs_init();
	return 0;

err_group:
	vfio_group_exit();
err_device_class:
	vfio_device_class_exit();
err_virqfd:
	vfio_virqfd_exit();
err_skin_fs:
	skin_exit_fs();
	return ret;
}

static void __exit vfio_exit(void)
{
	vfio_debugfs_exit();
	vfio_container_exit();
	vfio_group_exit();
	vfio_device_class_exit();
	vfio_virqfd_exit();
	skin_exit_fs();
	vfio_device_sets_destroy();
}

module_init(vfio_init);
module_exit(vfio_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The VFIO mediated-device framework's authors");
MODULE_DESCRIPTION("VFIO core with bounded removal");
MODULE_ALIAS_MISCDEV(VFIO_MINOR);
MODULE_ALIAS("devname:vfio/vfio");
MODULE_SOFTDEP("post: vfio_iommu_type1");
