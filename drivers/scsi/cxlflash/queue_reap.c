// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queues: what comes back from the adapter, and what never will
 *
 * Who owns a slot: from its bit in @inflight being set until that is cleared,
 * the adapter.  Whoever clears the bit ends the command, and only one can.
 * Clearing and ending is one step under @reap_lock, so who takes the lock and
 * finds the bit clear knows that nobody touches the command any more.
 *
 * Why no completion hits the wrong command, although the next user of a slot
 * has the same address in the ring:  We clear a bit without having seen the
 * slot in the ring in two cases only.  After an abort or a LUN reset that the
 * adapter reports as done: its own entry comes behind all that the adapter will
 * ever write for the commands it has killed.  And after a context reset that
 * the adapter reports as done, or whose context we then never use again (see
 * eh.c): a context writes nothing for what it dropped.  Both are followed by a
 * pass over the ring before any bit is cleared.
 *
 * scsi_done() may end what somebody else makes of our disk, such as a LUN of an
 * adapter, even of this one: so the lock may be wanted by who has it.  An
 * interrupt therefore only tries; if it does not get the lock it leaves a note,
 * @reap_again, which everybody looks for after having given the lock up.
 *
 * A polled queue has no interrupts: its ring is looked at by who polls for his
 * request, by timeouts, and by all of us who wait for something.
 */
#include <linux/blk-mq.h>
#include <linux/delay.h>
#include <scsi/scsi.h>
#include <scsi/scsi_cmnd.h>
#include <scsi/scsi_device.h>

#include "cxlflash.h"

/*
 * Commands and slots
 */

/**
 * queue_of() - the queue that a command came by, or will
 * @cmd: command
 *
 * Context: any.
 * Return: queue
 */
struct host_queue *queue_of(struct scsi_cmnd *cmd)
{
	struct cxlflash_host *host = shost_to_host(cmd->device->host);
	u32 tag = blk_mq_unique_tag(scsi_cmd_to_rq(cmd));

	return host->queues[blk_mq_unique_tag_to_hwq(tag)];
}

/**
 * queue_idx() - the slot of a command
 * @cmd: command
 *
 * Context: any.
 * Return: its index
 */
unsigned int queue_idx(struct scsi_cmnd *cmd)
{
	u32 tag = blk_mq_unique_tag(scsi_cmd_to_rq(cmd));

	return blk_mq_unique_tag_to_tag(tag);
}

/*
 * What came back
 */

static u8 queue_afu_error(const struct sisl_ioasa *ioasa)
{
	switch (ioasa->afu_rc) {
	case SISL_AFU_RC_NO_CHANNELS:
		return DID_NO_CONNECT;
	case SISL_AFU_RC_OUT_OF_DATA_BUFS:
	case SISL_AFU_RC_SYNC_IN_PROGRESS:
		/* A moment later it may work; the retries are not counted. */
		return DID_REQUEUE;
	default:
		/* Capabilities, addresses: nothing of it should happen. */
		return DID_ERROR;
	}
}

static u8 queue_fc_error(const struct sisl_ioasa *ioasa)
{
	switch (ioasa->fc_rc) {
	case SISL_FC_RC_LINK_DOWN:
		return DID_TRANSPORT_DISRUPTED;
	case SISL_FC_RC_NO_LOGIN:
	case SISL_FC_RC_SHUTDOWN:
		return DID_NO_CONNECT;
	case SISL_FC_RC_IN_USE:
	case SISL_FC_RC_NO_EXCHANGE:
		return DID_REQUEUE;
	case SISL_FC_RC_RESID:
		/* Alone it only says that there is a residual. */
		return ioasa->flags & SISL_IOASA_OVERRUN ? DID_ERROR : DID_OK;
	default:
		return DID_ERROR;
	}
}

static void queue_set_resid(struct scsi_cmnd *cmd,
			    const struct sisl_ioasa *ioasa)
{
	unsigned int len = scsi_bufflen(cmd);
	unsigned int resid;

	if (!(ioasa->flags & SISL_IOASA_UNDERRUN))
		return;
	/* The adapter's word, so not to be trusted with our arithmetic. */
	resid = min(READ_ONCE(ioasa->resid), len);
	scsi_set_resid(cmd, resid);
	if (!ioasa->scsi_rc && len - resid < cmd->underflow)
		set_host_byte(cmd, DID_ERROR);
}

