// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO_DEVICE_FEATURE_DMA_LOGGING_*: the device's own log of what it writes
 */
#include "vfio_harness.h"

#include <linux/pci_regs.h>
#include <sys/mman.h>

#include "mram_regs.h"

#define GET	VFIO_DEVICE_FEATURE_GET
#define SET	VFIO_DEVICE_FEATURE_SET
#define START	(SET | VFIO_DEVICE_FEATURE_DMA_LOGGING_START)
#define STOP	(SET | VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP)
#define REPORT	(GET | VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT)

/* As many as fit into a page. */
#define MAX_RANGES	256

#define IOVA		0x10000000ULL
#define NR_PAGES	256
#define NR_WORDS	(NR_PAGES / 64)

/* A shorter name. */
#define log_range	vfio_device_feature_dma_logging_range

FIXTURE(log) {
	struct vfio_user u;
	int fd;
	uint64_t bell;
	size_t page;
	char *mem;
	uint64_t bits[NR_WORDS];
};

FIXTURE_SETUP(log)
{
	uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	struct vfio_region_info info;

	vfio_user_open(&self->u, "mram", "mram-1");
	self->fd = self->u.device;
	vfio_region_info(self->fd, VFIO_PCI_CONFIG_REGION_INDEX, &info);
	VFIO_CHECK(pwrite(self->fd, &command, 2, info.offset + PCI_COMMAND) ==
		   2);
	vfio_region_info(self->fd, VFIO_PCI_BAR0_REGION_INDEX, &info);
	self->bell = info.offset;
	self->page = vfio_page_size();
	self->mem = vfio_mem_alloc(NR_PAGES * self->page);
	vfio_map(self->u.container, self->mem, IOVA, NR_PAGES * self->page);
}

FIXTURE_TEARDOWN(log)
{
	vfio_user_close(&self->u);
	vfio_mem_free(self->mem, NR_PAGES * self->page);
}

static int __log_start(int fd, uint64_t *page_size, uint32_t nr,
		       const struct log_range *ranges)
{
	struct vfio_device_feature_dma_logging_control ctl = {
		.page_size = *page_size,
		.num_ranges = nr,
		.ranges = (uintptr_t)ranges,
	};
	int ret;

	ret = __vfio_feature(fd, START, &ctl, sizeof(ctl));
	*page_size = ctl.page_size;
	return ret;
}

/* Log everything. */
static void log_start(int fd)
{
	struct log_range range = { .iova = IOVA, .length = NR_PAGES * vfio_page_size() };
	uint64_t page_size = vfio_page_size();
	int ret;

	ret = __log_start(fd, &page_size, 1, &range);
	if (ret || page_size != vfio_page_size())
		VFIO_FAIL("logging: %d, page size %llu", ret,
			  (unsigned long long)page_size);
}

static int __log_report(int fd, uint64_t iova, uint64_t length,
			uint64_t page_size, void *bitmap)
{
	struct vfio_device_feature_dma_logging_report report = {
		.iova = iova,
		.length = length,
		.page_size = page_size,
		.bitmap = (uintptr_t)bitmap,
	};

	return __vfio_feature(fd, REPORT, &report, sizeof(report));
}

/* Into @bits, which is cleared first. */
static void log_report(int fd, uint64_t *bits)
{
	int ret;

	memset(bits, 0, NR_WORDS * 8);
	ret = __log_report(fd, IOVA, NR_PAGES * vfio_page_size(),
			   vfio_page_size(), bits);
	if (ret)
		VFIO_FAIL("report: %s", strerror(-ret));
}

static void set_bit(uint64_t *bits, int n)
{
	bits[n / 64] |= 1ULL << n % 64;
}

static void reg_write(int fd, uint64_t pos, uint32_t value)
{
	VFIO_CHECK(pwrite(fd, &value, 4, pos) == 4);
}

