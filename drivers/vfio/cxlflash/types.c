// SPDX-License-Identifier: GPL-2.0-only
/*
 * Types of mediated devices: for each formatted, active LUN some sizes
 *
 * Their names are ABI, because mdevctl stores them: "cxlflash-<lun>-<size>",
 * the first part being the adapter's bus.  A LUN has all of them, however small
 * it is, so that a definition stays good when the LUN grows.
 *
 * A type says how big a *new* slice will be.  A slice that is stored on the LUN
 * is started with its own size by any type of the LUN, so a full LUN still has
 * an instance to offer as long as it holds a slice that is not started; without
 * that mdevctl would refuse to start the last one again.
 *
 * The LUNs of an adapter are looked at when it becomes a parent, and when the
 * AFU says that something has changed; a LUN that is known keeps its types.
 * They go only when the AFU says that the LUN goes.
 */
#include <linux/sizes.h>
#include <linux/slab.h>

#include "slice_mdev.h"

static const struct {
	const char *name;
	u64 bytes;
} slice_sizes[SLICE_NR_SIZES] = {
	{ "1G", SZ_1G },
	{ "8G", SZ_8G },
	{ "64G", 8ULL * SZ_8G },
	{ "rest", 0 },
};

static struct slice_lun *slice_lun_find(struct list_head *luns,
					const struct cxlflash_lun *lun)
{
	struct slice_lun *sn;

	list_for_each_entry(sn, luns, node) {
		if (sn->lun == lun)
			return sn;
	}
	return NULL;
}

/* Takes over the reference on @lun, if there is memory. */
static struct slice_lun *slice_lun_alloc(struct slice_parent *sp,
					 struct cxlflash_lun *lun)
{
	const char *name = cxlflash_lun_name(lun);
	struct slice_type *type;
	struct slice_lun *sn;
	unsigned int i;

	sn = kzalloc(sizeof(*sn), GFP_KERNEL);
	if (!sn)
		return NULL;
	sn->sp = sp;
	sn->lun = lun;
	for (i = 0; i < SLICE_NR_SIZES; i++) {
		type = &sn->types[i];
		type->home = sn;
		type->bytes = slice_sizes[i].bytes;
		snprintf(type->sysfs_name, sizeof(type->sysfs_name), "%s-%s",
			 name, slice_sizes[i].name);
		snprintf(type->pretty_name, sizeof(type->pretty_name),
			 "slice of LUN %s, %s", name, slice_sizes[i].name);
		type->type.sysfs_name = type->sysfs_name;
		type->type.pretty_name = type->pretty_name;
	}
	return sn;
}

static void slice_lun_free(struct slice_lun *sn)
{
	cxlflash_lun_put(sn->lun);
	kfree(sn);
}

static void slice_luns_free(struct list_head *luns)
{
	struct slice_lun *sn, *next;

	list_for_each_entry_safe(sn, next, luns, node) {
		list_del(&sn->node);
		slice_lun_free(sn);
	}
}

static bool slice_lun_is_usable(struct cxlflash_lun *lun)
{
	struct cxlflash_lun_space space;

	return !cxlflash_lun_get_space(lun, &space);
}

/*
 * Collect the LUNs that @sp does not know yet in @found.  One that is behind
 * several ports is met several times, and found once.
 */
static int slice_luns_look(struct slice_parent *sp, struct list_head *found)
{
	struct cxlflash_lun *lun;
	struct slice_lun *sn;
	unsigned int port = 0;
	u64 lun_id = 0;

	for (; (lun = cxlflash_lun_next(sp->ad, &port, &lun_id)); lun_id++) {
		if (slice_lun_find(&sp->luns, lun) ||
		    slice_lun_find(found, lun) || !slice_lun_is_usable(lun)) {
			cxlflash_lun_put(lun);
			continue;
		}
		sn = slice_lun_alloc(sp, lun);
		if (!sn) {
			cxlflash_lun_put(lun);
			return -ENOMEM;
		}
		list_add_tail(&sn->node, found);
	}
	return 0;
}

static struct mdev_type **slice_types_array(struct slice_parent *sp,
					    unsigned int *nr)
{
	struct mdev_type **types;
	struct slice_lun *sn;
	unsigned int i;

	*nr = 0;
	types = kmalloc_array(list_count_nodes(&sp->luns) ?: 1,
			      SLICE_NR_SIZES * sizeof(*types), GFP_KERNEL);
	if (!types)
		return NULL;
	list_for_each_entry(sn, &sp->luns, node) {
		for (i = 0; i < SLICE_NR_SIZES; i++)
			types[(*nr)++] = &sn->types[i].type;
	}
	return types;
}

/**
 * slice_types_find() - the types with which an adapter becomes a parent
 * @sp: the adapter, not registered
 * @nr: how many they are
 *
 * Context: May sleep.
 * Return: an array for the caller to free; the types are kept in @sp, for
 *         slice_types_free(), also after a failure.  ERR_PTR(-ENOMEM).
 */
