// SPDX-License-Identifier: GPL-2.0-only
/*
 * debugfs: cxlflash/<adapter>/state, cxlflash/<adapter>/ctx<N>/state and
 * cxlflash/.slices, which no adapter is called
 *
 * For people, not an interface.  Counters are read without locks.  Nothing here
 * takes the adapter's lock, as directories go away under it.
 */
#include <linux/cpumask.h>

#include "afu.h"
#include "slice.h"

static struct dentry *debug_root;

/*
 * Protects the directories: an adapter's takes those of its contexts with it.
 * Readers do not take it, as removal waits for them.
 */
static DEFINE_MUTEX(debug_lock);

static const char *debug_adapter_state(enum afu_adapter_state state)
{
	switch (state) {
	case AFU_LIVE:
		return "live";
	case AFU_RESETTING:
		return "resetting";
	case AFU_FAILED:
		return "failed";
	case AFU_GONE:
		break;
	}
	return "gone";
}

static const char *debug_ctx_state(enum cxlflash_ctx_state state)
{
	switch (state) {
	case CXLFLASH_CTX_LIVE:
		return "live";
	case CXLFLASH_CTX_DRAINING:
		return "draining";
	case CXLFLASH_CTX_ERROR:
		return "error";
	case CXLFLASH_CTX_DEAD:
		break;
	}
	return "dead";
}

static const char *debug_service(enum cxlflash_service service)
{
	switch (service) {
	case CXLFLASH_SERVICE_POLLED:
		return "polled";
	case CXLFLASH_SERVICE_KICK:
		return "kick";
	case CXLFLASH_SERVICE_IRQ:
		break;
	}
	return "interrupt";
}

static void debug_show_faults(struct seq_file *m, const struct afu_faults *f)
{
	seq_printf(m, "link_down %#x\n", READ_ONCE(f->link_down));
	seq_printf(m, "port_error %#x\n", READ_ONCE(f->port_error));
	if (READ_ONCE(f->media_lba))
		seq_printf(m, "media_lba %llu\n", READ_ONCE(f->media_lba) - 1);
	seq_printf(m, "slow_ms %u\n", READ_ONCE(f->slow_ms));
	seq_printf(m, "lose_nth %u\n", READ_ONCE(f->lose_nth));
	seq_printf(m, "fail %d\n", READ_ONCE(f->fail));
	seq_printf(m, "fail_reset %d\n", READ_ONCE(f->fail_reset));
}

