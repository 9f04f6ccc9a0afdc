// SPDX-License-Identifier: GPL-2.0-only
/*
 * Adapters: devices on the bus "cxlflash", their ports and LUNs, removal
 *
 * An adapter is a struct device; whoever holds a reference keeps the structure,
 * not the adapter.  What state it is in, and resets, are in reset.c.
 *
 * Removal announces (a uevent), lets clients give up what they have made of
 * the adapter, takes the disks from the SCSI host, gives the other contexts
 * what is left of the grace to go, and then fails them.
 */
#include <linux/cpumask.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "adapter.h"
#include "client.h"
#include "slice.h"

/* Engine threads if nobody says where they run. */
#define ADAPTER_ENGINES		4

static struct device *adapter_root;

static const struct bus_type adapter_bus;

static struct cxlflash_adapter *to_adapter(struct device *dev)
{
	return container_of(dev, struct cxlflash_adapter, dev);
}

/*
 * Ports and LUNs
 */

/**
 * adapter_add_lun() - put a LUN behind a port
 * @ad: adapter
 * @port: number
 * @lun_id: number there, at most AFU_MAX_LUN
 * @lun: enabled; referenced until it is removed
 *
 * Context: may sleep; takes @ad->lock.
 * Return: 0; -EINVAL no such port or number; -EEXIST the number is taken;
 * -ENODEV the adapter is being removed; -ENOMEM.
 */
int adapter_add_lun(struct cxlflash_adapter *ad, unsigned int port, u64 lun_id,
		    struct cxlflash_lun *lun)
{
	int ret;

	if (port >= ad->nr_ports || lun_id > AFU_MAX_LUN)
		return -EINVAL;

	mutex_lock(&ad->lock);
	if (ad->state == AFU_GONE)
		ret = -ENODEV;
	else
		ret = xa_insert(&ad->ports[port].luns, lun_id, lun, GFP_KERNEL);
	if (!ret)
		lun_get(lun);
	mutex_unlock(&ad->lock);

	/* The xarray's word for an index that is taken. */
	if (ret == -EBUSY)
		return -EEXIST;
	if (ret)
		return ret;
	cxlflash_backend_rescan(&ad->backend, port);
	client_luns_changed(ad);
	return 0;
}

static bool port_has_lun(struct afu_port *port, struct cxlflash_lun *lun)
{
	struct cxlflash_lun *entry;
	unsigned long lun_id;

	/* The pointer is compared, not followed. */
	guard(rcu)();
	xa_for_each(&port->luns, lun_id, entry) {
		if (entry == lun)
			return true;
	}
	return false;
}

static bool adapter_has_lun(struct cxlflash_adapter *ad,
			    struct cxlflash_lun *lun)
{
	unsigned int port;

	for (port = 0; port < ad->nr_ports; port++) {
		if (port_has_lun(&ad->ports[port], lun))
			return true;
	}
	return false;
}

/* It cannot be found any more: clients first, then what they have left over. */
static void adapter_lose_lun(struct cxlflash_adapter *ad,
			     struct cxlflash_lun *lun)
{
	if (adapter_has_lun(ad, lun))
		return;
	client_lun_removing(ad, lun);
	slice_kill_adapter(lun, ad);
	client_luns_changed(ad);
}

/**
 * adapter_remove_lun() - take a LUN from a port
 * @ad: adapter
 * @port: number
 * @lun_id: number there
 *
 * The SCSI host gives up its disk first, while the LUN can still flush its
 * cache; then clients their slices.  Commands that have found the LUN go on
 * with it, but for those of slices that are still there.
 *
 * Context: may sleep, bounded; takes @ad->lock.
 */
void adapter_remove_lun(struct cxlflash_adapter *ad, unsigned int port,
			u64 lun_id)
{
	struct cxlflash_lun *lun;

	if (port >= ad->nr_ports)
		return;

	cxlflash_backend_lun_gone(&ad->backend, port, lun_id);
	mutex_lock(&ad->lock);
	lun = xa_erase(&ad->ports[port].luns, lun_id);
	mutex_unlock(&ad->lock);
	if (!lun)
		return;
	/* A scan that was under way may have found it once more. */
	cxlflash_backend_lun_gone(&ad->backend, port, lun_id);
	adapter_lose_lun(ad, lun);
	cxlflash_lun_put(lun);
}

