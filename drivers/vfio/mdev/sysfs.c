// SPDX-License-Identifier: GPL-2.0-only
/*
 * What user space sees of parents, types and mediated devices
 *
 * A type is a kobject inside the driver's memory, and the driver may free that
 * memory as soon as the type has been removed.  mdev_type_del() therefore
 * waits until the last reference is gone; nobody but the core takes any, so
 * this is immediate unless CONFIG_DEBUG_KOBJECT_RELEASE delays it on purpose.
 *
 * An attribute's method runs while sysfs holds off the removal of that
 * attribute: the type, its parent and the driver are there as long as it runs.
 * For the same reason a method must not wait for anything that waits for the
 * removal of its own attribute.
 *
 * See Documentation/ABI/testing/sysfs-bus-mdev.
 */
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "mdev.h"

/**
 * struct mdev_type_dir - the directory "devices" of a type
 * @kobj: what &mdev_type.devices_kobj points to
 * @offered: the type is in its parent's table, or never will be
 * @type_released: nobody refers to the type's kobject any more
 * @dir_released: nobody refers to @kobj any more
 */
struct mdev_type_dir {
	struct kobject kobj;
	struct completion offered;
	struct completion type_released;
	struct completion dir_released;
};

/**
 * struct mdev_type_attribute - an attribute of a type
 * @attr: for sysfs
 * @show: for reading, or NULL
 * @store: for writing, or NULL
 */
struct mdev_type_attribute {
	struct attribute attr;
	ssize_t (*show)(struct mdev_type *type, char *buf);
	ssize_t (*store)(struct mdev_type *type, const char *buf,
			 size_t count);
};

static struct mdev_type *to_mdev_type(struct kobject *kobj)
{
	return container_of(kobj, struct mdev_type, kobj);
}

static struct mdev_type_attribute *to_type_attr(struct attribute *attr)
{
	return container_of(attr, struct mdev_type_attribute, attr);
}

static struct mdev_type_dir *to_type_dir(struct kobject *kobj)
{
	return container_of(kobj, struct mdev_type_dir, kobj);
}

/*
 * Attributes of a type
 */

static ssize_t create_store(struct mdev_type *type, const char *buf,
			    size_t count)
{
	struct mdev_type_dir *dir = to_type_dir(type->devices_kobj);
	char str[UUID_STRING_LEN + 1];
	guid_t uuid;
	int ret;

	/* One more byte for the newline that echo appends. */
	if (count < UUID_STRING_LEN || count > UUID_STRING_LEN + 1)
		return -EINVAL;
	memcpy(str, buf, UUID_STRING_LEN);
	str[UUID_STRING_LEN] = '\0';

	ret = guid_parse(str, &uuid);
	if (ret)
		return ret;
	/* Seen in sysfs before it was complete: it soon will be. */
	if (wait_for_completion_killable(&dir->offered))
		return -EINTR;
	ret = mdev_device_create(type, &uuid);
	return ret ? ret : count;
}

static ssize_t device_api_show(struct mdev_type *type, char *buf)
{
	return sysfs_emit(buf, "%s\n", type->parent->mdev_driver->device_api);
}

static ssize_t name_show(struct mdev_type *type, char *buf)
{
	return sysfs_emit(buf, "%s\n",
			  type->pretty_name ?: type->sysfs_name);
}

static ssize_t available_instances_show(struct mdev_type *type, char *buf)
{
	struct mdev_parent *parent = type->parent;

	if (parent->mdev_driver->get_available)
		return sysfs_emit(buf, "%u\n",
				  parent->mdev_driver->get_available(type));
	return sysfs_emit(buf, "%u\n",
			  atomic_read(&parent->available_instances));
}

static ssize_t description_show(struct mdev_type *type, char *buf)
{
	return type->parent->mdev_driver->show_description(type, buf);
}

static struct mdev_type_attribute mdev_attr_create = __ATTR_WO(create);
static struct mdev_type_attribute mdev_attr_device_api = __ATTR_RO(device_api);
static struct mdev_type_attribute mdev_attr_name = __ATTR_RO(name);
static struct mdev_type_attribute mdev_attr_available_instances =
	__ATTR_RO(available_instances);
static struct mdev_type_attribute mdev_attr_description =
	__ATTR_RO(description);

/*
 * "create" is the last one: if another one cannot be made nobody has seen it,
 * or removing it would wait for a writer, who waits for the type.
 */
