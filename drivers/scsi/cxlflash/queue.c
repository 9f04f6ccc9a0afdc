// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queues: commands to the adapter
 *
 * Each hardware queue of the block layer is a context of the adapter.  A tag
 * is a slot is an IOARCB, so there is nothing to allocate: queuecommand fills
 * the slot, marks it in flight and stores its address to IOARRIN.  In a
 * software adapter that store may execute the command, and even reap it.
 *
 * A backend for which a store is dear has a submission queue instead: the
 * IOARCB is copied to the next place of the ring, the tail is a word in memory,
 * and a register is stored to only if the engine sleeps.  The block layer says
 * which command is the last one of a batch, or that there is none behind the
 * one it gave us (queue_commit()); the tail is stored once for all of them.
 * The slot still is what counts: it has the status, and its address is what
 * comes back (queue_sq.h).  Nothing is read of the adapter on that way, so that
 * it has failed is seen when it says so, or when commands time out.  The engine
 * may be on a CPU that this kernel knows nothing of, as we may be a guest:
 * hence virt_mb() and the like.
 *
 * Who owns a slot is said in queue_reap.c.
 *
 * Pausing: a submitter looks at @state and counts itself in @posting in one
 * step under @lock.  Who pauses changes @state and waits for @posting, after
 * which no store to IOARRIN is under way (queue_life.c).  Then he tells the
 * engine of what is in the ring, as batches may be without their end.
 */
#include <linux/sched/mm.h>
#include <linux/unaligned.h>
#include <scsi/scsi.h>
#include <scsi/scsi_cmnd.h>
#include <scsi/scsi_device.h>

#include "cxlflash.h"

/*
 * Submission
 */

/* Room for one more?  All-ones is a failed adapter. */
static int queue_take_room(struct host_queue *q)
{
	lockdep_assert_held(&q->lock);

	if (!q->room) {
		q->room = q->host->be->ops->read(q->hw, SISL_REG_CMD_ROOM);
		if (q->room == SISL_ALL_ONES) {
			q->room = 0;
			return -EIO;
		}
		if (!q->room)
			return -EBUSY;
		/* Ours are no more than these anyway. */
		q->room = min_t(u64, q->room, QUEUE_NR_SLOTS);
	}
	q->room--;
	return 0;
}

/*
 * Make @idx the adapter's, in @state or a better one.  Return: 0, and
 * queue_leave() must follow; -EBUSY: later; -EIO: the adapter has failed;
 * -ENODEV: for good.
 */
static int queue_enter(struct host_queue *q, unsigned int idx,
		       struct scsi_cmnd *cmd, enum queue_state state)
{
	unsigned long flags;
	int ret = -EBUSY;

	spin_lock_irqsave(&q->lock, flags);
	if (q->state == QUEUE_DEAD)
		ret = -ENODEV;
	/* The internal slot may have been left to the adapter. */
	else if (q->state <= state && q->hw && !test_bit(idx, q->inflight))
		ret = q->sq.on ? 0 : queue_take_room(q);
	if (!ret) {
		q->slots[idx].cmd = cmd;
		/* Who sees the bit sees @cmd: queue_claim(), queue_fence(). */
		smp_mb__before_atomic();
		set_bit(idx, q->inflight);
		atomic_inc(&q->posting);
	}
	spin_unlock_irqrestore(&q->lock, flags);
	return ret;
}

static void queue_leave(struct host_queue *q)
{
	/*
	 * A full barrier before @state is read, paired with queue_quiesce()'s
	 * between changing it and looking at @posting.
	 */
	if (atomic_dec_and_test(&q->posting))
		queue_wake(q);
}

/* Undo queue_enter() of a command that is not posted. */
static void queue_cancel(struct host_queue *q, unsigned int idx)
{
	unsigned long flags;

	spin_lock_irqsave(&q->reap_lock, flags);
	clear_bit(idx, q->inflight);
	spin_unlock_irqrestore(&q->reap_lock, flags);
	queue_reap_left(q);
	queue_leave(q);
}

/* What the RRQ entry of a request will be, but for its toggle. */
static u64 queue_rrq_ea(const struct host_queue *q, unsigned int idx)
{
	return q->pairs_ea + idx * sizeof(*q->pairs) +
	       (q->sq.on ? offsetof(struct queue_pair, ioasa) : 0);
}

