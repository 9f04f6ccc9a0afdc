// SPDX-License-Identifier: GPL-2.0-only
/*
 * A store that keeps nothing: for measuring everything else
 *
 * ->copy() of a read leaves the buffer as it is, because filling it would be
 * most of what a measurement sees.  That is safe as long as the buffer is the
 * owner's own memory; whoever reads into memory that goes on to somebody else
 * looks at STORE_DATALESS and clears it first.  ->submit() does clear it.
 */
#include "store.h"

#define STORE_NULL_SIZE		SZ_1G

static int store_null_open(struct afu_store *st,
			   const struct afu_store_params *p)
{
	st->size = p->size ?: STORE_NULL_SIZE;
	st->flags = STORE_MEMORY | STORE_DATALESS | STORE_UNMAP |
		    STORE_UNMAP_ZEROES | STORE_FAST_ZERO;
	return 0;
}

static void store_null_close(struct afu_store *st)
{
}

static int store_null_resize(struct afu_store *st, u64 size)
{
	if (!size || size % st->block_size)
		return -EINVAL;
	WRITE_ONCE(st->size, size);
	return 0;
}

static int store_null_copy(struct afu_store *st, u64 pos, void *kva, u64 len,
			   bool write)
{
	return store_check(st, write ? AFU_IO_WRITE : AFU_IO_READ, pos, len);
}

static void store_null_submit(struct afu_store *st, struct afu_io *io)
{
	int ret = store_check(st, io->op, io->pos, io->len);
	unsigned int i;

	io->store = st;
	if (!ret && io->op == AFU_IO_READ)
		for (i = 0; i < io->nr_bv; i++)
			memset(bvec_virt(&io->bv[i]), 0, io->bv[i].bv_len);
	store_end_io(io, ret);
}

const struct afu_store_ops store_null_ops = {
	.name = "null",
	.open = store_null_open,
	.close = store_null_close,
	.resize = store_null_resize,
	.copy = store_null_copy,
	.submit = store_null_submit,
};
