// SPDX-License-Identifier: GPL-2.0-only
/*
 * configfs: LUNs
 *
 * What describes the backing can be written while the LUN is disabled, and
 * then says -EBUSY; size and read_only go to the living LUN as well.  An error
 * changes nothing of what is configured.
 */
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include "config.h"
#include "lun.h"
#include "slice.h"

static const struct config_item_type cfg_lun_type;

/**
 * to_cfg_lun() - the LUN of an item
 * @item: for which cfg_item_is_lun() holds
 *
 * Context: any.
 * Return: it.
 */
struct cfg_lun *to_cfg_lun(struct config_item *item)
{
	return container_of(to_config_group(item), struct cfg_lun, group);
}

/**
 * cfg_item_is_lun() - is this a directory in luns?
 * @item: of any kind, of any subsystem
 *
 * Context: any.
 * Return: yes or no.
 */
bool cfg_item_is_lun(struct config_item *item)
{
	return item->ci_type == &cfg_lun_type;
}

/**
 * config_lun() - the LUN of an item
 * @item: a directory in luns
 *
 * Context: any.
 * Return: the LUN; the item's reference keeps it.
 */
struct cxlflash_lun *config_lun(struct config_item *item)
{
	return to_cfg_lun(item)->lun;
}

/*
 * Attributes that describe the store
 */

static ssize_t cfg_lun_store_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "%s\n", READ_ONCE(to_cfg_lun(item)->store));
}

static ssize_t cfg_lun_store_store(struct config_item *item, const char *page,
				   size_t count)
{
	const struct afu_store_ops *ops;
	struct cfg_lun *cl = to_cfg_lun(item);
	char name[16];

	if (strscpy(name, page, sizeof(name)) < 0)
		return -EINVAL;
	ops = store_find(strim(name));
	if (!ops)
		return -EINVAL;
	guard(mutex)(&cl->lock);
	if (cl->enabled)
		return -EBUSY;
	WRITE_ONCE(cl->store, ops->name);
	return count;
}
CONFIGFS_ATTR(cfg_lun_, store);

static ssize_t cfg_lun_path_show(struct config_item *item, char *page)
{
	struct cfg_lun *cl = to_cfg_lun(item);

	guard(mutex)(&cl->lock);
	return sysfs_emit(page, "%s\n", cl->path ?: "");
}

/* Without the newline that echo adds; an empty one takes it away. */
static ssize_t cfg_lun_path_store(struct config_item *item, const char *page,
				  size_t count)
{
	struct cfg_lun *cl = to_cfg_lun(item);
	char *path = NULL;
	size_t len;

	len = strcspn(page, "\n");
	/* One line, of which a page has room for the newline. */
	if (len + 1 < count || len >= PATH_MAX - 1)
		return -EINVAL;
	if (len) {
		path = kstrndup(page, len, GFP_KERNEL);
		if (!path)
			return -ENOMEM;
	}

	mutex_lock(&cl->lock);
	if (cl->enabled) {
		mutex_unlock(&cl->lock);
		kfree(path);
		return -EBUSY;
	}
	swap(cl->path, path);
	mutex_unlock(&cl->lock);
	kfree(path);
	return count;
}
CONFIGFS_ATTR(cfg_lun_, path);

/* A number and perhaps K, M, G or T, powers of 1024. */
static int cfg_parse_size(const char *page, u64 *size)
{
	static const char suffixes[] = "KMGT";
	const char *suffix;
	char text[32];
	size_t len;
	u64 val;
	int ret;

	if (strscpy(text, page, sizeof(text)) < 0)
		return -EINVAL;
	strim(text);
	len = strlen(text);
	suffix = len ? strchr(suffixes, toupper(text[len - 1])) : NULL;
	if (suffix)
		text[len - 1] = '\0';
	ret = kstrtou64(text, 0, &val);
	if (ret)
		return ret;
	if (suffix && check_shl_overflow(val, 10 * (suffix - suffixes + 1),
					 &val))
		return -EOVERFLOW;
	/* File offsets are signed. */
	if (val > S64_MAX)
		return -EOVERFLOW;
	*size = val;
	return 0;
}

static ssize_t cfg_lun_size_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "%llu\n", READ_ONCE(to_cfg_lun(item)->size));
}

static ssize_t cfg_lun_size_store(struct config_item *item, const char *page,
				  size_t count)
{
	struct cfg_lun *cl = to_cfg_lun(item);
	u64 size;
	int ret;

	ret = cfg_parse_size(page, &size);
	if (ret)
		return ret;
	guard(mutex)(&cl->lock);
	if (cl->enabled) {
		ret = lun_resize(cl->lun, size);
		if (ret)
			return ret;
	}
	WRITE_ONCE(cl->size, size);
	return count;
}
CONFIGFS_ATTR(cfg_lun_, size);

