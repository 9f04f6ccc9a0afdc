// SPDX-License-Identifier: GPL-2.0-only
/*
 * The group: /dev/vfio/N
 *
 * Including the group that has lost its device: it answers -ENODEV, keeps
 * neither UUID nor number, and can still leave its container.
 */
#include "vfio_harness.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define PARENT	"mram"
#define TYPE	"mram-1"

FIXTURE(group) {
	char uuid[VFIO_UUID_LEN];
	int nr;
	int container;
	int fd;
};

FIXTURE_SETUP(group)
{
	vfio_need_parent(PARENT);
	vfio_mdev_create(PARENT, TYPE, self->uuid);
	self->nr = vfio_mdev_group(self->uuid);
	self->container = vfio_container_open();
	self->fd = vfio_group_open(self->nr);
}

FIXTURE_TEARDOWN(group)
{
	if (self->fd >= 0)
		close(self->fd);
	if (self->container >= 0)
		close(self->container);
	vfio_mdev_cleanup();
}

/* Container and backend: devices can be opened. */
static void group_connect(int group, int container)
{
	vfio_group_set_container(group, container);
	vfio_container_set_iommu(container, VFIO_TYPE1v2_IOMMU);
}

TEST_F(group, has_one_opener)
{
	EXPECT_ERR(EBUSY, __vfio_group_open(self->nr));
	close(self->fd);
	self->fd = vfio_group_open(self->nr);
	EXPECT_ERR(EBUSY, __vfio_group_open(self->nr));
}

TEST_F(group, stays_open_by_a_duplicate)
{
	int dup_fd = dup(self->fd);

	ASSERT_GE(dup_fd, 0);
	close(self->fd);
	self->fd = dup_fd;
	EXPECT_ERR(EBUSY, __vfio_group_open(self->nr));
	EXPECT_EQ(VFIO_GROUP_FLAGS_VIABLE, vfio_group_status(dup_fd));
}

TEST_F(group, status_follows_the_container)
{
	EXPECT_EQ(VFIO_GROUP_FLAGS_VIABLE, vfio_group_status(self->fd));
	vfio_group_set_container(self->fd, self->container);
	EXPECT_EQ(VFIO_GROUP_FLAGS_VIABLE | VFIO_GROUP_FLAGS_CONTAINER_SET,
		  vfio_group_status(self->fd));
	vfio_group_unset_container(self->fd);
	EXPECT_EQ(VFIO_GROUP_FLAGS_VIABLE, vfio_group_status(self->fd));
}

TEST_F(group, status_errors)
{
	struct vfio_group_status status = { .argsz = sizeof(status) - 1 };

	EXPECT_ERR(EINVAL,
		   __vfio_ioctl(self->fd, VFIO_GROUP_GET_STATUS, &status));
	status.argsz = 0;
	EXPECT_ERR(EINVAL,
		   __vfio_ioctl(self->fd, VFIO_GROUP_GET_STATUS, &status));
	EXPECT_ERR(EFAULT, __vfio_ioctl(self->fd, VFIO_GROUP_GET_STATUS, NULL));
	/* more than there is, and flags that are an output only */
	status.argsz = 4096;
	status.flags = ~0U;
	EXPECT_OK(__vfio_ioctl(self->fd, VFIO_GROUP_GET_STATUS, &status));
	EXPECT_EQ(VFIO_GROUP_FLAGS_VIABLE, status.flags);
}

TEST_F(group, set_container_errors)
{
	int fd;

	EXPECT_ERR(EFAULT,
		   __vfio_ioctl(self->fd, VFIO_GROUP_SET_CONTAINER, NULL));
	EXPECT_ERR(EBADF, __vfio_group_set_container(self->fd, -1));
	EXPECT_ERR(EBADF, __vfio_group_set_container(self->fd, 4000));
	EXPECT_ERR(EBADFD, __vfio_group_set_container(self->fd, self->fd));
	fd = eventfd(0, 0);
	EXPECT_ERR(EBADFD, __vfio_group_set_container(self->fd, fd));
	close(fd);
	EXPECT_ERR(EBADF, __vfio_group_set_container(self->fd, fd));

	vfio_group_set_container(self->fd, self->container);
	EXPECT_ERR(EINVAL,
		   __vfio_group_set_container(self->fd, self->container));
	/* "there is one" is found out before "that is none" */
	EXPECT_ERR(EINVAL, __vfio_group_set_container(self->fd, self->fd));
}

