// SPDX-License-Identifier: GPL-2.0-only
/*
 * The flat path: READ and WRITE as they nearly always are
 *
 * What programs and guests send is mostly one of these two, with nothing out of
 * the ordinary about it: a handle, data in one piece and at hand, a status at
 * hand, a length that fits.  If the store is memory, such a request needs no
 * slot, no state and no reference of its own: it is over before the pass is,
 * executed from its snapshot on the stack.  For other stores it gets a slot,
 * and its pages go to the store at once.  What it has in common with its
 * neighbours (handle, LUN, references, locks, counters) is done once for all of
 * a batch.
 *
 * The flat path changes nothing but data before it has seen that all is as
 * usual.  Whatever is not, and whatever fails, it leaves to cmd.c, which gets
 * the same snapshot and has the last word about statuses.  So there is no rule
 * here that is not there, and nothing is right here that is wrong there.
 *
 * A batch is executed and posted in RCU read sections which compare the epoch,
 * as cmd_post.c has it.  Its requests count in @nr_inflight from the fetch on;
 * whoever goes through the slots of a context to find its commands takes
 * CTX_BUSY first, and so finds all of ours that are not over.
 *
 * Stores are not called in an RCU read section, as they may sleep.  Commands of
 * a batch that follow each other in the store are one request to it.  What a
 * store completes before it returns is collected and posted together.
 *
 * Locals: b, the batch; t, its target.
 */
#include <linux/blkdev.h>

#include "cdb.h"
#include "cmd.h"
#include "disk.h"
#include "store_ram.h"
#include "trace.h"

/* Is there nothing that only the long way does? */
static bool flat_is_possible(struct cxlflash_ctx *ctx)
{
	return !static_branch_unlikely(&afu_faults_key) &&
	       ctx_is_native(ctx) && !ctx->dirty_log &&
	       !ctx_is_limited(ctx) &&
	       !trace_cxlflash_cmd_fetch_enabled() &&
	       !trace_cxlflash_cmd_complete_enabled();
}

/* ----------------------------------------------------------------- target */

static void flat_put_target(struct flat_target *t)
{
	if (!t->lun)
		return;
	/* Commands have references of their own; ours is one of these. */
	if (t->nr_cmds > 1)
		percpu_ref_get_many(&t->lun->io_ref, t->nr_cmds - 1);
	else if (!t->nr_cmds)
		percpu_ref_put(&t->lun->io_ref);
	t->nr_cmds = 0;
	t->lun = NULL;
}

/* Under RCU.  false: the long way will say what is wrong. */
static bool flat_find_target(struct cxlflash_ctx *ctx, u32 handle)
{
	struct flat_target *t = &ctx->flat.target;
	struct rht_xlate x;

	flat_put_target(t);
	if (rht_lookup(ctx, handle, &x) ||
	    x.flags & CXLFLASH_HANDLE_SINGLE_BLOCK ||
	    !percpu_ref_tryget_live_rcu(&x.lun->io_ref))
		return false;
	t->lun = x.lun;
	t->store = x.lun->store;
	t->nr_blocks = x.nr_blocks;
	t->handle = handle;
	t->block_lg2 = x.lun->block_lg2;
	t->virt = !x.physical;
	t->chunk_blocks = 0;
	t->slice = x.slice;
	t->may[READ] = x.perm & ctx->caps & SISL_CAP_READ;
	t->may[WRITE] = x.perm & ctx->caps & SISL_CAP_WRITE &&
		       !disk_lun_is_protected(x.lun, x.slice, t->virt);
	t->memory = t->store->flags & STORE_MEMORY;
	t->dataless = t->store->flags & STORE_DATALESS;
	t->ram = NULL;
	if (t->store->ops == &store_ram_ops &&
	    !(t->store->flags & STORE_READ_ONLY))
		t->ram = t->store->priv;
	if (!(ctx->clear_dataless && t->dataless) &&
	    disk_lun_is_quiet(ctx, x.lun, x.slice))
		return true;
	flat_put_target(t);
	return false;
}

/* -------------------------------------------------------------- execution */

/* Find the chunk of @lba, for a handle that does not show a LUN as it is. */
static noinline bool flat_find_chunk(struct cxlflash_ctx *ctx, u64 lba)
{
	struct flat_target *t = &ctx->flat.target;
	u32 blocks = SISL_CHUNK_BYTES >> t->block_lg2;
	bool unwritten = false;

	t->chunk_lba = lba & ~((u64)blocks - 1);
	if (!rht_translate(ctx, t->handle, t->chunk_lba, blocks, &t->chunk_pos,
			   &t->chunk_blocks, &unwritten) && !unwritten)
		return true;
	t->chunk_blocks = 0;
	return false;
}

