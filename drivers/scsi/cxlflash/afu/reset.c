// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state of an adapter, its failure and its reset
 *
 *   LIVE       takes contexts and commands
 *   RESETTING  all contexts have failed, old store I/O is being waited for
 *   FAILED     all contexts have failed, and stay so until a reset works
 *   GONE       has been removed, but contexts may still be there; for ever
 *
 *   LIVE ----- fault -----> FAILED ---- reset ----> RESETTING
 *   LIVE ----- reset -----------------------------> RESETTING
 *   RESETTING -- works --> LIVE
 *   RESETTING -- fails --> FAILED
 *
 * A reset has two phases.  The first fails every context: what was queued is
 * dropped, what a store has becomes an orphan, and those are waited for,
 * bounded; contexts can be closed meanwhile.  In the second, clients see to it
 * that nobody opens or closes any, and each is restarted.  A context whose
 * store does not come back stays failed, so that no old write lands after a
 * newer one; the others go on.  It is *stuck*, and a worker looks after it: it
 * restarts as soon as its store I/O is back.  Those that their owners failed do
 * not.
 *
 * Locks: @reset_lock (one reset, failure or state change at a time) > @lock.
 * The SCSI host's driver is told whether or not the adapter has a host: a
 * backend that is not registered hears nothing.
 */
#include <linux/module.h>

#include "adapter.h"
#include "client.h"

static unsigned int reset_wait_ms = 10000;
module_param(reset_wait_ms, uint, 0644);
MODULE_PARM_DESC(reset_wait_ms,
		 "how long a reset waits for old store I/O, in milliseconds");

/* How often the worker looks whether the I/O of stuck contexts is back. */
#define RESET_STUCK_DELAY	HZ

/**
 * adapter_fail_ctxs() - fail every context
 * @ad: adapter
 *
 * Context: may sleep; takes @ad->lock.
 */
void adapter_fail_ctxs(struct cxlflash_adapter *ad)
{
	struct cxlflash_ctx *ctx;
	unsigned long id;

	for (id = 0; (ctx = ctx_next(ad, &id)); id++) {
		cxlflash_ctx_fail(ctx);
		ctx_put(ctx);
	}
}

/* Return: 0, also if its owner is destroying it; or what restarting says. */
static int adapter_restart_ctx(struct cxlflash_ctx *ctx)
{
	int ret = ctx_restart(ctx, true);

	if (ret && cxlflash_ctx_state(ctx) == CXLFLASH_CTX_DEAD)
		ret = 0;
	if (ret)
		set_bit(CTX_STUCK, &ctx->flags);
	else
		clear_bit(CTX_STUCK, &ctx->flags);
	return ret;
}

/* One deadline for all. */
static void adapter_drain_ctxs(struct cxlflash_adapter *ad)
{
	unsigned long end, id, left;
	struct cxlflash_ctx *ctx;

	end = jiffies + msecs_to_jiffies(READ_ONCE(reset_wait_ms));
	for (id = 0; (ctx = ctx_next(ad, &id)); id++) {
		left = time_before(jiffies, end) ? end - jiffies : 0;
		wait_event_timeout(ctx->idle, !atomic_read(&ctx->nr_inflight),
				   left);
		ctx_put(ctx);
	}
}

/* The number of those that could not be restarted. */
static unsigned int adapter_restart_ctxs(struct cxlflash_adapter *ad)
{
	struct cxlflash_ctx *ctx;
	unsigned int stuck = 0;
	unsigned long id;
	int ret;

	lockdep_assert_held(&ad->reset_lock);
	for (id = 0; (ctx = ctx_next(ad, &id)); id++) {
		ret = adapter_restart_ctx(ctx);
		if (ret) {
			dev_err(&ad->dev, "context %u does not restart: %d\n",
				ctx->id, ret);
			stuck++;
		}
		ctx_put(ctx);
	}
	return stuck;
}

static void adapter_watch_stuck(struct cxlflash_adapter *ad)
{
	lockdep_assert_held(&ad->reset_lock);
	queue_delayed_work(system_unbound_wq, &ad->restart, RESET_STUCK_DELAY);
}

