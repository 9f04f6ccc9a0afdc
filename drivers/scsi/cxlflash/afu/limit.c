// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rate limits: token buckets in virtual time
 *
 * A bucket knows when its next unit is due.  To take n units moves that time by
 * n / rate seconds; the part of a nanosecond that remains is kept as a fraction
 * of @rate, so no rounding ever adds up.  A command may go once the time has
 * come, whatever its size: a big one is paid for by those after it, and over a
 * period T never more than rate * (T + burst) and one command pass.
 *
 * Buckets do not lock: a context's are used under its BUSY bit, a group's under
 * the group's lock.  Pure arithmetic, tested on the host.
 */
#include <linux/errno.h>
#include <linux/math64.h>
#include <linux/time64.h>

#include "limit.h"

/* A bucket is never in debt for longer: no sum overflows. */
#define LIMIT_DEBT_SECS		(1ULL << 32)

/**
 * limit_check() - are these limits that buckets can keep?
 * @to: what somebody wants
 *
 * Context: any.
 * Return: 0, or -EINVAL if a rate or the burst is too big.
 */
int limit_check(const struct cxlflash_limits *to)
{
	if (to->iops > LIMIT_RATE_MAX || to->bytes > LIMIT_RATE_MAX ||
	    to->burst_ms > LIMIT_BURST_MS_MAX)
		return -EINVAL;
	return 0;
}

/**
 * limit_bucket_set() - give a bucket its rate
 * @b: bucket
 * @rate: units per second; 0: no limit; at most %LIMIT_RATE_MAX counts
 * @burst_ms: how much of a pause may be made up for
 * @now: time
 *
 * A debt is forgiven if the rate changes.
 *
 * Context: any; the caller serialises the bucket's users.
 */
void limit_bucket_set(struct limit_bucket *b, u64 rate, u32 burst_ms, u64 now)
{
	if (rate > LIMIT_RATE_MAX)
		rate = LIMIT_RATE_MAX;
	if (burst_ms > LIMIT_BURST_MS_MAX)
		burst_ms = LIMIT_BURST_MS_MAX;
	b->burst_ns = (u64)burst_ms * NSEC_PER_MSEC;
	if (b->rate == rate)
		return;
	WRITE_ONCE(b->rate, rate);
	b->due_ns = now;
	b->frac = 0;
}

/**
 * limit_bucket_wait() - how long until something may go?
 * @b: bucket
 * @now: time
 *
 * Context: any; the caller serialises the bucket's users.
 * Return: nanoseconds, 0 if at once.
 */
u64 limit_bucket_wait(const struct limit_bucket *b, u64 now)
{
	if (!b->rate || b->due_ns <= now)
		return 0;
	return b->due_ns - now;
}

/**
 * limit_bucket_take() - charge a bucket
 * @b: bucket
 * @units: how many
 * @now: time
 *
 * Context: any; the caller serialises the bucket's users.
 */
void limit_bucket_take(struct limit_bucket *b, u64 units, u64 now)
{
	u64 oldest = now > b->burst_ns ? now - b->burst_ns : 0;
	u64 latest = now + LIMIT_DEBT_SECS * NSEC_PER_SEC;
	u64 secs, rest;

	if (!b->rate)
		return;
	if (b->due_ns < oldest) {
		b->due_ns = oldest;
		b->frac = 0;
	}
	secs = div64_u64_rem(units, b->rate, &rest);
	if (secs > LIMIT_DEBT_SECS)
		secs = LIMIT_DEBT_SECS;
	/* rest and frac are both below rate: the sum is below rate seconds. */
	b->due_ns += div64_u64_rem(rest * NSEC_PER_SEC + b->frac, b->rate,
				   &b->frac);
	b->due_ns += secs * NSEC_PER_SEC;
	if (b->due_ns > latest)
		b->due_ns = latest;
}

/**
 * limit_set() - give a limit its rates
 * @l: limit
 * @to: rates, limit_check()ed
 * @now: time
 *
 * Context: any; the caller serialises the limit's users.
 */
void limit_set(struct limit *l, const struct cxlflash_limits *to, u64 now)
{
	u32 burst_ms = to->burst_ms ? to->burst_ms : LIMIT_BURST_MS;

	limit_bucket_set(&l->iops, to->iops, burst_ms, now);
	limit_bucket_set(&l->bytes, to->bytes, burst_ms, now);
}

/**
 * limit_take() - may a command go?
 * @l: limit
 * @bytes: that it moves
 * @now: time
 *
 * Context: any; the caller serialises the limit's users.
 * Return: 0 if it may, and it is charged; else nanoseconds until it may.
 */
u64 limit_take(struct limit *l, u64 bytes, u64 now)
{
	u64 wait = limit_bucket_wait(&l->iops, now), more;

	more = bytes ? limit_bucket_wait(&l->bytes, now) : 0;
	if (wait || more)
		return wait > more ? wait : more;
	limit_bucket_take(&l->iops, 1, now);
	limit_bucket_take(&l->bytes, bytes, now);
	return 0;
}
