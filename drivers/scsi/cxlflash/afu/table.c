// SPDX-License-Identifier: GPL-2.0-only
/*
 * The slice table: who has it, and how it comes to be
 *
 * A machine that activates a formatted LUN writes an owner record into its
 * table, and takes it out when it is done.  Nobody takes a LUN that has another
 * machine's record; one of the same machine is left over from a crash, because
 * a machine enables a LUN once.
 *
 * Locals: tab, sb (superblock).
 */
#define pr_fmt(fmt) "cxlflash_afu: " fmt

#include <linux/dmi.h>
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/utsname.h>

#include "afu.h"
#include "lun.h"
#include "table.h"

/* This load of the module, on this machine. */
static uuid_t table_boot;

/* Is there room for a table at all? */
static bool table_has_room(struct cxlflash_lun *lun)
{
	return lun->store->size >= 2 * SISL_CHUNK_BYTES &&
	       !(lun->store->flags & STORE_DATALESS);
}

/**
 * table_probe() - look whether a LUN is formatted
 * @lun: being enabled: its store is open, and nobody else uses it
 *
 * Sets lun->formatted, also if the table is damaged: a LUN that has been
 * formatted shall not be used as a raw one by mistake.  Sets lun->wwid to the
 * one that the table has.
 *
 * Context: may sleep.
 * Return: 0; -EINVAL if it was formatted with another block size; -ENOMEM; what
 * the store says.
 */
int table_probe(struct cxlflash_lun *lun)
{
	struct table_found found;
	struct table_sb_disk *sb;
	int ret;

	lun_op_assert_held(lun);
	WRITE_ONCE(lun->formatted, false);
	if (!table_has_room(lun))
		return 0;
	sb = kmalloc(sizeof(*sb), GFP_KERNEL);
	if (!sb)
		return -ENOMEM;
	ret = table_find(lun, sb, &found);
	if (ret)
		goto out_free_sb;
	WRITE_ONCE(lun->formatted, found.looks_formatted);
	if (found.newest < 0)
		goto out_free_sb;
	if (le32_to_cpu(sb->block_size) != 1U << lun->block_lg2)
		ret = -EINVAL;
	else
		lun_adopt_wwid(lun, sb->wwid);
out_free_sb:
	kfree(sb);
	return ret;
}

/* ------------------------------------------------------------- owners */

static void table_own(struct table_owner_disk *owner)
{
	const char *machine = dmi_get_system_info(DMI_PRODUCT_UUID);
	const char *node = init_utsname()->nodename;
	uuid_t activation;

	uuid_gen(&activation);
	memset(owner, 0, sizeof(*owner));
	export_uuid(owner->activation, &activation);
	export_uuid(owner->boot, &table_boot);
	memcpy(owner->node, node, strnlen(node, sizeof(owner->node)));
	if (machine)
		memcpy(owner->machine, machine,
		       strnlen(machine, sizeof(owner->machine)));
}

/*
 * A record that stops us is another machine's.  One of our own machine is left
 * over: a LUN is enabled once here, and what ran before a boot or before the
 * module was loaded runs no more.
 */
static bool table_is_foreign(const struct table_owner_disk *owner)
{
	struct table_owner_disk own;

	if (!memchr_inv(owner->activation, 0, sizeof(owner->activation)))
		return false;
	table_own(&own);
	return memcmp(owner->node, own.node, sizeof(own.node)) ||
	       memcmp(owner->machine, own.machine, sizeof(own.machine));
}

static void table_name_owner(struct cxlflash_lun *lun,
			     const struct table_owner_disk *owner)
{
	int len = strnlen((const char *)owner->node, sizeof(owner->node));

	/* From a disk: escaped. */
	pr_info("lun %s: active on machine \"%*pE\", activation %pUb\n",
		lun->name, len, owner->node, owner->activation);
}

/* Two machines may have raced: who is the last one to write has it. */
static int table_verify_owner(struct lun_table *tab)
{
	int ret;

	ret = table_read_sb(tab->lun, tab->copy, tab->sb);
	if (ret && ret != -EUCLEAN && ret != -ENOENT)
		return ret;
	if (!ret && !memcmp(&tab->sb->owner, &tab->owner, sizeof(tab->owner)))
		return 0;
	return -EBUSY;
}

