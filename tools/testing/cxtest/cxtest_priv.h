/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inside cxtest.ko
 */
#ifndef CXTEST_PRIV_H
#define CXTEST_PRIV_H

#include <linux/atomic.h>
#include <linux/cxlflash_afu.h>
#include <linux/mutex.h>
#include <linux/wait.h>

#include "cxtest.h"

/**
 * struct cxtest - an open file
 * @lock: protects @ctx being made and ended; outside everything of the adapter
 * @ad: the adapter, referenced
 * @ctx: the context, or NULL
 * @flags: CXTEST_USER, CXTEST_BY_PAGE
 * @nr_pages: of the arena
 * @pages: the arena's
 * @kva: the arena, contiguous
 * @how: by page: CXTEST_PRESENT ...; READ_ONCE()
 * @irqs: by LISN
 * @data_storage: events
 * @last_ea: of the last
 * @resolved: pages
 * @state_changes: events
 * @wait: woken by each event, for poll
 */
struct cxtest {
	/** @lock: protects @ctx */
	struct mutex lock;
	struct cxlflash_adapter *ad;
	struct cxlflash_ctx *ctx;
	u32 flags;
	u32 nr_pages;
	struct page **pages;
	void *kva;
	u8 *how;
	atomic64_t irqs[CXTEST_NR_LISN];
	atomic64_t data_storage;
	u64 last_ea;
	atomic64_t resolved;
	atomic_t state_changes;
	wait_queue_head_t wait;
};

extern const struct cxlflash_owner_ops cxtest_owner_ops;
/* Pages that get_pages() handed out and put_pages() did not get back. */
extern atomic64_t cxtest_pages_out;

int cxtest_slice(struct cxtest *ct, struct cxtest_slice *arg);
void cxtest_slices_close(struct cxtest *ct);
void cxtest_slices_close_lun(struct cxlflash_lun *lun);
int cxtest_client(struct cxtest_client *arg);
void cxtest_client_end(void);
int cxtest_arena_alloc(struct cxtest *ct, u32 nr_pages);
void cxtest_arena_free(struct cxtest *ct);

#endif /* CXTEST_PRIV_H */
