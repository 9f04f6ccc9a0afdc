// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the disk says about itself: INQUIRY and its vital product data,
 * capacity, mode pages, LUNs, commands
 *
 * Everything is built in full; who asked for less gets the beginning.  A mode
 * page has no value that could be changed, so MODE SELECT takes a list that
 * says what is so anyway, and no other.
 */
#include <linux/string_helpers.h>

#include "cmd.h"
#include "disk.h"

#define INQ_VENDOR		"CXLFLASH"
#define INQ_REVISION		"0001"
#define INQ_STANDARD_LEN	96
#define INQ_NO_DEVICE		0x7f

/* Optimal transfer length, bytes. */
#define INQ_OPTIMAL		(1U << 20)

#define INQ_VPD_PAGES		0x00
#define INQ_VPD_SERIAL		0x80
#define INQ_VPD_IDS		0x83
#define INQ_VPD_LIMITS		0xb0
#define INQ_VPD_CHARACTERISTICS	0xb1
#define INQ_VPD_PROVISIONING	0xb2

static int inq_refuse(struct afu_cmd *cmd, u32 sense)
{
	disk_set_sense(cmd, sense);
	return -EINVAL;
}

/* Text in a field of fixed length, filled with spaces; only ASCII may be. */
static void inq_put_text(u8 *field, unsigned int len, const char *text)
{
	unsigned int i;

	for (i = 0; i < len; i++) {
		if (!*text)
			field[i] = ' ';
		else
			field[i] = isascii(*text) && isprint(*text) ?
				*text : '_';
		text += !!*text;
	}
}

/* --------------------------------------------------------------- INQUIRY */

static int inq_standard(struct afu_cmd *cmd, u8 *buf)
{
	buf[2] = 0x06;
	/* Hierarchical LUN numbers; format of this data. */
	buf[3] = 0x12;
	buf[4] = INQ_STANDARD_LEN - 5;
	/* Several ports; command queues. */
	buf[6] = 0x10;
	buf[7] = 0x02;
	inq_put_text(buf + 8, 8, INQ_VENDOR);
	inq_put_text(buf + 16, 16, cmd->lun->name);
	inq_put_text(buf + 32, 4, INQ_REVISION);
	/* SAM-5, SPC-4, SBC-3. */
	put_unaligned_be16(0x00a0, buf + 58);
	put_unaligned_be16(0x0460, buf + 60);
	put_unaligned_be16(0x04c0, buf + 62);
	return INQ_STANDARD_LEN;
}

static int inq_vpd_pages(struct afu_cmd *cmd, u8 *buf)
{
	static const u8 pages[] = {
		INQ_VPD_PAGES, INQ_VPD_SERIAL, INQ_VPD_IDS, INQ_VPD_LIMITS,
		INQ_VPD_CHARACTERISTICS, INQ_VPD_PROVISIONING,
	};

	memcpy(buf, pages, sizeof(pages));
	return sizeof(pages);
}

static const u8 *inq_wwid(const struct afu_cmd *cmd)
{
	return cmd->slice ? slice_wwid(cmd->slice) : cmd->lun->wwid;
}

static void inq_put_wwid(const struct afu_cmd *cmd, u8 *text)
{
	bin2hex((char *)text, inq_wwid(cmd), AFU_WWID_LEN);
}

static int inq_vpd_serial(struct afu_cmd *cmd, u8 *buf)
{
	inq_put_wwid(cmd, buf);
	return 2 * AFU_WWID_LEN;
}

/* One designator: its header, and how long it is altogether. */
static int inq_put_designator(u8 *buf, u8 code_set, u8 type, u8 len)
{
	buf[0] = code_set;
	buf[1] = type;
	buf[3] = len;
	return 4 + len;
}

static int inq_vpd_ids(struct afu_cmd *cmd, u8 *buf)
{
	u8 *p = buf;

	/* The name of the LUN first: binary, NAA. */
	memcpy(p + 4, inq_wwid(cmd), AFU_WWID_LEN);
	p += inq_put_designator(p, 1, 3, AFU_WWID_LEN);
	/* ASCII, vendor and a number that is unique with it. */
	inq_put_text(p + 4, 8, INQ_VENDOR);
	inq_put_wwid(cmd, p + 12);
	p += inq_put_designator(p, 2, 1, 8 + 2 * AFU_WWID_LEN);
	/* Binary, of the port: its relative number. */
	put_unaligned_be16(cmd->port + 1, p + 6);
	p += inq_put_designator(p, 1, 0x14, 4);
	return p - buf;
}