static int table_take(struct lun_table *tab, bool any_owner)
{
	int ret;

	mutex_lock(&tab->lock);
	ret = table_load(tab);
	if (ret)
		goto out_unlock;
	if (!any_owner && table_is_foreign(&tab->owner)) {
		table_name_owner(tab->lun, &tab->owner);
		ret = -EBUSY;
		goto out_unlock;
	}
	table_own(&tab->owner);
	ret = table_commit(tab);
	if (!ret)
		ret = table_verify_owner(tab);
out_unlock:
	mutex_unlock(&tab->lock);
	return ret;
}

static int __table_activate(struct cxlflash_lun *lun, bool any_owner)
{
	struct lun_table *tab;
	int ret;

	lun_op_assert_held(lun);
	if (!lun->formatted)
		return -EINVAL;
	if (lun->table)
		return -EBUSY;
	if (!lun_store_writable(lun))
		return -EROFS;
	tab = table_new(lun);
	if (!tab)
		return -ENOMEM;
	ret = table_take(tab, any_owner);
	if (ret) {
		table_put(tab);
		return ret;
	}
	mutex_lock(&lun->lock);
	lun->table = tab;
	lun->chunks = tab->chunks;
	mutex_unlock(&lun->lock);
	return 0;
}

/**
 * table_activate() - take a formatted LUN for this machine
 * @lun: enabled
 *
 * Machines that can reach the same store must have different names.
 *
 * Context: may sleep.
 * Return: 0; -ENODEV if it is not enabled; -EINVAL if it is not formatted;
 * -EBUSY if it is active, here or on another machine (which is named in the
 * log); -EROFS if the store was opened read-only; -EUCLEAN if the table is
 * damaged; -EOPNOTSUPP if it is of a later version; -EFBIG; -ENOMEM; what the
 * store says.
 */
int table_activate(struct cxlflash_lun *lun)
{
	int ret;

	ret = lun_op_begin(lun);
	if (ret)
		return ret;
	ret = __table_activate(lun, false);
	lun_op_end(lun);
	return ret;
}

/**
 * table_take_over() - take a formatted LUN from whatever machine had it
 * @lun: enabled
 *
 * For an administrator who knows that the other one is dead.
 *
 * Context: may sleep.
 * Return: as table_activate(), but -EBUSY only if it is active here.
 */
int table_take_over(struct cxlflash_lun *lun)
{
	int ret;

	ret = lun_op_begin(lun);
	if (ret)
		return ret;
	ret = __table_activate(lun, true);
	lun_op_end(lun);
	return ret;
}

/**
 * table_close() - give up an active table
 * @lun: nobody enables, disables or activates it meanwhile
 *
 * Context: may sleep, as long as the store does.
 */
void table_close(struct cxlflash_lun *lun)
{
	struct lun_table *tab;
	int ret;

	mutex_lock(&lun->lock);
	tab = lun->table;
	lun->table = NULL;
	if (tab)
		lun->chunks = NULL;
	mutex_unlock(&lun->lock);
	if (!tab)
		return;
	mutex_lock(&tab->lock);
	tab->closed = true;
	memset(&tab->owner, 0, sizeof(tab->owner));
	ret = table_commit(tab);
	mutex_unlock(&tab->lock);
	if (ret)
		pr_warn("lun %s: cannot say on disk that it is inactive: %d\n",
			lun->name, ret);
	table_put(tab);
}

/**
 * table_deactivate() - undo table_activate()
 * @lun: that; nothing happens if it is not active
 *
 * Whoever works on the table is waited for, and those who come later get
 * -ENODEV.
 *
 * Context: may sleep.
 */
void table_deactivate(struct cxlflash_lun *lun)
{
	/* Disabled, or being so: its closing does it. */
	if (lun_op_begin(lun))
		return;
	table_close(lun);
	lun_op_end(lun);
}

/**
 * table_begin() - work on the table of an active LUN
 * @lun: that
 *
 * Context: may sleep.
 * Return: the table, locked, its store in use, until table_end();
 * ERR_PTR(-ENODEV) if the LUN is not active.
 */
struct lun_table *table_begin(struct cxlflash_lun *lun)
{
	struct lun_table *tab;

