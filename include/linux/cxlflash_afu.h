/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The software AFU (cxlflash_afu.ko) for those who drive it
 *
 * An adapter has ports, LUNs behind them, and contexts.  A context is a
 * context: the adapter does not know whether the SCSI host, a process or a
 * slice owns it.  The owner hands in ops, by which the adapter reaches the
 * owner's memory and tells it that something happened; the engine itself never
 * faults, pins or sleeps on anybody's memory.
 *
 * A second interface stands beside it: a *backend* is what the SCSI host
 * (cxlflash.ko) drives.  The software AFU registers its adapters as backends,
 * the driver of the PCI function in a guest does the same.
 */
#ifndef _LINUX_CXLFLASH_AFU_H
#define _LINUX_CXLFLASH_AFU_H

#include <linux/bvec.h>
#include <linux/cxlflash_sislite.h>
#include <linux/device.h>
#include <linux/list.h>
#include <linux/types.h>
#include <linux/uuid.h>

struct cxlflash_adapter;
struct cxlflash_ctx;
struct cxlflash_lun;
struct scatterlist;

/**
 * struct cxlflash_window - an extent of an owner's memory in kernel addresses
 * @start: first effective address
 * @len: bytes
 * @kva: where @start is
 * @writable: may be stored to
 */
struct cxlflash_window {
	u64 start;
	u64 len;
	void *kva;
	bool writable;
};

/**
 * enum cxlflash_ctx_state - the life of a context
 * @CXLFLASH_CTX_LIVE: takes commands
 * @CXLFLASH_CTX_DRAINING: takes none; a reset waits for store I/O to be back
 * @CXLFLASH_CTX_ERROR: registers read as all-ones, until it is restarted
 * @CXLFLASH_CTX_DEAD: as in error, for ever
 */
enum cxlflash_ctx_state {
	CXLFLASH_CTX_LIVE,
	CXLFLASH_CTX_DRAINING,
	CXLFLASH_CTX_ERROR,
	CXLFLASH_CTX_DEAD,
};

/**
 * enum cxlflash_service - who runs the engine for a context
 * @CXLFLASH_SERVICE_POLLED: an engine thread, adaptively; asleep when idle
 * @CXLFLASH_SERVICE_KICK: whoever rings the doorbell, inline
 * @CXLFLASH_SERVICE_IRQ: an engine thread, woken by the doorbell only
 */
enum cxlflash_service {
	CXLFLASH_SERVICE_POLLED,
	CXLFLASH_SERVICE_KICK,
	CXLFLASH_SERVICE_IRQ,
};

/**
 * struct cxlflash_owner_ops - what a context needs of its owner
 * @owner: module
 * @window: find the extent around @ea that is at hand, the larger the better.
 *	Atomic.  0 and @win; -EAGAIN if @resolve may help;
 *	-EFAULT if not.  @win stays valid until cxlflash_ctx_invalidate().
 * @resolve: bring @ea, @len to hand so that the next @window finds it.
 *	In a worker, may sleep, may fault.  0, -EFAULT, or -ENOMEM: it exists
 *	but cannot be kept at hand, see @copy.
 *	NULL if a miss is always -EFAULT.
 * @get_pages: reference the pages of @ea, @len (what @window has found) for
 *	store I/O; fill at most @nr vectors.  Atomic.  Bytes
 *	covered, >0, fewer than @len if the vectors ran out or the rest is not
 *	at hand; 0: these cannot be referenced, the data go through pages of the
 *	adapter's; -EAGAIN or -EFAULT as @window.
 * @put_pages: undo; @dirty if they were written.  Any context, also hard irq.
 * @notify: raise interrupt @lisn.  Any context, also hard irq.
 * @data_storage: an address could not be reached.  May be atomic.
 * @state_changed: the context went to another state by the adapter's own doing
 *	(error, restart, death).  May sleep.
 * @copy: data of a command between @ea and @buf without windows or pages: how
 *	a command goes on when @resolve said -ENOMEM, as memory cannot be kept
 *	at hand.  In a worker, may sleep, may fault.  0 or -EFAULT.
 * @dirtied: the adapter, or a store, has stored to @ea, @len.  Called only
 *	while cxlflash_ctx_set_dirty_log() is on, before the command completes.
 *	Of commands that were in flight when it was turned on it is not told all
 *	of what is in scatter lists: who must know waits for them.  Any context,
 *	also hard irq.
 *
 * All but @window, @get_pages and @put_pages may be NULL.
 */
