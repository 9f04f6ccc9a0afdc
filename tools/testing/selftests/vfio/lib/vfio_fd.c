// SPDX-License-Identifier: GPL-2.0-only
/*
 * Selftests: containers, groups, devices and their ioctls
 */
#include "vfio_lib.h"

#include <fcntl.h>
#include <sys/ioctl.h>

int __vfio_ioctl_nr(int fd, unsigned long cmd, unsigned long arg)
{
	int ret = ioctl(fd, cmd, arg);

	return ret < 0 ? -errno : ret;
}

int __vfio_ioctl(int fd, unsigned long cmd, const void *arg)
{
	return __vfio_ioctl_nr(fd, cmd, (unsigned long)arg);
}

int vfio_ioctl(int fd, unsigned long cmd, const void *arg)
{
	int ret = __vfio_ioctl(fd, cmd, arg);

	if (ret < 0)
		VFIO_FAIL("ioctl %#lx: %s", cmd, strerror(-ret));
	return ret;
}

/*
 * Containers and groups
 */

int __vfio_container_open(void)
{
	int fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int vfio_container_open(void)
{
	int fd = __vfio_container_open();

	if (fd < 0)
		VFIO_FAIL("cannot open a container: %s", strerror(-fd));
	return fd;
}

int __vfio_group_open(int nr)
{
	char path[VFIO_PATH_LEN];
	int fd;

	snprintf(path, sizeof(path), "/dev/vfio/%d", nr);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int vfio_group_open(int nr)
{
	int fd = __vfio_group_open(nr);

	if (fd < 0)
		VFIO_FAIL("cannot open group %d: %s", nr, strerror(-fd));
	return fd;
}

int __vfio_group_status(int group)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	int ret;

	ret = __vfio_ioctl(group, VFIO_GROUP_GET_STATUS, &status);
	return ret < 0 ? ret : (int)status.flags;
}

int vfio_group_status(int group)
{
	int ret = __vfio_group_status(group);

	if (ret < 0)
		VFIO_FAIL("group status: %s", strerror(-ret));
	return ret;
}

int __vfio_group_set_container(int group, int container)
{
	return __vfio_ioctl(group, VFIO_GROUP_SET_CONTAINER, &container);
}

void vfio_group_set_container(int group, int container)
{
	vfio_ioctl(group, VFIO_GROUP_SET_CONTAINER, &container);
}

int __vfio_group_unset_container(int group)
{
	return __vfio_ioctl(group, VFIO_GROUP_UNSET_CONTAINER, NULL);
}

void vfio_group_unset_container(int group)
{
	vfio_ioctl(group, VFIO_GROUP_UNSET_CONTAINER, NULL);
}

int __vfio_container_set_iommu(int container, unsigned long type)
{
	return __vfio_ioctl_nr(container, VFIO_SET_IOMMU, type);
}

void vfio_container_set_iommu(int container, unsigned long type)
{
	int ret = __vfio_container_set_iommu(container, type);

	if (ret)
		VFIO_FAIL("SET_IOMMU %lu: %s", type, strerror(-ret));
}

int __vfio_group_get_device(int group, const char *name)
{
	return __vfio_ioctl(group, VFIO_GROUP_GET_DEVICE_FD, name);
}

int vfio_group_get_device(int group, const char *name)
{
	return vfio_ioctl(group, VFIO_GROUP_GET_DEVICE_FD, name);
}

/*
 * All of it together
 */

static void user_open(struct vfio_user *u, const char *parent,
		      const char *type, int container, unsigned long iommu)
{
	vfio_need_parent(parent);
	vfio_mdev_create(parent, type, u->uuid);
	u->group_nr = vfio_mdev_group(u->uuid);
	u->container = -1;
	if (container < 0) {
		container = vfio_container_open();
		u->container = container;
	}
	u->group = vfio_group_open(u->group_nr);
	vfio_group_set_container(u->group, container);
	if (u->container >= 0)
		vfio_container_set_iommu(container, iommu);
	u->device = vfio_group_get_device(u->group, u->uuid);
}

void vfio_user_open(struct vfio_user *u, const char *parent, const char *type)
{
	user_open(u, parent, type, -1, VFIO_TYPE1v2_IOMMU);
}

void vfio_user_open_in(struct vfio_user *u, const char *parent,
		       const char *type, int container)
{
	user_open(u, parent, type, container, 0);
}

void vfio_user_open_type(struct vfio_user *u, const char *parent,
			 const char *type, unsigned long iommu)
{
	user_open(u, parent, type, -1, iommu);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void vfio_user_close_fds(struct vfio_user *u)
{
	close_fd(&u->device);
	close_fd(&u->group);
	close_fd(&u->container);
}

void vfio_user_close(struct vfio_user *u)
{
	vfio_user_close_fds(u);
	if (vfio_mdev_exists(u->uuid))
		vfio_mdev_remove(u->uuid);
}

/*
 * Type 1
 */

int __vfio_map_flags(int container, uint32_t flags, const void *vaddr,
		     uint64_t iova, uint64_t size)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = flags,
		.vaddr = (uintptr_t)vaddr,
		.iova = iova,
		.size = size,
	};

	return __vfio_ioctl(container, VFIO_IOMMU_MAP_DMA, &map);
}

int __vfio_map(int container, const void *vaddr, uint64_t iova, uint64_t size)
{
	return __vfio_map_flags(container, VFIO_DMA_MAP_FLAG_READ |
				VFIO_DMA_MAP_FLAG_WRITE, vaddr, iova, size);
}