/* Offsets are four less than the standard's, which count the header. */
static int inq_vpd_limits(struct afu_cmd *cmd, u8 *buf)
{
	const struct cxlflash_lun *lun = cmd->lun;
	const struct afu_store *st = lun->store;
	unsigned int lg2 = lun->block_lg2;
	u32 granularity;

	/* WSNZ: WRITE SAME of no blocks is an error. */
	buf[0] = 0x01;
	put_unaligned_be16(SISL_BLOCK_SIZE >> lg2, buf + 2);
	put_unaligned_be32(SISL_MAX_XFER >> lg2, buf + 4);
	put_unaligned_be32(INQ_OPTIMAL >> lg2, buf + 8);
	if (st->flags & STORE_UNMAP) {
		granularity = max(st->unmap_granularity >> lg2, 1U);
		put_unaligned_be32(media_unmap_max(lun), buf + 16);
		put_unaligned_be32(DISK_UNMAP_DESCS, buf + 20);
		put_unaligned_be32(granularity, buf + 24);
		/* The alignment, 0, is valid. */
		put_unaligned_be32(BIT(31), buf + 28);
	}
	put_unaligned_be64(media_same_max(lun), buf + 32);
	return 0x3c;
}

static int inq_vpd_characteristics(struct afu_cmd *cmd, u8 *buf)
{
	/* Nothing rotates. */
	put_unaligned_be16(1, buf);
	return 0x3c;
}

static int inq_vpd_provisioning(struct afu_cmd *cmd, u8 *buf)
{
	unsigned int flags = cmd->lun->store->flags;

	if (flags & STORE_UNMAP) {
		/* By UNMAP and both WRITE SAME; thin. */
		buf[1] = 0xe0;
		if (flags & STORE_UNMAP_ZEROES)
			buf[1] |= 0x04;
		buf[2] = 0x02;
	}
	return 4;
}

/**
 * inq_inquiry() - INQUIRY
 * @cmd: command
 * @req: its CDB
 * @buf: answer, zeroed
 *
 * Context: a worker.
 * Return: bytes; -EINVAL with the status set for a page that is not known.
 */
int inq_inquiry(struct afu_cmd *cmd, const struct cdb_req *req, u8 *buf)
{
	int len;

	if (!(req->flags & CDB_EVPD))
		return inq_standard(cmd, buf);
	switch (req->page) {
	case INQ_VPD_PAGES:
		len = inq_vpd_pages(cmd, buf + 4);
		break;
	case INQ_VPD_SERIAL:
		len = inq_vpd_serial(cmd, buf + 4);
		break;
	case INQ_VPD_IDS:
		len = inq_vpd_ids(cmd, buf + 4);
		break;
	case INQ_VPD_LIMITS:
		len = inq_vpd_limits(cmd, buf + 4);
		break;
	case INQ_VPD_CHARACTERISTICS:
		len = inq_vpd_characteristics(cmd, buf + 4);
		break;
	case INQ_VPD_PROVISIONING:
		len = inq_vpd_provisioning(cmd, buf + 4);
		break;
	default:
		return inq_refuse(cmd, CDB_SENSE_BAD_FIELD);
	}
	buf[1] = req->page;
	put_unaligned_be16(len, buf + 2);
	return 4 + len;
}

/**
 * inq_inquiry_lunless() - INQUIRY of a LUN that is not there
 * @cmd: command
 * @req: its CDB
 * @buf: answer, zeroed
 *
 * Context: a worker.
 * Return: bytes; -EINVAL with the status set for any page.
 */
int inq_inquiry_lunless(struct afu_cmd *cmd, const struct cdb_req *req,
			u8 *buf)
{
	if (req->flags & CDB_EVPD)
		return inq_refuse(cmd, CDB_SENSE_BAD_FIELD);
	buf[0] = INQ_NO_DEVICE;
	buf[2] = 0x06;
	buf[3] = 0x12;
	buf[4] = 31;
	inq_put_text(buf + 8, 8, INQ_VENDOR);
	inq_put_text(buf + 16, 16, "");
	inq_put_text(buf + 32, 4, INQ_REVISION);
	return 36;
}

/* -------------------------------------------------------------- capacity */

/**
 * inq_read_capacity() - READ CAPACITY(10) and (16)
 * @cmd: command; @left is the number of blocks
 * @req: its CDB
 * @buf: answer, zeroed
 *
 * Nothing at all ends at block -1, as IBM's adapter has it.
 *
 * Context: a worker.
 * Return: bytes.
 */
