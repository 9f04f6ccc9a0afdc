/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside cxlflash_afu.ko
 *
 *  configfs --> adapter --> ctx --fetch--> cmd --parse--> disk --io--> store
 *  config.c    adapter.c   ctx.c engine.c cmd.c arcb.c   disk*.c     store*.c
 *                 |        mmio.c ring.h  rht.c            |
 *                 +-------- port maps ------------------> lun --> chunk, table
 *                                                        lun.c  chunk.c table.c
 *
 * Locks, outermost first:
 *  configfs' own > cxlflash_config_lock > adapter->lock > ctx->rht_lock >
 *  lun->lock > ctx BUSY bit > lun->resv_lock > ctx->lock > ctx->rrq_lock.
 * The last three are spinlocks taken with interrupts off.  Adapter and LUN
 * pointers that the engine follows are RCU, the LUN counted by @lun->io_ref
 * for as long as a command uses it.  Those of clients are in client.c, those of
 * slices in slice.h.
 */
#ifndef CXLFLASH_AFU_H
#define CXLFLASH_AFU_H

#include <linux/bio.h>
#include <linux/completion.h>
#include <linux/configfs.h>
#include <linux/cxlflash_afu.h>
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/kref.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/percpu-refcount.h>
#include <linux/refcount.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "flat.h"
#include "limit.h"
#include "ring.h"
#include "storage.h"

/* Vectors of a command slot: what goes to a store in one piece. */
#define AFU_CMD_BVECS		64
#define AFU_CMD_ROOM		64
#define AFU_CMD_ROOM_MAX	1024
/* Highest LUN number: what peripheral device addressing reaches. */
#define AFU_MAX_LUN		255
#define AFU_NO_PORT		0xff
#define AFU_GRACE_MS_MAX	600000

/* ------------------------------------------------------------ contexts */

struct afu_cmd;
struct afu_engine;
struct rht;

/* ctx->flags */
enum {
	CTX_BUSY,		/* somebody runs the engine: a bit lock */
	CTX_AGAIN,		/* somebody else wanted to meanwhile */
	CTX_BIG_ENDIAN,
	CTX_SQ,			/* the submission queue is set up */
	CTX_ENGINE_LISTED,
	CTX_LOCKING,		/* a sleeper wants CTX_BUSY: stay away */
	CTX_WOKEN,		/* in its engine's list of woken ones */
	CTX_ARMED,		/* the event index is stored */
	CTX_STARVED,		/* has work, had no free slot */
	CTX_STUCK,		/* a reset could not restart it: reset.c */
};

/**
 * struct afu_ctx_stats - counters, written by who holds CTX_BUSY or rrq_lock
 * @cmds: commands fetched
 * @done: completed
 * @errors: of these, with ioasc not 0
 * @read_bytes: and
 * @write_bytes: moved
 * @irqs: notify calls
 * @dropped: by resets
 * @misses: windows that a worker had to resolve
 */
struct afu_ctx_stats {
	u64 cmds;
	u64 done;
	u64 errors;
	u64 read_bytes;
	u64 write_bytes;
	u64 irqs;
	u64 dropped;
	u64 misses;
};

/* Counting is left out of builds that measure what it costs. */
#ifdef CXLFLASH_BARE
#define ctx_count(ctx, counter, nr)	((void)(ctx), (void)(nr))
#else
#define ctx_count(ctx, counter, nr)	((ctx)->stats.counter += (nr))
#endif