static bool flat_translate(struct cxlflash_ctx *ctx, u64 lba, u32 nr, u64 *pos)
{
	const struct flat_target *t = &ctx->flat.target;

	if (lba - t->chunk_lba >= t->chunk_blocks && !flat_find_chunk(ctx, lba))
		return false;
	lba -= t->chunk_lba;
	*pos = t->chunk_pos + (lba << t->block_lg2);
	return lba < t->chunk_blocks && nr <= t->chunk_blocks - lba;
}

/* Where the blocks are in the store; false: not in one piece, or not at all. */
static bool flat_range(struct cxlflash_ctx *ctx, const struct cdb_rw *rw,
		       u32 len, u64 *pos)
{
	const struct flat_target *t = &ctx->flat.target;
	u32 nr = rw->nr_blocks;

	if (unlikely(!nr || (u64)nr << t->block_lg2 != len ||
		     len > FLAT_BYTES_MAX || rw->lba >= t->nr_blocks ||
		     nr > t->nr_blocks - rw->lba))
		return false;
	*pos = rw->lba << t->block_lg2;
	return !t->virt || flat_translate(ctx, rw->lba, nr, pos);
}

/* Between the store and the owner: false if it failed. */
static bool flat_move(const struct flat_target *t, u64 pos, void *kva, u32 len,
		      bool write)
{
	void *page;

	/* Pages as a whole are the usual case. */
	if (t->ram && len == PAGE_SIZE && !offset_in_page(pos)) {
		page = store_ram_find(t->ram, pos);
		if (likely(page)) {
			memcpy(write ? page : kva, write ? kva : page,
			       PAGE_SIZE);
			return true;
		}
	}
	return !t->store->ops->copy(t->store, pos, kva, len, write);
}

/* Move the data: false if it cannot be done here, or failed.  Under RCU. */
static bool flat_copy(struct cxlflash_ctx *ctx, const struct sisl_ioarcb *arcb,
		      u64 pos, bool write)
{
	const struct flat_target *t = &ctx->flat.target;
	u32 len = arcb->data_len;
	void *kva;

	kva = ctx_kva_whole(ctx, &ctx->win.data, arcb->data_ea, len, !write);
	if (unlikely(!kva))
		return false;
	/* A call that would do nothing. */
	if (!t->dataless && unlikely(!flat_move(t, pos, kva, len, write)))
		return false;
	if (write)
		ctx->flat.write_bytes += len;
	else
		ctx->flat.read_bytes += len;
	return true;
}

/* Have a command in a slot that goes to the store when RCU permits. */
static void flat_prepare(struct cxlflash_ctx *ctx,
			 const struct sisl_ioarcb *arcb, unsigned int idx,
			 const struct cdb_rw *rw, struct sisl_ioasa *ioasa,
			 u64 pos)
{
	struct flat_batch *b = &ctx->flat;
	struct flat_target *t = &b->target;
	struct afu_cmd *cmd = cmd_new(ctx, b->ea[idx], b->from_sq);

	if (!cmd)
		return;
	cmd->arcb = *arcb;
	b->taken[b->nr_taken++] = cmd;
	if (!cmd_take_pages(cmd, rw->write)) {
		cmd->fn = cmd_begin;
		return;
	}
	cmd->ioasa_ea = b->from_sq ? arcb->ioasa_ea :
			b->ea[idx] + sizeof(*arcb);
	cmd->rrq_ea = b->from_sq ? arcb->ioasa_ea : b->ea[idx];
	cmd->ioasa = ioasa;
	t->nr_cmds++;
	cmd->lun = t->lun;
	cmd->handle_flags = CXLFLASH_HANDLE_READ | CXLFLASH_HANDLE_WRITE;
	cmd->slice = t->slice;
	cmd->virt = t->virt;
	cmd->lba_limit = t->nr_blocks;
	cmd->left = arcb->data_len;
	/* Of the handle, as everybody has it; the store wants its own. */
	cmd->pos = rw->lba << t->block_lg2;
	cmd->io.pos = pos;
	cmd->write = rw->write;
	cmd->fn = cmd_submit_taken;
}

/* Is it a READ or WRITE as this context may send it, and nothing else? */
static bool flat_parse(const struct cxlflash_ctx *ctx,
		       const struct sisl_ioarcb *arcb, struct cdb_rw *rw)
{
	const u16 kind = SISL_REQ_RES_HNDL | SISL_REQ_AFU_CMD | SISL_REQ_TMF |
			 SISL_REQ_HOST_WRITE;

	if (unlikely(!cdb_parse_rw(arcb->cdb, rw) || rw->bad || rw->fua))
		return false;
	if (!cdb_is_rw_16(arcb->cdb) && !(ctx->caps & SISL_CAP_GSCSI))
		return false;
	return (arcb->req_flags & kind) ==
	       (SISL_REQ_RES_HNDL | (rw->write ? SISL_REQ_HOST_WRITE : 0)) &&
	       arcb->ctx_id == (u16)ctx->id && !arcb->ioadl_len &&
	       !arcb->timeout;
}

