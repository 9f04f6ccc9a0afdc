// SPDX-License-Identifier: GPL-2.0-only
/*
 * The container: /dev/vfio/vfio
 *
 * What it answers before it has a backend, how it gets one, and that it can be
 * used again when the last group has left.
 */
#include "vfio_harness.h"

#define PARENT	"mram"
#define TYPE	"mram-1"

#define IOVA	0x10000000ULL

/* What a type 1 backend with mediated devices says to each extension. */
static const struct {
	unsigned long id;
	int without_backend;
	int with_backend;
} extensions[] = {
	{ 0, 0, 0 },
	{ VFIO_TYPE1_IOMMU, 1, 1 },
	{ VFIO_SPAPR_TCE_IOMMU, 0, 0 },
	{ VFIO_TYPE1v2_IOMMU, 1, 1 },
	{ VFIO_DMA_CC_IOMMU, 0, 1 },
	{ VFIO_EEH, 0, 0 },
	{ VFIO_TYPE1_NESTING_IOMMU, 1, 1 },
	{ VFIO_SPAPR_TCE_v2_IOMMU, 0, 0 },
	{ VFIO_NOIOMMU_IOMMU, 0, 0 },
	{ VFIO_UNMAP_ALL, 1, 1 },
	{ VFIO_UPDATE_VADDR, 0, 0 },
	{ 11, 0, 0 },
	{ 0x7fffffff, 0, 0 },
	{ ~0UL, 0, 0 },
};

FIXTURE(container) {
	int fd;
};

FIXTURE_SETUP(container)
{
	vfio_need_parent(PARENT);
	self->fd = vfio_container_open();
}

FIXTURE_TEARDOWN(container)
{
	close(self->fd);
}

TEST_F(container, api_version_is_zero)
{
	EXPECT_EQ(VFIO_API_VERSION, 0);
	EXPECT_EQ(0, __vfio_ioctl_nr(self->fd, VFIO_GET_API_VERSION, 0));
	EXPECT_EQ(0, __vfio_ioctl_nr(self->fd, VFIO_GET_API_VERSION, ~0UL));
}

TEST_F(container, extensions_before_a_backend)
{
	size_t i;

	for (i = 0; i < VFIO_ARRAY_SIZE(extensions); i++) {
		EXPECT_EQ(extensions[i].without_backend,
			  __vfio_ioctl_nr(self->fd, VFIO_CHECK_EXTENSION,
					  extensions[i].id))
			TH_LOG("extension %lu", extensions[i].id);
	}
}

TEST_F(container, set_iommu_needs_a_group)
{
	size_t i;

	for (i = 0; i < VFIO_ARRAY_SIZE(extensions); i++)
		EXPECT_ERR(EINVAL,
			   __vfio_container_set_iommu(self->fd,
						      extensions[i].id));
}

TEST_F(container, backend_ioctls_need_a_backend)
{
	struct vfio_iommu_type1_info info = { .argsz = sizeof(info) };
	struct vfio_iommu_type1_dirty_bitmap dirty = {
		.argsz = sizeof(dirty),
		.flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_START,
	};
	size_t page = vfio_page_size();
	void *mem = vfio_mem_alloc(page);

	EXPECT_ERR(EINVAL, __vfio_map(self->fd, mem, IOVA, page));
	EXPECT_ERR(EINVAL, __vfio_unmap(self->fd, IOVA, page, NULL));
	EXPECT_ERR(EINVAL, __vfio_ioctl(self->fd, VFIO_IOMMU_GET_INFO, &info));
	EXPECT_ERR(EINVAL,
		   __vfio_ioctl(self->fd, VFIO_IOMMU_DIRTY_PAGES, &dirty));
	EXPECT_ERR(EINVAL, __vfio_ioctl(self->fd, VFIO_IOMMU_MAP_DMA, NULL));
	EXPECT_ERR(EINVAL, __vfio_ioctl_nr(self->fd, _IO(VFIO_TYPE, 250), 0));
	EXPECT_ERR(EINVAL, __vfio_ioctl_nr(self->fd, VFIO_DEVICE_RESET, 0));
	vfio_mem_free(mem, page);
}

TEST_F(container, has_no_read_write_mmap)
{
	char byte = 0;

	EXPECT_ERRNO(EINVAL, read(self->fd, &byte, 1));
	EXPECT_ERRNO(EINVAL, write(self->fd, &byte, 1));
	EXPECT_ERRNO(ENODEV, (long)mmap(NULL, vfio_page_size(), PROT_READ,
					MAP_SHARED, self->fd, 0));
}

TEST_F(container, many_are_independent)
{
	int fds[64];
	size_t i;

	for (i = 0; i < VFIO_ARRAY_SIZE(fds); i++)
		fds[i] = vfio_container_open();
	for (i = 0; i < VFIO_ARRAY_SIZE(fds); i++)
		EXPECT_EQ(0, __vfio_ioctl_nr(fds[i], VFIO_GET_API_VERSION, 0));
	for (i = 0; i < VFIO_ARRAY_SIZE(fds); i++)
		close(fds[i]);
}

