// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands: from the IOARCB's address to the entry in the response ring
 *
 *  fetch -> snapshot -> IOASA found -> parse -> limits -> handle or port -> LUN
 *     |  miss: a worker resolves, then the same step again       |
 *     v                                                          v
 *   slot                                       disk.c, tmf.c -> cmd_complete()
 *
 * A command lives in a slot of its context.  From the moment that it is fetched
 * until cmd_finish() it holds a reference on the context, and from cmd_lookup()
 * on one on its LUN; the pages that a store works on are its own.
 *
 * The end of a command is cmd_post.c's.
 *
 * The owner's memory is looked for (windows, pages) under CTX_BUSY only, by the
 * engine or by a worker that has taken it, and by nobody for a dead command.
 * The one address that a command keeps is that of its IOASA: whoever takes
 * memory away waits for the commands in flight, cxlflash_ctx_drain_pages().
 *
 * Timeouts: a command that is late before it reaches its store is not executed
 * (afu_rc 50); one that is late when the store gives it back says so (51).
 * Until then it does not complete: the store may still write its data.
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>

#include "cmd.h"
#include "trace.h"

struct workqueue_struct *cmd_wq;
static struct workqueue_struct *cmd_wait_wq;

/* ---------------------------------------------------------------- workers */

/*
 * Workers write back what a file system on our own disk is waiting for: they
 * must neither enter it for memory nor be throttled for it.
 */
static void cmd_work(struct work_struct *work)
{
	const unsigned int mine = PF_MEMALLOC_NOIO | PF_LOCAL_THROTTLE;
	struct afu_cmd *cmd = container_of(work, struct afu_cmd, work);
	struct cxlflash_ctx *ctx = cmd->ctx;
	unsigned int was = current->flags;

	current->flags |= mine;
	/* The command's own reference ends with the command. */
	ctx_get(ctx);
	cmd->fn(cmd);
	ctx_put(ctx);
	current_restore_flags(was, mine);
}

/**
 * cmd_defer() - give a command to a worker
 * @cmd: command
 * @fn: what the worker calls; it must not wait for other commands
 *
 * Context: Any; the command is the caller's, and no more afterwards.
 */
void cmd_defer(struct afu_cmd *cmd, void (*fn)(struct afu_cmd *cmd))
{
	cmd->fn = fn;
	WRITE_ONCE(cmd->state, CMD_WORKER);
	queue_work(cmd_wq, &cmd->work);
}

/**
 * cmd_defer_wait() - give a command to a worker that may wait for others
 * @cmd: command
 * @fn: what the worker calls
 *
 * They are apart, so that those who wait cannot take the last worker from those
 * whom they wait for.
 *
 * Context: Any; the command is the caller's, and no more afterwards.
 */
void cmd_defer_wait(struct afu_cmd *cmd, void (*fn)(struct afu_cmd *cmd))
{
	cmd->fn = fn;
	WRITE_ONCE(cmd->state, CMD_WORKER);
	queue_work(cmd_wait_wq, &cmd->work);
}

/**
 * cmd_unreachable() - give up an access of the owner's memory
 * @cmd: command, @miss says what
 *
 * The owner gets an event and the command never completes.  Owners that take
 * no events get a status for data; without IOARCB or IOASA there is none.
 *
 * Context: atomic; the command is the caller's, who calls cmd_complete().
 */
void cmd_unreachable(struct afu_cmd *cmd)
{
	struct cxlflash_ctx *ctx = cmd->ctx;

	if (cmd->miss.data && !ctx->ops->data_storage) {
		cmd_set_afu_rc(cmd, SISL_AFU_RC_DATA_DMA);
		cmd->status.afu_extra = SISL_AFU_EXTRA_INVALID_EA;
		return;
	}
	if (cmd_disown(cmd))
		ctx_data_storage(ctx, cmd->miss.ea, cmd->miss.write);
}