/* Under RCU.  false: nothing has been done that doing again would change. */
static bool flat_execute(struct cxlflash_ctx *ctx,
			 const struct sisl_ioarcb *arcb, unsigned int idx)
{
	struct flat_batch *b = &ctx->flat;
	struct flat_done *done = &b->done[b->nr_done];
	struct cdb_rw rw;
	u64 pos, ioasa_ea;
	void *ioasa;

	if (unlikely(!flat_parse(ctx, arcb, &rw)))
		return false;
	if ((!b->target.lun || b->target.handle != arcb->res_hndl) &&
	    !flat_find_target(ctx, arcb->res_hndl))
		return false;
	if (unlikely(!b->target.may[rw.write]))
		return false;
	ioasa_ea = b->from_sq ? arcb->ioasa_ea : b->ea[idx] + sizeof(*arcb);
	if (unlikely(ioasa_ea & 15))
		return false;
	ioasa = ctx_kva_whole(ctx, &ctx->win.ioasa, ioasa_ea,
			      SISL_IOASA_WRITTEN, true);
	if (unlikely(!ioasa))
		return false;
	if (!flat_range(ctx, &rw, arcb->data_len, &pos))
		return false;
	if (!b->target.memory) {
		flat_prepare(ctx, arcb, idx, &rw, ioasa, pos);
		return true;
	}
	if (!flat_copy(ctx, arcb, pos, rw.write))
		return false;
	memset(ioasa, 0, SISL_IOASA_WRITTEN);
	done->rrq_ea = b->from_sq ? ioasa_ea : b->ea[idx];
	done->idx = idx;
	done->lisn = arcb->msi < SISL_NR_LISN ? arcb->msi : SISL_LISN_NONE;
	b->lisns |= done->lisn;
	b->nr_done++;
	return true;
}

/* The one and only look at the IOARCB, if it is at hand in one piece. */
static bool flat_snapshot(struct cxlflash_ctx *ctx, u64 ea,
			  struct sisl_ioarcb *arcb)
{
	void *kva;

	if (unlikely(ea & 15))
		return false;
	kva = ctx_kva_whole(ctx, &ctx->win.arcb, ea, sizeof(*arcb), false);
	if (unlikely(!kva))
		return false;
	memcpy(arcb, kva, sizeof(*arcb));
	/* From here on the compiler must take what was copied. */
	barrier();
	return true;
}

/* ------------------------------------------------------------------- ends */

/* Count and post what was executed, in the RCU section that executed it. */
static void flat_post(struct cxlflash_ctx *ctx)
{
	struct flat_batch *b = &ctx->flat;
	unsigned int nr = b->nr_done, i;

	flat_put_target(&b->target);
	if (!nr)
		return;
	b->nr_done = 0;
	ctx_count(ctx, read_bytes, b->read_bytes);
	ctx_count(ctx, write_bytes, b->write_bytes);
	ctx->deficit -= b->read_bytes + b->write_bytes;
	b->read_bytes = 0;
	b->write_bytes = 0;
	i = ctx_post_rrqs(ctx, b->done, nr, b->lisns);
	b->lisns = 0;
	if (unlikely(ctx->latency_on))
		ctx_count_latency(ctx, b->start_ns, i);
	ctx_cmds_done(ctx, b->epoch, i);
	/* The ring is not at hand: with a slot it can be waited for. */
	for (; unlikely(i < nr); i++)
		cmd_adopt(ctx, b->ea[b->done[i].idx], b->done[i].rrq_ea,
			  b->done[i].lisn);
}

/*
 * Requests from @i on that are as usual.  Returns the first one that is not:
 * its snapshot is in *@arcb if *@copied.
 */
static unsigned int flat_some(struct cxlflash_ctx *ctx, unsigned int i,
			      struct sisl_ioarcb *arcb, bool *copied)
{
	struct flat_batch *b = &ctx->flat;

	*copied = false;
	rcu_read_lock();
	if (unlikely(b->epoch != READ_ONCE(ctx->epoch)))
		goto out_unlock;
	for (; i < b->nr; i++) {
		*copied = flat_snapshot(ctx, b->ea[i], arcb);
		if (!*copied || !flat_execute(ctx, arcb, i))
			break;
	}
	flat_post(ctx);
out_unlock:
	rcu_read_unlock();
	return i;
}

