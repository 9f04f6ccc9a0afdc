// SPDX-License-Identifier: GPL-2.0-only
/*
 * configfs: adapters and their ports
 *
 * See config.h for the tree, the locks and what comes up when.
 *
 * While an adapter is live its item is depended on, so rmdir answers -EBUSY; a
 * LUN that is linked is kept by the link.  configfs holds the module as long
 * as there is an item.
 */
#include <linux/cpumask.h>
#include <linux/ctype.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "client.h"
#include "config.h"

#define CFG_PORTS		2
#define CFG_GRACE_MS		1000

/* Protects links, slots, who is live and enabled, fault points; see config.h */
DEFINE_MUTEX(cfg_links_lock);

static struct cfg_adapter *to_cfg_adapter(struct config_item *item)
{
	return container_of(to_config_group(item), struct cfg_adapter, group);
}

static struct cfg_port *to_cfg_port(struct config_group *group)
{
	return container_of(group, struct cfg_port, group);
}

static struct cfg_slot *to_cfg_slot(struct config_item *item)
{
	return container_of(item, struct cfg_slot, item);
}

/**
 * cfg_name_is_valid() - may an adapter or a LUN have this name?
 * @name: wanted
 *
 * It becomes the name of a device and part of other names: of files in sysfs
 * and debugfs, and of mdev types.
 *
 * Context: any.
 * Return: yes or no.
 */
bool cfg_name_is_valid(const char *name)
{
	/* What every directory of a device in sysfs has. */
	static const char * const taken[] = { "power", "uevent", "module" };
	const char *c;

	if (strlen(name) >= AFU_NAME_LEN || !isalnum(name[0]))
		return false;
	for (c = name; *c; c++) {
		if (!isalnum(*c) && !strchr("-_.", *c))
			return false;
	}
	return match_string(taken, ARRAY_SIZE(taken), name) < 0;
}

/*
 * Slots: where a LUN meets an adapter
 */

static int cfg_slot_attach(struct cfg_slot *slot)
{
	struct cxlflash_adapter *ad = slot->adapter->ad;
	int ret;

	lockdep_assert_held(&cfg_links_lock);
	if (!ad || !slot->lun || !slot->lun->enabled || slot->attached)
		return 0;
	ret = adapter_add_lun(ad, slot->port, slot->lun_id, slot->lun->lun);
	slot->attached = !ret;
	return ret;
}

static void cfg_slot_detach(struct cfg_slot *slot)
{
	lockdep_assert_held(&cfg_links_lock);
	if (!slot->attached)
		return;
	slot->attached = false;
	adapter_remove_lun(slot->adapter->ad, slot->port, slot->lun_id);
}

/**
 * cfg_lun_publish() - a LUN is enabled: attach it wherever it is linked
 * @cl: LUN
 *
 * Context: under @cl->lock; takes cfg_links_lock.
 * Return: 0, or what adapter_add_lun() says; then it is attached nowhere.
 */
int cfg_lun_publish(struct cfg_lun *cl)
{
	struct cfg_slot *slot;
	int ret = 0;

	lockdep_assert_held(&cl->lock);
	mutex_lock(&cfg_links_lock);
	WRITE_ONCE(cl->enabled, true);
	list_for_each_entry(slot, &cl->links, lun_node) {
		ret = cfg_slot_attach(slot);
		if (ret)
			break;
	}
	mutex_unlock(&cfg_links_lock);
	if (ret)
		cfg_lun_withdraw(cl);
	return ret;
}

/**
 * cfg_lun_withdraw() - a LUN will be disabled: detach it from all adapters
 * @cl: LUN
 *
 * Context: under @cl->lock; takes cfg_links_lock; bounded as
 * adapter_remove_lun() is.
 */
void cfg_lun_withdraw(struct cfg_lun *cl)
{
	struct cfg_slot *slot;

	lockdep_assert_held(&cl->lock);
	guard(mutex)(&cfg_links_lock);
	WRITE_ONCE(cl->enabled, false);
	list_for_each_entry(slot, &cl->links, lun_node)
		cfg_slot_detach(slot);
}

