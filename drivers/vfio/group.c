// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO groups: /dev/vfio/N
 *
 * A device without an IOMMU of its own gets an IOMMU group that exists only to
 * give user space a number to find it by, alone in it.  The VFIO group behind
 * /dev/vfio/N lives as long as its device is registered, as a node; an open
 * file of it lives on, answers -ENODEV to what needs the device, and can still
 * be detached from its container.  It keeps nothing of the device: neither the
 * number nor the IOMMU group.
 */
#include <linux/cdev.h>
#include <linux/file.h>
#include <linux/idr.h>
#include <linux/iommu.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vfio.h"

static dev_t vfio_group_devt;
static DEFINE_IDA(vfio_group_ida);
static const struct file_operations vfio_group_fops;

static char *vfio_group_devnode(const struct device *dev, umode_t *mode)
{
	return kasprintf(GFP_KERNEL, "vfio/%s", dev_name(dev));
}

static const struct class vfio_group_class = {
	.name = "vfio",
	.devnode = vfio_group_devnode,
};

static void vfio_group_release(struct device *dev)
{
	struct vfio_group *group = container_of(dev, struct vfio_group, dev);

	WARN_ON(group->container);
	WARN_ON(!list_empty(&group->device_list));
	ida_free(&vfio_group_ida, MINOR(group->dev.devt));
	mutex_destroy(&group->device_lock);
	mutex_destroy(&group->group_lock);
	kfree(group);
}

static struct vfio_group *vfio_group_alloc(struct iommu_group *iommu_group,
					   enum vfio_group_type type)
{
	struct vfio_group *group;
	int minor;

	group = kzalloc(sizeof(*group), GFP_KERNEL);
	if (!group)
		return ERR_PTR(-ENOMEM);
	minor = ida_alloc_max(&vfio_group_ida, MINORMASK, GFP_KERNEL);
	if (minor < 0) {
		kfree(group);
		return ERR_PTR(minor);
	}

	device_initialize(&group->dev);
	group->dev.devt = MKDEV(MAJOR(vfio_group_devt), minor);
	group->dev.class = &vfio_group_class;
	group->dev.release = vfio_group_release;
	cdev_init(&group->cdev, &vfio_group_fops);
	group->cdev.owner = THIS_MODULE;
	mutex_init(&group->group_lock);
	mutex_init(&group->device_lock);
	spin_lock_init(&group->kvm_ref_lock);
	INIT_LIST_HEAD(&group->device_list);
	group->type = type;
	group->iommu_group = iommu_group;
	return group;
}

/* Takes over the caller's reference on @iommu_group if it succeeds. */
static struct vfio_group *vfio_group_create(struct iommu_group *iommu_group,
					    enum vfio_group_type type)
{
	struct vfio_group *group;
	int ret;

	group = vfio_group_alloc(iommu_group, type);
	if (IS_ERR(group))
		return group;
	ret = dev_set_name(&group->dev, "%d", iommu_group_id(iommu_group));
	if (ret)
		goto err_put_group;
	ret = cdev_device_add(&group->cdev, &group->dev);
	if (ret)
		goto err_put_group;
	return group;

err_put_group:
	put_device(&group->dev);
	return ERR_PTR(ret);
}

/**
 * vfio_device_set_group() - give a device its group
 * @device: the device
 * @type: VFIO_EMULATED_IOMMU
 *
 * The node exists afterwards; the device is not found through it before
 * vfio_device_group_register().
 *
 * Context: May sleep.
 * Return: 0; -ENOMEM; an errno of the IOMMU or driver core.
 */
int vfio_device_set_group(struct vfio_device *device, enum vfio_group_type type)
{
	struct iommu_group *iommu_group;
	struct vfio_group *group;
	int ret;

	iommu_group = iommu_group_alloc();
	if (IS_ERR(iommu_group))
		return PTR_ERR(iommu_group);
	ret = iommu_group_set_name(iommu_group, "vfio-noiommu");
	if (ret)
		goto err_put_iommu_group;
	ret = iommu_group_add_device(iommu_group, device->dev);
	if (ret)
		goto err_put_iommu_group;

	group = vfio_group_create(iommu_group, type);
	if (IS_ERR(group)) {
		ret = PTR_ERR(group);
		goto err_remove_device;
	}
	device->group = group;
	return 0;

err_remove_device:
	iommu_group_remove_device(device->dev);
err_put_iommu_group:
	iommu_group_put(iommu_group);
	return ret;
}