/* A container with a group in it, no backend yet. */
FIXTURE(backend) {
	char uuid[VFIO_UUID_LEN];
	int container;
	int group;
};

FIXTURE_SETUP(backend)
{
	vfio_need_parent(PARENT);
	vfio_mdev_create(PARENT, TYPE, self->uuid);
	self->container = vfio_container_open();
	self->group = vfio_group_open(vfio_mdev_group(self->uuid));
	vfio_group_set_container(self->group, self->container);
}

FIXTURE_TEARDOWN(backend)
{
	if (self->group >= 0)
		close(self->group);
	if (self->container >= 0)
		close(self->container);
	vfio_mdev_cleanup();
}

TEST_F(backend, group_alone_gives_none)
{
	struct vfio_iommu_type1_info info = { .argsz = sizeof(info) };

	EXPECT_ERR(EINVAL,
		   __vfio_ioctl(self->container, VFIO_IOMMU_GET_INFO, &info));
	EXPECT_EQ(0, __vfio_ioctl_nr(self->container, VFIO_CHECK_EXTENSION,
				     VFIO_DMA_CC_IOMMU));
}

TEST_F(backend, every_type1_can_be_set)
{
	static const unsigned long types[] = {
		VFIO_TYPE1_IOMMU, VFIO_TYPE1v2_IOMMU, VFIO_TYPE1_NESTING_IOMMU,
	};
	struct vfio_iommu_type1_info info;
	size_t i;

	for (i = 0; i < VFIO_ARRAY_SIZE(types); i++) {
		EXPECT_OK(__vfio_container_set_iommu(self->container,
						     types[i]));
		memset(&info, 0, sizeof(info));
		info.argsz = sizeof(info);
		EXPECT_OK(__vfio_ioctl(self->container, VFIO_IOMMU_GET_INFO,
				       &info));
		EXPECT_OK(__vfio_group_unset_container(self->group));
		vfio_group_set_container(self->group, self->container);
	}
}

TEST_F(backend, unknown_types_are_refused)
{
	static const unsigned long types[] = {
		0, VFIO_SPAPR_TCE_IOMMU, VFIO_DMA_CC_IOMMU, VFIO_EEH,
		VFIO_SPAPR_TCE_v2_IOMMU, VFIO_NOIOMMU_IOMMU,
		VFIO_UPDATE_VADDR, 11, 1000, ~0UL,
	};
	size_t i;

	for (i = 0; i < VFIO_ARRAY_SIZE(types); i++) {
		EXPECT_ERR(ENODEV, __vfio_container_set_iommu(self->container,
							      types[i]))
			TH_LOG("type %lu", types[i]);
	}
	/* An extension that type 1 has, but no type of backend. */
	EXPECT_ERR(EINVAL, __vfio_container_set_iommu(self->container,
						      VFIO_UNMAP_ALL));
	/* Nothing of that has left a mark. */
	EXPECT_OK(__vfio_container_set_iommu(self->container,
					     VFIO_TYPE1v2_IOMMU));
}

TEST_F(backend, can_be_set_once)
{
	vfio_container_set_iommu(self->container, VFIO_TYPE1v2_IOMMU);
	EXPECT_ERR(EINVAL, __vfio_container_set_iommu(self->container,
						      VFIO_TYPE1v2_IOMMU));
	EXPECT_ERR(EINVAL, __vfio_container_set_iommu(self->container,
						      VFIO_TYPE1_IOMMU));
	EXPECT_ERR(EINVAL, __vfio_container_set_iommu(self->container, 1000));
}

TEST_F(backend, extensions_with_a_backend)
{
	size_t i;

	vfio_container_set_iommu(self->container, VFIO_TYPE1v2_IOMMU);
	for (i = 0; i < VFIO_ARRAY_SIZE(extensions); i++) {
		EXPECT_EQ(extensions[i].with_backend,
			  __vfio_ioctl_nr(self->container,
					  VFIO_CHECK_EXTENSION,
					  extensions[i].id))
			TH_LOG("extension %lu", extensions[i].id);
	}
}

TEST_F(backend, unknown_ioctl_is_enotty)
{
	vfio_container_set_iommu(self->container, VFIO_TYPE1v2_IOMMU);
	EXPECT_ERR(ENOTTY, __vfio_ioctl_nr(self->container,
					   _IO(VFIO_TYPE, 250), 0));
	EXPECT_ERR(ENOTTY, __vfio_ioctl_nr(self->container,
					   VFIO_GROUP_GET_STATUS, 0));
	EXPECT_ERR(ENOTTY, __vfio_ioctl_nr(self->container,
					   VFIO_IOMMU_ENABLE, 0));
	EXPECT_ERR(ENOTTY, __vfio_ioctl_nr(self->container, 0, 0));
	EXPECT_ERR(ENOTTY, __vfio_ioctl_nr(self->container, 0xffffffff, 0));
}

