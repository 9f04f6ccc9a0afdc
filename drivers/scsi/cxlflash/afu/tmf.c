// SPDX-License-Identifier: GPL-2.0-only
/*
 * AFU commands and task management
 *
 * What has to wait for other commands does so in a worker, for TMF_WAIT at
 * most.  A command that is aborted or reset away is disowned at once: from then
 * on it never completes in the ring.  The abort answers "ok" only when the
 * store I/O is back, since a submitted one cannot be called back and its write
 * might land after a newer one; else "failed", and who asks again may be
 * luckier.
 *
 * An abort of a command that is not there answers "no exchange": it has
 * completed (its entry in the ring is older than the abort's) or was lost, and
 * nothing of it is under way.
 *
 * A heavy sync waits for the commands that used a handle when it began, so that
 * chunks taken from the handle are not written any more; a global one waits for
 * all commands of all contexts.  A light one finds nothing to do: a change of a
 * handle is seen by the next command anyway.
 */
#include <linux/unaligned.h>

#include "cmd.h"

/* Shorter than what SCSI hosts wait for a command of error handling. */
#define TMF_WAIT		(5 * HZ)
#define TMF_ANY_HANDLE		(-1LL)

/* "TASK MANAGEMENT FUNCTION NOT SUPPORTED" of an FCP response. */
#define TMF_RSP_NOT_SUPPORTED	0x04

static void tmf_finish_afu(struct afu_cmd *cmd, u8 afu_rc)
{
	cmd_set_afu_rc(cmd, afu_rc);
	cmd_complete(cmd);
}

static void tmf_finish_fc(struct afu_cmd *cmd, u8 fc_rc)
{
	cmd_set_fc_rc(cmd, fc_rc);
	cmd_complete(cmd);
}

/* Wait until @other is through with what it did as number @seq. */
static bool tmf_wait_one(struct afu_cmd *other, u64 seq, unsigned long end)
{
	long left = time_before(jiffies, end) ? end - jiffies : 0;

	/* Its barrier is paired with that of llist_add() in cmd_finish(). */
	return wait_event_timeout(other->ctx->idle,
				  !cmd_is_out(other) ||
				  READ_ONCE(other->seq) != seq, left);
}

/* A worker's own reference, by number; NULL: no such context. */
static struct cxlflash_ctx *tmf_get_ctx(struct cxlflash_adapter *ad,
					unsigned long id)
{
	struct cxlflash_ctx *ctx;

	mutex_lock(&ad->lock);
	ctx = xa_load(&ad->ctxs, id);
	if (ctx)
		ctx_get(ctx);
	mutex_unlock(&ad->lock);
	return ctx;
}

/* ----------------------------------------------------------------- abort */

/* A worker: number and slot of what is waited for are in @pos and @left. */
static void tmf_abort_work(struct afu_cmd *cmd)
{
	struct afu_cmd *other = &cmd->ctx->slots[cmd->left];
	bool disowned = cmd->moved;

	cmd->moved = 0;
	if (!tmf_wait_one(other, cmd->pos, jiffies + TMF_WAIT))
		tmf_finish_fc(cmd, SISL_FC_RC_ABORT_FAIL);
	else if (disowned)
		tmf_finish_fc(cmd, SISL_FC_RC_ABORT_OK);
	else
		tmf_finish_fc(cmd, SISL_FC_RC_NO_EXCHANGE);
}

static void tmf_abort(struct afu_cmd *cmd)
{
	struct cxlflash_ctx *ctx = cmd->ctx;
	struct afu_cmd *other;

	other = cmd_find(ctx, get_unaligned_be64(cmd->arcb.cdb + 2));
	if (IS_ERR(other) || other == cmd) {
		tmf_finish_fc(cmd, other == ERR_PTR(-EAGAIN) ?
				   SISL_FC_RC_ABORT_FAIL :
				   SISL_FC_RC_NO_EXCHANGE);
		return;
	}
	cmd->pos = other->seq;
	cmd->left = other - ctx->slots;
	cmd_disown(other);
	cmd->moved = READ_ONCE(other->claim) == CMD_DISOWNED;
	if (READ_ONCE(other->state) == CMD_WAITING)
		cmd_resume(other);
	cmd_defer_wait(cmd, tmf_abort_work);
}

