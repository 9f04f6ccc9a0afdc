// SPDX-License-Identifier: GPL-2.0-only
/*
 * cxbench: ticks of the time stamp counter per command of a software adapter
 *
 * Under QEMU's -icount a tick is an instruction.  Writing
 *	<adapter> <contexts> <queue depth> <bytes> <service> [<stride>]
 * to the parameter "run" measures reads, each <stride> times its length behind
 * the one before (default: 1), and makes the result readable there:
 * ticks per command, the median of several rounds, least and most beside it.
 * What is not the adapter's is measured with
 *	<path> bio <queue depth> <bytes> [<stride>]
 * which submits bios to a block device itself, and "- copy 1 <bytes>", memcpy().
 *
 * A round fills the submission queue of each context, rings each doorbell once,
 * and reaps every response; the ringing counts, which is the adapter's part.
 * With an engine thread it is what lies between the doorbell and the last
 * response, with the switch to the thread and back and the reaping.
 */
#include <linux/blkdev.h>
#include <linux/cxlflash_afu.h>
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/timex.h>
#include <linux/unaligned.h>

#define BENCH_MAX_CTXS		64
#define BENCH_MAX_DEPTH		256
#define BENCH_ROUNDS		9
#define BENCH_WARM_UP		3

/**
 * struct bench_queue - a context and its rings, in kernel memory
 * @ctx: the context
 * @handle: physical, to the LUN
 * @sq: submission queue, one slot more than @depth
 * @ioasa: status of each
 * @rrq: responses
 * @data: where reads go
 * @depth: commands of a round
 * @bytes: of a read
 * @tail: slot
 * @next: of the RRQ
 * @toggle: of @next
 */
struct bench_queue {
	struct cxlflash_ctx *ctx;
	int handle;
	struct sisl_ioarcb *sq;
	struct sisl_ioasa *ioasa;
	u64 *rrq;
	void *data;
	u32 depth;
	u32 bytes;
	u32 tail;
	u32 next;
	u64 toggle;
};

/**
 * struct bench - a measurement
 * @adapter: name
 * @nr_ctxs: contexts
 * @depth: commands of each in a round
 * @bytes: of a read
 * @service: mode
 * @stride: from one read to the next, in lengths of a read
 * @ad: the adapter, referenced
 * @queues: @nr_ctxs of them
 * @write: this round writes
 * @bios: instead of an adapter
 * @from: of a copy, instead of an adapter
 * @to: the same
 * @round: makes one
 */
struct bench {
	char adapter[32];
	u32 nr_ctxs;
	u32 depth;
	u32 bytes;
	u32 service;
	u32 stride;
	struct cxlflash_adapter *ad;
	struct bench_queue *queues;
	bool write;
	struct bench_bios *bios;
	void *from;
	void *to;
	int (*round)(struct bench *b, u64 *ticks);
};

static DEFINE_MUTEX(bench_lock);	/* protects bench_result, one run at a time */
static char bench_result[128] = "none";

/* Kernel memory in its direct mapping: an address is its own EA. */
static int bench_window(struct cxlflash_ctx *ctx, u64 ea, bool write,
			struct cxlflash_window *win)
{
	if (ea < PAGE_OFFSET || ea >= (u64)high_memory)
		return -EFAULT;
	win->start = PAGE_OFFSET;
	win->len = (u64)high_memory - PAGE_OFFSET;
	win->kva = (void *)PAGE_OFFSET;
	win->writable = true;
	return 0;
}

static int bench_get_pages(struct cxlflash_ctx *ctx, u64 ea, u32 len,
			   bool write, struct bio_vec *bv, unsigned int nr)
{
	void *addr = (void *)(uintptr_t)ea;

	if (ea < PAGE_OFFSET || ea + len > (u64)high_memory)
		return -EFAULT;
	bvec_set_virt(&bv[0], addr, len);
	return len;
}

static void bench_put_pages(struct cxlflash_ctx *ctx, struct bio_vec *bv,
			    unsigned int nr, bool dirty)
{
}

static const struct cxlflash_owner_ops bench_ops = {
	.owner = THIS_MODULE,
	.window = bench_window,
	.get_pages = bench_get_pages,
	.put_pages = bench_put_pages,
};

static void queue_destroy(struct bench_queue *q)
{
	if (q->ctx)
		cxlflash_ctx_destroy(q->ctx);
	kfree(q->sq);
	kfree(q->ioasa);
	kfree(q->rrq);
	kfree(q->data);
	memset(q, 0, sizeof(*q));
}

