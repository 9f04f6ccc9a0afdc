// SPDX-License-Identifier: GPL-2.0-only
/*
 * vfio_iommu_type1.ko: the container's backend for devices without an IOMMU
 *
 * Layers, each knowing only those below: verbs (this file, map.c, track.c,
 * user.c), ranges and pages (range.c, pages.c, fault.c, rw.c), pure logic
 * (iova.c, dirty.c).  See type1.h and pages.h for the objects.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "type1.h"

static unsigned int dma_entry_limit __read_mostly = U16_MAX;
module_param_named(dma_entry_limit, dma_entry_limit, uint, 0644);
MODULE_PARM_DESC(dma_entry_limit,
		 "Most mappings in one container (default: 65535)");

/**
 * struct type1_group - an attached group
 * @node: entry in &type1.groups
 * @key: the core's
 */
struct type1_group {
	struct list_head node;
	const void *key;
};

static void *type1_open(unsigned long arg)
{
	struct type1 *t1;

	switch (arg) {
	case VFIO_TYPE1_IOMMU:
	case VFIO_TYPE1_NESTING_IOMMU:
	case VFIO_TYPE1v2_IOMMU:
		break;
	default:
		return ERR_PTR(-EINVAL);
	}
	t1 = kzalloc(sizeof(*t1), GFP_KERNEL_ACCOUNT);
	if (!t1)
		return ERR_PTR(-ENOMEM);
	t1->space = pages_space_create();
	if (!t1->space) {
		kfree(t1);
		return ERR_PTR(-ENOMEM);
	}
	t1->v2 = arg != VFIO_TYPE1_IOMMU;
	t1->avail = READ_ONCE(dma_entry_limit);
	init_rwsem(&t1->lock);
	iova_tree_init(&t1->tree);
	mutex_init(&t1->groups_lock);
	INIT_LIST_HEAD(&t1->groups);
	spin_lock_init(&t1->users_lock);
	INIT_LIST_HEAD(&t1->users);
	return t1;
}

static void type1_release(void *data)
{
	struct type1 *t1 = data;
	struct type1_group *group, *tmp;

	WARN_ON(!list_empty(&t1->users));
	type1_unmap_all(t1);
	list_for_each_entry_safe(group, tmp, &t1->groups, node)
		kfree(group);
	pages_space_put(t1->space);
	mutex_destroy(&t1->groups_lock);
	kfree(t1);
}

static int type1_attach_group(void *data, const void *key,
			      enum vfio_group_type type)
{
	struct type1_group *group, *tmp;
	struct type1 *t1 = data;
	int ret = 0;

	if (type != VFIO_EMULATED_IOMMU) {
		pr_info_ratelimited("vfio_iommu_type1: groups behind a physical IOMMU are not supported\n");
		return -EOPNOTSUPP;
	}
	group = kzalloc(sizeof(*group), GFP_KERNEL_ACCOUNT);
	if (!group)
		return -ENOMEM;
	group->key = key;

	mutex_lock(&t1->groups_lock);
	list_for_each_entry(tmp, &t1->groups, node)
		if (tmp->key == key)
			ret = -EINVAL;
	if (!ret)
		list_add_tail(&group->node, &t1->groups);
	mutex_unlock(&t1->groups_lock);
	if (ret)
		kfree(group);
	return ret;
}

static void type1_detach_group(void *data, const void *key)
{
	struct type1_group *group, *tmp;
	struct type1 *t1 = data;

	mutex_lock(&t1->groups_lock);
	list_for_each_entry_safe(group, tmp, &t1->groups, node) {
		if (group->key != key)
			continue;
		list_del(&group->node);
		kfree(group);
	}
	mutex_unlock(&t1->groups_lock);
}

/* Without a backend: what could be had.  With one: what this one has. */
static long type1_check_extension(struct type1 *t1, unsigned long arg)
{
	switch (arg) {
	case VFIO_TYPE1_IOMMU:
	case VFIO_TYPE1v2_IOMMU:
	case VFIO_TYPE1_NESTING_IOMMU:
	case VFIO_UNMAP_ALL:
		return 1;
	case VFIO_DMA_CC_IOMMU:
		/* All domains that there are, none, are coherent. */
		return t1 ? 1 : 0;
	case VFIO_UPDATE_VADDR:
	default:
		return 0;
	}
}

