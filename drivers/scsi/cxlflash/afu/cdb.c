// SPDX-License-Identifier: GPL-2.0-only
/*
 * SCSI command descriptor blocks: bytes to requests, pure, tested on the host
 *
 * One table says everything that is constant about a command; REPORT SUPPORTED
 * OPERATION CODES is an answer made from it.  Reserved bits are not looked at,
 * as most targets do not; bits that ask for what is not supported are.
 */
#include <linux/kernel.h>
#include <linux/string.h>

#include "cdb.h"

#define CDB_NO_SA	0xff

/*
 * struct cdb_desc - what is constant about a command
 * @usage: bits that are looked at, as REPORT SUPPORTED OPERATION CODES has it;
 *	where the operation code and the service action are, their values
 */
struct cdb_desc {
	u8 opcode;
	u8 sa;
	u8 len;
	u8 kind;
	u8 dir;
	u8 access;
	bool changes;
	u8 usage[CDB_LEN];
};

#define CDB_DESC_SA(_op, _sa, _len, _kind, _dir, _access, _changes, ...) \
	{								\
		.opcode = (_op),					\
		.sa = (_sa),						\
		.len = (_len),						\
		.kind = (_kind),					\
		.dir = (_dir),						\
		.access = (_access),					\
		.changes = (_changes),					\
		.usage = { (_op), __VA_ARGS__ },			\
	}
#define CDB_DESC_OP(_op, ...)	CDB_DESC_SA(_op, CDB_NO_SA, __VA_ARGS__)

#define FREE	CDB_ACCESS_FREE
#define READS	CDB_ACCESS_READ
#define WRITES	CDB_ACCESS_WRITE
#define IN	CDB_DIR_IN
#define OUT	CDB_DIR_OUT
#define NONE	CDB_DIR_NONE

