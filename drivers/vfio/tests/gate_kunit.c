// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the gate
 *
 * What is tested is what the gate is for: nobody is inside after a drain, a
 * drain ends, and sleepers inside do not hold it up.
 *
 * Mutants that these tests kill:
 *  - gate_enter() without its second look at "shut": visitors that overlap
 *    keep the count up for ever (overlapping_visits_do_not_hold_up_a_drain,
 *    and at once closed_gate_refuses_also_who_is_inside);
 *  - gate_close() without its wake-up: shutting_wakes_the_sleepers.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/gate.h>
#include <linux/kthread.h>
#include <linux/slab.h>

#define NR_THREADS	4
#define ALIVE		0x600dcafe
#define LONG_ENOUGH	(20 * HZ)

static void open_gate_lets_in_and_nests(struct kunit *test)
{
	struct gate_pass outer, inner;
	struct gate gate;

	gate_init(&gate);
	KUNIT_EXPECT_FALSE(test, gate_is_shut(&gate));
	KUNIT_ASSERT_TRUE(test, gate_enter(&gate, &outer));
	KUNIT_ASSERT_TRUE(test, gate_enter(&gate, &inner));
	KUNIT_EXPECT_EQ(test, refcount_read(&gate.users), 3);
	KUNIT_EXPECT_PTR_EQ(test, outer.task, current);
	gate_exit(&gate, &outer);
	gate_exit(&gate, &inner);
	KUNIT_EXPECT_EQ(test, refcount_read(&gate.users), 1);
	KUNIT_EXPECT_TRUE(test, list_empty(&gate.inside));
	gate_shut(&gate);
}

static void closed_gate_refuses_also_who_is_inside(struct kunit *test)
{
	struct gate_pass outer, inner;
	struct gate gate;

	gate_init(&gate);
	KUNIT_ASSERT_TRUE(test, gate_enter(&gate, &outer));
	gate_close(&gate);
	gate_close(&gate);
	KUNIT_EXPECT_TRUE(test, gate_is_shut(&gate));
	/* Who got in here would stay in: there is no going on then. */
	KUNIT_ASSERT_FALSE(test, gate_enter(&gate, &inner));
	KUNIT_EXPECT_FALSE(test, completion_done(&gate.idle));
	gate_exit(&gate, &outer);
	KUNIT_EXPECT_TRUE(test, gate_drain_timeout(&gate, 1));
	/* And again: being drained is not an event but a state. */
	KUNIT_EXPECT_TRUE(test, gate_drain_timeout(&gate, 1));
	KUNIT_EXPECT_FALSE(test, gate_enter(&gate, &inner));
	gate_shut(&gate);
}

static void waiting_tells_events_from_shutting(struct kunit *test)
{
	struct gate_pass pass;
	struct gate gate;

	gate_init(&gate);
	KUNIT_ASSERT_TRUE(test, gate_enter(&gate, &pass));
	KUNIT_EXPECT_EQ(test, 0, gate_wait_event(&gate, true));
	gate_close(&gate);
	KUNIT_EXPECT_EQ(test, 0, gate_wait_event(&gate, true));
	KUNIT_EXPECT_EQ(test, -ENODEV, gate_wait_event(&gate, false));
	gate_exit(&gate, &pass);
	gate_shut(&gate);
}

static void count_task(struct task_struct *task, void *data)
{
	*(unsigned int *)data += task == current;
}

/* KUnit runs in a kernel thread, which is reported and otherwise spared. */
static void killing_spares_kernel_threads(struct kunit *test)
{
	struct gate_pass pass[3];
	unsigned int seen = 0, i;
	struct gate gate;

	gate_init(&gate);
	for (i = 0; i < ARRAY_SIZE(pass); i++)
		KUNIT_ASSERT_TRUE(test, gate_enter(&gate, &pass[i]));
	gate_close(&gate);
	KUNIT_EXPECT_EQ(test, gate_kill_inside(&gate, count_task, &seen), 3);
	KUNIT_EXPECT_EQ(test, seen, 3);
	KUNIT_EXPECT_FALSE(test, fatal_signal_pending(current));
	for (i = 0; i < ARRAY_SIZE(pass); i++)
		gate_exit(&gate, &pass[i]);
	KUNIT_EXPECT_EQ(test, gate_kill_inside(&gate, NULL, NULL), 0);
	gate_shut(&gate);
}