struct cxlflash_owner_ops {
	struct module *owner;
	int (*window)(struct cxlflash_ctx *ctx, u64 ea, bool write,
		      struct cxlflash_window *win);
	int (*resolve)(struct cxlflash_ctx *ctx, u64 ea, u32 len, bool write);
	int (*get_pages)(struct cxlflash_ctx *ctx, u64 ea, u32 len, bool write,
			 struct bio_vec *bv, unsigned int nr);
	void (*put_pages)(struct cxlflash_ctx *ctx, struct bio_vec *bv,
			  unsigned int nr, bool dirty);
	void (*notify)(struct cxlflash_ctx *ctx, unsigned int lisn);
	void (*data_storage)(struct cxlflash_ctx *ctx, u64 ea, bool write);
	void (*state_changed)(struct cxlflash_ctx *ctx,
			      enum cxlflash_ctx_state state);
	int (*copy)(struct cxlflash_ctx *ctx, u64 ea, void *buf, u32 len,
		    bool write);
	void (*dirtied)(struct cxlflash_ctx *ctx, u64 ea, u32 len);
};

/**
 * struct cxlflash_ctx_params - how a context is to be
 * @ops: the owner's
 * @priv: the owner's, cxlflash_ctx_priv()
 * @caps: SISL_CAP_*
 * @cmd_room: commands at a time, 4 to 1024; 0: 64
 * @service: who runs the engine
 * @user: counts against IBM's 508 contexts
 * @clear_dataless: reads from a store that keeps nothing (null) are zeroes and
 *	not what the memory held, as the owner hands it on to somebody else
 * @in_reset: a context that is made while the adapter is being reset is made
 *	in error, and restarted with the others.  For clients, who make none
 *	between their reset_begin() and reset_end()
 * @name: for debugfs and messages
 */
struct cxlflash_ctx_params {
	const struct cxlflash_owner_ops *ops;
	void *priv;
	u64 caps;
	unsigned int cmd_room;
	enum cxlflash_service service;
	bool user;
	bool clear_dataless;
	bool in_reset;
	const char *name;
};

/**
 * struct cxlflash_limits - rate limits, each 0 for none
 * @iops: commands per second
 * @bytes: bytes per second
 * @burst_ms: how much of a pause may be made up for, 0: 10
 */
struct cxlflash_limits {
	u64 iops;
	u64 bytes;
	u32 burst_ms;
};

/* Buckets of a latency histogram: number n holds [2^n, 2^(n+1)) us. */
#define CXLFLASH_LATENCY_BUCKETS	24

/**
 * struct cxlflash_ctx_counters - what a context has done
 * @cmds: commands fetched
 * @done: completed
 * @errors: of these, with an error
 * @read_bytes: moved to the owner
 * @write_bytes: moved from the owner
 * @irqs: notify calls
 * @dropped: by resets
 * @misses: windows that a worker had to resolve
 * @latency: completed, by time from fetch to response; see above.  Counted
 *	while cxlflash_ctx_set_latency() is on
 */
struct cxlflash_ctx_counters {
	u64 cmds;
	u64 done;
	u64 errors;
	u64 read_bytes;
	u64 write_bytes;
	u64 irqs;
	u64 dropped;
	u64 misses;
	u64 latency[CXLFLASH_LATENCY_BUCKETS];
};

/* Adapters (adapter.c).  A reference keeps the structure, not the adapter. */
struct cxlflash_adapter *cxlflash_adapter_find(const char *name);
struct cxlflash_adapter *cxlflash_adapter_get(struct cxlflash_adapter *ad);
void cxlflash_adapter_put(struct cxlflash_adapter *ad);
struct device *cxlflash_adapter_dev(struct cxlflash_adapter *ad);
int cxlflash_adapter_reset(struct cxlflash_adapter *ad);

/* Contexts (ctx.c). */
struct cxlflash_ctx *
cxlflash_ctx_create(struct cxlflash_adapter *ad,
		    const struct cxlflash_ctx_params *params);
