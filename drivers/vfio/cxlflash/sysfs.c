// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an administrator sees and sets of a slice
 *
 * The attributes are the driver's: the driver core adds them after probe() has
 * returned, and before it calls remove() it takes them away and waits for who
 * is in one of them.  So the slice is there in each of them.
 *
 * Settings belong to the device, and are given to its contexts when they are
 * made.  A context cannot go while sl->lock is held, so a setting that changes
 * reaches either all of them or, through slice_queue_added(), the next ones.
 *
 * Counters are those of the contexts that are open and of those that were.
 *
 * What changes the slice itself (size, read_only) calls back into the device,
 * and so is done without sl->lock.
 */
#include <linux/ctype.h>
#include <linux/overflow.h>
#include <linux/sysfs.h>

#include "slice_mdev.h"

/* What the AFU takes. */
#define SLICE_RATE_MAX		10000000000ULL
#define SLICE_BURST_MS_MAX	60000
#define SLICE_BURST_MS		10

static struct slice_mdev *dev_to_slice(struct device *dev)
{
	return dev_get_drvdata(dev);
}

/* Contexts that there are now. */
static unsigned int __slice_nr_open(struct slice_mdev *sl)
{
	lockdep_assert_held(&sl->lock);
	return sl->is_open ? sl->nr_queues : 0;
}

/*
 * The slice itself
 */

/* A number and perhaps K, M, G or T, powers of 1024. */
static int slice_parse_bytes(const char *buf, u64 *bytes)
{
	static const char suffixes[] = "KMGT";
	const char *suffix;
	char text[32];
	size_t len;
	int ret;

	if (strscpy(text, buf, sizeof(text)) < 0)
		return -EINVAL;
	len = strlen(strim(text));
	suffix = len ? strchr(suffixes, text[len - 1]) : NULL;
	if (suffix)
		text[len - 1] = '\0';
	ret = kstrtou64(text, 0, bytes);
	if (ret)
		return ret;
	if (suffix && check_shl_overflow(*bytes, 10 * (suffix - suffixes + 1),
					 bytes))
		return -EOVERFLOW;
	return 0;
}

static ssize_t size_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	struct cxlflash_slice_info info;

	slice_read_info(dev_to_slice(dev), &info);
	return sysfs_emit(buf, "%llu\n", info.nr_blocks * info.block_size);
}

static ssize_t size_store(struct device *dev, struct device_attribute *attr,
			  const char *buf, size_t count)
{
	u64 bytes;
	int ret;

	ret = slice_parse_bytes(buf, &bytes);
	if (ret)
		return ret;
	ret = cxlflash_slice_resize(dev_to_slice(dev)->slice, bytes);
	return ret ?: count;
}
static DEVICE_ATTR_RW(size);

static ssize_t read_only_show(struct device *dev, struct device_attribute *attr,
			      char *buf)
{
	struct cxlflash_slice_info info;

	slice_read_info(dev_to_slice(dev), &info);
	return sysfs_emit(buf, "%d\n", info.read_only);
}

static ssize_t read_only_store(struct device *dev,
			       struct device_attribute *attr, const char *buf,
			       size_t count)
{
	bool read_only;
	int ret;

	ret = kstrtobool(buf, &read_only);
	if (ret)
		return ret;
	ret = cxlflash_slice_set_read_only(dev_to_slice(dev)->slice, read_only);
	return ret ?: count;
}
static DEVICE_ATTR_RW(read_only);

static ssize_t lun_show(struct device *dev, struct device_attribute *attr,
			char *buf)
{
	return sysfs_emit(buf, "%s\n",
			  cxlflash_lun_name(dev_to_slice(dev)->lun));
}
static DEVICE_ATTR_RO(lun);

static ssize_t name_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	struct cxlflash_slice_info info;

	slice_read_info(dev_to_slice(dev), &info);
	return sysfs_emit(buf, "%s\n", info.name);
}
static DEVICE_ATTR_RO(name);

