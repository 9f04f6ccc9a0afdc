// SPDX-License-Identifier: GPL-2.0-only
/*
 * Error handling: aborts, resets, recovery, revocation
 *
 * SCSI asks us, harder each time: abort the command, reset the device, reset
 * the host.  The adapter may fail of its own, which a worker deals with.  And
 * LUNs and the adapter may be taken away under us.  All of it, but the abort,
 * happens under host->reset_mutex.
 *
 * No old write lands after a newer one.  An abort or a LUN reset answers
 * success only when the adapter has said that the store I/O is back, and
 * otherwise FAILED.  A context reset is over only then, too.  If it is not over
 * in time, a store hangs; everyone else is to go on, so:
 *
 *  - the LUNs whose commands are stuck are *fenced*: commands to them fail;
 *  - the context becomes a *zombie*, is never used again, and the queue gets a
 *    new one;
 *  - the backend sees to it that late data do no harm (->abandon);
 *  - the stuck commands fail, and SCSI takes their disks offline;
 *  - when the zombies are drained, the LUNs are unfenced and online again.
 *
 * SCSI gives a command up after eh_host_reset() whatever that says.  So it
 * never returns with a command in flight: everything has then been claimed
 * from contexts that were reset or have become zombies.
 *
 * A failed adapter reads as all-ones.  Commands wait (HOST_RECOVERING) while it
 * is reset, some times if need be; then they fail (HOST_FAILED), and we try now
 * and then, for ever.  Commands that were in flight are not given back before
 * the adapter has been reset or given up: until then it may use their buffers.
 */
#include <linux/blk-mq.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <scsi/scsi.h>
#include <scsi/scsi_cmnd.h>
#include <scsi/scsi_device.h>
#include <scsi/scsi_eh.h>

#include "cxlflash.h"

/* Somebody else may be resetting the adapter; do not be hasty. */
#define EH_FAIL_DELAY		(HZ / 2)
#define EH_RETRY_DELAY		HZ
#define EH_MAX_TRIES		5
#define EH_FAILED_DELAY		(10 * HZ)
#define EH_ZOMBIE_DELAY		HZ

/* Recovery is what reclaim may be waiting for. */
static struct workqueue_struct *eh_wq;

/*
 * States
 */

/* Return: whether it was @from or, if that is HOST_GONE, anything but gone. */
static bool eh_change_state(struct cxlflash_host *host, enum host_state from,
			    enum host_state to)
{
	unsigned long flags;
	bool changed;

	spin_lock_irqsave(&host->state_lock, flags);
	changed = host->state != HOST_GONE &&
		  (from == HOST_GONE || host->state == from);
	if (changed)
		WRITE_ONCE(host->state, to);
	spin_unlock_irqrestore(&host->state_lock, flags);
	return changed;
}

static void eh_set_queues(struct cxlflash_host *host, enum queue_state state)
{
	unsigned int i;

	for (i = 0; i < host->nr_queues; i++)
		queue_set_state(host->queues[i], state);
}

/**
 * eh_recover_soon() - let the recovery work run
 * @host: host
 * @delay: jiffies from now at the latest
 *
 * Context: any.
 */
void eh_recover_soon(struct cxlflash_host *host, unsigned long delay)
{
	unsigned long flags;

	/* host_remove() cancels it after making the host gone. */
	spin_lock_irqsave(&host->state_lock, flags);
	if (host->state == HOST_GONE)
		goto out_unlock;
	if (delay)
		queue_delayed_work(eh_wq, &host->recover, delay);
	else
		mod_delayed_work(eh_wq, &host->recover, 0);
out_unlock:
	spin_unlock_irqrestore(&host->state_lock, flags);
}

/**
 * eh_fail() - the adapter has failed: stop, and recover
 * @host: host
 *
 * Context: any.
 */
