// SPDX-License-Identifier: GPL-2.0-only
/*
 * Engines: who runs contexts, and when
 *
 * An adapter has one engine, a thread, per CPU that it was given; each context
 * is attached to one of them.  A *pass* over a context executes some of its
 * commands.  Passes are made by the engine or by whoever rings (kick), one at a
 * time:
 *
 * CTX_BUSY is a bit lock that nobody waits for.  Who does not get it sets
 * CTX_AGAIN and tries once more; who has it gives it up and then looks at
 * CTX_AGAIN.  Full barriers between the two steps on either side: so either the
 * second attempt succeeds or the holder sees CTX_AGAIN, and what was submitted
 * before is found by a pass that begins later.  No doorbell is lost, and a pass
 * may be interrupted by somebody who rings the same context.  Workers that need
 * the windows of a context wait for CTX_BUSY, see ctx_lock_busy(): CTX_LOCKING
 * keeps engines from beginning another pass meanwhile, by the same protocol.
 *
 * An engine looks at its polled contexts in turns of deficit round robin: each
 * may move ENGINE_QUANTUM bytes per turn and pays back later what it moved
 * beyond that.  Those that had nothing the last time get a quick look first.
 * After a time without work (pace.h, poll_us at most), or at once if somebody
 * else wants the CPU, it stores the event index of all of them, looks once
 * more, and sleeps.  Before that it rests between two looks: it shares a core,
 * or the cache lines that it looks at, with those who have work to do.
 * Contexts of other modes, and those with something left over (commands that
 * wait for a limit, for a slot, for their next turn) are put into a list of
 * *woken* ones by engine_wake().  An engine without either sleeps for good.
 *
 * engine_lock is outside of eng->lock; both are mutexes, inside adapter->lock.
 * Neither is held by who executes commands but for the engine's own turns.
 *
 * Locals: eng, an engine; done, commands or parts of them that were executed.
 */
#include <linux/kthread.h>
#include <linux/moduleparam.h>
#include <linux/sched/stat.h>
#include <linux/wait_bit.h>

#include "cmd.h"
#include "pace.h"

/* Commands in one turn of a context, bytes in one turn. */
#define ENGINE_BUDGET		32
#define ENGINE_QUANTUM		(128 << 10)
/* Eight cpu_relax() take 2 to the power of this ns, where they take longest. */
#define ENGINE_RELAX_SHIFT	9
/* Zero in each 32nd of these: then it is seen who wants the engine. */
#define ENGINE_REST_MASK	28

static unsigned int poll_us = 500;
module_param(poll_us, uint, 0644);
MODULE_PARM_DESC(poll_us,
		 "how long the engine of polled contexts looks for work at most, before it sleeps, in microseconds (default: 500)");

/**
 * struct afu_engine - a thread that executes commands
 * @task: the thread, referenced
 * @woken: contexts to look at once, each referenced
 * @sleeping: it is about to sleep or does
 * @pace: when it looks for work, by ktime_get_ns(); the thread's own
 * @lock: protects the lists; held by the engine during its turns
 * @polled: contexts that it looks at again and again
 * @others: the other contexts that are attached
 * @nr_ctxs: in both lists; under engine_lock
 */
struct afu_engine {
	struct task_struct *task;
	struct llist_head woken;
	bool sleeping;
	struct pace pace;
	/** @lock: protects @polled and @others; inside engine_lock */
	struct mutex lock;
	struct list_head polled;
	struct list_head others;
	unsigned int nr_ctxs;
};

/* Protects what is attached to which engine, and adapters' arrays of them. */
static DEFINE_MUTEX(engine_lock);

/* ----------------------------------------------------------- the bit lock */

static bool engine_trylock(struct cxlflash_ctx *ctx)
{
	return !test_bit(CTX_LOCKING, &ctx->flags) &&
	       !test_and_set_bit_lock(CTX_BUSY, &ctx->flags);
}