static ssize_t wwid_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	struct cxlflash_slice_info info;

	slice_read_info(dev_to_slice(dev), &info);
	/* As the disk in the guest has it. */
	return sysfs_emit(buf, "naa.%*phN\n", (int)sizeof(info.wwid),
			  info.wwid);
}
static DEVICE_ATTR_RO(wwid);

/*
 * The device
 */

static const char * const slice_state_names[] = {
	[CXLFLASH_CTX_LIVE] = "live",
	[CXLFLASH_CTX_DRAINING] = "draining",
	[CXLFLASH_CTX_ERROR] = "error",
	[CXLFLASH_CTX_DEAD] = "dead",
};

/* That of the context which is worst off. */
static ssize_t state_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	enum cxlflash_ctx_state worst = CXLFLASH_CTX_LIVE;
	struct slice_mdev *sl = dev_to_slice(dev);
	unsigned int i, nr;

	mutex_lock(&sl->lock);
	nr = __slice_nr_open(sl);
	for (i = 0; i < nr; i++)
		worst = max(worst, cxlflash_ctx_state(sl->queues[i].ctx));
	mutex_unlock(&sl->lock);
	return sysfs_emit(buf, "%s\n",
			  nr ? slice_state_names[worst] : "closed");
}
static DEVICE_ATTR_RO(state);

static ssize_t queues_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	return sysfs_emit(buf, "%u\n",
			  READ_ONCE(dev_to_slice(dev)->set.nr_queues));
}

static ssize_t queues_store(struct device *dev, struct device_attribute *attr,
			    const char *buf, size_t count)
{
	struct slice_mdev *sl = dev_to_slice(dev);
	unsigned int nr;
	int ret;

	ret = kstrtouint(buf, 0, &nr);
	if (ret)
		return ret;
	if (!nr || nr > SLICE_MAX_QUEUES)
		return -EINVAL;
	guard(mutex)(&sl->lock);
	if (sl->is_open)
		return -EBUSY;
	WRITE_ONCE(sl->set.nr_queues, nr);
	return count;
}
static DEVICE_ATTR_RW(queues);

static const char * const slice_service_names[] = {
	[CXLFLASH_SERVICE_POLLED] = "polled",
	[CXLFLASH_SERVICE_KICK] = "kick",
	[CXLFLASH_SERVICE_IRQ] = "interrupt",
};

static ssize_t service_show(struct device *dev, struct device_attribute *attr,
			    char *buf)
{
	struct slice_mdev *sl = dev_to_slice(dev);

	return sysfs_emit(buf, "%s\n",
			  slice_service_names[READ_ONCE(sl->set.service)]);
}

static ssize_t service_store(struct device *dev, struct device_attribute *attr,
			     const char *buf, size_t count)
{
	struct slice_mdev *sl = dev_to_slice(dev);
	enum cxlflash_service service;
	unsigned int i;
	int ret;

	ret = sysfs_match_string(slice_service_names, buf);
	if (ret < 0)
		return ret;
	service = ret;
	guard(mutex)(&sl->lock);
	for (i = 0; i < __slice_nr_open(sl); i++) {
		ret = cxlflash_ctx_set_service(sl->queues[i].ctx, service);
		if (ret)
			return ret;
	}
	WRITE_ONCE(sl->set.service, service);
	return count;
}
static DEVICE_ATTR_RW(service);

/*
 * Limits.  They are the slice's and not a context's, so its contexts share a
 * group of the AFU's: that of the administrator's choice, or one of the
 * slice's own, whose name has a blank, which an administrator's cannot have.
 */

static int __slice_limit_queue(struct slice_queue *q,
			       const struct cxlflash_limits *limits)
{
	lockdep_assert_held(&q->sl->lock);
	return cxlflash_ctx_set_group_limits(q->ctx, limits);
}