void vfio_map(int container, const void *vaddr, uint64_t iova, uint64_t size)
{
	int ret = __vfio_map(container, vaddr, iova, size);

	if (ret)
		VFIO_FAIL("cannot map %#llx at %#llx: %s",
			  (unsigned long long)size, (unsigned long long)iova,
			  strerror(-ret));
}

int __vfio_unmap_flags(int container, uint32_t flags, uint64_t iova,
		       uint64_t size, uint64_t *unmapped)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.flags = flags,
		.iova = iova,
		.size = size,
	};
	int ret;

	ret = __vfio_ioctl(container, VFIO_IOMMU_UNMAP_DMA, &unmap);
	if (unmapped)
		*unmapped = unmap.size;
	return ret;
}

int __vfio_unmap(int container, uint64_t iova, uint64_t size,
		 uint64_t *unmapped)
{
	return __vfio_unmap_flags(container, 0, iova, size, unmapped);
}

void vfio_unmap(int container, uint64_t iova, uint64_t size)
{
	uint64_t unmapped;
	int ret = __vfio_unmap(container, iova, size, &unmapped);

	if (ret || unmapped != size)
		VFIO_FAIL("cannot unmap %#llx at %#llx: %s, %#llx gone",
			  (unsigned long long)size, (unsigned long long)iova,
			  strerror(-ret), (unsigned long long)unmapped);
}

void vfio_unmap_all(int container)
{
	int ret = __vfio_unmap_flags(container, VFIO_DMA_UNMAP_FLAG_ALL, 0, 0,
				     NULL);

	if (ret)
		VFIO_FAIL("cannot unmap all: %s", strerror(-ret));
}

/*
 * Devices
 */

void vfio_device_info(int device, struct vfio_device_info *info)
{
	memset(info, 0, sizeof(*info));
	info->argsz = sizeof(*info);
	vfio_ioctl(device, VFIO_DEVICE_GET_INFO, info);
}

int __vfio_region_info(int device, uint32_t index,
		       struct vfio_region_info *info)
{
	memset(info, 0, sizeof(*info));
	info->argsz = sizeof(*info);
	info->index = index;
	return __vfio_ioctl(device, VFIO_DEVICE_GET_REGION_INFO, info);
}

void vfio_region_info(int device, uint32_t index,
		      struct vfio_region_info *info)
{
	int ret = __vfio_region_info(device, index, info);

	if (ret)
		VFIO_FAIL("region %u: %s", index, strerror(-ret));
}

struct vfio_region_info *vfio_region_info_caps(int device, uint32_t index)
{
	struct vfio_region_info info, *full;

	vfio_region_info(device, index, &info);
	full = calloc(1, info.argsz);
	if (!full)
		VFIO_FAIL("no memory");
	full->argsz = info.argsz;
	full->index = index;
	vfio_ioctl(device, VFIO_DEVICE_GET_REGION_INFO, full);
	return full;
}

const struct vfio_info_cap_header *vfio_find_cap(const void *info,
						 uint32_t cap_offset,
						 uint16_t id)
{
	const struct vfio_info_cap_header *header;

	while (cap_offset) {
		header = (const void *)((const char *)info + cap_offset);
		if (header->id == id)
			return header;
		cap_offset = header->next;
	}
	return NULL;
}

int __vfio_irq_info(int device, uint32_t index, struct vfio_irq_info *info)
{
	memset(info, 0, sizeof(*info));
	info->argsz = sizeof(*info);
	info->index = index;
	return __vfio_ioctl(device, VFIO_DEVICE_GET_IRQ_INFO, info);
}

void vfio_irq_info(int device, uint32_t index, struct vfio_irq_info *info)
{
	int ret = __vfio_irq_info(device, index, info);

	if (ret)
		VFIO_FAIL("interrupt index %u: %s", index, strerror(-ret));
}

int __vfio_set_irqs(int device, uint32_t flags, uint32_t index, uint32_t start,
		    uint32_t count, const void *data, size_t data_len)
{
	struct vfio_irq_set *set;
	int ret;

	set = calloc(1, sizeof(*set) + data_len);
	if (!set)
		VFIO_FAIL("no memory");
	set->argsz = sizeof(*set) + data_len;
	set->flags = flags;
	set->index = index;
	set->start = start;
	set->count = count;
	if (data_len)
		memcpy(set->data, data, data_len);
	ret = __vfio_ioctl(device, VFIO_DEVICE_SET_IRQS, set);
	free(set);
	return ret;
}

int __vfio_set_trigger(int device, uint32_t index, uint32_t vector, int fd)
{
	int32_t data = fd;

	return __vfio_set_irqs(device, VFIO_IRQ_SET_DATA_EVENTFD |
			       VFIO_IRQ_SET_ACTION_TRIGGER, index, vector, 1,
			       &data, sizeof(data));
}

int __vfio_disable_irqs(int device, uint32_t index)
{
	return __vfio_set_irqs(device, VFIO_IRQ_SET_DATA_NONE |
			       VFIO_IRQ_SET_ACTION_TRIGGER, index, 0, 0, NULL,
			       0);
}

int __vfio_feature(int device, uint32_t flags, void *payload, size_t len)
{
	struct vfio_device_feature *feature;
	int ret;

	feature = calloc(1, sizeof(*feature) + len);
	if (!feature)
		VFIO_FAIL("no memory");
	feature->argsz = sizeof(*feature) + len;
	feature->flags = flags;
	if (len)
		memcpy(feature->data, payload, len);
	ret = __vfio_ioctl(device, VFIO_DEVICE_FEATURE, feature);
	if (len)
		memcpy(payload, feature->data, len);
	free(feature);
	return ret;
}
