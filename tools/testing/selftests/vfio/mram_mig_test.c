// SPDX-License-Identifier: GPL-2.0-only
/*
 * Migration and dirty page tracking of the mram sample
 *
 * Two devices, a source and a destination, as two VMMs would have them.
 */
#include "kselftest_harness.h"
#include "mram_client.h"

#define STREAM_MAX	(2 << 20)

FIXTURE(mram_mig)
{
	struct mram_client src;
	struct mram_client dst;
	uint8_t *stream;
};

FIXTURE_SETUP(mram_mig)
{
	mram_client_open(&self->src, "mram-1");
	mram_client_open(&self->dst, "mram-1");
	self->stream = vfio_mem_alloc(STREAM_MAX);
}

FIXTURE_TEARDOWN(mram_mig)
{
	mram_client_close(&self->src);
	mram_client_close(&self->dst);
	vfio_mem_free(self->stream, STREAM_MAX);
}

/* Returns 0 or -errno; the data file, or -1, in @fd. */
static int set_state(struct mram_client *c, uint32_t state, int *fd)
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

static uint32_t get_state(struct mram_client *c)
{
	struct vfio_device_feature_mig_state mig = {};

	VFIO_CHECK(!__vfio_feature(c->u.device, VFIO_DEVICE_FEATURE_GET |
				   VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, &mig,
				   sizeof(mig)));
	return mig.device_state;
}

/* Stop, and read the stream to its end; returns its length. */
static size_t save(struct mram_client *c, uint8_t *stream)
{
	size_t len = 0;
	ssize_t ret;
	int fd;

	VFIO_CHECK(!set_state(c, VFIO_DEVICE_STATE_STOP_COPY, &fd));
	VFIO_CHECK(fd >= 0);
	while ((ret = read(fd, stream + len, 10000)) > 0)
		len += ret;
	VFIO_CHECK(!ret);
	close(fd);
	return len;
}

/* Write a stream and leave RESUMING; returns what leaving it returned. */
static int load(struct mram_client *c, const uint8_t *stream, size_t len)
{
	size_t done = 0;
	ssize_t ret;
	int fd;

	VFIO_CHECK(!set_state(c, VFIO_DEVICE_STATE_RESUMING, &fd));
	while (done < len) {
		ret = write(fd, stream + done, len - done);
		VFIO_CHECK(ret > 0);
		done += ret;
	}
	close(fd);
	return set_state(c, VFIO_DEVICE_STATE_STOP, NULL);
}

TEST_F(mram_mig, says_what_it_supports)
{
	struct vfio_device_feature_migration mig = {};
	struct vfio_device_feature_mig_data_size size = {};

	ASSERT_EQ(0, __vfio_feature(self->src.u.device,
				    VFIO_DEVICE_FEATURE_GET |
				    VFIO_DEVICE_FEATURE_MIGRATION, &mig,
				    sizeof(mig)));
	ASSERT_EQ(VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P, mig.flags);
	ASSERT_EQ(0, __vfio_feature(self->src.u.device,
				    VFIO_DEVICE_FEATURE_GET |
				    VFIO_DEVICE_FEATURE_MIG_DATA_SIZE, &size,
				    sizeof(size)));
	ASSERT_EQ(save(&self->src, self->stream), size.stop_copy_length);
}

