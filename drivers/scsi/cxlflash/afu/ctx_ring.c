// SPDX-License-Identifier: GPL-2.0-only
/*
 * What goes through a context: requests, responses, interrupts, windows
 *
 * Requests come from two places.  Stores to IOARRIN go into a fifo, as each of
 * them counts; the submission queue is a ring in the owner's memory, whose tail
 * is a register or a *shadow tail*, a word in the same memory that counts the
 * requests ever put there.  A count that cannot be true (more than the ring has
 * slots) turns queue and shadow off and sets ARCB_READ in intr_status, as
 * settings that make no sense do; what is in flight goes on.
 *
 * A reset empties fifo and queue and unregisters the shadow words: what they
 * say afterwards was meant for the time before.  Who submits zeroes them and
 * stores their address again; the count is 0 where sq_tail stands then.
 *
 * Sleeping: the engine stores the number of requests it knows of as event
 * index, executes a full barrier and reads the tail again; who submits stores
 * the tail, executes a full barrier and reads the event index.  One of the two
 * sees the other.  "Awake" is an index that was passed already.
 *
 * Fifo, queue and registers are protected by ctx->lock; windows and the mapping
 * of the shadow words belong to the holder of the BUSY bit.  No lock is held
 * over a call of the owner, but for ->window() under rrq_lock.
 */
#include "afu.h"

static int ctx_window(struct cxlflash_ctx *ctx, struct cxlflash_window *win,
		      u64 ea, bool write)
{
	struct cxlflash_window found = { };
	int ret;

	if (READ_ONCE(ctx->state) >= CXLFLASH_CTX_ERROR)
		return -EFAULT;
	ret = ctx->ops->window(ctx, ea, write, &found);
	if (ret)
		return ret == -EAGAIN ? -EAGAIN : -EFAULT;
	if (WARN_ON_ONCE(ea - found.start >= found.len ||
			 (write && !found.writable)))
		return -EFAULT;
	*win = found;
	return 0;
}

/**
 * ctx_kva() - where an effective address is in the kernel
 * @ctx: context
 * @cache: window that is looked at first and refilled; NULL: none
 * @ea: effective address
 * @len: in: bytes wanted; out: how many of them are there in one piece
 * @write: they will be stored to
 *
 * The address is good for as long as what protects @cache is held (the BUSY
 * bit; rrq_lock for the response ring): cxlflash_ctx_invalidate() takes both.
 *
 * Context: atomic.
 * Return: address; ERR_PTR() of -EAGAIN (ctx_resolve() may help) or -EFAULT.
 */
void *ctx_kva(struct cxlflash_ctx *ctx, struct cxlflash_window *cache, u64 ea,
	      u64 *len, bool write)
{
	struct cxlflash_window win;
	u64 off;
	int ret;

	if (!cache) {
		cache = &win;
		win.len = 0;
		win.start = 0;
	}
	off = ea - cache->start;
	if (unlikely(off >= cache->len || (write && !cache->writable))) {
		ret = ctx_window(ctx, cache, ea, write);
		if (ret)
			return ERR_PTR(ret);
		off = ea - cache->start;
	}
	if (*len > cache->len - off)
		*len = cache->len - off;
	return cache->kva + off;
}

/**
 * ctx_kva_refill() - where something is in the kernel, if it is in one piece
 * @ctx: context
 * @cache: window, refilled
 * @ea: effective address
 * @len: bytes
 * @write: they will be stored to
 *
 * Context: as ctx_kva().
 * Return: address, or NULL.
 */
void *ctx_kva_refill(struct cxlflash_ctx *ctx, struct cxlflash_window *cache,
		     u64 ea, u64 len, bool write)
{
	u64 found = len;
	void *kva = ctx_kva(ctx, cache, ea, &found, write);

	return IS_ERR(kva) || found < len ? NULL : kva;
}

/**
 * ctx_resolve() - let the owner bring memory to hand
 * @ctx: context
 * @ea: address
 * @len: bytes
 * @write: they will be stored to
 *
 * Context: a worker; may sleep, also in a page fault.
 * Return: 0: ctx_kva() finds it now, unless it went again; -ENOMEM: only
 * ctx_copy() may reach it; -EFAULT if it cannot be had or the context is not in
 * use any more.
 */
