// SPDX-License-Identifier: GPL-2.0-only
/*
 * mram: memory with a doorbell, the smallest correct mediated device
 *
 * A mediated device is a device made of software: a *parent* offers types, user
 * space writes a UUID to a type's "create" attribute, and out comes a device
 * that a virtual machine uses like a PCI function:
 *
 *	# cd /sys/class/mdev_bus/mram/mdev_supported_types/mram-1
 *	# echo $UUID > create
 *	# qemu-system-x86_64 ... \
 *		-device vfio-pci,sysfsdev=/sys/bus/mdev/devices/$UUID
 *
 * This one has some RAM, and a doorbell that makes it copy between that RAM
 * and the guest's (mram_regs.h).  That is not useful, but it needs all that a
 * useful device needs: configuration space, regions, mmap, interrupts, access
 * to guest memory by copying and by pinning, reset, migration and dirty page
 * tracking.  What to look at first:
 *
 * - The driver never sees user memory.  The *_buf and get_*() operations are
 *   called with kernel buffers, and the core does the copying.
 * - The device may be taken away while it is in use.  Before close_device()
 *   the core has made sure that nobody is inside any operation and nobody will
 *   be, and that access to guest memory fails rather than waits.  What is left
 *   for the driver is what the driver has started: its work item, its pins.
 * - Operations must not sleep for user space except in
 *   vfio_device_wait_event(), which a removal ends, and in vfio_dma_rw() and
 *   vfio_pin_pages().
 * - The memory behind the mmap is freed in release(), in the driver's own
 *   last put: the core has removed all mappings by then.
 */
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "mram.h"

static unsigned int budget_mib = 256;
module_param(budget_mib, uint, 0444);
MODULE_PARM_DESC(budget_mib, "MiB of memory for all devices (default: 256)");

/**
 * struct mram_type - what can be made
 * @type: the bus's part
 * @mib: MiB of RAM, a power of two
 */
struct mram_type {
	struct mdev_type type;
	unsigned int mib;
};

static struct mram_type mram_types[] = {
	{
		.type.sysfs_name = "1",
		.type.pretty_name = "1 MiB of memory with a doorbell",
		.mib = 1,
	},
	{
		.type.sysfs_name = "16",
		.type.pretty_name = "16 MiB of memory with a doorbell",
		.mib = 16,
	},
};

static struct mdev_type *mram_mdev_types[] = {
	&mram_types[0].type,
	&mram_types[1].type,
};

/* mram_budget_lock: protects mram_used_mib; leaf */
static DEFINE_MUTEX(mram_budget_lock);
static unsigned int mram_used_mib;

static struct mdev_parent mram_parent;
static struct device *mram_parent_dev;

static struct class mram_class = {
	.name = "mram",
};

static struct mram_type *to_mram_type(struct mdev_type *type)
{
	return container_of(type, struct mram_type, type);
}

static int mram_budget_get(unsigned int mib)
{
	int ret = -ENOSPC;

	mutex_lock(&mram_budget_lock);
	if (mram_used_mib + mib <= budget_mib) {
		mram_used_mib += mib;
		ret = 0;
	}
	mutex_unlock(&mram_budget_lock);
	return ret;
}

static void mram_budget_put(unsigned int mib)
{
	mutex_lock(&mram_budget_lock);
	mram_used_mib -= mib;
	mutex_unlock(&mram_budget_lock);
}

/*
 * Life of a device: init, [open, close]..., release
 */

static int mram_init_dev(struct vfio_device *vdev)
{
	struct mdev_device *mdev = to_mdev_device(vdev->dev);
	unsigned int mib = to_mram_type(mdev->type)->mib;
	struct mram *mram = to_mram(vdev);
	int ret;

	ret = mram_budget_get(mib);
	if (ret)
		return ret;
	mram->ram_bytes = mib * SZ_1M;
	mram->ram = vzalloc(mram->ram_bytes);
	if (!mram->ram) {
		mram_budget_put(mib);
		return -ENOMEM;
	}
	mram_pci_init(mram);
	mram_irq_init(mram);
	mram_bell_init(mram);
	mram_mig_init(mram);
	return 0;
}