static int type1_info_caps(struct type1 *t1, struct vfio_info_cap *caps)
{
	struct vfio_iommu_type1_info_cap_migration mig = {
		.header.id = VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION,
		.header.version = 1,
		.pgsize_bitmap = PAGE_SIZE,
		.max_dirty_bitmap_size = DIRTY_BYTES_MAX,
	};
	struct vfio_iommu_type1_info_dma_avail avail = {
		.header.id = VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL,
		.header.version = 1,
	};
	int ret;

	down_read(&t1->lock);
	avail.avail = t1->avail;
	up_read(&t1->lock);
	ret = vfio_info_add_capability(caps, &mig.header, sizeof(mig));
	if (!ret)
		ret = vfio_info_add_capability(caps, &avail.header,
					       sizeof(avail));
	return ret;
}

static long type1_ioctl_info(struct type1 *t1, void __user *arg)
{
	size_t minsz = offsetofend(struct vfio_iommu_type1_info,
				   iova_pgsizes);
	struct vfio_iommu_type1_info info = {};
	struct vfio_info_cap caps = {};
	u32 room;
	int ret;

	if (get_user(room, (u32 __user *)arg))
		return -EFAULT;
	if (room < minsz)
		return -EINVAL;
	/* 6.12 has a cap_offset only for who has room for it. */
	minsz = min_t(size_t, room, sizeof(info));

	ret = type1_info_caps(t1, &caps);
	if (ret)
		goto out_free;
	info.argsz = room;
	info.flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS;
	info.iova_pgsizes = PAGE_MASK;
	if (room < sizeof(info) + caps.size) {
		info.argsz = sizeof(info) + caps.size;
	} else {
		vfio_info_cap_shift(&caps, sizeof(info));
		if (copy_to_user(arg + sizeof(info), caps.buf, caps.size)) {
			ret = -EFAULT;
			goto out_free;
		}
		info.cap_offset = sizeof(info);
	}
	if (copy_to_user(arg, &info, minsz))
		ret = -EFAULT;
out_free:
	kfree(caps.buf);
	return ret;
}

static long type1_ioctl(void *data, unsigned int cmd, unsigned long arg)
{
	struct type1 *t1 = data;

	if (cmd == VFIO_CHECK_EXTENSION)
		return type1_check_extension(t1, arg);
	if (!t1)
		return -EINVAL;

	switch (cmd) {
	case VFIO_IOMMU_GET_INFO:
		return type1_ioctl_info(t1, (void __user *)arg);
	case VFIO_IOMMU_MAP_DMA:
		return type1_ioctl_map(t1, arg);
	case VFIO_IOMMU_UNMAP_DMA:
		return type1_ioctl_unmap(t1, arg);
	case VFIO_IOMMU_DIRTY_PAGES:
		return type1_ioctl_dirty(t1, arg);
	default:
		return -ENOTTY;
	}
}

static const struct vfio_iommu_driver_ops type1_ops = {
	.name = "vfio-iommu-type1",
	.owner = THIS_MODULE,
	.open = type1_open,
	.release = type1_release,
	.ioctl = type1_ioctl,
	.attach_group = type1_attach_group,
	.detach_group = type1_detach_group,
	.register_device = type1_user_register,
	.quiesce_device = type1_user_quiesce,
	.device_is_shut = type1_user_is_shut,
	.unregister_device = type1_user_unregister,
	.pin_pages = type1_pin_pages,
	.unpin_pages = type1_unpin_pages,
	.dma_rw = type1_dma_rw,
};

static int __init type1_init(void)
{
	int ret;

	ret = fault_init();
	if (ret)
		return ret;
	ret = vfio_register_iommu_driver(&type1_ops);
	if (ret)
		fault_exit();
	return ret;
}

static void __exit type1_exit(void)
{
	vfio_unregister_iommu_driver(&type1_ops);
	fault_exit();
}

module_init(type1_init);
module_exit(type1_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The VFIO mediated-device framework's authors");
MODULE_DESCRIPTION("Type 1 IOMMU backend for emulated IOMMUs");
