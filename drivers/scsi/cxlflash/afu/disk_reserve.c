// SPDX-License-Identifier: GPL-2.0-only
/*
 * Persistent reservations
 *
 * An initiator is an adapter's SCSI host, whose contexts are one, or any other
 * context for itself; with the port of the adapter it is a nexus.  Nexuses are
 * known by names, so a registration outlives what it names, as with real disks.
 *
 * A LUN that was never registered with has no struct disk_reservation, and one
 * without reservation and pending events is not @active: nothing of this is
 * then looked at by commands.
 *
 * PREEMPT AND ABORT answers when the writes of those that it preempted are
 * over: one that has seen the old reservation has said in @write that it is a
 * write before it took @resv_lock, so it is found afterwards.  No new ones can
 * begin.
 *
 * Locals: r, the LUN's reservations; o, what is to be done to them.
 */
#include "cmd.h"
#include "disk.h"

#define RESV_WRITE_EXCLUSIVE		1
#define RESV_EXCLUSIVE			3
#define RESV_WRITE_EXCLUSIVE_REG	5
#define RESV_EXCLUSIVE_REG		6
#define RESV_WRITE_EXCLUSIVE_ALL	7
#define RESV_EXCLUSIVE_ALL		8

/* ASC and ASCQ of events. */
#define RESV_PREEMPTED			0x2a03
#define RESV_RELEASED			0x2a04
#define RESV_REGISTRATION_PREEMPTED	0x2a05

#define RESV_LIST_LEN			24
/* Of the parameter list: initiators named, all ports, over power loss. */
#define RESV_LIST_FLAGS			0x0d
#define RESV_LIST_SPEC_I_PT		0x08

/* How long PREEMPT AND ABORT waits. */
#define RESV_DRAIN			(10 * HZ)

/**
 * struct resv_op - a PERSISTENT RESERVE OUT
 * @me: who sends it
 * @sa: service action
 * @mode: scope and type
 * @key: reservation key
 * @sa_key: service action reservation key
 * @nr_removed: registrants that were preempted
 * @removed: them
 */
struct resv_op {
	struct resv_nexus me;
	u8 sa;
	u8 mode;
	u64 key;
	u64 sa_key;
	unsigned int nr_removed;
	struct resv_nexus removed[RESV_MAX_REGISTRANTS];
};

/* ----------------------------------------------------------------- nexuses */

static void resv_nexus_of(const struct afu_cmd *cmd, struct resv_nexus *nexus)
{
	const struct cxlflash_ctx *ctx = cmd->ctx;
	bool host = !ctx->user && ctx->caps & SISL_CAP_GSCSI;

	memset(nexus, 0, sizeof(*nexus));
	strscpy(nexus->adapter, ctx->ad->name, sizeof(nexus->adapter));
	nexus->ctx = host ? RESV_HOST : ctx->id;
	nexus->port = cmd->port;
}

static bool resv_is_same(const struct resv_nexus *a, const struct resv_nexus *b)
{
	return a->ctx == b->ctx && a->port == b->port &&
	       !strcmp(a->adapter, b->adapter);
}

/* Index of the registration, or -1. */
static int resv_find(const struct disk_reservation *r,
		     const struct resv_nexus *nexus)
{
	unsigned int i;

	for (i = 0; i < r->nr; i++)
		if (resv_is_same(&r->reg[i].nexus, nexus))
			return i;
	return -1;
}

/* ------------------------------------------------------------ reservations */

static bool resv_is_all(u8 type)
{
	return type == RESV_WRITE_EXCLUSIVE_ALL || type == RESV_EXCLUSIVE_ALL;
}

/* Is it one that all registrants share the access of? */
static bool resv_is_shared(u8 type)
{
	return type >= RESV_WRITE_EXCLUSIVE_REG;
}

static bool resv_type_is_valid(u8 mode)
{
	switch (mode) {
	case RESV_WRITE_EXCLUSIVE:
	case RESV_EXCLUSIVE:
	case RESV_WRITE_EXCLUSIVE_REG:
	case RESV_EXCLUSIVE_REG:
	case RESV_WRITE_EXCLUSIVE_ALL:
	case RESV_EXCLUSIVE_ALL:
		return true;
	default:
		/* The upper half is the scope: the LUN, 0, is the only one. */
		return false;
	}
}

static bool resv_is_holder(const struct disk_reservation *r, int index)
{
	return r->type && index >= 0 &&
	       (resv_is_all(r->type) || r->holder == index);
}