int inq_read_capacity(struct afu_cmd *cmd, const struct cdb_req *req, u8 *buf)
{
	unsigned int flags = cmd->lun->store->flags;
	unsigned int lg2 = cmd->lun->block_lg2;
	u64 last = cmd->left - 1;

	if (req->kind == CDB_READ_CAPACITY_10) {
		put_unaligned_be32(min(last, U32_MAX), buf);
		put_unaligned_be32(1U << lg2, buf + 4);
		return 8;
	}
	put_unaligned_be64(last, buf);
	put_unaligned_be32(1U << lg2, buf + 8);
	/* Physical blocks have 4096 bytes. */
	buf[13] = lg2 < 12 ? 12 - lg2 : 0;
	if (flags & STORE_UNMAP) {
		buf[14] = 0x80;
		if (flags & STORE_UNMAP_ZEROES)
			buf[14] |= 0x40;
	}
	return 32;
}

/* ------------------------------------------------------ LUNs and commands */

/* In a LUN's eight bytes the first two are its number. */
static int inq_put_luns(struct afu_cmd *cmd, u8 *list)
{
	struct cxlflash_adapter *ad = cmd->ctx->ad;
	struct cxlflash_lun *lun;
	unsigned long id;
	u8 *p = list;

	if (cmd->port >= ad->nr_ports)
		return 0;
	rcu_read_lock();
	xa_for_each(&ad->ports[cmd->port].luns, id, lun) {
		if (p + 8 > list + DISK_ANSWER_MAX - 8)
			break;
		put_unaligned_be16(id, p);
		p += 8;
	}
	rcu_read_unlock();
	return p - list;
}

/**
 * inq_report_luns() - REPORT LUNS of a port
 * @cmd: command, with or without a LUN
 * @req: its CDB
 * @buf: answer, zeroed
 *
 * Context: a worker.
 * Return: bytes.
 */
int inq_report_luns(struct afu_cmd *cmd, const struct cdb_req *req, u8 *buf)
{
	int len = 0;

	static_assert((AFU_MAX_LUN + 2) * 8 <= DISK_ANSWER_MAX);
	/* There are no well-known ones to report. */
	if (req->mode != 1)
		len = inq_put_luns(cmd, buf + 8);
	put_unaligned_be32(len, buf);
	return 8 + len;
}

/**
 * inq_report_opcodes() - REPORT SUPPORTED OPERATION CODES
 * @cmd: command
 * @req: its CDB
 * @buf: answer, zeroed
 *
 * Context: a worker.
 * Return: bytes; -EINVAL with the status set for a contradiction.
 */
int inq_report_opcodes(struct afu_cmd *cmd, const struct cdb_req *req, u8 *buf)
{
	unsigned int len;
	u32 sense;

	static_assert(CDB_REPORT_MAX <= DISK_ANSWER_MAX);
	if (!req->mode)
		return cdb_report_all(buf, req->flags & CDB_RCTD, disk_has,
				      cmd);
	sense = cdb_report_one(buf, req, disk_has, cmd, &len);
	return sense ? inq_refuse(cmd, sense) : len;
}

/**
 * inq_report_tmfs() - REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS
 * @cmd: command
 * @req: its CDB
 * @buf: answer, zeroed
 *
 * Context: a worker.
 * Return: bytes.
 */
int inq_report_tmfs(struct afu_cmd *cmd, const struct cdb_req *req, u8 *buf)
{
	/* ABORT TASK, LOGICAL UNIT RESET. */
	buf[0] = 0x88;
	if (!(req->flags & CDB_RCTD))
		return 4;
	buf[3] = 12;
	return 16;
}

/* ------------------------------------------------------------ mode pages */

#define INQ_MODE_ERROR		0x01
#define INQ_MODE_CACHING	0x08
#define INQ_MODE_CONTROL	0x0a
#define INQ_MODE_ALL		0x3f

/* All values but these few are 0; none is changeable. */
static int inq_put_page(const struct afu_cmd *cmd, u8 page, bool changeable,
			u8 *buf)
{
	static const u8 lengths[] = {
		[INQ_MODE_ERROR] = 10,
		[INQ_MODE_CACHING] = 18,
		[INQ_MODE_CONTROL] = 10,
	};

	buf[0] = page;
	buf[1] = lengths[page];
	if (!changeable) {
		/* WCE. */
		if (page == INQ_MODE_CACHING &&
		    READ_ONCE(cmd->lun->write_cache))
			buf[2] = 0x04;
		/* Commands may be reordered without restriction. */
		if (page == INQ_MODE_CONTROL)
			buf[3] = 0x10;
	}
	return 2 + buf[1];
}

static int inq_put_pages(const struct afu_cmd *cmd, u8 page, bool changeable,
			 u8 *buf)
{
	static const u8 pages[] = {
		INQ_MODE_ERROR, INQ_MODE_CACHING, INQ_MODE_CONTROL,
	};
	unsigned int i;
	int len = 0;

	for (i = 0; i < ARRAY_SIZE(pages); i++)
		if (page == INQ_MODE_ALL || page == pages[i])
			len += inq_put_page(cmd, pages[i], changeable,
					    buf + len);
	return len;
}