static void cmd_resolve(struct afu_cmd *cmd)
{
	struct cxlflash_ctx *ctx = cmd->ctx;
	bool had_ioasa = cmd->ioasa;
	int ret = -EFAULT;

	if (cmd->tries++ < CMD_MISSES_MAX && !cmd_is_dead(cmd))
		ret = cmd_bring(cmd);
	/* Data that cannot be kept at hand are copied. */
	if (ret == -ENOMEM && cmd->miss.resume == cmd_transfer) {
		cmd_bounce(cmd);
		return;
	}
	ctx_lock_busy(ctx);
	ctx->stats.misses++;
	WRITE_ONCE(cmd->state, CMD_ACTIVE);
	/* cmd_bring() has forgotten it; no matter if it is not at hand. */
	if (had_ioasa)
		cmd->ioasa = ctx_kva_whole(ctx, &ctx->win.ioasa, cmd->ioasa_ea,
					   SISL_IOASA_WRITTEN, true);
	if (cmd_is_dead(cmd)) {
		cmd_complete(cmd);
	} else if (ret) {
		cmd_unreachable(cmd);
		cmd_complete(cmd);
	} else {
		cmd->miss.resume(cmd);
	}
	ctx_unlock_busy(ctx);
}

/**
 * cmd_miss() - an access of the owner's memory failed
 * @cmd: command, @miss says where
 * @error: -EAGAIN: a worker brings it to hand; -EFAULT: it cannot be had
 * @resume: goes on once it is at hand, under CTX_BUSY
 *
 * Context: atomic, under CTX_BUSY; the command is the caller's, and no more
 * afterwards.
 */
void cmd_miss(struct afu_cmd *cmd, int error,
	      void (*resume)(struct afu_cmd *cmd))
{
	if (error == -EAGAIN) {
		cmd->miss.resume = resume;
		cmd_defer(cmd, cmd_resolve);
		return;
	}
	cmd_unreachable(cmd);
	cmd_complete(cmd);
}

/* ------------------------------------------------------------- the queue */

/**
 * cmd_park() - let a command wait for its next turn
 * @cmd: command
 * @resume: goes on then, under CTX_BUSY
 * @first: in front of all others
 *
 * Context: atomic, under CTX_BUSY; the command is the caller's, and no more
 * afterwards.
 */
void cmd_park(struct afu_cmd *cmd, void (*resume)(struct afu_cmd *cmd),
	      bool first)
{
	struct cxlflash_ctx *ctx = cmd->ctx;

	cmd->miss.resume = resume;
	WRITE_ONCE(cmd->state, CMD_WAITING);
	if (first)
		list_add(&cmd->wait_node, &ctx->waiting);
	else
		list_add_tail(&cmd->wait_node, &ctx->waiting);
}

/**
 * cmd_resume() - its turn has come
 * @cmd: command that waits
 *
 * Context: atomic, under CTX_BUSY.
 */
void cmd_resume(struct afu_cmd *cmd)
{
	list_del_init(&cmd->wait_node);
	WRITE_ONCE(cmd->state, CMD_ACTIVE);
	if (cmd_is_dead(cmd))
		cmd_complete(cmd);
	else
		cmd->miss.resume(cmd);
}

/* Nanoseconds to wait, or 0 and both limits are charged. */
static u64 cmd_take_limits(struct cxlflash_ctx *ctx, u64 bytes, u64 now)
{
	struct limit_group *g;
	unsigned long flags;
	u64 wait;

	wait = max(limit_bucket_wait(&ctx->limit.iops, now),
		   limit_bucket_wait(&ctx->limit.bytes, now));
	if (wait)
		return wait;
	rcu_read_lock();
	g = rcu_dereference(ctx->group);
	if (g) {
		spin_lock_irqsave(&g->lock, flags);
		wait = limit_take(&g->limit, bytes, now);
		spin_unlock_irqrestore(&g->lock, flags);
	}
	rcu_read_unlock();
	if (wait)
		return wait;
	/* Nothing is due from it now, as was seen above: it cannot refuse. */
	return limit_take(&ctx->limit, bytes, now);
}

/*
 * Charge the limits: true if the command may go on; false and it waits.  Those
 * that have waited go first, and those behind them keep their order.
 */
static bool cmd_charge(struct afu_cmd *cmd, u64 bytes, bool resumed)
{
	struct cxlflash_ctx *ctx = cmd->ctx;
	u64 now, wait;

	if (!resumed && ctx->blocked_until) {
		cmd_park(cmd, cmd_execute, false);
		return false;
	}
	now = ktime_get_ns();
	wait = cmd_take_limits(ctx, bytes, now);
	if (!wait) {
		cmd->charged = true;
		return true;
	}
	/*
	 * One interrupt for several commands: a rate is exact over time since
	 * the bucket lets a late one catch up.  And not for long, as the limit
	 * may change.
	 */
	wait = clamp_t(u64, wait, 100 * NSEC_PER_USEC, 100 * NSEC_PER_MSEC);
	ctx->blocked_until = now + wait;
	hrtimer_start(&ctx->limit_timer, ns_to_ktime(ctx->blocked_until),
		      HRTIMER_MODE_ABS);
	cmd_park(cmd, cmd_execute, resumed);
	return false;
}