int ctx_resolve(struct cxlflash_ctx *ctx, u64 ea, u32 len, bool write)
{
	int ret = -EFAULT;

	if (!ctx->ops->resolve || !ctx_call_begin(ctx))
		return -EFAULT;
	if (READ_ONCE(ctx->state) < CXLFLASH_CTX_ERROR)
		ret = ctx->ops->resolve(ctx, ea, len, write);
	ctx_call_end(ctx);
	return ret == -ENOMEM && ctx->ops->copy ? -ENOMEM : ret ? -EFAULT : 0;
}

/**
 * ctx_copy() - let the owner copy, as memory cannot be kept at hand
 * @ctx: context
 * @ea: address
 * @buf: kernel buffer
 * @len: bytes
 * @write: to the owner's memory
 *
 * Context: a worker; may sleep, also in a page fault.
 * Return: 0; -EFAULT.
 */
int ctx_copy(struct cxlflash_ctx *ctx, u64 ea, void *buf, u32 len, bool write)
{
	int ret = -EFAULT;

	if (!ctx->ops->copy || !ctx_call_begin(ctx))
		return -EFAULT;
	if (READ_ONCE(ctx->state) < CXLFLASH_CTX_ERROR)
		ret = ctx->ops->copy(ctx, ea, buf, len, write);
	if (!ret && write)
		ctx_dirtied(ctx, ea, len);
	ctx_call_end(ctx);
	return ret ? -EFAULT : 0;
}

/* The queue makes no sense: off with it. */
static void ctx_sq_bad(struct cxlflash_ctx *ctx, u64 shadow_ea)
{
	unsigned long flags;
	bool was = false;

	spin_lock_irqsave(&ctx->lock, flags);
	if (ctx->shadow_ea == shadow_ea) {
		WRITE_ONCE(ctx->shadow_ea, 0);
		ctx->sq = (struct ring_sq){ };
		clear_bit(CTX_SQ, &ctx->flags);
		was = true;
	}
	spin_unlock_irqrestore(&ctx->lock, flags);
	if (was)
		ctx_raise_intr(ctx, SISL_INTR_ARCB_READ);
}

/**
 * ctx_shadow_work() - bring the shadow words to hand
 * @work: shadow_work of a context
 *
 * Context: a worker.
 */
void ctx_shadow_work(struct work_struct *work)
{
	struct cxlflash_ctx *ctx =
		container_of(work, struct cxlflash_ctx, shadow_work);
	u64 ea = READ_ONCE(ctx->shadow_ea);

	if (!ea)
		return;
	if (ctx_resolve(ctx, ea, sizeof(*ctx->shadow), true)) {
		ctx_data_storage(ctx, ea, true);
		ctx_sq_bad(ctx, ea);
		return;
	}
	engine_wake(ctx);
}

/* The shadow words, NULL if there are none or not now.  Under CTX_BUSY. */
static struct sisl_shadow *ctx_shadow(struct cxlflash_ctx *ctx)
{
	u64 ea = READ_ONCE(ctx->shadow_ea), len = sizeof(*ctx->shadow);
	void *kva;

	if (!ea)
		return NULL;
	if (likely(ctx->shadow && ctx->shadow_at == ea))
		return ctx->shadow;
	ctx->shadow = NULL;
	kva = ctx_kva(ctx, NULL, ea, &len, true);
	if (!IS_ERR(kva) && len == sizeof(*ctx->shadow)) {
		ctx->shadow = kva;
		ctx->shadow_at = ea;
	} else if (kva == ERR_PTR(-EAGAIN)) {
		ctx->stats.misses++;
		queue_work(cmd_wq, &ctx->shadow_work);
	} else {
		ctx_data_storage(ctx, ea, true);
		ctx_sq_bad(ctx, ea);
	}
	return ctx->shadow;
}

/* How many requests were put into the queue; as many as we know if unclear. */
static u64 ctx_shadow_tail(struct cxlflash_ctx *ctx, u64 known)
{
	struct sisl_shadow *sh = ctx_shadow(ctx);

	/* Paired with the submitter's release: the IOARCBs are there. */
	return sh ? ctx64(ctx, smp_load_acquire(&sh->tail)) : known;
}

