// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that join one device set at the same moment
 *
 * Joining looks a set up and, if there is none, allocates one outside of any
 * lock and then tries to publish it.  The race is between two joiners that
 * both find none.  To force it, every round starts with no set: all threads
 * meet at a barrier that spins, join, meet again, compare what they got, and
 * leave together by vfio_put_device(), as a device whose registration has
 * failed does.  With two processors, both joiners come
 * out of the barrier within nanoseconds of each other, and an allocation takes
 * longer than that.
 *
 * A joiner must never get a set that the last member is just leaving, either:
 * the second half of a run has no barriers, so that the last one leaves while
 * others join.
 *
 * The devices here are never registered.
 */
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "vtest_priv.h"

#define RACE_MAX_THREADS	16
/* Spinning is slow where virtual processors are not always there. */
#define RACE_SECONDS		8

/**
 * struct vtest_race - one run
 * @vp: the parent, whose struct device the devices hang on
 * @rounds: how many
 * @deadline: when to stop in any case, in jiffies
 * @stop: the deadline is over; written before a barrier, read after it
 * @done_rounds: how many it were
 * @nr_threads: how many
 * @shared: join a shared set
 * @set_id: its address is the id
 * @arrived: threads that have come to the barrier, ever
 * @running: threads that have not finished
 * @done: completed by the last one
 * @sets: what each thread got in this round
 * @errors: joins that failed
 * @mismatches: rounds in which not all got the same set
 */
struct vtest_race {
	struct vtest_parent *vp;
	unsigned int rounds;
	unsigned long deadline;
	bool stop;
	atomic_t done_rounds;
	unsigned int nr_threads;
	bool shared;
	char set_id;
	atomic_t arrived;
	atomic_t running;
	struct completion done;
	struct vfio_device_set *sets[RACE_MAX_THREADS];
	atomic_t errors;
	atomic_t mismatches;
};

/**
 * struct vtest_racer - one thread
 * @race: the run
 * @self: its number
 * @task: the thread, referenced
 */
struct vtest_racer {
	struct vtest_race *race;
	unsigned int self;
	struct task_struct *task;
};

static const struct vfio_device_ops race_ops = {
	.name = "vtest-race",
};

/* Everyone passes when everyone has arrived for the @nth time. */
static void race_barrier(struct vtest_race *race, unsigned int nth)
{
	unsigned int all = nth * race->nr_threads;
	unsigned int spins = 0;

	atomic_inc(&race->arrived);
	while ((unsigned int)atomic_read(&race->arrived) < all) {
		cpu_relax();
		/* More threads than processors: let the others come. */
		if (!(++spins % 256))
			cond_resched();
	}
	/* Orders what was written before the barrier to what is read after. */
	smp_mb();
}

static void race_compare(struct vtest_race *race)
{
	unsigned int i;

	for (i = 1; i < race->nr_threads; i++)
		if (race->sets[i] != race->sets[0]) {
			atomic_inc(&race->mismatches);
			return;
		}
	if (!race->sets[0] || race->sets[0]->device_count != race->nr_threads)
		atomic_inc(&race->mismatches);
}

static void race_finish(struct vtest_race *race)
{
	if (atomic_dec_and_test(&race->running))
		complete(&race->done);
}

static int race_thread(void *data)
{
	struct vtest_racer *racer = data;
	struct vtest_race *race = racer->race;
	unsigned int i, nth = 0;
	struct vfio_device *vdev;
	int ret;

	for (i = 0; i < race->rounds && !READ_ONCE(race->stop); i++) {
		vdev = _vfio_alloc_device(sizeof(*vdev), race->vp->dev,
					  &race_ops);
		ret = PTR_ERR_OR_ZERO(vdev);
		race->sets[racer->self] = NULL;
		race_barrier(race, ++nth);
		if (!ret && race->shared)
			ret = vfio_assign_device_set_shared(vdev,
							    &race->set_id);
		else if (!ret)
			ret = vfio_assign_device_set(vdev, &race->set_id);
		if (ret)
			atomic_inc(&race->errors);
		else
			race->sets[racer->self] = vdev->dev_set;
		race_barrier(race, ++nth);
		if (!racer->self) {
			race_compare(race);
			atomic_inc(&race->done_rounds);
			if (time_after(jiffies, race->deadline))
				WRITE_ONCE(race->stop, true);
		}
		race_barrier(race, ++nth);
		if (!IS_ERR(vdev))
			vfio_put_device(vdev);
		race_barrier(race, ++nth);
	}
	race_finish(race);
	return 0;
}

