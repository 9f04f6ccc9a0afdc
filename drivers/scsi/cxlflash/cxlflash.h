/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside cxlflash.ko: the SCSI host
 *
 *   sd, sg --queuecommand--> queue.c --IOARRIN, or ring, tail--> backend
 *                         queue_reap.c <------------RRQ--------- (an adapter)
 *                         queue_life.c: contexts, resets
 *   SCSI error handling --> eh.c --> recovery work
 *   backend.c: adapters come and go, host.c: Scsi_Host and its devices
 *
 * Locks, outermost first:
 *  host->reset_mutex > queue->internal_mutex > queue->lock > what the backend
 *  takes to read a register
 *  host->state_lock: leaf
 *  queue->reap_lock: leaf of ours; tried in the backend's notify, held around
 *  scsi_done()
 * The backend is never entered with @reap_lock held, but to unmap a buffer.
 */
#ifndef CXLFLASH_H
#define CXLFLASH_H

#include <linux/bitops.h>
#include <linux/completion.h>
#include <linux/cxlflash_afu.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <scsi/scsi_device.h>
#include <scsi/scsi_host.h>

#include "queue_sq.h"

struct scsi_cmnd;
struct task_struct;

/* Commands of one queue, and one more for aborts and LUN resets. */
#define QUEUE_CAN_QUEUE		127
#define QUEUE_INTERNAL		QUEUE_CAN_QUEUE
#define QUEUE_NR_SLOTS		(QUEUE_CAN_QUEUE + 1)
static_assert(SQ_NR_PLACES > QUEUE_NR_SLOTS);
/* Of a scatter list: 2 MiB of scattered pages; 16 MiB if they are larger. */
#define QUEUE_MAX_SG		512

/* How long we wait for whom. */
#define HOST_ABORT_TIMEOUT	(15 * HZ)
#define HOST_RESET_TIMEOUT	(10 * HZ)
#define HOST_REMOVE_GRACE	(2 * HZ)
#define HOST_REMOVE_TIMEOUT	(3 * HZ)
#define HOST_CMD_TIMEOUT	(30 * HZ)
/* How often who waits looks at the ring of a queue without interrupts. */
#define QUEUE_POLL_MS		5

/**
 * enum queue_state - what queuecommand does
 * @QUEUE_LIVE: submits
 * @QUEUE_PAUSED: answers "busy"; the block layer tries again
 * @QUEUE_DEAD: fails commands
 */
enum queue_state {
	QUEUE_LIVE,
	QUEUE_PAUSED,
	QUEUE_DEAD,
};

/**
 * struct queue_pair - an IOARCB with the IOASA behind it, as SISlite wants it
 * @arcb: request
 * @ioasa: status
 */
struct queue_pair {
	struct sisl_ioarcb arcb;
	struct sisl_ioasa ioasa;
};

static_assert(sizeof(struct queue_pair) == 128);

/**
 * struct queue_slot - what belongs to a tag
 * @cmd: that uses it, valid while its bit in queue->inflight is set
 * @adl: scatter list
 * @adl_ea: where the adapter sees it
 */
struct queue_slot {
	struct scsi_cmnd *cmd;
	struct sisl_ioadl *adl;
	u64 adl_ea;
};

/**
 * struct zombie - a context that is to be forgotten, with I/O that is not back
 * @node: in host->zombies
 * @hw: the backend's context
 * @nr_luns: entries of @luns
 * @luns: whose I/O it is
 */
struct zombie {
	struct list_head node;
	struct cxlflash_queue *hw;
	unsigned int nr_luns;
	struct {
		unsigned int channel;
		u64 lun;
	} luns[QUEUE_CAN_QUEUE];
};

/**
 * struct queue_sq - the submission queue of a queue
 * @on: it is used, and not IOARRIN; changes as host_queue->hw does
 * @nr: requests put into it so far, under host_queue->lock
 * @told: of these, the engine was told of; under host_queue->lock
 * @ring: of SQ_NR_PLACES; NULL if the backend does not want it
 * @ring_ea: where the adapter sees it
 * @shadow: tail and event index; changes hands with barriers, see queue.c
 * @shadow_ea: where the adapter sees them
 */
struct queue_sq {
	bool on;
	u64 nr;
	u64 told;
	struct sisl_ioarcb *ring;
	u64 ring_ea;
	struct sisl_shadow *shadow;
	u64 shadow_ea;
};