static void mram_copy(int fd, uint64_t bell, uint32_t cmd, uint64_t iova,
		      uint32_t len)
{
	uint32_t status;

	reg_write(fd, bell + MRAM_REG_ADDR_LO, iova);
	reg_write(fd, bell + MRAM_REG_ADDR_HI, iova >> 32);
	reg_write(fd, bell + MRAM_REG_OFFSET, 0);
	reg_write(fd, bell + MRAM_REG_LEN, len);
	reg_write(fd, bell + MRAM_REG_CMD, cmd);
	VFIO_CHECK(pread(fd, &status, 4, bell + MRAM_REG_STATUS) == 4);
	VFIO_CHECK(status == MRAM_STATUS_DONE);
}

TEST_F(log, start_errors)
{
	uint64_t page = self->page;
	const struct {
		int err;
		struct log_range ranges[2];
	} bad[] = {
		/* alignment */
		{ EINVAL, { { 1, page }, { 8 * page, page } } },
		{ EINVAL, { { page / 2, page }, { 8 * page, page } } },
		{ EINVAL, { { 0, page + 1 }, { 8 * page, page } } },
		/* overlap */
		{ EINVAL, { { 0, page }, { 0, page } } },
		{ EINVAL, { { 0, 4 * page }, { 3 * page, page } } },
		{ EINVAL, { { 4 * page, page }, { 0, 16 * page } } },
		/* wrapping */
		{ EOVERFLOW, { { 0, page }, { 0ULL - page, 2 * page } } },
		{ EOVERFLOW, { { 2 * page, 0ULL - page },
			       { 0, page } } },
	};
	uint64_t page_size;
	size_t i;

	for (i = 0; i < VFIO_ARRAY_SIZE(bad); i++) {
		page_size = page;
		EXPECT_ERR(bad[i].err, __log_start(self->fd, &page_size, 2,
						   bad[i].ranges))
			TH_LOG("case %zu", i);
	}
	page_size = page;
	EXPECT_ERR(EINVAL, __log_start(self->fd, &page_size, 0, bad[0].ranges));
	EXPECT_ERR(EFAULT, __log_start(self->fd, &page_size, 1, NULL));
	/* nothing of it has started logging */
	EXPECT_ERR(EINVAL, __log_report(self->fd, IOVA, page, page,
					self->bits));
}

TEST_F(log, number_of_ranges)
{
	struct log_range *ranges = calloc(MAX_RANGES + 1, sizeof(*ranges));
	uint64_t page_size = self->page;
	int i;

	for (i = 0; i <= MAX_RANGES; i++) {
		ranges[i].iova = 2 * i * self->page;
		ranges[i].length = self->page;
	}
	EXPECT_OK(__log_start(self->fd, &page_size, MAX_RANGES, ranges));
	EXPECT_OK(__vfio_feature(self->fd, STOP, NULL, 0));
	EXPECT_ERR(E2BIG, __log_start(self->fd, &page_size, MAX_RANGES + 1,
				      ranges));
	EXPECT_ERR(E2BIG, __log_start(self->fd, &page_size, ~0U, ranges));
	free(ranges);
}

TEST_F(log, ranges_end_where_memory_does)
{
	struct log_range *range = vfio_guard_alloc(sizeof(*range));
	uint64_t page_size = self->page;

	range->iova = IOVA;
	range->length = self->page;
	EXPECT_OK(__log_start(self->fd, &page_size, 1, range));
	EXPECT_ERR(EFAULT, __log_start(self->fd, &page_size, 2, range));
	vfio_guard_free(range, sizeof(*range));
}

TEST_F(log, page_size_is_granted)
{
	struct log_range range = { .iova = IOVA, .length = 64 * self->page };
	uint64_t page_size = 2 * self->page;

	/* larger than the device's: it says which one it uses */
	EXPECT_OK(__log_start(self->fd, &page_size, 1, &range));
	EXPECT_EQ(self->page, page_size);
}

