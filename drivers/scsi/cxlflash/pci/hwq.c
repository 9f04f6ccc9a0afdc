// SPDX-License-Identifier: GPL-2.0-only
/*
 * The contexts of the function, as hardware queues of the SCSI host
 *
 * Each has a host area and an interrupt vector of its own.  What the host does
 * not use is spare, for when one that does not come to rest has to be replaced.
 *
 * A context that is given back is reset first, so that it stores to nothing
 * that is freed afterwards.  A reset is over when the store I/O is back.  If
 * that takes too long, memory is lost rather than overwritten: rings and lists
 * are not freed at all, and pages that commands were to read to are referenced
 * for ever when the host gives the commands up.
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pfn.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "func.h"

#define HWQ_REST_TIMEOUT	HZ
#define HWQ_POLL_MS		5

/**
 * struct cxlflash_queue - a context in use
 * @func: whose
 * @idx: which
 * @irq: of its response ring; 0: it is polled
 * @name: of the interrupt
 * @notify: the host's interrupt handler
 * @priv: for it
 */
struct cxlflash_queue {
	struct slice_func *func;
	unsigned int idx;
	unsigned int irq;
	char name[32];
	void (*notify)(void *priv, unsigned int lisn);
	void *priv;
};

static irqreturn_t hwq_irq(int irq, void *data)
{
	struct cxlflash_queue *q = data;

	q->notify(q->priv, SISL_LISN_RRQ);
	return IRQ_HANDLED;
}

/*
 * Life
 */

/* Take a free context.  Return: 0; -ENOSPC: there is none. */
static int hwq_take(struct slice_func *func, struct cxlflash_queue *q)
{
	unsigned int i;

	guard(mutex)(&func->lock);
	for (i = 0; i < func->nr_queues; i++) {
		if (func->queues[i])
			continue;
		q->idx = i;
		func->queues[i] = q;
		return 0;
	}
	return -ENOSPC;
}

static void hwq_give_back(struct cxlflash_queue *q)
{
	struct slice_func *func = q->func;

	guard(mutex)(&func->lock);
	func->queues[q->idx] = NULL;
}

static int hwq_request_irq(struct cxlflash_queue *q)
{
	struct slice_func *func = q->func;
	const struct cpumask *mask;
	int irq, ret;

	irq = pci_irq_vector(func->pdev, SLICE_VECTOR_RRQ(q->idx));
	if (irq < 0)
		return irq;
	snprintf(q->name, sizeof(q->name), "cxlflash-%s-%u",
		 pci_name(func->pdev), q->idx);
	ret = request_irq(irq, hwq_irq, 0, q->name, q);
	if (ret)
		return ret;
	q->irq = irq;
	/* A wish; if it is not granted, interrupts take a longer way. */
	mask = &func->masks[q->idx % func->nr_masks];
	irq_set_affinity_and_hint(irq, mask);
	return 0;
}

static void hwq_free_irq(struct cxlflash_queue *q)
{
	if (!q->irq)
		return;
	irq_update_affinity_hint(q->irq, NULL);
	free_irq(q->irq, q);
}

/* Drop all commands.  Return: whether the last of them is back. */
static bool hwq_rest(struct slice_func *func, unsigned int idx)
{
	unsigned long end = jiffies + HWQ_REST_TIMEOUT;
	u64 val;

	func_write(func, idx, SISL_REG_IOARRIN, SISL_RESET);
	for (;;) {
		val = func_read(func, idx, SISL_REG_IOARRIN);
		/* A failed context stores to nothing any more. */
		if (!(val & SISL_RESET) || val == SISL_ALL_ONES)
			return true;
		if (time_after(jiffies, end))
			return false;
		msleep(HWQ_POLL_MS);
	}
}

/* It knows no memory of ours any more. */
static void hwq_forget(struct slice_func *func, unsigned int idx)
{
	static const unsigned int regs[] = {
		SISL_REG_SHADOW, SISL_REG_SQ_START, SISL_REG_SQ_END,
		SISL_REG_RRQ_START, SISL_REG_RRQ_END,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(regs); i++)
		func_write(func, idx, regs[i], 0);
	func_write(func, idx, SISL_REG_INTR_MASK, SISL_ALL_ONES);
}

static void hwq_destroy(struct cxlflash_queue *q)
{
	struct slice_func *func = q->func;

	if (!hwq_rest(func, q->idx) && !xchg(&func->stuck, true))
		dev_err(&func->pdev->dev,
			"context %u does not come to rest, its memory is lost\n",
			q->idx);
	WRITE_ONCE(func->keep, false);
	hwq_forget(func, q->idx);
	hwq_free_irq(q);
	hwq_give_back(q);
	kfree(q);
}

/* Its commands are given up next; one of another queue may suffer with them. */
static void hwq_abandon(struct cxlflash_queue *q)
{
	if (func_read(q->func, q->idx, SISL_REG_IOARRIN) & SISL_RESET)
		WRITE_ONCE(q->func->keep, true);
}