static int queue_alloc(struct bench_queue *q, u32 depth, u32 bytes)
{
	q->depth = depth;
	q->bytes = bytes;
	q->toggle = SISL_RRQ_TOGGLE;
	q->sq = kcalloc(depth + 1, sizeof(*q->sq), GFP_KERNEL);
	q->ioasa = kcalloc(depth + 1, sizeof(*q->ioasa), GFP_KERNEL);
	q->rrq = kcalloc(depth, sizeof(*q->rrq), GFP_KERNEL);
	q->data = kzalloc(bytes, GFP_KERNEL);
	return q->sq && q->ioasa && q->rrq && q->data ? 0 : -ENOMEM;
}

static void queue_start(struct bench_queue *q)
{
	cxlflash_mmio_write(q->ctx, SISL_REG_RRQ_START, (uintptr_t)q->rrq);
	cxlflash_mmio_write(q->ctx, SISL_REG_RRQ_END,
			    (uintptr_t)&q->rrq[q->depth - 1]);
	cxlflash_mmio_write(q->ctx, SISL_REG_SQ_START, (uintptr_t)q->sq);
	cxlflash_mmio_write(q->ctx, SISL_REG_SQ_END,
			    (uintptr_t)&q->sq[q->depth]);
}

static int queue_create(struct bench *b, struct bench_queue *q)
{
	struct cxlflash_ctx_params params = {
		.ops = &bench_ops,
		.priv = q,
		.caps = SISL_CAP_READ | SISL_CAP_WRITE,
		.cmd_room = clamp(b->depth, 4U, 1024U),
		.service = b->service,
		.name = "cxbench",
	};
	struct cxlflash_lun *lun;
	struct cxlflash_ctx *ctx;
	int ret;

	ret = queue_alloc(q, b->depth, b->bytes);
	if (ret)
		return ret;
	ctx = cxlflash_ctx_create(b->ad, &params);
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	q->ctx = ctx;
	lun = cxlflash_lun_find(b->ad, 0, 0);
	if (!lun)
		return -ENODEV;
	q->handle = cxlflash_handle_open_physical(ctx, lun,
						  CXLFLASH_HANDLE_READ |
						  CXLFLASH_HANDLE_WRITE);
	cxlflash_lun_put(lun);
	if (q->handle < 0)
		return q->handle;
	queue_start(q);
	return 0;
}

static void queue_fill(struct bench_queue *q, bool write, u32 stride)
{
	struct sisl_ioarcb *arcb;
	u32 i;

	for (i = 0; i < q->depth; i++) {
		arcb = &q->sq[q->tail];
		*arcb = (struct sisl_ioarcb){
			.ctx_id = cxlflash_ctx_id(q->ctx),
			.req_flags = SISL_REQ_RES_HNDL |
				     (write ? SISL_REQ_HOST_WRITE : 0),
			.res_hndl = q->handle,
			.data_len = q->bytes,
			.data_ea = (uintptr_t)q->data,
			.ioasa_ea = (uintptr_t)&q->ioasa[q->tail],
			.cdb[0] = write ? 0x8a : 0x88,
		};
		put_unaligned_be64((u64)i * stride *
				   (q->bytes / SISL_BLOCK_SIZE), &arcb->cdb[2]);
		put_unaligned_be32(q->bytes / SISL_BLOCK_SIZE, &arcb->cdb[10]);
		q->tail = q->tail == q->depth ? 0 : q->tail + 1;
	}
}

/* All responses of a round; -EIO if one is not good, -ETIMEDOUT. */
static int queue_reap(struct bench_queue *q)
{
	unsigned long end = jiffies + 10 * HZ;
	u32 got = 0;
	u64 entry;

	while (got < q->depth) {
		entry = smp_load_acquire(&q->rrq[q->next]);
		if (!entry || (entry & SISL_RRQ_TOGGLE) != q->toggle) {
			if (time_after(jiffies, end))
				return -ETIMEDOUT;
			cond_resched();
			cpu_relax();
			continue;
		}
		if (*(u32 *)(uintptr_t)(entry & SISL_RRQ_EA_MASK))
			return -EIO;
		got++;
		if (++q->next == q->depth) {
			q->next = 0;
			q->toggle ^= SISL_RRQ_TOGGLE;
		}
	}
	return 0;
}

