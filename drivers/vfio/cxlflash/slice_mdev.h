/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside cxlflash_mdev.ko
 *
 * Two halves.  The *slice* half makes mediated devices out of an adapter's
 * LUNs and knows what is configured:
 *
 *   main.c      the module: mdev driver, client of the AFU
 *   parent.c    adapters as mdev parents; removal and reset of an adapter
 *   types.c     types per LUN, coming and going with the LUNs
 *   life.c      probe and remove of a device; its slice
 *   sysfs.c     what is configured and counted, per device
 *
 * The *function* half is the PCI function that a guest sees:
 *
 *   dev_pci.c   configuration space, regions, open, close, reset
 *   dev_regs.c  BAR 0: registers of the contexts and of the function
 *   dev_irq.c   MSI-X and the request interrupt
 *   dev_mem.c   guest memory at hand: the contexts' owner ops
 *   dev_pin.c   guest memory: pinning, eviction
 *   dev.h       what these share
 *   dev_log.c   the log of the pages that the device writes
 *
 * Life of a device:
 *
 *   probe    vfio_alloc_device() [slice_dev_init()], join the adapter's set,
 *            cxlflash_slice_open(), register
 *   open     slice_dev_ops.open_device(): a context for each queue, the slice
 *            as handle 0, slice_queue_added(), @is_open
 *   close    slice_dev_ops.close_device(): slice_queue_going(), destroy each
 *            context, !@is_open
 *   announce cxlflash_slice_let_go(): nobody waits for a resize any more
 *   remove   unregister (which closes), cxlflash_slice_close(), last put
 *            [slice_dev_release()]
 *
 * So the slice is there whenever anything of the function half runs but for
 * slice_dev_init() and slice_dev_release().
 *
 * Locks, outermost first:
 *
 *   device_lock(mdev) > parent->reset_sem > set rwsem > set->lock >
 *   vdev.lock (the core's) > sl->lock > mem.evict_lock > the AFU's >
 *   sl->irq_mutex > sl->cfg_lock > leaves: mem.lock, event_lock
 *   set->lock > sl->reset_lock; sl->reset_lock, sl->log_lock > the AFU's
 *   device_lock(mdev), parent->reset_sem > parent->lock > what ops.request()
 *   takes
 *
 * An eventfd is signalled under none of the spinlocks.
 *
 * The gate: between open_device() and close_device(), and inside every other
 * callback of VFIO's, queues[i].ctx, nr_queues and is_open do not change: the
 * core has seen everybody out of the gate before it calls close_device().  So
 * the hot paths (registers, owner ops) take no lock to read them.  Everybody
 * else (sysfs, the adapter's reset) takes sl->lock, or holds the set
 * exclusively.  Inside the gate, so in every callback but open_device(),
 * close_device(), request() and dma_unmap(), nothing may wait for a writer of
 * sysfs or for the removal of a device.
 */
#ifndef SLICE_MDEV_H
#define SLICE_MDEV_H

#include <linux/cxlflash_afu.h>
#include <linux/cxlflash_slice.h>
#include <linux/list.h>
#include <linux/mdev.h>
#include <linux/mutex.h>
#include <linux/pci_regs.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/uuid.h>
#include <linux/vfio.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

/* Queues of a slice unless sysfs says otherwise. */
#define SLICE_DEF_QUEUES	4
/* Command room of each. */
#define SLICE_QUEUE_DEPTH	128
/* PCI Express: extended configuration space is there, and empty. */
#define SLICE_CFG_BYTES		4096
#define SLICE_MAX_VECTORS	SLICE_NR_VECTORS(SLICE_MAX_QUEUES)

struct eventfd_ctx;
struct slice_lun;
struct slice_mdev;

/* ------------------------------------------------------- the slice half */

/* Types of a LUN: some sizes, and all that is free. */
#define SLICE_NR_SIZES		4
/* "<lun>-<size>"; a LUN's name has at most 31 characters. */
#define SLICE_TYPE_NAME_LEN	48

/**
 * struct slice_parent - an adapter that slices are made of
 * @parent: the bus's part
 * @ad: the adapter, referenced; also the key of the device set
 * @node: in the list of parents
 * @luns: struct slice_lun; changed only by calls of the AFU about this adapter,
 *	which come one at a time
 * @reset_sem: held for writing while the adapter is being reset, for reading
 *	while a device joins the set
 * @lock: protects @devices, @going and &slice_lun.going
 * @devices: struct slice_mdev, from before registration until after
 *	unregistration
 * @going: all of @devices will be removed
 * @resetting: a member of the set, referenced, that keeps the set between
 *	reset_begin and reset_end; NULL if there was none
 */
struct slice_parent {
	struct mdev_parent parent;
	struct cxlflash_adapter *ad;
	struct list_head node;
	struct list_head luns;
	/** @reset_sem: no new member of the set while the adapter is reset */
	struct rw_semaphore reset_sem;
	/** @lock: protects @devices, @going, &slice_lun.going; see above */
	struct mutex lock;
	struct list_head devices;
	bool going;
	struct slice_mdev *resetting;
};

/**
 * struct slice_type - slices of one size on one LUN
 * @type: the bus's part
 * @home: the LUN's types
 * @bytes: of a new slice; 0: all that is free
 * @sysfs_name: "<lun>-<size>"
 * @pretty_name: for people
 */
struct slice_type {
	struct mdev_type type;
	struct slice_lun *home;
	u64 bytes;
	char sysfs_name[SLICE_TYPE_NAME_LEN];
	char pretty_name[SLICE_TYPE_NAME_LEN + 16];
};

/**
 * struct slice_lun - the types of a formatted, active LUN
 * @sp: the adapter
 * @node: in &slice_parent.luns
 * @lun: referenced
 * @going: makes no devices any more; under &slice_parent.lock
 * @types: these
 */
struct slice_lun {
	struct slice_parent *sp;
	struct list_head node;
	struct cxlflash_lun *lun;
	bool going;
	struct slice_type types[SLICE_NR_SIZES];
};

/**
 * struct slice_settings - what is configured, under &slice_mdev.lock
 * @nr_queues: contexts when it is opened next, 1 to SLICE_MAX_QUEUES
 * @service: who runs the engine
 * @limits: of the slice altogether
 * @group: limits shared with others, or empty
 * @latency: the histogram is on
 */
struct slice_settings {
	unsigned int nr_queues;
	enum cxlflash_service service;
	struct cxlflash_limits limits;
	char group[32];
	bool latency;
};

/* ---------------------------------------------------- the function half */

/**
 * struct slice_queue - a context of a slice; the context's owner
 * @sl: whose
 * @ctx: while the device is open; see "The gate" above
 * @index: which
 * @half_reg: register of BAR 0 of which @half was stored, or ~0
 * @half: the upper half of what is being stored, under cfg_lock
 * @stuck: a reset has left it in error, as store I/O was not back in time
 */
struct slice_queue {
	struct slice_mdev *sl;
	struct cxlflash_ctx *ctx;
	unsigned int index;
	u32 half_reg;
	u32 half;
	bool stuck;
};

/**
 * struct slice_vector - an MSI-X vector
 * @trigger: eventfd, RCU; replaced under irq_mutex
 * @masked: raised interrupts are held back; changed under event_lock
 * @pending: was raised while masked; under event_lock
 */
struct slice_vector {
	struct eventfd_ctx __rcu *trigger;
	bool masked;
	bool pending;
};

/**
 * struct slice_mem - guest memory at hand: pages that stay pinned (dev_mem.c)
 * @evict_lock: serialises eviction, and keeps contexts while it uses them;
 *	inside sl->lock, outside of the AFU's
 * @stale: struct slice_block, not found any more, not unpinned yet
 * @hand: block where the next look for a victim begins, under @evict_lock
 * @evict: worker that makes room
 * @lock: protects @blocks for changes and all numbers; leaf but for @pins_lock
 * @blocks: struct slice_block by IOVA, RCU
 * @nr_pinned: pages pinned or being pinned
 * @nr_blocks: in @blocks and @stale
 * @limit: pages that can be pinned, as far as is known
 * @max_pinned: budget in pages, 0: none; WRITE_ONCE() by who configures it
 * @evictions: times that the worker was through
 * @copies: pieces of data that were copied for want of pins
 * @pins_lock: protects @pins
 * @pins: struct slice_pin, under way
 * @wq: woken when one of @pins or an eviction is over, and by closing
 * @reachable: the function is a bus master
 * @closing: nothing is pinned any more; set under @lock
 */
struct slice_mem {
	/** @evict_lock: serialises eviction; keeps contexts for it */
	struct mutex evict_lock;
	struct list_head stale;
	unsigned long hand;
	struct work_struct evict;
	/** @lock: protects @blocks for changes and all numbers */
	struct mutex lock;
	struct xarray blocks;
	unsigned long nr_pinned;
	unsigned long nr_blocks;
	unsigned long limit;
	unsigned long max_pinned;
	unsigned long evictions;
	atomic_long_t copies;
	/** @pins_lock: protects @pins; leaf */
	spinlock_t pins_lock;
	struct list_head pins;
	wait_queue_head_t wq;
	bool reachable;
	bool closing;
};

/**
 * struct slice_mdev - a slice as a device
 * @vdev: the VFIO half, first
 * @mdev: the bus's; valid from probe to remove
 * @parent: the adapter's; valid from probe to remove
 * @type: what it was made of; valid from probe to remove
 * @ad: the adapter; valid from probe to remove
 * @lun: valid from probe to remove
 * @slice: open from before registration until after unregistration
 * @uuid: the mdev's, the slice's key; immutable
 * @node: in &slice_parent.devices
 * @announced: its removal has been; under &slice_parent.lock, as is the first
 *	store to @slice
 * @info_lock: protects @info; leaf
 * @info: what is known of the slice; a copy, as it was after the last change:
 *	the AFU tells a size while it is being tried, too.  Zeros before @slice
 *	is open.  slice_read_info()
 * @lock: protects @set, @totals, @is_open for changes, and contexts against
 *	readers outside of the gate; never held while anything waits for the
 *	guest or for a reset
 * @set: what is configured
 * @totals: counters of contexts that are gone
 * @is_open: between open_device() and close_device()
 * @nr_queues: contexts since open_device(), a copy of the setting
 * @queues: the contexts
 * @reset_lock: serialises resets and stores to configuration space, protects
 *	@held; outside of the AFU's locks
 * @held: the adapter is restarting the contexts, whose registers are all-ones
 *	until their users can see that they were reset
 * @cfg_lock: protects @cfg and half-stored registers
 * @cfg: configuration space
 * @cfg_wmask: which bits of it software can write
 * @decodes: memory decoding is on
 * @irq_mutex: serialises SET_IRQS
 * @vectors: MSI-X
 * @req_trigger: eventfd of the request interrupt; RCU
 * @event_lock: protects @events, @msix, masks and pending bits; irqs off; leaf
 * @events: SLICE_EVENT_*, reported and not cleared
 * @msix: the table as software has written it
 * @mem: guest memory
 * @log_lock: serialises start and stop of @log
 * @log: the pages written, RCU; NULL: they are not logged
 */
struct slice_mdev {
	struct vfio_device vdev;

	/* The slice half's. */
	struct mdev_device *mdev;
	struct slice_parent *parent;
	struct slice_type *type;
	struct cxlflash_adapter *ad;
	struct cxlflash_lun *lun;
	struct cxlflash_slice *slice;
	uuid_t uuid;
	struct list_head node;
	bool announced;
	/** @info_lock: protects @info; leaf */
	spinlock_t info_lock;
	struct cxlflash_slice_info info;

	/** @lock: protects settings, totals, and contexts outside the gate */
	struct mutex lock;
	struct slice_settings set;
	struct cxlflash_ctx_counters totals;

	/* Shared; see "The gate" above. */
	bool is_open;
	unsigned int nr_queues;
	struct slice_queue queues[SLICE_MAX_QUEUES];

	/*
	 * From here on the function half's, which is free to change it, and
	 * the structures above this one from "the function half" on.
	 */

	/** @reset_lock: serialises resets, stores to cfg space; @held */
	struct mutex reset_lock;
	bool held;
	/** @cfg_lock: protects @cfg and half-stored registers */
	struct mutex cfg_lock;
	u8 cfg[SLICE_CFG_BYTES];
	u8 cfg_wmask[SLICE_CFG_BYTES];
	bool decodes;

	/** @irq_mutex: serialises SET_IRQS */
	struct mutex irq_mutex;
	struct slice_vector vectors[SLICE_MAX_VECTORS];
	struct eventfd_ctx __rcu *req_trigger;
	/** @event_lock: protects @events, @msix, masks, pending; leaf */
	spinlock_t event_lock;
	u64 events;
	__le32 msix[SLICE_BAR_MSIX_BYTES / 4];

	struct slice_mem mem;

	/** @log_lock: serialises start and stop of @log */
	struct mutex log_lock;
	struct slice_log __rcu *log;
};

static inline struct slice_mdev *to_slice_mdev(struct vfio_device *vdev)
{
	return container_of(vdev, struct slice_mdev, vdev);
}

static inline struct slice_parent *to_slice_parent(struct mdev_parent *parent)
{
	return container_of(parent, struct slice_parent, parent);
}

static inline struct slice_type *to_slice_type(struct mdev_type *type)
{
	return container_of(type, struct slice_type, type);
}

/*
 * What the function half offers
 */

/*
 * dev_pci.c.  Its init() and release() see to the function half's members only.
 * open_device() takes sl->lock, copies the setting of how many queues there
 * are into @nr_queues, lays out configuration space by it, makes the contexts
 * (params.user false, params.service from the settings), calls
 * slice_queue_added() for each, clears @events and sets @is_open.
 */
extern const struct vfio_device_ops slice_dev_ops;

/* dev_log.c */
extern const struct vfio_log_ops slice_dev_log_ops;

/*
 * dev_irq.c: something happened to the function: SLICE_EVENT_*, set until the
 * guest clears them, and vector 0 is raised.  Any time from slice_dev_init()
 * to slice_dev_release(), open or not.  May be called with locks of the AFU's
 * held and with sl->lock held: takes event_lock only.
 */
void slice_dev_event(struct slice_mdev *sl, u64 events);

/*
 * dev_pci.c: the adapter is about to restart the contexts: hide that they are
 * live.
 *
 * The adapter has been reset; every context of the slice has been failed and,
 * with @error 0, restarted: rings are forgotten, what was queued is dropped.
 * Bring the function's own state in line and raise SLICE_EVENT_RESET.
 *
 * Called for an open device, with the set held exclusively, sl->lock not held.
 */
void slice_dev_hold(struct slice_mdev *sl);
void slice_dev_adapter_reset(struct slice_mdev *sl, int error);

/*
 * What the slice half offers to the function half
 */

/*
 * sysfs.c: a context was made: give it the settings.  Under sl->lock, with
 * sl->nr_queues and @q->ctx set.  0 or an errno, with which the open fails.
 */
int slice_queue_added(struct slice_queue *q);
/* A context will be destroyed: keep its counters.  Under sl->lock. */
void slice_queue_going(struct slice_queue *q);

/*
 * life.c: what is known of the slice.  Unlike cxlflash_slice_get_info() it does
 * not wait for the store, so it may be used inside the gate.
 */
void slice_read_info(struct slice_mdev *sl, struct cxlflash_slice_info *info);

/*
 * Within the slice half
 */

/* main.c */
extern struct mdev_driver slice_mdev_driver;

/* sysfs.c */
extern const struct attribute_group *slice_groups[];
void slice_settings_init(struct slice_settings *set);

/* life.c */
int slice_probe(struct mdev_device *mdev);
void slice_remove(struct mdev_device *mdev);
void slice_announce(struct mdev_device *mdev);
void slice_announce_lun(struct slice_parent *sp, struct cxlflash_lun *lun);
u64 slice_devices_bytes(struct slice_parent *sp, struct cxlflash_lun *lun);

/* parent.c */
u64 slice_started_bytes(struct cxlflash_lun *lun);
int slice_parent_add(struct cxlflash_adapter *ad);
void slice_parent_remove(struct cxlflash_adapter *ad);
void slice_parent_luns_changed(struct cxlflash_adapter *ad);
void slice_parent_lun_removing(struct cxlflash_adapter *ad,
			       struct cxlflash_lun *lun);
void slice_parent_reset_begin(struct cxlflash_adapter *ad);
void slice_parent_reset_end(struct cxlflash_adapter *ad, int error);

/* types.c */
struct mdev_type **slice_types_find(struct slice_parent *sp, unsigned int *nr);
void slice_types_add(struct slice_parent *sp);
void slice_types_remove(struct slice_parent *sp, struct cxlflash_lun *lun);
void slice_types_free(struct slice_parent *sp);
unsigned int slice_type_available(struct mdev_type *type);
ssize_t slice_type_description(struct mdev_type *type, char *buf);

#endif /* SLICE_MDEV_H */
