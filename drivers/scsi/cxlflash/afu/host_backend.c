// SPDX-License-Identifier: GPL-2.0-only
/*
 * The software adapter as a backend of the SCSI host
 *
 * The host's memory is the kernel's, so an effective address is the address in
 * the direct map and all of it is one window: nothing is ever missed, mapped
 * or pinned.  Buffers belong to SCSI commands, and the host returns none
 * before its IOARCB is back; so pages are not referenced either.
 *
 * But for one case: a store hangs, and the host gives commands up.  It says so
 * before it does (->abandon), while the buffers are still theirs.  Then we stop
 * what the engine does by itself and reference the pages that the store has.
 * The command slots say which; in an abandoned context they are not used again.
 * All references are dropped when the last I/O of the context is back: until
 * then late data land in pages that are nobody else's.  What a reference does
 * not keep, such as memory of the slab allocator, never goes to a store: the
 * engine puts pages of its own in between.
 *
 * A queue is a context in kick mode: the store to IOARRIN runs the engine, and
 * with a store that is memory the command is complete when it returns.  For
 * tests there are submission queues, which an engine polls, and polled queues.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pfn.h>
#include <linux/rcupdate.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "afu.h"

/* Two megabytes in scattered pages; more make no command faster. */
#define HOST_SG_TABLESIZE	512
#define HOST_NR_QUEUES		16
#define HOST_CMD_ROOM_MIN	4
#define HOST_UNPIN_DELAY	HZ

static bool host_sq;
module_param_named(sq, host_sq, bool, 0644);
MODULE_PARM_DESC(sq,
		 "the SCSI host of an adapter that goes live uses submission queues, which an engine polls");

static unsigned int host_poll_queues;
module_param_named(poll_queues, host_poll_queues, uint, 0644);
MODULE_PARM_DESC(poll_queues,
		 "queues for polled I/O that the SCSI host of an adapter that goes live has at most");

/**
 * struct cxlflash_queue - a context of the SCSI host
 * @ctx: it; referenced by @unpin too
 * @notify: the host's interrupt handler
 * @priv: for it
 * @ref: the host's, and that of @unpin
 * @abandoned: the host uses it no more; set once, the host calls one at a time
 * @unpin: gives pages back once all I/O is back
 * @pinned: for each command slot, how many of its vectors are referenced;
 *	written before @unpin is queued, then it is @unpin's
 */
struct cxlflash_queue {
	struct cxlflash_ctx *ctx;
	void (*notify)(void *priv, unsigned int lisn);
	void *priv;
	refcount_t ref;
	bool abandoned;
	struct delayed_work unpin;
	u8 *pinned;
};

static_assert(AFU_CMD_BVECS <= U8_MAX);

static bool host_ea_is_valid(u64 ea, u64 len)
{
	u64 end = (u64)(uintptr_t)high_memory;

	return ea >= PAGE_OFFSET && ea < end && len <= end - ea;
}

static void host_queue_free(struct cxlflash_queue *q)
{
	kfree(q->pinned);
	kfree(q);
}

static void host_queue_put(struct cxlflash_queue *q)
{
	if (refcount_dec_and_test(&q->ref))
		host_queue_free(q);
}

/*
 * Pages of commands that the host gives up
 */

static unsigned long host_next_pfn(struct folio *folio)
{
	return folio_pfn(folio) + folio_nr_pages(folio);
}

/*
 * Would references keep this memory?  Not that of the slab allocator, and not
 * what has none of its own: the tails of a large page that is not compound.
 */
static bool host_can_pin(const void *kva, u32 len)
{
	unsigned long pfn = PHYS_PFN(virt_to_phys((void *)kva));
	unsigned long end = PHYS_PFN(virt_to_phys((void *)kva) + len - 1) + 1;
	struct folio *folio;

	for (; pfn < end; pfn = host_next_pfn(folio)) {
		folio = page_folio(pfn_to_page(pfn));
		if (folio_test_slab(folio) || !folio_ref_count(folio))
			return false;
	}
	return true;
}

static void host_put_pfns(unsigned long pfn, unsigned long end)
{
	struct folio *folio;
	unsigned long next;

	for (; pfn < end; pfn = next) {
		folio = page_folio(pfn_to_page(pfn));
		next = host_next_pfn(folio);
		folio_put(folio);
	}
}

static unsigned long host_first_pfn(const struct bio_vec *bv)
{
	return page_to_pfn(bv->bv_page) + (bv->bv_offset >> PAGE_SHIFT);
}

static unsigned long host_end_pfn(const struct bio_vec *bv)
{
	return page_to_pfn(bv->bv_page) +
	       ((bv->bv_offset + bv->bv_len - 1) >> PAGE_SHIFT) + 1;
}