/* In the order of operation codes and service actions. */
static const struct cdb_desc cdb_descs[] = {
	CDB_DESC_OP(CDB_OP_TEST_UNIT_READY, 6, CDB_TEST_UNIT_READY, NONE, FREE,
		    false, 0, 0, 0, 0, 0x04),
	CDB_DESC_OP(CDB_OP_REQUEST_SENSE, 6, CDB_REQUEST_SENSE, IN, FREE,
		    false, 0x01, 0, 0, 0xff, 0x04),
	CDB_DESC_OP(CDB_OP_READ_6, 6, CDB_RW, IN, READS,
		    false, 0x1f, 0xff, 0xff, 0xff, 0x04),
	CDB_DESC_OP(CDB_OP_WRITE_6, 6, CDB_RW, OUT, WRITES,
		    true, 0x1f, 0xff, 0xff, 0xff, 0x04),
	CDB_DESC_OP(CDB_OP_INQUIRY, 6, CDB_INQUIRY, IN, FREE,
		    false, 0x03, 0xff, 0xff, 0xff, 0x04),
	CDB_DESC_OP(CDB_OP_MODE_SELECT_6, 6, CDB_MODE_SELECT, OUT, WRITES,
		    false, 0x11, 0, 0, 0xff, 0x04),
	CDB_DESC_OP(CDB_OP_MODE_SENSE_6, 6, CDB_MODE_SENSE, IN, READS,
		    false, 0x08, 0xff, 0xff, 0xff, 0x04),
	CDB_DESC_OP(CDB_OP_START_STOP, 6, CDB_START_STOP, NONE, WRITES,
		    false, 0x01, 0, 0x0f, 0xf7, 0x04),
	CDB_DESC_OP(CDB_OP_READ_CAPACITY_10, 10, CDB_READ_CAPACITY_10, IN, FREE,
		    false, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0x01, 0x04),
	CDB_DESC_OP(CDB_OP_READ_10, 10, CDB_RW, IN, READS,
		    false, 0xf8, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0x04),
	CDB_DESC_OP(CDB_OP_WRITE_10, 10, CDB_RW, OUT, WRITES,
		    true, 0xf8, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0x04),
	CDB_DESC_OP(CDB_OP_VERIFY_10, 10, CDB_VERIFY, NONE, READS,
		    false, 0xf6, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0x04),
	CDB_DESC_OP(CDB_OP_SYNC_CACHE_10, 10, CDB_SYNC_CACHE, NONE, WRITES,
		    false, 0x02, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0x04),
	CDB_DESC_OP(CDB_OP_WRITE_SAME_10, 10, CDB_WRITE_SAME, OUT, WRITES,
		    true, 0xfe, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0x04),
	CDB_DESC_OP(CDB_OP_UNMAP, 10, CDB_UNMAP, OUT, WRITES,
		    true, 0x01, 0, 0, 0, 0, 0, 0xff, 0xff, 0x04),
	CDB_DESC_OP(CDB_OP_MODE_SELECT_10, 10, CDB_MODE_SELECT, OUT, WRITES,
		    false, 0x11, 0, 0, 0, 0, 0, 0xff, 0xff, 0x04),
	CDB_DESC_OP(CDB_OP_MODE_SENSE_10, 10, CDB_MODE_SENSE, IN, READS,
		    false, 0x18, 0xff, 0xff, 0, 0, 0, 0xff, 0xff, 0x04),
#define CDB_DESC_PR_IN(_sa)						\
	CDB_DESC_SA(CDB_OP_PR_IN, _sa, 10, CDB_PR_IN, IN, FREE,		\
		    false, _sa, 0, 0, 0, 0, 0, 0xff, 0xff, 0x04)
	CDB_DESC_PR_IN(CDB_PR_IN_KEYS),
	CDB_DESC_PR_IN(CDB_PR_IN_RESERVATION),
	CDB_DESC_PR_IN(CDB_PR_IN_CAPABILITIES),
	CDB_DESC_PR_IN(CDB_PR_IN_FULL_STATUS),
#define CDB_DESC_PR_OUT(_sa)						\
	CDB_DESC_SA(CDB_OP_PR_OUT, _sa, 10, CDB_PR_OUT, OUT, FREE,	\
		    false, _sa, 0xff, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x04)
	CDB_DESC_PR_OUT(CDB_PR_REGISTER),
	CDB_DESC_PR_OUT(CDB_PR_RESERVE),
	CDB_DESC_PR_OUT(CDB_PR_RELEASE),
	CDB_DESC_PR_OUT(CDB_PR_CLEAR),
	CDB_DESC_PR_OUT(CDB_PR_PREEMPT),
	CDB_DESC_PR_OUT(CDB_PR_PREEMPT_ABORT),
	CDB_DESC_PR_OUT(CDB_PR_REGISTER_IGNORE),
	CDB_DESC_OP(CDB_OP_READ_16, 16, CDB_RW, IN, READS,
		    false, 0xf8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		    0xff, 0xff, 0xff, 0xff, 0xff, 0, 0x04),
	CDB_DESC_OP(CDB_OP_WRITE_16, 16, CDB_RW, OUT, WRITES,
		    true, 0xf8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		    0xff, 0xff, 0xff, 0xff, 0xff, 0, 0x04),
	CDB_DESC_OP(CDB_OP_VERIFY_16, 16, CDB_VERIFY, NONE, READS,
		    false, 0xf6, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		    0xff, 0xff, 0xff, 0xff, 0xff, 0, 0x04),
	CDB_DESC_OP(CDB_OP_SYNC_CACHE_16, 16, CDB_SYNC_CACHE, NONE, WRITES,
		    false, 0x02, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		    0xff, 0xff, 0xff, 0xff, 0xff, 0, 0x04),
	CDB_DESC_OP(CDB_OP_WRITE_SAME_16, 16, CDB_WRITE_SAME, OUT, WRITES,
		    true, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		    0xff, 0xff, 0xff, 0xff, 0xff, 0, 0x04),
	CDB_DESC_SA(CDB_OP_SERVICE_IN_16, CDB_SA_READ_CAPACITY_16, 16,
		    CDB_READ_CAPACITY_16, IN, FREE,
		    false, CDB_SA_READ_CAPACITY_16, 0xff, 0xff, 0xff, 0xff,
		    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x04),
	CDB_DESC_OP(CDB_OP_REPORT_LUNS, 12, CDB_REPORT_LUNS, IN, FREE,
		    false, 0, 0xff, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0x04),
	CDB_DESC_SA(CDB_OP_MAINTENANCE_IN, CDB_SA_REPORT_OPCODES, 12,
		    CDB_REPORT_OPCODES, IN, FREE,
		    false, CDB_SA_REPORT_OPCODES, 0x87, 0xff, 0xff, 0xff, 0xff,
		    0xff, 0xff, 0xff, 0, 0x04),
	CDB_DESC_SA(CDB_OP_MAINTENANCE_IN, CDB_SA_REPORT_TMFS, 12,
		    CDB_REPORT_TMFS, IN, FREE,
		    false, CDB_SA_REPORT_TMFS, 0x80, 0, 0, 0, 0xff, 0xff, 0xff,
		    0xff, 0, 0x04),
	CDB_DESC_OP(CDB_OP_READ_12, 12, CDB_RW, IN, READS,
		    false, 0xf8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		    0xff, 0, 0x04),
	CDB_DESC_OP(CDB_OP_WRITE_12, 12, CDB_RW, OUT, WRITES,
		    true, 0xf8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		    0xff, 0, 0x04),
	CDB_DESC_OP(CDB_OP_VERIFY_12, 12, CDB_VERIFY, NONE, READS,
		    false, 0xf6, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		    0xff, 0, 0x04),
};