static void adapter_remove_luns(struct cxlflash_adapter *ad)
{
	struct cxlflash_lun *lun;
	unsigned long lun_id;
	unsigned int port;

	guard(mutex)(&ad->lock);
	for (port = 0; port < SISL_NR_PORTS; port++) {
		xa_for_each(&ad->ports[port].luns, lun_id, lun) {
			xa_erase(&ad->ports[port].luns, lun_id);
			cxlflash_lun_put(lun);
		}
	}
}

static int adapter_lun_space_changed_one(struct device *dev, void *data)
{
	struct cxlflash_adapter *ad = to_adapter(dev);

	if (adapter_has_lun(ad, data))
		client_luns_changed(ad);
	return 0;
}

/**
 * adapter_lun_space_changed() - clients of all adapters are to look at a LUN
 * @lun: that was activated, or has more or less space
 *
 * Context: may sleep; takes no lock of an adapter.
 */
void adapter_lun_space_changed(struct cxlflash_lun *lun)
{
	bus_for_each_dev(&adapter_bus, NULL, lun,
			 adapter_lun_space_changed_one);
}

static int adapter_lun_removing_one(struct device *dev, void *data)
{
	struct cxlflash_adapter *ad = to_adapter(dev);

	if (adapter_has_lun(ad, data))
		client_lun_removing(ad, data);
	return 0;
}

/**
 * adapter_lun_removing() - clients of all adapters are to give up a LUN
 * @lun: that will be deactivated
 *
 * Context: may sleep, bounded as clients are; takes their locks.
 */
void adapter_lun_removing(struct cxlflash_lun *lun)
{
	bus_for_each_dev(&adapter_bus, NULL, lun, adapter_lun_removing_one);
}

static int adapter_lun_changed_one(struct device *dev, void *data)
{
	struct cxlflash_adapter *ad = to_adapter(dev);
	unsigned int port;

	for (port = 0; port < ad->nr_ports; port++) {
		if (port_has_lun(&ad->ports[port], data))
			cxlflash_backend_rescan(&ad->backend, port);
	}
	return 0;
}

/**
 * adapter_lun_changed() - hosts and clients are to look at a LUN again
 * @lun: that grew, became read-only, was formatted
 *
 * Contexts hear of it by its unit attention, lun_unit_attention().
 *
 * Context: may sleep; takes no lock of an adapter.
 */
void adapter_lun_changed(struct cxlflash_lun *lun)
{
	bus_for_each_dev(&adapter_bus, NULL, lun, adapter_lun_changed_one);
	adapter_lun_space_changed(lun);
}

static struct cxlflash_lun *adapter_lun_at(struct cxlflash_adapter *ad,
					   u32 mask, u64 lun_id, bool online,
					   u8 *port)
{
	struct cxlflash_lun *lun;
	unsigned int i;

	for (; mask; mask &= mask - 1) {
		i = __ffs(mask);
		if (READ_ONCE(ad->ports[i].online) != online)
			continue;
		if (*port == AFU_NO_PORT)
			*port = i;
		lun = xa_load(&ad->ports[i].luns, lun_id);
		if (lun) {
			*port = i;
			return lun;
		}
	}
	return NULL;
}

/**
 * adapter_lun() - find a LUN by port and number
 * @ad: adapter
 * @port_sel: mask of ports that may be used
 * @lun_id: number
 * @port: where it was found; if it was not, a port of the mask, or AFU_NO_PORT
 *	if the adapter has none of them
 *
 * Ports whose link is up come first; one that is down is returned when there
 * is nothing better, for the caller to say so.
 *
 * Context: under rcu_read_lock(); any context.
 * Return: a LUN, not counted: lun_tryget_io(); or NULL.
 */
