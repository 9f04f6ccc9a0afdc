// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO_DEVICE_FEATURE: migration and DMA logging, and what drivers add
 *
 * User memory is copied before the gate is entered and after it has been left.
 * Only a feature that the core does not know is handed to the driver with user
 * memory, inside the gate.
 */
#include <linux/file.h>
#include <linux/interval_tree.h>
#include <linux/log2.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vfio.h"

/* Ranges for DMA_LOGGING_START: a page of them, as in 6.12. */
#define LOG_MAX_RANGES \
	(PAGE_SIZE / sizeof(struct vfio_device_feature_dma_logging_range))

/**
 * struct feature_call - one VFIO_DEVICE_FEATURE
 * @skin: the device's
 * @flags: of the request
 * @arg: the payload in user memory
 * @argsz: its size
 */
struct feature_call {
	struct vfio_skin *skin;
	u32 flags;
	void __user *arg;
	size_t argsz;
};

static bool feature_has_migration(struct vfio_skin *skin)
{
	return skin->structured & SKIN_MIGRATION;
}

static bool feature_has_logging(struct vfio_skin *skin)
{
	return skin->structured & SKIN_LOGGING;
}

static int feature_migration(struct feature_call *call)
{
	struct vfio_device_feature_migration mig = {};
	struct vfio_device *device;
	struct gate_pass pass;
	int ret;

	if (!feature_has_migration(call->skin))
		return -ENOTTY;
	ret = vfio_check_feature(call->flags, call->argsz,
				 VFIO_DEVICE_FEATURE_GET, sizeof(mig));
	if (ret != 1)
		return ret;

	device = skin_enter(call->skin, &pass);
	if (!device)
		return -ENODEV;
	mig.flags = device->migration_flags;
	gate_exit(&call->skin->gate, &pass);
	return copy_to_user(call->arg, &mig, sizeof(mig)) ? -EFAULT : 0;
}

static int feature_mig_state_get(struct feature_call *call)
{
	struct vfio_device_feature_mig_state state = { .data_fd = -1 };
	enum vfio_device_mig_state curr = VFIO_DEVICE_STATE_ERROR;
	struct vfio_device *device;
	struct gate_pass pass;
	int ret;

	device = skin_enter(call->skin, &pass);
	if (!device)
		return -ENODEV;
	ret = device->mig_ops->migration_get_state(device, &curr);
	gate_exit(&call->skin->gate, &pass);
	if (ret)
		return ret;
	state.device_state = curr;
	return copy_to_user(call->arg, &state, sizeof(state)) ? -EFAULT : 0;
}

/*
 * A device that is gone stands still.  A VMM that changes the state of its
 * devices when it stops, continues or ends its VM (QEMU from 8.0 on) gives the
 * VM up when one refuses, so the states without a data session are granted.
 */
static int
feature_mig_state_revoked(struct feature_call *call,
			  struct vfio_device_feature_mig_state *state)
{
	switch (state->device_state) {
	case VFIO_DEVICE_STATE_STOP:
	case VFIO_DEVICE_STATE_RUNNING:
	case VFIO_DEVICE_STATE_RUNNING_P2P:
		break;
	default:
		return -ENODEV;
	}
	state->data_fd = -1;
	return copy_to_user(call->arg, state, sizeof(*state)) ? -EFAULT : 0;
}

/* The descriptor is installed last, when nothing can fail any more. */
static int
feature_install_data_file(struct feature_call *call,
			  struct vfio_device_feature_mig_state *state,
			  struct file *file)
{
	int fd, ret;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		ret = fd;
		goto err_fput;
	}
	state->data_fd = fd;
	if (copy_to_user(call->arg, state, sizeof(*state))) {
		ret = -EFAULT;
		goto err_put_fd;
	}
	fd_install(fd, file);
	return 0;

err_put_fd:
	put_unused_fd(fd);
err_fput:
	fput(file);
	return ret;
}

static int feature_mig_state_set(struct feature_call *call)
{
	struct vfio_device_feature_mig_state state;
	struct file *file = NULL;
	struct vfio_device *device;
	struct gate_pass pass;

	if (copy_from_user(&state, call->arg, sizeof(state)))
		return -EFAULT;

	device = skin_enter(call->skin, &pass);
	if (!device)
		return feature_mig_state_revoked(call, &state);
	file = device->mig_ops->migration_set_state(device,
						    state.device_state);
	gate_exit(&call->skin->gate, &pass);

	state.data_fd = -1;
	if (IS_ERR_OR_NULL(file)) {
		/* Also on failure: the answer says that there is no file. */
		if (copy_to_user(call->arg, &state, sizeof(state)))
			return -EFAULT;
		return PTR_ERR_OR_ZERO(file);
	}
	return feature_install_data_file(call, &state, file);
}