static void resv_update(struct disk_reservation *r)
{
	WRITE_ONCE(r->active, r->type || r->nr_events);
}

static void resv_add_event(struct disk_reservation *r,
			   const struct resv_nexus *nexus, u16 code)
{
	unsigned int i;

	for (i = 0; i < r->nr_events; i++)
		if (r->events[i].code == code &&
		    resv_is_same(&r->events[i].nexus, nexus))
			return;
	/* Those that never come back must not stand in the way of others. */
	if (r->nr_events == ARRAY_SIZE(r->events)) {
		r->nr_events--;
		memmove(r->events, r->events + 1,
			r->nr_events * sizeof(r->events[0]));
	}
	r->events[r->nr_events].nexus = *nexus;
	r->events[r->nr_events].code = code;
	r->nr_events++;
}

static void resv_tell_others(struct disk_reservation *r,
			     const struct resv_nexus *me, u16 code)
{
	unsigned int i;

	for (i = 0; i < r->nr; i++)
		if (!resv_is_same(&r->reg[i].nexus, me))
			resv_add_event(r, &r->reg[i].nexus, code);
}

/* The last one takes its place. */
static void resv_remove(struct disk_reservation *r, unsigned int index)
{
	if (r->type && !resv_is_all(r->type)) {
		if (r->holder == index)
			r->type = 0;
		else if (r->holder == r->nr - 1)
			r->holder = index;
	}
	r->reg[index] = r->reg[--r->nr];
	if (!r->nr)
		r->type = 0;
}

/* ------------------------------------------------------ what commands ask */

static bool resv_conflicts(const struct disk_reservation *r,
			   const struct resv_nexus *nexus,
			   enum cdb_access access)
{
	int index;

	if (!r->type || access == CDB_ACCESS_FREE)
		return false;
	index = resv_find(r, nexus);
	if (index >= 0 &&
	    (resv_is_shared(r->type) || resv_is_holder(r, index)))
		return false;
	switch (r->type) {
	case RESV_WRITE_EXCLUSIVE:
	case RESV_WRITE_EXCLUSIVE_REG:
	case RESV_WRITE_EXCLUSIVE_ALL:
		return access == CDB_ACCESS_WRITE;
	default:
		return true;
	}
}

/**
 * resv_check() - may a command go on?
 * @cmd: command of a LUN for which resv_is_active() holds
 * @access: what it does
 *
 * Context: any but irq.
 * Return: 0 or %DISK_CONFLICT.
 */
u32 resv_check(struct afu_cmd *cmd, enum cdb_access access)
{
	struct cxlflash_lun *lun = cmd->lun;
	struct resv_nexus nexus;
	unsigned long flags;
	bool conflict;

	resv_nexus_of(cmd, &nexus);
	spin_lock_irqsave(&lun->resv_lock, flags);
	conflict = resv_conflicts(lun->resv, &nexus, access);
	spin_unlock_irqrestore(&lun->resv_lock, flags);
	return conflict ? DISK_CONFLICT : 0;
}

/**
 * resv_take_event() - the oldest event of a nexus, which is then gone
 * @cmd: command of a LUN for which resv_is_active() holds
 *
 * Context: any but irq.
 * Return: ASC and ASCQ, or 0.
 */
u16 resv_take_event(struct afu_cmd *cmd)
{
	struct cxlflash_lun *lun = cmd->lun;
	struct disk_reservation *r;
	struct resv_nexus nexus;
	unsigned long flags;
	unsigned int i;
	u16 code = 0;

	resv_nexus_of(cmd, &nexus);
	spin_lock_irqsave(&lun->resv_lock, flags);
	r = lun->resv;
	for (i = 0; i < r->nr_events && !code; i++) {
		if (!resv_is_same(&r->events[i].nexus, &nexus))
			continue;
		code = r->events[i].code;
		r->nr_events--;
		memmove(r->events + i, r->events + i + 1,
			(r->nr_events - i) * sizeof(r->events[0]));
	}
	resv_update(r);
	spin_unlock_irqrestore(&lun->resv_lock, flags);
	return code;
}

/* --------------------------------------------------- PERSISTENT RESERVE IN */

static unsigned int resv_read_keys(const struct disk_reservation *r, u8 *p)
{
	unsigned int i;

	for (i = 0; i < r->nr; i++)
		put_unaligned_be64(r->reg[i].key, p + 8 * i);
	return 8 * r->nr;
}

static unsigned int resv_read_reservation(const struct disk_reservation *r,
					  u8 *p)
{
	if (!r->type)
		return 0;
	if (!resv_is_all(r->type))
		put_unaligned_be64(r->reg[r->holder].key, p);
	p[13] = r->type;
	return 16;
}

