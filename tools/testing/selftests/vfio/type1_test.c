// SPDX-License-Identifier: GPL-2.0-only
/*
 * The type 1 backend: what is mapped
 *
 * MAP, UNMAP, GET_INFO, and the limits.  Where Linux 6.12 and later kernels
 * differ in an errno it is 6.12's; but the last page of the address space can
 * be mapped, which 6.12 cannot do.  What a device does with the mappings is
 * in access_test.c, dirty pages are in dirty_test.c.
 */
#include "vfio_harness.h"
#include "vtest_ops.h"

#include <sys/mman.h>

#define LAST_PAGE	(0ULL - 4096)
#define RW		(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)

#define DMA_ENTRY_LIMIT \
	"/sys/module/vfio_iommu_type1/parameters/dma_entry_limit"

#define NR_PAGES	64

FIXTURE(type1) {
	struct vfio_user u;
	int fd;
	size_t page;
	char *mem;
};

FIXTURE_VARIANT(type1) {
	unsigned long iommu;
};

FIXTURE_VARIANT_ADD(type1, v2) {
	.iommu = VFIO_TYPE1v2_IOMMU,
};

FIXTURE_VARIANT_ADD(type1, v1) {
	.iommu = VFIO_TYPE1_IOMMU,
};

FIXTURE_VARIANT_ADD(type1, nesting) {
	.iommu = VFIO_TYPE1_NESTING_IOMMU,
};

FIXTURE_SETUP(type1)
{
	vfio_user_open_type(&self->u, "vtest0", "vtest-own", variant->iommu);
	self->fd = self->u.container;
	self->page = vfio_page_size();
	self->mem = vfio_mem_alloc(NR_PAGES * self->page);
}

FIXTURE_TEARDOWN(type1)
{
	vfio_user_close(&self->u);
	vfio_mem_free(self->mem, NR_PAGES * self->page);
}

TEST_F(type1, map_and_unmap)
{
	uint64_t unmapped;

	vfio_map(self->fd, self->mem, 0, self->page);
	vfio_map(self->fd, self->mem, 1ULL << 40, NR_PAGES * self->page);
	vfio_unmap(self->fd, 0, self->page);
	vfio_unmap(self->fd, 1ULL << 40, NR_PAGES * self->page);
	/* nothing there: success, and nothing unmapped */
	EXPECT_OK(__vfio_unmap(self->fd, 0, self->page, &unmapped));
	EXPECT_EQ(0, unmapped);
}

TEST_F(type1, map_errors)
{
	size_t page = self->page;
	char *mem = self->mem;
	const struct {
		uint32_t flags;
		void *vaddr;
		uint64_t iova;
		uint64_t size;
	} bad[] = {
		/* flags */
		{ 0, mem, 0, page },
		{ 1 << 3, mem, 0, page },
		{ RW | 1 << 3, mem, 0, page },
		{ RW | 1U << 31, mem, 0, page },
		{ RW | VFIO_DMA_MAP_FLAG_VADDR, mem, 0, page },
		/* size */
		{ RW, mem, 0, 0 },
		{ RW, mem, 0, 1 },
		{ RW, mem, 0, page - 1 },
		{ RW, mem, 0, page + 1 },
		/* alignment */
		{ RW, mem + 1, 0, page },
		{ RW, mem + page / 2, 0, page },
		{ RW, mem, 1, page },
		{ RW, mem, page / 2, page },
		/* wrapping */
		{ RW, mem, LAST_PAGE, 2 * page },
		{ RW, mem, 2 * page, 0ULL - page },
		{ RW, (void *)(uintptr_t)LAST_PAGE, 0, 2 * page },
	};
	size_t i;

	for (i = 0; i < VFIO_ARRAY_SIZE(bad); i++) {
		EXPECT_ERR(EINVAL, __vfio_map_flags(self->fd, bad[i].flags,
						    bad[i].vaddr, bad[i].iova,
						    bad[i].size))
			TH_LOG("case %zu", i);
	}
	EXPECT_ERR(EFAULT, __vfio_ioctl(self->fd, VFIO_IOMMU_MAP_DMA, NULL));
	/* mapping pins nothing, so the memory need not be there */
	EXPECT_OK(__vfio_map(self->fd, (void *)(uintptr_t)(page * 16), 0,
			     page));
}

