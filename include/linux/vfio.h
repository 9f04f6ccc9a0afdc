/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VFIO: the interface between the core and its device drivers
 *
 * Source compatible with Linux 6.12: a driver written against that kernel's
 * header builds against this one.  Members that 6.12 does not have are
 * optional and stand last in their structure; they are marked "ours".
 *
 * The life of a device: vfio_alloc_device() -> vfio_register_*_dev() ->
 * open_device()/close_device(), any number of pairs -> [announce, grace,
 * revoke] vfio_unregister_group_dev() -> vfio_put_device().
 * See Documentation/driver-api/vfio.rst.
 */
#ifndef VFIO_H
#define VFIO_H

#include <linux/cdev.h>
#include <linux/gate.h>
#include <linux/iommu.h>
#include <linux/iova_bitmap.h>
#include <linux/mm.h>
#include <linux/poll.h>
#include <linux/rwsem.h>
#include <linux/workqueue.h>
#include <uapi/linux/vfio.h>

struct iommufd_access;
struct iommufd_ctx;
struct iommufd_device;
struct kvm;
struct vfio_backend_user;
struct vfio_container;
struct vfio_group;
struct vfio_info_cap;
struct vfio_skin;

/**
 * struct vfio_device_set - devices that share a lock around open and close
 * @set_id: key; a pointer that stays unique while any member is registered
 * @lock: protects @device_list, and open_count of the members of a set that is
 *        not shared; held around open_device() of a first open and
 *        close_device() of a last close.  Drivers may take it.  Inside the
 *        group's lock and the container's.
 * @device_list: members, linked by &vfio_device.dev_set_list
 * @device_count: members, under the lock of the core's table of sets
 * @shared: members open and close in parallel (private, immutable)
 * @rwsem: of a shared set, held for reading by a member that opens or closes,
 *         for writing between vfio_device_set_begin() and _end(); outside
 *         @lock (private)
 */
struct vfio_device_set {
	void *set_id;
	/** @lock: see above */
	struct mutex lock;
	struct list_head device_list;
	unsigned int device_count;
	bool shared;
	/** @rwsem: see above */
	struct rw_semaphore rwsem;
};

/**
 * struct vfio_device - a device that user space can open
 * @dev: the device behind it; immutable
 * @ops: the driver's callbacks; immutable
 * @mig_ops: migration callbacks or NULL; set before registration
 * @log_ops: DMA logging callbacks or NULL; set before registration
 * @group: the VFIO group; set by registration
 * @group_next: entry in the group's list of devices
 * @iommu_entry: unused by this core, kept for drivers' source
 * @dev_set: the set; set by vfio_assign_device_set() or by registration
 * @dev_set_list: entry in &vfio_device_set.device_list
 * @migration_flags: VFIO_MIGRATION_* the driver supports
 * @kvm: the VM that uses the device while it is open, referenced, or NULL
 * @index: the core's: N of "vfioN"; immutable
 * @device: the core's: of class vfio-dev; keeps this structure
 * @open_count: the core's: opens; see vfio_device_set_open_count() for its lock
 * @put_kvm: the core's: undoes the reference on @kvm
 * @inode: the core's: owns the mapping of every file of this device; drivers
 *	may zap it
 * @skin: the core's: the half that open files keep; referenced, immutable
 * @lock: the core's: serialises open and close of a member of a shared set
 * @user: the core's: this device in the container, while it is open
 * @container: the core's: the group's, while the device is open
 * @owner: the core's: the driver's module, referenced while open
 * @grace_ms: the core's: how long a user gets to let go of it
 * @registered: the core's: between registration and unregistration
 * @cdev_opened: always false: there is no iommufd in this core
 * @iommufd_attached: always false
 *
 * Embed it first in the driver's structure and allocate that with
 * vfio_alloc_device().  The last vfio_put_device() frees it.
 */
struct vfio_device {
	struct device *dev;
	const struct vfio_device_ops *ops;
	const struct vfio_migration_ops *mig_ops;
	const struct vfio_log_ops *log_ops;
	struct vfio_group *group;
	struct list_head group_next;
	struct list_head iommu_entry;