/* Those that have come back, in an RCU read section. */
static void flat_post_back(struct cxlflash_ctx *ctx)
{
	struct flat_batch *b = &ctx->flat;
	unsigned int nr = b->nr_back, i, posted;
	int ret;

	b->nr_back = 0;
	rcu_read_lock();
	for (i = 0; i < nr; i++) {
		ret = cmd_write_status(b->back[i]);
		if (unlikely(ret)) {
			cmd_not_posted(b->back[i], ret, 0);
			b->back[i--] = b->back[--nr];
			continue;
		}
		b->done[i].rrq_ea = b->back[i]->rrq_ea;
		b->done[i].lisn = cmd_lisn(b->back[i]);
		b->lisns |= b->done[i].lisn;
	}
	posted = nr ? ctx_post_rrqs(ctx, b->done, nr, b->lisns) : 0;
	rcu_read_unlock();
	b->lisns = 0;
	cmd_posted_many(ctx, b->back, posted);
	for (i = posted; unlikely(i < nr); i++)
		cmd_not_posted(b->back[i], -EAGAIN, 0);
}

/**
 * flat_collect() - take a completed command back
 * @cmd: command with its status, without pages and LUN
 *
 * Context: any.
 * Return: true: the pass that is under way posts it; false: the caller does.
 */
bool flat_collect(struct afu_cmd *cmd)
{
	struct flat_batch *b = &cmd->ctx->flat;

	if (READ_ONCE(b->collector) != current || !in_task() ||
	    b->nr_back == FLAT_BATCH)
		return false;
	b->back[b->nr_back++] = cmd;
	return true;
}

/* How many of those that were taken, from @k on, can be one request. */
static unsigned int flat_side_by_side(const struct flat_batch *b,
				      unsigned int k)
{
	const struct afu_cmd *cmd = b->taken[k], *next;
	unsigned int nr_bv = cmd->nr_pages_bv, n;

	if (cmd->fn != cmd_submit_taken)
		return 1;
	for (n = 1; k + n < b->nr_taken; n++, cmd = next) {
		next = b->taken[k + n];
		nr_bv += next->nr_pages_bv;
		if (next->fn != cmd_submit_taken || nr_bv > AFU_CMD_BVECS ||
		    next->io.pos != cmd->io.pos + cmd->left ||
		    next->write != cmd->write || next->lun != cmd->lun)
			break;
	}
	return n;
}

/* What goes the long way, or has to leave the RCU section for its store. */
static unsigned int flat_others(struct cxlflash_ctx *ctx, unsigned int i,
				const struct sisl_ioarcb *arcb)
{
	struct flat_batch *b = &ctx->flat;
	unsigned int k, n;

	for (k = 0; k < b->nr_taken; k += n) {
		n = flat_side_by_side(b, k);
		if (n > 1)
			cmd_submit_many(&b->taken[k], n);
		else
			b->taken[k]->fn(b->taken[k]);
	}
	b->nr_taken = 0;
	if (i < b->nr)
		cmd_fetch(ctx, b->ea[i], b->from_sq, arcb);
	return i + 1;
}

/* The rest of a batch, from @i on, once it is not all flat any more. */
static void flat_rest(struct cxlflash_ctx *ctx, unsigned int i, bool flat,
		      struct sisl_ioarcb *arcb, bool copied)
{
	struct flat_batch *b = &ctx->flat;
	bool many = b->nr > 1;
	struct blk_plug plug;

	WRITE_ONCE(b->collector, current);
	if (many)
		blk_start_plug(&plug);
	for (;;) {
		i = flat_others(ctx, i, copied ? arcb : NULL);
		if (i >= b->nr)
			break;
		if (flat)
			i = flat_some(ctx, i, arcb, &copied);
	}
	if (many)
		blk_finish_plug(&plug);
	WRITE_ONCE(b->collector, NULL);
	if (b->nr_back)
		flat_post_back(ctx);
}

/**
 * flat_run() - execute the requests of a batch
 * @ctx: context; ctx_next_arcbs() has filled @flat
 *
 * Context: atomic, or may sleep if the stores may; under CTX_BUSY, with a free
 * slot for each.
 */
void flat_run(struct cxlflash_ctx *ctx)
{
	bool flat = flat_is_possible(ctx), copied = false;
	struct flat_batch *b = &ctx->flat;
	struct sisl_ioarcb arcb;
	unsigned int i = 0;

	ctx->deficit -= b->nr * (s64)CMD_MIN_COST;
	ctx_count(ctx, cmds, b->nr);
	if (unlikely(ctx->latency_on))
		b->start_ns = ktime_get_ns();
	if (likely(flat))
		i = flat_some(ctx, 0, &arcb, &copied);
	if (i < b->nr || b->nr_taken)
		flat_rest(ctx, i, flat, &arcb, copied);
}
