// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slices: persistent virtual LUNs, opened by their UUID
 *
 * A slice is kept in the table of its LUN (table_slice.c).  What is here is a
 * slice that is open: by one opener, and in the handles of any number of
 * contexts.  All of them see one map (slice_map.c), so a slice that grows does
 * so in all its handles at once.
 *
 * A slice is open until its opener has closed it, no handle is left and no
 * resize is under way; one whose commands do not come back keeps its handle in
 * limbo (rht.c).  So who opens it next finds no old write under way.
 *
 * A UUID is opened once on this machine.  Whoever works on one (opens, deletes)
 * first *claims* it by putting it into the list, and then looks into the
 * tables, so that no two of them come to the same conclusion.
 *
 * When the LUN goes, its slices are dead: commands are refused, this file's
 * functions say -ENODEV, and all that is left to do is to close them.  A LUN
 * is deactivated only when none is open, and none can be opened from there on;
 * so nothing is on its way to a LUN that another machine may have.
 *
 * Locals: slice, lun, tab.
 */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <linux/unaligned.h>

#include "afu.h"
#include "lun.h"
#include "slice.h"
#include "table.h"

/* As LUNs have it, see lun.c. */
#define SLICE_WWID_NAA		0x6
#define SLICE_WWID_COMPANY	0xf1a500ULL

#define UA_MODE_CHANGED		0x2a01

/* Protects slices, what is dead, and lun->no_slices; leaf */
static DEFINE_MUTEX(slices_lock);
static LIST_HEAD(slices);

/* For who waits until those that are closed are over; see slices_wait_for() */
static DECLARE_WAIT_QUEUE_HEAD(slices_wait);
static atomic_t slices_nr_changes = ATOMIC_INIT(0);
static unsigned int slices_wait_ms = 10000;

static void slices_wake(void)
{
	/* After the change, which who waits looks for with the lock. */
	atomic_inc(&slices_nr_changes);
	wake_up_all(&slices_wait);
}

/* ------------------------------------------------------------- objects */

/*
 * 100 bits of it are ours, a UUID has 122 and not all of them need differ: a
 * hash.  The keys say that it is about slices, and never change.
 */
static void slice_make_wwid(const uuid_t *uuid, u8 wwid[AFU_WWID_LEN])
{
	static const siphash_key_t keys[2] = {
		{ { 0x43584c464c415348ULL, 0x534c494345000000ULL } },
		{ { 0x43584c464c415348ULL, 0x534c494345000001ULL } },
	};
	u64 high = siphash(uuid->b, sizeof(uuid->b), &keys[0]);
	u64 low = siphash(uuid->b, sizeof(uuid->b), &keys[1]);

	high &= GENMASK_ULL(35, 0);
	high |= SLICE_WWID_COMPANY << 36;
	high |= (u64)SLICE_WWID_NAA << 60;
	put_unaligned_be64(high, wwid);
	put_unaligned_be64(low, wwid + 8);
}

static struct cxlflash_slice *slice_alloc(struct cxlflash_lun *lun,
					  const uuid_t *uuid)
{
	struct cxlflash_slice *slice = kzalloc(sizeof(*slice), GFP_KERNEL);

	if (!slice)
		return NULL;
	kref_init(&slice->ref);
	INIT_LIST_HEAD(&slice->node);
	slice->lun = lun_get(lun);
	uuid_copy(&slice->uuid, uuid);
	slice_make_wwid(uuid, slice->wwid);
	mutex_init(&slice->changed_lock);
	mutex_init(&slice->lock);
	spin_lock_init(&slice->handles_lock);
	INIT_LIST_HEAD(&slice->handles);
	slice_resize_init(slice);
	return slice;
}

static void slice_release(struct kref *ref)
{
	struct cxlflash_slice *slice = container_of(ref, struct cxlflash_slice,
						    ref);
	struct slice_map *map = rcu_dereference_protected(slice->map, true);

	mutex_lock(&slices_lock);
	list_del_init(&slice->node);
	mutex_unlock(&slices_lock);
	slices_wake();
	cxlflash_lun_put(slice->lun);
	if (map)
		kvfree_rcu(map, rcu);
	kfree_rcu(slice, rcu);
}

