// SPDX-License-Identifier: GPL-2.0-only
/*
 * What owners ask of a context: settings, and that memory is not used any more
 *
 * Memory goes in three steps: the owner's ops do not find it any more, windows
 * on it are forgotten, commands that use it are waited for.
 */
#include "afu.h"

/* Commands that cxlflash_ctx_kick() executes, and those of one engine turn. */
#define CTX_KICK_MAX		1024
#define CTX_KICK_BUDGET		32

/**
 * cxlflash_ctx_priv() - the owner's pointer
 * @ctx: context
 *
 * Context: any.
 * Return: cxlflash_ctx_params.priv
 */
void *cxlflash_ctx_priv(struct cxlflash_ctx *ctx)
{
	return ctx->priv;
}
EXPORT_SYMBOL_NS_GPL(cxlflash_ctx_priv, CXLFLASH_AFU);

/**
 * cxlflash_ctx_id() - what IOARCBs have as ctx_id
 * @ctx: context
 *
 * Context: any.
 * Return: the id: 0 to 507 of users, from 512 of others
 */
unsigned int cxlflash_ctx_id(struct cxlflash_ctx *ctx)
{
	return ctx->id;
}
EXPORT_SYMBOL_NS_GPL(cxlflash_ctx_id, CXLFLASH_AFU);

/**
 * cxlflash_ctx_state() - where it is in its life
 * @ctx: context
 *
 * Context: any.
 * Return: its state, which may have changed already
 */
enum cxlflash_ctx_state cxlflash_ctx_state(struct cxlflash_ctx *ctx)
{
	return READ_ONCE(ctx->state);
}
EXPORT_SYMBOL_NS_GPL(cxlflash_ctx_state, CXLFLASH_AFU);

/**
 * cxlflash_ctx_set_service() - another way to run the engine
 * @ctx: context
 * @service: who runs it
 *
 * Context: may sleep; not under the adapter's lock.
 * Return: 0; -EINVAL if there is no such way.
 */
