// SPDX-License-Identifier: GPL-2.0-only
/*
 * A LUN as a SCSI disk: checks, dispatch, READ and WRITE
 *
 * READ and WRITE are checked in one expression; only if something is not as
 * usual, disk_rw_check() looks again, in the order in which errors win:
 *
 *   the adapter's (translation, direction), unit attentions, reservations,
 *   the CDB's, those of the data length.
 *
 * Other commands are parsed and checked by the engine, too, and then given to a
 * worker, which may sleep.  What a worker needs it parses again from the
 * snapshot; @left of the command carries the number of blocks until then.
 *
 * A unit attention belongs to a context: it is due if the LUN's generation is
 * newer than what the context has seen.  A context begins with what the LUN has
 * when it comes, so nobody hears of changes before its time.
 */
#include "cmd.h"
#include "disk.h"

/* --------------------------------------------------------------- statuses */

/**
 * disk_set_sense() - CHECK CONDITION
 * @cmd: command
 * @sense: %CDB_SENSE
 *
 * Context: any; the command is the caller's.
 */
void disk_set_sense(struct afu_cmd *cmd, u32 sense)
{
	cmd_set_sense(cmd, sense >> 16, sense >> 8, sense);
	cmd->status.resid = cmd->arcb.data_len - cmd->moved;
}

/**
 * disk_refuse() - CHECK CONDITION, and that is all
 * @cmd: command
 * @sense: %CDB_SENSE
 *
 * Context: any; the command is the caller's, and no more afterwards.
 */
void disk_refuse(struct afu_cmd *cmd, u32 sense)
{
	disk_set_sense(cmd, sense);
	cmd_complete(cmd);
}

/**
 * disk_set_transferred() - say what is left of the data that were offered
 * @cmd: command
 * @bytes: that the command wants to move
 *
 * Context: any; the command is the caller's.
 */
void disk_set_transferred(struct afu_cmd *cmd, u32 bytes)
{
	u32 offered = cmd->arcb.data_len;

	if (bytes > offered) {
		cmd->status.flags |= SISL_IOASA_OVERRUN;
		cmd->status.resid = bytes - offered;
	} else if (bytes < offered) {
		if (!(cmd->arcb.req_flags & SISL_REQ_SUP_UNDERRUN))
			cmd->status.flags |= SISL_IOASA_UNDERRUN;
		cmd->status.resid = offered - bytes;
	}
}

static void disk_set_range_sense(struct afu_cmd *cmd, u64 lba)
{
	cmd_set_sense_info(cmd, 0x05, 0x21, 0x00, lba);
	cmd->status.resid = cmd->arcb.data_len;
}

/**
 * disk_is_protected() - may the medium not be written?
 * @cmd: command that looks at it
 *
 * Context: any.
 * Return: true if it is read-only, or has slices and @cmd is not by one.
 */
bool disk_is_protected(const struct afu_cmd *cmd)
{
	return disk_lun_is_protected(cmd->lun, cmd->slice, cmd->virt);
}

/**
 * disk_has() - does the disk know a command?
 * @cmd: struct afu_cmd that asks
 * @kind: of command
 *
 * Context: any.
 * Return: true if it does.
 */
bool disk_has(const void *cmd, enum cdb_kind kind)
{
	const struct afu_cmd *c = cmd;

	switch (kind) {
	case CDB_UNMAP:
		return c->lun->store->flags & STORE_UNMAP;
	case CDB_PR_IN:
	case CDB_PR_OUT:
		/* They are about the whole LUN, not about a part of it. */
		return !c->virt;
	default:
		return true;
	}
}

/* -------------------------------------------------------- unit attentions */

/*
 * What the context shall hear about the LUN, ASC and ASCQ; 0: nothing.  Two of
 * its commands may meet here; then both may report the same.
 */
