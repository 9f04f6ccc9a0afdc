// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/vfio/sets: device sets, their members and open counts
 */
#include <linux/debugfs.h>

#include "vfio.h"

static struct dentry *vfio_debugfs_root;

static int sets_show(struct seq_file *s, void *unused)
{
	vfio_device_sets_show(s);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(sets);

/**
 * vfio_debugfs_init() - make the directory; failure does no harm
 */
void vfio_debugfs_init(void)
{
	vfio_debugfs_root = debugfs_create_dir("vfio", NULL);
	debugfs_create_file("sets", 0400, vfio_debugfs_root, NULL, &sets_fops);
}

/**
 * vfio_debugfs_exit() - remove it
 */
void vfio_debugfs_exit(void)
{
	debugfs_remove_recursive(vfio_debugfs_root);
}
