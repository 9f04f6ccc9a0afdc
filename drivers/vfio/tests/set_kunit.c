// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of device sets
 *
 * Devices are allocated and never registered: joining, leaving and counting
 * need no more.  The one that matters is the race: whoever joins by the same
 * key at the same time gets the same set, also when that key's last member is
 * just leaving.
 */
#include <kunit/device.h>
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/vfio.h>

#include "../vfio.h"

MODULE_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);

#define NR_DEVICES	4
#define NR_ROUNDS	200

static const struct vfio_device_ops set_ops = {
	.name = "set_kunit",
};

/* A key: only its address counts. */
static char key_a, key_b;

/**
 * struct set_fixture - what a case works with
 * @parent: behind all devices
 * @device: unregistered, in no set to begin with
 */
struct set_fixture {
	struct device *parent;
	struct vfio_device *device[NR_DEVICES];
};

static int set_test_init(struct kunit *test)
{
	struct set_fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	struct vfio_device *device;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, f);
	test->priv = f;
	f->parent = kunit_device_register(test, "set_kunit");
	KUNIT_ASSERT_FALSE(test, IS_ERR(f->parent));
	for (i = 0; i < NR_DEVICES; i++) {
		device = _vfio_alloc_device(sizeof(*device), f->parent,
					    &set_ops);
		KUNIT_ASSERT_FALSE(test, IS_ERR(device));
		f->device[i] = device;
	}
	return 0;
}

static void set_test_exit(struct kunit *test)
{
	struct set_fixture *f = test->priv;
	unsigned int i;

	for (i = 0; f && i < NR_DEVICES; i++)
		if (f->device[i])
			vfio_put_device(f->device[i]);
}

static void one_key_is_one_set(struct kunit *test)
{
	struct set_fixture *f = test->priv;
	struct vfio_device_set *set;

	KUNIT_ASSERT_EQ(test, 0, vfio_assign_device_set(f->device[0], &key_a));
	KUNIT_ASSERT_EQ(test, 0, vfio_assign_device_set(f->device[1], &key_a));
	KUNIT_ASSERT_EQ(test, 0, vfio_assign_device_set(f->device[2], &key_b));
	set = f->device[0]->dev_set;
	KUNIT_EXPECT_PTR_EQ(test, set, f->device[1]->dev_set);
	KUNIT_EXPECT_PTR_NE(test, set, f->device[2]->dev_set);
	KUNIT_EXPECT_PTR_EQ(test, set->set_id, (void *)&key_a);
	KUNIT_EXPECT_EQ(test, set->device_count, 2);
	KUNIT_EXPECT_EQ(test, list_count_nodes(&set->device_list), 2);
	KUNIT_EXPECT_EQ(test, f->device[2]->dev_set->device_count, 1);
}

static void device_joins_once(struct kunit *test)
{
	struct set_fixture *f = test->priv;

	KUNIT_ASSERT_EQ(test, 0, vfio_assign_device_set(f->device[0], &key_a));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			vfio_assign_device_set(f->device[0], &key_a));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			vfio_assign_device_set(f->device[0], &key_b));
	KUNIT_EXPECT_EQ(test, f->device[0]->dev_set->device_count, 1);
	/* It may leave, and join again. */
	vfio_release_device_set(f->device[0]);
	KUNIT_EXPECT_NULL(test, f->device[0]->dev_set);
	KUNIT_EXPECT_EQ(test, 0, vfio_assign_device_set(f->device[0], &key_b));
}

static void first_joiner_decides_the_mode(struct kunit *test)
{
	struct set_fixture *f = test->priv;

	KUNIT_ASSERT_EQ(test, 0, vfio_assign_device_set(f->device[0], &key_a));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			vfio_assign_device_set_shared(f->device[1], &key_a));
	KUNIT_EXPECT_NULL(test, f->device[1]->dev_set);
	KUNIT_EXPECT_EQ(test, f->device[0]->dev_set->device_count, 1);

	KUNIT_ASSERT_EQ(test, 0,
			vfio_assign_device_set_shared(f->device[1], &key_b));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			vfio_assign_device_set(f->device[2], &key_b));

	/* The mode goes with the last member. */
	vfio_release_device_set(f->device[1]);
	KUNIT_EXPECT_EQ(test, 0, vfio_assign_device_set(f->device[2], &key_b));
	KUNIT_EXPECT_FALSE(test, f->device[2]->dev_set->shared);
}

static void opens_are_summed_and_members_found(struct kunit *test)
{
	struct set_fixture *f = test->priv;
	struct vfio_device_set *set;
	struct vfio_device *found;
	unsigned int shared;

	for (shared = 0; shared < 2; shared++) {
		int (*join)(struct vfio_device *device, void *set_id) = shared ?
			vfio_assign_device_set_shared : vfio_assign_device_set;

		KUNIT_ASSERT_EQ(test, 0, join(f->device[0], &key_a));
		KUNIT_ASSERT_EQ(test, 0, join(f->device[1], &key_a));
		set = f->device[0]->dev_set;
		f->device[0]->open_count = 2;
		f->device[1]->open_count = 3;
		vfio_device_set_begin(set);
		KUNIT_EXPECT_EQ(test, vfio_device_set_open_count(set), 5);
		found = vfio_find_device_in_devset(set, f->parent);
		KUNIT_EXPECT_TRUE(test, found == f->device[0] ||
				  found == f->device[1]);
		KUNIT_EXPECT_NULL(test,
				  vfio_find_device_in_devset(set, NULL));
		vfio_device_set_end(set);
		f->device[0]->open_count = 0;
		f->device[1]->open_count = 0;
		vfio_release_device_set(f->device[0]);
		vfio_release_device_set(f->device[1]);
	}
}