/* The doorbell, which is also where a software adapter works and allocates. */
static void queue_ring(struct host_queue *q, unsigned int reg, u64 val)
{
	unsigned int noio = memalloc_noio_save();

	q->host->be->ops->write(q->hw, reg, val);
	memalloc_noio_restore(noio);
}

/*
 * Tell the engine of all that is in the submission queue.  Return: true if it
 * is to be rung for the new *@tail.
 */
static bool __queue_tell(struct host_queue *q, u64 *tail)
{
	struct queue_sq *sq = &q->sq;
	u64 told = sq->told;

	lockdep_assert_held(&q->lock);

	sq->told = sq->nr;
	*tail = sq->ring_ea + sq_place(sq->nr) * sizeof(*sq->ring);
	/* Paired with the engine's load-acquire: the IOARCBs are there. */
	virt_store_release(&sq->shadow->tail, sq->nr);
	/* Paired with the engine's, between its store of @event and @tail. */
	virt_mb();
	return sq_must_ring(READ_ONCE(sq->shadow->event), told, sq->nr);
}

/**
 * queue_tell() - tell the engine of what it has not been told of
 * @q: queue; nobody replaces its context meanwhile
 *
 * Context: may sleep, as the backend's write does.  Takes and releases
 * @q->lock.
 */
void queue_tell(struct host_queue *q)
{
	unsigned long flags;
	bool ring = false;
	u64 tail;

	spin_lock_irqsave(&q->lock, flags);
	if (q->sq.on && q->sq.told != q->sq.nr)
		ring = __queue_tell(q, &tail);
	spin_unlock_irqrestore(&q->lock, flags);
	if (ring)
		queue_ring(q, SISL_REG_SQ_TAIL, tail);
}

/* Put the IOARCB of @idx into the submission queue; if @last, tell of it. */
static void queue_put_sq(struct host_queue *q, unsigned int idx, bool last)
{
	struct sisl_ioarcb *arcb = &q->pairs[idx].arcb;
	struct queue_sq *sq = &q->sq;
	unsigned long flags;
	bool ring = false;
	u64 tail;

	arcb->ioasa_ea = queue_rrq_ea(q, idx);
	spin_lock_irqsave(&q->lock, flags);
	sq->ring[sq_place(sq->nr++)] = *arcb;
	if (last)
		ring = __queue_tell(q, &tail);
	spin_unlock_irqrestore(&q->lock, flags);
	/* The store rings; the tail is what the shadow says. */
	if (ring)
		queue_ring(q, SISL_REG_SQ_TAIL, tail);
}

/* @last: no other one of its batch comes behind it. */
static void queue_post(struct host_queue *q, unsigned int idx, bool last)
{
	if (q->sq.on)
		queue_put_sq(q, idx, last);
	else
		queue_ring(q, SISL_REG_IOARRIN,
			   q->pairs_ea + idx * sizeof(*q->pairs));
	queue_leave(q);
}

static void queue_init_arcb(struct host_queue *q, unsigned int idx,
			    struct scsi_device *sdev)
{
	struct queue_pair *pair = &q->pairs[idx];

	memset(&pair->arcb, 0, sizeof(pair->arcb));
	/* The adapter writes no more than this of it. */
	memset(&pair->ioasa, 0, SISL_IOASA_WRITTEN);
	pair->arcb.ctx_id = q->ctx_id;
	pair->arcb.msi = q->poll ? SISL_LISN_NONE : SISL_LISN_RRQ;
	if (q->host->be->by_handle) {
		/* Handle 0 is its only LUN. */
		pair->arcb.req_flags = SISL_REQ_RES_HNDL;
	} else if (sdev) {
		pair->arcb.res_hndl = BIT(sdev_channel(sdev));
		pair->arcb.lun_id = sdev_lun_id(sdev);
	}
}

/* The buffer, as one extent or as a list of them. */
static int queue_map(struct host_queue *q, unsigned int idx,
		     struct scsi_cmnd *cmd)
{
	struct sisl_ioarcb *arcb = &q->pairs[idx].arcb;
	struct cxlflash_backend *be = q->host->be;
	struct queue_slot *slot = &q->slots[idx];
	struct scatterlist *sg;
	int i, nr;

	if (!scsi_sg_count(cmd))
		return 0;
	nr = be->ops->map_sg(be, scsi_sglist(cmd), scsi_sg_count(cmd),
			     cmd->sc_data_direction);
	if (nr <= 0)
		return -ENOMEM;

