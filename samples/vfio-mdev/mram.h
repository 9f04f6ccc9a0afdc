/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside mram.ko
 *
 * Which file is about what:
 *
 *   mram_main.c  the module: parent, types, devices; regions and mmap
 *   mram_pci.c   configuration space
 *   mram_irq.c   INTx, MSI and the request interrupt
 *   mram_bell.c  the doorbell: registers, the copy engine, pinned pages
 *   mram_mig.c   migration, and the log of the pages that the device writes
 *
 * Lock order, outermost first: mig_lock > irq_mutex > lock > pins_lock.
 * Leaves: irq_lock, dirty_lock.
 *
 * None of them is held across an access to guest memory, which may fault and
 * wait for user space; what must not change meanwhile is guarded by
 * @engine_on and @stop instead.
 */
#ifndef MRAM_H
#define MRAM_H

#include <linux/mdev.h>
#include <linux/mutex.h>
#include <linux/pci_regs.h>
#include <linux/spinlock.h>
#include <linux/vfio.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "mram_regs.h"

/* A region's index is in the top of the file offset, as with vfio-pci. */
#define MRAM_OFFSET_SHIFT	40
#define MRAM_INDEX_TO_OFFSET(index)	((u64)(index) << MRAM_OFFSET_SHIFT)
#define MRAM_OFFSET_TO_INDEX(pos)	((u64)(pos) >> MRAM_OFFSET_SHIFT)
#define MRAM_OFFSET_MASK	(MRAM_INDEX_TO_OFFSET(1) - 1)

#define MRAM_CFG_BYTES		256
#define MRAM_MSI_CAP		0x40

/* Pages of guest memory that stay pinned between commands, at most. */
#define MRAM_NR_PINS		16

struct eventfd_ctx;
struct mram_stream;

/**
 * struct mram_regs - the registers that software can change
 * @status: MRAM_STATUS_*
 * @error: MRAM_ERR_*
 * @count: commands completed
 * @addr: in guest memory
 * @offset: in the RAM
 * @len: bytes
 * @irq_status: MRAM_IRQ_*
 * @irq_enable: MRAM_IRQ_*
 * @scratch: software's
 */
struct mram_regs {
	u32 status;
	u32 error;
	u32 count;
	u64 addr;
	u32 offset;
	u32 len;
	u32 irq_status;
	u32 irq_enable;
	u32 scratch;
};

/**
 * struct mram_cmd - the command that is being executed, or the last one
 * @op: MRAM_CMD_*
 * @addr: in guest memory
 * @offset: in the RAM
 * @len: bytes
 * @done: bytes copied so far
 *
 * A copy, so that software may already prepare the next one.
 */
struct mram_cmd {
	u32 op;
	u64 addr;
	u32 offset;
	u32 len;
	u32 done;
};

/**
 * struct mram_pin - a pinned page of guest memory
 * @iova: its address
 * @prot: IOMMU_READ or IOMMU_WRITE: what it was pinned for
 * @page: the page, or NULL if this place is free
 */
struct mram_pin {
	dma_addr_t iova;
	int prot;
	struct page *page;
};

/**
 * struct mram - a device
 * @vdev: the VFIO half, first
 * @ram: BAR 2; the pointer is immutable, the bytes belong to the guest
 * @ram_bytes: its size, a power of two; immutable
 * @cfg: configuration space, under @lock
 * @cfg_wmask: which bits of it software can write; immutable
 * @regs: under @lock
 * @cmd: under @lock
 * @engine_on: somebody executes @cmd; under @lock for changes
 * @stop: reasons for the engine to stand still, under @lock
 * @work: executes asynchronous commands, and interrupted ones later
 * @pins: pinned pages, under @pins_lock
 * @nr_pins: how many, under @pins_lock for changes
 * @next_pin: which one to replace next, under @pins_lock
 * @pinning: a page is being pinned, under @pins_lock
 * @pinning_lost: and was unmapped meanwhile, under @pins_lock
 * @pinning_iova: its address, under @pins_lock
 * @irq_index: VFIO_PCI_INTX_IRQ_INDEX, VFIO_PCI_MSI_IRQ_INDEX, or -1 while
 *	user space has set up neither; under @irq_mutex for changes
 * @irq_trigger: eventfd of that index
 * @req_trigger: eventfd of the request interrupt
 * @intx_masked: under @irq_lock
 * @intx_level: what the INTx pin is at, under @irq_lock
 * @intx_unmask: eventfd that unmasks, under @irq_mutex
 * @mig_state: under @mig_lock
 * @stream: data file of STOP_COPY or RESUMING, under @mig_lock
 * @logging: the pages written are being logged, under @dirty_lock
 * @log_lost: the log ran out of memory: everything counts as written
 * @dirty: the log: an entry for each page number
 */
