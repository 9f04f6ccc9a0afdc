// SPDX-License-Identifier: GPL-2.0-only
/*
 * LUNs as those find them who drive an adapter
 *
 * Locals: ad, lun.
 */
#include <linux/module.h>

#include "afu.h"

/**
 * cxlflash_lun_find() - the LUN that a port shows under a number
 * @ad: adapter
 * @port: of it
 * @lun_id: number
 *
 * Context: any.
 * Return: the LUN, to be given back by cxlflash_lun_put(); NULL: none.
 */
struct cxlflash_lun *cxlflash_lun_find(struct cxlflash_adapter *ad,
				       unsigned int port, u64 lun_id)
{
	struct cxlflash_lun *lun;

	if (port >= ad->nr_ports || lun_id > ULONG_MAX)
		return NULL;
	rcu_read_lock();
	lun = xa_load(&ad->ports[port].luns, lun_id);
	if (lun && !kref_get_unless_zero(&lun->ref))
		lun = NULL;
	rcu_read_unlock();
	return lun;
}
EXPORT_SYMBOL_NS_GPL(cxlflash_lun_find, CXLFLASH_AFU);

/**
 * cxlflash_lun_next() - go through the LUNs of an adapter
 * @ad: adapter
 * @port: where to begin, and
 * @lun_id: with which number; then where the LUN is.  With 0 and 0 it is the
 *	first, with @lun_id increased the next one
 *
 * One that is behind several ports, or has several numbers, comes as often.
 *
 * Context: any.
 * Return: the LUN, to be given back by cxlflash_lun_put(); NULL: none.
 */
struct cxlflash_lun *cxlflash_lun_next(struct cxlflash_adapter *ad,
				       unsigned int *port, u64 *lun_id)
{
	struct cxlflash_lun *lun = NULL;
	unsigned long index;

	rcu_read_lock();
	for (; *port < ad->nr_ports; (*port)++, *lun_id = 0) {
		index = min_t(u64, *lun_id, ULONG_MAX);
		lun = xa_find(&ad->ports[*port].luns, &index, ULONG_MAX,
			      XA_PRESENT);
		/* It is on its way out: the next one. */
		while (lun && !kref_get_unless_zero(&lun->ref))
			lun = xa_find_after(&ad->ports[*port].luns, &index,
					    ULONG_MAX, XA_PRESENT);
		if (lun) {
			*lun_id = index;
			break;
		}
	}
	rcu_read_unlock();
	return lun;
}
EXPORT_SYMBOL_NS_GPL(cxlflash_lun_next, CXLFLASH_AFU);

/**
 * cxlflash_lun_get_space() - how much room for slices there is
 * @lun: that
 * @space: result
 *
 * Context: may sleep, but not for the store.
 * Return: 0; -ENODEV if it is not active, or will not be for long.
 */
int cxlflash_lun_get_space(struct cxlflash_lun *lun,
			   struct cxlflash_lun_space *space)
{
	u64 nr_chunks;

	guard(mutex)(&lun->lock);
	if (!lun->table || READ_ONCE(lun->gone) || READ_ONCE(lun->no_slices))
		return -ENODEV;
	space->block_size = 1U << lun->block_lg2;
	nr_chunks = (lun->nr_blocks << lun->block_lg2) / SISL_CHUNK_BYTES;
	/* The first one is the table's. */
	space->total_bytes = (nr_chunks - 1) * SISL_CHUNK_BYTES;
	space->free_bytes = chunk_map_free(lun->chunks) * SISL_CHUNK_BYTES;
	return 0;
}
EXPORT_SYMBOL_NS_GPL(cxlflash_lun_get_space, CXLFLASH_AFU);

/**
 * cxlflash_lun_name() - what a LUN is called in configfs
 * @lun: that, referenced
 *
 * Context: any.
 * Return: its name, which never changes.
 */
const char *cxlflash_lun_name(const struct cxlflash_lun *lun)
{
	return lun->name;
}
EXPORT_SYMBOL_NS_GPL(cxlflash_lun_name, CXLFLASH_AFU);