	arcb->data_len = scsi_bufflen(cmd);
	if (nr == 1) {
		arcb->data_ea = sg_dma_address(scsi_sglist(cmd));
		return 0;
	}
	/* Mapping joins elements, it does not split them. */
	if (WARN_ON_ONCE(nr > q->host->nr_adl)) {
		queue_unmap(q, cmd);
		return -EIO;
	}
	for_each_sg(scsi_sglist(cmd), sg, nr, i) {
		slot->adl[i].ea = sg_dma_address(sg);
		slot->adl[i].len = sg_dma_len(sg);
		slot->adl[i].flags = 0;
	}
	arcb->data_ea = slot->adl_ea;
	arcb->ioadl_len = nr * sizeof(*slot->adl);
	return 0;
}

static int queue_submit(struct host_queue *q, unsigned int idx,
			struct scsi_cmnd *cmd)
{
	struct sisl_ioarcb *arcb;
	int ret;

	ret = queue_enter(q, idx, cmd, QUEUE_LIVE);
	if (ret)
		return ret;

	queue_init_arcb(q, idx, cmd->device);
	arcb = &q->pairs[idx].arcb;
	if (cmd->sc_data_direction == DMA_TO_DEVICE)
		arcb->req_flags |= SISL_REQ_HOST_WRITE;
	memcpy(arcb->cdb, cmd->cmnd, min_t(u16, cmd->cmd_len, 16));
	ret = queue_map(q, idx, cmd);
	if (ret) {
		queue_cancel(q, idx);
		return ret == -EIO ? -ENODEV : -EBUSY;
	}
	/* From here on @cmd may be over at any time. */
	queue_post(q, idx, cmd->flags & SCMD_LAST);
	return 0;
}

/* There is no other command of this batch. */
static void queue_end_batch(struct host_queue *q)
{
	unsigned long flags;
	bool live;

	spin_lock_irqsave(&q->lock, flags);
	live = q->state == QUEUE_LIVE;
	if (live)
		atomic_inc(&q->posting);
	spin_unlock_irqrestore(&q->lock, flags);
	/* If not, who has paused it does that, see queue_quiesce(). */
	if (!live)
		return;
	queue_tell(q);
	queue_leave(q);
}

/**
 * queue_commit() - commit_rqs of the SCSI host: there was no last command
 * @shost: host
 * @nr: queue
 *
 * Context: may sleep, as queue_command() may.
 */
void queue_commit(struct Scsi_Host *shost, u16 nr)
{
	queue_end_batch(shost_to_host(shost)->queues[nr]);
}

/**
 * queue_command() - queuecommand of the SCSI host
 * @shost: host
 * @cmd: command
 *
 * Context: may sleep, as the store to IOARRIN may.
 * Return: 0; SCSI_MLQUEUE_HOST_BUSY: again, please.
 */
int queue_command(struct Scsi_Host *shost, struct scsi_cmnd *cmd)
{
	struct cxlflash_host *host = shost_to_host(shost);
	struct host_queue *q = queue_of(cmd);
	int ret = -ENODEV;

	if (likely(!sdev_is_barred(cmd->device)))
		ret = queue_submit(q, queue_idx(cmd), cmd);
	switch (ret) {
	case 0:
		return 0;
	case -EIO:
		eh_fail(host);
		return SCSI_MLQUEUE_HOST_BUSY;
	case -EBUSY:
		return SCSI_MLQUEUE_HOST_BUSY;
	default:
		/* It may have been the last one of its batch. */
		queue_end_batch(q);
		set_host_byte(cmd, DID_NO_CONNECT);
		scsi_done(cmd);
		return 0;
	}
}

/*
 * Aborts and LUN resets
 */

/* Begin an internal IOARCB, which is then to be filled and posted. */
static int queue_enter_internal(struct host_queue *q, struct scsi_device *sdev,
				enum queue_state state)
{
	unsigned long flags;
	int ret;

	lockdep_assert_held(&q->internal_mutex);

	ret = queue_enter(q, QUEUE_INTERNAL, NULL, state);
	if (ret)
		return ret;
	/* Who ended the one before may be between clear_bit and complete(). */
	spin_lock_irqsave(&q->reap_lock, flags);
	reinit_completion(&q->internal_done);
	q->internal_killed = false;
	spin_unlock_irqrestore(&q->reap_lock, flags);
	queue_reap_left(q);
	queue_init_arcb(q, QUEUE_INTERNAL, sdev);
	return 0;
}