static u64 ctx_sq_known(const struct cxlflash_ctx *ctx)
{
	return ctx->sq.fetched + ring_sq_pending(&ctx->sq);
}

/**
 * ctx_arm_event() - ask to be rung for the next request
 * @ctx: context
 *
 * Context: atomic, under CTX_BUSY.  Look at ctx_has_work() again afterwards.
 */
void ctx_arm_event(struct cxlflash_ctx *ctx)
{
	struct sisl_shadow *sh = ctx_shadow(ctx);

	if (!sh)
		return;
	WRITE_ONCE(sh->event, ctx64(ctx, ctx_sq_known(ctx)));
	ctx_dirtied(ctx, ctx->shadow_at, sizeof(*sh));
	/* Paired with the submitter's: tail, barrier, event. */
	smp_mb();
}

/**
 * ctx_has_work() - is there an IOARCB to fetch?
 * @ctx: context
 *
 * A hint, also in that it may say yes for a shadow tail that turns out bad.
 * Who submits to a context that is not polled must ring, so its event index is
 * set whenever there is none.
 *
 * Context: atomic, under CTX_BUSY.
 * Return: true if ctx_next_arcb() should be asked.
 */
bool ctx_has_work(struct cxlflash_ctx *ctx)
{
	u64 known;

	if (READ_ONCE(ctx->state) != CXLFLASH_CTX_LIVE ||
	    READ_ONCE(ctx->paused))
		return false;
	if (READ_ONCE(ctx->arrin.nr))
		return true;
	if (!test_bit(CTX_SQ, &ctx->flags))
		return false;
	if (READ_ONCE(ctx->sq.tail) != READ_ONCE(ctx->sq.head))
		return true;
	if (!READ_ONCE(ctx->shadow_ea))
		return false;
	known = READ_ONCE(ctx->sq.fetched);
	if (ctx_shadow_tail(ctx, known) != known)
		return true;
	if (READ_ONCE(ctx->service) == CXLFLASH_SERVICE_POLLED)
		return false;
	ctx_arm_event(ctx);
	return ctx_shadow_tail(ctx, known) != known;
}

/**
 * ctx_is_quiet() - is it sure that there is no IOARCB to fetch?
 * @ctx: context
 *
 * What ctx_has_work() says of a queue with a shadow tail, in fewer steps.
 *
 * Context: atomic, under CTX_BUSY.
 * Return: true: there is none; false: ask ctx_has_work().
 */
bool ctx_is_quiet(const struct cxlflash_ctx *ctx)
{
	const struct sisl_shadow *sh = ctx->shadow;

	return sh && ctx->shadow_at == READ_ONCE(ctx->shadow_ea) &&
	       !READ_ONCE(ctx->arrin.nr) &&
	       READ_ONCE(ctx->sq.tail) == READ_ONCE(ctx->sq.head) &&
	       ctx64(ctx, READ_ONCE(sh->tail)) == READ_ONCE(ctx->sq.fetched);
}

/* Take over the shadow tail; under CTX_BUSY. */
static void ctx_poll_shadow(struct cxlflash_ctx *ctx)
{
	u64 ea = READ_ONCE(ctx->shadow_ea), tail;
	unsigned long flags;
	bool ok = true;

	if (!ea || !ctx_shadow(ctx))
		return;
	tail = ctx_shadow_tail(ctx, 0);
	spin_lock_irqsave(&ctx->lock, flags);
	/* Somebody else may have turned it off or replaced it meanwhile. */
	if (ctx->shadow_ea == ea && ctx->shadow && ctx->shadow_at == ea)
		ok = ring_sq_set_count(&ctx->sq, tail);
	spin_unlock_irqrestore(&ctx->lock, flags);
	if (!ok)
		ctx_sq_bad(ctx, ea);
}

