/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SCSI command descriptor blocks: bytes to requests, pure, tested on the host
 *
 * Nothing here knows a LUN.  What depends on one (capacity, limits, whether it
 * can unmap) is left to disk.c.
 */
#ifndef CXLFLASH_AFU_CDB_H
#define CXLFLASH_AFU_CDB_H

#include <linux/types.h>
#include <linux/unaligned.h>

#define CDB_LEN			16

/* Operation codes. */
#define CDB_OP_TEST_UNIT_READY	0x00
#define CDB_OP_REQUEST_SENSE	0x03
#define CDB_OP_READ_6		0x08
#define CDB_OP_WRITE_6		0x0a
#define CDB_OP_INQUIRY		0x12
#define CDB_OP_MODE_SELECT_6	0x15
#define CDB_OP_MODE_SENSE_6	0x1a
#define CDB_OP_START_STOP	0x1b
#define CDB_OP_READ_CAPACITY_10	0x25
#define CDB_OP_READ_10		0x28
#define CDB_OP_WRITE_10		0x2a
#define CDB_OP_VERIFY_10	0x2f
#define CDB_OP_SYNC_CACHE_10	0x35
#define CDB_OP_WRITE_SAME_10	0x41
#define CDB_OP_UNMAP		0x42
#define CDB_OP_MODE_SELECT_10	0x55
#define CDB_OP_MODE_SENSE_10	0x5a
#define CDB_OP_PR_IN		0x5e
#define CDB_OP_PR_OUT		0x5f
#define CDB_OP_READ_16		0x88
#define CDB_OP_WRITE_16		0x8a
#define CDB_OP_VERIFY_16	0x8f
#define CDB_OP_SYNC_CACHE_16	0x91
#define CDB_OP_WRITE_SAME_16	0x93
#define CDB_OP_SERVICE_IN_16	0x9e
#define CDB_OP_REPORT_LUNS	0xa0
#define CDB_OP_MAINTENANCE_IN	0xa3
#define CDB_OP_READ_12		0xa8
#define CDB_OP_WRITE_12		0xaa
#define CDB_OP_VERIFY_12	0xaf

/* Service actions. */
#define CDB_SA_READ_CAPACITY_16	0x10
#define CDB_SA_REPORT_OPCODES	0x0c
#define CDB_SA_REPORT_TMFS	0x0d
#define CDB_PR_IN_KEYS		0
#define CDB_PR_IN_RESERVATION	1
#define CDB_PR_IN_CAPABILITIES	2
#define CDB_PR_IN_FULL_STATUS	3
#define CDB_PR_REGISTER		0
#define CDB_PR_RESERVE		1
#define CDB_PR_RELEASE		2
#define CDB_PR_CLEAR		3
#define CDB_PR_PREEMPT		4
#define CDB_PR_PREEMPT_ABORT	5
#define CDB_PR_REGISTER_IGNORE	6

/* A sense key, additional code and qualifier in one number; 0: none. */
#define CDB_SENSE(key, asc, ascq)	((u32)(key) << 16 | (asc) << 8 | (ascq))
#define CDB_SENSE_BAD_OPCODE	CDB_SENSE(0x5, 0x20, 0x00)
#define CDB_SENSE_LBA_RANGE	CDB_SENSE(0x5, 0x21, 0x00)
#define CDB_SENSE_BAD_FIELD	CDB_SENSE(0x5, 0x24, 0x00)
#define CDB_SENSE_LIST_LENGTH	CDB_SENSE(0x5, 0x1a, 0x00)
#define CDB_SENSE_NO_LUN	CDB_SENSE(0x5, 0x25, 0x00)
#define CDB_SENSE_BAD_PARAM	CDB_SENSE(0x5, 0x26, 0x00)
#define CDB_SENSE_BAD_RELEASE	CDB_SENSE(0x5, 0x26, 0x04)
#define CDB_SENSE_NO_SAVING	CDB_SENSE(0x5, 0x39, 0x00)
#define CDB_SENSE_NO_RESOURCES	CDB_SENSE(0x5, 0x55, 0x04)
#define CDB_SENSE_PROTECTED	CDB_SENSE(0x7, 0x27, 0x00)
#define CDB_SENSE_MISCOMPARE	CDB_SENSE(0xe, 0x1d, 0x00)

