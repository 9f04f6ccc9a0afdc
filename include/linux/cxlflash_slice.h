/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A slice as a PCI function: what the host's mediated device (cxlflash_mdev)
 * shows and the guest's driver (cxlflash_pci) uses
 *
 * BAR 0 holds the host areas of the function's contexts, SISL_HOST_SIZE bytes
 * each, context 0 first; there is a power of two of them.  Effective addresses
 * are the guest's DMA addresses.  Registers are 64 bits wide, big endian, and
 * are accessed as a whole or as two halves of 4 bytes, of which a store takes
 * effect with the half at the higher address.
 *
 * The upper half of each host area is ours: registers of the function, the same
 * in all areas but for SLICE_REG_CTX_ID.
 *
 * BAR 2 holds the MSI-X table and its pending bits.  Vector 0 is for all that
 * concerns the function (SLICE_REG_EVENTS) and for the contexts' LISNs but RRQ;
 * vector 1 + n is LISN RRQ of context n.
 *
 * Each context has the slice as handle 0, and the capabilities READ, WRITE,
 * GSCSI and AFU_CMD.  Function level reset resets all of them and nothing else.
 *
 * While the adapter is being reset the registers of the contexts are all-ones
 * and commands are dropped.  SLICE_EVENT_RESET is set before the registers can
 * be used again.  So who sets contexts up waits until they are not all-ones,
 * clears the event, sets them up, and begins again if the event is set: once it
 * is not, the next one says that all that was submitted since is gone.
 */
#ifndef _LINUX_CXLFLASH_SLICE_H
#define _LINUX_CXLFLASH_SLICE_H

#include <linux/cxlflash_sislite.h>
#include <linux/vfio_mdev_ids.h>

#define SLICE_BAR_REGS			0
#define SLICE_BAR_MSIX			2
#define SLICE_BAR_MSIX_BYTES		0x1000
#define SLICE_MSIX_TABLE		0x000
#define SLICE_MSIX_PBA			0x800
#define SLICE_MAX_QUEUES		16
#define SLICE_NR_VECTORS(nr_queues)	((nr_queues) + 1)
#define SLICE_VECTOR_FUNCTION		0
#define SLICE_VECTOR_RRQ(queue)		((queue) + 1)

/* Offsets in each host area. */
#define SLICE_REG_MAGIC			0x8000	/* SLICE_MAGIC */
#define SLICE_REG_VERSION		0x8008	/* SLICE_VERSION */
#define SLICE_REG_NR_QUEUES		0x8010
#define SLICE_REG_QUEUE_DEPTH		0x8018	/* command room of each */
#define SLICE_REG_CTX_ID		0x8020	/* of this area's context */
#define SLICE_REG_NR_BLOCKS		0x8028
#define SLICE_REG_BLOCK_SIZE		0x8030	/* bytes */
#define SLICE_REG_FLAGS			0x8038	/* SLICE_FLAG_* */
#define SLICE_REG_EVENTS		0x8040	/* SLICE_EVENT_*; 1s clear */
#define SLICE_REG_UUID_HIGH		0x8048	/* bytes 0-7 of the UUID */
#define SLICE_REG_UUID_LOW		0x8050	/* bytes 8-15 */

#define SLICE_MAGIC			0x43584c534c494345ULL	/* CXLSLICE */
#define SLICE_VERSION			1
#define SLICE_FLAG_READ_ONLY		1ULL
#define SLICE_EVENT_SIZE		1ULL	/* it grew or shrank */
#define SLICE_EVENT_READ_ONLY		2ULL
#define SLICE_EVENT_RESET		4ULL	/* by the adapter: start anew */

#endif /* _LINUX_CXLFLASH_SLICE_H */