static void mram_release_dev(struct vfio_device *vdev)
{
	struct mram *mram = to_mram(vdev);

	vfree(mram->ram);
	mram_budget_put(mram->ram_bytes / SZ_1M);
}

static int mram_reset_locked(struct mram *mram)
{
	int ret;

	lockdep_assert_held(&mram->mig_lock);
	ret = mram_bell_stop(mram);
	if (ret)
		return ret;
	mutex_lock(&mram->lock);
	__mram_pci_reset(mram);
	__mram_bell_reset(mram);
	mutex_unlock(&mram->lock);
	__mram_mig_reset(mram);
	mram_bell_start(mram);
	return 0;
}

static int mram_reset(struct vfio_device *vdev)
{
	struct mram *mram = to_mram(vdev);
	int ret;

	mutex_lock(&mram->mig_lock);
	ret = mram_reset_locked(mram);
	mutex_unlock(&mram->mig_lock);
	return ret;
}

/*
 * Nobody is inside, the mappings are gone.  Leave nothing to the next user:
 * an open finds the device as it was made, and so needs no open_device().
 */
static void mram_close(struct vfio_device *vdev)
{
	struct mram *mram = to_mram(vdev);

	mram_bell_close(mram);
	mram_irq_close(mram);
	mutex_lock(&mram->lock);
	__mram_pci_reset(mram);
	__mram_bell_reset(mram);
	mutex_unlock(&mram->lock);
	mram_mig_close(mram);
	memset(mram->ram, 0, mram->ram_bytes);
	mram_bell_start(mram);
}

/*
 * Regions
 */

static int mram_get_info(struct vfio_device *vdev,
			 struct vfio_device_info *info,
			 struct vfio_info_cap *caps)
{
	info->flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
	info->num_regions = VFIO_PCI_NUM_REGIONS;
	info->num_irqs = VFIO_PCI_NUM_IRQS;
	return 0;
}

static u32 mram_region_bytes(struct mram *mram, unsigned int index)
{
	switch (index) {
	case VFIO_PCI_BAR0_REGION_INDEX + MRAM_BAR_BELL:
		return MRAM_BELL_BYTES;
	case VFIO_PCI_BAR0_REGION_INDEX + MRAM_BAR_RAM:
		return mram->ram_bytes;
	case VFIO_PCI_CONFIG_REGION_INDEX:
		return MRAM_CFG_BYTES;
	default:
		return 0;
	}
}

/* Which parts can be mapped: all of it, which a plain flag would say too. */
static int mram_add_sparse(struct mram *mram, struct vfio_info_cap *caps)
{
	struct vfio_region_info_cap_sparse_mmap *sparse;
	size_t size = struct_size(sparse, areas, 1);
	int ret;

	sparse = kzalloc(size, GFP_KERNEL);
	if (!sparse)
		return -ENOMEM;
	sparse->header.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP;
	sparse->header.version = 1;
	sparse->nr_areas = 1;
	sparse->areas[0].offset = 0;
	sparse->areas[0].size = mram->ram_bytes;
	ret = vfio_info_add_capability(caps, &sparse->header, size);
	kfree(sparse);
	return ret;
}

static int mram_get_region_info(struct vfio_device *vdev,
				struct vfio_region_info *info,
				struct vfio_info_cap *caps)
{
	struct mram *mram = to_mram(vdev);

	if (info->index >= VFIO_PCI_NUM_REGIONS)
		return -EINVAL;
	info->offset = MRAM_INDEX_TO_OFFSET(info->index);
	info->size = mram_region_bytes(mram, info->index);
	info->flags = 0;
	if (info->size)
		info->flags = VFIO_REGION_INFO_FLAG_READ |
			      VFIO_REGION_INFO_FLAG_WRITE;
	if (info->index == VFIO_PCI_BAR0_REGION_INDEX + MRAM_BAR_RAM) {
		info->flags |= VFIO_REGION_INFO_FLAG_MMAP;
		return mram_add_sparse(mram, caps);
	}
	return 0;
}