/**
 * struct cxlflash_ctx - a context
 * @ad: the adapter, referenced
 * @ops: the owner's
 * @priv: the owner's
 * @id: index, below SISL_NR_CONTEXTS for users; slices and hosts lie above
 * @user: counts against 508
 * @caps: SISL_CAP_*
 * @cmd_room: slots
 * @service: who runs the engine
 * @name: for people
 * @flags: CTX_*
 * @engine: that serves it
 * @engine_node: in the engine's list
 * @deficit: bytes it may still move in this round
 * @mean_cost: bytes that its commands have cost of late
 * @limit: its own, under CTX_BUSY
 * @group: shared limit, RCU
 * @win: windows at hand, under CTX_BUSY: where the last IOARCB, the rings, the
 *	data were
 * @sq: submission queue, under CTX_BUSY
 * @shadow: doorbell words, NULL or mapped, under CTX_BUSY
 * @shadow_at: EA that @shadow maps
 * @shadow_ea: register, READ_ONCE() outside @lock
 * @shadow_work: brings the shadow words to hand
 * @lock: protects @state, @slots, @arrin, registers; irqs off; leaf but for
 *	@rrq_lock
 * @state: READ_ONCE() outside
 * @resetting: bit 0 of IOARRIN and SQ_CTX_RESET
 * @arrin: EAs stored to IOARRIN and not yet fetched
 * @intr_status: and
 * @intr_mask: registers
 * @ctx_ctrl: register
 * @rrq_start: register
 * @sq_start: register
 * @sq_end: register
 * @epoch: bumped by each reset; a command of an older one is an orphan
 * @slots: all commands
 * @free_slots: those free, llist: pushed anywhere, popped under CTX_BUSY
 * @flat: what is being executed, under CTX_BUSY
 * @seq: of the last command that got a slot, under CTX_BUSY
 * @paused: nothing is fetched: somebody waits for @nr_inflight, under @lock
 * @nr_inflight: fetched and not over, of any epoch: ctx_next_arcbs() counts,
 *	ctx_cmds_done() uncounts.  Nothing is fetched before the older epochs'
 *	are back, so outside of the live state all of them are orphans
 * @idle: woken when it becomes 0
 * @nr_calls: calls into the owner that may sleep; no new ones once dead
 * @waiting: commands that have more data to copy, or blocked by a limit, under
 *	CTX_BUSY
 * @blocked_until: 0, or when (ktime, ns) the first blocked one may go
 * @limit_timer: wakes the engine then
 * @wake_node: in its engine's list of woken ones
 * @rrq_lock: protects @rrq and its interrupt state; irqs off; leaf
 * @rrq: response ring
 * @rrq_win: where its next entry was found
 * @coalesce_count: RRQ entries
 * @coalesce_us: microseconds
 * @coalesced: entries since the last interrupt
 * @coalesce_lisn: that they have asked for
 * @coalesce_timer: for the rest
 * @rht_lock: changes of @rht
 * @rht: handles, RCU
 * @ua_seen: per LUN: generation of unit attentions reported, xarray by pointer
 * @ua_ok: LUN and generation that were last found to be reported, in one word
 * @stats: counters
 * @latency_on: times are taken; READ_ONCE() is not needed, it is a wish
 * @latency: completed commands by their time; under @rrq_lock
 * @dirty_log: the owner hears of what is stored, under CTX_BUSY
 * @clear_dataless: reads from stores without data are filled with zeros
 * @in_reset: may be made while the adapter is being reset
 * @debugfs: directory
 * @ref: the owner's, one per command; who drops the last one frees
 * @release_work: does it, for who cannot sleep
 * @dead_node: among the dead whose orphans are not back (ctx.c)
 */
struct cxlflash_ctx {
	struct cxlflash_adapter *ad;
	const struct cxlflash_owner_ops *ops;
	void *priv;
	unsigned int id;
	bool user;
	u64 caps;
	unsigned int cmd_room;
	enum cxlflash_service service;
	char name[AFU_NAME_LEN];

	unsigned long flags;
	struct afu_engine *engine;
	struct list_head engine_node;
	s64 deficit;
	u32 mean_cost;
	struct limit limit;
	struct limit_group __rcu *group;

	struct {
		struct cxlflash_window arcb;
		struct cxlflash_window ioasa;
		struct cxlflash_window data;
	} win;
	struct ring_sq sq;
	struct sisl_shadow *shadow;
	u64 shadow_at;
	u64 shadow_ea;
	struct work_struct shadow_work;

	/** @lock: protects @state, @arrin, registers */
	spinlock_t lock;
	enum cxlflash_ctx_state state;
	bool resetting;
	struct ring_fifo arrin;
	u64 intr_status;
	u64 intr_mask;
	u64 ctx_ctrl;
	u64 rrq_start;
	u64 sq_start;
	u64 sq_end;
	u32 epoch;
	unsigned int paused;
	struct flat_batch flat;
	u64 seq;

