// SPDX-License-Identifier: GPL-2.0-only
/*
 * The type 1 backend: what devices do with the mappings
 *
 * Pins and copies by address, with the errors that a driver is promised.  How
 * pins live and die is in pin_test.c.
 */
#include "vfio_harness.h"
#include "vtest_ops.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define R	VFIO_DMA_MAP_FLAG_READ
#define W	VFIO_DMA_MAP_FLAG_WRITE
#define RW	(R | W)

#define PIN_MAX		512

#define IOVA		0x40000000ULL
#define NR_PAGES	16
#define LAST_PAGE	(0ULL - 4096)

FIXTURE(access) {
	struct vfio_user u;
	int fd;
	size_t page;
	char *mem;
};

FIXTURE_VARIANT(access) {
	const char *type;
};

FIXTURE_VARIANT_ADD(access, own) {
	.type = "vtest-own",
};

FIXTURE_VARIANT_ADD(access, foreign) {
	.type = "vtest-foreign",
};

FIXTURE_SETUP(access)
{
	vfio_user_open(&self->u, "vtest0", variant->type);
	self->fd = self->u.device;
	self->page = vfio_page_size();
	self->mem = vfio_mem_alloc(NR_PAGES * self->page);
}

FIXTURE_TEARDOWN(access)
{
	vfio_user_close(&self->u);
	vfio_mem_free(self->mem, NR_PAGES * self->page);
}

static void access_map(int container, uint32_t flags, void *mem,
		       uint64_t iova, uint64_t size)
{
	int ret = __vfio_map_flags(container, flags, mem, iova, size);

	if (ret)
		VFIO_FAIL("map: %s", strerror(-ret));
}

TEST_F(access, copies_both_ways)
{
	static const uint32_t how[] = { 0, VTEST_DMA_KTHREAD };
	char buf[1000];
	size_t i;

	vfio_map(self->u.container, self->mem, IOVA, NR_PAGES * self->page);
	for (i = 0; i < VFIO_ARRAY_SIZE(how); i++) {
		/* unaligned, and across pages */
		vfio_pattern_fill(self->mem + self->page - 100, sizeof(buf),
				  i);
		ASSERT_OK(__vtest_dma(self->fd, how[i], IOVA + self->page -
				      100, sizeof(buf)));
		vtest_ram_read(self->fd, buf, sizeof(buf));
		EXPECT_TRUE(vfio_pattern_matches(buf, sizeof(buf), i));

		vfio_pattern_fill(buf, sizeof(buf), 10 + i);
		vtest_ram_write(self->fd, buf, sizeof(buf));
		ASSERT_OK(__vtest_dma(self->fd, how[i] | VTEST_DMA_WRITE,
				      IOVA + 3 * self->page - 1,
				      sizeof(buf)));
		EXPECT_TRUE(vfio_pattern_matches(self->mem + 3 * self->page -
						 1, sizeof(buf), 10 + i));
	}
}

TEST_F(access, copies_across_mappings)
{
	size_t page = self->page;
	char *buf = malloc(2 * page);

	/* two neighbours in the device's view, far apart in ours */
	vfio_map(self->u.container, self->mem + 8 * page, IOVA, page);
	vfio_map(self->u.container, self->mem, IOVA + page, page);
	vfio_pattern_fill(buf, 2 * page, 3);
	vtest_ram_write(self->fd, buf, 2 * page);
	ASSERT_OK(__vtest_dma(self->fd, VTEST_DMA_WRITE, IOVA, 2 * page));
	EXPECT_EQ(0, memcmp(buf, self->mem + 8 * page, page));
	EXPECT_EQ(0, memcmp(buf + page, self->mem, page));
	free(buf);
}

TEST_F(access, copy_needs_a_mapping)
{
	size_t page = self->page;

	EXPECT_ERR(EINVAL, __vtest_dma(self->fd, 0, IOVA, 4));
	vfio_map(self->u.container, self->mem, IOVA, page);
	EXPECT_ERR(EINVAL, __vtest_dma(self->fd, 0, IOVA - 1, 4));
	EXPECT_ERR(EINVAL, __vtest_dma(self->fd, 0, IOVA + page, 4));
	EXPECT_ERR(EINVAL, __vtest_dma(self->fd, 0, IOVA + page - 2, 4));
	EXPECT_ERR(EINVAL, __vtest_dma(self->fd, VTEST_DMA_KTHREAD,
				       IOVA + page - 2, 4));
	vfio_unmap(self->u.container, IOVA, page);
	EXPECT_ERR(EINVAL, __vtest_dma(self->fd, 0, IOVA, 4));
}