#undef FREE
#undef READS
#undef WRITES
#undef IN
#undef OUT
#undef NONE

#define CDB_NR_DESCS	ARRAY_SIZE(cdb_descs)

/* NULL, and *@sense says which of the two is not known. */
static const struct cdb_desc *cdb_find(u8 opcode, u8 sa, u32 *sense)
{
	const struct cdb_desc *d;

	*sense = CDB_SENSE_BAD_OPCODE;
	for (d = cdb_descs; d < cdb_descs + CDB_NR_DESCS; d++) {
		if (d->opcode != opcode)
			continue;
		if (d->sa == CDB_NO_SA || d->sa == sa)
			return d;
		*sense = CDB_SENSE_BAD_FIELD;
	}
	return NULL;
}

/* Where blocks are is a matter of the CDB's length. */
static void cdb_parse_blocks(const u8 *cdb, unsigned int len,
			     struct cdb_req *req)
{
	req->flags |= CDB_BLOCKS;
	switch (len) {
	case 10:
		req->lba = get_unaligned_be32(cdb + 2);
		req->nr_blocks = get_unaligned_be16(cdb + 7);
		break;
	case 12:
		req->lba = get_unaligned_be32(cdb + 2);
		req->nr_blocks = get_unaligned_be32(cdb + 6);
		break;
	default:
		req->lba = get_unaligned_be64(cdb + 2);
		req->nr_blocks = get_unaligned_be32(cdb + 10);
		break;
	}
}

static u32 cdb_parse_rw_req(const u8 *cdb, struct cdb_req *req)
{
	struct cdb_rw rw;

	if (!cdb_parse_rw(cdb, &rw) || rw.bad)
		return CDB_SENSE_BAD_FIELD;
	req->flags |= CDB_BLOCKS;
	req->lba = rw.lba;
	req->nr_blocks = rw.nr_blocks;
	if (rw.fua)
		req->flags |= CDB_FUA;
	/* Six bytes have no room for it. */
	if (cdb[0] > CDB_OP_WRITE_6 && cdb[1] & 0x10)
		req->flags |= CDB_DPO;
	return 0;
}

static u32 cdb_parse_write_same(const u8 *cdb, unsigned int len,
				struct cdb_req *req)
{
	cdb_parse_blocks(cdb, len, req);
	/* Protection information; anchoring, which only thin pools know. */
	if (cdb[1] & (CDB_PROTECT | 0x10))
		return CDB_SENSE_BAD_FIELD;
	/* The obsolete bits that put addresses into the data. */
	if (cdb[1] & 0x06)
		return CDB_SENSE_BAD_FIELD;
	if (cdb[1] & 0x08)
		req->flags |= CDB_DO_UNMAP;
	if (len == 16 && cdb[1] & 0x01) {
		req->flags |= CDB_NDOB;
		req->dir = CDB_DIR_NONE;
	}
	/* As block limits say (WSNZ): 0 does not mean "all". */
	return req->nr_blocks ? 0 : CDB_SENSE_BAD_FIELD;
}

static u32 cdb_parse_verify(const u8 *cdb, unsigned int len,
			    struct cdb_req *req)
{
	cdb_parse_blocks(cdb, len, req);
	req->mode = cdb[1] >> 1 & 3;
	if (cdb[1] & CDB_PROTECT || req->mode == 2)
		return CDB_SENSE_BAD_FIELD;
	if (req->mode)
		req->dir = CDB_DIR_OUT;
	return 0;
}

static u32 cdb_parse_inquiry(const u8 *cdb, struct cdb_req *req)
{
	req->len = get_unaligned_be16(cdb + 3);
	req->page = cdb[2];
	if (cdb[1] & 0x01)
		req->flags |= CDB_EVPD;
	/* CMDDT, long obsolete; a page code without a page. */
	if (cdb[1] & 0x02 || (req->page && !(cdb[1] & 0x01)))
		return CDB_SENSE_BAD_FIELD;
	return 0;
}