/* false: whoever has it makes another pass. */
static bool engine_enter(struct cxlflash_ctx *ctx)
{
	if (likely(engine_trylock(ctx)))
		return true;
	set_bit(CTX_AGAIN, &ctx->flags);
	/* Paired with those in engine_leave() and ctx_unlock_busy(). */
	smp_mb__after_atomic();
	return engine_trylock(ctx);
}

/* true: somebody else wanted to run it meanwhile. */
static bool engine_leave(struct cxlflash_ctx *ctx)
{
	clear_bit_unlock(CTX_BUSY, &ctx->flags);
	/* Paired with engine_enter()'s, and with the sleepers' queueing. */
	smp_mb__after_atomic();
	if (unlikely(test_bit(CTX_LOCKING, &ctx->flags)))
		wake_up_bit(&ctx->flags, CTX_BUSY);
	return unlikely(test_bit(CTX_AGAIN, &ctx->flags));
}

/**
 * ctx_lock_busy() - take CTX_BUSY
 * @ctx: context
 *
 * Context: may sleep; inside the locks listed in afu.h; not from a pass.
 */
void ctx_lock_busy(struct cxlflash_ctx *ctx)
{
	wait_on_bit_lock(&ctx->flags, CTX_LOCKING, TASK_UNINTERRUPTIBLE);
	wait_on_bit_lock(&ctx->flags, CTX_BUSY, TASK_UNINTERRUPTIBLE);
}

/**
 * ctx_unlock_busy() - give CTX_BUSY up
 * @ctx: context
 *
 * What was submitted meanwhile is an engine's.
 *
 * Context: may sleep.
 */
void ctx_unlock_busy(struct cxlflash_ctx *ctx)
{
	clear_bit_unlock(CTX_BUSY, &ctx->flags);
	clear_bit_unlock(CTX_LOCKING, &ctx->flags);
	/* Paired with engine_enter()'s, and the next sleeper's queueing. */
	smp_mb__after_atomic();
	wake_up_bit(&ctx->flags, CTX_LOCKING);
	if (test_bit(CTX_AGAIN, &ctx->flags) || !list_empty(&ctx->waiting))
		engine_wake(ctx);
}

/* ----------------------------------------------------------------- passes */

/*
 * One command that waits goes on: false if there is none that may.  Those that
 * are moving data are in front of those that wait for a limit.
 */
static bool engine_resume(struct cxlflash_ctx *ctx)
{
	struct afu_cmd *cmd;

	cmd = list_first_entry_or_null(&ctx->waiting, struct afu_cmd,
				       wait_node);
	if (likely(!cmd))
		return false;
	if (ctx->blocked_until && !cmd->charged && !cmd_is_dead(cmd)) {
		if (ktime_get_ns() < ctx->blocked_until)
			return false;
		ctx->blocked_until = 0;
	}
	cmd_resume(cmd);
	/* Limits may have gone, or those who waited for them. */
	if (list_empty(&ctx->waiting))
		ctx->blocked_until = 0;
	return true;
}

/* There is work and no slot: whoever frees one wakes us. */
static bool engine_starve(struct cxlflash_ctx *ctx)
{
	if (!ctx_has_work(ctx))
		return true;
	set_bit(CTX_STARVED, &ctx->flags);
	/* Paired with llist_add() in cmd_finish(). */
	smp_mb__after_atomic();
	return llist_empty(&ctx->free_slots);
}

/*
 * How many commands have a slot.  A slot becomes free before its command stops
 * counting, so there may be one although all are in flight.
 */
static unsigned int engine_room(struct cxlflash_ctx *ctx)
{
	unsigned int busy = atomic_read(&ctx->nr_inflight);

	if (likely(busy < ctx->cmd_room))
		return ctx->cmd_room - busy;
	if (unlikely(llist_empty(&ctx->free_slots)) && engine_starve(ctx))
		return 0;
	return 1;
}

