// SPDX-License-Identifier: GPL-2.0-only
/*
 * cxtest: a program as the owner of a raw CXL flash context
 */
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "cxtest_priv.h"

static int cxtest_create(struct cxtest *ct, struct cxtest_create *arg)
{
	struct cxlflash_ctx_params params = {
		.ops = &cxtest_owner_ops,
		.priv = ct,
		.caps = arg->caps,
		.cmd_room = arg->cmd_room,
		.service = arg->service,
		.user = arg->flags & CXTEST_USER,
		.name = "cxtest",
	};
	struct cxlflash_ctx *ctx;
	int ret;

	if (ct->ctx)
		return -EBUSY;
	if (strnlen(arg->adapter, sizeof(arg->adapter)) == sizeof(arg->adapter))
		return -EINVAL;
	ct->ad = cxlflash_adapter_find(arg->adapter);
	if (!ct->ad)
		return -ENODEV;
	ct->flags = arg->flags;
	ret = cxtest_arena_alloc(ct, arg->nr_pages);
	if (ret)
		goto err_put_adapter;
	ctx = cxlflash_ctx_create(ct->ad, &params);
	if (IS_ERR(ctx)) {
		ret = PTR_ERR(ctx);
		goto err_free_arena;
	}
	ct->ctx = ctx;
	arg->id = cxlflash_ctx_id(ctx);
	return 0;

err_free_arena:
	cxtest_arena_free(ct);
err_put_adapter:
	cxlflash_adapter_put(ct->ad);
	ct->ad = NULL;
	return ret;
}

static void cxtest_destroy(struct cxtest *ct)
{
	if (!ct->ctx)
		return;
	cxlflash_ctx_destroy(ct->ctx);
	ct->ctx = NULL;
	cxtest_arena_free(ct);
	cxlflash_adapter_put(ct->ad);
	ct->ad = NULL;
}

static int cxtest_open_handle(struct cxtest *ct, struct cxtest_handle *arg)
{
	struct cxlflash_lun *lun;
	int ret;

	lun = cxlflash_lun_find(ct->ad, arg->port, arg->lun_id);
	if (!lun)
		return -ENODEV;
	if (arg->nr_chunks)
		ret = cxlflash_handle_open_virtual(ct->ctx, lun, arg->flags,
						   arg->nr_chunks);
	else
		ret = cxlflash_handle_open_physical(ct->ctx, lun, arg->flags);
	cxlflash_lun_put(lun);
	if (ret < 0)
		return ret;
	arg->handle = ret;
	return 0;
}

static int cxtest_pages(struct cxtest *ct, const struct cxtest_pages *arg)
{
	u64 start = CXTEST_BASE + ((u64)arg->first << PAGE_SHIFT);
	u64 len = (u64)arg->nr << PAGE_SHIFT;

	if (arg->how > CXTEST_GONE || arg->first > ct->nr_pages ||
	    arg->nr > ct->nr_pages - arg->first || !arg->nr)
		return -EINVAL;
	for (u32 i = 0; i < arg->nr; i++)
		WRITE_ONCE(ct->how[arg->first + i], arg->how);
	if (arg->how == CXTEST_PRESENT)
		return 0;
	cxlflash_ctx_invalidate(ct->ctx, start, len);
	if (!arg->drain)
		return 0;
	return cxlflash_ctx_drain_pages(ct->ctx, start, len,
					msecs_to_jiffies(arg->drain)) ?
	       0 : -ETIMEDOUT;
}

static void cxtest_events(struct cxtest *ct, struct cxtest_events *arg)
{
	for (int i = 0; i < CXTEST_NR_LISN; i++)
		arg->irqs[i] = atomic64_read(&ct->irqs[i]);
	arg->data_storage = atomic64_read(&ct->data_storage);
	arg->last_ea = READ_ONCE(ct->last_ea);
	arg->resolved = atomic64_read(&ct->resolved);
	arg->pages_out = atomic64_read(&cxtest_pages_out);
	arg->state = cxlflash_ctx_state(ct->ctx);
	arg->state_changes = atomic_read(&ct->state_changes);
}

static int cxtest_limits(struct cxtest *ct, struct cxtest_limits *arg)
{
	struct cxlflash_limits limits = {
		.iops = arg->iops,
		.bytes = arg->bytes,
		.burst_ms = arg->burst_ms,
	};
	int ret;

	if (strnlen(arg->group, sizeof(arg->group)) == sizeof(arg->group))
		return -EINVAL;
	ret = cxlflash_ctx_set_group(ct->ctx,
				     arg->group[0] ? arg->group : NULL);
	if (ret)
		return ret;
	return cxlflash_ctx_set_limits(ct->ctx, &limits);
}

static int cxtest_do(struct cxtest *ct, const struct cxtest_do *arg)
{
	switch (arg->what) {
	case CXTEST_DO_RESET:
		cxlflash_ctx_reset_begin(ct->ctx);
		return cxlflash_ctx_reset_wait(ct->ctx,
					       msecs_to_jiffies(arg->arg)) ?
		       0 : -ETIMEDOUT;
	case CXTEST_DO_FAIL:
		cxlflash_ctx_fail(ct->ctx);
		return 0;
	case CXTEST_DO_RESTART:
		return cxlflash_ctx_restart(ct->ctx);
	case CXTEST_DO_KICK:
		cxlflash_ctx_kick(ct->ctx);
		return 0;
	case CXTEST_DO_SERVICE:
		return cxlflash_ctx_set_service(ct->ctx, arg->arg);
	case CXTEST_DO_DESTROY:
		cxtest_destroy(ct);
		return 0;
	case CXTEST_DO_ADAPTER_RESET:
		return cxlflash_adapter_reset(ct->ad);
	default:
		return -EINVAL;
	}
}