struct cxlflash_lun *adapter_lun(struct cxlflash_adapter *ad, u32 port_sel,
				 u64 lun_id, u8 *port)
{
	u32 mask = port_sel & GENMASK(ad->nr_ports - 1, 0);
	struct cxlflash_lun *lun;

	RCU_LOCKDEP_WARN(!rcu_read_lock_held(), "LUN looked up without RCU");
	*port = AFU_NO_PORT;
	lun = adapter_lun_at(ad, mask, lun_id, true, port);
	if (!lun)
		lun = adapter_lun_at(ad, mask, lun_id, false, port);
	return lun;
}

/*
 * sysfs
 */

static const char * const adapter_state_names[] = {
	[AFU_LIVE] = "live",
	[AFU_RESETTING] = "resetting",
	[AFU_FAILED] = "failed",
	[AFU_GONE] = "gone",
};

static ssize_t state_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	struct cxlflash_adapter *ad = to_adapter(dev);

	return sysfs_emit(buf, "%s\n",
			  adapter_state_names[READ_ONCE(ad->state)]);
}
static DEVICE_ATTR_RO(state);

static ssize_t ports_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	return sysfs_emit(buf, "%u\n", to_adapter(dev)->nr_ports);
}
static DEVICE_ATTR_RO(ports);

static ssize_t contexts_show(struct device *dev, struct device_attribute *attr,
			     char *buf)
{
	return sysfs_emit(buf, "%u\n", to_adapter(dev)->nr_contexts);
}
static DEVICE_ATTR_RO(contexts);

static ssize_t contexts_used_show(struct device *dev,
				  struct device_attribute *attr, char *buf)
{
	struct cxlflash_adapter *ad = to_adapter(dev);

	return sysfs_emit(buf, "%u\n", READ_ONCE(ad->nr_user_ctxs));
}
static DEVICE_ATTR_RO(contexts_used);

static ssize_t engines_show(struct device *dev, struct device_attribute *attr,
			    char *buf)
{
	return sysfs_emit(buf, "%u\n", to_adapter(dev)->nr_engines);
}
static DEVICE_ATTR_RO(engines);

static ssize_t grace_ms_show(struct device *dev, struct device_attribute *attr,
			     char *buf)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(to_adapter(dev)->grace_ms));
}

static ssize_t grace_ms_store(struct device *dev, struct device_attribute *attr,
			      const char *buf, size_t count)
{
	unsigned int grace_ms;
	int ret;

	ret = kstrtouint(buf, 0, &grace_ms);
	if (ret)
		return ret;
	if (grace_ms > AFU_GRACE_MS_MAX)
		return -EINVAL;
	WRITE_ONCE(to_adapter(dev)->grace_ms, grace_ms);
	return count;
}
static DEVICE_ATTR_RW(grace_ms);

static ssize_t reset_store(struct device *dev, struct device_attribute *attr,
			   const char *buf, size_t count)
{
	bool reset;
	int ret;

	ret = kstrtobool(buf, &reset);
	if (ret)
		return ret;
	if (!reset)
		return -EINVAL;
	ret = cxlflash_adapter_reset(to_adapter(dev));
	return ret ?: count;
}
static DEVICE_ATTR_WO(reset);

static struct attribute *adapter_attrs[] = {
	&dev_attr_state.attr,
	&dev_attr_ports.attr,
	&dev_attr_contexts.attr,
	&dev_attr_contexts_used.attr,
	&dev_attr_engines.attr,
	&dev_attr_grace_ms.attr,
	&dev_attr_reset.attr,
	NULL
};
ATTRIBUTE_GROUPS(adapter);

static const struct bus_type adapter_bus = {
	.name = "cxlflash",
	.dev_groups = adapter_groups,
};

/*
 * Life
 */

static void adapter_release(struct device *dev)
{
	struct cxlflash_adapter *ad = to_adapter(dev);
	unsigned int i;

	for (i = 0; i < SISL_NR_PORTS; i++)
		xa_destroy(&ad->ports[i].luns);
	xa_destroy(&ad->ctxs);
	free_cpumask_var(ad->engine_cpus);
	mutex_destroy(&ad->client_lock);
	mutex_destroy(&ad->reset_lock);
	mutex_destroy(&ad->lock);
	kfree(ad);
	module_put(THIS_MODULE);
}