/* A Fibre Channel port name, locally assigned: the same name, the same port. */
static u64 resv_port_name(const struct resv_nexus *nexus)
{
	u64 hash = 0xcbf29ce484222325ULL;
	const u8 *p;

	for (p = (const u8 *)nexus->adapter; *p; p++)
		hash = (hash ^ *p) * 0x100000001b3ULL;
	hash = (hash ^ nexus->ctx) * 0x100000001b3ULL;
	return 3ULL << 60 | (hash & GENMASK_ULL(59, 0));
}

static unsigned int resv_read_full_status(const struct disk_reservation *r,
					  u8 *p)
{
	unsigned int i;

	static_assert(8 + RESV_STATUS_LEN * RESV_MAX_REGISTRANTS <=
		      DISK_ANSWER_MAX);
	for (i = 0; i < r->nr; i++, p += RESV_STATUS_LEN) {
		put_unaligned_be64(r->reg[i].key, p);
		if (resv_is_holder(r, i)) {
			p[12] = 0x01;
			p[13] = r->type;
		}
		put_unaligned_be16(r->reg[i].nexus.port + 1, p + 18);
		put_unaligned_be32(RESV_STATUS_LEN - 24, p + 20);
		put_unaligned_be64(resv_port_name(&r->reg[i].nexus), p + 32);
	}
	return RESV_STATUS_LEN * r->nr;
}

static int resv_capabilities(u8 *buf)
{
	put_unaligned_be16(8, buf);
	/* The mask of types is valid: all six. */
	buf[3] = 0x80;
	buf[4] = 0xea;
	buf[5] = 0x01;
	return 8;
}

/**
 * resv_in() - PERSISTENT RESERVE IN
 * @cmd: command
 * @req: its CDB
 * @buf: answer, zeroed
 *
 * Context: a worker.
 * Return: bytes.
 */
int resv_in(struct afu_cmd *cmd, const struct cdb_req *req, u8 *buf)
{
	struct cxlflash_lun *lun = cmd->lun;
	struct disk_reservation *r;
	unsigned long flags;
	unsigned int len = 0;

	if (req->sa == CDB_PR_IN_CAPABILITIES)
		return resv_capabilities(buf);
	spin_lock_irqsave(&lun->resv_lock, flags);
	r = lun->resv;
	if (!r)
		goto out_unlock;
	put_unaligned_be32(r->generation, buf);
	if (req->sa == CDB_PR_IN_KEYS)
		len = resv_read_keys(r, buf + 8);
	else if (req->sa == CDB_PR_IN_RESERVATION)
		len = resv_read_reservation(r, buf + 8);
	else
		len = resv_read_full_status(r, buf + 8);
out_unlock:
	spin_unlock_irqrestore(&lun->resv_lock, flags);
	put_unaligned_be32(len, buf + 4);
	return 8 + len;
}

/* -------------------------------------------------- PERSISTENT RESERVE OUT */

/* These return 0, DISK_CONFLICT or a CDB_SENSE; under @resv_lock. */

static void resv_unregister(struct disk_reservation *r,
			    const struct resv_op *o, int index)
{
	u8 type = r->type;

	resv_remove(r, index);
	if (type && !r->type && resv_is_shared(type))
		resv_tell_others(r, &o->me, RESV_RELEASED);
}

static u32 resv_register(struct disk_reservation *r, const struct resv_op *o)
{
	int index = resv_find(r, &o->me);

	if (o->sa == CDB_PR_REGISTER &&
	    o->key != (index < 0 ? 0 : r->reg[index].key))
		return DISK_CONFLICT;
	if (index < 0 && !o->sa_key)
		return 0;
	if (index < 0) {
		if (r->nr == ARRAY_SIZE(r->reg))
			return CDB_SENSE_NO_RESOURCES;
		index = r->nr++;
		r->reg[index].nexus = o->me;
	}
	if (o->sa_key)
		r->reg[index].key = o->sa_key;
	else
		resv_unregister(r, o, index);
	r->generation++;
	return 0;
}

static u32 resv_reserve(struct disk_reservation *r, const struct resv_op *o,
			int index)
{
	if (!resv_type_is_valid(o->mode))
		return CDB_SENSE_BAD_FIELD;
	if (r->type)
		return resv_is_holder(r, index) && r->type == o->mode ?
			0 : DISK_CONFLICT;
	r->type = o->mode;
	r->holder = index;
	return 0;
}

