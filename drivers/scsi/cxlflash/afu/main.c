// SPDX-License-Identifier: GPL-2.0-only
/*
 * cxlflash_afu.ko: a CXL flash adapter in software
 *
 * This file is init and exit only.  Start reading at afu.h, then adapter.c.
 */
#include <linux/module.h>

#include "afu.h"
#include "client.h"
#include "slice.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

static int __init afu_init(void)
{
	int ret;

	ret = debug_init();
	if (ret)
		return ret;
	ret = store_init();
	if (ret)
		goto err_debug;
	ret = lun_init();
	if (ret)
		goto err_store;
	ret = cmd_init();
	if (ret)
		goto err_lun;
	ret = ctx_init();
	if (ret)
		goto err_cmd;
	ret = client_init();
	if (ret)
		goto err_ctx;
	ret = adapter_init();
	if (ret)
		goto err_client;
	ret = slice_init();
	if (ret)
		goto err_adapter;
	ret = config_init();
	if (ret)
		goto err_slice;
	return 0;

err_slice:
	slice_exit();
err_adapter:
	adapter_exit();
err_client:
	client_exit();
err_ctx:
	ctx_exit();
err_cmd:
	cmd_exit();
err_lun:
	lun_exit();
err_store:
	store_exit();
err_debug:
	debug_exit();
	return ret;
}

static void __exit afu_exit(void)
{
	config_exit();
	/* Whoever still works there tells adapters. */
	slice_exit();
	adapter_exit();
	client_exit();
	ctx_exit();
	cmd_exit();
	lun_exit();
	store_exit();
	debug_exit();
	/* Callbacks that free LUNs, limits and tables are code of ours. */
	rcu_barrier();
}

module_init(afu_init);
module_exit(afu_exit);

MODULE_IMPORT_NS(CXLFLASH);
MODULE_DESCRIPTION("CXL flash adapter in software");
MODULE_LICENSE("GPL");
