// SPDX-License-Identifier: GPL-2.0-only
/*
 * LUNs: a store seen as a disk, and its life
 *
 *	disabled --enable--> enabled --disable--> closing --> disabled
 *
 * Whoever uses the store holds @io_ref.  Disabling revokes: @gone is set, the
 * reference killed, and who comes too late gets none.  When the last holder
 * has let go, a worker gives up the slice table and closes the store; the one
 * who disables waits for that, but not longer than a grace.  I/O that a store
 * never returns thus keeps the store and this module, and nobody else.
 *
 * A LUN's identity is its WWID: of those with one WWID only one is enabled.
 * A formatted LUN has it in its table, and that one counts.
 *
 * Locals: lun, obj (its private part), st (store).
 */
#define pr_fmt(fmt) "cxlflash_afu: " fmt

#include <linux/hex.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "afu.h"
#include "lun.h"
#include "slice.h"
#include "table.h"

/* How long a LUN's disabling waits for I/O. */
#define LUN_GRACE		(5 * HZ)
/*
 * NAA 6 with a company id that the IEEE has not assigned: provisional, as the
 * PCI ids are.
 */
#define LUN_WWID_NAA		0x6
#define LUN_WWID_COMPANY	0xf1a500

#define UA_POWER_ON		0x2900
#define UA_MODE_CHANGED		0x2a01
#define UA_CAPACITY_CHANGED	0x2a09

enum lun_state {
	LUN_DISABLED,
	LUN_ENABLED,
	LUN_CLOSING,
};

/**
 * struct lun_obj - a LUN and what only this file knows of it
 * @lun: what others see
 * @state: written under lun->lock
 * @was_enabled: before: initiators may remember it
 * @store_read_only: the store was opened so
 * @node: in lun_list, while enabled or closing
 * @close_work: the end of closing
 * @closed: it is over
 */
struct lun_obj {
	struct cxlflash_lun lun;
	/** @op_lock: one act at a time, over store I/O; outside lun->lock */
	struct mutex op_lock;
	enum lun_state state;
	bool was_enabled;
	bool store_read_only;
	struct list_head node;
	struct work_struct close_work;
	struct completion closed;
};

/* Protects lun_list, and the WWIDs of those in it; outside lun->lock */
static DEFINE_MUTEX(lun_list_lock);
static LIST_HEAD(lun_list);
static struct workqueue_struct *lun_wq;

static struct lun_obj *to_lun_obj(struct cxlflash_lun *lun)
{
	return container_of(lun, struct lun_obj, lun);
}

/* ---------------------------------------------------------- identity */

/**
 * lun_parse_wwid() - read 32 hex digits
 * @text: those, and perhaps a newline
 * @wwid: result
 *
 * Context: any.
 * Return: 0; -EINVAL for anything else or a designator that is not NAA 6, the
 * only one of 16 bytes.
 */
int lun_parse_wwid(const char *text, u8 wwid[AFU_WWID_LEN])
{
	u8 bytes[AFU_WWID_LEN];
	size_t len = strlen(text);

	if (len && text[len - 1] == '\n')
		len--;
	if (len != 2 * AFU_WWID_LEN || hex2bin(bytes, text, AFU_WWID_LEN) ||
	    bytes[0] >> 4 != LUN_WWID_NAA)
		return -EINVAL;
	memcpy(wwid, bytes, AFU_WWID_LEN);
	return 0;
}

static void lun_random_wwid(u8 wwid[AFU_WWID_LEN])
{
	get_random_bytes(wwid, AFU_WWID_LEN);
	wwid[0] = LUN_WWID_NAA << 4 | LUN_WWID_COMPANY >> 20;
	wwid[1] = LUN_WWID_COMPANY >> 12 & 0xff;
	wwid[2] = LUN_WWID_COMPANY >> 4 & 0xff;
	wwid[3] = (LUN_WWID_COMPANY & 0xf) << 4 | (wwid[3] & 0xf);
}