static int debug_adapter_show(struct seq_file *m, void *unused)
{
	struct cxlflash_adapter *ad = m->private;
	unsigned long id, nr = 0, inflight = 0, orphans = 0;
	struct cxlflash_ctx *ctx;

	seq_printf(m, "state %s\n", debug_adapter_state(READ_ONCE(ad->state)));
	seq_printf(m, "ports %u\n", ad->nr_ports);
	seq_printf(m, "engines %u\n", ad->nr_engines);
	seq_printf(m, "engine_cpus %*pbl\n", cpumask_pr_args(ad->engine_cpus));
	seq_printf(m, "aintr_status %#llx\n", READ_ONCE(ad->aintr_status));
	debug_show_faults(m, &ad->faults);
	/* cxlflash_ctx_destroy() waits for RCU once it is out of the list. */
	rcu_read_lock();
	xa_for_each(&ad->ctxs, id, ctx) {
		nr++;
		inflight += atomic_read(&ctx->nr_inflight);
		orphans += ctx_nr_orphans(ctx);
	}
	rcu_read_unlock();
	seq_printf(m, "contexts %lu\n", nr);
	seq_printf(m, "users %u of %u\n", READ_ONCE(ad->nr_user_ctxs),
		   ad->nr_contexts);
	seq_printf(m, "inflight %lu\n", inflight);
	seq_printf(m, "orphans %lu\n", orphans);
	ctx_show_dead(m, ad);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(debug_adapter);

static void debug_show_stats(struct seq_file *m, const struct afu_ctx_stats *s)
{
	seq_printf(m, "cmds %llu\n", READ_ONCE(s->cmds));
	seq_printf(m, "done %llu\n", READ_ONCE(s->done));
	seq_printf(m, "errors %llu\n", READ_ONCE(s->errors));
	seq_printf(m, "read_bytes %llu\n", READ_ONCE(s->read_bytes));
	seq_printf(m, "write_bytes %llu\n", READ_ONCE(s->write_bytes));
	seq_printf(m, "irqs %llu\n", READ_ONCE(s->irqs));
	seq_printf(m, "dropped %llu\n", READ_ONCE(s->dropped));
	seq_printf(m, "misses %llu\n", READ_ONCE(s->misses));
}

static void debug_show_rings(struct seq_file *m, struct cxlflash_ctx *ctx)
{
	struct ring_rrq rrq;
	struct ring_sq sq;

	spin_lock_irq(&ctx->lock);
	sq = ctx->sq;
	spin_lock(&ctx->rrq_lock);
	rrq = ctx->rrq;
	spin_unlock(&ctx->rrq_lock);
	spin_unlock_irq(&ctx->lock);
	seq_printf(m, "rrq %#llx to %#llx next %#llx toggle %llu\n", rrq.start,
		   rrq.last, rrq.cur, rrq.toggle);
	seq_printf(m, "sq %#llx slots %u head %u tail %u fetched %llu\n",
		   sq.start, sq.nr, sq.head, sq.tail, sq.fetched);
	seq_printf(m, "shadow %#llx\n", READ_ONCE(ctx->shadow_ea));
}

static void debug_show_limits(struct seq_file *m, struct cxlflash_ctx *ctx)
{
	struct limit_group *g;

	seq_printf(m, "limit_iops %llu\n", READ_ONCE(ctx->limit.iops.rate));
	seq_printf(m, "limit_bytes %llu\n", READ_ONCE(ctx->limit.bytes.rate));
	rcu_read_lock();
	g = rcu_dereference(ctx->group);
	if (g)
		seq_printf(m, "group %s\n", g->name);
	rcu_read_unlock();
}

static int debug_ctx_show(struct seq_file *m, void *unused)
{
	struct cxlflash_ctx *ctx = m->private;

	seq_printf(m, "name %s\n", ctx->name);
	seq_printf(m, "state %s\n", debug_ctx_state(READ_ONCE(ctx->state)));
	seq_printf(m, "service %s\n", debug_service(READ_ONCE(ctx->service)));
	seq_printf(m, "caps %#llx\n", ctx->caps);
	seq_printf(m, "epoch %u\n", READ_ONCE(ctx->epoch));
	seq_printf(m, "cmd_room %u\n", ctx->cmd_room);
	seq_printf(m, "queued %u\n", READ_ONCE(ctx->arrin.nr));
	seq_printf(m, "inflight %d\n", atomic_read(&ctx->nr_inflight));
	seq_printf(m, "orphans %d\n", ctx_nr_orphans(ctx));
	seq_printf(m, "intr_status %#llx\n", READ_ONCE(ctx->intr_status));
	seq_printf(m, "intr_mask %#llx\n", READ_ONCE(ctx->intr_mask));
	seq_printf(m, "ctx_ctrl %#llx\n", READ_ONCE(ctx->ctx_ctrl));
	seq_printf(m, "coalesce %u entries %u us\n",
		   READ_ONCE(ctx->coalesce_count), READ_ONCE(ctx->coalesce_us));
	seq_printf(m, "handles %u\n", rht_nr_open(ctx));
	debug_show_rings(m, ctx);
	debug_show_limits(m, ctx);
	debug_show_stats(m, &ctx->stats);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(debug_ctx);

static int debug_slices_show(struct seq_file *m, void *unused)
{
	slice_show(m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(debug_slices);

/**
 * debug_adapter_add() - show an adapter
 * @ad: adapter
 *
 * Context: may sleep.
 */
void debug_adapter_add(struct cxlflash_adapter *ad)
{
	ad->debugfs = debugfs_create_dir(ad->name, debug_root);
	debugfs_create_file("state", 0400, ad->debugfs, ad,
			    &debug_adapter_fops);
}

/**
 * debug_adapter_remove() - and no more
 * @ad: adapter
 *
 * Context: may sleep; waits for readers.
 */
void debug_adapter_remove(struct cxlflash_adapter *ad)
{
	mutex_lock(&debug_lock);
	debugfs_remove(ad->debugfs);
	ad->debugfs = NULL;
	mutex_unlock(&debug_lock);
}

/**
 * debug_ctx_add() - show a context
 * @ctx: context
 *
 * Context: may sleep.
 */
void debug_ctx_add(struct cxlflash_ctx *ctx)
{
	char name[16];

	snprintf(name, sizeof(name), "ctx%u", ctx->id);
	mutex_lock(&debug_lock);
	if (ctx->ad->debugfs) {
		ctx->debugfs = debugfs_create_dir(name, ctx->ad->debugfs);
		debugfs_create_file("state", 0400, ctx->debugfs, ctx,
				    &debug_ctx_fops);
	}
	mutex_unlock(&debug_lock);
}

/**
 * debug_ctx_remove() - and no more
 * @ctx: context
 *
 * Context: may sleep; waits for readers.
 */
void debug_ctx_remove(struct cxlflash_ctx *ctx)
{
	mutex_lock(&debug_lock);
	if (ctx->ad->debugfs)
		debugfs_remove(ctx->debugfs);
	ctx->debugfs = NULL;
	mutex_unlock(&debug_lock);
}

/**
 * debug_init() - at module load
 *
 * Context: may sleep.
 * Return: 0; a system without debugfs does without.
 */
int debug_init(void)
{
	debug_root = debugfs_create_dir("cxlflash", NULL);
	debugfs_create_file(".slices", 0400, debug_root, NULL,
			    &debug_slices_fops);
	return 0;
}

/**
 * debug_exit() - at module unload
 *
 * Context: may sleep.
 */
void debug_exit(void)
{
	debugfs_remove(debug_root);
}
