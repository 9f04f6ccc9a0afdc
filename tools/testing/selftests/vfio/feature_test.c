// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO_DEVICE_FEATURE: the rules, migration, DMA logging
 *
 * mram has migration with P2P and without pre-copy, and DMA logging; the test
 * driver has neither.
 */
#include "vfio_harness.h"

#include <fcntl.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <sys/mman.h>

#include "mram_regs.h"

#define GET	VFIO_DEVICE_FEATURE_GET
#define SET	VFIO_DEVICE_FEATURE_SET
#define PROBE	VFIO_DEVICE_FEATURE_PROBE

#define RAM_BYTES	(1 << 20)
#define IOVA		0x10000000ULL
#define NR_PAGES	256

/* Where nothing is. */
#define NOWHERE		((void *)-4096L)

FIXTURE(mram) {
	struct vfio_user u;
	int fd;
	uint64_t bell;
	uint64_t ram;
	size_t page;
	char *mem;
};

static uint64_t region_offset(int fd, uint32_t index)
{
	struct vfio_region_info info;

	vfio_region_info(fd, index, &info);
	return info.offset;
}

static void mram_enable(int fd)
{
	uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;

	VFIO_CHECK(pwrite(fd, &command, 2,
			  region_offset(fd, VFIO_PCI_CONFIG_REGION_INDEX) +
			  PCI_COMMAND) == 2);
}

FIXTURE_SETUP(mram)
{
	vfio_user_open(&self->u, "mram", "mram-1");
	self->fd = self->u.device;
	self->bell = region_offset(self->fd, VFIO_PCI_BAR0_REGION_INDEX);
	self->ram = region_offset(self->fd, VFIO_PCI_BAR2_REGION_INDEX);
	mram_enable(self->fd);
	self->page = vfio_page_size();
	self->mem = vfio_mem_alloc(NR_PAGES * self->page);
	vfio_map(self->u.container, self->mem, IOVA, NR_PAGES * self->page);
}

FIXTURE_TEARDOWN(mram)
{
	vfio_user_close(&self->u);
	vfio_mem_free(self->mem, NR_PAGES * self->page);
}

static void reg_write(int fd, uint64_t pos, uint32_t value)
{
	VFIO_CHECK(pwrite(fd, &value, 4, pos) == 4);
}

static uint32_t reg_read(int fd, uint64_t pos)
{
	uint32_t value;

	VFIO_CHECK(pread(fd, &value, 4, pos) == 4);
	return value;
}

/* Start a copy by the device. */
static void mram_copy(int fd, uint64_t bell, uint32_t cmd, uint64_t iova,
		      uint32_t offset, uint32_t len)
{
	reg_write(fd, bell + MRAM_REG_ADDR_LO, iova);
	reg_write(fd, bell + MRAM_REG_ADDR_HI, iova >> 32);
	reg_write(fd, bell + MRAM_REG_OFFSET, offset);
	reg_write(fd, bell + MRAM_REG_LEN, len);
	reg_write(fd, bell + MRAM_REG_CMD, cmd);
}

static int __mig_set(int fd, uint32_t state, int *data_fd)
{
	struct vfio_device_feature_mig_state mig = {
		.device_state = state,
		.data_fd = 12345,
	};
	int ret;

	ret = __vfio_feature(fd, SET | VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
			     &mig, sizeof(mig));
	*data_fd = mig.data_fd;
	return ret;
}

/* To a state that has no file. */
static int __mig_to(int fd, uint32_t state)
{
	int data_fd, ret;

	ret = __mig_set(fd, state, &data_fd);
	VFIO_CHECK(ret || data_fd == -1);
	return ret;
}

static int mig_open(int fd, uint32_t state)
{
	int data_fd, ret;

	ret = __mig_set(fd, state, &data_fd);
	if (ret || data_fd < 0)
		VFIO_FAIL("state %u: %d, file %d", state, ret, data_fd);
	return data_fd;
}

