/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The user interface of the VFIO test driver vtest.ko
 *
 * Parents vtest0, vtest1, ... in /sys/class/mdev_bus/, each with the types
 *
 *   vtest-own      structured callbacks, every device is its own set
 *   vtest-set      the same, all devices of a parent in one plain set
 *   vtest-shared   the same, all devices of a parent in one shared set
 *   vtest-foreign  like a Linux 6.12 driver: read, write, ioctl with user
 *                  pointers, remap_pfn_range(), no request, no per-fd callback
 *   vtest-bare     a name and not one callback
 *
 * The private ioctls below work on every type but bare.  They take their
 * argument by pointer; argsz is the size of the structure.  Errors besides
 * those named: -EFAULT, -EINVAL for a short argsz or unknown flags.
 *
 * Attributes of a parent (/sys/class/mdev_bus/vtestN/):
 *   stats       totals over all devices that ever were, "name value" lines;
 *               a write clears them
 *   registered  write 0 to unregister the parent, 1 to register it again
 *   fail_probe  an errno: every probe fails with it (0: none)
 *   fail_init   likewise for the init callback
 *   probe_delay_ms  every probe sleeps that long
 *   add_type    write "NAME KIND": offer a type vtest-NAME too, of a KIND
 *               above (without "vtest-"); -ENODEV while not registered
 *   remove_type write "NAME": remove such a type and its devices; -ENOENT if
 *               there is none.  Unregistering the parent removes them all
 *   set_reset   write milliseconds: a set-wide exclusive section of that
 *               length on the parent's shared set
 *   set_open_count  opens of all members of the shared set
 *   join_race   write "rounds threads shared": threads that join one set in
 *               parallel, for 16 seconds at most; read back
 *               "rounds N errors N mismatches N"
 * and of a device (/sys/bus/mdev/devices/UUID/):
 *   open_delay_ms open_error open_fd_error close_delay_ms
 *   request_mode  see enum vtest_request
 *   wake          any write ends the sleeps in the device
 *   stats         as above, of this device
 */
#ifndef VTEST_H
#define VTEST_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define VTEST_IOC_TYPE		';'
#define VTEST_IOC_BASE		200

/* VTEST_RAM_BYTES - size of the RAM behind all mmap-able regions */
#define VTEST_RAM_BYTES		(16 * 4096)
/* VTEST_OFFSET() - where a region begins in the device file */
#define VTEST_OFFSET(region)	((__u64)(region) << 40)
#define VTEST_OFFSET_TO_REGION(off) ((__u64)(off) >> 40)

/**
 * enum vtest_region - all show the same RAM, each in its own way
 * @VTEST_REGION_PFN: fault handler with vmf_insert_pfn()
 * @VTEST_REGION_PAGE: fault handler that returns a page
 * @VTEST_REGION_REMAP: remap_pfn_range() in mmap, no vm_ops
 * @VTEST_REGION_FILE: mmap replaces vma->vm_file, which the core refuses
 *                     with -EINVAL
 * @VTEST_REGION_FULL: like PAGE, with open, close, access, page_mkwrite and
 *                     map_pages
 * @VTEST_REGION_SLEEP: a read sleeps until VTEST_WAKE, then returns zeroes;
 *                      no mmap
 * @VTEST_NR_REGIONS: how many
 */
enum vtest_region {
	VTEST_REGION_PFN,
	VTEST_REGION_PAGE,
	VTEST_REGION_REMAP,
	VTEST_REGION_FILE,
	VTEST_REGION_FULL,
	VTEST_REGION_SLEEP,
	VTEST_NR_REGIONS,
};

/**
 * enum vtest_irq - interrupt indices, all with EVENTFD
 * @VTEST_IRQ_VECTORS: VTEST_NR_VECTORS vectors
 * @VTEST_IRQ_REQ: the same number as VFIO_PCI_REQ_IRQ_INDEX
 * @VTEST_NR_IRQS: those between have a count of 0
 */
enum vtest_irq {
	VTEST_IRQ_VECTORS = 0,
	VTEST_IRQ_REQ = 4,
	VTEST_NR_IRQS = 5,
};

#define VTEST_NR_VECTORS	4

/**
 * enum vtest_request - what the request callback does
 * @VTEST_REQUEST_SIGNAL: signals the REQ eventfd if there is one
 * @VTEST_REQUEST_IGNORE: only counts
 */
enum vtest_request {
	VTEST_REQUEST_SIGNAL = 0,
	VTEST_REQUEST_IGNORE = 1,
};

/**
 * struct vtest_pin - VTEST_PIN and VTEST_UNPIN
 * @argsz: sizeof
 * @flags: 0
 * @iova: page aligned
 * @npages: at most VTEST_PIN_MAX go to the core
 * @prot: IOMMU_READ 1, IOMMU_WRITE 2
 * @pfns: 0, or a pointer to @npages __u64 that receive the frame numbers
 *
 * VTEST_PIN returns what vfio_pin_pages() does: @npages or an errno.  A page
 * may be pinned several times.  VTEST_UNPIN of a page that this device has
 * not pinned is -ENOENT, and nothing is unpinned.
 */
struct vtest_pin {
	__u32 argsz;
	__u32 flags;
	__u64 iova;
	__u32 npages;
	__u32 prot;
	__aligned_u64 pfns;
};

