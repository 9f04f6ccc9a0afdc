// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM's VFIO device
 *
 * What KVM asks of us by symbol name: is this file ours, here is a VM.  A
 * device that is open when its group has a VM keeps that VM alive until it is
 * closed, which shows in KVM's debugfs directory.
 */
#include "vfio_harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/eventfd.h>

#define KVM_DEBUGFS	"/sys/kernel/debug/kvm"

FIXTURE(kvm) {
	struct vfio_user u;
	int kvm;
	int vm;
	int dev;
};

static int kvm_open(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (__vfio_module_load("kvm_amd", NULL))
		__vfio_module_load("kvm_intel", NULL);
	return open("/dev/kvm", O_RDWR | O_CLOEXEC);
}

/*
 * The first VM and the end of the last have the kernel rewrite code that other
 * processors run, which an emulator may not survive: one stays.
 */
static void __attribute__((constructor)) kvm_keep_one(void)
{
	int kvm = kvm_open();

	if (kvm >= 0)
		__vfio_ioctl_nr(kvm, KVM_CREATE_VM, 0);
}

static int kvm_create_device(int vm)
{
	struct kvm_create_device create = { .type = KVM_DEV_TYPE_VFIO };
	int ret = __vfio_ioctl(vm, KVM_CREATE_DEVICE, &create);

	return ret ? ret : (int)create.fd;
}

FIXTURE_SETUP(kvm)
{
	self->u = (struct vfio_user){ .container = -1, .group = -1,
				      .device = -1 };
	self->kvm = kvm_open();
	if (self->kvm < 0)
		SKIP(return, "no /dev/kvm");
	self->vm = __vfio_ioctl_nr(self->kvm, KVM_CREATE_VM, 0);
	ASSERT_GE(self->vm, 0);
	self->dev = kvm_create_device(self->vm);
	ASSERT_GE(self->dev, 0);

	vfio_need_parent("mram");
	vfio_mdev_create("mram", "mram-1", self->u.uuid);
	self->u.group_nr = vfio_mdev_group(self->u.uuid);
	self->u.container = vfio_container_open();
	self->u.group = vfio_group_open(self->u.group_nr);
	vfio_group_set_container(self->u.group, self->u.container);
	vfio_container_set_iommu(self->u.container, VFIO_TYPE1v2_IOMMU);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

FIXTURE_TEARDOWN(kvm)
{
	if (self->kvm < 0)
		return;
	vfio_user_close_fds(&self->u);
	close_fd(&self->dev);
	close_fd(&self->vm);
	close_fd(&self->kvm);
	vfio_mdev_cleanup();
}

static int __kvm_attr(int dev, uint64_t attr, const int32_t *fd)
{
	struct kvm_device_attr da = {
		.group = KVM_DEV_VFIO_FILE,
		.attr = attr,
		.addr = (uintptr_t)fd,
	};

	return __vfio_ioctl(dev, KVM_SET_DEVICE_ATTR, &da);
}

static int __kvm_add(int dev, int32_t fd)
{
	return __kvm_attr(dev, KVM_DEV_VFIO_FILE_ADD, &fd);
}

static int __kvm_del(int dev, int32_t fd)
{
	return __kvm_attr(dev, KVM_DEV_VFIO_FILE_DEL, &fd);
}

/* Is a VM that this process made alive? */
static bool kvm_vm_alive(void)
{
	char prefix[32];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(prefix, sizeof(prefix), "%d-", getpid());
	dir = opendir(KVM_DEBUGFS);
	if (!dir)
		VFIO_FAIL("no " KVM_DEBUGFS);
	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, prefix, strlen(prefix)))
			found = true;
	closedir(dir);
	return found;
}

TEST_F(kvm, add_and_delete)
{
	EXPECT_OK(__kvm_add(self->dev, self->u.group));
	EXPECT_ERR(EEXIST, __kvm_add(self->dev, self->u.group));
	EXPECT_OK(__kvm_del(self->dev, self->u.group));
	EXPECT_ERR(ENOENT, __kvm_del(self->dev, self->u.group));
	EXPECT_OK(__kvm_add(self->dev, self->u.group));
}

TEST_F(kvm, errors)
{
	int fd = eventfd(0, 0);

	EXPECT_ERR(EBADF, __kvm_add(self->dev, -1));
	EXPECT_ERR(EBADF, __kvm_add(self->dev, 4000));
	EXPECT_ERR(EBADF, __kvm_del(self->dev, -1));
	EXPECT_ERR(EINVAL, __kvm_add(self->dev, fd));
	EXPECT_ERR(ENOENT, __kvm_del(self->dev, fd));
	/* a container is VFIO, but neither group nor device */
	EXPECT_ERR(EINVAL, __kvm_add(self->dev, self->u.container));
	EXPECT_ERR(EINVAL, __kvm_add(self->dev, self->vm));
	EXPECT_ERR(EFAULT, __kvm_attr(self->dev, KVM_DEV_VFIO_FILE_ADD,
				      NULL));
	EXPECT_ERR(ENXIO, __kvm_attr(self->dev, 99, &fd));
	EXPECT_ERR(EBUSY, kvm_create_device(self->vm));
	close(fd);
}

