// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mediated devices: the life of parents and devices
 *
 * A *parent* is a device whose driver can make devices out of it.  It offers
 * *types*, and a write of a UUID to a type's "create" makes a device.
 *
 * A device comes in four steps: *reserve* its UUID and an instance, *add* it
 * to the bus, *bind* it to the parent's driver, *publish* it.  Each step can
 * fail, and failing undoes the steps before it; nothing fails after publish.
 * It goes in three: *claim*, *delete*, *gone*.  Three parties remove devices:
 * a writer of "remove", the removal of a type, the removal of a parent.  The
 * one whose claim comes first deletes, and deleting cannot fail.  A second
 * writer gets an error; the removals of types and parents wait until the
 * device is gone, because the driver's memory is theirs to give back.
 *
 * The UUID and the instance are free again when the device is gone.  The
 * memory of the device lives until its last reference is put, which may be
 * much later.  By then the type, the parent and the driver may have been freed
 * and unloaded, so nothing after @gone looks at them.
 *
 * Only a type that is in its parent's table makes devices.  Registering a
 * parent or type builds first and enters it into the table last, unregistering
 * takes it out first; a table in use is changed under unreg_sem, held for
 * writing just for that.  Creation holds it for reading from the look at the
 * table to the end.  So whoever has taken a type out of the table knows that
 * nobody is creating one any more and nobody will, and from then on the devices
 * can only become fewer.  unreg_sem is never held while a device is being
 * removed: that may take a grace period, and waits for writers in sysfs, who
 * may in turn be waiting for unreg_sem.
 *
 * A removal of many announces to all before it removes the first one, so that
 * their users share one grace period.  A signal to the remover is left pending
 * for the driver to see.
 *
 * Lock order: unreg_sem > device_lock > mdev_list_lock.
 *
 * Names in this file: @parent, @type, @drv as above; @node a device, with what
 * the core knows of it, and @mdev the part of it that drivers see.
 */
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "mdev.h"

/**
 * struct mdev_scope - whose devices are meant
 * @parent: those of this parent
 * @type: only those of this type, or NULL
 */
struct mdev_scope {
	struct mdev_parent *parent;
	struct mdev_type *type;
};

struct class_compat *mdev_compat_class;

/*
 * Protects mdev_list, every node's @active, @going and @announcement, and
 * changes of every parent's @available_instances; leaf.
 */
static DEFINE_MUTEX(mdev_list_lock);

/* From reserve until gone: half-made and dying devices are here as well. */
static LIST_HEAD(mdev_list);

/*
 * Reserving UUIDs and instances
 */

static bool mdev_uuid_is_taken(const guid_t *uuid)
{
	struct mdev_device *mdev;

	lockdep_assert_held(&mdev_list_lock);
	list_for_each_entry(mdev, &mdev_list, next) {
		if (guid_equal(&mdev->uuid, uuid))
			return true;
	}
	return false;
}

static int mdev_reserve(struct mdev_node *node)
{
	struct mdev_parent *parent = node->parent;

	guard(mutex)(&mdev_list_lock);
	if (mdev_uuid_is_taken(&node->mdev.uuid))
		return -EEXIST;
	if (!parent->mdev_driver->get_available &&
	    !atomic_add_unless(&parent->available_instances, -1, 0))
		return -EUSERS;
	list_add_tail(&node->mdev.next, &mdev_list);
	return 0;
}

static void mdev_unreserve(struct mdev_node *node)
{
	struct mdev_parent *parent = node->parent;

	guard(mutex)(&mdev_list_lock);
	list_del(&node->mdev.next);
	if (!parent->mdev_driver->get_available)
		atomic_inc(&parent->available_instances);
}

/*
 * Devices
 */

static void mdev_device_release(struct device *dev)
{
	/* May be late: the type, the parent and the driver may not exist. */
	kfree(to_mdev_node(dev));
	module_put(THIS_MODULE);
}

/* The caller puts the reference on the device; module exit waits for that. */
static struct mdev_node *mdev_node_alloc(struct mdev_type *type,
					 const guid_t *uuid)
{
	struct mdev_parent *parent = type->parent;
	struct mdev_node *node;

	node = kzalloc(sizeof(*node), GFP_KERNEL);
	if (!node)
		return NULL;

	__module_get(THIS_MODULE);
	device_initialize(&node->mdev.dev);
	node->mdev.dev.parent = parent->dev;
	node->mdev.dev.bus = &mdev_bus_type;
	node->mdev.dev.release = mdev_device_release;
	node->mdev.dev.groups = mdev_device_groups;
	node->mdev.type = type;
	guid_copy(&node->mdev.uuid, uuid);
	node->parent = parent;
	node->drv = &parent->mdev_driver->driver;
	init_completion(&node->gone);

	if (dev_set_name(&node->mdev.dev, "%pUl", uuid)) {
		put_device(&node->mdev.dev);
		return NULL;
	}
	return node;
}

