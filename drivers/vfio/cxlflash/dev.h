/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the function half (dev_*.c) share
 */
#ifndef SLICE_DEV_H
#define SLICE_DEV_H

#include <linux/mm.h>

#include "slice_mdev.h"

/* A region's index is in the top of the file offset, as with vfio-pci. */
#define SLICE_OFFSET_SHIFT	40
#define SLICE_OFFSET_MASK	(BIT_ULL(SLICE_OFFSET_SHIFT) - 1)

/* The unit in which memory is found and evicted. */
#define SLICE_BLOCK_SHIFT	21
#define SLICE_BLOCK_BYTES	BIT_ULL(SLICE_BLOCK_SHIFT)
#define SLICE_BLOCK_PAGES	(1U << (SLICE_BLOCK_SHIFT - PAGE_SHIFT))

/* In the low bits of slice_block.page[] */
#define SLICE_PAGE_READ		1UL
#define SLICE_PAGE_WRITE	2UL
#define SLICE_PAGE_FLAGS	(SLICE_PAGE_READ | SLICE_PAGE_WRITE)

/**
 * struct slice_block - the pinned pages of an aligned piece of IOVA
 * @rcu: to free it
 * @node: in a list of those that are not found any more
 * @index: IOVA >> SLICE_BLOCK_SHIFT
 * @nr: pages in it
 * @control: there are requests, status words or rings in it, not only data
 * @used: found since somebody looked for a victim
 * @since: jiffies when pages were pinned for it last
 * @page: kernel address of each page and how it may be used; 0: not pinned
 * @first: of each page: first one of those that are contiguous with it
 * @last: and the last one
 *
 * Immutable once it is published, but for @used: it is replaced instead.
 */
struct slice_block {
	struct rcu_head rcu;
	struct list_head node;
	unsigned long index;
	unsigned int nr;
	bool control;
	bool used;
	unsigned long since;
	unsigned long page[SLICE_BLOCK_PAGES];
	u16 first[SLICE_BLOCK_PAGES];
	u16 last[SLICE_BLOCK_PAGES];
};

static inline unsigned long slice_page_need(bool write)
{
	return write ? SLICE_PAGE_WRITE : SLICE_PAGE_READ;
}

/* dev_pci.c */
void slice_pci_layout(struct slice_mdev *sl);
void slice_pci_read(struct slice_mdev *sl, u32 pos, u8 *buf, size_t count);
void slice_pci_write(struct slice_mdev *sl, u32 pos, const u8 *buf,
		     size_t count);
int slice_pci_reset(struct vfio_device *vdev);
void slice_dev_fail(struct slice_mdev *sl);

/* dev_regs.c */
u32 slice_regs_bytes(struct slice_mdev *sl);
void slice_regs_read(struct slice_mdev *sl, u32 pos, u8 *buf, size_t count);
void slice_regs_write(struct slice_mdev *sl, u32 pos, const u8 *buf,
		      size_t count);
void slice_regs_reset(struct slice_mdev *sl);
void slice_msix_read(struct slice_mdev *sl, u32 pos, u8 *buf, size_t count);
void slice_msix_write(struct slice_mdev *sl, u32 pos, const u8 *buf,
		      size_t count);

/* dev_irq.c */
void slice_irq_init(struct slice_mdev *sl);
void slice_irq_close(struct slice_mdev *sl);
void slice_irq_reset(struct slice_mdev *sl);
void slice_irq_mask(struct slice_mdev *sl, unsigned int vector, bool masked);
void slice_irq_request(struct vfio_device *vdev, unsigned int count);
int slice_irq_get_info(struct vfio_device *vdev, struct vfio_irq_info *info);
int slice_irq_set(struct vfio_device *vdev, const struct vfio_irq_set *hdr,
		  void *data);
void slice_irq_notify(struct cxlflash_ctx *ctx, unsigned int lisn);

/* dev_mem.c */
extern const struct cxlflash_owner_ops slice_owner_ops;
void slice_mem_set_reachable(struct slice_mdev *sl, bool reachable);
bool slice_mem_drain(struct slice_mdev *sl, u64 start, u64 len,
		     unsigned int ms);

/* dev_pin.c */
void slice_pin_init(struct slice_mdev *sl);
void slice_pin_open(struct slice_mdev *sl);
void slice_pin_stop(struct slice_mdev *sl);
void slice_pin_close(struct slice_mdev *sl);
int slice_pin_resolve(struct cxlflash_ctx *ctx, u64 ea, u32 len, bool write);
void slice_pin_dma_unmap(struct vfio_device *vdev, u64 iova, u64 length);

/* dev_log.c */
void slice_log_init(struct slice_mdev *sl);
void slice_log_close(struct slice_mdev *sl);
void slice_log_dirtied(struct cxlflash_ctx *ctx, u64 ea, u32 len);

#endif /* SLICE_DEV_H */