	struct afu_cmd *slots;
	struct llist_head free_slots;
	atomic_t nr_inflight;
	atomic_t nr_calls;
	wait_queue_head_t idle;
	struct list_head waiting;
	u64 blocked_until;
	struct hrtimer limit_timer;
	struct llist_node wake_node;

	/** @rrq_lock: protects @rrq and interrupt coalescing; leaf */
	spinlock_t rrq_lock;
	struct ring_rrq rrq;
	struct cxlflash_window rrq_win;
	u32 coalesce_count;
	u32 coalesce_us;
	u32 coalesced;
	u8 coalesce_lisn;
	struct hrtimer coalesce_timer;

	/** @rht_lock: changes of @rht */
	struct mutex rht_lock;
	struct rht *rht;
	struct xarray ua_seen;
	u64 ua_ok;

	struct afu_ctx_stats stats;
	bool latency_on;
	bool dirty_log;
	bool clear_dataless;
	bool in_reset;
	u64 latency[CXLFLASH_LATENCY_BUCKETS];
	struct dentry *debugfs;
	struct kref ref;
	struct work_struct release_work;
	struct list_head dead_node;
};

/**
 * enum afu_cmd_state - where a command is
 * @CMD_FREE: slot not in use
 * @CMD_ACTIVE: the engine works on it, under CTX_BUSY
 * @CMD_WAITING: in @waiting (a limit), under CTX_BUSY
 * @CMD_WORKER: a worker has it
 * @CMD_STORE: the store has it
 * @CMD_ABORTED: as CMD_STORE; it will not complete in the ring
 */
enum afu_cmd_state {
	CMD_FREE,
	CMD_ACTIVE,
	CMD_WAITING,
	CMD_WORKER,
	CMD_STORE,
	CMD_ABORTED,
};

/**
 * enum afu_cmd_claim - who has the last word about a command; set once, by
 *	cmpxchg from @CMD_UNCLAIMED
 * @CMD_UNCLAIMED: nobody yet
 * @CMD_POSTED: its status is being written
 * @CMD_DISOWNED: an abort came first: it will not complete in the ring
 */
enum afu_cmd_claim {
	CMD_UNCLAIMED,
	CMD_POSTED,
	CMD_DISOWNED,
};

/**
 * struct afu_cmd - a command slot
 * @node: in free_slots
 * @wait_node: in @waiting
 * @ctx: whose, referenced while not free
 * @epoch: of the context when it was fetched
 * @state: enum afu_cmd_state
 * @arcb: the snapshot, in CPU byte order
 * @arcb_ea: where it was
 * @ioasa_ea: where the status goes; 0 until @arcb was taken
 * @ioasa: there, in kernel addresses; NULL until found
 * @rrq_ea: what goes into the RRQ: @arcb_ea or @ioasa_ea
 * @status: being built; CPU byte order
 * @port: that was chosen
 * @lun: counted by io_ref, or NULL
 * @slice: whose handle it came by, kept by that; or NULL
 * @pos: current byte of the store
 * @left: bytes still to move
 * @moved: bytes moved
 * @adl: position in the data: element of the scatter list that is at hand (its
 *	address and length), and the offset in the data where it begins
 * @handle_flags: CXLFLASH_HANDLE_*, or all for port/LUN addressing
 * @fua: FUA bit
 * @write: direction
 * @io: to the store
 * @bv: vectors of @io
 * @nr_pages_bv: of these, referenced by get_pages()
 * @merged: the next of the commands that are one request of the store's
 * @buf: of a command that makes its answer in memory, in a worker
 * @work: when a worker has it
 * @fn: what the worker does
 * @start_ns: when it was fetched, if latencies are counted; or 0
 * @deadline: jiffies; 0: none
 * @seq: number of the command in its context: older ones have smaller ones
 * @claim: enum afu_cmd_claim
 * @miss: what could not be reached, and what is to be done once it can: the
 *	address, its length, if it is stored to, if it is data (or else IOARCB,
 *	IOASA), the function that goes on
 * @tries: misses that workers resolved in a row
 * @lba_limit: blocks that its handle or LUN shows
 * @virt: by a handle of a virtual LUN: @pos is relative to that
 * @from_sq: it came by the submission queue
 * @charged: its limits are paid for
 * @bounced: the pages of @bv are our own
 */
