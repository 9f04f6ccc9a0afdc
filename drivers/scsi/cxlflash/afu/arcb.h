/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an IOARCB asks for: pure, tested on the host
 *
 * It looks at a snapshot in the byte order of the CPU and at what its context
 * may do, and at nothing else: handles, LUNs and data come later.
 */
#ifndef CXLFLASH_AFU_ARCB_H
#define CXLFLASH_AFU_ARCB_H

#include <linux/cxlflash_sislite.h>

/**
 * enum arcb_kind - who executes a request
 * @ARCB_SCSI: a LUN
 * @ARCB_TMF: task management of a LUN
 * @ARCB_AFU: the adapter itself
 */
enum arcb_kind {
	ARCB_SCSI,
	ARCB_TMF,
	ARCB_AFU,
};

/* Permissions, as an RHT entry has them. */
#define ARCB_PERM_READ		1
#define ARCB_PERM_WRITE		2

/**
 * struct arcb_req - a request that may go on
 * @kind: who executes it
 * @perm: ARCB_PERM_* that it needs
 * @ranged: @lba and @nr_blocks were read from a 16-byte CDB
 * @moves: READ or WRITE of any length: moves as much as @data_bytes
 * @lba: first block
 * @nr_blocks: blocks
 * @data_bytes: that it counts for rate limits
 * @timeout_ns: 0: none
 */
struct arcb_req {
	enum arcb_kind kind;
	u8 perm;
	bool ranged;
	bool moves;
	u32 nr_blocks;
	u64 lba;
	u64 data_bytes;
	u64 timeout_ns;
};

void arcb_swap(struct sisl_ioarcb *arcb);
u8 arcb_parse(const struct sisl_ioarcb *arcb, u16 ctx_id, u64 caps,
	      struct arcb_req *req);
bool arcb_ioadl_is_valid(const struct sisl_ioarcb *arcb, bool allowed);

#endif /* CXLFLASH_AFU_ARCB_H */