static int cfg_slot_allow_link(struct config_item *src,
			       struct config_item *target)
{
	struct cfg_slot *slot = to_cfg_slot(src);
	struct cfg_lun *cl;
	int ret;

	if (!cfg_item_is_lun(target))
		return -EINVAL;
	cl = to_cfg_lun(target);

	guard(mutex)(&cfg_links_lock);
	if (slot->lun)
		return -EEXIST;
	/* One that is not live says so when it goes live. */
	if (slot->adapter->ad && slot->port >= slot->adapter->ad->nr_ports)
		return -EINVAL;
	slot->lun = cl;
	ret = cfg_slot_attach(slot);
	if (ret)
		slot->lun = NULL;
	else
		list_add_tail(&slot->lun_node, &cl->links);
	return ret;
}

static void cfg_slot_drop_link(struct config_item *src,
			       struct config_item *target)
{
	struct cfg_slot *slot = to_cfg_slot(src);

	guard(mutex)(&cfg_links_lock);
	cfg_slot_detach(slot);
	list_del(&slot->lun_node);
	slot->lun = NULL;
}

static void cfg_slot_release(struct config_item *item)
{
	kfree(to_cfg_slot(item));
}

static struct configfs_item_operations cfg_slot_item_ops = {
	.release = cfg_slot_release,
	.allow_link = cfg_slot_allow_link,
	.drop_link = cfg_slot_drop_link,
};

static const struct config_item_type cfg_slot_type = {
	.ct_owner = THIS_MODULE,
	.ct_item_ops = &cfg_slot_item_ops,
};

/*
 * Ports
 */

/* One number has one name, so that configfs sees to it that it is unique. */
static int cfg_parse_lun_id(const char *name, u64 *lun_id)
{
	int ret;

	if (!isdigit(name[0]) || (name[0] == '0' && name[1]))
		return -EINVAL;
	ret = kstrtou64(name, 10, lun_id);
	if (ret)
		return ret;
	return *lun_id > AFU_MAX_LUN ? -ERANGE : 0;
}

static struct config_item *cfg_slot_make(struct config_group *group,
					 const char *name)
{
	struct cfg_port *port = to_cfg_port(group);
	struct cfg_slot *slot;
	u64 lun_id;
	int ret;

	ret = cfg_parse_lun_id(name, &lun_id);
	if (ret)
		return ERR_PTR(ret);
	slot = kzalloc(sizeof(*slot), GFP_KERNEL);
	if (!slot)
		return ERR_PTR(-ENOMEM);
	slot->adapter = port->adapter;
	slot->port = port->index;
	slot->lun_id = lun_id;
	config_item_init_type_name(&slot->item, name, &cfg_slot_type);

	guard(mutex)(&cfg_links_lock);
	list_add_tail(&slot->node, &port->adapter->slots);
	return &slot->item;
}

static void cfg_slot_drop(struct config_group *group, struct config_item *item)
{
	mutex_lock(&cfg_links_lock);
	list_del(&to_cfg_slot(item)->node);
	mutex_unlock(&cfg_links_lock);
	config_item_put(item);
}

static struct configfs_group_operations cfg_port_group_ops = {
	.make_item = cfg_slot_make,
	.drop_item = cfg_slot_drop,
};

static const struct config_item_type cfg_port_type = {
	.ct_owner = THIS_MODULE,
	.ct_group_ops = &cfg_port_group_ops,
};

/*
 * Adapters: attributes
 */

/* What shapes an adapter: not while it is live. */
static ssize_t cfg_adapter_set_uint(struct cfg_adapter *ca, unsigned int *field,
				    unsigned int max, const char *page,
				    size_t count)
{
	unsigned int val;
	int ret;

	ret = kstrtouint(page, 0, &val);
	if (ret)
		return ret;
	if (!val || val > max)
		return -EINVAL;
	guard(mutex)(&ca->lock);
	if (ca->ad)
		return -EBUSY;
	WRITE_ONCE(*field, val);
	return count;
}