struct afu_cmd {
	struct llist_node node;
	struct list_head wait_node;
	struct cxlflash_ctx *ctx;
	u32 epoch;
	enum afu_cmd_state state;
	struct sisl_ioarcb arcb;
	u64 arcb_ea;
	u64 ioasa_ea;
	struct sisl_ioasa *ioasa;
	u64 rrq_ea;
	struct sisl_ioasa status;
	u8 port;
	struct cxlflash_lun *lun;
	struct cxlflash_slice *slice;
	u64 pos;
	u64 left;
	u64 moved;
	struct {
		u32 idx;
		u32 len;
		u64 ea;
		u64 off;
	} adl;
	unsigned int handle_flags;
	bool fua;
	bool write;
	struct afu_io io;
	struct bio_vec bv[AFU_CMD_BVECS];
	unsigned int nr_pages_bv;
	struct afu_cmd *merged;
	void *buf;
	struct work_struct work;
	void (*fn)(struct afu_cmd *cmd);
	u64 start_ns;
	unsigned long deadline;
	u64 seq;
	u64 lba_limit;
	enum afu_cmd_claim claim;
	struct {
		u64 ea;
		u32 len;
		bool write;
		bool data;
		void (*resume)(struct afu_cmd *cmd);
	} miss;
	u8 tries;
	bool virt;
	bool from_sq;
	bool charged;
	bool bounced;
};

/* ctx.c */
void ctx_get(struct cxlflash_ctx *ctx);
void ctx_put(struct cxlflash_ctx *ctx);
/* The first context from @id on, referenced; takes adapter->lock. */
struct cxlflash_ctx *ctx_next(struct cxlflash_adapter *ad, unsigned long *id);
/*
 * Kernel address of @ea, and in *@len how many of the @len bytes wanted are
 * there in one piece.  @cache is looked at first and refilled.  Atomic.
 * Return: address, ERR_PTR(-EAGAIN): ctx_resolve() may help, -EFAULT.
 */
void *ctx_kva(struct cxlflash_ctx *ctx, struct cxlflash_window *cache, u64 ea,
	      u64 *len, bool write);
/* The same, without a call if all of it is in @cache; @cache is not NULL. */
static inline void *ctx_kva_cached(struct cxlflash_ctx *ctx,
				   struct cxlflash_window *cache, u64 ea,
				   u64 *len, bool write)
{
	u64 off = ea - cache->start;

	if (likely(off < cache->len && *len <= cache->len - off &&
		   (!write || cache->writable)))
		return cache->kva + off;
	return ctx_kva(ctx, cache, ea, len, write);
}

void *ctx_kva_refill(struct cxlflash_ctx *ctx, struct cxlflash_window *cache,
		     u64 ea, u64 len, bool write);

/* The same for what has to be in one piece: NULL if it is not, or not now. */
static __always_inline void *ctx_kva_whole(struct cxlflash_ctx *ctx,
					   struct cxlflash_window *cache,
					   u64 ea, u64 len, bool write)
{
	u64 off = ea - cache->start;

	if (likely(off < cache->len && len <= cache->len - off &&
		   (!write || cache->writable)))
		return cache->kva + off;
	return ctx_kva_refill(ctx, cache, ea, len, write);
}

/* The adapter has stored to that memory. */
static inline void ctx_dirtied(struct cxlflash_ctx *ctx, u64 ea, u32 len)
{
	if (unlikely(READ_ONCE(ctx->dirty_log)))
		ctx->ops->dirtied(ctx, ea, len);
}

