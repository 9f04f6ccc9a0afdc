// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of a command: status, entry in the response ring, slot
 *
 * Whether a command completes in the ring is decided once, in cmd_post(): not
 * if its context was reset since (its epoch is older: an *orphan*), not if an
 * abort disowned it first.  Such a command is accounted for when whatever had
 * it gives it back, and nothing else.  The comparison of the epoch, the status
 * and the entry in the ring are one RCU read section, so a context that has
 * bumped its epoch and waited for a grace period is not written for any more.
 */
#include <linux/unaligned.h>

#include "cmd.h"
#include "trace.h"

/* --------------------------------------------------------------- status */

/**
 * cmd_set_afu_rc() - the adapter refuses
 * @cmd: command
 * @afu_rc: SISL_AFU_RC_*
 *
 * Context: Any; the command is the caller's.
 */
void cmd_set_afu_rc(struct afu_cmd *cmd, u8 afu_rc)
{
	cmd->status.afu_rc = afu_rc;
}

/**
 * cmd_set_fc_rc() - the path fails
 * @cmd: command
 * @fc_rc: SISL_FC_RC_*
 *
 * Context: Any; the command is the caller's.
 */
void cmd_set_fc_rc(struct afu_cmd *cmd, u8 fc_rc)
{
	cmd->status.fc_rc = fc_rc;
}

/**
 * cmd_set_scsi_rc() - the SCSI status
 * @cmd: command
 * @scsi_rc: SAM_STAT_*
 *
 * Context: Any; the command is the caller's.
 */
void cmd_set_scsi_rc(struct afu_cmd *cmd, u8 scsi_rc)
{
	cmd->status.scsi_rc = scsi_rc;
}

/**
 * cmd_set_sense() - CHECK CONDITION
 * @cmd: command
 * @key: sense key
 * @asc: additional sense code
 * @ascq: and qualifier
 *
 * Context: Any; the command is the caller's.
 */
void cmd_set_sense(struct afu_cmd *cmd, u8 key, u8 asc, u8 ascq)
{
	u8 *sense = cmd->status.sense;

	memset(sense, 0, SISL_SENSE_LEN);
	sense[0] = 0x70;
	sense[2] = key;
	sense[7] = 10;
	sense[12] = asc;
	sense[13] = ascq;
	cmd->status.scsi_rc = 0x02;
	cmd->status.flags |= SISL_IOASA_SENSE_VALID;
}

/**
 * cmd_set_sense_info() - CHECK CONDITION about a block
 * @cmd: command
 * @key: sense key
 * @asc: additional sense code
 * @ascq: and qualifier
 * @lba: the first block it is about, dropped if it does not fit
 *
 * Context: Any; the command is the caller's.
 */
void cmd_set_sense_info(struct afu_cmd *cmd, u8 key, u8 asc, u8 ascq, u64 lba)
{
	cmd_set_sense(cmd, key, asc, ascq);
	if (lba > U32_MAX)
		return;
	cmd->status.sense[0] |= 0x80;
	put_unaligned_be32(lba, cmd->status.sense + 3);
}

/**
 * cmd_set_store_error() - what a store's errno is in SCSI
 * @cmd: command; @pos is where it failed
 * @error: an errno of struct afu_io or of ->copy()
 *
 * What a retry may cure is ABORTED COMMAND or has no sense at all, the rest is
 * HARDWARE ERROR.
 *
 * Context: Any; the command is the caller's.
 */
void cmd_set_store_error(struct afu_cmd *cmd, int error)
{
	u64 lba = cmd->lun ? cmd->pos >> cmd->lun->block_lg2 : 0;

	switch (error) {
	case -ENOMEM:
		cmd_set_afu_rc(cmd, SISL_AFU_RC_OUT_OF_DATA_BUFS);
		break;
	case -ENOLINK:
		cmd_set_fc_rc(cmd, SISL_FC_RC_LINK_DOWN);
		break;
	case -ENOSPC:
		/* DATA PROTECT, space allocation failed */
		cmd_set_sense(cmd, 0x07, 0x27, 0x07);
		break;
	case -EROFS:
		/* DATA PROTECT, write protected */
		cmd_set_sense(cmd, 0x07, 0x27, 0x00);
		break;
	case -ENODATA:
		/* MEDIUM ERROR: write error, unrecovered read error */
		if (cmd->write)
			cmd_set_sense_info(cmd, 0x03, 0x0c, 0x02, lba);
		else
			cmd_set_sense_info(cmd, 0x03, 0x11, 0x00, lba);
		break;
	case -ETIMEDOUT:
		/* ABORTED COMMAND, LUN communication timeout */
		cmd_set_sense(cmd, 0x0b, 0x08, 0x01);
		break;
	case -EOPNOTSUPP:
		/* ILLEGAL REQUEST, invalid operation code */
		cmd_set_sense(cmd, 0x05, 0x20, 0x00);
		break;
	default:
		/* HARDWARE ERROR, internal target failure */
		cmd_set_sense(cmd, 0x04, 0x44, 0x00);
		break;
	}
}

