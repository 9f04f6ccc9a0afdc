/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside cxlflash_pci.ko: a slice as a guest sees it
 *
 *   PCI --probe, remove--> func.c --register, failed, rescan--> cxlflash.ko
 *                            |                                     |
 *                          hwq.c <---struct cxlflash_backend_ops---+
 *
 * Locks, outermost first:
 *  func->host_mutex > cxlflash.ko's, its reset_mutex among them > func->lock
 */
#ifndef FUNC_H
#define FUNC_H

#include <linux/cpumask.h>
#include <linux/cxlflash_afu.h>
#include <linux/cxlflash_slice.h>
#include <linux/io.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>

struct pci_dev;

/**
 * struct slice_func - a PCI function
 * @pdev: it
 * @be: as the SCSI host sees it
 * @bar: host areas of its contexts
 * @nr_queues: contexts that have a vector
 * @nr_poll: of these, polled
 * @masks: which CPUs the interrupts of context n go to, in turn
 * @nr_masks: entries of @masks
 * @lock: protects @queues, and events against each other and against resets
 * @queues: contexts that are in use
 * @host_mutex: protects @has_host
 * @has_host: @be is registered
 * @gone: ends the host if the function has been taken away
 * @watch: notices what no interrupt tells
 * @stuck: a context would not come to rest; the memory stays its own
 * @keep: a context is given up with commands: the pages stay what they are
 */
struct slice_func {
	struct pci_dev *pdev;
	struct cxlflash_backend be;
	void __iomem *bar;
	unsigned int nr_queues;
	unsigned int nr_poll;
	struct cpumask *masks;
	unsigned int nr_masks;
	/** @lock: protects @queues; one event or reset at a time */
	struct mutex lock;
	struct cxlflash_queue *queues[SLICE_MAX_QUEUES];
	/** @host_mutex: protects @has_host; outermost */
	struct mutex host_mutex;
	bool has_host;
	struct work_struct gone;
	struct delayed_work watch;
	bool stuck;
	bool keep;
};

static inline struct slice_func *to_func(struct cxlflash_backend *be)
{
	return container_of(be, struct slice_func, be);
}

/* Registers are big endian; one that is not there reads as all-ones. */
static inline u64 func_read(const struct slice_func *func, unsigned int area,
			    unsigned int reg)
{
	return swab64(readq(func->bar + area * SISL_HOST_SIZE + reg));
}

static inline void func_write(const struct slice_func *func, unsigned int area,
			      unsigned int reg, u64 val)
{
	writeq(swab64(val), func->bar + area * SISL_HOST_SIZE + reg);
}

/* func.c */
bool func_is_gone(const struct slice_func *func);

/* hwq.c */
extern const struct cxlflash_backend_ops hwq_backend_ops;
bool hwq_check(struct slice_func *func);

#endif /* FUNC_H */
