// SPDX-License-Identifier: GPL-2.0-only
/*
 * The type 1 backend: dirty pages
 *
 * The promise of a container with mediated devices only: a page is reported if
 * a device has written to it by vfio_dma_rw() since it was last reported, or
 * has, or has had, it pinned since then; and no other page is.
 */
#include "vfio_harness.h"
#include "vtest_ops.h"

#include <sys/mman.h>

#define START	VFIO_IOMMU_DIRTY_PAGES_FLAG_START
#define STOP	VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP
#define GET	VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP

#define IOVA		0x100000000ULL
#define NR_PAGES	300
#define NR_WORDS	((NR_PAGES + 63) / 64)
#define BITMAP_BYTES	(NR_WORDS * 8)
#define LAST_PAGE	(0ULL - 4096)

struct get_request {
	struct vfio_iommu_type1_dirty_bitmap head;
	struct vfio_iommu_type1_dirty_bitmap_get range;
};

struct unmap_request {
	struct vfio_iommu_type1_dma_unmap head;
	struct vfio_bitmap bitmap;
};

FIXTURE(dirty) {
	struct vfio_user u;
	int container;
	int fd;
	size_t page;
	char *mem;
	uint64_t bits[NR_WORDS];
};

FIXTURE_SETUP(dirty)
{
	vfio_user_open(&self->u, "vtest0", "vtest-own");
	self->container = self->u.container;
	self->fd = self->u.device;
	self->page = vfio_page_size();
	self->mem = vfio_mem_alloc(NR_PAGES * self->page);
}

FIXTURE_TEARDOWN(dirty)
{
	vfio_user_close(&self->u);
	vfio_mem_free(self->mem, NR_PAGES * self->page);
}

static int dirty_verb(int container, uint32_t flags)
{
	struct vfio_iommu_type1_dirty_bitmap dirty = {
		.argsz = sizeof(dirty),
		.flags = flags,
	};

	return __vfio_ioctl(container, VFIO_IOMMU_DIRTY_PAGES, &dirty);
}

static void dirty_request(struct get_request *req, uint64_t iova,
			  uint64_t size, void *bitmap, uint64_t bytes)
{
	*req = (struct get_request) {
		.head = { .argsz = sizeof(*req), .flags = GET },
		.range = {
			.iova = iova,
			.size = size,
			.bitmap = {
				.pgsize = vfio_page_size(),
				.size = bytes,
				.data = bitmap,
			},
		},
	};
}

static int __dirty_get(int container, uint64_t iova, uint64_t size,
		       uint64_t *bitmap, uint64_t bytes)
{
	struct get_request req;

	dirty_request(&req, iova, size, bitmap, bytes);
	return __vfio_ioctl(container, VFIO_IOMMU_DIRTY_PAGES, &req);
}

/* The pages from IOVA on, into @bits, which is cleared first. */
static void dirty_get(int container, uint64_t *bits)
{
	int ret;

	memset(bits, 0, BITMAP_BYTES);
	ret = __dirty_get(container, IOVA, NR_PAGES * vfio_page_size(), bits,
			  BITMAP_BYTES);
	if (ret)
		VFIO_FAIL("GET_BITMAP: %s", strerror(-ret));
}

static bool bit(const uint64_t *bits, int n)
{
	return bits[n / 64] >> n % 64 & 1;
}

static void set_bit(uint64_t *bits, int n)
{
	bits[n / 64] |= 1ULL << n % 64;
}

static int count_bits(const uint64_t *bits)
{
	int i, n = 0;

	for (i = 0; i < NR_WORDS; i++)
		n += __builtin_popcountll(bits[i]);
	return n;
}

static void device_write(int fd, int pg, uint32_t len)
{
	int ret = __vtest_dma(fd, VTEST_DMA_WRITE,
			      IOVA + (uint64_t)pg * vfio_page_size(), len);

	if (ret)
		VFIO_FAIL("write to page %d: %s", pg, strerror(-ret));
}