/**
 * vfio_device_remove_group() - undo vfio_device_set_group()
 * @device: the device, unregistered from the group and closed
 *
 * Context: May sleep.  Takes the group's lock.
 */
void vfio_device_remove_group(struct vfio_device *device)
{
	struct vfio_group *group = device->group;
	struct iommu_group *iommu_group;

	/* The node goes before the number it is named by can be used again. */
	cdev_device_del(&group->cdev, &group->dev);

	mutex_lock(&group->group_lock);
	iommu_group = group->iommu_group;
	group->iommu_group = NULL;
	mutex_unlock(&group->group_lock);

	iommu_group_remove_device(device->dev);
	iommu_group_put(iommu_group);
	device->group = NULL;
	put_device(&group->dev);
}

/**
 * vfio_device_group_register() - make a device one that its group finds
 * @device: the device
 *
 * Context: May sleep.
 */
void vfio_device_group_register(struct vfio_device *device)
{
	mutex_lock(&device->group->device_lock);
	list_add(&device->group_next, &device->group->device_list);
	mutex_unlock(&device->group->device_lock);
}

/**
 * vfio_device_group_unregister() - undo vfio_device_group_register()
 * @device: the device
 *
 * Context: May sleep.
 */
void vfio_device_group_unregister(struct vfio_device *device)
{
	mutex_lock(&device->group->device_lock);
	list_del_init(&device->group_next);
	mutex_unlock(&device->group->device_lock);
}

/* The skin, with a reference, of the device of this name; NULL or ERR_PTR(). */
static struct vfio_skin *vfio_group_find_skin(struct vfio_group *group,
					      char *name)
{
	struct vfio_device *device;
	struct vfio_skin *skin = NULL;
	int ret;

	mutex_lock(&group->device_lock);
	list_for_each_entry(device, &group->device_list, group_next) {
		if (device->ops->match)
			ret = device->ops->match(device, name);
		else
			ret = !strcmp(dev_name(device->dev), name);
		if (ret < 0) {
			skin = ERR_PTR(ret);
			break;
		}
		if (ret) {
			skin = device->skin;
			skin_get(skin);
			break;
		}
	}
	mutex_unlock(&group->device_lock);
	return skin;
}

static long vfio_group_get_device_fd(struct vfio_group *group,
				     char __user *arg)
{
	struct vfio_skin *skin;
	char *name;
	long ret;

	name = strndup_user(arg, PAGE_SIZE);
	if (IS_ERR(name))
		return PTR_ERR(name);
	skin = vfio_group_find_skin(group, name);
	kfree(name);
	if (IS_ERR(skin))
		return PTR_ERR(skin);
	if (!skin)
		return -ENODEV;

	ret = vfio_df_open(skin, group);
	skin_put(skin);
	return ret;
}

static long vfio_group_get_status(struct vfio_group *group, void __user *arg)
{
	size_t minsz = offsetofend(struct vfio_group_status, flags);
	struct vfio_group_status status;
	bool dead;

	if (copy_from_user(&status, arg, minsz))
		return -EFAULT;
	if (status.argsz < minsz)
		return -EINVAL;

	/* No other driver can be in an emulated group: always viable. */
	status.flags = VFIO_GROUP_FLAGS_VIABLE;
	mutex_lock(&group->group_lock);
	dead = !group->iommu_group;
	if (group->container)
		status.flags |= VFIO_GROUP_FLAGS_CONTAINER_SET;
	mutex_unlock(&group->group_lock);
	if (dead)
		return -ENODEV;
	return copy_to_user(arg, &status, minsz) ? -EFAULT : 0;
}