/* Worker: owner's ->copy(); without one -EFAULT. */
int ctx_copy(struct cxlflash_ctx *ctx, u64 ea, void *buf, u32 len, bool write);
/* Worker: owner's ->resolve(); without one -EFAULT. */
int ctx_resolve(struct cxlflash_ctx *ctx, u64 ea, u32 len, bool write);
/*
 * Next IOARCBs, of IOARRIN's fifo or the submission queue, into @flat; under
 * CTX_BUSY, with @max slots free.  They count in @nr_inflight from here on:
 * ctx_cmds_done().
 */
unsigned int ctx_next_arcbs(struct cxlflash_ctx *ctx, unsigned int max);
/* Is there one?  Reads the shadow tail with load-acquire; under CTX_BUSY. */
bool ctx_has_work(struct cxlflash_ctx *ctx);
/* Is it sure that there is none? */
bool ctx_is_quiet(const struct cxlflash_ctx *ctx);
/* Store the event index, full barrier; then look at ctx_has_work() again. */
void ctx_arm_event(struct cxlflash_ctx *ctx);
void ctx_disarm_event(struct cxlflash_ctx *ctx);
/*
 * Store-release of @ea and the toggle as next RRQ entry, then the interrupt
 * (@lisn, coalesced).  Any context.  -EAGAIN: *@miss has to be resolved in a
 * worker first; -EFAULT: there is none, the event was raised.
 * Who compares a command's epoch, writes its IOASA and calls this does so in
 * one RCU read section: cxlflash_ctx_destroy() waits for those.
 */
int ctx_post_rrq(struct cxlflash_ctx *ctx, u64 ea, u8 lisn, u64 *miss);
/* The same for several; how many were posted.  The rest goes one by one. */
unsigned int ctx_post_rrqs(struct cxlflash_ctx *ctx,
			   const struct flat_done *done, unsigned int nr,
			   bool loud);
/* Put @nr commands that began at @start_ns and are over into the histogram. */
void ctx_count_latency(struct cxlflash_ctx *ctx, u64 start_ns, u64 nr);
/* Call the owner's ->notify() for @lisn, none if 0; any context. */
void ctx_notify(struct cxlflash_ctx *ctx, unsigned int lisn);
enum hrtimer_restart ctx_coalesce_timer(struct hrtimer *timer);
void ctx_shadow_work(struct work_struct *work);
/* A call into the owner that may sleep; false: it is dead. */
bool ctx_call_begin(struct cxlflash_ctx *ctx);
void ctx_call_end(struct cxlflash_ctx *ctx);
/* Set a bit of intr_status, raise ctx_ctrl's LISN if unmasked; any context. */
void ctx_raise_intr(struct cxlflash_ctx *ctx, u64 bits);
/* An address that cannot be reached: owner's ->data_storage(). */
void ctx_data_storage(struct cxlflash_ctx *ctx, u64 ea, bool write);
/* @nr fetched commands are over: counts, wakes @idle.  Any context. */
void ctx_cmds_done(struct cxlflash_ctx *ctx, u32 epoch, unsigned int nr);
/* Complete what waits and is of an older epoch; under CTX_BUSY. */
void ctx_drop_waiting(struct cxlflash_ctx *ctx);
int ctx_restart(struct cxlflash_ctx *ctx, bool by_adapter);
/* Fetch nothing until all in flight are over; false: @timeout was too short. */
bool ctx_drain(struct cxlflash_ctx *ctx, long timeout);
static inline int ctx_nr_orphans(const struct cxlflash_ctx *ctx)
{
	return READ_ONCE(ctx->state) == CXLFLASH_CTX_LIVE ? 0 :
	       atomic_read(&ctx->nr_inflight);
}

/* The dead of @ad whose orphans are not back: for debugfs. */
void ctx_show_dead(struct seq_file *m, struct cxlflash_adapter *ad);
int ctx_init(void);
void ctx_exit(void);

static inline bool ctx_is_native(const struct cxlflash_ctx *ctx)
{
	return test_bit(CTX_BIG_ENDIAN, &ctx->flags) ==
	       IS_ENABLED(CONFIG_CPU_BIG_ENDIAN);
}

static inline u16 ctx16(const struct cxlflash_ctx *ctx, u16 v)
{
	return ctx_is_native(ctx) ? v : swab16(v);
}

static inline u32 ctx32(const struct cxlflash_ctx *ctx, u32 v)
{
	return ctx_is_native(ctx) ? v : swab32(v);
}