static uint32_t mig_state(int fd)
{
	struct vfio_device_feature_mig_state mig = {};
	int ret;

	ret = __vfio_feature(fd, GET | VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
			     &mig, sizeof(mig));
	VFIO_CHECK(!ret && mig.data_fd == -1);
	return mig.device_state;
}

/*
 * The rules
 */

/* What mram has, and in which direction. */
static const struct {
	uint16_t id;
	uint32_t verbs;
	size_t size;
} features[] = {
	{ VFIO_DEVICE_FEATURE_MIGRATION, GET,
	  sizeof(struct vfio_device_feature_migration) },
	{ VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, GET | SET,
	  sizeof(struct vfio_device_feature_mig_state) },
	{ VFIO_DEVICE_FEATURE_DMA_LOGGING_START, SET,
	  sizeof(struct vfio_device_feature_dma_logging_control) },
	{ VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP, SET, 0 },
	{ VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT, GET,
	  sizeof(struct vfio_device_feature_dma_logging_report) },
	{ VFIO_DEVICE_FEATURE_MIG_DATA_SIZE, GET,
	  sizeof(struct vfio_device_feature_mig_data_size) },
};

static bool is_known(unsigned int id)
{
	size_t i;

	for (i = 0; i < VFIO_ARRAY_SIZE(features); i++)
		if (features[i].id == id)
			return true;
	return false;
}

TEST_F(mram, probe)
{
	uint32_t verbs[] = { 0, GET, SET, GET | SET };
	size_t i, k;

	for (i = 0; i < VFIO_ARRAY_SIZE(features); i++) {
		for (k = 0; k < VFIO_ARRAY_SIZE(verbs); k++) {
			EXPECT_EQ(verbs[k] & ~features[i].verbs ? -EINVAL : 0,
				  __vfio_feature(self->fd, PROBE | verbs[k] |
						 features[i].id, NULL, 0))
				TH_LOG("feature %u verbs %#x", features[i].id,
				       verbs[k]);
		}
	}
	/* probing has done nothing */
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, mig_state(self->fd));
}

TEST_F(mram, unknown_ids)
{
	char payload[64] = {};
	unsigned int id;

	for (id = 0; id < 0x10000; id = id < 20 ? id + 1 : id * 3) {
		if (is_known(id))
			continue;
		EXPECT_ERR(ENOTTY, __vfio_feature(self->fd, PROBE | GET | id,
						  NULL, 0))
			TH_LOG("feature %u", id);
		EXPECT_ERR(ENOTTY, __vfio_feature(self->fd, GET | id, payload,
						  sizeof(payload)));
		EXPECT_ERR(ENOTTY, __vfio_feature(self->fd, SET | id, payload,
						  sizeof(payload)));
	}
}

TEST_F(mram, flags)
{
	char payload[64] = {};
	uint32_t id = VFIO_DEVICE_FEATURE_MIGRATION;
	int i;

	for (i = 19; i < 32; i++) {
		EXPECT_ERR(EINVAL, __vfio_feature(self->fd, 1U << i | GET | id,
						  payload, sizeof(payload)));
		EXPECT_ERR(EINVAL, __vfio_feature(self->fd, 1U << i | PROBE |
						  id, NULL, 0));
		/* found out before the id is looked at */
		EXPECT_ERR(EINVAL, __vfio_feature(self->fd, 1U << i | 0x7777,
						  NULL, 0));
	}
	EXPECT_ERR(EINVAL, __vfio_feature(self->fd, GET | SET |
					  VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
					  payload, sizeof(payload)));
	EXPECT_ERR(EINVAL, __vfio_feature(self->fd, GET | SET | 0x7777,
					  payload, sizeof(payload)));
	EXPECT_ERR(EINVAL, __vfio_feature(self->fd, id, payload,
					  sizeof(payload)));
	EXPECT_ERR(EINVAL, __vfio_feature(self->fd, SET | id, payload,
					  sizeof(payload)));
}

TEST_F(mram, short_payloads)
{
	char payload[64] = {};
	size_t i, len;

	for (i = 0; i < VFIO_ARRAY_SIZE(features); i++)
		for (len = 0; len < features[i].size; len++) {
			EXPECT_ERR(EINVAL,
				   __vfio_feature(self->fd, features[i].id |
						  (features[i].verbs == SET ?
						   SET : GET), payload, len))
				TH_LOG("feature %u, %zu bytes",
				       features[i].id, len);
		}
}