/* Under ctx->lock: how many were taken, of one of the two sources. */
static unsigned int __ctx_take_arcbs(struct cxlflash_ctx *ctx, unsigned int max)
{
	struct flat_batch *b = &ctx->flat;
	unsigned int nr = 0;

	if (ctx->state != CXLFLASH_CTX_LIVE || ctx->paused)
		return 0;
	b->from_sq = !ctx->arrin.nr;
	if (!b->from_sq) {
		while (nr < max && ring_fifo_pop(&ctx->arrin, &b->ea[nr]))
			nr++;
	} else if (ctx->sq.nr) {
		max = min(max, ring_sq_pending(&ctx->sq));
		while (nr < max)
			b->ea[nr++] = ring_sq_pop(&ctx->sq);
	}
	return nr;
}

/**
 * ctx_next_arcbs() - the next requests
 * @ctx: context; its @flat is filled
 * @max: at most so many, not more than FLAT_BATCH
 *
 * They count as in flight from here on.
 *
 * Context: atomic, under CTX_BUSY.
 * Return: how many.
 */
unsigned int ctx_next_arcbs(struct cxlflash_ctx *ctx, unsigned int max)
{
	unsigned long flags;
	unsigned int nr;

	if (!ctx_has_work(ctx))
		return 0;
	if (!READ_ONCE(ctx->arrin.nr) &&
	    READ_ONCE(ctx->sq.head) == READ_ONCE(ctx->sq.tail))
		ctx_poll_shadow(ctx);
	spin_lock_irqsave(&ctx->lock, flags);
	nr = __ctx_take_arcbs(ctx, max);
	ctx->flat.nr = nr;
	ctx->flat.epoch = ctx->epoch;
	if (nr)
		atomic_add(nr, &ctx->nr_inflight);
	spin_unlock_irqrestore(&ctx->lock, flags);
	return nr;
}

/**
 * ctx_disarm_event() - no need to ring
 * @ctx: context
 *
 * The index is set to one that was passed: tails only go up.
 *
 * Context: atomic, under CTX_BUSY.
 */
void ctx_disarm_event(struct cxlflash_ctx *ctx)
{
	struct sisl_shadow *sh = ctx_shadow(ctx);

	if (!sh)
		return;
	WRITE_ONCE(sh->event, ctx64(ctx, ctx_sq_known(ctx) - 1));
	ctx_dirtied(ctx, ctx->shadow_at, sizeof(*sh));
}

/**
 * ctx_notify() - raise an interrupt
 * @ctx: context
 * @lisn: which; 0 or out of range: none
 *
 * Context: any, also hard irq, without ctx->lock and rrq_lock.
 */
void ctx_notify(struct cxlflash_ctx *ctx, unsigned int lisn)
{
	if (!lisn || lisn >= SISL_NR_LISN || !ctx->ops->notify)
		return;
	/* cxlflash_ctx_destroy() waits for it. */
	rcu_read_lock();
	if (READ_ONCE(ctx->state) != CXLFLASH_CTX_DEAD)
		ctx->ops->notify(ctx, lisn);
	rcu_read_unlock();
}

/* One more RRQ entry: true if @lisn is to be raised now. */
static bool __ctx_coalesce(struct cxlflash_ctx *ctx, u8 lisn)
{
	lockdep_assert_held(&ctx->rrq_lock);
	if (!lisn || lisn >= SISL_NR_LISN)
		return false;
	if (lisn != SISL_LISN_RRQ || !ctx->coalesce_us)
		goto raise;
	ctx->coalesced++;
	if (ctx->coalesce_count && ctx->coalesced >= ctx->coalesce_count) {
		ctx->coalesced = 0;
		goto raise;
	}
	ctx->coalesce_lisn = lisn;
	if (ctx->coalesced == 1)
		hrtimer_start(&ctx->coalesce_timer,
			      ns_to_ktime(ctx->coalesce_us * NSEC_PER_USEC),
			      HRTIMER_MODE_REL_SOFT);
	return false;

raise:
	ctx_count(ctx, irqs, 1);
	return true;
}

/**
 * ctx_coalesce_timer() - the interrupt for the rest
 * @timer: coalesce_timer of a context
 *
 * Context: soft irq.
 * Return: %HRTIMER_NORESTART
 */
enum hrtimer_restart ctx_coalesce_timer(struct hrtimer *timer)
{
	struct cxlflash_ctx *ctx =
		container_of(timer, struct cxlflash_ctx, coalesce_timer);
	unsigned long flags;
	u8 lisn = 0;

