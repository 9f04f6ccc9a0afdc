// SPDX-License-Identifier: GPL-2.0-only
/*
 * The attributes of parents and devices of the test driver
 *
 * vp is a parent, vt a device.
 */
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "vtest_priv.h"

static const char * const vtest_stat_names[VTEST_NR_STATS] = {
	[VTEST_STAT_OPEN_DEVICE]	= "open_device",
	[VTEST_STAT_CLOSE_DEVICE]	= "close_device",
	[VTEST_STAT_OPEN_FD]		= "open_fd",
	[VTEST_STAT_CLOSE_FD]		= "close_fd",
	[VTEST_STAT_OPEN_COUNT_MAX]	= "open_count_max",
	[VTEST_STAT_BAD_CLOSE]		= "bad_close",
	[VTEST_STAT_BAD_ORDER]		= "bad_order",
	[VTEST_STAT_LATE_CALLS]		= "late_calls",
	[VTEST_STAT_DMA_UNMAP]		= "dma_unmap",
	[VTEST_STAT_REQUEST]		= "request",
	[VTEST_STAT_SLEEPERS]		= "sleepers",
	[VTEST_STAT_OPENING_MAX]	= "opening_max",
	[VTEST_STAT_SET_INTRUDERS]	= "set_intruders",
	[VTEST_STAT_PINNED_PAGES]	= "pinned_pages",
	[VTEST_STAT_FAULTS]		= "faults",
	[VTEST_STAT_UNMAPPED_LATE]	= "unmapped_late",
};

static ssize_t stats_emit(char *buf, atomic_t *stat)
{
	ssize_t len = 0;
	unsigned int i;

	for (i = 0; i < VTEST_NR_STATS; i++)
		len += sysfs_emit_at(buf, len, "%s %d\n", vtest_stat_names[i],
				     atomic_read(&stat[i]));
	return len;
}

/* Levels stay, they go down by themselves. */
static void stats_clear(atomic_t *stat)
{
	unsigned int i;

	for (i = 0; i < VTEST_NR_STATS; i++)
		if (i != VTEST_STAT_SLEEPERS && i != VTEST_STAT_PINNED_PAGES)
			atomic_set(&stat[i], 0);
}

static int parse_errno(const char *buf, int *value)
{
	unsigned int number;
	int ret;

	ret = kstrtouint(buf, 0, &number);
	if (ret)
		return ret;
	if (number > VTEST_MAX_ERRNO)
		return -ERANGE;
	WRITE_ONCE(*value, number);
	return 0;
}

static ssize_t parent_stats_show(struct device *dev,
				 struct device_attribute *attr, char *buf)
{
	struct vtest_parent *vp = dev_get_drvdata(dev);

	return stats_emit(buf, vp->stat);
}

static ssize_t parent_stats_store(struct device *dev,
				  struct device_attribute *attr,
				  const char *buf, size_t count)
{
	struct vtest_parent *vp = dev_get_drvdata(dev);

	stats_clear(vp->stat);
	return count;
}

static ssize_t registered_show(struct device *dev,
			       struct device_attribute *attr, char *buf)
{
	struct vtest_parent *vp = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%d\n", READ_ONCE(vp->registered));
}

static ssize_t registered_store(struct device *dev,
				struct device_attribute *attr,
				const char *buf, size_t count)
{
	struct vtest_parent *vp = dev_get_drvdata(dev);
	bool on;
	int ret;

	ret = kstrtobool(buf, &on);
	if (ret)
		return ret;
	if (on)
		ret = vtest_parent_register(vp);
	else
		vtest_parent_unregister(vp);
	return ret ?: count;
}
static DEVICE_ATTR_RW(registered);

static ssize_t fail_probe_store(struct device *dev,
				struct device_attribute *attr,
				const char *buf, size_t count)
{
	struct vtest_parent *vp = dev_get_drvdata(dev);

	return parse_errno(buf, &vp->fail_probe) ?: count;
}
static DEVICE_ATTR_WO(fail_probe);

static ssize_t fail_init_store(struct device *dev,
			       struct device_attribute *attr,
			       const char *buf, size_t count)
{
	struct vtest_parent *vp = dev_get_drvdata(dev);

	return parse_errno(buf, &vp->fail_init) ?: count;
}
static DEVICE_ATTR_WO(fail_init);