TEST_F(mram_mig, everything_arrives)
{
	size_t len;

	vfio_pattern_fill((void *)self->src.map, 1 << 20, 42);
	mram_reg_write(&self->src, MRAM_REG_SCRATCH, 0xabc);
	ASSERT_EQ(MRAM_ERR_NONE, mram_copy(&self->src, MRAM_CMD_TO_GUEST,
					   MRAM_IOVA, 0, 100));
	mram_cfg_write32(&self->src, PCI_BASE_ADDRESS_0, 0xfe000000);
	len = save(&self->src, self->stream);
	ASSERT_EQ(VFIO_DEVICE_STATE_STOP_COPY, get_state(&self->src));

	ASSERT_EQ(0, load(&self->dst, self->stream, len));
	ASSERT_EQ(0, set_state(&self->dst, VFIO_DEVICE_STATE_RUNNING, NULL));
	ASSERT_TRUE(vfio_pattern_matches((void *)self->dst.map, 1 << 20, 42));
	ASSERT_EQ(0xabc, mram_reg(&self->dst, MRAM_REG_SCRATCH));
	ASSERT_EQ(MRAM_STATUS_DONE, mram_reg(&self->dst, MRAM_REG_STATUS));
	ASSERT_EQ(100, mram_reg(&self->dst, MRAM_REG_DONE_LEN));
	ASSERT_EQ(1, mram_reg(&self->dst, MRAM_REG_COUNT));
	ASSERT_EQ(0xfe000000, mram_cfg32(&self->dst, PCI_BASE_ADDRESS_0));
	/* And the source can still be taken back. */
	ASSERT_EQ(0, set_state(&self->src, VFIO_DEVICE_STATE_RUNNING, NULL));
	ASSERT_EQ(MRAM_ERR_NONE, mram_copy(&self->src, MRAM_CMD_TO_GUEST,
					   MRAM_IOVA, 0, 100));
}

TEST_F(mram_mig, a_latched_command_waits_and_travels)
{
	int irq = vfio_eventfd();
	size_t len;

	vfio_pattern_fill((void *)self->src.map, 8192, 7);
	mram_reg_write(&self->src, MRAM_REG_IRQ_ENABLE, MRAM_IRQ_DONE);
	ASSERT_EQ(0, set_state(&self->src, VFIO_DEVICE_STATE_RUNNING_P2P,
			       NULL));
	mram_copy_start(&self->src, MRAM_CMD_TO_GUEST, MRAM_IOVA, 0, 8192);
	vfio_sleep_ms(20);
	ASSERT_EQ(MRAM_STATUS_BUSY, mram_reg(&self->src, MRAM_REG_STATUS));
	ASSERT_EQ(0, self->src.mem[0] | self->src.mem[8191]);
	len = save(&self->src, self->stream);

	ASSERT_EQ(0, __vfio_set_trigger(self->dst.u.device,
					VFIO_PCI_MSI_IRQ_INDEX, 0, irq));
	ASSERT_EQ(0, load(&self->dst, self->stream, len));
	ASSERT_EQ(0, self->dst.mem[8191]);
	ASSERT_EQ(0, set_state(&self->dst, VFIO_DEVICE_STATE_RUNNING, NULL));
	ASSERT_EQ(1, vfio_eventfd_wait(irq, 5000));
	ASSERT_TRUE(vfio_pattern_matches(self->dst.mem, 8192, 7));
	ASSERT_EQ(0, self->src.mem[0]);
}

/* Is a stream with word @index changed by @change refused, RESUMING kept? */
static bool refused(struct mram_client *c, uint8_t *stream, size_t len,
		    unsigned int index, uint32_t change)
{
	uint32_t *word = (uint32_t *)stream + index;
	bool good;

	*word ^= change;
	good = load(c, stream, len) == -EINVAL &&
	       get_state(c) == VFIO_DEVICE_STATE_RESUMING;
	*word ^= change;
	vfio_ioctl(c->u.device, VFIO_DEVICE_RESET, NULL);
	return good && get_state(c) == VFIO_DEVICE_STATE_RUNNING;
}

TEST_F(mram_mig, bad_streams_change_nothing)
{
	size_t len = save(&self->src, self->stream);
	struct mram_client *dst = &self->dst;

	dst->map[0] = 99;
	ASSERT_TRUE(refused(dst, self->stream, len - 1, 0, 0));
	/* magic, version, length, bytes of RAM */
	ASSERT_TRUE(refused(dst, self->stream, len, 0, 1));
	ASSERT_TRUE(refused(dst, self->stream, len, 1, 2));
	ASSERT_TRUE(refused(dst, self->stream, len, 2, 1));
	ASSERT_TRUE(refused(dst, self->stream, len, 8, 1 << 20));
	/* BUSY with no command that could be */
	ASSERT_TRUE(refused(dst, self->stream, len, 9, MRAM_STATUS_BUSY));
	ASSERT_EQ(99, dst->map[0]);
	ASSERT_EQ(0, load(dst, self->stream, len));
}