/**
 * lun_adopt_wwid() - take over the WWID that is stored with a LUN's data
 * @lun: being enabled
 * @wwid: from a disk; not taken if it cannot be one
 *
 * Context: nobody else uses @lun.
 */
void lun_adopt_wwid(struct cxlflash_lun *lun, const u8 *wwid)
{
	if (wwid[0] >> 4 == LUN_WWID_NAA)
		memcpy(lun->wwid, wwid, sizeof(lun->wwid));
}

static int lun_list_add(struct lun_obj *obj)
{
	struct lun_obj *other;
	int ret = 0;

	mutex_lock(&lun_list_lock);
	list_for_each_entry(other, &lun_list, node) {
		if (!memcmp(other->lun.wwid, obj->lun.wwid, AFU_WWID_LEN)) {
			ret = -EEXIST;
			break;
		}
	}
	if (!ret)
		list_add_tail(&obj->node, &lun_list);
	mutex_unlock(&lun_list_lock);
	return ret;
}

static void lun_list_del(struct lun_obj *obj)
{
	mutex_lock(&lun_list_lock);
	list_del_init(&obj->node);
	mutex_unlock(&lun_list_lock);
}

/**
 * lun_others_have_slice() - look for a slice in other LUNs
 * @lun: not in this one
 * @uuid: of the slice
 *
 * Context: may sleep, but not for a store.
 * Return: true if one that is active has it.
 */
bool lun_others_have_slice(struct cxlflash_lun *lun, const uuid_t *uuid)
{
	struct lun_obj *other;
	bool found = false;

	mutex_lock(&lun_list_lock);
	list_for_each_entry(other, &lun_list, node) {
		if (&other->lun == lun)
			continue;
		mutex_lock(&other->lun.lock);
		found = other->lun.table &&
			table_has_slice(other->lun.table, uuid);
		mutex_unlock(&other->lun.lock);
		if (found)
			break;
	}
	mutex_unlock(&lun_list_lock);
	return found;
}

/* -------------------------------------------------------- references */

/*
 * Any context.  Runs inside a read-side section of RCU, which is how
 * lun_disable() and lun_freeze() know that none of an earlier kill is left.
 */
static void lun_io_released(struct percpu_ref *ref)
{
	struct cxlflash_lun *lun = container_of(ref, struct cxlflash_lun,
						io_ref);
	struct lun_obj *obj = to_lun_obj(lun);

	complete(&lun->drained);
	if (READ_ONCE(obj->state) == LUN_CLOSING)
		queue_work(lun_wq, &obj->close_work);
}

/**
 * lun_tryget_io() - use a LUN's store
 * @lun: that, found under RCU or referenced
 *
 * Context: any.
 * Return: true: lun->store and what describes it stay until lun_put_io();
 * false: the LUN is not enabled, or revoked.
 */
bool lun_tryget_io(struct cxlflash_lun *lun)
{
	return percpu_ref_tryget_live(&lun->io_ref);
}

/**
 * lun_put_io() - done with the store
 * @lun: of lun_tryget_io()
 *
 * Context: any, also hard irq.
 */
void lun_put_io(struct cxlflash_lun *lun)
{
	percpu_ref_put(&lun->io_ref);
}

/**
 * lun_get() - one more reference on the structure
 * @lun: that
 *
 * Context: any.
 * Return: @lun.
 */
struct cxlflash_lun *lun_get(struct cxlflash_lun *lun)
{
	kref_get(&lun->ref);
	return lun;
}

static void lun_free_rcu(struct rcu_head *rcu)
{
	struct cxlflash_lun *lun = container_of(rcu, struct cxlflash_lun, rcu);

	kfree(to_lun_obj(lun));
}

static void lun_release(struct kref *ref)
{
	struct cxlflash_lun *lun = container_of(ref, struct cxlflash_lun, ref);

	/* Being enabled holds a reference. */
	WARN_ON_ONCE(to_lun_obj(lun)->state != LUN_DISABLED);
	percpu_ref_exit(&lun->io_ref);
	chunk_map_destroy(lun->chunks);
	call_rcu(&lun->rcu, lun_free_rcu);
}