static void device_pin(int fd, int pg, int nr)
{
	int ret = __vtest_pin(fd, IOVA + (uint64_t)pg * vfio_page_size(), nr,
			      VTEST_PROT_RW);

	if (ret != nr)
		VFIO_FAIL("pin %d pages at %d: %d", nr, pg, ret);
}

static void device_unpin(int fd, int pg, int nr)
{
	int ret = __vtest_unpin(fd, IOVA + (uint64_t)pg * vfio_page_size(),
				nr);

	if (ret)
		VFIO_FAIL("unpin %d pages at %d: %d", nr, pg, ret);
}

TEST_F(dirty, start_and_stop)
{
	EXPECT_OK(dirty_verb(self->container, STOP));
	EXPECT_OK(dirty_verb(self->container, START));
	EXPECT_OK(dirty_verb(self->container, START));
	EXPECT_OK(dirty_verb(self->container, STOP));
	EXPECT_OK(dirty_verb(self->container, STOP));
}

TEST_F(dirty, one_verb_at_a_time)
{
	static const uint32_t bad[] = {
		0, START | STOP, START | GET, STOP | GET, START | STOP | GET,
		1 << 3, 1U << 31, START | 1 << 3,
	};
	struct get_request req;
	size_t i;

	for (i = 0; i < VFIO_ARRAY_SIZE(bad); i++) {
		dirty_request(&req, IOVA, self->page, self->bits,
			      BITMAP_BYTES);
		req.head.flags = bad[i];
		EXPECT_ERR(EINVAL, __vfio_ioctl(self->container,
						VFIO_IOMMU_DIRTY_PAGES, &req))
			TH_LOG("flags %#x", bad[i]);
	}
	EXPECT_ERR(EFAULT, __vfio_ioctl(self->container,
					VFIO_IOMMU_DIRTY_PAGES, NULL));
	EXPECT_EQ(0, self->bits[0]);
}