	spin_lock_irqsave(&ctx->rrq_lock, flags);
	if (ctx->coalesced) {
		lisn = ctx->coalesce_lisn;
		ctx->coalesced = 0;
		ctx->stats.irqs++;
	}
	spin_unlock_irqrestore(&ctx->rrq_lock, flags);
	ctx_notify(ctx, lisn);
	return HRTIMER_NORESTART;
}

/* Store the entry: 0 or why not.  @where: of the entry. */
static int __ctx_rrq_store(struct cxlflash_ctx *ctx, u64 ea, u64 *where)
{
	u64 len = sizeof(u64), *entry;

	lockdep_assert_held(&ctx->rrq_lock);
	*where = ctx->rrq.cur;
	if (unlikely(READ_ONCE(ctx->state) >= CXLFLASH_CTX_ERROR))
		return -ESHUTDOWN;
	if (unlikely(!ctx->rrq.start))
		return -ENXIO;
	entry = ctx_kva_cached(ctx, &ctx->rrq_win, ctx->rrq.cur, &len, true);
	if (IS_ERR(entry))
		return PTR_ERR(entry);
	if (unlikely(len < sizeof(u64)))
		return -EFAULT;
	/* Paired with the owner's load of it: data and IOASA are there. */
	smp_store_release(entry, ctx64(ctx, ring_rrq_entry(&ctx->rrq, ea)));
	ctx_dirtied(ctx, ctx->rrq.cur, sizeof(u64));
	ring_rrq_advance(&ctx->rrq);
	ctx_count(ctx, done, 1);
	return 0;
}

/**
 * ctx_post_rrq() - tell the owner that a command is over
 * @ctx: context
 * @ea: of the IOARCB, or of the IOASA if it came by the submission queue
 * @lisn: interrupt to raise, 0: none
 * @miss: out, with -EAGAIN: what has to be ctx_resolve()d, 8 bytes for writing
 *
 * Without a response ring intr_status gets RRQ_WRITE; with one that cannot be
 * reached the owner gets a data storage event.  Neither moves the ring on.
 *
 * Context: any, in the RCU read section that compared the command's epoch.
 * Return: 0; -EAGAIN, see @miss; -EFAULT: it cannot be told.
 */
int ctx_post_rrq(struct cxlflash_ctx *ctx, u64 ea, u8 lisn, u64 *miss)
{
	unsigned long flags;
	bool fire = false;
	u64 where;
	int ret;

	spin_lock_irqsave(&ctx->rrq_lock, flags);
	ret = __ctx_rrq_store(ctx, ea, &where);
	if (!ret)
		fire = __ctx_coalesce(ctx, lisn);
	spin_unlock_irqrestore(&ctx->rrq_lock, flags);
	if (fire)
		ctx_notify(ctx, lisn);
	if (likely(!ret))
		return 0;
	if (ret == -EAGAIN) {
		*miss = where;
		return -EAGAIN;
	}
	if (ret == -ENXIO)
		ctx_raise_intr(ctx, SISL_INTR_RRQ_WRITE);
	else if (ret == -EFAULT)
		ctx_data_storage(ctx, where, true);
	return -EFAULT;
}

/*
 * Store as many entries as are at hand in one piece: how many.  The caller has
 * the RCU read section in which the epoch was compared.
 */
static unsigned int __ctx_rrq_store_some(struct cxlflash_ctx *ctx,
					 const struct flat_done *done,
					 unsigned int max)
{
	bool native = ctx_is_native(ctx);
	struct ring_rrq *rrq = &ctx->rrq;
	u64 len, ea, *entry;
	unsigned int i;

	lockdep_assert_held(&ctx->rrq_lock);
	if (unlikely(READ_ONCE(ctx->state) >= CXLFLASH_CTX_ERROR ||
		     !rrq->start))
		return 0;
	len = min_t(u64, rrq->last - rrq->cur + sizeof(*entry),
		    max * sizeof(*entry));
	entry = ctx_kva_cached(ctx, &ctx->rrq_win, rrq->cur, &len, true);
	if (IS_ERR(entry))
		return 0;
	max = len / sizeof(*entry);
	for (i = 0; i < max; i++) {
		ea = ring_rrq_entry(rrq, done[i].rrq_ea);
		/* Paired with the owner's load: data and IOASA are there. */
		smp_store_release(&entry[i], native ? ea : swab64(ea));
	}
	ring_rrq_skip(rrq, max);
	return max;
}