/**
 * cxlflash_lun_put() - one reference less
 * @lun: that
 *
 * Context: process; may sleep.
 */
void cxlflash_lun_put(struct cxlflash_lun *lun)
{
	kref_put(&lun->ref, lun_release);
}
EXPORT_SYMBOL_NS_GPL(cxlflash_lun_put, CXLFLASH_AFU);

/* -------------------------------------------------------------- life */

/* No command is left, so nobody looks at them; as after a loss of power. */
static void lun_drop_reservations(struct cxlflash_lun *lun)
{
	struct disk_reservation *resv;

	spin_lock_irq(&lun->resv_lock);
	resv = lun->resv;
	lun->resv = NULL;
	spin_unlock_irq(&lun->resv_lock);
	kfree(resv);
}

static void lun_close_work(struct work_struct *work)
{
	struct lun_obj *obj = container_of(work, struct lun_obj, close_work);
	struct cxlflash_lun *lun = &obj->lun;

	/* No lun->lock over store I/O: handles must be able to go. */
	table_close(lun);
	store_close(lun->store);
	lun_drop_reservations(lun);
	lun_list_del(obj);
	mutex_lock(&lun->lock);
	lun->store = NULL;
	lun->formatted = false;
	obj->state = LUN_DISABLED;
	mutex_unlock(&lun->lock);
	complete_all(&obj->closed);
	cxlflash_lun_put(lun);
	/* lun_exit() waits for the rest of this function. */
	module_put(THIS_MODULE);
}

/**
 * lun_create() - make a LUN, disabled, with a WWID of its own
 * @name: for people
 *
 * Context: may sleep.
 * Return: the LUN with one reference; ERR_PTR(-ENOMEM).
 */
struct cxlflash_lun *lun_create(const char *name)
{
	struct cxlflash_lun *lun;
	struct lun_obj *obj;

	obj = kzalloc(sizeof(*obj), GFP_KERNEL);
	if (!obj)
		return ERR_PTR(-ENOMEM);
	lun = &obj->lun;
	if (percpu_ref_init(&lun->io_ref, lun_io_released,
			    PERCPU_REF_INIT_DEAD | PERCPU_REF_ALLOW_REINIT,
			    GFP_KERNEL)) {
		kfree(obj);
		return ERR_PTR(-ENOMEM);
	}
	strscpy(lun->name, name, sizeof(lun->name));
	lun_random_wwid(lun->wwid);
	kref_init(&lun->ref);
	init_completion(&lun->drained);
	mutex_init(&lun->lock);
	spin_lock_init(&lun->resv_lock);
	atomic_set(&lun->ua_generation, 0);
	lun->block_lg2 = ilog2(SISL_BLOCK_SIZE);
	lun->secret = true;
	lun->gone = true;
	mutex_init(&obj->op_lock);
	INIT_LIST_HEAD(&obj->node);
	INIT_WORK(&obj->close_work, lun_close_work);
	init_completion(&obj->closed);
	return lun;
}

/* May @obj be enabled?  It may not while its former life goes on. */
static int lun_may_enable(struct lun_obj *obj)
{
	int ret = 0;

	mutex_lock(&obj->lun.lock);
	if (obj->state != LUN_DISABLED || obj->lun.nr_users)
		ret = -EBUSY;
	mutex_unlock(&obj->lun.lock);
	return ret;
}

/* All is ready: let commands in.  Cannot fail. */
static void lun_publish(struct lun_obj *obj)
{
	struct cxlflash_lun *lun = &obj->lun;

	if (obj->was_enabled)
		lun_unit_attention(lun, UA_POWER_ON);
	obj->was_enabled = true;
	lun_get(lun);
	/*
	 * A port may show the LUN already.  Who gets io_ref after this grace
	 * period sees all that was written before it.
	 */
	synchronize_rcu();
	mutex_lock(&lun->lock);
	obj->state = LUN_ENABLED;
	WRITE_ONCE(lun->gone, false);
	mutex_unlock(&lun->lock);
	percpu_ref_reinit(&lun->io_ref);
}