static ssize_t cfg_lun_block_size_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "%u\n",
			  READ_ONCE(to_cfg_lun(item)->block_size));
}

static ssize_t cfg_lun_block_size_store(struct config_item *item,
					const char *page, size_t count)
{
	struct cfg_lun *cl = to_cfg_lun(item);
	u32 block_size;
	int ret;

	ret = kstrtou32(page, 0, &block_size);
	if (ret)
		return ret;
	if (block_size != 512 && block_size != 4096)
		return -EINVAL;
	guard(mutex)(&cl->lock);
	if (cl->enabled)
		return -EBUSY;
	WRITE_ONCE(cl->block_size, block_size);
	return count;
}
CONFIGFS_ATTR(cfg_lun_, block_size);

static ssize_t cfg_lun_write_cache_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "%d\n",
			  READ_ONCE(to_cfg_lun(item)->write_cache));
}

static ssize_t cfg_lun_write_cache_store(struct config_item *item,
					 const char *page, size_t count)
{
	struct cfg_lun *cl = to_cfg_lun(item);
	bool write_cache;
	int ret;

	ret = kstrtobool(page, &write_cache);
	if (ret)
		return ret;
	guard(mutex)(&cl->lock);
	if (cl->enabled)
		return -EBUSY;
	WRITE_ONCE(cl->write_cache, write_cache);
	return count;
}
CONFIGFS_ATTR(cfg_lun_, write_cache);

static ssize_t cfg_lun_read_only_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "%d\n",
			  READ_ONCE(to_cfg_lun(item)->read_only));
}

static ssize_t cfg_lun_read_only_store(struct config_item *item,
				       const char *page, size_t count)
{
	struct cfg_lun *cl = to_cfg_lun(item);
	bool read_only;
	int ret;

	ret = kstrtobool(page, &read_only);
	if (ret)
		return ret;
	guard(mutex)(&cl->lock);
	if (cl->enabled) {
		ret = lun_set_read_only(cl->lun, read_only);
		if (ret)
			return ret;
	}
	WRITE_ONCE(cl->read_only, read_only);
	return count;
}
CONFIGFS_ATTR(cfg_lun_, read_only);

static ssize_t cfg_lun_wwid_show(struct config_item *item, char *page)
{
	struct cfg_lun *cl = to_cfg_lun(item);

	guard(mutex)(&cl->lock);
	return sysfs_emit(page, "%*phN\n", AFU_WWID_LEN, cl->lun->wwid);
}

static ssize_t cfg_lun_wwid_store(struct config_item *item, const char *page,
				  size_t count)
{
	struct cfg_lun *cl = to_cfg_lun(item);
	char text[2 * AFU_WWID_LEN + 2];
	u8 wwid[AFU_WWID_LEN];
	int ret;

	if (strscpy(text, page, sizeof(text)) < 0)
		return -EINVAL;
	ret = lun_parse_wwid(strim(text), wwid);
	if (ret)
		return ret;
	guard(mutex)(&cl->lock);
	if (cl->enabled)
		return -EBUSY;
	memcpy(cl->lun->wwid, wwid, sizeof(wwid));
	return count;
}
CONFIGFS_ATTR(cfg_lun_, wwid);

static ssize_t cfg_lun_secret_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "%d\n",
			  READ_ONCE(to_cfg_lun(item)->lun->secret));
}

/* Looked at when a chunk gets its next owner, so it may change any time. */
static ssize_t cfg_lun_secret_store(struct config_item *item, const char *page,
				    size_t count)
{
	struct cfg_lun *cl = to_cfg_lun(item);
	bool secret;
	int ret;

	ret = kstrtobool(page, &secret);
	if (ret)
		return ret;
	mutex_lock(&cl->lun->lock);
	WRITE_ONCE(cl->lun->secret, secret);
	mutex_unlock(&cl->lun->lock);
	return count;
}
CONFIGFS_ATTR(cfg_lun_, secret);

/*
 * Enabling
 */

static int cfg_lun_enable(struct cfg_lun *cl)
{
	struct afu_store_params p = {
		.path = cl->path ?: "",
		.size = cl->size,
		.block_size = cl->block_size,
		.read_only = cl->read_only,
		.write_cache = cl->write_cache,
	};
	int ret;

	lockdep_assert_held(&cl->lock);
	ret = lun_enable(cl->lun, cl->store, &p);
	if (ret)
		return ret;
	ret = cfg_lun_publish(cl);
	if (ret)
		lun_disable(cl->lun);
	return ret;
}