static int feature_mig_state(struct feature_call *call)
{
	int ret;

	if (!feature_has_migration(call->skin))
		return -ENOTTY;
	ret = vfio_check_feature(call->flags, call->argsz,
				 VFIO_DEVICE_FEATURE_GET |
				 VFIO_DEVICE_FEATURE_SET,
				 sizeof(struct vfio_device_feature_mig_state));
	if (ret != 1)
		return ret;
	return call->flags & VFIO_DEVICE_FEATURE_GET ?
		feature_mig_state_get(call) : feature_mig_state_set(call);
}

static int feature_mig_data_size(struct feature_call *call)
{
	struct vfio_device_feature_mig_data_size data = {};
	unsigned long length = 0;
	struct vfio_device *device;
	struct gate_pass pass;
	int ret;

	if (!feature_has_migration(call->skin))
		return -ENOTTY;
	ret = vfio_check_feature(call->flags, call->argsz,
				 VFIO_DEVICE_FEATURE_GET, sizeof(data));
	if (ret != 1)
		return ret;

	device = skin_enter(call->skin, &pass);
	if (!device)
		return -ENODEV;
	ret = device->mig_ops->migration_get_data_size(device, &length);
	gate_exit(&call->skin->gate, &pass);
	if (ret)
		return ret;
	data.stop_copy_length = length;
	return copy_to_user(call->arg, &data, sizeof(data)) ? -EFAULT : 0;
}

/* Put validated ranges into a tree; their nodes are an array. */
static int log_build_tree(const struct vfio_device_feature_dma_logging_range *r,
			  u32 nr, u64 page_size,
			  struct interval_tree_node *nodes,
			  struct rb_root_cached *root)
{
	u64 last;
	u32 i;

	for (i = 0; i < nr; i++) {
		if (!r[i].length || !IS_ALIGNED(r[i].iova, page_size) ||
		    !IS_ALIGNED(r[i].length, page_size))
			return -EINVAL;
		if (check_add_overflow(r[i].iova, r[i].length - 1, &last) ||
		    last > ULONG_MAX)
			return -EOVERFLOW;
		nodes[i].start = r[i].iova;
		nodes[i].last = last;
		if (interval_tree_iter_first(root, nodes[i].start,
					     nodes[i].last))
			return -EINVAL;
		interval_tree_insert(&nodes[i], root);
	}
	return 0;
}

static int log_call_stop(struct vfio_skin *skin)
{
	struct vfio_device *device;
	struct gate_pass pass;
	int ret;

	device = skin_enter(skin, &pass);
	if (!device)
		return -ENODEV;
	ret = device->log_ops->log_stop(device);
	gate_exit(&skin->gate, &pass);
	return ret;
}

static int log_call_start(struct feature_call *call,
			  struct vfio_device_feature_dma_logging_control *ctl,
			  struct vfio_device_feature_dma_logging_range *ranges)
{
	struct rb_root_cached root = RB_ROOT_CACHED;
	struct interval_tree_node *nodes;
	struct vfio_device *device;
	struct gate_pass pass;
	int ret;

	nodes = kmalloc_array(ctl->num_ranges, sizeof(*nodes),
			      GFP_KERNEL_ACCOUNT);
	if (!nodes)
		return -ENOMEM;
	ret = log_build_tree(ranges, ctl->num_ranges, ctl->page_size, nodes,
			     &root);
	if (ret)
		goto out_free;
	device = skin_enter(call->skin, &pass);
	if (!device) {
		ret = -ENODEV;
		goto out_free;
	}
	ret = device->log_ops->log_start(device, &root, ctl->num_ranges,
					 &ctl->page_size);
	gate_exit(&call->skin->gate, &pass);
out_free:
	kfree(nodes);
	return ret;
}

static int feature_log_start(struct feature_call *call)
{
	struct vfio_device_feature_dma_logging_range *ranges;
	struct vfio_device_feature_dma_logging_control ctl;
	int ret;

	if (!feature_has_logging(call->skin))
		return -ENOTTY;
	ret = vfio_check_feature(call->flags, call->argsz,
				 VFIO_DEVICE_FEATURE_SET, sizeof(ctl));
	if (ret != 1)
		return ret;
	if (copy_from_user(&ctl, call->arg, sizeof(ctl)))
		return -EFAULT;
	if (!ctl.num_ranges || !is_power_of_2(ctl.page_size))
		return -EINVAL;
	if (ctl.num_ranges > LOG_MAX_RANGES)
		return -E2BIG;

	ranges = memdup_array_user(u64_to_user_ptr(ctl.ranges), ctl.num_ranges,
				   sizeof(*ranges));
	if (IS_ERR(ranges))
		return PTR_ERR(ranges);
	ret = log_call_start(call, &ctl, ranges);
	kfree(ranges);
	if (ret)
		return ret;
	/* The page size that was granted. */
	if (copy_to_user(call->arg, &ctl, sizeof(ctl))) {
		log_call_stop(call->skin);
		return -EFAULT;
	}
	return 0;
}

