// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a context
 *
 * A context is made live, may be reset, may fail and be restarted, and dies;
 * every change goes through __ctx_move() and its table.
 *
 * Commands in flight are counted when they are fetched and uncounted when they
 * are over, whatever became of the context meanwhile; leaving the live state
 * bumps the epoch, which makes those in flight orphans: their store I/O comes
 * back some time, but they write no IOASA and no RRQ entry.  Nothing is fetched
 * again before all orphans are back, so no old write lands after a newer one,
 * and one counter does for both.
 *
 * Death does not wait for orphans.  Each has a reference on the context, which
 * has one on its handles and their chunks, the adapter and the owner's module;
 * the last one frees, in a worker if it was dropped where one cannot sleep.
 */
#include <linux/module.h>

#include "afu.h"

/* Slices and hosts have ids that no user has; an IOARCB has 16 bits for it. */
#define CTX_ID_OTHERS		SISL_NR_CONTEXTS
#define CTX_ID_MAX		0xffff

enum ctx_event {
	CTX_EV_RESET,
	CTX_EV_DRAINED,
	CTX_EV_FAIL,
	CTX_EV_RESTART,
	CTX_EV_DESTROY,
	CTX_NR_EVENTS,
};

static struct workqueue_struct *ctx_wq;

/* Dead contexts that are not freed yet, and what protects the list. */
static DEFINE_SPINLOCK(ctx_dead_lock);
static LIST_HEAD(ctx_dead);

static void __ctx_drop_queued(struct cxlflash_ctx *ctx)
{
	u64 dropped = ctx->arrin.nr + ring_sq_pending(&ctx->sq);

	lockdep_assert_held(&ctx->lock);
	WRITE_ONCE(ctx->arrin.nr, 0);
	ctx->sq.fetched += ring_sq_pending(&ctx->sq);
	ctx->sq.head = ctx->sq.tail;
	WRITE_ONCE(ctx->shadow_ea, 0);
	/* Who posts an RRQ entry is through, or sees the new state. */
	spin_lock(&ctx->rrq_lock);
	ctx->stats.dropped += dropped;
	spin_unlock(&ctx->rrq_lock);
}

/*
 * Every change of state:
 *
 *		reset	  drained  fail	  restart  destroy
 *  live	draining  -	   error  -	   dead
 *  draining	-	  live	   error  -	   dead
 *  error	-	  -	   -	  live	   dead
 *  dead	-	  -	   -	  -	   -
 *
 * "drained" and "restart" only while nothing is in flight.
 */
static bool __ctx_move(struct cxlflash_ctx *ctx, enum ctx_event ev)
{
#define LIVE	CXLFLASH_CTX_LIVE
#define DRAIN	CXLFLASH_CTX_DRAINING
#define ERROR	CXLFLASH_CTX_ERROR
#define DEAD	CXLFLASH_CTX_DEAD
	static const u8 table[][CTX_NR_EVENTS] = {
		[LIVE] =  { DRAIN, LIVE,  ERROR, LIVE,  DEAD },
		[DRAIN] = { DRAIN, LIVE,  ERROR, DRAIN, DEAD },
		[ERROR] = { ERROR, ERROR, ERROR, LIVE,  DEAD },
		[DEAD] =  { DEAD,  DEAD,  DEAD,  DEAD,  DEAD },
	};
	enum cxlflash_ctx_state to = table[ctx->state][ev];

	lockdep_assert_held(&ctx->lock);
	if (to == ctx->state || (to == LIVE && atomic_read(&ctx->nr_inflight)))
		return false;
	WRITE_ONCE(ctx->state, to);
	WRITE_ONCE(ctx->resetting, to == DRAIN);
	if (to != LIVE) {
		WRITE_ONCE(ctx->epoch, ctx->epoch + 1);
		__ctx_drop_queued(ctx);
	}
	cmd_trace_state(ctx);
	return true;
#undef LIVE
#undef DRAIN
#undef ERROR
#undef DEAD
}

static bool ctx_move(struct cxlflash_ctx *ctx, enum ctx_event ev)
{
	unsigned long flags;
	bool moved;

	spin_lock_irqsave(&ctx->lock, flags);
	moved = __ctx_move(ctx, ev);
	spin_unlock_irqrestore(&ctx->lock, flags);
	return moved;
}

