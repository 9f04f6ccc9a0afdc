// SPDX-License-Identifier: GPL-2.0-only
/*
 * Persistent reservations of a LUN that two adapters see
 *
 * Each adapter is a nexus of its own: "here" is "t", "there" is "u".  For writes
 * that stay in the store it is a file of a file system that can be frozen.
 */
#include <linux/fs.h>

#include "cx_fault.h"
#include "cx_scsi.h"

#include "kselftest_harness.h"

#define MOUNT		"/tmp/cx_reserve"

/* Service actions of PERSISTENT RESERVE OUT, and types. */
enum { REGISTER, RESERVE, RELEASE, CLEAR, PREEMPT, PREEMPT_ABORT };
enum { WRITE_EXCLUSIVE = 1, EXCLUSIVE = 3, ALL_WRITE_EXCLUSIVE = 7 };

#define CONFLICT	0x18
#define KEY_HERE	7
#define KEY_THERE	8

/* Adapters "t" and "u" have LUN "t". */
static int two_adapters(struct cx *here, struct cx *there)
{
	here->fd = there->fd = -1;
	if (cx_adapter_make("u") || cx_set("0", "adapters/u/host") ||
	    cx_adapter_link("u", 0, 0, "t") || cx_adapter_live("u", true) ||
	    cx_open(here, "t", CAP_ALL, 0, 1, 0) ||
	    cx_open(there, "u", CAP_ALL, 0, 1, 0))
		return -1;
	scsi_settle(here);
	scsi_settle(there);
	return 0;
}

static void two_adapters_end(struct cx *here, struct cx *there)
{
	cx_close(there);
	cx_close(here);
	cx_adapter_remove("u");
	cx_world_end();
}

FIXTURE(reserve) {
	struct cx here;
	struct cx there;
};

FIXTURE_SETUP(reserve)
{
	ASSERT_EQ(0, cx_world("ram", "64M", 4096));
	ASSERT_EQ(0, two_adapters(&self->here, &self->there));
}

FIXTURE_TEARDOWN(reserve)
{
	two_adapters_end(&self->here, &self->there);
}

/* The parameter list of PERSISTENT RESERVE OUT. */
static void put_keys(struct cx *cx, uint64_t key, uint64_t sa_key)
{
	uint8_t *d = cx_data(cx, 0);

	memset(d, 0, 24);
	key = htobe64(key);
	sa_key = htobe64(sa_key);
	memcpy(d, &key, 8);
	memcpy(d + 8, &sa_key, 8);
}

/* PERSISTENT RESERVE OUT; CONFLICT for that. */
static int64_t out(struct cx *cx, int action, int type, uint64_t key,
		   uint64_t sa_key)
{
	int64_t st;

	put_keys(cx, key, sa_key);
	st = cx_scsi(cx, 0, 0, CDB(0x5f, action, type, [8] = 24), 16, 0, 24,
		     true);
	return (st >> 8 & 0xff) == CONFLICT ? CONFLICT : st;
}

/* One block, by slot @i. */
static int64_t rw(struct cx *cx, unsigned int i, bool write)
{
	uint8_t cdb[16];
	int64_t st;

	cx_cdb_rw(cdb, write, 0, 1);
	st = cx_scsi(cx, i, 0, cdb, 16, 8192, 4096, write);
	return (st >> 8 & 0xff) == CONFLICT ? CONFLICT : st;
}

/* The only key that is registered; 0: none or several. */
static uint64_t only_key(struct cx *cx)
{
	uint8_t *d = cx_data(cx, 0);

	if (scsi_in(cx, CDB(0x5e, 0, [8] = 64), 64) || scsi_be(d + 4, 4) != 8)
		return 0;
	return scsi_be(d + 8, 8);
}

/* Type of the reservation and its holder's key; 0: there is none. */
static int reservation(struct cx *cx, uint64_t *key)
{
	uint8_t *d = cx_data(cx, 0);

	if (scsi_in(cx, CDB(0x5e, 1, [8] = 64), 64) || scsi_be(d + 4, 4) != 16)
		return 0;
	*key = scsi_be(d + 8, 8);
	return d[21] & 15;
}