static int cfg_lun_set_enabled(struct cfg_lun *cl, bool enable)
{
	struct config_item *item = &cl->group.cg_item;
	int ret;

	guard(mutex)(&cl->lock);
	if (enable == cl->enabled)
		return 0;
	if (!enable) {
		/* The disks first, while the store still takes a flush. */
		cfg_lun_withdraw(cl);
		lun_disable(cl->lun);
		configfs_undepend_item_unlocked(item);
		return 0;
	}

	/* -ENOENT: it is being removed.  From here on rmdir says -EBUSY. */
	ret = configfs_depend_item_unlocked(config_subsystem(), item);
	if (ret)
		return ret;
	ret = cfg_lun_enable(cl);
	if (ret)
		configfs_undepend_item_unlocked(item);
	return ret;
}

static ssize_t cfg_lun_enable_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "%d\n", READ_ONCE(to_cfg_lun(item)->enabled));
}

static ssize_t cfg_lun_enable_store(struct config_item *item, const char *page,
				    size_t count)
{
	bool enable;
	int ret;

	ret = kstrtobool(page, &enable);
	if (!ret)
		ret = cfg_lun_set_enabled(to_cfg_lun(item), enable);
	return ret ?: count;
}
CONFIGFS_ATTR(cfg_lun_, enable);

static ssize_t cfg_lun_state_show(struct config_item *item, char *page)
{
	struct cxlflash_lun *lun = config_lun(item);

	return sysfs_emit(page, "%s\n", lun_state_name(lun));
}
CONFIGFS_ATTR_RO(cfg_lun_, state);

static ssize_t cfg_lun_capacity_show(struct config_item *item, char *page)
{
	struct cfg_lun *cl = to_cfg_lun(item);
	u64 bytes = 0;

	guard(mutex)(&cl->lock);
	if (cl->enabled)
		bytes = lun_nr_blocks(cl->lun) << cl->lun->block_lg2;
	return sysfs_emit(page, "%llu\n", bytes);
}
CONFIGFS_ATTR_RO(cfg_lun_, capacity);

/*
 * The slice table
 */

static ssize_t cfg_lun_format_show(struct config_item *item, char *page)
{
	struct cxlflash_lun *lun = config_lun(item);

	return sysfs_emit(page, "%d\n", READ_ONCE(lun->formatted));
}

static ssize_t cfg_lun_format_store(struct config_item *item, const char *page,
				    size_t count)
{
	struct cfg_lun *cl = to_cfg_lun(item);
	bool force;
	int ret;

	force = sysfs_streq(page, "force");
	/* It destroys what is there: "1" is not asking for it clearly. */
	if (!force && !sysfs_streq(page, "yes"))
		return -EINVAL;
	guard(mutex)(&cl->lock);
	if (!cl->enabled)
		return -ENODEV;
	ret = table_format(cl->lun, force);
	if (ret)
		return ret;
	/* Disks of it become read-only. */
	adapter_lun_changed(cl->lun);
	return count;
}
CONFIGFS_ATTR(cfg_lun_, format);

static ssize_t cfg_lun_active_show(struct config_item *item, char *page)
{
	struct cxlflash_lun *lun = config_lun(item);

	return sysfs_emit(page, "%d\n", !!READ_ONCE(lun->table));
}

/* Slices that are open are not torn down here: disabling the LUN does it. */
static int cfg_lun_deactivate(struct cfg_lun *cl)
{
	int ret;

	lockdep_assert_held(&cl->lock);
	if (!READ_ONCE(cl->lun->table))
		return 0;
	ret = slice_quiesce(cl->lun);
	if (ret)
		return ret;
	adapter_lun_removing(cl->lun);
	table_deactivate(cl->lun);
	return 0;
}

static int cfg_lun_activate(struct cfg_lun *cl, bool force)
{
	int ret;

	lockdep_assert_held(&cl->lock);
	ret = force ? table_take_over(cl->lun) : table_activate(cl->lun);
	if (!ret)
		slice_allow(cl->lun);
	return ret;
}

static ssize_t cfg_lun_active_store(struct config_item *item, const char *page,
				    size_t count)
{
	bool force = sysfs_streq(page, "force"), active = true;
	struct cfg_lun *cl = to_cfg_lun(item);
	int ret;

	ret = force ? 0 : kstrtobool(page, &active);
	if (ret)
		return ret;
	guard(mutex)(&cl->lock);
	if (!cl->enabled)
		return -ENODEV;
	if (active)
		ret = cfg_lun_activate(cl, force);
	else
		ret = cfg_lun_deactivate(cl);
	if (ret)
		return ret;
	adapter_lun_space_changed(cl->lun);
	return count;
}
CONFIGFS_ATTR(cfg_lun_, active);