/* As after power-on. */
static void __ctx_init_regs(struct cxlflash_ctx *ctx)
{
	ctx->intr_status = 0;
	ctx->intr_mask = 0;
	ctx->ctx_ctrl = 0;
	ctx->rrq_start = 0;
	ctx->sq_start = 0;
	ctx->sq_end = 0;
	ctx->sq = (struct ring_sq){ };
	clear_bit(CTX_SQ, &ctx->flags);
	clear_bit(CTX_BIG_ENDIAN, &ctx->flags);
	spin_lock(&ctx->rrq_lock);
	ctx->rrq = (struct ring_rrq){ };
	ctx->coalesce_count = 0;
	ctx->coalesce_us = 0;
	ctx->coalesced = 0;
	spin_unlock(&ctx->rrq_lock);
}

/**
 * ctx_call_begin() - about to call the owner in a way that may sleep
 * @ctx: context
 *
 * Context: may sleep.
 * Return: false if the context is dead; else ctx_call_end() has to follow.
 */
bool ctx_call_begin(struct cxlflash_ctx *ctx)
{
	/* The owner may go on as soon as the count is 0. */
	ctx_get(ctx);
	atomic_inc(&ctx->nr_calls);
	/* Paired with cxlflash_ctx_destroy()'s: state, barrier, nr_calls. */
	smp_mb__after_atomic();
	if (READ_ONCE(ctx->state) != CXLFLASH_CTX_DEAD)
		return true;
	ctx_call_end(ctx);
	return false;
}

/**
 * ctx_call_end() - undo ctx_call_begin()
 * @ctx: context
 *
 * Context: any.
 */
void ctx_call_end(struct cxlflash_ctx *ctx)
{
	if (atomic_dec_and_test(&ctx->nr_calls))
		wake_up_all(&ctx->idle);
	ctx_put(ctx);
}

static void ctx_tell(struct cxlflash_ctx *ctx, enum cxlflash_ctx_state state)
{
	if (!ctx->ops->state_changed || !ctx_call_begin(ctx))
		return;
	ctx->ops->state_changed(ctx, state);
	ctx_call_end(ctx);
}

/* ---------------------------------------------------------- references */

static void ctx_free(struct cxlflash_ctx *ctx)
{
	struct module *owner = ctx->ops->owner;

	spin_lock(&ctx_dead_lock);
	list_del(&ctx->dead_node);
	spin_unlock(&ctx_dead_lock);
	rht_destroy(ctx);
	limit_group_put(rcu_dereference_protected(ctx->group, true));
	cmd_free_slots(ctx);
	kfree(ctx->arrin.ea);
	xa_destroy(&ctx->ua_seen);
	cxlflash_adapter_put(ctx->ad);
	kfree(ctx);
	module_put(owner);
	module_put(THIS_MODULE);
}

static void ctx_release_work(struct work_struct *work)
{
	ctx_free(container_of(work, struct cxlflash_ctx, release_work));
}

static void ctx_release(struct kref *ref)
{
	struct cxlflash_ctx *ctx = container_of(ref, struct cxlflash_ctx, ref);

	queue_work(ctx_wq, &ctx->release_work);
}

static void ctx_release_now(struct kref *ref)
{
	ctx_free(container_of(ref, struct cxlflash_ctx, ref));
}

/**
 * ctx_get() - take a reference
 * @ctx: context, referenced or found under RCU in the adapter's list
 *
 * Context: any.
 */
void ctx_get(struct cxlflash_ctx *ctx)
{
	kref_get(&ctx->ref);
}

/**
 * ctx_put() - drop a reference
 * @ctx: context; not to be touched any more
 *
 * Context: any, also hard irq.
 */
void ctx_put(struct cxlflash_ctx *ctx)
{
	kref_put(&ctx->ref, ctx_release);
}

/**
 * ctx_next() - go through the contexts of an adapter
 * @ad: adapter
 * @id: the least id wanted; then that of the context
 *
 * Context: may sleep; takes @ad->lock.
 * Return: a context, referenced, or NULL.
 */
struct cxlflash_ctx *ctx_next(struct cxlflash_adapter *ad, unsigned long *id)
{
	struct cxlflash_ctx *ctx;

	mutex_lock(&ad->lock);
	ctx = xa_find(&ad->ctxs, id, ULONG_MAX, XA_PRESENT);
	if (ctx)
		ctx_get(ctx);
	mutex_unlock(&ad->lock);
	return ctx;
}