static inline u64 ctx64(const struct cxlflash_ctx *ctx, u64 v)
{
	return ctx_is_native(ctx) ? v : swab64(v);
}

/* engine.c */
int engine_start(struct cxlflash_adapter *ad);
void engine_stop(struct cxlflash_adapter *ad);
void engine_attach(struct cxlflash_ctx *ctx);
void engine_detach(struct cxlflash_ctx *ctx);
void engine_wake(struct cxlflash_ctx *ctx);
/* Run @ctx for at most @budget commands; commands done. Takes CTX_BUSY. */
unsigned int engine_run(struct cxlflash_ctx *ctx, unsigned int budget);
/* For who changes windows or rings: sleeps until it has it. */
void ctx_lock_busy(struct cxlflash_ctx *ctx);
void ctx_unlock_busy(struct cxlflash_ctx *ctx);

/* cmd.c */
int cmd_init(void);
void cmd_exit(void);
int cmd_init_slots(struct cxlflash_ctx *ctx);
void cmd_free_slots(struct cxlflash_ctx *ctx);
/*
 * Snapshot (unless there is one), check, execute the IOARCB at @ea; under
 * CTX_BUSY.
 */
void cmd_fetch(struct cxlflash_ctx *ctx, u64 ea, bool from_sq,
	       const struct sisl_ioarcb *arcb);
/* A command that was executed well, with a place in the RRQ not at hand. */
void cmd_adopt(struct cxlflash_ctx *ctx, u64 ea, u64 rrq_ea, u8 lisn);
/* status is complete: IOASA, RRQ, interrupt, slot.  Any context. */
void cmd_complete(struct afu_cmd *cmd);
/* Give it to a worker (WQ_MEM_RECLAIM), which calls @fn. */
void cmd_defer(struct afu_cmd *cmd, void (*fn)(struct afu_cmd *cmd));
/* Status helpers; each leaves other fields alone. */
void cmd_set_afu_rc(struct afu_cmd *cmd, u8 afu_rc);
void cmd_set_fc_rc(struct afu_cmd *cmd, u8 fc_rc);
void cmd_set_sense(struct afu_cmd *cmd, u8 key, u8 asc, u8 ascq);
void cmd_set_sense_info(struct afu_cmd *cmd, u8 key, u8 asc, u8 ascq, u64 lba);
void cmd_set_scsi_rc(struct afu_cmd *cmd, u8 scsi_rc);
/* errno of a store to status */
void cmd_set_store_error(struct afu_cmd *cmd, int error);
/* Move @len bytes of data, at offset @off of the data: in a worker. */
int cmd_copy_to_owner(struct afu_cmd *cmd, u64 off, const void *from, u32 len);
int cmd_copy_from_owner(struct afu_cmd *cmd, u64 off, void *to, u32 len);
/* Data transfer of READ/WRITE: cmd->lun, pos, left, write, fua are set. */
void cmd_transfer(struct afu_cmd *cmd);
/* The one that is in flight, for aborts; under CTX_BUSY. */
struct afu_cmd *cmd_find(struct cxlflash_ctx *ctx, u64 rrq_ea);
/* The tracepoint of a context's state; ctx->lock held. */
void cmd_trace_state(const struct cxlflash_ctx *ctx);
extern struct workqueue_struct *cmd_wq;
/*
 * Aborted, or of an older epoch: nobody waits for it any more; whoever works on
 * it in pieces stops and calls cmd_complete(), which only accounts for it.
 */
static inline bool cmd_is_dead(const struct afu_cmd *cmd)
{
	return READ_ONCE(cmd->claim) == CMD_DISOWNED ||
	       cmd->epoch != READ_ONCE(cmd->ctx->epoch);
}

/* disk.c: a LUN as a SCSI disk */
void disk_execute(struct afu_cmd *cmd, u64 lba_limit);
void disk_execute_lunless(struct afu_cmd *cmd);	/* REPORT LUNS, INQUIRY 3f */
void disk_tmf(struct afu_cmd *cmd);