/* Join, compare nothing, leave: the last one leaves while others join. */
static int stagger_thread(void *data)
{
	struct vtest_racer *racer = data;
	struct vtest_race *race = racer->race;
	struct vfio_device *vdev;
	unsigned int i;
	int ret;

	for (i = 0; i < race->rounds; i++) {
		if (time_after(jiffies, race->deadline))
			break;
		vdev = _vfio_alloc_device(sizeof(*vdev), race->vp->dev,
					  &race_ops);
		if (IS_ERR(vdev)) {
			atomic_inc(&race->errors);
			continue;
		}
		ret = race->shared ?
		      vfio_assign_device_set_shared(vdev, &race->set_id) :
		      vfio_assign_device_set(vdev, &race->set_id);
		if (ret)
			atomic_inc(&race->errors);
		else if (vdev->dev_set->set_id != &race->set_id)
			atomic_inc(&race->mismatches);
		vfio_put_device(vdev);
		cond_resched();
	}
	race_finish(race);
	return 0;
}

/* All threads exist before the first one starts: nobody waits for nobody. */
static int race_run(struct vtest_race *race, int (*fn)(void *data))
{
	struct vtest_racer racers[RACE_MAX_THREADS] = {};
	struct task_struct *task;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < race->nr_threads; i++) {
		racers[i].race = race;
		racers[i].self = i;
		task = kthread_create(fn, &racers[i], "vtest_race/%u", i);
		if (IS_ERR(task)) {
			ret = PTR_ERR(task);
			break;
		}
		racers[i].task = get_task_struct(task);
		/* On stable processors the barrier releases them together. */
		kthread_bind(task, cpumask_nth(i % num_online_cpus(),
					       cpu_online_mask));
	}
	if (!ret) {
		atomic_set(&race->running, race->nr_threads);
		for (i = 0; i < race->nr_threads; i++)
			wake_up_process(racers[i].task);
		wait_for_completion(&race->done);
	}
	/* One that was never woken ends without running. */
	for (i = 0; i < race->nr_threads && racers[i].task; i++) {
		kthread_stop(racers[i].task);
		put_task_struct(racers[i].task);
	}
	return ret;
}

/**
 * vtest_join_race() - let threads race, and note the result
 * @vp: the parent
 * @rounds: of each thread
 * @nr_threads: 2 to 16
 * @shared: join a shared set
 *
 * Context: Process context, vp->race_lock held.
 * Return: 0, -ENOMEM, -EINTR.
 */
int vtest_join_race(struct vtest_parent *vp, unsigned int rounds,
		    unsigned int nr_threads, bool shared)
{
	struct vtest_race *race;
	int ret;

	lockdep_assert_held(&vp->race_lock);
	race = kzalloc(sizeof(*race), GFP_KERNEL);
	if (!race)
		return -ENOMEM;
	race->vp = vp;
	race->rounds = rounds;
	race->nr_threads = nr_threads;
	race->shared = shared;
	init_completion(&race->done);
	race->deadline = jiffies + RACE_SECONDS * HZ;
	ret = race_run(race, race_thread);
	if (!ret) {
		race->deadline = jiffies + RACE_SECONDS * HZ;
		reinit_completion(&race->done);
		ret = race_run(race, stagger_thread);
	}
	scnprintf(vp->race_result, sizeof(vp->race_result),
		  "rounds %d errors %d mismatches %d",
		  atomic_read(&race->done_rounds), atomic_read(&race->errors),
		  atomic_read(&race->mismatches));
	kfree(race);
	return ret;
}