static void queue_set_result(struct scsi_cmnd *cmd,
			     const struct sisl_ioasa *ioasa)
{
	cmd->result = ioasa->scsi_rc;
	if (ioasa->flags & SISL_IOASA_SENSE_VALID)
		memcpy(cmd->sense_buffer, ioasa->sense, SISL_SENSE_LEN);
	queue_set_resid(cmd, ioasa);
	if (ioasa->afu_rc)
		set_host_byte(cmd, queue_afu_error(ioasa));
	else if (ioasa->fc_rc)
		set_host_byte(cmd, queue_fc_error(ioasa));
	else if (!ioasa->scsi_rc && (ioasa->flags & SISL_IOASA_OVERRUN))
		set_host_byte(cmd, DID_ERROR);
}

/**
 * queue_unmap() - undo the mapping of a command's buffer
 * @q: queue
 * @cmd: command
 *
 * Context: any.
 */
void queue_unmap(struct host_queue *q, struct scsi_cmnd *cmd)
{
	struct cxlflash_backend *be = q->host->be;

	if (scsi_sg_count(cmd))
		be->ops->unmap_sg(be, scsi_sglist(cmd), scsi_sg_count(cmd),
				  cmd->sc_data_direction);
}

/* Give @idx back; its bit has just been cleared by the caller. */
static void queue_end(struct host_queue *q, unsigned int idx, u8 host_byte)
{
	struct sisl_ioasa *ioasa = &q->pairs[idx].ioasa;
	struct scsi_cmnd *cmd = q->slots[idx].cmd;

	lockdep_assert_held(&q->reap_lock);

	if (idx == QUEUE_INTERNAL) {
		q->internal_killed = host_byte != DID_OK;
		complete(&q->internal_done);
		return;
	}
	if (host_byte == DID_OK)
		queue_set_result(cmd, ioasa);
	else
		cmd->result = host_byte << 16;
	queue_unmap(q, cmd);
	/* Ignored by SCSI if its error handling owns the command meanwhile. */
	scsi_done(cmd);
}

static void queue_reap_entry(struct host_queue *q, u64 ea)
{
	u64 off = ea - q->pairs_ea;
	unsigned int idx;

	lockdep_assert_held(&q->reap_lock);

	/* A submission queue's entries name the status. */
	if (q->sq.on)
		off -= offsetof(struct queue_pair, ioasa);
	idx = off / sizeof(*q->pairs);

	if (off >= QUEUE_NR_SLOTS * sizeof(*q->pairs) ||
	    off % sizeof(*q->pairs)) {
		dev_warn_ratelimited(q->host->be->dev,
				     "completion of unknown request %#llx\n",
				     ea);
		return;
	}
	if (test_and_clear_bit(idx, q->inflight))
		queue_end(q, idx, DID_OK);
}

/* Return: how many entries the ring had. */
static unsigned int __queue_reap(struct host_queue *q)
{
	unsigned int nr;
	u64 entry;

	lockdep_assert_held(&q->reap_lock);

	for (nr = 0;; nr++) {
		/*
		 * Paired with the adapter's store-release: what it wrote before
		 * (data, IOASA) is seen after this.
		 */
		entry = virt_load_acquire(&q->rrq[q->rrq_curr]);
		if ((entry & SISL_RRQ_TOGGLE) != q->toggle)
			break;
		/* queue_poll() looks without the lock. */
		if (q->rrq_curr + 1 < QUEUE_NR_SLOTS) {
			WRITE_ONCE(q->rrq_curr, q->rrq_curr + 1);
		} else {
			WRITE_ONCE(q->rrq_curr, 0);
			WRITE_ONCE(q->toggle, q->toggle ^ SISL_RRQ_TOGGLE);
		}
		queue_reap_entry(q, entry & SISL_RRQ_EA_MASK);
	}
	return nr;
}

/* Return: how many entries the ring had, or -EBUSY: somebody has the lock. */
static int queue_reap_once(struct host_queue *q)
{
	unsigned long flags;
	int nr;

	if (!spin_trylock_irqsave(&q->reap_lock, flags))
		return -EBUSY;
	/* A full barrier: what the note stands for is seen in the ring. */
	if (READ_ONCE(q->reap_again))
		xchg(&q->reap_again, false);
	nr = __queue_reap(q);
	spin_unlock_irqrestore(&q->reap_lock, flags);
	return nr;
}