/**
 * struct visitors - threads at one gate
 * @gate: theirs
 * @state: what it guards, freed by the test once it is drained
 * @inside: how many have come in at least once
 * @wrong: how often @state was not what it should be
 * @last: what the last sleeper was told
 * @go: completed when a lingerer may leave
 * @running: how many have not ended
 * @ended: completed by the last
 */
struct visitors {
	struct gate gate;
	u32 *state;
	atomic_t inside;
	atomic_t wrong;
	atomic_t last;
	struct completion go;
	atomic_t running;
	struct completion ended;
};

static void visitor_end(struct visitors *v)
{
	if (atomic_dec_and_test(&v->running))
		complete(&v->ended);
}

static void visitors_start(struct kunit *test, struct visitors *v,
			   int (*fn)(void *data), unsigned int nr)
{
	struct task_struct *task;
	unsigned int i;

	gate_init(&v->gate);
	init_completion(&v->ended);
	init_completion(&v->go);
	atomic_set(&v->inside, 0);
	atomic_set(&v->wrong, 0);
	atomic_set(&v->last, 0);
	atomic_set(&v->running, nr);
	for (i = 0; i < nr; i++) {
		task = kthread_run(fn, v, "gate_kunit/%u", i);
		if (IS_ERR(task)) {
			visitor_end(v);
			atomic_inc(&v->inside);
			KUNIT_FAIL(test, "no thread");
		}
	}
}

/* Wait until @nr are or have been inside. */
static bool visitors_inside(struct visitors *v, int nr)
{
	unsigned long end = jiffies + LONG_ENOUGH;

	while (atomic_read(&v->inside) < nr) {
		if (time_after(jiffies, end))
			return false;
		usleep_range(100, 1000);
	}
	return true;
}

static void visitors_join(struct kunit *test, struct visitors *v)
{
	/* They use our memory: there is no going on without them. */
	wait_for_completion(&v->ended);
	KUNIT_EXPECT_EQ(test, atomic_read(&v->wrong), 0);
}

static int sleeper(void *data)
{
	struct visitors *v = data;
	struct gate_pass pass;

	if (gate_enter(&v->gate, &pass)) {
		atomic_inc(&v->inside);
		atomic_set(&v->last, gate_wait_event(&v->gate, false));
		if (atomic_read(&v->last) != -ENODEV)
			atomic_inc(&v->wrong);
		gate_exit(&v->gate, &pass);
	}
	visitor_end(v);
	return 0;
}

static void shutting_wakes_the_sleepers(struct kunit *test)
{
	struct visitors *v = kunit_kzalloc(test, sizeof(*v), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, v);
	visitors_start(test, v, sleeper, NR_THREADS);
	KUNIT_EXPECT_TRUE(test, visitors_inside(v, NR_THREADS));
	/* Let them get from the door to the bed. */
	msleep(20);
	gate_close(&v->gate);
	KUNIT_EXPECT_TRUE(test, gate_drain_timeout(&v->gate, LONG_ENOUGH));
	wake_up_all(&v->gate.wq);
	visitors_join(test, v);
	KUNIT_EXPECT_EQ(test, atomic_read(&v->last), -ENODEV);
}

/* Takes no notice of the gate being shut. */
static int lingerer(void *data)
{
	struct visitors *v = data;
	struct gate_pass pass;

	if (gate_enter(&v->gate, &pass)) {
		atomic_inc(&v->inside);
		wait_for_completion(&v->go);
		gate_exit(&v->gate, &pass);
	}
	visitor_end(v);
	return 0;
}

static void drain_waits_for_who_is_inside(struct kunit *test)
{
	struct visitors *v = kunit_kzalloc(test, sizeof(*v), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, v);
	visitors_start(test, v, lingerer, 1);
	KUNIT_EXPECT_TRUE(test, visitors_inside(v, 1));
	gate_close(&v->gate);
	KUNIT_EXPECT_FALSE(test, gate_drain_timeout(&v->gate, HZ / 20));
	complete_all(&v->go);
	KUNIT_EXPECT_TRUE(test, gate_drain_timeout(&v->gate, LONG_ENOUGH));
	visitors_join(test, v);
}