/* Split a file offset, and cut @count to the region.  0: nothing there. */
static size_t mram_locate(struct mram *mram, loff_t pos, size_t count,
			  unsigned int *index, u32 *offset)
{
	u64 at = pos & MRAM_OFFSET_MASK;
	u32 bytes;

	if (pos < 0 || MRAM_OFFSET_TO_INDEX(pos) >= VFIO_PCI_NUM_REGIONS)
		return 0;
	*index = MRAM_OFFSET_TO_INDEX(pos);
	bytes = mram_region_bytes(mram, *index);
	if (at >= bytes)
		return 0;
	*offset = at;
	return min_t(size_t, count, bytes - at);
}

/* With memory decoding off nobody answers: all ones, and writes vanish. */
static bool mram_decodes(struct mram *mram)
{
	bool ret;

	mutex_lock(&mram->lock);
	ret = __mram_pci_command(mram) & PCI_COMMAND_MEMORY;
	mutex_unlock(&mram->lock);
	return ret;
}

static ssize_t mram_read_buf(struct vfio_device *vdev, void *buf, size_t count,
			     loff_t *ppos)
{
	struct mram *mram = to_mram(vdev);
	unsigned int index;
	u32 offset;

	count = mram_locate(mram, *ppos, count, &index, &offset);
	if (!count)
		return -EINVAL;
	if (index == VFIO_PCI_CONFIG_REGION_INDEX)
		mram_pci_read(mram, offset, buf, count);
	else if (!mram_decodes(mram))
		memset(buf, 0xff, count);
	else if (index == VFIO_PCI_BAR0_REGION_INDEX + MRAM_BAR_BELL)
		mram_bell_read(mram, offset, buf, count);
	else
		memcpy(buf, mram->ram + offset, count);
	*ppos += count;
	return count;
}

static ssize_t mram_write_buf(struct vfio_device *vdev, const void *buf,
			      size_t count, loff_t *ppos)
{
	struct mram *mram = to_mram(vdev);
	unsigned int index;
	int ret = 0;
	u32 offset;

	count = mram_locate(mram, *ppos, count, &index, &offset);
	if (!count)
		return -EINVAL;
	if (index == VFIO_PCI_CONFIG_REGION_INDEX)
		mram_pci_write(mram, offset, buf, count);
	else if (!mram_decodes(mram))
		;
	else if (index == VFIO_PCI_BAR0_REGION_INDEX + MRAM_BAR_BELL)
		ret = mram_bell_write(mram, offset, buf, count);
	else
		memcpy(mram->ram + offset, buf, count);
	if (ret)
		return ret;
	*ppos += count;
	return count;
}

/*
 * mmap: pages are mapped one by one when they are touched, by number, without
 * references.  The core's revocation takes all of them away again.
 */

static vm_fault_t mram_fault(struct vm_fault *vmf)
{
	struct mram *mram = vmf->vma->vm_private_data;
	u64 offset = ((u64)vmf->pgoff << PAGE_SHIFT) & MRAM_OFFSET_MASK;

	if (offset >= mram->ram_bytes)
		return VM_FAULT_SIGBUS;
	return vmf_insert_pfn(vmf->vma, vmf->address,
			      vmalloc_to_pfn(mram->ram + offset));
}

static const struct vm_operations_struct mram_vm_ops = {
	.fault = mram_fault,
};

static int mram_mmap(struct vfio_device *vdev, struct vm_area_struct *vma)
{
	u64 pos = (u64)vma->vm_pgoff << PAGE_SHIFT;
	u64 len = vma->vm_end - vma->vm_start;
	struct mram *mram = to_mram(vdev);
	u64 offset = pos & MRAM_OFFSET_MASK;

	if (MRAM_OFFSET_TO_INDEX(pos) !=
	    VFIO_PCI_BAR0_REGION_INDEX + MRAM_BAR_RAM)
		return -EINVAL;
	if (!(vma->vm_flags & VM_SHARED) || len > mram->ram_bytes ||
	    offset > mram->ram_bytes - len)
		return -EINVAL;
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_private_data = mram;
	vma->vm_ops = &mram_vm_ops;
	return 0;
}