TEST_F(reserve, who_has_it_and_who_waits)
{
	struct cx *here = &self->here, *there = &self->there;
	uint64_t key;

	EXPECT_EQ(CONFLICT, out(here, RESERVE, WRITE_EXCLUSIVE, KEY_HERE, 0));
	ASSERT_EQ(0, out(here, REGISTER, 0, 0, KEY_HERE));
	EXPECT_EQ(KEY_HERE, only_key(there));
	EXPECT_EQ(0, reservation(there, &key));
	/* Write exclusive: others read, and do not write. */
	ASSERT_EQ(0, out(here, RESERVE, WRITE_EXCLUSIVE, KEY_HERE, 0));
	EXPECT_EQ(WRITE_EXCLUSIVE, reservation(there, &key));
	EXPECT_EQ(KEY_HERE, key);
	EXPECT_EQ(0, rw(there, 0, false));
	EXPECT_EQ(CONFLICT, rw(there, 0, true));
	EXPECT_EQ(0, rw(here, 0, true));
	ASSERT_EQ(0, out(here, RELEASE, WRITE_EXCLUSIVE, KEY_HERE, 0));
	EXPECT_EQ(0, rw(there, 0, true));
	ASSERT_EQ(0, out(here, CLEAR, 0, KEY_HERE, 0));
	EXPECT_EQ(0, only_key(here));
}

/* Both are registered, and it is here. */
static void contest(struct __test_metadata *_metadata, struct cx *here,
		    struct cx *there, int type)
{
	ASSERT_EQ(0, out(here, REGISTER, 0, 0, KEY_HERE));
	ASSERT_EQ(0, out(there, REGISTER, 0, 0, KEY_THERE));
	ASSERT_EQ(0, out(here, RESERVE, type, KEY_HERE, 0));
}

TEST_F(reserve, preempting_takes_it_over)
{
	struct cx *here = &self->here, *there = &self->there;
	uint64_t key;

	contest(_metadata, here, there, WRITE_EXCLUSIVE);
	ASSERT_EQ(0, out(there, PREEMPT, EXCLUSIVE, KEY_THERE, KEY_HERE));
	EXPECT_EQ(KEY_THERE, only_key(there));
	EXPECT_EQ(EXCLUSIVE, reservation(there, &key));
	EXPECT_EQ(KEY_THERE, key);
	/* It is told once, and shut out. */
	EXPECT_EQ(CHECK_CONDITION, scsi_in(here, CDB(0), 0));
	EXPECT_EQ(0x062a05, cx_sense(here, 0));
	EXPECT_EQ(CONFLICT, rw(here, 0, false));
	EXPECT_EQ(CONFLICT, rw(here, 0, true));
	EXPECT_EQ(CONFLICT, out(here, PREEMPT, EXCLUSIVE, KEY_HERE, KEY_THERE));
	EXPECT_EQ(0, rw(there, 0, true));
	ASSERT_EQ(0, out(there, CLEAR, 0, KEY_THERE, 0));
	EXPECT_EQ(0, rw(here, 0, true));
}

/* A key that has no reservation: the registration goes, and that is all. */
TEST_F(reserve, preempting_a_registrant)
{
	struct cx *here = &self->here, *there = &self->there;
	uint64_t key;

	contest(_metadata, here, there, WRITE_EXCLUSIVE);
	ASSERT_EQ(0, out(here, PREEMPT, EXCLUSIVE, KEY_HERE, KEY_THERE));
	EXPECT_EQ(KEY_HERE, only_key(here));
	EXPECT_EQ(WRITE_EXCLUSIVE, reservation(here, &key));
	EXPECT_EQ(CHECK_CONDITION, scsi_in(there, CDB(0), 0));
	EXPECT_EQ(0x062a05, cx_sense(there, 0));
}

TEST_F(reserve, preempting_all_registrants)
{
	struct cx *here = &self->here, *there = &self->there;
	uint64_t key;

	contest(_metadata, here, there, ALL_WRITE_EXCLUSIVE);
	EXPECT_EQ(0, rw(there, 0, true));
	ASSERT_EQ(0, out(there, PREEMPT, WRITE_EXCLUSIVE, KEY_THERE, 0));
	EXPECT_EQ(KEY_THERE, only_key(there));
	EXPECT_EQ(WRITE_EXCLUSIVE, reservation(there, &key));
	EXPECT_EQ(CHECK_CONDITION, scsi_in(here, CDB(0), 0));
	EXPECT_EQ(CONFLICT, rw(here, 0, true));
}

TEST_F(reserve, preempting_errors)
{
	struct cx *here = &self->here, *there = &self->there;
	uint64_t key;
	int action;

	contest(_metadata, here, there, WRITE_EXCLUSIVE);
	for (action = PREEMPT; action <= PREEMPT_ABORT; action++) {
		/* Not one's own key; nobody's key. */
		EXPECT_EQ(CONFLICT, out(there, action, EXCLUSIVE, 99,
					KEY_HERE));
		EXPECT_EQ(CONFLICT, out(there, action, EXCLUSIVE, KEY_THERE,
					99));
		/* No such type; all, of a reservation that is one's. */
		EXPECT_EQ(CHECK_CONDITION, out(there, action, 2, KEY_THERE,
					       KEY_HERE));
		EXPECT_EQ(0x052400, cx_sense(there, 0));
		EXPECT_EQ(CHECK_CONDITION, out(there, action, EXCLUSIVE,
					       KEY_THERE, 0));
		EXPECT_EQ(0x052600, cx_sense(there, 0));
	}
	EXPECT_EQ(WRITE_EXCLUSIVE, reservation(there, &key));
	EXPECT_EQ(KEY_HERE, key);
	EXPECT_EQ(0, scsi_in(here, CDB(0), 0));
}

