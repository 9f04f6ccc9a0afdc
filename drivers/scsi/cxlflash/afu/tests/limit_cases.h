/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cases for rate limits: each returns "" or what is wrong
 *
 * Time is ours.  The model is the definition: a bucket that was never idle has
 * spent exactly units / rate seconds, and over no period did more pass than
 * rate * (period + burst) and the one command that opened it.
 */
#ifndef CXLFLASH_LIMIT_CASES_H
#define CXLFLASH_LIMIT_CASES_H

#define LIMIT_CASE_TAKES	300

static u32 limit_rand(u32 *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* Any order of magnitude up to the greatest. */
static u64 limit_rand_rate(u32 *seed)
{
	u64 rate = ((u64)limit_rand(seed) << 32 | limit_rand(seed)) >>
		   (30 + limit_rand(seed) % 34);

	return rate % LIMIT_RATE_MAX + 1;
}

/* Nanoseconds that @units take, rounded down. */
static u64 limit_ns(u64 units, u64 rate)
{
	u64 rest, secs = div64_u64_rem(units, rate, &rest), frac;

	return secs * NSEC_PER_SEC +
	       div64_u64_rem(rest * NSEC_PER_SEC, rate, &frac);
}

/* Always busy: not a nanosecond is lost or won, however many commands. */
static const char *limit_case_exact(u32 seed, unsigned int steps)
{
	u64 start, now, rate, units, total = 0, wait;
	struct limit_bucket b = { };

	seed = seed * 2654435761U | 1;
	rate = limit_rand_rate(&seed);
	start = (u64)limit_rand(&seed) << 20;
	now = start;
	limit_bucket_set(&b, rate, 10, now);
	while (steps--) {
		units = 1 + limit_rand(&seed) % (16U << 20);
		/* The sum below stays below 2^64 ns. */
		if (rate < 1000000)
			units = 1 + units % 100;
		limit_bucket_take(&b, units, now);
		total += units;
		if (b.due_ns - start != limit_ns(total, rate))
			return "not exact";
		if (b.frac >= rate)
			return "more than a nanosecond left over";
		wait = limit_bucket_wait(&b, now);
		if (wait && limit_bucket_wait(&b, now + wait - 1) != 1)
			return "wait";
		now += wait;
	}
	return "";
}

/* Pauses and bursts: every period of the run is looked at. */
static const char *limit_case_periods(u32 seed, unsigned int steps)
{
	static u64 at[LIMIT_CASE_TAKES], sum[LIMIT_CASE_TAKES];
	u64 rate, wait, now, most;
	struct limit l = { };
	struct cxlflash_limits to = { };
	unsigned int nr = 0, i, j;
	u64 total = 0, bytes;

	seed = seed * 2654435761U | 1;
	to.bytes = 1000000 + limit_rand_rate(&seed) % 1000000000;
	to.burst_ms = 1 + limit_rand(&seed) % 50;
	rate = to.bytes;
	now = 1ULL << 40;
	limit_set(&l, &to, now);
	while (steps-- && nr < LIMIT_CASE_TAKES) {
		bytes = 1 + limit_rand(&seed) % 65536;
		wait = limit_take(&l, bytes, now);
		if (wait) {
			now += limit_rand(&seed) % 4 ? wait : wait / 2;
			continue;
		}
		at[nr] = now;
		total += bytes;
		sum[nr++] = total;
		if (limit_rand(&seed) % 16 == 0)
			now += limit_rand(&seed) % 200000000;
	}
	for (i = 1; i < nr; i++) {
		for (j = 0; j < i; j++) {
			/* What passed after j and up to i, but for i itself. */
			most = limit_ns(sum[i - 1] - sum[j], rate);
			if (most > at[i] - at[j] + to.burst_ms * NSEC_PER_MSEC)
				return "too much in a period";
		}
	}
	return "";
}

/* Whoever always has something to do gets his rate, to 1% and better. */
static const char *limit_case_busy(u32 seed, unsigned int steps)
{
	struct cxlflash_limits to = { };
	u64 now, start, wait, got = 0, want;
	struct limit l = { };

	seed = seed * 2654435761U | 1;
	to.iops = 100 + limit_rand(&seed) % 1000000;
	to.bytes = to.iops * 4096 / (1 + limit_rand(&seed) % 4);
	start = 1ULL << 50;
	now = start;
	limit_set(&l, &to, now);
	while (steps) {
		wait = limit_take(&l, 4096, now);
		/* Woken late, as timers are. */
		now += wait ? wait + limit_rand(&seed) % 1000000 : 0;
		steps -= !wait;
		got += !wait;
	}
	want = limit_ns(got * 4096, to.bytes);
	if (want < limit_ns(got, to.iops))
		want = limit_ns(got, to.iops);
	if (want > now - start + limit_ns(1, to.iops) * 4 + 1 ||
	    now - start > want + 3 * NSEC_PER_MSEC)
		return "not his rate";
	return "";
}

static const char *limit_case_edges(void)
{
	struct limit_bucket b = { };
	struct limit l = { };

	if (limit_bucket_wait(&b, 5) || limit_take(&l, ~0ULL, 5))
		return "no limit";
	limit_bucket_set(&b, 1, LIMIT_BURST_MS, 0);
	limit_bucket_take(&b, 1, 0);
	if (limit_bucket_wait(&b, 0) != NSEC_PER_SEC)
		return "one a second";
	limit_bucket_take(&b, ~0ULL, 0);
	if (limit_bucket_wait(&b, 0) != LIMIT_DEBT_SECS * NSEC_PER_SEC)
		return "a debt without end";
	limit_bucket_set(&b, 2, LIMIT_BURST_MS, 7);
	if (limit_bucket_wait(&b, 7))
		return "a new rate is a new start";
	limit_bucket_take(&b, 100, 7);
	limit_bucket_set(&b, 2, LIMIT_BURST_MS, 7);
	if (limit_bucket_wait(&b, 7) != 50 * NSEC_PER_SEC)
		return "the same rate is none";
	limit_bucket_set(&b, LIMIT_RATE_MAX, 0, 1);
	limit_bucket_take(&b, LIMIT_RATE_MAX - 1, 1);
	if (b.due_ns != NSEC_PER_SEC || b.frac != 9 * (LIMIT_RATE_MAX / 10))
		return "the greatest rate";
	return "";
}

static const char *limit_case_both(void)
{
	struct cxlflash_limits to = { .iops = 1000, .bytes = 4096000 };
	struct limit l = { };

	limit_set(&l, &to, 0);
	if (limit_take(&l, 8192, 0) ||
	    limit_take(&l, 4096, 1) != 2 * NSEC_PER_MSEC - 1)
		return "bytes";
	if (limit_take(&l, 0, 1) != NSEC_PER_MSEC - 1 ||
	    limit_take(&l, 0, NSEC_PER_MSEC))
		return "a command without bytes";
	if (limit_take(&l, 1, 2 * NSEC_PER_MSEC))
		return "both due";
	return "";
}

static const char *limit_case_check(void)
{
	struct cxlflash_limits to = {
		.iops = LIMIT_RATE_MAX,
		.bytes = LIMIT_RATE_MAX,
		.burst_ms = LIMIT_BURST_MS_MAX,
	};

	if (limit_check(&to))
		return "the greatest";
	to.iops++;
	if (limit_check(&to) != -EINVAL)
		return "iops";
	to.iops = 0;
	to.bytes++;
	if (limit_check(&to) != -EINVAL)
		return "bytes";
	to.bytes = 0;
	to.burst_ms++;
	return limit_check(&to) != -EINVAL ? "burst" : "";
}

#endif /* CXLFLASH_LIMIT_CASES_H */