/**
 * slice_put() - one reference less
 * @slice: that
 *
 * Context: may sleep; takes leaf locks only.
 */
void slice_put(struct cxlflash_slice *slice)
{
	kref_put(&slice->ref, slice_release);
}

/* ---------------------------------------------------------------- claims */

static struct cxlflash_slice *slice_find(const uuid_t *uuid)
{
	struct cxlflash_slice *slice;

	lockdep_assert_held(&slices_lock);
	list_for_each_entry(slice, &slices, node)
		if (uuid_equal(&slice->uuid, uuid))
			return slice;
	return NULL;
}

/*
 * Slices that their openers have closed are over when their commands and a
 * resize are, which as a rule is soon.  @attempt says -EAGAIN if it is for them
 * that it fails.
 */
static int slices_wait_for(int (*attempt)(void *arg), void *arg)
{
	long left = msecs_to_jiffies(slices_wait_ms);
	int seen, ret;

	do {
		seen = atomic_read_acquire(&slices_nr_changes);
		ret = attempt(arg);
		if (ret != -EAGAIN)
			return ret;
		left = wait_event_killable_timeout(slices_wait,
				atomic_read(&slices_nr_changes) != seen, left);
	} while (left > 0);
	return left ?: -EBUSY;
}

static int slice_try_claim(void *arg)
{
	struct cxlflash_slice *slice = arg, *other;

	guard(mutex)(&slices_lock);
	other = slice_find(&slice->uuid);
	if (other && other->lun != slice->lun)
		return -EEXIST;
	if (other && !other->dead)
		return -EBUSY;
	if (slice->lun->no_slices || READ_ONCE(slice->lun->gone))
		return -ENODEV;
	if (other)
		return -EAGAIN;
	list_add_tail(&slice->node, &slices);
	return 0;
}

/* From here on nobody else opens or deletes its UUID, until it is released. */
static int slice_claim(struct cxlflash_slice *slice)
{
	return slices_wait_for(slice_try_claim, slice);
}

/**
 * slice_is_open() - is there an open slice of that name?
 * @lun: of it
 * @uuid: of it
 *
 * Context: may sleep; takes a leaf lock only.
 * Return: true also while it is being opened or deleted.
 */
bool slice_is_open(struct cxlflash_lun *lun, const uuid_t *uuid)
{
	struct cxlflash_slice *slice;

	guard(mutex)(&slices_lock);
	slice = slice_find(uuid);
	return slice && slice->lun == lun;
}

/* -------------------------------------------------------- open and close */

static int slice_create(struct cxlflash_slice *slice,
			const struct cxlflash_slice_params *params)
{
	struct table_slice_info info = { };
	int ret;

	if (!params->bytes)
		return -ENOENT;
	if (params->bytes & (BIT_ULL(slice->block_lg2) - 1))
		return -EINVAL;
	uuid_copy(&info.uuid, &params->uuid);
	if (params->name &&
	    strscpy(info.name, params->name, sizeof(info.name)) < 0)
		return -EINVAL;
	info.nr_blocks = params->bytes >> slice->block_lg2;
	ret = table_slice_create(slice->lun, &info);
	slice->created = !ret;
	return ret;
}

/* Look it up or make it, and learn where it is. */
static int slice_load(struct cxlflash_slice *slice,
		      const struct cxlflash_slice_params *params)
{
	struct cxlflash_lun *lun = slice->lun;
	struct table_slice_info info;
	struct slice_map *map;
	int ret;

	if (lun_others_have_slice(lun, &slice->uuid))
		return -EEXIST;
	ret = table_slice_find(lun, &slice->uuid, &info);
	if (ret == -ENOENT) {
		ret = slice_create(slice, params);
		if (!ret)
			ret = table_slice_find(lun, &slice->uuid, &info);
	}
	if (ret)
		return ret;
	strscpy(slice->name, info.name, sizeof(slice->name));
	map = slice_map_alloc(info.nr_blocks, info.nr_chunks);
	if (!map)
		return -ENOMEM;
	RCU_INIT_POINTER(slice->map, map);
	return table_slice_map(lun, &slice->uuid, 0, info.nr_chunks,
			       map->chunk);
}

