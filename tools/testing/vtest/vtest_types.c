// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the parents of the test driver offer, and whether they do
 *
 * A parent is born with one type for each kind of device.  More can be added
 * and removed while it is in use; such a type is freed as soon as it has been
 * removed, so that whoever touches it later is found out.
 *
 * vp is a parent.
 */
#include <linux/slab.h>
#include <linux/string.h>

#include "vtest_priv.h"

/* Immutable; also what user space calls a kind. */
const char * const vtest_kind_names[VTEST_NR_KINDS] = {
	[VTEST_OWN]	= "own",
	[VTEST_SET]	= "set",
	[VTEST_SHARED]	= "shared",
	[VTEST_FOREIGN]	= "foreign",
	[VTEST_BARE]	= "bare",
};

static const char * const vtest_pretty_names[VTEST_NR_KINDS] = {
	[VTEST_OWN]	= "Test device, own set",
	[VTEST_SET]	= "Test device, plain set",
	[VTEST_SHARED]	= "Test device, shared set",
	[VTEST_FOREIGN]	= "Test device, Linux 6.12 style",
	[VTEST_BARE]	= "Test device without callbacks",
};

/**
 * vtest_types_init() - prepare a parent's types
 * @vp: the parent, zeroed
 *
 * Context: Any.
 */
void vtest_types_init(struct vtest_parent *vp)
{
	unsigned int i;

	mutex_init(&vp->types_lock);
	INIT_LIST_HEAD(&vp->extra_types);
	for (i = 0; i < VTEST_NR_KINDS; i++) {
		vp->types[i].kind = i;
		vp->types[i].type.sysfs_name = vtest_kind_names[i];
		vp->types[i].type.pretty_name = vtest_pretty_names[i];
		vp->type_ptrs[i] = &vp->types[i].type;
	}
}

/**
 * vtest_parent_register() - make a parent available
 * @vp: the parent
 *
 * Context: Process context.  Takes &vtest_parent.types_lock.
 * Return: 0, -EBUSY if it is already, or mdev_register_parent()'s errno.
 */
int vtest_parent_register(struct vtest_parent *vp)
{
	int ret = -EBUSY;

	mutex_lock(&vp->types_lock);
	if (vp->registered)
		goto out_unlock;
	ret = mdev_register_parent(&vp->mdev, vp->dev, &vtest_mdev_driver,
				   vp->type_ptrs, VTEST_NR_KINDS);
	WRITE_ONCE(vp->registered, !ret);
out_unlock:
	mutex_unlock(&vp->types_lock);
	return ret;
}

/**
 * vtest_parent_unregister() - remove a parent's devices and the parent
 * @vp: the parent
 *
 * The types that were added go with it.  Does nothing for one that is not
 * registered.
 *
 * Context: Process context; waits for the removal of the devices.  Takes
 *          &vtest_parent.types_lock.
 */
void vtest_parent_unregister(struct vtest_parent *vp)
{
	struct vtest_extra_type *extra, *tmp;

	mutex_lock(&vp->types_lock);
	if (vp->registered)
		mdev_unregister_parent(&vp->mdev);
	WRITE_ONCE(vp->registered, false);
	list_for_each_entry_safe(extra, tmp, &vp->extra_types, node) {
		list_del(&extra->node);
		kfree(extra);
	}
	mutex_unlock(&vp->types_lock);
}

/**
 * vtest_type_add() - offer one more type
 * @vp: the parent
 * @name: after "vtest-"
 * @kind: what its devices are
 *
 * Context: Process context.  Takes &vtest_parent.types_lock.
 * Return: 0, -ENOMEM, -ENODEV if @vp is not registered, or
 *         mdev_parent_add_type()'s errno.
 */
int vtest_type_add(struct vtest_parent *vp, const char *name,
		   enum vtest_kind kind)
{
	struct vtest_extra_type *extra;
	size_t len = strlen(name) + 1;
	int ret = -ENODEV;

	extra = kzalloc(struct_size(extra, name, len), GFP_KERNEL);
	if (!extra)
		return -ENOMEM;
	memcpy(extra->name, name, len);
	extra->type.kind = kind;
	extra->type.type.sysfs_name = extra->name;

	mutex_lock(&vp->types_lock);
	if (vp->registered)
		ret = mdev_parent_add_type(&vp->mdev, &extra->type.type);
	if (!ret)
		list_add_tail(&extra->node, &vp->extra_types);
	mutex_unlock(&vp->types_lock);
	if (ret)
		kfree(extra);
	return ret;
}

static struct vtest_extra_type *__vtest_type_find(struct vtest_parent *vp,
						  const char *name)
{
	struct vtest_extra_type *extra;

	lockdep_assert_held(&vp->types_lock);
	list_for_each_entry(extra, &vp->extra_types, node) {
		if (!strcmp(extra->name, name))
			return extra;
	}
	return NULL;
}

/**
 * vtest_type_remove() - remove a type that was added, and its devices
 * @vp: the parent
 * @name: as it was added
 *
 * Context: Process context; waits for the removal of the devices.  Takes
 *          &vtest_parent.types_lock.
 * Return: 0, or -ENOENT if no type of this name was added.
 */
int vtest_type_remove(struct vtest_parent *vp, const char *name)
{
	struct vtest_extra_type *extra;

	mutex_lock(&vp->types_lock);
	extra = __vtest_type_find(vp, name);
	if (extra) {
		list_del(&extra->node);
		mdev_parent_remove_type(&vp->mdev, &extra->type.type);
	}
	mutex_unlock(&vp->types_lock);
	if (!extra)
		return -ENOENT;
	kfree(extra);
	return 0;
}