static ssize_t cfg_adapter_ports_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "%u\n",
			  READ_ONCE(to_cfg_adapter(item)->nr_ports));
}

static ssize_t cfg_adapter_ports_store(struct config_item *item,
				       const char *page, size_t count)
{
	struct cfg_adapter *ca = to_cfg_adapter(item);

	return cfg_adapter_set_uint(ca, &ca->nr_ports, SISL_NR_PORTS, page,
				    count);
}
CONFIGFS_ATTR(cfg_adapter_, ports);

static ssize_t cfg_adapter_contexts_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "%u\n",
			  READ_ONCE(to_cfg_adapter(item)->nr_contexts));
}

static ssize_t cfg_adapter_contexts_store(struct config_item *item,
					  const char *page, size_t count)
{
	struct cfg_adapter *ca = to_cfg_adapter(item);

	return cfg_adapter_set_uint(ca, &ca->nr_contexts,
				    SISL_NR_USER_CONTEXTS, page, count);
}
CONFIGFS_ATTR(cfg_adapter_, contexts);

static ssize_t cfg_adapter_engine_cpus_show(struct config_item *item,
					    char *page)
{
	struct cfg_adapter *ca = to_cfg_adapter(item);

	guard(mutex)(&ca->lock);
	return sysfs_emit(page, "%*pbl\n", cpumask_pr_args(ca->engine_cpus));
}

static ssize_t cfg_adapter_engine_cpus_store(struct config_item *item,
					     const char *page, size_t count)
{
	struct cfg_adapter *ca = to_cfg_adapter(item);
	cpumask_var_t cpus;
	int ret;

	if (!alloc_cpumask_var(&cpus, GFP_KERNEL))
		return -ENOMEM;
	ret = cpulist_parse(page, cpus);
	if (ret)
		goto out_free;
	mutex_lock(&ca->lock);
	if (ca->ad)
		ret = -EBUSY;
	else
		cpumask_copy(ca->engine_cpus, cpus);
	mutex_unlock(&ca->lock);
out_free:
	free_cpumask_var(cpus);
	return ret ?: count;
}
CONFIGFS_ATTR(cfg_adapter_, engine_cpus);

static ssize_t cfg_adapter_host_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "%d\n", READ_ONCE(to_cfg_adapter(item)->host));
}

static ssize_t cfg_adapter_host_store(struct config_item *item,
				      const char *page, size_t count)
{
	struct cfg_adapter *ca = to_cfg_adapter(item);
	bool host;
	int ret;

	ret = kstrtobool(page, &host);
	if (ret)
		return ret;
	guard(mutex)(&ca->lock);
	if (ca->ad)
		return -EBUSY;
	WRITE_ONCE(ca->host, host);
	return count;
}
CONFIGFS_ATTR(cfg_adapter_, host);

static ssize_t cfg_adapter_grace_ms_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "%u\n",
			  READ_ONCE(to_cfg_adapter(item)->grace_ms));
}

/* Shapes nothing: may change at any time, also while a removal waits. */
static ssize_t cfg_adapter_grace_ms_store(struct config_item *item,
					  const char *page, size_t count)
{
	struct cfg_adapter *ca = to_cfg_adapter(item);
	unsigned int grace_ms;
	int ret;

	ret = kstrtouint(page, 0, &grace_ms);
	if (ret)
		return ret;
	if (grace_ms > AFU_GRACE_MS_MAX)
		return -EINVAL;
	guard(mutex)(&cfg_links_lock);
	WRITE_ONCE(ca->grace_ms, grace_ms);
	if (ca->ad)
		WRITE_ONCE(ca->ad->grace_ms, grace_ms);
	return count;
}
CONFIGFS_ATTR(cfg_adapter_, grace_ms);

/*
 * Adapters: going live and back
 */

static int cfg_adapter_check_slots(struct cfg_adapter *ca)
{
	struct cfg_slot *slot;

	guard(mutex)(&cfg_links_lock);
	list_for_each_entry(slot, &ca->slots, node) {
		if (slot->lun && slot->port >= ca->nr_ports)
			return -EINVAL;
	}
	return 0;
}