/* false: nothing is referenced, because the command has ended meanwhile. */
static bool host_pin(const struct bio_vec *bv)
{
	unsigned long first = host_first_pfn(bv), end = host_end_pfn(bv), pfn;
	struct folio *folio;

	for (pfn = first; pfn < end; pfn = host_next_pfn(folio)) {
		folio = page_folio(pfn_to_page(pfn));
		if (!folio_try_get(folio))
			break;
		/* As long as it is referenced, this stays true. */
		if (page_folio(pfn_to_page(pfn)) != folio) {
			folio_put(folio);
			break;
		}
	}
	if (pfn >= end)
		return true;
	host_put_pfns(first, pfn);
	return false;
}

static void host_pin_cmd(struct cxlflash_queue *q, unsigned int i)
{
	struct afu_cmd *cmd = &q->ctx->slots[i];
	unsigned int nr = READ_ONCE(cmd->nr_pages_bv), n;

	/* The engine's own pages are freed by nobody else. */
	if (READ_ONCE(cmd->bounced))
		return;
	for (n = 0; n < nr && host_pin(&cmd->bv[n]); n++)
		q->pinned[i]++;
}

static void host_unpin(struct cxlflash_queue *q)
{
	struct cxlflash_ctx *ctx = q->ctx;
	struct bio_vec *bv;
	unsigned int i;

	for (i = 0; i < ctx->cmd_room; i++) {
		for (bv = ctx->slots[i].bv; q->pinned[i]; q->pinned[i]--, bv++)
			host_put_pfns(host_first_pfn(bv), host_end_pfn(bv));
	}
}

static void host_unpin_work(struct work_struct *work)
{
	struct cxlflash_queue *q = container_of(to_delayed_work(work),
						struct cxlflash_queue, unpin);
	struct cxlflash_ctx *ctx = q->ctx;

	/* Paired with ctx_cmds_done(): what the store wrote is written. */
	if (atomic_read_acquire(&ctx->nr_inflight)) {
		queue_delayed_work(cmd_wq, &q->unpin, HOST_UNPIN_DELAY);
		return;
	}
	host_unpin(q);
	host_queue_put(q);
	ctx_put(ctx);
}

static void host_abandon(struct cxlflash_queue *q)
{
	struct cxlflash_ctx *ctx = q->ctx;
	unsigned int i;

	if (q->abandoned)
		return;
	q->abandoned = true;
	/* From the next look at its epoch on, a command begins nothing. */
	cxlflash_ctx_reset_begin(ctx);
	/* And all look before they touch anything: under CTX_BUSY ... */
	ctx_lock_busy(ctx);
	ctx_drop_waiting(ctx);
	for (i = 0; i < ctx->cmd_room; i++)
		host_pin_cmd(q, i);
	ctx_unlock_busy(ctx);
	/* ... or, who writes a status, in a read section. */
	synchronize_rcu_expedited();

	refcount_inc(&q->ref);
	ctx_get(ctx);
	queue_delayed_work(cmd_wq, &q->unpin, 0);
}

/*
 * The owner's side: how the engine reaches the host
 */

static int host_window(struct cxlflash_ctx *ctx, u64 ea, bool write,
		       struct cxlflash_window *win)
{
	if (!host_ea_is_valid(ea, 1))
		return -EFAULT;
	win->start = PAGE_OFFSET;
	win->len = (u64)(uintptr_t)high_memory - PAGE_OFFSET;
	win->kva = (void *)PAGE_OFFSET;
	win->writable = true;
	return 0;
}

static int host_get_pages(struct cxlflash_ctx *ctx, u64 ea, u32 len, bool write,
			  struct bio_vec *bv, unsigned int nr)
{
	void *kva = (void *)(uintptr_t)ea;

	if (!len || !nr || len > INT_MAX || !host_ea_is_valid(ea, len))
		return -EFAULT;
	if (unlikely(!host_can_pin(kva, len)))
		return 0;
	/* Contiguous in the direct map is contiguous: one vector does. */
	bvec_set_page(bv, virt_to_page(kva), len, offset_in_page(kva));
	return len;
}

static void host_put_pages(struct cxlflash_ctx *ctx, struct bio_vec *bv,
			   unsigned int nr, bool dirty)
{
	/* See host_abandon(); and whoever gave the buffer knows it is dirty. */
}

static void host_notify(struct cxlflash_ctx *ctx, unsigned int lisn)
{
	struct cxlflash_queue *q = cxlflash_ctx_priv(ctx);

	q->notify(q->priv, lisn);
}

static const struct cxlflash_owner_ops host_owner_ops = {
	.owner = THIS_MODULE,
	.window = host_window,
	.get_pages = host_get_pages,
	.put_pages = host_put_pages,
	.notify = host_notify,
};

/*
 * The backend's side: how the host reaches the adapter
 */

static struct cxlflash_adapter *to_adapter(struct cxlflash_backend *be)
{
	return container_of(be, struct cxlflash_adapter, backend);
}

static struct cxlflash_queue *
host_queue_alloc(const struct cxlflash_queue_params *params, unsigned int room)
{
	struct cxlflash_queue *q = kzalloc(sizeof(*q), GFP_KERNEL);

	if (!q)
		return NULL;
	q->notify = params->notify;
	q->priv = params->priv;
	refcount_set(&q->ref, 1);
	INIT_DELAYED_WORK(&q->unpin, host_unpin_work);
	q->pinned = kcalloc(room, sizeof(*q->pinned), GFP_KERNEL);
	if (q->pinned)
		return q;
	kfree(q);
	return NULL;
}