static void mdev_device_publish(struct mdev_node *node)
{
	guard(mutex)(&mdev_list_lock);
	node->mdev.active = true;
}

static bool mdev_parent_offers(struct mdev_parent *parent,
			       struct mdev_type *type)
{
	unsigned int i, nr_types;

	lockdep_assert_held(&parent->unreg_sem);
	/* Pairs with the release in mdev_parent_publish(). */
	nr_types = smp_load_acquire(&parent->nr_types);
	for (i = 0; i < nr_types; i++) {
		if (parent->types[i] == type)
			return true;
	}
	return false;
}

static int __mdev_device_create(struct mdev_type *type, const guid_t *uuid)
{
	struct mdev_parent *parent = type->parent;
	struct mdev_node *node;
	struct device *dev;
	int ret;

	lockdep_assert_held_read(&parent->unreg_sem);
	if (!mdev_parent_offers(parent, type) ||
	    !mdev_driver_is_registered(parent->mdev_driver))
		return -ENODEV;

	node = mdev_node_alloc(type, uuid);
	if (!node)
		return -ENOMEM;
	dev = &node->mdev.dev;

	ret = mdev_reserve(node);
	if (ret)
		goto err_put;
	ret = device_add(dev);
	if (ret)
		goto err_unreserve;
	ret = device_driver_attach(node->drv, dev);
	if (ret)
		goto err_del;
	ret = mdev_device_link(&node->mdev);
	if (ret)
		goto err_del;

	mdev_device_publish(node);
	return 0;

err_del:
	device_del(dev);
err_unreserve:
	mdev_unreserve(node);
err_put:
	put_device(dev);
	return ret;
}

/**
 * mdev_device_create() - make a device
 * @type: of this type
 * @uuid: by this name
 *
 * Context: May sleep; the caller keeps sysfs from removing @type.
 * Return: 0, -ENODEV if the type or its parent is going, -EEXIST if the UUID is
 *         in use, -EUSERS if no instance is left, -ENOMEM, -EINTR on a fatal
 *         signal, or what the driver's probe() returned.
 */
int mdev_device_create(struct mdev_type *type, const guid_t *uuid)
{
	struct mdev_parent *parent = type->parent;
	int ret;

	ret = down_read_killable(&parent->unreg_sem);
	if (ret)
		return ret;
	ret = __mdev_device_create(type, uuid);
	up_read(&parent->unreg_sem);
	return ret;
}

static bool __mdev_node_claim(struct mdev_node *node)
{
	lockdep_assert_held(&mdev_list_lock);
	if (node->going)
		return false;
	node->going = true;
	return true;
}

/**
 * mdev_device_claim() - become the one who removes a device
 * @node: the device
 *
 * Context: May sleep.
 * Return: 0, and the caller goes on to mdev_device_delete(); -EAGAIN if the
 *         device is not complete yet; -ENODEV if another one removes it.
 */
int mdev_device_claim(struct mdev_node *node)
{
	guard(mutex)(&mdev_list_lock);
	if (!node->mdev.active)
		return -EAGAIN;
	return __mdev_node_claim(node) ? 0 : -ENODEV;
}

/* The device may have been unbound, by hand or because it is removed. */
static void mdev_announce_locked(struct mdev_node *node)
{
	struct device *dev = &node->mdev.dev;
	struct mdev_driver *drv;

	device_lock_assert(dev);
	if (!dev->driver)
		return;
	drv = to_mdev_driver(dev->driver);
	if (drv->announce)
		drv->announce(&node->mdev);
}

/* Return: false if that has been done, or is being done. */
static bool mdev_set_announced(struct mdev_node *node)
{
	guard(mutex)(&mdev_list_lock);
	if (node->announcement == MDEV_ANNOUNCED)
		return false;
	node->announcement = MDEV_ANNOUNCED;
	return true;
}