static int slice_load_active(struct cxlflash_slice *slice,
			     const struct cxlflash_slice_params *params)
{
	int ret;

	if (!lun_tryget_io(slice->lun))
		return -ENODEV;
	/* It does not change any more, or the slice is dead when it does. */
	slice->block_lg2 = slice->lun->block_lg2;
	ret = slice_load(slice, params);
	if (!ret && slice_is_dead(slice))
		ret = -ENODEV;
	/* Nobody has seen it.  If this fails, it stays for the next one. */
	if (ret && slice->created &&
	    table_slice_delete(slice->lun, &slice->uuid))
		pr_debug("slice %pUb remains\n", &slice->uuid);
	lun_put_io(slice->lun);
	return ret;
}

/**
 * cxlflash_slice_open() - open a slice, or make one
 * @lun: formatted and active; referenced
 * @params: which and how
 *
 * One that exists has the size and the name that it has.
 *
 * Context: may sleep, as long as the store does.
 * Return: the slice, for cxlflash_slice_close(); ERR_PTR() of -EINVAL (null
 * UUID; if it has to be made: the name, a size that is not in whole blocks),
 * -ENODEV (@lun is not active), -EBUSY (it is open; or commands of its last
 * opener, or a resize, are not back after ten seconds), -EEXIST (another active
 * LUN has the UUID), -ENOENT (it does not exist and @params->bytes is 0),
 * -ENOSPC, -ENOMEM, -ERESTARTSYS (killed), what the store says.
 */
