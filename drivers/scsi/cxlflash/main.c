// SPDX-License-Identifier: GPL-2.0-only
/*
 * cxlflash.ko: module
 */
#include <linux/module.h>

#include "cxlflash.h"

static int __init cxlflash_init(void)
{
	return eh_init();
}

static void __exit cxlflash_exit(void)
{
	host_exit();
	eh_exit();
}

module_init(cxlflash_init);
module_exit(cxlflash_exit);

MODULE_DESCRIPTION("CXL flash: SCSI host");
MODULE_AUTHOR("The VFIO mediated-device framework's authors");
MODULE_LICENSE("GPL");