/**
 * struct host_queue - a hardware queue: one context of the adapter
 * @host: whose
 * @poll: no interrupt comes of it: whoever waits for a command looks
 * @hw: the backend's context; NULL if it could not be made; changes under
 *	host->reset_mutex while not live and @posting is zero
 * @zombie: what @hw may become: there must be no want of memory then
 * @ctx_id: of it
 * @lock: protects @state, @room, @sq, setting bits of @inflight; irqs off
 * @state: enum queue_state
 * @room: IOARCBs that may be stored before CMD_ROOM is read again
 * @posting: submitters between their check of @state and their return
 * @wait: for @posting and @inflight to become zero, while not live
 * @reap_lock: protects @rrq_curr, @toggle, clearing bits of @inflight; irqs
 *	off; leaf
 * @reap_again: somebody wanted @reap_lock to look at the ring, and has left it
 *	to who had it
 * @rrq: response ring
 * @rrq_ea: where the adapter sees it
 * @rrq_curr: next entry
 * @toggle: that it will have
 * @pairs: IOARCBs and IOASAs, by slot
 * @pairs_ea: where the adapter sees them
 * @inflight: slots that the adapter owns
 * @slots: the rest of them
 * @sq: submission queue
 * @internal_mutex: protects the use of slot QUEUE_INTERNAL
 * @internal_ret: why that could not be begun, or 0
 * @internal_done: its completion
 * @internal_killed: by a reset, under @reap_lock
 * @error: the context reported an error by interrupt
 */
struct host_queue {
	struct cxlflash_host *host;
	bool poll;
	struct cxlflash_queue *hw;
	struct zombie *zombie;
	u16 ctx_id;
	/** @lock: protects @state, @room, @sq, setting bits of @inflight */
	spinlock_t lock;
	enum queue_state state;
	u64 room;
	atomic_t posting;
	wait_queue_head_t wait;
	/** @reap_lock: protects the ring, clearing bits of @inflight; leaf */
	spinlock_t reap_lock;
	bool reap_again;
	u64 *rrq;
	u64 rrq_ea;
	unsigned int rrq_curr;
	u64 toggle;
	struct queue_pair *pairs;
	u64 pairs_ea;
	DECLARE_BITMAP(inflight, QUEUE_NR_SLOTS);
	struct queue_slot slots[QUEUE_NR_SLOTS];
	struct queue_sq sq;
	/** @internal_mutex: one internal command at a time */
	struct mutex internal_mutex;
	int internal_ret;
	struct completion internal_done;
	bool internal_killed;
	bool error;
};

/**
 * enum host_state - the life of a host
 * @HOST_LIVE: as it should be
 * @HOST_RECOVERING: the adapter failed; commands wait
 * @HOST_FAILED: and could not be reset; commands fail; we try now and then
 * @HOST_GONE: its adapter is being unregistered
 */
enum host_state {
	HOST_LIVE,
	HOST_RECOVERING,
	HOST_FAILED,
	HOST_GONE,
};

/*
 * What we know of a scsi_device: bits of its hostdata, used as a word and not
 * as a pointer, so that they live as long as it does.
 */
enum {
	LUN_GONE,	/* the LUN is no more: commands fail */
	LUN_FENCED,	/* a zombie holds its I/O: they fail until it is back */
	LUN_DOWN,	/* SCSI may have taken it offline for our failure */
};

/**
 * struct cxlflash_host - a SCSI host on a backend; in Scsi_Host's hostdata
 * @be: backend; not used once @state is HOST_GONE and unregistering is over
 * @shost: SCSI's half
 * @nr_queues: entries of @queues
 * @nr_poll: of these, polled: the last ones
 * @queues: contexts
 * @nr_adl: elements of a slot's scatter list
 * @reset_mutex: serialises recovery: resets of queues and of the adapter
 * @state_lock: protects changes of @state and queueing of the works; irqs off;
 *	leaf
 * @state: enum host_state; never changes from HOST_GONE; READ_ONCE() outside
 * @revoked: nothing is in flight any more, nor will be; under @reset_mutex
 * @zombies: struct zombie, under @reset_mutex
 * @recover: work
 * @came_back: the backend says that it is live again
 * @resetting: who resets the backend for us, and need not be told about it
 * @tries: resets that failed in a row
 * @scan: work
 * @scan_ports: what it is to scan
 */
struct cxlflash_host {
	struct cxlflash_backend *be;
	struct Scsi_Host *shost;
	unsigned int nr_queues;
	unsigned int nr_poll;
	struct host_queue **queues;
	unsigned int nr_adl;
	/** @reset_mutex: serialises recovery; outermost */
	struct mutex reset_mutex;
	/** @state_lock: protects changes of @state, queueing of works; leaf */
	spinlock_t state_lock;
	enum host_state state;
	bool revoked;
	struct list_head zombies;
	struct delayed_work recover;
	bool came_back;
	struct task_struct *resetting;
	unsigned int tries;
	struct work_struct scan;
	unsigned long scan_ports;
};

