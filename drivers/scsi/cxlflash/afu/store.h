/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kinds of stores share
 */
#ifndef CXLFLASH_AFU_STORE_H
#define CXLFLASH_AFU_STORE_H

#include <linux/mempool.h>
#include <linux/uio.h>

#include "afu.h"

/* In st->flags: opened read-only; nothing outside asks. */
#define STORE_READ_ONLY		BIT(31)
/* How much a bounce buffer holds. */
#define STORE_BOUNCE_PAGES	16

/**
 * typedef store_bounce_fn - move a piece between memory that suits and a store
 * @io: the request; only its op and fua count, bio and iocb are free to use
 * @bv: whole pages, the last one perhaps in part
 * @nr_bv: how many
 * @pos: first byte in the store
 * @len: bytes
 *
 * Return: 0 or an errno.
 */
typedef int (*store_bounce_fn)(struct afu_io *io, struct bio_vec *bv,
			       unsigned int nr_bv, u64 pos, u32 len);

int store_errno(int error);
void store_end_io(struct afu_io *io, int error);
int store_check(const struct afu_store *st, enum afu_io_op op, u64 pos,
		u64 len);
bool store_io_is_aligned(const struct afu_io *io, u32 offset_mask,
			 u32 len_mask);
mempool_t *store_bounce_pool_create(void);
int store_bounce(struct afu_io *io, mempool_t *pool, store_bounce_fn move);
int store_copy_io(struct afu_io *io);
unsigned int store_noio_begin(void);
void store_noio_end(unsigned int flags);
struct workqueue_struct *store_wq_create(const char *kind);

/* store_ram.c: the record store keeps its data in one. */
int store_ram_write(struct afu_store *st, u64 pos, const void *from, u64 len,
		    gfp_t gfp);
void store_ram_discard(struct afu_store *st, u64 pos, u64 len);

/* store_record.c */
void store_record_init(void);
void store_record_exit(void);

#endif /* CXLFLASH_AFU_STORE_H */
