// SPDX-License-Identifier: GPL-2.0-only
/*
 * Backends: adapters come and go, and tell what happens to them
 *
 * A backend's host is published in backend->host by registering, the last
 * thing that it does, and taken away by unregistering, the first thing.  A
 * backend calls register and unregister once each and in this order; the
 * other calls may come at any time between the two, and beside each other.
 * Those that race with unregistering find a host that is gone, or none, and
 * do nothing.
 */
#include <linux/export.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <scsi/scsi_device.h>

#include "cxlflash.h"

/* Referenced, or NULL. */
static struct cxlflash_host *backend_host_get(struct cxlflash_backend *be)
{
	struct cxlflash_host *host;

	rcu_read_lock();
	/* Paired with the store-release of registering. */
	host = smp_load_acquire(&be->host);
	if (host && !scsi_host_get(host->shost))
		host = NULL;
	rcu_read_unlock();
	return host;
}

static void backend_host_put(struct cxlflash_host *host)
{
	scsi_host_put(host->shost);
}

/**
 * cxlflash_backend_register() - make a SCSI host on an adapter
 * @be: adapter; all its members but @host are set and stay as they are
 *
 * Its disks appear later, when a worker has scanned its ports.
 *
 * Context: may sleep; calls @be->ops.
 * Return: 0; -EINVAL for members that make no sense; -ENOMEM; what creating a
 * queue or adding a device says.
 */
int cxlflash_backend_register(struct cxlflash_backend *be)
{
	struct cxlflash_host *host;
	int ret;

	if (!be->dev || !be->nr_ports || be->nr_ports > SISL_NR_PORTS ||
	    !be->nr_queues || !be->sg_tablesize)
		return -EINVAL;

	be->host = NULL;
	host = host_create(be);
	if (IS_ERR(host))
		return PTR_ERR(host);
	ret = host_publish(host);
	if (ret)
		return ret;

	/* Paired with the load-acquire of backend_host_get(). */
	smp_store_release(&be->host, host);
	cxlflash_backend_rescan(be, be->nr_ports);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(cxlflash_backend_register, CXLFLASH);

/**
 * cxlflash_backend_unregister() - remove the SCSI host of an adapter
 * @be: adapter
 *
 * Commands that come from now on fail at once; those in flight are given a
 * short grace, then they fail too, whether or not the adapter gives them back.
 * When this returns, nothing calls @be any more.
 *
 * Context: may sleep, bounded if @be->ops are; holds no lock that these take.
 */
void cxlflash_backend_unregister(struct cxlflash_backend *be)
{
	struct cxlflash_host *host = xchg((struct cxlflash_host **)&be->host,
					  NULL);

	if (!host)
		return;
	/* Who still saw it has his reference after this. */
	synchronize_rcu();
	host_remove(host);
}
EXPORT_SYMBOL_NS_GPL(cxlflash_backend_unregister, CXLFLASH);

/**
 * cxlflash_backend_rescan() - look for LUNs that came or changed
 * @be: adapter
 * @port: where; @be->nr_ports or more: everywhere
 *
 * A worker scans the port, and asks its disks for their capacity and whether
 * they may be written to.
 *
 * Context: may sleep.
 */
void cxlflash_backend_rescan(struct cxlflash_backend *be, unsigned int port)
{
	struct cxlflash_host *host = backend_host_get(be);

	if (!host)
		return;
	host_rescan(host, port);
	backend_host_put(host);
}
EXPORT_SYMBOL_NS_GPL(cxlflash_backend_rescan, CXLFLASH);

/**
 * cxlflash_backend_lun_gone() - remove the disk of a LUN
 * @be: adapter
 * @port: where it was
 * @lun_id: its number
 *
 * Its commands fail from now on, those in flight after a short grace.
 *
 * Context: may sleep, bounded; holds no lock that @be->ops take.
 */
void cxlflash_backend_lun_gone(struct cxlflash_backend *be, unsigned int port,
			       u64 lun_id)
{
	struct cxlflash_host *host = backend_host_get(be);
	struct scsi_device *sdev;

	if (!host)
		return;
	sdev = host_find_lun(host, port, lun_id);
	if (sdev) {
		eh_lun_revoke(host, sdev);
		scsi_remove_device(sdev);
		scsi_device_put(sdev);
	}
	backend_host_put(host);
}
EXPORT_SYMBOL_NS_GPL(cxlflash_backend_lun_gone, CXLFLASH);

/**
 * cxlflash_backend_failed() - the adapter is failed, or being reset
 * @be: adapter
 *
 * Commands wait until it has recovered.  If nobody else resets it, we do.
 *
 * Context: may sleep.
 */
void cxlflash_backend_failed(struct cxlflash_backend *be)
{
	struct cxlflash_host *host = backend_host_get(be);

	if (!host)
		return;
	if (READ_ONCE(host->resetting) != current) {
		WRITE_ONCE(host->came_back, false);
		eh_fail(host);
	}
	backend_host_put(host);
}
EXPORT_SYMBOL_NS_GPL(cxlflash_backend_failed, CXLFLASH);

/**
 * cxlflash_backend_recovered() - the adapter has been reset and is live
 * @be: adapter
 *
 * Context: may sleep.
 */
void cxlflash_backend_recovered(struct cxlflash_backend *be)
{
	struct cxlflash_host *host = backend_host_get(be);

	if (!host)
		return;
	if (READ_ONCE(host->resetting) != current) {
		WRITE_ONCE(host->came_back, true);
		eh_recover_soon(host, 0);
	}
	backend_host_put(host);
}
EXPORT_SYMBOL_NS_GPL(cxlflash_backend_recovered, CXLFLASH);