static int vfio_group_attach(struct vfio_group *group, struct file *file)
{
	struct vfio_container *container;
	int ret;

	mutex_lock(&group->group_lock);
	if (group->container) {
		ret = -EINVAL;
		goto out_unlock;
	}
	if (!group->iommu_group) {
		ret = -ENODEV;
		goto out_unlock;
	}
	container = vfio_container_from_file(file);
	if (!container) {
		ret = -EBADFD;
		goto out_unlock;
	}
	ret = vfio_container_attach_group(container, group);
out_unlock:
	mutex_unlock(&group->group_lock);
	return ret;
}

static long vfio_group_set_container(struct vfio_group *group,
				     int __user *arg)
{
	struct file *file;
	int fd, ret;

	if (get_user(fd, arg))
		return -EFAULT;
	file = fget(fd);
	if (!file)
		return -EBADF;
	ret = vfio_group_attach(group, file);
	fput(file);
	return ret;
}

static long vfio_group_unset_container(struct vfio_group *group)
{
	struct vfio_late_puts late = {};
	int ret = 0;

	mutex_lock(&group->group_lock);
	if (!group->container)
		ret = -EINVAL;
	else if (group->container_users != 1)
		ret = -EBUSY;
	else
		vfio_container_detach_group(group, &late);
	mutex_unlock(&group->group_lock);
	vfio_late_puts_run(&late);
	return ret;
}

static long vfio_group_fops_unl_ioctl(struct file *file, unsigned int cmd,
				      unsigned long arg)
{
	struct vfio_group *group = file->private_data;
	void __user *uarg = (void __user *)arg;

	switch (cmd) {
	case VFIO_GROUP_GET_DEVICE_FD:
		return vfio_group_get_device_fd(group, uarg);
	case VFIO_GROUP_GET_STATUS:
		return vfio_group_get_status(group, uarg);
	case VFIO_GROUP_SET_CONTAINER:
		return vfio_group_set_container(group, uarg);
	case VFIO_GROUP_UNSET_CONTAINER:
		return vfio_group_unset_container(group);
	default:
		return -ENOTTY;
	}
}

static int vfio_group_fops_open(struct inode *inode, struct file *file)
{
	struct vfio_group *group =
		container_of(inode->i_cdev, struct vfio_group, cdev);
	int ret = 0;

	mutex_lock(&group->group_lock);
	if (!group->iommu_group) {
		ret = -ENODEV;
	} else if (group->opened_file) {
		ret = -EBUSY;
	} else {
		group->opened_file = file;
		file->private_data = group;
	}
	mutex_unlock(&group->group_lock);
	return ret;
}

/* Every device file keeps this file, so there is none open any more. */
static int vfio_group_fops_release(struct inode *inode, struct file *file)
{
	struct vfio_group *group = file->private_data;
	struct vfio_late_puts late = {};

	mutex_lock(&group->group_lock);
	if (group->container) {
		WARN_ON_ONCE(group->container_users != 1);
		vfio_container_detach_group(group, &late);
	}
	group->opened_file = NULL;
	mutex_unlock(&group->group_lock);
	vfio_late_puts_run(&late);
	return 0;
}

static const struct file_operations vfio_group_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = vfio_group_fops_unl_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.open = vfio_group_fops_open,
	.release = vfio_group_fops_release,
};

/**
 * vfio_group_from_file() - the group behind a struct file
 * @file: any file
 *
 * Context: Any.
 * Return: it, kept by @file; NULL for a file of another kind.
 */
struct vfio_group *vfio_group_from_file(struct file *file)
{
	return file->f_op == &vfio_group_fops ? file->private_data : NULL;
}

/**
 * vfio_group_init() - class and device numbers of groups
 *
 * Return: 0 or -errno.
 */
int vfio_group_init(void)
{
	int ret;

	ret = class_register(&vfio_group_class);
	if (ret)
		return ret;
	ret = alloc_chrdev_region(&vfio_group_devt, 0, MINORMASK + 1, "vfio");
	if (ret)
		goto err_class;
	return 0;

err_class:
	class_unregister(&vfio_group_class);
	return ret;
}

/**
 * vfio_group_exit() - undo vfio_group_init()
 */
void vfio_group_exit(void)
{
	unregister_chrdev_region(vfio_group_devt, MINORMASK + 1);
	class_unregister(&vfio_group_class);
	ida_destroy(&vfio_group_ida);
}