/**
 * mdev_device_delete() - remove a device and drop creation's reference
 * @node: the device, claimed by the caller
 *
 * It is announced before its attributes go, as that waits for whoever is in
 * one of them, who may be waiting for something that removal would end.
 *
 * The parent and its driver may be gone as soon as the device is.
 *
 * Context: May sleep, for as long as the driver's remove() does.  Not under
 *          unreg_sem.
 */
void mdev_device_delete(struct mdev_node *node)
{
	struct device *dev = &node->mdev.dev;

	lockdep_assert_not_held(&node->parent->unreg_sem);
	if (mdev_set_announced(node)) {
		device_lock(dev);
		mdev_announce_locked(node);
		device_unlock(dev);
	}
	mdev_device_unlink(&node->mdev);
	device_del(dev);
	mdev_unreserve(node);
	complete_all(&node->gone);
	put_device(dev);
}

/**
 * mdev_device_may_bind() - does a device match a driver?
 * @node: the device; its parent need not exist any more
 * @drv: the driver
 *
 * Context: May sleep.
 * Return: true if @drv is its parent's, the device is complete and its removal
 *         has not begun.
 */
bool mdev_device_may_bind(struct mdev_node *node,
			  const struct device_driver *drv)
{
	guard(mutex)(&mdev_list_lock);
	return node->drv == drv && node->mdev.active && !node->going &&
	       node->announcement == MDEV_QUIET;
}

/*
 * Removing many devices
 */

static bool mdev_is_in_scope(struct mdev_node *node,
			     const struct mdev_scope *scope)
{
	return node->parent == scope->parent &&
	       (!scope->type || node->mdev.type == scope->type);
}

/* Move one device's announcement from @from to @to and return it referenced. */
static struct mdev_node *mdev_next_to_announce(const struct mdev_scope *scope,
					       enum mdev_announcement from,
					       enum mdev_announcement to)
{
	struct mdev_node *node;

	guard(mutex)(&mdev_list_lock);
	list_for_each_entry(node, &mdev_list, mdev.next) {
		if (mdev_is_in_scope(node, scope) &&
		    node->announcement == from) {
			node->announcement = to;
			get_device(&node->mdev.dev);
			return node;
		}
	}
	return NULL;
}

static void mdev_set_busy(struct mdev_node *node)
{
	guard(mutex)(&mdev_list_lock);
	node->announcement = MDEV_BUSY;
}

/*
 * A device that is being unbound is locked for up to its own grace period.
 * The others must hear the news before that ends, so it is left for last.
 */
static void mdev_announce_all(const struct mdev_scope *scope)
{
	struct mdev_node *node;

	if (!scope->parent->mdev_driver->announce)
		return;

	while ((node = mdev_next_to_announce(scope, MDEV_QUIET,
					     MDEV_ANNOUNCED))) {
		if (device_trylock(&node->mdev.dev)) {
			mdev_announce_locked(node);
			device_unlock(&node->mdev.dev);
		} else {
			mdev_set_busy(node);
		}
		put_device(&node->mdev.dev);
	}

	while ((node = mdev_next_to_announce(scope, MDEV_BUSY,
					     MDEV_ANNOUNCED))) {
		device_lock(&node->mdev.dev);
		mdev_announce_locked(node);
		device_unlock(&node->mdev.dev);
		put_device(&node->mdev.dev);
	}
}

/* Any device, referenced; @claimed tells whether it is ours to delete. */
static struct mdev_node *mdev_next_to_remove(const struct mdev_scope *scope,
					     bool *claimed)
{
	struct mdev_node *node;

	guard(mutex)(&mdev_list_lock);
	list_for_each_entry(node, &mdev_list, mdev.next) {
		if (mdev_is_in_scope(node, scope)) {
			*claimed = __mdev_node_claim(node);
			get_device(&node->mdev.dev);
			return node;
		}
	}
	return NULL;
}

/*
 * What is in scope has been taken out of the parent's table, so nothing can be
 * added to it while this runs.
 */
static void mdev_remove_all(const struct mdev_scope *scope)
{
	struct mdev_node *node;
	bool claimed;

	mdev_announce_all(scope);
	while ((node = mdev_next_to_remove(scope, &claimed))) {
		if (claimed)
			mdev_device_delete(node);
		else
			wait_for_completion(&node->gone);
		put_device(&node->mdev.dev);
	}
}

/*
 * Parents and their tables of types
 */

static void mdev_parent_uevent(struct mdev_parent *parent, char *state)
{
	char *envp[2] = { state };

	/* Nobody's correctness depends on it: user space can look in sysfs. */
	kobject_uevent_env(&parent->dev->kobj, KOBJ_CHANGE, envp);
}

