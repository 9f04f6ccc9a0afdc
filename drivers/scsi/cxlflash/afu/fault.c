// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fault points: how an adapter misbehaves because a test wants it to
 *
 * A static key, held once by each adapter that has any fault, keeps all of it
 * out of the way of the others.  Whoever has written struct afu_faults calls
 * fault_changed(); one writer at a time.  The engine reads it as it is.
 */
#include <linux/jump_label.h>

#include "cmd.h"

DEFINE_STATIC_KEY_FALSE(afu_faults_key);

/* A command that a slow adapter sits on. */
struct fault_delay {
	struct delayed_work work;
	struct afu_cmd *cmd;
};

/**
 * fault_async() - asynchronous interrupts of a port
 * @ad: adapter
 * @port: port
 * @bits: SISL_ASTATUS_*
 *
 * Contexts that may send AFU commands get SISL_LISN_ASYNC, and the SCSI host
 * looks at the port again.
 *
 * Context: may sleep; takes @ad->lock.
 */
void fault_async(struct cxlflash_adapter *ad, unsigned int port, u8 bits)
{
	struct cxlflash_ctx *ctx;
	unsigned long id;

	if (!bits || port >= ad->nr_ports)
		return;
	mutex_lock(&ad->lock);
	WRITE_ONCE(ad->aintr_status,
		   ad->aintr_status | SISL_AINTR_PORT(port, bits));
	xa_for_each(&ad->ctxs, id, ctx)
		if (ctx->caps & SISL_CAP_AFU_CMD)
			ctx_notify(ctx, SISL_LISN_ASYNC);
	mutex_unlock(&ad->lock);
	if (ad->has_host)
		cxlflash_backend_rescan(&ad->backend, port);
}

/* Links that went down or came up since the last time. */
static void fault_links(struct cxlflash_adapter *ad, u32 down)
{
	struct afu_faults *f = &ad->faults;
	u32 changed = (f->links_were ^ down) & GENMASK(ad->nr_ports - 1, 0);
	unsigned int port;

	f->links_were = down;
	for (port = 0; port < ad->nr_ports; port++) {
		if (!(changed & BIT(port)))
			continue;
		WRITE_ONCE(ad->ports[port].online, !(down & BIT(port)));
		fault_async(ad, port, down & BIT(port) ?
			    SISL_ASTATUS_LINK_DOWN :
			    SISL_ASTATUS_LINK_UP | SISL_ASTATUS_LOGIN_OK);
	}
}

/**
 * fault_changed() - look at the fault points again
 * @ad: adapter whose @faults were written
 *
 * Context: may sleep; one at a time per adapter; takes @ad->lock.
 */
void fault_changed(struct cxlflash_adapter *ad)
{
	struct afu_faults *f = &ad->faults;
	bool any = f->link_down || f->port_error || f->media_lba ||
		   f->slow_ms || f->lose_nth || f->fail || f->fail_reset;

	if (any && !f->counted)
		static_branch_inc(&afu_faults_key);
	else if (!any && f->counted)
		static_branch_dec(&afu_faults_key);
	f->counted = any;
	fault_links(ad, f->link_down);
}

/**
 * fault_clear() - the adapter goes and takes its faults with it
 * @ad: adapter
 *
 * Context: may sleep; nothing writes @faults any more.
 */
void fault_clear(struct cxlflash_adapter *ad)
{
	if (ad->faults.counted)
		static_branch_dec(&afu_faults_key);
	ad->faults = (struct afu_faults){ };
}

static void fault_resume(struct afu_cmd *cmd)
{
	struct cxlflash_ctx *ctx = cmd->ctx;

	ctx_lock_busy(ctx);
	WRITE_ONCE(cmd->state, CMD_ACTIVE);
	if (cmd_is_dead(cmd))
		cmd_complete(cmd);
	else
		cmd_execute_on_lun(cmd);
	ctx_unlock_busy(ctx);
}

static void fault_delay_work(struct work_struct *work)
{
	struct fault_delay *d = container_of(to_delayed_work(work),
					     struct fault_delay, work);
	struct afu_cmd *cmd = d->cmd;

	kfree(d);
	cmd_defer(cmd, fault_resume);
}