/* The errno that ends an endless stream. */
static int overflow(int fd, const uint8_t *data)
{
	while (write(fd, data, 65536) > 0)
		;
	return errno;
}

TEST_F(mram_mig, a_stream_takes_no_more_than_there_is)
{
	int fd;

	ASSERT_EQ(0, set_state(&self->dst, VFIO_DEVICE_STATE_RESUMING, &fd));
	ASSERT_EQ(EINVAL, overflow(fd, self->stream));
	close(fd);
}

TEST_F(mram_mig, a_file_outlives_its_state_empty)
{
	uint8_t byte;
	int fd;

	ASSERT_EQ(0, set_state(&self->src, VFIO_DEVICE_STATE_STOP_COPY, &fd));
	ASSERT_EQ(1, read(fd, &byte, 1));
	ASSERT_EQ(0, set_state(&self->src, VFIO_DEVICE_STATE_RUNNING, NULL));
	ASSERT_EQ(-1, read(fd, &byte, 1));
	ASSERT_EQ(ENODEV, errno);
	close(fd);
	ASSERT_EQ(0, set_state(&self->src, VFIO_DEVICE_STATE_STOP_COPY, &fd));
	vfio_mdev_set_grace(self->src.u.uuid, 0);
	vfio_mdev_remove(self->src.u.uuid);
	ASSERT_EQ(-1, read(fd, &byte, 1));
	ASSERT_EQ(ENODEV, errno);
	close(fd);
}

/* --- dirty page tracking */

static int log_start(struct mram_client *c)
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

/* Which of the 32 pages of @mem were written? */
static uint64_t log_report(struct mram_client *c)
{
	uint64_t bits = 0;
	struct vfio_device_feature_dma_logging_report report = {
		.iova = MRAM_IOVA,
		.length = MRAM_MEM,
		.page_size = 4096,
		.bitmap = (uintptr_t)&bits,
	};

	VFIO_CHECK(!__vfio_feature(c->u.device, VFIO_DEVICE_FEATURE_GET |
				   VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT,
				   &report, sizeof(report)));
	return bits;
}

TEST_F(mram_mig, log_has_the_pages_written_and_no_others)
{
	struct mram_client *c = &self->src;

	mram_copy(c, MRAM_CMD_TO_GUEST, MRAM_IOVA, 0, 4096);
	ASSERT_EQ(0, log_start(c));
	ASSERT_EQ(0, log_report(c));
	mram_copy(c, MRAM_CMD_TO_RAM, MRAM_IOVA, 0, MRAM_MEM);
	ASSERT_EQ(0, log_report(c));
	mram_copy(c, MRAM_CMD_TO_GUEST, MRAM_IOVA + 0x3fff, 0, 2);
	mram_copy(c, MRAM_CMD_TO_GUEST | MRAM_CMD_PIN, MRAM_IOVA + 0x7000, 0,
		  0x2000);
	mram_copy(c, MRAM_CMD_TO_GUEST | MRAM_CMD_ASYNC, MRAM_IOVA + 0x1f000,
		  0, 0x1000);
	ASSERT_EQ(1u << 3 | 1u << 4 | 1u << 7 | 1u << 8 | 1u << 31,
		  log_report(c));
	ASSERT_EQ(0, log_report(c));
	mram_copy(c, MRAM_CMD_TO_GUEST, MRAM_IOVA, 0, 1);
	ASSERT_EQ(1, log_report(c));
	ASSERT_EQ(0, __vfio_feature(c->u.device, VFIO_DEVICE_FEATURE_SET |
				    VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP, NULL,
				    0));
	mram_copy(c, MRAM_CMD_TO_GUEST, MRAM_IOVA, 0, 1);
	ASSERT_EQ(0, log_start(c));
	ASSERT_EQ(0, log_report(c));
}

TEST_HARNESS_MAIN