/*
 * The table is new and nobody changes it, so no lock is needed; taking
 * unreg_sem here would order it after locks that a driver's probe() takes, if
 * the driver holds those while it registers the parent.
 */
static void mdev_parent_publish(struct mdev_parent *parent,
				struct mdev_type **types,
				unsigned int nr_types)
{
	unsigned int i;

	parent->types = types;
	/* Pairs with the acquire in mdev_parent_offers(). */
	smp_store_release(&parent->nr_types, nr_types);
	for (i = 0; i < nr_types; i++)
		mdev_type_offer(types[i]);
}

/* Returns the table, which is the caller's now. */
static struct mdev_type **mdev_parent_withdraw(struct mdev_parent *parent,
					       unsigned int *nr_types)
{
	struct mdev_type **types;

	down_write(&parent->unreg_sem);
	types = parent->types;
	*nr_types = parent->nr_types;
	parent->types = NULL;
	parent->nr_types = 0;
	up_write(&parent->unreg_sem);
	return types;
}

static void mdev_types_del(struct mdev_type **types, unsigned int nr_types)
{
	while (nr_types--)
		mdev_type_del(types[nr_types]);
}

static int mdev_types_add(struct mdev_parent *parent, struct mdev_type **types,
			  unsigned int nr_types)
{
	unsigned int i;
	int ret;

	for (i = 0; i < nr_types; i++) {
		ret = mdev_type_add(parent, types[i]);
		if (ret) {
			mdev_types_del(types, i);
			return ret;
		}
	}
	return 0;
}

/* The driver may have used the same memory for an earlier registration. */
static void mdev_parent_init(struct mdev_parent *parent, struct device *dev,
			     struct mdev_driver *mdev_driver)
{
	memset(parent, 0, sizeof(*parent));
	init_rwsem(&parent->unreg_sem);
	parent->dev = dev;
	parent->mdev_driver = mdev_driver;
	atomic_set(&parent->available_instances, mdev_driver->max_instances);
}

/**
 * mdev_register_parent() - let a device make mediated devices
 * @parent: the driver's memory for it, valid until unregistered
 * @dev: the device
 * @mdev_driver: the driver of the devices that it makes
 * @types: what it can make; the array is copied, the types must stay valid
 * @nr_types: length of @types, may be zero
 *
 * When this returns the types are ready for use.  @mdev_driver may be
 * registered later, creation gives -ENODEV until then.
 *
 * Context: Process context, may sleep.
 * Return: 0, -ENOMEM, -EINVAL if a type has no name, -EEXIST if two types have
 *         the same name or if a parent of @dev's name exists on another bus.
 */
int mdev_register_parent(struct mdev_parent *parent, struct device *dev,
			 struct mdev_driver *mdev_driver,
			 struct mdev_type **types, unsigned int nr_types)
{
	struct mdev_type **table;
	int ret;

	mdev_parent_init(parent, dev, mdev_driver);
	table = kmemdup_array(types, nr_types, sizeof(*types), GFP_KERNEL);
	if (!table)
		return -ENOMEM;

	/* The reason why this failed is not known, and was printed. */
	ret = -ENOMEM;
	parent->mdev_types_kset = kset_create_and_add("mdev_supported_types",
						      NULL, &dev->kobj);
	if (!parent->mdev_types_kset)
		goto err_free_table;

	ret = mdev_types_add(parent, types, nr_types);
	if (ret)
		goto err_unregister_kset;
	ret = class_compat_create_link(mdev_compat_class, dev, NULL);
	if (ret)
		goto err_del_types;

	mdev_parent_publish(parent, table, nr_types);
	mdev_parent_uevent(parent, "MDEV_STATE=registered");
	return 0;

err_del_types:
	mdev_types_del(types, nr_types);
err_unregister_kset:
	kset_unregister(parent->mdev_types_kset);
	parent->mdev_types_kset = NULL;
err_free_table:
	kfree(table);
	return ret;
}
EXPORT_SYMBOL(mdev_register_parent);

/**
 * mdev_unregister_parent() - undo mdev_register_parent()
 * @parent: a registered parent
 *
 * Announces the removal to the users of all its devices, removes the devices
 * and waits for removals that were under way.  When this returns, no code of
 * the driver runs for this parent and its memory can be freed.  Not to be
 * called at the same time as mdev_parent_add_type() or
 * mdev_parent_remove_type() for the same parent.
 *
 * Context: Process context, may sleep, for as long as probe() and remove() of
 *          the driver do.  Not inside them, nor inside a method of a type.
 */
