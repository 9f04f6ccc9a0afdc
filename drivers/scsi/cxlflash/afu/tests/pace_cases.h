/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cases for the pace of engines: each returns "" or what is wrong
 *
 * Time is ours: a look takes PACE_CASE_LOOK ns, a rest exactly what was asked
 * for, and a sleeper is rung.
 */
#ifndef CXLFLASH_PACE_CASES_H
#define CXLFLASH_PACE_CASES_H

#define PACE_CASE_LOOK	20
#define PACE_CASE_MAX	500000

/**
 * struct pace_case - an engine that runs out of work again and again
 * @p: what is tested
 * @now: time, in ns
 * @looks: looks without work in the last pause
 * @late: ns from the end of the last pause to the look that found it
 * @slept: it slept in the last pause
 */
struct pace_case {
	struct pace p;
	u64 now;
	unsigned int looks;
	u64 late;
	bool slept;
};

static u32 pace_rand(u32 *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* Whether @rest is one that may be taken, by the definition of it. */
static const char *pace_case_rest(const struct pace_case *c, u64 idle, u64 rest)
{
	u64 end = c->p.window < PACE_CASE_MAX ? c->p.window : PACE_CASE_MAX;
	u64 sure = c->p.expect - c->p.expect / 4;

	if (idle + rest > end)
		return "rests beyond the end";
	if (rest > idle / 8 && idle + rest > sure)
		return "rests too long for the pause";
	return "";
}

/* A pause of @len ns. */
static const char *pace_case_pause(struct pace_case *c, u64 len)
{
	u64 begin = c->now, rest;
	const char *wrong;

	c->looks = 0;
	c->slept = false;
	while (c->now < begin + len) {
		c->looks++;
		if (!pace_look_again(&c->p, c->now, PACE_CASE_MAX, &rest)) {
			if (c->now - begin < c->p.window &&
			    c->now - begin < PACE_CASE_MAX)
				return "sleeps too early";
			c->slept = true;
			c->now = begin + len;
			break;
		}
		wrong = pace_case_rest(c, c->now - begin, rest);
		if (*wrong)
			return wrong;
		c->now += rest + PACE_CASE_LOOK;
	}
	c->late = c->now - begin - len;
	if (c->p.idle_since)
		pace_end(&c->p, c->now, PACE_CASE_MAX);
	c->now += 1000;
	return "";
}

/* Any pauses: each rest is one that may be taken, and no pause is too late. */
static const char *pace_case_any(u32 seed, unsigned int steps)
{
	struct pace_case c = { .now = 1 };
	u64 len, expect;
	const char *wrong;

	seed = seed * 2654435761U | 1;
	while (steps--) {
		len = pace_rand(&seed) >> (8 + pace_rand(&seed) % 20);
		expect = c.p.expect;
		wrong = pace_case_pause(&c, len);
		if (*wrong)
			return wrong;
		if (!c.slept && c.late > len / 8 + PACE_CASE_LOOK &&
		    len + c.late > expect - expect / 4 + PACE_CASE_LOOK)
			return "found too late";
	}
	return "";
}

/* Pauses of one length are met awake, soon, and after few looks. */
static const char *pace_case_steady(u32 seed, unsigned int steps)
{
	struct pace_case c = { .now = 1 };
	unsigned int i;
	u64 len;

	seed = seed * 2654435761U | 1;
	len = 200 + pace_rand(&seed) % (PACE_CASE_MAX / 2);
	for (i = 0; i < 50; i++) {
		const char *wrong = pace_case_pause(&c, len);

		if (*wrong)
			return wrong;
	}
	for (i = 0; i < steps / 100; i++) {
		const char *wrong = pace_case_pause(&c, len);

		if (*wrong)
			return wrong;
		if (c.slept)
			return "sleeps in a pause that it knows";
		if (c.late > len / 8 + PACE_CASE_LOOK)
			return "comes late";
		/* The first, and from 3/4 on ln(4/3) / ln(9/8) = 2.4. */
		if (c.looks > 5)
			return "looks too often";
	}
	return "";
}

/* Rests that take longer than asked for do not make pauses ever longer. */
static const char *pace_case_slow_rests(void)
{
	struct pace p = { };
	u64 now = 1, begin, rest;
	unsigned int i;

	for (i = 0; i < 1000; i++) {
		begin = now;
		do {
			if (!pace_look_again(&p, now, PACE_CASE_MAX, &rest))
				rest = 10000;
			now += 2 * rest + PACE_CASE_LOOK;
		} while (now < begin + 10000);
		pace_end(&p, now, PACE_CASE_MAX);
		if (i > 100 && now - begin > 30000)
			return "runs away";
		now += 1000;
	}
	return "";
}

/* Pauses that are too long are slept through, without a look before. */
static const char *pace_case_long(void)
{
	struct pace_case c = { .now = 1 };
	unsigned int i;

	pace_case_pause(&c, PACE_CASE_MAX / 2);
	pace_case_pause(&c, PACE_CASE_MAX / 2);
	if (c.slept)
		return "sleeps in a pause that it knows";
	for (i = 0; i < 64; i++)
		pace_case_pause(&c, PACE_CASE_MAX + 1000);
	if (!c.slept || c.looks > 1)
		return "looks in vain";
	pace_case_pause(&c, 1000);
	pace_case_pause(&c, 1000);
	return c.slept ? "does not learn of short ones again" : "";
}

/* What is expected follows short pauses at once, long ones by and by. */
static const char *pace_case_follow(void)
{
	struct pace_case c = { .now = 1 };
	unsigned int i;

	for (i = 0; i < 100; i++)
		pace_case_pause(&c, 100000);
	if (c.p.expect < 95000)
		return "does not follow long ones";
	pace_case_pause(&c, 60000);
	if (c.p.expect > 70000)
		return "does not follow a short one";
	pace_case_pause(&c, 100000);
	if (c.p.expect > 75000)
		return "follows a long one at once";
	return "";
}

#endif /* CXLFLASH_PACE_CASES_H */
