/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * When an engine that has run out of work looks for more
 *
 * It looks for as long as the last pauses took, so that it is awake when a
 * pause of their kind ends, but not longer than it is told; if they take longer
 * than that it looks for less and less time.  Between two looks it rests for an
 * eighth of the pause so far.  For three quarters of the time that a pause
 * takes at least, going by the last ones, it does not look at all.  If the look
 * behind these finds work it may have been there for long: the next pauses
 * tell.
 *
 * Pure logic: what time it is, is the caller's to say.
 */
#ifndef CXLFLASH_AFU_PACE_H
#define CXLFLASH_AFU_PACE_H

#include <linux/minmax.h>
#include <linux/types.h>

/* A pause is met awake if it is not longer than the last one by this factor. */
#define PACE_WINDOW_FACTOR	2
/* A rest is at most the pause so far by 2 to the power of this. */
#define PACE_REST_SHIFT		3
/* How fast the expected pause follows longer ones; shorter ones at once. */
#define PACE_EXPECT_SHIFT	3

/**
 * struct pace - of an engine, all times in ns
 * @idle_since: when it was out of work; 0: it is not
 * @window: how long it looks for more then
 * @expect: how long a pause takes at least, as a rule
 * @blind: the last rest was the long one, until a pause may end
 */
struct pace {
	u64 idle_since;
	u64 window;
	u64 expect;
	bool blind;
};

/* For so long, in ns, a pause is not expected to end. */
static inline u64 pace_sure(const struct pace *p)
{
	return p->expect - p->expect / 4;
}

/**
 * pace_look_again() - nothing was found: is it worth another look?
 * @p: the engine's
 * @now: time, in ns, not 0
 * @max: look for work for so long at most, in ns
 * @rest: out, how long to rest before, in ns, at most @max
 *
 * Return: true: after a rest; false: sleep.
 */
static inline bool pace_look_again(struct pace *p, u64 now, u64 max, u64 *rest)
{
	u64 idle, sure = pace_sure(p), end = min(p->window, max);

	if (!p->idle_since)
		p->idle_since = now;
	idle = now - p->idle_since;
	p->blind = false;
	if (idle >= end)
		return false;
	*rest = idle >> PACE_REST_SHIFT;
	if (idle + *rest < sure) {
		*rest = sure - idle;
		p->blind = true;
	}
	*rest = min(*rest, end - idle);
	return true;
}

/**
 * pace_end() - work was found
 * @p: the engine's, @idle_since is set
 * @now: time, in ns
 * @max: as for pace_look_again()
 */
static inline void pace_end(struct pace *p, u64 now, u64 max)
{
	u64 pause = now - p->idle_since;

	p->idle_since = 0;
	if (pause > max) {
		p->window /= 2;
		return;
	}
	if (pause > p->window)
		p->window = min(max, pause * PACE_WINDOW_FACTOR);
	if (p->blind)
		p->expect = min(pause, p->expect) / 2;
	else if (pause < p->expect)
		p->expect = pause;
	else
		p->expect += (pause - p->expect) >> PACE_EXPECT_SHIFT;
}

#endif /* CXLFLASH_AFU_PACE_H */
