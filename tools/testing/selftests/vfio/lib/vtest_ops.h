/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The private ioctls of the test driver, as functions
 *
 * All return what the ioctl does, -errno for a failure.
 */
#ifndef VTEST_OPS_H
#define VTEST_OPS_H

#include "vfio_lib.h"
#include "vtest.h"

#define VTEST_PROT_READ		1
#define VTEST_PROT_WRITE	2
#define VTEST_PROT_RW		(VTEST_PROT_READ | VTEST_PROT_WRITE)

static inline int __vtest_pin(int device, uint64_t iova, uint32_t npages,
			      uint32_t prot)
{
	struct vtest_pin pin = {
		.argsz = sizeof(pin),
		.iova = iova,
		.npages = npages,
		.prot = prot,
	};

	return __vfio_ioctl(device, VTEST_PIN, &pin);
}

static inline int __vtest_unpin(int device, uint64_t iova, uint32_t npages)
{
	struct vtest_pin pin = {
		.argsz = sizeof(pin),
		.iova = iova,
		.npages = npages,
	};

	return __vfio_ioctl(device, VTEST_UNPIN, &pin);
}

static inline int __vtest_dma(int device, uint32_t flags, uint64_t iova,
			      uint32_t len)
{
	struct vtest_dma dma = {
		.argsz = sizeof(dma),
		.flags = flags,
		.iova = iova,
		.len = len,
	};

	return __vfio_ioctl(device, VTEST_DMA_RW, &dma);
}

/* The device's RAM, as the file shows it. */
static inline void vtest_ram_write(int device, const void *buf, size_t len)
{
	VFIO_CHECK(pwrite(device, buf, len, VTEST_OFFSET(VTEST_REGION_PFN)) ==
		   (ssize_t)len);
}

static inline void vtest_ram_read(int device, void *buf, size_t len)
{
	VFIO_CHECK(pread(device, buf, len, VTEST_OFFSET(VTEST_REGION_PFN)) ==
		   (ssize_t)len);
}

static inline void vtest_stats(int device, struct vtest_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	stats->argsz = sizeof(*stats);
	vfio_ioctl(device, VTEST_STATS, stats);
}

#endif /* VTEST_OPS_H */