TEST_F(access, copy_at_the_end_of_the_address_space)
{
	char buf[16];

	vfio_map(self->u.container, self->mem, LAST_PAGE, self->page);
	vfio_pattern_fill(self->mem + self->page - sizeof(buf), sizeof(buf),
			  9);
	ASSERT_OK(__vtest_dma(self->fd, 0, 0ULL - sizeof(buf), sizeof(buf)));
	vtest_ram_read(self->fd, buf, sizeof(buf));
	EXPECT_TRUE(vfio_pattern_matches(buf, sizeof(buf), 9));
	/* it does not go on at zero */
	vfio_map(self->u.container, self->mem, 0, self->page);
	EXPECT_NE(0, __vtest_dma(self->fd, 0, 0ULL - 8, 16));
}

TEST_F(access, copy_permissions)
{
	size_t page = self->page;
	uint32_t k;

	access_map(self->u.container, R, self->mem, IOVA, page);
	access_map(self->u.container, W, self->mem, IOVA + page, page);
	for (k = 0; k <= VTEST_DMA_KTHREAD; k += VTEST_DMA_KTHREAD) {
		EXPECT_OK(__vtest_dma(self->fd, k, IOVA, 8));
		EXPECT_ERR(EPERM, __vtest_dma(self->fd, k | VTEST_DMA_WRITE,
					      IOVA, 8));
		EXPECT_ERR(EPERM, __vtest_dma(self->fd, k, IOVA + page, 8));
		/* in 6.12 a write wants the right to read as well */
		EXPECT_ERR(EPERM, __vtest_dma(self->fd, k | VTEST_DMA_WRITE,
					      IOVA + page, 8));
	}
}

TEST_F(access, copy_faults)
{
	size_t page = self->page;
	char *mem = vfio_guard_alloc(page);

	vfio_map(self->u.container, mem, IOVA, 2 * page);
	EXPECT_OK(__vtest_dma(self->fd, 0, IOVA, page));
	EXPECT_ERR(EFAULT, __vtest_dma(self->fd, 0, IOVA + page, 8));
	EXPECT_ERR(EFAULT, __vtest_dma(self->fd, VTEST_DMA_KTHREAD,
				       IOVA + page, 8));
	EXPECT_ERR(EFAULT, __vtest_dma(self->fd, VTEST_DMA_WRITE,
				       IOVA + page, 8));
	vfio_guard_free(mem, page);
	EXPECT_ERR(EFAULT, __vtest_dma(self->fd, 0, IOVA, 8));
}

TEST_F(access, copy_in_another_process)
{
	pid_t pid;

	vfio_map(self->u.container, self->mem, IOVA, self->page);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid)
		_exit(__vtest_dma(self->fd, 0, IOVA, 8) == -EFAULT ? 0 : 1);
	EXPECT_EQ(0, vfio_child_wait(pid, 10000));
	/* a kernel thread works for whoever has mapped */
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid)
		_exit(__vtest_dma(self->fd, VTEST_DMA_KTHREAD, IOVA, 8) ? 1 :
		      0);
	EXPECT_EQ(0, vfio_child_wait(pid, 10000));
}

TEST_F(access, copy_after_the_process)
{
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid)
		_exit(__vfio_map(self->u.container, self->mem, IOVA,
				 self->page) ? 1 : 0);
	ASSERT_EQ(0, vfio_child_wait(pid, 10000));
	/* who has mapped is gone, and so is the memory */
	EXPECT_ERR(EPERM, __vtest_dma(self->fd, VTEST_DMA_KTHREAD, IOVA, 8));
	EXPECT_ERR(EPERM, __vtest_dma(self->fd, 0, IOVA, 8));
	EXPECT_LT(__vtest_pin(self->fd, IOVA, 1, VTEST_PROT_READ), 0);
	/* but anybody may unmap */
	vfio_unmap(self->u.container, IOVA, self->page);
}

TEST_F(access, pins)
{
	struct vtest_pin pin = {
		.argsz = sizeof(pin),
		.iova = IOVA,
		.npages = NR_PAGES,
		.prot = VTEST_PROT_RW,
	};
	uint64_t pfns[NR_PAGES], again[NR_PAGES];
	int i;

	vfio_map(self->u.container, self->mem, IOVA, NR_PAGES * self->page);
	pin.pfns = (uintptr_t)pfns;
	EXPECT_EQ(NR_PAGES, __vfio_ioctl(self->fd, VTEST_PIN, &pin));
	for (i = 0; i < NR_PAGES; i++)
		EXPECT_NE(0, pfns[i]);
	/* a second time: the same pages */
	pin.pfns = (uintptr_t)again;
	EXPECT_EQ(NR_PAGES, __vfio_ioctl(self->fd, VTEST_PIN, &pin));
	EXPECT_EQ(0, memcmp(pfns, again, sizeof(pfns)));
	EXPECT_OK(__vtest_unpin(self->fd, IOVA, NR_PAGES));
	EXPECT_OK(__vtest_unpin(self->fd, IOVA, NR_PAGES));
	EXPECT_ERR(ENOENT, __vtest_unpin(self->fd, IOVA, 1));
}