static u16 disk_take_generation(struct afu_cmd *cmd)
{
	const void *unit = disk_unit(cmd->lun, cmd->slice);
	unsigned long index = (unsigned long)unit / L1_CACHE_BYTES;
	u64 key = disk_attention_key(cmd->lun, cmd->slice);
	u32 gen = disk_generation(cmd->lun, cmd->slice);
	struct cxlflash_ctx *ctx = cmd->ctx;
	void *seen;
	u16 code = 0;

	seen = xa_load(&ctx->ua_seen, index);
	/* An older one: the address had belonged to another unit. */
	if (seen && (s32)(gen - (u32)xa_to_value(seen)) > 0)
		code = READ_ONCE(*(cmd->slice ? &cmd->slice->ua_code :
				   &cmd->lun->ua_code));
	if (!seen || xa_to_value(seen) != gen)
		seen = xa_store(&ctx->ua_seen, index, xa_mk_value(gen),
				GFP_ATOMIC | __GFP_NOWARN);
	/* Without memory to begin with it is tried again. */
	if (!xa_is_err(seen))
		WRITE_ONCE(ctx->ua_ok, key);
	return code;
}

/**
 * disk_take_attention() - the next unit attention, which is then gone
 * @cmd: command of who asks
 *
 * Context: any but irq.
 * Return: ASC and ASCQ, or 0.
 */
u16 disk_take_attention(struct afu_cmd *cmd)
{
	u16 code = 0;

	if (READ_ONCE(cmd->ctx->ua_ok) !=
	    disk_attention_key(cmd->lun, cmd->slice))
		code = disk_take_generation(cmd);
	if (!code && resv_is_active(cmd->lun))
		code = resv_take_event(cmd);
	return code;
}

/* Unit attentions and reservations; false, and the status is set. */
static bool disk_may_go(struct afu_cmd *cmd, enum cdb_access access)
{
	u16 code = disk_take_attention(cmd);
	u32 status = 0;

	if (code) {
		disk_set_sense(cmd, CDB_SENSE(DISK_UNIT_ATTENTION, 0, 0) |
			       code);
		return false;
	}
	if (resv_is_active(cmd->lun))
		status = resv_check(cmd, access);
	if (status) {
		cmd_set_scsi_rc(cmd, status);
		cmd->status.resid = cmd->arcb.data_len;
	}
	return !status;
}

/* ---------------------------------------------------------- READ and WRITE */

static bool disk_is_single(const struct afu_cmd *cmd)
{
	return cmd->virt && cmd->handle_flags & CXLFLASH_HANDLE_SINGLE_BLOCK;
}

static bool disk_is_beyond(u64 lba, u32 nr, u64 limit)
{
	return lba > limit || nr > limit - lba;
}

/*
 * Something is not as usual: find out what, in the order of what wins.
 * true: it may go on; false: the status is set, and that is all.
 */
static bool disk_rw_check(struct afu_cmd *cmd, const struct cdb_rw *rw,
			  u64 limit)
{
	u64 bytes = (u64)rw->nr_blocks << cmd->lun->block_lg2;
	bool beyond = disk_is_beyond(rw->lba, rw->nr_blocks, limit);

	if (cmd->virt && (beyond || (rw->nr_blocks > 1 &&
				     disk_is_single(cmd)))) {
		cmd_set_afu_rc(cmd, SISL_AFU_RC_LXT_OUT_OF_BOUNDS);
		return false;
	}
	if (rw->write != (cmd->arcb.req_flags & SISL_REQ_HOST_WRITE)) {
		cmd_set_fc_rc(cmd, SISL_FC_RC_ABORT_OK);
		return false;
	}
	if (!disk_may_go(cmd, rw->write ? CDB_ACCESS_WRITE : CDB_ACCESS_READ))
		return false;
	if (rw->bad) {
		disk_set_sense(cmd, CDB_SENSE_BAD_FIELD);
		return false;
	}
	if (beyond) {
		disk_set_range_sense(cmd, max(rw->lba, limit));
		return false;
	}
	if (bytes > SISL_MAX_XFER || bytes > cmd->arcb.data_len) {
		disk_set_sense(cmd, CDB_SENSE_BAD_FIELD);
		return false;
	}
	if (rw->write && disk_is_protected(cmd)) {
		disk_set_sense(cmd, CDB_SENSE_PROTECTED);
		return false;
	}
	/* Nothing to do is good, however much data were offered. */
	if (bytes)
		disk_set_transferred(cmd, bytes);
	return bytes;
}