static u32 cdb_parse_mode_sense(const u8 *cdb, unsigned int len,
				struct cdb_req *req)
{
	req->pc = cdb[2] >> 6;
	req->page = cdb[2] & 0x3f;
	req->subpage = cdb[3];
	if (cdb[1] & 0x08)
		req->flags |= CDB_DBD;
	if (len == 10) {
		req->flags |= CDB_TEN;
		req->len = get_unaligned_be16(cdb + 7);
		if (cdb[1] & 0x10)
			req->flags |= CDB_LONG_LBA;
	} else {
		req->len = cdb[4];
	}
	return req->pc == 3 ? CDB_SENSE_NO_SAVING : 0;
}

static u32 cdb_parse_mode_select(const u8 *cdb, unsigned int len,
				 struct cdb_req *req)
{
	if (len == 10)
		req->flags |= CDB_TEN;
	req->len = len == 10 ? get_unaligned_be16(cdb + 7) : cdb[4];
	/* Pages in the standard's format, or nothing; none is ever saved. */
	if (!(cdb[1] & 0x10) && req->len)
		return CDB_SENSE_BAD_FIELD;
	return cdb[1] & 0x01 ? CDB_SENSE_BAD_FIELD : 0;
}

static u32 cdb_parse_start_stop(const u8 *cdb, struct cdb_req *req)
{
	/* Power conditions; media that could be ejected. */
	if (cdb[4] & 0xf2 || cdb[3] & 0x0f)
		return CDB_SENSE_BAD_FIELD;
	if (cdb[4] & 0x01) {
		req->flags |= CDB_START;
		req->access = CDB_ACCESS_FREE;
	}
	if (cdb[4] & 0x04)
		req->flags |= CDB_NO_FLUSH;
	return 0;
}

static u32 cdb_parse_report_opcodes(const u8 *cdb, struct cdb_req *req)
{
	req->mode = cdb[2] & 7;
	req->page = cdb[3];
	req->asked_sa = get_unaligned_be16(cdb + 4);
	req->len = get_unaligned_be32(cdb + 6);
	if (cdb[2] & 0x80)
		req->flags |= CDB_RCTD;
	return req->mode > 3 ? CDB_SENSE_BAD_FIELD : 0;
}

/* The rest, which only has lengths and single fields. */
static u32 cdb_parse_other(const u8 *cdb, struct cdb_req *req)
{
	switch (req->kind) {
	case CDB_REQUEST_SENSE:
		req->len = cdb[4];
		if (cdb[1] & 0x01)
			req->flags |= CDB_DESC;
		return 0;
	case CDB_READ_CAPACITY_10:
		req->len = 8;
		/* An LBA would go with the obsolete PMI bit. */
		return get_unaligned_be32(cdb + 2) || cdb[8] & 0x01 ?
			CDB_SENSE_BAD_FIELD : 0;
	case CDB_READ_CAPACITY_16:
		req->len = get_unaligned_be32(cdb + 10);
		return get_unaligned_be64(cdb + 2) || cdb[14] & 0x01 ?
			CDB_SENSE_BAD_FIELD : 0;
	case CDB_UNMAP:
		req->len = get_unaligned_be16(cdb + 7);
		return cdb[1] & 0x01 ? CDB_SENSE_BAD_FIELD : 0;
	case CDB_PR_IN:
		req->len = get_unaligned_be16(cdb + 7);
		return 0;
	case CDB_PR_OUT:
		req->mode = cdb[2];
		req->len = get_unaligned_be32(cdb + 5);
		return 0;
	case CDB_REPORT_LUNS:
		req->mode = cdb[2];
		req->len = get_unaligned_be32(cdb + 6);
		/* Fewer than 16 bytes may not be asked for. */
		return req->mode > 2 || req->len < 16 ? CDB_SENSE_BAD_FIELD : 0;
	case CDB_REPORT_TMFS:
		req->len = get_unaligned_be32(cdb + 6);
		if (cdb[2] & 0x80)
			req->flags |= CDB_RCTD;
		return req->len < 4 ? CDB_SENSE_BAD_FIELD : 0;
	default:
		return 0;
	}
}

/**
 * cdb_parse() - find out what a command is
 * @cdb: %CDB_LEN bytes, whatever its length
 * @req: filled; worthless if it is refused
 *
 * Context: Any.
 * Return: 0, or a %CDB_SENSE.
 */