TEST_F(log, answer_that_cannot_be_given_stops_it)
{
	struct vfio_device_feature *feature;
	struct vfio_device_feature_dma_logging_control *ctl;
	struct log_range range = { .iova = IOVA, .length = self->page };

	feature = mmap(NULL, self->page, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, feature);
	feature->argsz = sizeof(*feature) + sizeof(*ctl);
	feature->flags = START;
	ctl = (void *)feature->data;
	ctl->page_size = self->page;
	ctl->num_ranges = 1;
	ctl->ranges = (uintptr_t)&range;
	ASSERT_OK(mprotect(feature, self->page, PROT_READ));
	EXPECT_ERR(EFAULT, __vfio_ioctl(self->fd, VFIO_DEVICE_FEATURE,
					feature));
	EXPECT_ERR(EINVAL, __log_report(self->fd, IOVA, self->page,
					self->page, self->bits));
	munmap(feature, self->page);
}

TEST_F(log, report_errors)
{
	uint64_t page = self->page;

	EXPECT_ERR(EINVAL, __log_report(self->fd, IOVA, page, page,
					self->bits));
	log_start(self->fd);
	EXPECT_ERR(EINVAL, __log_report(self->fd, IOVA, page, 0, self->bits));
	EXPECT_ERR(EINVAL, __log_report(self->fd, IOVA, page, 1, self->bits));
	EXPECT_ERR(EINVAL, __log_report(self->fd, IOVA, page, 2048,
					self->bits));
	EXPECT_ERR(EINVAL, __log_report(self->fd, IOVA, page, 3 * page,
					self->bits));
	EXPECT_ERR(EOVERFLOW, __log_report(self->fd, 0ULL - page, 2 * page,
					   page, self->bits));
	EXPECT_ERR(EOVERFLOW, __log_report(self->fd, 2 * page, 0ULL - page,
					   page, self->bits));
	mram_copy(self->fd, self->bell, MRAM_CMD_TO_GUEST, IOVA, page);
	EXPECT_ERR(EFAULT, __log_report(self->fd, IOVA, NR_PAGES * page, page,
					NULL));
}

TEST_F(log, stop)
{
	EXPECT_OK(__vfio_feature(self->fd, STOP, NULL, 0));
	log_start(self->fd);
	EXPECT_OK(__vfio_feature(self->fd, STOP, NULL, 0));
	EXPECT_ERR(EINVAL, __log_report(self->fd, IOVA, self->page,
					self->page, self->bits));
	/* what was logged before is not there after */
	log_start(self->fd);
	mram_copy(self->fd, self->bell, MRAM_CMD_TO_GUEST, IOVA, 8);
	EXPECT_OK(__vfio_feature(self->fd, STOP, NULL, 0));
	log_start(self->fd);
	log_report(self->fd, self->bits);
	EXPECT_EQ(0, self->bits[0]);
}

TEST_F(log, reports_what_was_written)
{
	uint64_t model[NR_WORDS] = {};

	log_start(self->fd);
	log_report(self->fd, self->bits);
	EXPECT_EQ(0, memcmp(model, self->bits, sizeof(model)));

	mram_copy(self->fd, self->bell, MRAM_CMD_TO_GUEST, IOVA, 1);
	mram_copy(self->fd, self->bell, MRAM_CMD_TO_GUEST,
		  IOVA + 64 * self->page - 1, 2);
	mram_copy(self->fd, self->bell, MRAM_CMD_TO_GUEST | MRAM_CMD_PIN,
		  IOVA + 200 * self->page, 3 * self->page);
	mram_copy(self->fd, self->bell, MRAM_CMD_TO_RAM,
		  IOVA + 100 * self->page, self->page);
	set_bit(model, 0);
	set_bit(model, 63);
	set_bit(model, 64);
	set_bit(model, 200);
	set_bit(model, 201);
	set_bit(model, 202);
	log_report(self->fd, self->bits);
	EXPECT_EQ(0, memcmp(model, self->bits, sizeof(model)));
	/* once */
	memset(model, 0, sizeof(model));
	log_report(self->fd, self->bits);
	EXPECT_EQ(0, memcmp(model, self->bits, sizeof(model)));
}