TEST_F(mram, memory)
{
	struct vfio_device_feature *feature = vfio_guard_alloc(8);

	EXPECT_ERR(EFAULT, __vfio_ioctl(self->fd, VFIO_DEVICE_FEATURE, NULL));
	/* a payload that is promised but not there */
	feature->argsz = 64;
	feature->flags = GET | VFIO_DEVICE_FEATURE_MIGRATION;
	EXPECT_ERR(EFAULT, __vfio_ioctl(self->fd, VFIO_DEVICE_FEATURE,
					feature));
	feature->flags = SET | VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE;
	EXPECT_ERR(EFAULT, __vfio_ioctl(self->fd, VFIO_DEVICE_FEATURE,
					feature));
	feature->flags = PROBE | GET | VFIO_DEVICE_FEATURE_MIGRATION;
	EXPECT_OK(__vfio_ioctl(self->fd, VFIO_DEVICE_FEATURE, feature));
	vfio_guard_free(feature, 8);
}

TEST(drivers_without)
{
	static const char *const types[] = { "vtest-own", "vtest-foreign" };
	char payload[64] = {};
	struct vfio_user u;
	size_t i, k;

	for (i = 0; i < VFIO_ARRAY_SIZE(types); i++) {
		vfio_user_open(&u, "vtest0", types[i]);
		for (k = 0; k < VFIO_ARRAY_SIZE(features); k++) {
			EXPECT_ERR(ENOTTY, __vfio_feature(u.device, PROBE |
					features[k].id, NULL, 0));
			EXPECT_ERR(ENOTTY, __vfio_feature(u.device, GET |
					features[k].id, payload, 64));
			EXPECT_ERR(ENOTTY, __vfio_feature(u.device, SET |
					features[k].id, payload, 64));
		}
		vfio_user_close(&u);
	}
}

/*
 * Migration
 */

TEST_F(mram, migration_flags)
{
	struct vfio_device_feature_migration mig = {};

	ASSERT_OK(__vfio_feature(self->fd, GET | VFIO_DEVICE_FEATURE_MIGRATION,
				 &mig, sizeof(mig)));
	EXPECT_EQ(VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P, mig.flags);
}

TEST_F(mram, states)
{
	static const uint32_t walk[] = {
		VFIO_DEVICE_STATE_RUNNING, VFIO_DEVICE_STATE_RUNNING_P2P,
		VFIO_DEVICE_STATE_RUNNING_P2P, VFIO_DEVICE_STATE_STOP,
		VFIO_DEVICE_STATE_RUNNING_P2P, VFIO_DEVICE_STATE_RUNNING,
		VFIO_DEVICE_STATE_STOP, VFIO_DEVICE_STATE_STOP,
		VFIO_DEVICE_STATE_RUNNING,
	};
	size_t i;
	int fd;

	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, mig_state(self->fd));
	for (i = 0; i < VFIO_ARRAY_SIZE(walk); i++) {
		EXPECT_OK(__mig_to(self->fd, walk[i]));
		EXPECT_EQ(walk[i], mig_state(self->fd));
	}
	fd = mig_open(self->fd, VFIO_DEVICE_STATE_STOP_COPY);
	EXPECT_EQ(VFIO_DEVICE_STATE_STOP_COPY, mig_state(self->fd));
	/* already there: no second file */
	EXPECT_OK(__mig_to(self->fd, VFIO_DEVICE_STATE_STOP_COPY));
	EXPECT_OK(__mig_to(self->fd, VFIO_DEVICE_STATE_RUNNING));
	close(fd);
	fd = mig_open(self->fd, VFIO_DEVICE_STATE_RESUMING);
	EXPECT_EQ(VFIO_DEVICE_STATE_RESUMING, mig_state(self->fd));
	close(fd);
}