TEST_F(type1, map_overlap)
{
	uint64_t page = self->page, at = 16 * page;
	const struct {
		uint64_t iova;
		uint64_t pages;
		int ret;
	} cases[] = {
		{ at, 4, -EEXIST },
		{ at, 1, -EEXIST },
		{ at + 3 * page, 1, -EEXIST },
		{ at + page, 2, -EEXIST },
		{ at - page, 2, -EEXIST },
		{ at + 3 * page, 2, -EEXIST },
		{ at - page, 6, -EEXIST },
		{ at - page, 1, 0 },
		{ at + 4 * page, 1, 0 },
	};
	size_t i;

	vfio_map(self->fd, self->mem, at, 4 * page);
	for (i = 0; i < VFIO_ARRAY_SIZE(cases); i++) {
		EXPECT_EQ(cases[i].ret, __vfio_map(self->fd, self->mem,
						   cases[i].iova,
						   cases[i].pages * page))
			TH_LOG("case %zu", i);
	}
}

TEST_F(type1, unmap_errors)
{
	uint64_t page = self->page;
	const struct {
		uint32_t flags;
		uint64_t iova;
		uint64_t size;
	} bad[] = {
		{ 1 << 3, 0, page },
		{ 1U << 31, 0, page },
		{ 0, 0, 0 },
		{ 0, 0, 1 },
		{ 0, 0, page + 1 },
		{ 0, 1, page },
		{ 0, LAST_PAGE, 2 * page },
		{ 0, 2 * page, 0ULL - page },
		{ VFIO_DMA_UNMAP_FLAG_ALL, page, 0 },
		{ VFIO_DMA_UNMAP_FLAG_ALL, 0, page },
		{ VFIO_DMA_UNMAP_FLAG_ALL, 1, 0 },
		/* dirty tracking is off; argsz has no room for a bitmap */
		{ VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP, 0, page },
	};
	size_t i;

	vfio_map(self->fd, self->mem, 0, page);
	for (i = 0; i < VFIO_ARRAY_SIZE(bad); i++) {
		EXPECT_ERR(EINVAL, __vfio_unmap_flags(self->fd, bad[i].flags,
						      bad[i].iova, bad[i].size,
						      NULL))
			TH_LOG("case %zu", i);
	}
	EXPECT_ERR(EFAULT, __vfio_ioctl(self->fd, VFIO_IOMMU_UNMAP_DMA, NULL));
	/* not one of them has unmapped anything */
	vfio_unmap(self->fd, 0, page);
}

TEST_F(type1, unmap_covers_several)
{
	uint64_t page = self->page, unmapped;

	vfio_map(self->fd, self->mem, page, page);
	vfio_map(self->fd, self->mem, 2 * page, 2 * page);
	vfio_map(self->fd, self->mem, 8 * page, page);
	vfio_map(self->fd, self->mem, 16 * page, page);
	/* holes are fine, also at the ends */
	EXPECT_OK(__vfio_unmap(self->fd, 0, 12 * page, &unmapped));
	EXPECT_EQ(4 * page, unmapped);
	vfio_unmap(self->fd, 16 * page, page);
}