static inline struct cxlflash_host *shost_to_host(struct Scsi_Host *shost)
{
	return shost_priv(shost);
}

static inline unsigned long *sdev_flags(struct scsi_device *sdev)
{
	return (unsigned long *)&sdev->hostdata;
}

static inline bool sdev_is_barred(struct scsi_device *sdev)
{
	return READ_ONCE(*sdev_flags(sdev)) & (BIT(LUN_GONE) | BIT(LUN_FENCED));
}

/* The adapter counts LUNs; SCSI has a flag in large numbers (flat space). */
static inline u64 sdev_lun_id(struct scsi_device *sdev)
{
	return (sdev->lun & 0xc000) == 0x4000 ? sdev->lun & 0x3fff : sdev->lun;
}

/* Wake who waits for @posting or @inflight; nobody does while it is live. */
static inline void queue_wake(struct host_queue *q)
{
	if (unlikely(READ_ONCE(q->state) != QUEUE_LIVE))
		wake_up_all(&q->wait);
}

/* queue_reap.c */
struct host_queue *queue_of(struct scsi_cmnd *cmd);
unsigned int queue_idx(struct scsi_cmnd *cmd);
void queue_unmap(struct host_queue *q, struct scsi_cmnd *cmd);
void queue_reap_left(struct host_queue *q);
void queue_reap(struct host_queue *q);
int queue_poll(struct Scsi_Host *shost, unsigned int nr);
void queue_notify(void *priv, unsigned int lisn);
unsigned int queue_claim(struct host_queue *q, struct scsi_device *sdev,
			 u8 host_byte);
void queue_claim_cmd(struct host_queue *q, struct scsi_cmnd *cmd);
void queue_fence(struct host_queue *q);
bool queue_owns(struct host_queue *q, struct scsi_cmnd *cmd);
bool queue_drain(struct host_queue *q, struct scsi_device *sdev, long timeout);

/* queue.c */
int queue_abort(struct host_queue *q, struct scsi_cmnd *cmd, u8 *fc_rc);
void queue_lun_reset_begin(struct host_queue *q, struct scsi_device *sdev);
int queue_lun_reset_end(struct host_queue *q);
void queue_tell(struct host_queue *q);
void queue_commit(struct Scsi_Host *shost, u16 nr);
int queue_command(struct Scsi_Host *shost, struct scsi_cmnd *cmd);

/* queue_life.c */
struct host_queue *queue_create(struct cxlflash_host *host, bool poll);
void queue_destroy(struct host_queue *q);
int queue_attach(struct host_queue *q);
int queue_start(struct host_queue *q);
void queue_set_state(struct host_queue *q, enum queue_state state);
void queue_quiesce(struct host_queue *q);
bool queue_failed(struct host_queue *q);
bool queue_was_restarted(struct host_queue *q);
void queue_abandon(struct host_queue *q);
bool queue_reset_begin(struct host_queue *q);
bool queue_reset_done(struct cxlflash_host *host, struct cxlflash_queue *hw);
bool queue_reset(struct host_queue *q, long timeout);

/* eh.c */
bool eh_is_fenced(struct cxlflash_host *host, struct scsi_device *sdev);
enum scsi_timeout_action eh_timed_out(struct scsi_cmnd *cmd);
int eh_abort(struct scsi_cmnd *cmd);
int eh_device_reset(struct scsi_cmnd *cmd);
int eh_host_reset(struct scsi_cmnd *cmd);
void eh_fail(struct cxlflash_host *host);
void eh_recover_soon(struct cxlflash_host *host, unsigned long delay);
void eh_recover(struct work_struct *work);
void eh_lun_revoke(struct cxlflash_host *host, struct scsi_device *sdev);
void eh_revoke(struct cxlflash_host *host);
void eh_bury_zombies(struct cxlflash_host *host);
int eh_init(void);
void eh_exit(void);

/* host.c */
struct cxlflash_host *host_create(struct cxlflash_backend *be);
int host_publish(struct cxlflash_host *host);
void host_remove(struct cxlflash_host *host);
void host_rescan(struct cxlflash_host *host, unsigned int port);
struct scsi_device *host_find_lun(struct cxlflash_host *host, unsigned int port,
				  u64 lun_id);
void host_exit(void);

#endif /* CXLFLASH_H */
