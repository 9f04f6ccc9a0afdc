// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slices: parts of a LUN as mediated devices, for virtual machines
 *
 * The AFU tells of adapters and LUNs, by &slice_client; each adapter becomes a
 * parent of mediated devices, each formatted and active LUN some types of it:
 *
 *   adapter a0     = parent  a0         (struct slice_parent)
 *     LUN data     = types   cxlflash-data-1G, -8G, -64G, -rest (slice_lun)
 *       a slice    = device  <uuid>     (struct slice_mdev)
 *
 * The module only keeps what the AFU does not: which devices there are.  All
 * that outlives a device is in the LUN's table of slices.
 */
#include <linux/module.h>

#include "slice_mdev.h"

struct mdev_driver slice_mdev_driver = {
	.device_api = VFIO_DEVICE_API_PCI_STRING,
	.probe = slice_probe,
	.remove = slice_remove,
	.get_available = slice_type_available,
	.show_description = slice_type_description,
	.announce = slice_announce,
	.driver = {
		.name = "cxlflash_mdev",
		.owner = THIS_MODULE,
		.mod_name = KBUILD_MODNAME,
		/* There from after probe() until before remove(). */
		.dev_groups = slice_groups,
	},
};

static struct cxlflash_client slice_client = {
	.owner = THIS_MODULE,
	.adapter_added = slice_parent_add,
	.adapter_removing = slice_parent_remove,
	.luns_changed = slice_parent_luns_changed,
	.lun_removing = slice_parent_lun_removing,
	.reset_begin = slice_parent_reset_begin,
	.reset_end = slice_parent_reset_end,
};

static int __init slice_module_init(void)
{
	int ret;

	ret = mdev_register_driver(&slice_mdev_driver);
	if (ret)
		return ret;
	ret = cxlflash_client_register(&slice_client);
	if (ret)
		mdev_unregister_driver(&slice_mdev_driver);
	return ret;
}

static void __exit slice_module_exit(void)
{
	cxlflash_client_unregister(&slice_client);
	mdev_unregister_driver(&slice_mdev_driver);
}

module_init(slice_module_init);
module_exit(slice_module_exit);

MODULE_DESCRIPTION("Slices of CXL flash LUNs as mediated devices");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(CXLFLASH_AFU);