union cxtest_arg {
	struct cxtest_create create;
	struct cxtest_mmio mmio;
	struct cxtest_handle handle;
	struct cxtest_pages pages;
	struct cxtest_events events;
	struct cxtest_limits limits;
	struct cxtest_do cmd;
	struct cxtest_slice slice;
	struct cxtest_client client;
};

static int cxtest_act(struct cxtest *ct, unsigned int cmd,
		      union cxtest_arg *arg)
{
	switch (cmd) {
	case CXTEST_READ:
		arg->mmio.val = cxlflash_mmio_read(ct->ctx, arg->mmio.reg);
		return 0;
	case CXTEST_WRITE:
		cxlflash_mmio_write(ct->ctx, arg->mmio.reg, arg->mmio.val);
		return 0;
	case CXTEST_OPEN:
		return cxtest_open_handle(ct, &arg->handle);
	case CXTEST_RESIZE:
		return cxlflash_handle_resize(ct->ctx, arg->handle.handle,
					      &arg->handle.nr_chunks);
	case CXTEST_CLOSE:
		return cxlflash_handle_close(ct->ctx, arg->handle.handle);
	case CXTEST_PAGES:
		return cxtest_pages(ct, &arg->pages);
	case CXTEST_EVENTS:
		cxtest_events(ct, &arg->events);
		return 0;
	case CXTEST_LIMITS:
		return cxtest_limits(ct, &arg->limits);
	case CXTEST_DO:
		return cxtest_do(ct, &arg->cmd);
	case CXTEST_SLICE:
		return cxtest_slice(ct, &arg->slice);
	default:
		return -ENOTTY;
	}
}

/*
 * Only the file's making and unmaking are exclusive: register accesses of
 * several threads must run side by side.  So the context is created before a
 * program shares the file, and ended when it no longer does.
 */
static long cxtest_ioctl(struct file *file, unsigned int cmd, unsigned long to)
{
	struct cxtest *ct = file->private_data;
	void __user *user = (void __user *)to;
	size_t size = _IOC_SIZE(cmd);
	union cxtest_arg arg = { };
	int ret;

	if (_IOC_TYPE(cmd) != _IOC_TYPE(CXTEST_CREATE) || size > sizeof(arg))
		return -ENOTTY;
	if ((_IOC_DIR(cmd) & _IOC_WRITE) && copy_from_user(&arg, user, size))
		return -EFAULT;
	if (cmd == CXTEST_CREATE) {
		mutex_lock(&ct->lock);
		ret = cxtest_create(ct, &arg.create);
		mutex_unlock(&ct->lock);
	} else if (cmd == CXTEST_CLIENT) {
		ret = cxtest_client(&arg.client);
	} else if (!ct->ctx) {
		ret = -ENXIO;
	} else {
		ret = cxtest_act(ct, cmd, &arg);
	}
	if (ret)
		return ret;
	if ((_IOC_DIR(cmd) & _IOC_READ) && copy_to_user(user, &arg, size))
		return -EFAULT;
	return 0;
}

static int cxtest_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct cxtest *ct = file->private_data;

	if (!ct->ctx)
		return -ENXIO;
	return vm_map_pages(vma, ct->pages, ct->nr_pages);
}

static __poll_t cxtest_poll(struct file *file, poll_table *table)
{
	struct cxtest *ct = file->private_data;

	poll_wait(file, &ct->wait, table);
	return atomic64_read(&ct->irqs[2]) ? EPOLLIN : 0;
}

static int cxtest_open(struct inode *inode, struct file *file)
{
	struct cxtest *ct = kzalloc(sizeof(*ct), GFP_KERNEL);

	if (!ct)
		return -ENOMEM;
	mutex_init(&ct->lock);
	init_waitqueue_head(&ct->wait);
	file->private_data = ct;
	return 0;
}

static int cxtest_release(struct inode *inode, struct file *file)
{
	struct cxtest *ct = file->private_data;

	cxtest_destroy(ct);
	cxtest_slices_close(ct);
	kfree(ct);
	return 0;
}

static const struct file_operations cxtest_fops = {
	.owner = THIS_MODULE,
	.open = cxtest_open,
	.release = cxtest_release,
	.unlocked_ioctl = cxtest_ioctl,
	.mmap = cxtest_mmap,
	.poll = cxtest_poll,
};

static struct miscdevice cxtest_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "cxtest",
	.fops = &cxtest_fops,
	.mode = 0600,
};

static int __init cxtest_init(void)
{
	return misc_register(&cxtest_misc);
}

static void __exit cxtest_exit(void)
{
	misc_deregister(&cxtest_misc);
	cxtest_client_end();
}

module_init(cxtest_init);
module_exit(cxtest_exit);
MODULE_DESCRIPTION("A program as the owner of raw CXL flash contexts");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(CXLFLASH_AFU);