static int bench_round(struct bench *b, u64 *ticks)
{
	cycles_t begin;
	u32 i;
	int ret;

	for (i = 0; i < b->nr_ctxs; i++)
		queue_fill(&b->queues[i], b->write, b->stride);
	begin = get_cycles();
	for (i = 0; i < b->nr_ctxs; i++)
		cxlflash_mmio_write(b->queues[i].ctx, SISL_REG_SQ_TAIL,
				    (uintptr_t)&b->queues[i].sq[b->queues[i].tail]);
	/* What a kick has not done when it returns, an engine does. */
	*ticks = get_cycles() - begin;
	for (i = 0; i < b->nr_ctxs; i++) {
		ret = queue_reap(&b->queues[i]);
		if (ret)
			return ret;
	}
	if (b->service != CXLFLASH_SERVICE_KICK)
		*ticks = get_cycles() - begin;
	return 0;
}

/* ------------------------------------------------- what is not the adapter's */

/**
 * struct bench_bios - bios of a round
 * @file: block device, opened
 * @bio: @depth of them
 * @bv: a vector for each
 * @data: where all read to
 * @left: not over yet
 */
struct bench_bios {
	struct file *file;
	struct bio *bio;
	struct bio_vec *bv;
	void *data;
	atomic_t left;
};

static void bios_end(struct bio *bio)
{
	struct bench_bios *bs = bio->bi_private;

	atomic_dec(&bs->left);
}

static int bios_round(struct bench *b, u64 *ticks)
{
	struct bench_bios *bs = b->bios;
	struct block_device *bdev = file_bdev(bs->file);
	unsigned long end = jiffies + 10 * HZ;
	struct blk_plug plug;
	cycles_t begin;
	struct bio *bio;
	u32 i;

	atomic_set(&bs->left, b->depth);
	begin = get_cycles();
	blk_start_plug(&plug);
	for (i = 0; i < b->depth; i++) {
		bio = &bs->bio[i];
		bio_init(bio, bdev, &bs->bv[i], 1, REQ_OP_READ | REQ_NOWAIT);
		bvec_set_virt(&bs->bv[i], bs->data, b->bytes);
		bio->bi_vcnt = 1;
		bio->bi_iter.bi_size = b->bytes;
		bio->bi_iter.bi_sector = (u64)i * b->stride * b->bytes >>
					 SECTOR_SHIFT;
		bio->bi_end_io = bios_end;
		bio->bi_private = bs;
		submit_bio(bio);
	}
	blk_finish_plug(&plug);
	while (atomic_read(&bs->left)) {
		if (time_after(jiffies, end))
			return -ETIMEDOUT;
		cpu_relax();
	}
	*ticks = get_cycles() - begin;
	return 0;
}

static int copy_round(struct bench *b, u64 *ticks)
{
	cycles_t begin = get_cycles();

	/* As the stores do, the compiler knows how much it is. */
	if (b->bytes == PAGE_SIZE)
		memcpy(b->to, b->from, PAGE_SIZE);
	else
		memcpy(b->to, b->from, b->bytes);
	/* It must not be left out. */
	barrier_data(b->to);
	*ticks = get_cycles() - begin;
	return 0;
}