TEST_F(backend, goes_with_the_last_group)
{
	size_t page = vfio_page_size();
	void *mem = vfio_mem_alloc(page);
	uint64_t unmapped;

	vfio_container_set_iommu(self->container, VFIO_TYPE1v2_IOMMU);
	vfio_map(self->container, mem, IOVA, page);
	vfio_group_unset_container(self->group);

	EXPECT_ERR(EINVAL, __vfio_map(self->container, mem, 0, page));
	EXPECT_ERR(EINVAL, __vfio_container_set_iommu(self->container,
						      VFIO_TYPE1v2_IOMMU));

	/* The next one is new: another type, and nothing mapped. */
	vfio_group_set_container(self->group, self->container);
	EXPECT_ERR(EINVAL, __vfio_map(self->container, mem, 0, page));
	vfio_container_set_iommu(self->container, VFIO_TYPE1_IOMMU);
	EXPECT_OK(__vfio_unmap(self->container, IOVA, page, &unmapped));
	EXPECT_EQ(0, unmapped);
	vfio_map(self->container, mem, IOVA, page);
	vfio_mem_free(mem, page);
}

TEST_F(backend, goes_when_the_group_is_closed)
{
	int nr = vfio_mdev_group(self->uuid);
	size_t page = vfio_page_size();
	void *mem = vfio_mem_alloc(page);

	vfio_container_set_iommu(self->container, VFIO_TYPE1v2_IOMMU);
	vfio_map(self->container, mem, IOVA, page);
	close(self->group);
	EXPECT_ERR(EINVAL, __vfio_map(self->container, mem, 0, page));

	self->group = vfio_group_open(nr);
	EXPECT_EQ(VFIO_GROUP_FLAGS_VIABLE, vfio_group_status(self->group));
	vfio_group_set_container(self->group, self->container);
	vfio_container_set_iommu(self->container, VFIO_TYPE1v2_IOMMU);
	vfio_map(self->container, mem, IOVA, page);
	vfio_mem_free(mem, page);
}

TEST_F(backend, stays_with_another_group)
{
	size_t page = vfio_page_size();
	void *mem = vfio_mem_alloc(page);
	char uuid[VFIO_UUID_LEN];
	int second;

	vfio_container_set_iommu(self->container, VFIO_TYPE1v2_IOMMU);
	vfio_map(self->container, mem, IOVA, page);

	vfio_mdev_create(PARENT, TYPE, uuid);
	second = vfio_group_open(vfio_mdev_group(uuid));
	vfio_group_set_container(second, self->container);
	EXPECT_ERR(EINVAL, __vfio_container_set_iommu(self->container,
						      VFIO_TYPE1v2_IOMMU));

	vfio_group_unset_container(self->group);
	EXPECT_ERR(EEXIST, __vfio_map(self->container, mem, IOVA, page));
	/* and the first may come back to it */
	vfio_group_set_container(self->group, self->container);
	close(second);
	EXPECT_ERR(EEXIST, __vfio_map(self->container, mem, IOVA, page));
	vfio_unmap(self->container, IOVA, page);
	vfio_mem_free(mem, page);
}

TEST_F(backend, two_groups_before_set_iommu)
{
	char uuid[VFIO_UUID_LEN];
	int second, device;

	vfio_mdev_create(PARENT, TYPE, uuid);
	second = vfio_group_open(vfio_mdev_group(uuid));
	vfio_group_set_container(second, self->container);
	vfio_container_set_iommu(self->container, VFIO_TYPE1v2_IOMMU);
	device = vfio_group_get_device(second, uuid);
	close(device);
	device = vfio_group_get_device(self->group, self->uuid);
	close(device);
	close(second);
}

TEST_F(backend, survives_the_containers_descriptor)
{
	int container = self->container, device;

	vfio_container_set_iommu(container, VFIO_TYPE1v2_IOMMU);
	close(container);
	self->container = -1;

	EXPECT_EQ(VFIO_GROUP_FLAGS_VIABLE | VFIO_GROUP_FLAGS_CONTAINER_SET,
		  vfio_group_status(self->group));
	device = vfio_group_get_device(self->group, self->uuid);
	close(device);
	vfio_group_unset_container(self->group);
	EXPECT_ERR(EINVAL, __vfio_group_get_device(self->group, self->uuid));
}

TEST_F(backend, two_containers_share_nothing)
{
	int other = vfio_container_open(), second;
	size_t page = vfio_page_size();
	void *mem = vfio_mem_alloc(page);
	char uuid[VFIO_UUID_LEN];

	vfio_mdev_create(PARENT, TYPE, uuid);
	second = vfio_group_open(vfio_mdev_group(uuid));
	vfio_group_set_container(second, other);
	vfio_container_set_iommu(self->container, VFIO_TYPE1v2_IOMMU);
	vfio_container_set_iommu(other, VFIO_TYPE1v2_IOMMU);

	vfio_map(self->container, mem, IOVA, page);
	vfio_map(other, mem, IOVA, page);
	vfio_unmap(self->container, IOVA, page);
	EXPECT_ERR(EEXIST, __vfio_map(other, mem, IOVA, page));
	close(second);
	close(other);
	vfio_mem_free(mem, page);
}

TEST_HARNESS_MAIN