/**
 * adapter_restart_work() - restart stuck contexts whose store I/O is back
 * @work: adapter->restart
 *
 * Owners hear of it by ->state_changed(), the SCSI host, which does not take
 * that, as after a reset.
 *
 * Context: a worker; takes the adapter's @reset_lock.
 */
void adapter_restart_work(struct work_struct *work)
{
	struct cxlflash_adapter *ad = container_of(to_delayed_work(work),
						   struct cxlflash_adapter,
						   restart);
	unsigned int stuck = 0, restarted = 0;
	struct cxlflash_ctx *ctx;
	unsigned long id;

	guard(mutex)(&ad->reset_lock);
	/* Otherwise the next reset that works looks after them. */
	if (READ_ONCE(ad->state) != AFU_LIVE)
		return;
	for (id = 0; (ctx = ctx_next(ad, &id)); id++) {
		if (test_bit(CTX_STUCK, &ctx->flags)) {
			if (adapter_restart_ctx(ctx))
				stuck++;
			else
				restarted++;
		}
		ctx_put(ctx);
	}
	if (stuck)
		adapter_watch_stuck(ad);
	if (!restarted)
		return;
	dev_info(&ad->dev, "%u stuck contexts restarted, %u left\n", restarted,
		 stuck);
	cxlflash_backend_recovered(&ad->backend);
}

/*
 * State
 */

/**
 * adapter_set_state() - enter a state
 * @ad: adapter
 * @state: which
 *
 * Context: under @ad->reset_lock; takes @ad->lock.
 * Return: 0; -ENODEV if it is gone, because nothing leads back from there.
 */
int adapter_set_state(struct cxlflash_adapter *ad,
		      enum afu_adapter_state state)
{
	lockdep_assert_held(&ad->reset_lock);
	guard(mutex)(&ad->lock);
	if (ad->state == AFU_GONE)
		return -ENODEV;
	WRITE_ONCE(ad->state, state);
	return 0;
}

/**
 * adapter_fail() - registers of all contexts read as all-ones from now on
 * @ad: adapter
 *
 * The SCSI host hears of it and will want a reset.
 *
 * Context: may sleep; takes @ad->reset_lock.
 */
void adapter_fail(struct cxlflash_adapter *ad)
{
	guard(mutex)(&ad->reset_lock);
	if (adapter_set_state(ad, AFU_FAILED))
		return;
	adapter_fail_ctxs(ad);
	cxlflash_backend_failed(&ad->backend);
}

static int __adapter_reset(struct cxlflash_adapter *ad)
{
	unsigned int stuck;
	int ret;

	lockdep_assert_held(&ad->reset_lock);
	ret = adapter_set_state(ad, AFU_RESETTING);
	if (ret)
		return ret;

	cxlflash_backend_failed(&ad->backend);
	adapter_fail_ctxs(ad);
	if (READ_ONCE(ad->faults.fail_reset)) {
		adapter_set_state(ad, AFU_FAILED);
		return -EIO;
	}

	adapter_drain_ctxs(ad);
	client_reset_begin(ad);
	/* What a reset cures; restarted contexts look at it. */
	WRITE_ONCE(ad->faults.fail, false);
	stuck = adapter_restart_ctxs(ad);
	adapter_set_state(ad, AFU_LIVE);
	if (stuck)
		adapter_watch_stuck(ad);
	ret = stuck ? -EBUSY : 0;
	client_reset_end(ad, ret);
	cxlflash_backend_recovered(&ad->backend);
	return ret;
}

/**
 * cxlflash_adapter_reset() - fail all contexts and start them again
 * @ad: adapter
 *
 * One at a time: a second caller waits, and then resets once more.
 *
 * Context: may sleep, at most for the module parameter reset_wait_ms and what
 * a context's owner needs.
 * Return: 0; -EBUSY the adapter is live, but a context whose store I/O is not
 * back has stayed failed, and restarts by itself when it is; -EIO the reset
 * failed, and the adapter with it; -ENODEV it is being removed.
 */
int cxlflash_adapter_reset(struct cxlflash_adapter *ad)
{
	guard(mutex)(&ad->reset_lock);
	return __adapter_reset(ad);
}
EXPORT_SYMBOL_NS_GPL(cxlflash_adapter_reset, CXLFLASH_AFU);