/* From here on links attach at once. */
static int cfg_adapter_publish(struct cfg_adapter *ca,
			       struct cxlflash_adapter *ad)
{
	struct cfg_slot *slot;
	int ret;

	lockdep_assert_held(&ca->lock);
	guard(mutex)(&cfg_links_lock);
	WRITE_ONCE(ca->ad, ad);
	list_for_each_entry(slot, &ca->slots, node) {
		ret = cfg_slot_attach(slot);
		if (ret)
			return ret;
	}
	cfg_faults_apply(ca);
	return 0;
}

/* Its LUNs go with it, after the SCSI host's disks. */
static struct cxlflash_adapter *cfg_adapter_withdraw(struct cfg_adapter *ca)
{
	struct cxlflash_adapter *ad;
	struct cfg_slot *slot;

	lockdep_assert_held(&ca->lock);
	guard(mutex)(&cfg_links_lock);
	list_for_each_entry(slot, &ca->slots, node)
		slot->attached = false;
	ad = ca->ad;
	WRITE_ONCE(ca->ad, NULL);
	return ad;
}

static int cfg_adapter_start(struct cfg_adapter *ca)
{
	struct afu_adapter_params p = {
		.nr_ports = ca->nr_ports,
		.nr_contexts = ca->nr_contexts,
		.engine_cpus = cpumask_empty(ca->engine_cpus) ?
			       NULL : ca->engine_cpus,
		.host = ca->host,
		.grace_ms = READ_ONCE(ca->grace_ms),
	};
	struct cxlflash_adapter *ad;
	int ret;

	lockdep_assert_held(&ca->lock);
	ret = cfg_adapter_check_slots(ca);
	if (ret)
		return ret;
	ad = adapter_create(config_item_name(&ca->group.cg_item), &p);
	if (IS_ERR(ad))
		return PTR_ERR(ad);
	ret = cfg_adapter_publish(ca, ad);
	if (ret) {
		adapter_remove(cfg_adapter_withdraw(ca));
		return ret;
	}
	/* Whoever makes it live wants to make slices next. */
	client_flush(ad);
	return 0;
}

static int cfg_adapter_set_live(struct cfg_adapter *ca, bool live)
{
	struct config_item *item = &ca->group.cg_item;
	int ret;

	guard(mutex)(&ca->lock);
	if (live == !!ca->ad)
		return 0;
	if (!live) {
		adapter_remove(cfg_adapter_withdraw(ca));
		configfs_undepend_item_unlocked(item);
		return 0;
	}

	/* -ENOENT: it is being removed.  From here on rmdir says -EBUSY. */
	ret = configfs_depend_item_unlocked(config_subsystem(), item);
	if (ret)
		return ret;
	ret = cfg_adapter_start(ca);
	if (ret)
		configfs_undepend_item_unlocked(item);
	return ret;
}

static ssize_t cfg_adapter_live_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "%d\n", !!READ_ONCE(to_cfg_adapter(item)->ad));
}

static ssize_t cfg_adapter_live_store(struct config_item *item,
				      const char *page, size_t count)
{
	bool live;
	int ret;

	ret = kstrtobool(page, &live);
	if (!ret)
		ret = cfg_adapter_set_live(to_cfg_adapter(item), live);
	return ret ?: count;
}
CONFIGFS_ATTR(cfg_adapter_, live);

static struct configfs_attribute *cfg_adapter_attrs[] = {
	&cfg_adapter_attr_ports,
	&cfg_adapter_attr_contexts,
	&cfg_adapter_attr_engine_cpus,
	&cfg_adapter_attr_host,
	&cfg_adapter_attr_grace_ms,
	&cfg_adapter_attr_live,
	NULL
};

static void cfg_adapter_release(struct config_item *item)
{
	struct cfg_adapter *ca = to_cfg_adapter(item);

	free_cpumask_var(ca->engine_cpus);
	mutex_destroy(&ca->lock);
	kfree(ca);
}