/* ------------------------------------------------------------ completion */

/**
 * cmd_disown() - say that a command will not complete in the ring
 * @cmd: command
 *
 * Context: Any.
 * Return: true; false if its status is being written, or it was disowned.
 */
bool cmd_disown(struct afu_cmd *cmd)
{
	return cmpxchg(&cmd->claim, CMD_UNCLAIMED, CMD_DISOWNED) ==
	       CMD_UNCLAIMED;
}

static void cmd_count(struct cxlflash_ctx *ctx, u64 *counter)
{
	unsigned long flags;

	spin_lock_irqsave(&ctx->rrq_lock, flags);
	(*counter)++;
	spin_unlock_irqrestore(&ctx->rrq_lock, flags);
}

/* Slots are free. */
static void cmd_free(struct cxlflash_ctx *ctx, struct llist_node *first,
		     struct llist_node *last)
{
	/*
	 * A full barrier: paired with that of wait_event() in tmf.c, which
	 * looks at @state, and that of engine_starve(), which looks at the
	 * list, each after it has announced itself.
	 */
	llist_add_batch(first, last, &ctx->free_slots);
	/* After that barrier. */
	if (unlikely(waitqueue_active(&ctx->idle)))
		wake_up_all(&ctx->idle);
	if (unlikely(test_bit(CTX_STARVED, &ctx->flags)) &&
	    test_and_clear_bit(CTX_STARVED, &ctx->flags))
		engine_wake(ctx);
}

/* The slot is free; nothing of @cmd is touched afterwards. */
static void cmd_finish(struct afu_cmd *cmd)
{
	struct cxlflash_ctx *ctx = cmd->ctx;
	u32 epoch = cmd->epoch;

	WRITE_ONCE(cmd->state, CMD_FREE);
	cmd_free(ctx, &cmd->node, &cmd->node);
	ctx_cmds_done(ctx, epoch, 1);
	ctx_put(ctx);
}

static void cmd_drop(struct afu_cmd *cmd)
{
	trace_cxlflash_cmd_drop(cmd);
	/* ctx_cmds_done() counts orphans. */
	if (cmd->epoch == READ_ONCE(cmd->ctx->epoch))
		cmd_count(cmd->ctx, &cmd->ctx->stats.dropped);
	cmd_finish(cmd);
}

static void cmd_swap_status(struct afu_cmd *cmd)
{
	/* The only member of what is written that has a byte order. */
	cmd->status.resid = ctx32(cmd->ctx, cmd->status.resid);
}

static bool cmd_has_error(const struct afu_cmd *cmd)
{
	return cmd->status.afu_rc || cmd->status.scsi_rc || cmd->status.fc_rc;
}

static void cmd_post_slowly(struct afu_cmd *cmd);

static void cmd_count_posted(struct afu_cmd *cmd)
{
	trace_cxlflash_cmd_complete(cmd);
	if (unlikely(cmd_has_error(cmd)))
		cmd_count(cmd->ctx, &cmd->ctx->stats.errors);
	if (unlikely(cmd->start_ns))
		ctx_count_latency(cmd->ctx, cmd->start_ns, 1);
}

static void cmd_posted(struct afu_cmd *cmd)
{
	cmd_count_posted(cmd);
	cmd_finish(cmd);
}

/**
 * cmd_posted_many() - commands of one context are over
 * @ctx: context, of which the caller has a reference
 * @cmd: commands that are posted
 * @nr: how many
 *
 * Context: any.
 */
void cmd_posted_many(struct cxlflash_ctx *ctx, struct afu_cmd **cmd,
		     unsigned int nr)
{
	unsigned int i;

	if (!nr)
		return;
	for (i = 0; i < nr; i++) {
		cmd_count_posted(cmd[i]);
		WRITE_ONCE(cmd[i]->state, CMD_FREE);
		if (i)
			cmd[i]->node.next = &cmd[i - 1]->node;
	}
	cmd_free(ctx, &cmd[nr - 1]->node, &cmd[0]->node);
	ctx_cmds_done(ctx, ctx->flat.epoch, nr);
	/* Not the last ones. */
	WARN_ON_ONCE(refcount_sub_and_test(nr, &ctx->ref.refcount));
}

/**
 * cmd_write_status() - claim a command and put its status where the owner looks
 * @cmd: command that is complete
 *
 * Context: any, in the RCU read section in which it will be posted.
 * Return: 0: its entry in the ring is what is missing; -EAGAIN: the status is
 * not at hand; -ESHUTDOWN: it is dead.  After an error: cmd_not_posted().
 */
