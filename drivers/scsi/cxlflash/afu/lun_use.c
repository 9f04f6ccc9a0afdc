// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who uses a raw LUN: handles on all of it, or on chunks of it
 *
 * Locals: lun, map.
 */
#define pr_fmt(fmt) "cxlflash_afu: " fmt

#include <linux/bug.h>
#include <linux/err.h>
#include <linux/ratelimit.h>

#include "afu.h"

static int lun_make_chunks(struct cxlflash_lun *lun)
{
	u64 nr_chunks = lun->store->size / SISL_CHUNK_BYTES;
	struct chunk_map *map;

	lockdep_assert_held(&lun->lock);
	/* The errno that IBM's programs know for a LUN too small. */
	if (!nr_chunks)
		return -ENOMEM;
	map = chunk_map_create(nr_chunks);
	if (IS_ERR(map))
		return PTR_ERR(map);
	lun->chunks = map;
	return 0;
}

/*
 * Whoever gets the errno cannot know it from "in use", and need not be who has
 * formatted the LUN: so it is said.
 */
static int lun_refuse_formatted(struct cxlflash_lun *lun)
{
	pr_info_ratelimited("lun %s: formatted for slices: refuses handles on the LUN itself\n",
			    lun->name);
	return -EBUSY;
}

/**
 * lun_use_get() - one more handle on a raw LUN
 * @lun: that
 * @use: whole or by chunks; all handles of a LUN agree
 *
 * With LUN_VIRTUAL lun->chunks is there until lun_use_put(), also after the
 * LUN was revoked.
 *
 * Context: may sleep.
 * Return: 0; -ENODEV if it is not enabled; -EBUSY if it is formatted; -EINVAL
 * if it is used otherwise; -ENOMEM, also for less than a chunk; -EFBIG for
 * more chunks than can be kept.
 */
int lun_use_get(struct cxlflash_lun *lun, enum lun_use use)
{
	int ret = 0;

	if (WARN_ON_ONCE(use == LUN_UNUSED))
		return -EINVAL;
	mutex_lock(&lun->lock);
	if (lun->gone)
		ret = -ENODEV;
	else if (lun->formatted)
		ret = lun_refuse_formatted(lun);
	else if (lun->use != LUN_UNUSED && lun->use != use)
		ret = -EINVAL;
	else if (use == LUN_VIRTUAL && !lun->chunks)
		ret = lun_make_chunks(lun);
	if (!ret) {
		lun->use = use;
		lun->nr_users++;
	}
	mutex_unlock(&lun->lock);
	return ret;
}

/**
 * lun_use_put() - one handle less
 * @lun: of lun_use_get()
 *
 * The chunk map goes with the last one, so all its chunks are given back.
 *
 * Context: may sleep, but not for the store.
 */
void lun_use_put(struct cxlflash_lun *lun)
{
	mutex_lock(&lun->lock);
	if (!WARN_ON_ONCE(!lun->nr_users) && !--lun->nr_users) {
		if (lun->use == LUN_VIRTUAL) {
			chunk_map_destroy(lun->chunks);
			lun->chunks = NULL;
		}
		lun->use = LUN_UNUSED;
	}
	mutex_unlock(&lun->lock);
}