	/*
	 * dev_set is immutable once registered, dev_set_list is protected by
	 * dev_set->lock.
	 */
	struct vfio_device_set *dev_set;
	struct list_head dev_set_list;
	unsigned int migration_flags;
	struct kvm *kvm;

	/* The core's, not for drivers unless said otherwise. */
	unsigned int index;
	struct device device;
	unsigned int open_count;
	void (*put_kvm)(struct kvm *kvm);
	struct inode *inode;
	struct vfio_skin *skin;
	/** @lock: serialises open and close of a member of a shared set */
	struct mutex lock;
	struct vfio_backend_user *user;
	struct vfio_container *container;
	struct module *owner;
	unsigned int grace_ms;
	bool registered;
	u8 cdev_opened:1;
	u8 iommufd_attached:1;
};

/**
 * struct vfio_device_ops - what a driver does for its devices
 * @name: name for messages
 * @init: initialise the driver's part, from vfio_alloc_device(); optional
 * @release: undo @init, from the driver's own last vfio_put_device(); the
 *           device set has been left already; optional
 * @bind_iommufd: 6.12's; never called by this core
 * @unbind_iommufd: 6.12's; never called by this core
 * @attach_ioas: 6.12's; never called by this core
 * @detach_ioas: 6.12's; never called by this core
 * @open_device: first open.  Called with the set held (see
 *               &struct vfio_device_set).  When it fails it has undone
 *               everything and @close_device is not called; optional
 * @close_device: last close or revocation, with open_count still 1; the
 *                driver stops its DMA and unpins; optional
 * @read: read(2) on the device file; optional
 * @write: write(2) on the device file; optional
 * @ioctl: every ioctl the core does not handle; optional
 * @mmap: mmap(2) on the device file, under mmap_lock; optional
 * @request: ask user space to give the device up; @count grows; optional
 * @match: does @buf name this device? 1 yes, 0 no, or an errno; optional
 * @dma_unmap: the IOVA range goes away, unpin what you have pinned there;
 *             called with no lock of the core held; must not wait for an open
 *             or close of any device.  Required of who pins
 * @device_feature: VFIO_DEVICE_FEATURE that the core does not know; optional
 * @open_fd: ours: called for every device file that is opened, after
 *           @open_device; optional
 * @close_fd: ours: called for every device file that is closed or revoked,
 *            before @close_device; optional
 * @read_buf: ours, instead of @read: fill a kernel buffer of at most one page;
 *            the core copies to user space outside the gate, so that a fault
 *            there never holds up a removal
 * @write_buf: ours, instead of @write, likewise
 * @get_info: ours, for VFIO_DEVICE_GET_INFO; @caps may be added to
 * @get_region_info: ours, for VFIO_DEVICE_GET_REGION_INFO; info->index is set
 * @get_irq_info: ours, for VFIO_DEVICE_GET_IRQ_INFO; info->index is set
 * @set_irqs: ours, for VFIO_DEVICE_SET_IRQS, after validation against
 *            @get_irq_info; @data is kernel memory, or NULL for DATA_NONE
 * @reset: ours, for VFIO_DEVICE_RESET
 *
 * An ioctl whose structured callback is absent goes to @ioctl.
 * @read, @write, @ioctl and @device_feature run inside the device's gate with
 * user memory in hand; a task that sits on an unanswered page fault in them
 * when the device is revoked is killed.
 */
struct vfio_device_ops {
	char *name;
	int (*init)(struct vfio_device *vdev);
	void (*release)(struct vfio_device *vdev);
	int (*bind_iommufd)(struct vfio_device *vdev, struct iommufd_ctx *ictx,
			    u32 *out_device_id);
	void (*unbind_iommufd)(struct vfio_device *vdev);
	int (*attach_ioas)(struct vfio_device *vdev, u32 *pt_id);
	void (*detach_ioas)(struct vfio_device *vdev);
	int (*open_device)(struct vfio_device *vdev);
	void (*close_device)(struct vfio_device *vdev);
	ssize_t (*read)(struct vfio_device *vdev, char __user *buf,
			size_t count, loff_t *ppos);
	ssize_t (*write)(struct vfio_device *vdev, const char __user *buf,
			 size_t count, loff_t *ppos);
	long (*ioctl)(struct vfio_device *vdev, unsigned int cmd,
		      unsigned long arg);
	int (*mmap)(struct vfio_device *vdev, struct vm_area_struct *vma);
	void (*request)(struct vfio_device *vdev, unsigned int count);
	int (*match)(struct vfio_device *vdev, char *buf);
	void (*dma_unmap)(struct vfio_device *vdev, u64 iova, u64 length);
	int (*device_feature)(struct vfio_device *device, u32 flags,
			      void __user *arg, size_t argsz);

