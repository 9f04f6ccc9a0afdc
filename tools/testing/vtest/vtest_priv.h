/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside vtest.ko
 *
 * A *parent* makes *devices*.  The driver counts everything that happens to a
 * device, per device and summed up per parent, because the sum outlives the
 * device: that is how a test learns of a callback that came too late.
 *
 * Lock order: parent->types_lock > [removal of devices] > parent->lock > the
 * core's set locks > device->irq_lock, device->pin_lock.  No callback of the
 * core takes parent->lock.
 *
 * Words: vp a parent, vt a device.
 */
#ifndef VTEST_PRIV_H
#define VTEST_PRIV_H

#include <linux/atomic.h>
#include <linux/mdev.h>
#include <linux/mutex.h>
#include <linux/vfio.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include "vtest.h"

struct eventfd_ctx;

#define VTEST_RAM_PAGES	(VTEST_RAM_BYTES / 4096)
#define VTEST_MAX_ERRNO	4095
#define VTEST_MAX_DELAY_MS	60000
#define VTEST_MAX_TYPE_NAME	31

/* The counters, in the order of struct vtest_stats, which explains them. */
enum vtest_stat {
	VTEST_STAT_OPEN_DEVICE,
	VTEST_STAT_CLOSE_DEVICE,
	VTEST_STAT_OPEN_FD,
	VTEST_STAT_CLOSE_FD,
	VTEST_STAT_OPEN_COUNT_MAX,
	VTEST_STAT_BAD_CLOSE,
	VTEST_STAT_BAD_ORDER,
	VTEST_STAT_LATE_CALLS,
	VTEST_STAT_DMA_UNMAP,
	VTEST_STAT_REQUEST,
	VTEST_STAT_SLEEPERS,
	VTEST_STAT_OPENING_MAX,
	VTEST_STAT_SET_INTRUDERS,
	VTEST_STAT_PINNED_PAGES,
	VTEST_STAT_FAULTS,
	VTEST_STAT_UNMAPPED_LATE,
	VTEST_NR_STATS,
};

/**
 * enum vtest_kind - the types
 * @VTEST_OWN: a set of its own
 * @VTEST_SET: in the parent's plain set
 * @VTEST_SHARED: in the parent's shared set
 * @VTEST_FOREIGN: 6.12-style callbacks
 * @VTEST_BARE: no callbacks
 * @VTEST_NR_KINDS: how many
 */
enum vtest_kind {
	VTEST_OWN,
	VTEST_SET,
	VTEST_SHARED,
	VTEST_FOREIGN,
	VTEST_BARE,
	VTEST_NR_KINDS,
};

/**
 * struct vtest_type - an mdev type of a parent
 * @type: the mdev core's part
 * @kind: what its devices are
 */
struct vtest_type {
	struct mdev_type type;
	enum vtest_kind kind;
};

/**
 * struct vtest_extra_type - a type that was added while its parent was in use
 * @type: like those that a parent is born with
 * @node: entry in &vtest_parent.extra_types
 * @name: what the type's name points to
 */
struct vtest_extra_type {
	struct vtest_type type;
	struct list_head node;
	char name[];
};

/**
 * struct vtest_crowd - who opens and closes in a set at the moment
 * @opening: open_device() calls that run now
 * @excluded: a set-wide section is running
 */
struct vtest_crowd {
	atomic_t opening;
	atomic_t excluded;
};

/**
 * struct vtest_parent - a parent
 * @dev: its struct device
 * @mdev: the mdev core's part
 * @types: its types
 * @type_ptrs: pointers to them
 * @types_lock: serialises changes of what the parent offers
 * @registered: registered with the mdev core, under @types_lock
 * @extra_types: &struct vtest_extra_type, under @types_lock
 * @lock: protects @devices; outside the core's set locks
 * @devices: &struct vtest_device of every kind but bare
 * @plain_set: its address is the id of the plain set
 * @shared_set: its address is the id of the shared set
 * @fail_probe: errno for every probe, 0 for none
 * @fail_init: errno for every init callback
 * @probe_delay_ms: slept in every probe
 * @stat: totals
 * @race_lock: protects @race_result; one race at a time
 * @race_result: what join_race shows
 */