static int __slice_group_queue(struct slice_queue *q, const char *group)
{
	char own[32];

	lockdep_assert_held(&q->sl->lock);
	snprintf(own, sizeof(own), "slice %u", q->sl->vdev.index);
	return cxlflash_ctx_set_group(q->ctx, *group ? group : own);
}

static int __slice_set_limits(struct slice_mdev *sl,
			      const struct cxlflash_limits *limits)
{
	unsigned int i;
	int ret;

	lockdep_assert_held(&sl->lock);
	if (limits->iops > SLICE_RATE_MAX || limits->bytes > SLICE_RATE_MAX ||
	    limits->burst_ms > SLICE_BURST_MS_MAX)
		return -EINVAL;
	/* All are given the same, so the first one refuses it or none does. */
	for (i = 0; i < __slice_nr_open(sl); i++) {
		ret = __slice_limit_queue(&sl->queues[i], limits);
		if (ret)
			return ret;
	}
	sl->set.limits = *limits;
	return 0;
}

static ssize_t iops_limit_show(struct device *dev,
			       struct device_attribute *attr, char *buf)
{
	struct slice_mdev *sl = dev_to_slice(dev);

	guard(mutex)(&sl->lock);
	return sysfs_emit(buf, "%llu\n", sl->set.limits.iops);
}

static ssize_t iops_limit_store(struct device *dev,
				struct device_attribute *attr, const char *buf,
				size_t count)
{
	struct slice_mdev *sl = dev_to_slice(dev);
	struct cxlflash_limits limits;
	u64 iops;
	int ret;

	ret = kstrtou64(buf, 0, &iops);
	if (ret)
		return ret;
	guard(mutex)(&sl->lock);
	limits = sl->set.limits;
	limits.iops = iops;
	ret = __slice_set_limits(sl, &limits);
	return ret ?: count;
}
static DEVICE_ATTR_RW(iops_limit);

static ssize_t bytes_limit_show(struct device *dev,
				struct device_attribute *attr, char *buf)
{
	struct slice_mdev *sl = dev_to_slice(dev);

	guard(mutex)(&sl->lock);
	return sysfs_emit(buf, "%llu\n", sl->set.limits.bytes);
}

static ssize_t bytes_limit_store(struct device *dev,
				 struct device_attribute *attr,
				 const char *buf, size_t count)
{
	struct slice_mdev *sl = dev_to_slice(dev);
	struct cxlflash_limits limits;
	u64 bytes;
	int ret;

	ret = slice_parse_bytes(buf, &bytes);
	if (ret)
		return ret;
	guard(mutex)(&sl->lock);
	limits = sl->set.limits;
	limits.bytes = bytes;
	ret = __slice_set_limits(sl, &limits);
	return ret ?: count;
}
static DEVICE_ATTR_RW(bytes_limit);

static ssize_t burst_ms_show(struct device *dev, struct device_attribute *attr,
			     char *buf)
{
	struct slice_mdev *sl = dev_to_slice(dev);

	guard(mutex)(&sl->lock);
	return sysfs_emit(buf, "%u\n", sl->set.limits.burst_ms);
}

static ssize_t burst_ms_store(struct device *dev, struct device_attribute *attr,
			      const char *buf, size_t count)
{
	struct slice_mdev *sl = dev_to_slice(dev);
	struct cxlflash_limits limits;
	u32 burst_ms;
	int ret;

	ret = kstrtou32(buf, 0, &burst_ms);
	if (ret)
		return ret;
	/* To the AFU it means "as you like". */
	if (!burst_ms)
		return -EINVAL;
	guard(mutex)(&sl->lock);
	limits = sl->set.limits;
	limits.burst_ms = burst_ms;
	ret = __slice_set_limits(sl, &limits);
	return ret ?: count;
}
static DEVICE_ATTR_RW(burst_ms);