static int cmp_u64(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static int bench_measure(struct bench *b)
{
	u64 ticks[BENCH_ROUNDS], ops = (u64)b->nr_ctxs * b->depth;
	int i, ret;

	for (i = 0; i < BENCH_WARM_UP; i++) {
		/* The first writes, so that there is something to be read. */
		b->write = !i;
		ret = b->round(b, &ticks[0]);
		if (ret)
			return ret;
	}
	for (i = 0; i < BENCH_ROUNDS; i++) {
		ret = b->round(b, &ticks[i]);
		if (ret)
			return ret;
		msleep(20);
	}
	sort(ticks, BENCH_ROUNDS, sizeof(*ticks), cmp_u64, NULL);
	scnprintf(bench_result, sizeof(bench_result), "%llu %llu %llu",
		  ticks[BENCH_ROUNDS / 2] / ops, ticks[0] / ops,
		  ticks[BENCH_ROUNDS - 1] / ops);
	return 0;
}

static int bench_run(struct bench *b)
{
	u32 i;
	int ret;

	b->round = bench_round;
	b->ad = cxlflash_adapter_find(b->adapter);
	if (!b->ad)
		return -ENODEV;
	ret = -ENOMEM;
	b->queues = kcalloc(b->nr_ctxs, sizeof(*b->queues), GFP_KERNEL);
	if (!b->queues)
		goto out_put_adapter;
	for (i = 0; i < b->nr_ctxs; i++) {
		ret = queue_create(b, &b->queues[i]);
		if (ret)
			goto out_destroy;
	}
	ret = bench_measure(b);

out_destroy:
	for (i = 0; i < b->nr_ctxs; i++)
		queue_destroy(&b->queues[i]);
	kfree(b->queues);
out_put_adapter:
	cxlflash_adapter_put(b->ad);
	return ret;
}

static int bios_run(struct bench *b)
{
	struct bench_bios bs = { };
	int ret = -ENOMEM;

	b->nr_ctxs = 1;
	b->round = bios_round;
	b->bios = &bs;
	bs.bio = kcalloc(b->depth, sizeof(*bs.bio), GFP_KERNEL);
	bs.bv = kcalloc(b->depth, sizeof(*bs.bv), GFP_KERNEL);
	bs.data = kzalloc(b->bytes, GFP_KERNEL);
	if (!bs.bio || !bs.bv || !bs.data)
		goto out_free;
	bs.file = bdev_file_open_by_path(b->adapter, BLK_OPEN_READ, NULL, NULL);
	if (IS_ERR(bs.file)) {
		ret = PTR_ERR(bs.file);
		goto out_free;
	}
	ret = bench_measure(b);
	bdev_fput(bs.file);
out_free:
	kfree(bs.data);
	kfree(bs.bv);
	kfree(bs.bio);
	return ret;
}

static int copy_run(struct bench *b)
{
	int ret = -ENOMEM;

	b->nr_ctxs = 1;
	b->depth = 1;
	b->round = copy_round;
	b->from = kzalloc(b->bytes, GFP_KERNEL);
	b->to = kzalloc(b->bytes, GFP_KERNEL);
	if (b->from && b->to)
		ret = bench_measure(b);
	kfree(b->from);
	kfree(b->to);
	return ret;
}

/* What is asked for; NULL if it makes no sense. */
static int (*run_parse(const char *val, struct bench *b))(struct bench *b)
{
	int (*run)(struct bench *b) = bench_run;
	char what[8] = "";
	u32 stride = 1;

	b->stride = 1;
	if (sscanf(val, "%31s %7s %u %u %u", b->adapter, what, &b->depth,
		   &b->bytes, &stride) >= 4 && !strcmp(what, "bio")) {
		run = bios_run;
		b->stride = stride;
	} else if (!strcmp(what, "copy")) {
		run = copy_run;
	} else if (sscanf(val, "%31s %u %u %u %u %u", b->adapter, &b->nr_ctxs,
			  &b->depth, &b->bytes, &b->service, &b->stride) < 5 ||
		   !b->nr_ctxs || b->nr_ctxs > BENCH_MAX_CTXS ||
		   b->service > CXLFLASH_SERVICE_IRQ) {
		return NULL;
	}
	if (!b->depth || b->depth > BENCH_MAX_DEPTH || !b->stride || !b->bytes ||
	    b->bytes % SISL_BLOCK_SIZE || b->bytes > SZ_1M)
		return NULL;
	return run;
}

static int run_set(const char *val, const struct kernel_param *kp)
{
	struct bench b = { };
	int (*run)(struct bench *b) = run_parse(val, &b);
	int ret;

	if (!run)
		return -EINVAL;
	mutex_lock(&bench_lock);
	strscpy(bench_result, "failed");
	ret = run(&b);
	mutex_unlock(&bench_lock);
	return ret;
}

static int run_get(char *buffer, const struct kernel_param *kp)
{
	int ret;

	mutex_lock(&bench_lock);
	ret = sysfs_emit(buffer, "%s\n", bench_result);
	mutex_unlock(&bench_lock);
	return ret;
}

static const struct kernel_param_ops run_ops = {
	.set = run_set,
	.get = run_get,
};

module_param_cb(run, &run_ops, NULL, 0600);
MODULE_PARM_DESC(run, "adapter contexts depth bytes service [stride]; reads as: median least most");

static int __init cxbench_init(void)
{
	return 0;
}
module_init(cxbench_init);

static void __exit cxbench_exit(void)
{
}
module_exit(cxbench_exit);

MODULE_DESCRIPTION("What a command costs the software CXL flash adapter");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(CXLFLASH_AFU);