static void disk_rw(struct afu_cmd *cmd, const struct cdb_rw *rw, u64 limit)
{
	unsigned int lg2 = cmd->lun->block_lg2;
	u64 bytes = (u64)rw->nr_blocks << lg2;

	/* Before the reservation is looked at: see resv_drain_ctx(). */
	cmd->write = rw->write;
	if (unlikely(rw->bad || bytes != cmd->arcb.data_len || !bytes ||
		     bytes > SISL_MAX_XFER ||
		     disk_is_beyond(rw->lba, rw->nr_blocks, limit) ||
		     rw->write != (cmd->arcb.req_flags & SISL_REQ_HOST_WRITE) ||
		     (rw->nr_blocks > 1 && disk_is_single(cmd)) ||
		     (rw->write && disk_is_protected(cmd)) ||
		     !disk_lun_is_quiet(cmd->ctx, cmd->lun, cmd->slice)) &&
	    !disk_rw_check(cmd, rw, limit)) {
		cmd_complete(cmd);
		return;
	}
	/* Of a write only: what is read is never older than the medium. */
	cmd->fua = rw->write && rw->fua;
	cmd->pos = rw->lba << lg2;
	cmd->left = bytes;
	cmd_transfer(cmd);
}

/* ---------------------------------------------------------------- workers */

/**
 * disk_fetch() - read a parameter list
 * @cmd: command
 * @len: its length, not 0
 *
 * Context: a worker; may sleep.
 * Return: the list, for kfree(); NULL, and the status is set.
 */
u8 *disk_fetch(struct afu_cmd *cmd, u32 len)
{
	u8 *buf;

	if (len > cmd->arcb.data_len) {
		disk_set_sense(cmd, CDB_SENSE_BAD_FIELD);
		return NULL;
	}
	buf = kmalloc(len, GFP_NOIO | __GFP_NOWARN);
	if (!buf) {
		cmd_set_afu_rc(cmd, SISL_AFU_RC_OUT_OF_DATA_BUFS);
		return NULL;
	}
	if (cmd_copy_from_owner(cmd, 0, buf, len)) {
		kfree(buf);
		return NULL;
	}
	cmd->moved = len;
	return buf;
}

/* What a pending unit attention would be, or nothing. */
static int disk_request_sense(struct afu_cmd *cmd, const struct cdb_req *req,
			      u8 *buf)
{
	u16 code = cmd->lun ? disk_take_attention(cmd) : 0x2500;
	u8 key = !cmd->lun ? 0x05 : code ? DISK_UNIT_ATTENTION : 0x00;

	if (req->flags & CDB_DESC) {
		buf[0] = 0x72;
		buf[1] = key;
		put_unaligned_be16(code, buf + 2);
		return 8;
	}
	buf[0] = 0x70;
	buf[2] = key;
	buf[7] = 10;
	put_unaligned_be16(code, buf + 12);
	return 18;
}

typedef int (*disk_answer_fn)(struct afu_cmd *cmd, const struct cdb_req *req,
			      u8 *buf);

/* Commands that only ask. */
static const disk_answer_fn disk_answers[CDB_NR_KINDS] = {
	[CDB_REQUEST_SENSE] = disk_request_sense,
	[CDB_INQUIRY] = inq_inquiry,
	[CDB_MODE_SENSE] = inq_mode_sense,
	[CDB_READ_CAPACITY_10] = inq_read_capacity,
	[CDB_READ_CAPACITY_16] = inq_read_capacity,
	[CDB_PR_IN] = resv_in,
	[CDB_REPORT_LUNS] = inq_report_luns,
	[CDB_REPORT_OPCODES] = inq_report_opcodes,
	[CDB_REPORT_TMFS] = inq_report_tmfs,
};

static const disk_answer_fn disk_lunless_answers[CDB_NR_KINDS] = {
	[CDB_REQUEST_SENSE] = disk_request_sense,
	[CDB_INQUIRY] = inq_inquiry_lunless,
	[CDB_REPORT_LUNS] = inq_report_luns,
};