	int (*open_fd)(struct vfio_device *vdev);
	void (*close_fd)(struct vfio_device *vdev);
	ssize_t (*read_buf)(struct vfio_device *vdev, void *buf, size_t count,
			    loff_t *ppos);
	ssize_t (*write_buf)(struct vfio_device *vdev, const void *buf,
			     size_t count, loff_t *ppos);
	int (*get_info)(struct vfio_device *vdev,
			struct vfio_device_info *info,
			struct vfio_info_cap *caps);
	int (*get_region_info)(struct vfio_device *vdev,
			       struct vfio_region_info *info,
			       struct vfio_info_cap *caps);
	int (*get_irq_info)(struct vfio_device *vdev,
			    struct vfio_irq_info *info);
	int (*set_irqs)(struct vfio_device *vdev,
			const struct vfio_irq_set *hdr, void *data);
	int (*reset)(struct vfio_device *vdev);
};

/*
 * iommufd is not part of this core.  The names exist so that ops tables of
 * 6.12 compile; without iommufd 6.12 defines them as NULL as well.
 */
#define vfio_iommufd_physical_bind					\
	((int (*)(struct vfio_device *vdev, struct iommufd_ctx *ictx,	\
		  u32 *out_device_id)) NULL)
#define vfio_iommufd_physical_unbind					\
	((void (*)(struct vfio_device *vdev)) NULL)
#define vfio_iommufd_physical_attach_ioas				\
	((int (*)(struct vfio_device *vdev, u32 *pt_id)) NULL)
#define vfio_iommufd_physical_detach_ioas				\
	((void (*)(struct vfio_device *vdev)) NULL)
#define vfio_iommufd_emulated_bind	vfio_iommufd_physical_bind
#define vfio_iommufd_emulated_unbind	vfio_iommufd_physical_unbind
#define vfio_iommufd_emulated_attach_ioas vfio_iommufd_physical_attach_ioas
#define vfio_iommufd_emulated_detach_ioas vfio_iommufd_physical_detach_ioas

static inline struct iommufd_ctx *
vfio_iommufd_device_ictx(struct vfio_device *vdev)
{
	return NULL;
}

static inline int vfio_iommufd_get_dev_id(struct vfio_device *vdev,
					  struct iommufd_ctx *ictx)
{
	return VFIO_PCI_DEVID_NOT_OWNED;
}

static inline bool vfio_device_cdev_opened(struct vfio_device *device)
{
	return device->cdev_opened;
}

/**
 * struct vfio_migration_ops - migration protocol v2
 * @migration_set_state: move to a state that is one arc away; returns a data
 *	file, NULL, or ERR_PTR
 * @migration_get_state: report the current state
 * @migration_get_data_size: estimate the bytes that STOP_COPY will stream
 *
 * All three or none.  Data files are best made by vfio_data_file_create().
 */
struct vfio_migration_ops {
	struct file *(*migration_set_state)(
		struct vfio_device *device,
		enum vfio_device_mig_state new_state);
	int (*migration_get_state)(struct vfio_device *device,
				   enum vfio_device_mig_state *curr_state);
	int (*migration_get_data_size)(struct vfio_device *device,
				       unsigned long *stop_copy_length);
};

/**
 * struct vfio_log_ops - tracking of the pages that the device writes
 * @log_start: start; @ranges is a tree of interval_tree_node with @nnodes
 *	nodes, @page_size is what was asked for and what is granted
 * @log_stop: stop
 * @log_read_and_clear: report the pages written in a range with
 *	iova_bitmap_set() and forget them
 */