TEST_F(group, unset_container_errors)
{
	int device;

	EXPECT_ERR(EINVAL, __vfio_group_unset_container(self->fd));
	group_connect(self->fd, self->container);
	device = vfio_group_get_device(self->fd, self->uuid);
	EXPECT_ERR(EBUSY, __vfio_group_unset_container(self->fd));
	close(device);
	EXPECT_OK(__vfio_group_unset_container(self->fd));
	EXPECT_ERR(EINVAL, __vfio_group_unset_container(self->fd));
}

TEST_F(group, unset_container_waits_for_the_last_device_descriptor)
{
	int device, second;

	group_connect(self->fd, self->container);
	device = vfio_group_get_device(self->fd, self->uuid);
	second = vfio_group_get_device(self->fd, self->uuid);
	close(device);
	EXPECT_ERR(EBUSY, __vfio_group_unset_container(self->fd));
	device = dup(second);
	close(second);
	EXPECT_ERR(EBUSY, __vfio_group_unset_container(self->fd));
	close(device);
	EXPECT_OK(__vfio_group_unset_container(self->fd));
}

TEST_F(group, device_needs_container_and_backend)
{
	EXPECT_ERR(EINVAL, __vfio_group_get_device(self->fd, self->uuid));
	vfio_group_set_container(self->fd, self->container);
	EXPECT_ERR(EINVAL, __vfio_group_get_device(self->fd, self->uuid));
	vfio_container_set_iommu(self->container, VFIO_TYPE1v2_IOMMU);
	ASSERT_OK(close(vfio_group_get_device(self->fd, self->uuid)));
}

TEST_F(group, device_names)
{
	char upper[VFIO_UUID_LEN], name[VFIO_UUID_LEN + 1];
	char other[VFIO_UUID_LEN];
	int i;

	group_connect(self->fd, self->container);
	vfio_mdev_create(PARENT, TYPE, other);
	EXPECT_ERR(ENODEV, __vfio_group_get_device(self->fd, other));
	EXPECT_ERR(ENODEV, __vfio_group_get_device(self->fd, ""));
	EXPECT_ERR(ENODEV, __vfio_group_get_device(self->fd, "0000:00:00.0"));

	snprintf(name, sizeof(name), "%s0", self->uuid);
	EXPECT_ERR(ENODEV, __vfio_group_get_device(self->fd, name));
	name[VFIO_UUID_LEN - 2] = '\0';
	EXPECT_ERR(ENODEV, __vfio_group_get_device(self->fd, name));

	for (i = 0; i < VFIO_UUID_LEN; i++)
		upper[i] = self->uuid[i] >= 'a' ? self->uuid[i] - 32 :
						  self->uuid[i];
	if (strcmp(upper, self->uuid))
		EXPECT_ERR(ENODEV, __vfio_group_get_device(self->fd, upper));
}

TEST_F(group, device_name_memory)
{
	size_t page = vfio_page_size();
	char *name;

	group_connect(self->fd, self->container);
	EXPECT_ERR(EFAULT, __vfio_group_get_device(self->fd, NULL));

	/* ends with the memory, and is terminated */
	name = vfio_guard_alloc(VFIO_UUID_LEN);
	memcpy(name, self->uuid, VFIO_UUID_LEN);
	ASSERT_OK(close(vfio_group_get_device(self->fd, name)));
	/* ends with the memory, and is not */
	name[VFIO_UUID_LEN - 1] = 'x';
	EXPECT_ERR(EFAULT, __vfio_group_get_device(self->fd, name));
	vfio_guard_free(name, VFIO_UUID_LEN);

	/* as long as a name may be, and one more */
	name = vfio_guard_alloc(2 * page);
	memset(name, 'x', 2 * page);
	EXPECT_ERR(EINVAL, __vfio_group_get_device(self->fd, name));
	name[page] = '\0';
	EXPECT_ERR(EINVAL, __vfio_group_get_device(self->fd, name));
	name[page - 1] = '\0';
	EXPECT_ERR(ENODEV, __vfio_group_get_device(self->fd, name));
	vfio_guard_free(name, 2 * page);
}

