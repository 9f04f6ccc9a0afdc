// SPDX-License-Identifier: GPL-2.0-only
/*
 * Migration and dirty page tracking of the mram sample
 *
 * Two devices, a source and a destination, as two VMMs would have them.
 */
#include "vfio_harness.h"
#include "mram_mig.h"

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
	self->stream = vfio_mem_alloc(MRAM_STREAM_MAX);
}

FIXTURE_TEARDOWN(mram_mig)
{
	mram_client_close(&self->src);
	mram_client_close(&self->dst);
	vfio_mem_free(self->stream, MRAM_STREAM_MAX);
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
	ASSERT_EQ(mram_mig_save(&self->src, self->stream),
		  size.stop_copy_length);
}

TEST_F(mram_mig, everything_arrives)
{
	size_t len;

	vfio_pattern_fill((void *)self->src.map, 1 << 20, 42);
	mram_reg_write(&self->src, MRAM_REG_SCRATCH, 0xabc);
	ASSERT_EQ(MRAM_ERR_NONE, mram_copy(&self->src, MRAM_CMD_TO_GUEST,
					   MRAM_IOVA, 0, 100));
	mram_cfg_write32(&self->src, PCI_BASE_ADDRESS_0, 0xfe000000);
	len = mram_mig_save(&self->src, self->stream);
	ASSERT_EQ(VFIO_DEVICE_STATE_STOP_COPY, mram_mig_get(&self->src));

	ASSERT_EQ(0, mram_mig_load(&self->dst, self->stream, len));
	ASSERT_EQ(0, mram_mig_set(&self->dst, VFIO_DEVICE_STATE_RUNNING, NULL));
	ASSERT_TRUE(vfio_pattern_matches((void *)self->dst.map, 1 << 20, 42));
	ASSERT_EQ(0xabc, mram_reg(&self->dst, MRAM_REG_SCRATCH));
	ASSERT_EQ(MRAM_STATUS_DONE, mram_reg(&self->dst, MRAM_REG_STATUS));
	ASSERT_EQ(100, mram_reg(&self->dst, MRAM_REG_DONE_LEN));
	ASSERT_EQ(1, mram_reg(&self->dst, MRAM_REG_COUNT));
	ASSERT_EQ(0xfe000000, mram_cfg32(&self->dst, PCI_BASE_ADDRESS_0));
	/* And the source can still be taken back. */
	ASSERT_EQ(0, mram_mig_set(&self->src, VFIO_DEVICE_STATE_RUNNING, NULL));
	ASSERT_EQ(MRAM_ERR_NONE, mram_copy(&self->src, MRAM_CMD_TO_GUEST,
					   MRAM_IOVA, 0, 100));
}

TEST_F(mram_mig, a_latched_command_waits_and_travels)
{
	int irq = vfio_eventfd();
	size_t len;

	vfio_pattern_fill((void *)self->src.map, 8192, 7);
	mram_reg_write(&self->src, MRAM_REG_IRQ_ENABLE, MRAM_IRQ_DONE);
	ASSERT_EQ(0, mram_mig_set(&self->src, VFIO_DEVICE_STATE_RUNNING_P2P,
				  NULL));
	mram_copy_start(&self->src, MRAM_CMD_TO_GUEST, MRAM_IOVA, 0, 8192);
	vfio_sleep_ms(20);
	ASSERT_EQ(MRAM_STATUS_BUSY, mram_reg(&self->src, MRAM_REG_STATUS));
	ASSERT_EQ(0, self->src.mem[0] | self->src.mem[8191]);
	len = mram_mig_save(&self->src, self->stream);

	ASSERT_EQ(0, __vfio_set_trigger(self->dst.u.device,
					VFIO_PCI_MSI_IRQ_INDEX, 0, irq));
	ASSERT_EQ(0, mram_mig_load(&self->dst, self->stream, len));
	ASSERT_EQ(0, self->dst.mem[8191]);
	ASSERT_EQ(0, mram_mig_set(&self->dst, VFIO_DEVICE_STATE_RUNNING, NULL));
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
	good = mram_mig_load(c, stream, len) == -EINVAL &&
	       mram_mig_get(c) == VFIO_DEVICE_STATE_RESUMING;
	*word ^= change;
	vfio_ioctl(c->u.device, VFIO_DEVICE_RESET, NULL);
	return good && mram_mig_get(c) == VFIO_DEVICE_STATE_RUNNING;
}

