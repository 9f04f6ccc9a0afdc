/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside vfio.ko
 *
 * Objects and who keeps whom:
 *
 *   device file --kref--> struct vfio_device_file --kref--> struct vfio_skin
 *        |                       | (while live: the group's file)     |
 *        v                       v                                    | gate
 *   user space            struct vfio_group <---------- struct vfio_device
 *
 * The skin is what an open file keeps for as long as user space likes.  It
 * holds no reference on the device, its struct device, the iommu_group or any
 * driver memory: &vfio_skin.device may be read only inside the skin's gate.
 *
 * Lock order, outermost first:
 *   group->group_lock > container->lock > set->rwsem > set->lock >
 *   device->lock > (the backend's locks)
 * Leaves: skin->lock, group->device_lock, group->kvm_ref_lock.
 * From group_lock down never: user memory, faults, mmput, fput, kvm_put_kvm,
 * or a driver callback other than open_device() and close_device().
 */
#ifndef DRIVERS_VFIO_VFIO_H
#define DRIVERS_VFIO_VFIO_H

#include <linux/cdev.h>
#include <linux/gate.h>
#include <linux/kref.h>
#include <linux/seq_file.h>
#include <linux/vfio.h>

#include "backend.h"

struct iommu_group;
struct kvm;
struct vfio_backend;

/**
 * struct vfio_skin - the half of a device that its open files keep
 * @ref: one for the device until it is revoked, one per device file, one per
 *	data file
 * @gate: before everything that touches @device; gate.wq is also what poll
 *	and the removal's grace wait on
 * @device: the other half; only inside the gate, or by the remover
 * @inode: owns the mapping of all files of the device
 * @lock: protects the lists below; leaf
 * @files: open, not yet revoked &struct vfio_device_file
 * @nr_files: length of @files
 * @vm_ops: &struct skin_vm_ops, our copies of drivers' vm_ops
 * @mms: &struct skin_mm, the address spaces that map the device
 * @data_files: open &struct vfio_data_file
 * @structured: SKIN_* bits: which kernel-buffer callbacks the driver has, and
 *	whether it migrates and logs DMA; fixed by registration, and readable
 *	after the driver has gone
 * @announced: no new opens; set once, under @lock
 * @deadline: jiffies at which the grace ends; valid once @announced
 */
struct vfio_skin {
	struct kref ref;
	struct gate gate;
	struct vfio_device *device;
	struct inode *inode;
	/** @lock: protects the lists below; leaf */
	struct mutex lock;
	struct list_head files;
	unsigned int nr_files;
	struct list_head vm_ops;
	struct list_head mms;
	struct list_head data_files;
	unsigned int structured;
	bool announced;
	unsigned long deadline;
};

#define SKIN_READ_BUF		BIT(0)
#define SKIN_WRITE_BUF		BIT(1)
#define SKIN_GET_INFO		BIT(2)
#define SKIN_GET_REGION_INFO	BIT(3)
#define SKIN_GET_IRQ_INFO	BIT(4)
#define SKIN_SET_IRQS		BIT(5)
#define SKIN_RESET		BIT(6)
#define SKIN_CALLBACKS		GENMASK(6, 0)
#define SKIN_MIGRATION		BIT(7)
#define SKIN_LOGGING		BIT(8)

/**
 * struct vfio_device_file - one open of a device
 * @ref: one for the struct file, one while on the skin's list
 * @skin: referenced
 * @node: entry in &vfio_skin.files, under &vfio_skin.lock
 * @listed: on that list: the device counts this open
 * @group: the group it was opened through; valid while @listed
 * @group_file: referenced while @listed, so the group stays open
 */
struct vfio_device_file {
	struct kref ref;
	struct vfio_skin *skin;
	struct list_head node;
	bool listed;
	struct vfio_group *group;
	struct file *group_file;
};

/**
 * struct vfio_group - /dev/vfio/N
 * @dev: its struct device; keeps this structure
 * @cdev: its character device
 * @iommu_group: the (fake) IOMMU group, NULL once dead; under @group_lock
 * @type: of IOMMU
 * @group_lock: protects @container, @container_users, @opened_file,
 *	@iommu_group; held across open and close of the group's devices
 * @container: what it is set to, or NULL
 * @container_next: entry in the container's list, under its lock
 * @container_users: open device files, plus one for the set container
 * @opened_file: the one open file, or NULL
 * @device_list: registered devices, under @device_lock
 * @device_lock: protects @device_list; leaf
 * @kvm_ref_lock: protects @kvm; leaf
 * @kvm: borrowed from KVM's VFIO device
 */
struct vfio_group {
	struct device dev;
	struct cdev cdev;
	struct iommu_group *iommu_group;
	enum vfio_group_type type;
	/** @group_lock: see above */
	struct mutex group_lock;
	struct vfio_container *container;
	struct list_head container_next;
	unsigned int container_users;
	struct file *opened_file;
	struct list_head device_list;
	/** @device_lock: protects @device_list; leaf */
	struct mutex device_lock;
	/** @kvm_ref_lock: protects @kvm; leaf */
	spinlock_t kvm_ref_lock;
	struct kvm *kvm;
};

/*
 * Puts that must wait until every lock has been released: a KVM reference may
 * be the last one and destroy the VM, a file reference may release a group, a
 * backend's last reference unpins memory.
 */
struct vfio_late_puts {
	struct kvm *kvm;
	void (*put_kvm)(struct kvm *kvm);
	struct file *group_file;
	struct vfio_backend *backend;
	struct vfio_container *container;
};

void vfio_late_puts_run(struct vfio_late_puts *late);

/* skin.c, mmap.c */
struct vfio_skin *skin_create(struct vfio_device *device);
void skin_put(struct vfio_skin *skin);
int skin_init_fs(void);
void skin_exit_fs(void);
int skin_mmap(struct vfio_skin *skin, struct file *file,
	      struct vm_area_struct *vma);
void skin_zap(struct vfio_skin *skin);
void skin_mmap_exit(struct vfio_skin *skin);

static inline void skin_get(struct vfio_skin *skin)
{
	kref_get(&skin->ref);
}

/**
 * skin_enter() - go inside a device's gate
 * @skin: the skin
 * @pass: memory for the visit; leave by gate_exit(&skin->gate, pass)
 *
 * Return: the device, or NULL when it is revoked.
 */
static inline struct vfio_device *skin_enter(struct vfio_skin *skin,
					     struct gate_pass *pass)
{
	return gate_enter(&skin->gate, pass) ? skin->device : NULL;
}

/* device.c */
int vfio_device_open_file(struct vfio_device *device,
			  struct vfio_device_file *df,
			  struct vfio_late_puts *late);
void vfio_device_close_file(struct vfio_device *device,
			    struct vfio_device_file *df,
			    struct vfio_late_puts *late);
int vfio_device_class_init(void);
void vfio_device_class_exit(void);

/* device_set.c */
void vfio_release_device_set(struct vfio_device *device);
void vfio_device_set_lock_open(struct vfio_device *device);
void vfio_device_set_unlock_open(struct vfio_device *device);
void vfio_device_sets_show(struct seq_file *s);
void vfio_device_sets_destroy(void);

/* fops.c */
extern const struct file_operations vfio_device_fops;
struct vfio_device_file *vfio_df_create(struct vfio_skin *skin);
void vfio_df_put(struct vfio_device_file *df);
struct vfio_device_file *vfio_df_from_file(struct file *file);
int vfio_df_open(struct vfio_skin *skin, struct vfio_group *group);

/* devioctl.c: the ioctls with structured callbacks */
long vfio_device_ioctl(struct vfio_skin *skin, unsigned int cmd,
		       unsigned long arg);
int vfio_device_pm_begin(struct vfio_device *device);
void vfio_device_pm_end(struct vfio_device *device);

/* feature.c: VFIO_DEVICE_FEATURE; enters the gate itself */
int vfio_device_ioctl_feature(struct vfio_skin *skin,
			      struct vfio_device_feature __user *arg);

/* datafile.c */
void vfio_data_files_revoke(struct vfio_skin *skin);

/* group.c */
int vfio_group_init(void);
void vfio_group_exit(void);
int vfio_device_set_group(struct vfio_device *device,
			  enum vfio_group_type type);
void vfio_device_group_register(struct vfio_device *device);
void vfio_device_group_unregister(struct vfio_device *device);
void vfio_device_remove_group(struct vfio_device *device);
struct vfio_group *vfio_group_from_file(struct file *file);

/* container.c */
int vfio_container_init(void);
void vfio_container_exit(void);
struct vfio_container *vfio_container_from_file(struct file *file);
int vfio_container_attach_group(struct vfio_container *container,
				struct vfio_group *group);
void vfio_container_detach_group(struct vfio_group *group,
				 struct vfio_late_puts *late);
void vfio_container_put(struct vfio_container *container);
void vfio_backend_put(struct vfio_backend *backend);
bool vfio_container_has_backend(struct vfio_container *container);
int vfio_container_register_device(struct vfio_container *container,
				   struct vfio_device *device);
void vfio_container_quiesce_device(struct vfio_device *device);
void vfio_container_unregister_device(struct vfio_device *device);

/* kvm.c */
void vfio_device_get_kvm(struct vfio_device *device, struct kvm *kvm);
void vfio_device_detach_kvm(struct vfio_device *device,
			    struct vfio_late_puts *late);

/* virqfd.c */
int vfio_virqfd_init(void);
void vfio_virqfd_exit(void);

/* debugfs.c */
void vfio_debugfs_init(void);
void vfio_debugfs_exit(void);

#endif /* DRIVERS_VFIO_VFIO_H */