static void disk_answer(struct afu_cmd *cmd, const struct cdb_req *req,
			disk_answer_fn fn)
{
	u32 len, now;
	u8 *buf;
	int ret;

	buf = kzalloc(DISK_ANSWER_MAX, GFP_NOIO | __GFP_NOWARN);
	if (!buf) {
		cmd_set_afu_rc(cmd, SISL_AFU_RC_OUT_OF_DATA_BUFS);
		goto out_complete;
	}
	ret = fn(cmd, req, buf);
	if (ret < 0)
		goto out_free_buf;
	len = min_t(u32, ret, req->len);
	now = min(len, cmd->arcb.data_len);
	if (now && cmd_copy_to_owner(cmd, 0, buf, now))
		goto out_free_buf;
	cmd->moved = now;
	disk_set_transferred(cmd, len);
out_free_buf:
	kfree(buf);
out_complete:
	cmd_complete(cmd);
}

static void disk_mode_select(struct afu_cmd *cmd, const struct cdb_req *req)
{
	u32 sense;
	u8 *list;

	disk_set_transferred(cmd, min(req->len, cmd->arcb.data_len));
	if (!req->len)
		goto out_complete;
	list = disk_fetch(cmd, req->len);
	if (!list)
		goto out_complete;
	sense = inq_mode_select(cmd, req, list);
	if (sense)
		disk_set_sense(cmd, sense);
	kfree(list);
out_complete:
	cmd_complete(cmd);
}

static void disk_work(struct afu_cmd *cmd)
{
	struct cdb_req req;

	/* It was parsed before, of the same snapshot. */
	if (WARN_ON_ONCE(cdb_parse(cmd->arcb.cdb, &req))) {
		disk_refuse(cmd, CDB_SENSE_BAD_FIELD);
		return;
	}
	switch (req.kind) {
	case CDB_SYNC_CACHE:
	case CDB_START_STOP:
		media_flush(cmd);
		break;
	case CDB_WRITE_SAME:
		media_write_same(cmd, &req);
		break;
	case CDB_UNMAP:
		media_unmap(cmd, &req);
		break;
	case CDB_VERIFY:
		media_verify(cmd, &req);
		break;
	case CDB_MODE_SELECT:
		disk_mode_select(cmd, &req);
		break;
	case CDB_PR_OUT:
		resv_out(cmd, &req);
		break;
	default:
		disk_answer(cmd, &req, disk_answers[req.kind]);
		break;
	}
}

static void disk_lunless_work(struct afu_cmd *cmd)
{
	struct cdb_req req;

	if (WARN_ON_ONCE(cdb_parse(cmd->arcb.cdb, &req))) {
		disk_refuse(cmd, CDB_SENSE_BAD_FIELD);
		return;
	}
	disk_answer(cmd, &req, disk_lunless_answers[req.kind]);
}

/* --------------------------------------------------------- other commands */

/* What the adapter checks before a disk sees it; false: the status is set. */
static bool disk_wire_check(struct afu_cmd *cmd, const struct cdb_req *req,
			    u64 limit)
{
	bool write = cmd->arcb.req_flags & SISL_REQ_HOST_WRITE;

	if (cmd->virt && req->flags & CDB_BLOCKS &&
	    (disk_is_beyond(req->lba, req->nr_blocks, limit) ||
	     (req->nr_blocks > 1 && disk_is_single(cmd)))) {
		cmd_set_afu_rc(cmd, SISL_AFU_RC_LXT_OUT_OF_BOUNDS);
		return false;
	}
	/* Without data there is no direction that could be wrong. */
	if (cmd->arcb.data_len &&
	    ((req->dir == CDB_DIR_IN && write) ||
	     (req->dir == CDB_DIR_OUT && !write))) {
		cmd_set_fc_rc(cmd, SISL_FC_RC_ABORT_OK);
		return false;
	}
	return true;
}

/* The rest, for commands that are parsed; 0 or a %CDB_SENSE. */
static u32 disk_check(struct afu_cmd *cmd, const struct cdb_req *req, u64 limit)
{
	if (!disk_has(cmd, req->kind))
		return CDB_SENSE_BAD_OPCODE;
	if (req->flags & CDB_BLOCKS &&
	    disk_is_beyond(req->lba, req->nr_blocks, limit))
		return CDB_SENSE_LBA_RANGE;
	if (req->flags & CDB_CHANGES && disk_is_protected(cmd))
		return CDB_SENSE_PROTECTED;
	return 0;
}