u32 cdb_parse(const u8 *cdb, struct cdb_req *req)
{
	const struct cdb_desc *d;
	u32 sense;

	memset(req, 0, sizeof(*req));
	d = cdb_find(cdb[0], cdb[1] & 0x1f, &sense);
	if (!d)
		return sense;
	req->kind = d->kind;
	req->dir = d->dir;
	req->access = d->access;
	if (d->changes)
		req->flags |= CDB_CHANGES;
	if (d->sa != CDB_NO_SA)
		req->sa = d->sa;
	/* INQUIRY says that there is no ACA. */
	if (cdb[d->len - 1] & CDB_NACA)
		return CDB_SENSE_BAD_FIELD;

	switch (req->kind) {
	case CDB_RW:
		return cdb_parse_rw_req(cdb, req);
	case CDB_WRITE_SAME:
		return cdb_parse_write_same(cdb, d->len, req);
	case CDB_VERIFY:
		return cdb_parse_verify(cdb, d->len, req);
	case CDB_SYNC_CACHE:
		cdb_parse_blocks(cdb, d->len, req);
		return 0;
	case CDB_INQUIRY:
		return cdb_parse_inquiry(cdb, req);
	case CDB_MODE_SENSE:
		return cdb_parse_mode_sense(cdb, d->len, req);
	case CDB_MODE_SELECT:
		return cdb_parse_mode_select(cdb, d->len, req);
	case CDB_START_STOP:
		return cdb_parse_start_stop(cdb, req);
	case CDB_REPORT_OPCODES:
		return cdb_parse_report_opcodes(cdb, req);
	default:
		return cdb_parse_other(cdb, req);
	}
}

/* ----------------------------------------------- supported operation codes */

/* All zeros but the length: no timeouts are known. */
static unsigned int cdb_put_timeouts(u8 *buf)
{
	memset(buf, 0, 12);
	buf[1] = 10;
	return 12;
}

/**
 * cdb_report_all() - the answer about all commands
 * @buf: at least %CDB_REPORT_MAX bytes
 * @timeouts: with descriptors of timeouts
 * @has: says if the device has a kind of command
 * @arg: for @has
 *
 * Context: Any.
 * Return: bytes.
 */
unsigned int cdb_report_all(u8 *buf, bool timeouts,
			    bool (*has)(const void *arg, enum cdb_kind kind),
			    const void *arg)
{
	const struct cdb_desc *d;
	unsigned int len = 4;

	for (d = cdb_descs; d < cdb_descs + CDB_NR_DESCS; d++) {
		if (!has(arg, d->kind))
			continue;
		memset(buf + len, 0, 8);
		buf[len] = d->opcode;
		if (d->sa != CDB_NO_SA) {
			buf[len + 3] = d->sa;
			buf[len + 5] |= 0x01;
		}
		if (timeouts)
			buf[len + 5] |= 0x02;
		buf[len + 7] = d->len;
		len += 8;
		if (timeouts)
			len += cdb_put_timeouts(buf + len);
	}
	put_unaligned_be32(len - 4, buf);
	return len;
}

static bool cdb_opcode_has_sa(u8 opcode)
{
	const struct cdb_desc *d;

	for (d = cdb_descs; d < cdb_descs + CDB_NR_DESCS; d++)
		if (d->opcode == opcode)
			return d->sa != CDB_NO_SA;
	return false;
}

/**
 * cdb_report_one() - the answer about one command
 * @buf: at least %CDB_REPORT_MAX bytes
 * @req: a parsed REPORT SUPPORTED OPERATION CODES with reporting options 1 to 3
 * @has: says if the device has a kind of command
 * @arg: for @has
 * @len: out: bytes
 *
 * Context: Any.
 * Return: 0, or a %CDB_SENSE.
 */
u32 cdb_report_one(u8 *buf, const struct cdb_req *req,
		   bool (*has)(const void *arg, enum cdb_kind kind),
		   const void *arg, unsigned int *len)
{
	bool has_sa = cdb_opcode_has_sa(req->page);
	const struct cdb_desc *d;
	u32 sense;

	/* Options 1 and 2 each ask about one of the two sorts of codes. */
	d = cdb_find(req->page, req->asked_sa > 0x1f ? 0x1f : req->asked_sa,
		     &sense);
	if (req->mode == 1 && has_sa)
		return CDB_SENSE_BAD_FIELD;
	if (req->mode == 2 && !has_sa && d)
		return CDB_SENSE_BAD_FIELD;
	/* Option 3: a service action that the code has not. */
	if (req->mode == 3 && !has_sa && req->asked_sa)
		d = NULL;

	memset(buf, 0, 4);
	*len = 4;
	if (!d || !has(arg, d->kind)) {
		buf[1] = 1;
		return 0;
	}
	buf[1] = 3;
	put_unaligned_be16(d->len, buf + 2);
	memcpy(buf + 4, d->usage, d->len);
	*len += d->len;
	if (req->flags & CDB_RCTD) {
		buf[1] |= 0x80;
		*len += cdb_put_timeouts(buf + *len);
	}
	return 0;
}