struct mdev_type **slice_types_find(struct slice_parent *sp, unsigned int *nr)
{
	struct mdev_type **types;
	int ret;

	ret = slice_luns_look(sp, &sp->luns);
	if (ret)
		return ERR_PTR(ret);
	types = slice_types_array(sp, nr);
	return types ?: ERR_PTR(-ENOMEM);
}

/**
 * slice_types_free() - forget the types of an adapter
 * @sp: the adapter, not registered or not any more
 *
 * Context: May sleep.
 */
void slice_types_free(struct slice_parent *sp)
{
	slice_luns_free(&sp->luns);
}

/* The first @nr of its types. */
static void slice_lun_unregister(struct slice_lun *sn, unsigned int nr)
{
	while (nr--)
		mdev_parent_remove_type(&sn->sp->parent, &sn->types[nr].type);
}

static int slice_lun_register(struct slice_lun *sn)
{
	unsigned int i;
	int ret;

	for (i = 0; i < SLICE_NR_SIZES; i++) {
		ret = mdev_parent_add_type(&sn->sp->parent, &sn->types[i].type);
		if (ret) {
			slice_lun_unregister(sn, i);
			return ret;
		}
	}
	return 0;
}

/* mdevctl then starts what is to be started with its parent. */
static void slice_types_uevent(struct slice_parent *sp)
{
	char state[] = "MDEV_STATE=registered";
	char *envp[2] = { state };

	kobject_uevent_env(&cxlflash_adapter_dev(sp->ad)->kobj, KOBJ_CHANGE,
			   envp);
}

/**
 * slice_types_add() - offer the types of LUNs that are new
 * @sp: the adapter, registered
 *
 * What fails for want of memory is tried again when something changes again.
 *
 * Context: May sleep.
 */
void slice_types_add(struct slice_parent *sp)
{
	struct slice_lun *sn, *next;
	bool added = false;
	LIST_HEAD(found);
	int ret, err;

	ret = slice_luns_look(sp, &found);
	list_for_each_entry_safe(sn, next, &found, node) {
		err = slice_lun_register(sn);
		if (err) {
			ret = err;
			break;
		}
		list_move_tail(&sn->node, &sp->luns);
		added = true;
	}
	slice_luns_free(&found);
	if (ret)
		dev_err(cxlflash_adapter_dev(sp->ad),
			"cannot offer slices of every LUN: %d\n", ret);
	if (added)
		slice_types_uevent(sp);
}

/**
 * slice_types_remove() - remove the types of a LUN, and their devices
 * @sp: the adapter, registered
 * @lun: the LUN; nothing happens if it has no types
 *
 * From the moment it is going no device appears in @sp->devices, so the
 * announcement misses none, and the grace is the same for all.
 *
 * Context: May sleep, for the adapter's grace.
 */
void slice_types_remove(struct slice_parent *sp, struct cxlflash_lun *lun)
{
	struct slice_lun *sn = slice_lun_find(&sp->luns, lun);

	if (!sn)
		return;
	mutex_lock(&sp->lock);
	sn->going = true;
	mutex_unlock(&sp->lock);
	slice_announce_lun(sp, lun);
	slice_lun_unregister(sn, SLICE_NR_SIZES);
	list_del(&sn->node);
	slice_lun_free(sn);
}

/**
 * slice_type_available() - how many more devices a type can make
 * @type: the type
 *
 * Context: May sleep.
 * Return: as many new slices as there is room for, and one more if there may
 *         be a slice that is stored and not started.
 */
unsigned int slice_type_available(struct mdev_type *type)
{
	struct slice_type *st = to_slice_type(type);
	struct cxlflash_lun *lun = st->home->lun;
	struct cxlflash_lun_space space;
	u64 nr, used;

	if (cxlflash_lun_get_space(lun, &space))
		return 0;
	if (st->bytes)
		nr = div64_u64(space.free_bytes, st->bytes);
	else
		nr = space.free_bytes > 0;
	used = space.total_bytes - space.free_bytes;
	if (used > slice_started_bytes(lun))
		nr++;
	return min_t(u64, nr, UINT_MAX);
}

/**
 * slice_type_description() - a sentence about a type
 * @type: the type
 * @buf: a page
 *
 * Context: May sleep.
 * Return: bytes written.
 */
ssize_t slice_type_description(struct mdev_type *type, char *buf)
{
	struct slice_type *st = to_slice_type(type);
	struct cxlflash_lun *lun = st->home->lun;
	struct cxlflash_lun_space space = {};

	/* If it is going there is none. */
	cxlflash_lun_get_space(lun, &space);
	return sysfs_emit(buf, "%s (%llu MiB free)\n", st->pretty_name,
			  space.free_bytes >> 20);
}