void eh_fail(struct cxlflash_host *host)
{
	if (!eh_change_state(host, HOST_LIVE, HOST_RECOVERING))
		return;
	dev_warn(host->be->dev, "adapter failed, recovering\n");
	eh_set_queues(host, QUEUE_PAUSED);
	eh_recover_soon(host, EH_FAIL_DELAY);
}

/* Disks that SCSI took offline because of us: let them in again. */
static void eh_online(struct cxlflash_host *host)
{
	struct scsi_device *sdev;
	bool fenced, down;

	shost_for_each_device(sdev, host->shost) {
		fenced = test_and_clear_bit(LUN_FENCED, sdev_flags(sdev));
		down = test_and_clear_bit(LUN_DOWN, sdev_flags(sdev));
		if (!fenced && !down)
			continue;
		mutex_lock(&sdev->state_mutex);
		if (sdev->sdev_state == SDEV_OFFLINE)
			scsi_device_set_state(sdev, SDEV_RUNNING);
		mutex_unlock(&sdev->state_mutex);
		blk_mq_run_hw_queues(sdev->request_queue, true);
	}
}

/* From now on, what SCSI takes offline is ours to bring back. */
static void eh_mark_down(struct cxlflash_host *host)
{
	struct scsi_device *sdev;

	shost_for_each_device(sdev, host->shost)
		if (sdev->sdev_state != SDEV_OFFLINE)
			set_bit(LUN_DOWN, sdev_flags(sdev));
}

/*
 * Contexts
 */

/* The context of @q becomes a zombie; its commands fail. */
static void eh_retire(struct host_queue *q)
{
	struct cxlflash_host *host = q->host;

	lockdep_assert_held(&host->reset_mutex);

	queue_quiesce(q);
	queue_fence(q);
	if (q->hw) {
		/* In case that this is not why we are here. */
		queue_reset_begin(q);
		queue_abandon(q);
		q->zombie->hw = q->hw;
		list_add_tail(&q->zombie->node, &host->zombies);
		q->zombie = NULL;
		q->hw = NULL;
		eh_recover_soon(host, EH_ZOMBIE_DELAY);
	}
	queue_claim(q, NULL, DID_NO_CONNECT);
}

static void eh_destroy_zombie(struct cxlflash_host *host, struct zombie *z)
{
	list_del(&z->node);
	host->be->ops->queue_destroy(z->hw);
	kfree(z);
}

static void eh_check_zombies(struct cxlflash_host *host)
{
	struct zombie *z, *next;

	lockdep_assert_held(&host->reset_mutex);

	if (list_empty(&host->zombies))
		return;
	list_for_each_entry_safe(z, next, &host->zombies, node)
		if (queue_reset_done(host, z->hw))
			eh_destroy_zombie(host, z);
	if (!list_empty(&host->zombies)) {
		eh_recover_soon(host, EH_ZOMBIE_DELAY);
		return;
	}
	eh_online(host);
	/* Those that were not let in meanwhile: eh_is_fenced(). */
	host_rescan(host, host->be->nr_ports);
}

/**
 * eh_is_fenced() - does a zombie hold I/O of a LUN?
 * @host: host
 * @sdev: device, that may be new
 *
 * Context: may sleep.  Takes and releases host->reset_mutex.
 * Return: true if so
 */
bool eh_is_fenced(struct cxlflash_host *host, struct scsi_device *sdev)
{
	bool fenced = false;
	struct zombie *z;
	unsigned int i;

	mutex_lock(&host->reset_mutex);
	list_for_each_entry(z, &host->zombies, node)
		for (i = 0; i < z->nr_luns; i++)
			fenced |= z->luns[i].channel == sdev_channel(sdev) &&
				  z->luns[i].lun == sdev->lun;
	mutex_unlock(&host->reset_mutex);
	return fenced;
}

/**
 * eh_bury_zombies() - destroy them, drained or not
 * @host: host; unregistering
 *
 * Context: may sleep.
 */