/* Take up at most @max commands; if @fair, of as many bytes, as a rule. */
static unsigned int engine_fetch(struct cxlflash_ctx *ctx, unsigned int max,
				 bool fair)
{
	s64 had = ctx->deficit, each = max(ctx->mean_cost, CMD_MIN_COST);
	unsigned int nr;

	max = min3(max, engine_room(ctx), (unsigned int)FLAT_BATCH);
	if (fair)
		max = clamp_t(s64, had / each, min(max, 1U), max);
	nr = max ? ctx_next_arcbs(ctx, max) : 0;
	if (!nr)
		return 0;
	flat_run(ctx);
	if (fair)
		ctx->mean_cost = min_t(s64, had - ctx->deficit, U32_MAX) / nr;
	return nr;
}

/* Under CTX_BUSY.  @fair: stop when the context's bytes are used up. */
static unsigned int engine_pass(struct cxlflash_ctx *ctx, unsigned int budget,
				bool fair)
{
	unsigned int done = 0, now;

	/* What was submitted before it was set must be seen from here on. */
	if (test_bit(CTX_AGAIN, &ctx->flags)) {
		clear_bit(CTX_AGAIN, &ctx->flags);
		/* Paired with set_bit() and barrier in engine_enter(). */
		smp_mb__after_atomic();
	}
	if (unlikely(test_bit(CTX_ARMED, &ctx->flags)) && ctx_has_work(ctx)) {
		clear_bit(CTX_ARMED, &ctx->flags);
		ctx_disarm_event(ctx);
	}
	while (done < budget && !(fair && ctx->deficit <= 0)) {
		now = engine_resume(ctx);
		now += engine_fetch(ctx, budget - done, fair);
		if (!now)
			break;
		done += now;
	}
	return done;
}

static unsigned int engine_run_ctx(struct cxlflash_ctx *ctx,
				   unsigned int budget, bool fair)
{
	unsigned int done = 0;

	do {
		if (!engine_enter(ctx))
			break;
		done += engine_pass(ctx, budget - done, fair);
	} while (engine_leave(ctx) && done < budget);
	return done;
}

/**
 * engine_run() - execute commands of a context
 * @ctx: context, referenced
 * @budget: at most so many
 *
 * If somebody else runs it, he makes another pass.  Large commands count once
 * for each of their parts.
 *
 * Context: any but hard irq.
 * Return: commands and parts of them; @budget or more: there may be more to do.
 */
unsigned int engine_run(struct cxlflash_ctx *ctx, unsigned int budget)
{
	return engine_run_ctx(ctx, budget, false);
}

/**
 * engine_wake() - have a context looked at by its engine
 * @ctx: context, referenced
 *
 * Context: any, also hard irq.
 */
void engine_wake(struct cxlflash_ctx *ctx)
{
	struct afu_engine *eng;

	rcu_read_lock();
	/* Paired with engine_detach(): it is freed a grace period later. */
	eng = READ_ONCE(ctx->engine);
	if (!eng)
		goto out_unlock;
	/* A full barrier, paired with engine_serve_woken()'s. */
	if (!test_and_set_bit(CTX_WOKEN, &ctx->flags)) {
		ctx_get(ctx);
		/* A full barrier, paired with engine_sleep()'s. */
		llist_add(&ctx->wake_node, &eng->woken);
	}
	if (READ_ONCE(eng->sleeping))
		wake_up_process(eng->task);
out_unlock:
	rcu_read_unlock();
}

/* ------------------------------------------------------------- the thread */

/*
 * Is there still nothing?  Only of one that has done nothing in its last turn,
 * owes nothing and saves nothing up: another turn would change nothing either.
 */
static bool engine_is_quiet(struct cxlflash_ctx *ctx)
{
	bool quiet;

	if (ctx->deficit != ENGINE_QUANTUM || !engine_trylock(ctx))
		return false;
	quiet = list_empty(&ctx->waiting) && ctx_is_quiet(ctx);
	return !engine_leave(ctx) && quiet;
}

/*
 * A turn: false if there is nothing to do, not even waiting for the next.  The
 * deficit may miss what a worker moves at the same time; it is fairness only.
 */