static ssize_t probe_delay_ms_store(struct device *dev,
				    struct device_attribute *attr,
				    const char *buf, size_t count)
{
	struct vtest_parent *vp = dev_get_drvdata(dev);
	unsigned int delay_ms;
	int ret;

	ret = kstrtouint(buf, 0, &delay_ms);
	if (ret)
		return ret;
	if (delay_ms > VTEST_MAX_DELAY_MS)
		return -ERANGE;
	WRITE_ONCE(vp->probe_delay_ms, delay_ms);
	return count;
}
static DEVICE_ATTR_WO(probe_delay_ms);

static ssize_t add_type_store(struct device *dev,
			      struct device_attribute *attr,
			      const char *buf, size_t count)
{
	char name[VTEST_MAX_TYPE_NAME + 1], kind_name[16];
	int kind;

	if (sscanf(buf, "%31s %15s", name, kind_name) != 2)
		return -EINVAL;
	kind = match_string(vtest_kind_names, VTEST_NR_KINDS, kind_name);
	if (kind < 0)
		return -EINVAL;
	return vtest_type_add(dev_get_drvdata(dev), name, kind) ?: count;
}
static DEVICE_ATTR_WO(add_type);

static ssize_t remove_type_store(struct device *dev,
				 struct device_attribute *attr,
				 const char *buf, size_t count)
{
	char name[VTEST_MAX_TYPE_NAME + 1];

	if (sscanf(buf, "%31s", name) != 1)
		return -EINVAL;
	return vtest_type_remove(dev_get_drvdata(dev), name) ?: count;
}
static DEVICE_ATTR_WO(remove_type);

/* A member of the shared set keeps the set alive while vp->lock is held. */
static struct vfio_device_set *shared_set_of(struct vtest_parent *vp)
{
	struct vtest_device *vt;

	lockdep_assert_held(&vp->lock);
	list_for_each_entry(vt, &vp->devices, node)
		if (vt->kind == VTEST_SHARED)
			return vt->vdev.dev_set;
	return NULL;
}

static ssize_t set_reset_store(struct device *dev,
			       struct device_attribute *attr,
			       const char *buf, size_t count)
{
	struct vtest_parent *vp = dev_get_drvdata(dev);
	struct vfio_device_set *set;
	unsigned int delay_ms;
	int ret;

	ret = kstrtouint(buf, 0, &delay_ms);
	if (ret)
		return ret;
	mutex_lock(&vp->lock);
	set = shared_set_of(vp);
	if (!set) {
		mutex_unlock(&vp->lock);
		return -ENOENT;
	}
	vfio_device_set_begin(set);
	atomic_inc(&vp->shared_set.excluded);
	if (atomic_read(&vp->shared_set.opening))
		atomic_inc(&vp->stat[VTEST_STAT_SET_INTRUDERS]);
	msleep(delay_ms);
	if (atomic_read(&vp->shared_set.opening))
		atomic_inc(&vp->stat[VTEST_STAT_SET_INTRUDERS]);
	atomic_dec(&vp->shared_set.excluded);
	vfio_device_set_end(set);
	mutex_unlock(&vp->lock);
	return count;
}
static DEVICE_ATTR_WO(set_reset);

static ssize_t set_open_count_show(struct device *dev,
				   struct device_attribute *attr, char *buf)
{
	struct vtest_parent *vp = dev_get_drvdata(dev);
	struct vfio_device_set *set;
	unsigned int opens = 0;

	mutex_lock(&vp->lock);
	set = shared_set_of(vp);
	if (set) {
		vfio_device_set_begin(set);
		opens = vfio_device_set_open_count(set);
		vfio_device_set_end(set);
	}
	mutex_unlock(&vp->lock);
	return sysfs_emit(buf, "%u\n", opens);
}
static DEVICE_ATTR_RO(set_open_count);

static ssize_t join_race_show(struct device *dev,
			      struct device_attribute *attr, char *buf)
{
	struct vtest_parent *vp = dev_get_drvdata(dev);
	ssize_t len;

	mutex_lock(&vp->race_lock);
	len = sysfs_emit(buf, "%s\n", vp->race_result);
	mutex_unlock(&vp->race_lock);
	return len;
}