/* What queue_reap() does, but whoever has the lock may be left to do it. */
static unsigned int queue_try_reap(struct host_queue *q)
{
	unsigned int nr = 0;
	int now;

	do {
		now = queue_reap_once(q);
		if (now < 0) {
			WRITE_ONCE(q->reap_again, true);
			/* Paired with those behind unlocking: lock, note. */
			smp_mb();
			now = queue_reap_once(q);
		}
		if (now < 0)
			break;
		nr += now;
		/* Paired with the one above: note, lock. */
		smp_mb();
	} while (READ_ONCE(q->reap_again));
	queue_wake(q);
	return nr;
}

/**
 * queue_reap_left() - do what others have left to whoever had reap_lock
 * @q: queue
 *
 * Context: any, after giving the lock up.
 */
void queue_reap_left(struct host_queue *q)
{
	/* Paired with queue_try_reap()'s: note, lock. */
	smp_mb();
	if (unlikely(READ_ONCE(q->reap_again)))
		queue_try_reap(q);
}

/**
 * queue_reap() - end what the response ring says is done
 * @q: queue
 *
 * Context: any but the end of a command.  Takes and releases @q->reap_lock.
 */
void queue_reap(struct host_queue *q)
{
	unsigned long flags;

	spin_lock_irqsave(&q->reap_lock, flags);
	__queue_reap(q);
	spin_unlock_irqrestore(&q->reap_lock, flags);
	queue_reap_left(q);
	queue_wake(q);
}

/**
 * queue_poll() - mq_poll of the SCSI host
 * @shost: host
 * @nr: queue, a polled one
 *
 * Context: somebody who waits for a request of that queue.
 * Return: how many requests are over
 */
int queue_poll(struct Scsi_Host *shost, unsigned int nr)
{
	struct host_queue *q = shost_to_host(shost)->queues[nr];
	u64 entry = READ_ONCE(q->rrq[READ_ONCE(q->rrq_curr)]);

	/* A glance without the lock may miss something; he polls again. */
	if ((entry & SISL_RRQ_TOGGLE) != READ_ONCE(q->toggle))
		return 0;
	return queue_try_reap(q);
}

/**
 * queue_notify() - the adapter raised an interrupt
 * @priv: queue
 * @lisn: SISL_LISN_*
 *
 * The ring entry precedes it, and whoever has the lock reaps.
 *
 * Context: any, also hard irq, also inside queue_command().
 */
void queue_notify(void *priv, unsigned int lisn)
{
	struct host_queue *q = priv;

	if (lisn == SISL_LISN_SYNC_ERROR) {
		WRITE_ONCE(q->error, true);
		eh_recover_soon(q->host, 0);
	}
	queue_try_reap(q);
}

/*
 * What the error handling is made of
 */

/* Does @idx, which is in flight, belong to @sdev (NULL: anybody)? */
static bool queue_slot_is_of(struct host_queue *q, unsigned int idx,
			     struct scsi_device *sdev)
{
	lockdep_assert_held(&q->reap_lock);

	if (!sdev)
		return true;
	return idx != QUEUE_INTERNAL && q->slots[idx].cmd->device == sdev;
}

/**
 * queue_claim() - end commands that the adapter has forgotten
 * @q: queue, paused or dead, and quiesced
 * @sdev: of this device; NULL: all, the internal one too
 * @host_byte: with this result, not DID_OK
 *
 * The caller knows that the adapter will write nothing for them any more.
 *
 * Context: any.  Takes and releases @q->reap_lock.
 * Return: how many
 */
unsigned int queue_claim(struct host_queue *q, struct scsi_device *sdev,
			 u8 host_byte)
{
	unsigned int idx, nr = 0;
	unsigned long flags;

	spin_lock_irqsave(&q->reap_lock, flags);
	__queue_reap(q);
	for_each_set_bit(idx, q->inflight, QUEUE_NR_SLOTS) {
		if (!queue_slot_is_of(q, idx, sdev))
			continue;
		clear_bit(idx, q->inflight);
		queue_end(q, idx, host_byte);
		nr++;
	}
	spin_unlock_irqrestore(&q->reap_lock, flags);
	queue_reap_left(q);
	queue_wake(q);
	return nr;
}