static bool engine_turn(struct cxlflash_ctx *ctx)
{
	unsigned int done;

	if (engine_is_quiet(ctx))
		return false;
	ctx->deficit += ENGINE_QUANTUM;
	if (unlikely(ctx->deficit <= 0))
		return true;
	done = engine_run_ctx(ctx, ENGINE_BUDGET, true);
	/* Nobody saves up for later. */
	if (ctx->deficit > ENGINE_QUANTUM)
		ctx->deficit = ENGINE_QUANTUM;
	return done;
}

static bool engine_serve_polled(struct afu_engine *eng)
{
	struct cxlflash_ctx *ctx;
	bool work = false;

	mutex_lock(&eng->lock);
	list_for_each_entry(ctx, &eng->polled, engine_node)
		work |= engine_turn(ctx);
	mutex_unlock(&eng->lock);
	return work;
}

/* By mode; those that are polled get their turn right afterwards. */
static bool engine_serve_one(struct cxlflash_ctx *ctx)
{
	switch (READ_ONCE(ctx->service)) {
	case CXLFLASH_SERVICE_POLLED:
		return false;
	case CXLFLASH_SERVICE_KICK:
		return engine_run(ctx, ENGINE_BUDGET);
	default:
		return engine_turn(ctx);
	}
}

static bool engine_serve_woken(struct afu_engine *eng)
{
	struct cxlflash_ctx *ctx, *next;
	struct llist_node *list;

	list = llist_del_all(&eng->woken);
	if (likely(!list))
		return false;
	list = llist_reverse_order(list);
	llist_for_each_entry_safe(ctx, next, list, wake_node) {
		/* From here on it may be in the list again. */
		clear_bit(CTX_WOKEN, &ctx->flags);
		/* Paired with test_and_set_bit() in engine_wake(). */
		smp_mb__after_atomic();
		if (engine_serve_one(ctx))
			engine_wake(ctx);
		ctx_put(ctx);
	}
	return true;
}

/*
 * Have the submitters ring: true if none of them was faster.  One that
 * somebody else is running may have work, and may be polled once more.
 */
static bool engine_arm(struct afu_engine *eng)
{
	struct cxlflash_ctx *ctx;
	bool idle = true;

	mutex_lock(&eng->lock);
	list_for_each_entry(ctx, &eng->polled, engine_node) {
		if (!engine_enter(ctx)) {
			idle = false;
			break;
		}
		ctx_arm_event(ctx);
		set_bit(CTX_ARMED, &ctx->flags);
		/* That all slots are in use is a reason to sleep. */
		if (ctx_has_work(ctx) &&
		    !(llist_empty(&ctx->free_slots) && engine_starve(ctx)))
			idle = false;
		if (engine_leave(ctx))
			idle = false;
		if (!idle)
			break;
	}
	mutex_unlock(&eng->lock);
	return idle;
}

static void engine_sleep(struct afu_engine *eng)
{
	WRITE_ONCE(eng->sleeping, true);
	/*
	 * A full barrier.  Paired with llist_add() in engine_wake(): either we
	 * see what was put there or it sees that we sleep.
	 */
	set_current_state(TASK_IDLE);
	if (llist_empty(&eng->woken) && !kthread_should_stop())
		schedule();
	__set_current_state(TASK_RUNNING);
	WRITE_ONCE(eng->sleeping, false);
}

static u64 engine_poll_max_ns(void)
{
	return (u64)READ_ONCE(poll_us) * NSEC_PER_USEC;
}

static __always_inline void engine_relax_8(void)
{
	cpu_relax();
	cpu_relax();
	cpu_relax();
	cpu_relax();
	cpu_relax();
	cpu_relax();
	cpu_relax();
	cpu_relax();
}

/* Does somebody else want the CPU, or somebody the engine at once? */
static bool engine_is_wanted(struct afu_engine *eng)
{
	return need_resched() || !single_task_running() ||
	       !llist_empty(&eng->woken);
}