/**
 * enum cdb_kind - commands, whatever the length of their CDB
 * @CDB_TEST_UNIT_READY: TEST UNIT READY
 * @CDB_REQUEST_SENSE: REQUEST SENSE
 * @CDB_RW: READ and WRITE
 * @CDB_INQUIRY: INQUIRY
 * @CDB_MODE_SELECT: MODE SELECT
 * @CDB_MODE_SENSE: MODE SENSE
 * @CDB_START_STOP: START STOP UNIT
 * @CDB_READ_CAPACITY_10: READ CAPACITY(10)
 * @CDB_READ_CAPACITY_16: READ CAPACITY(16)
 * @CDB_VERIFY: VERIFY
 * @CDB_SYNC_CACHE: SYNCHRONIZE CACHE
 * @CDB_WRITE_SAME: WRITE SAME
 * @CDB_UNMAP: UNMAP
 * @CDB_PR_IN: PERSISTENT RESERVE IN
 * @CDB_PR_OUT: PERSISTENT RESERVE OUT
 * @CDB_REPORT_LUNS: REPORT LUNS
 * @CDB_REPORT_OPCODES: REPORT SUPPORTED OPERATION CODES
 * @CDB_REPORT_TMFS: REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS
 * @CDB_NR_KINDS: how many
 */
enum cdb_kind {
	CDB_TEST_UNIT_READY,
	CDB_REQUEST_SENSE,
	CDB_RW,
	CDB_INQUIRY,
	CDB_MODE_SELECT,
	CDB_MODE_SENSE,
	CDB_START_STOP,
	CDB_READ_CAPACITY_10,
	CDB_READ_CAPACITY_16,
	CDB_VERIFY,
	CDB_SYNC_CACHE,
	CDB_WRITE_SAME,
	CDB_UNMAP,
	CDB_PR_IN,
	CDB_PR_OUT,
	CDB_REPORT_LUNS,
	CDB_REPORT_OPCODES,
	CDB_REPORT_TMFS,
	CDB_NR_KINDS,
};

/**
 * enum cdb_dir - which way data go
 * @CDB_DIR_NONE: there are none
 * @CDB_DIR_IN: to the initiator
 * @CDB_DIR_OUT: from the initiator
 */
enum cdb_dir {
	CDB_DIR_NONE,
	CDB_DIR_IN,
	CDB_DIR_OUT,
};

/**
 * enum cdb_access - what reservations of others forbid
 * @CDB_ACCESS_FREE: nothing
 * @CDB_ACCESS_READ: it conflicts with exclusive access
 * @CDB_ACCESS_WRITE: it conflicts with any reservation
 */
enum cdb_access {
	CDB_ACCESS_FREE,
	CDB_ACCESS_READ,
	CDB_ACCESS_WRITE,
};

/* Flags of a request. */
#define CDB_FUA			0x0001	/* force unit access */
#define CDB_DPO			0x0002	/* disable page out: a hint */
#define CDB_DO_UNMAP		0x0004	/* WRITE SAME may unmap */
#define CDB_NDOB		0x0008	/* WRITE SAME without data: zeros */
#define CDB_EVPD		0x0010	/* INQUIRY of a VPD page */
#define CDB_DBD			0x0020	/* no block descriptors */
#define CDB_LONG_LBA		0x0040	/* long block descriptors */
#define CDB_TEN			0x0080	/* the ten-byte form of MODE SENSE */
#define CDB_START		0x0100	/* START STOP UNIT starts */
#define CDB_RCTD		0x0200	/* with command timeouts */
#define CDB_DESC		0x0400	/* descriptor format of sense data */
#define CDB_NO_FLUSH		0x0800	/* START STOP UNIT without a flush */
#define CDB_BLOCKS		0x1000	/* @lba and @nr_blocks are set */
#define CDB_CHANGES		0x2000	/* changes the medium */