	mutex_lock(&lun->lock);
	tab = lun->table;
	if (tab)
		kref_get(&tab->ref);
	mutex_unlock(&lun->lock);
	if (!tab)
		return ERR_PTR(-ENODEV);
	if (!lun_tryget_io(lun))
		goto err_put_table;
	mutex_lock(&tab->lock);
	if (tab->closed)
		goto err_unlock;
	return tab;

err_unlock:
	mutex_unlock(&tab->lock);
	lun_put_io(lun);
err_put_table:
	table_put(tab);
	return ERR_PTR(-ENODEV);
}

/**
 * table_end() - done
 * @tab: of table_begin()
 *
 * Context: may sleep.
 */
void table_end(struct lun_table *tab)
{
	struct cxlflash_lun *lun = tab->lun;

	mutex_unlock(&tab->lock);
	lun_put_io(lun);
	table_put(tab);
}

/* --------------------------------------------------------- formatting */

static int table_may_format(struct lun_table *tab, bool force)
{
	struct table_sb_disk *sb = tab->sb;
	struct cxlflash_lun *lun = tab->lun;
	struct table_found found;
	int ret = 0;

	mutex_lock(&lun->lock);
	if (lun->nr_users || lun->table)
		ret = -EBUSY;
	mutex_unlock(&lun->lock);
	if (!ret && !lun_store_writable(lun))
		ret = -EROFS;
	if (!ret && !table_has_room(lun))
		ret = -ENOSPC;
	if (!ret)
		ret = table_find(lun, sb, &found);
	if (ret)
		return ret;
	if (found.newest < 0)
		return force || !found.looks_formatted ? 0 : found.damage;
	/* The new tables must be newer than both old ones. */
	tab->generation = le64_to_cpu(sb->generation);
	tab->copy = found.newest;
	if (force) {
		/* Nobody counts that far: then it is enough to overwrite it. */
		if (tab->generation > TABLE_GENERATION_MAX / 2)
			tab->generation = 0;
		return 0;
	}
	if (table_is_foreign(&sb->owner)) {
		table_name_owner(lun, &sb->owner);
		return -EBUSY;
	}
	return sb->nr_slices ? -EEXIST : 0;
}

static int __table_format(struct lun_table *tab, bool force)
{
	struct cxlflash_lun *lun = tab->lun;
	uuid_t uuid;
	int ret;

	ret = table_may_format(tab, force);
	if (ret)
		return ret;
	uuid_gen(&uuid);
	export_uuid(tab->uuid, &uuid);
	/* From here on no handle is opened and no plain command let in. */
	mutex_lock(&lun->lock);
	ret = lun->nr_users ? -EBUSY : 0;
	if (!ret)
		WRITE_ONCE(lun->formatted, true);
	mutex_unlock(&lun->lock);
	if (ret)
		return ret;
	ret = -EBUSY;
	if (lun_freeze(lun)) {
		mutex_lock(&tab->lock);
		ret = table_commit(tab);
		/* And the other copy: damage must not bring back the old. */
		if (!ret)
			ret = table_commit(tab);
		mutex_unlock(&tab->lock);
	}
	lun_thaw(lun);
	return ret;
}

/**
 * table_format() - make a LUN's store a formatted one without slices
 * @lun: enabled
 * @force: also if another machine has it, it has slices, or it is damaged
 *
 * What the LUN held is lost.
 *
 * Context: may sleep.
 * Return: 0; -ENODEV if it is not enabled; -EBUSY if it is in use, here or on
 * another machine; -EEXIST if it has slices; -EUCLEAN if it has a damaged
 * table, -EOPNOTSUPP if one of a later version; -EROFS if the store was opened
 * read-only; -ENOSPC if it is smaller than two chunks or keeps no data;
 * -ENOMEM; what the store says.
 */
int table_format(struct cxlflash_lun *lun, bool force)
{
	struct lun_table *tab;
	bool was;
	int ret;

	ret = lun_op_begin(lun);
	if (ret)
		return ret;
	was = lun->formatted;
	ret = -ENOMEM;
	tab = table_new(lun);
	if (!tab)
		goto out_op_end;
	ret = __table_format(tab, force);
	/* It may have got as far as a first copy, or not begun. */
	if (ret && lun->formatted != was && table_probe(lun))
		WRITE_ONCE(lun->formatted, was);
	table_put(tab);
out_op_end:
	lun_op_end(lun);
	return ret;
}

/**
 * table_init() - draw what tells this load of the module from others
 *
 * Context: any.
 */
void table_init(void)
{
	uuid_gen(&table_boot);
}