static struct cxlflash_queue *
hwq_create(struct cxlflash_backend *be,
	   const struct cxlflash_queue_params *params)
{
	struct slice_func *func = to_func(be);
	struct cxlflash_queue *q;
	int ret;

	/* Who abandoned another one has given up its commands. */
	WRITE_ONCE(func->keep, false);
	/* Also called to recover, when reclaim may be waiting for us. */
	q = kzalloc(sizeof(*q), GFP_NOIO);
	if (!q)
		return ERR_PTR(-ENOMEM);
	q->func = func;
	q->notify = params->notify;
	q->priv = params->priv;
	ret = hwq_take(func, q);
	if (ret)
		goto err_free_q;
	ret = params->poll ? 0 : hwq_request_irq(q);
	if (ret)
		goto err_give_back;
	return q;

err_give_back:
	hwq_give_back(q);
err_free_q:
	kfree(q);
	return ERR_PTR(ret);
}

/*
 * Registers
 */

static u64 hwq_read(struct cxlflash_queue *q, unsigned int reg)
{
	return func_read(q->func, q->idx, reg);
}

static void hwq_write(struct cxlflash_queue *q, unsigned int reg, u64 val)
{
	func_write(q->func, q->idx, reg, val);
}

static unsigned int hwq_ctx_id(struct cxlflash_queue *q)
{
	return func_read(q->func, q->idx, SLICE_REG_CTX_ID);
}

/**
 * hwq_check() - tell the host which contexts report an error
 * @func: function
 *
 * All but response rings share a vector, so they have to be asked.
 *
 * Context: may sleep; holds func->lock.
 * Return: false if all contexts have failed
 */
bool hwq_check(struct slice_func *func)
{
	unsigned int i, nr = 0, failed = 0;
	struct cxlflash_queue *q;
	u64 status;

	lockdep_assert_held(&func->lock);

	for (i = 0; i < func->nr_queues; i++) {
		q = func->queues[i];
		if (!q)
			continue;
		nr++;
		status = func_read(func, i, SISL_REG_INTR_STATUS);
		if (status == SISL_ALL_ONES)
			failed++;
		else if (status & SISL_INTR_ALL)
			q->notify(q->priv, SISL_LISN_SYNC_ERROR);
	}
	return !nr || failed < nr;
}

/*
 * Memory
 */

static void *hwq_alloc(struct cxlflash_backend *be, size_t size, u64 *ea)
{
	struct slice_func *func = to_func(be);
	dma_addr_t dma;
	void *addr;

	addr = dma_alloc_coherent(&func->pdev->dev, size, &dma, GFP_KERNEL);
	if (addr)
		*ea = dma;
	return addr;
}

static void hwq_free(struct cxlflash_backend *be, size_t size, void *addr,
		     u64 ea)
{
	struct slice_func *func = to_func(be);

	if (!READ_ONCE(func->stuck))
		dma_free_coherent(&func->pdev->dev, size, addr, ea);
}

static int hwq_map_sg(struct cxlflash_backend *be, struct scatterlist *sg,
		      int nr, int dir)
{
	return dma_map_sg(&to_func(be)->pdev->dev, sg, nr, dir);
}

static void hwq_keep_pages(struct scatterlist *sgl, int nr)
{
	unsigned int i, nr_pages;
	struct scatterlist *sg;
	int n;

	for_each_sg(sgl, sg, nr, n) {
		nr_pages = PFN_UP(sg->offset + sg->length);
		for (i = 0; i < nr_pages; i++)
			get_page(nth_page(sg_page(sg), i));
	}
}

static void hwq_unmap_sg(struct cxlflash_backend *be, struct scatterlist *sg,
			 int nr, int dir)
{
	struct slice_func *func = to_func(be);

	if (unlikely(READ_ONCE(func->keep)) && dir == DMA_FROM_DEVICE)
		hwq_keep_pages(sg, nr);
	dma_unmap_sg(&func->pdev->dev, sg, nr, dir);
}

static bool hwq_any_live(struct slice_func *func)
{
	unsigned int i;

	lockdep_assert_held(&func->lock);

	for (i = 0; i < func->nr_queues; i++)
		if (func->queues[i] && func_read(func, i, SISL_REG_CMD_ROOM) !=
				       SISL_ALL_ONES)
			return true;
	return false;
}

/*
 * Function level reset: of all contexts, and nobody else's.  Not to wait for
 * the device's lock, whose holder may be waiting for us: then somebody else
 * resets it, or removes it.
 */
static int hwq_reset(struct cxlflash_backend *be)
{
	struct slice_func *func = to_func(be);
	int ret;

	guard(mutex)(&func->lock);
	/* It would not come back, and resetting takes a minute to notice. */
	if (func_is_gone(func))
		return -ENODEV;
	ret = pci_try_reset_function(func->pdev);
	if (ret)
		return ret;
	/* It does not bring to life what the slice's adapter has failed. */
	return hwq_any_live(func) ? 0 : -EIO;
}

const struct cxlflash_backend_ops hwq_backend_ops = {
	.owner = THIS_MODULE,
	.queue_create = hwq_create,
	.queue_destroy = hwq_destroy,
	.abandon = hwq_abandon,
	.read = hwq_read,
	.write = hwq_write,
	.ctx_id = hwq_ctx_id,
	.alloc = hwq_alloc,
	.free = hwq_free,
	.map_sg = hwq_map_sg,
	.unmap_sg = hwq_unmap_sg,
	.reset = hwq_reset,
};