/* Sit on it for a while; false: no memory for that, so it goes at once. */
static bool fault_slow(struct afu_cmd *cmd, u32 ms)
{
	struct fault_delay *d = kmalloc(sizeof(*d), GFP_ATOMIC | __GFP_NOWARN);

	if (!d)
		return false;
	INIT_DELAYED_WORK(&d->work, fault_delay_work);
	d->cmd = cmd;
	WRITE_ONCE(cmd->state, CMD_WORKER);
	queue_delayed_work(cmd_wq, &d->work, msecs_to_jiffies(ms));
	return true;
}

/* Ports behind which a LUN is; all of them if it is behind none any more. */
static u32 fault_ports_of(struct cxlflash_adapter *ad, struct cxlflash_lun *lun)
{
	u32 all = GENMASK(ad->nr_ports - 1, 0), mask = 0;
	struct cxlflash_lun *at;
	unsigned long lun_id;
	unsigned int i;

	for (i = 0; i < ad->nr_ports; i++) {
		xa_for_each(&ad->ports[i].luns, lun_id, at)
			if (at == lun)
				mask |= BIT(i);
	}
	return mask ? mask : all;
}

/*
 * By handle it is the adapter that chooses: a port of the LUN's whose link is
 * up.
 */
static void fault_choose_port(struct afu_cmd *cmd, u32 down)
{
	u32 ports, up;

	if (!(cmd->arcb.req_flags & SISL_REQ_RES_HNDL))
		return;
	ports = fault_ports_of(cmd->ctx->ad, cmd->lun);
	up = ports & ~down;
	cmd->port = __ffs(up ? up : ports);
}

/**
 * fault_before() - faults that show before a command is executed
 * @cmd: command; its LUN is known
 *
 * Context: atomic, under CTX_BUSY.
 * Return: false: it goes on; true: it was completed, dropped or put off.
 */
bool fault_before(struct afu_cmd *cmd)
{
	const struct afu_faults *f = &cmd->ctx->ad->faults;
	u32 down = READ_ONCE(f->link_down), ms = READ_ONCE(f->slow_ms);

	fault_choose_port(cmd, down);
	if (READ_ONCE(f->fail)) {
		/* Failed hardware says nothing. */
		cmd_disown(cmd);
	} else if (down & BIT(cmd->port)) {
		cmd_set_fc_rc(cmd, SISL_FC_RC_LINK_DOWN);
	} else if (READ_ONCE(f->port_error) & BIT(cmd->port)) {
		cmd_set_fc_rc(cmd, SISL_FC_RC_RESID_ERR);
	} else {
		return ms && fault_slow(cmd, ms);
	}
	cmd_complete(cmd);
	return true;
}

/**
 * fault_media() - is there a bad block?
 * @cmd: command about to read or write
 * @pos: first byte, of the LUN
 * @len: bytes
 *
 * Context: Any; the command is the caller's.
 * Return: true, and the status is set.
 */
bool fault_media(struct afu_cmd *cmd, u64 pos, u64 len)
{
	u64 bad = READ_ONCE(cmd->ctx->ad->faults.media_lba);
	unsigned int lg2 = cmd->lun->block_lg2;

	if (!bad-- || bad < pos >> lg2 || bad > (pos + len - 1) >> lg2)
		return false;
	/* The sense names the block, so bytes before it count as well. */
	cmd->pos += (bad << lg2) - min(pos, bad << lg2);
	cmd_set_store_error(cmd, -ENODATA);
	cmd->status.resid = cmd->arcb.data_len - cmd->moved;
	return true;
}

/**
 * fault_lose() - is this completion to be lost?
 * @cmd: command that is complete
 *
 * Context: Any.
 * Return: true: nobody is to hear of it.
 */
bool fault_lose(struct afu_cmd *cmd)
{
	struct afu_faults *f = &cmd->ctx->ad->faults;
	u32 nth = READ_ONCE(f->lose_nth);

	if (!nth)
		return false;
	return !((u32)atomic_inc_return(&f->lose_counter) % nth);
}