/* Never outside: goes in again before it leaves, until it is refused. */
static int overlapper(void *data)
{
	unsigned long end = jiffies + 2 * LONG_ENOUGH;
	struct visitors *v = data;
	struct gate_pass pass[2];
	unsigned int i = 0;

	if (gate_enter(&v->gate, &pass[0])) {
		atomic_inc(&v->inside);
		while (time_before(jiffies, end) &&
		       gate_enter(&v->gate, &pass[!i])) {
			gate_exit(&v->gate, &pass[i]);
			i = !i;
			cond_resched();
		}
		gate_exit(&v->gate, &pass[i]);
	}
	visitor_end(v);
	return 0;
}

static void overlapping_visits_do_not_hold_up_a_drain(struct kunit *test)
{
	struct visitors *v = kunit_kzalloc(test, sizeof(*v), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, v);
	visitors_start(test, v, overlapper, NR_THREADS);
	KUNIT_EXPECT_TRUE(test, visitors_inside(v, NR_THREADS));
	gate_close(&v->gate);
	KUNIT_EXPECT_TRUE(test, gate_drain_timeout(&v->gate, LONG_ENOUGH));
	visitors_join(test, v);
}

static int hammerer(void *data)
{
	unsigned long end = jiffies + 2 * LONG_ENOUGH;
	struct visitors *v = data;
	struct gate_pass pass;
	unsigned int n = 0;

	while (time_before(jiffies, end) && gate_enter(&v->gate, &pass)) {
		if (!n++)
			atomic_inc(&v->inside);
		if (READ_ONCE(*v->state) != ALIVE)
			atomic_inc(&v->wrong);
		if (!(n & 63))
			cond_resched();
		if (READ_ONCE(*v->state) != ALIVE)
			atomic_inc(&v->wrong);
		gate_exit(&v->gate, &pass);
	}
	visitor_end(v);
	return 0;
}

static void hammer_finds_nobody_inside(struct kunit *test)
{
	struct visitors *v = kunit_kzalloc(test, sizeof(*v), GFP_KERNEL);
	unsigned int round;
	bool drained;

	KUNIT_ASSERT_NOT_NULL(test, v);
	for (round = 0; round < 50; round++) {
		v->state = kunit_kmalloc(test, sizeof(*v->state),
					 GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, v->state);
		*v->state = ALIVE;
		visitors_start(test, v, hammerer, NR_THREADS);
		/* In some rounds the gate shuts while they arrive. */
		if (round & 3)
			KUNIT_EXPECT_TRUE(test, visitors_inside(v, round & 3));
		gate_close(&v->gate);
		drained = gate_drain_timeout(&v->gate, LONG_ENOUGH);
		if (!drained)
			visitors_join(test, v);
		WRITE_ONCE(*v->state, 0);
		kunit_kfree(test, v->state);
		KUNIT_ASSERT_TRUE(test, drained);
		KUNIT_EXPECT_TRUE(test, list_empty(&v->gate.inside));
		visitors_join(test, v);
	}
}

static struct kunit_case gate_cases[] = {
	KUNIT_CASE(open_gate_lets_in_and_nests),
	KUNIT_CASE(closed_gate_refuses_also_who_is_inside),
	KUNIT_CASE(waiting_tells_events_from_shutting),
	KUNIT_CASE(killing_spares_kernel_threads),
	KUNIT_CASE(shutting_wakes_the_sleepers),
	KUNIT_CASE(drain_waits_for_who_is_inside),
	KUNIT_CASE(overlapping_visits_do_not_hold_up_a_drain),
	KUNIT_CASE_SLOW(hammer_finds_nobody_inside),
	{}
};

static struct kunit_suite gate_suite = {
	.name = "gate",
	.test_cases = gate_cases,
};

kunit_test_suite(gate_suite);

MODULE_DESCRIPTION("KUnit tests of the gate");
MODULE_LICENSE("GPL");
