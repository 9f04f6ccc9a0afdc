/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the guest's driver of mram offers to the guest's program: /dev/mram
 *
 * mmap gives the DMA buffer, read waits for the next interrupt and returns
 * how many there have been (u32), ioctl tells the rest.
 */
#ifndef MRAM_GUEST_H
#define MRAM_GUEST_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define MRAM_GUEST_DMA_BYTES	65536

/**
 * struct mram_guest_info - the DMA buffer and the interrupt
 * @dma_addr: where the device finds the buffer
 * @bytes: of the buffer
 * @msi: 1 if interrupts come by MSI, 0 for INTx
 */
struct mram_guest_info {
	__u64 dma_addr;
	__u32 bytes;
	__u32 msi;
};

#define MRAM_GUEST_GET_INFO	_IOR('m', 0, struct mram_guest_info)
/*
 * Which PCI slots the machine wants back, 0 for none; if there are any, they
 * are let go when the module is unloaded.
 */
#define MRAM_GUEST_UNPLUG	_IOR('m', 1, __u32)

#endif /* MRAM_GUEST_H */