/**
 * queue_fence() - let no command to LUNs whose I/O is not back
 * @q: queue, paused or dead, and quiesced
 *
 * They are noted in @q->zombie, if there is one.
 *
 * Context: any.  Takes and releases @q->reap_lock.
 */
void queue_fence(struct host_queue *q)
{
	struct zombie *z = q->zombie;
	struct scsi_device *sdev;
	unsigned long flags;
	unsigned int idx;

	spin_lock_irqsave(&q->reap_lock, flags);
	__queue_reap(q);
	if (z)
		z->nr_luns = 0;
	for_each_set_bit(idx, q->inflight, QUEUE_CAN_QUEUE) {
		sdev = q->slots[idx].cmd->device;
		/* Its number may soon be another LUN's. */
		if (test_bit(LUN_GONE, sdev_flags(sdev)))
			continue;
		set_bit(LUN_FENCED, sdev_flags(sdev));
		if (z) {
			z->luns[z->nr_luns].channel = sdev_channel(sdev);
			z->luns[z->nr_luns++].lun = sdev->lun;
		}
	}
	spin_unlock_irqrestore(&q->reap_lock, flags);
	queue_reap_left(q);
}

/**
 * queue_owns() - is a command with the adapter?
 * @q: its queue
 * @cmd: command; the caller owns it for SCSI, so its tag is not used again
 *
 * If not, nobody here uses @cmd any more.
 *
 * Context: any.  Takes and releases @q->reap_lock.
 * Return: true if it is
 */
bool queue_owns(struct host_queue *q, struct scsi_cmnd *cmd)
{
	unsigned int idx = queue_idx(cmd);
	unsigned long flags;
	bool owned;

	spin_lock_irqsave(&q->reap_lock, flags);
	__queue_reap(q);
	owned = test_bit(idx, q->inflight) && q->slots[idx].cmd == cmd;
	spin_unlock_irqrestore(&q->reap_lock, flags);
	queue_reap_left(q);
	return owned;
}

/**
 * queue_claim_cmd() - end a command that the adapter has forgotten
 * @q: its queue
 * @cmd: command; the caller owns it for SCSI
 *
 * Context: any.  Takes and releases @q->reap_lock.
 */
void queue_claim_cmd(struct host_queue *q, struct scsi_cmnd *cmd)
{
	unsigned int idx = queue_idx(cmd);
	unsigned long flags;

	spin_lock_irqsave(&q->reap_lock, flags);
	__queue_reap(q);
	if (q->slots[idx].cmd == cmd && test_and_clear_bit(idx, q->inflight))
		queue_end(q, idx, DID_ABORT);
	spin_unlock_irqrestore(&q->reap_lock, flags);
	queue_reap_left(q);
	queue_wake(q);
}

/* Does the adapter have no command (of @sdev)? */
static bool queue_is_idle(struct host_queue *q, struct scsi_device *sdev)
{
	unsigned long flags;
	unsigned int idx;
	bool idle = true;

	spin_lock_irqsave(&q->reap_lock, flags);
	__queue_reap(q);
	for_each_set_bit(idx, q->inflight, QUEUE_CAN_QUEUE)
		if (queue_slot_is_of(q, idx, sdev))
			idle = false;
	spin_unlock_irqrestore(&q->reap_lock, flags);
	queue_reap_left(q);
	return idle;
}

/**
 * queue_drain() - wait until the adapter has given commands back
 * @q: queue, paused or dead, and quiesced
 * @sdev: those of this device; NULL: all
 * @timeout: at most so many jiffies
 *
 * Context: may sleep.
 * Return: true if it has
 */
bool queue_drain(struct host_queue *q, struct scsi_device *sdev, long timeout)
{
	unsigned long end = jiffies + timeout;

	if (!q->poll)
		return wait_event_timeout(q->wait, queue_is_idle(q, sdev),
					  timeout);
	while (!queue_is_idle(q, sdev)) {
		if (time_after(jiffies, end))
			return false;
		msleep(QUEUE_POLL_MS);
	}
	return true;
}