void eh_bury_zombies(struct cxlflash_host *host)
{
	struct zombie *z, *next;

	mutex_lock(&host->reset_mutex);
	list_for_each_entry_safe(z, next, &host->zombies, node)
		eh_destroy_zombie(host, z);
	mutex_unlock(&host->reset_mutex);
}

/*
 * Reset a queue: afterwards nothing is in flight.  Return: 0, and it is live
 * if the host is; else it is paused and has no context that works.
 */
static int eh_reset_queue(struct host_queue *q, long timeout, u8 host_byte)
{
	int ret;

	lockdep_assert_held(&q->host->reset_mutex);

	queue_set_state(q, QUEUE_PAUSED);
	if (q->hw && queue_reset(q, timeout)) {
		queue_claim(q, NULL, host_byte);
		ret = queue_start(q);
	} else {
		eh_retire(q);
		ret = queue_attach(q);
	}
	if (!ret)
		queue_set_state(q, QUEUE_LIVE);
	return ret;
}

/*
 * The adapter
 */

static bool eh_all_failed(struct cxlflash_host *host)
{
	unsigned int i;

	for (i = 0; i < host->nr_queues; i++)
		if (!queue_failed(host->queues[i]))
			return false;
	return true;
}

static bool eh_any_failed(struct cxlflash_host *host)
{
	unsigned int i;

	for (i = 0; i < host->nr_queues; i++)
		if (queue_failed(host->queues[i]))
			return true;
	return false;
}

static int eh_reset_adapter(struct cxlflash_host *host)
{
	int ret;

	/* It will tell that it fails and is back, which we know. */
	WRITE_ONCE(host->resetting, current);
	ret = host->be->ops->reset(host->be);
	WRITE_ONCE(host->resetting, NULL);
	/* Live, but some context is not: that is replaced. */
	return ret == -EBUSY ? 0 : ret;
}

/*
 * All, or those that need it; the same time for all together.  One that does
 * not restart is not the end: the others' commands have been dropped as well.
 */
static int eh_restart_queues(struct cxlflash_host *host, bool all)
{
	unsigned long end = jiffies + HOST_RESET_TIMEOUT;
	struct host_queue *q;
	int ret = 0, error;
	unsigned int i;

	for (i = 0; all && i < host->nr_queues; i++) {
		q = host->queues[i];
		queue_set_state(q, QUEUE_PAUSED);
		queue_quiesce(q);
		queue_reset_begin(q);
	}
	for (i = 0; i < host->nr_queues; i++) {
		q = host->queues[i];
		if (!all && !queue_was_restarted(q))
			continue;
		error = eh_reset_queue(q, max_t(long, end - jiffies, 0),
				       DID_RESET);
		if (error)
			ret = error;
	}
	return ret;
}

/* Return: 0 and the host is live, or an errno and it is as before. */
static int eh_recover_adapter(struct cxlflash_host *host)
{
	bool reset = xchg(&host->came_back, false);
	unsigned int i;
	int ret;

	lockdep_assert_held(&host->reset_mutex);

	for (i = 0; i < host->nr_queues; i++)
		queue_quiesce(host->queues[i]);
	/* One context that works: the adapter does, and others use it. */
	if (!reset && eh_all_failed(host)) {
		ret = eh_reset_adapter(host);
		if (ret)
			return ret;
		reset = true;
	}
	ret = eh_restart_queues(host, reset);
	if (ret)
		return ret;

	host->tries = 0;
	if (eh_change_state(host, HOST_RECOVERING, HOST_LIVE) ||
	    eh_change_state(host, HOST_FAILED, HOST_LIVE))
		dev_info(host->be->dev, "adapter recovered\n");
	eh_set_queues(host, QUEUE_LIVE);
	/* Their contexts may have been restarted with the others. */
	eh_check_zombies(host);
	if (list_empty(&host->zombies))
		eh_online(host);
	host_rescan(host, host->be->nr_ports);
	return 0;
}