/* ------------------------------------------------------------- execution */

static void cmd_fail_afu(struct afu_cmd *cmd, u8 afu_rc)
{
	cmd_set_afu_rc(cmd, afu_rc);
	cmd_complete(cmd);
}

/* By handle: 0 or an afu_rc; cmd->lun stays NULL if the LUN is gone. */
static u8 cmd_lookup_handle(struct afu_cmd *cmd, const struct arcb_req *req)
{
	struct rht_xlate x;
	u8 rc;

	rcu_read_lock();
	rc = rht_lookup(cmd->ctx, cmd->arcb.res_hndl, &x);
	if (unlikely(rc))
		goto out_unlock;
	rc = SISL_AFU_RC_RHT_PERM;
	if (unlikely(req->perm & ~x.perm))
		goto out_unlock;
	rc = SISL_AFU_RC_LXT_OUT_OF_BOUNDS;
	if (!x.physical && req->ranged &&
	    (req->lba >= x.nr_blocks ||
	     req->nr_blocks > x.nr_blocks - req->lba ||
	     (req->nr_blocks > 1 &&
	      (x.flags & CXLFLASH_HANDLE_SINGLE_BLOCK))))
		goto out_unlock;
	rc = 0;
	/* lun_tryget_io() in a section of RCU's that is there anyway. */
	if (likely(percpu_ref_tryget_live_rcu(&x.lun->io_ref)))
		cmd->lun = x.lun;
	cmd->slice = x.slice;
	cmd->virt = !x.physical;
	cmd->handle_flags = x.flags;
	cmd->lba_limit = x.nr_blocks;
out_unlock:
	rcu_read_unlock();
	return rc;
}

static u8 cmd_lookup_port(struct afu_cmd *cmd)
{
	struct cxlflash_adapter *ad = cmd->ctx->ad;
	u32 mask = GENMASK(ad->nr_ports - 1, 0);
	struct cxlflash_lun *lun;

	if (!(cmd->arcb.res_hndl & mask)) {
		cmd->status.afu_extra = (mask & 3) << 2 |
					(cmd->arcb.res_hndl & 3);
		return SISL_AFU_RC_NO_CHANNELS;
	}
	cmd->handle_flags = CXLFLASH_HANDLE_READ | CXLFLASH_HANDLE_WRITE;
	rcu_read_lock();
	lun = adapter_lun(ad, cmd->arcb.res_hndl, cmd->arcb.lun_id,
			  &cmd->port);
	if (lun && lun_tryget_io(lun)) {
		cmd->lun = lun;
		cmd->lba_limit = lun_nr_blocks(lun);
	}
	rcu_read_unlock();
	return 0;
}

/**
 * cmd_lookup() - find the LUN of a command
 * @cmd: command; its @lun is counted if there is one
 * @req: what it asks for
 *
 * Context: atomic, under CTX_BUSY.
 * Return: true; false if the adapter refuses, and the status is set.
 */
bool cmd_lookup(struct afu_cmd *cmd, const struct arcb_req *req)
{
	u8 rc;

	if (likely(cmd->arcb.req_flags & SISL_REQ_RES_HNDL))
		rc = cmd_lookup_handle(cmd, req);
	else
		rc = cmd_lookup_port(cmd);
	if (likely(!rc))
		return true;
	cmd_set_afu_rc(cmd, rc);
	return false;
}

/**
 * cmd_execute_on_lun() - all checks of the adapter are passed
 * @cmd: command; without @lun it is for one that is not there
 *
 * Context: atomic, under CTX_BUSY; the command is the caller's, and no more
 * afterwards.
 */
void cmd_execute_on_lun(struct afu_cmd *cmd)
{
	if (likely(cmd->lun))
		disk_execute(cmd, cmd->lba_limit);
	else
		disk_execute_lunless(cmd);
}