/*
 * More than a page, so what configfs calls a binary file.  It asks for the size
 * first, and shows as many bytes whatever is filled then.
 */
static ssize_t cfg_lun_slices_read(struct config_item *item, void *buf,
				   size_t size)
{
	struct cfg_lun *cl = to_cfg_lun(item);
	ssize_t len;

	guard(mutex)(&cl->lock);
	if (!cl->enabled && !buf)
		return 0;
	len = table_show(cl->lun, buf, size, slice_is_open);
	if (!buf)
		return len;
	/* Slices went meanwhile: empty lines. */
	memset(buf + len, '\n', size - len);
	return size;
}
CONFIGFS_BIN_ATTR_RO(cfg_lun_, slices, NULL, 0);

static ssize_t cfg_lun_delete_store(struct config_item *item, const char *page,
				    size_t count)
{
	struct cfg_lun *cl = to_cfg_lun(item);
	char text[UUID_STRING_LEN + 2];
	uuid_t uuid;
	int ret;

	if (strscpy(text, page, sizeof(text)) < 0)
		return -EINVAL;
	strim(text);
	if (strlen(text) != UUID_STRING_LEN || uuid_parse(text, &uuid))
		return -EINVAL;
	/* Without the lock: it may take long, and disabling ends it. */
	ret = slice_delete(cl->lun, &uuid);
	return ret ?: count;
}
CONFIGFS_ATTR_WO(cfg_lun_, delete);

static ssize_t cfg_lun_space_show(struct config_item *item, char *page)
{
	struct cxlflash_lun_space space = { };

	if (cxlflash_lun_get_space(config_lun(item), &space))
		memset(&space, 0, sizeof(space));
	return sysfs_emit(page, "%llu %llu\n", space.free_bytes,
			  space.total_bytes);
}
CONFIGFS_ATTR_RO(cfg_lun_, space);

static struct configfs_attribute *cfg_lun_attrs[] = {
	&cfg_lun_attr_store,
	&cfg_lun_attr_path,
	&cfg_lun_attr_size,
	&cfg_lun_attr_block_size,
	&cfg_lun_attr_read_only,
	&cfg_lun_attr_write_cache,
	&cfg_lun_attr_wwid,
	&cfg_lun_attr_secret,
	&cfg_lun_attr_enable,
	&cfg_lun_attr_state,
	&cfg_lun_attr_capacity,
	&cfg_lun_attr_format,
	&cfg_lun_attr_active,
	&cfg_lun_attr_delete,
	&cfg_lun_attr_space,
	NULL
};

static struct configfs_bin_attribute *cfg_lun_bin_attrs[] = {
	&cfg_lun_attr_slices,
	NULL
};

/*
 * Life
 */

static void cfg_lun_release(struct config_item *item)
{
	struct cfg_lun *cl = to_cfg_lun(item);

	cxlflash_lun_put(cl->lun);
	kfree(cl->path);
	mutex_destroy(&cl->lock);
	kfree(cl);
}

static struct configfs_item_operations cfg_lun_item_ops = {
	.release = cfg_lun_release,
};

static const struct config_item_type cfg_lun_type = {
	.ct_owner = THIS_MODULE,
	.ct_item_ops = &cfg_lun_item_ops,
	.ct_attrs = cfg_lun_attrs,
	.ct_bin_attrs = cfg_lun_bin_attrs,
};

static struct config_group *cfg_lun_make(struct config_group *group,
					 const char *name)
{
	struct cfg_lun *cl;
	int ret;

	if (!cfg_name_is_valid(name))
		return ERR_PTR(-EINVAL);
	cl = kzalloc(sizeof(*cl), GFP_KERNEL);
	if (!cl)
		return ERR_PTR(-ENOMEM);
	cl->lun = lun_create(name);
	if (IS_ERR(cl->lun)) {
		ret = PTR_ERR(cl->lun);
		kfree(cl);
		return ERR_PTR(ret);
	}
	mutex_init(&cl->lock);
	INIT_LIST_HEAD(&cl->links);
	cl->store = store_ram_ops.name;
	cl->block_size = SISL_BLOCK_SIZE;
	config_group_init_type_name(&cl->group, name, &cfg_lun_type);
	return &cl->group;
}

static struct configfs_group_operations cfg_luns_group_ops = {
	.make_group = cfg_lun_make,
};

/* The directory "luns". */
const struct config_item_type cfg_luns_type = {
	.ct_owner = THIS_MODULE,
	.ct_group_ops = &cfg_luns_group_ops,
};