TEST_F(access, pin_needs_a_mapping)
{
	size_t page = self->page;

	EXPECT_ERR(EINVAL, __vtest_pin(self->fd, IOVA, 1, VTEST_PROT_READ));
	vfio_map(self->u.container, self->mem, IOVA, 2 * page);
	EXPECT_ERR(EINVAL, __vtest_pin(self->fd, IOVA - page, 1,
				       VTEST_PROT_READ));
	EXPECT_ERR(EINVAL, __vtest_pin(self->fd, IOVA + 2 * page, 1,
				       VTEST_PROT_READ));
	/* all or nothing, so that unmapping finds nothing pinned */
	EXPECT_ERR(EINVAL, __vtest_pin(self->fd, IOVA + page, 2,
				       VTEST_PROT_READ));
	EXPECT_ERR(EINVAL, __vtest_pin(self->fd, IOVA - page, 2,
				       VTEST_PROT_READ));
	vfio_unmap(self->u.container, IOVA, 2 * page);
}

TEST_F(access, pin_across_mappings)
{
	size_t page = self->page;

	vfio_map(self->u.container, self->mem, IOVA, page);
	vfio_map(self->u.container, self->mem + 4 * page, IOVA + page, page);
	EXPECT_EQ(2, __vtest_pin(self->fd, IOVA, 2, VTEST_PROT_RW));
	EXPECT_OK(__vtest_unpin(self->fd, IOVA, 2));
}

TEST_F(access, pin_permissions)
{
	size_t page = self->page;

	access_map(self->u.container, R, self->mem, IOVA, page);
	access_map(self->u.container, W, self->mem, IOVA + page, page);
	access_map(self->u.container, RW, self->mem, IOVA + 2 * page, page);
	EXPECT_EQ(1, __vtest_pin(self->fd, IOVA, 1, VTEST_PROT_READ));
	EXPECT_ERR(EPERM, __vtest_pin(self->fd, IOVA, 1, VTEST_PROT_WRITE));
	EXPECT_ERR(EPERM, __vtest_pin(self->fd, IOVA, 1, VTEST_PROT_RW));
	EXPECT_ERR(EPERM, __vtest_pin(self->fd, IOVA + page, 1,
				      VTEST_PROT_READ));
	EXPECT_EQ(1, __vtest_pin(self->fd, IOVA + page, 1, VTEST_PROT_WRITE));
	EXPECT_EQ(1, __vtest_pin(self->fd, IOVA + 2 * page, 1, VTEST_PROT_RW));
	/* a run that one page of spoils */
	EXPECT_ERR(EPERM, __vtest_pin(self->fd, IOVA, 3, VTEST_PROT_READ));
	EXPECT_OK(__vtest_unpin(self->fd, IOVA, 3));
}

TEST_F(access, pin_counts)
{
	size_t page = self->page, size = (PIN_MAX + 1) * page;
	char *mem = vfio_mem_alloc(size);

	vfio_map(self->u.container, mem, IOVA, size);
	EXPECT_EQ(PIN_MAX, __vtest_pin(self->fd, IOVA, PIN_MAX,
				       VTEST_PROT_RW));
	EXPECT_ERR(E2BIG, __vtest_pin(self->fd, IOVA, PIN_MAX + 1,
				      VTEST_PROT_RW));
	EXPECT_OK(__vtest_unpin(self->fd, IOVA, PIN_MAX));
	vfio_unmap(self->u.container, IOVA, size);
	vfio_mem_free(mem, size);
}

TEST_F(access, pin_faults)
{
	size_t page = self->page;
	char *mem = vfio_guard_alloc(page);

	vfio_map(self->u.container, mem, IOVA, 2 * page);
	EXPECT_EQ(1, __vtest_pin(self->fd, IOVA, 1, VTEST_PROT_RW));
	EXPECT_ERR(EFAULT, __vtest_pin(self->fd, IOVA + page, 1,
				       VTEST_PROT_RW));
	EXPECT_ERR(EFAULT, __vtest_pin(self->fd, IOVA, 2, VTEST_PROT_RW));
	EXPECT_OK(__vtest_unpin(self->fd, IOVA, 1));
	EXPECT_ERR(ENOENT, __vtest_unpin(self->fd, IOVA, 1));
	vfio_unmap(self->u.container, IOVA, 2 * page);
	vfio_guard_free(mem, page);
}