static int inq_put_block_descriptor(const struct afu_cmd *cmd, bool is_long,
				    u8 *buf)
{
	u32 block = 1U << cmd->lun->block_lg2;

	if (is_long) {
		put_unaligned_be64(cmd->left, buf);
		put_unaligned_be32(block, buf + 12);
		return 16;
	}
	put_unaligned_be32(min(cmd->left, U32_MAX), buf);
	put_unaligned_be32(block, buf + 4);
	return 8;
}

/**
 * inq_mode_sense() - MODE SENSE(6) and (10)
 * @cmd: command; @left is the number of blocks
 * @req: its CDB
 * @buf: answer, zeroed
 *
 * Context: a worker.
 * Return: bytes; -EINVAL with the status set for a page that is not known.
 */
int inq_mode_sense(struct afu_cmd *cmd, const struct cdb_req *req, u8 *buf)
{
	/* WP; DPO and FUA are known. */
	u8 device = 0x10 | (disk_is_protected(cmd) ? 0x80 : 0);
	bool ten = req->flags & CDB_TEN, is_long = req->flags & CDB_LONG_LBA;
	int len = ten ? 8 : 4, desc = 0, pages;

	if (!(req->flags & CDB_DBD))
		desc = inq_put_block_descriptor(cmd, is_long, buf + len);
	len += desc;
	pages = inq_put_pages(cmd, req->page, req->pc == 1, buf + len);
	/* Subpages: none but the pages themselves. */
	if (!pages || (req->subpage && (req->subpage != 0xff ||
					req->page != INQ_MODE_ALL)))
		return inq_refuse(cmd, CDB_SENSE_BAD_FIELD);
	len += pages;
	if (ten) {
		put_unaligned_be16(len - 2, buf);
		buf[3] = device;
		buf[4] = is_long && desc;
		put_unaligned_be16(desc, buf + 6);
	} else {
		buf[0] = len - 1;
		buf[2] = device;
		buf[3] = desc;
	}
	return len;
}

/* What a block descriptor may say: what is so, or 0 blocks for "as it is". */
static bool inq_block_descriptor_is_ours(const struct afu_cmd *cmd,
					 const u8 *desc, unsigned int len)
{
	u8 ours[16] = { };
	u64 nr;

	if (!len)
		return true;
	inq_put_block_descriptor(cmd, len == 16, ours);
	nr = len == 16 ? get_unaligned_be64(desc) : get_unaligned_be32(desc);
	/* Some send back a density code in the fifth byte: it is ours, too. */
	return (!nr || !memcmp(desc, ours, len == 16 ? 8 : 4)) &&
	       !memcmp(desc + len - 4, ours + len - 4, 4);
}

/* Pages with the values that they have; else what is wrong. */
static u32 inq_check_pages(const struct afu_cmd *cmd, const u8 *list, u32 len)
{
	u8 ours[20];
	u32 now;

	for (; len; list += now, len -= now) {
		if (len < 2)
			return CDB_SENSE_LIST_LENGTH;
		memset(ours, 0, sizeof(ours));
		now = inq_put_pages(cmd, list[0] == INQ_MODE_ALL ? 0 : list[0],
				    false, ours);
		/* It also fails for subpages, and for PS set. */
		if (!now)
			return CDB_SENSE_BAD_PARAM;
		if (now > len)
			return CDB_SENSE_LIST_LENGTH;
		if (memcmp(list, ours, now))
			return CDB_SENSE_BAD_PARAM;
	}
	return 0;
}

/**
 * inq_mode_select() - MODE SELECT(6) and (10)
 * @cmd: command; @left is the number of blocks
 * @req: its CDB
 * @list: parameter list, @req->len bytes
 *
 * Context: a worker.
 * Return: 0 if all is as it should be, or a %CDB_SENSE.
 */
u32 inq_mode_select(struct afu_cmd *cmd, const struct cdb_req *req,
		    const u8 *list)
{
	bool ten = req->flags & CDB_TEN;
	u32 header = ten ? 8 : 4, desc, left = req->len;

	if (left < header)
		return CDB_SENSE_LIST_LENGTH;
	desc = ten ? get_unaligned_be16(list + 6) : list[3];
	/* Medium type 0; the length is reserved. */
	if (list[ten ? 2 : 1] ||
	    (desc && desc != (ten && list[4] & 1 ? 16 : 8)))
		return CDB_SENSE_BAD_PARAM;
	if (left - header < desc)
		return CDB_SENSE_LIST_LENGTH;
	if (!inq_block_descriptor_is_ours(cmd, list + header, desc))
		return CDB_SENSE_BAD_PARAM;
	return inq_check_pages(cmd, list + header + desc,
			       left - header - desc);
}
