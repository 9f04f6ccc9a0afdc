// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an IOARCB asks for
 *
 * The order of the checks is what programs see: the context's id (afu_rc 21),
 * then what its capabilities let it send (21), then how it addresses the LUN
 * (1a).  A context without general SCSI has three opcodes.
 *
 * Locals: arcb, the snapshot; req, what is found out.
 */
#ifdef __KERNEL__
#include <linux/kernel.h>
#include <linux/swab.h>
#endif

#include "arcb.h"

/* A cycle of the adapter's clock, for timeouts in cycles. */
#define ARCB_CYCLE_NS		4

/* Opcodes whose range or direction matters here. */
enum {
	ARCB_READ_6 = 0x08,
	ARCB_WRITE_6 = 0x0a,
	ARCB_MODE_SELECT_6 = 0x15,
	ARCB_READ_10 = 0x28,
	ARCB_WRITE_10 = 0x2a,
	ARCB_WRITE_VERIFY_10 = 0x2e,
	ARCB_WRITE_SAME_10 = 0x41,
	ARCB_UNMAP = 0x42,
	ARCB_MODE_SELECT_10 = 0x55,
	ARCB_PR_OUT = 0x5f,
	ARCB_READ_16 = 0x88,
	ARCB_WRITE_16 = 0x8a,
	ARCB_WRITE_VERIFY_16 = 0x8e,
	ARCB_WRITE_SAME_16 = 0x93,
	ARCB_READ_12 = 0xa8,
	ARCB_WRITE_12 = 0xaa,
};