/**
 * struct cdb_req - a command
 * @kind: which
 * @dir: of its data
 * @access: as seen by reservations
 * @flags: CDB_*
 * @lba: first block, with %CDB_BLOCKS
 * @nr_blocks: blocks, with %CDB_BLOCKS
 * @len: allocation length or parameter list length, bytes
 * @sa: service action
 * @page: code of a page; operation code that is asked about
 * @subpage: of a mode page
 * @pc: page control: which values of a mode page
 * @mode: scope and type of a reservation; reporting options; what VERIFY
 *	compares; which LUNs to report
 * @asked_sa: service action that is asked about
 */
struct cdb_req {
	enum cdb_kind kind;
	enum cdb_dir dir;
	enum cdb_access access;
	u32 flags;
	u64 lba;
	u32 nr_blocks;
	u32 len;
	u8 sa;
	u8 page;
	u8 subpage;
	u8 pc;
	u8 mode;
	u16 asked_sa;
};

/**
 * struct cdb_rw - READ or WRITE: what the hot path needs
 * @lba: first block
 * @nr_blocks: blocks
 * @write: which of the two
 * @fua: force unit access
 * @bad: a field has a value that is not supported
 */
struct cdb_rw {
	u64 lba;
	u32 nr_blocks;
	bool write;
	bool fua;
	bool bad;
};

#define CDB_PROTECT		0xe0	/* of byte 1: protection information */
#define CDB_NACA		0x04	/* of the control byte */

/* READ(16) or WRITE(16)? */
static inline bool cdb_is_rw_16(const u8 *cdb)
{
	return (cdb[0] & ~2) == CDB_OP_READ_16;
}

/*
 * Parse READ and WRITE of any length; false: it is something else.  Inline, for
 * the hot path: READ(16) and WRITE(16) come first.
 */
static inline bool cdb_parse_rw(const u8 *cdb, struct cdb_rw *rw)
{
	u8 control;

	switch (cdb[0]) {
	case CDB_OP_READ_16:
	case CDB_OP_WRITE_16:
		rw->lba = get_unaligned_be64(cdb + 2);
		rw->nr_blocks = get_unaligned_be32(cdb + 10);
		control = cdb[15];
		break;
	case CDB_OP_READ_10:
	case CDB_OP_WRITE_10:
		rw->lba = get_unaligned_be32(cdb + 2);
		rw->nr_blocks = get_unaligned_be16(cdb + 7);
		control = cdb[9];
		break;
	case CDB_OP_READ_12:
	case CDB_OP_WRITE_12:
		rw->lba = get_unaligned_be32(cdb + 2);
		rw->nr_blocks = get_unaligned_be32(cdb + 6);
		control = cdb[11];
		break;
	case CDB_OP_READ_6:
	case CDB_OP_WRITE_6:
		rw->lba = get_unaligned_be32(cdb) & 0x1fffff;
		rw->nr_blocks = cdb[4] ? cdb[4] : 256;
		rw->write = cdb[0] & 2;
		rw->fua = false;
		rw->bad = cdb[5] & CDB_NACA;
		return true;
	default:
		return false;
	}
	/* The one bit by which the codes differ. */
	rw->write = cdb[0] & 2;
	rw->fua = cdb[1] & 8;
	rw->bad = (cdb[1] & CDB_PROTECT) | (control & CDB_NACA);
	return true;
}

u32 cdb_parse(const u8 *cdb, struct cdb_req *req);
unsigned int cdb_report_all(u8 *buf, bool timeouts,
			    bool (*has)(const void *arg, enum cdb_kind kind),
			    const void *arg);
u32 cdb_report_one(u8 *buf, const struct cdb_req *req,
		   bool (*has)(const void *arg, enum cdb_kind kind),
		   const void *arg, unsigned int *len);

/* The longest answers of the two. */
#define CDB_REPORT_MAX		1024

#endif /* CXLFLASH_AFU_CDB_H */