TEST_F(group, device_descriptor_properties)
{
	char path[64], link[64];
	ssize_t len;
	int device;

	group_connect(self->fd, self->container);
	device = vfio_group_get_device(self->fd, self->uuid);
	EXPECT_EQ(FD_CLOEXEC, fcntl(device, F_GETFD));
	EXPECT_EQ(O_RDWR, fcntl(device, F_GETFL) & O_ACCMODE);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", device);
	len = readlink(path, link, sizeof(link) - 1);
	ASSERT_GT(len, 0);
	link[len] = '\0';
	EXPECT_NE(NULL, strstr(link, "[vfio-device]"));
	close(device);
}

TEST_F(group, device_needs_a_free_descriptor)
{
	struct rlimit old, none;

	group_connect(self->fd, self->container);
	ASSERT_OK(getrlimit(RLIMIT_NOFILE, &old));
	none = old;
	none.rlim_cur = 0;
	ASSERT_OK(setrlimit(RLIMIT_NOFILE, &none));
	EXPECT_ERR(EMFILE, __vfio_group_get_device(self->fd, self->uuid));
	ASSERT_OK(setrlimit(RLIMIT_NOFILE, &old));
	/* it is not left open */
	EXPECT_OK(__vfio_group_unset_container(self->fd));
}

TEST_F(group, is_kept_open_by_its_device)
{
	struct vfio_device_info info;
	int device;

	group_connect(self->fd, self->container);
	device = vfio_group_get_device(self->fd, self->uuid);
	close(self->fd);
	self->fd = -1;
	close(self->container);
	self->container = -1;
	vfio_device_info(device, &info);
	EXPECT_ERR(EBUSY, __vfio_group_open(self->nr));
	close(device);
	self->fd = vfio_group_open(self->nr);
	EXPECT_EQ(VFIO_GROUP_FLAGS_VIABLE, vfio_group_status(self->fd));
}

TEST_F(group, unknown_ioctl_is_enotty)
{
	EXPECT_ERR(ENOTTY, __vfio_ioctl_nr(self->fd, _IO(VFIO_TYPE, 250), 0));
	EXPECT_ERR(ENOTTY, __vfio_ioctl_nr(self->fd, VFIO_GET_API_VERSION, 0));
	EXPECT_ERR(ENOTTY, __vfio_ioctl_nr(self->fd, VFIO_CHECK_EXTENSION, 1));
	EXPECT_ERR(ENOTTY, __vfio_ioctl_nr(self->fd, VFIO_IOMMU_MAP_DMA, 0));
	EXPECT_ERR(ENOTTY, __vfio_ioctl_nr(self->fd, VFIO_DEVICE_RESET, 0));
	EXPECT_ERR(ENOTTY, __vfio_ioctl_nr(self->fd, 0, 0));
	EXPECT_ERR(ENOTTY, __vfio_ioctl_nr(self->fd, 0xffffffff, 0));
}

TEST_F(group, has_no_read_write_mmap)
{
	char byte = 0;

	EXPECT_ERRNO(EINVAL, read(self->fd, &byte, 1));
	EXPECT_ERRNO(EINVAL, write(self->fd, &byte, 1));
	EXPECT_ERRNO(ENODEV, (long)mmap(NULL, vfio_page_size(), PROT_READ,
					MAP_SHARED, self->fd, 0));
}

TEST_F(group, leaves_no_node_behind)
{
	char path[64], kept[64];
	struct stat st;
	int ret;

	snprintf(path, sizeof(path), "/dev/vfio/%d", self->nr);
	snprintf(kept, sizeof(kept), "/tmp/vfio-group-%d-%d", self->nr,
		 getpid());
	ASSERT_OK(stat(path, &st));
	ASSERT_TRUE(S_ISCHR(st.st_mode));
	ASSERT_OK(mknod(kept, S_IFCHR | 0600, st.st_rdev));
	close(self->fd);
	self->fd = -1;
	vfio_mdev_remove(self->uuid);
	EXPECT_ERRNO(ENOENT, stat(path, &st));
	/* somebody else's node leads to nothing either */
	ret = open(kept, O_RDWR) < 0 ? errno : 0;
	unlink(kept);
	EXPECT_TRUE(ret == ENODEV || ret == ENXIO)
		TH_LOG("open: %s", strerror(ret));
}