struct vtest_parent {
	struct device *dev;
	struct mdev_parent mdev;
	struct vtest_type types[VTEST_NR_KINDS];
	struct mdev_type *type_ptrs[VTEST_NR_KINDS];
	/**
	 * @types_lock: protects @registered and @extra_types, and serialises
	 * registering, unregistering, adding and removing types; outermost,
	 * held while devices are removed
	 */
	struct mutex types_lock;
	bool registered;
	struct list_head extra_types;
	/** @lock: protects @devices; see above */
	struct mutex lock;
	struct list_head devices;
	struct vtest_crowd plain_set;
	struct vtest_crowd shared_set;
	int fail_probe;
	int fail_init;
	unsigned int probe_delay_ms;
	atomic_t stat[VTEST_NR_STATS];
	/** @race_lock: protects @race_result; one race at a time */
	struct mutex race_lock;
	char race_result[80];
};

/**
 * struct vtest_job - vfio_dma_rw() in a kernel thread
 * @dma: what to do
 * @task: the thread, referenced, or NULL
 * @done: completed
 * @ret: its result, valid when @done
 */
struct vtest_job {
	struct vtest_dma dma;
	struct task_struct *task;
	bool done;
	int ret;
};

/**
 * struct vtest_device - a device
 * @vdev: the core's part, first
 * @mdev: the mediated device
 * @parent: outlives the device
 * @node: entry in &vtest_parent.devices
 * @kind: which type
 * @crowd: of the set it is in, or its own
 * @own_set: for kinds without a common set
 * @ram: the pages behind all regions; immutable
 * @ram_lock: protects the contents of @ram against torn copies; leaf
 * @is_open: between open_device() and close_device()
 * @nr_fds: open_fd() minus close_fd()
 * @mode: VTEST_MODE_*
 * @open_delay_ms: slept in open_device()
 * @open_error: errno of open_device(), 0 for none
 * @open_fd_error: errno of open_fd(), 0 for none
 * @close_delay_ms: slept in close_device()
 * @request_mode: enum vtest_request
 * @stat: counters
 * @wakes: incremented by every wake-up
 * @wq: plain sleepers
 * @irq_lock: protects @vectors and @req; leaf
 * @vectors: eventfds or NULL
 * @req: eventfd or NULL
 * @pin_lock: protects @pins and @pinning; held while pages are unpinned
 * @pins: page frame number of the IOVA to the number of pins, a value entry
 * @pinning: &struct vtest_pinning, vfio_pin_pages() calls that run now
 * @pin_wq: woken when one leaves @pinning
 * @job_lock: protects the start and the end of @job
 * @job: the kernel thread's work
 */
struct vtest_device {
	struct vfio_device vdev;
	struct mdev_device *mdev;
	struct vtest_parent *parent;
	struct list_head node;
	enum vtest_kind kind;
	struct vtest_crowd *crowd;
	struct vtest_crowd own_set;
	struct page *ram[VTEST_RAM_PAGES];
	/** @ram_lock: protects the contents of @ram; leaf */
	struct mutex ram_lock;
	bool is_open;
	atomic_t nr_fds;
	unsigned long mode;
	unsigned int open_delay_ms;
	unsigned int open_error;
	unsigned int open_fd_error;
	unsigned int close_delay_ms;
	unsigned int request_mode;
	atomic_t stat[VTEST_NR_STATS];
	atomic_t wakes;
	wait_queue_head_t wq;
	/** @irq_lock: protects @vectors and @req; leaf */
	struct mutex irq_lock;
	struct eventfd_ctx *vectors[VTEST_NR_VECTORS];
	struct eventfd_ctx *req;
	/** @pin_lock: protects @pins and @pinning */
	struct mutex pin_lock;
	struct xarray pins;
	struct list_head pinning;
	wait_queue_head_t pin_wq;
	/** @job_lock: protects the start and the end of @job */
	struct mutex job_lock;
	struct vtest_job job;
};