TEST_F(kvm, device_file_is_valid_too)
{
	self->u.device = vfio_group_get_device(self->u.group, self->u.uuid);
	EXPECT_OK(__kvm_add(self->dev, self->u.device));
	EXPECT_ERR(EEXIST, __kvm_add(self->dev, self->u.device));
	EXPECT_OK(__kvm_add(self->dev, self->u.group));
	EXPECT_OK(__kvm_del(self->dev, self->u.device));
}

TEST_F(kvm, open_device_keeps_the_vm)
{
	ASSERT_OK(__kvm_add(self->dev, self->u.group));
	self->u.device = vfio_group_get_device(self->u.group, self->u.uuid);
	close_fd(&self->dev);
	close_fd(&self->vm);
	EXPECT_TRUE(kvm_vm_alive());
	close_fd(&self->u.device);
	EXPECT_TRUE(VFIO_WAIT(!kvm_vm_alive(), 3000));
}

TEST_F(kvm, second_open_keeps_the_vm_too)
{
	int second;

	ASSERT_OK(__kvm_add(self->dev, self->u.group));
	self->u.device = vfio_group_get_device(self->u.group, self->u.uuid);
	second = vfio_group_get_device(self->u.group, self->u.uuid);
	close_fd(&self->dev);
	close_fd(&self->vm);
	close_fd(&self->u.device);
	EXPECT_TRUE(kvm_vm_alive());
	close(second);
	EXPECT_TRUE(VFIO_WAIT(!kvm_vm_alive(), 3000));
}

TEST_F(kvm, added_after_open_is_not_kept)
{
	self->u.device = vfio_group_get_device(self->u.group, self->u.uuid);
	ASSERT_OK(__kvm_add(self->dev, self->u.group));
	close_fd(&self->dev);
	close_fd(&self->vm);
	EXPECT_TRUE(VFIO_WAIT(!kvm_vm_alive(), 3000));
	/* the device does not mind */
	ASSERT_OK(__vfio_ioctl_nr(self->u.device, VFIO_DEVICE_RESET, 0));
}

TEST_F(kvm, vm_that_is_gone_is_forgotten)
{
	int i;

	ASSERT_OK(__kvm_add(self->dev, self->u.group));
	close_fd(&self->dev);
	close_fd(&self->vm);
	EXPECT_TRUE(VFIO_WAIT(!kvm_vm_alive(), 3000));
	for (i = 0; i < 3; i++) {
		self->u.device = vfio_group_get_device(self->u.group,
						       self->u.uuid);
		close_fd(&self->u.device);
	}
}

TEST_F(kvm, deleted_while_open)
{
	ASSERT_OK(__kvm_add(self->dev, self->u.group));
	self->u.device = vfio_group_get_device(self->u.group, self->u.uuid);
	EXPECT_OK(__kvm_del(self->dev, self->u.group));
	close_fd(&self->dev);
	close_fd(&self->vm);
	/* the reference is the open device's */
	EXPECT_TRUE(kvm_vm_alive());
	close_fd(&self->u.device);
	EXPECT_TRUE(VFIO_WAIT(!kvm_vm_alive(), 3000));
}

TEST_F(kvm, group_stays_open_in_the_vm)
{
	int group = self->u.group;

	ASSERT_OK(__kvm_add(self->dev, group));
	close_fd(&self->u.group);
	EXPECT_ERR(EBUSY, __vfio_group_open(self->u.group_nr));
	close_fd(&self->dev);
	self->u.group = vfio_group_open(self->u.group_nr);
}

TEST_F(kvm, removal_lets_the_vm_go)
{
	ASSERT_OK(__kvm_add(self->dev, self->u.group));
	self->u.device = vfio_group_get_device(self->u.group, self->u.uuid);
	vfio_mdev_set_grace(self->u.uuid, 0);
	vfio_mdev_remove(self->u.uuid);
	/* the files are open still, and mean nothing */
	EXPECT_OK(__kvm_del(self->dev, self->u.group));
	close_fd(&self->dev);
	close_fd(&self->vm);
	EXPECT_TRUE(VFIO_WAIT(!kvm_vm_alive(), 3000));
	EXPECT_ERR(ENODEV, __vfio_ioctl_nr(self->u.device, VFIO_DEVICE_RESET,
					   0));
}

TEST_F(kvm, removed_device_can_be_added)
{
	self->u.device = vfio_group_get_device(self->u.group, self->u.uuid);
	vfio_mdev_set_grace(self->u.uuid, 0);
	vfio_mdev_remove(self->u.uuid);
	EXPECT_OK(__kvm_add(self->dev, self->u.group));
	EXPECT_OK(__kvm_del(self->dev, self->u.group));
}

TEST_HARNESS_MAIN