/* ------------------------------------------------------------ creation */

static int ctx_check_params(const struct cxlflash_ctx_params *p)
{
	const struct cxlflash_owner_ops *ops = p->ops;

	if (!ops || !ops->window || !ops->get_pages || !ops->put_pages)
		return -EINVAL;
	if (p->cmd_room && (p->cmd_room < 4 || p->cmd_room > AFU_CMD_ROOM_MAX))
		return -EINVAL;
	if (p->service > CXLFLASH_SERVICE_IRQ)
		return -EINVAL;
	return 0;
}

static struct cxlflash_ctx *ctx_alloc(struct cxlflash_adapter *ad,
				      const struct cxlflash_ctx_params *p)
{
	struct cxlflash_ctx *ctx = kzalloc(sizeof(*ctx), GFP_KERNEL);

	if (!ctx)
		return NULL;
	ctx->ad = ad;
	ctx->ops = p->ops;
	ctx->priv = p->priv;
	ctx->user = p->user;
	ctx->caps = p->caps;
	ctx->cmd_room = p->cmd_room ? p->cmd_room : AFU_CMD_ROOM;
	ctx->service = p->service;
	ctx->clear_dataless = p->clear_dataless;
	ctx->in_reset = p->in_reset;
	strscpy(ctx->name, p->name ? p->name : "", sizeof(ctx->name));
	INIT_LIST_HEAD(&ctx->engine_node);
	spin_lock_init(&ctx->lock);
	spin_lock_init(&ctx->rrq_lock);
	mutex_init(&ctx->rht_lock);
	init_llist_head(&ctx->free_slots);
	init_waitqueue_head(&ctx->idle);
	INIT_LIST_HEAD(&ctx->waiting);
	INIT_LIST_HEAD(&ctx->dead_node);
	INIT_WORK(&ctx->shadow_work, ctx_shadow_work);
	INIT_WORK(&ctx->release_work, ctx_release_work);
	xa_init(&ctx->ua_seen);
	kref_init(&ctx->ref);
	hrtimer_init(&ctx->coalesce_timer, CLOCK_MONOTONIC,
		     HRTIMER_MODE_REL_SOFT);
	ctx->coalesce_timer.function = ctx_coalesce_timer;
	return ctx;
}

/* Does the adapter take new contexts? */
static bool ctx_may_be_made(struct cxlflash_ctx *ctx)
{
	enum afu_adapter_state state = READ_ONCE(ctx->ad->state);

	lockdep_assert_held(&ctx->ad->lock);
	return state == AFU_LIVE || (state == AFU_RESETTING && ctx->in_reset);
}

static int ctx_reserve_id(struct cxlflash_ctx *ctx)
{
	struct cxlflash_adapter *ad = ctx->ad;
	unsigned int max = CTX_ID_MAX, id = CTX_ID_OTHERS;
	int ret = -ENOSPC;

	mutex_lock(&ad->lock);
	if (!ctx_may_be_made(ctx)) {
		ret = -ENODEV;
		goto out_unlock;
	}
	if (ctx->user) {
		id = 0;
		max = min_t(unsigned int, ad->nr_contexts,
			    SISL_NR_USER_CONTEXTS);
		if (ad->nr_user_ctxs >= max)
			goto out_unlock;
		max = SISL_NR_USER_CONTEXTS - 1;
	}
	for (; id <= max; id++) {
		ret = xa_insert(&ad->ctxs, id, NULL, GFP_KERNEL);
		if (ret != -EBUSY)
			break;
		ret = -ENOSPC;
	}
	if (!ret) {
		ctx->id = id;
		ad->nr_user_ctxs += ctx->user;
	}
out_unlock:
	mutex_unlock(&ad->lock);
	return ret;
}

static void ctx_release_id(struct cxlflash_ctx *ctx)
{
	struct cxlflash_adapter *ad = ctx->ad;

	mutex_lock(&ad->lock);
	xa_erase(&ad->ctxs, ctx->id);
	ad->nr_user_ctxs -= ctx->user;
	wake_up_all(&ad->ctx_gone);
	mutex_unlock(&ad->lock);
}