/*
 * Let others use what we share with them for @ns, in as few steps as can be, or
 * until the engine is wanted.
 */
static void engine_rest(struct afu_engine *eng, u64 ns)
{
	u64 i = ns >> ENGINE_RELAX_SHIFT;

	cpu_relax();
	for (; i >= 4; i -= 4) {
		engine_relax_8();
		engine_relax_8();
		engine_relax_8();
		engine_relax_8();
		if (!(i & ENGINE_REST_MASK) && engine_is_wanted(eng))
			return;
	}
	for (; i; i--)
		engine_relax_8();
}

/* There is nothing to do: is it worth looking again?  If so, after a rest. */
static bool engine_poll_again(struct afu_engine *eng)
{
	u64 rest;

	if (list_empty(&eng->polled) ||
	    !pace_look_again(&eng->pace, ktime_get_ns(), engine_poll_max_ns(),
			     &rest) ||
	    engine_is_wanted(eng))
		return false;
	engine_rest(eng, rest);
	return true;
}

static void engine_end_pause(struct afu_engine *eng)
{
	if (unlikely(eng->pace.idle_since))
		pace_end(&eng->pace, ktime_get_ns(), engine_poll_max_ns());
}

static int engine_thread(void *data)
{
	struct afu_engine *eng = data;
	bool work;

	/* Disks of ours may be what memory is reclaimed to. */
	current->flags |= PF_MEMALLOC_NOIO | PF_LOCAL_THROTTLE;
	while (!kthread_should_stop()) {
		work = engine_serve_woken(eng);
		if (!list_empty(&eng->polled))
			work |= engine_serve_polled(eng);
		if (work)
			engine_end_pause(eng);
		else if (!engine_poll_again(eng) && engine_arm(eng))
			engine_sleep(eng);
		cond_resched();
	}
	return 0;
}

/* ------------------------------------------------------------- attachment */

static struct afu_engine *__engine_choose(struct cxlflash_adapter *ad)
{
	struct afu_engine *best = NULL;
	unsigned int i;

	lockdep_assert_held(&engine_lock);
	for (i = 0; i < ad->nr_engines; i++)
		if (!best || ad->engines[i]->nr_ctxs < best->nr_ctxs)
			best = ad->engines[i];
	return best;
}

/**
 * engine_attach() - have a context served
 * @ctx: context that is not attached
 *
 * By the engine of its adapter that has the fewest; by none if the adapter's
 * engines are gone.
 *
 * Context: may sleep; takes engine_lock.
 */
void engine_attach(struct cxlflash_ctx *ctx)
{
	bool polled = ctx->service == CXLFLASH_SERVICE_POLLED;
	struct afu_engine *eng;

	mutex_lock(&engine_lock);
	eng = __engine_choose(ctx->ad);
	ctx->deficit = 0;
	if (eng) {
		mutex_lock(&eng->lock);
		list_add_tail(&ctx->engine_node,
			      polled ? &eng->polled : &eng->others);
		mutex_unlock(&eng->lock);
		eng->nr_ctxs++;
		set_bit(CTX_ENGINE_LISTED, &ctx->flags);
		WRITE_ONCE(ctx->engine, eng);
	}
	mutex_unlock(&engine_lock);
	engine_wake(ctx);
}

static void __engine_detach(struct cxlflash_ctx *ctx)
{
	struct afu_engine *eng = ctx->engine;

	lockdep_assert_held(&engine_lock);
	if (!eng)
		return;
	/* Wakers that have seen it are in RCU read sections. */
	WRITE_ONCE(ctx->engine, NULL);
	mutex_lock(&eng->lock);
	list_del_init(&ctx->engine_node);
	mutex_unlock(&eng->lock);
	eng->nr_ctxs--;
	clear_bit(CTX_ENGINE_LISTED, &ctx->flags);
}