int cxlflash_ctx_set_service(struct cxlflash_ctx *ctx,
			     enum cxlflash_service service)
{
	if (service > CXLFLASH_SERVICE_IRQ)
		return -EINVAL;
	mutex_lock(&ctx->ad->lock);
	engine_detach(ctx);
	ctx_lock_busy(ctx);
	WRITE_ONCE(ctx->service, service);
	ctx_unlock_busy(ctx);
	engine_attach(ctx);
	mutex_unlock(&ctx->ad->lock);
	/* What came while nobody served it. */
	engine_wake(ctx);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(cxlflash_ctx_set_service, CXLFLASH_AFU);

/**
 * cxlflash_ctx_set_limits() - other rate limits
 * @ctx: context
 * @limits: which
 *
 * Context: may sleep.
 * Return: 0; -EINVAL if they are too big.
 */
int cxlflash_ctx_set_limits(struct cxlflash_ctx *ctx,
			    const struct cxlflash_limits *limits)
{
	int ret = limit_check(limits);

	if (ret)
		return ret;
	ctx_lock_busy(ctx);
	limit_set(&ctx->limit, limits, ktime_get_ns());
	/* Who waits for the old limit looks at the new one at once. */
	ctx->blocked_until = 0;
	ctx_unlock_busy(ctx);
	engine_wake(ctx);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(cxlflash_ctx_set_limits, CXLFLASH_AFU);

/**
 * cxlflash_ctx_set_group() - share a limit with others
 * @ctx: context
 * @group: name; NULL or empty: none
 *
 * Context: may sleep.
 * Return: 0; -ENAMETOOLONG; -ENOMEM.
 */
int cxlflash_ctx_set_group(struct cxlflash_ctx *ctx, const char *group)
{
	struct limit_group *g = NULL;

	if (group && *group) {
		g = limit_group_get(group);
		if (IS_ERR(g))
			return PTR_ERR(g);
	}
	ctx_lock_busy(ctx);
	g = unrcu_pointer(xchg(&ctx->group, RCU_INITIALIZER(g)));
	ctx->blocked_until = 0;
	ctx_unlock_busy(ctx);
	limit_group_put(g);
	engine_wake(ctx);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(cxlflash_ctx_set_group, CXLFLASH_AFU);

/**
 * cxlflash_ctx_set_group_limits() - other rate limits for a context's group
 * @ctx: context
 * @limits: of all its contexts together; gone with the last of them
 *
 * Other contexts that wait for the old limits do so until those let them go.
 *
 * Context: may sleep.
 * Return: 0; -EINVAL if they are too big; -ENOENT if it is in no group.
 */
int cxlflash_ctx_set_group_limits(struct cxlflash_ctx *ctx,
				  const struct cxlflash_limits *limits)
{
	struct limit_group *g;
	int ret = limit_check(limits);

	if (ret)
		return ret;
	/* Under CTX_BUSY it is not exchanged. */
	ctx_lock_busy(ctx);
	g = rcu_dereference_protected(ctx->group, true);
	if (g)
		limit_group_set(g, limits);
	ctx->blocked_until = 0;
	ctx_unlock_busy(ctx);
	engine_wake(ctx);
	return g ? 0 : -ENOENT;
}
EXPORT_SYMBOL_NS_GPL(cxlflash_ctx_set_group_limits, CXLFLASH_AFU);

/**
 * cxlflash_ctx_set_dirty_log() - have ->dirtied() called, or no more
 * @ctx: context whose owner has that op
 * @on: which
 *
 * On return no pass is under way that does not know.
 *
 * Context: may sleep.
 */
void cxlflash_ctx_set_dirty_log(struct cxlflash_ctx *ctx, bool on)
{
	if (WARN_ON_ONCE(!ctx->ops->dirtied))
		return;
	ctx_lock_busy(ctx);
	WRITE_ONCE(ctx->dirty_log, on);
	ctx_unlock_busy(ctx);
	/* Those who post completions, in RCU read sections. */
	synchronize_rcu();
}
EXPORT_SYMBOL_NS_GPL(cxlflash_ctx_set_dirty_log, CXLFLASH_AFU);

/**
 * cxlflash_ctx_set_latency() - take times, or no more
 * @ctx: context
 * @on: which; turning it on clears the histogram
 *
 * Context: may sleep.
 */
void cxlflash_ctx_set_latency(struct cxlflash_ctx *ctx, bool on)
{
	ctx_lock_busy(ctx);
	if (on && !ctx->latency_on) {
		spin_lock_irq(&ctx->rrq_lock);
		memset(ctx->latency, 0, sizeof(ctx->latency));
		spin_unlock_irq(&ctx->rrq_lock);
	}
	ctx->latency_on = on;
	ctx_unlock_busy(ctx);
}
EXPORT_SYMBOL_NS_GPL(cxlflash_ctx_set_latency, CXLFLASH_AFU);

/**
 * cxlflash_ctx_get_stats() - what a context has done
 * @ctx: context
 * @out: filled
 *
 * Context: may sleep.
 */
void cxlflash_ctx_get_stats(struct cxlflash_ctx *ctx,
			    struct cxlflash_ctx_counters *out)
{
	ctx_lock_busy(ctx);
	spin_lock_irq(&ctx->rrq_lock);
	*out = (struct cxlflash_ctx_counters){
		.cmds = ctx->stats.cmds,
		.done = ctx->stats.done,
		.errors = ctx->stats.errors,
		.read_bytes = ctx->stats.read_bytes,
		.write_bytes = ctx->stats.write_bytes,
		.irqs = ctx->stats.irqs,
		.dropped = ctx->stats.dropped,
		.misses = ctx->stats.misses,
	};
	memcpy(out->latency, ctx->latency, sizeof(out->latency));
	spin_unlock_irq(&ctx->rrq_lock);
	ctx_unlock_busy(ctx);
}
EXPORT_SYMBOL_NS_GPL(cxlflash_ctx_get_stats, CXLFLASH_AFU);

/**
 * cxlflash_ctx_kick() - run the engine here and now
 * @ctx: context
 *
 * Bounded: what is left after many commands is an engine thread's.
 *
 * Context: may sleep if the store does.
 * Return: commands done
 */
unsigned int cxlflash_ctx_kick(struct cxlflash_ctx *ctx)
{
	unsigned int done = 0, nr;

	do {
		nr = engine_run(ctx, CTX_KICK_BUDGET);
		done += nr;
	} while (nr >= CTX_KICK_BUDGET && done < CTX_KICK_MAX);
	if (nr >= CTX_KICK_BUDGET)
		engine_wake(ctx);
	return done;
}
EXPORT_SYMBOL_NS_GPL(cxlflash_ctx_kick, CXLFLASH_AFU);

/* -------------------------------------------------------------- memory */

static bool ctx_overlaps(u64 a, u64 a_len, u64 b, u64 b_len)
{
	return a_len && b_len && (a - b < b_len || b - a < a_len);
}

static void ctx_drop_window(struct cxlflash_window *win, u64 start, u64 len)
{
	if (ctx_overlaps(win->start, win->len, start, len))
		win->len = 0;
}

/**
 * cxlflash_ctx_invalidate() - forget where memory was
 * @ctx: context
 * @start: first effective address
 * @len: bytes
 *
 * The owner sees to it first that ->window() and ->get_pages() do not find it
 * any more, and uses cxlflash_ctx_drain_pages() before the memory goes.
 *
 * Context: may sleep; holds no lock that ->window() takes.
 */
void cxlflash_ctx_invalidate(struct cxlflash_ctx *ctx, u64 start, u64 len)
{
	struct afu_cmd *cmd;

	ctx_lock_busy(ctx);
	ctx_drop_window(&ctx->win.arcb, start, len);
	ctx_drop_window(&ctx->win.ioasa, start, len);
	ctx_drop_window(&ctx->win.data, start, len);
	if (ctx->shadow && ctx_overlaps(ctx->shadow_at, sizeof(*ctx->shadow),
					start, len))
		ctx->shadow = NULL;
	/* Nobody waits for these in ctx_drain_pages(): they look again. */
	list_for_each_entry(cmd, &ctx->waiting, wait_node)
		if (cmd->state == CMD_WAITING)
			cmd->ioasa = NULL;
	spin_lock_irq(&ctx->rrq_lock);
	ctx_drop_window(&ctx->rrq_win, start, len);
	spin_unlock_irq(&ctx->rrq_lock);
	ctx_unlock_busy(ctx);
}
EXPORT_SYMBOL_NS_GPL(cxlflash_ctx_invalidate, CXLFLASH_AFU);

static void ctx_pause(struct cxlflash_ctx *ctx)
{
	spin_lock_irq(&ctx->lock);
	WRITE_ONCE(ctx->paused, ctx->paused + 1);
	spin_unlock_irq(&ctx->lock);
}

static void ctx_resume(struct cxlflash_ctx *ctx)
{
	spin_lock_irq(&ctx->lock);
	WRITE_ONCE(ctx->paused, ctx->paused - 1);
	spin_unlock_irq(&ctx->lock);
	if (!READ_ONCE(ctx->paused))
		engine_wake(ctx);
}

/**
 * ctx_drain() - wait for all commands in flight
 * @ctx: context
 * @timeout: jiffies
 *
 * Nothing is fetched meanwhile, so it takes as long as the slowest of them.
 *
 * Context: may sleep.
 * Return: true if they are over.
 */
bool ctx_drain(struct cxlflash_ctx *ctx, long timeout)
{
	bool drained;

	ctx_pause(ctx);
	drained = wait_event_timeout(ctx->idle,
				     !atomic_read(&ctx->nr_inflight), timeout);
	ctx_resume(ctx);
	return drained;
}

/*
 * Does a command use that memory without the BUSY bit: pages that the store
 * has, or the address of its status?  Who waits for memory has neither, so that
 * room can be made for it.
 */
static bool cmd_uses(const struct afu_cmd *cmd, u64 start, u64 len)
{
	const struct sisl_ioarcb *arcb = &cmd->arcb;

	if (READ_ONCE(cmd->ioasa) &&
	    ctx_overlaps(cmd->ioasa_ea, SISL_IOASA_WRITTEN, start, len))
		return true;
	/* With a scatter list: rather yes. */
	return READ_ONCE(cmd->nr_pages_bv) && !READ_ONCE(cmd->bounced) &&
	       (arcb->ioadl_len ||
		ctx_overlaps(arcb->data_ea, arcb->data_len, start, len));
}

/* Has it begun?  Those that wait for a limit have not. */
static bool cmd_has_begun(const struct afu_cmd *cmd)
{
	return READ_ONCE(cmd->state) != CMD_WAITING ||
	       READ_ONCE(cmd->nr_pages_bv);
}

/* Is there a command that uses some memory; or, if @len is 0, has begun? */
static bool ctx_uses(struct cxlflash_ctx *ctx, u64 start, u64 len)
{
	struct afu_cmd *cmd;
	unsigned int i;

	for (i = 0; i < ctx->cmd_room; i++) {
		cmd = &ctx->slots[i];
		if (READ_ONCE(cmd->state) != CMD_FREE &&
		    (len ? cmd_uses(cmd, start, len) : cmd_has_begun(cmd)))
			return true;
	}
	return false;
}

static bool ctx_wait_unused(struct cxlflash_ctx *ctx, u64 start, u64 len,
			    long timeout)
{
	unsigned long end = jiffies + timeout;
	bool idle = true;

	if (!atomic_read(&ctx->nr_inflight))
		return true;
	ctx_pause(ctx);
	/* Who was about to use a window or take pages is through. */
	ctx_lock_busy(ctx);
	ctx_unlock_busy(ctx);
	while (ctx_uses(ctx, start, len)) {
		idle = time_before(jiffies, end);
		if (!idle)
			break;
		/* A slot becomes free a little after its command is over. */
		wait_event_timeout(ctx->idle, !ctx_uses(ctx, start, len),
				   msecs_to_jiffies(10));
	}
	ctx_resume(ctx);
	return idle;
}

/**
 * cxlflash_ctx_drain_pages() - wait until no store I/O uses some memory
 * @ctx: context
 * @start: first effective address
 * @len: bytes, not 0
 * @timeout: jiffies
 *
 * After cxlflash_ctx_invalidate().  Nothing is fetched meanwhile; those that
 * wait for a limit or for memory use none yet and are not waited for.
 *
 * Context: may sleep.
 * Return: true if so; false if @timeout was too short.
 */
bool cxlflash_ctx_drain_pages(struct cxlflash_ctx *ctx, u64 start, u64 len,
			      long timeout)
{
	return ctx_wait_unused(ctx, start, len, timeout);
}
EXPORT_SYMBOL_NS_GPL(cxlflash_ctx_drain_pages, CXLFLASH_AFU);

/**
 * cxlflash_ctx_drain() - wait until all commands that have begun are over
 * @ctx: context
 * @timeout: jiffies
 *
 * Nothing is fetched meanwhile; those that wait for a limit are not waited for.
 *
 * Context: may sleep.
 * Return: true if so; false if @timeout was too short.
 */
bool cxlflash_ctx_drain(struct cxlflash_ctx *ctx, long timeout)
{
	return ctx_wait_unused(ctx, 0, 0, timeout);
}
EXPORT_SYMBOL_NS_GPL(cxlflash_ctx_drain, CXLFLASH_AFU);