/* tmf.c: AFU commands */
void tmf_execute(struct afu_cmd *cmd);

/* rht.c */
int rht_init(struct cxlflash_ctx *ctx);
void rht_destroy(struct cxlflash_ctx *ctx);	/* may be called twice */
unsigned int rht_nr_open(struct cxlflash_ctx *ctx);
struct rht_xlate {
	struct cxlflash_lun *lun;
	struct cxlflash_slice *slice;	/* or NULL; see slice.h */
	u8 perm;
	unsigned int flags;
	bool physical;
	u64 nr_blocks;		/* that the handle has */
};

/* Under rcu_read_lock(): 0 or an afu_rc. */
u8 rht_lookup(struct cxlflash_ctx *ctx, u32 handle, struct rht_xlate *x);
/*
 * Virtual: byte position of @lba and how many blocks from it are contiguous;
 * all of them read as zero and must not be written yet if @unwritten is set.
 */
u8 rht_translate(struct cxlflash_ctx *ctx, u32 handle, u64 lba, u32 nr,
		 u64 *pos, u32 *contiguous, bool *unwritten);

/* ------------------------------------------------------------ adapters */

/**
 * struct afu_port - a port of an adapter
 * @luns: struct cxlflash_lun by LUN number, RCU, referenced
 * @online: link is up
 */
struct afu_port {
	struct xarray luns;
	bool online;
};

/**
 * struct afu_faults - fault points, 0 means off
 * @link_down: mask of ports
 * @port_error: mask of ports: commands fail with a CRC error (fc_rc 5b)
 * @media_lba: plus one: reads and writes that cover it get MEDIUM ERROR
 * @slow_ms: each store I/O is delayed by so much
 * @lose_nth: every nth completion is lost
 * @fail: MMIO reads as all-ones, nothing executes
 * @fail_reset: resets fail with -EIO
 * @lose_counter: completions since the last one that was lost
 * @counted: these faults hold a count of afu_faults_key
 * @links_were: @link_down as it was last seen
 */
struct afu_faults {
	u32 link_down;
	u32 port_error;
	u64 media_lba;
	u32 slow_ms;
	u32 lose_nth;
	bool fail;
	bool fail_reset;
	atomic_t lose_counter;
	bool counted;		/* fault.c: it holds the static key */
	u32 links_were;		/* fault.c: @link_down as it was last seen */
};

/**
 * enum afu_adapter_state - the life of an adapter
 * @AFU_LIVE: takes commands
 * @AFU_RESETTING: contexts are failed, and restarted then
 * @AFU_FAILED: registers read as all-ones until a reset works
 * @AFU_GONE: for ever
 */
enum afu_adapter_state {
	AFU_LIVE,
	AFU_RESETTING,
	AFU_FAILED,
	AFU_GONE,
};

/**
 * struct cxlflash_adapter - an adapter
 * @dev: on the bus "cxlflash", parent of hosts and slices
 * @name: in configfs
 * @lock: protects state changes, ports, the list of contexts
 * @reset_lock: one reset, failure or removal at a time; outside @lock
 * @state: READ_ONCE() outside
 * @restart: restarts contexts that a reset could not, once they are drained
 * @ctx_gone: woken when a context has left @ctxs
 * @nr_ports: 1 to 4
 * @nr_contexts: that users may have, at most 508
 * @ports: each
 * @ctxs: struct cxlflash_ctx by id
 * @nr_user_ctxs: of these, users'
 * @engines: threads
 * @nr_engines: how many
 * @engine_cpus: where
 * @faults: fault points; static key afu_faults_key
 * @aintr_status: asynchronous interrupts
 * @backend: for the SCSI host
 * @has_host: @backend is registered
 * @debugfs: directory
 * @grace_ms: of its removal
 * @syncing: a heavy sync is under way; another gets afu_rc 22
 * @client_lock: calls of clients come one at a time; inside @reset_lock
 * @client_links: struct client_link
 * @client_node: in the list of live adapters (client.c)
 * @clients_gone: it is being removed, and clients know
 * @client_work: tells them of its LUNs; references the adapter while queued
 */