static struct attribute *mdev_type_attrs[] = {
	&mdev_attr_device_api.attr,
	&mdev_attr_name.attr,
	&mdev_attr_available_instances.attr,
	&mdev_attr_description.attr,
	&mdev_attr_create.attr,
	NULL,
};

static umode_t mdev_type_attr_is_visible(struct kobject *kobj,
					 struct attribute *attr, int n)
{
	struct mdev_driver *drv = to_mdev_type(kobj)->parent->mdev_driver;

	if (attr == &mdev_attr_description.attr && !drv->show_description)
		return 0;
	return attr->mode;
}

static const struct attribute_group mdev_type_group = {
	.attrs = mdev_type_attrs,
	.is_visible = mdev_type_attr_is_visible,
};
__ATTRIBUTE_GROUPS(mdev_type);

static ssize_t mdev_type_attr_show(struct kobject *kobj,
				   struct attribute *attr, char *buf)
{
	struct mdev_type_attribute *type_attr = to_type_attr(attr);

	return type_attr->show ? type_attr->show(to_mdev_type(kobj), buf) :
				 -EIO;
}

static ssize_t mdev_type_attr_store(struct kobject *kobj,
				    struct attribute *attr, const char *buf,
				    size_t count)
{
	struct mdev_type_attribute *type_attr = to_type_attr(attr);

	return type_attr->store ?
	       type_attr->store(to_mdev_type(kobj), buf, count) : -EIO;
}

static const struct sysfs_ops mdev_type_sysfs_ops = {
	.show = mdev_type_attr_show,
	.store = mdev_type_attr_store,
};

/*
 * Types
 */

static void mdev_type_release(struct kobject *kobj)
{
	complete(&to_type_dir(to_mdev_type(kobj)->devices_kobj)->type_released);
}

static const struct kobj_type mdev_type_ktype = {
	.release = mdev_type_release,
	.sysfs_ops = &mdev_type_sysfs_ops,
	.default_groups = mdev_type_groups,
};

static void mdev_type_dir_release(struct kobject *kobj)
{
	complete(&to_type_dir(kobj)->dir_released);
}

static const struct kobj_type mdev_type_dir_ktype = {
	.release = mdev_type_dir_release,
	.sysfs_ops = &kobj_sysfs_ops,
};

/* Drop our references and wait until nobody else has any. */
static void mdev_type_dir_put(struct mdev_type_dir *dir)
{
	kobject_put(&dir->kobj);
	wait_for_completion(&dir->dir_released);
}

static void mdev_type_put(struct mdev_type *type, struct mdev_type_dir *dir)
{
	kobject_put(&type->kobj);
	wait_for_completion(&dir->type_released);
	type->devices_kobj = NULL;
	kfree(dir);
}

/* A parent that has neither driver, nor bus, nor class goes by our driver's. */
static const char *mdev_type_prefix(struct mdev_parent *parent)
{
	const char *name = dev_driver_string(parent->dev);

	return *name ? name : parent->mdev_driver->driver.name;
}

/* Ask first: sysfs would refuse a second one as well, but with a stack dump. */
static bool mdev_type_name_is_taken(struct mdev_parent *parent,
				    const char *name)
{
	struct kobject *kobj = kset_find_obj(parent->mdev_types_kset, name);

	kobject_put(kobj);
	return kobj;
}

/* Name and show the kobject of a type; it is to be put also after a failure. */
static int mdev_type_kobj_add(struct mdev_parent *parent,
			      struct mdev_type *type)
{
	char *name;
	int ret = -EEXIST;

	/* A type may have been registered before. */
	memset(&type->kobj, 0, sizeof(type->kobj));
	kobject_init(&type->kobj, &mdev_type_ktype);
	name = kasprintf(GFP_KERNEL, "%s-%s", mdev_type_prefix(parent),
			 type->sysfs_name);
	if (!name)
		return -ENOMEM;
	if (!mdev_type_name_is_taken(parent, name)) {
		type->kobj.kset = parent->mdev_types_kset;
		ret = kobject_add(&type->kobj, NULL, "%s", name);
	}
	kfree(name);
	return ret;
}

