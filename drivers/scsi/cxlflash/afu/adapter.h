/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between adapter.c and reset.c
 */
#ifndef CXLFLASH_AFU_ADAPTER_H
#define CXLFLASH_AFU_ADAPTER_H

#include "afu.h"

int adapter_set_state(struct cxlflash_adapter *ad,
		      enum afu_adapter_state state);
void adapter_fail_ctxs(struct cxlflash_adapter *ad);
void adapter_restart_work(struct work_struct *work);

#endif /* CXLFLASH_AFU_ADAPTER_H */
