/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What lun.c offers to the slice table beyond afu.h
 */
#ifndef CXLFLASH_AFU_LUN_H
#define CXLFLASH_AFU_LUN_H

#include <linux/types.h>

struct cxlflash_lun;

/* One administrative act at a time, on an enabled LUN; sleeps. */
int lun_op_begin(struct cxlflash_lun *lun);
void lun_op_end(struct cxlflash_lun *lun);
void lun_op_assert_held(struct cxlflash_lun *lun);
/* The store was opened for writing, whatever the disk's WP bit says. */
bool lun_store_writable(struct cxlflash_lun *lun);
/* Between the two nobody else gets lun_tryget_io(). */
bool lun_freeze(struct cxlflash_lun *lun);
void lun_thaw(struct cxlflash_lun *lun);
/* The one in a table, which may be anything. */
void lun_adopt_wwid(struct cxlflash_lun *lun, const u8 *wwid);
/* "disabled", "enabled", "closing" */
const char *lun_state_name(struct cxlflash_lun *lun);

#endif /* CXLFLASH_AFU_LUN_H */