TEST_F(mram, states_that_cannot_be_reached)
{
	static const uint32_t bad[] = {
		VFIO_DEVICE_STATE_ERROR, VFIO_DEVICE_STATE_PRE_COPY,
		VFIO_DEVICE_STATE_PRE_COPY_P2P, VFIO_DEVICE_STATE_NR, 100,
		~0U,
	};
	int fd, data_fd;
	size_t i;

	for (i = 0; i < VFIO_ARRAY_SIZE(bad); i++) {
		EXPECT_ERR(EINVAL, __mig_set(self->fd, bad[i], &data_fd));
		EXPECT_EQ(-1, data_fd);
		EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, mig_state(self->fd));
	}
	fd = mig_open(self->fd, VFIO_DEVICE_STATE_STOP_COPY);
	EXPECT_ERR(EINVAL, __mig_set(self->fd, VFIO_DEVICE_STATE_PRE_COPY,
				     &data_fd));
	EXPECT_EQ(VFIO_DEVICE_STATE_STOP_COPY, mig_state(self->fd));
	close(fd);
}

TEST_F(mram, reset_leads_back_to_running)
{
	int fd = mig_open(self->fd, VFIO_DEVICE_STATE_STOP_COPY);

	EXPECT_OK(__vfio_ioctl_nr(self->fd, VFIO_DEVICE_RESET, 0));
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, mig_state(self->fd));
	close(fd);
}

TEST_F(mram, data_file_properties)
{
	char buf[16] = {};
	int fd;

	fd = mig_open(self->fd, VFIO_DEVICE_STATE_STOP_COPY);
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	EXPECT_EQ(O_RDONLY, fcntl(fd, F_GETFL) & O_ACCMODE);
	EXPECT_ERRNO(EBADF, write(fd, buf, 16));
	EXPECT_ERRNO(ESPIPE, pread(fd, buf, 16, 0));
	EXPECT_ERRNO(ESPIPE, lseek(fd, 0, SEEK_SET));
	EXPECT_ERRNO(EFAULT, read(fd, NOWHERE, 16));
	EXPECT_EQ(16, read(fd, buf, 16));
	EXPECT_ERR(ENOTTY, __vfio_ioctl(fd, VFIO_DEVICE_RESET, NULL));
	/* the state is left, the file stays and has nothing any more */
	EXPECT_OK(__mig_to(self->fd, VFIO_DEVICE_STATE_STOP));
	EXPECT_ERRNO(ENODEV, read(fd, buf, 16));
	close(fd);

	fd = mig_open(self->fd, VFIO_DEVICE_STATE_RESUMING);
	EXPECT_EQ(O_WRONLY, fcntl(fd, F_GETFL) & O_ACCMODE);
	EXPECT_ERRNO(EBADF, read(fd, buf, 16));
	EXPECT_ERRNO(EFAULT, write(fd, NOWHERE, 16));
	close(fd);
}

/* Everything that a device saves; free() it. */
static char *save(int fd, size_t *size)
{
	struct vfio_device_feature_mig_data_size estimate = {};
	size_t room, chunk = 1;
	ssize_t got;
	char *buf;
	int data;

	VFIO_CHECK(!__vfio_feature(fd, GET | VFIO_DEVICE_FEATURE_MIG_DATA_SIZE,
				   &estimate, sizeof(estimate)));
	room = estimate.stop_copy_length + 1;
	buf = malloc(room);
	data = mig_open(fd, VFIO_DEVICE_STATE_STOP_COPY);
	*size = 0;
	do {
		if (chunk > room - *size)
			chunk = room - *size;
		got = read(data, buf + *size, chunk);
		VFIO_CHECK(got >= 0);
		*size += got;
		/* in pieces of all sizes */
		chunk = chunk * 3 + 1;
	} while (got);
	close(data);
	VFIO_CHECK(*size == estimate.stop_copy_length);
	return buf;
}

static void load(int fd, const char *buf, size_t size)
{
	size_t done = 0, chunk = 7;
	ssize_t put;
	int data;

	data = mig_open(fd, VFIO_DEVICE_STATE_RESUMING);
	while (done < size) {
		if (chunk > size - done)
			chunk = size - done;
		put = write(data, buf + done, chunk);
		VFIO_CHECK(put > 0);
		done += put;
		chunk = chunk * 2 + 1;
	}
	close(data);
}