static void cmd_execute_scsi(struct afu_cmd *cmd, const struct arcb_req *req)
{
	bool list_ok;

	if (unlikely(!cmd_lookup(cmd, req))) {
		cmd_complete(cmd);
		return;
	}
	if (unlikely(cmd->arcb.ioadl_len)) {
		list_ok = !(cmd->handle_flags & CXLFLASH_HANDLE_SINGLE_BLOCK);
		if (!arcb_ioadl_is_valid(&cmd->arcb, list_ok)) {
			cmd->status.afu_extra = SISL_AFU_EXTRA_INVALID_EA;
			cmd_fail_afu(cmd, SISL_AFU_RC_DATA_DMA);
			return;
		}
	}
	if (static_branch_unlikely(&afu_faults_key) && fault_before(cmd))
		return;
	cmd_execute_on_lun(cmd);
}

/**
 * cmd_execute() - a snapshot is taken and a place for the status found
 * @cmd: command
 *
 * Context: atomic, under CTX_BUSY; the command is the caller's, and no more
 * afterwards.
 */
void cmd_execute(struct afu_cmd *cmd)
{
	struct cxlflash_ctx *ctx = cmd->ctx;
	bool resumed = cmd->miss.resume == cmd_execute;
	struct arcb_req req;
	u8 rc;

	cmd->tries = 0;
	rc = arcb_parse(&cmd->arcb, ctx->id, ctx->caps, &req);
	if (unlikely(rc)) {
		cmd_fail_afu(cmd, rc);
		return;
	}
	if (unlikely(req.timeout_ns)) {
		if (!cmd->deadline)
			cmd->deadline = (jiffies + 1 +
					 nsecs_to_jiffies(req.timeout_ns)) | 1;
		else if (time_after(jiffies, cmd->deadline))
			rc = SISL_AFU_RC_TIMED_OUT_PRE_FC;
		if (rc) {
			cmd->deadline = 0;
			cmd_fail_afu(cmd, rc);
			return;
		}
	}
	if (unlikely(req.kind != ARCB_SCSI)) {
		tmf_execute(cmd);
		return;
	}
	if (unlikely(!cmd->charged && ctx_is_limited(ctx)) &&
	    !cmd_charge(cmd, req.data_bytes, resumed))
		return;
	cmd_execute_scsi(cmd, &req);
}

/* ----------------------------------------------------------------- fetch */

/*
 * Find the IOASA before anything is executed: what has changed the medium must
 * be able to say so.  One that lies in two windows is looked for again when it
 * is written.
 */
static void cmd_find_ioasa(struct afu_cmd *cmd)
{
	struct cxlflash_ctx *ctx = cmd->ctx;
	u64 ea = cmd->ioasa_ea, len = SISL_IOASA_WRITTEN, rest;
	void *kva;

	cmd_set_miss(cmd, ea, SISL_IOASA_WRITTEN, true, false);
	kva = unlikely(ea & 15) ? ERR_PTR(-EFAULT) :
	      ctx_kva_cached(ctx, &ctx->win.ioasa, ea, &len, true);
	if (!IS_ERR(kva) && unlikely(len < SISL_IOASA_WRITTEN)) {
		rest = SISL_IOASA_WRITTEN - len;
		kva = ctx_kva(ctx, &ctx->win.ioasa, ea + len, &rest, true);
		if (!IS_ERR(kva))
			kva = NULL;
	}
	if (IS_ERR(kva)) {
		cmd_miss(cmd, PTR_ERR(kva), cmd_find_ioasa);
		return;
	}
	cmd->ioasa = kva;
	cmd_execute(cmd);
}

/**
 * cmd_begin() - go on with a snapshot
 * @cmd: command, @arcb is set as it was in memory
 *
 * Context: atomic, under CTX_BUSY; the command is the caller's, and no more
 * afterwards.
 */
void cmd_begin(struct afu_cmd *cmd)
{
	struct cxlflash_ctx *ctx = cmd->ctx;

	if (unlikely(!ctx_is_native(ctx)))
		arcb_swap(&cmd->arcb);
	if (cmd->from_sq) {
		cmd->ioasa_ea = cmd->arcb.ioasa_ea;
		cmd->rrq_ea = cmd->ioasa_ea;
	} else {
		cmd->ioasa_ea = cmd->arcb_ea + sizeof(cmd->arcb);
	}
	trace_cxlflash_cmd_fetch(cmd);
	cmd_find_ioasa(cmd);
}