struct cxlflash_adapter {
	struct device dev;
	char name[AFU_NAME_LEN];
	/** @lock: protects @state, @ports, @ctxs; may sleep */
	struct mutex lock;
	/** @reset_lock: one reset, failure or removal at a time */
	struct mutex reset_lock;
	struct delayed_work restart;
	wait_queue_head_t ctx_gone;
	enum afu_adapter_state state;
	unsigned int nr_ports;
	unsigned int nr_contexts;
	struct afu_port ports[SISL_NR_PORTS];
	struct xarray ctxs;
	unsigned int nr_user_ctxs;
	struct afu_engine **engines;
	unsigned int nr_engines;
	cpumask_var_t engine_cpus;
	struct afu_faults faults;
	u64 aintr_status;
	struct cxlflash_backend backend;
	bool has_host;
	struct dentry *debugfs;
	u32 grace_ms;
	atomic_t syncing;
	/** @client_lock: protects @client_links, over calls of clients */
	struct mutex client_lock;
	struct list_head client_links;
	struct list_head client_node;
	bool clients_gone;
	struct work_struct client_work;
};

DECLARE_STATIC_KEY_FALSE(afu_faults_key);

/* adapter.c */
struct afu_adapter_params {
	unsigned int nr_ports;
	unsigned int nr_contexts;
	const struct cpumask *engine_cpus;	/* NULL: all, at most 4 */
	bool host;			/* register with the SCSI host */
	u32 grace_ms;
};

struct cxlflash_adapter *adapter_create(const char *name,
					const struct afu_adapter_params *p);
void adapter_remove(struct cxlflash_adapter *ad);
int adapter_add_lun(struct cxlflash_adapter *ad, unsigned int port, u64 lun_id,
		    struct cxlflash_lun *lun);
void adapter_remove_lun(struct cxlflash_adapter *ad, unsigned int port,
			u64 lun_id);
/* Tell hosts and clients of every adapter that has it. */
void adapter_lun_changed(struct cxlflash_lun *lun);
/* Clients only: it was activated, slices were made, deleted, resized. */
void adapter_lun_space_changed(struct cxlflash_lun *lun);
/* Clients only: it will be deactivated.  Bounded as they are. */
void adapter_lun_removing(struct cxlflash_lun *lun);
void adapter_fail(struct cxlflash_adapter *ad);
/* Under RCU: port by mask @port_sel and LUN number. */
struct cxlflash_lun *adapter_lun(struct cxlflash_adapter *ad, u32 port_sel,
				 u64 lun_id, u8 *port);
int adapter_init(void);
void adapter_exit(void);

/* config.c, config_lun.c */
int config_init(void);
void config_exit(void);
struct configfs_subsystem *config_subsystem(void);
struct config_group *config_luns_group(void);	/* the default group "luns" */
struct cxlflash_lun *config_lun(struct config_item *item);

/* host_backend.c: ops by which the SCSI host drives an adapter */
int host_backend_register(struct cxlflash_adapter *ad);
void host_backend_unregister(struct cxlflash_adapter *ad);

/* debug.c: debugfs */
void debug_adapter_add(struct cxlflash_adapter *ad);
void debug_adapter_remove(struct cxlflash_adapter *ad);
void debug_ctx_add(struct cxlflash_ctx *ctx);
void debug_ctx_remove(struct cxlflash_ctx *ctx);
int debug_init(void);
void debug_exit(void);

/* fault.c */
/* After writing @faults. */
void fault_changed(struct cxlflash_adapter *ad);
void fault_clear(struct cxlflash_adapter *ad);	/* an adapter that goes */
/* Raise SISL_ASTATUS_* of @port (fault point async_bits, links). */
void fault_async(struct cxlflash_adapter *ad, unsigned int port, u8 bits);
/* true, and the sense is set, if the piece of the LUN has a medium error. */
bool fault_media(struct afu_cmd *cmd, u64 pos, u64 len);
/* Hot path, behind the static key: true if @cmd was completed or delayed. */
bool fault_before(struct afu_cmd *cmd);
/* true if its completion is to be lost */
bool fault_lose(struct afu_cmd *cmd);

#endif /* CXLFLASH_AFU_H */
