// SPDX-License-Identifier: GPL-2.0-only
/*
 * Skins: the half of a device that its open files keep
 *
 * The inode of a skin exists for its address space only: every file of the
 * device has it as f_mapping, so that one unmap_mapping_range() reaches every
 * mapping of the device in every process.  Inodes come from a pseudo file
 * system that nobody can mount.
 */
#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>
#include <linux/slab.h>

#include "vfio.h"

#define VFIO_SKIN_MAGIC		0x736b696e	/* "skin" */

static struct vfsmount *skin_mnt;

static int skin_fs_init_context(struct fs_context *fc)
{
	return init_pseudo(fc, VFIO_SKIN_MAGIC) ? 0 : -ENOMEM;
}

/*
 * No owner: a mount would otherwise pin this module for good.  The mount is
 * gone before the module is.
 */
static struct file_system_type skin_fs_type = {
	.name = "vfio-skin",
	.init_fs_context = skin_fs_init_context,
	.kill_sb = kill_anon_super,
};

static unsigned int skin_structured(const struct vfio_device_ops *ops)
{
	return (ops->read_buf ? SKIN_READ_BUF : 0) |
	       (ops->write_buf ? SKIN_WRITE_BUF : 0) |
	       (ops->get_info ? SKIN_GET_INFO : 0) |
	       (ops->get_region_info ? SKIN_GET_REGION_INFO : 0) |
	       (ops->get_irq_info ? SKIN_GET_IRQ_INFO : 0) |
	       (ops->set_irqs ? SKIN_SET_IRQS : 0) |
	       (ops->reset ? SKIN_RESET : 0);
}

/**
 * skin_create() - make the skin of a new device
 * @device: the device, with its ops set
 *
 * Context: May sleep.
 * Return: the skin with one reference, ERR_PTR(-ENOMEM).
 */
struct vfio_skin *skin_create(struct vfio_device *device)
{
	struct vfio_skin *skin;

	skin = kzalloc(sizeof(*skin), GFP_KERNEL);
	if (!skin)
		return ERR_PTR(-ENOMEM);

	skin->inode = alloc_anon_inode(skin_mnt->mnt_sb);
	if (IS_ERR(skin->inode)) {
		long ret = PTR_ERR(skin->inode);

		kfree(skin);
		return ERR_PTR(ret);
	}

	kref_init(&skin->ref);
	gate_init(&skin->gate);
	mutex_init(&skin->lock);
	INIT_LIST_HEAD(&skin->files);
	INIT_LIST_HEAD(&skin->vm_ops);
	INIT_LIST_HEAD(&skin->mms);
	INIT_LIST_HEAD(&skin->data_files);
	skin->structured = skin_structured(device->ops);
	skin->device = device;
	return skin;
}

static void skin_free(struct kref *ref)
{
	struct vfio_skin *skin = container_of(ref, struct vfio_skin, ref);

	skin_mmap_exit(skin);
	iput(skin->inode);
	mutex_destroy(&skin->lock);
	kfree(skin);
}

/**
 * skin_put() - drop a reference
 * @skin: the skin
 *
 * Context: May sleep.
 */
void skin_put(struct vfio_skin *skin)
{
	kref_put(&skin->ref, skin_free);
}

/**
 * skin_init_fs() - mount the pseudo file system
 *
 * Return: 0 or -errno.
 */
int skin_init_fs(void)
{
	skin_mnt = kern_mount(&skin_fs_type);
	return PTR_ERR_OR_ZERO(skin_mnt);
}

/**
 * skin_exit_fs() - unmount it; no skin exists any more
 */
void skin_exit_fs(void)
{
	kern_unmount(skin_mnt);
}