TEST_F(log, report_only_gains_bits)
{
	uint64_t *bits = vfio_guard_alloc(NR_WORDS * 8);

	log_start(self->fd);
	mram_copy(self->fd, self->bell, MRAM_CMD_TO_GUEST,
		  IOVA + 70 * self->page, 8);
	memset(bits, 0, NR_WORDS * 8);
	set_bit(bits, 3);
	set_bit(bits, 71);
	EXPECT_OK(__log_report(self->fd, IOVA, NR_PAGES * self->page,
			       self->page, bits));
	EXPECT_EQ(1 << 3, bits[0]);
	EXPECT_EQ(3 << 6, bits[1]);
	EXPECT_EQ(0, bits[2]);
	EXPECT_EQ(0, bits[3]);
	vfio_guard_free(bits, NR_WORDS * 8);
}

TEST_F(log, report_of_a_part)
{
	uint64_t bits = 0;

	log_start(self->fd);
	mram_copy(self->fd, self->bell, MRAM_CMD_TO_GUEST,
		  IOVA + 10 * self->page, 8);
	mram_copy(self->fd, self->bell, MRAM_CMD_TO_GUEST,
		  IOVA + 20 * self->page, 8);
	EXPECT_OK(__log_report(self->fd, IOVA + 8 * self->page,
			       8 * self->page, self->page, &bits));
	EXPECT_EQ(1 << 2, bits);
	/* the other one waits for its turn */
	log_report(self->fd, self->bits);
	EXPECT_EQ(1 << 20, self->bits[0]);
}

TEST_F(log, report_in_larger_pages)
{
	uint64_t bits = 0;

	log_start(self->fd);
	mram_copy(self->fd, self->bell, MRAM_CMD_TO_GUEST,
		  IOVA + 5 * self->page, 8);
	EXPECT_OK(__log_report(self->fd, IOVA, NR_PAGES * self->page,
			       4 * self->page, &bits));
	EXPECT_EQ(1 << 1, bits);
}

/* A bitmap of more than the core's window. */
TEST_F(log, report_of_a_large_range)
{
	uint64_t nr = 1 << 20, *bits = calloc(nr / 64, 8), i, n = 0;

	log_start(self->fd);
	mram_copy(self->fd, self->bell, MRAM_CMD_TO_GUEST, IOVA, 8);
	EXPECT_OK(__log_report(self->fd, 0, nr * self->page, self->page,
			       bits));
	for (i = 0; i < nr / 64; i++)
		n += __builtin_popcountll(bits[i]);
	EXPECT_EQ(1, n);
	i = IOVA / self->page;
	EXPECT_EQ(1, bits[i / 64] >> i % 64 & 1);
	free(bits);
}

TEST_F(log, agrees_with_a_model)
{
	uint64_t model[NR_WORDS] = {};
	unsigned int seed = vfio_now_ms();
	int i, pg, off, len, last;

	vfio_note("seed %u", seed);
	srand(seed);
	log_start(self->fd);
	for (i = 0; i < 500; i++) {
		if (rand() % 20 == 0) {
			log_report(self->fd, self->bits);
			ASSERT_EQ(0, memcmp(model, self->bits,
					    sizeof(model)));
			memset(model, 0, sizeof(model));
			continue;
		}
		pg = rand() % (NR_PAGES - 3);
		off = rand() % self->page;
		len = 1 + rand() % (2 * self->page);
		mram_copy(self->fd, self->bell, MRAM_CMD_TO_GUEST |
			  (rand() % 2 ? MRAM_CMD_PIN : 0),
			  IOVA + pg * self->page + off, len);
		last = pg + (off + len - 1) / self->page;
		for (; pg <= last; pg++)
			set_bit(model, pg);
	}
}

TEST_HARNESS_MAIN