static u32 arcb_be32(const u8 *p)
{
	return (u32)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

/**
 * arcb_swap() - turn a snapshot of the other byte order
 * @arcb: the snapshot; its CDB is big endian in either and stays
 *
 * Context: Any.
 */
void arcb_swap(struct sisl_ioarcb *arcb)
{
	arcb->ctx_id = swab16(arcb->ctx_id);
	arcb->req_flags = swab16(arcb->req_flags);
	arcb->res_hndl = swab32(arcb->res_hndl);
	arcb->lun_id = swab64(arcb->lun_id);
	arcb->data_len = swab32(arcb->data_len);
	arcb->ioadl_len = swab32(arcb->ioadl_len);
	arcb->data_ea = swab64(arcb->data_ea);
	arcb->timeout = swab16(arcb->timeout);
	arcb->reserved = swab32(arcb->reserved);
	arcb->ioasa_ea = swab64(arcb->ioasa_ea);
}

static u64 arcb_timeout_ns(const struct sisl_ioarcb *arcb)
{
	switch (arcb->req_flags & SISL_REQ_TIMEOUT_UNIT) {
	case SISL_REQ_TIMEOUT_SEC:
		return arcb->timeout * 1000000000ULL;
	case SISL_REQ_TIMEOUT_MSEC:
		return arcb->timeout * 1000000ULL;
	case SISL_REQ_TIMEOUT_USEC:
		return arcb->timeout * 1000ULL;
	default:
		return arcb->timeout * (u64)ARCB_CYCLE_NS;
	}
}

static void arcb_range_16(const u8 *cdb, struct arcb_req *req)
{
	req->ranged = true;
	req->lba = (u64)arcb_be32(cdb + 2) << 32 | arcb_be32(cdb + 6);
	req->nr_blocks = arcb_be32(cdb + 10);
}

/*
 * Opcodes of contexts with general SCSI only.  Which permission one needs is
 * decided by whether it can change what others read.
 */
static void arcb_general(const u8 *cdb, struct arcb_req *req)
{
	switch (cdb[0]) {
	case ARCB_READ_6:
	case ARCB_WRITE_6:
		req->nr_blocks = cdb[4] ? cdb[4] : 256;
		req->moves = true;
		break;
	case ARCB_READ_10:
	case ARCB_WRITE_10:
	case ARCB_WRITE_VERIFY_10:
		req->nr_blocks = cdb[7] << 8 | cdb[8];
		req->moves = true;
		break;
	case ARCB_READ_12:
	case ARCB_WRITE_12:
		req->nr_blocks = arcb_be32(cdb + 6);
		req->moves = true;
		break;
	case ARCB_WRITE_VERIFY_16:
		arcb_range_16(cdb, req);
		req->moves = true;
		break;
	}

	switch (cdb[0]) {
	case ARCB_READ_6:
	case ARCB_READ_10:
	case ARCB_READ_12:
		req->perm = ARCB_PERM_READ;
		break;
	case ARCB_WRITE_6:
	case ARCB_WRITE_10:
	case ARCB_WRITE_12:
	case ARCB_WRITE_VERIFY_10:
	case ARCB_WRITE_VERIFY_16:
	case ARCB_WRITE_SAME_10:
	case ARCB_UNMAP:
	case ARCB_MODE_SELECT_6:
	case ARCB_MODE_SELECT_10:
	case ARCB_PR_OUT:
		req->perm = ARCB_PERM_WRITE;
		break;
	}
}

static u8 arcb_parse_scsi(const struct sisl_ioarcb *arcb, u64 caps,
			  struct arcb_req *req)
{
	const u8 *cdb = arcb->cdb;

	if (cdb[0] == ARCB_READ_16) {
		arcb_range_16(cdb, req);
		req->moves = true;
		req->perm = ARCB_PERM_READ;
	} else if (cdb[0] == ARCB_WRITE_16) {
		arcb_range_16(cdb, req);
		req->moves = true;
		req->perm = ARCB_PERM_WRITE;
	} else if (cdb[0] == ARCB_WRITE_SAME_16) {
		arcb_range_16(cdb, req);
		req->perm = ARCB_PERM_WRITE;
	} else if (caps & SISL_CAP_GSCSI) {
		arcb_general(cdb, req);
	} else {
		return SISL_AFU_RC_CAP_VIOLATION;
	}

	/* Capabilities and permissions are the same two bits. */
	if (req->perm & ~caps)
		return SISL_AFU_RC_CAP_VIOLATION;

	/*
	 * What a limit is charged must not exceed what moves by much: the
	 * smallest of the two that say so, whatever the block size.
	 */
	if (req->moves) {
		req->data_bytes = (u64)req->nr_blocks * SISL_BLOCK_SIZE;
		if (req->data_bytes > arcb->data_len)
			req->data_bytes = arcb->data_len;
	}
	return 0;
}

/**
 * arcb_parse() - find out what a request wants and if it may
 * @arcb: the snapshot, in the byte order of the CPU
 * @ctx_id: of the context that it came by
 * @caps: SISL_CAP_* of that
 * @req: filled; worthless unless it may
 *
 * Context: Any.
 * Return: 0 or an afu_rc.
 */
u8 arcb_parse(const struct sisl_ioarcb *arcb, u16 ctx_id, u64 caps,
	      struct arcb_req *req)
{
	const u16 special = SISL_REQ_AFU_CMD | SISL_REQ_TMF;
	u8 afu_rc;

	*req = (struct arcb_req){ };
	if (arcb->ctx_id != ctx_id)
		return SISL_AFU_RC_CAP_VIOLATION;

	if (!(arcb->req_flags & special)) {
		afu_rc = arcb_parse_scsi(arcb, caps, req);
		if (afu_rc)
			return afu_rc;
	} else if ((arcb->req_flags & special) == special) {
		return SISL_AFU_RC_CAP_VIOLATION;
	} else if (arcb->req_flags & SISL_REQ_AFU_CMD) {
		if (!(caps & SISL_CAP_AFU_CMD))
			return SISL_AFU_RC_CAP_VIOLATION;
		req->kind = ARCB_AFU;
	} else {
		if (!(caps & SISL_CAP_GSCSI))
			return SISL_AFU_RC_CAP_VIOLATION;
		req->kind = ARCB_TMF;
	}

	if (req->kind != ARCB_AFU && !(arcb->req_flags & SISL_REQ_RES_HNDL) &&
	    !(caps & SISL_CAP_HOST_XLATE))
		return SISL_AFU_RC_NO_HOST_XLATE;

	if (arcb->timeout)
		req->timeout_ns = arcb_timeout_ns(arcb);
	return 0;
}

/**
 * arcb_ioadl_is_valid() - look at the size of a scatter list
 * @arcb: the snapshot
 * @allowed: the handle may have one at all
 *
 * Context: Any.
 * Return: true if there is none, or one of a size that can be.
 */
bool arcb_ioadl_is_valid(const struct sisl_ioarcb *arcb, bool allowed)
{
	if (!arcb->ioadl_len)
		return true;
	return allowed && arcb->ioadl_len % sizeof(struct sisl_ioadl) == 0 &&
	       arcb->ioadl_len / sizeof(struct sisl_ioadl) <= SISL_IOADL_MAX;
}