static ssize_t join_race_store(struct device *dev,
			       struct device_attribute *attr,
			       const char *buf, size_t count)
{
	struct vtest_parent *vp = dev_get_drvdata(dev);
	unsigned int rounds, nr_threads, shared;
	int ret;

	if (sscanf(buf, "%u %u %u", &rounds, &nr_threads, &shared) != 3)
		return -EINVAL;
	if (nr_threads < 2 || nr_threads > 16)
		return -EINVAL;
	mutex_lock(&vp->race_lock);
	ret = vtest_join_race(vp, rounds, nr_threads, shared);
	mutex_unlock(&vp->race_lock);
	return ret ?: count;
}
static DEVICE_ATTR_RW(join_race);

static struct device_attribute dev_attr_parent_stats =
	__ATTR(stats, 0644, parent_stats_show, parent_stats_store);

static struct attribute *vtest_parent_attrs[] = {
	&dev_attr_parent_stats.attr,
	&dev_attr_registered.attr,
	&dev_attr_fail_probe.attr,
	&dev_attr_fail_init.attr,
	&dev_attr_probe_delay_ms.attr,
	&dev_attr_add_type.attr,
	&dev_attr_remove_type.attr,
	&dev_attr_set_reset.attr,
	&dev_attr_set_open_count.attr,
	&dev_attr_join_race.attr,
	NULL
};

static const struct attribute_group vtest_parent_group = {
	.attrs = vtest_parent_attrs,
};

const struct attribute_group *vtest_parent_groups[] = {
	&vtest_parent_group,
	NULL
};

/* A device of kind bare has none of the attributes below. */
static struct vtest_device *dev_to_vtest(struct device *dev)
{
	return to_vtest(dev_get_drvdata(dev));
}

#define VTEST_KNOB(name, max)						\
static ssize_t name##_show(struct device *dev,				\
			   struct device_attribute *attr, char *buf)	\
{									\
	return sysfs_emit(buf, "%u\n", dev_to_vtest(dev)->name);	\
}									\
									\
static ssize_t name##_store(struct device *dev,				\
			    struct device_attribute *attr,		\
			    const char *buf, size_t count)		\
{									\
	unsigned int value;						\
	int ret;							\
									\
	ret = kstrtouint(buf, 0, &value);				\
	if (ret)							\
		return ret;						\
	if (value > (max))						\
		return -ERANGE;						\
	WRITE_ONCE(dev_to_vtest(dev)->name, value);			\
	return count;							\
}									\
static DEVICE_ATTR_RW(name)

VTEST_KNOB(open_delay_ms, VTEST_MAX_DELAY_MS);
VTEST_KNOB(open_error, VTEST_MAX_ERRNO);
VTEST_KNOB(open_fd_error, VTEST_MAX_ERRNO);
VTEST_KNOB(close_delay_ms, VTEST_MAX_DELAY_MS);
VTEST_KNOB(request_mode, VTEST_REQUEST_IGNORE);

static ssize_t wake_store(struct device *dev, struct device_attribute *attr,
			  const char *buf, size_t count)
{
	vtest_wake(dev_to_vtest(dev));
	return count;
}
static DEVICE_ATTR_WO(wake);

static ssize_t device_stats_show(struct device *dev,
				 struct device_attribute *attr, char *buf)
{
	return stats_emit(buf, dev_to_vtest(dev)->stat);
}

static ssize_t device_stats_store(struct device *dev,
				  struct device_attribute *attr,
				  const char *buf, size_t count)
{
	stats_clear(dev_to_vtest(dev)->stat);
	return count;
}

static struct device_attribute dev_attr_device_stats =
	__ATTR(stats, 0644, device_stats_show, device_stats_store);

static struct attribute *vtest_device_attrs[] = {
	&dev_attr_open_delay_ms.attr,
	&dev_attr_open_error.attr,
	&dev_attr_open_fd_error.attr,
	&dev_attr_close_delay_ms.attr,
	&dev_attr_request_mode.attr,
	&dev_attr_wake.attr,
	&dev_attr_device_stats.attr,
	NULL
};

static umode_t vtest_device_visible(struct kobject *kobj,
				    struct attribute *attr, int n)
{
	struct vfio_device *vdev = dev_get_drvdata(kobj_to_dev(kobj));

	return vdev->ops == &vtest_bare_ops ? 0 : attr->mode;
}

static const struct attribute_group vtest_device_group = {
	.attrs		= vtest_device_attrs,
	.is_visible	= vtest_device_visible,
};

const struct attribute_group *vtest_device_groups[] = {
	&vtest_device_group,
	NULL
};