static int adapter_choose_cpus(struct cxlflash_adapter *ad,
			       const struct cpumask *wanted)
{
	unsigned int cpu;

	if (wanted) {
		cpumask_copy(ad->engine_cpus, wanted);
		return cpumask_intersects(wanted, cpu_online_mask) ?
		       0 : -ENODEV;
	}
	for_each_online_cpu(cpu) {
		if (cpumask_weight(ad->engine_cpus) == ADAPTER_ENGINES)
			break;
		cpumask_set_cpu(cpu, ad->engine_cpus);
	}
	return 0;
}

/* From here on adapter_release() undoes it. */
static void adapter_init_members(struct cxlflash_adapter *ad,
				 const struct afu_adapter_params *p)
{
	unsigned int i;

	mutex_init(&ad->lock);
	mutex_init(&ad->reset_lock);
	init_waitqueue_head(&ad->ctx_gone);
	client_adapter_init(ad);
	INIT_DELAYED_WORK(&ad->restart, adapter_restart_work);
	xa_init(&ad->ctxs);
	for (i = 0; i < SISL_NR_PORTS; i++) {
		xa_init(&ad->ports[i].luns);
		ad->ports[i].online = i < p->nr_ports;
	}
	ad->nr_ports = p->nr_ports;
	ad->nr_contexts = p->nr_contexts;
	ad->grace_ms = p->grace_ms;
	ad->state = AFU_LIVE;

	__module_get(THIS_MODULE);
	device_initialize(&ad->dev);
	ad->dev.parent = adapter_root;
	ad->dev.bus = &adapter_bus;
	ad->dev.release = adapter_release;
}

static struct cxlflash_adapter *
adapter_alloc(const char *name, const struct afu_adapter_params *p)
{
	struct cxlflash_adapter *ad;
	int ret;

	ad = kzalloc(sizeof(*ad), GFP_KERNEL);
	if (!ad)
		return ERR_PTR(-ENOMEM);
	if (!zalloc_cpumask_var(&ad->engine_cpus, GFP_KERNEL)) {
		kfree(ad);
		return ERR_PTR(-ENOMEM);
	}
	adapter_init_members(ad, p);

	ret = -EINVAL;
	if (strscpy(ad->name, name, sizeof(ad->name)) < 0)
		goto err_put;
	ret = dev_set_name(&ad->dev, "%s", name);
	if (ret)
		goto err_put;
	ret = adapter_choose_cpus(ad, p->engine_cpus);
	if (ret)
		goto err_put;
	return ad;

err_put:
	put_device(&ad->dev);
	return ERR_PTR(ret);
}

/**
 * adapter_create() - make an adapter
 * @name: of the device
 * @p: how it is to be
 *
 * It has no LUN yet.
 *
 * Context: may sleep.
 * Return: the adapter, for adapter_remove(); -EINVAL parameters out of bounds;
 * -ENODEV none of the CPUs is online; -ENOMEM; what registering the device,
 * the engines or the SCSI host says.
 */
struct cxlflash_adapter *adapter_create(const char *name,
					const struct afu_adapter_params *p)
{
	struct cxlflash_adapter *ad;
	int ret;

	if (!p->nr_ports || p->nr_ports > SISL_NR_PORTS || !p->nr_contexts ||
	    p->nr_contexts > SISL_NR_USER_CONTEXTS)
		return ERR_PTR(-EINVAL);

	ad = adapter_alloc(name, p);
	if (IS_ERR(ad))
		return ad;
	ret = engine_start(ad);
	if (ret)
		goto err_put;
	ret = device_add(&ad->dev);
	if (ret)
		goto err_stop_engines;
	debug_adapter_add(ad);

	if (p->host) {
		ret = host_backend_register(ad);
		/* Others may have found it already: a removal like any. */
		if (ret) {
			adapter_remove(ad);
			return ERR_PTR(ret);
		}
	}
	client_adapter_added(ad);
	return ad;

err_stop_engines:
	engine_stop(ad);
err_put:
	put_device(&ad->dev);
	return ERR_PTR(ret);
}

/* To those who watch: contexts had better go. */
static void adapter_announce(struct cxlflash_adapter *ad)
{
	char state[] = "CXLFLASH_STATE=removing";
	char *envp[2] = { state };

	kobject_uevent_env(&ad->dev.kobj, KOBJ_CHANGE, envp);
}