void cxlflash_ctx_destroy(struct cxlflash_ctx *ctx);
void *cxlflash_ctx_priv(struct cxlflash_ctx *ctx);
unsigned int cxlflash_ctx_id(struct cxlflash_ctx *ctx);
enum cxlflash_ctx_state cxlflash_ctx_state(struct cxlflash_ctx *ctx);
int cxlflash_ctx_set_service(struct cxlflash_ctx *ctx,
			     enum cxlflash_service service);
int cxlflash_ctx_set_limits(struct cxlflash_ctx *ctx,
			    const struct cxlflash_limits *limits);
int cxlflash_ctx_set_group(struct cxlflash_ctx *ctx, const char *group);
int cxlflash_ctx_set_group_limits(struct cxlflash_ctx *ctx,
				  const struct cxlflash_limits *limits);
void cxlflash_ctx_reset_begin(struct cxlflash_ctx *ctx);
bool cxlflash_ctx_reset_wait(struct cxlflash_ctx *ctx, long timeout);
void cxlflash_ctx_fail(struct cxlflash_ctx *ctx);
int cxlflash_ctx_restart(struct cxlflash_ctx *ctx);
void cxlflash_ctx_invalidate(struct cxlflash_ctx *ctx, u64 start, u64 len);
bool cxlflash_ctx_drain_pages(struct cxlflash_ctx *ctx, u64 start, u64 len,
			      long timeout);
bool cxlflash_ctx_drain(struct cxlflash_ctx *ctx, long timeout);
void cxlflash_ctx_set_dirty_log(struct cxlflash_ctx *ctx, bool on);
void cxlflash_ctx_set_latency(struct cxlflash_ctx *ctx, bool on);
void cxlflash_ctx_get_stats(struct cxlflash_ctx *ctx,
			    struct cxlflash_ctx_counters *out);

/* Registers (mmio.c). */
u64 cxlflash_mmio_read(struct cxlflash_ctx *ctx, unsigned int reg);
void cxlflash_mmio_write(struct cxlflash_ctx *ctx, unsigned int reg, u64 val);
/* Run the engine inline: the kick service mode. */
unsigned int cxlflash_ctx_kick(struct cxlflash_ctx *ctx);

/* Handles (rht.c). */
#define CXLFLASH_HANDLE_READ		BIT(0)
#define CXLFLASH_HANDLE_WRITE		BIT(1)
#define CXLFLASH_HANDLE_SINGLE_BLOCK	BIT(2)	/* IBM's virtual LUNs */
#define CXLFLASH_HANDLE_SCRUB		BIT(3)	/* clear what shrinking drops */
int cxlflash_handle_open_physical(struct cxlflash_ctx *ctx,
				  struct cxlflash_lun *lun, unsigned int flags);
int cxlflash_handle_open_virtual(struct cxlflash_ctx *ctx,
				 struct cxlflash_lun *lun, unsigned int flags,
				 u64 nr_chunks);
int cxlflash_handle_resize(struct cxlflash_ctx *ctx, u32 handle,
			   u64 *nr_chunks);
int cxlflash_handle_close(struct cxlflash_ctx *ctx, u32 handle);

/* LUNs (lun.c). */
struct cxlflash_lun *cxlflash_lun_find(struct cxlflash_adapter *ad,
				       unsigned int port, u64 lun_id);
void cxlflash_lun_put(struct cxlflash_lun *lun);
const char *cxlflash_lun_name(const struct cxlflash_lun *lun);
struct cxlflash_lun *cxlflash_lun_next(struct cxlflash_adapter *ad,
				       unsigned int *port, u64 *lun_id);

/**
 * struct cxlflash_lun_space - what a formatted, active LUN has
 * @block_size: bytes
 * @total_bytes: that slices can have altogether
 * @free_bytes: of these, not taken
 */
struct cxlflash_lun_space {
	u32 block_size;
	u64 total_bytes;
	u64 free_bytes;
};

int cxlflash_lun_get_space(struct cxlflash_lun *lun,
			   struct cxlflash_lun_space *space);

/*
 * Slices (slice.c): persistent virtual LUNs of a formatted, active LUN
 */
struct cxlflash_slice;