/**
 * struct joiners - threads that join and leave by one key
 * @f: one device for each
 * @next: which device is the next thread's
 * @failed: how often joining failed
 * @stray: how often a set was not the key's, or lacked its member
 * @running: how many have not ended
 * @ended: completed by the last
 */
struct joiners {
	struct set_fixture *f;
	atomic_t next;
	atomic_t failed;
	atomic_t stray;
	atomic_t running;
	struct completion ended;
};

static bool set_has(struct vfio_device_set *set, struct vfio_device *device)
{
	struct vfio_device *member;
	bool found = false;

	mutex_lock(&set->lock);
	list_for_each_entry(member, &set->device_list, dev_set_list) {
		found |= member == device;
		/* Two sets for one key would show here. */
		if (member->dev_set != set)
			found = false;
	}
	mutex_unlock(&set->lock);
	return found;
}

static int joiner(void *data)
{
	struct joiners *j = data;
	struct vfio_device *device;
	unsigned int i;

	device = j->f->device[atomic_fetch_inc(&j->next)];
	for (i = 0; i < NR_ROUNDS; i++) {
		if (vfio_assign_device_set(device, &key_a)) {
			atomic_inc(&j->failed);
			break;
		}
		if (device->dev_set->set_id != &key_a ||
		    !set_has(device->dev_set, device))
			atomic_inc(&j->stray);
		if (i & 1)
			cond_resched();
		vfio_release_device_set(device);
	}
	if (atomic_dec_and_test(&j->running))
		complete(&j->ended);
	return 0;
}

static void joiners_run(struct kunit *test, struct joiners *j,
			int (*fn)(void *data))
{
	struct task_struct *task;
	unsigned int i;

	j->f = test->priv;
	init_completion(&j->ended);
	atomic_set(&j->next, 0);
	atomic_set(&j->running, NR_DEVICES);
	for (i = 0; i < NR_DEVICES; i++) {
		task = kthread_run(fn, j, "set_kunit/%u", i);
		if (!IS_ERR(task))
			continue;
		KUNIT_FAIL(test, "no thread");
		if (atomic_dec_and_test(&j->running))
			complete(&j->ended);
	}
	wait_for_completion(&j->ended);
	KUNIT_EXPECT_EQ(test, atomic_read(&j->failed), 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&j->stray), 0);
}

/* Every set may be the last's who leaves and the next one's who comes. */
static void joiners_never_get_a_dying_set(struct kunit *test)
{
	struct joiners *j = kunit_kzalloc(test, sizeof(*j), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, j);
	joiners_run(test, j, joiner);
}

static int join_only(void *data)
{
	struct joiners *j = data;
	struct vfio_device *device;

	device = j->f->device[atomic_fetch_inc(&j->next)];
	if (vfio_assign_device_set(device, &key_a))
		atomic_inc(&j->failed);
	if (atomic_dec_and_test(&j->running))
		complete(&j->ended);
	return 0;
}

static void racing_joiners_make_one_set(struct kunit *test)
{
	struct joiners *j = kunit_kzalloc(test, sizeof(*j), GFP_KERNEL);
	struct set_fixture *f = test->priv;
	unsigned int round, i;

	KUNIT_ASSERT_NOT_NULL(test, j);
	for (round = 0; round < NR_ROUNDS / 4; round++) {
		joiners_run(test, j, join_only);
		for (i = 0; i < NR_DEVICES; i++)
			KUNIT_EXPECT_PTR_EQ(test, f->device[i]->dev_set,
					    f->device[0]->dev_set);
		KUNIT_ASSERT_NOT_NULL(test, f->device[0]->dev_set);
		KUNIT_EXPECT_EQ(test, f->device[0]->dev_set->device_count,
				NR_DEVICES);
		for (i = 0; i < NR_DEVICES; i++)
			vfio_release_device_set(f->device[i]);
	}
}

static struct kunit_case set_cases[] = {
	KUNIT_CASE(one_key_is_one_set),
	KUNIT_CASE(device_joins_once),
	KUNIT_CASE(first_joiner_decides_the_mode),
	KUNIT_CASE(opens_are_summed_and_members_found),
	KUNIT_CASE_SLOW(joiners_never_get_a_dying_set),
	KUNIT_CASE_SLOW(racing_joiners_make_one_set),
	{}
};

static struct kunit_suite set_suite = {
	.name = "vfio_set",
	.init = set_test_init,
	.exit = set_test_exit,
	.test_cases = set_cases,
};

kunit_test_suite(set_suite);

MODULE_DESCRIPTION("KUnit tests of VFIO device sets");
MODULE_LICENSE("GPL");