/* false: it is not back in time. */
static bool queue_wait_internal(struct host_queue *q)
{
	unsigned long end = jiffies + HOST_ABORT_TIMEOUT;
	unsigned long look = HOST_ABORT_TIMEOUT;

	if (q->poll)
		look = msecs_to_jiffies(QUEUE_POLL_MS);
	do {
		if (wait_for_completion_timeout(&q->internal_done, look))
			return true;
		/* There is no notify, or it may be what was lost. */
		queue_reap(q);
	} while (time_before(jiffies, end));
	return try_wait_for_completion(&q->internal_done);
}

/* Wait for the internal IOARCB that was posted. */
static int queue_end_internal(struct host_queue *q)
{
	lockdep_assert_held(&q->internal_mutex);

	if (!queue_wait_internal(q))
		return -ETIMEDOUT;
	if (q->internal_killed || q->pairs[QUEUE_INTERNAL].ioasa.afu_rc)
		return -EIO;
	return 0;
}

/**
 * queue_abort() - ask the adapter to abort a command
 * @q: its queue
 * @cmd: command; the caller owns it for SCSI
 * @fc_rc: what it says
 *
 * Context: may sleep, at most for HOST_ABORT_TIMEOUT.
 * Return: 0 and @fc_rc; -ETIMEDOUT it says nothing; -EBUSY an earlier internal
 * command is not back, or the queue is paused or full; -EIO it does not know
 * aborts, was reset meanwhile, or has failed; -ENODEV the queue is dead.
 */
int queue_abort(struct host_queue *q, struct scsi_cmnd *cmd, u8 *fc_rc)
{
	struct queue_pair *pair = &q->pairs[QUEUE_INTERNAL];
	int ret;

	mutex_lock(&q->internal_mutex);
	/* Not on a paused one: who paused it may be replacing its context. */
	ret = queue_enter_internal(q, cmd->device, QUEUE_LIVE);
	if (ret)
		goto out_unlock;
	pair->arcb.req_flags |= SISL_REQ_AFU_CMD;
	pair->arcb.cdb[0] = SISL_AFU_CMD_ABORT;
	put_unaligned_be64(queue_rrq_ea(q, queue_idx(cmd)), &pair->arcb.cdb[2]);
	queue_post(q, QUEUE_INTERNAL, true);
	ret = queue_end_internal(q);
	*fc_rc = pair->ioasa.fc_rc;
out_unlock:
	mutex_unlock(&q->internal_mutex);
	return ret;
}

/**
 * queue_lun_reset_begin() - begin a LUN reset of this queue's commands
 * @q: queue, paused and quiesced
 * @sdev: device
 *
 * queue_lun_reset_end() must follow; the resets of several queues go on beside
 * each other.
 *
 * Context: may sleep; holds host->reset_mutex.  Takes q->internal_mutex.
 */
void queue_lun_reset_begin(struct host_queue *q, struct scsi_device *sdev)
{
	struct queue_pair *pair = &q->pairs[QUEUE_INTERNAL];

	lockdep_assert_held(&q->host->reset_mutex);

	mutex_lock_nest_lock(&q->internal_mutex, &q->host->reset_mutex);
	q->internal_ret = queue_enter_internal(q, sdev, QUEUE_PAUSED);
	if (q->internal_ret)
		return;
	pair->arcb.req_flags |= SISL_REQ_TMF;
	pair->arcb.cdb[0] = SISL_TMF_LUN_RESET;
	queue_post(q, QUEUE_INTERNAL, true);
}

/**
 * queue_lun_reset_end() - wait for it
 * @q: queue
 *
 * Context: may sleep, at most for HOST_ABORT_TIMEOUT; holds host->reset_mutex.
 * Releases q->internal_mutex.
 * Return: 0: the adapter has none of the device's commands any more; -EIO it
 * has, or does not say so; else as queue_abort().
 */
int queue_lun_reset_end(struct host_queue *q)
{
	const struct sisl_ioasa *ioasa = &q->pairs[QUEUE_INTERNAL].ioasa;
	int ret;

	lockdep_assert_held(&q->host->reset_mutex);

	ret = q->internal_ret;
	if (!ret)
		ret = queue_end_internal(q);
	if (!ret && (ioasa->fc_rc || ioasa->scsi_rc))
		ret = -EIO;
	mutex_unlock(&q->internal_mutex);
	return ret;
}
