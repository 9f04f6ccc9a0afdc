/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a pass of the engine takes up at once
 *
 * Part of afu.h, which has the picture and the order of the locks.
 */
#ifndef CXLFLASH_AFU_FLAT_H
#define CXLFLASH_AFU_FLAT_H

#include <linux/types.h>

/* Requests that are fetched under one lock. */
#define FLAT_BATCH		32
/* Larger transfers take the long way, where they are parted. */
#define FLAT_BYTES_MAX		(64U << 10)

struct afu_cmd;
struct cxlflash_ctx;
struct cxlflash_lun;
struct cxlflash_slice;
struct afu_store;
struct store_ram;

/**
 * struct flat_done - executed, and not yet said so
 * @rrq_ea: what goes into the RRQ
 * @idx: of the request in the batch
 * @lisn: that it asks for, a valid one
 */
struct flat_done {
	u64 rrq_ea;
	u8 idx;
	u8 lisn;
};

/**
 * struct flat_target - what the requests of a batch are for, as a rule
 * @lun: counted by io_ref; NULL: none
 * @nr_cmds: that go to its store and will give a reference back
 * @slice: or NULL
 * @store: of @lun
 * @ram: of a store in memory that can be written; NULL: another one
 * @nr_blocks: that the handle shows
 * @handle: number
 * @block_lg2: of the block size
 * @may: READ and WRITE are allowed by handle and context, and by the medium
 * @memory: the store is memory
 * @dataless: and keeps nothing
 * @virt: positions are looked up in the handle
 * @chunk_blocks: with @virt: written blocks of the last chunk; 0: unknown
 * @chunk_lba: the first of them
 * @chunk_pos: where that is in the store, in bytes
 */
struct flat_target {
	struct cxlflash_lun *lun;
	unsigned int nr_cmds;
	struct cxlflash_slice *slice;
	struct afu_store *store;
	const struct store_ram *ram;
	u64 nr_blocks;
	u32 handle;
	u8 block_lg2;
	bool may[2];
	bool memory;
	bool dataless;
	bool virt;
	u32 chunk_blocks;
	u64 chunk_lba;
	u64 chunk_pos;
};

/**
 * struct flat_batch - requests in a pass; under CTX_BUSY
 * @nr: fetched
 * @nr_done: executed by the flat path, not yet posted
 * @lisns: what these ask for, or-ed
 * @from_sq: they came by the submission queue
 * @epoch: of the context when they were fetched
 * @read_bytes: moved, not yet counted
 * @write_bytes: the same
 * @start_ns: when they were fetched, if latencies are counted
 * @target: see there
 * @ea: where the IOARCBs are
 * @done: see there
 * @nr_taken: commands that wait for the end of the RCU read section
 * @taken: these
 * @nr_back: commands that were completed by the pass itself
 * @back: these
 * @collector: the task that makes the pass, while it collects @back;
 *	READ_ONCE()
 */
struct flat_batch {
	unsigned int nr;
	unsigned int nr_done;
	u8 lisns;
	bool from_sq;
	u32 epoch;
	u64 read_bytes;
	u64 write_bytes;
	u64 start_ns;
	struct flat_target target;
	u64 ea[FLAT_BATCH];
	struct flat_done done[FLAT_BATCH];
	unsigned int nr_taken;
	unsigned int nr_back;
	struct afu_cmd *taken[FLAT_BATCH];
	struct afu_cmd *back[FLAT_BATCH];
	struct task_struct *collector;
};

/* Execute what was fetched; under CTX_BUSY. */
void flat_run(struct cxlflash_ctx *ctx);

/* A command is complete: true if the pass posts it. */
bool flat_collect(struct afu_cmd *cmd);

#endif /* CXLFLASH_AFU_FLAT_H */