TEST_F(mram, moves_to_another_device)
{
	char *ram = malloc(RAM_BYTES), *state;
	struct vfio_user other;
	size_t size;

	vfio_pattern_fill(ram, RAM_BYTES, 42);
	ASSERT_EQ(RAM_BYTES, pwrite(self->fd, ram, RAM_BYTES, self->ram));
	reg_write(self->fd, self->bell + MRAM_REG_SCRATCH, 0xfeedbeef);
	state = save(self->fd, &size);
	EXPECT_GT(size, RAM_BYTES);

	vfio_user_open(&other, "mram", "mram-1");
	load(other.device, state, size);
	EXPECT_OK(__mig_to(other.device, VFIO_DEVICE_STATE_RUNNING));
	/* memory decoding came with it */
	EXPECT_EQ(0xfeedbeef, reg_read(other.device,
				       self->bell + MRAM_REG_SCRATCH));
	memset(ram, 0, RAM_BYTES);
	ASSERT_EQ(RAM_BYTES, pread(other.device, ram, RAM_BYTES, self->ram));
	EXPECT_TRUE(vfio_pattern_matches(ram, RAM_BYTES, 42));

	/* the source may go on as well */
	EXPECT_OK(__mig_to(self->fd, VFIO_DEVICE_STATE_RUNNING));
	EXPECT_EQ(0xfeedbeef, reg_read(self->fd,
				       self->bell + MRAM_REG_SCRATCH));
	vfio_user_close(&other);
	free(state);
	free(ram);
}

TEST_F(mram, a_command_moves_along)
{
	struct vfio_user other;
	char *state;
	size_t size;

	vfio_pattern_fill(self->mem, self->page, 8);
	EXPECT_OK(__mig_to(self->fd, VFIO_DEVICE_STATE_RUNNING_P2P));
	mram_copy(self->fd, self->bell, MRAM_CMD_TO_RAM | MRAM_CMD_ASYNC,
		  IOVA, 0, self->page);
	vfio_sleep_ms(50);
	EXPECT_EQ(MRAM_STATUS_BUSY, reg_read(self->fd, self->bell +
					     MRAM_REG_STATUS));
	state = save(self->fd, &size);

	vfio_user_open_in(&other, "mram", "mram-1", self->u.container);
	load(other.device, state, size);
	EXPECT_OK(__mig_to(other.device, VFIO_DEVICE_STATE_RUNNING));
	EXPECT_TRUE(VFIO_WAIT(reg_read(other.device, self->bell +
				       MRAM_REG_STATUS) == MRAM_STATUS_DONE,
			      5000));
	free(state);
	state = malloc(self->page);
	ASSERT_EQ(self->page, pread(other.device, state, self->page,
				    self->ram));
	EXPECT_TRUE(vfio_pattern_matches(state, self->page, 8));
	vfio_user_close(&other);
	free(state);
}

TEST_F(mram, does_not_believe_what_it_is_given)
{
	size_t size, i;
	char *state = save(self->fd, &size), *bad = malloc(size);

	EXPECT_OK(__mig_to(self->fd, VFIO_DEVICE_STATE_STOP));
	/* magic, version and sizes, byte by byte */
	for (i = 0; i < 16; i++) {
		memcpy(bad, state, size);
		bad[i] ^= 0x80;
		load(self->fd, bad, size);
		EXPECT_ERR(EINVAL, __mig_to(self->fd, VFIO_DEVICE_STATE_STOP))
			TH_LOG("byte %zu", i);
		EXPECT_EQ(VFIO_DEVICE_STATE_RESUMING, mig_state(self->fd));
		EXPECT_OK(__vfio_ioctl_nr(self->fd, VFIO_DEVICE_RESET, 0));
		mram_enable(self->fd);
	}
	/* nothing, and too little */
	load(self->fd, state, 0);
	EXPECT_ERR(EINVAL, __mig_to(self->fd, VFIO_DEVICE_STATE_RUNNING));
	EXPECT_OK(__vfio_ioctl_nr(self->fd, VFIO_DEVICE_RESET, 0));
	load(self->fd, state, size - 1);
	EXPECT_ERR(EINVAL, __mig_to(self->fd, VFIO_DEVICE_STATE_RUNNING));
	EXPECT_OK(__vfio_ioctl_nr(self->fd, VFIO_DEVICE_RESET, 0));
	/* and still the right one */
	load(self->fd, state, size);
	EXPECT_OK(__mig_to(self->fd, VFIO_DEVICE_STATE_RUNNING));
	free(bad);
	free(state);
}

