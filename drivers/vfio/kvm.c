// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM: which VM uses a device, and what KVM's VFIO device asks about files
 *
 * KVM and VFIO do not depend on each other: each looks the other's functions
 * up by name.  KVM tells us a VM by a borrowed pointer; only the first open of
 * a device turns it into a reference, which fails when the VM is dying, and
 * the last close drops it after all locks have been released, because it may
 * be the last one.
 */
#include <linux/kvm_host.h>
#include <linux/module.h>

#include "vfio.h"

/**
 * vfio_device_get_kvm() - take a reference on the VM for an open device
 * @device: the device, on its first open
 * @kvm: borrowed, valid for the call; may be NULL
 *
 * Without a VM, or with a dying one, device->kvm stays NULL.
 *
 * Context: Under the group's kvm_ref_lock; does not sleep.
 */
void vfio_device_get_kvm(struct vfio_device *device, struct kvm *kvm)
{
	void (*put)(struct kvm *kvm);
	bool (*get)(struct kvm *kvm);

	if (!kvm)
		return;

	put = symbol_get(kvm_put_kvm);
	if (WARN_ON_ONCE(!put))
		return;
	get = symbol_get(kvm_get_kvm_safe);
	if (WARN_ON_ONCE(!get)) {
		symbol_put(kvm_put_kvm);
		return;
	}
	if (get(kvm)) {
		device->kvm = kvm;
		device->put_kvm = put;
	} else {
		symbol_put(kvm_put_kvm);
	}
	symbol_put(kvm_get_kvm_safe);
}

static void vfio_put_kvm_and_symbol(struct kvm *kvm, void (*put)(struct kvm *))
{
	put(kvm);
	symbol_put(kvm_put_kvm);
}

/**
 * vfio_device_detach_kvm() - take the VM from a device that is closed
 * @device: the device
 * @late: where the reference goes
 *
 * Context: Under the set's lock.
 */
void vfio_device_detach_kvm(struct vfio_device *device,
			    struct vfio_late_puts *late)
{
	if (!device->kvm)
		return;
	late->kvm = device->kvm;
	late->put_kvm = device->put_kvm;
	device->kvm = NULL;
	device->put_kvm = NULL;
}

/**
 * vfio_late_puts_run() - put what could not be put under locks
 * @late: what; may be empty
 *
 * Context: May sleep, no lock of the core held.
 */
void vfio_late_puts_run(struct vfio_late_puts *late)
{
	if (late->kvm)
		vfio_put_kvm_and_symbol(late->kvm, late->put_kvm);
	if (late->group_file)
		fput(late->group_file);
	if (late->backend)
		vfio_backend_put(late->backend);
	if (late->container)
		vfio_container_put(late->container);
}

/**
 * vfio_file_is_valid() - is this a file of VFIO's?
 * @file: any file
 *
 * Return: true for group and device files.
 */
bool vfio_file_is_valid(struct file *file)
{
	return vfio_group_from_file(file) || vfio_df_from_file(file);
}
EXPORT_SYMBOL_GPL(vfio_file_is_valid);

/**
 * vfio_file_is_group() - is this a group file?
 * @file: any file
 *
 * Return: true for group files.
 */
bool vfio_file_is_group(struct file *file)
{
	return vfio_group_from_file(file);
}
EXPORT_SYMBOL_GPL(vfio_file_is_group);

static bool vfio_device_is_coherent(struct vfio_device *device)
{
	return device_iommu_capable(device->dev,
				    IOMMU_CAP_ENFORCE_CACHE_COHERENCY);
}

static bool vfio_group_is_coherent(struct vfio_group *group)
{
	struct vfio_device *device;
	bool ret = true;

	mutex_lock(&group->device_lock);
	list_for_each_entry(device, &group->device_list, group_next)
		ret = ret && vfio_device_is_coherent(device);
	mutex_unlock(&group->device_lock);
	return ret;
}

/**
 * vfio_file_enforced_coherent() - is all DMA behind a file cache coherent?
 * @file: any file
 *
 * A mediated device has no IOMMU that could enforce it, so the answer is no
 * for those, as in 6.12.
 *
 * Context: May sleep.
 * Return: true if it is, for files of other kinds, and for devices that are
 *         gone.
 */
bool vfio_file_enforced_coherent(struct file *file)
{
	struct vfio_group *group = vfio_group_from_file(file);
	struct vfio_device_file *df = vfio_df_from_file(file);
	struct vfio_device *device;
	struct gate_pass pass;
	bool ret = true;

	if (group)
		return vfio_group_is_coherent(group);
	if (!df)
		return true;
	device = skin_enter(df->skin, &pass);
	if (device) {
		ret = vfio_device_is_coherent(device);
		gate_exit(&df->skin->gate, &pass);
	}
	return ret;
}
EXPORT_SYMBOL_GPL(vfio_file_enforced_coherent);

/**
 * vfio_file_set_kvm() - tell which VM uses what is behind a file
 * @file: any file; only group files matter
 * @kvm: borrowed until the next call; NULL takes it back
 *
 * Context: KVM holds locks of its own; never calls back into KVM.
 */
void vfio_file_set_kvm(struct file *file, struct kvm *kvm)
{
	struct vfio_group *group = vfio_group_from_file(file);

	if (!group)
		return;
	spin_lock(&group->kvm_ref_lock);
	group->kvm = kvm;
	spin_unlock(&group->kvm_ref_lock);
}
EXPORT_SYMBOL_GPL(vfio_file_set_kvm);

/**
 * vfio_file_has_dev() - does a file stand for this device?
 * @file: any file
 * @device: a registered device
 *
 * Return: true for the file of the device's group and for its own.
 */
bool vfio_file_has_dev(struct file *file, struct vfio_device *device)
{
	struct vfio_group *group = vfio_group_from_file(file);
	struct vfio_device_file *df = vfio_df_from_file(file);

	if (group)
		return group == device->group;
	return df && df->skin == device->skin;
}
EXPORT_SYMBOL_GPL(vfio_file_has_dev);

/**
 * vfio_file_iommu_group() - the IOMMU group of a group file
 * @file: any file
 *
 * Context: May sleep.
 * Return: the group with a reference, or NULL.
 */
struct iommu_group *vfio_file_iommu_group(struct file *file)
{
	struct vfio_group *group = vfio_group_from_file(file);
	struct iommu_group *iommu_group = NULL;

	if (!group)
		return NULL;
	mutex_lock(&group->group_lock);
	if (group->iommu_group)
		iommu_group = iommu_group_ref_get(group->iommu_group);
	mutex_unlock(&group->group_lock);
	return iommu_group;
}
EXPORT_SYMBOL_GPL(vfio_file_iommu_group);