#define CXLFLASH_SLICE_SIZE		BIT(0)	/* it grew or shrank */
#define CXLFLASH_SLICE_READ_ONLY	BIT(1)	/* or can be written again */
#define CXLFLASH_SLICE_NAME_LEN		64	/* with the terminating zero */

/**
 * struct cxlflash_slice_params - how a slice is opened
 * @uuid: its key in the table
 * @bytes: size if it has to be made; 0: it must exist
 * @name: if it has to be made; printable ASCII without blanks, or empty
 * @changed: CXLFLASH_SLICE_* happened; may sleep; may be NULL
 * @priv: handed to @changed
 */
struct cxlflash_slice_params {
	uuid_t uuid;
	u64 bytes;
	const char *name;
	void (*changed)(void *priv, unsigned int what);
	void *priv;
};

/**
 * struct cxlflash_slice_info - what is known of an open slice
 * @uuid: its key
 * @name: or empty
 * @wwid: NAA designator, made of @uuid
 * @block_size: bytes
 * @nr_blocks: size
 * @nr_chunks: that it has
 * @nr_unwritten: of these
 * @read_only: refuses writes
 * @created: by this cxlflash_slice_open()
 */
struct cxlflash_slice_info {
	uuid_t uuid;
	char name[CXLFLASH_SLICE_NAME_LEN];
	u8 wwid[16];
	u32 block_size;
	u64 nr_blocks;
	u32 nr_chunks;
	u32 nr_unwritten;
	bool read_only;
	bool created;
};

struct cxlflash_slice *
cxlflash_slice_open(struct cxlflash_lun *lun,
		    const struct cxlflash_slice_params *params);
void cxlflash_slice_close(struct cxlflash_slice *slice);
int cxlflash_slice_resize(struct cxlflash_slice *slice, u64 bytes);
void cxlflash_slice_let_go(struct cxlflash_slice *slice);
int cxlflash_slice_set_read_only(struct cxlflash_slice *slice, bool read_only);
void cxlflash_slice_get_info(struct cxlflash_slice *slice,
			     struct cxlflash_slice_info *info);
/* A handle that is the slice; closed by cxlflash_handle_close(). */
int cxlflash_handle_open_slice(struct cxlflash_ctx *ctx,
			       struct cxlflash_slice *slice,
			       unsigned int flags);

/**
 * struct cxlflash_client - who wants to know of adapters
 * @owner: module
 * @adapter_added: there is one; also for those there are at registration
 * @adapter_removing: it goes: devices on it must be gone on return, in bounded
 *	time.  Called once for each that was added, also at unregistration
 * @luns_changed: a LUN came, grew, was formatted, activated, or has less space
 * @lun_removing: it goes from an adapter, or is deactivated: its slices must be
 *	closed on return, in bounded time
 * @reset_begin: an adapter's contexts are failed and drained as far as they
 *	will; on return nobody opens or closes one until @reset_end
 * @reset_end: they are restarted (@error 0) or stay failed
 * @node: the AFU's
 *
 * All may sleep and are called without locks of the AFU's that its API takes;
 * calls about one adapter come one at a time.  Any may be NULL.
 */
struct cxlflash_client {
	struct module *owner;
	int (*adapter_added)(struct cxlflash_adapter *ad);
	void (*adapter_removing)(struct cxlflash_adapter *ad);
	void (*luns_changed)(struct cxlflash_adapter *ad);
	void (*lun_removing)(struct cxlflash_adapter *ad,
			     struct cxlflash_lun *lun);
	void (*reset_begin)(struct cxlflash_adapter *ad);
	void (*reset_end)(struct cxlflash_adapter *ad, int error);
	struct list_head node;
};

int cxlflash_client_register(struct cxlflash_client *client);
void cxlflash_client_unregister(struct cxlflash_client *client);
unsigned int cxlflash_adapter_grace_ms(struct cxlflash_adapter *ad);

/*
 * Backends: what the SCSI host drives
 */

/**
 * struct cxlflash_queue_params - a context for the SCSI host
 * @depth: commands at a time
 * @poll: no interrupt is asked for when a command is done (its LISN is 0): the
 *	host looks at the response ring; errors are still told
 * @notify: an interrupt (SISL_LISN_*); any context, also hard irq
 * @priv: handed to @notify
 */