TEST_F(type1, unmap_inside_a_mapping)
{
	uint64_t page = self->page, unmapped = 77;
	bool v1 = variant->iommu == VFIO_TYPE1_IOMMU;

	vfio_map(self->fd, self->mem, 4 * page, 4 * page);
	if (!v1) {
		EXPECT_ERR(EINVAL, __vfio_unmap(self->fd, 4 * page, page,
						NULL));
		EXPECT_ERR(EINVAL, __vfio_unmap(self->fd, 5 * page, page,
						NULL));
		EXPECT_ERR(EINVAL, __vfio_unmap(self->fd, 7 * page, page,
						NULL));
		EXPECT_ERR(EINVAL, __vfio_unmap(self->fd, 0, 5 * page, NULL));
		EXPECT_ERR(EINVAL, __vfio_unmap(self->fd, 6 * page, 10 * page,
						NULL));
		vfio_unmap(self->fd, 4 * page, 4 * page);
		return;
	}
	/* v1: behind the first page nothing happens, with it all goes */
	EXPECT_OK(__vfio_unmap(self->fd, 5 * page, page, &unmapped));
	EXPECT_EQ(0, unmapped);
	EXPECT_OK(__vfio_unmap(self->fd, 6 * page, 10 * page, &unmapped));
	EXPECT_EQ(0, unmapped);
	EXPECT_OK(__vfio_unmap(self->fd, 4 * page, page, &unmapped));
	EXPECT_EQ(4 * page, unmapped);
	vfio_map(self->fd, self->mem, 4 * page, 4 * page);
	EXPECT_OK(__vfio_unmap(self->fd, 0, 5 * page, &unmapped));
	EXPECT_EQ(4 * page, unmapped);
}

TEST_F(type1, unmap_all)
{
	uint64_t page = self->page, unmapped;

	EXPECT_OK(__vfio_unmap_flags(self->fd, VFIO_DMA_UNMAP_FLAG_ALL, 0, 0,
				     &unmapped));
	EXPECT_EQ(0, unmapped);
	vfio_map(self->fd, self->mem, 0, page);
	vfio_map(self->fd, self->mem, 1ULL << 48, 3 * page);
	vfio_map(self->fd, self->mem, LAST_PAGE, page);
	EXPECT_OK(__vfio_unmap_flags(self->fd, VFIO_DMA_UNMAP_FLAG_ALL, 0, 0,
				     &unmapped));
	EXPECT_EQ(5 * page, unmapped);
	EXPECT_OK(__vfio_unmap(self->fd, 0, 2 * page, &unmapped));
	EXPECT_EQ(0, unmapped);
}

TEST_F(type1, end_of_the_address_space)
{
	uint64_t page = self->page, unmapped;

	vfio_map(self->fd, self->mem, LAST_PAGE, page);
	EXPECT_ERR(EEXIST, __vfio_map(self->fd, self->mem, LAST_PAGE, page));
	EXPECT_ERR(EEXIST, __vfio_map(self->fd, self->mem, LAST_PAGE - page,
				      2 * page));
	EXPECT_OK(__vfio_map(self->fd, self->mem, 0, page));
	vfio_unmap(self->fd, LAST_PAGE, page);
	EXPECT_OK(__vfio_unmap(self->fd, LAST_PAGE, page, &unmapped));
	EXPECT_EQ(0, unmapped);

	vfio_map(self->fd, self->mem, LAST_PAGE - 3 * page, 4 * page);
	vfio_unmap(self->fd, LAST_PAGE - 3 * page, 4 * page);

	/* all but the first page, in two steps */
	vfio_map(self->fd, self->mem, LAST_PAGE, page);
	EXPECT_OK(__vfio_unmap(self->fd, page, LAST_PAGE, &unmapped));
	EXPECT_EQ(page, unmapped);
	vfio_unmap(self->fd, 0, page);
}