static struct cxlflash_queue *
host_queue_create(struct cxlflash_backend *be,
		  const struct cxlflash_queue_params *params)
{
	struct cxlflash_ctx_params cp = {
		.ops = &host_owner_ops,
		.caps = SISL_CAP_HOST_XLATE | SISL_CAP_AFU_CMD |
			SISL_CAP_GSCSI | SISL_CAP_WRITE | SISL_CAP_READ,
		.cmd_room = clamp(params->depth, HOST_CMD_ROOM_MIN,
				  AFU_CMD_ROOM_MAX),
		.service = be->use_sq ? CXLFLASH_SERVICE_POLLED :
					CXLFLASH_SERVICE_KICK,
		/* Who reads a disk gets what we leave in the page cache. */
		.clear_dataless = true,
		.name = params->poll ? "host-poll" : "host",
	};
	struct cxlflash_queue *q;
	int ret;

	q = host_queue_alloc(params, cp.cmd_room);
	if (!q)
		return ERR_PTR(-ENOMEM);
	cp.priv = q;
	q->ctx = cxlflash_ctx_create(to_adapter(be), &cp);
	if (IS_ERR(q->ctx)) {
		ret = PTR_ERR(q->ctx);
		host_queue_free(q);
		return ERR_PTR(ret);
	}
	return q;
}

static void host_queue_destroy(struct cxlflash_queue *q)
{
	/* Of our ops only put_pages() is called after this, and needs no q. */
	cxlflash_ctx_destroy(q->ctx);
	host_queue_put(q);
}

static u64 host_read(struct cxlflash_queue *q, unsigned int reg)
{
	return cxlflash_mmio_read(q->ctx, reg);
}

static void host_write(struct cxlflash_queue *q, unsigned int reg, u64 val)
{
	cxlflash_mmio_write(q->ctx, reg, val);
}

static unsigned int host_ctx_id(struct cxlflash_queue *q)
{
	return cxlflash_ctx_id(q->ctx);
}

static void *host_alloc(struct cxlflash_backend *be, size_t size, u64 *ea)
{
	void *addr;

	addr = alloc_pages_exact(size, GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN);
	if (addr)
		*ea = (uintptr_t)addr;
	return addr;
}

static void host_free(struct cxlflash_backend *be, size_t size, void *addr,
		      u64 ea)
{
	free_pages_exact(addr, size);
}

static int host_map_sg(struct cxlflash_backend *be, struct scatterlist *sgl,
		       int nr, int dir)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, nr, i) {
		sg_dma_address(sg) = (uintptr_t)sg_virt(sg);
		sg_dma_len(sg) = sg->length;
	}
	return nr;
}

static void host_unmap_sg(struct cxlflash_backend *be, struct scatterlist *sg,
			  int nr, int dir)
{
}

static int host_reset(struct cxlflash_backend *be)
{
	return cxlflash_adapter_reset(to_adapter(be));
}

static const struct cxlflash_backend_ops host_backend_ops = {
	.owner = THIS_MODULE,
	.queue_create = host_queue_create,
	.queue_destroy = host_queue_destroy,
	.abandon = host_abandon,
	.read = host_read,
	.write = host_write,
	.ctx_id = host_ctx_id,
	.alloc = host_alloc,
	.free = host_free,
	.map_sg = host_map_sg,
	.unmap_sg = host_unmap_sg,
	.reset = host_reset,
};

/**
 * host_backend_register() - give an adapter to the SCSI host
 * @ad: adapter, whose device has been added
 *
 * Context: may sleep; no lock of @ad is held, as queues are created.
 * Return: 0, or what cxlflash_backend_register() says.
 */
int host_backend_register(struct cxlflash_adapter *ad)
{
	struct cxlflash_backend *be = &ad->backend;
	int ret;

	be->dev = &ad->dev;
	be->ops = &host_backend_ops;
	be->name = ad->name;
	be->nr_ports = ad->nr_ports;
	be->nr_queues = HOST_NR_QUEUES;
	be->nr_poll_queues = min(READ_ONCE(host_poll_queues), HOST_NR_QUEUES);
	be->use_sq = READ_ONCE(host_sq);
	be->max_lun = AFU_MAX_LUN;
	be->sg_tablesize = HOST_SG_TABLESIZE;
	ret = cxlflash_backend_register(be);
	ad->has_host = !ret;
	return ret;
}

/**
 * host_backend_unregister() - take it away; its disks are gone afterwards
 * @ad: adapter, with or without a host
 *
 * Context: may sleep, bounded; no lock of @ad is held, as queues are destroyed
 * and an error handler may be resetting it.
 */
void host_backend_unregister(struct cxlflash_adapter *ad)
{
	cxlflash_backend_unregister(&ad->backend);
	ad->has_host = false;
}