TEST_F(group, dead_without_container)
{
	vfio_mdev_set_grace(self->uuid, 0);
	vfio_mdev_remove(self->uuid);
	EXPECT_ERR(ENODEV, __vfio_group_status(self->fd));
	EXPECT_ERR(ENODEV,
		   __vfio_group_set_container(self->fd, self->container));
	EXPECT_ERR(EINVAL, __vfio_group_unset_container(self->fd));
	EXPECT_ERR(ENODEV, __vfio_group_get_device(self->fd, self->uuid));
	EXPECT_ERR(ENOTTY, __vfio_ioctl_nr(self->fd, _IO(VFIO_TYPE, 250), 0));
}

TEST_F(group, dead_with_container_and_device)
{
	size_t page = vfio_page_size();
	void *mem = vfio_mem_alloc(page);
	struct vfio_device_info info = { .argsz = sizeof(info) };
	int device;

	group_connect(self->fd, self->container);
	vfio_map(self->container, mem, 0, page);
	device = vfio_group_get_device(self->fd, self->uuid);
	vfio_mdev_set_grace(self->uuid, 0);
	vfio_mdev_remove(self->uuid);

	EXPECT_ERR(ENODEV, __vfio_ioctl(device, VFIO_DEVICE_GET_INFO, &info));
	EXPECT_ERR(ENODEV, __vfio_group_status(self->fd));
	EXPECT_ERR(ENODEV, __vfio_group_get_device(self->fd, self->uuid));
	EXPECT_ERR(EINVAL,
		   __vfio_group_set_container(self->fd, self->container));
	/* the container is the user's until the group leaves it */
	vfio_map(self->container, mem, page, page);
	vfio_unmap(self->container, 0, page);
	/* a revoked descriptor counts for nothing */
	EXPECT_OK(__vfio_group_unset_container(self->fd));
	EXPECT_ERR(EINVAL, __vfio_map(self->container, mem, 0, page));
	EXPECT_ERR(EINVAL, __vfio_group_unset_container(self->fd));
	EXPECT_ERR(ENODEV,
		   __vfio_group_set_container(self->fd, self->container));
	close(device);
	EXPECT_ERR(ENODEV, __vfio_group_status(self->fd));
	vfio_mem_free(mem, page);
}

TEST_F(group, dead_is_closed_in_any_order)
{
	int device;

	group_connect(self->fd, self->container);
	device = vfio_group_get_device(self->fd, self->uuid);
	vfio_mdev_set_grace(self->uuid, 0);
	vfio_mdev_remove(self->uuid);
	close(self->container);
	self->container = -1;
	close(self->fd);
	self->fd = -1;
	close(device);
}

TEST_F(group, dead_keeps_neither_uuid_nor_number)
{
	int device, group, container;

	group_connect(self->fd, self->container);
	device = vfio_group_get_device(self->fd, self->uuid);
	vfio_mdev_set_grace(self->uuid, 0);
	vfio_mdev_remove(self->uuid);

	ASSERT_OK(__vfio_mdev_create(PARENT, TYPE, self->uuid));
	container = vfio_container_open();
	group = vfio_group_open(vfio_mdev_group(self->uuid));
	EXPECT_EQ(self->nr, vfio_mdev_group(self->uuid));
	/* the old group is still not the new one */
	EXPECT_ERR(ENODEV, __vfio_group_get_device(self->fd, self->uuid));
	group_connect(group, container);
	ASSERT_OK(close(vfio_group_get_device(group, self->uuid)));
	/* a new device may share the old one's container */
	vfio_group_unset_container(group);
	vfio_group_set_container(group, self->container);
	ASSERT_OK(close(vfio_group_get_device(group, self->uuid)));
	close(group);
	close(container);
	close(device);
}

TEST_HARNESS_MAIN