/* Nothing can fail after this has not. */
static int ctx_publish(struct cxlflash_ctx *ctx)
{
	struct cxlflash_adapter *ad = ctx->ad;
	int ret = 0;

	mutex_lock(&ad->lock);
	if (!ctx_may_be_made(ctx)) {
		ret = -ENODEV;
		goto out_unlock;
	}
	/* The others have been failed already, or find no more to fail here. */
	if (READ_ONCE(ad->state) == AFU_RESETTING)
		ctx_move(ctx, CTX_EV_FAIL);
	/* The reservation has made room for it. */
	ret = xa_err(xa_store(&ad->ctxs, ctx->id, ctx, GFP_KERNEL));
	if (!ret)
		engine_attach(ctx);
out_unlock:
	mutex_unlock(&ad->lock);
	return ret;
}

/* What belongs to the context itself. */
static int ctx_build(struct cxlflash_ctx *ctx)
{
	int ret;

	ctx->arrin.size = ctx->cmd_room;
	ctx->arrin.ea = kcalloc(ctx->cmd_room, sizeof(u64), GFP_KERNEL);
	if (!ctx->arrin.ea)
		return -ENOMEM;
	ret = rht_init(ctx);
	if (ret)
		goto err_free_fifo;
	ret = cmd_init_slots(ctx);
	if (ret)
		goto err_destroy_rht;
	return 0;

err_destroy_rht:
	rht_destroy(ctx);
err_free_fifo:
	kfree(ctx->arrin.ea);
	return ret;
}

/**
 * cxlflash_ctx_create() - a new context
 * @ad: adapter; the context takes a reference
 * @params: how it is to be
 *
 * Context: may sleep; not under the adapter's lock.
 * Return: the context, live but for &cxlflash_ctx_params.in_reset; ERR_PTR() of
 * -EINVAL (@params), -ENODEV (the adapter is not live, the owner's module is
 * going), -ENOSPC (too many), -ENOMEM.
 */
