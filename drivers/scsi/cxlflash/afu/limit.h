/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rate limits: token buckets in virtual time, exact over any period
 *
 * A bucket is one number: the time at which the next unit is due.  Each unit
 * moves it on by 1/rate, in fixed point, so nothing is rounded away; a pause
 * is made up for by at most the burst.
 */
#ifndef CXLFLASH_AFU_LIMIT_H
#define CXLFLASH_AFU_LIMIT_H

#include <linux/compiler.h>
#include <linux/cxlflash_afu.h>
#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>

/* A second's worth of nanoseconds times the rate fits into 64 bits. */
#define LIMIT_RATE_MAX		10000000000ULL
#define LIMIT_BURST_MS		10
#define LIMIT_BURST_MS_MAX	60000

/**
 * struct limit_bucket - one rate
 * @rate: units per second; 0: no limit
 * @due_ns: when the next unit may go
 * @frac: of a nanosecond, in units of 1/@rate
 * @burst_ns: how far @due_ns may lie behind the clock
 */
struct limit_bucket {
	u64 rate;
	u64 due_ns;
	u64 frac;
	u64 burst_ns;
};

/**
 * struct limit - of a context
 * @iops: commands
 * @bytes: bytes
 */
struct limit {
	struct limit_bucket iops;
	struct limit_bucket bytes;
};

/**
 * struct limit_group - a limit that contexts share
 * @node: in the adapter-independent list of groups (limit_group.c)
 * @users: contexts and settings
 * @lock: protects @limit; irqs off, leaf
 * @limit: the buckets
 * @name: chosen by the administrator
 * @rcu: frees it
 */
struct limit_group {
	struct list_head node;
	refcount_t users;
	/** @lock: protects @limit */
	spinlock_t lock;
	struct limit limit;
	char name[32];
	struct rcu_head rcu;
};

/* All times are ktime_get_ns(). */
int limit_check(const struct cxlflash_limits *to);
void limit_bucket_set(struct limit_bucket *b, u64 rate, u32 burst_ms, u64 now);
/* 0: may go now; else nanoseconds until then. */
u64 limit_bucket_wait(const struct limit_bucket *b, u64 now);
void limit_bucket_take(struct limit_bucket *b, u64 units, u64 now);
void limit_set(struct limit *l, const struct cxlflash_limits *to, u64 now);
/*
 * May a command of @bytes go at @now?  Return 0: it may, and is charged; else
 * nanoseconds until it may.
 */
u64 limit_take(struct limit *l, u64 bytes, u64 now);
/* Asked without the lock of its users, too. */
static inline bool limit_is_set(const struct limit *l)
{
	return READ_ONCE(l->iops.rate) || READ_ONCE(l->bytes.rate);
}

/* limit_group.c: made by their first user, gone with their last. */
struct limit_group *limit_group_get(const char *name);
void limit_group_put(struct limit_group *g);
void limit_group_set(struct limit_group *g, const struct cxlflash_limits *to);

#endif /* CXLFLASH_AFU_LIMIT_H */