TEST_F(type1, vaddr_flags)
{
	uint64_t page = self->page;

	/* there is a mediated device: vaddr cannot be taken away */
	EXPECT_ERR(EBUSY, __vfio_unmap_flags(self->fd,
					     VFIO_DMA_UNMAP_FLAG_VADDR, 0,
					     page, NULL));
	vfio_map(self->fd, self->mem, 0, page);
	EXPECT_ERR(EBUSY, __vfio_unmap_flags(self->fd,
					     VFIO_DMA_UNMAP_FLAG_VADDR, 0,
					     page, NULL));
	EXPECT_ERR(EBUSY, __vfio_unmap_flags(self->fd,
					     VFIO_DMA_UNMAP_FLAG_VADDR |
					     VFIO_DMA_UNMAP_FLAG_ALL, 0, 0,
					     NULL));
	/* and so it cannot be given back */
	EXPECT_ERR(EINVAL, __vfio_map_flags(self->fd, VFIO_DMA_MAP_FLAG_VADDR,
					    self->mem, 0, page));
	EXPECT_ERR(ENOENT, __vfio_map_flags(self->fd, VFIO_DMA_MAP_FLAG_VADDR,
					    self->mem, page, page));
	EXPECT_EQ(0, __vfio_ioctl_nr(self->fd, VFIO_CHECK_EXTENSION,
				     VFIO_UPDATE_VADDR));
	vfio_unmap(self->fd, 0, page);
}

TEST_F(type1, unmap_keeps_the_size_when_it_fails)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = 1,
		.size = 4096,
	};

	EXPECT_ERR(EINVAL, __vfio_ioctl(self->fd, VFIO_IOMMU_UNMAP_DMA,
					&unmap));
	EXPECT_EQ(4096, unmap.size);
}

static const void *info_cap(const struct vfio_iommu_type1_info *info,
			    uint16_t id)
{
	return vfio_find_cap(info, info->cap_offset, id);
}

static struct vfio_iommu_type1_info *get_info(int fd)
{
	struct vfio_iommu_type1_info info = { .argsz = sizeof(info) }, *full;

	vfio_ioctl(fd, VFIO_IOMMU_GET_INFO, &info);
	full = calloc(1, info.argsz);
	full->argsz = info.argsz;
	vfio_ioctl(fd, VFIO_IOMMU_GET_INFO, full);
	return full;
}

static uint32_t dma_avail(int fd)
{
	const struct vfio_iommu_type1_info_dma_avail *cap;
	struct vfio_iommu_type1_info *info = get_info(fd);
	uint32_t avail;

	cap = info_cap(info, VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL);
	VFIO_CHECK(cap);
	avail = cap->avail;
	free(info);
	return avail;
}

TEST_F(type1, info)
{
	const struct vfio_iommu_type1_info_cap_migration *mig;
	struct vfio_iommu_type1_info *info = get_info(self->fd);

	EXPECT_EQ(VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS, info->flags);
	/* mediated devices only: every power of two from a page on */
	EXPECT_EQ(~(uint64_t)(self->page - 1), info->iova_pgsizes);
	EXPECT_GE(info->cap_offset, sizeof(*info));
	EXPECT_EQ(0, info->cap_offset % 8);

	mig = info_cap(info, VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION);
	ASSERT_NE(NULL, mig);
	EXPECT_EQ(1, mig->header.version);
	EXPECT_EQ(0, mig->header.next % 8);
	EXPECT_EQ(self->page, mig->pgsize_bitmap);
	EXPECT_EQ(256ULL << 20, mig->max_dirty_bitmap_size);
	EXPECT_EQ(0, mig->flags);
	/* no IOMMU, no limits to the addresses */
	EXPECT_EQ(NULL, info_cap(info, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE));
	free(info);
}

TEST_F(type1, info_argsz_grows)
{
	struct vfio_iommu_type1_info info = { .argsz = sizeof(info) }, *full;
	uint32_t need;

	EXPECT_OK(__vfio_ioctl(self->fd, VFIO_IOMMU_GET_INFO, &info));
	need = info.argsz;
	EXPECT_GT(need, sizeof(info));
	EXPECT_NE(0, info.flags & VFIO_IOMMU_INFO_CAPS);
	EXPECT_EQ(0, info.cap_offset);

	full = calloc(1, need);
	full->argsz = need - 1;
	EXPECT_OK(__vfio_ioctl(self->fd, VFIO_IOMMU_GET_INFO, full));
	EXPECT_EQ(need, full->argsz);
	EXPECT_EQ(0, full->cap_offset);
	EXPECT_OK(__vfio_ioctl(self->fd, VFIO_IOMMU_GET_INFO, full));
	EXPECT_EQ(need, full->argsz);
	EXPECT_NE(0, full->cap_offset);
	free(full);
	EXPECT_ERR(EFAULT, __vfio_ioctl(self->fd, VFIO_IOMMU_GET_INFO, NULL));
}