/* The one and only look at the IOARCB: its owner may rewrite it meanwhile. */
static void cmd_snapshot(struct afu_cmd *cmd)
{
	struct cxlflash_ctx *ctx = cmd->ctx;
	u64 ea = cmd->arcb_ea, len = sizeof(cmd->arcb);
	void *kva;
	int ret = 0;

	cmd_set_miss(cmd, ea, sizeof(cmd->arcb), false, false);
	kva = unlikely(ea & 15) ? ERR_PTR(-EFAULT) :
	      ctx_kva_cached(ctx, &ctx->win.arcb, ea, &len, false);
	if (IS_ERR(kva))
		ret = PTR_ERR(kva);
	else if (likely(len == sizeof(cmd->arcb)))
		memcpy(&cmd->arcb, kva, sizeof(cmd->arcb));
	else
		ret = cmd_read_owner(cmd, &ctx->win.arcb, ea, &cmd->arcb,
				     sizeof(cmd->arcb));
	/* From here on the compiler must take what was copied. */
	barrier();
	if (unlikely(ret)) {
		cmd_miss(cmd, ret, cmd_snapshot);
		return;
	}
	cmd_begin(cmd);
}

/**
 * cmd_new() - a slot for a request of the batch in @flat, as good as new
 * @ctx: context
 * @ea: of the IOARCB
 * @from_sq: it came by the submission queue
 *
 * Context: atomic, under CTX_BUSY.
 * Return: the command; NULL: there was no slot, which is our mistake.
 */
struct afu_cmd *cmd_new(struct cxlflash_ctx *ctx, u64 ea, bool from_sq)
{
	struct llist_node *node = llist_del_first(&ctx->free_slots);
	struct afu_cmd *cmd;

	if (WARN_ON_ONCE(!node)) {
		ctx_cmds_done(ctx, ctx->flat.epoch, 1);
		return NULL;
	}
	ctx_get(ctx);
	cmd = llist_entry(node, struct afu_cmd, node);
	cmd->seq = ++ctx->seq;
	cmd->epoch = ctx->flat.epoch;
	cmd->arcb_ea = ea;
	cmd->from_sq = from_sq;
	cmd->ioasa = NULL;
	cmd->ioasa_ea = 0;
	cmd->rrq_ea = from_sq ? 0 : ea;
	memset(&cmd->status, 0, SISL_IOASA_WRITTEN);
	cmd->port = 0;
	cmd->lun = NULL;
	cmd->slice = NULL;
	cmd->left = 0;
	cmd->moved = 0;
	cmd->adl.idx = 0;
	cmd->adl.len = 0;
	cmd->adl.off = 0;
	cmd->handle_flags = 0;
	cmd->lba_limit = 0;
	cmd->fua = false;
	cmd->write = false;
	cmd->nr_pages_bv = 0;
	cmd->buf = NULL;
	cmd->start_ns = unlikely(ctx->latency_on) ? ctx->flat.start_ns : 0;
	cmd->deadline = 0;
	cmd->claim = CMD_UNCLAIMED;
	cmd->miss.resume = NULL;
	cmd->tries = 0;
	cmd->virt = false;
	cmd->charged = false;
	cmd->bounced = false;
	WRITE_ONCE(cmd->state, CMD_ACTIVE);
	return cmd;
}

/**
 * cmd_fetch() - begin a command
 * @ctx: context
 * @ea: of the IOARCB, of the batch in @flat
 * @from_sq: the same
 * @arcb: snapshot of it, as it is in memory; NULL: none has been taken
 *
 * Context: atomic, under CTX_BUSY, with a free slot.
 */
void cmd_fetch(struct cxlflash_ctx *ctx, u64 ea, bool from_sq,
	       const struct sisl_ioarcb *arcb)
{
	struct afu_cmd *cmd = cmd_new(ctx, ea, from_sq);

	if (!cmd)
		return;
	if (!arcb) {
		cmd_snapshot(cmd);
		return;
	}
	cmd->arcb = *arcb;
	cmd_begin(cmd);
}

/**
 * cmd_adopt() - give a slot to a command that has been executed
 * @ctx: context
 * @ea: of the IOARCB, of the batch in @flat
 * @rrq_ea: what goes into the RRQ
 * @lisn: interrupt that was asked for
 *
 * It was executed well; its place in the RRQ, or the RRQ, is not at hand.
 *
 * Context: atomic, under CTX_BUSY, with a free slot.
 */
