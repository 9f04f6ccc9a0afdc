// SPDX-License-Identifier: GPL-2.0-only
/*
 * configfs: fault points of an adapter
 *
 * They are those of the adapter while it is live, and before that what it will
 * have when it goes live.
 */
#include <linux/module.h>

#include "config.h"

static struct cfg_adapter *faults_to_cfg_adapter(struct config_item *item)
{
	return container_of(to_config_group(item), struct cfg_adapter,
			    faults_group);
}

static struct afu_faults *cfg_faults(struct cfg_adapter *ca)
{
	lockdep_assert_held(&cfg_links_lock);
	return ca->ad ? &ca->ad->faults : &ca->faults;
}

static void cfg_faults_changed(struct cfg_adapter *ca)
{
	lockdep_assert_held(&cfg_links_lock);
	if (ca->ad)
		fault_changed(ca->ad);
}

/**
 * cfg_faults_apply() - an adapter goes live: what was configured becomes true
 * @ca: whose
 *
 * Context: under cfg_links_lock; may sleep.
 */
void cfg_faults_apply(struct cfg_adapter *ca)
{
	const struct afu_faults *from = &ca->faults;
	struct afu_faults *to = &ca->ad->faults;

	lockdep_assert_held(&cfg_links_lock);
	to->link_down = from->link_down;
	to->port_error = from->port_error;
	to->media_lba = from->media_lba;
	to->slow_ms = from->slow_ms;
	to->lose_nth = from->lose_nth;
	to->fail = from->fail;
	to->fail_reset = from->fail_reset;
	cfg_faults_changed(ca);
	if (to->fail)
		adapter_fail(ca->ad);
}

/* A number from 0 to @max; @field is in both of them, see cfg_faults(). */
#define CFG_FAULT_UINT(_name, _max)					\
static ssize_t cfg_fault_##_name##_show(struct config_item *item,	\
					char *page)			\
{									\
	struct cfg_adapter *ca = faults_to_cfg_adapter(item);		\
									\
	guard(mutex)(&cfg_links_lock);					\
	return sysfs_emit(page, "%u\n", cfg_faults(ca)->_name);		\
}									\
									\
static ssize_t cfg_fault_##_name##_store(struct config_item *item,	\
					 const char *page, size_t count) \
{									\
	struct cfg_adapter *ca = faults_to_cfg_adapter(item);		\
	unsigned int val;						\
	int ret;							\
									\
	ret = kstrtouint(page, 0, &val);				\
	if (ret)							\
		return ret;						\
	if (val > (_max))						\
		return -EINVAL;						\
	guard(mutex)(&cfg_links_lock);					\
	WRITE_ONCE(cfg_faults(ca)->_name, val);				\
	cfg_faults_changed(ca);						\
	return count;							\
}									\
CONFIGFS_ATTR(cfg_fault_, _name)

CFG_FAULT_UINT(link_down, BIT(SISL_NR_PORTS) - 1);
CFG_FAULT_UINT(port_error, BIT(SISL_NR_PORTS) - 1);
CFG_FAULT_UINT(slow_ms, 60000);
CFG_FAULT_UINT(lose_nth, INT_MAX);

/* One more than the block's address, so that 0 means off here too. */
static ssize_t cfg_fault_media_lba_show(struct config_item *item, char *page)
{
	struct cfg_adapter *ca = faults_to_cfg_adapter(item);

	guard(mutex)(&cfg_links_lock);
	return sysfs_emit(page, "%llu\n", cfg_faults(ca)->media_lba);
}

static ssize_t cfg_fault_media_lba_store(struct config_item *item,
					 const char *page, size_t count)
{
	struct cfg_adapter *ca = faults_to_cfg_adapter(item);
	u64 media_lba;
	int ret;

	ret = kstrtou64(page, 0, &media_lba);
	if (ret)
		return ret;
	guard(mutex)(&cfg_links_lock);
	WRITE_ONCE(cfg_faults(ca)->media_lba, media_lba);
	cfg_faults_changed(ca);
	return count;
}
CONFIGFS_ATTR(cfg_fault_, media_lba);

static ssize_t cfg_fault_fail_show(struct config_item *item, char *page)
{
	struct cfg_adapter *ca = faults_to_cfg_adapter(item);

	guard(mutex)(&cfg_links_lock);
	return sysfs_emit(page, "%d\n", cfg_faults(ca)->fail);
}

static ssize_t cfg_fault_fail_store(struct config_item *item, const char *page,
				    size_t count)
{
	struct cfg_adapter *ca = faults_to_cfg_adapter(item);
	bool fail;
	int ret;

	ret = kstrtobool(page, &fail);
	if (ret)
		return ret;

	guard(mutex)(&cfg_links_lock);
	WRITE_ONCE(cfg_faults(ca)->fail, fail);
	cfg_faults_changed(ca);
	if (fail && ca->ad)
		adapter_fail(ca->ad);
	return count;
}
CONFIGFS_ATTR(cfg_fault_, fail);

static ssize_t cfg_fault_fail_reset_show(struct config_item *item, char *page)
{
	struct cfg_adapter *ca = faults_to_cfg_adapter(item);

	guard(mutex)(&cfg_links_lock);
	return sysfs_emit(page, "%d\n", cfg_faults(ca)->fail_reset);
}

static ssize_t cfg_fault_fail_reset_store(struct config_item *item,
					  const char *page, size_t count)
{
	struct cfg_adapter *ca = faults_to_cfg_adapter(item);
	bool fail;
	int ret;

	ret = kstrtobool(page, &fail);
	if (ret)
		return ret;

	guard(mutex)(&cfg_links_lock);
	WRITE_ONCE(cfg_faults(ca)->fail_reset, fail);
	cfg_faults_changed(ca);
	return count;
}
CONFIGFS_ATTR(cfg_fault_, fail_reset);

/* One shot, and nothing to keep: there is no adapter to raise it before. */
static ssize_t cfg_fault_async_bits_store(struct config_item *item,
					  const char *page, size_t count)
{
	struct cfg_adapter *ca = faults_to_cfg_adapter(item);
	u8 bits;
	int ret;

	ret = kstrtou8(page, 0, &bits);
	if (ret)
		return ret;
	guard(mutex)(&cfg_links_lock);
	if (!ca->ad)
		return -ENODEV;
	fault_async(ca->ad, 0, bits);
	return count;
}
CONFIGFS_ATTR_WO(cfg_fault_, async_bits);

static struct configfs_attribute *cfg_fault_attrs[] = {
	&cfg_fault_attr_link_down,
	&cfg_fault_attr_port_error,
	&cfg_fault_attr_media_lba,
	&cfg_fault_attr_slow_ms,
	&cfg_fault_attr_lose_nth,
	&cfg_fault_attr_fail,
	&cfg_fault_attr_fail_reset,
	&cfg_fault_attr_async_bits,
	NULL
};

/* The default group "faults". */
const struct config_item_type cfg_faults_type = {
	.ct_owner = THIS_MODULE,
	.ct_attrs = cfg_fault_attrs,
};
