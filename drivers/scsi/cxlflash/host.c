// SPDX-License-Identifier: GPL-2.0-only
/*
 * The SCSI host of an adapter, and its devices
 *
 * Ports are channels, each with one target, whose LUNs are found by REPORT
 * LUNS.  An open disk pins the module of its backend, and by that, since a
 * backend calls us, also ours: SCSI gets the module of the host's template, so
 * there is one template for each backend module.
 */
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/cleanup.h>
#include <linux/cpumask.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <scsi/scsi.h>
#include <scsi/scsi_cmnd.h>
#include <scsi/scsi_device.h>

#include "cxlflash.h"

/*
 * Devices
 */

static ssize_t mode_show(struct device *dev, struct device_attribute *attr,
			 char *buf)
{
	return sysfs_emit(buf, "legacy\n");
}
static DEVICE_ATTR_RO(mode);

static struct attribute *host_sdev_attrs[] = {
	&dev_attr_mode.attr,
	NULL,
};
ATTRIBUTE_GROUPS(host_sdev);

static int host_slave_alloc(struct scsi_device *sdev)
{
	/* Deleting a disk does not get rid of the I/O that it has out. */
	if (eh_is_fenced(shost_to_host(sdev->host), sdev))
		set_bit(LUN_FENCED, sdev_flags(sdev));
	return 0;
}

static int host_slave_configure(struct scsi_device *sdev)
{
	blk_queue_rq_timeout(sdev->request_queue, HOST_CMD_TIMEOUT);
	sdev->allow_restart = 1;
	scsi_change_queue_depth(sdev, QUEUE_CAN_QUEUE);
	return 0;
}

/**
 * host_find_lun() - the disk of a LUN
 * @host: host
 * @port: channel
 * @lun_id: as the adapter counts
 *
 * Context: may sleep.
 * Return: the device with a reference, for scsi_device_put(), or NULL
 */
struct scsi_device *host_find_lun(struct cxlflash_host *host, unsigned int port,
				  u64 lun_id)
{
	struct scsi_device *sdev;

	shost_for_each_device(sdev, host->shost)
		if (sdev_channel(sdev) == port && sdev_lun_id(sdev) == lun_id)
			return sdev;
	return NULL;
}

/*
 * Scanning
 */

static void host_scan_port(struct cxlflash_host *host, unsigned int port)
{
	u64 lun = host->be->by_handle ? 0 : SCAN_WILD_CARD;
	struct Scsi_Host *shost = host->shost;
	struct scsi_device *sdev;

	scsi_scan_target(&shost->shost_gendev, port, 0, lun, SCSI_SCAN_RESCAN);
	/*
	 * Those that were there already: size, write protection.  One that is
	 * fenced cannot say, which sd takes for a size of 0; its turn comes
	 * when it no longer is.
	 */
	shost_for_each_device(sdev, shost)
		if (sdev_channel(sdev) == port && !sdev_is_barred(sdev))
			scsi_rescan_device(sdev);
}

static void host_scan(struct work_struct *work)
{
	struct cxlflash_host *host = container_of(work, struct cxlflash_host,
						  scan);
	enum host_state state;
	unsigned int port;

	for (port = 0; port < SISL_NR_PORTS; port++) {
		if (!test_and_clear_bit(port, &host->scan_ports))
			continue;
		state = READ_ONCE(host->state);
		/* A failed one answers nothing; all is scanned once it does. */
		if (state != HOST_GONE && state != HOST_FAILED)
			host_scan_port(host, port);
	}
}

/**
 * host_rescan() - let a worker look for LUNs
 * @host: host
 * @port: channel; any larger number: all
 *
 * Context: any.
 */
void host_rescan(struct cxlflash_host *host, unsigned int port)
{
	unsigned long flags;
	unsigned int i;

	/* host_remove() cancels it after making the host gone. */
	spin_lock_irqsave(&host->state_lock, flags);
	if (host->state == HOST_GONE)
		goto out_unlock;
	for (i = 0; i < host->be->nr_ports; i++)
		if (i == port || port >= host->be->nr_ports)
			set_bit(i, &host->scan_ports);
	queue_work(system_unbound_wq, &host->scan);
out_unlock:
	spin_unlock_irqrestore(&host->state_lock, flags);
}