void cmd_adopt(struct cxlflash_ctx *ctx, u64 ea, u64 rrq_ea, u8 lisn)
{
	struct afu_cmd *cmd = cmd_new(ctx, ea, rrq_ea != ea);

	if (!cmd)
		return;
	cmd->arcb = (struct sisl_ioarcb){ .msi = lisn };
	cmd->rrq_ea = rrq_ea;
	cmd->ioasa_ea = cmd->from_sq ? rrq_ea : ea + sizeof(cmd->arcb);
	/* The status is looked for again: by a worker, which may wait. */
	cmd_complete(cmd);
}

/**
 * cmd_find() - a command in flight
 * @ctx: context
 * @rrq_ea: what would go into the RRQ.  The place of an IOARCB names no command
 *	of a submission queue, as it is used again once it was read
 *
 * Context: atomic, under CTX_BUSY: what it returns may end at any time, but is
 * not used for another one before CTX_BUSY is given up.
 * Return: the command, one that was not disowned if there are two; -ENOENT if
 * there is none of the present epoch; -EAGAIN if it may be one whose IOARCB has
 * not been read.
 */
struct afu_cmd *cmd_find(struct cxlflash_ctx *ctx, u64 rrq_ea)
{
	struct afu_cmd *cmd, *found = ERR_PTR(-ENOENT);
	u32 epoch = READ_ONCE(ctx->epoch);
	unsigned int i;

	for (i = 0; i < ctx->cmd_room; i++) {
		cmd = &ctx->slots[i];
		if (!cmd_is_out(cmd) || cmd->epoch != epoch)
			continue;
		if (cmd->from_sq && !cmd->ioasa_ea) {
			if (IS_ERR(found))
				found = ERR_PTR(-EAGAIN);
			continue;
		}
		if (cmd->rrq_ea != rrq_ea)
			continue;
		if (IS_ERR(found) || READ_ONCE(cmd->claim) != CMD_DISOWNED)
			found = cmd;
	}
	return found;
}

/* ----------------------------------------------------------------- slots */

/* The first of those who wait for a limit may go. */
static enum hrtimer_restart cmd_limit_timer(struct hrtimer *timer)
{
	struct cxlflash_ctx *ctx =
		container_of(timer, struct cxlflash_ctx, limit_timer);

	engine_wake(ctx);
	return HRTIMER_NORESTART;
}

/**
 * cmd_init_slots() - make the slots of a context
 * @ctx: context with @cmd_room set; @free_slots and @limit_timer become ready
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM.
 */
int cmd_init_slots(struct cxlflash_ctx *ctx)
{
	unsigned int i;

	ctx->slots = kvcalloc(ctx->cmd_room, sizeof(*ctx->slots), GFP_KERNEL);
	if (!ctx->slots)
		return -ENOMEM;
	init_llist_head(&ctx->free_slots);
	INIT_LIST_HEAD(&ctx->waiting);
	hrtimer_init(&ctx->limit_timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
	ctx->limit_timer.function = cmd_limit_timer;
	for (i = ctx->cmd_room; i--;) {
		struct afu_cmd *cmd = &ctx->slots[i];

		cmd->ctx = ctx;
		cmd->io.bv = cmd->bv;
		INIT_WORK(&cmd->work, cmd_work);
		INIT_LIST_HEAD(&cmd->wait_node);
		llist_add(&cmd->node, &ctx->free_slots);
	}
	return 0;
}

/**
 * cmd_free_slots() - their end
 * @ctx: context without commands
 *
 * Context: may sleep.
 */
void cmd_free_slots(struct cxlflash_ctx *ctx)
{
	if (!ctx->slots)
		return;
	hrtimer_cancel(&ctx->limit_timer);
	kvfree(ctx->slots);
	ctx->slots = NULL;
}

/**
 * cmd_init() - make the workers
 *
 * Context: module init.
 * Return: 0 or -ENOMEM.
 */
int __init cmd_init(void)
{
	cmd_wq = alloc_workqueue("cxlflash_cmd", WQ_MEM_RECLAIM | WQ_UNBOUND,
				 0);
	if (!cmd_wq)
		return -ENOMEM;
	cmd_wait_wq = alloc_workqueue("cxlflash_wait",
				      WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!cmd_wait_wq) {
		destroy_workqueue(cmd_wq);
		return -ENOMEM;
	}
	return 0;
}

/**
 * cmd_exit() - their end
 *
 * Context: module exit; the last context is gone.
 */
void cmd_exit(void)
{
	destroy_workqueue(cmd_wait_wq);
	destroy_workqueue(cmd_wq);
}