/* Commands fail from now on.  Nothing is in flight afterwards. */
static void eh_give_up(struct cxlflash_host *host)
{
	struct host_queue *q;
	unsigned int i;

	lockdep_assert_held(&host->reset_mutex);

	if (eh_change_state(host, HOST_RECOVERING, HOST_FAILED))
		dev_err(host->be->dev, "adapter cannot be reset\n");
	eh_mark_down(host);
	for (i = 0; i < host->nr_queues; i++) {
		q = host->queues[i];
		queue_set_state(q, QUEUE_DEAD);
		queue_quiesce(q);
		/*
		 * A failed context says nothing any more, but a store may still
		 * have its I/O.
		 */
		if (queue_failed(q) && queue_drain(q, NULL, 0))
			queue_claim(q, NULL, DID_NO_CONNECT);
		else
			eh_retire(q);
	}
	eh_recover_soon(host, EH_FAILED_DELAY);
}

/*
 * The adapter says that it is back, and we knew nothing of a failure.  We came
 * too late to see it; or all that it has restarted are zombies.
 */
static void eh_check_restarted(struct cxlflash_host *host)
{
	unsigned int i;

	lockdep_assert_held(&host->reset_mutex);

	/* First, so that what it says from here on is not forgotten. */
	if (!xchg(&host->came_back, false))
		return;
	for (i = 0; i < host->nr_queues; i++) {
		if (queue_was_restarted(host->queues[i])) {
			WRITE_ONCE(host->came_back, true);
			eh_fail(host);
			return;
		}
	}
}

/* Contexts that said by interrupt that they could not do their work. */
static void eh_check_errors(struct cxlflash_host *host)
{
	struct host_queue *q;
	unsigned int i;
	u64 status;

	for (i = 0; i < host->nr_queues; i++) {
		q = host->queues[i];
		if (!q->hw || !xchg(&q->error, false))
			continue;
		status = host->be->ops->read(q->hw, SISL_REG_INTR_STATUS);
		dev_warn_ratelimited(host->be->dev, "queue %u: error %#llx\n",
				     i, status);
		if (eh_reset_queue(q, HOST_RESET_TIMEOUT, DID_ERROR))
			eh_fail(host);
	}
}

/**
 * eh_recover() - the recovery work
 * @work: host->recover
 *
 * Context: a worker.
 */
void eh_recover(struct work_struct *work)
{
	struct cxlflash_host *host = container_of(to_delayed_work(work),
						  struct cxlflash_host,
						  recover);

	mutex_lock(&host->reset_mutex);
	if (host->state == HOST_GONE)
		goto out_unlock;
	if (host->state == HOST_LIVE)
		eh_check_restarted(host);
	eh_check_zombies(host);
	if (host->state == HOST_LIVE)
		eh_check_errors(host);
	else if (!eh_recover_adapter(host))
		goto out_unlock;
	else if (++host->tries < EH_MAX_TRIES && host->state != HOST_FAILED)
		eh_recover_soon(host, EH_RETRY_DELAY);
	else
		eh_give_up(host);
out_unlock:
	mutex_unlock(&host->reset_mutex);
}

/*
 * What SCSI calls
 */

/* Return: true if the host is gone; then nothing is in flight. */
static bool eh_is_gone(struct cxlflash_host *host)
{
	lockdep_assert_held(&host->reset_mutex);

	if (READ_ONCE(host->state) != HOST_GONE)
		return false;
	eh_revoke(host);
	return true;
}

/**
 * eh_timed_out() - eh_timed_out of the SCSI host
 * @cmd: command
 *
 * Context: atomic, or the block layer's timeout work.
 * Return: SCSI_EH_RESET_TIMER while the adapter is being recovered, which will
 * end the command; SCSI_EH_NOT_HANDLED.
 */