/*
 * Templates
 */

/* The polled queues are the last ones; reads have none of their own. */
static void host_map_queues(struct Scsi_Host *shost)
{
	struct blk_mq_queue_map *map = shost->tag_set.map;
	struct cxlflash_host *host = shost_to_host(shost);

	map[HCTX_TYPE_DEFAULT].nr_queues = host->nr_queues - host->nr_poll;
	map[HCTX_TYPE_DEFAULT].queue_offset = 0;
	blk_mq_map_queues(&map[HCTX_TYPE_DEFAULT]);
	if (!host->nr_poll)
		return;
	map[HCTX_TYPE_READ].nr_queues = 0;
	map[HCTX_TYPE_POLL].nr_queues = host->nr_poll;
	map[HCTX_TYPE_POLL].queue_offset = host->nr_queues - host->nr_poll;
	blk_mq_map_queues(&map[HCTX_TYPE_POLL]);
}

static const struct scsi_host_template host_template = {
	.name = "cxlflash",
	.proc_name = "cxlflash",
	.queuecommand = queue_command,
	.queuecommand_may_block = true,
	.commit_rqs = queue_commit,
	.mq_poll = queue_poll,
	.map_queues = host_map_queues,
	.eh_timed_out = eh_timed_out,
	.eh_abort_handler = eh_abort,
	.eh_device_reset_handler = eh_device_reset,
	.eh_host_reset_handler = eh_host_reset,
	.skip_settle_delay = true,
	.slave_alloc = host_slave_alloc,
	.slave_configure = host_slave_configure,
	.change_queue_depth = scsi_change_queue_depth,
	.sdev_groups = host_sdev_groups,
	.can_queue = QUEUE_CAN_QUEUE,
	.cmd_per_lun = QUEUE_CAN_QUEUE,
	.this_id = -1,
	.max_sectors = SISL_MAX_XFER >> SECTOR_SHIFT,
	.max_segment_size = SISL_MAX_XFER,
	.dma_boundary = ULONG_MAX,
	.dma_alignment = 3,
};

/**
 * struct owner_template - a host template
 * @node: in owner_templates
 * @tmpl: with the module of a kind of backend
 *
 * A Scsi_Host may use it for as long as somebody has a device open, so it
 * stays until we are unloaded.  There is one for each backend module.
 */
struct owner_template {
	struct list_head node;
	struct scsi_host_template tmpl;
};

static LIST_HEAD(owner_templates);
/* Protects owner_templates. */
static DEFINE_MUTEX(owner_mutex);

static const struct scsi_host_template *host_template_of(struct module *owner)
{
	struct owner_template *tmpl;

	guard(mutex)(&owner_mutex);
	list_for_each_entry(tmpl, &owner_templates, node)
		if (tmpl->tmpl.module == owner)
			return &tmpl->tmpl;
	tmpl = kzalloc(sizeof(*tmpl), GFP_KERNEL);
	if (!tmpl)
		return NULL;
	tmpl->tmpl = host_template;
	tmpl->tmpl.module = owner;
	list_add(&tmpl->node, &owner_templates);
	return &tmpl->tmpl;
}

/**
 * host_exit() - when the module is unloaded
 *
 * Context: may sleep; there is no host any more.
 */
void host_exit(void)
{
	struct owner_template *tmpl, *next;

	list_for_each_entry_safe(tmpl, next, &owner_templates, node)
		kfree(tmpl);
}

/*
 * Hosts
 */

static void host_free_queues(struct cxlflash_host *host)
{
	unsigned int i;

	for (i = 0; i < host->nr_queues; i++)
		queue_destroy(host->queues[i]);
	kfree(host->queues);
	host->nr_queues = 0;
	host->queues = NULL;
}