TEST_F(type1, info_counts_what_is_left)
{
	uint32_t avail = dma_avail(self->fd);
	uint64_t page = self->page;

	vfio_map(self->fd, self->mem, 0, page);
	vfio_map(self->fd, self->mem, page, 4 * page);
	EXPECT_EQ(avail - 2, dma_avail(self->fd));
	EXPECT_ERR(EEXIST, __vfio_map(self->fd, self->mem, 0, page));
	EXPECT_EQ(avail - 2, dma_avail(self->fd));
	vfio_unmap(self->fd, 0, page);
	EXPECT_EQ(avail - 1, dma_avail(self->fd));
	vfio_unmap_all(self->fd);
	EXPECT_EQ(avail, dma_avail(self->fd));
}

/* The limit is read when a backend is made. */
FIXTURE(limit) {
	struct vfio_user u;
	long old;
	size_t page;
	char *mem;
};

FIXTURE_SETUP(limit)
{
	vfio_need_parent("vtest0");
	self->page = vfio_page_size();
	self->mem = vfio_mem_alloc(self->page);
	self->old = vfio_attr_read_long(DMA_ENTRY_LIMIT);
	vfio_attr_write(DMA_ENTRY_LIMIT, "8");
	vfio_user_open(&self->u, "vtest0", "vtest-own");
}

FIXTURE_TEARDOWN(limit)
{
	__vfio_attr_write(DMA_ENTRY_LIMIT, "%ld", self->old);
	vfio_user_close(&self->u);
	vfio_mem_free(self->mem, self->page);
}

TEST_F(limit, is_enforced)
{
	int fd = self->u.container, i;

	EXPECT_EQ(8, dma_avail(fd));
	for (i = 0; i < 8; i++) {
		ASSERT_OK(__vfio_map(fd, self->mem, i * 2 * self->page,
				     self->page));
	}
	EXPECT_EQ(0, dma_avail(fd));
	EXPECT_ERR(ENOSPC, __vfio_map(fd, self->mem, 1ULL << 32, self->page));
	/* an overlap is found out first */
	EXPECT_ERR(EEXIST, __vfio_map(fd, self->mem, 0, self->page));
	vfio_unmap(fd, 0, self->page);
	EXPECT_OK(__vfio_map(fd, self->mem, 1ULL << 32, self->page));
	EXPECT_ERR(ENOSPC, __vfio_map(fd, self->mem, 0, self->page));
}

TEST_F(limit, default_is_65535)
{
	EXPECT_EQ(65535, self->old);
}

TEST(many_mappings)
{
	size_t page = vfio_page_size();
	char *mem;
	struct vfio_user u;
	uint64_t unmapped;
	int i;

	vfio_user_open(&u, "vtest0", "vtest-own");
	mem = vfio_mem_alloc(page);
	/* from both ends and in a scrambled order */
	for (i = 0; i < 4096; i++) {
		ASSERT_OK(__vfio_map(u.container, mem,
				     (uint64_t)(i * 1021 % 4096) * 2 * page,
				     page));
	}
	ASSERT_OK(__vfio_unmap(u.container, 2 * page, 2048 * 2 * page,
			       &unmapped));
	EXPECT_EQ(2048 * page, unmapped);
	ASSERT_OK(__vfio_unmap_flags(u.container, VFIO_DMA_UNMAP_FLAG_ALL, 0,
				     0, &unmapped));
	EXPECT_EQ(2048 * page, unmapped);
	vfio_user_close(&u);
	vfio_mem_free(mem, page);
}

TEST_HARNESS_MAIN