struct vfio_log_ops {
	int (*log_start)(struct vfio_device *device,
			 struct rb_root_cached *ranges, u32 nnodes,
			 u64 *page_size);
	int (*log_stop)(struct vfio_device *device);
	int (*log_read_and_clear)(struct vfio_device *device,
				  unsigned long iova, unsigned long length,
				  struct iova_bitmap *dirty);
};

/**
 * vfio_check_feature() - validate a VFIO_DEVICE_FEATURE request
 * @flags: flags of the request
 * @argsz: bytes of the payload
 * @supported_ops: VFIO_DEVICE_FEATURE_GET and/or _SET
 * @minsz: least bytes of payload for those
 *
 * Return: 1 to go on, 0 when the request was a successful probe, -EINVAL.
 */
static inline int vfio_check_feature(u32 flags, size_t argsz, u32 supported_ops,
				     size_t minsz)
{
	u32 asked = flags & (VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET);

	if (asked & ~supported_ops)
		return -EINVAL;
	if (flags & VFIO_DEVICE_FEATURE_PROBE)
		return 0;
	/* Without PROBE there must be something to do. */
	if (!asked || argsz < minsz)
		return -EINVAL;
	return 1;
}

struct vfio_device *_vfio_alloc_device(size_t size, struct device *dev,
				       const struct vfio_device_ops *ops);

/**
 * vfio_alloc_device() - allocate a driver's device structure
 * @dev_struct: its type
 * @member: name of the &struct vfio_device in it, which must come first
 * @dev: the device behind it
 * @ops: the driver's callbacks
 *
 * Return: the structure, or ERR_PTR().
 */
#define vfio_alloc_device(dev_struct, member, dev, ops)			\
	container_of(_vfio_alloc_device(sizeof(struct dev_struct) +	\
					BUILD_BUG_ON_ZERO(offsetof(	\
						struct dev_struct, member)), \
					dev, ops),			\
		     struct dev_struct, member)

static inline void vfio_put_device(struct vfio_device *device)
{
	put_device(&device->device);
}

int vfio_register_group_dev(struct vfio_device *device);
int vfio_register_emulated_iommu_dev(struct vfio_device *device);
void vfio_unregister_group_dev(struct vfio_device *device);
void vfio_announce_removal(struct vfio_device *device);

int vfio_assign_device_set(struct vfio_device *device, void *set_id);
int vfio_assign_device_set_shared(struct vfio_device *device, void *set_id);
void vfio_device_set_begin(struct vfio_device_set *dev_set);
void vfio_device_set_end(struct vfio_device_set *dev_set);
unsigned int vfio_device_set_open_count(struct vfio_device_set *dev_set);
struct vfio_device *vfio_find_device_in_devset(struct vfio_device_set *dev_set,
					       struct device *dev);

/* Of an open device: after -ENODEV of vfio_pin_pages(). */
bool vfio_device_is_shut(struct vfio_device *device);

/* Sleeping in a driver's callback, revocable: see fops.c. */
struct gate *vfio_device_gate(struct vfio_device *device);

/**
 * vfio_device_wait_event() - sleep in a callback until something happens
 * @device: the device
 * @condition: made true by someone who calls vfio_device_wake() then
 *
 * Return: 0, -ENODEV when the device is being removed, -ERESTARTSYS.
 */
#define vfio_device_wait_event(device, condition)			\
	gate_wait_event(vfio_device_gate(device), condition)

/**
 * vfio_device_wake() - wake those in vfio_device_wait_event()
 * @device: the device
 *
 * Context: Any.
 */
static inline void vfio_device_wake(struct vfio_device *device)
{
	wake_up_all(&vfio_device_gate(device)->wq);
}

/**
 * struct vfio_data_file_ops - a stream of migration data, kernel buffers only
 * @read: fill @buf; 0 at the end of the data; NULL for a file that is written
 * @write: take @buf; NULL for a file that is read
 * @precopy_info: fill @info for VFIO_MIG_GET_PRECOPY_INFO, or NULL
 * @release: the file was closed or the device revoked; called once
 *
 * All run inside the device's gate, in process context, may sleep.
 */