#define VTEST_PIN_MAX		1024

#define VTEST_PIN		_IO(VTEST_IOC_TYPE, VTEST_IOC_BASE + 0)
#define VTEST_UNPIN		_IO(VTEST_IOC_TYPE, VTEST_IOC_BASE + 1)

/*
 * VTEST_SET_MODE - the argument itself is a mask of these
 *
 * VTEST_MODE_LEAK_PINS: never unpin in dma_unmap or close_device.
 */
#define VTEST_MODE_LEAK_PINS	(1 << 0)
#define VTEST_SET_MODE		_IO(VTEST_IOC_TYPE, VTEST_IOC_BASE + 2)

/**
 * struct vtest_dma - VTEST_DMA_RW: copy between an IOVA and the device's RAM
 * @argsz: sizeof
 * @flags: VTEST_DMA_*
 * @iova: any alignment
 * @len: at most VTEST_RAM_BYTES
 * @offset: in the RAM
 *
 * Returns 0 or the errno of vfio_dma_rw().  With VTEST_DMA_ASYNC the work is
 * only started; VTEST_DMA_WAIT waits for it and returns its result, or -ENOENT
 * if none was started.  -EBUSY while one is running.
 */
struct vtest_dma {
	__u32 argsz;
	__u32 flags;
	__u64 iova;
	__u32 len;
	__u32 offset;
};

/* VTEST_DMA_WRITE - write to the IOVA; without it, read */
#define VTEST_DMA_WRITE		(1 << 0)
/* VTEST_DMA_KTHREAD - in a kernel thread of the driver */
#define VTEST_DMA_KTHREAD	(1 << 1)
/* VTEST_DMA_ASYNC - do not wait; only with VTEST_DMA_KTHREAD */
#define VTEST_DMA_ASYNC		(1 << 2)

#define VTEST_DMA_RW		_IO(VTEST_IOC_TYPE, VTEST_IOC_BASE + 3)
#define VTEST_DMA_WAIT		_IO(VTEST_IOC_TYPE, VTEST_IOC_BASE + 4)

/*
 * Sleep until VTEST_WAKE.  VTEST_SLEEP uses the core's revocable wait and
 * ends with -ENODEV on revocation (a foreign device: like VTEST_SLEEP_PLAIN).
 * VTEST_SLEEP_PLAIN is the wait_event_interruptible() of a driver that knows
 * nothing of revocation: only a signal or a wake-up ends it.
 */
#define VTEST_SLEEP		_IO(VTEST_IOC_TYPE, VTEST_IOC_BASE + 5)
#define VTEST_SLEEP_PLAIN	_IO(VTEST_IOC_TYPE, VTEST_IOC_BASE + 6)
#define VTEST_WAKE		_IO(VTEST_IOC_TYPE, VTEST_IOC_BASE + 7)

/* VTEST_SIGNAL - signal an eventfd; argument: index << 16 | vector */
#define VTEST_SIGNAL		_IO(VTEST_IOC_TYPE, VTEST_IOC_BASE + 8)

/**
 * struct vtest_stats - VTEST_STATS: what this device has seen
 * @argsz: sizeof
 * @flags: 0
 * @out_open_device: open_device() calls that succeeded
 * @out_close_device: close_device() calls
 * @out_open_fd: open_fd() calls that succeeded (structured types)
 * @out_close_fd: close_fd() calls
 * @out_open_count_max: largest open_count seen in a callback
 * @out_bad_close: close_device() calls that saw another open_count than 1
 * @out_bad_order: callbacks in an order that must not be
 * @out_late_calls: callbacks on a device that is not open; must be 0
 * @out_dma_unmap: dma_unmap() calls
 * @out_request: request() calls
 * @out_sleepers: tasks that sleep in the driver now
 * @out_opening_max: most open_device() of one set that ran at a time
 * @out_set_intruders: open or close seen inside a set-wide section; must be 0
 * @out_pinned_pages: pins this device holds now
 * @out_faults: calls of fault handlers
 * @out_unmapped_late: fault handlers called while not open; must be 0
 */
struct vtest_stats {
	__u32 argsz;
	__u32 flags;
	__u32 out_open_device;
	__u32 out_close_device;
	__u32 out_open_fd;
	__u32 out_close_fd;
	__u32 out_open_count_max;
	__u32 out_bad_close;
	__u32 out_bad_order;
	__u32 out_late_calls;
	__u32 out_dma_unmap;
	__u32 out_request;
	__u32 out_sleepers;
	__u32 out_opening_max;
	__u32 out_set_intruders;
	__u32 out_pinned_pages;
	__u32 out_faults;
	__u32 out_unmapped_late;
};

#define VTEST_STATS		_IO(VTEST_IOC_TYPE, VTEST_IOC_BASE + 9)

/*
 * Read the RAM into a user pointer inside the ioctl, as a foreign driver does:
 * struct vtest_copy, a copy_to_user() inside the gate that may fault.
 */
struct vtest_copy {
	__u32 argsz;
	__u32 flags;
	__aligned_u64 buf;
	__u32 len;
	__u32 offset;
};

#define VTEST_COPY_OUT		_IO(VTEST_IOC_TYPE, VTEST_IOC_BASE + 10)

#endif /* VTEST_H */