struct cxlflash_slice *
cxlflash_slice_open(struct cxlflash_lun *lun,
		    const struct cxlflash_slice_params *params)
{
	struct cxlflash_slice *slice;
	int ret;

	if (uuid_is_null(&params->uuid))
		return ERR_PTR(-EINVAL);
	slice = slice_alloc(lun, &params->uuid);
	if (!slice)
		return ERR_PTR(-ENOMEM);
	ret = slice_claim(slice);
	if (ret)
		goto err_put;
	ret = slice_load_active(slice, params);
	if (ret)
		goto err_put;
	if (slice->created)
		adapter_lun_space_changed(lun);
	slice->changed = params->changed;
	slice->priv = params->priv;
	return slice;

err_put:
	slice_put(slice);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_NS_GPL(cxlflash_slice_open, CXLFLASH_AFU);

static void slice_set_dead(struct cxlflash_slice *slice)
{
	mutex_lock(&slices_lock);
	WRITE_ONCE(slice->dead, true);
	mutex_unlock(&slices_lock);
}

/**
 * cxlflash_slice_close() - the end of cxlflash_slice_open()
 * @slice: that; not to be used any more
 *
 * What it holds stays on its LUN.  Its handles have been closed or their
 * contexts destroyed; those that are not refuse commands.  The callback is not
 * called any more.
 *
 * Context: may sleep, but not for the store; not from the callback.
 */
void cxlflash_slice_close(struct cxlflash_slice *slice)
{
	slice_set_dead(slice);
	cxlflash_slice_let_go(slice);
	/* A change that is being told is the last one. */
	mutex_lock(&slice->changed_lock);
	slice->changed = NULL;
	mutex_unlock(&slice->changed_lock);
	slice_put(slice);
}
EXPORT_SYMBOL_NS_GPL(cxlflash_slice_close, CXLFLASH_AFU);

/**
 * slice_changed() - tell initiators and the opener of a change
 * @slice: that changed
 * @what: CXLFLASH_SLICE_*
 * @asc_ascq: unit attention
 *
 * Context: under @slice->changed_lock.
 */
void slice_changed(struct cxlflash_slice *slice, unsigned int what,
		   u16 asc_ascq)
{
	lockdep_assert_held(&slice->changed_lock);
	slice_unit_attention(slice, asc_ascq);
	if (slice->changed)
		slice->changed(slice->priv, what);
}

/**
 * cxlflash_slice_set_read_only() - forbid or allow writes
 * @slice: open
 * @read_only: forbid
 *
 * Not kept in the table.  Writes that were let in before may still land.
 *
 * Context: may sleep, but not for the store; not from the callback, which it
 * calls.
 * Return: 0; -ENODEV if its LUN has gone.
 */
int cxlflash_slice_set_read_only(struct cxlflash_slice *slice, bool read_only)
{
	int ret = 0;

	mutex_lock(&slice->changed_lock);
	if (slice_is_dead(slice)) {
		ret = -ENODEV;
	} else if (slice->read_only != read_only) {
		WRITE_ONCE(slice->read_only, read_only);
		slice_changed(slice, CXLFLASH_SLICE_READ_ONLY, UA_MODE_CHANGED);
	}
	mutex_unlock(&slice->changed_lock);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(cxlflash_slice_set_read_only, CXLFLASH_AFU);

/**
 * cxlflash_slice_get_info() - what is known of a slice
 * @slice: open, also if its LUN has gone
 * @info: result
 *
 * Context: any; also from the callback.
 */
void cxlflash_slice_get_info(struct cxlflash_slice *slice,
			     struct cxlflash_slice_info *info)
{
	const struct slice_map *map;
	u32 at;

	memset(info, 0, sizeof(*info));
	uuid_copy(&info->uuid, &slice->uuid);
	strscpy(info->name, slice->name, sizeof(info->name));
	memcpy(info->wwid, slice->wwid, sizeof(info->wwid));
	info->block_size = 1U << slice->block_lg2;
	info->read_only = slice_is_read_only(slice);
	info->created = slice->created;
	/* Without @lock, which is held over store I/O. */
	rcu_read_lock();
	map = rcu_dereference(slice->map);
	info->nr_blocks = map->nr_blocks;
	info->nr_chunks = map->nr_chunks;
	for (at = 0; at < map->nr_chunks; at++)
		info->nr_unwritten += !!(READ_ONCE(map->chunk[at]) &
					 TABLE_UNWRITTEN);
	rcu_read_unlock();
}
EXPORT_SYMBOL_NS_GPL(cxlflash_slice_get_info, CXLFLASH_AFU);

/* --------------------------------------------------------------- handles */

static bool slice_has_orphans(struct cxlflash_slice *slice)
{
	struct slice_handle *h;
	bool found = false;

	spin_lock(&slice->handles_lock);
	list_for_each_entry(h, &slice->handles, node)
		found |= READ_ONCE(h->ctx->state) == CXLFLASH_CTX_DEAD;
	spin_unlock(&slice->handles_lock);
	return found;
}

/**
 * slice_link() - one more handle
 * @slice: open
 * @h: part of the handle's entry
 * @ctx: whose handle
 *
 * A context that is dead keeps its handles until the last of its orphans is
 * back: no old write lands after one of a new context.
 *
 * Context: may sleep; under @ctx->rht_lock.
 * Return: 0; -ENODEV if the slice is dead; -EBUSY if there are such orphans.
 */
int slice_link(struct cxlflash_slice *slice, struct slice_handle *h,
	       struct cxlflash_ctx *ctx)
{
	guard(mutex)(&slices_lock);
	if (slice->dead)
		return -ENODEV;
	if (slice_has_orphans(slice))
		return -EBUSY;
	kref_get(&slice->ref);
	h->ctx = ctx;
	spin_lock(&slice->handles_lock);
	/* A drain that is under way is about those who have seen older maps. */
	h->drain = slice->nr_drains;
	list_add_tail(&h->node, &slice->handles);
	spin_unlock(&slice->handles_lock);
	return 0;
}

/**
 * slice_unlink() - one handle less
 * @slice: that; may be gone afterwards
 * @h: of slice_link(); all commands that could find it are over
 *
 * Context: may sleep, but not for the store; under the context's rht_lock.
 */
void slice_unlink(struct cxlflash_slice *slice, struct slice_handle *h)
{
	spin_lock(&slice->handles_lock);
	list_del(&h->node);
	spin_unlock(&slice->handles_lock);
	slice_put(slice);
}

/* ------------------------------------------------------------------ LUNs */

/**
 * slice_kill() - a LUN has gone: its slices are dead
 * @lun: that; @lun->gone is set, so nothing is opened any more
 *
 * Context: may sleep; takes a leaf lock only.
 */
void slice_kill(struct cxlflash_lun *lun)
{
	struct cxlflash_slice *slice;

	guard(mutex)(&slices_lock);
	list_for_each_entry(slice, &slices, node)
		if (slice->lun == lun)
			WRITE_ONCE(slice->dead, true);
	slices_wake();
}

static bool slice_is_used_by(struct cxlflash_slice *slice,
			     const struct cxlflash_adapter *ad)
{
	struct slice_handle *h;
	bool used = false;

	spin_lock(&slice->handles_lock);
	list_for_each_entry(h, &slice->handles, node)
		used |= h->ctx->ad == ad;
	spin_unlock(&slice->handles_lock);
	return used;
}

/**
 * slice_kill_adapter() - a LUN has gone from an adapter
 * @lun: that
 * @ad: adapter: slices that its contexts still have are dead
 *
 * Context: may sleep; takes leaf locks only.
 */
void slice_kill_adapter(struct cxlflash_lun *lun, struct cxlflash_adapter *ad)
{
	struct cxlflash_slice *slice;

	guard(mutex)(&slices_lock);
	list_for_each_entry(slice, &slices, node)
		if (slice->lun == lun && slice_is_used_by(slice, ad))
			WRITE_ONCE(slice->dead, true);
}

static int slice_try_quiesce(void *arg)
{
	struct cxlflash_slice *slice;
	struct cxlflash_lun *lun = arg;
	int ret = 0;

	guard(mutex)(&slices_lock);
	list_for_each_entry(slice, &slices, node) {
		if (slice->lun != lun)
			continue;
		if (!slice->dead)
			return -EBUSY;
		ret = -EAGAIN;
	}
	if (!ret)
		WRITE_ONCE(lun->no_slices, true);
	return ret;
}

/**
 * slice_quiesce() - a LUN shall be deactivated
 * @lun: that
 *
 * From here on no slice of it is opened or deleted, until slice_allow().
 *
 * Context: may sleep, for ten seconds; takes a leaf lock only.
 * Return: 0; -EBUSY if one is open, also one that is closed, but not over after
 * ten seconds: another machine may be the next to have the LUN; -ERESTARTSYS
 * for who is killed.
 */
int slice_quiesce(struct cxlflash_lun *lun)
{
	return slices_wait_for(slice_try_quiesce, lun);
}

/**
 * slice_allow() - undo slice_quiesce()
 * @lun: that
 *
 * Context: may sleep; takes a leaf lock only.
 */
void slice_allow(struct cxlflash_lun *lun)
{
	guard(mutex)(&slices_lock);
	WRITE_ONCE(lun->no_slices, false);
}

/**
 * slice_delete() - delete a slice that is not open, and what it holds
 * @lun: active
 * @uuid: of the slice
 *
 * Context: may sleep, as long as the store needs to clear the slice.
 * Return: 0; -EBUSY if it is open; -ENODEV if @lun is not active; -ENOENT;
 * -ENOMEM; what the store says.
 */
int slice_delete(struct cxlflash_lun *lun, const uuid_t *uuid)
{
	struct cxlflash_slice *slice = slice_alloc(lun, uuid);
	int ret;

	if (!slice)
		return -ENOMEM;
	ret = slice_claim(slice);
	/* Another LUN has such a one open: not now, either. */
	if (ret == -EEXIST)
		ret = -EBUSY;
	if (!ret)
		ret = table_slice_delete(lun, uuid);
	slice_put(slice);
	if (!ret)
		adapter_lun_space_changed(lun);
	return ret;
}

/**
 * slice_show() - list what is open, for debugfs
 * @m: where to
 *
 * Context: may sleep; takes leaf locks only.
 */
void slice_show(struct seq_file *m)
{
	struct cxlflash_slice *slice;
	size_t nr;

	guard(mutex)(&slices_lock);
	list_for_each_entry(slice, &slices, node) {
		spin_lock(&slice->handles_lock);
		nr = list_count_nodes(&slice->handles);
		spin_unlock(&slice->handles_lock);
		seq_printf(m, "%pUb lun %s handles %zu%s%s\n", &slice->uuid,
			   slice->lun->name, nr,
			   slice->read_only ? " read-only" : "",
			   slice->dead ? " dead" : "");
	}
}