static const struct vfio_device_ops mram_ops = {
	.name = "mram",
	.init = mram_init_dev,
	.release = mram_release_dev,
	.bind_iommufd = vfio_iommufd_emulated_bind,
	.unbind_iommufd = vfio_iommufd_emulated_unbind,
	.attach_ioas = vfio_iommufd_emulated_attach_ioas,
	.detach_ioas = vfio_iommufd_emulated_detach_ioas,
	.close_device = mram_close,
	.mmap = mram_mmap,
	.request = mram_irq_request,
	.dma_unmap = mram_bell_dma_unmap,
	.read_buf = mram_read_buf,
	.write_buf = mram_write_buf,
	.get_info = mram_get_info,
	.get_region_info = mram_get_region_info,
	.get_irq_info = mram_irq_get_info,
	.set_irqs = mram_irq_set,
	.reset = mram_reset,
};

/*
 * The mdev driver
 */

static int mram_probe(struct mdev_device *mdev)
{
	struct mram *mram;
	int ret;

	mram = vfio_alloc_device(mram, vdev, &mdev->dev, &mram_ops);
	if (IS_ERR(mram))
		return PTR_ERR(mram);
	dev_set_drvdata(&mdev->dev, mram);
	ret = vfio_register_emulated_iommu_dev(&mram->vdev);
	if (ret)
		vfio_put_device(&mram->vdev);
	return ret;
}

static void mram_remove(struct mdev_device *mdev)
{
	struct mram *mram = dev_get_drvdata(&mdev->dev);

	vfio_unregister_group_dev(&mram->vdev);
	vfio_put_device(&mram->vdev);
}

static void mram_announce(struct mdev_device *mdev)
{
	struct mram *mram = dev_get_drvdata(&mdev->dev);

	vfio_announce_removal(&mram->vdev);
}

static unsigned int mram_get_available(struct mdev_type *type)
{
	unsigned int used;

	mutex_lock(&mram_budget_lock);
	used = mram_used_mib;
	mutex_unlock(&mram_budget_lock);
	return (budget_mib - used) / to_mram_type(type)->mib;
}

static ssize_t mram_show_description(struct mdev_type *type, char *buf)
{
	return sysfs_emit(buf, "PCI function with %u MiB RAM and a doorbell\n",
			  to_mram_type(type)->mib);
}

static struct mdev_driver mram_driver = {
	.device_api = VFIO_DEVICE_API_PCI_STRING,
	.probe = mram_probe,
	.remove = mram_remove,
	.get_available = mram_get_available,
	.show_description = mram_show_description,
	.announce = mram_announce,
	.driver = {
		.name = "mram",
		.owner = THIS_MODULE,
		.mod_name = KBUILD_MODNAME,
	},
};

static int __init mram_init(void)
{
	int ret;

	ret = mdev_register_driver(&mram_driver);
	if (ret)
		return ret;
	ret = class_register(&mram_class);
	if (ret)
		goto err_unregister_driver;
	mram_parent_dev = device_create(&mram_class, NULL, MKDEV(0, 0), NULL,
					"mram");
	if (IS_ERR(mram_parent_dev)) {
		ret = PTR_ERR(mram_parent_dev);
		goto err_unregister_class;
	}
	ret = mdev_register_parent(&mram_parent, mram_parent_dev, &mram_driver,
				   mram_mdev_types,
				   ARRAY_SIZE(mram_mdev_types));
	if (ret)
		goto err_unregister_device;
	return 0;

err_unregister_device:
	device_unregister(mram_parent_dev);
err_unregister_class:
	class_unregister(&mram_class);
err_unregister_driver:
	mdev_unregister_driver(&mram_driver);
	return ret;
}

static void __exit mram_exit(void)
{
	mdev_unregister_parent(&mram_parent);
	device_unregister(mram_parent_dev);
	class_unregister(&mram_class);
	mdev_unregister_driver(&mram_driver);
}

module_init(mram_init);
module_exit(mram_exit);

MODULE_DESCRIPTION("Sample mediated device: memory with a doorbell");
MODULE_LICENSE("GPL");
