/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The part of afu.h that chunks and slice tables see, on the host: include it
 * first, and the real one finds its guard taken
 */
#ifndef CXLFLASH_AFU_H
#define CXLFLASH_AFU_H

#include "lun_shim.h"

#include <linux/cxlflash_sislite.h>

enum afu_io_op {
	AFU_IO_READ,
	AFU_IO_WRITE,
};

#define STORE_FAST_ZERO		BIT(3)
#define STORE_DATALESS		BIT(4)

struct afu_store {
	unsigned int flags;
	u64 size;
};

struct chunk_map;
struct lun_table;

struct cxlflash_lun {
	char name[32];
	u8 wwid[16];
	/** @lock: as in the real one */
	struct mutex lock;
	struct afu_store *store;
	unsigned int block_lg2;
	bool secret;
	bool formatted;
	bool gone;
	unsigned int nr_users;
	struct chunk_map *chunks;
	struct lun_table *table;
};

bool lun_tryget_io(struct cxlflash_lun *lun);
void lun_put_io(struct cxlflash_lun *lun);
int store_rw_sync(struct afu_store *st, enum afu_io_op op, u64 pos, void *buf,
		  u64 len, bool fua);
int store_flush_sync(struct afu_store *st);
int store_zero_sync(struct afu_store *st, u64 pos, u64 len);

#endif /* CXLFLASH_AFU_H */