/* Those without interrupts come after the others. */
static int host_create_queues(struct cxlflash_host *host)
{
	unsigned int nr = min(host->be->nr_queues, num_online_cpus());
	unsigned int nr_poll = min(host->be->nr_poll_queues,
				   num_online_cpus());
	struct host_queue *q;

	host->nr_poll = nr_poll;
	host->queues = kcalloc(nr + nr_poll, sizeof(*host->queues), GFP_KERNEL);
	if (!host->queues)
		return -ENOMEM;
	while (host->nr_queues < nr + nr_poll) {
		q = queue_create(host, host->nr_queues >= nr);
		if (IS_ERR(q)) {
			host_free_queues(host);
			return PTR_ERR(q);
		}
		host->queues[host->nr_queues++] = q;
	}
	return 0;
}

static void host_init(struct cxlflash_host *host, struct Scsi_Host *shost,
		      struct cxlflash_backend *be)
{
	host->be = be;
	host->shost = shost;
	host->nr_adl = min(be->sg_tablesize, QUEUE_MAX_SG);
	mutex_init(&host->reset_mutex);
	spin_lock_init(&host->state_lock);
	INIT_LIST_HEAD(&host->zombies);
	INIT_DELAYED_WORK(&host->recover, eh_recover);
	INIT_WORK(&host->scan, host_scan);
}

/**
 * host_create() - make a host for a backend
 * @be: backend
 *
 * Context: may sleep; calls @be->ops.
 * Return: a host, or ERR_PTR of: -ENOMEM, what creating a queue says
 */
struct cxlflash_host *host_create(struct cxlflash_backend *be)
{
	const struct scsi_host_template *tmpl;
	struct cxlflash_host *host;
	struct Scsi_Host *shost;
	int ret;

	tmpl = host_template_of(be->ops->owner);
	if (!tmpl)
		return ERR_PTR(-ENOMEM);
	shost = scsi_host_alloc(tmpl, sizeof(*host));
	if (!shost)
		return ERR_PTR(-ENOMEM);
	host = shost_to_host(shost);
	host_init(host, shost, be);
	ret = host_create_queues(host);
	if (ret) {
		scsi_host_put(shost);
		return ERR_PTR(ret);
	}

	shost->nr_hw_queues = host->nr_queues;
	shost->nr_maps = host->nr_poll ? HCTX_MAX_TYPES : 1;
	shost->sg_tablesize = host->nr_adl;
	shost->max_channel = be->nr_ports - 1;
	shost->max_id = 1;
	/* Above 255, SCSI's numbers have the flag of flat space addressing. */
	shost->max_lun = be->max_lun < 256 ? be->max_lun + 1 : 0x8000;
	shost->max_cmd_len = 16;
	return host;
}

/**
 * host_publish() - add it to the system
 * @host: host; freed if this fails
 *
 * Context: may sleep.
 * Return: 0 or what adding a host says
 */
int host_publish(struct cxlflash_host *host)
{
	unsigned int i;
	int ret;

	for (i = 0; i < host->nr_queues; i++)
		queue_set_state(host->queues[i], QUEUE_LIVE);
	ret = scsi_add_host(host->shost, host->be->dev);
	if (ret) {
		host_free_queues(host);
		scsi_host_put(host->shost);
	}
	return ret;
}

/**
 * host_remove() - remove it and free it
 * @host: host, which the backend's calls do not find any more
 *
 * Commands fail before SCSI removes the disks: whatever their removal writes,
 * or waits for, is over at once.
 *
 * Context: may sleep, bounded.
 */
void host_remove(struct cxlflash_host *host)
{
	unsigned long flags;

	spin_lock_irqsave(&host->state_lock, flags);
	WRITE_ONCE(host->state, HOST_GONE);
	spin_unlock_irqrestore(&host->state_lock, flags);
	mutex_lock(&host->reset_mutex);
	eh_revoke(host);
	mutex_unlock(&host->reset_mutex);

	cancel_delayed_work_sync(&host->recover);
	cancel_work_sync(&host->scan);
	scsi_remove_host(host->shost);
	eh_bury_zombies(host);
	host_free_queues(host);
	scsi_host_put(host->shost);
}