/* What QEMU wants of a device when its VM stops, after the device has gone. */
TEST_F(mram, revoked_device_stands_still)
{
	static const uint32_t still[] = {
		VFIO_DEVICE_STATE_STOP, VFIO_DEVICE_STATE_RUNNING,
		VFIO_DEVICE_STATE_RUNNING_P2P,
	};
	static const uint32_t refused[] = {
		VFIO_DEVICE_STATE_ERROR, VFIO_DEVICE_STATE_STOP_COPY,
		VFIO_DEVICE_STATE_RESUMING, VFIO_DEVICE_STATE_PRE_COPY, 99,
	};
	struct vfio_device_feature_mig_state mig = {};
	size_t i;
	int fd;

	vfio_mdev_set_grace(self->u.uuid, 0);
	vfio_mdev_remove(self->u.uuid);
	for (i = 0; i < VFIO_ARRAY_SIZE(still); i++) {
		EXPECT_OK(__mig_to(self->fd, still[i]));
	}
	for (i = 0; i < VFIO_ARRAY_SIZE(refused); i++) {
		EXPECT_ERR(ENODEV, __mig_set(self->fd, refused[i], &fd));
	}
	EXPECT_ERR(ENODEV, __vfio_feature(self->fd, GET |
					  VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
					  &mig, sizeof(mig)));
	EXPECT_ERR(ENODEV, __vfio_feature(self->fd,
					  VFIO_DEVICE_FEATURE_PROBE | SET |
					  VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
					  NULL, 0));
	EXPECT_ERR(ENODEV, __vfio_ioctl_nr(self->fd, VFIO_DEVICE_RESET, 0));
}

static int count_fds(void)
{
	int fd, n = 0;

	for (fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

TEST_F(mram, data_file_that_cannot_be_handed_over)
{
	struct vfio_device_feature *feature;
	struct vfio_device_feature_mig_state *mig;
	int fds = count_fds();

	feature = mmap(NULL, self->page, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, feature);
	feature->argsz = sizeof(*feature) + sizeof(*mig);
	feature->flags = SET | VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE;
	mig = (void *)feature->data;
	mig->device_state = VFIO_DEVICE_STATE_STOP_COPY;
	ASSERT_OK(mprotect(feature, self->page, PROT_READ));
	EXPECT_ERR(EFAULT, __vfio_ioctl(self->fd, VFIO_DEVICE_FEATURE,
					feature));
	EXPECT_EQ(fds, count_fds());
	munmap(feature, self->page);
	EXPECT_OK(__mig_to(self->fd, VFIO_DEVICE_STATE_RUNNING));
}

TEST_F(mram, data_file_of_a_removed_device)
{
	int fd = mig_open(self->fd, VFIO_DEVICE_STATE_STOP_COPY);
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char buf[16];

	vfio_mdev_set_grace(self->u.uuid, 0);
	vfio_mdev_remove(self->u.uuid);
	EXPECT_ERRNO(ENODEV, read(fd, buf, 16));
	EXPECT_EQ(1, poll(&pfd, 1, 0));
	EXPECT_EQ(POLLERR | POLLHUP, pfd.revents & (POLLERR | POLLHUP));
	EXPECT_ERR(ENODEV, __vfio_feature(self->fd, PROBE | GET |
					  VFIO_DEVICE_FEATURE_MIGRATION, NULL,
					  0));
	close(fd);
}

TEST_HARNESS_MAIN