TEST_F(dirty, get_errors)
{
	uint64_t page = self->page, size = NR_PAGES * page;
	struct get_request req;

	vfio_map(self->container, self->mem, IOVA, size);
#define GET_ERR(err, change)						\
	do {								\
		dirty_request(&req, IOVA, size, self->bits,		\
			      BITMAP_BYTES);				\
		change;							\
		EXPECT_ERR(err, __vfio_ioctl(self->container,		\
					     VFIO_IOMMU_DIRTY_PAGES,	\
					     &req))			\
			TH_LOG("%s", #change);				\
	} while (0)

	GET_ERR(EINVAL, (void)"not started");
	ASSERT_OK(dirty_verb(self->container, START));
	GET_ERR(EINVAL, req.head.argsz = sizeof(req.head));
	GET_ERR(EINVAL, req.head.argsz = sizeof(req) - 1);
	GET_ERR(EINVAL, req.range.bitmap.pgsize = 0);
	GET_ERR(EINVAL, req.range.bitmap.pgsize = 1);
	GET_ERR(EINVAL, req.range.bitmap.pgsize = page / 2);
	GET_ERR(EINVAL, req.range.bitmap.pgsize = page * 2);
	GET_ERR(EINVAL, req.range.bitmap.pgsize = page * 3);
	GET_ERR(EINVAL, req.range.bitmap.pgsize = 1ULL << 63);
	GET_ERR(EINVAL, req.range.iova = IOVA + 1);
	GET_ERR(EINVAL, req.range.iova = IOVA + page / 2);
	GET_ERR(EINVAL, req.range.size = 0);
	GET_ERR(EINVAL, req.range.size = size + 1);
	GET_ERR(EINVAL, req.range.size = page - 1);
	GET_ERR(EINVAL, req.range.size = 0ULL - page);
	GET_ERR(EINVAL, req.range.bitmap.size = 0);
	GET_ERR(EINVAL, req.range.bitmap.size = BITMAP_BYTES - 1);
	GET_ERR(EINVAL, req.range.bitmap.size = BITMAP_BYTES - 8);
	GET_ERR(EINVAL, req.range.bitmap.size = (256ULL << 20) + 1);
	GET_ERR(EINVAL, req.range.bitmap.size = ~0ULL);
	/* memory that is the kernel's, and memory that is nobody's */
	GET_ERR(EINVAL, req.range.bitmap.data = (void *)(1ULL << 63));
	GET_ERR(EFAULT, req.range.bitmap.data = NULL);
	/* mappings must be in it as a whole */
	GET_ERR(EINVAL, req.range.size = size - page);
	GET_ERR(EINVAL, req.range.iova = IOVA + page);
	GET_ERR(EINVAL, req.range.iova = IOVA - page);
#undef GET_ERR
	EXPECT_OK(__dirty_get(self->container, IOVA, size, self->bits,
			      BITMAP_BYTES));
}

TEST_F(dirty, starts_clean)
{
	vfio_map(self->container, self->mem, IOVA, NR_PAGES * self->page);
	device_write(self->fd, 0, 8);
	ASSERT_OK(dirty_verb(self->container, START));
	dirty_get(self->container, self->bits);
	EXPECT_EQ(0, count_bits(self->bits));
}

TEST_F(dirty, range_without_mappings)
{
	ASSERT_OK(dirty_verb(self->container, START));
	dirty_get(self->container, self->bits);
	EXPECT_EQ(0, count_bits(self->bits));
}

TEST_F(dirty, device_writes)
{
	vfio_map(self->container, self->mem, IOVA, NR_PAGES * self->page);
	ASSERT_OK(dirty_verb(self->container, START));
	device_write(self->fd, 3, 1);
	device_write(self->fd, 63, 2 * self->page);
	device_write(self->fd, NR_PAGES - 1, self->page);
	/* reading is not writing, and neither is our own writing */
	ASSERT_OK(__vtest_dma(self->fd, 0, IOVA + 10 * self->page,
			      self->page));
	self->mem[20 * self->page] = 1;
	dirty_get(self->container, self->bits);
	EXPECT_TRUE(bit(self->bits, 3));
	EXPECT_TRUE(bit(self->bits, 63));
	EXPECT_TRUE(bit(self->bits, 64));
	EXPECT_TRUE(bit(self->bits, NR_PAGES - 1));
	EXPECT_EQ(4, count_bits(self->bits));
	/* reported once */
	dirty_get(self->container, self->bits);
	EXPECT_EQ(0, count_bits(self->bits));
	ASSERT_OK(__vtest_dma(self->fd, VTEST_DMA_WRITE | VTEST_DMA_KTHREAD,
			      IOVA + 7 * self->page - 1, 2));
	dirty_get(self->container, self->bits);
	EXPECT_TRUE(bit(self->bits, 6));
	EXPECT_TRUE(bit(self->bits, 7));
	EXPECT_EQ(2, count_bits(self->bits));
}

TEST_F(dirty, pinned_pages_are_always_dirty)
{
	int i;

	vfio_map(self->container, self->mem, IOVA, NR_PAGES * self->page);
	device_pin(self->fd, 100, 2);
	ASSERT_OK(dirty_verb(self->container, START));
	device_pin(self->fd, 200, 1);
	for (i = 0; i < 3; i++) {
		dirty_get(self->container, self->bits);
		EXPECT_TRUE(bit(self->bits, 100));
		EXPECT_TRUE(bit(self->bits, 101));
		EXPECT_TRUE(bit(self->bits, 200));
		EXPECT_EQ(3, count_bits(self->bits));
	}
	/* once more after they have been let go */
	device_unpin(self->fd, 100, 2);
	dirty_get(self->container, self->bits);
	EXPECT_TRUE(bit(self->bits, 100));
	EXPECT_EQ(3, count_bits(self->bits));
	dirty_get(self->container, self->bits);
	EXPECT_TRUE(bit(self->bits, 200));
	EXPECT_EQ(1, count_bits(self->bits));
}

TEST_F(dirty, pinned_and_let_go_between_two_reports)
{
	vfio_map(self->container, self->mem, IOVA, NR_PAGES * self->page);
	ASSERT_OK(dirty_verb(self->container, START));
	device_pin(self->fd, 5, 1);
	device_unpin(self->fd, 5, 1);
	dirty_get(self->container, self->bits);
	EXPECT_TRUE(bit(self->bits, 5));
	EXPECT_EQ(1, count_bits(self->bits));
	dirty_get(self->container, self->bits);
	EXPECT_EQ(0, count_bits(self->bits));
}

TEST_F(dirty, start_again_forgets_nothing)
{
	vfio_map(self->container, self->mem, IOVA, NR_PAGES * self->page);
	ASSERT_OK(dirty_verb(self->container, START));
	device_write(self->fd, 9, 8);
	ASSERT_OK(dirty_verb(self->container, START));
	dirty_get(self->container, self->bits);
	EXPECT_TRUE(bit(self->bits, 9));
}

TEST_F(dirty, stop_forgets_all)
{
	vfio_map(self->container, self->mem, IOVA, NR_PAGES * self->page);
	ASSERT_OK(dirty_verb(self->container, START));
	device_write(self->fd, 9, 8);
	ASSERT_OK(dirty_verb(self->container, STOP));
	device_write(self->fd, 10, 8);
	ASSERT_OK(dirty_verb(self->container, START));
	dirty_get(self->container, self->bits);
	EXPECT_EQ(0, count_bits(self->bits));
}

TEST_F(dirty, mapped_while_tracking)
{
	ASSERT_OK(dirty_verb(self->container, START));
	vfio_map(self->container, self->mem, IOVA, NR_PAGES * self->page);
	dirty_get(self->container, self->bits);
	EXPECT_EQ(0, count_bits(self->bits));
	device_write(self->fd, 1, 8);
	dirty_get(self->container, self->bits);
	EXPECT_TRUE(bit(self->bits, 1));
	EXPECT_EQ(1, count_bits(self->bits));
}

TEST_F(dirty, failed_report_loses_nothing)
{
	char *ro;

	vfio_map(self->container, self->mem, IOVA, NR_PAGES * self->page);
	ASSERT_OK(dirty_verb(self->container, START));
	device_write(self->fd, 77, 8);
	ro = mmap(NULL, self->page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
		  -1, 0);
	ASSERT_NE(MAP_FAILED, ro);
	EXPECT_ERR(EFAULT, __dirty_get(self->container, IOVA,
				       NR_PAGES * self->page, (uint64_t *)ro,
				       BITMAP_BYTES));
	dirty_get(self->container, self->bits);
	EXPECT_TRUE(bit(self->bits, 77));
	EXPECT_EQ(1, count_bits(self->bits));
	munmap(ro, self->page);
}

TEST_F(dirty, report_stays_in_its_memory)
{
	uint64_t *bitmap = vfio_guard_alloc(BITMAP_BYTES);

	vfio_map(self->container, self->mem, IOVA, NR_PAGES * self->page);
	ASSERT_OK(dirty_verb(self->container, START));
	device_write(self->fd, NR_PAGES - 1, 8);
	memset(bitmap, 0, BITMAP_BYTES);
	EXPECT_OK(__dirty_get(self->container, IOVA, NR_PAGES * self->page,
			      bitmap, BITMAP_BYTES));
	EXPECT_TRUE(bit(bitmap, NR_PAGES - 1));
	EXPECT_EQ(1, count_bits(bitmap));
	vfio_guard_free(bitmap, BITMAP_BYTES);
}

TEST_F(dirty, mappings_at_odd_places)
{
	static const struct {
		int first;
		int nr;
	} maps[] = {
		{ 0, 1 }, { 1, 2 }, { 5, 58 }, { 63, 1 }, { 64, 1 },
		{ 67, 130 }, { 200, 63 }, { 299, 1 },
	};
	uint64_t model[NR_WORDS] = {};
	size_t i;
	int pg;

	for (i = 0; i < VFIO_ARRAY_SIZE(maps); i++)
		vfio_map(self->container,
			 self->mem + maps[i].first * self->page,
			 IOVA + maps[i].first * self->page,
			 maps[i].nr * self->page);
	ASSERT_OK(dirty_verb(self->container, START));
	for (i = 0; i < VFIO_ARRAY_SIZE(maps); i++) {
		for (pg = maps[i].first; pg < maps[i].first + maps[i].nr;
		     pg += 3) {
			device_write(self->fd, pg, 8);
			set_bit(model, pg);
		}
	}
	dirty_get(self->container, self->bits);
	EXPECT_EQ(0, memcmp(model, self->bits, BITMAP_BYTES));
}

TEST_F(dirty, part_of_the_address_space)
{
	uint64_t word = 0;

	vfio_map(self->container, self->mem, IOVA, 10 * self->page);
	vfio_map(self->container, self->mem + 10 * self->page,
		 IOVA + 10 * self->page, 20 * self->page);
	ASSERT_OK(dirty_verb(self->container, START));
	device_write(self->fd, 2, 8);
	device_write(self->fd, 12, 8);
	EXPECT_OK(__dirty_get(self->container, IOVA + 10 * self->page,
			      20 * self->page, &word, 8));
	EXPECT_EQ(1 << 2, word);
	/* the other one has not been reported by that */
	word = 0;
	EXPECT_OK(__dirty_get(self->container, IOVA, 10 * self->page, &word,
			      8));
	EXPECT_EQ(1 << 2, word & 0x3ff);
}

TEST_F(dirty, end_of_the_address_space)
{
	uint64_t word = 0;

	vfio_map(self->container, self->mem, LAST_PAGE - self->page,
		 2 * self->page);
	ASSERT_OK(dirty_verb(self->container, START));
	ASSERT_OK(__vtest_dma(self->fd, VTEST_DMA_WRITE, 0ULL - 8, 8));
	EXPECT_OK(__dirty_get(self->container, LAST_PAGE - self->page,
			      2 * self->page, &word, 8));
	EXPECT_EQ(2, word);
}

/* Random operations; the model is what the head of this file says. */
TEST_F(dirty, agrees_with_a_model)
{
	uint64_t model[NR_WORDS] = {};
	int pins[NR_PAGES] = {}, i, pg, w;
	unsigned int seed = vfio_now_ms();

	vfio_note("seed %u", seed);
	srand(seed);
	vfio_map(self->container, self->mem, IOVA, 70 * self->page);
	vfio_map(self->container, self->mem + 70 * self->page,
		 IOVA + 70 * self->page, 230 * self->page);
	ASSERT_OK(dirty_verb(self->container, START));
	for (i = 0; i < 3000; i++) {
		pg = rand() % NR_PAGES;
		switch (rand() % 8) {
		case 0 ... 2:
			device_write(self->fd, pg, 1 + rand() % self->page);
			set_bit(model, pg);
			break;
		case 3 ... 4:
			device_pin(self->fd, pg, 1);
			set_bit(model, pg);
			pins[pg]++;
			break;
		case 5 ... 6:
			if (!pins[pg])
				break;
			device_unpin(self->fd, pg, 1);
			pins[pg]--;
			break;
		default:
			if (rand() % 8)
				break;
			dirty_get(self->container, self->bits);
			for (w = 0; w < NR_WORDS; w++) {
				ASSERT_EQ(model[w], self->bits[w])
					TH_LOG("step %d word %d", i, w);
			}
			memset(model, 0, sizeof(model));
			for (pg = 0; pg < NR_PAGES; pg++)
				if (pins[pg])
					set_bit(model, pg);
		}
	}
}

static int unmap_dirty(int container, uint64_t iova, uint64_t size,
		       void *bitmap, uint64_t bytes, uint64_t *unmapped)
{
	struct unmap_request req = {
		.head = {
			.argsz = sizeof(req),
			.flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP,
			.iova = iova,
			.size = size,
		},
		.bitmap = {
			.pgsize = vfio_page_size(),
			.size = bytes,
			.data = bitmap,
		},
	};
	int ret;

	ret = __vfio_ioctl(container, VFIO_IOMMU_UNMAP_DMA, &req);
	*unmapped = req.head.size;
	return ret;
}

TEST_F(dirty, unmap_reports)
{
	uint64_t size = NR_PAGES * self->page, unmapped;

	vfio_map(self->container, self->mem, IOVA, size);
	ASSERT_OK(dirty_verb(self->container, START));
	device_write(self->fd, 1, 8);
	device_pin(self->fd, 70, 2);
	EXPECT_OK(unmap_dirty(self->container, IOVA, size, self->bits,
			      BITMAP_BYTES, &unmapped));
	EXPECT_EQ(size, unmapped);
	EXPECT_TRUE(bit(self->bits, 1));
	EXPECT_TRUE(bit(self->bits, 70));
	EXPECT_TRUE(bit(self->bits, 71));
	EXPECT_EQ(3, count_bits(self->bits));
	EXPECT_ERR(ENOENT, __vtest_unpin(self->fd, IOVA + 70 * self->page,
					 1));
	/* nothing is left */
	EXPECT_OK(__vfio_unmap(self->container, IOVA, size, &unmapped));
	EXPECT_EQ(0, unmapped);
}

TEST_F(dirty, unmap_reports_several)
{
	uint64_t unmapped;

	vfio_map(self->container, self->mem, IOVA, 7 * self->page);
	vfio_map(self->container, self->mem, IOVA + 60 * self->page,
		 10 * self->page);
	ASSERT_OK(dirty_verb(self->container, START));
	device_write(self->fd, 6, 8);
	device_write(self->fd, 65, 8);
	EXPECT_OK(unmap_dirty(self->container, IOVA, 128 * self->page,
			      self->bits, 16, &unmapped));
	EXPECT_EQ(17 * self->page, unmapped);
	EXPECT_EQ(1ULL << 6, self->bits[0]);
	EXPECT_EQ(1ULL << 1, self->bits[1]);
}

/* A bitmap that cannot be written: all is as it was. */
TEST_F(dirty, unmap_without_a_place_to_report)
{
	uint64_t size = NR_PAGES * self->page, unmapped;
	char *ro;

	ro = mmap(NULL, 2 * self->page, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, ro);
	ro += self->page;
	ASSERT_EQ(0, mprotect(ro, self->page, PROT_READ));
	vfio_map(self->container, self->mem, IOVA, size);
	ASSERT_OK(dirty_verb(self->container, START));
	device_write(self->fd, 77, 8);
	device_pin(self->fd, 70, 2);
	EXPECT_ERR(EFAULT, unmap_dirty(self->container, IOVA, size, ro,
				       BITMAP_BYTES, &unmapped));
	/* all but the last word could be */
	EXPECT_ERR(EFAULT, unmap_dirty(self->container, IOVA, size,
				       ro - BITMAP_BYTES + 8, BITMAP_BYTES,
				       &unmapped));
	/* still mapped, still pinned, still to be reported */
	EXPECT_ERR(EEXIST, __vfio_map(self->container, self->mem, IOVA, size));
	ASSERT_OK(__vtest_dma(self->fd, 0, IOVA + 3 * self->page, 8));
	device_write(self->fd, 5, 8);
	device_pin(self->fd, 200, 1);
	device_unpin(self->fd, 70, 2);
	dirty_get(self->container, self->bits);
	EXPECT_TRUE(bit(self->bits, 5));
	EXPECT_TRUE(bit(self->bits, 70));
	EXPECT_TRUE(bit(self->bits, 71));
	EXPECT_TRUE(bit(self->bits, 77));
	EXPECT_TRUE(bit(self->bits, 200));
	EXPECT_EQ(5, count_bits(self->bits));
	memset(self->bits, 0, BITMAP_BYTES);
	EXPECT_OK(unmap_dirty(self->container, IOVA, size, self->bits,
			      BITMAP_BYTES, &unmapped));
	EXPECT_EQ(size, unmapped);
	EXPECT_TRUE(bit(self->bits, 200));
	EXPECT_EQ(1, count_bits(self->bits));
	munmap(ro - self->page, 2 * self->page);
}

TEST_F(dirty, unmap_errors)
{
	uint64_t page = self->page, size = NR_PAGES * page;
	struct unmap_request req;

	vfio_map(self->container, self->mem, IOVA, size);
#define UNMAP_ERR(err, change)						\
	do {								\
		req = (struct unmap_request) {				\
			.head = {					\
				.argsz = sizeof(req),			\
				.flags =				\
				VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP,	\
				.iova = IOVA,				\
				.size = size,				\
			},						\
			.bitmap = {					\
				.pgsize = page,				\
				.size = BITMAP_BYTES,			\
				.data = (void *)self->bits,		\
			},						\
		};							\
		change;							\
		EXPECT_ERR(err, __vfio_ioctl(self->container,		\
					     VFIO_IOMMU_UNMAP_DMA,	\
					     &req))			\
			TH_LOG("%s", #change);				\
	} while (0)

	UNMAP_ERR(EINVAL, (void)"not started");
	ASSERT_OK(dirty_verb(self->container, START));
	UNMAP_ERR(EINVAL, req.head.argsz = sizeof(req.head));
	UNMAP_ERR(EINVAL, req.head.argsz = sizeof(req) - 1);
	UNMAP_ERR(EINVAL, req.head.flags |= VFIO_DMA_UNMAP_FLAG_ALL);
	UNMAP_ERR(EINVAL, req.head.flags |= VFIO_DMA_UNMAP_FLAG_VADDR);
	UNMAP_ERR(EINVAL, req.head.flags |= 1 << 3);
	UNMAP_ERR(EINVAL, req.head.size = 0);
	UNMAP_ERR(EINVAL, req.head.size = size - page);
	UNMAP_ERR(EINVAL, req.head.iova = IOVA + page);
	UNMAP_ERR(EINVAL, req.bitmap.pgsize = 0);
	UNMAP_ERR(EINVAL, req.bitmap.pgsize = 2 * page);
	UNMAP_ERR(EINVAL, req.bitmap.pgsize = 3);
	UNMAP_ERR(EINVAL, req.bitmap.size = 0);
	UNMAP_ERR(EINVAL, req.bitmap.size = BITMAP_BYTES - 8);
	UNMAP_ERR(EINVAL, req.bitmap.size = (256ULL << 20) + 1);
#undef UNMAP_ERR
	vfio_unmap(self->container, IOVA, size);
}

TEST(type1_v1_has_no_dirty_tracking)
{
	struct vfio_user u;

	vfio_user_open_type(&u, "vtest0", "vtest-own", VFIO_TYPE1_IOMMU);
	EXPECT_ERR(EACCES, dirty_verb(u.container, START));
	EXPECT_ERR(EACCES, dirty_verb(u.container, STOP));
	EXPECT_ERR(EACCES, dirty_verb(u.container, GET));
	EXPECT_ERR(EACCES, dirty_verb(u.container, 0));
	vfio_user_close(&u);
}

TEST_HARNESS_MAIN