static u32 resv_release(struct disk_reservation *r, const struct resv_op *o,
			int index)
{
	u8 type = r->type;

	if (!resv_is_holder(r, index))
		return 0;
	if (type != o->mode)
		return CDB_SENSE_BAD_RELEASE;
	r->type = 0;
	if (resv_is_shared(type))
		resv_tell_others(r, &o->me, RESV_RELEASED);
	return 0;
}

static u32 resv_clear(struct disk_reservation *r, const struct resv_op *o)
{
	resv_tell_others(r, &o->me, RESV_PREEMPTED);
	r->type = 0;
	r->nr = 0;
	r->generation++;
	return 0;
}

/* Registrants with the key, or all; me only if @self. */
static void resv_preempt_registrants(struct disk_reservation *r,
				     struct resv_op *o, bool all, bool self)
{
	const struct resv_entry *e;
	unsigned int i = 0;

	while (i < r->nr) {
		e = &r->reg[i];
		if ((!all && e->key != o->sa_key) ||
		    (!self && resv_is_same(&e->nexus, &o->me))) {
			i++;
			continue;
		}
		if (!resv_is_same(&e->nexus, &o->me))
			resv_add_event(r, &e->nexus,
				       RESV_REGISTRATION_PREEMPTED);
		o->removed[o->nr_removed++] = e->nexus;
		resv_remove(r, i);
	}
}

static u32 resv_preempt(struct disk_reservation *r, struct resv_op *o)
{
	bool all = resv_is_all(r->type), take;
	u8 type = r->type;

	if (!resv_type_is_valid(o->mode))
		return CDB_SENSE_BAD_FIELD;
	take = type && (all ? !o->sa_key :
			r->reg[r->holder].key == o->sa_key);
	if (!take && !o->sa_key)
		return CDB_SENSE_BAD_PARAM;
	resv_preempt_registrants(r, o, take && all, !take);
	if (take) {
		r->type = o->mode;
		r->holder = resv_find(r, &o->me);
		if (type != o->mode)
			resv_tell_others(r, &o->me, RESV_RELEASED);
	} else if (!o->nr_removed) {
		return DISK_CONFLICT;
	}
	r->generation++;
	return 0;
}

static u32 resv_execute(struct disk_reservation *r, struct resv_op *o)
{
	int index;

	if (o->sa == CDB_PR_REGISTER || o->sa == CDB_PR_REGISTER_IGNORE)
		return resv_register(r, o);
	index = resv_find(r, &o->me);
	if (index < 0 || r->reg[index].key != o->key)
		return DISK_CONFLICT;
	switch (o->sa) {
	case CDB_PR_RESERVE:
		return resv_reserve(r, o, index);
	case CDB_PR_RELEASE:
		return resv_release(r, o, index);
	case CDB_PR_CLEAR:
		return resv_clear(r, o);
	default:
		return resv_preempt(r, o);
	}
}

/* The LUN's, made by the first who registers. */
static u32 resv_execute_locked(struct cxlflash_lun *lun, struct resv_op *o)
{
	struct disk_reservation *fresh = NULL;
	unsigned long flags;
	u32 status;

	if (!READ_ONCE(lun->resv) && o->sa_key) {
		fresh = kzalloc(sizeof(*fresh), GFP_NOIO | __GFP_NOWARN);
		if (!fresh)
			return CDB_SENSE_NO_RESOURCES;
	}
	spin_lock_irqsave(&lun->resv_lock, flags);
	if (!lun->resv) {
		/* Paired with the dependent reads of resv_is_active(). */
		smp_store_release(&lun->resv, fresh);
		fresh = NULL;
	}
	if (lun->resv) {
		status = resv_execute(lun->resv, o);
		resv_update(lun->resv);
	} else {
		/* Nobody is registered; who does so with 0 stays so. */
		status = o->sa == CDB_PR_REGISTER_IGNORE ||
			 (o->sa == CDB_PR_REGISTER && !o->key) ?
			 0 : DISK_CONFLICT;
	}
	spin_unlock_irqrestore(&lun->resv_lock, flags);
	kfree(fresh);
	return status;
}

/* ------------------------------------------------------ PREEMPT AND ABORT */