/* Those that have joined already leave again if one cannot. */
static int __slice_join_group(struct slice_mdev *sl, const char *group)
{
	unsigned int i;
	int ret = 0;

	lockdep_assert_held(&sl->lock);
	for (i = 0; i < __slice_nr_open(sl); i++) {
		ret = __slice_group_queue(&sl->queues[i], group);
		if (ret)
			break;
	}
	if (!ret) {
		strscpy(sl->set.group, group, sizeof(sl->set.group));
		return __slice_set_limits(sl, &sl->set.limits);
	}
	/* This one is still in the old group, so that exists. */
	while (i--)
		__slice_group_queue(&sl->queues[i], sl->set.group);
	return ret;
}

static ssize_t group_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	struct slice_mdev *sl = dev_to_slice(dev);

	guard(mutex)(&sl->lock);
	return sysfs_emit(buf, "%s\n", sl->set.group);
}

static ssize_t group_store(struct device *dev, struct device_attribute *attr,
			   const char *buf, size_t count)
{
	struct slice_mdev *sl = dev_to_slice(dev);
	char text[sizeof(sl->set.group) + 1];
	const char *at, *group;
	int ret;

	/* One more byte for the newline that echo appends. */
	if (strscpy(text, buf, sizeof(text)) < 0)
		return -ENAMETOOLONG;
	group = strim(text);
	if (strlen(group) >= sizeof(sl->set.group))
		return -ENAMETOOLONG;
	for (at = group; *at; at++) {
		if (!isascii(*at) || !isgraph(*at))
			return -EINVAL;
	}
	guard(mutex)(&sl->lock);
	ret = __slice_join_group(sl, group);
	return ret ?: count;
}
static DEVICE_ATTR_RW(group);

/*
 * Counters
 */

static void slice_counters_add(struct cxlflash_ctx_counters *to,
			       const struct cxlflash_ctx_counters *more)
{
	unsigned int i;

	to->cmds += more->cmds;
	to->done += more->done;
	to->errors += more->errors;
	to->read_bytes += more->read_bytes;
	to->write_bytes += more->write_bytes;
	to->irqs += more->irqs;
	to->dropped += more->dropped;
	to->misses += more->misses;
	for (i = 0; i < CXLFLASH_LATENCY_BUCKETS; i++)
		to->latency[i] += more->latency[i];
}

static void __slice_count_queue(struct slice_queue *q,
				struct cxlflash_ctx_counters *to)
{
	struct cxlflash_ctx_counters counters;

	lockdep_assert_held(&q->sl->lock);
	cxlflash_ctx_get_stats(q->ctx, &counters);
	slice_counters_add(to, &counters);
}

static void slice_count(struct slice_mdev *sl,
			struct cxlflash_ctx_counters *sum)
{
	unsigned int i;

	mutex_lock(&sl->lock);
	*sum = sl->totals;
	for (i = 0; i < __slice_nr_open(sl); i++)
		__slice_count_queue(&sl->queues[i], sum);
	mutex_unlock(&sl->lock);
}

#define SLICE_COUNTER_ATTR(name)					\
static ssize_t name##_show(struct device *dev,				\
			   struct device_attribute *attr, char *buf)	\
{									\
	struct cxlflash_ctx_counters sum;				\
									\
	slice_count(dev_to_slice(dev), &sum);				\
	return sysfs_emit(buf, "%llu\n", sum.name);			\
}									\
static DEVICE_ATTR_RO(name)

SLICE_COUNTER_ATTR(cmds);
SLICE_COUNTER_ATTR(done);
SLICE_COUNTER_ATTR(errors);
SLICE_COUNTER_ATTR(read_bytes);
SLICE_COUNTER_ATTR(write_bytes);
SLICE_COUNTER_ATTR(irqs);
SLICE_COUNTER_ATTR(dropped);
SLICE_COUNTER_ATTR(misses);

static struct attribute *slice_counter_attrs[] = {
	&dev_attr_cmds.attr,
	&dev_attr_done.attr,
	&dev_attr_errors.attr,
	&dev_attr_read_bytes.attr,
	&dev_attr_write_bytes.attr,
	&dev_attr_irqs.attr,
	&dev_attr_dropped.attr,
	&dev_attr_misses.attr,
	NULL
};

