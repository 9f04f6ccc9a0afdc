/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Migration and DMA logging of an mram device, for its tests
 */
#ifndef MRAM_MIG_H
#define MRAM_MIG_H

#include "mram_client.h"

/* Room for any stream of an mram-1. */
#define MRAM_STREAM_MAX	(2 << 20)

/* Returns 0 or -errno; the data file, or -1, in @fd. */
static inline int mram_mig_set(struct mram_client *c, uint32_t state, int *fd)
{
	struct vfio_device_feature_mig_state mig = {
		.device_state = state,
		.data_fd = -1,
	};
	int ret;

	ret = __vfio_feature(c->u.device, VFIO_DEVICE_FEATURE_SET |
			     VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, &mig,
			     sizeof(mig));
	if (fd)
		*fd = ret ? -1 : mig.data_fd;
	return ret;
}

static inline uint32_t mram_mig_get(struct mram_client *c)
{
	struct vfio_device_feature_mig_state mig = {};

	VFIO_CHECK(!__vfio_feature(c->u.device, VFIO_DEVICE_FEATURE_GET |
				   VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, &mig,
				   sizeof(mig)));
	return mig.device_state;
}

/* Stop, and read the stream to its end; returns its length. */
static inline size_t mram_mig_save(struct mram_client *c, uint8_t *stream)
{
	size_t len = 0;
	ssize_t ret;
	int fd;

	VFIO_CHECK(!mram_mig_set(c, VFIO_DEVICE_STATE_STOP_COPY, &fd));
	VFIO_CHECK(fd >= 0);
	while ((ret = read(fd, stream + len, 10000)) > 0)
		len += ret;
	VFIO_CHECK(!ret);
	close(fd);
	return len;
}

/* Write a stream and stay in RESUMING. */
static inline void mram_mig_feed(struct mram_client *c, const uint8_t *stream,
				 size_t len)
{
	size_t done = 0;
	ssize_t ret;
	int fd;

	VFIO_CHECK(!mram_mig_set(c, VFIO_DEVICE_STATE_RESUMING, &fd));
	while (done < len) {
		ret = write(fd, stream + done, len - done);
		VFIO_CHECK(ret > 0);
		done += ret;
	}
	close(fd);
}

/* Write a stream and leave RESUMING; returns what leaving it returned. */
static inline int mram_mig_load(struct mram_client *c, const uint8_t *stream,
				size_t len)
{
	mram_mig_feed(c, stream, len);
	return mram_mig_set(c, VFIO_DEVICE_STATE_STOP, NULL);
}

/* --- dirty page tracking of all that is mapped: page n of it is bit n */

static inline int mram_log_start(struct mram_client *c)
{
	struct vfio_device_feature_dma_logging_range range = {
		.iova = MRAM_IOVA,
		.length = MRAM_MEM,
	};
	struct vfio_device_feature_dma_logging_control control = {
		.page_size = 4096,
		.num_ranges = 1,
		.ranges = (uintptr_t)&range,
	};

	return __vfio_feature(c->u.device, VFIO_DEVICE_FEATURE_SET |
			      VFIO_DEVICE_FEATURE_DMA_LOGGING_START, &control,
			      sizeof(control));
}

static inline int mram_log_stop(struct mram_client *c)
{
	return __vfio_feature(c->u.device, VFIO_DEVICE_FEATURE_SET |
			      VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP, NULL, 0);
}

/* Sets in @bits what was written since the last report. */
static inline int __mram_log_report(struct mram_client *c, uint64_t *bits)
{
	struct vfio_device_feature_dma_logging_report report = {
		.iova = MRAM_IOVA,
		.length = MRAM_MEM,
		.page_size = 4096,
		.bitmap = (uintptr_t)bits,
	};

	return __vfio_feature(c->u.device, VFIO_DEVICE_FEATURE_GET |
			      VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT, &report,
			      sizeof(report));
}

static inline uint64_t mram_log_report(struct mram_client *c)
{
	uint64_t bits = 0;

	VFIO_CHECK(!__mram_log_report(c, &bits));
	return bits;
}

#endif /* MRAM_MIG_H */