/* ------------------------------------------------------------------ sync */

/* Wait for those of @ctx that use @handle, but for @self. */
static bool tmf_sync_ctx(struct cxlflash_ctx *ctx, s64 handle,
			 const struct afu_cmd *self, unsigned long end)
{
	u64 newest = READ_ONCE(ctx->seq), seq;
	struct afu_cmd *cmd;
	unsigned int i;

	for (i = 0; i < ctx->cmd_room; i++) {
		cmd = &ctx->slots[i];
		seq = READ_ONCE(cmd->seq);
		if (!cmd_is_out(cmd) || cmd == self || seq > newest)
			continue;
		if (handle != TMF_ANY_HANDLE && cmd->ioasa_ea &&
		    (!(cmd->arcb.req_flags & SISL_REQ_RES_HNDL) ||
		     cmd->arcb.res_hndl != handle))
			continue;
		if (!tmf_wait_one(cmd, seq, end))
			return false;
	}
	return true;
}

/* A worker: heavy or global. */
static void tmf_sync_work(struct afu_cmd *cmd)
{
	struct cxlflash_adapter *ad = cmd->ctx->ad;
	unsigned long end = jiffies + TMF_WAIT, id;
	const u8 *cdb = cmd->arcb.cdb;
	struct cxlflash_ctx *ctx;
	u8 rc = 0;

	if (cdb[1] == SISL_SYNC_GLOBAL) {
		for (id = 0; !rc && (ctx = ctx_next(ad, &id)); id++) {
			if (!tmf_sync_ctx(ctx, TMF_ANY_HANDLE, cmd, end))
				rc = SISL_AFU_RC_TIMED_OUT;
			ctx_put(ctx);
		}
	} else {
		ctx = tmf_get_ctx(ad, get_unaligned_be16(cdb + 2));
		if (!ctx)
			rc = SISL_AFU_RC_RHT_INVALID;
		else if (!tmf_sync_ctx(ctx, get_unaligned_be32(cdb + 4), cmd,
				       end))
			rc = SISL_AFU_RC_TIMED_OUT;
		if (ctx)
			ctx_put(ctx);
	}
	atomic_set_release(&ad->syncing, 0);
	tmf_finish_afu(cmd, rc);
}

static void tmf_sync(struct afu_cmd *cmd)
{
	switch (cmd->arcb.cdb[1]) {
	case SISL_SYNC_LIGHT:
		cmd_complete(cmd);
		break;
	case SISL_SYNC_HEAVY:
	case SISL_SYNC_GLOBAL:
		/* One at a time, as the adapter has it. */
		if (atomic_cmpxchg(&cmd->ctx->ad->syncing, 0, 1))
			tmf_finish_afu(cmd, SISL_AFU_RC_SYNC_IN_PROGRESS);
		else
			cmd_defer_wait(cmd, tmf_sync_work);
		break;
	default:
		tmf_finish_afu(cmd, SISL_AFU_RC_CAP_VIOLATION);
		break;
	}
}

/* ---------------------------------------------------------- context reset */

/* A worker.  One that resets its own context is dropped with the others. */
static void tmf_ctx_reset_work(struct afu_cmd *cmd)
{
	struct cxlflash_ctx *ctx;
	bool ok = true;

	ctx = tmf_get_ctx(cmd->ctx->ad, get_unaligned_be16(cmd->arcb.cdb + 2));
	if (!ctx) {
		tmf_finish_afu(cmd, SISL_AFU_RC_RHT_INVALID);
		return;
	}
	cxlflash_ctx_reset_begin(ctx);
	if (ctx != cmd->ctx)
		ok = cxlflash_ctx_reset_wait(ctx, TMF_WAIT);
	ctx_put(ctx);
	tmf_finish_fc(cmd, ok ? 0 : SISL_FC_RC_ABORT_FAIL);
}