struct cxlflash_queue_params {
	unsigned int depth;
	bool poll;
	void (*notify)(void *priv, unsigned int lisn);
	void *priv;
};

struct cxlflash_queue;
struct cxlflash_host_ops;

/**
 * struct cxlflash_backend - an adapter, as the SCSI host sees it
 * @dev: the adapter's device, parent of the host
 * @ops: how to drive it
 * @name: for people
 * @nr_ports: channels of the host
 * @nr_queues: contexts that it may have at most
 * @nr_poll_queues: and so many more that are polled; 0: none
 * @use_sq: it had rather have IOARCBs in a submission queue with a shadow tail
 *	than each stored to IOARRIN; needs SISL_FEATURE_SHADOW
 * @by_handle: there is one LUN, 0 on port 0, and each of its queues reaches it
 *	by handle 0; no context may address ports
 * @max_lun: highest LUN number
 * @sg_tablesize: elements of a scatter list
 * @host: the SCSI host's, while it is registered
 */
struct cxlflash_backend {
	struct device *dev;
	const struct cxlflash_backend_ops *ops;
	const char *name;
	unsigned int nr_ports;
	unsigned int nr_queues;
	unsigned int nr_poll_queues;
	bool use_sq;
	bool by_handle;
	u64 max_lun;
	unsigned int sg_tablesize;
	void *host;
};

/**
 * struct cxlflash_backend_ops - how the SCSI host drives an adapter
 * @owner: module
 * @queue_create: a context with the capabilities of a host; may sleep
 * @queue_destroy: and its end; nothing of it runs afterwards; may sleep
 * @read: a register of the host area; any context
 * @write: the same; with an IOARCB's EA to IOARRIN the command may be executed
 *	inline, @notify included
 * @abandon: the host is about to give up the queue's commands though the
 *	adapter has not: from here on it begins nothing for them, writes no
 *	status, and the pages of the data that a store still has stay what they
 *	are, whoever frees them.  The queue takes no more commands, and may soon
 *	be destroyed; may sleep.  NULL: such an adapter touches no data any more
 * @ctx_id: for IOARCBs
 * @alloc: zeroed memory that the adapter can reach at *@ea; may sleep
 * @free: undo
 * @map_sg: fill sg_dma_address() and sg_dma_len() with EAs; any context.
 *	Return: number of elements, or 0
 * @unmap_sg: undo
 * @reset: of the whole adapter; may sleep.  Return: 0 or an errno
 */
struct cxlflash_backend_ops {
	struct module *owner;
	struct cxlflash_queue *
	(*queue_create)(struct cxlflash_backend *be,
			const struct cxlflash_queue_params *params);
	void (*queue_destroy)(struct cxlflash_queue *q);
	void (*abandon)(struct cxlflash_queue *q);
	u64 (*read)(struct cxlflash_queue *q, unsigned int reg);
	void (*write)(struct cxlflash_queue *q, unsigned int reg, u64 val);
	unsigned int (*ctx_id)(struct cxlflash_queue *q);
	void *(*alloc)(struct cxlflash_backend *be, size_t size, u64 *ea);
	void (*free)(struct cxlflash_backend *be, size_t size, void *addr,
		     u64 ea);
	int (*map_sg)(struct cxlflash_backend *be, struct scatterlist *sg,
		      int nr, int dir);
	void (*unmap_sg)(struct cxlflash_backend *be, struct scatterlist *sg,
			 int nr, int dir);
	int (*reset)(struct cxlflash_backend *be);
};

/* Exported by cxlflash.ko. */
int cxlflash_backend_register(struct cxlflash_backend *be);
/* Bounded: I/O in flight is failed; returns when nothing calls @be any more. */
void cxlflash_backend_unregister(struct cxlflash_backend *be);
/* Links went up or down, LUNs came, went, grew: look again (asynchronously). */
void cxlflash_backend_rescan(struct cxlflash_backend *be, unsigned int port);
void cxlflash_backend_lun_gone(struct cxlflash_backend *be, unsigned int port,
			       u64 lun_id);
/* The adapter is failed (all-ones) or, after a reset, live again. */
void cxlflash_backend_failed(struct cxlflash_backend *be);
void cxlflash_backend_recovered(struct cxlflash_backend *be);

#endif /* _LINUX_CXLFLASH_AFU_H */