/**
 * ctx_post_rrqs() - tell the owner that commands are over
 * @ctx: context
 * @done: which
 * @nr: how many
 * @loud: some of them ask for an interrupt
 *
 * In their order, with at most one interrupt of each kind for all of them.
 *
 * Context: any, in the RCU read section that compared the epoch.
 * Return: how many were posted; what stands in the way of the next one is for
 * ctx_post_rrq() to find out.
 */
unsigned int ctx_post_rrqs(struct cxlflash_ctx *ctx,
			   const struct flat_done *done, unsigned int nr,
			   bool loud)
{
	unsigned int posted = 0, now, i, lisn;
	unsigned long fire = 0, flags;

	spin_lock_irqsave(&ctx->rrq_lock, flags);
	do {
		now = __ctx_rrq_store_some(ctx, done + posted, nr - posted);
		posted += now;
	} while (now && posted < nr);
	ctx_count(ctx, done, posted);
	for (i = 0; loud && i < posted; i++)
		if (done[i].lisn && !(fire & BIT(done[i].lisn)) &&
		    __ctx_coalesce(ctx, done[i].lisn))
			fire |= BIT(done[i].lisn);
	spin_unlock_irqrestore(&ctx->rrq_lock, flags);
	for_each_set_bit(lisn, &fire, SISL_NR_LISN)
		ctx_notify(ctx, lisn);
	return posted;
}

/**
 * ctx_count_latency() - put commands into the histogram
 * @ctx: context
 * @start_ns: when they were fetched
 * @nr: how many
 *
 * Context: any, without rrq_lock.
 */
void ctx_count_latency(struct cxlflash_ctx *ctx, u64 start_ns, u64 nr)
{
	u64 us = (ktime_get_ns() - start_ns) / NSEC_PER_USEC;
	unsigned int bucket = min(fls64(us | 1), CXLFLASH_LATENCY_BUCKETS) - 1;
	unsigned long flags;

	spin_lock_irqsave(&ctx->rrq_lock, flags);
	ctx->latency[bucket] += nr;
	spin_unlock_irqrestore(&ctx->rrq_lock, flags);
}

/**
 * ctx_raise_intr() - set bits of intr_status
 * @ctx: context
 * @bits: SISL_INTR_*
 *
 * Each event that is not masked raises ctx_ctrl's interrupt, also if its bit
 * is set already: what is set may have been seen.
 *
 * Context: any, without ctx->lock and rrq_lock.
 */
void ctx_raise_intr(struct cxlflash_ctx *ctx, u64 bits)
{
	unsigned int lisn = 0;
	unsigned long flags;

	spin_lock_irqsave(&ctx->lock, flags);
	ctx->intr_status |= bits;
	if (bits & ~ctx->intr_mask)
		lisn = ctx->ctx_ctrl & SISL_CTX_CTRL_LISN_MASK;
	spin_unlock_irqrestore(&ctx->lock, flags);
	ctx_notify(ctx, lisn);
}

/**
 * ctx_data_storage() - an address could not be reached
 * @ctx: context
 * @ea: address
 * @write: it was to be stored to
 *
 * An owner that does not take such events finds IOASA_WRITE or ARCB_READ in
 * intr_status instead.
 *
 * Context: any, without ctx->lock and rrq_lock.
 */
void ctx_data_storage(struct cxlflash_ctx *ctx, u64 ea, bool write)
{
	if (!ctx->ops->data_storage) {
		ctx_raise_intr(ctx, write ? SISL_INTR_IOASA_WRITE :
			       SISL_INTR_ARCB_READ);
		return;
	}
	/* cxlflash_ctx_destroy() waits for it. */
	rcu_read_lock();
	if (READ_ONCE(ctx->state) < CXLFLASH_CTX_ERROR)
		ctx->ops->data_storage(ctx, ea, write);
	rcu_read_unlock();
}