/* No new context from here on, and registers read as all-ones. */
static void adapter_close(struct cxlflash_adapter *ad)
{
	/* Behind a reset that is under way; the next one sees the state. */
	mutex_lock(&ad->reset_lock);
	adapter_set_state(ad, AFU_GONE);
	mutex_unlock(&ad->reset_lock);
}

/**
 * adapter_remove() - remove an adapter
 * @ad: adapter; the reference that adapter_create() returned is put
 *
 * Bounded, whatever is mounted or open: clients give up what they have, the
 * SCSI host fails what is in flight, other contexts have @ad->grace_ms since
 * the announcement, then they fail.
 * A fatal signal ends the grace early.  The structure lives until the last
 * context has been destroyed.
 *
 * Context: may sleep; no lock of an adapter is held.
 */
void adapter_remove(struct cxlflash_adapter *ad)
{
	unsigned long end, left;

	end = jiffies + msecs_to_jiffies(READ_ONCE(ad->grace_ms));
	adapter_announce(ad);
	client_adapter_removing(ad);
	host_backend_unregister(ad);

	left = time_before(jiffies, end) ? end - jiffies : 0;
	/* Woken by cxlflash_ctx_destroy(). */
	wait_event_killable_timeout(ad->ctx_gone, xa_empty(&ad->ctxs), left);
	adapter_close(ad);
	/* It was queued under reset_lock, before that, or not at all. */
	cancel_delayed_work_sync(&ad->restart);
	adapter_fail_ctxs(ad);

	engine_stop(ad);
	fault_clear(ad);
	adapter_remove_luns(ad);
	debug_adapter_remove(ad);
	device_del(&ad->dev);
	put_device(&ad->dev);
}

/**
 * cxlflash_adapter_find() - find an adapter by its name
 * @name: as in configfs
 *
 * Context: may sleep.
 * Return: the adapter with a reference, cxlflash_adapter_put(); or NULL.
 */
struct cxlflash_adapter *cxlflash_adapter_find(const char *name)
{
	struct device *dev = bus_find_device_by_name(&adapter_bus, NULL, name);

	return dev ? to_adapter(dev) : NULL;
}
EXPORT_SYMBOL_NS_GPL(cxlflash_adapter_find, CXLFLASH_AFU);

/**
 * cxlflash_adapter_get() - take a reference on the structure
 * @ad: adapter
 *
 * Context: any.
 * Return: @ad.
 */
struct cxlflash_adapter *cxlflash_adapter_get(struct cxlflash_adapter *ad)
{
	get_device(&ad->dev);
	return ad;
}
EXPORT_SYMBOL_NS_GPL(cxlflash_adapter_get, CXLFLASH_AFU);

/**
 * cxlflash_adapter_put() - give it back
 * @ad: adapter
 *
 * Context: may sleep.
 */
void cxlflash_adapter_put(struct cxlflash_adapter *ad)
{
	put_device(&ad->dev);
}
EXPORT_SYMBOL_NS_GPL(cxlflash_adapter_put, CXLFLASH_AFU);

/**
 * cxlflash_adapter_dev() - the adapter as a device
 * @ad: adapter
 *
 * Context: any.
 * Return: the device, on the bus "cxlflash".
 */
struct device *cxlflash_adapter_dev(struct cxlflash_adapter *ad)
{
	return &ad->dev;
}
EXPORT_SYMBOL_NS_GPL(cxlflash_adapter_dev, CXLFLASH_AFU);

/**
 * adapter_init() - register the bus
 *
 * Context: module init.
 * Return: 0, or what the driver core says.
 */
int adapter_init(void)
{
	int ret;

	adapter_root = root_device_register("cxlflash");
	if (IS_ERR(adapter_root))
		return PTR_ERR(adapter_root);
	ret = bus_register(&adapter_bus);
	if (ret)
		root_device_unregister(adapter_root);
	return ret;
}

/**
 * adapter_exit() - unregister it
 *
 * Context: module exit; every adapter has been released, because each holds
 * the module.
 */
void adapter_exit(void)
{
	bus_unregister(&adapter_bus);
	root_device_unregister(adapter_root);
}