TEST_F(mram_mig, bad_streams_change_nothing)
{
	size_t len = mram_mig_save(&self->src, self->stream);
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
	ASSERT_EQ(0, mram_mig_load(dst, self->stream, len));
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

	ASSERT_EQ(0, mram_mig_set(&self->dst, VFIO_DEVICE_STATE_RESUMING,
				  &fd));
	ASSERT_EQ(EINVAL, overflow(fd, self->stream));
	close(fd);
}

TEST_F(mram_mig, a_file_outlives_its_state_empty)
{
	uint8_t byte;
	int fd;

	ASSERT_EQ(0, mram_mig_set(&self->src, VFIO_DEVICE_STATE_STOP_COPY,
				  &fd));
	ASSERT_EQ(1, read(fd, &byte, 1));
	ASSERT_EQ(0, mram_mig_set(&self->src, VFIO_DEVICE_STATE_RUNNING, NULL));
	ASSERT_EQ(-1, read(fd, &byte, 1));
	ASSERT_EQ(ENODEV, errno);
	close(fd);
	ASSERT_EQ(0, mram_mig_set(&self->src, VFIO_DEVICE_STATE_STOP_COPY,
				  &fd));
	vfio_mdev_set_grace(self->src.u.uuid, 0);
	vfio_mdev_remove(self->src.u.uuid);
	ASSERT_EQ(-1, read(fd, &byte, 1));
	ASSERT_EQ(ENODEV, errno);
	close(fd);
}

/* What cannot be delivered, or not all of it, comes with the next read. */
TEST_F_TIMEOUT(mram_mig, a_bad_buffer_loses_nothing, 100)
{
	const size_t room = 1000;
	uint8_t *buf = vfio_guard_alloc(room);
	size_t done = 0, len;
	ssize_t ret;
	int fd;

	vfio_pattern_fill((void *)self->src.map, 1 << 20, 5);
	len = mram_mig_save(&self->src, self->stream);
	ASSERT_EQ(0, mram_mig_set(&self->src, VFIO_DEVICE_STATE_STOP, NULL));
	ASSERT_EQ(0, mram_mig_set(&self->src, VFIO_DEVICE_STATE_STOP_COPY,
				  &fd));
	while (done < len) {
		EXPECT_ERRNO(EFAULT, read(fd, buf + room, 5000));
		EXPECT_ERRNO(EFAULT, read(fd, buf + room, 1));
		ret = read(fd, buf, done & 1 ? 7 : 5000);
		ASSERT_LT(0, ret);
		ASSERT_EQ(0, memcmp(self->stream + done, buf, ret));
		done += ret;
	}
	EXPECT_EQ(len, done);
	EXPECT_EQ(0, read(fd, buf, 5000));
	EXPECT_EQ(0, read(fd, buf + room, 5000));
	close(fd);
	vfio_guard_free(buf, room);
}

/* --- dirty page tracking */

TEST_F(mram_mig, log_has_the_pages_written_and_no_others)
{
	struct mram_client *c = &self->src;

	mram_copy(c, MRAM_CMD_TO_GUEST, MRAM_IOVA, 0, 4096);
	ASSERT_EQ(0, mram_log_start(c));
	ASSERT_EQ(0, mram_log_report(c));
	mram_copy(c, MRAM_CMD_TO_RAM, MRAM_IOVA, 0, MRAM_MEM);
	ASSERT_EQ(0, mram_log_report(c));
	mram_copy(c, MRAM_CMD_TO_GUEST, MRAM_IOVA + 0x3fff, 0, 2);
	mram_copy(c, MRAM_CMD_TO_GUEST | MRAM_CMD_PIN, MRAM_IOVA + 0x7000, 0,
		  0x2000);
	mram_copy(c, MRAM_CMD_TO_GUEST | MRAM_CMD_ASYNC, MRAM_IOVA + 0x1f000,
		  0, 0x1000);
	ASSERT_EQ(1u << 3 | 1u << 4 | 1u << 7 | 1u << 8 | 1u << 31,
		  mram_log_report(c));
	ASSERT_EQ(0, mram_log_report(c));
	mram_copy(c, MRAM_CMD_TO_GUEST, MRAM_IOVA, 0, 1);
	ASSERT_EQ(1, mram_log_report(c));
	ASSERT_EQ(0, mram_log_stop(c));
	mram_copy(c, MRAM_CMD_TO_GUEST, MRAM_IOVA, 0, 1);
	ASSERT_EQ(0, mram_log_start(c));
	ASSERT_EQ(0, mram_log_report(c));
}

TEST_HARNESS_MAIN