struct cxlflash_ctx *
cxlflash_ctx_create(struct cxlflash_adapter *ad,
		    const struct cxlflash_ctx_params *params)
{
	struct cxlflash_ctx *ctx;
	int ret = ctx_check_params(params);

	if (ret)
		return ERR_PTR(ret);
	if (!try_module_get(params->ops->owner))
		return ERR_PTR(-ENODEV);
	ret = -ENOMEM;
	ctx = ctx_alloc(ad, params);
	if (!ctx)
		goto err_put_module;
	ret = ctx_reserve_id(ctx);
	if (ret)
		goto err_free_ctx;
	ret = ctx_build(ctx);
	if (ret)
		goto err_release_id;
	cxlflash_adapter_get(ad);
	__module_get(THIS_MODULE);
	ret = ctx_publish(ctx);
	if (ret)
		goto err_put;
	debug_ctx_add(ctx);
	return ctx;

err_put:
	ctx_release_id(ctx);
	ctx_free(ctx);
	return ERR_PTR(ret);
err_release_id:
	ctx_release_id(ctx);
err_free_ctx:
	kfree(ctx);
err_put_module:
	module_put(params->ops->owner);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_NS_GPL(cxlflash_ctx_create, CXLFLASH_AFU);

/**
 * cxlflash_ctx_destroy() - the end of a context
 * @ctx: context; not to be used any more
 *
 * Does not wait for store I/O.  After it returns no op of the owner is called,
 * but for ->put_pages() of orphans: that must do with the vectors alone, and
 * the owner's module stays for it.  A ->resolve() that is running is waited
 * for: the owner revokes its memory first, so that it comes back.
 *
 * Handles and their chunks are free on return, unless there are orphans, which
 * may still write there; who wants to be sure resets the context before.
 *
 * Context: may sleep; not from an op, not under the adapter's lock.
 */
void cxlflash_ctx_destroy(struct cxlflash_ctx *ctx)
{
	debug_ctx_remove(ctx);
	ctx_release_id(ctx);
	ctx_move(ctx, CTX_EV_DESTROY);
	ctx_lock_busy(ctx);
	ctx_drop_waiting(ctx);
	ctx_unlock_busy(ctx);
	engine_detach(ctx);
	hrtimer_cancel(&ctx->coalesce_timer);
	cancel_work_sync(&ctx->shadow_work);
	/*
	 * Those who have found it in the adapter's list, who post a completion
	 * or raise an interrupt.  Somebody's exit waits for us: expedited.
	 */
	synchronize_rcu_expedited();
	/* Paired with ctx_call_begin()'s: nr_calls, barrier, state. */
	smp_mb();
	wait_event(ctx->idle, !atomic_read(&ctx->nr_calls));
	if (!atomic_read(&ctx->nr_inflight))
		rht_destroy(ctx);
	spin_lock(&ctx_dead_lock);
	list_add_tail(&ctx->dead_node, &ctx_dead);
	spin_unlock(&ctx_dead_lock);
	kref_put(&ctx->ref, ctx_release_now);
}
EXPORT_SYMBOL_NS_GPL(cxlflash_ctx_destroy, CXLFLASH_AFU);

/* ------------------------------------------------- reset, fail, restart */

static void ctx_drained(struct cxlflash_ctx *ctx)
{
	if (ctx_move(ctx, CTX_EV_DRAINED))
		wake_up_all(&ctx->idle);
}

/**
 * ctx_cmds_done() - fetched commands are over
 * @ctx: context; the caller still has a reference
 * @epoch: of the commands
 * @nr: how many
 *
 * Their pages are put, and no store will touch their data any more.
 *
 * Context: any, also hard irq.
 */
void ctx_cmds_done(struct cxlflash_ctx *ctx, u32 epoch, unsigned int nr)
{
	if (unlikely(epoch != READ_ONCE(ctx->epoch))) {
		unsigned long flags;

		spin_lock_irqsave(&ctx->rrq_lock, flags);
		ctx->stats.dropped += nr;
		spin_unlock_irqrestore(&ctx->rrq_lock, flags);
	}
	/*
	 * A full barrier.  Paired with cxlflash_ctx_reset_begin()'s (state,
	 * barrier, count) and the one of who goes to sleep on idle.
	 */
	if (atomic_sub_and_test(nr, &ctx->nr_inflight) &&
	    unlikely(READ_ONCE(ctx->state) == CXLFLASH_CTX_DRAINING))
		ctx_drained(ctx);
	/* Paired with the barrier of who goes to sleep: count first. */
	if (unlikely(waitqueue_active(&ctx->idle)))
		wake_up_all(&ctx->idle);
}

/**
 * ctx_drop_waiting() - commands that wait for a limit need not any more
 * @ctx: context
 *
 * Context: under CTX_BUSY.
 */
void ctx_drop_waiting(struct cxlflash_ctx *ctx)
{
	struct afu_cmd *cmd, *next;

	list_for_each_entry_safe(cmd, next, &ctx->waiting, wait_node) {
		if (cmd->state != CMD_WAITING ||
		    cmd->epoch == READ_ONCE(ctx->epoch))
			continue;
		list_del_init(&cmd->wait_node);
		cmd->state = CMD_ACTIVE;
		cmd_complete(cmd);
	}
}

/**
 * cxlflash_ctx_reset_begin() - drop all commands
 * @ctx: context
 *
 * What is queued is gone, what is in flight will not complete; bit 0 of IOARRIN
 * and SQ_CTX_RESET reads 1, and nothing is accepted, until the store I/O of the
 * latter is back.  The response ring goes on where it was.  Without effect on a
 * context in error.
 *
 * Context: any.
 */
void cxlflash_ctx_reset_begin(struct cxlflash_ctx *ctx)
{
	if (!ctx_move(ctx, CTX_EV_RESET))
		return;
	/* Paired with ctx_cmds_done()'s: count, barrier, state. */
	smp_mb();
	if (!atomic_read(&ctx->nr_inflight))
		ctx_drained(ctx);
	else
		/* It drops those that wait for a limit. */
		engine_wake(ctx);
}
EXPORT_SYMBOL_NS_GPL(cxlflash_ctx_reset_begin, CXLFLASH_AFU);

/**
 * cxlflash_ctx_reset_wait() - wait for the end of a reset
 * @ctx: context
 * @timeout: jiffies
 *
 * Context: may sleep.
 * Return: true if it is live again; false if store I/O is still not back, or it
 * has failed meanwhile.
 */
bool cxlflash_ctx_reset_wait(struct cxlflash_ctx *ctx, long timeout)
{
	ctx_lock_busy(ctx);
	ctx_drop_waiting(ctx);
	ctx_unlock_busy(ctx);
	wait_event_timeout(ctx->idle,
			   READ_ONCE(ctx->state) != CXLFLASH_CTX_DRAINING,
			   timeout);
	return READ_ONCE(ctx->state) == CXLFLASH_CTX_LIVE;
}
EXPORT_SYMBOL_NS_GPL(cxlflash_ctx_reset_wait, CXLFLASH_AFU);

/**
 * cxlflash_ctx_fail() - put a context into error
 * @ctx: context
 *
 * Registers read as all-ones, nothing completes.  ->state_changed() is called
 * unless it was in error or dead before.
 *
 * Context: may sleep; holds no lock that ->state_changed() takes.
 */
void cxlflash_ctx_fail(struct cxlflash_ctx *ctx)
{
	if (!ctx_move(ctx, CTX_EV_FAIL))
		return;
	ctx_lock_busy(ctx);
	ctx_drop_waiting(ctx);
	ctx_unlock_busy(ctx);
	wake_up_all(&ctx->idle);
	ctx_tell(ctx, CXLFLASH_CTX_ERROR);
}
EXPORT_SYMBOL_NS_GPL(cxlflash_ctx_fail, CXLFLASH_AFU);

/**
 * ctx_restart() - out of error
 * @ctx: context
 * @by_adapter: in a reset of the adapter, which everybody else keeps out of
 *
 * Context: may sleep; holds no lock that ->state_changed() takes.
 * Return: as cxlflash_ctx_restart().
 */
int ctx_restart(struct cxlflash_ctx *ctx, bool by_adapter)
{
	bool moved = false;
	unsigned long flags;
	int ret = 0;

	/* Losing a race does no harm: registers of a gone adapter are ones. */
	if (READ_ONCE(ctx->ad->state) == AFU_GONE)
		return -ENODEV;
	spin_lock_irqsave(&ctx->lock, flags);
	/*
	 * An adapter that leaves the live state fails its contexts afterwards,
	 * under this lock: either it is seen here, or fails this one.
	 */
	if (by_adapter || READ_ONCE(ctx->ad->state) == AFU_LIVE)
		moved = __ctx_move(ctx, CTX_EV_RESTART);
	if (moved)
		__ctx_init_regs(ctx);
	else if (ctx->state == CXLFLASH_CTX_DEAD)
		ret = -ENODEV;
	else if (ctx->state != CXLFLASH_CTX_LIVE)
		ret = -EBUSY;
	spin_unlock_irqrestore(&ctx->lock, flags);
	if (moved)
		ctx_tell(ctx, CXLFLASH_CTX_LIVE);
	return ret;
}

/**
 * cxlflash_ctx_restart() - out of error
 * @ctx: context
 *
 * Its registers are as after creation; its handles are what they were.
 *
 * Context: may sleep; holds no lock that ->state_changed() takes.
 * Return: 0, also if it is live; -EBUSY if orphans are not back, a reset is
 * going on, or the adapter is not live; -ENODEV if it or its adapter is gone.
 */
int cxlflash_ctx_restart(struct cxlflash_ctx *ctx)
{
	return ctx_restart(ctx, false);
}
EXPORT_SYMBOL_NS_GPL(cxlflash_ctx_restart, CXLFLASH_AFU);

/**
 * ctx_show_dead() - contexts that are dead and whose orphans are not back
 * @m: where to
 * @ad: adapter
 *
 * Context: may sleep.
 */
void ctx_show_dead(struct seq_file *m, struct cxlflash_adapter *ad)
{
	struct cxlflash_ctx *ctx;

	spin_lock(&ctx_dead_lock);
	list_for_each_entry(ctx, &ctx_dead, dead_node)
		if (ctx->ad == ad)
			seq_printf(m, "dead ctx%u %s orphans %d\n", ctx->id,
				   ctx->name, atomic_read(&ctx->nr_inflight));
	spin_unlock(&ctx_dead_lock);
}

/**
 * ctx_init() - at module load
 *
 * Context: may sleep.
 * Return: 0; -ENOMEM.
 */
int ctx_init(void)
{
	ctx_wq = alloc_workqueue("cxlflash_ctx", WQ_UNBOUND | WQ_MEM_RECLAIM,
				 0);
	return ctx_wq ? 0 : -ENOMEM;
}

/**
 * ctx_exit() - at module unload
 *
 * Context: may sleep.
 */
void ctx_exit(void)
{
	/* Who has dropped the last reference in an interrupt has left. */
	synchronize_rcu();
	destroy_workqueue(ctx_wq);
}