/**
 * engine_detach() - have it served no more
 * @ctx: context
 *
 * The engine may make a last pass afterwards, with a reference of its own.
 * What waits stays, and is looked at when the context is attached again.
 *
 * Context: may sleep; takes engine_lock.
 */
void engine_detach(struct cxlflash_ctx *ctx)
{
	mutex_lock(&engine_lock);
	__engine_detach(ctx);
	mutex_unlock(&engine_lock);
	hrtimer_cancel(&ctx->limit_timer);
}

/* ------------------------------------------------------------ start, stop */

static struct afu_engine *engine_create(struct cxlflash_adapter *ad, int cpu)
{
	struct afu_engine *eng = kzalloc(sizeof(*eng), GFP_KERNEL);
	struct task_struct *task;

	if (!eng)
		return ERR_PTR(-ENOMEM);
	init_llist_head(&eng->woken);
	mutex_init(&eng->lock);
	INIT_LIST_HEAD(&eng->polled);
	INIT_LIST_HEAD(&eng->others);
	task = kthread_create_on_node(engine_thread, eng, cpu_to_node(cpu),
				      "afu_%s/%d", ad->name, cpu);
	if (IS_ERR(task)) {
		kfree(eng);
		return ERR_CAST(task);
	}
	/* Not bound: it goes elsewhere when the CPU goes offline. */
	set_cpus_allowed_ptr(task, cpumask_of(cpu));
	eng->task = get_task_struct(task);
	wake_up_process(task);
	return eng;
}

static void engine_destroy(struct afu_engine *eng)
{
	struct cxlflash_ctx *ctx, *next;

	kthread_stop(eng->task);
	/* Wakers; then nobody adds to the list any more. */
	synchronize_rcu();
	llist_for_each_entry_safe(ctx, next, llist_del_all(&eng->woken),
				  wake_node) {
		clear_bit(CTX_WOKEN, &ctx->flags);
		ctx_put(ctx);
	}
	put_task_struct(eng->task);
	kfree(eng);
}

/**
 * engine_start() - start the engines of an adapter
 * @ad: adapter, with @engine_cpus set
 *
 * Context: may sleep.
 * Return: 0; -ENODEV if none of the CPUs is online; -ENOMEM or what making a
 * thread says.
 */
int engine_start(struct cxlflash_adapter *ad)
{
	struct afu_engine *eng;
	int cpu, ret;

	ad->nr_engines = 0;
	ad->engines = kcalloc(nr_cpu_ids, sizeof(*ad->engines), GFP_KERNEL);
	if (!ad->engines)
		return -ENOMEM;
	for_each_cpu_and(cpu, ad->engine_cpus, cpu_online_mask) {
		eng = engine_create(ad, cpu);
		if (IS_ERR(eng)) {
			ret = PTR_ERR(eng);
			goto err_stop;
		}
		ad->engines[ad->nr_engines++] = eng;
	}
	ret = -ENODEV;
	if (!ad->nr_engines)
		goto err_stop;
	return 0;

err_stop:
	engine_stop(ad);
	return ret;
}

/**
 * engine_stop() - stop the engines of an adapter
 * @ad: adapter; contexts that are still there are detached
 *
 * Context: may sleep; takes engine_lock.
 */
void engine_stop(struct cxlflash_adapter *ad)
{
	struct afu_engine **engines, *eng;
	struct cxlflash_ctx *ctx, *next;
	unsigned int i, nr;

	mutex_lock(&engine_lock);
	engines = ad->engines;
	nr = ad->nr_engines;
	ad->engines = NULL;
	ad->nr_engines = 0;
	for (i = 0; i < nr; i++) {
		eng = engines[i];
		list_for_each_entry_safe(ctx, next, &eng->polled, engine_node)
			__engine_detach(ctx);
		list_for_each_entry_safe(ctx, next, &eng->others, engine_node)
			__engine_detach(ctx);
	}
	mutex_unlock(&engine_lock);
	for (i = 0; i < nr; i++)
		engine_destroy(engines[i]);
	kfree(engines);
}
