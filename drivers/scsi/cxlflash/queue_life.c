// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queues: their life, from the first context to the last reset
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/slab.h>

#include "cxlflash.h"

#define QUEUE_ENDIAN	\
	(IS_ENABLED(CONFIG_CPU_BIG_ENDIAN) ? SISL_ENDIAN_BE : SISL_ENDIAN_LE)

/*
 * States
 */

/**
 * queue_set_state() - let commands in, or wait, or fail
 * @q: queue
 * @state: enum queue_state; what the host's own state forbids is not done
 *
 * Context: any.  Takes and releases @q->lock.
 */
void queue_set_state(struct host_queue *q, enum queue_state state)
{
	enum host_state host_state;
	unsigned long flags;

	spin_lock_irqsave(&q->lock, flags);
	/* Who changes it to another than HOST_LIVE comes here afterwards. */
	host_state = READ_ONCE(q->host->state);
	if (host_state == HOST_GONE || host_state == HOST_FAILED)
		state = QUEUE_DEAD;
	else if (host_state == HOST_RECOVERING && state == QUEUE_LIVE)
		state = QUEUE_PAUSED;
	WRITE_ONCE(q->state, state);
	/* What the adapter has room for after this has to be asked. */
	q->room = 0;
	spin_unlock_irqrestore(&q->lock, flags);
}

/**
 * queue_quiesce() - wait until no store to IOARRIN is under way
 * @q: queue, paused or dead
 *
 * What is in flight is then known to the adapter, if there is one.
 *
 * Context: may sleep, as long as the backend's write does.
 */
void queue_quiesce(struct host_queue *q)
{
	/* Paired with atomic_dec_and_test() in queue_leave(). */
	smp_mb();
	wait_event(q->wait, !atomic_read(&q->posting));
	/* Batches that have no end yet; when it comes it meets a paused one. */
	if (q->hw)
		queue_tell(q);
}

/*
 * Contexts
 */

/**
 * queue_failed() - does its context read as all-ones?
 * @q: queue
 *
 * Context: as of the backend's read, and the caller keeps @q->hw.
 * Return: true if it does, or if there is no context
 */
bool queue_failed(struct host_queue *q)
{
	return !q->hw || q->host->be->ops->read(q->hw, SISL_REG_CMD_ROOM) ==
			 SISL_ALL_ONES;
}

/**
 * queue_was_restarted() - has the adapter restarted the context meanwhile?
 * @q: queue
 *
 * Its settings are then gone, as is what was in flight.
 *
 * Context: as of the backend's read, and the caller keeps @q->hw.
 * Return: true if so, or if it has failed, or if there is none
 */
bool queue_was_restarted(struct host_queue *q)
{
	return !q->hw || q->host->be->ops->read(q->hw, SISL_REG_RRQ_START) !=
			 q->rrq_ea;
}

/**
 * queue_abandon() - the commands of a context are about to be given up
 * @q: queue, paused or dead, and quiesced; its context is never used again
 *
 * Before they are claimed: buffers have to be the commands' still.
 *
 * Context: may sleep; holds host->reset_mutex.
 */
void queue_abandon(struct host_queue *q)
{
	const struct cxlflash_backend_ops *ops = q->host->be->ops;

	lockdep_assert_held(&q->host->reset_mutex);

	if (q->hw && ops->abandon)
		ops->abandon(q->hw);
}

/**
 * queue_reset_begin() - begin a context reset
 * @q: queue, paused or dead
 *
 * Context: may sleep; holds host->reset_mutex.
 * Return: false if the context has failed and takes none
 */
bool queue_reset_begin(struct host_queue *q)
{
	lockdep_assert_held(&q->host->reset_mutex);

	if (queue_failed(q))
		return false;
	q->host->be->ops->write(q->hw, SISL_REG_IOARRIN, SISL_RESET);
	return true;
}

/**
 * queue_reset_done() - is a context reset over?
 * @host: host
 * @hw: context
 *
 * Context: as of the backend's read.
 * Return: true if its store I/O is back; false if not, or if it has failed
 */
bool queue_reset_done(struct cxlflash_host *host, struct cxlflash_queue *hw)
{
	/* A failed one reads as all-ones, which has the bit set too. */
	return !(host->be->ops->read(hw, SISL_REG_IOARRIN) & SISL_RESET);
}