/* --- writes that stay in the store */

static int freeze(bool on)
{
	int fd = open(MOUNT, O_RDONLY), ret;

	ret = ioctl(fd, on ? FIFREEZE : FITHAW, 0);
	close(fd);
	return ret;
}

FIXTURE(stuck) {
	struct cx here;
	struct cx there;
};

FIXTURE_SETUP(stuck)
{
	ASSERT_EQ(0, cx_backing(MOUNT));
	ASSERT_EQ(0, cx_world_on("file", MOUNT "/file", "8M", 4096));
	ASSERT_EQ(0, two_adapters(&self->here, &self->there));
}

FIXTURE_TEARDOWN(stuck)
{
	freeze(false);
	two_adapters_end(&self->here, &self->there);
	cx_backing_end(MOUNT);
	/* Nothing has kept it busy. */
	EXPECT_NE(0, system("mountpoint -q " MOUNT));
}

/* A write that is in the store, whoever takes the LUN over. */
static void stuck_write(struct __test_metadata *_metadata, struct cx *here)
{
	uint8_t cdb[16];

	ASSERT_EQ(0, freeze(true));
	cx_cdb_rw(cdb, true, 1, 1);
	cx_prepare(here, 1, F_WRITE, 1, cdb, 16, 8192, 4096);
	cx_submit(here, 1);
	usleep(300000);
	ASSERT_FALSE(cx_reap(here));
}

TEST_F_TIMEOUT(stuck, preempting_does_not_wait_for_writes, 120)
{
	struct cx *here = &self->here, *there = &self->there;

	contest(_metadata, here, there, WRITE_EXCLUSIVE);
	stuck_write(_metadata, here);
	EXPECT_EQ(0, out(there, PREEMPT, EXCLUSIVE, KEY_THERE, KEY_HERE));
	EXPECT_FALSE(cx_reap(here));
	ASSERT_EQ(0, freeze(false));
	ASSERT_EQ(0, cx_wait(here, 1, 10000));
	EXPECT_EQ(0, cx_status(here, 1));
}

TEST_F_TIMEOUT(stuck, preempt_and_abort_answers_when_they_are_over, 120)
{
	struct cx *here = &self->here, *there = &self->there;

	contest(_metadata, here, there, WRITE_EXCLUSIVE);
	stuck_write(_metadata, here);
	put_keys(there, KEY_THERE, KEY_HERE);
	cx_prepare(there, 2, F_WRITE | F_SUP_UNDERRUN, 1,
		   CDB(0x5f, PREEMPT_ABORT, EXCLUSIVE, [8] = 24), 16, 0, 24);
	cx_submit(there, 2);
	EXPECT_EQ(-ETIMEDOUT, cx_wait(there, 2, 1000));
	/* It has it, though: nothing new gets in. */
	EXPECT_EQ(0, rw(there, 3, false));
	ASSERT_EQ(0, freeze(false));
	ASSERT_EQ(0, cx_wait(there, 2, 10000));
	EXPECT_EQ(0, cx_status(there, 2));
	ASSERT_TRUE(cx_reap(here));
	EXPECT_TRUE(here->done[1]);
	EXPECT_EQ(0, cx_status(here, 1));
	EXPECT_EQ(CHECK_CONDITION, scsi_in(here, CDB(0), 0));
	EXPECT_EQ(CONFLICT, rw(here, 0, true));
}

/* It takes ten seconds to give them up. */
TEST_F_TIMEOUT(stuck, preempt_and_abort_says_that_they_are_not, 120)
{
	struct cx *here = &self->here, *there = &self->there;

	contest(_metadata, here, there, WRITE_EXCLUSIVE);
	stuck_write(_metadata, here);
	EXPECT_EQ(CHECK_CONDITION, out(there, PREEMPT_ABORT, EXCLUSIVE,
				       KEY_THERE, KEY_HERE));
	EXPECT_EQ(0x0b0801, cx_sense(there, 0));
	ASSERT_EQ(0, freeze(false));
	ASSERT_EQ(0, cx_wait(here, 1, 10000));
}

TEST_HARNESS_MAIN