enum scsi_timeout_action eh_timed_out(struct scsi_cmnd *cmd)
{
	struct cxlflash_host *host = shost_to_host(cmd->device->host);

	/* If only the interrupt was lost, this ends it. */
	queue_reap(queue_of(cmd));
	if (READ_ONCE(host->state) == HOST_RECOVERING)
		return SCSI_EH_RESET_TIMER;
	return SCSI_EH_NOT_HANDLED;
}

/* The adapter does not even answer aborts: reset the context. */
static void eh_reset_mute(struct host_queue *q)
{
	struct cxlflash_host *host = q->host;

	mutex_lock(&host->reset_mutex);
	if (!eh_is_gone(host) && host->state == HOST_LIVE) {
		if (queue_failed(q) ||
		    eh_reset_queue(q, HOST_RESET_TIMEOUT, DID_RESET))
			eh_fail(host);
	}
	mutex_unlock(&host->reset_mutex);
}

/**
 * eh_abort() - eh_abort_handler of the SCSI host
 * @cmd: command
 *
 * Context: a worker; other commands go on.
 * Return: SUCCESS if the command is over, FAILED if the adapter still has it,
 * FAST_IO_FAIL if that is gone.
 */
int eh_abort(struct scsi_cmnd *cmd)
{
	struct cxlflash_host *host = shost_to_host(cmd->device->host);
	struct host_queue *q = queue_of(cmd);
	u8 fc_rc = 0;
	int ret;

	mutex_lock(&host->reset_mutex);
	ret = eh_is_gone(host);
	mutex_unlock(&host->reset_mutex);
	if (ret)
		return FAST_IO_FAIL;
	if (!queue_owns(q, cmd))
		return SUCCESS;

	ret = queue_abort(q, cmd, &fc_rc);
	if (ret == -ETIMEDOUT || ret == -EBUSY)
		eh_reset_mute(q);
	/*
	 * "No exchange": it has completed, or its completion was lost.  Either
	 * way the adapter has nothing of it in flight any more.
	 */
	if (!ret && (!fc_rc || fc_rc == SISL_FC_RC_ABORT_OK ||
		     fc_rc == SISL_FC_RC_NO_EXCHANGE))
		queue_claim_cmd(q, cmd);
	return queue_owns(q, cmd) ? FAILED : SUCCESS;
}

/*
 * Return: 0, and no queue has a command of @sdev in flight; or the adapter
 * still has some.
 */
static int eh_reset_lun(struct cxlflash_host *host, struct scsi_device *sdev)
{
	unsigned int i;
	int ret = 0;

	lockdep_assert_held(&host->reset_mutex);

	/* Nothing may be added, anywhere, to what the adapter is to end. */
	eh_set_queues(host, QUEUE_PAUSED);
	for (i = 0; i < host->nr_queues; i++)
		queue_quiesce(host->queues[i]);
	for (i = 0; i < host->nr_queues; i++)
		queue_lun_reset_begin(host->queues[i], sdev);
	for (i = 0; i < host->nr_queues; i++) {
		if (queue_lun_reset_end(host->queues[i]))
			ret = -EIO;
		else
			queue_claim(host->queues[i], sdev, DID_RESET);
	}
	eh_set_queues(host, QUEUE_LIVE);
	return ret;
}

/**
 * eh_device_reset() - eh_device_reset_handler of the SCSI host
 * @cmd: command; it may be made up, and have no tag
 *
 * Context: SCSI's error handler, or an ioctl.
 * Return: SUCCESS if the device's commands are over, FAILED if the adapter
 * still has some, FAST_IO_FAIL if that is gone.
 */
int eh_device_reset(struct scsi_cmnd *cmd)
{
	struct cxlflash_host *host = shost_to_host(cmd->device->host);
	int ret = SUCCESS;

	mutex_lock(&host->reset_mutex);
	if (eh_is_gone(host))
		ret = FAST_IO_FAIL;
	else if (host->state != HOST_LIVE || eh_reset_lun(host, cmd->device))
		ret = FAILED;
	mutex_unlock(&host->reset_mutex);
	return ret;
}