static const struct attribute_group slice_counter_group = {
	.name = "counters",
	.attrs = slice_counter_attrs,
};

/* A line for each bucket: where it begins, in microseconds, and how many. */
static ssize_t latency_show(struct device *dev, struct device_attribute *attr,
			    char *buf)
{
	struct cxlflash_ctx_counters sum;
	unsigned int i;
	int len = 0;

	slice_count(dev_to_slice(dev), &sum);
	for (i = 0; i < CXLFLASH_LATENCY_BUCKETS; i++)
		len += sysfs_emit_at(buf, len, "%lu %llu\n",
				     i ? BIT(i) : 0, sum.latency[i]);
	return len;
}
static DEVICE_ATTR_RO(latency);

static ssize_t latency_enabled_show(struct device *dev,
				    struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n",
			  READ_ONCE(dev_to_slice(dev)->set.latency));
}

static ssize_t latency_enabled_store(struct device *dev,
				     struct device_attribute *attr,
				     const char *buf, size_t count)
{
	struct slice_mdev *sl = dev_to_slice(dev);
	unsigned int i;
	bool on;
	int ret;

	ret = kstrtobool(buf, &on);
	if (ret)
		return ret;
	guard(mutex)(&sl->lock);
	WRITE_ONCE(sl->set.latency, on);
	for (i = 0; i < __slice_nr_open(sl); i++)
		cxlflash_ctx_set_latency(sl->queues[i].ctx, on);
	return count;
}
static DEVICE_ATTR_RW(latency_enabled);

static struct attribute *slice_attrs[] = {
	&dev_attr_size.attr,
	&dev_attr_read_only.attr,
	&dev_attr_lun.attr,
	&dev_attr_name.attr,
	&dev_attr_wwid.attr,
	&dev_attr_state.attr,
	&dev_attr_queues.attr,
	&dev_attr_service.attr,
	&dev_attr_iops_limit.attr,
	&dev_attr_bytes_limit.attr,
	&dev_attr_burst_ms.attr,
	&dev_attr_group.attr,
	&dev_attr_latency.attr,
	&dev_attr_latency_enabled.attr,
	NULL
};

static const struct attribute_group slice_group = {
	.attrs = slice_attrs,
};

const struct attribute_group *slice_groups[] = {
	&slice_group,
	&slice_counter_group,
	NULL
};

/*
 * For the function half
 */

/**
 * slice_settings_init() - what a device has unless somebody says otherwise
 * @set: its settings
 *
 * Context: Any.
 */
void slice_settings_init(struct slice_settings *set)
{
	set->nr_queues = SLICE_DEF_QUEUES;
	set->service = CXLFLASH_SERVICE_POLLED;
	set->limits.burst_ms = SLICE_BURST_MS;
}

/**
 * slice_queue_added() - a context was made: give it the settings
 * @q: the queue, with @ctx and the slice's nr_queues set
 *
 * Context: May sleep; holds &slice_mdev.lock.
 * Return: 0; -ENOMEM.
 */
int slice_queue_added(struct slice_queue *q)
{
	struct slice_mdev *sl = q->sl;
	int ret;

	lockdep_assert_held(&sl->lock);
	ret = __slice_group_queue(q, sl->set.group);
	if (!ret)
		ret = __slice_limit_queue(q, &sl->set.limits);
	if (!ret)
		cxlflash_ctx_set_latency(q->ctx, sl->set.latency);
	return ret;
}

/**
 * slice_queue_going() - a context will be destroyed: keep its counters
 * @q: the queue; its context had better do nothing any more
 *
 * Context: May sleep; holds &slice_mdev.lock.
 */
void slice_queue_going(struct slice_queue *q)
{
	__slice_count_queue(q, &q->sl->totals);
}