static int feature_log_stop(struct feature_call *call)
{
	int ret;

	if (!feature_has_logging(call->skin))
		return -ENOTTY;
	ret = vfio_check_feature(call->flags, call->argsz,
				 VFIO_DEVICE_FEATURE_SET, 0);
	if (ret != 1)
		return ret;
	return log_call_stop(call->skin);
}

/* For one window of the user's bitmap. */
static int log_report_window(struct iova_bitmap *bitmap, unsigned long iova,
			     size_t length, void *opaque)
{
	struct vfio_skin *skin = opaque;
	struct vfio_device *device;
	struct gate_pass pass;
	int ret;

	device = skin_enter(skin, &pass);
	if (!device)
		return -ENODEV;
	ret = device->log_ops->log_read_and_clear(device, iova, length,
						  bitmap);
	gate_exit(&skin->gate, &pass);
	return ret;
}

static int feature_log_report(struct feature_call *call)
{
	struct vfio_device_feature_dma_logging_report report;
	struct iova_bitmap *bitmap;
	u64 last;
	int ret;

	if (!feature_has_logging(call->skin))
		return -ENOTTY;
	ret = vfio_check_feature(call->flags, call->argsz,
				 VFIO_DEVICE_FEATURE_GET, sizeof(report));
	if (ret != 1)
		return ret;
	if (copy_from_user(&report, call->arg, sizeof(report)))
		return -EFAULT;
	if (report.page_size < SZ_4K || !is_power_of_2(report.page_size) ||
	    !report.length)
		return -EINVAL;
	/* As for START, the last page of the address space can be had. */
	if (check_add_overflow(report.iova, report.length - 1, &last) ||
	    last > ULONG_MAX)
		return -EOVERFLOW;

	bitmap = iova_bitmap_alloc(report.iova, report.length,
				   report.page_size,
				   u64_to_user_ptr(report.bitmap));
	if (IS_ERR(bitmap))
		return PTR_ERR(bitmap);
	ret = iova_bitmap_for_each(bitmap, call->skin, log_report_window);
	iova_bitmap_free(bitmap);
	return ret;
}

static int feature_of_driver(struct feature_call *call)
{
	struct vfio_device *device;
	struct gate_pass pass;
	int ret = -ENOTTY;

	device = skin_enter(call->skin, &pass);
	if (!device)
		return -ENODEV;
	if (!device->ops->device_feature)
		goto out_exit;
	ret = vfio_device_pm_begin(device);
	if (ret)
		goto out_exit;
	ret = device->ops->device_feature(device, call->flags, call->arg,
					  call->argsz);
	vfio_device_pm_end(device);
out_exit:
	gate_exit(&call->skin->gate, &pass);
	return ret;
}

static bool feature_is_mig_set(const struct feature_call *call)
{
	return call->flags == (VFIO_DEVICE_FEATURE_SET |
			       VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE);
}

/**
 * vfio_device_ioctl_feature() - VFIO_DEVICE_FEATURE
 * @skin: the device's skin
 * @arg: the request
 *
 * Context: May sleep.  Enters the gate.
 * Return: 0; -ENODEV when the device is revoked, but see
 *         feature_mig_state_revoked(); -EFAULT; -EINVAL for a short
 *         argsz, unknown flags, or GET and SET at once without PROBE; -ENOTTY
 *         for a feature that the device does not have; what the feature says.
 */
int vfio_device_ioctl_feature(struct vfio_skin *skin,
			      struct vfio_device_feature __user *arg)
{
	const u32 both = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET;
	size_t minsz = offsetofend(struct vfio_device_feature, flags);
	struct vfio_device_feature feature;
	struct feature_call call;

	if (copy_from_user(&feature, arg, minsz))
		return -EFAULT;
	if (feature.argsz < minsz)
		return -EINVAL;
	if (feature.flags & ~(VFIO_DEVICE_FEATURE_MASK | both |
			      VFIO_DEVICE_FEATURE_PROBE))
		return -EINVAL;
	if (!(feature.flags & VFIO_DEVICE_FEATURE_PROBE) &&
	    (feature.flags & both) == both)
		return -EINVAL;

	call.skin = skin;
	call.flags = feature.flags;
	call.arg = arg->data;
	call.argsz = feature.argsz - minsz;
	/* Also a probe, and what fails validation, of a device that is gone. */
	if (gate_is_shut(&skin->gate) && !feature_is_mig_set(&call))
		return -ENODEV;
	switch (feature.flags & VFIO_DEVICE_FEATURE_MASK) {
	case VFIO_DEVICE_FEATURE_MIGRATION:
		return feature_migration(&call);
	case VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE:
		return feature_mig_state(&call);
	case VFIO_DEVICE_FEATURE_MIG_DATA_SIZE:
		return feature_mig_data_size(&call);
	case VFIO_DEVICE_FEATURE_DMA_LOGGING_START:
		return feature_log_start(&call);
	case VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP:
		return feature_log_stop(&call);
	case VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT:
		return feature_log_report(&call);
	default:
		return feature_of_driver(&call);
	}
}