/**
 * lun_enable() - open the store and let commands in
 * @lun: disabled
 * @kind: of store
 * @p: how the store is
 *
 * A formatted store has the LUN's WWID with it.
 *
 * Context: may sleep.
 * Return: 0; -EBUSY if it is enabled, still closing, or handles of its former
 * life are open; -EEXIST if the same WWID is enabled already; -EINVAL for a
 * store without a block, or formatted with another block size; what
 * store_open() says; -EIO and the like if it cannot be read; -ENOMEM.
 */
int lun_enable(struct cxlflash_lun *lun, const char *kind,
	       const struct afu_store_params *p)
{
	struct lun_obj *obj = to_lun_obj(lun);
	struct afu_store *st;
	int ret;

	mutex_lock(&obj->op_lock);
	ret = lun_may_enable(obj);
	if (ret)
		goto out_unlock;
	st = store_open(kind, p);
	if (IS_ERR(st)) {
		ret = PTR_ERR(st);
		goto out_unlock;
	}
	lun->store = st;
	lun->block_lg2 = ilog2(st->block_size);
	WRITE_ONCE(lun->nr_blocks, st->size >> lun->block_lg2);
	lun->write_cache = st->write_cache;
	WRITE_ONCE(lun->read_only, p->read_only);
	obj->store_read_only = p->read_only;
	ret = lun->nr_blocks ? table_probe(lun) : -EINVAL;
	if (ret)
		goto err_close_store;
	ret = lun_list_add(obj);
	if (ret)
		goto err_close_store;
	lun_publish(obj);
	goto out_unlock;

err_close_store:
	lun->store = NULL;
	lun->formatted = false;
	store_close(st);
out_unlock:
	mutex_unlock(&obj->op_lock);
	return ret;
}

/**
 * lun_disable() - revoke a LUN
 * @lun: that; nothing happens if it is disabled
 *
 * New commands find it gone, and slices that are open are dead.  Those that
 * have it are waited for, at most for a grace; if some are out even then, the
 * store stays open until they are back, and the LUN cannot be enabled before.
 *
 * Context: may sleep; bounded.
 */
void lun_disable(struct cxlflash_lun *lun)
{
	struct lun_obj *obj = to_lun_obj(lun);

	mutex_lock(&obj->op_lock);
	if (READ_ONCE(obj->state) != LUN_ENABLED)
		goto out_unlock;
	WRITE_ONCE(lun->gone, true);
	slice_kill(lun);
	/* Readers of @gone; and lun_io_released() after a failed freeze. */
	synchronize_rcu();
	reinit_completion(&obj->closed);
	reinit_completion(&lun->drained);
	__module_get(THIS_MODULE);
	mutex_lock(&lun->lock);
	WRITE_ONCE(obj->state, LUN_CLOSING);
	mutex_unlock(&lun->lock);
	percpu_ref_kill(&lun->io_ref);
	if (!wait_for_completion_timeout(&obj->closed, LUN_GRACE))
		pr_warn("lun %s: disabled, but its store is busy and stays open\n",
			lun->name);
out_unlock:
	mutex_unlock(&obj->op_lock);
}

/* ------------------------------------------------ administrative acts */

/**
 * lun_op_begin() - do something to an enabled LUN, over store I/O
 * @lun: that
 *
 * Until lun_op_end() it is not disabled, resized, formatted or activated by
 * anybody else.
 *
 * Context: may sleep.
 * Return: 0; -ENODEV if it is not enabled.
 */
int lun_op_begin(struct cxlflash_lun *lun)
{
	struct lun_obj *obj = to_lun_obj(lun);
	int ret = 0;

	mutex_lock(&obj->op_lock);
	if (READ_ONCE(obj->state) != LUN_ENABLED) {
		mutex_unlock(&obj->op_lock);
		ret = -ENODEV;
	}
	return ret;
}

