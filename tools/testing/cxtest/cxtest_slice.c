// SPDX-License-Identifier: GPL-2.0-only
/*
 * cxtest: slices, each owned by the open file that has opened it, and found by
 * all of them
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "cxtest_priv.h"

/**
 * struct cxtest_open - a slice that is open
 * @slice: that
 * @lun: referenced
 * @owner: the file that has opened it
 * @nr_changes: how often we were told
 * @changed: what the last time
 */
struct cxtest_open {
	struct cxlflash_slice *slice;
	struct cxlflash_lun *lun;
	struct cxtest *owner;
	atomic_t nr_changes;
	unsigned int changed;
};

/* Protects cxtest_slices and all of them; over the adapter's work */
static DEFINE_MUTEX(cxtest_slices_lock);
static DEFINE_XARRAY_ALLOC(cxtest_slices);

static void cxtest_slice_changed(void *priv, unsigned int what)
{
	struct cxtest_open *open = priv;

	might_sleep();
	WRITE_ONCE(open->changed, what);
	atomic_inc(&open->nr_changes);
}

static void cxtest_slice_close(u32 id, struct cxtest_open *open)
{
	lockdep_assert_held(&cxtest_slices_lock);
	xa_erase(&cxtest_slices, id);
	cxlflash_slice_close(open->slice);
	cxlflash_lun_put(open->lun);
	kfree(open);
}

static void cxtest_slice_info(struct cxtest_open *open,
			      struct cxtest_slice *arg)
{
	struct cxlflash_slice_info info;

	cxlflash_slice_get_info(open->slice, &info);
	arg->bytes = info.nr_blocks * info.block_size;
	export_uuid(arg->uuid, &info.uuid);
	strscpy_pad(arg->name, info.name, sizeof(arg->name));
	arg->flags = info.read_only;
	arg->created = info.created;
	arg->nr_chunks = info.nr_chunks;
	arg->nr_unwritten = info.nr_unwritten;
	arg->nr_changes = atomic_read(&open->nr_changes);
	arg->changed = READ_ONCE(open->changed);
	memcpy(arg->wwid, info.wwid, sizeof(arg->wwid));
}

static int cxtest_slice_open(struct cxtest *ct, struct cxtest_slice *arg)
{
	struct cxlflash_slice_params params = {
		.bytes = arg->bytes,
		.name = arg->name,
		.changed = cxtest_slice_changed,
	};
	struct cxtest_open *open;
	int ret;

	if (strnlen(arg->name, sizeof(arg->name)) == sizeof(arg->name))
		return -EINVAL;
	import_uuid(&params.uuid, arg->uuid);
	open = kzalloc(sizeof(*open), GFP_KERNEL);
	if (!open)
		return -ENOMEM;
	open->owner = ct;
	params.priv = open;
	ret = -ENODEV;
	open->lun = cxlflash_lun_find(ct->ad, arg->port, arg->lun_id);
	if (!open->lun)
		goto err_free_open;
	open->slice = cxlflash_slice_open(open->lun, &params);
	if (IS_ERR(open->slice)) {
		ret = PTR_ERR(open->slice);
		goto err_put_lun;
	}
	ret = xa_alloc(&cxtest_slices, &arg->id, open, xa_limit_31b,
		       GFP_KERNEL);
	if (ret)
		goto err_close;
	cxtest_slice_info(open, arg);
	return 0;

err_close:
	cxlflash_slice_close(open->slice);
err_put_lun:
	cxlflash_lun_put(open->lun);
err_free_open:
	kfree(open);
	return ret;
}

static int __cxtest_slice(struct cxtest *ct, struct cxtest_slice *arg)
{
	struct cxtest_open *open;
	int ret;

	lockdep_assert_held(&cxtest_slices_lock);
	if (arg->what == CXTEST_SLICE_OPEN)
		return cxtest_slice_open(ct, arg);
	open = xa_load(&cxtest_slices, arg->id);
	if (!open)
		return -ENOENT;
	switch (arg->what) {
	case CXTEST_SLICE_CLOSE:
		cxtest_slice_close(arg->id, open);
		return 0;
	case CXTEST_SLICE_RESIZE:
		return cxlflash_slice_resize(open->slice, arg->bytes);
	case CXTEST_SLICE_MODE:
		return cxlflash_slice_set_read_only(open->slice, arg->flags);
	case CXTEST_SLICE_INFO:
		cxtest_slice_info(open, arg);
		return 0;
	case CXTEST_SLICE_HANDLE:
		ret = cxlflash_handle_open_slice(ct->ctx, open->slice,
						 arg->flags);
		if (ret < 0)
			return ret;
		arg->handle = ret;
		return 0;
	default:
		return -EINVAL;
	}
}

/**
 * cxtest_slice() - the ioctl
 * @ct: open file with a context
 * @arg: what to do, and the result
 *
 * Context: May sleep.
 * Return: 0; -EINVAL; -ENOENT: no such slice is open; what the adapter says.
 */
int cxtest_slice(struct cxtest *ct, struct cxtest_slice *arg)
{
	guard(mutex)(&cxtest_slices_lock);
	return __cxtest_slice(ct, arg);
}

/**
 * cxtest_slices_close() - close what a file has opened
 * @ct: open file
 *
 * Context: May sleep.
 */
void cxtest_slices_close(struct cxtest *ct)
{
	struct cxtest_open *open;
	unsigned long id;

	guard(mutex)(&cxtest_slices_lock);
	xa_for_each(&cxtest_slices, id, open)
		if (open->owner == ct)
			cxtest_slice_close(id, open);
}

/**
 * cxtest_slices_close_lun() - close all of a LUN
 * @lun: that
 *
 * Context: May sleep.
 */
void cxtest_slices_close_lun(struct cxlflash_lun *lun)
{
	struct cxtest_open *open;
	unsigned long id;

	guard(mutex)(&cxtest_slices_lock);
	xa_for_each(&cxtest_slices, id, open)
		if (open->lun == lun)
			cxtest_slice_close(id, open);
}