struct vfio_data_file_ops {
	ssize_t (*read)(struct vfio_device *vdev, void *priv, void *buf,
			size_t count);
	ssize_t (*write)(struct vfio_device *vdev, void *priv, const void *buf,
			 size_t count);
	int (*precopy_info)(struct vfio_device *vdev, void *priv,
			    struct vfio_precopy_info *info);
	void (*release)(struct vfio_device *vdev, void *priv);
};

struct file *vfio_data_file_create(struct vfio_device *vdev, const char *name,
				   const struct vfio_data_file_ops *ops,
				   void *priv);

int vfio_mig_get_next_state(struct vfio_device *device,
			    enum vfio_device_mig_state cur_fsm,
			    enum vfio_device_mig_state new_fsm,
			    enum vfio_device_mig_state *next_fsm);
void vfio_combine_iova_ranges(struct rb_root_cached *root, u32 cur_nodes,
			      u32 req_nodes);

/* What KVM looks up by name, and vfio-pci's hot reset. */
struct iommu_group *vfio_file_iommu_group(struct file *file);
bool vfio_file_is_group(struct file *file);
bool vfio_file_is_valid(struct file *file);
bool vfio_file_enforced_coherent(struct file *file);
void vfio_file_set_kvm(struct file *file, struct kvm *kvm);
bool vfio_file_has_dev(struct file *file, struct vfio_device *device);

/** VFIO_PIN_PAGES_MAX_ENTRIES - most pages in one vfio_pin_pages() */
#define VFIO_PIN_PAGES_MAX_ENTRIES	(PAGE_SIZE / sizeof(unsigned long))

int vfio_pin_pages(struct vfio_device *device, dma_addr_t iova, int npage,
		   int prot, struct page **pages);
void vfio_unpin_pages(struct vfio_device *device, dma_addr_t iova, int npage);
int vfio_dma_rw(struct vfio_device *device, dma_addr_t iova, void *data,
		size_t len, bool write);

/**
 * struct vfio_info_cap - a chain of capabilities under construction
 * @buf: the chain, each header's "next" relative to the start; kfree() it
 * @size: bytes in @buf
 */
struct vfio_info_cap {
	struct vfio_info_cap_header *buf;
	size_t size;
};

struct vfio_info_cap_header *vfio_info_cap_add(struct vfio_info_cap *caps,
					       size_t size, u16 id,
					       u16 version);
void vfio_info_cap_shift(struct vfio_info_cap *caps, size_t offset);
int vfio_info_add_capability(struct vfio_info_cap *caps,
			     struct vfio_info_cap_header *cap, size_t size);
int vfio_set_irqs_validate_and_prepare(struct vfio_irq_set *hdr, int num_irqs,
				       int max_irq_type, size_t *data_size);

/**
 * struct virqfd - an eventfd that calls into a driver when it is signalled
 * @opaque: the driver's argument
 * @eventfd: the eventfd
 * @handler: called from the signaller's context, must not sleep; non-zero
 *	     means that @thread is wanted
 * @thread: called from a worker
 * @data: the driver's second argument
 * @inject: work for @thread
 * @wait: our place in the eventfd's wait queue
 * @pt: how we got there
 * @shutdown: work that takes it apart
 * @pvirqfd: the driver's pointer to this, cleared when it goes
 * @flush_inject: work behind vfio_virqfd_flush_thread()
 */
struct virqfd {
	void *opaque;
	struct eventfd_ctx *eventfd;
	int (*handler)(void *opaque, void *data);
	void (*thread)(void *opaque, void *data);
	void *data;
	struct work_struct inject;
	wait_queue_entry_t wait;
	poll_table pt;
	struct work_struct shutdown;
	struct work_struct flush_inject;
	struct virqfd **pvirqfd;
};

int vfio_virqfd_enable(void *opaque, int (*handler)(void *, void *),
		       void (*thread)(void *, void *), void *data,
		       struct virqfd **pvirqfd, int fd);
void vfio_virqfd_disable(struct virqfd **pvirqfd);
void vfio_virqfd_flush_thread(struct virqfd **pvirqfd);

#endif /* VFIO_H */