/**
 * queue_reset() - reset the context
 * @q: queue, paused or dead
 * @timeout: at most so many jiffies
 *
 * If it works, the commands that were in flight are the caller's to claim.
 *
 * Context: may sleep; holds host->reset_mutex.
 * Return: true if it is over
 */
bool queue_reset(struct host_queue *q, long timeout)
{
	unsigned long end = jiffies + timeout;

	queue_quiesce(q);
	if (!queue_reset_begin(q))
		return false;
	while (!queue_reset_done(q->host, q->hw)) {
		if (time_after(jiffies, end))
			return queue_reset_done(q->host, q->hw);
		msleep(QUEUE_POLL_MS);
	}
	return true;
}

/*
 * The words say 0 before the adapter looks at them: nothing was put there, and
 * the first request is to be rung for.
 */
static void queue_start_sq(struct host_queue *q)
{
	const struct cxlflash_backend_ops *ops = q->host->be->ops;
	struct queue_sq *sq = &q->sq;
	unsigned long flags;

	spin_lock_irqsave(&q->lock, flags);
	sq->nr = 0;
	sq->told = 0;
	WRITE_ONCE(sq->shadow->tail, 0);
	WRITE_ONCE(sq->shadow->event, 0);
	spin_unlock_irqrestore(&q->lock, flags);
	/* The register's store is ordered behind them, whatever it is. */
	wmb();
	ops->write(q->hw, SISL_REG_SQ_START, sq->ring_ea);
	ops->write(q->hw, SISL_REG_SQ_END,
		   sq->ring_ea + (SQ_NR_PLACES - 1) * sizeof(*sq->ring));
	ops->write(q->hw, SISL_REG_SHADOW, sq->shadow_ea);
}

/**
 * queue_start() - set up a context that is new, or has been reset
 * @q: queue, paused or dead, with nothing in flight
 *
 * Context: may sleep; holds host->reset_mutex, or @q is not published.
 * Return: 0; -EIO if it has failed
 */
int queue_start(struct host_queue *q)
{
	const struct cxlflash_backend_ops *ops = q->host->be->ops;
	bool sq_on = q->sq.ring && ops->read(q->hw, SISL_REG_FEATURES) &
				   SISL_FEATURE_SHADOW;
	unsigned long flags;

	spin_lock_irqsave(&q->reap_lock, flags);
	memset(q->rrq, 0, QUEUE_NR_SLOTS * sizeof(*q->rrq));
	WRITE_ONCE(q->rrq_curr, 0);
	WRITE_ONCE(q->toggle, SISL_RRQ_TOGGLE);
	q->sq.on = sq_on;
	spin_unlock_irqrestore(&q->reap_lock, flags);
	queue_reap_left(q);

	ops->write(q->hw, SISL_REG_ENDIAN_CTRL, QUEUE_ENDIAN);
	if (sq_on)
		queue_start_sq(q);
	ops->write(q->hw, SISL_REG_RRQ_START, q->rrq_ea);
	ops->write(q->hw, SISL_REG_RRQ_END,
		   q->rrq_ea + (QUEUE_NR_SLOTS - 1) * sizeof(*q->rrq));
	ops->write(q->hw, SISL_REG_INTR_CLEAR, SISL_INTR_ALL);
	ops->write(q->hw, SISL_REG_CTX_CTRL, SISL_LISN_SYNC_ERROR);
	ops->write(q->hw, SISL_REG_INTR_MASK, ~SISL_INTR_ALL);
	WRITE_ONCE(q->error, false);
	return queue_failed(q) ? -EIO : 0;
}

/**
 * queue_attach() - make a context for a queue and start it
 * @q: queue without one, paused or dead
 *
 * Context: may sleep; holds host->reset_mutex, or @q is not published.
 * Return: 0; -ENOMEM or what the backend says, and @q has none; -EIO if it has
 * failed since.
 */
int queue_attach(struct host_queue *q)
{
	struct cxlflash_queue_params params = {
		.depth = QUEUE_NR_SLOTS,
		.poll = q->poll,
		.notify = queue_notify,
		.priv = q,
	};
	struct cxlflash_backend *be = q->host->be;
	struct cxlflash_queue *hw;

	if (!q->zombie)
		q->zombie = kzalloc(sizeof(*q->zombie), GFP_NOIO);
	if (!q->zombie)
		return -ENOMEM;
	hw = be->ops->queue_create(be, &params);
	if (IS_ERR(hw))
		return PTR_ERR(hw);
	q->ctx_id = be->ops->ctx_id(hw);
	q->hw = hw;
	return queue_start(q);
}