/**
 * lun_op_end() - done
 * @lun: of lun_op_begin()
 *
 * Context: process.
 */
void lun_op_end(struct cxlflash_lun *lun)
{
	mutex_unlock(&to_lun_obj(lun)->op_lock);
}

/**
 * lun_op_assert_held() - between lun_op_begin() and lun_op_end()
 * @lun: that
 *
 * Context: any.
 */
void lun_op_assert_held(struct cxlflash_lun *lun)
{
	lockdep_assert_held(&to_lun_obj(lun)->op_lock);
}

/**
 * lun_store_writable() - may the store be written to?
 * @lun: enabled or closing
 *
 * Context: any.
 * Return: that it was opened for writing.
 */
bool lun_store_writable(struct cxlflash_lun *lun)
{
	return !to_lun_obj(lun)->store_read_only;
}

/**
 * lun_freeze() - have the store alone
 * @lun: in an act; lun_thaw() must follow
 *
 * Commands that come meanwhile are refused, those in flight waited for.
 *
 * Context: may sleep; bounded.
 * Return: false if some are still out.
 */
bool lun_freeze(struct cxlflash_lun *lun)
{
	lun_op_assert_held(lun);
	/* lun_io_released() of an earlier freeze has completed this. */
	synchronize_rcu();
	reinit_completion(&lun->drained);
	percpu_ref_kill(&lun->io_ref);
	return wait_for_completion_timeout(&lun->drained, LUN_GRACE);
}

/**
 * lun_thaw() - let commands in again
 * @lun: of lun_freeze(), whatever it said
 *
 * Context: may sleep.
 */
void lun_thaw(struct cxlflash_lun *lun)
{
	lun_op_assert_held(lun);
	percpu_ref_resurrect(&lun->io_ref);
}

/**
 * lun_state_name() - for configfs
 * @lun: that
 *
 * Context: any.
 * Return: "disabled", "enabled", or "closing": its store has I/O out.
 */
const char *lun_state_name(struct cxlflash_lun *lun)
{
	switch (READ_ONCE(to_lun_obj(lun)->state)) {
	case LUN_ENABLED:
		return "enabled";
	case LUN_CLOSING:
		return "closing";
	default:
		return "disabled";
	}
}

/* Handles count on what they have, a table on the whole LUN. */
static int lun_may_shrink(struct cxlflash_lun *lun)
{
	int ret = 0;

	mutex_lock(&lun->lock);
	if (lun->nr_users || lun->formatted)
		ret = -EBUSY;
	mutex_unlock(&lun->lock);
	return ret;
}

static int lun_shrink(struct cxlflash_lun *lun, u64 bytes)
{
	u64 nr_blocks = lun->nr_blocks;
	int ret;

	ret = lun_may_shrink(lun);
	if (ret)
		return ret;
	/* First no command goes there, then there is nothing. */
	WRITE_ONCE(lun->nr_blocks, bytes >> lun->block_lg2);
	ret = -EBUSY;
	if (lun_freeze(lun))
		ret = lun->store->ops->resize(lun->store, bytes);
	if (ret)
		WRITE_ONCE(lun->nr_blocks, nr_blocks);
	lun_thaw(lun);
	return ret;
}

static int lun_grow(struct cxlflash_lun *lun, u64 bytes)
{
	struct afu_store *st = lun->store;
	u64 nr_blocks;
	int ret;

	ret = st->ops->resize(st, bytes);
	if (ret)
		return ret;
	nr_blocks = st->size >> lun->block_lg2;
	/* With no size given the backing may turn out to have shrunk. */
	if (nr_blocks < lun->nr_blocks) {
		ret = lun_may_shrink(lun);
		if (ret)
			return ret;
	}
	mutex_lock(&lun->lock);
	if (lun->chunks)
		ret = chunk_map_grow(lun->chunks, st->size / SISL_CHUNK_BYTES);
	if (!ret)
		WRITE_ONCE(lun->nr_blocks, nr_blocks);
	mutex_unlock(&lun->lock);
	return ret;
}