static inline struct vtest_device *to_vtest(struct vfio_device *vdev)
{
	return container_of(vdev, struct vtest_device, vdev);
}

/* vtest_main.c */
extern struct mdev_driver vtest_mdev_driver;
struct vtest_parent *vtest_parent_of(struct device *mdev_dev);

/* vtest_types.c */
extern const char * const vtest_kind_names[VTEST_NR_KINDS];
void vtest_types_init(struct vtest_parent *vp);
int vtest_parent_register(struct vtest_parent *vp);
void vtest_parent_unregister(struct vtest_parent *vp);
int vtest_type_add(struct vtest_parent *vp, const char *name,
		   enum vtest_kind kind);
int vtest_type_remove(struct vtest_parent *vp, const char *name);

/* vtest_dev.c */
extern const struct vfio_device_ops vtest_ops;
extern const struct vfio_device_ops vtest_bare_ops;
int vtest_init_dev(struct vfio_device *vdev);
void vtest_release_dev(struct vfio_device *vdev);
int vtest_open_device(struct vfio_device *vdev);
void vtest_close_device(struct vfio_device *vdev);
void vtest_count(struct vtest_device *vt, enum vtest_stat stat);
void vtest_count_down(struct vtest_device *vt, enum vtest_stat stat);
void vtest_count_max(struct vtest_device *vt, enum vtest_stat stat, int value);
void vtest_entry(struct vtest_device *vt);
int vtest_get_info(struct vfio_device *vdev, struct vfio_device_info *info,
		   struct vfio_info_cap *caps);
int vtest_get_region_info(struct vfio_device *vdev,
			  struct vfio_region_info *info,
			  struct vfio_info_cap *caps);
int vtest_get_irq_info(struct vfio_device *vdev, struct vfio_irq_info *info);
int vtest_set_irqs(struct vfio_device *vdev, const struct vfio_irq_set *hdr,
		   void *data);
int vtest_reset(struct vfio_device *vdev);

/* vtest_foreign.c */
extern const struct vfio_device_ops vtest_foreign_ops;

/* vtest_ioctl.c */
long vtest_ioctl(struct vfio_device *vdev, unsigned int cmd,
		 unsigned long arg);
int vtest_sleep(struct vtest_device *vt, bool plain);
void vtest_wake(struct vtest_device *vt);
int vtest_check_range(loff_t pos, size_t count, size_t *offset);
void vtest_ram_read(struct vtest_device *vt, void *buf, size_t offset,
		    size_t len);
void vtest_ram_write(struct vtest_device *vt, const void *buf, size_t offset,
		     size_t len);

/* vtest_dma.c */
int vtest_pin(struct vtest_device *vt, const struct vtest_pin *pin,
	      u64 *pfns);
int vtest_unpin(struct vtest_device *vt, const struct vtest_pin *pin);
void vtest_unpin_all(struct vtest_device *vt);
void vtest_dma_unmap(struct vfio_device *vdev, u64 iova, u64 length);
int vtest_dma_rw(struct vtest_device *vt, const struct vtest_dma *dma);
int vtest_dma_wait(struct vtest_device *vt);
void vtest_dma_join(struct vtest_device *vt);

/* vtest_mmap.c */
int vtest_mmap(struct vfio_device *vdev, struct vm_area_struct *vma);
int vtest_foreign_mmap(struct vfio_device *vdev, struct vm_area_struct *vma);

/* vtest_sysfs.c */
extern const struct attribute_group *vtest_parent_groups[];
extern const struct attribute_group *vtest_device_groups[];

/* vtest_race.c */
int vtest_join_race(struct vtest_parent *vp, unsigned int rounds,
		    unsigned int nr_threads, bool shared);

#endif /* VTEST_PRIV_H */