int cmd_write_status(struct afu_cmd *cmd)
{
	struct cxlflash_ctx *ctx = cmd->ctx;
	struct sisl_ioasa *ioasa;

	if (unlikely(cmd->epoch != READ_ONCE(ctx->epoch)) ||
	    unlikely(cmpxchg(&cmd->claim, CMD_UNCLAIMED, CMD_POSTED) !=
		     CMD_UNCLAIMED))
		return -ESHUTDOWN;
	cmd_swap_status(cmd);
	ioasa = READ_ONCE(cmd->ioasa);
	if (unlikely(!ioasa))
		return -EAGAIN;
	memcpy(ioasa, &cmd->status, SISL_IOASA_WRITTEN);
	ctx_dirtied(ctx, cmd->ioasa_ea, SISL_IOASA_WRITTEN);
	return 0;
}

/**
 * cmd_not_posted() - what becomes of a command that could not be posted
 * @cmd: command
 * @error: -EAGAIN: a worker goes on; else it is over
 * @miss: where its entry in the ring is; 0: the status is to be written first
 *
 * Context: any; the command is the caller's, and no more afterwards.
 */
void cmd_not_posted(struct afu_cmd *cmd, int error, u64 miss)
{
	if (error != -EAGAIN) {
		cmd_drop(cmd);
		return;
	}
	cmd_set_miss(cmd, miss, miss ? sizeof(u64) : 0, true, false);
	cmd_defer(cmd, cmd_post_slowly);
}

/* The order on the wire: data, status, entry in the ring, interrupt. */
static void cmd_post(struct afu_cmd *cmd)
{
	u64 miss = 0;
	int ret;

	rcu_read_lock();
	ret = cmd_write_status(cmd);
	if (likely(!ret))
		ret = ctx_post_rrq(cmd->ctx, cmd->rrq_ea, cmd_lisn(cmd), &miss);
	rcu_read_unlock();
	if (likely(!ret))
		cmd_posted(cmd);
	else
		cmd_not_posted(cmd, ret, miss);
}

/*
 * One attempt of a worker: 0; -EAGAIN or -EFAULT and @miss says where;
 * -ESHUTDOWN if there is nothing more to say.
 */
static int cmd_try_post(struct afu_cmd *cmd, bool *written)
{
	struct cxlflash_ctx *ctx = cmd->ctx;
	u64 miss = 0;
	int ret = 0;

	ctx_lock_busy(ctx);
	rcu_read_lock();
	if (cmd->epoch != READ_ONCE(ctx->epoch)) {
		ret = -ESHUTDOWN;
		goto out_unlock;
	}
	if (!*written)
		ret = cmd_write_owner(cmd, &ctx->win.ioasa, cmd->ioasa_ea,
				      &cmd->status, SISL_IOASA_WRITTEN);
	if (ret) {
		cmd_set_miss(cmd, cmd->ioasa_ea, SISL_IOASA_WRITTEN, true,
			     false);
		goto out_unlock;
	}
	*written = true;
	ret = ctx_post_rrq(ctx, cmd->rrq_ea, cmd_lisn(cmd), &miss);
	if (ret == -EAGAIN)
		cmd_set_miss(cmd, miss, sizeof(u64), true, false);
	else if (ret)
		ret = -ESHUTDOWN;
out_unlock:
	rcu_read_unlock();
	ctx_unlock_busy(ctx);
	return ret;
}

/* A worker: the status or the ring has to be brought to hand first. */
static void cmd_post_slowly(struct afu_cmd *cmd)
{
	bool written = cmd->miss.len != 0;
	int ret = -EAGAIN;
	unsigned int i;

	for (i = 0; i < CMD_MISSES_MAX && ret == -EAGAIN; i++) {
		if (cmd->miss.len && cmd_bring(cmd))
			ret = -EFAULT;
		else
			ret = cmd_try_post(cmd, &written);
	}
	if (!ret) {
		cmd_posted(cmd);
		return;
	}
	if (ret != -ESHUTDOWN)
		ctx_data_storage(cmd->ctx, cmd->miss.ea, true);
	cmd_drop(cmd);
}

/**
 * cmd_complete() - the status is complete
 * @cmd: command
 *
 * Gives back pages and LUN, then writes the status and the entry in the ring
 * unless the command is dead.  The slot may be in use again when it returns.
 *
 * Context: Any, also hard irq; the command is the caller's.
 */
void cmd_complete(struct afu_cmd *cmd)
{
	struct cxlflash_lun *lun = cmd->lun;

	if (cmd->nr_pages_bv)
		cmd_put_pages(cmd);
	if (likely(lun)) {
		cmd->lun = NULL;
		lun_put_io(lun);
	}
	cmd->status.port = cmd->port;
	if (unlikely(cmd->deadline) && time_after(jiffies, cmd->deadline))
		cmd_set_afu_rc(cmd, SISL_AFU_RC_TIMED_OUT);
	if (static_branch_unlikely(&afu_faults_key) && fault_lose(cmd)) {
		cmd_drop(cmd);
		return;
	}
	if (!flat_collect(cmd))
		cmd_post(cmd);
}

/**
 * cmd_trace_state() - a context went to another state
 * @ctx: context, its lock held
 *
 * Context: any.
 */
void cmd_trace_state(const struct cxlflash_ctx *ctx)
{
	trace_cxlflash_ctx_state(ctx);
}