/**
 * lun_resize() - another capacity, live
 * @lun: enabled
 * @bytes: the new size; 0: what the backing has now
 *
 * Context: may sleep; takes adapters' locks.
 * Return: 0; -ENODEV if it is not enabled; -EINVAL if @bytes is not a multiple
 * of the block size; -EOPNOTSUPP if the store has one size; -EBUSY if it would
 * shrink and is used, formatted, or has I/O that does not return; -ENOMEM;
 * what the store says.
 */
int lun_resize(struct cxlflash_lun *lun, u64 bytes)
{
	u64 old;
	int ret;

	ret = lun_op_begin(lun);
	if (ret)
		return ret;
	old = lun->nr_blocks;
	if (bytes & ((1ULL << lun->block_lg2) - 1))
		ret = -EINVAL;
	else if (!lun->store->ops->resize)
		ret = -EOPNOTSUPP;
	else if (bytes && bytes >> lun->block_lg2 < old)
		ret = lun_shrink(lun, bytes);
	else
		ret = lun_grow(lun, bytes);
	if (lun->nr_blocks != old)
		lun_unit_attention(lun, UA_CAPACITY_CHANGED);
	else
		old = 0;
	lun_op_end(lun);
	if (old)
		adapter_lun_changed(lun);
	return ret;
}

/**
 * lun_set_read_only() - forbid or allow writes, live
 * @lun: enabled or not
 * @read_only: forbid
 *
 * Writes that were let in before may still land.
 *
 * Context: may sleep; takes adapters' locks.
 * Return: 0; -EBUSY if the store was opened read-only: only enabling it anew
 * opens it for writing.
 */
int lun_set_read_only(struct cxlflash_lun *lun, bool read_only)
{
	struct lun_obj *obj = to_lun_obj(lun);
	bool changed = false;
	int ret = 0;

	mutex_lock(&obj->op_lock);
	if (READ_ONCE(obj->state) == LUN_DISABLED) {
		WRITE_ONCE(lun->read_only, read_only);
	} else if (!read_only && obj->store_read_only) {
		ret = -EBUSY;
	} else if (lun->read_only != read_only) {
		WRITE_ONCE(lun->read_only, read_only);
		lun_unit_attention(lun, UA_MODE_CHANGED);
		changed = true;
	}
	mutex_unlock(&obj->op_lock);
	if (changed)
		adapter_lun_changed(lun);
	return ret;
}

/**
 * lun_unit_attention() - every initiator shall hear of a change
 * @lun: that changed
 * @asc_ascq: additional sense code and qualifier
 *
 * Context: any.
 */
void lun_unit_attention(struct cxlflash_lun *lun, u16 asc_ascq)
{
	unsigned long flags;

	spin_lock_irqsave(&lun->resv_lock, flags);
	WRITE_ONCE(lun->ua_code, asc_ascq);
	/*
	 * Release: who sees the new generation (with acquire, or under
	 * @resv_lock, in disk.c) sees a code at least as new.
	 */
	atomic_inc_return_release(&lun->ua_generation);
	spin_unlock_irqrestore(&lun->resv_lock, flags);
}

/**
 * lun_init() - set up what all LUNs share
 *
 * Context: may sleep.
 * Return: 0; -ENOMEM.
 */
int lun_init(void)
{
	table_init();
	lun_wq = alloc_workqueue("cxlflash_lun", WQ_UNBOUND, 0);
	return lun_wq ? 0 : -ENOMEM;
}

/**
 * lun_exit() - undo lun_init(); no LUN is left
 *
 * Context: may sleep.
 */
void lun_exit(void)
{
	destroy_workqueue(lun_wq);
	/* lun_free_rcu() */
	rcu_barrier();
}