struct mram {
	struct vfio_device vdev;
	void *ram;
	u32 ram_bytes;

	/**
	 * @lock: protects @cfg, @regs, @cmd, @engine_on and @stop; inside
	 * @mig_lock and @irq_mutex
	 */
	struct mutex lock;
	u8 cfg[MRAM_CFG_BYTES];
	u8 cfg_wmask[MRAM_CFG_BYTES];
	struct mram_regs regs;
	struct mram_cmd cmd;
	bool engine_on;
	unsigned int stop;
	struct work_struct work;

	/**
	 * @pins_lock: protects the pinned pages, and keeps them pinned while
	 * one is used; innermost mutex, taken by dma_unmap()
	 */
	struct mutex pins_lock;
	struct mram_pin pins[MRAM_NR_PINS];
	unsigned int nr_pins;
	unsigned int next_pin;
	bool pinning;
	bool pinning_lost;
	dma_addr_t pinning_iova;

	/** @irq_mutex: serialises SET_IRQS; outside @lock */
	struct mutex irq_mutex;
	int irq_index;
	struct eventfd_ctx __rcu *irq_trigger;
	struct eventfd_ctx __rcu *req_trigger;
	/**
	 * @irq_lock: protects the INTx state; taken under the wait queue of
	 * an eventfd, so no eventfd is signalled under it; leaf
	 */
	spinlock_t irq_lock;
	bool intx_masked;
	bool intx_level;
	struct virqfd *intx_unmask;

	/**
	 * @mig_lock: protects @mig_state and @stream, and serialises reset
	 * with migration; outermost
	 */
	struct mutex mig_lock;
	enum vfio_device_mig_state mig_state;
	struct mram_stream *stream;

	/** @dirty_lock: protects the log, beside its own lock; leaf */
	struct mutex dirty_lock;
	bool logging;
	bool log_lost;
	struct xarray dirty;
};

static inline struct mram *to_mram(struct vfio_device *vdev)
{
	return container_of(vdev, struct mram, vdev);
}

/* mram_pci.c */
void mram_pci_init(struct mram *mram);
void __mram_pci_reset(struct mram *mram);
void mram_pci_read(struct mram *mram, u32 pos, u8 *buf, size_t count);
void mram_pci_write(struct mram *mram, u32 pos, const u8 *buf, size_t count);
void __mram_pci_load(struct mram *mram, const u8 *cfg);
u16 __mram_pci_command(struct mram *mram);

/* mram_irq.c */
void mram_irq_init(struct mram *mram);
void mram_irq_close(struct mram *mram);
void __mram_irq_update(struct mram *mram, bool edge);
void mram_irq_request(struct vfio_device *vdev, unsigned int count);
bool mram_irq_intx_level(struct mram *mram);
int mram_irq_get_info(struct vfio_device *vdev, struct vfio_irq_info *info);
int mram_irq_set(struct vfio_device *vdev, const struct vfio_irq_set *hdr,
		 void *data);

/* mram_bell.c */
void mram_bell_init(struct mram *mram);
void mram_bell_close(struct mram *mram);
void __mram_bell_reset(struct mram *mram);
int __mram_bell_load(struct mram *mram, const struct mram_regs *regs,
		     const struct mram_cmd *cmd);
int mram_bell_stop(struct mram *mram);
void mram_bell_start(struct mram *mram);
void mram_bell_read(struct mram *mram, u32 pos, void *buf, size_t count);
int mram_bell_write(struct mram *mram, u32 pos, const void *buf, size_t count);
void mram_bell_dma_unmap(struct vfio_device *vdev, u64 iova, u64 length);

/* mram_mig.c */
extern const struct vfio_migration_ops mram_migration_ops;
extern const struct vfio_log_ops mram_log_ops;
void mram_mig_init(struct mram *mram);
void mram_mig_close(struct mram *mram);
void __mram_mig_reset(struct mram *mram);
void mram_log_write(struct mram *mram, dma_addr_t iova, size_t len);

#endif /* MRAM_H */