TEST_F(access, pin_at_the_end_of_the_address_space)
{
	vfio_map(self->u.container, self->mem, LAST_PAGE - self->page,
		 2 * self->page);
	EXPECT_EQ(2, __vtest_pin(self->fd, LAST_PAGE - self->page, 2,
				 VTEST_PROT_RW));
	EXPECT_ERR(EINVAL, __vtest_pin(self->fd, LAST_PAGE, 2, VTEST_PROT_RW));
	EXPECT_OK(__vtest_unpin(self->fd, LAST_PAGE - self->page, 2));
	vfio_unmap(self->u.container, LAST_PAGE - self->page, 2 * self->page);
}

TEST_F(access, pin_by_another_process_gets_the_mappers_memory)
{
	pid_t pid;

	self->mem[0] = 1;
	vfio_map(self->u.container, self->mem, IOVA, self->page);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid)
		_exit(__vtest_pin(self->fd, IOVA, 1, VTEST_PROT_RW) == 1 ? 0 :
		      1);
	EXPECT_EQ(0, vfio_child_wait(pid, 10000));
	EXPECT_OK(__vtest_unpin(self->fd, IOVA, 1));
}

TEST_F(access, unmap_makes_the_driver_unpin)
{
	struct vtest_stats stats;

	vfio_map(self->u.container, self->mem, IOVA, NR_PAGES * self->page);
	ASSERT_EQ(4, __vtest_pin(self->fd, IOVA, 4, VTEST_PROT_RW));
	vfio_unmap(self->u.container, IOVA, NR_PAGES * self->page);
	vtest_stats(self->fd, &stats);
	EXPECT_GE(stats.out_dma_unmap, 1);
	EXPECT_EQ(0, stats.out_pinned_pages);
	EXPECT_ERR(ENOENT, __vtest_unpin(self->fd, IOVA, 1));
}

TEST(type1_v1_has_no_pins)
{
	size_t page = vfio_page_size();
	struct vfio_user u;
	char *mem;

	vfio_user_open_type(&u, "vtest0", "vtest-own", VFIO_TYPE1_IOMMU);
	mem = vfio_mem_alloc(page);
	vfio_map(u.container, mem, IOVA, page);
	EXPECT_ERR(EACCES, __vtest_pin(u.device, IOVA, 1, VTEST_PROT_READ));
	EXPECT_OK(__vtest_dma(u.device, 0, IOVA, 8));
	EXPECT_OK(__vtest_dma(u.device, VTEST_DMA_WRITE, IOVA, 8));
	vfio_user_close(&u);
	vfio_mem_free(mem, page);
}

TEST(devices_of_a_container_share_its_mappings)
{
	size_t page = vfio_page_size();
	struct vfio_user a, b;
	char *mem, buf[64];

	vfio_user_open(&a, "vtest0", "vtest-own");
	vfio_user_open_in(&b, "vtest1", "vtest-own", a.container);
	mem = vfio_mem_alloc(page);
	vfio_map(a.container, mem, IOVA, page);
	vfio_pattern_fill(buf, sizeof(buf), 4);
	vtest_ram_write(a.device, buf, sizeof(buf));
	ASSERT_OK(__vtest_dma(a.device, VTEST_DMA_WRITE, IOVA, sizeof(buf)));
	ASSERT_OK(__vtest_dma(b.device, 0, IOVA, sizeof(buf)));
	vtest_ram_read(b.device, buf, sizeof(buf));
	EXPECT_TRUE(vfio_pattern_matches(buf, sizeof(buf), 4));
	EXPECT_EQ(1, __vtest_pin(a.device, IOVA, 1, VTEST_PROT_RW));
	EXPECT_EQ(1, __vtest_pin(b.device, IOVA, 1, VTEST_PROT_RW));
	/* each has its own pins */
	EXPECT_OK(__vtest_unpin(a.device, IOVA, 1));
	EXPECT_ERR(ENOENT, __vtest_unpin(a.device, IOVA, 1));
	vfio_unmap(a.container, IOVA, page);
	EXPECT_ERR(ENOENT, __vtest_unpin(b.device, IOVA, 1));
	vfio_user_close(&b);
	vfio_user_close(&a);
	vfio_mem_free(mem, page);
}

TEST_HARNESS_MAIN