static struct configfs_item_operations cfg_adapter_item_ops = {
	.release = cfg_adapter_release,
};

static const struct config_item_type cfg_adapter_type = {
	.ct_owner = THIS_MODULE,
	.ct_item_ops = &cfg_adapter_item_ops,
	.ct_attrs = cfg_adapter_attrs,
};

/*
 * The tree
 */

static void cfg_adapter_add_groups(struct cfg_adapter *ca)
{
	struct cfg_port *port;
	char name[8];
	unsigned int i;

	for (i = 0; i < SISL_NR_PORTS; i++) {
		port = &ca->ports[i];
		port->adapter = ca;
		port->index = i;
		snprintf(name, sizeof(name), "port%u", i);
		config_group_init_type_name(&port->group, name, &cfg_port_type);
		configfs_add_default_group(&port->group, &ca->group);
	}
	config_group_init_type_name(&ca->faults_group, "faults",
				    &cfg_faults_type);
	configfs_add_default_group(&ca->faults_group, &ca->group);
}

static struct config_group *cfg_adapter_make(struct config_group *group,
					     const char *name)
{
	struct cfg_adapter *ca;

	if (!cfg_name_is_valid(name))
		return ERR_PTR(-EINVAL);
	ca = kzalloc(sizeof(*ca), GFP_KERNEL);
	if (!ca)
		return ERR_PTR(-ENOMEM);
	if (!zalloc_cpumask_var(&ca->engine_cpus, GFP_KERNEL)) {
		kfree(ca);
		return ERR_PTR(-ENOMEM);
	}
	mutex_init(&ca->lock);
	INIT_LIST_HEAD(&ca->slots);
	ca->nr_ports = CFG_PORTS;
	ca->nr_contexts = SISL_NR_USER_CONTEXTS;
	ca->host = true;
	ca->grace_ms = CFG_GRACE_MS;
	config_group_init_type_name(&ca->group, name, &cfg_adapter_type);
	cfg_adapter_add_groups(ca);
	return &ca->group;
}

static struct configfs_group_operations cfg_adapters_group_ops = {
	.make_group = cfg_adapter_make,
};

static const struct config_item_type cfg_adapters_type = {
	.ct_owner = THIS_MODULE,
	.ct_group_ops = &cfg_adapters_group_ops,
};

static const struct config_item_type cfg_root_type = {
	.ct_owner = THIS_MODULE,
};

static struct configfs_subsystem cfg_subsystem = {
	.su_group = {
		.cg_item = {
			.ci_namebuf = "cxlflash",
			.ci_type = &cfg_root_type,
		},
	},
	.su_mutex = __MUTEX_INITIALIZER(cfg_subsystem.su_mutex),
};

static struct config_group cfg_luns_group, cfg_adapters_group;

/**
 * config_subsystem() - the directory "cxlflash"
 *
 * Context: any.
 * Return: the subsystem.
 */
struct configfs_subsystem *config_subsystem(void)
{
	return &cfg_subsystem;
}

/**
 * config_luns_group() - the directory "luns"
 *
 * Context: any.
 * Return: the group.
 */
struct config_group *config_luns_group(void)
{
	return &cfg_luns_group;
}

/**
 * config_init() - make the tree
 *
 * Context: module init, last: user space may come at once.
 * Return: 0, or what configfs says.
 */
int config_init(void)
{
	config_group_init(&cfg_subsystem.su_group);
	config_group_init_type_name(&cfg_luns_group, "luns", &cfg_luns_type);
	configfs_add_default_group(&cfg_luns_group, &cfg_subsystem.su_group);
	config_group_init_type_name(&cfg_adapters_group, "adapters",
				    &cfg_adapters_type);
	configfs_add_default_group(&cfg_adapters_group,
				   &cfg_subsystem.su_group);
	return configfs_register_subsystem(&cfg_subsystem);
}

/**
 * config_exit() - remove it
 *
 * Context: module exit; there is no item, because each holds the module.
 */
void config_exit(void)
{
	configfs_unregister_subsystem(&cfg_subsystem);
}