static void disk_go(struct afu_cmd *cmd, const struct cdb_req *req, u64 limit)
{
	switch (req->kind) {
	case CDB_TEST_UNIT_READY:
		break;
	case CDB_START_STOP:
		/* There is nothing to stop, so it only has to be safe. */
		if (req->flags & (CDB_START | CDB_NO_FLUSH))
			break;
		cmd_defer(cmd, disk_work);
		return;
	case CDB_PR_OUT:
		/* It may wait for the commands of others. */
		cmd_defer_wait(cmd, disk_work);
		return;
	default:
		cmd->left = limit;
		cmd_defer(cmd, disk_work);
		return;
	}
	disk_set_transferred(cmd, 0);
	cmd_complete(cmd);
}

static void disk_other(struct afu_cmd *cmd, u64 limit)
{
	struct cdb_req req;
	u32 sense;

	sense = cdb_parse(cmd->arcb.cdb, &req);
	if (!sense && !disk_wire_check(cmd, &req, limit))
		goto out_complete;
	/* Before the reservation is looked at: see resv_drain_ctx(). */
	cmd->write = req.flags & CDB_CHANGES;
	if (req.kind != CDB_INQUIRY && req.kind != CDB_REPORT_LUNS &&
	    req.kind != CDB_REQUEST_SENSE &&
	    !disk_may_go(cmd, sense ? CDB_ACCESS_FREE : req.access))
		goto out_complete;
	if (!sense)
		sense = disk_check(cmd, &req, limit);
	if (!sense) {
		disk_go(cmd, &req, limit);
		return;
	}
	if (sense == CDB_SENSE_LBA_RANGE)
		disk_set_range_sense(cmd, max(req.lba, limit));
	else
		disk_set_sense(cmd, sense);
out_complete:
	cmd_complete(cmd);
}

/**
 * disk_execute() - execute a SCSI command
 * @cmd: command with its LUN
 * @lba_limit: blocks that the handle or the LUN shows
 *
 * Context: atomic, not in an interrupt; the command is the caller's, and no
 * more afterwards.
 */
void disk_execute(struct afu_cmd *cmd, u64 lba_limit)
{
	struct cdb_rw rw;

	if (likely(cdb_parse_rw(cmd->arcb.cdb, &rw)))
		disk_rw(cmd, &rw, lba_limit);
	else
		disk_other(cmd, lba_limit);
}

/**
 * disk_execute_lunless() - execute a SCSI command for a LUN that is not there
 * @cmd: command without a LUN
 *
 * Hosts look for LUNs by such commands.
 *
 * Context: atomic; the command is the caller's, and no more afterwards.
 */
void disk_execute_lunless(struct afu_cmd *cmd)
{
	struct cdb_req req;
	u32 sense;

	sense = cdb_parse(cmd->arcb.cdb, &req);
	if (!sense && !disk_lunless_answers[req.kind])
		sense = CDB_SENSE_NO_LUN;
	if (sense == CDB_SENSE_BAD_OPCODE)
		sense = CDB_SENSE_NO_LUN;
	if (sense) {
		disk_refuse(cmd, sense);
		return;
	}
	if (!disk_wire_check(cmd, &req, 0)) {
		cmd_complete(cmd);
		return;
	}
	cmd_defer(cmd, disk_lunless_work);
}

/**
 * disk_tmf() - the disk's part of a LUN reset
 * @cmd: the function; the commands that it ends are over
 *
 * Modes have no values that could be reset and reservations persist: what is
 * left is to tell everybody.
 *
 * Context: a worker; the command is the caller's, and no more afterwards.
 */
void disk_tmf(struct afu_cmd *cmd)
{
	/* BUS DEVICE RESET FUNCTION OCCURRED */
	if (cmd->arcb.cdb[0] == SISL_TMF_LUN_RESET && cmd->slice)
		slice_unit_attention(cmd->slice, 0x2903);
	else if (cmd->arcb.cdb[0] == SISL_TMF_LUN_RESET)
		lun_unit_attention(cmd->lun, 0x2903);
	cmd_complete(cmd);
}