/* -------------------------------------------------------------- LUN reset */

/* Is @other an older command of this epoch for the LUN of @cmd? */
static bool tmf_is_reset_by(const struct afu_cmd *other,
			    const struct afu_cmd *cmd)
{
	const struct sisl_ioarcb *a = &other->arcb, *b = &cmd->arcb;
	const struct cxlflash_lun *lun;

	if (!cmd_is_out(other) || READ_ONCE(other->seq) >= cmd->seq ||
	    other->epoch != cmd->epoch || !other->ioasa_ea)
		return false;
	if (a->req_flags & (SISL_REQ_TMF | SISL_REQ_AFU_CMD))
		return false;
	/* It has none before its limits are paid, and none when it ends. */
	lun = READ_ONCE(other->lun);
	if (lun)
		return lun == cmd->lun;
	return a->res_hndl == b->res_hndl && a->lun_id == b->lun_id &&
	       !((a->req_flags ^ b->req_flags) & SISL_REQ_RES_HNDL);
}

static void tmf_lun_reset_work(struct afu_cmd *cmd)
{
	struct cxlflash_ctx *ctx = cmd->ctx;
	unsigned long end = jiffies + TMF_WAIT;
	struct afu_cmd *other;
	unsigned int i;
	u64 seq;

	ctx_lock_busy(ctx);
	for (i = 0; i < ctx->cmd_room; i++) {
		other = &ctx->slots[i];
		if (!tmf_is_reset_by(other, cmd))
			continue;
		cmd_disown(other);
		if (READ_ONCE(other->state) == CMD_WAITING)
			cmd_resume(other);
	}
	ctx_unlock_busy(ctx);

	for (i = 0; i < ctx->cmd_room; i++) {
		other = &ctx->slots[i];
		seq = READ_ONCE(other->seq);
		if (!tmf_is_reset_by(other, cmd) ||
		    tmf_wait_one(other, seq, end))
			continue;
		tmf_finish_fc(cmd, SISL_FC_RC_ABORT_FAIL);
		return;
	}
	disk_tmf(cmd);
}

static void tmf_lun(struct afu_cmd *cmd)
{
	struct arcb_req req = { };

	if (!cmd_lookup(cmd, &req)) {
		cmd_complete(cmd);
		return;
	}
	if (!cmd->lun) {
		/* ILLEGAL REQUEST, logical unit not supported */
		cmd_set_sense(cmd, 0x05, 0x25, 0x00);
		cmd_complete(cmd);
		return;
	}
	switch (cmd->arcb.cdb[0]) {
	case SISL_TMF_LUN_RESET:
		cmd_defer_wait(cmd, tmf_lun_reset_work);
		break;
	case SISL_TMF_CLEAR_ACA:
		/* Our disks never establish one (NORMACA is 0). */
		cmd_complete(cmd);
		break;
	default:
		cmd->status.flags |= SISL_IOASA_FCP_RSP_VALID;
		cmd->status.scsi_extra = TMF_RSP_NOT_SUPPORTED;
		cmd_complete(cmd);
		break;
	}
}

/**
 * tmf_execute() - execute an AFU command or a task management function
 * @cmd: command with one of their flags, which its context may send
 *
 * Context: atomic, under CTX_BUSY; the command is the caller's, and no more
 * afterwards.
 */
void tmf_execute(struct afu_cmd *cmd)
{
	if (cmd->arcb.req_flags & SISL_REQ_TMF) {
		tmf_lun(cmd);
		return;
	}
	switch (cmd->arcb.cdb[0]) {
	case SISL_AFU_CMD_SYNC:
		tmf_sync(cmd);
		break;
	case SISL_AFU_CMD_ABORT:
		tmf_abort(cmd);
		break;
	case SISL_AFU_CMD_CTX_RESET:
		cmd_defer_wait(cmd, tmf_ctx_reset_work);
		break;
	default:
		/* LUN provisioning and debug, which no feature bit offers. */
		tmf_finish_afu(cmd, SISL_AFU_RC_CAP_VIOLATION);
		break;
	}
}
