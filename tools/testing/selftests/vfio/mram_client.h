/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A user of an mram device, for its tests
 */
#ifndef MRAM_CLIENT_H
#define MRAM_CLIENT_H

#include <sys/ioctl.h>
#include <sys/mman.h>

#include <linux/pci_regs.h>

#include "mram_regs.h"
#include "vfio_lib.h"

#define MRAM_RAM_INDEX	(VFIO_PCI_BAR0_REGION_INDEX + MRAM_BAR_RAM)
#define MRAM_IOVA	0x100000ULL	/* where @mem is mapped */
#define MRAM_MEM	(32 * 4096)	/* more pages than the device keeps */

/**
 * struct mram_client - an open device
 * @u: its descriptors
 * @bell: file offset of the doorbell
 * @ram: file offset of the RAM
 * @cfg: file offset of configuration space
 * @map: the RAM, mapped; a mapping keeps the device open
 * @map_bytes: of it, 0 while it is not mapped
 * @mem: "guest memory", mapped for DMA at MRAM_IOVA
 * @removed: what a removal in a thread returned
 * @removed_ms: and when
 */
struct mram_client {
	struct vfio_user u;
	uint64_t bell;
	uint64_t ram;
	uint64_t cfg;
	volatile uint32_t *map;
	size_t map_bytes;
	uint8_t *mem;
	int removed;
	uint64_t removed_ms;
};

static inline uint32_t mram_get(struct mram_client *c, uint64_t at, int bytes)
{
	uint32_t value = 0;

	VFIO_CHECK(pread(c->u.device, &value, bytes, at) == bytes);
	return value;
}

static inline void mram_put(struct mram_client *c, uint64_t at, int bytes,
			    uint32_t value)
{
	VFIO_CHECK(pwrite(c->u.device, &value, bytes, at) == bytes);
}

static inline uint32_t mram_cfg16(struct mram_client *c, uint32_t pos)
{
	return mram_get(c, c->cfg + pos, 2);
}

static inline uint32_t mram_cfg32(struct mram_client *c, uint32_t pos)
{
	return mram_get(c, c->cfg + pos, 4);
}

static inline void mram_cfg_write16(struct mram_client *c, uint32_t pos,
				    uint32_t value)
{
	mram_put(c, c->cfg + pos, 2, value);
}

static inline void mram_cfg_write32(struct mram_client *c, uint32_t pos,
				    uint32_t value)
{
	mram_put(c, c->cfg + pos, 4, value);
}

static inline uint32_t mram_reg(struct mram_client *c, uint32_t reg)
{
	return mram_get(c, c->bell + reg, 4);
}

static inline void mram_reg_write(struct mram_client *c, uint32_t reg,
				  uint32_t value)
{
	mram_put(c, c->bell + reg, 4, value);
}

static inline void mram_copy_start(struct mram_client *c, uint32_t cmd,
				   uint64_t iova, uint32_t offset,
				   uint32_t len)
{
	mram_reg_write(c, MRAM_REG_ADDR_LO, iova);
	mram_reg_write(c, MRAM_REG_ADDR_HI, iova >> 32);
	mram_reg_write(c, MRAM_REG_OFFSET, offset);
	mram_reg_write(c, MRAM_REG_LEN, len);
	mram_reg_write(c, MRAM_REG_CMD, cmd);
}

static inline bool mram_busy(struct mram_client *c)
{
	return mram_reg(c, MRAM_REG_STATUS) & MRAM_STATUS_BUSY;
}

/* Returns MRAM_ERR_*. */
static inline uint32_t mram_copy(struct mram_client *c, uint32_t cmd,
				 uint64_t iova, uint32_t offset, uint32_t len)
{
	uint32_t error;

	mram_copy_start(c, cmd, iova, offset, len);
	VFIO_CHECK(VFIO_WAIT(!mram_busy(c), 10000));
	error = mram_reg(c, MRAM_REG_ERROR);
	VFIO_CHECK(mram_reg(c, MRAM_REG_STATUS) ==
		   (error ? MRAM_STATUS_ERROR : MRAM_STATUS_DONE));
	return error;
}

/* --- INTx */

static inline int mram_intx_trigger(struct mram_client *c, int fd)
{
	return __vfio_set_trigger(c->u.device, VFIO_PCI_INTX_IRQ_INDEX, 0, fd);
}

static inline int mram_intx_mask(struct mram_client *c)
{
	return __vfio_set_irqs(c->u.device, VFIO_IRQ_SET_DATA_NONE |
			       VFIO_IRQ_SET_ACTION_MASK,
			       VFIO_PCI_INTX_IRQ_INDEX, 0, 1, NULL, 0);
}

static inline int mram_intx_unmask(struct mram_client *c)
{
	return __vfio_set_irqs(c->u.device, VFIO_IRQ_SET_DATA_NONE |
			       VFIO_IRQ_SET_ACTION_UNMASK,
			       VFIO_PCI_INTX_IRQ_INDEX, 0, 1, NULL, 0);
}

static inline int mram_intx_unmask_fd(struct mram_client *c, int32_t fd)
{
	return __vfio_set_irqs(c->u.device, VFIO_IRQ_SET_DATA_EVENTFD |
			       VFIO_IRQ_SET_ACTION_UNMASK,
			       VFIO_PCI_INTX_IRQ_INDEX, 0, 1, &fd, sizeof(fd));
}

/* --- life */

static inline void mram_client_start(struct mram_client *c)
{
	struct vfio_region_info info;
	void *map;

	vfio_region_info(c->u.device, VFIO_PCI_BAR0_REGION_INDEX, &info);
	c->bell = info.offset;
	vfio_region_info(c->u.device, VFIO_PCI_CONFIG_REGION_INDEX, &info);
	c->cfg = info.offset;
	vfio_region_info(c->u.device, MRAM_RAM_INDEX, &info);
	c->ram = info.offset;
	map = mmap(NULL, info.size, PROT_READ | PROT_WRITE, MAP_SHARED,
		   c->u.device, info.offset);
	VFIO_CHECK(map != MAP_FAILED);
	c->map = map;
	c->map_bytes = info.size;
	mram_cfg_write16(c, PCI_COMMAND, PCI_COMMAND_MEMORY |
			 PCI_COMMAND_MASTER);
}

static inline void mram_client_open(struct mram_client *c, const char *type)
{
	vfio_need_parent("mram");
	vfio_user_open(&c->u, "mram", type);
	mram_client_start(c);
	c->mem = vfio_mem_alloc(MRAM_MEM);
	vfio_map(c->u.container, c->mem, MRAM_IOVA, MRAM_MEM);
}

static inline void mram_client_unmap(struct mram_client *c)
{
	if (c->map_bytes)
		munmap((void *)c->map, c->map_bytes);
	c->map_bytes = 0;
}

/* Close and open the device itself. */
static inline void mram_client_reopen(struct mram_client *c)
{
	mram_client_unmap(c);
	close(c->u.device);
	c->u.device = vfio_group_get_device(c->u.group, c->u.uuid);
	mram_client_start(c);
}

/* Give all up but the memory. */
static inline void mram_client_let_go(struct mram_client *c)
{
	mram_client_unmap(c);
	vfio_user_close_fds(&c->u);
}

static inline void mram_client_close(struct mram_client *c)
{
	mram_client_unmap(c);
	vfio_user_close(&c->u);
	vfio_mem_free(c->mem, MRAM_MEM);
}

#endif /* MRAM_CLIENT_H */