/**
 * mdev_type_add() - show a type in sysfs
 * @parent: who offers it
 * @type: the type, in the driver's memory
 *
 * Writers of its "create" wait until the caller has put the type into the
 * parent's table and called mdev_type_offer(), or mdev_type_del().
 *
 * Context: May sleep.  Not under @parent->unreg_sem, because undoing it waits
 *          for writers of "create".
 * Return: 0, -ENOMEM, -EINVAL without a name, -EEXIST if @parent has a type of
 *         that name.
 */
int mdev_type_add(struct mdev_parent *parent, struct mdev_type *type)
{
	struct mdev_type_dir *dir;
	int ret;

	if (!type->sysfs_name)
		return -EINVAL;
	dir = kzalloc(sizeof(*dir), GFP_KERNEL);
	if (!dir)
		return -ENOMEM;
	init_completion(&dir->offered);
	init_completion(&dir->type_released);
	init_completion(&dir->dir_released);

	type->parent = parent;
	type->devices_kobj = &dir->kobj;
	ret = mdev_type_kobj_add(parent, type);
	if (ret)
		goto err_put_type;

	ret = kobject_init_and_add(&dir->kobj, &mdev_type_dir_ktype,
				   &type->kobj, "devices");
	if (ret)
		goto err_put_dir;
	return 0;

err_put_dir:
	complete_all(&dir->offered);
	mdev_type_dir_put(dir);
	kobject_del(&type->kobj);
err_put_type:
	mdev_type_put(type, dir);
	return ret;
}

/**
 * mdev_type_offer() - a type is in its parent's table: devices can be made
 * @type: after mdev_type_add()
 *
 * Context: Any.
 */
void mdev_type_offer(struct mdev_type *type)
{
	complete_all(&to_type_dir(type->devices_kobj)->offered);
}

/**
 * mdev_type_del() - undo mdev_type_add()
 * @type: a type that has no devices, and that is in no parent's table
 *
 * Waits for writers of "create", who cannot succeed any more, and for readers.
 *
 * Context: May sleep.  Not under the parent's unreg_sem.
 */
void mdev_type_del(struct mdev_type *type)
{
	struct mdev_type_dir *dir = to_type_dir(type->devices_kobj);

	complete_all(&dir->offered);
	kobject_del(&dir->kobj);
	mdev_type_dir_put(dir);
	kobject_del(&type->kobj);
	mdev_type_put(type, dir);
}

/*
 * Devices
 */

static ssize_t remove_store(struct device *dev, struct device_attribute *attr,
			    const char *buf, size_t count)
{
	struct mdev_node *node = to_mdev_node(dev);
	unsigned long val;
	int ret;

	if (kstrtoul(buf, 0, &val))
		return -EINVAL;
	if (!val)
		return count;

	ret = mdev_device_claim(node);
	if (ret)
		return ret;
	/*
	 * From here on the removal is ours alone and cannot fail.  The file
	 * goes first, else deleting the device would wait for this method.
	 */
	device_remove_file_self(dev, attr);
	mdev_device_delete(node);
	return count;
}
static DEVICE_ATTR_WO(remove);

static struct attribute *mdev_device_attrs[] = {
	&dev_attr_remove.attr,
	NULL,
};

static const struct attribute_group mdev_device_group = {
	.attrs = mdev_device_attrs,
};

/* Every mediated device has these from the moment it appears in sysfs. */
const struct attribute_group *mdev_device_groups[] = {
	&mdev_device_group,
	NULL,
};

/**
 * mdev_device_link() - link a device and its type to each other
 * @mdev: a device that has been added
 *
 * Context: May sleep.
 * Return: 0, -ENOMEM, or another errno of sysfs_create_link().
 */
int mdev_device_link(struct mdev_device *mdev)
{
	struct device *dev = &mdev->dev;
	int ret;

	ret = sysfs_create_link(mdev->type->devices_kobj, &dev->kobj,
				dev_name(dev));
	if (ret)
		return ret;

	ret = sysfs_create_link(&dev->kobj, &mdev->type->kobj, "mdev_type");
	if (ret)
		sysfs_remove_link(mdev->type->devices_kobj, dev_name(dev));
	return ret;
}

/**
 * mdev_device_unlink() - undo mdev_device_link()
 * @mdev: the device, before it is deleted
 *
 * Context: May sleep.
 */
void mdev_device_unlink(struct mdev_device *mdev)
{
	sysfs_remove_link(&mdev->dev.kobj, "mdev_type");
	sysfs_remove_link(mdev->type->devices_kobj, dev_name(&mdev->dev));
}