static void queue_free(struct host_queue *q)
{
	struct cxlflash_backend *be = q->host->be;
	size_t adl_size = q->host->nr_adl * sizeof(struct sisl_ioadl);
	unsigned int i;

	if (q->sq.shadow)
		be->ops->free(be, sizeof(*q->sq.shadow), q->sq.shadow,
			      q->sq.shadow_ea);
	if (q->sq.ring)
		be->ops->free(be, SQ_NR_PLACES * sizeof(*q->sq.ring),
			      q->sq.ring, q->sq.ring_ea);
	for (i = 0; i < QUEUE_CAN_QUEUE; i++)
		if (q->slots[i].adl)
			be->ops->free(be, adl_size, q->slots[i].adl,
				      q->slots[i].adl_ea);
	if (q->rrq)
		be->ops->free(be, QUEUE_NR_SLOTS * sizeof(*q->rrq), q->rrq,
			      q->rrq_ea);
	if (q->pairs)
		be->ops->free(be, QUEUE_NR_SLOTS * sizeof(*q->pairs), q->pairs,
			      q->pairs_ea);
	kfree(q->zombie);
	kfree(q);
}

static int queue_alloc_sq(struct host_queue *q)
{
	struct cxlflash_backend *be = q->host->be;
	struct queue_sq *sq = &q->sq;

	if (!be->use_sq)
		return 0;
	sq->ring = be->ops->alloc(be, SQ_NR_PLACES * sizeof(*sq->ring),
				  &sq->ring_ea);
	sq->shadow = be->ops->alloc(be, sizeof(*sq->shadow), &sq->shadow_ea);
	return sq->ring && sq->shadow ? 0 : -ENOMEM;
}

static int queue_alloc_memory(struct host_queue *q)
{
	struct cxlflash_backend *be = q->host->be;
	size_t adl_size = q->host->nr_adl * sizeof(struct sisl_ioadl);
	unsigned int i;

	q->rrq = be->ops->alloc(be, QUEUE_NR_SLOTS * sizeof(*q->rrq),
				&q->rrq_ea);
	q->pairs = be->ops->alloc(be, QUEUE_NR_SLOTS * sizeof(*q->pairs),
				  &q->pairs_ea);
	if (!q->rrq || !q->pairs)
		return -ENOMEM;
	for (i = 0; i < QUEUE_CAN_QUEUE; i++) {
		q->slots[i].adl = be->ops->alloc(be, adl_size,
						 &q->slots[i].adl_ea);
		if (!q->slots[i].adl)
			return -ENOMEM;
	}
	return queue_alloc_sq(q);
}

/**
 * queue_create() - make a queue with its context
 * @host: host; members up to @nr_adl are set
 * @poll: for polled I/O
 *
 * Context: may sleep.
 * Return: a paused queue; -ENOMEM; as queue_attach().
 */
struct host_queue *queue_create(struct cxlflash_host *host, bool poll)
{
	struct host_queue *q;
	int ret;

	q = kzalloc(sizeof(*q), GFP_KERNEL);
	if (!q)
		return ERR_PTR(-ENOMEM);
	q->host = host;
	q->poll = poll;
	q->state = QUEUE_PAUSED;
	spin_lock_init(&q->lock);
	spin_lock_init(&q->reap_lock);
	mutex_init(&q->internal_mutex);
	init_completion(&q->internal_done);
	init_waitqueue_head(&q->wait);

	ret = queue_alloc_memory(q);
	if (!ret)
		ret = queue_attach(q);
	if (ret) {
		queue_destroy(q);
		return ERR_PTR(ret);
	}
	return q;
}

/**
 * queue_destroy() - end of a queue
 * @q: queue; no command of SCSI's is or will be in it
 *
 * Context: may sleep, as long as a store to IOARRIN is under way.
 */
void queue_destroy(struct host_queue *q)
{
	queue_quiesce(q);
	if (q->hw)
		q->host->be->ops->queue_destroy(q->hw);
	queue_free(q);
}