/* Wait for the writes to @lun by @ctx through the port, but for @self. */
static bool resv_drain_ctx(struct cxlflash_ctx *ctx,
			   const struct cxlflash_lun *lun, u32 port,
			   const struct afu_cmd *self, unsigned long end)
{
	struct afu_cmd *other;
	unsigned int i;
	long left;
	u64 seq;

	/* Those without a slot are over when the pass is: see flat.c. */
	ctx_lock_busy(ctx);
	ctx_unlock_busy(ctx);
	for (i = 0; i < ctx->cmd_room; i++) {
		other = &ctx->slots[i];
		seq = READ_ONCE(other->seq);
		if (!cmd_is_out(other) || other == self ||
		    READ_ONCE(other->lun) != lun || !READ_ONCE(other->write) ||
		    READ_ONCE(other->port) != port)
			continue;
		left = time_before(jiffies, end) ? end - jiffies : 0;
		/* Its barrier is paired with llist_add() in cmd_finish(). */
		if (!wait_event_timeout(ctx->idle, !cmd_is_out(other) ||
					READ_ONCE(other->seq) != seq, left))
			return false;
	}
	return true;
}

static bool resv_drain_nexus(const struct resv_nexus *nexus,
			     const struct afu_cmd *self, unsigned long end)
{
	struct cxlflash_adapter *ad = cxlflash_adapter_find(nexus->adapter);
	struct cxlflash_ctx *ctx;
	bool ok = true, host;
	unsigned long id;

	if (!ad)
		return true;
	for (id = 0; ok && (ctx = ctx_next(ad, &id)); id++) {
		host = !ctx->user && ctx->caps & SISL_CAP_GSCSI;
		if (host ? nexus->ctx == RESV_HOST : nexus->ctx == ctx->id)
			ok = resv_drain_ctx(ctx, self->lun, nexus->port, self,
					    end);
		ctx_put(ctx);
	}
	cxlflash_adapter_put(ad);
	return ok;
}

static bool resv_drain(const struct resv_op *o, const struct afu_cmd *cmd)
{
	unsigned long end = jiffies + RESV_DRAIN;
	unsigned int i;

	for (i = 0; i < o->nr_removed; i++)
		if (!resv_drain_nexus(&o->removed[i], cmd, end))
			return false;
	return true;
}

/* ------------------------------------------------------------------------ */

static u32 resv_parse(struct afu_cmd *cmd, const struct cdb_req *req,
		      struct resv_op *o)
{
	u8 *list = disk_fetch(cmd, RESV_LIST_LEN);
	u8 flags;

	/* The status says why. */
	if (!list)
		return U32_MAX;
	resv_nexus_of(cmd, &o->me);
	o->sa = req->sa;
	o->mode = req->mode;
	o->key = get_unaligned_be64(list);
	o->sa_key = get_unaligned_be64(list + 8);
	flags = list[20];
	kfree(list);
	if (o->sa != CDB_PR_REGISTER && o->sa != CDB_PR_REGISTER_IGNORE)
		flags &= RESV_LIST_SPEC_I_PT;
	return flags & RESV_LIST_FLAGS ? CDB_SENSE_BAD_PARAM : 0;
}

static void resv_set_status(struct afu_cmd *cmd, u32 status)
{
	if (!status) {
		disk_set_transferred(cmd, RESV_LIST_LEN);
	} else if (status == DISK_CONFLICT) {
		cmd_set_scsi_rc(cmd, status);
		cmd->status.resid = cmd->arcb.data_len - cmd->moved;
	} else if (status != U32_MAX) {
		disk_set_sense(cmd, status);
	}
}

/**
 * resv_out() - PERSISTENT RESERVE OUT
 * @cmd: command
 * @req: its CDB
 *
 * Context: a worker that may wait for commands; the command is the caller's,
 * and no more afterwards.
 */
void resv_out(struct afu_cmd *cmd, const struct cdb_req *req)
{
	struct resv_op *o;
	u32 status;

	if (req->len != RESV_LIST_LEN) {
		disk_refuse(cmd, CDB_SENSE_LIST_LENGTH);
		return;
	}
	o = kzalloc(sizeof(*o), GFP_NOIO | __GFP_NOWARN);
	if (!o) {
		cmd_set_afu_rc(cmd, SISL_AFU_RC_OUT_OF_DATA_BUFS);
		cmd_complete(cmd);
		return;
	}
	status = resv_parse(cmd, req, o);
	if (!status)
		status = resv_execute_locked(cmd->lun, o);
	/* ABORTED COMMAND, LUN communication timeout: writes may still land. */
	if (!status && o->sa == CDB_PR_PREEMPT_ABORT && !resv_drain(o, cmd))
		status = CDB_SENSE(0x0b, 0x08, 0x01);
	resv_set_status(cmd, status);
	kfree(o);
	cmd_complete(cmd);
}