void mdev_unregister_parent(struct mdev_parent *parent)
{
	struct mdev_scope scope = { .parent = parent };
	struct mdev_type **types;
	unsigned int nr_types;

	if (WARN_ON_ONCE(!parent->mdev_types_kset))
		return;

	types = mdev_parent_withdraw(parent, &nr_types);
	class_compat_remove_link(mdev_compat_class, parent->dev, NULL);
	mdev_remove_all(&scope);
	mdev_types_del(types, nr_types);
	kset_unregister(parent->mdev_types_kset);
	parent->mdev_types_kset = NULL;
	kfree(types);
	mdev_parent_uevent(parent, "MDEV_STATE=unregistered");
}
EXPORT_SYMBOL(mdev_unregister_parent);

static bool mdev_table_has(struct mdev_parent *parent, struct mdev_type *type)
{
	guard(rwsem_read)(&parent->unreg_sem);
	return mdev_parent_offers(parent, type);
}

static int mdev_table_insert(struct mdev_parent *parent, struct mdev_type *type)
{
	struct mdev_type **types;

	guard(rwsem_write)(&parent->unreg_sem);
	types = krealloc_array(parent->types, parent->nr_types + 1,
			       sizeof(*types), GFP_KERNEL);
	if (!types)
		return -ENOMEM;
	types[parent->nr_types++] = type;
	parent->types = types;
	return 0;
}

static bool mdev_table_erase(struct mdev_parent *parent, struct mdev_type *type)
{
	unsigned int i;

	guard(rwsem_write)(&parent->unreg_sem);
	for (i = 0; i < parent->nr_types; i++) {
		if (parent->types[i] == type) {
			parent->types[i] = parent->types[--parent->nr_types];
			return true;
		}
	}
	return false;
}

/**
 * mdev_parent_add_type() - offer one more type
 * @parent: a registered parent
 * @type: the type, valid until it or the parent is removed; not offered yet
 *
 * Context: Process context, may sleep.  Not inside the driver's probe().  The
 *          caller serialises it with other changes of the same @type, and with
 *          mdev_unregister_parent().
 * Return: 0, -ENOMEM, -EINVAL if it has no name, -EEXIST if @parent offers it
 *         or another one by that name, -ENODEV if @parent is not registered.
 */
int mdev_parent_add_type(struct mdev_parent *parent, struct mdev_type *type)
{
	int ret;

	if (WARN_ON_ONCE(!parent->mdev_types_kset))
		return -ENODEV;
	if (WARN_ON_ONCE(mdev_table_has(parent, type)))
		return -EEXIST;

	ret = mdev_type_add(parent, type);
	if (ret)
		return ret;
	ret = mdev_table_insert(parent, type);
	if (ret)
		mdev_type_del(type);
	else
		mdev_type_offer(type);
	return ret;
}
EXPORT_SYMBOL_GPL(mdev_parent_add_type);

/**
 * mdev_parent_remove_type() - stop offering a type, and remove its devices
 * @parent: a registered parent
 * @type: a type that it offers
 *
 * Announces the removal to the users of all devices of this type, removes the
 * devices, then the type.  When this returns, @type can be freed.
 *
 * Context: Process context, may sleep, for as long as probe() and remove() of
 *          the driver do.  Not inside them, nor inside a method of a type.
 *          The caller serialises it as mdev_parent_add_type().
 */
void mdev_parent_remove_type(struct mdev_parent *parent,
			     struct mdev_type *type)
{
	struct mdev_scope scope = { .parent = parent, .type = type };

	if (WARN_ON_ONCE(!mdev_table_erase(parent, type)))
		return;

	mdev_remove_all(&scope);
	mdev_type_del(type);
}
EXPORT_SYMBOL_GPL(mdev_parent_remove_type);

static int __init mdev_init(void)
{
	int ret;

	ret = bus_register(&mdev_bus_type);
	if (ret)
		return ret;

	mdev_compat_class = class_compat_register("mdev_bus");
	if (!mdev_compat_class) {
		bus_unregister(&mdev_bus_type);
		return -ENOMEM;
	}
	return 0;
}

static void __exit mdev_exit(void)
{
	class_compat_unregister(mdev_compat_class);
	bus_unregister(&mdev_bus_type);
}

module_init(mdev_init);
module_exit(mdev_exit);

MODULE_DESCRIPTION("Mediated devices");
MODULE_LICENSE("GPL");