/**
 * eh_host_reset() - eh_host_reset_handler of the SCSI host
 * @cmd: command; it may be made up, and have no tag
 *
 * Nothing is in flight when it returns, whatever it returns.
 *
 * Context: SCSI's error handler, or an ioctl.
 * Return: SUCCESS, FAILED, FAST_IO_FAIL if the adapter is gone.
 */
int eh_host_reset(struct scsi_cmnd *cmd)
{
	struct cxlflash_host *host = shost_to_host(cmd->device->host);
	int ret = SUCCESS;

	mutex_lock(&host->reset_mutex);
	if (eh_is_gone(host)) {
		ret = FAST_IO_FAIL;
		goto out_unlock;
	}
	if (host->state == HOST_LIVE && !eh_any_failed(host)) {
		if (!eh_restart_queues(host, true))
			goto out_unlock;
	}
	eh_fail(host);
	if (eh_recover_adapter(host)) {
		eh_give_up(host);
		ret = FAILED;
	}
out_unlock:
	mutex_unlock(&host->reset_mutex);
	return ret;
}

/*
 * Taking away
 */

/**
 * eh_lun_revoke() - end the commands of a LUN
 * @host: host
 * @sdev: its device; none of its commands reaches the adapter any more
 *
 * Context: may sleep, bounded.
 */
void eh_lun_revoke(struct cxlflash_host *host, struct scsi_device *sdev)
{
	struct host_queue *q;
	unsigned int i;

	set_bit(LUN_GONE, sdev_flags(sdev));
	mutex_lock(&host->reset_mutex);
	for (i = 0; i < host->nr_queues; i++) {
		/* Otherwise recovery, or unregistering, ends them. */
		if (host->state != HOST_LIVE)
			break;
		q = host->queues[i];
		queue_set_state(q, QUEUE_PAUSED);
		queue_quiesce(q);
		if (queue_drain(q, sdev, HOST_REMOVE_GRACE))
			queue_set_state(q, QUEUE_LIVE);
		/* Others' commands, that are not stuck, are back as well. */
		else if (eh_reset_queue(q, HOST_REMOVE_TIMEOUT, DID_RESET))
			eh_fail(host);
	}
	mutex_unlock(&host->reset_mutex);
}

/**
 * eh_revoke() - end all commands
 * @host: host; its state is HOST_GONE
 *
 * Context: may sleep, bounded; holds host->reset_mutex.
 */
void eh_revoke(struct cxlflash_host *host)
{
	unsigned long end = jiffies + HOST_REMOVE_GRACE;
	struct host_queue *q;
	unsigned int i;

	lockdep_assert_held(&host->reset_mutex);

	if (host->revoked)
		return;
	eh_set_queues(host, QUEUE_DEAD);
	for (i = 0; i < host->nr_queues; i++) {
		q = host->queues[i];
		queue_quiesce(q);
		queue_drain(q, NULL, max_t(long, end - jiffies, 0));
	}
	end = jiffies + HOST_REMOVE_TIMEOUT;
	for (i = 0; i < host->nr_queues; i++) {
		q = host->queues[i];
		/* Over or not: the context is never used again. */
		if (!queue_reset(q, max_t(long, end - jiffies, 0)))
			queue_abandon(q);
		queue_claim(q, NULL, DID_NO_CONNECT);
	}
	host->revoked = true;
}

/**
 * eh_init() - when the module is loaded
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM
 */
int __init eh_init(void)
{
	eh_wq = alloc_workqueue("cxlflash", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	return eh_wq ? 0 : -ENOMEM;
}

/**
 * eh_exit() - undo eh_init()
 *
 * Context: may sleep; there is no host any more.
 */
void eh_exit(void)
{
	destroy_workqueue(eh_wq);
}
